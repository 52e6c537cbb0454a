//! The data connection: contents out, an [`Observer`] in.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::error::WireError;
use super::patience::{Pace, Patience};
use super::queue;
use super::stream::{self, Chunk};
pub use super::stream::{Connect, Sent};
use crate::ftp::content::Content;
use crate::ftp::observe::Observer;
use crate::ftp::transcript::End;

/// Bytes in one read or write.
const BLOCK: usize = 256 * 1024;

/// How many bytes beyond what is expected are read, to say how much too much came.
pub const EXCESS: u64 = 1024 * 1024;

/// How many callers [`Listener::callers`] names.
const CALLERS_MAX: usize = 64;

/// Up to where to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// So many bytes and not one more; the rest stays in the socket.
    Bytes(u64),
    /// The end of the connection.
    End {
        /// More bytes than these are not read.
        limit: u64,
    },
}

impl Until {
    /// The end of the connection, where so many bytes are expected before it.
    #[must_use]
    pub fn end_of(expected: u64) -> Self {
        Self::End { limit: expected.saturating_add(EXCESS) }
    }
}

/// Why a read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataEvent {
    /// All bytes that were asked for came.
    Full,
    /// The server ended the connection.
    Ended(End),
    /// Neither bytes nor the end came.
    Silence {
        /// How long was waited since the last byte.
        waited: Duration,
    },
    /// Bytes went on coming, and the whole took too long.
    Slow {
        /// How long in all.
        waited: Duration,
    },
    /// Bytes went on coming beyond the limit.
    Excess,
}

/// A data connection. Dropping it closes it; [`finish`](Self::finish) and [`reset`](Self::reset) say how.
pub struct DataConnection {
    stream: TcpStream,
    peer: SocketAddr,
    local: SocketAddr,
    /// Made at first use, then kept.
    buffer: Vec<u8>,
}

