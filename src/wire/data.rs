//! The data connection: contents out, an [`Observer`] in.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::error::WireError;
use super::patience::{Pace, Patience, later, within};
use super::sliced::Sliced;
use super::stream::{self, Chunk};
pub use super::stream::{Connect, Sent};
use crate::fault::{Channel, Fault, queue};
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
    sliced: Option<Box<Sliced>>,
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
            (Ok(peer), Ok(local)) => Connect::Open(Self { stream, peer, local, buffer: Vec::new(), sliced: None }),
            (Err(error), _) | (_, Err(error)) => Connect::Failed { reason: stream::words(&error) },
        }
    }

    /// All that is sent from now on leaves in the segments that these faults make of it.
    #[must_use]
    pub fn sliced(mut self, faults: &[Fault]) -> Self {
        self.sliced = Sliced::new(faults, Channel::Data, &self.stream).map(Box::new);
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

    /// Waits until the server's program has accepted the connection, at most so long. `false` where that cannot be shown: it did not,
    /// the server is on another machine, or the system does not tell.
    pub async fn accepted(&self, within: Duration) -> bool {
        queue::accepted(self.local, self.peer, later(Instant::now(), within)).await
    }

    /// Reads and shows what comes to an observer; counts from here on. Cancelling loses nothing that was read.
    pub async fn receive(&mut self, observer: &mut Observer, until: Until, patience: impl Into<Patience>) -> DataEvent {
        let pace = Pace::start(patience.into());
        let (mut left, full) = match until {
            Until::Bytes(len) => (len, DataEvent::Full),
            Until::End { limit } => (limit.saturating_add(1), DataEvent::Excess),
        };
        let mut came = false;
        self.buffer.resize(BLOCK, 0);
        while left > 0 {
            if pace.is_over() {
                return DataEvent::Slow { waited: pace.elapsed() };
            }
            let room = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
            let waits = Instant::now();
            match stream::read(&self.stream, &mut self.buffer[..room], pace.next()).await {
                Chunk::Bytes(len) => {
                    observer.push(&self.buffer[..len]);
                    left -= len as u64;
                    came = true;
                }
                Chunk::Ended(how) => return DataEvent::Ended(how),
                Chunk::Silence if came && pace.cut(waits.elapsed()) => return DataEvent::Slow { waited: pace.elapsed() },
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
            let bytes = &self.buffer[..room];
            offset += room as u64;
            let written = match &mut self.sliced {
                None => stream::write(&self.stream, bytes, pace, false, sent).await,
                Some(sliced) => sliced.write(&self.stream, Bytes::copy_from_slice(bytes), offset == len, pace, sent).await,
            };
            if !written {
                return false;
            }
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
        match within(later(Instant::now(), deadline), self.socket.accept()).await {
            Some(Ok((stream, _))) => {
                // Not inherited from the listener everywhere; without it only the borders of segments suffer.
                let _ = stream.set_nodelay(true);
                Ok(DataConnection::new(stream))
            }
            Some(Err(error)) if error.kind() == io::ErrorKind::ConnectionAborted => Ok(Connect::Failed { reason: stream::words(&error) }),
            Some(Err(error)) => Err(WireError::Accept { address: self.local, source: error }),
            None => Ok(Connect::Failed { reason: format!("nobody called within {deadline:?}") }),
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::sync::mpsc;

    use super::super::degenerate::{LONG, SHORT, data, loopbacks, read_all, reset, serve_on};
    use super::*;

    fn observer(content: &Content) -> Observer {
        Observer::new(vec![content.clone()])
    }

    fn pour(mut stream: std::net::TcpStream, content: &Content) {
        let mut block = vec![0; 1 << 20];
        let mut offset = 0;
        while offset < content.len() {
            let len = usize::try_from(content.len() - offset).unwrap().min(block.len());
            content.fill(offset, &mut block[..len]);
            stream.write_all(&block[..len]).unwrap();
            offset += len as u64;
        }
    }

    fn take(mut stream: std::net::TcpStream, content: Content) -> crate::ftp::transcript::Observed {
        let mut observer = Observer::new(vec![content]);
        let mut block = vec![0; 1 << 20];
        while let len @ 1.. = stream.read(&mut block).unwrap() {
            observer.push(&block[..len]);
        }
        observer.finish()
    }

    #[tokio::test]
    async fn what_comes_is_compared_to_its_last_byte() {
        let content = Content::Words { seed: 3, len: 64 << 20 };
        for ip in loopbacks() {
            let source = content.clone();
            let server = serve_on(ip, move |stream| pour(stream, &source));
            let mut connection = DataConnection::connect(server.address, LONG, false).await.unwrap().ok().unwrap();
            let mut observer = observer(&content);
            let event = connection.receive(&mut observer, Until::end_of(content.len()), LONG).await;
            assert_eq!(event, DataEvent::Ended(End::Close));
            let observed = observer.finish();
            assert!(observed.against[0].is_equal(observed.len) && observed.len == content.len());
            server.join();
        }
    }

    #[tokio::test]
    async fn so_many_bytes_are_read_and_the_rest_stays() {
        let content = Content::Words { seed: 3, len: 100_000 };
        let source = content.clone();
        let (mut connection, server) = data(false, move |stream| pour(stream, &source)).await;
        let mut observer = observer(&content);
        assert_eq!(connection.receive(&mut observer, Until::Bytes(70_001), LONG).await, DataEvent::Full);
        assert_eq!(observer.len(), 70_001);
        assert_eq!(connection.receive(&mut observer, Until::Bytes(0), LONG).await, DataEvent::Full);
        assert_eq!(connection.receive(&mut observer, Until::end_of(29_999), LONG).await, DataEvent::Ended(End::Close));
        let observed = observer.finish();
        assert!(observed.against[0].is_equal(observed.len));
        server.join();
    }

    #[tokio::test]
    async fn bytes_without_end_are_not_read_for_ever() {
        let endless = |mut stream: std::net::TcpStream| while stream.write_all(b"x").is_ok() {};
        let (mut connection, server) = data(false, endless).await;
        let mut observer = Observer::new(Vec::new());
        assert_eq!(connection.receive(&mut observer, Until::End { limit: 1000 }, LONG).await, DataEvent::Excess);
        assert_eq!(observer.len(), 1001);
        let total = 10 * SHORT;
        let patience = Patience { silence: LONG, total };
        let event = connection.receive(&mut observer, Until::End { limit: u64::MAX }, patience).await;
        assert!(matches!(event, DataEvent::Slow { waited } if waited >= total), "{event:?}");
        connection.reset();
        server.join();
    }

    #[tokio::test]
    async fn silence_and_ends_are_told_apart() {
        for cut in [true, false] {
            let (answer, wait) = mpsc::channel::<()>();
            let (mut connection, server) = data(false, move |mut stream| {
                stream.write_all(b"abc").unwrap();
                wait.recv().unwrap();
                if cut { reset(stream) } else { drop(stream) }
            })
            .await;
            let mut observer = Observer::new(Vec::new());
            assert_eq!(connection.receive(&mut observer, Until::Bytes(3), LONG).await, DataEvent::Full);
            let event = connection.wait_end(SHORT).await;
            assert!(matches!(event, DataEvent::Silence { waited } if waited >= SHORT), "{event:?}");
            answer.send(()).unwrap();
            let how = if cut { End::Reset } else { End::Close };
            assert_eq!(connection.wait_end(LONG).await, DataEvent::Ended(how));
            server.join();
        }
    }

    #[tokio::test]
    async fn what_is_sent_arrives_to_its_last_byte() {
        let content = Content::Words { seed: 5, len: (64 << 20) + 3 };
        let expect = content.clone();
        let (mut connection, server) = data(false, |stream| take(stream, expect)).await;
        assert_eq!(connection.send(&content, LONG).await, Sent { len: content.len(), ..Sent::default() });
        connection.finish();
        let observed = server.join();
        assert!(observed.against[0].is_equal(observed.len));
    }

    #[tokio::test]
    async fn a_receiver_that_stalls_is_noticed_and_small_buffers_hide_little() {
        let (go, gone) = mpsc::channel::<()>();
        let (mut connection, server) = data(true, move |stream| {
            gone.recv().unwrap();
            drop(stream);
        })
        .await;
        let sent = connection.send(&Content::Zeros(64 << 20), SHORT).await;
        assert!(sent.len < 16 << 20, "{sent:?}");
        assert!(sent.broken.is_some());
        go.send(()).unwrap();
        server.join();
        assert_eq!(connection.wait_end(LONG).await, DataEvent::Ended(End::Reset));
        let sent = connection.send(&Content::Zeros(64), SHORT).await;
        assert!(sent.broken.is_some(), "{sent:?}");
    }

    #[tokio::test]
    async fn small_buffers_make_a_sender_feel_that_nobody_reads() {
        let (told, tell) = mpsc::channel::<usize>();
        let (connection, server) = data(true, move |mut stream| {
            stream.set_write_timeout(Some(SHORT)).unwrap();
            let block = vec![0; 64 * 1024];
            let mut len = 0;
            while let Ok(written) = stream.write(&block) {
                len += written;
            }
            told.send(len).unwrap();
        })
        .await;
        assert!(tell.recv().unwrap() < 8 << 20);
        connection.reset();
        server.join();
    }

    #[tokio::test]
    async fn segments_reach_the_server_in_reads_of_their_own() {
        for ip in loopbacks() {
            let server = serve_on(ip, |mut stream| {
                let mut reads = Vec::new();
                let mut block = vec![0; 1 << 20];
                while let len @ 1.. = stream.read(&mut block).unwrap() {
                    reads.push(block[..len].to_vec());
                }
                reads
            });
            let mut connection = DataConnection::connect(server.address, LONG, false).await.unwrap().ok().unwrap();
            let segments: Vec<Content> = (0..50_u8).map(|number| Content::literal([number, b'\r'])).collect();
            let sent = connection.send_segments(&segments, LONG).await;
            connection.finish();
            let reads = server.join();
            assert_eq!(sent.len, 100);
            assert_eq!(reads.concat(), segments.iter().flat_map(Content::to_vec).collect::<Vec<u8>>());
            if cfg!(target_os = "linux") {
                assert_eq!(sent.unproven, 0);
                assert_eq!(reads.len(), 50);
            }
        }
    }

    #[tokio::test]
    async fn a_border_that_the_server_does_not_read_up_to_is_unproven() {
        let (go, gone) = mpsc::channel::<()>();
        let (mut connection, server) = data(false, move |stream| {
            gone.recv().unwrap();
            read_all(&stream).unwrap()
        })
        .await;
        let sent = connection.send_segments(&[Content::literal(*b"a"), Content::literal(*b"b")], SHORT).await;
        assert_eq!(sent, Sent { len: 2, broken: None, unproven: 1 });
        connection.half_close();
        go.send(()).unwrap();
        assert_eq!(server.join(), b"ab");
        assert_eq!(connection.wait_end(LONG).await, DataEvent::Ended(End::Close));
    }

    #[tokio::test]
    async fn a_listener_takes_calls_and_names_callers() {
        for ip in loopbacks() {
            let listener = Listener::bind(ip, true).unwrap();
            let nobody = listener.accept(SHORT).await.unwrap();
            assert!(matches!(nobody, Connect::Failed { .. }), "{nobody:?}");
            assert_eq!(listener.callers(), []);

            let mut caller = std::net::TcpStream::connect(listener.local()).unwrap();
            caller.write_all(b"abc").unwrap();
            let mut connection = listener.accept(LONG).await.unwrap().ok().unwrap();
            assert_eq!(connection.peer(), caller.local_addr().unwrap());
            drop(caller);
            let content = Content::literal(*b"abc");
            let mut observer = observer(&content);
            assert_eq!(connection.receive(&mut observer, Until::end_of(3), LONG).await, DataEvent::Ended(End::Close));
            assert!(observer.finish().against[0].is_equal(3));

            let late = std::net::TcpStream::connect(listener.local()).unwrap();
            let mut callers = Vec::new();
            while callers.is_empty() {
                callers = listener.callers();
                tokio::task::yield_now().await;
            }
            assert_eq!(callers, [late.local_addr().unwrap()]);
            assert_eq!(listener.callers(), []);
        }
        let foreign = Listener::bind("192.0.2.1".parse().unwrap(), false);
        assert!(matches!(foreign, Err(WireError::Bind { .. })), "{foreign:?}");
    }
}
