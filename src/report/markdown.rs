//! The Markdown report: a summary for a pull request, with totals, what is broken, and transcripts that unfold.
//!
//! Long runs are cut, and that is said: a comment on a pull request has room for some 65,000 characters.

use std::fmt::Write as _;
use std::io;

use super::meaning::{cases, meaning};
use super::planned::Planned;
use super::standing::Standing;
use super::tally::{OfLevel, Tally};
use super::{Report, Sink, plain};
use crate::judge::verdict::{Finding, Verdict};
use crate::requirement::{Catalogue, Level};
use crate::run::event::{CaseReport, Event, Summary};

/// Bytes of all failures at length; the others are named only.
const ROOM: usize = 40_000;
/// Rows of a table, lines of a list.
const ROWS: usize = 60;

/// Collects what is to be told, and writes it at the end.
#[derive(Debug)]
pub struct MarkdownReport {
    sink: Sink,
    strict: bool,
    planned: Planned,
    tally: Tally,
    /// What is not as expected: the id, and how it is told at length.
    failures: Vec<(String, String)>,
    /// What is known: the id, and the reason.
    known: Vec<(String, String)>,
}

/// A text in a line of Markdown, without anything that Markdown or HTML would read.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in plain::printable(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '@' => {
                write!(escaped, "&#{};", u32::from(c)).expect("a String takes all");
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

/// A text as code, in HTML: that needs no counting of backticks, and stands in tables too.
fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

/// Lines in a fence that none of them can close.
fn fenced(lines: &[String]) -> String {
    let text = lines.join("\n");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}\n{fence}\n")
}

impl MarkdownReport {
    /// A report that goes there. `strict`: a deviation is a failure.
    #[must_use]
    pub fn new(sink: Sink, strict: bool) -> Self {
        let (failures, known) = (Vec::new(), Vec::new());
        Self { sink, strict, planned: Planned::default(), tally: Tally::default(), failures, known }
    }

    fn case(&mut self, report: &CaseReport) {
        self.tally.add(report);
        let standing = Standing::of(report, self.strict);
        if let Standing::Known(reason) = standing {
            self.known.push((report.case.id.clone(), reason.to_owned()));
        } else if standing.is_unexpected() {
            self.failures.push((report.case.id.clone(), self.failure(report)));
        }
    }

    fn failure(&self, report: &CaseReport) -> String {
        let mut text = format!("#### {} {}\n\n{}\n\n", code(&report.case.id), report.outcome.verdict, escape(&report.case.title));
        if let Some(reason) = &report.reason {
            let _ = write!(text, "{}\n\n", escape(reason));
        }
        for finding in report.outcome.findings.iter().filter(|finding| finding.verdict != Verdict::Info) {
            let Finding { verdict, facet, expected, seen, requirements, .. } = finding;
            let place = code(&format!("{}:{}", report.case.source.name, plain::line_of(report, finding)));
            let _ = writeln!(text, "- {verdict} ({facet}) at {place}: expected {}, seen {}", code(expected), code(seen));
            for id in requirements {
                let _ = writeln!(text, "  - {}", clause(id));
            }
        }
        let transcript = plain::transcript(report);
        if !transcript.is_empty() {
            let again = plain::again(&report.case, &self.planned.target.arguments);
            let fence = fenced(&transcript);
            let _ = write!(text, "\n<details><summary>transcript</summary>\n\n{fence}\n{}\n\n</details>\n", code(&again));
        }
        text + "\n"
    }

    fn totals(&self) -> String {
        let mut text = "| verdict | cases | known |\n| --- | ---: | ---: |\n".to_owned();
        for verdict in Verdict::ALL {
            let (count, known) = (self.tally.count(verdict), self.tally.known(verdict));
            let known = if known == 0 { String::new() } else { known.to_string() };
            let _ = writeln!(text, "| {verdict} | {count} | {known} |");
        }
        let levels: Vec<(Level, OfLevel)> =
            Level::ALL.into_iter().map(|level| (level, self.tally.of_level(level))).filter(|(_, of)| *of != OfLevel::default()).collect();
        if !levels.is_empty() {
            text += "\n| requirements | kept | broken | not judged |\n| --- | ---: | ---: | ---: |\n";
        }
        for (level, OfLevel { kept, broken, not_judged }) in levels {
            let _ = writeln!(text, "| {} | {kept} | {broken} | {not_judged} |", level.word());
        }
        text
    }

    fn failures(&self) -> String {
        let mut text = String::new();
        let mut named = Vec::new();
        for (id, told) in &self.failures {
            if text.len() + told.len() <= ROOM {
                text += told;
            } else {
                named.push(code(id));
            }
        }
        if !named.is_empty() {
            let _ = write!(text, "There is no room here for {} more:\n\n{}", cases(named.len()), list(&named));
        }
        if text.is_empty() { text } else { format!("\n### Not as expected\n\n{}\n", text.trim_end()) }
    }

