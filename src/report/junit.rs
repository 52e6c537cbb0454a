//! The `JUnit` report, for CI systems: a suite a topic, a test case a case.
//!
//! A known failure and what is unsupported are `skipped` with the reason; what came to no verdict is an `error`; an entry of
//! the baseline that is no longer true is a failure of a suite of its own.

use std::io;

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite, XmlString};

use super::planned::Planned;
use super::standing::Standing;
use super::{Report, Sink, plain};
use crate::run::event::{CaseReport, Event, Summary};

/// The suite of what is wrong with the baseline.
const BASELINE: &str = "baseline";

/// Collects the cases, and writes them at the end.
#[derive(Debug)]
pub struct JunitReport {
    sink: Sink,
    strict: bool,
    planned: Planned,
    suites: Vec<TestSuite>,
}

/// A text that may stand in XML 1.0: `XmlString` leaves out control characters, and not the two that Unicode has for nothing.
fn legal(text: &str) -> XmlString {
    XmlString::new(text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}"))
}

impl JunitReport {
    /// A report that goes there. `strict`: a deviation is a failure.
    #[must_use]
    pub fn new(sink: Sink, strict: bool) -> Self {
        Self { sink, strict, planned: Planned::default(), suites: Vec::new() }
    }

    /// Puts a case into the suite of its topic.
    fn add(&mut self, topic: &str, mut case: TestCase) {
        case.set_classname(topic);
        let place = self.suites.iter().position(|suite| suite.name.as_str() == topic).unwrap_or_else(|| {
            self.suites.push(TestSuite::new(topic));
            self.suites.len() - 1
        });
        let suite = &mut self.suites[place];
        suite.set_time(suite.time.unwrap_or_default() + case.time.unwrap_or_default());
        suite.add_test_case(case);
    }

    fn case(&self, report: &CaseReport) -> TestCase {
        let standing = Standing::of(report, self.strict);
        let mut status = match standing {
            Standing::AsExpected => TestCaseStatus::success(),
            Standing::Known(_) | Standing::Unsupported(_) => TestCaseStatus::skipped(),
            Standing::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Standing::Inconclusive | Standing::Broken => TestCaseStatus::non_success(NonSuccessKind::Error),
        };
        let mut lines = plain::findings(report);
        match standing {
            Standing::AsExpected => {}
            Standing::Known(reason) => drop(status.set_message(legal(&format!("known: {reason}")))),
            Standing::Unsupported(reason) => drop(status.set_message(legal(reason))),
            Standing::Failed | Standing::Inconclusive | Standing::Broken => {
                let facet = report.outcome.gravest().map_or_else(String::new, |finding| format!(".{}", finding.facet));
                status.set_type(format!("{}{facet}", report.outcome.verdict)).set_message(legal(&plain::headline(report)));
                lines.extend([String::new()].into_iter().chain(plain::transcript(report)));
                lines.extend([String::new(), plain::again(&report.case, &self.planned.target.arguments)]);
                status.set_description(legal(&lines.join("\n")));
            }
        }
        let mut case = TestCase::new(report.case.id.as_str(), status);
        case.set_time(report.duration);
        if !standing.is_unexpected() && !lines.is_empty() {
            case.set_system_out(legal(&lines.join("\n")));
        }
        case
    }

    fn write(&mut self, summary: &Summary) -> io::Result<()> {
        let why = plain::not_played(summary);
        let not_played: Vec<String> = self.planned.not_played().into_iter().map(str::to_owned).collect();
        for id in &not_played {
            let mut status = TestCaseStatus::skipped();
            status.set_message(legal(&format!("not played: {why}")));
            self.add(id.split('/').next().unwrap_or_default(), TestCase::new(id.as_str(), status));
        }
        if summary.not_started.is_some() || summary.cut_short.is_some() {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("incomplete").set_message(legal(why));
            self.add("run", TestCase::new("the whole plan is played", status));
        }
        for (word, remark) in summary.baseline.iter().flat_map(plain::remarks) {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(format!("{BASELINE}.{word}")).set_message(legal(&plain::remark(remark)));
            self.add(BASELINE, TestCase::new(format!("{word}: {}", remark.id), status));
        }
        let part = plain::part(&self.planned.selected).map_or_else(String::new, |part| format!(", {part}"));
        let mut document = Document::new(legal(&format!("ftpspec: {}{part}", plain::name(&self.planned.target))));
        document.set_time(summary.duration);
        document.add_test_suites(std::mem::take(&mut self.suites));
        let text = document.to_string().map_err(io::Error::other)?;
        self.sink.put(text.as_bytes())
    }
}

