//! The control connection: any bytes out, replies in.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::error::WireError;
use super::patience::{Pace, Patience, later};
use super::sliced::Sliced;
use super::stream::{self, Chunk};
pub use super::stream::{Connect, Sent};
use crate::fault::{Channel, Fault, queue};
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
    sliced: Option<Box<Sliced>>,
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
            sliced: None,
        }))
    }

    /// Sets how many bytes a reply may have.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes.max(1);
        self
    }

    /// All that is sent from now on leaves in the segments that these faults make of it.
    #[must_use]
    pub fn sliced(mut self, faults: &[Fault]) -> Self {
        self.sliced = Sliced::new(faults, Channel::Control, &self.stream).map(Box::new);
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
        let (mut sent, pace) = (Sent::default(), Pace::start(Patience::once(deadline)));
        let whole = match &mut self.sliced {
            None => bytes,
            Some(sliced) => {
                // The last byte is the urgent one.
                let (some, last) = bytes.split_at(bytes.len() - usize::from(urgent && !bytes.is_empty()));
                if !sliced.write(&self.stream, Bytes::copy_from_slice(some), true, &pace, &mut sent).await {
                    // In one piece it would have left before the server could say that it takes no more: what it says is read next.
                    sent.broken = None;
                    return sent;
                }
                last
            }
        };
        stream::write(&self.stream, whole, &pace, urgent, &mut sent).await;
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

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::sync::mpsc;

    use socket2::SockRef;

    use super::super::degenerate::{LONG, SHORT, control, loopbacks, read_all, reset, serve_on};
    use super::*;

    fn code(received: &Received) -> Option<u16> {
        match received {
            Received::Reply(reply) => reply.code,
            other => panic!("{other:?}"),
        }
    }

    fn ended(how: End, partial: &[u8]) -> Received {
        Received::Ended { how, partial: partial.to_vec() }
    }

    #[tokio::test]
    async fn lines_go_out_and_replies_come_back_on_both_families() {
        for ip in loopbacks() {
            let server = serve_on(ip, |mut stream| {
                stream.write_all(b"220 ready\r\n").unwrap();
                read_all(&stream).unwrap()
            });
            let mut connection = ControlConnection::connect(server.address, LONG).await.unwrap().ok().unwrap();
            assert_eq!(code(&connection.read_reply(LONG).await), Some(220));
            let sent = connection.send(b"\x00USER \xff\r", LONG).await;
            assert_eq!(sent, Sent { len: 8, ..Sent::default() });
            assert_eq!((connection.peer(), connection.local().ip()), (server.address, ip));
            connection.close();
            assert_eq!(server.join(), b"\x00USER \xff\r");
        }
    }

    #[tokio::test]
    async fn silence_ends_with_the_deadline() {
        let (mut connection, server) = control(|stream| read_all(&stream)).await;
        match connection.read_reply(SHORT).await {
            Received::Silence { waited, partial } => assert!(waited >= SHORT && waited < LONG && partial.is_empty()),
            other => panic!("{other:?}"),
        }
        assert!(!connection.is_ended());
        connection.close();
        server.join().unwrap();
    }

    #[tokio::test]
    async fn a_reply_may_be_cut_by_a_deadline_and_go_on() {
        let (go, gone) = mpsc::channel::<()>();
        let (mut connection, server) = control(move |mut stream| {
            stream.write_all(b"220 rea").unwrap();
            gone.recv().unwrap();
            stream.write_all(b"dy\r\n221 b").unwrap();
        })
        .await;
        while connection.buffered() != b"220 rea" {
            let received = connection.read_reply(SHORT).await;
            assert!(matches!(received, Received::Silence { .. }), "{received:?}");
        }
        go.send(()).unwrap();
        match connection.read_reply(LONG).await {
            Received::Reply(reply) => assert_eq!(reply.raw, b"220 ready\r\n"),
            other => panic!("{other:?}"),
        }
        assert_eq!(connection.read_reply(LONG).await, ended(End::Close, b"221 b"));
        assert_eq!(connection.read_reply(LONG).await, ended(End::Close, b"221 b"));
        server.join();
    }

    #[tokio::test]
    async fn an_echo_is_a_line_without_a_code() {
        let (mut connection, server) = control(|mut stream| {
            let mut buffer = [0; 64];
            while let Ok(len @ 1..) = stream.read(&mut buffer) {
                stream.write_all(&buffer[..len]).unwrap();
            }
        })
        .await;
        connection.send(b"NOOP\r\n", LONG).await;
        assert_eq!(code(&connection.read_reply(LONG).await), None);
        connection.close();
        server.join();
    }

    #[tokio::test]
    async fn the_ways_in_which_a_server_ends() {
        let (mut connection, server) = control(drop).await;
        server.join();
        assert_eq!(connection.read_reply(LONG).await, ended(End::Close, b""));
        assert!(connection.is_ended());

        // A reset that comes before the connection is looked at makes `connect` fail.
        let (go, gone) = mpsc::channel::<()>();
        let (mut connection, server) = control(move |stream| {
            gone.recv().unwrap();
            reset(stream);
        })
        .await;
        go.send(()).unwrap();
        server.join();
        assert_eq!(connection.read_reply(LONG).await, ended(End::Reset, b""));

        let (mut connection, server) = control(|mut stream| stream.write_all(b"421 bye\r\n").unwrap()).await;
        server.join();
        assert_eq!(code(&connection.read_reply(LONG).await), Some(421));
        assert_eq!(connection.read_reply(LONG).await, ended(End::Close, b""));
    }

    #[tokio::test]
    async fn a_reply_in_segments_of_one_byte_is_one_reply() {
        let text = b"211-Features\r\n MDTM\r\n211 End\r\n";
        let (mut connection, server) = control(move |mut stream| text.iter().for_each(|byte| stream.write_all(&[*byte]).unwrap())).await;
        match connection.read_reply(LONG).await {
            Received::Reply(reply) => assert_eq!(reply.raw, text),
            other => panic!("{other:?}"),
        }
        server.join();
    }

    #[tokio::test]
    async fn a_line_without_end_costs_little() {
        const ALL: usize = 100_000_000;
        let (go, gone) = mpsc::channel::<()>();
        let (mut connection, server) = control(move |mut stream| {
            stream.write_all(&vec![b'2'; REPLY_MAX - 1]).unwrap();
            gone.recv().unwrap();
            let block = vec![b'2'; 1 << 20];
            let mut len = 0;
            while len < ALL
                && let Ok(written) = stream.write(&block)
            {
                len += written;
            }
            len
        })
        .await;
        while connection.buffered().len() < REPLY_MAX - 1 {
            assert!(matches!(connection.read_reply(SHORT).await, Received::Silence { .. }));
        }
        assert!(connection.parser.capacity() + connection.buffer.capacity() < 2 << 20, "{}", connection.parser.capacity());
        go.send(()).unwrap();
        let flood = Received::Flood { len: REPLY_MAX as u64, head: vec![b'2'; FLOOD_HEAD] };
        assert_eq!(connection.read_reply(LONG).await, flood);
        assert_eq!(connection.parser.capacity(), 0);
        assert!(connection.is_ended());
        assert_eq!(connection.read_reply(LONG).await, flood);
        connection.reset();
        assert!(server.join() < ALL, "the rest was not read");
    }

    #[tokio::test]
    async fn a_reply_may_have_as_many_lines_as_the_limit_lets() {
        let (mut connection, server) = control(|mut stream| {
            stream.write_all(b"211-x\r\n").unwrap();
            while stream.write_all(b" more\r\n").is_ok() {}
        })
        .await;
        connection = connection.limit(10_000);
        match connection.read_reply(LONG).await {
            Received::Flood { len: 10_000, head } => assert!(head.starts_with(b"211-x\r\n more\r\n")),
            other => panic!("{other:?}"),
        }
        connection.reset();
        server.join();
    }

    #[tokio::test]
    async fn what_is_there_is_drained_without_waiting() {
        let (go, gone) = mpsc::channel::<()>();
        let (mut connection, server) = control(move |mut stream| {
            stream.write_all(b"150 a\r\n226 b\r\n200 c\r\n5").unwrap();
            gone.recv().unwrap();
        })
        .await;
        let mut all = Vec::new();
        while all.len() < 3 {
            all.extend(connection.drain_now());
            tokio::task::yield_now().await;
        }
        assert_eq!(all.iter().map(code).collect::<Vec<_>>(), [Some(150), Some(226), Some(200)]);
        assert!(!connection.is_ended());
        go.send(()).unwrap();
        server.join();
        let mut all = Vec::new();
        while all.is_empty() {
            all = connection.drain_now();
            tokio::task::yield_now().await;
        }
        assert_eq!(all, [ended(End::Close, b"5")]);
        assert_eq!(connection.drain_now(), [], "the end is told once");
    }

    #[tokio::test]
    async fn replies_without_end_are_not_drained_for_ever() {
        let (mut connection, server) = control(|mut stream| while stream.write_all(&b"200 x\r\n".repeat(1000)).is_ok() {}).await;
        let mut all = Vec::new();
        while all.len() <= DRAIN_MAX && !connection.is_ended() {
            assert_eq!(code(&connection.read_reply(LONG).await), Some(200));
            all = connection.drain_now();
        }
        assert_eq!(all.len(), DRAIN_MAX + 1);
        assert!(matches!(all.pop(), Some(Received::Flood { len: 7000, .. })));
        connection.reset();
        server.join();
    }

    #[tokio::test]
    async fn the_last_byte_goes_out_urgent() {
        for inline in [true, false] {
            let (mut connection, server) = control(move |mut stream| {
                SockRef::from(&stream).set_out_of_band_inline(inline).unwrap();
                stream.write_all(b"220 x\r\n").unwrap();
                read_all(&stream).unwrap()
            })
            .await;
            connection.read_reply(LONG).await;
            let sent = connection.send_urgent(b"\xff\xf4\xff\xf2", LONG).await;
            assert_eq!((sent.len, &sent.broken), (4, &None));
            // While the urgent byte is unread a newer one would replace it; plain bytes do not.
            connection.send(b"ABOR\r\n", LONG).await;
            connection.close();
            let expect: &[u8] = if inline { b"\xff\xf4\xff\xf2ABOR\r\n" } else { b"\xff\xf4\xffABOR\r\n" };
            assert_eq!(server.join(), expect);
        }
    }

    #[tokio::test]
    async fn half_close_is_seen_and_the_answer_still_comes() {
        let (mut connection, server) = control(|mut stream| {
            let came = read_all(&stream).unwrap();
            stream.write_all(b"221 bye\r\n").unwrap();
            came
        })
        .await;
        connection.send(b"QUIT\r\n", LONG).await;
        connection.half_close();
        assert_eq!(code(&connection.read_reply(LONG).await), Some(221));
        assert_eq!(server.join(), b"QUIT\r\n");
    }

    #[tokio::test]
    async fn the_server_sees_reset_as_reset_and_close_as_close() {
        for close in [true, false] {
            let (mut connection, server) = control(|mut stream| {
                stream.write_all(b"220 x\r\n220 not read by the client\r\n").unwrap();
                read_all(&stream).map_err(|error| error.kind())
            })
            .await;
            connection.read_reply(LONG).await;
            if close {
                connection.close();
            } else {
                connection.reset();
            }
            assert_eq!(server.join(), if close { Ok(Vec::new()) } else { Err(ErrorKind::ConnectionReset) });
        }
    }

    #[tokio::test]
    async fn a_server_that_never_reads_does_not_hang_us() {
        let (go, gone) = mpsc::channel::<()>();
        let (mut connection, server) = control(move |stream| {
            gone.recv().unwrap();
            drop(stream);
        })
        .await;
        let bytes = vec![b'x'; 64 << 20];
        let sent = connection.send(&bytes, SHORT).await;
        assert!(sent.len < bytes.len() as u64);
        assert!(sent.broken.unwrap().starts_with("the server took no more bytes"));
        go.send(()).unwrap();
        server.join();
        while connection.send(b"NOOP\r\n", SHORT).await.broken.is_none() {}
    }

    #[tokio::test]
    async fn the_source_address_can_be_chosen() {
        let source: IpAddr = "127.0.0.2".parse().unwrap();
        let server = serve_on(loopbacks()[0], |stream| stream.peer_addr().unwrap().ip());
        let connection = ControlConnection::connect_from(source, server.address, LONG).await.unwrap().ok().unwrap();
        assert_eq!(connection.local().ip(), source);
        assert_eq!(server.join(), source);
        let foreign = ControlConnection::connect_from("192.0.2.1".parse().unwrap(), connection.peer(), LONG).await;
        assert!(matches!(foreign, Err(WireError::Bind { .. })), "{foreign:?}");
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_no_error_of_ours() {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        match ControlConnection::connect(address, LONG).await {
            Ok(Connect::Failed { reason }) => assert_eq!(reason, "the connection was refused"),
            other => panic!("{other:?}"),
        }
    }
}
