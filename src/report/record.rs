//! A run as a value: what the JSON report writes, `merge` reads, and the HTML page shows.
//!
//! Responsible for turning events into a [`Record`] and for its form, which `docs/report.schema.json` describes. Bytes stand as escaped text
//! without loss ([`escape`](super::transcript::escape)). Knows no file.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Report;
use super::planned::Planned;
use crate::judge::baseline::{self, Comparison};
use crate::judge::verdict::{Facet, Finding, Verdict};
use crate::run::event::{Capability, CaseReport, Event, Summary};
use crate::run::partition::Partition;

pub mod join;
pub mod replay;

pub(in crate::report) mod transcript;

/// The form of the record; a new number where a reader could break.
pub const SCHEMA: &str = "ftpspec.report/1";

/// Collects a run.
#[derive(Debug, Default)]
pub struct Recorder {
    planned: Planned,
    totals: Totals,
    sources: BTreeMap<String, String>,
    cases: Vec<CaseRecord>,
    summary: Option<Summary>,
}

impl Recorder {
    /// The run, once it is over.
    #[must_use]
    pub fn record(self) -> Option<Record> {
        let Self { planned, totals, sources, cases, summary } = self;
        let summary = summary?;
        Some(Record {
            schema: SCHEMA.to_owned(),
            suite: SuiteRecord {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                cases: planned.len(),
                selected: planned.selected.ids.clone(),
                digest: planned.selected.digest.clone(),
                partition: planned.selected.partition,
            },
            target: TargetRecord {
                name: planned.target.name.clone(),
                version: planned.target.version.clone(),
                banner: planned.target.banner.clone(),
                arguments: planned.target.arguments.clone(),
                capabilities: planned.target.capabilities.clone(),
            },
            strict: planned.strict,
            totals,
            duration_ms: millis(summary.duration),
            interrupted: summary.interrupted,
            cut_short: summary.cut_short,
            not_started: summary.not_started,
            not_played: planned.not_played().into_iter().map(str::to_owned).collect(),
            slow_not_selected: planned.slow,
            left: summary.left,
            baseline: summary.baseline.map(BaselineRecord::of),
            sources,
            cases,
        })
    }
}

impl Report for Recorder {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.planned.event(event);
        match event {
            Event::Finished(report) => {
                self.totals.add(report.outcome.verdict);
                let source = &report.case.source;
                if !self.sources.contains_key(&source.name) {
                    self.sources.insert(source.name.clone(), source.text.clone());
                }
                self.cases.push(CaseRecord::new(report)?);
            }
            Event::Over(summary) => self.summary = Some(summary.clone()),
            Event::Planned { .. } | Event::Started { .. } | Event::Said { .. } | Event::Ended { .. } => {}
        }
        Ok(())
    }
}

/// A run of many cases on one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`SCHEMA`].
    pub schema: String,
    /// What was played.
    pub suite: SuiteRecord,
    /// What was judged.
    pub target: TargetRecord,
    /// A deviation fails the run.
    pub strict: bool,
    /// The cases by verdict.
    pub totals: Totals,
    /// Wall time, milliseconds.
    pub duration_ms: f64,
    /// Ended by ctrl-c.
    pub interrupted: bool,
    /// Why the run ended early.
    pub cut_short: Option<String>,
    /// Why the server did not start or could not be reached.
    pub not_started: Option<String>,
    /// The ids of cases that were planned and came to no end.
    pub not_played: Vec<String>,
    /// Slow cases that were selected and not played.
    pub slow_not_selected: usize,
    /// Directories that were kept or could not be removed.
    pub left: Vec<String>,
    /// What was found out about the baseline, where there is one.
    pub baseline: Option<BaselineRecord>,
    /// The texts of the scenario files of the cases, by the name that [`CaseRecord::source`] gives.
    pub sources: BTreeMap<String, String>,
    /// In the order of the plan.
    pub cases: Vec<CaseRecord>,
}

impl Record {
    /// As JSON for people and programs, with a last newline.
    ///
    /// # Errors
    /// None that is known: the form can be written.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}

/// Runs of the same cases on many targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatrixRecord {
    /// [`MATRIX`].
    pub schema: String,
    /// One for each target, in the order in which they were named.
    pub runs: Vec<Record>,
}

/// The form of a [`MatrixRecord`].
pub const MATRIX: &str = "ftpspec.matrix/1";

impl MatrixRecord {
    /// These runs.
    #[must_use]
    pub fn new(runs: Vec<Record>) -> Self {
        Self { schema: MATRIX.to_owned(), runs }
    }

    /// As JSON, with a last newline.
    ///
    /// # Errors
    /// None that is known: the form can be written.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}

/// What was played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteRecord {
    /// `ftpspec`.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// Cases that were planned.
    pub cases: usize,
    /// The ids of what was selected, of which the cases are all or a part, in the order of the suite.
    pub selected: Vec<String>,
    /// Stands for the ids and the texts of what was selected.
    pub digest: String,
    /// The part that was played; all where there is none.
    pub partition: Option<Partition>,
}

/// What was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetRecord {
    /// `libunftp`, the name of a profile.
    pub name: String,
    /// As far as it is known.
    pub version: Option<String>,
    /// The text of the greeting.
    pub banner: Option<String>,
    /// What must stand behind `ftpspec run` to get this target again.
    pub arguments: String,
    /// What it claims and what it does, as far as it was asked.
    pub capabilities: Vec<Capability>,
}

