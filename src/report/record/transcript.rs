//! A transcript in a record: each event an object with `what` and its own members, written and read again.
//!
//! Nothing is lost but the end of data: of many bytes the first [`HEAD`] stand there.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::transcript::{escape, unescape};
use super::{millis, time};
use crate::ftp::reply::{Reply, ReplyParser};
use crate::ftp::transcript::{Agreement, DiskState, End, Event, Leave, Observed, What};

/// Bytes of data that are kept, of each event.
const HEAD: usize = 4096;

/// An event.
#[derive(Serialize, Deserialize)]
struct Said {
    at_ms: f64,
    step: usize,
    session: String,
    #[serde(flatten)]
    what: Told,
}

/// [`What`], as it is written.
#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Told {
    Connected { peer: SocketAddr, local: SocketAddr },
    ConnectFailed { reason: String },
    Sent { bytes: String },
    SendFailed { reason: String },
    Reply { code: Option<u16>, bytes: String, defects: Vec<String> },
    Silence { waited_ms: f64, bytes: String },
    Flood { len: u64, bytes: String },
    ControlEnded { how: How, bytes: String },
    ControlLeft { how: How },
    DataConnected { peer: SocketAddr, local: SocketAddr },
    DataFailed { reason: String },
    DataSent { len: u64, bytes: String, reason: Option<String> },
    DataReceived { content: Content },
    DataEnded { how: How },
    DataSilence { waited_ms: f64 },
    DataLeft { how: How },
    Disk { path: String, state: State },
    Changes { changes: Vec<String> },
    Called { name: String, by: Vec<SocketAddr> },
    Looked {},
    Stalled { waited_ms: f64 },
    Trouble { reason: String },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    Close,
    Reset,
    HalfClose,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum State {
    Absent,
    Directory { mode: String, mtime: i64 },
    File { mode: String, mtime: i64, content: Content },
    Other { what: String },
}

/// Bytes that may be many: how many, the first, and how far they agree with what was demanded.
#[derive(Serialize, Deserialize)]
struct Content {
    len: u64,
    bytes: String,
    against: Vec<Against>,
}

#[derive(Serialize, Deserialize)]
struct Against {
    len: u64,
    common: u64,
    window_at: u64,
    got: String,
    expected: String,
}

/// An event as it stands in the record.
pub(super) fn write(event: &Event) -> serde_json::Result<Value> {
    let Event { at, step, session, what } = event;
    serde_json::to_value(Said { at_ms: millis(*at), step: *step, session: session.to_string(), what: Told::of(what) })
}

/// The event that stands there.
///
/// # Errors
/// What is wrong with it, in words.
pub(in crate::report) fn read(value: &Value) -> Result<Event, String> {
    let said = Said::deserialize(value).map_err(|error| format!("an event of a transcript cannot be read: {error}"))?;
    let what = said.what.what().ok_or_else(|| format!("an event of a transcript is none: {value}"))?;
    Ok(Event { at: time(said.at_ms), step: said.step, session: Arc::from(said.session), what })
}

fn cut(bytes: &[u8]) -> String {
    escape(&bytes[..bytes.len().min(HEAD)])
}

impl Told {
    fn of(what: &What) -> Self {
        match what {
            What::Connected { peer, local } => Self::Connected { peer: *peer, local: *local },
            What::ConnectFailed { reason } => Self::ConnectFailed { reason: reason.clone() },
            What::Sent { bytes } => Self::Sent { bytes: escape(bytes) },
            What::SendFailed { reason } => Self::SendFailed { reason: reason.clone() },
            What::Reply(Reply { code, raw, defects }) => {
                Self::Reply { code: *code, bytes: escape(raw), defects: defects.iter().map(ToString::to_string).collect() }
            }
            What::Silence { waited, partial } => Self::Silence { waited_ms: millis(*waited), bytes: escape(partial) },
            What::Flood { len, head } => Self::Flood { len: *len, bytes: cut(head) },
            What::ControlEnded { how, partial } => Self::ControlEnded { how: How::ended(*how), bytes: escape(partial) },
            What::ControlLeft(leave) => Self::ControlLeft { how: How::left(*leave) },
            What::DataConnected { peer, local } => Self::DataConnected { peer: *peer, local: *local },
            What::DataFailed { reason } => Self::DataFailed { reason: reason.clone() },
            What::DataSent { len, head, broken } => Self::DataSent { len: *len, bytes: cut(head), reason: broken.clone() },
            What::DataReceived(observed) => Self::DataReceived { content: Content::of(observed) },
            What::DataEnded(how) => Self::DataEnded { how: How::ended(*how) },
            What::DataSilence { waited } => Self::DataSilence { waited_ms: millis(*waited) },
            What::DataLeft(leave) => Self::DataLeft { how: How::left(*leave) },
            What::Disk { path, state } => Self::Disk { path: escape(path), state: State::of(state) },
            What::Changes(changes) => Self::Changes { changes: changes.clone() },
            What::Called { name, by } => Self::Called { name: name.clone(), by: by.clone() },
            What::Looked => Self::Looked {},
            What::Stalled(waited) => Self::Stalled { waited_ms: millis(*waited) },
            What::Trouble(reason) => Self::Trouble { reason: reason.clone() },
        }
    }

