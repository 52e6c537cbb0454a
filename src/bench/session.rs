//! The client that measures: one control connection, and the ways to a data connection.
//!
//! Blocking sockets on a thread of their own: a runtime between the socket and the bytes costs more than the bytes do. Each wait has a
//! deadline, which the kernel keeps (`SO_RCVTIMEO`). Replies are read by the parser of [`crate::ftp::reply`]; what they mean for the data
//! connection says [`crate::wire::opening`].

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::failure::Failure;
use crate::ftp::reply::{Reply, ReplyParser};
use crate::scenario::model::Way;
use crate::target::Account;
use crate::wire::opening::{active_line, passive_address, passive_line};

/// Bytes that one reply may have: a listing by STAT is none of ours.
const REPLY_MAX: usize = 1 << 20;

/// How long to wait, and when to stop.
#[derive(Debug, Clone)]
pub struct Patience {
    /// Without progress, be it a reply or a byte of data.
    pub stall: Duration,
    /// The benchmark is asked to end.
    pub stop: Arc<AtomicBool>,
}

impl Patience {
    /// So long, and nobody asks to end.
    #[must_use]
    pub fn new(stall: Duration) -> Self {
        Self { stall, stop: Arc::default() }
    }

    /// Ends what is measured where that was asked.
    pub(super) fn go_on(&self) -> Result<(), Failure> {
        if self.stop.load(Ordering::Relaxed) { Err(Failure::Interrupted) } else { Ok(()) }
    }
}

/// A control connection.
#[derive(Debug)]
pub struct Session {
    stream: TcpStream,
    peer: SocketAddr,
    parser: ReplyParser,
    patience: Patience,
}

/// A data connection that is open, or that the server will open.
#[derive(Debug)]
pub(super) enum Data {
    Open(TcpStream),
    Awaited(TcpListener),
}

impl Session {
    /// Connects and reads the greeting.
    ///
    /// # Errors
    /// The server cannot be reached or does not greet with 220.
    pub fn connect(address: SocketAddr, patience: &Patience) -> Result<Self, Failure> {
        let stream = dial(address, patience)?;
        stream.set_nodelay(true).map_err(|error| Failure::machine("the control connection", &error))?;
        let mut session = Self::resume(stream, address, patience);
        session.expect("the greeting", |code| code == 220)?;
        Ok(session)
    }

    /// A connection that was put aside.
    pub(super) fn resume(stream: TcpStream, peer: SocketAddr, patience: &Patience) -> Self {
        Self { stream, peer, parser: ReplyParser::default(), patience: patience.clone() }
    }

    /// Puts it aside: a session that waits costs its socket and no more.
    pub(super) fn aside(self) -> TcpStream {
        self.stream
    }

    /// Logs in, and goes where the account's root is.
    ///
    /// # Errors
    /// The server refuses.
    pub fn login(&mut self, account: &Account) -> Result<(), Failure> {
        let user = self.ask(&format!("USER {}", account.name))?;
        if user.code == Some(331) {
            self.send(format!("PASS {}\r\n", account.password.reveal()).as_bytes())?;
            self.expect("PASS", |code| matches!(code, 230 | 202))?;
        } else if user.code != Some(230) {
            return Err(refused("USER", &user));
        }
        if account.directory.is_empty() {
            return Ok(());
        }
        self.send(&[b"CWD ", account.directory.as_slice(), b"\r\n"].concat())?;
        self.expect("CWD", |code| code == 250).map(drop)
    }

    /// Sends a line and reads one reply.
    pub(super) fn ask(&mut self, line: &str) -> Result<Reply, Failure> {
        self.send(format!("{line}\r\n").as_bytes())?;
        self.reply(line)
    }

    /// Sends a line whose reply must be positive; what the server does not know is unsupported.
    pub(super) fn must(&mut self, line: &str) -> Result<Reply, Failure> {
        let reply = self.ask(line)?;
        if reply.class() == Some(2) || reply.class() == Some(3) { Ok(reply) } else { Err(refused(line, &reply)) }
    }

    /// Reads a reply that must have such a code.
    pub(super) fn expect(&mut self, to: &str, is_expected: impl Fn(u16) -> bool) -> Result<Reply, Failure> {
        let reply = self.reply(to)?;
        if reply.code.is_some_and(is_expected) { Ok(reply) } else { Err(refused(to, &reply)) }
    }

