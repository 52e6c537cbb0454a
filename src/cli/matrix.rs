//! `ftpspec matrix`: many servers, side by side.

use std::io::{self, IsTerminal, Write};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;

use super::exit::{Exit, Watch, exit_code};
use super::report::{Format, ReportArgument};
use super::run::{conduct, level};
use super::which::key_value;
use super::{Output, Wrong, split_paths, width};
use crate::report::html::page;
use crate::report::matrix::{MatrixReport, Options, markdown};
use crate::report::record::MatrixRecord;
use crate::report::{Report as _, Sink};
use crate::requirement::Level;
use crate::run;
use crate::run::baseline;
use crate::run::event::Event;
use crate::run::matrix::{Entry, matrix as play};
use crate::run::plan::Plan;
use crate::run::select::{Selection, select};
use crate::run::suite::Suite;
use crate::target::{self, Target};

/// The arguments of `matrix`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// The servers, each `[LABEL=]NAME[{KEY=VALUE,..}]`: `vsftpd`, `pyftpdlib{python=/opt/py/bin/python}`, `old=./mine.toml{bin=./ftpd-1.0}`.
    #[arg(required = true, value_name = "SERVER")]
    servers: Vec<Server>,

    /// Only cases with these ids, globs of ids, or of these scenario files or directories; may be given several times.
    #[arg(long, value_name = "PATH|ID")]
    only: Vec<String>,

    /// Only cases of this topic; may be given several times.
    #[arg(long, value_name = "TOPIC")]
    topic: Vec<String>,

    /// Only cases that cite this requirement, or one that this glob fits; may be given several times.
    #[arg(long, value_name = "ID")]
    requirement: Vec<String>,

    /// Only cases that cite a requirement of this level; may be given several times.
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    level: Vec<Level>,

    /// How many cases at once on each server; by default 32, or fewer where a server mixes up its sessions.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,

    /// How many servers at once; by default one more than this machine has cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    at_once: Option<u16>,

    /// Play slow cases too.
    #[arg(long)]
    slow: bool,

    /// A deviation is a failure.
    #[arg(long)]
    strict: bool,

    /// No failure is known; by default those are that stand in the built-in list of each server.
    #[arg(long)]
    no_baseline: bool,

    /// Write all runs to a file: `html=F`, `json=F`, `md=F` (the table); may be given several times. `-` is standard output.
    #[arg(long, value_name = "FORMAT=FILE")]
    report: Vec<ReportArgument>,
}

/// `[LABEL=]NAME[{KEY=VALUE,..}]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) label: String,
    pub(super) name: String,
    pub(super) set: Vec<(String, String)>,
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("expected [LABEL=]NAME[{{KEY=VALUE,..}}], not `{text}`");
        let (head, set) = match text.split_once('{') {
            Some((head, rest)) => (head, rest.strip_suffix('}').ok_or_else(form)?),
            None => (text, ""),
        };
        let set = set.split(',').map(str::trim).filter(|pair| !pair.is_empty()).map(key_value).collect::<Result<Vec<_>, _>>()?;
        let (label, name) = head.split_once('=').unwrap_or((head, head));
        if label.is_empty() || name.is_empty() {
            return Err(form());
        }
        Ok(Self { label: label.to_owned(), name: name.to_owned(), set })
    }
}

impl Server {
    pub(super) fn entry(&self, no_baseline: bool) -> Result<Entry, Wrong> {
        let target: Arc<dyn Target> = Arc::from(target::resolve(&self.name, &self.set)?);
        let known = if no_baseline { None } else { baseline::built_in(target.name())?.map(Arc::new) };
        Ok(Entry { target, arguments: self.arguments(), baseline: known })
    }

    /// What must stand behind a verb that takes one server to get this one.
    pub(super) fn arguments(&self) -> String {
        let set = self.set.iter().map(|(key, value)| format!(" --set {key}={value}")).collect::<String>();
        format!("--server {}{set}", self.name)
    }
}

/// The formats that show several servers.
const FORMATS: [(&str, Format); 3] = [("html", Format::Html), ("json", Format::Json), ("md", Format::Markdown)];

