//! A case in plain text, for reports that put it into a frame of their own.

use super::meaning::cases;
use super::transcript::{Lanes, Row, rows};
use crate::judge::baseline::{Comparison, Remark};
use crate::judge::verdict::{Finding, Verdict};
use crate::requirement::Catalogue;
use crate::run::event::{CaseReport, Summary, TargetInfo};
use crate::run::partition::Selected;
use crate::scenario::model::Case;

/// Columns of a transcript.
const WIDTH: usize = 120;
/// Lines of a transcript that are told, from its end: what failed is rarely at the beginning.
const LINES: usize = 120;

/// The line of a finding in the scenario's file, from 1.
pub(super) fn line_of(report: &CaseReport, finding: &Finding) -> usize {
    1 + report.case.source.text.as_bytes().iter().take(finding.span.start).filter(|byte| **byte == b'\n').count()
}

/// What a line demands: without the requirement ids at its end.
pub(super) fn without_citations(said: &str) -> &str {
    let said = said.trim_end();
    let Some(before) = said.strip_suffix(']').and_then(|open| open.rsplit_once(" [")).map(|(before, _)| before.trim_end()) else {
        return said;
    };
    if before.is_empty() { said } else { before }
}

/// What was demanded and seen, in one line.
pub(super) fn sentence(finding: &Finding) -> String {
    match finding.verdict {
        Verdict::Info => finding.seen.clone(),
        Verdict::Pass | Verdict::Deviation | Verdict::Unsupported | Verdict::Fail | Verdict::Inconclusive | Verdict::Error => {
            format!("expected {}; seen {}", finding.expected, finding.seen)
        }
    }
}

/// Why a case ended as it did, in one line: its gravest finding, or the reason.
pub(super) fn headline(report: &CaseReport) -> String {
    report.outcome.gravest().map(sentence).or_else(|| report.reason.clone()).unwrap_or_default()
}

/// All findings, each with its place and its clauses.
pub(super) fn findings(report: &CaseReport) -> Vec<String> {
    let mut lines: Vec<String> = report.reason.iter().cloned().collect();
    for finding in &report.outcome.findings {
        let place = format!("{}:{}", report.case.source.name, line_of(report, finding));
        lines.push(format!("{place}: {} ({}): {}", finding.verdict, finding.facet, sentence(finding)));
        lines.extend(finding.requirements.iter().map(|id| format!("  {}", clause(id))));
    }
    lines
}

/// A requirement in one line: level, place, id, statement.
pub(super) fn clause(id: &str) -> String {
    Catalogue::built_in().find(id).map_or_else(
        || id.to_owned(),
        |requirement| format!("{}  {}  {id}: {}", requirement.level, requirement.clause(), requirement.statement),
    )
}

/// What was said, and what the server wrote meanwhile.
pub(super) fn transcript(report: &CaseReport) -> Vec<String> {
    let all: Vec<Row> = report.transcript.events.iter().flat_map(rows).collect();
    let lanes = Lanes::fitting(WIDTH, all.iter());
    let drawn: Vec<String> = all.iter().flat_map(|row| lanes.draw(row)).collect();
    let from = drawn.len().saturating_sub(LINES);
    let mut lines = Vec::new();
    if from != 0 {
        lines.push(format!(".. {from} earlier lines"));
    }
    lines.extend_from_slice(&drawn[from..]);
    if !report.server_log.trim().is_empty() {
        lines.push("the server's log:".to_owned());
        lines.extend(report.server_log.lines().map(|line| format!("  {}", printable(line))));
    }
    lines
}

/// A text without control characters.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The command that plays a case again.
pub(super) fn again(case: &Case, arguments: &str) -> String {
    command(&case.id, &case.source.name, arguments)
}

/// The command that plays a case again: by its id, or by its file where that is no part of the suite.
pub(super) fn command(id: &str, file: &str, arguments: &str) -> String {
    let quoted = |word: &str| format!("'{}'", word.replace('\'', "'\\''"));
    let of_the_suite = file.starts_with("scenarios/");
    let row = id.contains('#');
    let mut words = vec!["ftpspec run".to_owned()];
    if !of_the_suite {
        words.push(quoted(file));
    }
    if of_the_suite || row {
        words.push(quoted(id));
    }
    words.push(arguments.to_owned());
    words.join(" ").trim_end().to_owned()
}

/// Target and version.
pub(super) fn name(target: &TargetInfo) -> String {
    target.version.as_ref().map_or_else(|| target.name.clone(), |version| format!("{} {version}", target.name))
}

/// Of what a run is a part, where it is one.
pub(super) fn part(selected: &Selected) -> Option<String> {
    let partition = selected.partition?;
    Some(format!("part {partition} of {}", cases(selected.ids.len())))
}

/// Why cases were not played.
pub(super) fn not_played(summary: &Summary) -> &str {
    summary.not_started.as_deref().or(summary.cut_short.as_deref()).unwrap_or("the run ended early")
}

/// What a baseline's entries are told to be: the word, and the remarks.
pub(super) fn remarks(baseline: &Comparison) -> impl Iterator<Item = (&'static str, &Remark)> {
    let Comparison { changed, stale, expired, .. } = baseline;
    let lists = [("changed", changed), ("stale", stale), ("expired", expired)];
    lists.into_iter().flat_map(|(word, remarks)| remarks.iter().map(move |remark| (word, remark)))
}

/// `line 12: letters/denied: the entry says ..`.
pub(super) fn remark(remark: &Remark) -> String {
    let line = remark.line.map_or_else(String::new, |line| format!("line {line}: "));
    format!("{line}{}: {}", remark.id, remark.text)
}

/// What to do about a baseline, by what is wrong with it.
pub(super) fn advice(baseline: &Comparison, target: &TargetInfo) -> Vec<String> {
    let built_in = crate::run::baseline::place(&target.name).display().to_string() == baseline.source;
    let file = if built_in { String::new() } else { format!(" --baseline {}", baseline.source) };
    let update = ["ftpspec baseline update", &target.arguments].join(" ");
    let update = format!("{}{file}", update.trim_end());
    let mut lines = Vec::new();
    if !baseline.stale.is_empty() {
        lines.push(format!("what is stale is no longer true: `{update}` drops it"));
    }
    if !baseline.changed.is_empty() {
        lines.push(format!("what is changed fails in another way: look at it, then `{update} --reason TEXT ID` writes it anew"));
    }
    if !baseline.expired.is_empty() {
        lines.push(format!("what has expired still fails: mend the server, or give the entry another day in {}", baseline.source));
    }
    lines
}
