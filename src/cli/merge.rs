//! `ftpspec merge`: the parts of a run, played apart, put together to the one run that they are; and those of a benchmark.
//!
//! The parts are told again as one run, to the same reports as those of `ftpspec run`, so that nothing is told in another way.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Exit;
use super::report::{ReportArgument, Telling};
use super::{Output, Wrong, matrix};
use crate::bench;
use crate::report;
use crate::report::record::join::{JoinError, Named, comparable, join, same_target, target};
use crate::report::record::replay::replay;
use crate::report::record::{Record, SCHEMA};
use crate::report::terminal::Verbosity;
use crate::run::event::Event;

/// The arguments of `merge`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// The JSON reports of all parts of one run (`ftpspec run --partition .. --report json=FILE`), in any order; or of one whole run.
    ///
    /// Or those of all parts of one benchmark (`ftpspec bench --part .. --report json=FILE`): rates are added up, latencies put together exactly.
    ///
    /// Of several servers: they are shown side by side, as by `ftpspec matrix`, which has the formats html, json and md.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Write a report to a file, `-` for standard output; may be given several times. Formats: html (one page),
    /// json, junit, md (Markdown), tap.
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
    if arguments.files.first().is_some_and(|path| is_bench(path)) {
        return benchmark(arguments, output);
    }
    let mut servers: Vec<Vec<Named>> = Vec::new();
    for path in &arguments.files {
        let part = read(path)?;
        match servers.iter_mut().find(|parts| same_target(&parts[0].record, &part.record)) {
            Some(parts) => parts.push(part),
            None => servers.push(vec![part]),
        }
    }
    let of_several = servers.len() > 1;
    let mut runs = Vec::new();
    for parts in servers {
        let files: Vec<&str> = parts.iter().map(|part| part.file.as_str()).collect();
        let (file, of) = (files.join(", "), if of_several { target(&parts[0].record) + ": " } else { String::new() });
        let record = join(parts).map_err(|error| Wrong::Usage(format!("{of}{error}")))?;
        runs.push(Named { file, record });
    }
    if of_several {
        return side_by_side(arguments, &runs, output);
    }
    runs.first().map_or_else(|| Err(Wrong::Usage(JoinError::Nothing.to_string())), |run| one_run(arguments, &run.record, output))
}

/// Whether a file is the result of a benchmark. What it is otherwise, or is not, is told where it is read as a run.
fn is_bench(path: &Path) -> bool {
    let value = fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    value.is_some_and(|value| value["schema"] == bench::result::SCHEMA)
}

/// Puts the parts of a benchmark together, and tells it.
fn benchmark(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let mut sinks = super::bench::sinks(&arguments.report)?;
    let read = |path: &PathBuf| Ok((path.display().to_string(), super::bench::read(path)?));
    let parts = arguments.files.iter().map(read).collect::<Result<Vec<_>, Wrong>>()?;
    let whole = bench::join::join(parts).map_err(|error| Wrong::Usage(error.to_string()))?;
    let to_stdout = arguments.report.iter().any(ReportArgument::is_stdout);
    let out = if to_stdout { &mut output.err } else { &mut output.out };
    write!(out, "{}", report::bench::terminal(&whole, super::width(), arguments.quiet))?;
    super::bench::write_reports(&whole, &mut sinks)?;
    Ok(super::exit::exit_code(&super::bench::happened(&whole)))
}

/// Tells a run.
fn one_run(arguments: &Arguments, record: &Record, output: &mut Output) -> Result<Exit, Wrong> {
    let events = told(record)?;
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

/// Tells runs of several servers, as `ftpspec matrix` does.
fn side_by_side(arguments: &Arguments, runs: &[Named], output: &mut Output) -> Result<Exit, Wrong> {
    comparable(runs).map_err(|error| Wrong::Usage(error.to_string()))?;
    let events = runs.iter().map(|run| told(&run.record)).collect::<Result<Vec<_>, _>>()?;
    let labels = runs.iter().map(|run| label(&run.record, runs)).collect();
    let strict = runs.iter().any(|run| run.record.strict);
    matrix::tell(labels, &arguments.report, strict, output, |tell| {
        for (place, events) in events.into_iter().enumerate() {
            events.into_iter().for_each(|event| tell(place, &event));
        }
        Ok(())
    })
}

/// The shortest name of a server that no other has.
fn label(record: &Record, runs: &[Named]) -> String {
    let is_alone = |of: fn(&Record) -> String| runs.iter().filter(|run| of(&run.record) == of(record)).count() == 1;
    let name = |record: &Record| record.target.name.clone();
    let versioned = |record: &Record| format!("{} {}", record.target.name, record.target.version.as_deref().unwrap_or("?"));
    let short: [fn(&Record) -> String; 2] = [name, versioned];
    short.into_iter().find(|of| is_alone(*of)).map_or_else(|| target(record), |of| of(record))
}

/// The events of a run.
fn told(record: &Record) -> Result<Vec<Event>, Wrong> {
    replay(record).map_err(|why| Wrong::Usage(format!("the reports cannot be told again: {why}")))
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
