//! The control connection: any bytes out, replies in.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::error::WireError;
use super::patience::{Pace, Patience, later};
use super::queue;
use super::stream::{self, Chunk};
pub use super::stream::{Connect, Sent};
use crate::ftp::reply::{Reply, ReplyParser};
use crate::ftp::transcript::End;

/// How many bytes a reply may have, unless [`ControlConnection::limit`] says otherwise.
pub const REPLY_MAX: usize = 1024 * 1024;

/// How many replies [`ControlConnection::drain_now`] takes before it gives the connection up.
pub const DRAIN_MAX: usize = 1000;

/// How many bytes of a flood are kept.
const FLOOD_HEAD: usize = 4096;

/// Bytes in one read; small, because it adds to what a reply may cost.
const READ: usize = 16 * 1024;

/// What came, or did not come, on the control connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A reply.
    Reply(Reply),
    /// No whole reply within the deadline.
    Silence {
        /// How long was waited.
        waited: Duration,
        /// What has come of the next reply; it stays, and the next read goes on behind it.
        partial: Vec<u8>,
    },
    /// The server ended the connection.
    Ended {
        /// How.
        how: End,
        /// What had come of the next reply.
        partial: Vec<u8>,
    },
    /// More came than a reply may have; the connection is given up.
    Flood {
        /// How many bytes were read.
        len: u64,
        /// The first of them.
        head: Vec<u8>,
    },
}

/// A control connection. Dropping it closes it; [`close`](Self::close) and [`reset`](Self::reset) say how.
pub struct ControlConnection {
    stream: TcpStream,
    peer: SocketAddr,
    local: SocketAddr,
    parser: ReplyParser,
    buffer: Vec<u8>,
    limit: usize,
    ended: Option<End>,
    flood: Option<(u64, Vec<u8>)>,
}