impl Report for JunitReport {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.planned.event(event);
        match event {
            Event::Finished(report) => {
                let case = self.case(report);
                self.add(report.case.topic(), case);
                Ok(())
            }
            Event::Over(summary) => self.write(summary),
            Event::Planned { .. } | Event::Started { .. } | Event::Said { .. } | Event::Ended { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use quick_xml::events::Event as Xml;

    use super::*;
    use crate::report::sample;

    fn written(events: &[Event], strict: bool) -> String {
        sample::written(events, |sink| Box::new(JunitReport::new(sink, strict)))
    }

    /// The names of elements, each with the values of its attributes; panics where the text is no XML 1.0.
    #[expect(clippy::wildcard_enum_match_arm, reason = "only elements are looked at")]
    fn elements(text: &str) -> Vec<(String, String)> {
        let legal = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(text.chars().all(legal), "{text}");
        let mut reader = quick_xml::Reader::from_str(text);
        reader.config_mut().check_end_names = true;
        let (mut elements, mut depth) = (Vec::new(), 0);
        loop {
            let event = reader.read_event().unwrap();
            let (start, opens) = match &event {
                Xml::Start(start) => (start, 1),
                Xml::Empty(start) => (start, 0),
                Xml::End(_) => {
                    depth -= 1;
                    continue;
                }
                Xml::Eof => break,
                _ => continue,
            };
            depth += opens;
            let values = start.attributes().map(|attribute| String::from_utf8(attribute.unwrap().value.into_owned()).unwrap());
            let values = values.collect::<Vec<_>>().join(" ");
            elements.push((String::from_utf8(start.name().as_ref().to_vec()).unwrap(), values));
        }
        assert_eq!(depth, 0);
        elements
    }

    fn check(events: &[Event], strict: bool, expect: [(&str, usize); 4]) {
        let text = written(events, strict);
        let elements = elements(&text);
        let count = |name: &str| elements.iter().filter(|(element, _)| element == name).count();
        assert_eq!(expect.map(|(name, _)| (name, count(name))), expect, "{text}");
    }

    #[test]
    fn each_case_is_a_test_case() {
        check(&sample::run(), false, [("testcase", 8), ("failure", 2), ("error", 1), ("skipped", 2)]);
        check(&sample::run(), true, [("testcase", 8), ("failure", 3), ("error", 1), ("skipped", 2)]);
        check(&sample::all_well(), true, [("testcase", 1), ("failure", 0), ("error", 0), ("skipped", 0)]);
        check(&sample::not_started(), false, [("testcase", 9), ("failure", 0), ("error", 1), ("skipped", 8)]);
        check(&sample::cut_short(), false, [("testcase", 9), ("failure", 1), ("error", 1), ("skipped", 6)]);
        check(&sample::with_baseline(), false, [("testcase", 11), ("failure", 5), ("error", 1), ("skipped", 2)]);
    }

    #[test]
    fn whatever_a_server_sends_is_xml() {
        let mut events = sample::every_event();
        for event in &mut events {
            if let Event::Finished(report) = event {
                report.server_log = (0..=0x2ff_u32).filter_map(char::from_u32).collect::<String>() + "\u{fffe}]]></failure>";
                report.reason = Some("<&\u{ffff}\"'\u{0}\u{1b}[31m>".to_owned());
                report.known = None;
            }
        }
        check(&events, false, [("testcase", 1), ("failure", 0), ("error", 1), ("skipped", 0)]);
    }

    #[test]
    fn the_sample_run_as_junit() {
        insta::assert_snapshot!(written(&sample::with_baseline(), false));
    }
}
