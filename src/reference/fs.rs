//! A file system in memory: directories, files, symbolic links, modes and times; names are bytes.
//!
//! Paths resolve inside a root: `..` at the root stays there, an absolute link starts at the root, so no link leads out.
//! A file that is removed while it is open lives on until it is closed (as POSIX has it). Times are passed in.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::file::FileData;
use crate::ftp::content::Content;
use crate::ftp::path::VirtualPath;

/// Links followed in one resolution.
const LINKS_MAX: usize = 40;
/// Bytes of one name.
const NAME_MAX: usize = 255;
/// Names in one path.
const DEPTH_MAX: usize = 1000;

/// Which file, directory or link; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u64);

impl NodeId {
    /// The number, for MLSx's `unique` fact.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// What stands in the tree.
#[derive(Debug, Clone)]
pub struct Node {
    /// Which kind, and what it holds.
    pub kind: Kind,
    /// Permission bits; kept and shown, not enforced.
    pub mode: u32,
    /// Seconds since 1970, UTC.
    pub mtime: i64,
    /// Handles that hold the file.
    open: u32,
    /// No directory names it any more.
    unlinked: bool,
}

/// The kinds of [`Node`].
#[derive(Debug, Clone)]
pub enum Kind {
    /// Names and what they stand for, sorted.
    Directory(BTreeMap<Vec<u8>, NodeId>),
    /// A regular file.
    File(FileData),
    /// A symbolic link with this target.
    Link(Vec<u8>),
}

/// Why an operation did not take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FsError {
    /// Nothing is there.
    #[error("no such file or directory")]
    Missing,
    /// A name on the way is no directory, or a directory is needed.
    #[error("not a directory")]
    NotDirectory,
    /// A directory is there, and a file is needed.
    #[error("is a directory")]
    IsDirectory,
    /// The name is taken.
    #[error("already exists")]
    Exists,
    /// The directory has entries.
    #[error("directory not empty")]
    NotEmpty,
    /// Too many links, or a link that leads nowhere where something would be made.
    #[error("link cannot be followed")]
    Link,
    /// The name is empty, too long, or not one that can be made or removed; or a directory would move into itself.
    #[error("name not allowed")]
    Name,
}

/// Where a path led.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The directory that names it, and the name; `None` for the root and for what a link reached by `..`.
    pub entry: Option<(NodeId, Vec<u8>)>,
    /// What is there.
    pub node: Option<NodeId>,
}

/// The tree.
#[derive(Debug, Clone)]
pub struct FileSystem {
    nodes: HashMap<NodeId, Node>,
    root: NodeId,
    next: u64,
}

impl Default for FileSystem {
    fn default() -> Self {
        Self::new(0)
    }
}

impl FileSystem {
    /// An empty tree.
    #[must_use]
    pub fn new(now: i64) -> Self {
        let mut fs = Self { nodes: HashMap::new(), root: NodeId(0), next: 1 };
        fs.root = fs.insert(Kind::Directory(BTreeMap::new()), 0o755, now);
        fs
    }

    /// The top directory.
    #[must_use]
    pub const fn root(&self) -> NodeId {
        self.root
    }

