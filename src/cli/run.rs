//! `ftpspec run`: its arguments, what they select, and the reports that they ask for.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::{mpsc, watch};

use super::bisect::bisect;
use super::config::{self, Config};
use super::exit::Exit;
use super::report::{ReportArgument, Telling};
use super::which::Which;
use super::{Output, Wrong};
use crate::fault::{Direction, Fault, Kind, Trigger};
use crate::report::terminal::Verbosity;
use crate::requirement::{Level, nearest};
use crate::run;
use crate::run::baseline;
use crate::run::event::Event;
use crate::run::partition::Partition;
use crate::run::plan::Plan;
use crate::run::select::{Selection, select};
use crate::run::suite::Suite;
use crate::target::Target;

/// Cases at once on a server that is somebody's, and may allow few connections.
const RUNNING_JOBS: usize = 8;

/// The arguments of `run`.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "one a flag of the command line")]
pub(super) struct Arguments {
    /// Scenario files or directories, which are then played instead of the built-in suite; and ids or globs of ids, of these or
    /// of the suite: `resume/cut`, `letters/*`, `login`.
    #[arg(value_name = "PATH|ID")]
    pub(super) what: Vec<String>,

    #[command(flatten)]
    pub(super) which: Which,

    /// Only cases of this topic, the first part of their ids; may be given several times.
    #[arg(long, value_name = "TOPIC")]
    pub(super) topic: Vec<String>,

    /// Only cases that cite this requirement, or one that this glob fits; may be given several times.
    #[arg(long, value_name = "ID")]
    pub(super) requirement: Vec<String>,

    /// Only cases that cite a requirement of this level; may be given several times.
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub(super) level: Vec<Level>,

    /// How many cases at once; by default 32, fewer where a server mixes up its sessions, and 8 on one that runs already.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) jobs: Option<u16>,

    /// Play slow cases too.
    #[arg(long)]
    pub(super) slow: bool,

    /// A deviation fails the run.
    #[arg(long)]
    pub(super) strict: bool,

    /// Stop after so many cases that are not as expected.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max_fail: Option<u32>,

    /// Play only one part of what is selected, such as `hash:1/4`; `ftpspec merge` puts the reports of all parts together.
    ///
    /// `hash` goes by the id of a case, `count` by its place.
    #[arg(long, value_name = "KIND:PART/PARTS")]
    pub(super) partition: Option<Partition>,

    /// Keep the directories that the server served.
    #[arg(long)]
    pub(super) keep: bool,

    /// Makes everything that is drawn by lot the same again.
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,

    /// Play in an order that is drawn by lot; told in the usual order.
    #[arg(long)]
    pub(super) shuffle: bool,

    /// Write a report to a file, `-` for standard output; may be given several times. Formats: html (one page),
    /// json, junit, md (Markdown), tap.
    #[arg(long, value_name = "FORMAT=FILE")]
    pub(super) report: Vec<ReportArgument>,

    /// The known failures of the server; by default those that are built in for a server of this name.
    #[arg(long, value_name = "FILE", conflicts_with = "no_baseline")]
    pub(super) baseline: Option<PathBuf>,

    /// No failure is known.
    #[arg(long)]
    pub(super) no_baseline: bool,

    /// Show each transcript as it happens, and what passes.
    #[arg(short, long, conflicts_with = "quiet")]
    pub(super) verbose: bool,

    /// One line for each case that is not as expected, and the totals.
    #[arg(short, long)]
    pub(super) quiet: bool,

    /// Send everything in other segments; the verdicts should stay: `slice` (every byte of a command alone, and on data the first and
    /// the last 4 KiB of what a step sends), `slice=random`, `slice=crlf`; on one channel with `control:` or `data:` before it.
    #[arg(long, value_name = "FAULT", value_parser = slice)]
    pub(super) fault: Vec<Fault>,

    /// End the run after this time: `90s`, `10m`.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) deadline: Option<Duration>,

    #[command(flatten)]
    pub(super) config: config::Place,
}

/// Plays what the arguments and the file select.
pub(super) fn run(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let config = Config::find(&arguments.config)?;
    let (paths, selection) = config.select(&arguments.what, arguments.selection());
    let arguments = &arguments.with(&config);
    let suite = Suite::load(&paths)?;
    let mut plan = Plan::new(select(&suite, &selection)?, arguments.slow);
    if let Some(partition) = arguments.partition {
        plan = plan.part(partition);
    }
    if arguments.which.servers.len() > 1 {
        return bisect(arguments, plan, output);
    }
    let target = arguments.which.target()?;
    let baseline = match (arguments.no_baseline, &arguments.baseline) {
        (true, _) => None,
        (false, Some(path)) => Some(baseline::load(path)?),
        (false, None) => baseline::built_in(target.name())?,
    };
    let options = run::Options { baseline: baseline.map(Arc::new), ..arguments.options() };
    let mut listeners = arguments.telling(output.color).listeners()?;
    play(target, plan, options, arguments.which.again(), |event| listeners.tell(event))?;
    Ok(listeners.exit(&mut output.err)?)
}

/// Plays a plan and tells its events; ctrl-c ends the run, not the program.
pub(super) fn play(
    target: Arc<dyn Target>,
    plan: Plan,
    options: run::Options,
    again: String,
    mut tell: impl FnMut(&Event),
) -> Result<(), Wrong> {
    conduct(|interrupted, events| run::run(target, plan, options, again, interrupted, events), |event| tell(&event))
}

