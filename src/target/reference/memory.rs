//! The reference's file system as the ground that a harness lays and looks at.
//!
//! Shares the world with the sessions: each call takes its lock for a moment, and never for longer than a block takes.

use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::disk::{BLOCK, Fingerprint, MODE, at, component, directory_line, file_line, link_line};
use super::super::{Disk, LaidFile, LaidNode, Snapshot};
use super::now;
use crate::ftp::content::Content;
use crate::ftp::observe::Observer;
use crate::ftp::path::VirtualPath;
use crate::ftp::transcript::DiskState;
use crate::reference::{FsError, Kind, NodeId, World};

/// The files of a reference server.
#[derive(Clone)]
pub(super) struct MemoryDisk(pub(super) Arc<Mutex<World>>);

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryDisk")
    }
}

impl MemoryDisk {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn root(&self, root: &str) -> io::Result<NodeId> {
        let world = self.world();
        world.fs.find(world.fs.root(), &below(component(root)?.as_bytes())).map_err(error)
    }

    /// Reads a file block by block; sessions go on in between, and may change it.
    fn read(&self, id: NodeId, mut block: impl FnMut(u64, &[u8])) {
        let mut bytes = vec![0; BLOCK];
        let mut from = 0;
        loop {
            let len = self.world().fs.file(id).map_or(0, |file| file.read(from, &mut bytes));
            block(from, &bytes[..len]);
            from += len as u64;
            if len < BLOCK {
                return;
            }
        }
    }

    fn place(&self, root: NodeId, laid: &LaidFile) -> Result<NodeId, FsError> {
        let (path, now) = (below(&laid.path), now());
        let fs = &mut self.world().fs;
        fs.make_directories(root, &path.parent(), now)?;
        match &laid.node {
            LaidNode::File(content) => fs.make_file(root, &path, content.clone(), now),
            LaidNode::Directory => fs.make_directories(root, &path, now),
            LaidNode::Link(target) => fs.make_link(root, &path, target, now),
        }
    }
}

impl Disk for MemoryDisk {
    fn lay(&self, root: &str, files: &[LaidFile]) -> io::Result<()> {
        let top = self.world().fs.root();
        let root = self.world().fs.make_directory(top, &below(component(root)?.as_bytes()), now()).map_err(error)?;
        let mut laid = Vec::new();
        for file in files {
            if file.mode.is_some() && matches!(file.node, LaidNode::Link(_)) {
                return Err(at(&file.path, &io::Error::new(ErrorKind::InvalidInput, "a symbolic link has no mode of its own")));
            }
            laid.push((self.place(root, file).map_err(|fault| at(&file.path, &error(fault)))?, file));
        }
        // Once all are there: laying a file changes its directory's time.
        for (id, file) in laid {
            if let Some(node) = self.world().fs.node_mut(id) {
                node.mode = file.mode.unwrap_or(node.mode);
                node.mtime = file.mtime.unwrap_or(node.mtime);
            }
        }
        Ok(())
    }

    fn look(&self, root: &str, path: &[u8], against: &[Content]) -> io::Result<DiskState> {
        let root = self.root(root)?;
        let (id, mode, mtime) = {
            let world = self.world();
            let id = match world.fs.resolve(root, &below(path), false) {
                Ok(place) => place.node,
                Err(FsError::Missing | FsError::NotDirectory) => None,
                Err(fault) => return Err(error(fault)),
            };
            let Some((id, node)) = id.and_then(|id| Some((id, world.fs.node(id)?))) else { return Ok(DiskState::Absent) };
            let (mode, mtime) = (node.mode & MODE, node.mtime);
            match &node.kind {
                Kind::Directory(_) => return Ok(DiskState::Directory { mode, mtime }),
                Kind::Link(target) => return Ok(DiskState::Other(link_line(target))),
                Kind::File(_) => (id, mode, mtime),
            }
        };
        let mut observer = Observer::new(against.to_vec());
        self.read(id, |_, bytes| observer.push(bytes));
        Ok(DiskState::File { mode, mtime, content: observer.finish() })
    }

