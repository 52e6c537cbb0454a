//! What both kinds of connection do with a socket: dial, read, write, end.

use std::io::{self, Read};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::coop::consume_budget;
use tokio::time::Instant;

use super::error::WireError;
use super::patience::{Pace, later, within};
use crate::ftp::transcript::End;

/// The size of both socket buffers where a case will cut or stall, so that little of a transfer hides in them.
pub(super) const SMALL: u32 = 64 * 1024;

/// How an attempt to get a connection ended.
#[derive(Debug)]
pub enum Connect<T> {
    /// It is open.
    Open(T),
    /// There is none, and that is not our doing.
    Failed {
        /// Why, in words.
        reason: String,
    },
}

impl<T> Connect<T> {
    /// The connection, if there is one.
    pub fn ok(self) -> Option<T> {
        match self {
            Self::Open(connection) => Some(connection),
            Self::Failed { .. } => None,
        }
    }

    pub(super) fn and_then<U>(self, with: impl FnOnce(T) -> Connect<U>) -> Connect<U> {
        match self {
            Self::Open(connection) => with(connection),
            Self::Failed { reason } => Connect::Failed { reason },
        }
    }
}

/// What became of bytes that were to go out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// How many the kernel took.
    pub len: u64,
    /// Why not all, in words.
    pub broken: Option<String>,
    /// Borders between segments of which it could not be shown that the server had taken all before the next left.
    pub unproven: usize,
}

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    Bytes(usize),
    Ended(End),
    Silence,
}

/// A socket of the right family with its options, bound to `source` if there is one.
pub(super) fn socket(address: SocketAddr, source: Option<IpAddr>, small_buffers: bool) -> Result<TcpSocket, WireError> {
    let made = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = made
        .and_then(|socket| {
            if small_buffers {
                socket.set_recv_buffer_size(SMALL)?;
                socket.set_send_buffer_size(SMALL)?;
            }
            socket.set_nodelay(true)?;
            // A port whose connection is over may be used again, by us and by the servers.
            socket.set_reuseaddr(true)?;
            Ok(socket)
        })
        .map_err(|error| WireError::Socket { address, source: error })?;
    if let Some(ip) = source {
        socket.bind(SocketAddr::new(ip, 0)).map_err(|error| WireError::Bind { address: ip, source: error })?;
    }
    Ok(socket)
}

/// Connects within a deadline.
pub(super) async fn dial(
    address: SocketAddr,
    source: Option<IpAddr>,
    deadline: Duration,
    small_buffers: bool,
) -> Result<Connect<TcpStream>, WireError> {
    let socket = socket(address, source, small_buffers)?;
    match within(later(Instant::now(), deadline), socket.connect(address)).await {
        Some(Ok(stream)) => Ok(Connect::Open(stream)),
        Some(Err(error)) if error.kind() == io::ErrorKind::AddrNotAvailable => Err(WireError::Port { address, source: error }),
        Some(Err(error)) => Ok(Connect::Failed { reason: words(&error) }),
        None => Ok(Connect::Failed { reason: format!("not connected within {deadline:?}") }),
    }
}

/// Reads once, as soon as something is there. Cancelling loses no byte.
pub(super) async fn read(stream: &TcpStream, buffer: &mut [u8], until: Instant) -> Chunk {
    consume_budget().await;
    loop {
        if let Some(chunk) = chunk(stream.try_read(buffer)) {
            return chunk;
        }
        // An error of `readable` shows again at the next read.
        if within(until, stream.readable()).await.is_none() {
            return Chunk::Silence;
        }
    }
}

/// Reads what the kernel has already. Asks it directly: the runtime may not have heard of it yet.
pub(super) fn read_now(stream: &TcpStream, buffer: &mut [u8]) -> Chunk {
    let socket = SockRef::from(stream);
    chunk((&*socket).read(buffer)).unwrap_or(Chunk::Silence)
}

/// `None` where nothing is there yet.
fn chunk(read: io::Result<usize>) -> Option<Chunk> {
    match read {
        Ok(0) => Some(Chunk::Ended(End::Close)),
        Ok(len) => Some(Chunk::Bytes(len)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => None,
        // Whatever else an open connection says, it is gone without FIN.
        Err(_) => Some(Chunk::Ended(End::Reset)),
    }
}

/// Writes all, in as few writes as the kernel takes; counts in `sent`. `false` where that broke.
///
/// With `urgent` the last byte goes out as TCP urgent data.
pub(super) async fn write(stream: &TcpStream, bytes: &[u8], pace: &Pace, urgent: bool, sent: &mut Sent) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        consume_budget().await;
        let once = stream.async_io(Interest::WRITABLE, || {
            if urgent {
                return SockRef::from(stream).send_out_of_band(rest);
            }
            stream.try_write(rest)
        });
        match within(pace.next(), once).await {
            Some(Ok(len)) => {
                sent.len += len as u64;
                rest = &rest[len..];
            }
            Some(Err(error)) => {
                sent.broken = Some(words(&error));
                return false;
            }
            None => {
                sent.broken = Some(format!("the server took no more bytes: {} in {:.1?}", sent.len, pace.elapsed()));
                return false;
            }
        }
    }
    true
}

/// Sends FIN and goes on reading.
pub(super) fn half_close(stream: &TcpStream) {
    // Fails only where the connection is gone already, and then the next read says so.
    let _ = SockRef::from(stream).shutdown(Shutdown::Write);
}

/// Sends RST.
pub(super) fn reset(stream: TcpStream) {
    // Fails only where the connection is gone already.
    let _ = stream.set_zero_linger();
    drop(stream);
}

/// Sends FIN and closes both ways.
///
/// What has come and was not read would turn the FIN into a RST; it is read and dropped until nothing is left, but at most four megabytes: what a
/// server has in its buffer. So it finds the connection closed at its next write, not within one.
pub(super) fn close(stream: TcpStream) {
    half_close(&stream);
    let mut buffer = [0; 16 * 1024];
    for _ in 0..256 {
        if !matches!(read_now(&stream, &mut buffer), Chunk::Bytes(_)) {
            break;
        }
    }
    drop(stream);
}

/// An error of the connection in words that do not depend on the system.
pub(super) fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionReset => "the server reset the connection".to_owned(),
        io::ErrorKind::BrokenPipe => "the connection is closed".to_owned(),
        io::ErrorKind::ConnectionRefused => "the connection was refused".to_owned(),
        io::ErrorKind::TimedOut => "the connection timed out".to_owned(),
        _ => error.to_string().to_lowercase(),
    }
}