    /// `None` where a text of bytes is none, or a reply is not what its bytes say.
    fn what(self) -> Option<What> {
        Some(match self {
            Self::Connected { peer, local } => What::Connected { peer, local },
            Self::ConnectFailed { reason } => What::ConnectFailed { reason },
            Self::Sent { bytes } => What::Sent { bytes: unescape(&bytes)? },
            Self::SendFailed { reason } => What::SendFailed { reason },
            Self::Reply { code, bytes, .. } => {
                let mut parser = ReplyParser::default();
                parser.push(&unescape(&bytes)?);
                What::Reply(parser.pop().filter(|reply| reply.code == code && parser.partial().is_empty())?)
            }
            Self::Silence { waited_ms, bytes } => What::Silence { waited: time(waited_ms), partial: unescape(&bytes)? },
            Self::Flood { len, bytes } => What::Flood { len, head: unescape(&bytes)? },
            Self::ControlEnded { how, bytes } => What::ControlEnded { how: how.end()?, partial: unescape(&bytes)? },
            Self::ControlLeft { how } => What::ControlLeft(how.leave()),
            Self::DataConnected { peer, local } => What::DataConnected { peer, local },
            Self::DataFailed { reason } => What::DataFailed { reason },
            Self::DataSent { len, bytes, reason } => What::DataSent { len, head: unescape(&bytes)?, broken: reason },
            Self::DataReceived { content } => What::DataReceived(content.observed()?),
            Self::DataEnded { how } => What::DataEnded(how.end()?),
            Self::DataSilence { waited_ms } => What::DataSilence { waited: time(waited_ms) },
            Self::DataLeft { how } => What::DataLeft(how.leave()),
            Self::Disk { path, state } => What::Disk { path: unescape(&path)?, state: state.state()? },
            Self::Changes { changes } => What::Changes(changes),
            Self::Called { name, by } => What::Called { name, by },
            Self::Looked {} => What::Looked,
            Self::Stalled { waited_ms } => What::Stalled(time(waited_ms)),
            Self::Trouble { reason } => What::Trouble(reason),
        })
    }
}

impl How {
    const fn ended(how: End) -> Self {
        match how {
            End::Close => Self::Close,
            End::Reset => Self::Reset,
        }
    }

    const fn left(leave: Leave) -> Self {
        match leave {
            Leave::Close => Self::Close,
            Leave::Reset => Self::Reset,
            Leave::HalfClose => Self::HalfClose,
        }
    }

    const fn end(&self) -> Option<End> {
        match self {
            Self::Close => Some(End::Close),
            Self::Reset => Some(End::Reset),
            Self::HalfClose => None,
        }
    }

    const fn leave(&self) -> Leave {
        match self {
            Self::Close => Leave::Close,
            Self::Reset => Leave::Reset,
            Self::HalfClose => Leave::HalfClose,
        }
    }
}

impl State {
    fn of(state: &DiskState) -> Self {
        match state {
            DiskState::Absent => Self::Absent,
            DiskState::Directory { mode, mtime } => Self::Directory { mode: format!("{mode:o}"), mtime: *mtime },
            DiskState::File { mode, mtime, content } => {
                Self::File { mode: format!("{mode:o}"), mtime: *mtime, content: Content::of(content) }
            }
            DiskState::Other(what) => Self::Other { what: what.clone() },
        }
    }

    fn state(self) -> Option<DiskState> {
        let octal = |mode: &str| u32::from_str_radix(mode, 8).ok();
        Some(match self {
            Self::Absent => DiskState::Absent,
            Self::Directory { mode, mtime } => DiskState::Directory { mode: octal(&mode)?, mtime },
            Self::File { mode, mtime, content } => DiskState::File { mode: octal(&mode)?, mtime, content: content.observed()? },
            Self::Other { what } => DiskState::Other(what),
        })
    }
}

impl Content {
    fn of(observed: &Observed) -> Self {
        let against = observed.against.iter().map(|agreement| Against {
            len: agreement.expected_len,
            common: agreement.common,
            window_at: agreement.window_at(),
            got: escape(&agreement.got),
            expected: escape(&agreement.expected),
        });
        Self { len: observed.len, bytes: cut(&observed.head), against: against.collect() }
    }

    fn observed(self) -> Option<Observed> {
        let agreement = |against: Against| {
            let (got, expected) = (unescape(&against.got)?, unescape(&against.expected)?);
            Some(Agreement { expected_len: against.len, common: against.common, got, expected })
        };
        let against = self.against.into_iter().map(agreement).collect::<Option<_>>()?;
        Some(Observed { len: self.len, head: unescape(&self.bytes)?, against })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::sample;
    use crate::run::event;

    #[test]
    fn every_kind_of_event_is_read_again() {
        let mut kinds = 0;
        for event in sample::every_event().into_iter().chain(sample::run()) {
            let event::Event::Finished(report) = event else { continue };
            for event in &report.transcript.events {
                let written = write(event).unwrap();
                let again = read(&written).unwrap();
                assert_eq!(write(&again).unwrap(), written);
                // Of many bytes only the first are there.
                assert!(again == *event || written["content"]["len"].as_u64().is_some_and(|len| len > HEAD as u64), "{written}");
                kinds += 1;
            }
        }
        assert!(kinds > 24, "{kinds}");
    }

    #[test]
    fn what_is_no_event_is_told() {
        for (what, expect) in [
            (json!({ "what": "heard" }), "unknown variant `heard`"),
            (json!({ "what": "sent", "bytes": "\\xg0" }), "is none"),
            (json!({ "what": "reply", "code": 200, "bytes": "220 ready\\r\\n", "defects": [] }), "is none"),
            (json!({ "what": "data_ended", "how": "half-close" }), "is none"),
            (json!({ "what": "trouble" }), "missing field `reason`"),
        ] {
            let mut event = json!({ "at_ms": 1.5, "step": 0, "session": "alice" });
            event.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
            let told = read(&event).unwrap_err();
            assert!(told.contains(expect), "{told}");
        }
    }
}
