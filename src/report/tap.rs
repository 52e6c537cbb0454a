//! The TAP report, version 14: a test point a case, in the order of the plan.
//!
//! A known failure is a `TODO`, what is unsupported a `SKIP`; an entry of the baseline that is no longer true is a test point
//! of its own behind the cases. What ended early bails out.

use std::fmt::Write as _;
use std::io;

use super::planned::Planned;
use super::standing::Standing;
use super::{Report, Sink, plain};
use crate::run::event::{CaseReport, Event, Summary};

/// Collects the test points, and writes them at the end.
#[derive(Debug)]
pub struct TapReport {
    sink: Sink,
    strict: bool,
    planned: Planned,
    text: String,
}

/// A text in a line of its own: without control characters, and without what would begin a directive.
fn word(text: &str) -> String {
    plain::printable(text).replace('\\', "\\\\").replace('#', "\\#")
}

/// A YAML 1.2 text in quotes; JSON's texts are such.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl TapReport {
    /// A report that goes there. `strict`: a deviation is a failure.
    #[must_use]
    pub fn new(sink: Sink, strict: bool) -> Self {
        Self { sink, strict, planned: Planned::default(), text: String::new() }
    }

    /// A line; nothing that could fail.
    fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("a String takes all");
    }

    fn case(&mut self, report: &CaseReport) {
        let standing = Standing::of(report, self.strict);
        let (result, directive) = match standing {
            Standing::AsExpected => ("ok", String::new()),
            Standing::Known(reason) => ("not ok", format!(" # TODO {}", word(reason))),
            Standing::Unsupported(reason) => ("ok", format!(" # SKIP {}", word(reason))),
            Standing::Failed | Standing::Inconclusive | Standing::Broken => ("not ok", String::new()),
        };
        self.line(&format!("{result} {} - {}{directive}", report.index + 1, word(&report.case.id)));
        if standing == Standing::AsExpected && report.outcome.findings.is_empty() || matches!(standing, Standing::Unsupported(_)) {
            return;
        }
        self.line("  ---");
        self.line(&format!("  verdict: {}", report.outcome.verdict));
        self.line(&format!("  message: {}", quoted(&plain::headline(report))));
        self.line(&format!("  title: {}", quoted(&report.case.title)));
        self.line(&format!("  duration_ms: {}", report.duration.as_millis()));
        self.list("findings", &plain::findings(report));
        if standing.is_unexpected() {
            self.list("transcript", &plain::transcript(report));
            self.line(&format!("  again: {}", quoted(&plain::again(&report.case, &self.planned.target.arguments))));
        }
        self.line("  ...");
    }

    fn list(&mut self, key: &str, lines: &[String]) {
        if !lines.is_empty() {
            self.line(&format!("  {key}:"));
            lines.iter().for_each(|line| self.line(&format!("    - {}", quoted(line))));
        }
    }

    fn write(&mut self, summary: &Summary) -> io::Result<()> {
        let mut number = self.planned.len();
        for (kind, remark) in summary.baseline.iter().flat_map(plain::remarks) {
            number += 1;
            self.line(&format!("not ok {number} - baseline {kind}: {}", word(&plain::remark(remark))));
        }
        if summary.not_started.is_some() || summary.cut_short.is_some() {
            self.line(&format!("Bail out! {}", word(plain::not_played(summary))));
        }
        let part = plain::part(&self.planned.selected).map_or_else(String::new, |part| format!(", {part}"));
        let target = word(&(plain::name(&self.planned.target) + &part));
        let nothing = if number == 0 { " # SKIP nothing was selected" } else { "" };
        let text = format!("TAP version 14\n# {target}\n1..{number}{nothing}\n{}", self.text);
        self.sink.put(text.as_bytes())
    }
}

impl Report for TapReport {
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

    fn written(events: &[Event], strict: bool) -> String {
        sample::written(events, |sink| Box::new(TapReport::new(sink, strict)))
    }

    /// Test points that are ok, not ok, skipped, to do; each line must be one that TAP 14 knows.
    fn check(events: &[Event], strict: bool, expect: [usize; 4]) -> String {
        let text = written(events, strict);
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("TAP version 14"));
        let (mut counts, mut in_yaml, mut numbers) = ([0; 4], false, Vec::new());
        for line in lines {
            if in_yaml || line == "  ---" {
                in_yaml = line != "  ...";
                assert!(line.starts_with("  ") && line.chars().all(|c| !c.is_control()), "{line}");
                continue;
            }
            let point = line.strip_prefix("not ").unwrap_or(line).strip_prefix("ok ");
            let Some(point) = point else {
                assert!(line.starts_with("# ") || line.starts_with("1..") || line.starts_with("Bail out! "), "{line}");
                continue;
            };
            numbers.push(point.split(' ').next().unwrap().parse::<usize>().unwrap());
            let kind = match line.rsplit_once(" # ") {
                Some((_, directive)) if directive.starts_with("SKIP") => 2,
                Some((_, directive)) if directive.starts_with("TODO") => 3,
                _ => usize::from(line.starts_with("not")),
            };
            counts[kind] += 1;
        }
        assert_eq!((counts, in_yaml), (expect, false), "{text}");
        assert!(numbers.iter().enumerate().all(|(place, number)| place + 1 == *number), "{numbers:?}");
        text
    }

    #[test]
    fn each_case_is_a_test_point() {
        check(&sample::run(), false, [3, 3, 1, 1]);
        check(&sample::run(), true, [2, 4, 1, 1]);
        check(&sample::with_baseline(), false, [3, 6, 1, 1]);
        assert!(check(&sample::not_started(), false, [0; 4]).contains("\nBail out! `exampled` is not installed\n"));
        assert!(check(&sample::cut_short(), false, [1, 1, 0, 0]).starts_with("TAP version 14\n# example 1.2.3\n1..8\n"));
        check(&sample::every_event(), false, [0, 1, 0, 0]);
    }

    #[test]
    fn no_word_begins_a_directive() {
        assert_eq!(word("a#b # SKIP \\\n"), "a\\#b \\# SKIP \\\\ ");
    }

    #[test]
    fn the_sample_run_as_tap() {
        insta::assert_snapshot!(written(&sample::with_baseline(), false));
    }
}