/// Plays what the arguments select on each server.
pub(super) fn matrix(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let labels: Vec<String> = arguments.servers.iter().map(|server| server.label.clone()).collect();
    if let Some((_, twice)) = labels.iter().enumerate().find(|(at, label)| labels[..*at].contains(label)) {
        return Err(Wrong::Usage(format!("two servers are called {twice}: give one of them a label, as in `old={twice}{{bin=..}}`")));
    }
    let entries = arguments.servers.iter().map(|server| server.entry(arguments.no_baseline)).collect::<Result<Vec<_>, _>>()?;
    let (paths, ids) = split_paths(&arguments.only);
    let selection = Selection {
        ids,
        topics: arguments.topic.clone(),
        requirements: arguments.requirement.clone(),
        levels: arguments.level.clone(),
        paths: !paths.is_empty(),
    };
    let suite = Suite::load(&paths)?;
    let plan = Plan::new(select(&suite, &selection)?, arguments.slow);
    let usual = run::Options::default();
    let options =
        run::Options { jobs: arguments.jobs.map_or(usual.jobs, usize::from), seed: fastrand::u64(..), strict: arguments.strict, ..usual };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let at_once = arguments.at_once.map_or(cores + 1, usize::from);

    tell(labels, &arguments.report, arguments.strict, output, |tell| {
        conduct(
            |interrupted, events| async move { play(entries, &plan, &options, at_once, interrupted, events).await },
            |(server, event): (usize, Event)| tell(server, &event),
        )
    })
}

/// Tells runs of several servers side by side; `play` tells their events.
pub(super) fn tell(
    labels: Vec<String>,
    asked: &[ReportArgument],
    strict: bool,
    output: &mut Output,
    play: impl FnOnce(&mut dyn FnMut(usize, &Event)) -> Result<(), Wrong>,
) -> Result<Exit, Wrong> {
    let sinks = asked.iter().map(|report| Ok((format(report)?, report.sink()?))).collect::<Result<Vec<_>, Wrong>>()?;
    // Standard output belongs to the report that asks for it.
    let taken = asked.iter().any(ReportArgument::is_stdout);
    let out: Box<dyn Write + Send> = if taken { Box::new(io::stderr()) } else { Box::new(io::stdout()) };
    let progress = !taken && io::stdout().is_terminal() && io::stderr().is_terminal();
    let shown = Options { width: width(), color: output.color && !taken, progress, strict };
    let mut report = MatrixReport::new(out, labels, shown);
    let (mut watch, mut broken) = (Watch::new(strict), None);
    play(&mut |server, event| {
        for told in [report.event(server, event), watch.event(event)] {
            if let Err(error) = told {
                broken.get_or_insert(error);
            }
        }
    })?;
    report.finish()?;
    let mut happened = watch.happened();
    for told in write(sinks, report) {
        happened.harness_broke = true;
        writeln!(output.err, "error: a report could not be written: {told}")?;
    }
    if let Some(error) = broken {
        return Err(Wrong::Output(error));
    }
    Ok(exit_code(&happened))
}

/// The format of a report, where it can show several servers.
fn format(report: &ReportArgument) -> Result<Format, Wrong> {
    let known = FORMATS.into_iter().find(|(_, format)| *format == report.format);
    known.map(|(_, format)| format).ok_or_else(|| {
        let formats = FORMATS.map(|(name, _)| name).join(", ");
        Wrong::Usage(format!("{} is a format for one server; formats for several: {formats}", report.format.word()))
    })
}

/// Writes the reports; gives what went wrong.
fn write(sinks: Vec<(Format, Sink)>, report: MatrixReport) -> Vec<io::Error> {
    let record = MatrixRecord::new(report.records());
    let one = |(format, mut sink): (Format, Sink)| {
        let text = match format {
            Format::Html => page(&record.runs)?,
            Format::Json => record.to_json()?,
            Format::Markdown => markdown(&record.runs),
            Format::Junit | Format::Tap => return Err(io::Error::other("a format for one server")),
        };
        sink.put(text.as_bytes())
    };
    sinks.into_iter().filter_map(|sink| one(sink).err()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, label: &str, name: &str, set: &[(&str, &str)]) {
        let server: Server = text.parse().unwrap();
        let was: Vec<_> = server.set.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!((server.label.as_str(), server.name.as_str(), was.as_slice()), (label, name, set), "{text}");
    }

    #[test]
    fn servers_are_read_or_told() {
        check("vsftpd", "vsftpd", "vsftpd", &[]);
        check("old=vsftpd{bin=/opt/a=b/vsftpd}", "old", "vsftpd", &[("bin", "/opt/a=b/vsftpd")]);
        check("reference{broken=rest-off-by-one}", "reference", "reference", &[("broken", "rest-off-by-one")]);
        check("mine=./a/mine.toml{a=1, b=2}", "mine", "./a/mine.toml", &[("a", "1"), ("b", "2")]);
        for wrong in ["", "=vsftpd", "a=", "vsftpd{bin=x", "vsftpd{bin}"] {
            assert!(wrong.parse::<Server>().is_err(), "{wrong}");
        }
        let told = format(&"tap=x".parse().unwrap()).unwrap_err().to_string();
        assert_eq!(told, "tap is a format for one server; formats for several: html, json, md");
    }
}
