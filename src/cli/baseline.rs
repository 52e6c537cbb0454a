//! `ftpspec baseline`: shows what is known of a server, and keeps it true.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use jiff::civil::Date;

use super::config::{self, Config};
use super::exit::Exit;
use super::run::play;
use super::which::Which;
use super::{Output, Wrong, plural, width};
use crate::judge::baseline::edit::{Played, Run, Update, Words, update};
use crate::judge::baseline::read::is_section;
use crate::judge::baseline::{Baseline, Entry, said};
use crate::judge::verdict::Verdict;
use crate::report::transcript::wrap;
use crate::requirement::Catalogue;
use crate::run;
use crate::run::baseline::{built_in, load, place, read};
use crate::run::event::{CaseReport, Event, Summary};
use crate::run::plan::Plan;
use crate::run::select::{Selection, select};
use crate::run::suite::{Suite, SuiteError};
use crate::scenario::model::Case;
use crate::target::Target;

/// The arguments of `baseline`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Clone, Subcommand)]
enum Verb {
    /// List the known failures, and what is odd about the list.
    Show(Choice),
    /// Play, drop the entries that are no longer true, and write new ones where a reason is given for them.
    Update(UpdateArguments),
}

/// Which server, and which cases.
#[derive(Debug, Clone, Args)]
struct Choice {
    /// Scenario files or directories, and ids or globs of ids, as for `ftpspec run`; all where nothing is given.
    #[arg(value_name = "PATH|ID")]
    what: Vec<String>,

    #[command(flatten)]
    server: Which,

    /// The list; by default the built-in one of the server's name, which `update` writes to `baselines/NAME.toml`.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,

    #[command(flatten)]
    config: config::Place,
}

/// What is asked for, with what the file says.
struct Asked {
    target: Arc<dyn Target>,
    suite: Suite,
    chosen: Vec<Arc<Case>>,
    baseline: Option<PathBuf>,
    slow: bool,
    strict: bool,
}

#[derive(Debug, Clone, Args)]
struct UpdateArguments {
    #[command(flatten)]
    which: Choice,

    /// Play slow cases too.
    #[arg(long)]
    slow: bool,

    /// A deviation is a failure, and wants an entry.
    #[arg(long)]
    strict: bool,

    /// Play so often: what changes from run to run is written as such, and a known race is not taken for mended.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    times: u8,

    /// Write an entry for each failure that is not known, with this reason.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// What new entries say is broken, the id of a requirement or `RFC 959 section 4.1.3`; by default what the finding cites.
    #[arg(long, value_name = "ID", requires = "reason", value_parser = clause)]
    clause: Vec<String>,

    /// Where new entries say that there is more.
    #[arg(long, value_name = "URL", requires = "reason")]
    link: Option<String>,

    /// The last day on which new entries excuse: `2027-01-31`.
    #[arg(long, value_name = "DAY", requires = "reason")]
    expires: Option<Date>,
}

pub(super) fn baseline(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    match &arguments.verb {
        Verb::Show(which) => show(which, output),
        Verb::Update(arguments) => mend(arguments, output),
    }
}

impl Choice {
    fn asked(&self) -> Result<Asked, Wrong> {
        let config = Config::find(&self.config)?;
        let (server, (of_file, _)) = config.which(&self.server);
        let target = server.target()?;
        let (paths, selection) = config.select(&self.what, Selection::default());
        let suite = Suite::load(&paths)?;
        let chosen = select(&suite, &selection)?;
        let baseline = self.baseline.clone().or(of_file);
        Ok(Asked { target, suite, chosen, baseline, slow: config.slow(), strict: config.strict() })
    }
}

/// Reads a requirement's id or a section.
fn clause(text: &str) -> Result<String, String> {
    let catalogue = Catalogue::built_in();
    if is_section(text) || catalogue.find(text).is_some() {
        return Ok(text.to_owned());
    }
    let hint = catalogue.nearest(text).map_or_else(String::new, |word| format!("; did you mean {word}?"));
    Err(format!("neither a requirement nor a section like `RFC 959 section 4.1.3`{hint}"))
}

fn show(which: &Choice, output: &mut Output) -> Result<Exit, Wrong> {
    let Asked { target, suite, chosen, baseline, .. } = which.asked()?;
    let baseline = match &baseline {
        Some(path) => load(path)?,
        None => built_in(target.name())?.ok_or_else(|| Wrong::Usage(format!("there is no built-in baseline for {}", target.name())))?,
    };
    let (mut entries, mut known) = (0, 0);
    for entry in &baseline.entries {
        let covered = chosen.iter().filter(|case| entry.cases.covers(&case.id)).count();
        let is_idle = !suite.cases().any(|case| entry.cases.covers(&case.id));
        if covered == 0 && !(is_idle && which.what.is_empty()) {
            continue;
        }
        entries += 1;
        known += covered;
        show_entry(entry, covered, is_idle, target.version().as_deref(), output)?;
    }
    writeln!(output.out, "{}: {} for {}", baseline.source.name, count(entries, "entry"), plural(known, "case"))?;
    Ok(Exit::Expected)
}

fn show_entry(entry: &Entry, covered: usize, is_idle: bool, version: Option<&str>, output: &mut Output) -> Result<(), Wrong> {
    let mut lines = vec![entry.says(), format!("{}: {}", entry.clauses.join(", "), entry.reason)];
    lines.extend(entry.link.clone());
    if entry.sometimes {
        lines.push("sometimes only".to_owned());
    }
    match entry.expires {
        Some(day) if entry.is_expired(run::today()) => lines.push(format!("expired: it held until {day}")),
        Some(day) => lines.push(format!("until {day}")),
        None => {}
    }
    if is_idle {
        lines.push("covers no case of the suite".to_owned());
    }
    if !entry.speaks_of(version) {
        lines.push("speaks of other versions of the server".to_owned());
    }
    writeln!(output.out, "line {}: {}, {}", entry.line, entry.id, plural(covered, "case"))?;
    for line in lines.iter().flat_map(|line| wrap(line, width().saturating_sub(4), 2, 6)) {
        writeln!(output.out, "    {line}")?;
    }
    Ok(())
}

