//! What cases that do not pass say at length, one piece of data a target: the page reads it only when a case of that target is opened.
//!
//! Responsible for keeping it small: a page that nobody can open helps nobody. What is left out is counted, and the page says so.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::data::Data;
use super::text::{LONG, Texts, cut};
use crate::ftp::transcript::{Agreement, DiskState, Event, Observed, What};
use crate::judge::verdict::{Facet, Verdict};
use crate::report::hexdump;
use crate::report::plain;
use crate::report::record::{CaseRecord, FindingRecord, Record, transcript};
use crate::report::transcript::{Lane, Row, rows};

/// Bytes that all details together may take.
const ROOM: usize = 6 << 20;
/// How much of each case is kept; where it is too much for the room, the next is tried. The last is taken whatever it needs.
const MEASURES: [Measure; 7] = [
    Measure { rows: 400, log: 60, text: 2000 },
    Measure { rows: 160, log: 40, text: 1000 },
    Measure { rows: 80, log: 20, text: 600 },
    Measure { rows: 40, log: 10, text: 300 },
    Measure { rows: 20, log: 5, text: 200 },
    Measure { rows: 8, log: 2, text: 160 },
    Measure { rows: 0, log: 0, text: 120 },
];

/// How much of a case is kept.
#[derive(Debug, Clone, Copy)]
struct Measure {
    /// Lines of the transcript.
    rows: usize,
    /// Lines of the server's log.
    log: usize,
    /// Characters of a line.
    text: usize,
}

/// What the cases of a target say.
#[derive(Debug, Serialize)]
struct Details {
    /// The texts of the transcripts, each once.
    texts: Vec<String>,
    /// By the place of the case.
    cases: Vec<(usize, Detail)>,
}

#[derive(Debug, Serialize)]
struct Detail {
    ms: f64,
    silence_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<String>,
    /// Why it is unsupported, or in error.
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingDetail>,
    /// Of its own run; what is played may differ between versions.
    source: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rows: Vec<Line>,
    /// Lines of the transcript that are left out before and behind.
    #[serde(skip_serializing_if = "is_nothing")]
    left_out: [usize; 2],
    #[serde(skip_serializing_if = "String::is_empty")]
    log: String,
    /// The command that plays it again.
    again: String,
}

fn is_nothing(left_out: &[usize; 2]) -> bool {
    *left_out == [0, 0]
}

/// A line of a transcript: milliseconds, lane (0 control, 1 data, 2 neither), session, text, and for data the offset of its first byte and of
/// the one behind its last, counted from the data connection's beginning.
type Line = (f64, u8, usize, usize, Option<[u64; 2]>);

#[derive(Debug, Serialize)]
struct FindingDetail {
    facet: Facet,
    verdict: Verdict,
    /// In the scenario's file, from 1.
    line: usize,
    /// The characters of that line that the step takes: from, and behind the last.
    columns: [usize; 2],
    cites: Vec<usize>,
    expected: String,
    seen: String,
    /// The line of the transcript that showed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<Bytes>,
}

/// Bytes around a first difference, in hexadecimal.
#[derive(Debug, Serialize)]
struct Bytes {
    said: String,
    at: u64,
    first: u64,
    got: String,
    expected: String,
}

/// The details of each target as JSON, within the room.
pub(super) fn details(runs: &[Record], data: &Data<'_>) -> serde_json::Result<Vec<String>> {
    let told: Vec<Vec<Told>> = runs.iter().map(|run| run.cases.iter().map(Told::new).collect()).collect();
    let (last, others) = MEASURES.split_last().expect("there is a measure");
    for measure in others {
        if let Some(written) = write(runs, &told, data, *measure, ROOM)? {
            return Ok(written);
        }
    }
    Ok(write(runs, &told, data, *last, usize::MAX)?.unwrap_or_default())
}

/// The details in a measure; `None` as soon as they need more room.
fn write(runs: &[Record], told: &[Vec<Told>], data: &Data<'_>, measure: Measure, room: usize) -> serde_json::Result<Option<Vec<String>>> {
    let mut written = Vec::new();
    let mut taken = 0;
    for (run, told) in runs.iter().zip(told) {
        let details = serde_json::to_string(&of_run(run, told, data, measure))?;
        taken += details.len();
        if taken > room {
            return Ok(None);
        }
        written.push(details);
    }
    Ok(Some(written))
}

