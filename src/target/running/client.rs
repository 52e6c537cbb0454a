//! The harness's own session on a server that it did not start: directories and files are made and removed through it.
//!
//! Responsible for a login, a command at a time, uploads and listings. Judges nothing: what a server answers otherwise than
//! hoped for is an error in words.

use std::net::SocketAddr;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::super::{Refusal, Secret};
use crate::ftp::content::Content;
use crate::ftp::fact::Entry;
use crate::ftp::observe::Observer;
use crate::ftp::path::parse_257;
use crate::ftp::reply::Reply;
use crate::scenario::model::Way;
use crate::wire::control::{ControlConnection, Received};
use crate::wire::data::{DataConnection, DataEvent, Until};
use crate::wire::opening::ask_passive;
use crate::wire::stream::Connect;

/// How long a reply, or progress of a transfer, may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of a listing that are read.
const LISTING: usize = 4 << 20;

/// A session that is logged in.
pub(super) struct Client {
    control: ControlConnection,
    /// EPSV is not known: PASV is asked.
    pasv: bool,
}

impl Client {
    /// Connects and logs in.
    pub(super) async fn login(address: SocketAddr, name: &str, password: &Secret) -> Result<Self, Refusal> {
        let control = match ControlConnection::connect(address, DEADLINE).await {
            Ok(Connect::Open(control)) => control,
            Ok(Connect::Failed { reason }) => return Err(Refusal(format!("{address} cannot be reached: {reason}"))),
            Err(error) => return Err(Refusal(error.to_string())),
        };
        let mut client = Self { control, pasv: address.is_ipv4() };
        let greeting = client.reply("a greeting").await?;
        if greeting.code != Some(220) {
            return Err(Refusal(format!("no FTP server greets at {address}: {}", words(&greeting))));
        }
        let user = client.ask(&format!("USER {name}")).await?;
        let last = if user.code == Some(331) { client.say(format!("PASS {}", password.reveal()).as_bytes(), "PASS").await? } else { user };
        if !matches!(last.code, Some(230 | 202)) {
            return Err(Refusal(format!("the login of {name} is refused: {}", words(&last))));
        }
        Ok(client)
    }

    /// Sends a line and reads its reply.
    pub(super) async fn ask(&mut self, line: impl AsRef<[u8]>) -> Result<Reply, Refusal> {
        let line = line.as_ref();
        self.say(line, &String::from_utf8_lossy(line)).await
    }

    /// Sends a line whose reply must be positive.
    pub(super) async fn must(&mut self, line: impl AsRef<[u8]>) -> Result<Reply, Refusal> {
        let line = line.as_ref();
        let reply = self.ask(line).await?;
        if reply.class() == Some(2) { Ok(reply) } else { Err(Refusal(format!("{}: {}", String::from_utf8_lossy(line), words(&reply)))) }
    }

    async fn say(&mut self, line: &[u8], shown: &str) -> Result<Reply, Refusal> {
        let sent = self.control.send(&[line, b"\r\n"].concat(), DEADLINE).await;
        match sent.broken {
            Some(reason) => Err(Refusal(format!("{shown}: {reason}"))),
            None => self.reply(shown).await,
        }
    }

    async fn reply(&mut self, to: &str) -> Result<Reply, Refusal> {
        match self.control.read_reply(DEADLINE).await {
            Received::Reply(reply) => Ok(reply),
            Received::Silence { waited, .. } => Err(Refusal(format!("{to}: no reply within {waited:.0?}"))),
            Received::Ended { .. } => Err(Refusal(format!("{to}: the server closed the connection"))),
            Received::Flood { len, .. } => Err(Refusal(format!("{to}: a reply of more than {len} bytes"))),
        }
    }

    /// Uploads a file, in binary.
    pub(super) async fn store(&mut self, path: &[u8], content: &Content) -> Result<(), Refusal> {
        let command = [b"STOR ".as_slice(), path].concat();
        let shown = String::from_utf8_lossy(&command).into_owned();
        let mut data = self.open(&command).await?;
        let sent = data.send(content, DEADLINE).await;
        data.finish();
        let last = self.reply(&shown).await?;
        match sent.broken {
            _ if last.class() != Some(2) => Err(Refusal(format!("{shown}: {}", words(&last)))),
            Some(reason) => Err(Refusal(format!("{shown}: {reason}"))),
            None => Ok(()),
        }
    }

