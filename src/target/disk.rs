//! A directory of this machine as the ground under a server's feet.
//!
//! Responsible for laying files, looking at them behind the server's back and removing them, all within one temporary
//! directory. Every path is resolved by `cap-std` below its root, so that neither `..` nor a link that a server or a scenario
//! made leads out of it. Does not know who serves the files.

use std::ffi::OsStr;
use std::fs;
use std::hash::DefaultHasher;
use std::hash::Hasher;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use cap_std::fs::{Dir, MetadataExt, OpenOptions, Permissions};
use rustix::fs::{AtFlags, Gid, Timespec, Timestamps, UTIME_OMIT, Uid, chownat, utimensat};
use tempfile::TempDir;

use super::{Disk, LaidFile, LaidNode, Snapshot};
use crate::ftp::content::Content;
use crate::ftp::observe::Observer;
use crate::ftp::transcript::DiskState;

/// Bytes that are read or written at once.
pub(super) const BLOCK: usize = 256 * 1024;
/// Permission bits, set-id and sticky included.
pub(super) const MODE: u32 = 0o7777;
/// The mode of a directory of ours that another user must pass: its names are for us alone.
pub(super) const PASSABLE: u32 = 0o711;

/// A temporary directory that holds the roots of all accounts; it goes when this is closed or dropped.
#[derive(Debug)]
pub struct HostDisk {
    base: Dir,
    path: PathBuf,
    /// Taken by [`HostDisk::close`], which waits for those who work in the directory; they hold it for reading.
    owner: RwLock<Option<TempDir>>,
    /// User and group of what is laid, where they are not ours.
    given_to: Option<(Uid, Gid)>,
}

impl HostDisk {
    /// Makes a fresh directory `ftpspec-*` in the system's place for temporary files.
    ///
    /// # Errors
    /// Where the file system refuses.
    pub fn new() -> io::Result<Self> {
        let owner = tempfile::Builder::new().prefix("ftpspec-").tempdir()?;
        let path = owner.path().to_owned();
        let base = Dir::open_ambient_dir(&path, cap_std::ambient_authority())?;
        Ok(Self { base, path, owner: RwLock::new(Some(owner)), given_to: None })
    }

    /// Makes a directory of this name in a directory that a server serves. All that is laid belongs to this user and group, where
    /// that is not us: only root can do that.
    ///
    /// # Errors
    /// Where the file system refuses, and where there is such a directory already.
    pub fn within(parent: &Path, name: &str, (uid, gid): (u32, u32)) -> io::Result<Self> {
        let owner = tempfile::Builder::new().prefix(name).rand_bytes(0).tempdir_in(parent)?;
        let path = owner.path().to_owned();
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        let ours = uid == rustix::process::geteuid();
        if !ours {
            std::os::unix::fs::chown(&path, Some(uid.as_raw()), Some(gid.as_raw()))?;
        }
        // Whoever the server becomes for an account may enter it.
        fs::set_permissions(&path, fs::Permissions::from_mode(PASSABLE))?;
        let base = Dir::open_ambient_dir(&path, cap_std::ambient_authority())?;
        Ok(Self { base, path, owner: RwLock::new(Some(owner)), given_to: (!ours).then_some((uid, gid)) })
    }

    /// As [`HostDisk::new`], for a server whose sessions work as another user: all that is laid is given to that user and group,
    /// and who knows the names of roots may enter them. Only root can do that.
    ///
    /// # Errors
    /// Where the file system refuses.
    pub fn given_to(uid: u32, gid: u32) -> io::Result<Self> {
        let mut disk = Self::new()?;
        fs::set_permissions(&disk.path, fs::Permissions::from_mode(PASSABLE))?;
        disk.given_to = Some((Uid::from_raw(uid), Gid::from_raw(gid)));
        Ok(disk)
    }

    /// The directory itself, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A handle on the directory, for one who serves it.
    pub(crate) fn handle(&self) -> io::Result<Dir> {
        self.base.try_clone()
    }

