//! Degenerate servers end in known verdicts, never in a pass and never in a hang.

use std::time::{Duration, Instant};

use ftpspec::judge::verdict::Verdict;
use ftpspec::run::Options;

use crate::play_suite;

/// Plays the suite on a degenerate server; no case may end well but those that are named.
async fn check(kind: &str, passes: &[&str]) {
    let start = Instant::now();
    let options = Options { reply: Duration::from_millis(300), jobs: 64, ..Options::default() };
    let (reports, summary) = play_suite("degenerate", &[("kind", kind)], options).await;
    assert!(start.elapsed() < Duration::from_secs(60), "{kind} took {:?}", start.elapsed());
    assert_eq!((summary.not_played, &summary.cut_short, summary.left.as_slice()), (0, &None, &[][..]));
    let good: Vec<&str> = reports
        .iter()
        .filter(|report| matches!(report.outcome.verdict, Verdict::Pass | Verdict::Info))
        .map(|report| report.case.id.as_str())
        .collect();
    assert_eq!(good, passes, "{kind}");
    assert!(reports.iter().all(|report| report.outcome.verdict != Verdict::Error), "{kind}");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence() {
    check("silent", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_without_a_line_end() {
    check("flood", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_at_once() {
    check("close", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn echo() {
    check("echo", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn yes_to_all() {
    check("yes", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_to_all() {
    check("no", &[]).await;
}
