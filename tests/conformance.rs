//! Every case of the built-in suite is a test: it must pass on the reference server.
//!
//! `cargo test --test conformance -- resume` filters by id, `--list` lists them.

use std::sync::Arc;
use std::time::Duration;

use ftpspec::judge::verdict::Verdict;
use ftpspec::run::plan::Plan;
use ftpspec::run::suite::Suite;
use ftpspec::run::{self, Options};
use ftpspec::scenario::model::Case;
use ftpspec::target;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> anyhow::Result<std::process::ExitCode> {
    let arguments = Arguments::from_args();
    let runtime = Arc::new(tokio::runtime::Runtime::new()?);
    let suite = Suite::built_in()?;
    let trials = suite
        .cases()
        .map(|case| {
            let (runtime, case) = (Arc::clone(&runtime), Arc::clone(case));
            Trial::test(case.id.clone(), move || runtime.block_on(play(case)))
        })
        .collect();
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

async fn play(case: Arc<Case>) -> Result<(), Failed> {
    let target = target::resolve("reference", &[]).map_err(|error| error.to_string())?;
    let plan = Plan { cases: vec![case], ..Plan::default() };
    let options = Options { reply: Duration::from_secs(5), ..Options::default() };
    let (reports, summary) = run::collect(Arc::from(target), plan, options).await;
    if let Some(reason) = summary.not_started {
        return Err(format!("the reference did not start: {reason}").into());
    }
    let report = reports.first().ok_or("no report")?;
    if !summary.left.is_empty() {
        return Err(format!("left behind: {}", summary.left.join(", ")).into());
    }
    // A choice that the RFCs leave, named, is no failure; the reference has its choices too.
    if matches!(report.outcome.verdict, Verdict::Pass | Verdict::Info) {
        return Ok(());
    }
    let findings: Vec<String> = report
        .outcome
        .findings
        .iter()
        .map(|finding| format!("{} ({}): expected {}, seen {}", finding.verdict, finding.facet, finding.expected, finding.seen))
        .collect();
    Err(format!("{}\n{}\n{}", report.outcome.verdict, report.reason.clone().unwrap_or_default(), findings.join("\n")).into())
}