    /// Sends bytes as they are.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.patience.go_on()?;
        self.stream.write_all(bytes).map_err(|error| Failure::Failed(format!("the control connection broke: {}", words(&error))))
    }

    /// The next reply to what is named `to`.
    pub(super) fn reply(&mut self, to: &str) -> Result<Reply, Failure> {
        let mut buffer = [0; 4096];
        let until = Instant::now() + self.patience.stall;
        loop {
            if let Some(reply) = self.parser.pop() {
                return Ok(reply);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Failure::Failed(format!("{to}: the server closed the control connection"))),
                Ok(len) => self.parser.push(&buffer[..len]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => {
                    return Err(Failure::Failed(format!("{to}: no reply within {:?}", self.patience.stall)));
                }
                Err(error) => return Err(Failure::Failed(format!("{to}: {}", words(&error)))),
            }
            if self.parser.partial().len() > REPLY_MAX {
                return Err(Failure::Failed(format!("{to}: a reply of more than {REPLY_MAX} bytes")));
            }
            // One that drips is not answered either.
            if Instant::now() > until && self.parser.partial().is_empty() {
                return Err(Failure::Failed(format!("{to}: no whole reply within {:?}", self.patience.stall)));
            }
        }
    }

    /// Opens a way for data.
    pub(super) fn open(&mut self, way: Way) -> Result<Data, Failure> {
        if let Some(line) = passive_line(way) {
            let word = String::from_utf8_lossy(line).trim_end().to_owned();
            self.send(line)?;
            let reply = self.reply(&word)?;
            let Some(passive) = passive_address(&reply, self.peer) else { return Err(refused(&word, &reply)) };
            return Ok(Data::Open(dial(passive.address, &self.patience)?));
        }
        let ours = self.stream.local_addr().map_err(|error| Failure::machine("our address", &error))?;
        let listener = TcpListener::bind((ours.ip(), 0)).map_err(|error| Failure::machine("a port for the server to call", &error))?;
        // On Linux this is how long `accept` waits, too.
        let timed = SockRef::from(&listener).set_read_timeout(Some(self.patience.stall));
        timed.map_err(|error| Failure::machine("a port for the server to call", &error))?;
        let place = listener.local_addr().map_err(|error| Failure::machine("our port", &error))?;
        let Some(line) = active_line(way, place) else {
            return Err(Failure::Unsupported(format!("{way:?} is not for {}", family(place.ip()))));
        };
        let word = String::from_utf8_lossy(&line).trim_end().to_owned();
        self.send(&line)?;
        let reply = self.reply(&word)?;
        if reply.class() == Some(2) { Ok(Data::Awaited(listener)) } else { Err(refused(&word, &reply)) }
    }

    /// Gives the command for which a data connection was opened, reads its first reply, and gives the connection.
    pub(super) fn begin(&mut self, line: &str, data: Data) -> Result<TcpStream, Failure> {
        self.send(format!("{line}\r\n").as_bytes())?;
        let first = self.reply(line)?;
        if !first.is_preliminary() {
            return Err(refused(line, &first));
        }
        let stream = match data {
            Data::Open(stream) => stream,
            Data::Awaited(listener) => match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if is_timeout(&error) => {
                    return Err(Failure::Failed(format!(
                        "{line}: the server said {}, but did not connect within {:?}",
                        shown(&first),
                        self.patience.stall
                    )));
                }
                Err(error) => return Err(Failure::machine("the server's call", &error)),
            },
        };
        patient(&stream, &self.patience)?;
        Ok(stream)
    }

    /// How long it waits.
    pub(super) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Says goodbye; what the server says to that is not waited for.
    pub(super) fn quit(mut self) {
        let _ = self.stream.write_all(b"QUIT\r\n");
    }
}

/// Connects within the deadline.
fn dial(address: SocketAddr, patience: &Patience) -> Result<TcpStream, Failure> {
    patience.go_on()?;
    let stream = match TcpStream::connect_timeout(&address, patience.stall) {
        Ok(stream) => stream,
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {
            return Err(Failure::Machine(format!("no local port is left for a connection to {address} (net.ipv4.ip_local_port_range)")));
        }
        Err(error) if is_timeout(&error) => {
            return Err(Failure::Failed(format!("{address} did not accept a connection within {:?}", patience.stall)));
        }
        Err(error) if matches!(error.raw_os_error(), Some(24 | 23)) => {
            return Err(Failure::machine("no descriptor for a connection is left", &error));
        }
        Err(error) => return Err(Failure::Failed(format!("{address} cannot be reached: {}", words(&error)))),
    };
    patient(&stream, patience)?;
    Ok(stream)
}

fn patient(stream: &TcpStream, patience: &Patience) -> Result<(), Failure> {
    let set = stream.set_read_timeout(Some(patience.stall)).and_then(|()| stream.set_write_timeout(Some(patience.stall)));
    set.map_err(|error| Failure::machine("the deadline of a socket", &error))
}

/// What a server does not have is unsupported; any other refusal is a failure.
pub(super) fn refused(line: &str, reply: &Reply) -> Failure {
    let text = format!("{line}: {}", shown(reply));
    match reply.code {
        Some(500 | 501 | 502 | 504 | 522) => Failure::Unsupported(text),
        _ => Failure::Failed(text),
    }
}

/// A reply as one line.
pub(super) fn shown(reply: &Reply) -> String {
    format!("\"{}\"", reply.raw.trim_ascii_end().escape_ascii())
}

pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// An error of a connection in words.
pub(super) fn words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionReset => "the server reset the connection".to_owned(),
        ErrorKind::BrokenPipe => "the server closed the connection".to_owned(),
        ErrorKind::ConnectionRefused => "the connection was refused".to_owned(),
        _ if is_timeout(error) => "it took no more bytes".to_owned(),
        _ => error.to_string(),
    }
}

const fn family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "IPv4" } else { "IPv6" }
}
