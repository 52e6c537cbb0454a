//! Events of a record, read back: the page tells them in the words of the terminal.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::ftp::reply::{Reply, ReplyParser};
use crate::ftp::transcript::{Agreement, DiskState, End, Event, Leave, Observed, What};

/// What every event has.
#[derive(Debug, Deserialize)]
struct Frame {
    at_ms: f64,
    #[serde(default)]
    step: usize,
    #[serde(default)]
    session: String,
}

/// The form of `docs/report.schema.json`.
#[derive(Debug, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Told {
    Connected { peer: SocketAddr, local: SocketAddr },
    ConnectFailed { reason: String },
    Sent { bytes: String },
    SendFailed { reason: String },
    Reply { code: Option<u16>, bytes: String },
    Silence { waited_ms: f64, bytes: String },
    Flood { len: u64, bytes: String },
    ControlEnded { how: Ended, bytes: String },
    ControlLeft { how: Left },
    DataConnected { peer: SocketAddr, local: SocketAddr },
    DataFailed { reason: String },
    DataSent { len: u64, bytes: String, reason: Option<String> },
    DataReceived { content: Content },
    DataEnded { how: Ended },
    DataSilence { waited_ms: f64 },
    DataLeft { how: Left },
    Disk { path: String, state: State },
    Changes { changes: Vec<String> },
    Called { name: String, by: Vec<SocketAddr> },
    Looked {},
    Stalled { waited_ms: f64 },
    Trouble { reason: String },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Ended {
    Close,
    Reset,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Left {
    Close,
    Reset,
    HalfClose,
}

#[derive(Debug, Deserialize)]
struct Content {
    len: u64,
    bytes: String,
    against: Vec<Against>,
}

#[derive(Debug, Deserialize)]
struct Against {
    len: u64,
    common: u64,
    got: String,
    expected: String,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum State {
    Absent {},
    Directory { mode: String, mtime: i64 },
    File { mode: String, mtime: i64, content: Content },
    Other { what: String },
}

/// The event that a record tells; one that this version does not know is told as it stands.
pub(super) fn event(value: &Value) -> Event {
    let frame = Frame::deserialize(value).unwrap_or(Frame { at_ms: 0.0, step: 0, session: String::new() });
    let what = Told::deserialize(value).map_or_else(|_| What::Trouble(format!("an event that is not known here: {value}")), Told::what);
    Event { at: millis(frame.at_ms), step: frame.step, session: Arc::from(frame.session), what }
}

impl Told {
    fn what(self) -> What {
        match self {
            Self::Connected { peer, local } => What::Connected { peer, local },
            Self::ConnectFailed { reason } => What::ConnectFailed { reason },
            Self::Sent { bytes } => What::Sent { bytes: unescape(&bytes) },
            Self::SendFailed { reason } => What::SendFailed { reason },
            Self::Reply { code, bytes } => What::Reply(reply(code, unescape(&bytes))),
            Self::Silence { waited_ms, bytes } => What::Silence { waited: millis(waited_ms), partial: unescape(&bytes) },
            Self::Flood { len, bytes } => What::Flood { len, head: unescape(&bytes) },
            Self::ControlEnded { how, bytes } => What::ControlEnded { how: how.end(), partial: unescape(&bytes) },
            Self::ControlLeft { how } => What::ControlLeft(how.leave()),
            Self::DataConnected { peer, local } => What::DataConnected { peer, local },
            Self::DataFailed { reason } => What::DataFailed { reason },
            Self::DataSent { len, bytes, reason } => What::DataSent { len, head: unescape(&bytes), broken: reason },
            Self::DataReceived { content } => What::DataReceived(content.observed()),
            Self::DataEnded { how } => What::DataEnded(how.end()),
            Self::DataSilence { waited_ms } => What::DataSilence { waited: millis(waited_ms) },
            Self::DataLeft { how } => What::DataLeft(how.leave()),
            Self::Disk { path, state } => What::Disk { path: unescape(&path), state: state.state() },
            Self::Changes { changes } => What::Changes(changes),
            Self::Called { name, by } => What::Called { name, by },
            Self::Looked {} => What::Looked,
            Self::Stalled { waited_ms } => What::Stalled(millis(waited_ms)),
            Self::Trouble { reason } => What::Trouble(reason),
        }
    }
}

impl Ended {
    const fn end(&self) -> End {
        match self {
            Self::Close => End::Close,
            Self::Reset => End::Reset,
        }
    }
}

impl Left {
    const fn leave(&self) -> Leave {
        match self {
            Self::Close => Leave::Close,
            Self::Reset => Leave::Reset,
            Self::HalfClose => Leave::HalfClose,
        }
    }
}

impl Content {
    fn observed(self) -> Observed {
        let agreement = |Against { len, common, got, expected }| Agreement {
            expected_len: len,
            common,
            got: unescape(&got),
            expected: unescape(&expected),
        };
        Observed { len: self.len, head: unescape(&self.bytes), against: self.against.into_iter().map(agreement).collect() }
    }
}

impl State {
    fn state(self) -> DiskState {
        let octal = |mode: &str| u32::from_str_radix(mode, 8).unwrap_or_default();
        match self {
            Self::Absent {} => DiskState::Absent,
            Self::Directory { mode, mtime } => DiskState::Directory { mode: octal(&mode), mtime },
            Self::File { mode, mtime, content } => DiskState::File { mode: octal(&mode), mtime, content: content.observed() },
            Self::Other { what } => DiskState::Other(what),
        }
    }
}

/// The reply of these bytes; where they are none in this version's reading, the bytes alone.
fn reply(code: Option<u16>, raw: Vec<u8>) -> Reply {
    let mut parser = ReplyParser::default();
    parser.push(&raw);
    parser.pop().filter(|reply| reply.raw == raw).unwrap_or(Reply { code, raw, defects: Vec::new() })
}

fn millis(millis: f64) -> Duration {
    Duration::try_from_secs_f64(millis / 1e3).unwrap_or_default()
}

/// The bytes of an escaped text ([`escape`](crate::report::transcript::escape)); what is no escape stands for itself.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        let (byte, taken) = match (first, more) {
            (b'\\', [b'r', ..]) => (b'\r', 1),
            (b'\\', [b'n', ..]) => (b'\n', 1),
            (b'\\', [b't', ..]) => (b'\t', 1),
            (b'\\', [b'\\', ..]) => (b'\\', 1),
            (b'\\', [b'x', high, low, ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => (high * 16 + low, 3),
                (Some(_) | None, _) => (b'\\', 0),
            },
            (byte, _) => (*byte, 0),
        };
        bytes.push(byte);
        rest = &rest[taken..];
    }
    bytes
}