fn mend(arguments: &UpdateArguments, output: &mut Output) -> Result<Exit, Wrong> {
    let which = &arguments.which;
    let Asked { target, suite, chosen, baseline: named, slow, strict } = which.asked()?;
    let (slow, strict) = (slow || arguments.slow, strict || arguments.strict);
    if arguments.reason.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
        return Err(Wrong::Usage("a reason says why the failure is known".to_owned()));
    }
    let path = named.unwrap_or_else(|| place(target.name()));
    let baseline = before(&path, target.name())?;
    let mut reports: Vec<CaseReport> = Vec::new();
    for _ in 0..arguments.times {
        let mut summary = Summary::default();
        let options = run::Options { strict, ..run::Options::default() };
        let plan = Plan::new(chosen.clone(), slow);
        play(Arc::clone(&target), plan, options, String::new(), |event| match event {
            Event::Finished(report) => reports.push(report.as_ref().clone()),
            Event::Over(over) => summary = over.clone(),
            Event::Planned { .. } | Event::Started { .. } | Event::Said { .. } | Event::Ended { .. } => {}
        })?;
        if let Some(exit) = unusable(&summary, output)? {
            return Ok(exit);
        }
    }
    let words = arguments.reason.clone().map(|reason| Words {
        reason,
        clauses: arguments.clause.clone(),
        link: arguments.link.clone(),
        expires: arguments.expires,
    });
    let ids: Vec<&str> = suite.cases().map(|case| case.id.as_str()).collect();
    let (played, version) = (played(&reports), target.version());
    let ids_played = played.len();
    let run = Run { played: &played, suite: &ids, version: version.as_deref(), strict };
    let update = update(&baseline, &run, words.as_ref());
    if update.text != baseline.source.text || !path.exists() {
        // Only what can be read again may replace what could be.
        read(&path.display().to_string(), update.text.as_bytes())?;
        fs::write(&path, &update.text).map_err(|source| SuiteError::Io { path: path.clone(), source })?;
    }
    let unknown = reports.iter().filter(|report| update.unknown.contains(&report.case.id) && report.outcome.verdict.fails(strict));
    for report in unknown {
        writeln!(output.out, "{:<14} {}  {}", "not known", report.case.id, said(&report.outcome, report.reason.as_deref()))?;
    }
    tell(&path, &update, ids_played, output)
}

/// The list as it is: the file, else the built-in one, else an empty one.
fn before(path: &Path, server: &str) -> Result<Baseline, Wrong> {
    if path.exists() {
        return Ok(load(path)?);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return Err(Wrong::Usage(format!("{} cannot be written: its folder is not there; --baseline FILE names another", path.display())));
    }
    match built_in(server)? {
        Some(baseline) => Ok(baseline),
        None => Ok(read(&path.display().to_string(), b"")?),
    }
}

/// Why a run says nothing about the list, if it does not.
fn unusable(summary: &Summary, output: &mut Output) -> Result<Option<Exit>, Wrong> {
    let (exit, why) = match (summary.interrupted, &summary.not_started, &summary.cut_short) {
        (true, _, _) => (Exit::Interrupted, "interrupted"),
        (false, Some(why), _) => (Exit::Inconclusive, why.as_str()),
        (false, None, Some(why)) => (Exit::Inconclusive, why.as_str()),
        (false, None, None) => return Ok(None),
    };
    writeln!(output.err, "error: nothing is changed: {why}")?;
    Ok(Some(exit))
}

fn played(reports: &[CaseReport]) -> Vec<Played<'_>> {
    let mut played: Vec<Played<'_>> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for report in reports.iter().filter(|report| !matches!(report.outcome.verdict, Verdict::Unsupported | Verdict::Error)) {
        let id = report.case.id.as_str();
        let place = *places.entry(id).or_insert(played.len());
        match played.get_mut(place) {
            Some(case) => case.outcomes.push(&report.outcome),
            None => played.push(Played { id, outcomes: vec![&report.outcome], cites: report.case.requirements() }),
        }
    }
    played
}

fn tell(path: &Path, update: &Update, played: usize, output: &mut Output) -> Result<Exit, Wrong> {
    let Update { dropped, narrowed, added, unknown, idle, .. } = update;
    for (word, ids) in [("dropped", dropped), ("narrowed", narrowed), ("added", added), ("covers no case", idle)] {
        for id in ids {
            writeln!(output.out, "{word:<14} {id}")?;
        }
    }
    let counts = [(dropped, "dropped"), (narrowed, "narrowed"), (added, "added")].map(|(ids, word)| format!("{} {word}", ids.len()));
    writeln!(output.out, "{}: {} after {}", path.display(), counts.join(", "), plural(played, "case"))?;
    if unknown.is_empty() {
        return Ok(Exit::Expected);
    }
    writeln!(output.out, "{} not known; `--reason TEXT` writes entries for them", count(unknown.len(), "failure"))?;
    Ok(Exit::Failure)
}

/// `1 entry`, `2 entries`.
fn count(count: usize, word: &str) -> String {
    let many = word.strip_suffix('y').map_or_else(|| format!("{word}s"), |stem| format!("{stem}ies"));
    if count == 1 { format!("1 {word}") } else { format!("{count} {many}") }
}
