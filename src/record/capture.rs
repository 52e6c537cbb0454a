//! What passes the proxy, kept in memory; passwords are gone before anything is kept.

use std::collections::HashMap;
use std::mem::take;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::fault::Direction;
use crate::fault::tap::{DataId, Ended, Tap};
use crate::ftp::reply::{Reply, ReplyParser};

/// A payload is kept up to here; of a longer one only the length is known: 64 MiB.
const KEPT: usize = 64 << 20;

/// What stands for a password.
const MASK: &[u8] = b"***";

/// One thing that was heard, in the order of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// A line of the client, without its line end; `telnet` where Telnet's bytes stood before it.
    Command { line: Vec<u8>, telnet: bool },
    /// A reply of the server.
    Reply(Reply),
    /// A data connection is open.
    Opened(usize),
    /// The control connection ended on this side.
    Over(Direction, Ended),
}

/// Bytes that went one way on a data connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Payload {
    /// All, or the first 64 MiB of them.
    pub(super) bytes: Vec<u8>,
    /// How many there were.
    pub(super) len: u64,
}

/// A data connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Data {
    pub(super) up: Payload,
    pub(super) down: Payload,
    /// Which side ended first, and how.
    pub(super) first_end: Option<(Direction, Ended)>,
}

/// What was heard in one recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    /// By session, in the order of time.
    pub(super) events: Vec<(usize, Heard)>,
    pub(super) data: HashMap<(usize, usize), Data>,
}

impl Recording {
    /// How many sessions there were.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.events.iter().map(|(session, _)| session + 1).max().unwrap_or_default()
    }
}

/// Lines that are not whole yet.
#[derive(Debug, Default)]
struct Halves {
    up: Vec<u8>,
    down: ReplyParser,
}

#[derive(Debug, Default)]
struct State {
    recording: Recording,
    halves: HashMap<usize, Halves>,
}

/// Listens to a proxy.
#[derive(Debug, Clone, Default)]
pub struct Recorder(Arc<Mutex<State>>);

impl Recorder {
    /// What was heard so far; from now on it starts anew.
    #[must_use]
    pub fn take(&self) -> Recording {
        take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).recording)
    }

    fn with(&self, act: impl FnOnce(&mut State)) {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl State {
    fn hear(&mut self, session: usize, heard: Heard) {
        self.recording.events.push((session, heard));
    }
}

/// A client's line without Telnet's bytes before it and without a secret.
fn command(line: &[u8]) -> Heard {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    // IAC and what follows it stand before ABOR and STAT (RFC 959 section 4.1.3).
    let start = line.iter().position(|byte| *byte < 0xf0).unwrap_or(line.len());
    let (telnet, line) = (start > 0, &line[start..]);
    let is_secret = |verb: &[u8]| line.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(verb));
    let line = match line.split_at_checked(5) {
        Some((verb, _)) if is_secret(b"PASS") || is_secret(b"ACCT") => [verb, MASK].concat(),
        Some(_) | None => line.to_vec(),
    };
    Heard::Command { line, telnet }
}

impl Tap for Recorder {
    fn opened(&self, session: usize, _: SocketAddr) {
        self.with(|state| drop(state.halves.insert(session, Halves::default())));
    }

    fn control(&self, session: usize, direction: Direction, bytes: &[u8]) {
        self.with(|state| {
            let halves = state.halves.entry(session).or_default();
            match direction {
                Direction::Up => {
                    halves.up.extend_from_slice(bytes);
                    while let Some(end) = state.halves.get(&session).and_then(|halves| halves.up.iter().position(|byte| *byte == b'\n')) {
                        let Some(halves) = state.halves.get_mut(&session) else { return };
                        let line: Vec<u8> = halves.up.drain(..=end).collect();
                        state.hear(session, command(&line));
                    }
                }
                Direction::Down => {
                    halves.down.push(bytes);
                    let replies: Vec<Reply> = std::iter::from_fn(|| halves.down.pop()).collect();
                    replies.into_iter().for_each(|reply| state.hear(session, Heard::Reply(reply)));
                }
            }
        });
    }

    fn control_ended(&self, session: usize, direction: Direction, how: Ended) {
        self.with(|state| state.hear(session, Heard::Over(direction, how)));
    }

    fn data_opened(&self, id: DataId) {
        self.with(|state| {
            state.recording.data.insert((id.session, id.data), Data::default());
            state.hear(id.session, Heard::Opened(id.data));
        });
    }

    fn data(&self, id: DataId, direction: Direction, bytes: &[u8]) {
        self.with(|state| {
            let Some(data) = state.recording.data.get_mut(&(id.session, id.data)) else { return };
            let payload = match direction {
                Direction::Up => &mut data.up,
                Direction::Down => &mut data.down,
            };
            payload.len += bytes.len() as u64;
            let room = KEPT.saturating_sub(payload.bytes.len()).min(bytes.len());
            payload.bytes.extend_from_slice(&bytes[..room]);
        });
    }

    fn data_ended(&self, id: DataId, direction: Direction, how: Ended) {
        self.with(|state| {
            if let Some(data) = state.recording.data.get_mut(&(id.session, id.data)) {
                data.first_end.get_or_insert((direction, how));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_kept() {
        let recorder = Recorder::default();
        recorder.opened(0, "127.0.0.1:9".parse().unwrap());
        for bytes in [&b"USER bob\r\nPA"[..], b"SS s3cr", b"et\r\npass s3cret\r\nACCT s3cret\r\n"] {
            recorder.control(0, Direction::Up, bytes);
        }
        let lines: Vec<Heard> = recorder.take().events.into_iter().map(|(_, heard)| heard).collect();
        let command = |line: &[u8]| Heard::Command { line: line.to_vec(), telnet: false };
        let masked = |verb: &[u8]| command(&[verb, MASK].concat());
        assert_eq!(lines, [command(b"USER bob"), masked(b"PASS "), masked(b"pass "), masked(b"ACCT ")]);
        assert!(!recorder.0.lock().unwrap().halves[&0].up.windows(4).any(|part| part == b"s3cr"));
    }

    #[test]
    fn lines_are_whole_and_without_telnet() {
        let recorder = Recorder::default();
        recorder.opened(0, "127.0.0.1:9".parse().unwrap());
        recorder.control(0, Direction::Down, b"220-a\r\n220 b\r\n2");
        recorder.control(0, Direction::Up, b"NOOP\r\n\xff\xf4\xff\xf2ABOR\r\nX");
        let recording = recorder.take();
        let command = |line: &[u8], telnet| (0, Heard::Command { line: line.to_vec(), telnet });
        assert_eq!(recording.events[1..], [command(b"NOOP", false), command(b"ABOR", true)]);
        assert!(matches!(&recording.events[0].1, Heard::Reply(reply) if reply.code == Some(220)));
    }
}