fn of_run(run: &Record, told: &[Told], data: &Data<'_>, measure: Measure) -> Details {
    let mut texts = Texts::default();
    let cases = run.cases.iter().zip(told);
    let cases = cases.map(|(case, told)| (data.places[case.id.as_str()], of_case(run, case, told, data, measure, &mut texts))).collect();
    Details { texts: texts.into_all(), cases }
}

/// A case's transcript, read back.
struct Told {
    events: Vec<Event>,
    lines: Lines,
}

impl Told {
    fn new(case: &CaseRecord) -> Self {
        let events: Vec<Event> = case.transcript.iter().flatten().map(event).collect();
        let lines = Lines::new(&events);
        Self { events, lines }
    }
}

/// The event that a record tells; one that this version does not know is told as it stands.
fn event(value: &Value) -> Event {
    transcript::read(value).unwrap_or_else(|why| Event { at: Duration::ZERO, step: 0, session: Arc::from(""), what: What::Trouble(why) })
}

fn of_case(run: &Record, case: &CaseRecord, told: &Told, data: &Data<'_>, measure: Measure, texts: &mut Texts) -> Detail {
    let Told { events, lines } = told;
    let shown = case.findings.iter().filter(|finding| finding.verdict == case.verdict).map(|finding| finding.events).min();
    let (from, to) = lines.window(shown, measure.rows);
    let source = run.sources.get(&case.source).map_or("", String::as_str);
    let finding = |finding: &FindingRecord| {
        let row = lines.of_event(finding.events).filter(|row| (from..to).contains(row)).map(|row| row - from);
        of_finding(finding, source, data, events, row)
    };
    Detail {
        ms: case.duration_ms,
        silence_ms: case.silence_ms,
        known: case.known.as_ref().map(|reason| cut(reason, LONG)),
        reason: cut(reason(case), LONG),
        findings: case.findings.iter().map(finding).collect(),
        source: data.source(run, case),
        left_out: [from, lines.all.len() - to],
        rows: lines.all[from..to].iter().map(|(row, offset)| line(row, *offset, measure, texts)).collect(),
        log: log(&case.server_log, measure),
        again: plain::command(&case.id, &case.source, &run.target.arguments),
    }
}

/// The reason of a case: what its detail says before the findings.
fn reason(case: &CaseRecord) -> &str {
    let told: Vec<String> = case
        .findings
        .iter()
        .map(|finding| format!("{} ({}): expected {}; seen {}", finding.verdict, finding.facet, finding.expected, finding.seen))
        .collect();
    case.detail.strip_suffix(&told.join("\n")).unwrap_or(&case.detail).trim_end_matches('\n')
}

/// The last lines of a server's log.
fn log(text: &str, measure: Measure) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(measure.log);
    let note = (from != 0).then(|| format!(".. {from} earlier lines"));
    note.into_iter().chain(lines[from..].iter().map(|line| cut(line, measure.text))).collect::<Vec<_>>().join("\n")
}

fn line(row: &Row, offset: Option<[u64; 2]>, measure: Measure, texts: &mut Texts) -> Line {
    let lane = match row.lane {
        Lane::Control => 0,
        Lane::Data => 1,
        Lane::Aside => 2,
    };
    let millis = (row.at.as_secs_f64() * 1e6).round() / 1e3;
    (millis, lane, texts.place(cut(&row.session, 60)), texts.place(cut(&row.text, measure.text)), offset)
}

/// A transcript as lines.
struct Lines {
    /// Each with the offsets of its data.
    all: Vec<(Row, Option<[u64; 2]>)>,
    /// For each event, how many lines it and those before it take.
    until: Vec<usize>,
}

impl Lines {
    fn new(events: &[Event]) -> Self {
        let mut lines = Self { all: Vec::new(), until: Vec::new() };
        let mut offsets = Offsets::default();
        for event in events {
            let offset = offsets.take(event);
            lines.all.extend(rows(event).into_iter().map(|row| (row, offset)));
            lines.until.push(lines.all.len());
        }
        lines
    }