    /// Removes the directory and all in it unless `keep`; says what is left. Closing twice does nothing.
    pub fn close(&self, keep: bool) -> Vec<String> {
        let mut owner = self.owner.write().unwrap_or_else(PoisonError::into_inner);
        let Some(owner) = owner.take() else { return Vec::new() };
        // From here on the directory is removed by name, or stays: tempfile gives up at directories that it cannot read.
        let path = owner.keep();
        if keep {
            return vec![format!("{} is kept", path.display())];
        }
        match self.clear().and_then(|()| fs::remove_dir(&path)) {
            Ok(()) => Vec::new(),
            Err(error) => vec![format!("{} could not be removed: {error}", path.display())],
        }
    }

    /// Removes all that can be removed; gives the first error.
    fn clear(&self) -> io::Result<()> {
        self.base.entries()?.map(|entry| erase(&self.base, &entry?.file_name())).fold(Ok(()), Result::and)
    }

    /// Keeps the directory from being closed while somebody works in it.
    fn held(&self) -> io::Result<RwLockReadGuard<'_, Option<TempDir>>> {
        let owner = self.owner.read().unwrap_or_else(PoisonError::into_inner);
        if owner.is_some() { Ok(owner) } else { Err(io::Error::new(ErrorKind::NotFound, "the directory of the roots is closed")) }
    }

    fn root(&self, root: &str) -> io::Result<Dir> {
        self.base.open_dir(component(root)?)
    }
}

impl Drop for HostDisk {
    fn drop(&mut self) {
        self.close(false);
    }
}

impl Disk for HostDisk {
    fn lay(&self, root: &str, files: &[LaidFile]) -> io::Result<()> {
        let _held = self.held()?;
        self.base.create_dir(component(root)?)?;
        let dir = self.root(root)?;
        for file in files {
            place(&dir, file).map_err(|error| at(&file.path, &error))?;
        }
        if let Some((uid, gid)) = self.given_to {
            give(&self.base, OsStr::new(root), uid, gid)?;
        }
        // The deepest first: laying a file changes its directory's time, and a mode may close a directory.
        let mut order: Vec<&LaidFile> = files.iter().collect();
        order.sort_by_key(|file| std::cmp::Reverse(relative(&file.path).components().count()));
        order.into_iter().try_for_each(|file| finish(&dir, file).map_err(|error| at(&file.path, &error)))
    }

    fn look(&self, root: &str, path: &[u8], against: &[Content]) -> io::Result<DiskState> {
        let _held = self.held()?;
        let dir = self.root(root)?;
        let path = relative(path);
        let metadata = match dir.symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(DiskState::Absent),
            Err(error) => return Err(error),
        };
        let (mode, mtime) = (metadata.mode() & MODE, metadata.mtime());
        if metadata.is_dir() {
            return Ok(DiskState::Directory { mode, mtime });
        }
        if !metadata.is_file() {
            return Ok(DiskState::Other(other(&dir, path)));
        }
        let mut file = open(&dir, path, mode)?;
        let mut observer = Observer::new(against.to_vec());
        let mut block = vec![0; BLOCK];
        loop {
            match file.read(&mut block)? {
                0 => return Ok(DiskState::File { mode, mtime, content: observer.finish() }),
                n => observer.push(&block[..n]),
            }
        }
    }

    fn snapshot(&self, root: &str) -> io::Result<Snapshot> {
        let _held = self.held()?;
        let mut snapshot = Snapshot::default();
        walk(&self.root(root)?, &mut Vec::new(), &mut snapshot)?;
        Ok(snapshot)
    }

    fn remove(&self, root: &str) -> io::Result<()> {
        let _held = self.held()?;
        erase(&self.base, OsStr::new(component(root)?))
    }
}

/// A root's name, if it is one.
pub(super) fn component(root: &str) -> io::Result<&str> {
    if root.is_empty() || root == "." || root == ".." || root.contains(['/', '\0']) {
        return Err(io::Error::new(ErrorKind::InvalidInput, format!("{root:?} is no name for a root")));
    }
    Ok(root)
}

