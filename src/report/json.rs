//! The JSON report: `docs/report.schema.json` describes it.
//!
//! Written once, when the run is over, however it ends. Bytes stand as escaped text without loss
//! ([`escape`]).

use std::io;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::planned::Planned;
use super::transcript::escape;
use super::{Report, Sink};
use crate::ftp::transcript::{self, Agreement, DiskState, End, Leave, Observed, What};
use crate::judge::baseline::{self, Comparison};
use crate::judge::verdict::{Facet, Finding, Verdict};
use crate::run::event::{CaseReport, Event, Summary};

/// The form of the report; a new number where a reader could break.
pub const SCHEMA: &str = "ftpspec.report/1";

/// Bytes of data that a transcript in the report keeps, of each event.
const HEAD: usize = 4096;

/// Collects the cases, and writes them at the end.
#[derive(Debug)]
pub struct JsonReport {
    sink: Sink,
    planned: Planned,
    totals: Totals,
    cases: Vec<Case>,
}

impl JsonReport {
    /// A report that goes there.
    #[must_use]
    pub fn new(sink: Sink) -> Self {
        Self { sink, planned: Planned::default(), totals: Totals::default(), cases: Vec::new() }
    }

    fn write(&mut self, summary: &Summary) -> io::Result<()> {
        let Planned { target, slow, .. } = &self.planned;
        let document = Document {
            schema: SCHEMA,
            suite: Suite { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION"), cases: self.planned.len() },
            target: Target { name: &target.name, version: target.version.as_deref(), banner: target.banner.as_deref() },
            totals: &self.totals,
            duration_ms: millis(summary.duration),
            interrupted: summary.interrupted,
            cut_short: summary.cut_short.as_deref(),
            not_started: summary.not_started.as_deref(),
            not_played: self.planned.not_played(),
            slow_not_selected: *slow,
            left: &summary.left,
            baseline: summary.baseline.as_ref().map(Baseline::of),
            cases: &self.cases,
        };
        let mut text = serde_json::to_string_pretty(&document)?;
        text.push('\n');
        self.sink.put(text.as_bytes())
    }
}

impl Report for JsonReport {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.planned.event(event);
        match event {
            Event::Finished(report) => {
                self.totals.add(report.outcome.verdict);
                self.cases.push(Case::new(report));
                Ok(())
            }
            Event::Over(summary) => self.write(summary),
            Event::Planned { .. } | Event::Started { .. } | Event::Said { .. } | Event::Ended { .. } => Ok(()),
        }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    suite: Suite,
    target: Target<'a>,
    totals: &'a Totals,
    duration_ms: f64,
    interrupted: bool,
    cut_short: Option<&'a str>,
    not_started: Option<&'a str>,
    not_played: Vec<&'a str>,
    slow_not_selected: usize,
    left: &'a [String],
    baseline: Option<Baseline<'a>>,
    cases: &'a [Case],
}

#[derive(Serialize)]
struct Suite {
    name: &'static str,
    version: &'static str,
    cases: usize,
}

#[derive(Serialize)]
struct Target<'a> {
    name: &'a str,
    version: Option<&'a str>,
    banner: Option<&'a str>,
}

#[derive(Serialize)]
struct Baseline<'a> {
    source: &'a str,
    known: usize,
    new: Vec<Remark<'a>>,
    changed: Vec<Remark<'a>>,
    stale: Vec<Remark<'a>>,
    expired: Vec<Remark<'a>>,
}

#[derive(Serialize)]
struct Remark<'a> {
    id: &'a str,
    line: Option<usize>,
    text: &'a str,
}

impl<'a> Baseline<'a> {
    fn of(comparison: &'a Comparison) -> Self {
        let Comparison { source, known, new, changed, stale, expired } = comparison;
        let all = |remarks: &'a [baseline::Remark]| {
            remarks.iter().map(|baseline::Remark { id, line, text }| Remark { id, line: *line, text }).collect()
        };
        Self { source, known: *known, new: all(new), changed: all(changed), stale: all(stale), expired: all(expired) }
    }
}

#[derive(Debug, Default, Serialize)]
struct Totals {
    pass: usize,
    deviation: usize,
    info: usize,
    fail: usize,
    unsupported: usize,
    inconclusive: usize,
    error: usize,
}