impl fmt::Debug for ControlConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlConnection").field("local", &self.local).field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl ControlConnection {
    /// Opens a connection, `TCP_NODELAY` on. The greeting is left to the first read.
    ///
    /// # Errors
    /// Where there is no socket or no local port; that the server refuses is no error.
    pub async fn connect(address: SocketAddr, deadline: Duration) -> Result<Connect<Self>, WireError> {
        Self::open(address, None, deadline).await
    }

    /// Opens a connection from an address of our own, such as 127.0.0.2.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and where the address is not ours.
    pub async fn connect_from(source: IpAddr, address: SocketAddr, deadline: Duration) -> Result<Connect<Self>, WireError> {
        Self::open(address, Some(source), deadline).await
    }

    async fn open(address: SocketAddr, source: Option<IpAddr>, deadline: Duration) -> Result<Connect<Self>, WireError> {
        let stream = match stream::dial(address, source, deadline, false).await? {
            Connect::Open(stream) => stream,
            Connect::Failed { reason } => return Ok(Connect::Failed { reason }),
        };
        let local = stream.local_addr().map_err(|error| WireError::Socket { address, source: error })?;
        Ok(Connect::Open(Self {
            stream,
            peer: address,
            local,
            parser: ReplyParser::default(),
            buffer: vec![0; READ],
            limit: REPLY_MAX,
            ended: None,
            flood: None,
        }))
    }

    /// Sets how many bytes a reply may have.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes.max(1);
        self
    }

    /// The server's end.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Our end.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whether nothing more can come: the server ended the connection, or it was given up.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended.is_some() || self.flood.is_some()
    }

    /// What has come and was not returned as a reply.
    #[must_use]
    pub fn buffered(&self) -> &[u8] {
        self.parser.partial()
    }

    /// Sends bytes as they are, in one write where the kernel takes them at once.
    pub async fn send(&mut self, bytes: &[u8], deadline: Duration) -> Sent {
        self.write(bytes, false, deadline).await
    }

    /// Sends bytes with the last as TCP urgent data: the telnet Synch, RFC 854 ("Synch" is urgent data that ends in DM).
    pub async fn send_urgent(&mut self, bytes: &[u8], deadline: Duration) -> Sent {
        self.write(bytes, true, deadline).await
    }

    async fn write(&mut self, bytes: &[u8], urgent: bool, deadline: Duration) -> Sent {
        let mut sent = Sent::default();
        stream::write(&self.stream, bytes, &Pace::start(Patience::once(deadline)), urgent, &mut sent).await;
        sent
    }

    /// Waits until the server has read all that was sent, so that what follows comes to it in another read.
    /// `false` where that cannot be shown within the deadline.
    pub async fn taken(&self, deadline: Duration) -> bool {
        queue::taken(self.local, self.peer, later(Instant::now(), deadline)).await
    }

    /// The next reply. What was read of one that is not whole stays for the next call; cancelling loses nothing.
    pub async fn read_reply(&mut self, deadline: Duration) -> Received {
        let began = Instant::now();
        let until = later(began, deadline);
        loop {
            if let Some(received) = self.pop() {
                return received;
            }
            let room = self.room();
            match stream::read(&self.stream, &mut self.buffer[..room], until).await {
                Chunk::Bytes(len) => self.parser.push(&self.buffer[..len]),
                Chunk::Ended(how) => self.ended = Some(how),
                Chunk::Silence => return Received::Silence { waited: began.elapsed(), partial: self.parser.partial().to_vec() },
            }
        }
    }

    /// What is there already, without waiting: replies, and the end or a flood behind them if that is seen now.
    ///
    /// A server that sends replies without end is given up after [`DRAIN_MAX`] of them.
    pub fn drain_now(&mut self) -> Vec<Received> {
        let mut all = Vec::new();
        let mut len = 0;
        let before = self.is_ended();
        loop {
            match self.pop() {
                Some(Received::Reply(reply)) => {
                    len += reply.raw.len() as u64;
                    all.push(Received::Reply(reply));
                    if all.len() == DRAIN_MAX {
                        let head = self.parser.partial().iter().copied().take(FLOOD_HEAD).collect();
                        all.push(self.give_up(len, head));
                        return all;
                    }
                }
                Some(last) => {
                    if !before {
                        all.push(last);
                    }
                    return all;
                }
                None => {
                    let room = self.room();
                    match stream::read_now(&self.stream, &mut self.buffer[..room]) {
                        Chunk::Bytes(len) => self.parser.push(&self.buffer[..len]),
                        Chunk::Ended(how) => self.ended = Some(how),
                        Chunk::Silence => return all,
                    }
                }
            }
        }
    }

    /// What can be said without another read.
    fn pop(&mut self) -> Option<Received> {
        if let Some((len, head)) = &self.flood {
            return Some(Received::Flood { len: *len, head: head.clone() });
        }
        if let Some(reply) = self.parser.pop() {
            return Some(Received::Reply(reply));
        }
        if let Some(how) = self.ended {
            return Some(Received::Ended { how, partial: self.parser.partial().to_vec() });
        }
        let partial = self.parser.partial();
        if partial.len() < self.limit {
            return None;
        }
        let (len, head) = (partial.len() as u64, partial[..partial.len().min(FLOOD_HEAD)].to_vec());
        Some(self.give_up(len, head))
    }

    fn give_up(&mut self, len: u64, head: Vec<u8>) -> Received {
        self.parser = ReplyParser::default();
        self.flood = Some((len, head.clone()));
        Received::Flood { len, head }
    }

    /// How much the next read may bring without going beyond the limit.
    fn room(&self) -> usize {
        READ.min(self.limit.saturating_sub(self.parser.partial().len())).max(1)
    }

    /// Sends FIN and goes on reading.
    pub fn half_close(&mut self) {
        stream::half_close(&self.stream);
    }

    /// Ends the connection with FIN.
    pub fn close(self) {
        stream::close(self.stream);
    }

    /// Ends the connection with RST.
    pub fn reset(self) {
        stream::reset(self.stream);
    }
}