/// Gives something to play that tells events a runtime, and a channel that turns true on ctrl-c.
pub(super) fn conduct<E: Send + 'static, F>(
    play: impl FnOnce(watch::Receiver<bool>, mpsc::UnboundedSender<E>) -> F,
    mut tell: impl FnMut(E),
) -> Result<(), Wrong>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let runtime = tokio::runtime::Runtime::new()?;
    let played = runtime.block_on(async {
        let (interrupt, interrupted) = watch::channel(false);
        tokio::spawn(async move {
            if asked_to_end().await.is_ok() {
                interrupt.send_replace(true);
            }
            // Kept until the end: a closed channel would look like an interrupt.
            std::future::pending::<()>().await;
        });
        let (events, mut heard) = mpsc::unbounded_channel();
        let playing = tokio::spawn(play(interrupted, events));
        while let Some(event) = heard.recv().await {
            tell(event);
        }
        playing.await
    });
    // A blocking thread that waits for a dead disk must not keep the program.
    runtime.shutdown_background();
    played.map(drop).map_err(|panic| Wrong::Output(io::Error::other(panic)))
}

/// Waits for ctrl-c, or for the signal by which a CI ends a job.
pub(super) async fn asked_to_end() -> io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        ended = tokio::signal::ctrl_c() => ended,
        _ = terminate.recv() => Ok(()),
    }
}

impl Arguments {
    /// How the run is done.
    pub(super) fn options(&self) -> run::Options {
        let usual = run::Options::default();
        run::Options {
            jobs: self.jobs.map_or_else(|| if self.which.is_running() { RUNNING_JOBS } else { usual.jobs }, usize::from),
            seed: self.seed.unwrap_or_else(|| fastrand::u64(..)),
            shuffle: self.shuffle,
            max_fail: self.max_fail.and_then(|most| usize::try_from(most).ok()),
            strict: self.strict,
            keep: self.keep,
            run: self.deadline.unwrap_or(usual.run),
            live: self.verbose,
            faults: self.fault.clone().into(),
            ..usual
        }
    }

    /// These arguments, and for what they leave open what the file says.
    fn with(&self, config: &Config) -> Self {
        let (which, of_file) = config.which(&self.which);
        let (baseline, no_baseline) = match (self.no_baseline, &self.baseline) {
            (false, None) => of_file,
            (no_baseline, baseline) => (baseline.clone(), no_baseline),
        };
        Self {
            which,
            baseline,
            no_baseline,
            jobs: self.jobs.or_else(|| config.jobs()),
            slow: self.slow || config.slow(),
            strict: self.strict || config.strict(),
            max_fail: self.max_fail.or_else(|| config.max_fail()),
            seed: self.seed.or_else(|| config.seed()),
            deadline: self.deadline.or_else(|| config.deadline()),
            report: config.reports(&self.report),
            ..self.clone()
        }
    }

    /// What to choose, as far as options say it.
    fn selection(&self) -> Selection {
        Selection { topics: self.topic.clone(), requirements: self.requirement.clone(), levels: self.level.clone(), ..Selection::default() }
    }

    fn telling(&self, color: bool) -> Telling<'_> {
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Usual,
        };
        Telling { reports: &self.report, verbosity, strict: self.strict, color, annotate: true }
    }
}

/// Reads a fault that no server may be disturbed by.
fn slice(text: &str) -> Result<Fault, String> {
    let fault: Fault = text.parse()?;
    match (&fault.kind, &fault.trigger, fault.direction) {
        (Kind::Slice(_), Trigger::Start, None | Some(Direction::Up)) => Ok(fault),
        _ => Err("a run sends in other segments and does nothing else: `slice`, `slice=random`, `slice=crlf`; `ftpspec proxy` does more"
            .to_owned()),
    }
}

/// Reads a level, in any case.
pub(super) fn level(text: &str) -> Result<Level, String> {
    Level::from_word(text).ok_or_else(|| {
        let hint = nearest(text, Level::ALL.map(Level::word)).map_or_else(String::new, |word| format!("did you mean {word}? "));
        format!("{hint}levels: {}", Level::ALL.map(Level::word).join(", "))
    })
}

/// Reads `500ms`, `90s`, `10m`, `1h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a number and a unit, ms, s, m or h: `90s`, `10m`".to_owned();
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    match number.checked_mul(millis) {
        Some(0) | None => Err("expected a time that can pass".to_owned()),
        Some(millis) => Ok(Duration::from_millis(millis)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_or_told() {
        let check =
            |text: &str, expect: Result<u64, ()>| assert_eq!(duration(text).map(|time| time.as_millis() as u64).map_err(drop), expect);
        check("90s", Ok(90_000));
        check("500ms", Ok(500));
        check("10m", Ok(600_000));
        check("90", Err(()));
        check("s", Err(()));
        check("0s", Err(()));
        check("99999999999999999999s", Err(()));
        assert_eq!(level("must"), Ok(Level::Must));
        assert_eq!(level("SHOUD").unwrap_err(), "did you mean SHOULD? levels: MUST, SECURITY, DEFACTO, SHOULD, MAY");
    }
}