/// A path below a root; the empty one is the root itself.
fn relative(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(if path.is_empty() { b"." } else { path }))
}

pub(super) fn at(path: &[u8], error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.escape_ascii()))
}

fn place(dir: &Dir, laid: &LaidFile) -> io::Result<()> {
    let path = relative(&laid.path);
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        dir.create_dir_all(parent)?;
    }
    match &laid.node {
        LaidNode::File(content) => {
            let mut file = dir.open_with(path, OpenOptions::new().write(true).create_new(true))?.into_std();
            write(&mut file, content)?;
            file.set_len(content.len())
        }
        LaidNode::Directory => match dir.create_dir(path) {
            // Made before as the parent of another file.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && dir.symlink_metadata(path)?.is_dir() => Ok(()),
            made => made,
        },
        LaidNode::Link(target) => dir.symlink_contents(OsStr::from_bytes(target), path),
    }
}

/// Writes a content from where the file stands; zeros become a hole, which the caller ends by the file's length.
fn write(file: &mut fs::File, content: &Content) -> io::Result<()> {
    match content {
        Content::Zeros(len) => skip(file, *len),
        Content::Slice { of, len, .. } if matches!(**of, Content::Zeros(_)) => skip(file, *len),
        Content::Chain(parts) => parts.iter().try_for_each(|part| write(file, part)),
        Content::Literal(bytes) => file.write_all(bytes),
        Content::Words { .. } | Content::Fill(_) | Content::Lines { .. } | Content::Slice { .. } => {
            let mut block = Vec::new();
            let mut from = 0;
            while from < content.len() {
                let len = usize::try_from(content.len() - from).unwrap_or(BLOCK).min(BLOCK);
                block.resize(len, 0);
                content.fill(from, &mut block);
                file.write_all(&block)?;
                from += len as u64;
            }
            Ok(())
        }
    }
}

fn skip(file: &mut fs::File, len: u64) -> io::Result<()> {
    let len = i64::try_from(len).map_err(|_| io::Error::new(ErrorKind::FileTooLarge, "a hole of more than 8 EiB"))?;
    file.seek(SeekFrom::Current(len)).map(drop)
}