impl Totals {
    fn add(&mut self, verdict: Verdict) {
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

#[derive(Debug, Serialize)]
struct Case {
    id: String,
    title: String,
    source: String,
    verdict: Verdict,
    known: Option<String>,
    facets: Vec<Facet>,
    requirements: Vec<String>,
    duration_ms: f64,
    silence_ms: f64,
    detail: String,
    findings: Vec<FindingRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    server_log: String,
}

#[derive(Debug, Serialize)]
struct FindingRecord {
    facet: Facet,
    verdict: Verdict,
    step: usize,
    line: usize,
    requirements: Vec<String>,
    expected: String,
    seen: String,
    events: usize,
}

impl Case {
    fn new(report: &CaseReport) -> Self {
        let CaseReport { case, outcome, .. } = report;
        let is_pass = outcome.verdict == Verdict::Pass;
        Self {
            id: case.id.clone(),
            title: case.title.clone(),
            source: case.source.name.clone(),
            verdict: outcome.verdict,
            known: report.known.clone(),
            facets: outcome.facets(),
            requirements: case.requirements().into_iter().map(str::to_owned).collect(),
            duration_ms: millis(report.duration),
            silence_ms: millis(report.silence),
            detail: detail(report),
            findings: outcome.findings.iter().map(|finding| FindingRecord::new(finding, &case.source.text)).collect(),
            transcript: (!is_pass).then(|| report.transcript.events.iter().map(event).collect()),
            server_log: if is_pass { String::new() } else { report.server_log.clone() },
        }
    }
}

impl FindingRecord {
    fn new(finding: &Finding, source: &str) -> Self {
        Self {
            facet: finding.facet,
            verdict: finding.verdict,
            step: finding.step,
            line: 1 + source.as_bytes().iter().take(finding.span.start).filter(|byte| **byte == b'\n').count(),
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

/// Milliseconds, to the microsecond.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn event(event: &transcript::Event) -> Value {
    let (what, more) = told(&event.what);
    let mut record = json!({ "at_ms": millis(event.at), "step": event.step, "session": &*event.session, "what": what });
    if let (Some(record), Value::Object(more)) = (record.as_object_mut(), more) {
        record.extend(more);
    }
    record
}

fn told(what: &What) -> (&'static str, Value) {
    match what {
        What::Connected { peer, local } => ("connected", json!({ "peer": peer, "local": local })),
        What::ConnectFailed { reason } => ("connect_failed", json!({ "reason": reason })),
        What::Sent { bytes } => ("sent", json!({ "bytes": escape(bytes) })),
        What::SendFailed { reason } => ("send_failed", json!({ "reason": reason })),
        What::Reply(reply) => {
            let defects: Vec<String> = reply.defects.iter().map(ToString::to_string).collect();
            ("reply", json!({ "code": reply.code, "bytes": escape(&reply.raw), "defects": defects }))
        }
        What::Silence { waited, partial } => ("silence", json!({ "waited_ms": millis(*waited), "bytes": escape(partial) })),
        What::Flood { len, head } => ("flood", json!({ "len": len, "bytes": cut(head) })),
        What::ControlEnded { how, partial } => ("control_ended", json!({ "how": ended(*how), "bytes": escape(partial) })),
        What::ControlLeft(leave) => ("control_left", json!({ "how": left(*leave) })),
        What::DataConnected { peer, local } => ("data_connected", json!({ "peer": peer, "local": local })),
        What::DataFailed { reason } => ("data_failed", json!({ "reason": reason })),
        What::DataSent { len, head, broken } => ("data_sent", json!({ "len": len, "bytes": cut(head), "reason": broken })),
        What::DataReceived(observed) => ("data_received", json!({ "content": content(observed) })),
        What::DataEnded(how) => ("data_ended", json!({ "how": ended(*how) })),
        What::DataSilence { waited } => ("data_silence", json!({ "waited_ms": millis(*waited) })),
        What::DataLeft(leave) => ("data_left", json!({ "how": left(*leave) })),
        What::Disk { path, state } => ("disk", json!({ "path": escape(path), "state": disk_state(state) })),
        What::Changes(changes) => ("changes", json!({ "changes": changes })),
        What::Called { name, by } => ("called", json!({ "name": name, "by": by })),
        What::Looked => ("looked", json!({})),
        What::Stalled(time) => ("stalled", json!({ "waited_ms": millis(*time) })),
        What::Trouble(trouble) => ("trouble", json!({ "reason": trouble })),
    }
}

fn cut(bytes: &[u8]) -> String {
    escape(&bytes[..bytes.len().min(HEAD)])
}

const fn ended(how: End) -> &'static str {
    match how {
        End::Close => "close",
        End::Reset => "reset",
    }
}

const fn left(leave: Leave) -> &'static str {
    match leave {
        Leave::Close => "close",
        Leave::Reset => "reset",
        Leave::HalfClose => "half-close",
    }
}

fn disk_state(state: &DiskState) -> Value {
    match state {
        DiskState::Absent => json!({ "kind": "absent" }),
        DiskState::Directory { mode, mtime } => json!({ "kind": "directory", "mode": format!("{mode:o}"), "mtime": mtime }),
        DiskState::File { mode, mtime, content: bytes } => {
            json!({ "kind": "file", "mode": format!("{mode:o}"), "mtime": mtime, "content": content(bytes) })
        }
        DiskState::Other(what) => json!({ "kind": "other", "what": what }),
    }
}

/// Bytes that may be many: how many, the first, and how far they agree with what was demanded.
fn content(observed: &Observed) -> Value {
    let against: Vec<Value> = observed
        .against
        .iter()
        .map(|agreement| {
            let Agreement { expected_len, common, got, expected } = agreement;
            json!({ "len": expected_len, "common": common, "window_at": agreement.window_at(), "got": escape(got), "expected": escape(expected) })
        })
        .collect();
    json!({ "len": observed.len, "bytes": cut(&observed.head), "against": against })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn written(events: &[Event]) -> String {
        sample::written(events, |sink| Box::new(JsonReport::new(sink)))
    }

    fn validator() -> jsonschema::Validator {
        let schema: Value = serde_json::from_str(include_str!("../../docs/report.schema.json")).unwrap();
        jsonschema::validator_for(&schema).unwrap()
    }

    fn check_valid(text: &str) -> Value {
        let value: Value = serde_json::from_str(text).unwrap();
        let errors: Vec<String> = validator().iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        value
    }

    #[test]
    fn the_report_keeps_to_its_schema() {
        let value = check_valid(&written(&sample::run()));
        assert_eq!(value["totals"]["fail"], 3);
        assert_eq!(value["cases"].as_array().unwrap().len(), 8);
        assert!(value["cases"][0].get("transcript").is_none(), "a pass carries no transcript");
        assert_eq!(value["baseline"], Value::Null);
        let compared = check_valid(&written(&sample::with_baseline()));
        assert_eq!(compared["baseline"]["stale"][0]["line"], 14);
        assert_eq!(compared["cases"][7]["known"], "no ABOR before 2.0");
        check_valid(&written(&sample::not_started()));
        let cut_short = check_valid(&written(&sample::cut_short()));
        assert_eq!(cut_short["not_played"].as_array().unwrap().len(), 6);
        assert_eq!(cut_short["interrupted"], true);
    }

    #[test]
    fn every_kind_of_event_keeps_to_the_schema() {
        check_valid(&written(&sample::every_event()));
    }

    #[test]
    fn the_schema_notices() {
        let mut value: Value = serde_json::from_str(&written(&sample::run())).unwrap();
        for (pointer, wrong) in [
            ("/cases/0/verdict", json!("failed")),
            ("/schema", json!("ftpspec.report/0")),
            ("/cases/1/transcript/0/what", json!("heard")),
            ("/cases/1/findings/0/facet", json!("look")),
            ("/totals/pass", json!(-1)),
        ] {
            let place = value.pointer_mut(pointer).unwrap();
            let right = std::mem::replace(place, wrong);
            assert!(!validator().is_valid(&value), "{pointer} may be anything");
            *value.pointer_mut(pointer).unwrap() = right;
            assert!(validator().is_valid(&value));
        }
    }

    #[test]
    fn the_sample_run_as_json() {
        insta::assert_snapshot!(written(&sample::run()).replace(concat!("\"", env!("CARGO_PKG_VERSION"), "\""), "\"VERSION\""));
    }
}
