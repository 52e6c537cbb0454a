//! Degenerate servers: each must end in its known verdicts, never in a pass, and never in a hang.
//!
//! A conformance suite that one of these could pass would check nothing. They speak no FTP beyond what their kind says.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::disk::HostDisk;
use super::{Account, Disk, Facilities, Instance, Settings, StartError, Target, known_keys, unknown};
use crate::ftp::letter::Letters;

/// How a server is degenerate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Accepts and says nothing.
    Silent,
    /// Sends 100 MB without a line end.
    Flood,
    /// Closes at once.
    Close,
    /// Greets, then answers 200 to every line.
    Yes,
    /// Greets, then answers 502 to every line.
    No,
    /// Sends back what it gets.
    Echo,
}

const KINDS: [(&str, Kind); 6] =
    [("silent", Kind::Silent), ("flood", Kind::Flood), ("close", Kind::Close), ("yes", Kind::Yes), ("no", Kind::No), ("echo", Kind::Echo)];

/// What a flood sends in all, in bytes.
const FLOOD: usize = 100 << 20;
/// A line that is longer is cut.
const LINE: u64 = 64 << 10;

/// The target: `--server degenerate --set kind=KIND`.
#[derive(Debug, Clone, Copy)]
pub struct Degenerate {
    kind: Kind,
}

impl Degenerate {
    /// Reads the options: `kind`, one of `silent`, `flood`, `close`, `yes`, `no`, `echo`.
    ///
    /// # Errors
    /// Another option, another kind, or none.
    pub fn new(settings: &[(String, String)]) -> Result<Self, StartError> {
        known_keys("degenerate", settings, &["kind"])?;
        let names = || KINDS.iter().map(|(name, _)| *name);
        let Some((_, word)) = settings.iter().rfind(|(key, _)| key == "kind") else {
            let names: Vec<&str> = names().collect();
            return Err(StartError::Setting(format!("degenerate needs --set kind=KIND, one of {}", names.join(", "))));
        };
        let found = KINDS.iter().find(|(name, _)| name == word);
        found.map(|(_, kind)| Self { kind: *kind }).ok_or_else(|| StartError::Setting(unknown("kind of degenerate server", word, names())))
    }
}

#[async_trait]
impl Target for Degenerate {
    fn name(&self) -> &str {
        "degenerate"
    }

    fn version(&self) -> Option<String> {
        KINDS.iter().find(|(_, kind)| *kind == self.kind).map(|(name, _)| (*name).to_owned())
    }

    /// It could be given anything, so that every case is played against it.
    fn facilities(&self) -> Facilities {
        Facilities {
            letters: Letters::ALL,
            accounts: true,
            roots: true,
            at_once: None,
            disk: true,
            idle_timeout: true,
            passive_ports: true,
            banner: true,
            eol: b"\n",
            login_delay: Duration::ZERO,
            lacks: std::collections::BTreeMap::new(),
        }
    }

    async fn start(&self, _: &Settings, _: &[Account]) -> Result<Box<dyn Instance>, StartError> {
        let failed = |what: &str| {
            let what = what.to_owned();
            move |source| StartError::Io { what, source }
        };
        let disk = HostDisk::new().map_err(failed("the directory for the roots"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed("a port on 127.0.0.1"))?;
        let address = listener.local_addr().map_err(failed("a port on 127.0.0.1"))?;
        let accepting = tokio::spawn(accept(listener, self.kind));
        Ok(Box::new(Running { disk: Arc::new(disk), address, accepting }))
    }
}

struct Running {
    disk: Arc<HostDisk>,
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[async_trait]
impl Instance for Running {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn address_v6(&self) -> Option<SocketAddr> {
        None
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::<HostDisk>::clone(&self.disk)
    }

    fn log(&self) -> String {
        String::new()
    }

    fn died(&self) -> Option<String> {
        None
    }

    async fn stop(self: Box<Self>, keep: bool) -> Vec<String> {
        self.accepting.abort();
        self.disk.close(keep)
    }
}

async fn accept(listener: TcpListener, kind: Kind) {
    // Dropped with this task: no session outlives it.
    let mut sessions = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while sessions.try_join_next().is_some() {}
        sessions.spawn(async move {
            // The client may go whenever it likes.
            let _ = serve(stream, kind).await;
        });
    }
}

async fn serve(mut stream: TcpStream, kind: Kind) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    match kind {
        Kind::Close => Ok(()),
        Kind::Silent => tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(drop),
        Kind::Flood => {
            let block = vec![b'2'; 64 << 10];
            for _ in 0..FLOOD / block.len() {
                stream.write_all(&block).await?;
            }
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(drop)
        }
        Kind::Echo => {
            let (mut read, mut write) = stream.split();
            tokio::io::copy(&mut read, &mut write).await.map(drop)
        }
        Kind::Yes | Kind::No => {
            stream.write_all(b"220 at your service\r\n").await?;
            let answer: &[u8] = if kind == Kind::Yes { b"200 yes\r\n" } else { b"502 no\r\n" };
            let (read, mut write) = stream.split();
            let mut read = BufReader::new(read);
            let mut line = Vec::new();
            while (&mut read).take(LINE).read_until(b'\n', &mut line).await? > 0 {
                line.clear();
                write.write_all(answer).await?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: &[(&str, &str)], expect: Result<&str, &str>) {
        let settings: Vec<_> = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let found = Degenerate::new(&settings).map(|target| target.version().unwrap()).map_err(|error| error.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expect);
    }

    #[test]
    fn kinds_are_found_by_name() {
        check(&[("kind", "flood")], Ok("flood"));
        check(&[], Err("degenerate needs --set kind=KIND, one of silent, flood, close, yes, no, echo"));
        check(&[("kind", "ecco")], Err("no kind of degenerate server \"ecco\"; did you mean \"echo\"?"));
        check(&[("kin", "echo")], Err("no option of degenerate \"kin\"; did you mean \"kind\"?"));
    }
}
