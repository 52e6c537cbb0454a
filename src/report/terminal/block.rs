//! What a case that is not as expected says: where, what was demanded and by which clause, what came, and how to see it again.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::super::hexdump;
use super::super::plain::{again, line_of, printable, without_citations};
use super::super::transcript::{Lanes, Row, rows, seconds, wrap};
use super::took;
use crate::ftp::transcript::{DiskState, Observed, What};
use crate::judge::verdict::{Facet, Finding, Verdict};
use crate::report::paint::Paint;
use crate::requirement::Catalogue;
use crate::run::event::CaseReport;

/// Transcript events that are shown before the one that showed a finding, and behind it.
const BEFORE: usize = 12;
const AFTER: usize = 40;
/// Lines of the server's log.
const LOG: usize = 20;
/// Columns before what a labelled line says.
const LABEL: usize = 12;
/// Lines of the scenario that are shown before the one under the caret.
const CONTEXT: usize = 2;

/// Verdict, id and title in one line; the title in lines of its own where it does not fit.
pub(super) fn headline(report: &CaseReport, paint: Paint, width: usize) -> Vec<String> {
    let verdict = report.outcome.verdict;
    let word = paint.verdict(verdict, &format!("{verdict:<LABEL$}"));
    let (id, title) = (&report.case.id, &report.case.title);
    let head = format!("{word} {}", paint.bold(id));
    let took = took(report);
    let columns = LABEL + 1 + id.chars().count() + 2 + title.chars().count() + 1 + took.len();
    if columns <= width {
        return vec![format!("{head}  {title} {}", paint.dim(&took))];
    }
    let mut lines = vec![format!("{head} {}", paint.dim(&took))];
    lines.extend(wrap(title, width.saturating_sub(LABEL + 1), 0, 6).iter().map(|line| format!("{}{line}", " ".repeat(LABEL + 1))));
    lines
}

/// A case that fails as the baseline says: its id and the reason.
pub(super) fn known(report: &CaseReport, reason: &str, paint: Paint, width: usize) -> Vec<String> {
    let verdict = report.outcome.verdict;
    let word = paint.dim(&format!("{verdict:<LABEL$}"));
    let told = wrap(&format!("{}  known: {reason}", report.case.id), width.saturating_sub(LABEL + 1), 2, 3);
    let mut lines: Vec<String> = told.iter().map(|line| format!("{} {line}", " ".repeat(LABEL))).collect();
    lines[0] = format!("{word} {}", told[0]);
    lines
}

/// A case in one line and one more a finding.
pub(super) fn short(report: &CaseReport, paint: Paint, width: usize) -> Vec<String> {
    let mut lines = headline(report, paint, width);
    let indent = " ".repeat(LABEL + 1);
    let room = width.saturating_sub(LABEL + 1);
    let mut more = Vec::new();
    more.extend(report.reason.clone());
    more.extend(report.outcome.findings.iter().map(|finding| {
        let Finding { expected, seen, .. } = finding;
        let line = line_of(report, finding);
        let said = if finding.verdict == Verdict::Info { seen.clone() } else { format!("expected {expected}, seen {seen}") };
        format!("line {line}: {said}{}", cited(finding))
    }));
    lines.extend(more.iter().flat_map(|text| wrap(text, room, 2, 3)).map(|line| format!("{indent}{line}")));
    lines
}

fn cited(finding: &Finding) -> String {
    if finding.requirements.is_empty() { String::new() } else { format!("  [{}]", finding.requirements.join(" ")) }
}

/// A case at length.
pub(super) fn block(report: &CaseReport, arguments: &str, paint: Paint, width: usize) -> Vec<String> {
    let mut lines = headline(report, paint, width);
    if let Some(reason) = &report.reason {
        lines.extend(labelled("reason", reason, paint, width));
    }
    let gravest = report.outcome.findings.iter().filter(|finding| finding.verdict == report.outcome.verdict);
    for finding in gravest.clone() {
        lines.extend(at_length(report, finding, paint, width));
    }
    for finding in report.outcome.findings.iter().filter(|finding| finding.verdict != report.outcome.verdict) {
        let Finding { verdict, expected, seen, .. } = finding;
        let text = format!("line {}: expected {expected}, seen {seen}{}", line_of(report, finding), cited(finding));
        lines.extend(labelled(verdict.word(), &text, paint, width));
    }
    let shown_by = gravest.map(|finding| finding.events).min().unwrap_or(report.transcript.events.len());
    lines.extend(around(report, shown_by, paint, width));
    if !report.server_log.trim().is_empty() {
        lines.push(label("server log", paint));
        let log: Vec<&str> = report.server_log.lines().collect();
        let from = log.len().saturating_sub(LOG);
        lines.extend(log[from..].iter().flat_map(|line| wrap(&printable(line), width - 4, 2, 4)).map(|line| format!("    {line}")));
    }
    lines.push(format!("{}{}", label(&format!("{:<LABEL$}", "again"), paint), again(&report.case, arguments)));
    lines.push(String::new());
    lines
}

fn label(word: &str, paint: Paint) -> String {
    format!("  {}", paint.bold(word))
}

fn labelled(word: &str, text: &str, paint: Paint, width: usize) -> Vec<String> {
    let room = width.saturating_sub(LABEL + 2).max(20);
    let mut lines = Vec::new();
    for (number, part) in text.lines().flat_map(|line| wrap(line, room, 0, 12)).enumerate() {
        let word = if number == 0 { word } else { "" };
        lines.push(format!("{}{part}", label(&format!("{word:<LABEL$}"), paint)));
    }
    lines
}

