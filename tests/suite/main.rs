//! Integration tests, one binary.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod architecture;
mod baseline;
mod bench;
mod browser;
mod ci;
mod degenerate;
mod explore;
mod hand;
mod html;
mod lacks;
mod panic;
mod planted;
mod profile;
mod program;
mod property;
mod proxy;
mod running;
mod same;
mod trouble;
mod wire;

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use ftpspec::run::event::{CaseReport, Summary};
use ftpspec::run::plan::Plan;
use ftpspec::run::suite::Suite;
use ftpspec::run::{self, Options};
use ftpspec::scenario::model::Case;
use ftpspec::target;

/// Plays all fast cases of the built-in suite on a built-in server.
async fn play_suite(server: &str, settings: &[(&str, &str)], options: Options) -> (Vec<CaseReport>, Summary) {
    let settings: Vec<(String, String)> = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let target = target::resolve(server, &settings).unwrap();
    run::collect(Arc::from(target), plan(), options).await
}

/// Where `.ci/servers` puts what it fetches: the folder `FTPSPEC_SERVERS`, or `target/ci/servers`.
fn servers() -> std::path::PathBuf {
    std::env::var_os("FTPSPEC_SERVERS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ci/servers"), |folder| std::path::absolute(folder).unwrap())
}

/// Says that something cannot be tested here; in CI that fails.
fn not_tested(told: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{told}");
    // Past the test's own output, which nobody sees of a test that passes.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "\nNOT TESTED: {told}\n").unwrap();
}

/// Where something is that `.ci/servers` fetches. Without it a test says so; in CI it fails.
fn fetched(server: &str, path: &str) -> Option<String> {
    let place = servers().join(path);
    if place.exists() {
        return Some(place.display().to_string());
    }
    not_tested(&format!("{server}: {} is not there: .ci/servers fetches it; FTPSPEC_SERVERS names the folder", place.display()));
    None
}

/// The interpreter that has pyftpdlib.
fn python() -> Option<String> {
    fetched("pyftpdlib", "python/bin/python")
}

/// All cases of the built-in suite, the slow ones too.
fn suite() -> Vec<Arc<Case>> {
    Suite::built_in().unwrap().cases().cloned().collect()
}

fn plan() -> Plan {
    let (slow, cases): (Vec<_>, Vec<_>) = suite().into_iter().partition(|case| case.slow);
    Plan { cases, slow: slow.len(), part: None }
}

/// The verdicts by id.
fn verdicts(reports: &[CaseReport]) -> Vec<(String, &'static str)> {
    reports.iter().map(|report| (report.case.id.clone(), report.outcome.verdict.word())).collect()
}