/// Gives a file, or a directory and all below it, to a user and group.
fn give(dir: &Dir, name: &OsStr, uid: Uid, gid: Gid) -> io::Result<()> {
    chownat(dir, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    if dir.symlink_metadata(name)?.is_dir() {
        let below = dir.open_dir(name)?;
        below.entries()?.try_for_each(|entry| give(&below, &entry?.file_name(), uid, gid))?;
    }
    Ok(())
}

/// Sets mode and time, once all is there.
fn finish(dir: &Dir, laid: &LaidFile) -> io::Result<()> {
    let path = relative(&laid.path);
    if let Some(mode) = laid.mode {
        if matches!(laid.node, LaidNode::Link(_)) {
            return Err(io::Error::new(ErrorKind::InvalidInput, "a symbolic link has no mode of its own"));
        }
        dir.set_permissions(path, permissions(mode))?;
    }
    let Some(mtime) = laid.mtime else { return Ok(()) };
    let time = |tv_nsec, tv_sec| Timespec { tv_sec, tv_nsec };
    let times = Timestamps { last_access: time(UTIME_OMIT, 0), last_modification: time(0, mtime) };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let name = path.file_name().unwrap_or_else(|| OsStr::new("."));
    Ok(utimensat(dir.open_dir(parent)?, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

fn permissions(mode: u32) -> Permissions {
    Permissions::from_std(fs::Permissions::from_mode(mode))
}

/// Opens a regular file for reading, also one that its owner may not read: then its mode is lent for the moment of opening.
fn open(dir: &Dir, path: &Path, mode: u32) -> io::Result<fs::File> {
    match dir.open(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied && mode & 0o400 == 0 => {
            dir.set_permissions(path, permissions(mode | 0o400))?;
            let opened = dir.open(path);
            dir.set_permissions(path, permissions(mode))?;
            opened
        }
        opened => opened,
    }
    .map(cap_std::fs::File::into_std)
}

/// In words, what is neither file nor directory.
fn other(dir: &Dir, path: &Path) -> String {
    dir.read_link_contents(path).map_or_else(|_| "a special file".to_owned(), |target| link_line(target.as_os_str().as_bytes()))
}

/// A directory in a [`Snapshot`].
pub(super) fn directory_line(mode: u32) -> String {
    format!("a directory, mode {mode:03o}")
}

/// A file in a [`Snapshot`].
pub(super) fn file_line(mode: u32, len: u64, hash: u64) -> String {
    format!("a file, mode {mode:03o}, {len} bytes, hash {hash:016x}")
}

/// A symbolic link in a [`Snapshot`].
pub(super) fn link_line(target: &[u8]) -> String {
    format!("a symbolic link to {}", target.escape_ascii())
}

fn walk(dir: &Dir, prefix: &mut Vec<u8>, into: &mut Snapshot) -> io::Result<()> {
    for entry in dir.entries()? {
        let entry = entry?;
        let name = entry.file_name();
        let name = Path::new(&name);
        let metadata = match dir.symlink_metadata(name) {
            // It went while the directory was read: a server that still works on it.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        let mode = metadata.mode() & MODE;
        let before = prefix.len();
        prefix.extend_from_slice(name.as_os_str().as_bytes());
        let line = if metadata.is_dir() {
            directory_line(mode)
        } else if metadata.is_file() {
            file_line(mode, metadata.len(), hash(&open(dir, name, mode)?)?)
        } else {
            other(dir, name)
        };
        into.0.insert(prefix.clone(), line);
        if metadata.is_dir() {
            prefix.push(b'/');
            match dir.open_dir(name).and_then(|below| walk(&below, prefix, into)) {
                // Its mode says so in its own line.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
                walked => walked?,
            }
        }
        prefix.truncate(before);
    }
    Ok(())
}

fn hash(file: &fs::File) -> io::Result<u64> {
    let mut block = vec![0; BLOCK];
    let mut fingerprint = Fingerprint::default();
    let mut from = 0;
    while let Some(next) = data(file, from) {
        from = next;
        let mut len = 0;
        while len < BLOCK {
            match file.read_at(&mut block[len..], from + len as u64)? {
                0 => break,
                n => len += n,
            }
        }
        fingerprint.block(from, &block[..len]);
        if len < BLOCK {
            break;
        }
        from += BLOCK as u64;
    }
    Ok(fingerprint.finish())
}

/// A hash of a file's bytes. Blocks of zeros count for nothing, and the others by their place: holes need not be read, and a
/// hole is the same as zeros that were written. The file's length goes beside it.
#[derive(Debug, Default)]
pub(super) struct Fingerprint(DefaultHasher);

impl Fingerprint {
    /// Takes the block of [`BLOCK`] bytes (the last may be shorter) at an offset.
    pub(super) fn block(&mut self, offset: u64, bytes: &[u8]) {
        static ZEROS: [u8; BLOCK] = [0; BLOCK];
        if *bytes != ZEROS[..bytes.len()] {
            self.0.write_u64(offset);
            self.0.write(bytes);
        }
    }

    /// The hash.
    pub(super) fn finish(&self) -> u64 {
        self.0.finish()
    }
}

/// The first block from `from` on (a multiple of [`BLOCK`]) that holds data; `None` where only a hole follows.
#[cfg(target_os = "linux")]
fn data(file: &fs::File, from: u64) -> Option<u64> {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(from)) {
        Ok(found) => Some(from.max(found - found % BLOCK as u64)),
        Err(rustix::io::Errno::NXIO) => None,
        Err(_) => Some(from),
    }
}

#[cfg(not(target_os = "linux"))]
fn data(_: &fs::File, from: u64) -> Option<u64> {
    Some(from)
}

/// Removes what has this name, whatever it is; that nothing has is no error.
fn erase(dir: &Dir, name: &OsStr) -> io::Result<()> {
    let metadata = match dir.symlink_metadata(name) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if !metadata.is_dir() {
        return dir.remove_file(name);
    }
    dir.remove_dir_all(name).or_else(|_| {
        unlock(dir, name)?;
        dir.remove_dir_all(name)
    })
}

/// Opens up directories that a server or a scenario closed by their mode.
fn unlock(dir: &Dir, name: &OsStr) -> io::Result<()> {
    dir.set_permissions(name, permissions(0o700))?;
    let below = dir.open_dir(name)?;
    for entry in below.entries()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            unlock(&below, &entry.file_name())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn laid(path: &[u8], node: LaidNode) -> LaidFile {
        LaidFile { path: path.to_vec(), node, mtime: None, mode: None }
    }

    fn file(path: &[u8], content: Content) -> LaidFile {
        laid(path, LaidNode::File(content))
    }

    fn disk(files: &[LaidFile]) -> HostDisk {
        let disk = HostDisk::new().unwrap();
        disk.lay("r", files).unwrap();
        disk
    }

    /// What was laid must be found again, whatever its name and content.
    fn check(path: &[u8], content: Content) {
        let disk = disk(&[LaidFile { mtime: Some(1_577_836_800), mode: Some(0o640), ..file(path, content.clone()) }]);
        match disk.look("r", path, std::slice::from_ref(&content)).unwrap() {
            DiskState::File { mode: 0o640, mtime: 1_577_836_800, content: seen } => {
                assert_eq!(seen.len, content.len());
                assert!(seen.against[0].is_equal(seen.len), "{:?}", seen.against[0]);
            }
            state => panic!("{}: {state:?}", path.escape_ascii()),
        }
        let snapshot = disk.snapshot("r").unwrap();
        assert!(snapshot.0.contains_key(path), "{snapshot:?}");
    }

    #[test]
    fn odd_names_and_contents_are_found_again() {
        check(b"plain", Content::literal(*b"x"));
        check(b"caf\xe9 \xff", Content::Words { seed: 3, len: 700_001 });
        check(b"-rf", Content::Fill(262_144));
        check(b"two\nlines\r", Content::Lines { count: 9000, eol: Arc::from(&b"\r\n"[..]) });
        check(b"deep/ er/\\ \x01", Content::Zeros(1_000_000));
        check(
            b" ",
            Content::Chain(vec![
                Content::Zeros(300_000),
                Content::literal(*b"ab"),
                Content::Zeros(9).slice(2, 7),
                Content::Words { seed: 1, len: 99 }.slice(5, 70),
            ]),
        );
        check(b"empty", Content::Chain(Vec::new()));
    }

    /// Only root can give a file away.
    #[test]
    fn what_is_laid_belongs_to_the_user_of_the_sessions() {
        use std::os::unix::fs::MetadataExt as _;
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let disk = HostDisk::given_to(65_534, 65_533).unwrap();
        let closed = LaidFile { mode: Some(0o500), mtime: Some(86_400), ..laid(b"d", LaidNode::Directory) };
        disk.lay("r", &[file(b"d/e/f", Content::literal(*b"1")), closed, laid(b"out", LaidNode::Link(b"/".to_vec()))]).unwrap();
        for path in ["r", "r/d", "r/d/e", "r/d/e/f", "r/out"] {
            let metadata = fs::symlink_metadata(disk.path().join(path)).unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (65_534, 65_533), "{path}");
        }
        assert_eq!(fs::metadata("/").unwrap().uid(), 0);
        assert_eq!(disk.look("r", b"d", &[]).unwrap(), DiskState::Directory { mode: 0o500, mtime: 86_400 });
        assert_eq!(fs::metadata(disk.path()).unwrap().mode() & MODE, PASSABLE);
    }

    #[test]
    fn a_hole_takes_no_room_and_little_time() {
        let disk = disk(&[
            file(b"hole", Content::Zeros(5 << 30)),
            file(b"end", Content::Chain(vec![Content::Zeros(5 << 30), Content::literal(*b"x")])),
        ]);
        let snapshot = disk.snapshot("r").unwrap();
        assert!(snapshot.0[&b"hole"[..]].contains("5368709120 bytes"), "{snapshot:?}");
        let allocated = std::os::unix::fs::MetadataExt::blocks(&fs::metadata(disk.path().join("r/hole")).unwrap());
        assert!(allocated < 1000, "{allocated}");
    }

    #[test]
    fn directories_keep_their_time_and_mode_though_files_are_laid_in_them() {
        let directory = LaidFile { mtime: Some(86_400), mode: Some(0o500), ..laid(b"d", LaidNode::Directory) };
        let disk = disk(&[directory.clone(), file(b"d/f", Content::literal(*b"1"))]);
        assert_eq!(disk.look("r", b"d", &[]).unwrap(), DiskState::Directory { mode: 0o500, mtime: 86_400 });
        let other = HostDisk::new().unwrap();
        other.lay("r", &[file(b"d/f", Content::literal(*b"1")), directory]).unwrap();
        assert_eq!(other.look("r", b"d", &[]).unwrap(), DiskState::Directory { mode: 0o500, mtime: 86_400 });
        assert!(matches!(other.look("r", b"", &[]).unwrap(), DiskState::Directory { .. }));
    }

    #[test]
    fn what_is_not_there_is_absent() {
        let disk = disk(&[file(b"f", Content::literal(*b"1"))]);
        assert_eq!(disk.look("r", b"g", &[]).unwrap(), DiskState::Absent);
        assert_eq!(disk.look("r", b"f/g", &[]).unwrap(), DiskState::Absent);
        assert!(disk.look("none", b"g", &[]).is_err());
    }

    #[test]
    fn a_link_is_seen_as_one_and_never_leads_out() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "s").unwrap();
        let target = outside.path().as_os_str().as_bytes().to_vec();
        let disk = disk(&[
            LaidFile { mtime: Some(5), ..laid(b"out", LaidNode::Link(target)) },
            laid(b"up", LaidNode::Link(b"../other".to_vec())),
            laid(b"in", LaidNode::Link(b"d".to_vec())),
            file(b"d/f", Content::literal(*b"1")),
        ]);
        disk.lay("other", &[file(b"f", Content::literal(*b"theirs"))]).unwrap();
        assert!(matches!(disk.look("r", b"out", &[]).unwrap(), DiskState::Other(text) if text.starts_with("a symbolic link to /")));
        assert!(disk.look("r", b"out/secret", &[]).is_err());
        assert!(disk.look("r", b"up/f", &[]).is_err());
        assert!(disk.look("r", b"../other/f", &[]).is_err());
        assert!(matches!(disk.look("r", b"in/f", &[]).unwrap(), DiskState::File { .. }));
        assert!(disk.lay("r2", &[file(b"../r/new", Content::literal(*b"1"))]).is_err());
        assert!(disk.lay("r3", &[laid(b"l", LaidNode::Link(b"/tmp".to_vec())), file(b"l/new", Content::literal(*b"1"))]).is_err());
        assert!(!Path::new("/tmp/new").exists());
        assert_eq!(disk.snapshot("r").unwrap().0.len(), 5);
        disk.remove("r").unwrap();
        assert!(outside.path().join("secret").exists() && disk.path().join("other/f").exists());
    }

    #[test]
    fn a_snapshot_shows_each_change() {
        let disk = disk(&[
            file(b"a", Content::Words { seed: 1, len: 600_000 }),
            file(b"b", Content::literal(*b"1")),
            laid(b"d", LaidNode::Directory),
        ]);
        let before = disk.snapshot("r").unwrap();
        assert_eq!(before.changes(&disk.snapshot("r").unwrap()), Vec::<String>::new());
        let root = disk.path().join("r");
        fs::OpenOptions::new().write(true).open(root.join("a")).unwrap().write_all_at(&[0], 500_000).unwrap();
        fs::set_permissions(root.join("b"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::remove_dir(root.join("d")).unwrap();
        fs::write(root.join("n"), "").unwrap();
        let changes = disk.snapshot("r").unwrap();
        let changes = before.changes(&changes);
        assert_eq!(changes.len(), 4, "{changes:?}");
    }

    #[test]
    fn a_hole_and_written_zeros_are_the_same() {
        let disk = disk(&[file(b"f", Content::Zeros(700_000))]);
        let before = disk.snapshot("r").unwrap();
        fs::write(disk.path().join("r/f"), vec![0; 700_000]).unwrap();
        assert_eq!(disk.snapshot("r").unwrap(), before);
    }

    #[test]
    fn roots_are_single_names_and_made_once() {
        let disk = disk(&[]);
        for name in ["", ".", "..", "a/b", "/", "a\0"] {
            assert_eq!(disk.lay(name, &[]).unwrap_err().kind(), ErrorKind::InvalidInput, "{name:?}");
            assert_eq!(disk.remove(name).unwrap_err().kind(), ErrorKind::InvalidInput, "{name:?}");
        }
        assert_eq!(disk.lay("r", &[]).unwrap_err().kind(), ErrorKind::AlreadyExists);
        disk.remove("r").unwrap();
        disk.remove("r").unwrap();
        disk.lay("r", &[]).unwrap();
    }

    /// Says most where it does not run as root, who may read and remove all.
    #[test]
    fn what_is_closed_by_its_mode_is_seen_and_removed() {
        let closed = LaidFile { mode: Some(0), ..laid(b"d", LaidNode::Directory) };
        let disk =
            disk(&[file(b"d/e/f", Content::literal(*b"1")), closed, LaidFile { mode: Some(0), ..file(b"s", Content::literal(*b"22")) }]);
        let content = Content::literal(*b"22");
        assert!(
            matches!(disk.look("r", b"s", &[content]).unwrap(), DiskState::File { mode: 0, content, .. } if content.against[0].is_equal(2))
        );
        assert!(disk.snapshot("r").unwrap().0[&b"d"[..]].ends_with("mode 000"));
        disk.remove("r").unwrap();
        assert!(!disk.path().join("r").exists());
    }

    #[test]
    fn closing_waits_for_who_lays_files() {
        let disk = Arc::new(HostDisk::new().unwrap());
        let files: Vec<LaidFile> = (0..2000).map(|n| file(format!("f{n}").as_bytes(), Content::literal(*b"x"))).collect();
        let layer = std::thread::spawn({
            let disk = Arc::clone(&disk);
            move || disk.lay("root", &files)
        });
        while !disk.path().join("root/f10").exists() {
            std::thread::yield_now();
        }
        assert_eq!(disk.close(false), Vec::<String>::new());
        assert!(!disk.path().exists());
        layer.join().unwrap().unwrap();
        assert!(disk.lay("late", &[]).is_err() && disk.snapshot("root").is_err());
    }

    #[test]
    fn closing_removes_all_or_keeps_it() {
        let closed = || [LaidFile { mode: Some(0), ..laid(b"d", LaidNode::Directory) }];
        let gone = disk(&closed());
        let path = gone.path().to_owned();
        assert!(path.file_name().unwrap().as_bytes().starts_with(b"ftpspec-"));
        assert_eq!(gone.close(false), Vec::<String>::new());
        assert!(!path.exists());
        let kept = disk(&closed());
        let path = kept.path().to_owned();
        assert_eq!(kept.close(true).len(), 1);
        drop(kept);
        fs::set_permissions(path.join("r/d"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::remove_dir_all(&path).unwrap();
        let dropped = disk(&closed()).path().to_owned();
        assert!(!dropped.exists());
    }
}
