//! The report for people: progress while the run goes on, then what is not as expected, then totals.
//!
//! Cases are told in the order of the plan, whatever finishes first. What passes is not told unless asked for. Colours and
//! progress are the caller's choice; without them the output is plain text, line by line.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use super::Report;
use super::paint::Paint;
use super::standing::Standing;
use super::tally::Tally;
use super::transcript::{self, Lanes, seconds};
use crate::ftp::transcript as ftp;
use crate::judge::verdict::Verdict;
use crate::run::event::{CaseReport, Event, TargetInfo};
use crate::scenario::model::Case;
use progress::Progress;

mod block;
mod progress;
mod summary;

/// Columns of a case's id before a live transcript.
const PREFIX: usize = 24;

/// How much is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// `-q`: one line for each case that is not as expected, and the totals.
    Quiet,
    /// What is not as expected, at length.
    #[default]
    Usual,
    /// `-v`: also each transcript as it happens, and a line for each case that passes.
    Verbose,
}

/// How it is told.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Columns of the screen.
    pub width: usize,
    /// ANSI colours.
    pub color: bool,
    /// A bar on standard error while the run goes on; only for a terminal.
    pub progress: bool,
    /// How much.
    pub verbosity: Verbosity,
    /// A deviation fails the run.
    pub strict: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { width: 100, color: false, progress: false, verbosity: Verbosity::Usual, strict: false }
    }
}

/// Tells a run to a person.
pub struct TerminalReport {
    out: Box<dyn Write + Send>,
    options: Options,
    paint: Paint,
    target: TargetInfo,
    plan: Vec<Arc<Case>>,
    slow: usize,
    running: BTreeSet<usize>,
    tally: Tally,
    silence: std::time::Duration,
    progress: Progress,
    /// The last line said was empty.
    at_gap: bool,
}

impl fmt::Debug for TerminalReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TerminalReport").field("options", &self.options).finish_non_exhaustive()
    }
}

impl TerminalReport {
    /// A report that goes there.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, options: Options) -> Self {
        Self {
            out,
            options,
            paint: Paint { color: options.color },
            target: TargetInfo::default(),
            plan: Vec::new(),
            slow: 0,
            running: BTreeSet::new(),
            tally: Tally::default(),
            silence: std::time::Duration::ZERO,
            progress: Progress::new(options.progress && options.verbosity == Verbosity::Usual),
            at_gap: true,
        }
    }

    /// Writes lines above the progress bar.
    fn say(&mut self, lines: &[String]) -> io::Result<()> {
        let Some(last) = lines.last() else {
            return Ok(());
        };
        self.at_gap = last.is_empty();
        let mut text = lines.join("\n");
        text.push('\n');
        let out = &mut self.out;
        self.progress.aside(|| out.write_all(text.as_bytes()).and_then(|()| out.flush()))
    }

    /// A transcript's event as it happens.
    fn live(&self, index: usize, event: &ftp::Event) -> Vec<String> {
        let several = self.running.len() > 1;
        let prefix = match self.plan.get(index) {
            Some(case) if several => format!("{:<PREFIX$} ", shorten(&case.id, PREFIX)),
            Some(_) | None => String::new(),
        };
        let session = self.plan.get(index).map_or(0, |case| case.roles.iter().map(|role| role.name.len()).max().unwrap_or(0));
        let lanes = Lanes::new(self.options.width.saturating_sub(prefix.len()), session, true);
        let prefix = self.paint.dim(&prefix);
        transcript::rows(event).iter().flat_map(|row| lanes.draw(row)).map(|line| format!("{prefix}{line}")).collect()
    }

    fn finished(&self, report: &CaseReport) -> Vec<String> {
        let verdict = report.outcome.verdict;
        let standing = Standing::of(report, self.options.strict);
        let unexpected = standing.is_unexpected();
        if let (Standing::Known(reason), Verbosity::Usual | Verbosity::Verbose) = (standing, self.options.verbosity) {
            return block::known(report, reason, self.paint, self.options.width);
        }
        match self.options.verbosity {
            Verbosity::Quiet if unexpected => block::headline(report, self.paint, self.options.width),
            Verbosity::Quiet => Vec::new(),
            Verbosity::Usual | Verbosity::Verbose if unexpected => {
                block::block(report, &self.target.arguments, self.paint, self.options.width)
            }
            Verbosity::Usual => match verdict {
                Verdict::Pass | Verdict::Unsupported => Vec::new(),
                Verdict::Info | Verdict::Deviation | Verdict::Fail | Verdict::Inconclusive | Verdict::Error => {
                    block::short(report, self.paint, self.options.width)
                }
            },
            Verbosity::Verbose => block::short(report, self.paint, self.options.width),
        }
    }
}

impl Report for TerminalReport {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Planned { target, cases, slow, selected, .. } => {
                self.target = target.clone();
                self.plan.clone_from(cases);
                self.slow = *slow;
                self.progress.begin(cases.len());
                let lines = summary::opening(target, cases.len(), selected);
                if self.options.verbosity == Verbosity::Quiet { Ok(()) } else { self.say(&lines) }
            }
            Event::Started { index } => {
                self.running.insert(*index);
                self.show_progress();
                Ok(())
            }
            Event::Said { index, event } => {
                if self.options.verbosity == Verbosity::Verbose {
                    let lines = self.live(*index, event);
                    return self.say(&lines);
                }
                Ok(())
            }
            Event::Ended { index, verdict } => {
                self.running.remove(index);
                self.progress.count(*verdict);
                self.show_progress();
                Ok(())
            }
            Event::Finished(report) => {
                self.tally.add(report);
                self.silence += report.silence;
                let lines = self.finished(report);
                self.say(&lines)
            }
            Event::Over(summary) => {
                self.progress.end();
                if !self.at_gap && self.options.verbosity != Verbosity::Quiet {
                    self.say(&[String::new()])?;
                }
                let lines = summary::closing(&summary::Closing {
                    target: &self.target,
                    tally: &self.tally,
                    summary,
                    silence: self.silence,
                    slow: self.slow,
                    strict: self.options.strict,
                    quiet: self.options.verbosity == Verbosity::Quiet,
                    paint: self.paint,
                    width: self.options.width,
                });
                self.say(&lines)
            }
        }
    }
}

impl TerminalReport {
    fn show_progress(&self) {
        let names: Vec<&str> = self.running.iter().filter_map(|index| self.plan.get(*index)).map(|case| case.id.as_str()).collect();
        self.progress.show(&names);
    }
}

/// A text in so many columns: the end is told, because it tells most in an id.
fn shorten(text: &str, columns: usize) -> String {
    let count = text.chars().count();
    if count <= columns { text.to_owned() } else { format!("..{}", text.chars().skip(count + 2 - columns).collect::<String>()) }
}

/// How long a case took, for the end of a line.
fn took(report: &CaseReport) -> String {
    format!("({})", seconds(report.duration))
}

#[cfg(test)]
mod tests;