/// One finding: the scenario's line, expected and seen, the clauses, the bytes.
fn at_length(report: &CaseReport, finding: &Finding, paint: Paint, width: usize) -> Vec<String> {
    let mut lines = snippet(report, finding, paint, width);
    lines.extend(labelled("expected", &finding.expected, paint, width));
    lines.extend(labelled("seen", &finding.seen, paint, width));
    for id in &finding.requirements {
        match Catalogue::built_in().find(id) {
            Some(requirement) => {
                let head = format!("{}  {}  {}", requirement.level, requirement.clause(), requirement.id);
                lines.extend(labelled("clause", &head, paint, width));
                lines.extend(labelled("", &requirement.statement, paint, width));
            }
            None => lines.extend(labelled("clause", id, paint, width)),
        }
    }
    let observed =
        finding.events.checked_sub(1).and_then(|place| report.transcript.events.get(place)).and_then(|event| bytes_of(&event.what));
    if finding.facet == Facet::Effect
        && let Some(difference) = observed.and_then(|observed| hexdump::compare(observed, width))
    {
        lines.extend(labelled("bytes", &difference[0], paint, width));
        let rows = difference[1..].iter();
        lines.extend(rows.map(|line| if line.starts_with('>') { paint.verdict(Verdict::Fail, line) } else { line.clone() }));
    }
    lines
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only two events carry bytes that were compared")]
fn bytes_of(what: &What) -> Option<&Observed> {
    match what {
        What::DataReceived(observed) | What::Disk { state: DiskState::File { content: observed, .. }, .. } => Some(observed),
        _ => None,
    }
}

/// What the caret stands under, in words.
fn wrong(finding: &Finding, in_control: bool) -> String {
    let facet = match finding.facet {
        Facet::Effect => "wrong effect",
        Facet::Reply => "wrong reply",
        Facet::Liveness => "the control connection is not usable",
        Facet::Timing => "at the wrong time",
    };
    let place = if in_control { " in the control" } else { "" };
    format!("{facet}{place}")
}

fn snippet(report: &CaseReport, finding: &Finding, paint: Paint, width: usize) -> Vec<String> {
    let case = &report.case;
    let text = &case.source.text;
    let in_control = case.stages.iter().any(|stage| stage.control && stage.steps.iter().any(|step| step.id == finding.step));
    let what = wrong(finding, in_control);
    let (start, end) = (finding.span.start, finding.span.end);
    let Some(said) = text.get(start..end).filter(|said| !said.trim().is_empty()) else {
        return labelled("wrong", &what, paint, width);
    };
    let end = start + without_citations(said).len();
    let start = start + (said.len() - said.trim_start().len());
    let mut source = Snippet::source(text.as_str()).path(case.source.name.as_str());
    source = source.annotation(AnnotationKind::Primary.span(start..end).label(what));
    for line in lines_before(text, start) {
        source = source.annotation(AnnotationKind::Visible.span(line));
    }
    let level = match finding.verdict {
        Verdict::Fail | Verdict::Error | Verdict::Inconclusive => Level::ERROR,
        Verdict::Deviation => Level::WARNING,
        Verdict::Pass | Verdict::Info | Verdict::Unsupported => Level::NOTE,
    };
    let group = level.no_name().secondary_title("").element(source);
    let renderer = if paint.color { Renderer::styled() } else { Renderer::plain() };
    let drawn = renderer.term_width(width).render(&[group]);
    // The empty title leaves an empty line, and the frame is open below; neither says anything.
    drawn.lines().filter(|line| !line.trim().is_empty()).map(|line| line.trim_end().to_owned()).collect()
}

/// The lines of the body that stand before the one under the caret.
fn lines_before(text: &str, start: usize) -> Vec<std::ops::Range<usize>> {
    let mut lines = Vec::new();
    let mut end = text[..start].rfind('\n').unwrap_or(0);
    while lines.len() < CONTEXT && end > 0 {
        let from = text[..end].rfind('\n').map_or(0, |place| place + 1);
        if from == end || &text[from..end] == "+++" {
            break;
        }
        lines.push(from..end);
        end = from.saturating_sub(1);
    }
    lines
}

/// The transcript around the event that showed it, and all that came after.
fn around(report: &CaseReport, shown_by: usize, paint: Paint, width: usize) -> Vec<String> {
    let events = &report.transcript.events;
    if events.is_empty() {
        return Vec::new();
    }
    let shown_by = shown_by.clamp(1, events.len());
    let from = if shown_by <= BEFORE + 2 { 0 } else { shown_by - BEFORE - 1 };
    let to = events.len().min(shown_by + AFTER);
    let told: Vec<Vec<Row>> = events[from..to].iter().map(rows).collect();
    let all: Vec<Row> = told.iter().flatten().cloned().collect();
    let lanes = Lanes::fitting(width.saturating_sub(2), all.iter());
    let mut lines = vec![label("transcript", paint)];
    if from != 0 {
        lines.push(paint.dim(&format!("    .. {from} earlier events (ftpspec run -v shows all)")));
    }
    for (place, rows) in told.iter().enumerate() {
        let place = from + place + 1;
        if place == shown_by + 1 {
            lines.push(paint.dim("  after that"));
        }
        let mark = if place == shown_by { ">" } else { " " };
        for line in rows.iter().flat_map(|row| lanes.draw(row)) {
            let line = format!("{mark} {line}");
            lines.push(if place == shown_by { paint.verdict(report.outcome.verdict, &line) } else { line });
        }
    }
    if to < events.len() {
        lines.push(paint.dim(&format!("    .. {} later events", events.len() - to)));
    }
    if !report.silence.is_zero() {
        lines.push(paint.dim(&format!("    {} of {} were spent waiting", seconds(report.silence), seconds(report.duration))));
    }
    lines
}
