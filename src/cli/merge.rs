//! `ftpspec merge`: the parts of a run, played apart, put together to the one run that they are.
//!
//! The parts are told again as one run, to the same reports as those of `ftpspec run`, so that nothing is told in another way.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Exit;
use super::report::{ReportArgument, Telling};
use super::{Output, Wrong};
use crate::report::record::join::{Named, join};
use crate::report::record::replay::replay;
use crate::report::record::{Record, SCHEMA};
use crate::report::terminal::Verbosity;

/// The arguments of `merge`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// The JSON reports of all parts of one run (`ftpspec run --partition .. --report json=FILE`), in any order; or of one whole run.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Write a report to a file, `-` for standard output; may be given several times. Formats: json, junit,
    /// md (Markdown), tap.
    #[arg(long, value_name = "FORMAT=FILE")]
    report: Vec<ReportArgument>,

    /// Show also what passes.
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,

    /// One line for each case that is not as expected, and the totals.
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn merge(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let parts = arguments.files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let record = join(parts).map_err(|error| Wrong::Usage(error.to_string()))?;
    let events = replay(&record).map_err(|why| Wrong::Usage(format!("the reports cannot be told again: {why}")))?;
    let verbosity = match (arguments.quiet, arguments.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, true) => Verbosity::Verbose,
        (false, false) => Verbosity::Usual,
    };
    // Each part was annotated when it was played.
    let telling = Telling { reports: &arguments.report, verbosity, strict: record.strict, color: output.color, annotate: false };
    let mut listeners = telling.listeners()?;
    events.iter().for_each(|event| listeners.tell(event));
    Ok(listeners.exit(&mut output.err)?)
}

/// Reads a report.
fn read(path: &Path) -> Result<Named, Wrong> {
    let file = path.display().to_string();
    let wrong = |why: String| Wrong::Usage(format!("{file} {why}; merge reads what `ftpspec run --report json=FILE` writes"));
    let bytes = fs::read(path).map_err(|error| Wrong::Usage(format!("cannot read {file}: {error}")))?;
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| wrong(format!("is no JSON: {error}")))?;
    match value.get("schema").and_then(serde_json::Value::as_str) {
        Some(SCHEMA) => {}
        Some(other) => return Err(wrong(format!("is in the form {other:?}, and this version reads {SCHEMA:?}"))),
        None => return Err(wrong("is no report".to_owned())),
    }
    let record: Record = serde_json::from_value(value).map_err(|error| wrong(format!("is no report: {error}")))?;
    Ok(Named { file, record })
}
