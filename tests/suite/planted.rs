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

use crate::plan;

/// Of so many cases that a bug does not declare, one is played.
const SAMPLE: usize = 8;

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

#[tokio::test(flavor = "multi_thread")]
async fn each_bug_is_noticed_by_exactly_what_it_declares() {
    let full = std::env::var_os("FTPSPEC_FULL").is_some();
    let all = plan().cases;
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (number, bug) in Bug::ALL.iter().enumerate() {
        let declares = |case: &Arc<Case>| bug.noticed_by().iter().any(|glob| covers(glob, &case.id));
        let in_sample = |place: usize| full || place % SAMPLE == number % SAMPLE;
        let cases: Vec<_> =
            all.iter().enumerate().filter(|(place, case)| declares(case) || in_sample(*place)).map(|(_, case)| Arc::clone(case)).collect();
        let declared: BTreeSet<String> = cases.iter().filter(|case| declares(case)).map(|case| case.id.clone()).collect();
        let noticed = noticed(*bug, cases).await;
        seen += usize::from(!noticed.is_empty());
        if noticed != declared {
            let missed: Vec<_> = declared.difference(&noticed).collect();
            let surprising: Vec<_> = noticed.difference(&declared).collect();
            wrong.push(format!("{}: declared and not noticed: {missed:?}; noticed and not declared: {surprising:?}", bug.name()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} bugs:\n{}", wrong.len(), Bug::ALL.len(), wrong.join("\n"));
    // Those that no case notices are what the suite still lacks: fewer, never more.
    assert!(Bug::ALL.len() - seen <= UNSEEN, "{seen} of {} bugs are noticed", Bug::ALL.len());
}

/// Writes who notices each bug to the file that `FTPSPEC_NOTICED` names: to be read, doubted, and only then declared.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a tool for whoever plants a bug"]
async fn show_who_notices() {
    let path = std::env::var("FTPSPEC_NOTICED").expect("FTPSPEC_NOTICED names a file");
    let mut text = String::new();
    for bug in Bug::ALL {
        let ids: Vec<String> = noticed(*bug, plan().cases).await.into_iter().collect();
        writeln!(text, "{}\t{}", bug.name(), ids.join(" ")).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
}
