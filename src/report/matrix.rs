//! Many servers in one report: a line as each of them is over, and a table of all at the end.
//!
//! Responsible for what is shown of a matrix, and for keeping each run as a [`Record`]. Where the records go is `cli`'s matter.

use std::fmt;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Report as _;
use super::meaning::{cases, meaning};
use super::paint::Paint;
use super::record::{Record, Recorder};
use super::standing::Standing;
use super::tally::Tally;
use super::transcript::{seconds, wrap};
use crate::judge::verdict::Verdict;
use crate::run::event::{CaseReport, Event, Summary, TargetInfo};

/// How a matrix is shown.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Columns of the terminal.
    pub width: usize,
    /// Colours.
    pub color: bool,
    /// Bars on standard error, one for each server under way.
    pub progress: bool,
    /// Deviations count as failures.
    pub strict: bool,
}

/// Shows a matrix, and keeps its runs.
pub struct MatrixReport {
    out: Box<dyn Write + Send>,
    options: Options,
    paint: Paint,
    bars: Option<MultiProgress>,
    columns: Vec<Column>,
}

impl fmt::Debug for MatrixReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MatrixReport").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A server of the matrix.
struct Column {
    label: String,
    target: TargetInfo,
    tally: Tally,
    recorder: Recorder,
    summary: Option<Summary>,
    /// What is not as expected: the case, and how.
    odd: Vec<String>,
    bar: Option<ProgressBar>,
}

/// Lines about one server that are told at the end; the reports have them all.
const ODD: usize = 12;

impl MatrixReport {
    /// Shows servers of these names, in this order.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, labels: Vec<String>, options: Options) -> Self {
        let column = |label| Column {
            label,
            target: TargetInfo::default(),
            tally: Tally::default(),
            recorder: Recorder::default(),
            summary: None,
            odd: Vec::new(),
            bar: None,
        };
        let bars = options.progress.then(MultiProgress::new);
        Self { out, options, paint: Paint { color: options.color }, bars, columns: labels.into_iter().map(column).collect() }
    }

    /// Takes the next event of a server.
    ///
    /// # Errors
    /// Where the output cannot be written.
    pub fn event(&mut self, server: usize, event: &Event) -> io::Result<()> {
        let width = self.columns.iter().map(|column| column.label.len()).max().unwrap_or(0);
        let Some(column) = self.columns.get_mut(server) else { return Ok(()) };
        let mut named = event.clone();
        match &mut named {
            Event::Planned { target, cases, .. } => {
                target.name.clone_from(&column.label);
                column.target = target.clone();
                column.bar = self.bars.as_ref().map(|bars| bars.add(bar(&column.label, width, cases.len())));
            }
            Event::Ended { .. } => column.bar.iter().for_each(|bar| bar.inc(1)),
            Event::Finished(report) => {
                column.tally.add(report);
                if Standing::of(report, self.options.strict).is_unexpected() {
                    column.odd.push(odd(report));
                }
            }
            Event::Over(summary) => {
                column.summary = Some(summary.clone());
                if let Some(bar) = column.bar.take() {
                    bar.finish_and_clear();
                }
            }
            Event::Started { .. } | Event::Said { .. } => {}
        }
        column.recorder.event(&named)?;
        if let Event::Over(summary) = event {
            let (verdict, text) = meaning(&column.target, &column.tally, summary, self.options.strict);
            let line = format!("{:<width$}  {}", column.label, self.paint.verdict(verdict, &text));
            let lines = wrap(&line, self.options.width, width + 2, usize::MAX).join("\n");
            let mut tell = || writeln!(self.out, "{lines}");
            match &self.bars {
                Some(bars) => bars.suspend(tell)?,
                None => tell()?,
            }
        }
        Ok(())
    }

    /// Shows the table, once all servers are over.
    ///
    /// # Errors
    /// Where the output cannot be written.
    pub fn finish(&mut self) -> io::Result<()> {
        let mut lines = Vec::new();
        for column in self.columns.iter().filter(|column| !column.odd.is_empty()) {
            lines.extend([String::new(), self.paint.bold(&column.label)]);
            let told = column.odd.iter().take(ODD).map(|line| cut(line, self.options.width.saturating_sub(2)));
            lines.extend(told.map(|line| format!("  {line}")));
            if column.odd.len() > ODD {
                lines.push(format!("  and {} more", column.odd.len() - ODD));
            }
        }
        let left = self.columns.iter().flat_map(|column| column.summary.iter().flat_map(|summary| &summary.left));
        lines.extend(left.map(|left| format!("left: {left}")));
        lines.push(String::new());
        lines.extend(table(&self.columns).iter().map(|row| cut(row.trim_end(), self.options.width)));
        writeln!(self.out, "{}", lines.join("\n"))?;
        self.out.flush()
    }

    /// The runs, in the order of the servers; those that came to an end, however.
    #[must_use]
    pub fn records(self) -> Vec<Record> {
        self.columns.into_iter().filter_map(|column| column.recorder.record()).collect()
    }
}

