//! Each planted bug of the reference is noticed by exactly the cases that it declares.

use std::collections::BTreeSet;
use std::time::Duration;

use ftpspec::judge::verdict::Verdict;
use ftpspec::reference::Bug;
use ftpspec::run::Options;
use ftpspec::run::select::covers;

use crate::play_suite;

#[tokio::test(flavor = "multi_thread")]
async fn each_bug_is_noticed_by_exactly_what_it_declares() {
    let options = Options { reply: Duration::from_millis(700), jobs: 64, ..Options::default() };
    let mut wrong = Vec::new();
    for bug in Bug::ALL {
        let (reports, _) = play_suite("reference", &[("broken", bug.name())], options.clone()).await;
        let noticed: BTreeSet<&str> = reports
            .iter()
            .filter(|report| !matches!(report.outcome.verdict, Verdict::Pass | Verdict::Info))
            .map(|report| report.case.id.as_str())
            .collect();
        let declared: BTreeSet<&str> = reports
            .iter()
            .map(|report| report.case.id.as_str())
            .filter(|id| bug.noticed_by().iter().any(|glob| covers(glob, id)))
            .collect();
        if noticed.is_empty() || noticed != declared {
            let missed: Vec<_> = declared.difference(&noticed).collect();
            let surprising: Vec<_> = noticed.difference(&declared).collect();
            wrong.push(format!("{}: declared and not noticed: {missed:?}; noticed and not declared: {surprising:?}", bug.name()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} bugs:\n{}", wrong.len(), Bug::ALL.len(), wrong.join("\n"));
}
