//! One control connection: its state, and how inputs reach the commands.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use super::bug::Bug;
use super::facts::FactSet;
use super::fs::NodeId;
use super::interface::{Input, Output};
use super::line::{Line, LineReader};
use super::stream::{Stage, Transfer};
use super::turn::Turn;
use super::world::World;
use crate::ftp::command::Command;
use crate::ftp::letter::Letters;
use crate::ftp::path::VirtualPath;

/// Commands that wait for the end of a transfer; more end the session.
const QUEUE_MAX: usize = 1000;

/// One control connection.
#[derive(Debug)]
pub struct Session {
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    reader: LineReader,
    queue: VecDeque<Line>,
    /// The name of USER, until PASS.
    pub(super) user: Option<Vec<u8>>,
    pub(super) login: Option<Login>,
    /// Wrong passwords so far.
    pub(super) failures: u32,
    pub(super) cwd: VirtualPath,
    /// Where the session was before the last CWD, for a planted bug.
    pub(super) before: VirtualPath,
    /// TYPE A; else TYPE I. MODE is S and STRU is F always.
    pub(super) ascii: bool,
    pub(super) facts: FactSet,
    /// Of REST, until the next transfer.
    pub(super) restart: Option<u64>,
    /// Of RNFR, until the next command.
    pub(super) rename: Option<VirtualPath>,
    /// RFC 2428 section 4: EPSV ALL holds for the session.
    pub(super) epsv_all: bool,
    /// Of PORT or EPRT, until PASV or EPSV.
    pub(super) port: Option<SocketAddr>,
    pub(super) data: Data,
    pub(super) transfer: Option<Transfer>,
    pub(super) closed: bool,
}

/// Who is logged in.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) name: Vec<u8>,
    pub(super) letters: Letters,
    pub(super) root: NodeId,
}

/// What is known of the data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    /// Nothing: it will be made to the port that is known.
    None,
    /// A listener was asked for.
    Opening {
        /// By EPSV.
        extended: bool,
    },
    /// The listener is open.
    Listening,
    /// The connection is open.
    Connected,
}

impl Session {
    /// A control connection was made: the session and its greeting (RFC 959 section 5.4: 220).
    pub fn open(world: &mut World, local: SocketAddr, peer: SocketAddr) -> (Self, Vec<Output>) {
        let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        let mut session = Self {
            local: canonical(local),
            peer: canonical(peer),
            reader: LineReader::new(world.broken(Bug::LineTailRuns)),
            queue: VecDeque::new(),
            user: None,
            login: None,
            failures: 0,
            cwd: VirtualPath::root(),
            before: VirtualPath::root(),
            ascii: !world.broken(Bug::DefaultImage),
            facts: FactSet::default(),
            restart: None,
            rename: None,
            epsv_all: false,
            port: None,
            data: Data::None,
            transfer: None,
            closed: false,
        };
        let mut turn = Turn { session: &mut session, world, now: 0, out: Vec::new() };
        let banner = turn.world.settings.banner.clone();
        turn.reply(220, banner);
        let out = turn.out;
        (session, out)
    }

    /// Takes what happened at `now` (seconds since 1970, UTC); says what to do.
    pub fn input(&mut self, world: &mut World, input: Input<'_>, now: i64) -> Vec<Output> {
        let mut turn = Turn { session: self, world, now, out: Vec::new() };
        if !turn.session.closed {
            turn.take(input);
        }
        turn.out
    }

    /// Whether a command is being carried out: such a session is not idle (RFC 1123 section 4.1.3.2).
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.transfer.is_some() || matches!(self.data, Data::Opening { .. })
    }

    /// Whether bytes on the data connection are wanted now.
    #[must_use]
    pub fn receives(&self) -> bool {
        self.transfer.as_ref().is_some_and(|transfer| transfer.stage == Stage::Running && transfer.is_upload())
    }

    /// Whether the session is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Where the client is in its root.
    #[must_use]
    pub fn directory(&self) -> &VirtualPath {
        &self.cwd
    }

    /// The client's address.
    pub(super) fn is_peer(&self, ip: IpAddr) -> bool {
        ip.to_canonical() == self.peer.ip()
    }
}

