//! The reference for people: it serves copies in memory of directories of this machine.
//!
//! What clients change is gone when the server ends, and the directories stay as they were: the reference is there to be looked at,
//! and its file system is a part of what is looked at.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

use super::super::disk::MODE;
use super::super::listen::listen;
use super::super::service::{Ending, Service, Serving, Tell, Witness, begun, no_address};
use super::super::{Account, Disk, LaidFile, LaidNode, StartError, distinct};
use super::company::Company;
use super::memory::MemoryDisk;
use super::{Reference, driver, known};
use crate::ftp::content::Content;
use crate::reference::{self, World};

/// Bytes of all files that are copied into memory at most.
const COPIED_MAX: u64 = 256 << 20;

impl Reference {
    /// Serves copies in memory of directories; to be called within a runtime.
    ///
    /// # Errors
    /// An address that cannot be had, accounts that share a name, a root that cannot be read, or more than 256 MiB below the roots.
    pub fn serve(&self, service: &Service) -> Result<Box<dyn Serving>, StartError> {
        // Accounts with the same directory see each other's files.
        let mut roots: BTreeMap<PathBuf, String> = BTreeMap::new();
        let mut accounts = Vec::new();
        for served in &service.accounts {
            let count = roots.len();
            let root = roots.entry(served.root.clone()).or_insert_with(|| format!("root-{count}")).clone();
            accounts.push(Account { root, ..served.account.clone() });
        }
        distinct(&accounts)?;
        let settings = reference::Settings { passive_ports: service.passive_ports.clone(), ..reference::Settings::default() };
        let world = World { accounts: accounts.iter().map(known).collect(), settings, bugs: self.bugs.clone(), ..World::default() };
        let world = Arc::new(Mutex::new(world));
        let disk = MemoryDisk(Arc::clone(&world));
        let mut room = COPIED_MAX;
        for (path, root) in &roots {
            let wrong = |source| StartError::Io { what: format!("the root {}", path.display()), source };
            let mut files = Vec::new();
            read(path, Path::new(""), &mut files, &mut room).map_err(wrong)?;
            disk.lay(root, &files).map_err(wrong)?;
        }
        let (listener, address) = listen(service.listen).map_err(no_address(service.listen))?;
        let (end, ending) = watch::channel(None);
        let accepting = tokio::spawn(accept(listener, world, Arc::clone(&service.tell), ending));
        Ok(Box::new(Running { address, end, accepting }))
    }
}

/// Reads all below a directory; links stay links, and what is neither file, directory nor link is left out.
fn read(top: &Path, below: &Path, files: &mut Vec<LaidFile>, room: &mut u64) -> io::Result<()> {
    for entry in std::fs::read_dir(top.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let metadata = entry.metadata()?;
        let node = if metadata.is_dir() {
            LaidNode::Directory
        } else if metadata.is_symlink() {
            LaidNode::Link(std::fs::read_link(entry.path())?.as_os_str().as_bytes().to_vec())
        } else if metadata.is_file() {
            *room = room.checked_sub(metadata.len()).ok_or_else(|| {
                io::Error::other(format!("more than {} MiB in all: the reference keeps its files in memory", COPIED_MAX >> 20))
            })?;
            LaidNode::File(Content::literal(std::fs::read(entry.path())?))
        } else {
            continue;
        };
        let mode = (!metadata.is_symlink()).then(|| metadata.permissions().mode() & MODE);
        files.push(LaidFile { path: path.as_os_str().as_bytes().to_vec(), node, mtime: Some(metadata.mtime()), mode });
        if metadata.is_dir() {
            read(top, &path, files, room)?;
        }
    }
    Ok(())
}

struct Running {
    address: SocketAddr,
    end: watch::Sender<Ending>,
    accepting: JoinHandle<usize>,
}

#[async_trait]
impl Serving for Running {
    fn address(&self) -> SocketAddr {
        self.address
    }

    async fn stop(self: Box<Self>, grace: Duration) -> Vec<String> {
        self.end.send_replace(Some(Instant::now() + grace));
        match self.accepting.await {
            Ok(0) => Vec::new(),
            Ok(cut) => vec![format!("{cut} of the transfers under way were cut off")],
            Err(error) => vec![format!("the reference did not stop: {error}")],
        }
    }
}

/// Lets clients in until the end begins, and waits for those who are in; says how many transfers were cut off.
async fn accept(listener: TcpListener, world: Arc<Mutex<World>>, tell: Tell, mut ending: watch::Receiver<Ending>) -> usize {
    let mut sessions = JoinSet::new();
    let endings = ending.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    let company = Company::new(Witness::new(Some(Arc::clone(&tell)), peer), endings.clone());
                    sessions.spawn(driver::serve(Arc::clone(&world), socket, Some(company)));
                }
                // Out of descriptors: no event tells when there are some again.
                Err(_) => sleep(Duration::from_millis(20)).await,
            },
            Some(_) = sessions.join_next(), if !sessions.is_empty() => {}
            _ = begun(&mut ending) => break,
        }
    }
    drop(listener);
    let mut cut = 0;
    while let Some(ended) = sessions.join_next().await {
        cut += usize::from(matches!(ended, Ok(Ok(true))));
    }
    cut
}