    /// The last line of the event with this number, from 1.
    fn of_event(&self, number: usize) -> Option<usize> {
        number.checked_sub(1).and_then(|place| self.until.get(place)).and_then(|until| until.checked_sub(1))
    }

    /// So many lines around those of an event: more of what led to it than of what came after.
    fn window(&self, event: Option<usize>, most: usize) -> (usize, usize) {
        let len = self.all.len();
        if len <= most {
            return (0, len);
        }
        let shown = event.and_then(|number| self.of_event(number)).unwrap_or(len - 1);
        let from = shown.saturating_sub(most * 2 / 3).min(len - most);
        (from, from + most)
    }
}

/// How far each session has come on its data connection.
#[derive(Default)]
struct Offsets {
    /// Session, bytes that came, bytes that went.
    all: Vec<(String, u64, u64)>,
}

impl Offsets {
    #[expect(clippy::wildcard_enum_match_arm, reason = "only what carries data has an offset")]
    fn take(&mut self, event: &Event) -> Option<[u64; 2]> {
        let place = self.all.iter().position(|(name, ..)| **name == *event.session).unwrap_or_else(|| {
            self.all.push((event.session.to_string(), 0, 0));
            self.all.len() - 1
        });
        let (_, came, went) = &mut self.all[place];
        let (so_far, more) = match &event.what {
            What::DataConnected { .. } => {
                (*came, *went) = (0, 0);
                return None;
            }
            What::DataReceived(observed) => (came, observed.len),
            What::DataSent { len, .. } => (went, *len),
            _ => return None,
        };
        let from = *so_far;
        *so_far = from.saturating_add(more);
        Some([from, *so_far])
    }
}

