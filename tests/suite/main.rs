//! Integration tests, one binary.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod architecture;
mod baseline;
mod degenerate;
mod planted;
mod profile;
mod program;
mod same;

use std::io::Write as _;
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

/// An interpreter that has pyftpdlib: `FTPSPEC_PYTHON`, or python3. Without one a test says so; in CI it fails.
fn python() -> Option<String> {
    let python = std::env::var("FTPSPEC_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = std::process::Command::new(&python).args(["-c", "import pyftpdlib"]).stderr(std::process::Stdio::null()).status();
    if has.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    let install =
        format!("{python} cannot import pyftpdlib: python3 -m venv V && V/bin/pip install pyftpdlib, then FTPSPEC_PYTHON=V/bin/python");
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{install}");
    // Past the test's own output, which nobody sees of a test that passes.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "\nNOT TESTED: {install}\n").unwrap();
    None
}

/// All cases of the built-in suite, the slow ones too.
fn suite() -> Vec<Arc<Case>> {
    Suite::built_in().unwrap().cases().cloned().collect()
}

fn plan() -> Plan {
    let (slow, cases): (Vec<_>, Vec<_>) = suite().into_iter().partition(|case| case.slow);
    Plan { cases, slow: slow.len() }
}

/// The verdicts by id.
fn verdicts(reports: &[CaseReport]) -> Vec<(String, &'static str)> {
    reports.iter().map(|report| (report.case.id.clone(), report.outcome.verdict.word())).collect()
}
