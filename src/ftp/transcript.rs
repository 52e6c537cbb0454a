//! What was said and seen, with times: the only thing that `judge` looks at.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::reply::Reply;

/// All that happened in one case, in the order in which the harness saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The events.
    pub events: Vec<Event>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Since the case began.
    pub at: Duration,
    /// The number of the step that it belongs to.
    pub step: usize,
    /// The session's name in the scenario.
    pub session: Arc<str>,
    /// What happened.
    pub what: What,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The control connection is open.
    Connected {
        /// The server's end.
        peer: SocketAddr,
        /// Our end.
        local: SocketAddr,
    },
    /// It could not be opened.
    ConnectFailed {
        /// Why, in words.
        reason: String,
    },
    /// Bytes went out on the control connection, passwords masked.
    Sent {
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Bytes could not go out: the connection was broken.
    SendFailed {
        /// Why, in words.
        reason: String,
    },
    /// A reply came.
    Reply(Reply),
    /// No reply came within the deadline.
    Silence {
        /// How long was waited.
        waited: Duration,
        /// What had come of the next reply.
        partial: Vec<u8>,
    },
    /// More came than a reply may have; the connection is given up.
    Flood {
        /// How many bytes.
        len: u64,
        /// The first of them.
        head: Vec<u8>,
    },
    /// The server ended the control connection.
    ControlEnded {
        /// How.
        how: End,
        /// What had come of the next reply.
        partial: Vec<u8>,
    },
    /// The client ended the control connection, or its half.
    ControlLeft(Leave),
    /// The data connection is open.
    DataConnected {
        /// The server's end.
        peer: SocketAddr,
        /// Our end.
        local: SocketAddr,
    },
    /// No data connection came to be.
    DataFailed {
        /// Why, in words.
        reason: String,
    },
    /// Bytes went out on the data connection.
    DataSent {
        /// How many.
        len: u64,
        /// The first of them.
        head: Vec<u8>,
        /// Why not all of what the step has to send, in words.
        broken: Option<String>,
    },
    /// Bytes came on the data connection.
    DataReceived(Observed),
    /// The server ended the data connection.
    DataEnded(End),
    /// Neither bytes nor the end came on the data connection within the deadline.
    DataSilence {
        /// How long was waited.
        waited: Duration,
    },
    /// The client ended the data connection, or its half.
    DataLeft(Leave),
    /// A path was looked at behind the server's back (or over a second session).
    Disk {
        /// Below the root.
        path: Vec<u8>,
        /// What was there.
        state: DiskState,
    },
    /// All roots were compared with what they were before the first line.
    Changes(Vec<String>),
    /// A listener of the case was asked who called.
    Called {
        /// The listener's name.
        name: String,
        /// The callers.
        by: Vec<SocketAddr>,
    },
    /// A step looked again at what the session had said before.
    Looked,
    /// The case did nothing for a while, on purpose.
    Stalled(Duration),
    /// The harness could not do what the step says.
    Trouble(String),
}

/// How a connection was ended by the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// FIN.
    Close,
    /// RST.
    Reset,
}

/// How a connection was ended by the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// FIN, both ways closed.
    Close,
    /// RST.
    Reset,
    /// FIN, still reading.
    HalfClose,
}

/// What a path on disk was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskState {
    /// Nothing there.
    Absent,
    /// A directory.
    Directory {
        /// Permission bits.
        mode: u32,
        /// Seconds since 1970, UTC.
        mtime: i64,
    },
    /// A regular file.
    File {
        /// Permission bits.
        mode: u32,
        /// Seconds since 1970, UTC.
        mtime: i64,
        /// Its bytes.
        content: Observed,
    },
    /// Something else: a link, a device.
    Other(String),
}

/// How many bytes of what came are kept whole.
pub const KEPT: usize = 64 * 1024;

/// Bytes that came or were found, told by what they were compared with: what is small is kept whole, what is large by its
/// length, its beginning, and how far it agrees with each content that the step names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// How many bytes.
    pub len: u64,
    /// The first of them, at most [`KEPT`].
    pub head: Vec<u8>,
    /// One for each content that the step names, in the order of the step.
    pub against: Vec<Agreement>,
}

/// How far bytes agree with a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The content's length.
    pub expected_len: u64,
    /// How many bytes agree from the start.
    pub common: u64,
    /// The bytes around the first difference: from up to 16 before it.
    pub got: Vec<u8>,
    /// What should stand there.
    pub expected: Vec<u8>,
}

impl Agreement {
    /// Where [`got`](Self::got) and [`expected`](Self::expected) start.
    #[must_use]
    pub fn window_at(&self) -> u64 {
        self.common.saturating_sub(16)
    }

    /// Whether `len` bytes that agree so far are the whole content.
    #[must_use]
    pub fn is_equal(&self, len: u64) -> bool {
        self.common == len && len == self.expected_len
    }

    /// Whether `len` bytes that agree so far are a beginning of the content.
    #[must_use]
    pub fn is_prefix(&self, len: u64) -> bool {
        self.common == len
    }
}