fn of_finding(finding: &FindingRecord, source: &str, data: &Data<'_>, events: &[Event], row: Option<usize>) -> FindingDetail {
    let showed = finding.events.checked_sub(1).and_then(|place| events.get(place));
    let observed = showed.filter(|_| finding.facet == Facet::Effect).and_then(|event| bytes_of(&event.what));
    FindingDetail {
        facet: finding.facet,
        verdict: finding.verdict,
        line: finding.line,
        columns: columns(source, finding.span),
        cites: finding.requirements.iter().filter_map(|id| data.clause_places.get(id.as_str()).copied()).collect(),
        expected: cut(&finding.expected, LONG),
        seen: cut(&finding.seen, LONG),
        row,
        bytes: observed.and_then(|observed| hexdump::nearest(observed).map(|agreement| bytes(observed, agreement))),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only two events carry bytes that were compared")]
fn bytes_of(what: &What) -> Option<&Observed> {
    match what {
        What::DataReceived(observed) | What::Disk { state: DiskState::File { content: observed, .. }, .. } => Some(observed),
        _ => None,
    }
}

fn bytes(observed: &Observed, agreement: &Agreement) -> Bytes {
    let hex = |bytes: &[u8]| bytes.iter().take(64).map(|byte| format!("{byte:02x}")).collect::<String>();
    Bytes {
        said: hexdump::say(observed.len, agreement),
        at: agreement.window_at(),
        first: agreement.common,
        got: hex(&agreement.got),
        expected: hex(&agreement.expected),
    }
}

/// The characters that a step takes of its first line, without blanks around it and the citations at its end.
fn columns(source: &str, [start, end]: [usize; 2]) -> [usize; 2] {
    let Some(said) = source.get(start..end) else { return [0, 0] };
    let said = said.lines().next().unwrap_or_default();
    let shown = plain::without_citations(said);
    let line = source[..start].rfind('\n').map_or(0, |place| place + 1);
    let indent = source[line..start].chars().count() + said.chars().take_while(|c| c.is_whitespace()).count();
    [indent, indent + shown.trim().chars().count()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report as _;
    use crate::report::record::Recorder;
    use crate::report::sample;

    #[test]
    fn an_event_that_is_not_known_is_told_as_it_stands() {
        let told = event(&serde_json::json!({ "at_ms": 1.0, "step": 0, "session": "a", "what": "danced" }));
        assert!(matches!(&told.what, What::Trouble(text) if text.contains("danced")), "{told:?}");
    }

    fn record(events: &[crate::run::event::Event]) -> Record {
        let mut recorder = Recorder::default();
        events.iter().for_each(|event| recorder.event(event).unwrap());
        recorder.record().unwrap()
    }

    fn read(runs: &[Record]) -> Value {
        let written = details(runs, &Data::new(runs)).unwrap();
        serde_json::from_str(&written[0]).unwrap()
    }

    #[test]
    fn a_finding_points_at_its_line_and_at_what_showed_it() {
        let read = read(&[record(&sample::run())]);
        let case = &read["cases"][2][1];
        let finding = &case["findings"][0];
        assert_eq!(finding["columns"], serde_json::json!([0, "S>> big.bin[70000..] end".len()]));
        let row = &case["rows"][usize::try_from(finding["row"].as_u64().unwrap()).unwrap()];
        let text = read["texts"][usize::try_from(row[3].as_u64().unwrap()).unwrap()].as_str().unwrap();
        assert!(text.starts_with("S>> 30002 bytes"), "{text}");
        assert_eq!((row[1].as_u64(), &row[4]), (Some(1), &serde_json::json!([0, 30002])));
        assert_eq!(finding["bytes"]["first"], 12345);
        assert_eq!(finding["bytes"]["got"].as_str().unwrap().len(), 128);
        assert_eq!(case["again"], "ftpspec run 'resume/retr#offset' --server example");
        assert!(case["reason"].is_null(), "{case}");
        assert_eq!(read["cases"][4][1]["reason"], "the server has no MLST");
    }

    #[test]
    fn offsets_count_from_the_connections_beginning() {
        let event = |session: &str, what| Event { at: Duration::ZERO, step: 0, session: session.into(), what };
        let came = |len| What::DataReceived(Observed { len, ..Observed::default() });
        let peer = "127.0.0.1:1".parse().unwrap();
        let mut offsets = Offsets::default();
        let mut check = |session, what, expect: Option<[u64; 2]>| assert_eq!(offsets.take(&event(session, what)), expect);
        check("a", came(10), Some([0, 10]));
        check("b", came(5), Some([0, 5]));
        check("a", came(7), Some([10, 17]));
        check("a", What::DataSent { len: 3, head: Vec::new(), broken: None }, Some([0, 3]));
        check("a", What::DataConnected { peer, local: peer }, None);
        check("a", came(1), Some([0, 1]));
        check("b", came(1), Some([5, 6]));
    }

    #[test]
    fn a_long_transcript_is_cut_around_what_matters() {
        let row = Row { at: Duration::ZERO, session: "a".into(), lane: Lane::Control, text: String::new() };
        let lines = |len: usize| Lines { all: vec![(row.clone(), None); len], until: (1..=len).collect() };
        let check = |len, event, most, expect| assert_eq!(lines(len).window(event, most), expect);
        check(10, Some(3), 20, (0, 10));
        check(100, Some(50), 30, (29, 59));
        check(100, Some(2), 30, (0, 30));
        check(100, Some(100), 30, (70, 100));
        check(100, None, 30, (70, 100));
        check(100, Some(50), 0, (49, 49));
    }

    #[test]
    fn what_would_be_too_much_is_left_out_and_counted() {
        let mut run = record(&sample::run());
        let case = run.cases[2].clone();
        for number in 0..2000 {
            let mut case = case.clone();
            case.id = format!("many/{number}");
            for (place, event) in case.transcript.iter_mut().flatten().enumerate() {
                event["at_ms"] = (number * 100 + place).into();
                event["reason"] = "x".repeat(300).into();
                event["what"] = "trouble".into();
            }
            case.transcript
                .iter_mut()
                .flatten()
                .for_each(|event| event["reason"] = format!("{number} {}", event["at_ms"]).repeat(40).into());
            run.cases.push(case);
        }
        let runs = [run];
        let written = details(&runs, &Data::new(&runs)).unwrap();
        assert!(written[0].len() <= ROOM, "{}", written[0].len());
        let read: Value = serde_json::from_str(&written[0]).unwrap();
        let left_out = &read["cases"][100][1]["left_out"];
        assert_ne!((left_out[0].as_u64(), left_out[1].as_u64()), (Some(0), Some(0)), "{left_out}");
    }
}