    fn snapshot(&self, root: &str) -> io::Result<Snapshot> {
        let root = self.root(root)?;
        let below = self.world().fs.walk(root);
        let mut snapshot = Snapshot::default();
        for (path, id) in below {
            let (mode, len) = {
                let world = self.world();
                let Some(node) = world.fs.node(id) else { continue };
                let mode = node.mode & MODE;
                let line = match &node.kind {
                    Kind::Directory(_) => Some(directory_line(mode)),
                    Kind::Link(target) => Some(link_line(target)),
                    Kind::File(_) => None,
                };
                if let Some(line) = line {
                    snapshot.0.insert(path.names().join(&b'/'), line);
                    continue;
                }
                (mode, world.fs.file(id).map_or(0, crate::reference::FileData::len))
            };
            let mut fingerprint = Fingerprint::default();
            self.read(id, |offset, bytes| fingerprint.block(offset, bytes));
            snapshot.0.insert(path.names().join(&b'/'), file_line(mode, len, fingerprint.finish()));
        }
        Ok(snapshot)
    }

    fn remove(&self, root: &str) -> io::Result<()> {
        let path = below(component(root)?.as_bytes());
        let mut world = self.world();
        let top = world.fs.root();
        world.fs.remove_tree(top, &path, now());
        Ok(())
    }
}

fn below(path: &[u8]) -> VirtualPath {
    VirtualPath::root().join(path)
}

fn error(fault: FsError) -> io::Error {
    let kind = match fault {
        FsError::Missing => ErrorKind::NotFound,
        FsError::NotDirectory => ErrorKind::NotADirectory,
        FsError::IsDirectory => ErrorKind::IsADirectory,
        FsError::Exists => ErrorKind::AlreadyExists,
        FsError::NotEmpty => ErrorKind::DirectoryNotEmpty,
        FsError::Link | FsError::Name => ErrorKind::InvalidInput,
    };
    io::Error::new(kind, fault)
}

#[cfg(test)]
mod tests {
    use super::super::super::disk::HostDisk;
    use super::*;

    fn laid(path: &[u8], node: LaidNode, mode: Option<u32>) -> LaidFile {
        LaidFile { path: path.to_vec(), node, mtime: Some(86_400), mode }
    }

    /// Both grounds must tell the same.
    #[test]
    fn memory_is_as_a_directory_of_the_host() {
        let words = Content::Words { seed: 1, len: 700_000 };
        let files = [
            laid(b"caf\xe9/-f", LaidNode::File(words.clone()), Some(0o640)),
            laid(b"caf\xe9", LaidNode::Directory, Some(0o750)),
            laid(b"hole", LaidNode::File(Content::Chain(vec![Content::Zeros(600_000), Content::literal(*b"x")])), Some(0o600)),
            laid(b"link", LaidNode::Link(b"/out\xff".to_vec()), None),
            laid(b"in", LaidNode::Link(b"caf\xe9".to_vec()), None),
        ];
        let (memory, host) = (MemoryDisk(Arc::default()), HostDisk::new().unwrap());
        let disks: [&dyn Disk; 2] = [&memory, &host];
        for disk in disks {
            disk.lay("r", &files).unwrap();
            assert_eq!(disk.lay("r", &[]).unwrap_err().kind(), ErrorKind::AlreadyExists);
            assert_eq!(disk.lay("../r", &[]).unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!(disk.snapshot("none").unwrap_err().kind(), ErrorKind::NotFound);
            assert!(disk.lay("twice", &[files[2].clone(), files[2].clone()]).is_err());
            assert!(disk.lay("mode", &[laid(b"l", LaidNode::Link(b"x".to_vec()), Some(0))]).is_err());
        }
        assert_eq!(memory.snapshot("r").unwrap(), host.snapshot("r").unwrap());
        for path in [&b"caf\xe9/-f"[..], b"caf\xe9", b"hole", b"link", b"in/-f", b"none", b"hole/none"] {
            let looks = disks.map(|disk| disk.look("r", path, std::slice::from_ref(&words)).unwrap());
            assert_eq!(looks[0], looks[1], "{}", path.escape_ascii());
        }
        for disk in disks {
            disk.remove("r").unwrap();
            disk.remove("r").unwrap();
            assert!(disk.snapshot("r").is_err());
        }
    }
}
