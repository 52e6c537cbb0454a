//! One session with a server, by suppaftp: always binary, and a deadline on everything.
//!
//! A command whose deadline passed leaves its reply behind, so a session that failed is dropped and never used again.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use suppaftp::tokio::{AsyncFtpStream, AsyncNoTlsStream, TransferStream};
use suppaftp::types::{FileType, Mode, Response};
use suppaftp::{FtpError, FtpResult, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::error::{Fault, HandError};
use super::{Options, Remote};
use crate::ftp::secret::Secret;

/// A password shorter than this is not looked for in replies: masking `a` would mask half of them.
const SHORTEST_SECRET: usize = 4;

/// A session that is logged in.
pub(super) struct Session {
    ftp: AsyncFtpStream,
    patience: Duration,
    secret: Secret,
}

/// A data connection under way.
pub(super) type Data = TransferStream<AsyncNoTlsStream>;

impl Session {
    /// Connects, logs in, and asks for binary transfers.
    pub(super) async fn open(remote: &Remote, options: &Options) -> Result<Self, HandError> {
        let authority = remote.url.authority();
        let unreachable = |why: String| HandError::Unreachable { authority: authority.clone(), why };
        let patience = options.patience;
        let (stream, peer) = connect(remote, patience).await.map_err(&unreachable)?;
        let greeted = timeout(patience, AsyncFtpStream::connect_with_stream(stream)).await;
        let mut ftp = match greeted {
            Err(_) => return Err(unreachable(format!("it does not greet within {} s", patience.as_secs_f32()))),
            Ok(Err(FtpError::UnexpectedResponse(reply))) => return Err(unreachable(format!("it greets with {}", words(&reply)))),
            Ok(Err(error)) => return Err(unreachable(lost(error))),
            Ok(Ok(ftp)) => ftp,
        };
        ftp.set_mode(if peer.is_ipv4() { Mode::Passive } else { Mode::ExtendedPassive });
        // The address in a 227 may be one behind a NAT: the server is where the control connection leads.
        ftp.set_passive_nat_workaround(true);
        let mut session = Self { ftp, patience, secret: remote.login.password.clone() };
        let (user, password) = (remote.login.user.as_str(), remote.login.password.reveal());
        let logged_in = timeout(patience, session.ftp.login(user, password)).await;
        match session.answered("USER", logged_in) {
            Ok(()) => {}
            Err(Fault::Refused { error: HandError::Refused { reply, .. }, .. }) => {
                return Err(HandError::Login { user: user.to_owned(), reply });
            }
            Err(Fault::Lost(why)) => return Err(unreachable(format!("the login did not end: {why}"))),
            Err(Fault::Refused { error, .. } | Fault::Busy(error) | Fault::Final(error)) => return Err(error),
        }
        let binary = timeout(patience, session.ftp.transfer_type(FileType::Binary)).await;
        session.answered("TYPE I", binary).map_err(|fault| match fault {
            Fault::Lost(why) => unreachable(why),
            Fault::Refused { error, .. } | Fault::Busy(error) | Fault::Final(error) => error,
        })?;
        Ok(session)
    }

    /// The size; `None` where the server does not tell it, or there is no such file.
    pub(super) async fn size(&mut self, path: &str) -> Result<Option<u64>, Fault> {
        let told = timeout(self.patience, self.ftp.size(path)).await;
        match self.answered("SIZE", told) {
            Ok(size) => Ok(Some(size as u64)),
            Err(Fault::Refused { .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// A command without a data connection: its reply where it has this code, `None` where the server refuses.
    pub(super) async fn ask(&mut self, command: &str, expect: Status, patience: Duration) -> Result<Option<String>, Fault> {
        let told = timeout(patience, self.ftp.custom_command(command, &[expect])).await;
        match self.answered(command, told) {
            Ok(reply) => Ok(Some(words(&reply))),
            Err(Fault::Refused { .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// How long a reply may take.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// What FEAT names, in capitals. A server without FEAT has nothing.
    pub(super) async fn features(&mut self) -> Result<Vec<String>, Fault> {
        let told = timeout(self.patience, self.ftp.feat()).await;
        match self.answered("FEAT", told) {
            Ok(features) => Ok(features
                .into_iter()
                .map(|(name, value)| value.map_or_else(|| name.clone(), |value| format!("{name} {value}")).to_ascii_uppercase())
                .collect()),
            Err(Fault::Refused { .. }) => Ok(Vec::new()),
            Err(fault) => Err(fault),
        }
    }

    /// Begins a download at an offset.
    pub(super) async fn retrieve(&mut self, path: &str, from: u64) -> Result<Data, Fault> {
        self.restart(from).await?;
        let begun = timeout(self.patience, self.ftp.retr_as_stream(path)).await;
        self.answered(&format!("RETR {path}"), begun)
    }

    /// Begins an upload at an offset.
    pub(super) async fn store(&mut self, path: &str, from: u64) -> Result<Data, Fault> {
        self.restart(from).await?;
        let begun = timeout(self.patience, self.ftp.put_with_stream(path)).await;
        self.answered(&format!("STOR {path}"), begun)
    }

    /// Begins an upload to the end of a file.
    pub(super) async fn append(&mut self, path: &str) -> Result<Data, Fault> {
        let begun = timeout(self.patience, self.ftp.append_with_stream(path)).await;
        self.answered(&format!("APPE {path}"), begun)
    }

    /// The next transfer begins here.
    async fn restart(&mut self, from: u64) -> Result<(), Fault> {
        if from > 0 {
            let from = usize::try_from(from).map_err(|_| Fault::Lost("an offset that this machine cannot count".to_owned()))?;
            let set = timeout(self.patience, self.ftp.resume_transfer(from)).await;
            self.answered("REST", set)?;
        }
        Ok(())
    }

    /// The next bytes of a download; none at its end.
    pub(super) async fn read(&mut self, command: &str, data: &mut Data, block: &mut [u8]) -> Result<usize, Fault> {
        match timeout(self.patience, data.read(block)).await {
            Ok(Ok(len)) => Ok(len),
            Ok(Err(error)) => Err(self.why_broken(command, &error.to_string()).await),
            Err(_) => Err(Fault::Lost(self.silence("no byte comes"))),
        }
    }

    /// Sends the next bytes of an upload.
    pub(super) async fn write(&mut self, command: &str, data: &mut Data, block: &[u8]) -> Result<(), Fault> {
        match timeout(self.patience, data.write_all(block)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.why_broken(command, &error.to_string()).await),
            Err(_) => Err(Fault::Lost(self.silence("the server takes no byte"))),
        }
    }

    /// Ends a transfer: closes the data connection and waits for 226 or 250.
    pub(super) async fn finish(&mut self, what: &str, data: Data) -> Result<(), Fault> {
        let ended = timeout(self.patience, data.finish()).await;
        self.answered(what, ended)
    }

    /// Says goodbye. The work is done, so nothing depends on the answer.
    pub(super) async fn quit(mut self) {
        let _ = timeout(self.patience.min(Duration::from_secs(2)), self.ftp.quit()).await;
    }

    /// Why a data connection broke: the server may say it on the control connection.
    async fn why_broken(&mut self, command: &str, broke: &str) -> Fault {
        // The stream is still held, so that this reply is not taken for a stale one.
        let told = timeout(self.patience.min(Duration::from_secs(5)), self.ftp.read_response_in(&[])).await;
        match told {
            // 226 to a transfer that broke says nothing about what is there.
            Ok(Err(FtpError::UnexpectedResponse(reply))) if !reply.body.starts_with(b"2") => self.refused(command, &reply),
            Ok(_) | Err(_) => Fault::Lost(format!("the data connection broke: {broke}")),
        }
    }

    fn silence(&self, what: &str) -> String {
        format!("{what} for {} s", self.patience.as_secs_f32())
    }

    /// What came of a command.
    fn answered<T>(&self, command: &str, told: Result<FtpResult<T>, tokio::time::error::Elapsed>) -> Result<T, Fault> {
        match told {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(FtpError::UnexpectedResponse(reply))) => Err(self.refused(command, &reply)),
            Ok(Err(error)) => Err(Fault::Lost(lost(error))),
            Err(_) => Err(Fault::Lost(self.silence(&format!("no reply to {command}")))),
        }
    }

    /// What a reply means that was not wanted. 4yz is worth another attempt (RFC 959 section 4.2.1), unless the disk is full there.
    fn refused(&self, command: &str, reply: &Response) -> Fault {
        let mut reply_words = words(reply);
        if self.secret.reveal().len() >= SHORTEST_SECRET {
            reply_words = reply_words.replace(self.secret.reveal(), "****");
        }
        let digits = reply.body.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| digits.parse().ok()).unwrap_or(0);
        let error = |reply| HandError::Refused { command: command.to_owned(), reply };
        match code {
            421 | 425 | 426 => Fault::Lost(reply_words),
            450 | 451 => Fault::Busy(error(reply_words)),
            _ => Fault::Refused { code, error: error(reply_words) },
        }
    }
}

/// Connects to the first address of the host that answers.
async fn connect(remote: &Remote, patience: Duration) -> Result<(TcpStream, SocketAddr), String> {
    let url = &remote.url;
    let looked_up = timeout(patience, lookup_host((url.host.as_str(), url.port))).await;
    let addresses = match looked_up {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => return Err(format!("the name is not found: {error}")),
        Err(_) => return Err("its name is not looked up in time".to_owned()),
    };
    let mut why = "the name has no address".to_owned();
    for address in addresses {
        match in_time(patience, TcpStream::connect(address)).await {
            Ok(stream) => match stream.set_nodelay(true) {
                Ok(()) => return Ok((stream, address)),
                Err(error) => why = error.to_string(),
            },
            Err(error) => why = error,
        }
    }
    Err(why)
}

async fn in_time<T>(patience: Duration, future: impl Future<Output = std::io::Result<T>>) -> Result<T, String> {
    match timeout(patience, future).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it does not answer within {} s", patience.as_secs_f32())),
    }
}

/// A reply on one line.
fn words(reply: &Response) -> String {
    let text = String::from_utf8_lossy(&reply.body);
    text.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn lost(error: FtpError) -> String {
    match error {
        FtpError::ConnectionError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the server closed the connection".to_owned()
        }
        FtpError::ConnectionError(error) => error.to_string(),
        other => other.to_string(),
    }
}
