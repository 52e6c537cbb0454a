//! The ground on a server that somebody else started: one scratch directory, made and removed through a session, or through the
//! file system where the account's root directory is one of this machine.
//!
//! Responsible for the directories of the cases, and that nothing outside the scratch directory is touched.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::disk::{HostDisk, component};
use super::super::{Disk, LaidFile, LaidNode, Refusal, Secret, Snapshot};
use super::client::Client;
use crate::ftp::content::Content;
use crate::ftp::transcript::DiskState;

/// Who makes and removes directories, and where.
#[derive(Debug, Clone)]
pub(super) struct Janitor {
    pub(super) address: std::net::SocketAddr,
    pub(super) name: String,
    pub(super) password: Secret,
    /// The scratch directory, as CWD finds it from where the login leads.
    pub(super) scratch: Vec<u8>,
}

impl Janitor {
    /// A session in the scratch directory, and where that is.
    pub(super) async fn enter(&self) -> Result<(Client, Vec<u8>), Refusal> {
        let mut client = Client::login(self.address, &self.name, &self.password).await?;
        client.must([b"CWD ".as_slice(), &self.scratch].concat()).await?;
        let here = client.directory().await?;
        Ok((client, here))
    }

    /// Makes the scratch directory.
    pub(super) async fn make(&self) -> Result<(), Refusal> {
        let mut client = Client::login(self.address, &self.name, &self.password).await?;
        client.must([b"MKD ".as_slice(), &self.scratch].concat()).await.map(drop)
    }

    /// Removes the scratch directory and all in it.
    pub(super) async fn remove(&self) -> Result<(), Refusal> {
        let (mut client, here) = self.enter().await?;
        client.empty(&here).await?;
        // A session cannot remove the directory that it is in, on every server.
        let mut client = Client::login(self.address, &self.name, &self.password).await?;
        client.must([b"RMD ".as_slice(), &self.scratch].concat()).await.map(drop)
    }
}

/// A scratch directory that is seen through a session only: it can be laid and cleared, not looked at.
#[derive(Debug)]
pub(super) struct RemoteDisk {
    janitor: Janitor,
    runtime: tokio::runtime::Handle,
    /// A session that did its last work well, for the next.
    idle: Mutex<Vec<(Idle, Vec<u8>)>>,
}

/// A session without a word in `Debug`.
struct Idle(Client);

impl std::fmt::Debug for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Idle")
    }
}

impl RemoteDisk {
    /// Works through sessions of this janitor; made within a runtime, used off its threads.
    pub(super) fn new(janitor: Janitor) -> Self {
        Self { janitor, runtime: tokio::runtime::Handle::current(), idle: Mutex::default() }
    }

    /// Does some work in a session that begins in the scratch directory.
    fn with<T>(&self, work: impl AsyncFnOnce(&mut Client, &[u8]) -> Result<T, Refusal>) -> io::Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let done = self.runtime.block_on(async {
            let (mut client, here) = match idle {
                Some((Idle(mut client), here)) => match client.must([b"CWD ".as_slice(), &here].concat()).await {
                    Ok(_) => (client, here),
                    // It was closed for being idle.
                    Err(_) => self.janitor.enter().await?,
                },
                None => self.janitor.enter().await?,
            };
            let done = work(&mut client, &here).await?;
            Ok::<_, Refusal>((done, client, here))
        });
        let (done, client, here) = done.map_err(io::Error::other)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((Idle(client), here));
        Ok(done)
    }
}

impl Disk for RemoteDisk {
    fn lay(&self, root: &str, files: &[LaidFile]) -> io::Result<()> {
        let root = component(root)?;
        self.with(async |client, _| {
            client.must(format!("MKD {root}")).await?;
            client.must(format!("CWD {root}")).await?;
            let mut made: Vec<Vec<u8>> = Vec::new();
            for file in files {
                let mut parents: Vec<usize> = file.path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).collect();
                if file.node == LaidNode::Directory {
                    parents.push(file.path.len());
                }
                for end in parents {
                    let directory = &file.path[..end];
                    if !made.iter().any(|known| known == directory) {
                        client.must([b"MKD ".as_slice(), directory].concat()).await?;
                        made.push(directory.to_vec());
                    }
                }
                match &file.node {
                    LaidNode::File(content) => client.store(&file.path, content).await?,
                    LaidNode::Directory => {}
                    LaidNode::Link(_) => return Err(Refusal("a symbolic link cannot be made over FTP".to_owned())),
                }
            }
            Ok(())
        })
    }

    fn look(&self, _: &str, _: &[u8], _: &[Content]) -> io::Result<DiskState> {
        Err(unseen())
    }

    fn snapshot(&self, _: &str) -> io::Result<Snapshot> {
        Err(unseen())
    }

    fn remove(&self, root: &str) -> io::Result<()> {
        let root = component(root)?;
        self.with(async |client, here| {
            let within = [here, b"/", root.as_bytes()].concat();
            client.must(format!("CWD {root}")).await?;
            client.empty(&within).await?;
            client.must([b"CWD ".as_slice(), here].concat()).await?;
            client.must(format!("RMD {root}")).await.map(drop)
        })
    }
}

fn unseen() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "the server's files cannot be seen")
}

/// Makes the scratch directory in a directory of this machine that the server serves; what is laid belongs to that directory's owner.
pub(super) fn local(parent: &Path, name: &str) -> io::Result<HostDisk> {
    let owner = std::fs::metadata(parent)?;
    HostDisk::within(parent, name, (owner.uid(), owner.gid()))
}

/// A directory below another, both as a server and as this machine name it: without leading or doubled slashes.
pub(super) fn below(root: &Path, directory: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    let parts = directory.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    parts.fold(root.to_owned(), |path, part| path.join(std::ffi::OsStr::from_bytes(part)))
}

/// The grounds of accounts with different roots: a root's name says by its beginning, `p0` or `p1`, whose it is.
pub(super) struct Plots(pub(super) Vec<Arc<dyn Disk>>);

/// The beginning of the names of roots on a plot.
pub(super) fn prefix(plot: usize) -> String {
    format!("p{plot}")
}

impl Plots {
    fn of(&self, root: &str) -> io::Result<&dyn Disk> {
        let digits = root.strip_prefix('p').map(|rest| &rest[..rest.bytes().take_while(u8::is_ascii_digit).count()]);
        let plot = digits.and_then(|digits| digits.parse().ok()).and_then(|plot: usize| self.0.get(plot));
        plot.map(AsRef::as_ref).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, format!("{root:?} is no root of this server")))
    }
}

impl Disk for Plots {
    fn lay(&self, root: &str, files: &[LaidFile]) -> io::Result<()> {
        self.of(root)?.lay(root, files)
    }

    fn look(&self, root: &str, path: &[u8], against: &[Content]) -> io::Result<DiskState> {
        self.of(root)?.look(root, path, against)
    }

    fn snapshot(&self, root: &str) -> io::Result<Snapshot> {
        self.of(root)?.snapshot(root)
    }

    fn remove(&self, root: &str) -> io::Result<()> {
        self.of(root)?.remove(root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_a_url_are_found_on_this_machine() {
        let check = |directory: &[u8], expect: &str| assert_eq!(below(Path::new("/srv/ftp"), directory), PathBuf::from(expect));
        check(b"", "/srv/ftp");
        check(b"a/b", "/srv/ftp/a/b");
        check(b"/a//b/", "/srv/ftp/a/b");
    }
}
