//! Faults of a network: what may happen to the bytes between a client and a server, and one implementation that does it.
//!
//! A [`Fault`] is a description: what, on which channel, in which direction, from when on. A [`Lane`](lane::Lane) is the pure part of
//! the implementation: bytes in, acts out. A [`pipe`] carries them out between two sockets, and a [`Proxy`](proxy::Proxy) does it for
//! every control connection and every data connection of the sessions between any client and any server.
//!
//! Responsible for the bytes of connections, below TLS. Has no opinion about what is said in them, and knows no scenario.

pub mod follow;
pub mod lane;
pub mod pipe;
pub mod proxy;
pub(crate) mod queue;
#[cfg(target_os = "linux")]
mod splice;
pub mod tap;
mod word;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

pub use crate::scenario::model::Channel;

/// One fault, and where and when it happens. Written and read as words: `data:down:cut=rst@70000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// On which connections; `None` for both kinds.
    pub channel: Option<Channel>,
    /// In which direction; `None` for both.
    pub direction: Option<Direction>,
    /// What happens.
    pub kind: Kind,
    /// When, or from when on.
    pub trigger: Trigger,
}

/// Where bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Every byte comes so much later, and a time up to `jitter` more; the order stays.
    Latency {
        /// The least.
        base: Duration,
        /// The most that is added, drawn for each segment.
        jitter: Duration,
    },
    /// So many bytes a second and no more.
    Rate(u64),
    /// Segments are cut, and the next leaves when the other end has read the one before it, as far as that can be seen.
    Slice(Slice),
    /// What comes within this time after a first byte leaves in one segment: several replies, several commands.
    Join(Duration),
    /// The connection ends.
    Cut(Cut),
    /// Nothing passes for so long.
    Stall(Duration),
    /// One byte is another one.
    Corrupt,
    /// The last so many bytes come twice.
    Duplicate(usize),
    /// A connection is taken and nothing is done with it for so long.
    Accept(Duration),
    /// A data connection is refused.
    Refuse,
    /// The data connection comes from this address.
    Stranger(IpAddr),
}

/// How bytes are cut into segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slice {
    /// One byte each. On a data connection the first and the last 4 KiB of what is sent at once.
    Ones,
    /// 1 to 1460 bytes each, drawn by lot.
    Random,
    /// Between CR and LF.
    LineEnd,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// FIN to both sides.
    Fin,
    /// RST to both sides.
    Reset,
    /// FIN in the direction of the fault; the other one stays open.
    Half,
}

/// When a fault happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// From the first byte on.
    Start,
    /// When so many bytes have passed in this direction of this connection.
    Byte(u64),
    /// When the client has sent this command; in upper case.
    Command(String),
    /// When the server has sent a reply with this code.
    Reply(u16),
}

impl Fault {
    /// Whether it is about this direction of such a connection.
    #[must_use]
    pub fn is_about(&self, channel: Channel, direction: Direction) -> bool {
        self.channel.is_none_or(|own| own == channel) && self.direction.is_none_or(|own| own == direction)
    }
}

impl Direction {
    /// `up`, `down`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