/// What was found out about a list of known failures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineRecord {
    /// Its file.
    pub source: String,
    /// Cases that are as it says.
    pub known: usize,
    /// Cases that fail and that no entry covers.
    pub new: Vec<RemarkRecord>,
    /// Cases that fail in another way than their entries say.
    pub changed: Vec<RemarkRecord>,
    /// Entries that are no longer true.
    pub stale: Vec<RemarkRecord>,
    /// Entries that would be true and whose last day is over.
    pub expired: Vec<RemarkRecord>,
}

/// Something that was found out about a baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemarkRecord {
    /// The case; the entry's own glob where it is about no case in particular.
    pub id: String,
    /// The entry's line in the baseline, from 1.
    pub line: Option<usize>,
    /// What, in words.
    pub text: String,
}

impl BaselineRecord {
    fn of(comparison: Comparison) -> Self {
        let Comparison { source, known, new, changed, stale, expired } = comparison;
        let all = |remarks: Vec<baseline::Remark>| {
            remarks.into_iter().map(|baseline::Remark { id, line, text }| RemarkRecord { id, line, text }).collect()
        };
        Self { source, known, new: all(new), changed: all(changed), stale: all(stale), expired: all(expired) }
    }
}

/// Cases by verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is a verdict")]
pub struct Totals {
    pub pass: usize,
    pub deviation: usize,
    pub info: usize,
    pub fail: usize,
    pub unsupported: usize,
    pub inconclusive: usize,
    pub error: usize,
}

impl Totals {
    /// Counts one more.
    pub fn add(&mut self, verdict: Verdict) {
        let count = match verdict {
            Verdict::Pass => &mut self.pass,
            Verdict::Deviation => &mut self.deviation,
            Verdict::Info => &mut self.info,
            Verdict::Fail => &mut self.fail,
            Verdict::Unsupported => &mut self.unsupported,
            Verdict::Inconclusive => &mut self.inconclusive,
            Verdict::Error => &mut self.error,
        };
        *count += 1;
    }
}

/// A case that was played, or that could not be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseRecord {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The name of its scenario's file.
    pub source: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Where it is unsupported, or could not be played: why, in words.
    pub reason: Option<String>,
    /// Why the failure is known, from the baseline.
    pub known: Option<String>,
    /// The facets of its findings.
    pub facets: Vec<Facet>,
    /// The requirements that its steps cite.
    pub requirements: Vec<String>,
    /// How long it took, milliseconds.
    pub duration_ms: f64,
    /// Of that, spent waiting for something that never came.
    pub silence_ms: f64,
    /// The reason and the findings for people, one a line.
    pub detail: String,
    /// What was found.
    pub findings: Vec<FindingRecord>,
    /// What was said; not for a pass. Each is an object with `what` and its own members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<Vec<Value>>,
    /// The last lines of what the server itself wrote; not for a pass.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server_log: String,
}

/// A finding of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingRecord {
    /// Which side of the step.
    pub facet: Facet,
    /// How grave.
    pub verdict: Verdict,
    /// The step's number.
    pub step: usize,
    /// The line of the scenario's file, from 1.
    pub line: usize,
    /// Where the step stands in the file: its first byte, and the one behind its last.
    pub span: [usize; 2],
    /// What the step cites.
    pub requirements: Vec<String>,
    /// What was demanded.
    pub expected: String,
    /// What was seen.
    pub seen: String,
    /// Events of the transcript up to the one that showed it, that one included.
    pub events: usize,
}

impl CaseRecord {
    fn new(report: &CaseReport) -> serde_json::Result<Self> {
        let CaseReport { case, outcome, .. } = report;
        let is_pass = outcome.verdict == Verdict::Pass;
        let said = || report.transcript.events.iter().map(transcript::write).collect::<serde_json::Result<Vec<Value>>>();
        Ok(Self {
            id: case.id.clone(),
            title: case.title.clone(),
            source: case.source.name.clone(),
            verdict: outcome.verdict,
            reason: report.reason.clone(),
            known: report.known.clone(),
            facets: outcome.facets(),
            requirements: case.requirements().into_iter().map(str::to_owned).collect(),
            duration_ms: millis(report.duration),
            silence_ms: millis(report.silence),
            detail: detail(report),
            findings: outcome.findings.iter().map(|finding| FindingRecord::new(finding, &case.source.text)).collect(),
            transcript: if is_pass { None } else { Some(said()?) },
            server_log: if is_pass { String::new() } else { report.server_log.clone() },
        })
    }
}

impl FindingRecord {
    fn new(finding: &Finding, source: &str) -> Self {
        Self {
            facet: finding.facet,
            verdict: finding.verdict,
            step: finding.step,
            line: 1 + source.as_bytes().iter().take(finding.span.start).filter(|byte| **byte == b'\n').count(),
            span: [finding.span.start, finding.span.end],
            requirements: finding.requirements.clone(),
            expected: finding.expected.clone(),
            seen: finding.seen.clone(),
            events: finding.events,
        }
    }
}

/// The reason and the findings, one a line.
fn detail(report: &CaseReport) -> String {
    let findings = report
        .outcome
        .findings
        .iter()
        .map(|finding| format!("{} ({}): expected {}; seen {}", finding.verdict, finding.facet, finding.expected, finding.seen));
    report.reason.iter().cloned().chain(findings).collect::<Vec<_>>().join("\n")
}

/// Milliseconds, to the nanosecond: a record that is told again shows the same times.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e9).round() / 1e6
}

/// The time that so many milliseconds are; none where it is no time.
fn time(millis: f64) -> Duration {
    let nanos = (millis * 1e6).round();
    // No time of a run comes near the end of either type.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates, and nothing is below 0")]
    Duration::from_nanos(nanos.max(0.0) as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_is_read_as_it_was(nanos in 0..1u64 << 50) {
            let before = Duration::from_nanos(nanos);
            prop_assert_eq!(time(millis(before)), before);
        }
    }
}