fn bar(label: &str, width: usize, cases: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} [{bar:20}] {pos}/{len} {elapsed:>4}").expect("a template that reads");
    let bar = ProgressBar::new(cases as u64).with_style(style.progress_chars("=> "));
    bar.set_prefix(format!("{label:<width$}"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A case that is not as expected, in a line.
fn odd(report: &CaseReport) -> String {
    let seen = report.outcome.gravest().map(|finding| finding.seen.clone()).or_else(|| report.reason.clone()).unwrap_or_default();
    format!("{} {}: {seen}", report.outcome.verdict, report.case.id)
}

/// A line in so many columns.
fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        line.to_owned()
    } else {
        format!("{}..", line.chars().take(width.saturating_sub(2)).collect::<String>())
    }
}

/// The words over the columns, and how a row fills them.
const HEADS: [&str; 10] = ["", "version", "pass", "deviation", "info", "fail", "known", "unsupported", "inconclusive", "time"];

fn row(column: &Column) -> [String; HEADS.len()] {
    let Column { label, target, tally, summary, .. } = column;
    let version = target.version.clone().unwrap_or_default();
    let time = summary.as_ref().map_or_else(String::new, |summary| seconds(summary.duration));
    if let Some(reason) = summary.as_ref().and_then(|summary| summary.not_started.as_ref()) {
        let reason = reason.lines().next().unwrap_or_default().to_owned();
        let mut row: [String; HEADS.len()] = Default::default();
        row[0].clone_from(label);
        row[1] = format!("not started: {reason}");
        return row;
    }
    let count = |verdict| tally.count(verdict).to_string();
    let inconclusive = tally.count(Verdict::Inconclusive) + tally.count(Verdict::Error);
    let known = tally.known(Verdict::Fail) + tally.known(Verdict::Inconclusive);
    [
        label.clone(),
        version,
        count(Verdict::Pass),
        count(Verdict::Deviation),
        count(Verdict::Info),
        count(Verdict::Fail),
        known.to_string(),
        count(Verdict::Unsupported),
        inconclusive.to_string(),
        time,
    ]
}

fn table(columns: &[Column]) -> Vec<String> {
    let rows: Vec<_> = std::iter::once(HEADS.map(str::to_owned)).chain(columns.iter().map(row)).collect();
    let wide = |place: usize| {
        // What did not start says so across all columns.
        let cells = rows.iter().filter(|row| place != 1 || !row[2].is_empty()).map(|row| row[place].len());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEADS.len()).map(wide).collect();
    let cell = |(place, text): (usize, &String)| {
        if place < 2 { format!("{text:<width$}", width = widths[place]) } else { format!("{text:>width$}", width = widths[place]) }
    };
    rows.iter().map(|row| row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ")).collect()
}

/// The table as Markdown, for a pull request.
#[must_use]
pub fn markdown(records: &[Record]) -> String {
    let mut text = String::from("| server | version | pass | deviation | info | fail | known | unsupported | inconclusive | error |\n");
    text.push_str("| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: |\n");
    for record in records {
        let name = super::markdown::escape(&record.target.name);
        if let Some(reason) = &record.not_started {
            let reason = super::markdown::escape(reason.lines().next().unwrap_or_default());
            let _ = writeln!(text, "| {name} | not started: {reason} | | | | | | | | |");
            continue;
        }
        let version = super::markdown::escape(record.target.version.as_deref().unwrap_or("?"));
        let known = record.cases.iter().filter(|case| case.known.is_some()).count();
        let super::record::Totals { pass, deviation, info, fail, unsupported, inconclusive, error } = &record.totals;
        let _ = writeln!(
            text,
            "| {name} | {version} | {pass} | {deviation} | {info} | {fail} | {known} | {unsupported} | {inconclusive} | {error} |"
        );
    }
    let odd = |record: &Record| {
        let of = |case: &&super::record::CaseRecord| case.known.is_none() && case.verdict.fails(false);
        record.cases.iter().filter(of).map(|case| case.id.clone()).collect::<Vec<_>>()
    };
    for record in records {
        let odd = odd(record);
        if !odd.is_empty() {
            let _ = writeln!(text, "\n{}, not known: {}", super::markdown::escape(&record.target.name), cases(odd.len()));
            text.extend(odd.iter().map(|id| format!("- `{id}`\n")));
        }
    }
    text
}