    /// What an id stands for; `None` once it is gone.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// To set mode or time.
    pub fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(&id)
    }

    /// The bytes of a file; `None` for anything else.
    #[must_use]
    pub fn file(&self, id: NodeId) -> Option<&FileData> {
        match &self.node(id)?.kind {
            Kind::File(data) => Some(data),
            Kind::Directory(_) | Kind::Link(_) => None,
        }
    }

    /// The entries of a directory; `None` for anything else.
    #[must_use]
    pub fn entries(&self, id: NodeId) -> Option<&BTreeMap<Vec<u8>, NodeId>> {
        match &self.node(id)?.kind {
            Kind::Directory(entries) => Some(entries),
            Kind::File(_) | Kind::Link(_) => None,
        }
    }

    /// Whether this is a directory.
    #[must_use]
    pub fn is_directory(&self, id: NodeId) -> bool {
        self.entries(id).is_some()
    }

    /// Follows a path below `root`. A missing last name is no error; with `follow`, a link at the end is followed too.
    ///
    /// # Errors
    /// Where the way there is missing or no directory, where links go in circles, where a name is too long.
    pub fn resolve(&self, root: NodeId, path: &VirtualPath, follow: bool) -> Result<Place, FsError> {
        let mut stack = vec![root];
        let mut entry = None;
        let mut pending: VecDeque<Vec<u8>> = path.names().iter().cloned().collect();
        let mut links = 0;
        while let Some(name) = pending.pop_front() {
            match name.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    if stack.len() > 1 {
                        stack.pop();
                    }
                    entry = None;
                    continue;
                }
                _ if name.len() > NAME_MAX || stack.len() > DEPTH_MAX => return Err(FsError::Name),
                _ => {}
            }
            let directory = *stack.last().expect("the root is never popped");
            let last = pending.is_empty();
            let entries = self.entries(directory).ok_or(FsError::NotDirectory)?;
            let Some(id) = entries.get(&name).copied() else {
                return match (last, links) {
                    (true, 0) => Ok(Place { entry: Some((directory, name)), node: None }),
                    (true, _) if !follow => Ok(Place { entry: Some((directory, name)), node: None }),
                    _ => Err(FsError::Missing),
                };
            };
            match &self.node(id).map(|node| &node.kind) {
                Some(Kind::Link(target)) if !last || follow => {
                    links += 1;
                    if links > LINKS_MAX {
                        return Err(FsError::Link);
                    }
                    if target.first() == Some(&b'/') {
                        stack.truncate(1);
                    }
                    target.split(|byte| *byte == b'/').rev().for_each(|part| pending.push_front(part.to_vec()));
                    entry = None;
                }
                _ => {
                    stack.push(id);
                    entry = Some((directory, name));
                }
            }
        }
        Ok(Place { entry, node: stack.last().copied() })
    }

    /// What a path leads to, links followed.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve), and where nothing is there.
    pub fn find(&self, root: NodeId, path: &VirtualPath) -> Result<NodeId, FsError> {
        self.resolve(root, path, true)?.node.ok_or(FsError::Missing)
    }

    /// Where a new file, directory or link can be made.
    fn vacancy(&self, root: NodeId, path: &VirtualPath) -> Result<(NodeId, Vec<u8>), FsError> {
        match self.resolve(root, path, false)? {
            Place { entry: Some(entry), node: None } => Ok(entry),
            Place { .. } => Err(FsError::Exists),
        }
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// Where the name is taken or its parent is not a directory.
    pub fn make_directory(&mut self, root: NodeId, path: &VirtualPath, now: i64) -> Result<NodeId, FsError> {
        let (directory, name) = self.vacancy(root, path)?;
        Ok(self.link(directory, name, Kind::Directory(BTreeMap::new()), 0o755, now))
    }

    /// Makes a file of this content.
    ///
    /// # Errors
    /// Where the name is taken or its parent is not a directory.
    pub fn make_file(&mut self, root: NodeId, path: &VirtualPath, content: Content, now: i64) -> Result<NodeId, FsError> {
        let (directory, name) = self.vacancy(root, path)?;
        Ok(self.link(directory, name, Kind::File(FileData::new(content)), 0o644, now))
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// Where the name is taken or its parent is not a directory.
    pub fn make_link(&mut self, root: NodeId, path: &VirtualPath, target: &[u8], now: i64) -> Result<NodeId, FsError> {
        let (directory, name) = self.vacancy(root, path)?;
        Ok(self.link(directory, name, Kind::Link(target.to_vec()), 0o777, now))
    }

    /// Makes a directory and those above it where they are missing; says which it is.
    ///
    /// # Errors
    /// Where something else stands in the way.
    pub fn make_directories(&mut self, root: NodeId, path: &VirtualPath, now: i64) -> Result<NodeId, FsError> {
        let mut here = VirtualPath::root();
        let mut id = root;
        for name in path.names() {
            here = here.child(name);
            let place = self.resolve(root, &here, true)?;
            id = match place.node {
                Some(id) if self.is_directory(id) => id,
                Some(_) => return Err(FsError::NotDirectory),
                None => self.make_directory(root, &here, now)?,
            };
        }
        Ok(id)
    }

    /// Writes into a file at an offset; beyond the end the gap becomes zeros. Of what is no file it does nothing.
    pub fn write(&mut self, id: NodeId, offset: u64, bytes: &[u8], now: i64) {
        if let Some(Node { kind: Kind::File(data), mtime, .. }) = self.nodes.get_mut(&id) {
            data.write(offset, bytes);
            *mtime = now;
        }
    }

    /// Cuts or lengthens a file. Of what is no file it does nothing.
    pub fn truncate(&mut self, id: NodeId, len: u64, now: i64) {
        if let Some(Node { kind: Kind::File(data), mtime, .. }) = self.nodes.get_mut(&id) {
            data.truncate(len);
            *mtime = now;
        }
    }

    /// Holds a file, so that it lives on where its name is removed.
    pub fn open(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.open += 1;
        }
    }

    /// Lets go of a file that was held.
    pub fn close(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.open = node.open.saturating_sub(1);
            self.drop_unused(id);
        }
    }

    /// How many handles are held, over all files: 0 where no transfer runs.
    #[must_use]
    pub fn handles(&self) -> u32 {
        self.nodes.values().map(|node| node.open).sum()
    }

    /// Removes a file or a link (never what the link points to).
    ///
    /// # Errors
    /// Where nothing is there, or a directory.
    pub fn remove_file(&mut self, root: NodeId, path: &VirtualPath, now: i64) -> Result<(), FsError> {
        let (directory, name, id) = self.named(root, path)?;
        if self.is_directory(id) {
            return Err(FsError::IsDirectory);
        }
        self.unlink(directory, &name, now);
        Ok(())
    }

    /// Removes an empty directory, never the root.
    ///
    /// # Errors
    /// Where nothing is there, or something else, or it is not empty.
    pub fn remove_directory(&mut self, root: NodeId, path: &VirtualPath, now: i64) -> Result<(), FsError> {
        let (directory, name, id) = self.named(root, path)?;
        if !self.entries(id).ok_or(FsError::NotDirectory)?.is_empty() {
            return Err(FsError::NotEmpty);
        }
        self.unlink(directory, &name, now);
        Ok(())
    }

    /// Removes whatever a path names, with all below it; a missing name is no error.
    pub fn remove_tree(&mut self, root: NodeId, path: &VirtualPath, now: i64) {
        let Ok((directory, name, id)) = self.named(root, path) else {
            return;
        };
        let below: Vec<NodeId> = self.walk(id).into_iter().map(|(_, id)| id).collect();
        self.unlink(directory, &name, now);
        for id in below {
            if let Some(node) = self.nodes.get_mut(&id) {
                node.unlinked = true;
            }
            self.drop_unused(id);
        }
    }

    /// Gives what stands at one path another name. A file or link there is replaced, an empty directory by a directory.
    ///
    /// # Errors
    /// Where the source is missing or the root, where the target's directory is missing, where a file would replace a
    /// directory, a directory a file or a full directory, or where a directory would move into itself.
    pub fn rename(&mut self, root: NodeId, from: &VirtualPath, to: &VirtualPath, now: i64) -> Result<(), FsError> {
        let (old_directory, old_name, id) = self.named(root, from)?;
        let place = self.resolve(root, to, false)?;
        let (directory, name) = place.entry.ok_or(FsError::Name)?;
        if place.node == Some(id) {
            return Ok(());
        }
        if self.walk(id).iter().any(|(_, below)| *below == directory) || id == directory {
            return Err(FsError::Name);
        }
        if let Some(target) = place.node {
            match (self.is_directory(id), self.entries(target)) {
                (true, None) => return Err(FsError::NotDirectory),
                (false, Some(_)) => return Err(FsError::IsDirectory),
                (true, Some(entries)) if !entries.is_empty() => return Err(FsError::NotEmpty),
                _ => self.unlink(directory, &name, now),
            }
        }
        self.entries_mut(old_directory, now).remove(&old_name);
        self.entries_mut(directory, now).insert(name, id);
        Ok(())
    }

    /// All below a directory, each with its path from there (links as they are, never followed), parents first.
    #[must_use]
    pub fn walk(&self, id: NodeId) -> Vec<(VirtualPath, NodeId)> {
        let mut found = Vec::new();
        let mut pending = vec![(VirtualPath::root(), id)];
        while let Some((path, directory)) = pending.pop() {
            for (name, id) in self.entries(directory).into_iter().flatten() {
                found.push((path.child(name), *id));
                if self.is_directory(*id) {
                    pending.push((path.child(name), *id));
                }
            }
        }
        found.sort();
        found
    }

    /// The directory, name and node of a path whose last name is not followed.
    fn named(&self, root: NodeId, path: &VirtualPath) -> Result<(NodeId, Vec<u8>, NodeId), FsError> {
        let place = self.resolve(root, path, false)?;
        let (directory, name) = place.entry.ok_or(FsError::Name)?;
        Ok((directory, name, place.node.ok_or(FsError::Missing)?))
    }

    fn insert(&mut self, kind: Kind, mode: u32, mtime: i64) -> NodeId {
        let id = NodeId(self.next);
        self.next += 1;
        self.nodes.insert(id, Node { kind, mode, mtime, open: 0, unlinked: false });
        id
    }

    fn link(&mut self, directory: NodeId, name: Vec<u8>, kind: Kind, mode: u32, now: i64) -> NodeId {
        let id = self.insert(kind, mode, now);
        self.entries_mut(directory, now).insert(name, id);
        id
    }

    fn unlink(&mut self, directory: NodeId, name: &[u8], now: i64) {
        if let Some(id) = self.entries_mut(directory, now).remove(name) {
            if let Some(node) = self.nodes.get_mut(&id) {
                node.unlinked = true;
            }
            self.drop_unused(id);
        }
    }

    fn drop_unused(&mut self, id: NodeId) {
        if self.nodes.get(&id).is_some_and(|node| node.unlinked && node.open == 0) {
            self.nodes.remove(&id);
        }
    }

    /// The entries of what is known to be a directory, which changes now.
    fn entries_mut(&mut self, directory: NodeId, now: i64) -> &mut BTreeMap<Vec<u8>, NodeId> {
        match self.nodes.get_mut(&directory) {
            Some(Node { kind: Kind::Directory(entries), mtime, .. }) => {
                *mtime = now;
                entries
            }
            _ => unreachable!("resolution found this directory"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> VirtualPath {
        VirtualPath::root().join(text.as_bytes())
    }

    fn tree() -> FileSystem {
        let mut fs = FileSystem::new(1);
        let root = fs.root();
        for directory in ["jail/a/b", "jail/empty", "out"] {
            fs.make_directories(root, &path(directory), 1).unwrap();
        }
        for file in ["jail/f", "jail/a/g", "out/secret"] {
            fs.make_file(root, &path(file), Content::literal(file.as_bytes()), 1).unwrap();
        }
        for (link, target) in [
            ("jail/to-f", "f"),
            ("jail/a/up", "../f"),
            ("jail/evil", "../out/secret"),
            ("jail/absolute", "/f"),
            ("jail/etc", "/out"),
            ("jail/loop", "loop"),
            ("jail/dangling", "nothing"),
            ("jail/dir", "a"),
        ] {
            fs.make_link(root, &path(link), target.as_bytes(), 1).unwrap();
        }
        fs
    }

    fn jail(fs: &FileSystem) -> NodeId {
        fs.find(fs.root(), &path("jail")).unwrap()
    }

    fn check(text: &str, expect: Result<&str, FsError>) {
        let fs = tree();
        let found = fs.find(jail(&fs), &path(text)).map(|id| fs.file(id).map_or_else(|| b"directory".to_vec(), FileData::to_vec));
        assert_eq!(found, expect.map(|text| text.as_bytes().to_vec()), "{text}");
    }

    #[test]
    fn no_path_and_no_link_leads_out_of_the_root() {
        check("f", Ok("jail/f"));
        check("to-f", Ok("jail/f"));
        check("a/up", Ok("jail/f"));
        check("absolute", Ok("jail/f"));
        check("dir/g", Ok("jail/a/g"));
        check("/", Ok("directory"));
        check("../out/secret", Err(FsError::Missing));
        check("evil", Err(FsError::Missing));
        check("etc/secret", Err(FsError::Missing));
        check("loop", Err(FsError::Link));
        check("loop/x", Err(FsError::Link));
        check("dangling", Err(FsError::Missing));
        check("f/x", Err(FsError::NotDirectory));
        check("nothing/x", Err(FsError::Missing));
        check(&"n".repeat(256), Err(FsError::Name));
    }

    #[test]
    fn nothing_is_made_through_a_dangling_link() {
        let fs = tree();
        assert_eq!(fs.resolve(jail(&fs), &path("dangling"), true), Err(FsError::Missing));
        assert!(fs.resolve(jail(&fs), &path("new"), true).unwrap().node.is_none());
    }

    #[test]
    fn rename_replaces_files_and_keeps_the_tree_a_tree() {
        let mut fs = tree();
        let jail = jail(&fs);
        let mut rename = |from: &str, to: &str| fs.rename(jail, &path(from), &path(to), 2);
        assert_eq!(rename("a", "a/b/c"), Err(FsError::Name));
        assert_eq!(rename("empty", "a"), Err(FsError::NotEmpty));
        assert_eq!(rename("f", "a"), Err(FsError::IsDirectory));
        assert_eq!(rename("a", "f"), Err(FsError::NotDirectory));
        assert_eq!(rename("none", "x"), Err(FsError::Missing));
        assert_eq!(rename("f", "none/x"), Err(FsError::Missing));
        assert_eq!(rename("/", "x"), Err(FsError::Name));
        assert_eq!(rename("f", "f"), Ok(()));
        assert_eq!(rename("f", "a/g"), Ok(()));
        assert_eq!(rename("a", "empty"), Ok(()));
        let g = fs.find(jail, &path("empty/g")).unwrap();
        assert_eq!(fs.file(g).map(FileData::to_vec), Some(b"jail/f".to_vec()));
        assert!(fs.find(jail, &path("f")).is_err());
    }

    #[test]
    fn an_open_file_outlives_its_name() {
        let mut fs = tree();
        let jail = jail(&fs);
        let id = fs.find(jail, &path("f")).unwrap();
        fs.open(id);
        fs.remove_file(jail, &path("f"), 2).unwrap();
        assert!(fs.file(id).is_some());
        fs.close(id);
        assert!(fs.node(id).is_none());
    }

    #[test]
    fn removal_takes_what_it_is_meant_for() {
        let mut fs = tree();
        let jail = jail(&fs);
        assert_eq!(fs.remove_file(jail, &path("a"), 2), Err(FsError::IsDirectory));
        assert_eq!(fs.remove_directory(jail, &path("f"), 2), Err(FsError::NotDirectory));
        assert_eq!(fs.remove_directory(jail, &path("a"), 2), Err(FsError::NotEmpty));
        assert_eq!(fs.remove_directory(jail, &path("/"), 2), Err(FsError::Name));
        assert_eq!(fs.remove_directory(jail, &path("dir"), 2), Err(FsError::NotDirectory));
        assert_eq!(fs.remove_file(jail, &path("to-f"), 2), Ok(()));
        assert!(fs.find(jail, &path("f")).is_ok());
        let root = fs.root();
        fs.remove_tree(root, &path("jail"), 2);
        assert_eq!(fs.nodes.len(), 3);
    }
}