impl fmt::Debug for DataConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataConnection").field("local", &self.local).field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl DataConnection {
    /// Opens a connection to where the server listens, `TCP_NODELAY` on. With `small_buffers` both socket buffers are
    /// 64 KiB, so that a cut or a stall is felt by the server and not swallowed by the kernel.
    ///
    /// # Errors
    /// Where there is no socket or no local port; that the server refuses is no error.
    pub async fn connect(address: SocketAddr, deadline: Duration, small_buffers: bool) -> Result<Connect<Self>, WireError> {
        Ok(stream::dial(address, None, deadline, small_buffers).await?.and_then(Self::new))
    }

    /// Opens a connection from an address of our own, such as 127.0.0.2.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and where the address is not ours.
    pub async fn connect_from(
        source: IpAddr,
        address: SocketAddr,
        deadline: Duration,
        small_buffers: bool,
    ) -> Result<Connect<Self>, WireError> {
        Ok(stream::dial(address, Some(source), deadline, small_buffers).await?.and_then(Self::new))
    }

    fn new(stream: TcpStream) -> Connect<Self> {
        match (stream.peer_addr(), stream.local_addr()) {
            (Ok(peer), Ok(local)) => Connect::Open(Self { stream, peer, local, buffer: Vec::new() }),
            (Err(error), _) | (_, Err(error)) => Connect::Failed { reason: stream::words(&error) },
        }
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

    /// Reads and shows what comes to an observer; counts from here on. Cancelling loses nothing that was read.
    pub async fn receive(&mut self, observer: &mut Observer, until: Until, patience: impl Into<Patience>) -> DataEvent {
        let pace = Pace::start(patience.into());
        let (mut left, full) = match until {
            Until::Bytes(len) => (len, DataEvent::Full),
            Until::End { limit } => (limit.saturating_add(1), DataEvent::Excess),
        };
        self.buffer.resize(BLOCK, 0);
        while left > 0 {
            if pace.is_over() {
                return DataEvent::Slow { waited: pace.elapsed() };
            }
            let room = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
            let waits = tokio::time::Instant::now();
            match stream::read(&self.stream, &mut self.buffer[..room], pace.next()).await {
                Chunk::Bytes(len) => {
                    observer.push(&self.buffer[..len]);
                    left -= len as u64;
                }
                Chunk::Ended(how) => return DataEvent::Ended(how),
                Chunk::Silence => return DataEvent::Silence { waited: waits.elapsed() },
            }
        }
        full
    }

    /// Waits for the end of the connection; bytes that still come are dropped, up to [`EXCESS`] of them.
    pub async fn wait_end(&mut self, patience: impl Into<Patience>) -> DataEvent {
        self.receive(&mut Observer::new(Vec::new()), Until::end_of(0), patience).await
    }

    /// Sends a content in blocks of 256 KiB; the connection stays open.
    pub async fn send(&mut self, content: &Content, patience: impl Into<Patience>) -> Sent {
        let mut sent = Sent::default();
        self.stream_out(content, &Pace::start(patience.into()), &mut sent).await;
        sent
    }

    /// Sends contents, each in segments of its own: none leaves before the server has read the one before it, as far as
    /// that can be seen ([`Sent::unproven`] counts where it cannot, and then a border rests on `TCP_NODELAY` alone).
    pub async fn send_segments(&mut self, contents: &[Content], patience: impl Into<Patience>) -> Sent {
        let pace = Pace::start(patience.into());
        let mut sent = Sent::default();
        for (index, content) in contents.iter().enumerate() {
            if index > 0 && !queue::taken(self.local, self.peer, pace.next()).await {
                sent.unproven += 1;
            }
            if !self.stream_out(content, &pace, &mut sent).await {
                break;
            }
        }
        sent
    }

    async fn stream_out(&mut self, content: &Content, pace: &Pace, sent: &mut Sent) -> bool {
        let len = content.len();
        self.buffer.resize(BLOCK, 0);
        let mut offset = 0;
        while offset < len {
            let room = usize::try_from(len - offset).map_or(BLOCK, |left| left.min(BLOCK));
            content.fill(offset, &mut self.buffer[..room]);
            if !stream::write(&self.stream, &self.buffer[..room], pace, false, sent).await {
                return false;
            }
            offset += room as u64;
        }
        true
    }

    /// Sends FIN and goes on reading.
    pub fn half_close(&mut self) {
        stream::half_close(&self.stream);
    }

    /// Ends the connection with FIN.
    pub fn finish(self) {
        stream::close(self.stream);
    }

    /// Ends the connection with RST.
    pub fn reset(self) {
        stream::reset(self.stream);
    }
}

/// Where the server is told to connect to: for PORT and EPRT, and as a trap that should stay untouched.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    local: SocketAddr,
}

impl Listener {
    /// Listens on a free port. With `small_buffers` what is accepted has socket buffers of 64 KiB.
    ///
    /// # Errors
    /// Where the address is not ours, or there is no socket.
    pub fn bind(ip: IpAddr, small_buffers: bool) -> Result<Self, WireError> {
        let failed = |error| WireError::Bind { address: ip, source: error };
        let socket = stream::socket(SocketAddr::new(ip, 0), Some(ip), small_buffers)?.listen(16).map_err(failed)?;
        let local = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, local })
    }

    /// Where it listens.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Takes the next call.
    ///
    /// # Errors
    /// Where there is no socket for it; that nobody calls is no error.
    pub async fn accept(&self, deadline: Duration) -> Result<Connect<DataConnection>, WireError> {
        match timeout(deadline, self.socket.accept()).await {
            Ok(Ok((stream, _))) => {
                // Not inherited from the listener everywhere; without it only the borders of segments suffer.
                let _ = stream.set_nodelay(true);
                Ok(DataConnection::new(stream))
            }
            Ok(Err(error)) => Err(WireError::Accept { address: self.local, source: error }),
            Err(_) => Ok(Connect::Failed { reason: format!("nobody called within {deadline:?}") }),
        }
    }

    /// Who has called up to now and was not accepted, without waiting; their connections are closed.
    #[must_use]
    pub fn callers(&self) -> Vec<SocketAddr> {
        // Asks the kernel directly: the runtime may not have heard of a call yet.
        let socket = SockRef::from(&self.socket);
        std::iter::from_fn(|| socket.accept().ok()).filter_map(|(_, address)| address.as_socket()).take(CALLERS_MAX).collect()
    }
}