fn digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report as _;
    use crate::report::record::Recorder;
    use crate::report::sample;
    use crate::report::transcript::{escape, rows};
    use crate::run::event;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn every_event_is_told_in_the_same_words() {
        let mut recorder = Recorder::default();
        let mut said = Vec::new();
        for event in &sample::every_event() {
            recorder.event(event).unwrap();
            if let event::Event::Finished(report) = event {
                said = report.transcript.events.clone();
            }
        }
        let record = recorder.record().unwrap();
        let read: Vec<Event> = record.cases[0].transcript.iter().flatten().map(event).collect();
        assert_eq!(read.len(), said.len());
        assert!(read.len() > 20);
        for (read, said) in read.iter().zip(&said) {
            assert_eq!((rows(read), read.step), (rows(said), said.step));
        }
        let bytes =
            |events: &[Event]| events.iter().filter(|event| matches!(event.what, What::DataReceived(_))).cloned().collect::<Vec<_>>();
        assert_eq!(bytes(&read), bytes(&said), "what was compared is read back whole");
    }

    #[test]
    fn what_is_not_known_is_told_as_it_stands() {
        let event = event(&json!({ "at_ms": -1, "what": "danced", "how": "<b>" }));
        assert!(matches!(&event.what, What::Trouble(text) if text.contains("danced")), "{event:?}");
        assert_eq!(event.at, Duration::ZERO);
        assert!(matches!(self::event(&json!(["no", "event"])).what, What::Trouble(_)));
    }

    proptest! {
        #[test]
        fn unescaping_is_the_inverse_of_escaping(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            prop_assert_eq!(unescape(&escape(&bytes)), bytes);
        }

        #[test]
        fn no_text_is_too_odd(text in "\\PC*|[\\\\xrn0-9a-f]*") {
            unescape(&text);
        }
    }
}
