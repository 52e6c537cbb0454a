//! Each planted bug of the reference is noticed by exactly the cases that it declares.
//!
//! By default a bug is played with the cases that it declares and an eighth of the others, another eighth for each bug;
//! with `FTPSPEC_FULL=1`, as `.ci/full` sets it, with all.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use ftpspec::judge::verdict::Verdict;
use ftpspec::reference::Bug;
use ftpspec::run::plan::Plan;
use ftpspec::run::select::covers;
use ftpspec::run::{self, Options};
use ftpspec::scenario::model::Case;
use ftpspec::target::reference::Reference;
use futures::StreamExt as _;

use crate::plan;

/// Of so many cases that a bug does not declare, one is played.
const SAMPLE: usize = 8;

/// So many bugs are played at once.
const AT_ONCE: usize = 6;

/// So many of the planted bugs are noticed by no case yet.
const UNSEEN: usize = 16;

/// Which of these cases notice a bug.
async fn noticed(bug: Bug, cases: Vec<Arc<Case>>) -> BTreeSet<String> {
    let options = Options { reply: Duration::from_millis(1500), jobs: 64, ..Options::default() };
    let target = Arc::new(Reference::new(vec![bug]));
    let (reports, summary) = run::collect(target, Plan { cases, slow: 0 }, options).await;
    assert_eq!((summary.not_started, summary.not_played), (None, 0), "{}", bug.name());
    reports
        .iter()
        .filter(|report| !matches!(report.outcome.verdict, Verdict::Pass | Verdict::Info))
        .map(|report| report.case.id.clone())
        .collect()
}

/// What is wrong about a bug's declaration, and whether any case noticed it.
async fn compare(number: usize, bug: Bug, all: &[Arc<Case>]) -> (Option<String>, bool) {
    let full = std::env::var_os("FTPSPEC_FULL").is_some();
    let declares = |case: &Arc<Case>| bug.noticed_by().iter().any(|glob| covers(glob, &case.id));
    let in_sample = |place: usize| full || place % SAMPLE == number % SAMPLE;
    let chosen = all.iter().enumerate().filter(|(place, case)| declares(case) || in_sample(*place));
    let cases: Vec<_> = chosen.map(|(_, case)| Arc::clone(case)).collect();
    let declared: BTreeSet<String> = cases.iter().filter(|case| declares(case)).map(|case| case.id.clone()).collect();
    let noticed = noticed(bug, cases).await;
    let wrong = (noticed != declared).then(|| {
        let missed: Vec<_> = declared.difference(&noticed).collect();
        let surprising: Vec<_> = noticed.difference(&declared).collect();
        format!("{}: declared and not noticed: {missed:?}; noticed and not declared: {surprising:?}", bug.name())
    });
    (wrong, !noticed.is_empty())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: .ci/full runs it"]
async fn each_bug_is_noticed_by_exactly_what_it_declares() {
    let all = plan().cases;
    // Most of the time is spent waiting for replies that a bug keeps back.
    let checks = Bug::ALL.iter().enumerate().map(|(number, bug)| compare(number, *bug, &all));
    let results: Vec<_> = futures::stream::iter(checks).buffered(AT_ONCE).collect().await;
    let seen = results.iter().filter(|(_, seen)| *seen).count();
    let wrong: Vec<String> = results.into_iter().filter_map(|(wrong, _)| wrong).collect();
    assert!(wrong.is_empty(), "{} of {} bugs:\n{}", wrong.len(), Bug::ALL.len(), wrong.join("\n"));
    // Those that no case notices are what the suite still lacks: fewer, never more.
    assert!(Bug::ALL.len() - seen <= UNSEEN, "{seen} of {} bugs are noticed", Bug::ALL.len());
}

/// Writes the table anew, by who notices each bug now, to the file that `FTPSPEC_NOTICED` names: to be read, doubted, and only
/// then declared (`src/reference/bug_table.rs`). A case that notices a bug in one of two runs stands in a comment.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a tool for whoever plants a bug"]
async fn show_who_notices() {
    let path = std::env::var("FTPSPEC_NOTICED").expect("FTPSPEC_NOTICED names a file");
    let all = plan().cases;
    let rows = Bug::ALL.iter().map(async |bug| {
        let (first, second) = (noticed(*bug, all.clone()).await, noticed(*bug, all.clone()).await);
        let both: BTreeSet<String> = first.intersection(&second).cloned().collect();
        let globs: Vec<String> = globs(&both, &all).iter().map(|glob| format!("{glob:?}")).collect();
        let mut row = format!("    (Bug::{bug:?}, &[{}]),\n", globs.join(", "));
        for sometimes in first.symmetric_difference(&second) {
            writeln!(row, "    // sometimes: {sometimes}").unwrap();
        }
        row
    });
    let rows: Vec<String> = futures::stream::iter(rows).buffered(AT_ONCE).collect().await;
    std::fs::write(&path, rows.concat()).unwrap();
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