    fn baseline(&self, summary: &Summary) -> String {
        let Some(baseline) = &summary.baseline else { return String::new() };
        let told: Vec<String> =
            plain::remarks(baseline).map(|(word, remark)| format!("{word}: {}", escape(&plain::remark(remark)))).collect();
        if told.is_empty() {
            return String::new();
        }
        let advice: Vec<String> = plain::advice(baseline, &self.planned.target).iter().map(|line| escape(line)).collect();
        format!("\n### Baseline {}\n\n{}\n{}\n", code(&baseline.source), list(&told), advice.join("  \n"))
    }

    fn remarks(&self, summary: &Summary) -> String {
        let part = plain::part(&self.planned.selected).map(|part| escape(&part));
        let unsupported =
            self.tally.unsupported.iter().map(|(reason, count)| format!("unsupported: {}: {}", cases(*count), escape(reason)));
        let mut lines: Vec<String> = part.into_iter().chain(unsupported).collect();
        if self.planned.slow != 0 {
            lines.push(format!("not run: {} of class slow (--slow runs them)", cases(self.planned.slow)));
        }
        let not_played = self.planned.not_played().len();
        if not_played != 0 {
            lines.push(format!("not played: {}: {}", cases(not_played), escape(plain::not_played(summary))));
        }
        if lines.is_empty() { String::new() } else { format!("\n{}", list(&lines)) }
    }

    fn write(&mut self, summary: &Summary) -> io::Result<()> {
        let (_, meaning) = meaning(&self.planned.target, &self.tally, summary, self.strict);
        let name = escape(&plain::name(&self.planned.target));
        let mut text = format!("## ftpspec: {name}\n\n{}\n\n{}", escape(&meaning), self.totals());
        text += &self.failures();
        text += &self.baseline(summary);
        if !self.known.is_empty() {
            let rows: Vec<String> = self.known.iter().map(|(id, reason)| format!("{}: {}", code(id), escape(reason))).collect();
            let count = cases(rows.len());
            let _ = write!(text, "\n<details><summary>{count} known to fail</summary>\n\n{}\n</details>\n", list(&rows));
        }
        text += &self.remarks(summary);
        self.sink.put(text.as_bytes())
    }
}

/// A requirement with its level, place and statement.
fn clause(id: &str) -> String {
    Catalogue::built_in().find(id).map_or_else(
        || code(id),
        |requirement| {
            let (level, place) = (requirement.level.word(), escape(&requirement.clause()));
            format!("**{level}** {place} ({}): {}", code(id), escape(&requirement.statement))
        },
    )
}

fn list(lines: &[String]) -> String {
    let more = lines.len().saturating_sub(ROWS);
    let more = (more != 0).then(|| format!("- and {more} more\n"));
    lines.iter().take(ROWS).map(|line| format!("- {line}\n")).chain(more).collect()
}

impl Report for MarkdownReport {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.planned.event(event);
        match event {
            Event::Finished(report) => {
                self.case(report);
                Ok(())
            }
            Event::Over(summary) => self.write(summary),
            Event::Planned { .. } | Event::Started { .. } | Event::Said { .. } | Event::Ended { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn written(events: &[Event]) -> String {
        sample::written(events, |sink| Box::new(MarkdownReport::new(sink, false)))
    }

    #[test]
    fn the_sample_run_as_markdown() {
        insta::assert_snapshot!(written(&sample::with_baseline()));
    }

    #[test]
    fn what_a_server_sends_is_text() {
        assert_eq!(escape("<b>|`a`*x*\n@me"), "&lt;b&gt;&#124;&#96;a&#96;&#42;x&#42; &#64;me");
        assert_eq!(fenced(&["a ```` b".to_owned()]), "`````text\na ```` b\n`````\n");
        assert_eq!(fenced(&["a".to_owned()]), "```text\na\n```\n");
        let mut events = sample::every_event();
        for event in &mut events {
            if let Event::Finished(report) = event {
                report.server_log = "```\n</details>".to_owned();
            }
        }
        let text = written(&events);
        assert_eq!(text.matches("````").count(), 2, "{text}");
    }

    #[test]
    #[expect(clippy::wildcard_enum_match_arm, reason = "one event is looked for")]
    fn long_runs_are_cut_and_say_so() {
        let mut events = sample::run();
        let failure = events.iter().find_map(|event| match event {
            Event::Finished(report) if report.index == 1 => Some(report.clone()),
            _ => None,
        });
        let failure = failure.unwrap();
        events.splice(1..1, (0..200).map(|_| Event::Finished(failure.clone())));
        let text = written(&events);
        assert!(text.len() < 65_000 && text.contains("There is no room here for") && text.contains("- and "), "{}", text.len());
    }

    #[test]
    fn a_run_that_is_well_is_short() {
        let text = written(&sample::all_well());
        assert!(text.starts_with("## ftpspec: example 1.2.3\n\nexample 1.2.3 does all that was demanded.\n"), "{text}");
        assert!(!text.contains("###"), "{text}");
        assert!(written(&sample::not_started()).contains("could not be judged: &#96;exampled&#96; is not installed"));
    }
}
