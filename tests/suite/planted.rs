//! Each planted bug of the reference is noticed by exactly the cases that it declares.
//!
//! By default only those are played that a bug declares, without the slow ones. That no other notices it takes the whole suite for each bug: `.ci/full`
//! does it with the release build, which `FTPSPEC_BINARY` names.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use ftpspec::judge::verdict::Verdict;
use ftpspec::reference::Bug;
use ftpspec::run::plan::Plan;
use ftpspec::run::select::covers;
use ftpspec::run::{self, Options};
use ftpspec::scenario::model::Case;
use ftpspec::target::reference::Reference;
use futures::StreamExt as _;

use crate::suite;

/// So many bugs are played at once: most of the time is spent waiting for replies that a bug keeps back.
const AT_ONCE: usize = 4;

/// The cases that a bug declares.
fn declared(bug: Bug, all: &[Arc<Case>]) -> Vec<Arc<Case>> {
    let declares = |case: &&Arc<Case>| bug.noticed_by().iter().any(|glob| covers(glob, &case.id));
    all.iter().filter(declares).map(Arc::clone).collect()
}

/// The declared cases that do not notice a bug.
async fn missed(bug: Bug, all: &[Arc<Case>]) -> Vec<String> {
    let target = Arc::new(Reference::new(vec![bug]));
    let cases = declared(bug, all).into_iter().filter(|case| !case.slow).collect();
    let plan = Plan { cases, ..Plan::default() };
    let (reports, summary) = run::collect(target, plan, Options::default()).await;
    assert_eq!((summary.not_started, summary.not_played), (None, 0), "{}", bug.name());
    let silent = reports.iter().filter(|report| matches!(report.outcome.verdict, Verdict::Pass | Verdict::Info));
    silent.map(|report| format!("{} by {}", bug.name(), report.case.id)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bug_is_noticed_by_what_it_declares() {
    let all = suite();
    for bug in Bug::ALL {
        assert!(!declared(*bug, &all).is_empty(), "nobody notices {}", bug.name());
    }
    let missed: Vec<Vec<String>> = futures::stream::iter(Bug::ALL).map(|bug| missed(*bug, &all)).buffered(AT_ONCE).collect().await;
    let missed = missed.concat();
    assert!(missed.is_empty(), "not noticed: {missed:#?}");
}

/// Which cases of the whole suite notice a bug, as the program tells.
fn noticed(bug: Bug) -> BTreeSet<String> {
    let binary = std::env::var_os("FTPSPEC_BINARY").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_ftpspec")), PathBuf::from);
    let setting = format!("broken={}", bug.name());
    let output = Command::new(&binary)
        .args(["run", "--server", "reference", "--set", &setting, "--no-baseline", "--slow", "--quiet", "--report", "json=-"])
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let cases = report["cases"].as_array().unwrap();
    assert!(report["not_started"].is_null() && cases.len() > 40, "{}: {}", bug.name(), String::from_utf8_lossy(&output.stderr));
    let noticed = cases.iter().filter(|case| ["fail", "deviation", "inconclusive"].iter().any(|verdict| case["verdict"] == *verdict));
    noticed.map(|case| case["id"].as_str().unwrap().to_owned()).collect()
}

/// Calls this for each bug, a few at once.
async fn for_each_bug<T: Send + 'static>(look: impl Fn(Bug) -> T + Clone + Send + 'static) -> Vec<T> {
    let looks = Bug::ALL.iter().map(|bug| {
        let look = look.clone();
        async move { tokio::task::spawn_blocking(move || look(*bug)).await.unwrap() }
    });
    futures::stream::iter(looks).buffered(AT_ONCE).collect().await
}

#[tokio::test]
#[ignore = "plays the suite for each bug: .ci/full does it with the release build"]
async fn each_bug_is_noticed_by_nobody_else() {
    let all = suite();
    let wrong = for_each_bug(move |bug| {
        let declared: BTreeSet<String> = declared(bug, &all).iter().map(|case| case.id.clone()).collect();
        let noticed = noticed(bug);
        let (missed, surprising) = (declared.difference(&noticed), noticed.difference(&declared));
        (noticed != declared).then(|| {
            let (missed, surprising): (Vec<_>, Vec<_>) = (missed.collect(), surprising.collect());
            format!("{}: declared and not noticed: {missed:?}; noticed and not declared: {surprising:?}", bug.name())
        })
    });
    let wrong: Vec<String> = wrong.await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} of {} bugs:\n{}", wrong.len(), Bug::ALL.len(), wrong.join("\n"));
}

/// Writes the table anew, by who notices each bug now, to the file that `FTPSPEC_NOTICED` names: to be read, doubted, and only
/// then declared (`src/reference/bug_table.rs`). A case that notices a bug in one of two runs stands in a comment.
#[tokio::test]
#[ignore = "a tool for whoever plants a bug"]
async fn show_who_notices() {
    let path = std::env::var("FTPSPEC_NOTICED").expect("FTPSPEC_NOTICED names a file");
    let all = suite();
    let rows = for_each_bug(move |bug| {
        let (first, second) = (noticed(bug), noticed(bug));
        let both: BTreeSet<String> = first.intersection(&second).cloned().collect();
        let globs: Vec<String> = globs(&both, &all).iter().map(|glob| format!("{glob:?}")).collect();
        let mut row = format!("    (Bug::{bug:?}, &[{}]),\n", globs.join(", "));
        for sometimes in first.symmetric_difference(&second) {
            writeln!(row, "    // sometimes: {sometimes}").unwrap();
        }
        row
    });
    std::fs::write(&path, rows.await.concat()).unwrap();
}

/// The shortest globs that fit these cases and no others: a topic, a file, rows of a file.
fn globs(ids: &BTreeSet<String>, all: &[Arc<Case>]) -> Vec<String> {
    let of = |prefix: &str| all.iter().map(|case| case.id.as_str()).filter(|id| covers(prefix, id)).collect::<Vec<_>>();
    let whole = |prefix: &str| of(prefix).iter().all(|id| ids.contains(*id));
    let mut globs = BTreeSet::new();
    for id in ids {
        let (topic, _) = id.split_once('/').unwrap_or((id, ""));
        let (file, row) = id.split_once('#').unwrap_or((id, ""));
        globs.insert(match () {
            () if whole(topic) => topic.to_owned(),
            () if row.is_empty() || whole(file) => file.to_owned(),
            () => {
                let rows: Vec<&str> =
                    of(file).into_iter().filter(|id| ids.contains(*id)).filter_map(|id| Some(id.split_once('#')?.1)).collect();
                if let [row] = rows[..] { format!("{file}#{row}") } else { format!("{file}#{{{}}}", rows.join(",")) }
            }
        });
    }
    globs.into_iter().collect()
}