    /// Where the session is.
    pub(super) async fn directory(&mut self) -> Result<Vec<u8>, Refusal> {
        let reply = self.must("PWD").await?;
        parse_257(reply.text()).ok_or_else(|| Refusal(format!("PWD: {} names no path (RFC 959 appendix II)", words(&reply))))
    }

    /// Empties the directory that the session is in. What is below another path than `within` is not touched.
    pub(super) fn empty<'a>(&'a mut self, within: &'a [u8]) -> BoxFuture<'a, Result<(), Refusal>> {
        async move {
            let here = self.directory().await?;
            if !here.starts_with(within) {
                return Err(Refusal(format!("{} is not below {}", String::from_utf8_lossy(&here), String::from_utf8_lossy(within))));
            }
            for name in self.names().await? {
                let named = |verb: &str| [verb.as_bytes(), b" ", &name].concat();
                if self.ask(named("DELE")).await?.class() == Some(2) {
                    continue;
                }
                self.must(named("CWD")).await?;
                self.empty(within).await?;
                self.must([b"CWD ".as_slice(), &here].concat()).await?;
                self.must(named("RMD")).await?;
            }
            Ok(())
        }
        .boxed()
    }

    /// The names in the directory that the session is in; hidden ones too where the server tells them.
    async fn names(&mut self) -> Result<Vec<Vec<u8>>, Refusal> {
        let lines = |listing: &[u8]| {
            let lines = listing.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec());
            lines.filter(|line| !line.is_empty()).collect::<Vec<_>>()
        };
        let found = match self.list("MLSD").await? {
            Some(listing) => lines(&listing).iter().filter_map(|line| Entry::parse(line)).map(|entry| entry.name).collect(),
            None => self.list("NLST").await?.map(|listing| lines(&listing)).unwrap_or_default(),
        };
        // A name alone: some servers tell paths, and `.` and `..`.
        let last = |name: Vec<u8>| name.rsplit(|byte| *byte == b'/').next().map(<[u8]>::to_vec).unwrap_or_default();
        Ok(found.into_iter().map(last).filter(|name| !matches!(name.as_slice(), b"" | b"." | b"..")).collect())
    }

    /// What a listing command brings; nothing where the server refuses it.
    async fn list(&mut self, command: &str) -> Result<Option<Vec<u8>>, Refusal> {
        let Ok(mut data) = self.open(command.as_bytes()).await else { return Ok(None) };
        let mut observer = Observer::keeping(LISTING);
        let event = data.receive(&mut observer, Until::End { limit: LISTING as u64 }, DEADLINE).await;
        data.finish();
        let last = self.reply(command).await?;
        let ended = matches!(event, DataEvent::Ended(_));
        Ok((ended && last.class() == Some(2)).then(|| observer.finish().head))
    }

    /// Opens a data connection and gives the command that uses it.
    async fn open(&mut self, command: &[u8]) -> Result<DataConnection, Refusal> {
        self.must("TYPE I").await?;
        let way = if self.pasv { Way::Pasv } else { Way::Epsv };
        let asked = ask_passive(&mut self.control, way, DEADLINE).await.and_then(|asked| asked.passive);
        let Some(passive) = asked else {
            return Err(Refusal(format!("{} is not answered with an address", if self.pasv { "PASV" } else { "EPSV" })));
        };
        let data = match DataConnection::connect(passive.address, DEADLINE, false).await {
            Ok(Connect::Open(data)) => data,
            Ok(Connect::Failed { reason }) => return Err(Refusal(format!("no data connection to {}: {reason}", passive.address))),
            Err(error) => return Err(Refusal(error.to_string())),
        };
        let first = self.ask(command).await?;
        if first.class() == Some(1) { Ok(data) } else { Err(Refusal(format!("{}: {}", String::from_utf8_lossy(command), words(&first)))) }
    }
}

/// A reply as one line.
pub(super) fn words(reply: &Reply) -> String {
    String::from_utf8_lossy(reply.raw.trim_ascii_end()).replace("\r\n", " / ")
}