impl Turn<'_> {
    fn take(&mut self, input: Input<'_>) {
        match input {
            Input::Control(bytes) => self.control(bytes),
            Input::ControlClosed => self.lost(),
            Input::Listening(address) => self.listening(address),
            Input::ListenFailed => self.listen_failed(),
            Input::DataConnected { peer } => self.connected(peer),
            Input::DataFailed => self.data_failed(),
            Input::DataTimeout => self.data_timeout(),
            Input::DataReceived(bytes) => self.received(bytes),
            Input::DataEnded { clean } => self.data_ended(clean),
            Input::DataWritten => self.written(),
            Input::DataFinished => self.finished(),
            Input::Idle => self.idle(),
            // RFC 959 section 5.4: "This may be a reply to any command if the service knows it must shut down."
            Input::Ending => self.end(421, "The server ends"),
        }
        self.drain();
    }

    fn control(&mut self, bytes: &[u8]) {
        let mut lines = Vec::new();
        self.session.reader.push(bytes, &mut lines);
        if self.broken(Bug::PipelineDropped) {
            lines.truncate(1);
        }
        for line in lines {
            if self.session.closed {
                return;
            }
            if self.session.is_busy() && self.during(&line) {
                continue;
            }
            self.session.queue.push_back(line);
            self.drain();
            if self.session.queue.len() > QUEUE_MAX {
                self.end(421, "Too many commands at once");
                return;
            }
        }
    }

    /// A command comes while another is carried out: it waits (RFC 959 section 4.2), but ABOR stops a transfer at once
    /// and STAT tells how far it is (section 4.1.3). Says whether the line is done with.
    fn during(&mut self, line: &Line) -> bool {
        let Line::Whole(bytes) = line else {
            return false;
        };
        let command = Command::parse(bytes);
        if self.session.transfer.is_none() {
            return false;
        }
        match command.verb.as_slice() {
            b"ABOR" => self.abort(),
            b"STAT" if command.path().is_none() && self.session.queue.is_empty() => {
                self.stat(&command);
                true
            }
            b"QUIT" if self.broken(Bug::QuitCuts) => {
                self.break_off();
                false
            }
            _ => self.broken(Bug::QueueDropped),
        }
    }

    /// Serves what waits, in its order, as far as that goes.
    pub(super) fn drain(&mut self) {
        while !self.session.is_busy() && !self.session.closed {
            let Some(line) = self.session.queue.pop_front() else {
                return;
            };
            match line {
                Line::Whole(bytes) => self.line(&bytes),
                Line::Odd(mut bytes) if self.broken(Bug::ControlBytesInNames) => {
                    bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
                    self.line(&bytes);
                }
                Line::Odd(_) => self.reply(501, "CR, LF and NUL are not allowed in a line"),
                Line::TooLong => self.reply(500, "Line too long"),
                // In its turn, so that any chunking of the bytes gives the same order.
                Line::Telnet(answer) => self.out.push(Output::Reply(answer.to_vec())),
            }
        }
    }

    fn line(&mut self, bytes: &[u8]) {
        let mut command = Command::parse(bytes);
        if self.broken(Bug::VerbCase) && !bytes.starts_with(&command.verb) {
            command.verb.clear();
        }
        self.execute(&command);
    }

    /// RFC 959 section 4.1.1: a lost control connection acts as ABOR and QUIT.
    fn lost(&mut self) {
        self.break_off();
        self.release();
        self.session.closed = true;
        self.out.push(Output::CloseControl);
    }

    fn idle(&mut self) {
        if !self.session.is_busy() && !self.broken(Bug::IdleNever) {
            self.end(421, "Nothing was said for too long");
        }
    }

    /// Says a last reply, gives up all connections, and closes the session.
    pub(super) fn end(&mut self, code: u16, text: &str) {
        self.break_off();
        self.release();
        self.reply(code, text);
        self.session.closed = true;
        self.session.queue.clear();
        self.out.push(Output::CloseControl);
    }
}
