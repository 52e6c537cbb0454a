//! The storage of the embedded server: `unftp-sbe-fs` behind the permission letters.
//!
//! Responsible for denying what a user's letters do not cover, for moving file bytes in large blocks, and for telling a witness
//! what was done; all else is handed through, so that what is judged is libunftp with its own storage. A denial is
//! [`ErrorKind::PermissionDenied`], which libunftp words as it likes.
//!
//! What this cannot see cannot be denied: CDUP asks no storage at all; SIZE, MDTM and MLST ask the same question as RNFR
//! does, so whoever has `f` gets answers to them; and there is no MFMT.

use std::fmt::Debug;
use std::fs;
use std::io::{self, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cap_std::fs::{Dir, OpenOptions, Permissions};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt};
use tokio::task;
use unftp_core::storage::{Error, ErrorKind, Fileinfo, Metadata, Result, StorageBackend};
use unftp_sbe_fs::{Filesystem, Meta};

use super::super::service::{Transfer, What, Witness};
use super::account::User;
use crate::ftp::letter::Letter;

/// Bytes that are moved at once. `unftp-sbe-fs` takes 4 KiB, each by way of another thread.
const BLOCK: usize = 256 * 1024;

/// The storage of one session.
#[derive(Debug)]
pub(super) struct Storage {
    inner: Filesystem,
    /// The directory that holds all roots.
    base: Arc<Dir>,
    /// The user's root, once logged in.
    home: Option<Arc<Dir>>,
    /// The last question for a file's metadata.
    asked: Mutex<Option<Asked>>,
    /// Who sees what is done.
    witness: Arc<Witness>,
}

/// A question for metadata: APPE alone asks it in the very task that then stores the file, which tells it from STOR.
#[derive(Debug)]
struct Asked {
    task: Option<task::Id>,
    path: PathBuf,
    denied: bool,
}

impl Storage {
    /// The storage below a directory; nobody is logged in yet.
    pub(super) fn new(base: Arc<Dir>, path: &Path, witness: Arc<Witness>) -> io::Result<Self> {
        Ok(Self { inner: Filesystem::new(path)?, base, home: None, asked: Mutex::default(), witness })
    }

    /// Tells how something ended that is no transfer.
    fn told<T>(&self, verb: &'static str, path: &Path, ended: Result<T>) -> Result<T> {
        self.witness.saw(match &ended {
            Ok(_) => What::Did(verb, path.display().to_string()),
            Err(error) => What::Failed(verb, path.display().to_string(), why(error)),
        });
        ended
    }

    /// Tells what came of a transfer that moved this many bytes. One that never began is told with why.
    fn moved(&self, verb: &'static str, path: &Path, bytes: Option<u64>, ended: Result<u64>) -> Result<u64> {
        let transfer = |bytes, whole| Transfer { path: path.display().to_string(), bytes, whole };
        self.witness.saw(match (&ended, bytes) {
            (Err(error), None) => What::Failed(verb, path.display().to_string(), why(error)),
            (_, bytes) => {
                let transfer = transfer(bytes.unwrap_or(0), ended.is_ok());
                if verb == "RETR" { What::Sent(transfer) } else { What::Received(transfer) }
            }
        });
        ended
    }

    /// Changes a mode below the user's root.
    pub(super) async fn change_mode(&self, path: &str, mode: u32) -> Result<()> {
        let path = below(Path::new(path)).to_owned();
        let permissions = Permissions::from_std(fs::Permissions::from_mode(mode));
        Ok(self.at_home(move |home| home.set_permissions(path, permissions)).await?)
    }

    /// Does something that blocks with the user's root.
    async fn at_home<T: Send + 'static>(&self, call: impl FnOnce(&Dir) -> io::Result<T> + Send + 'static) -> io::Result<T> {
        let home = self.home.clone().ok_or(io::ErrorKind::PermissionDenied)?;
        task::spawn_blocking(move || call(&home)).await.map_err(io::Error::other)?
    }

    /// The question that this very task asked last, if it was about this path: then this is APPE.
    fn asked_here(&self, path: &Path) -> Option<Asked> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        (asked.task.is_some() && asked.task == task::try_id() && asked.path == path).then_some(asked)
    }
}

impl Storage {
    /// As `unftp-sbe-fs` does it (opens or makes the file, cuts it at `from`, writes from there on), in larger blocks. Counts the
    /// bytes once the file is open.
    async fn store<R: AsyncRead + Send + Unpin>(
        &self,
        user: &User,
        mut input: R,
        path: &Path,
        from: u64,
        asked: Option<Asked>,
        bytes: &mut Option<u64>,
    ) -> Result<u64> {
        need(user, if asked.is_some() { Letter::Append } else { Letter::Store })?;
        // libunftp takes a denied question for an empty file, and would cut the file at its start.
        let from = match asked {
            Some(Asked { denied: true, .. }) => self.inner.metadata(user, path).await.map_or(0, |metadata| metadata.len()),
            _ => from,
        };
        let path = below(path).to_owned();
        let file = self.at_home(move |home| home.open_with(path, OpenOptions::new().write(true).create(true))).await?;
        let mut file = tokio::fs::File::from_std(file.into_std());
        file.set_max_buf_size(BLOCK);
        file.set_len(from).await?;
        file.seek(SeekFrom::Start(from)).await?;
        let total = bytes.insert(0);
        let mut block = vec![0; BLOCK];
        let ended = loop {
            match input.read(&mut block).await {
                Ok(0) => break Ok(*total),
                Ok(n) => {
                    file.write_all(&block[..n]).await?;
                    *total += n as u64;
                }
                Err(error) => break Err(error.into()),
            }
        };
        // What came before a connection broke stays, too.
        file.flush().await?;
        ended
    }
}

/// What is told of an error: what the system said, else what libunftp will say.
fn why(error: &Error) -> String {
    error.get_io_error().map_or_else(|| error.kind().to_string(), ToString::to_string)
}

fn need(user: &User, letter: Letter) -> Result<()> {
    if user.letters.has(letter) { Ok(()) } else { Err(ErrorKind::PermissionDenied.into()) }
}

/// A path of the user's as one below the root, the way `unftp-sbe-fs` reads it.
fn below(path: &Path) -> &Path {
    match path.strip_prefix("/") {
        Ok(rest) if rest.as_os_str().is_empty() => Path::new("."),
        Ok(rest) => rest,
        Err(_) => path,
    }
}

#[async_trait]
impl StorageBackend<User> for Storage {
    type Metadata = Meta;

    fn enter(&mut self, user: &User) -> io::Result<()> {
        self.inner.enter(user)?;
        self.home = Some(Arc::new(self.base.open_dir(&user.root)?));
        Ok(())
    }

    fn supported_features(&self) -> u32 {
        StorageBackend::<User>::supported_features(&self.inner)
    }

    async fn metadata<P: AsRef<Path> + Send + Debug>(&self, user: &User, path: P) -> Result<Meta> {
        let denied = !user.letters.has(Letter::List) && !user.letters.has(Letter::Rename);
        let asked = Asked { task: task::try_id(), path: path.as_ref().to_owned(), denied };
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
        if denied {
            return Err(ErrorKind::PermissionDenied.into());
        }
        self.inner.metadata(user, path).await
    }

    async fn md5<P: AsRef<Path> + Send + Debug>(&self, user: &User, path: P) -> Result<String> {
        need(user, Letter::Retrieve)?;
        self.inner.md5(user, path).await
    }

    async fn list<P: AsRef<Path> + Send + Debug>(&self, user: &User, path: P) -> Result<Vec<Fileinfo<PathBuf, Meta>>> {
        need(user, Letter::List)?;
        self.inner.list(user, path).await
    }

    async fn get_into<'a, P, W: ?Sized>(&self, user: &User, path: P, from: u64, output: &'a mut W) -> Result<u64>
    where
        W: AsyncWrite + Unpin + Sync + Send,
        P: AsRef<Path> + Send + Debug,
    {
        let path = path.as_ref();
        let _busy = self.witness.transfer();
        let mut bytes = None;
        let sent = async {
            let mut file = self.get(user, path, from).await?;
            bytes = Some(0);
            let mut block = vec![0; BLOCK];
            loop {
                let len = file.read(&mut block).await?;
                if len == 0 {
                    break Ok(bytes.unwrap_or(0));
                }
                output.write_all(&block[..len]).await?;
                bytes = bytes.map(|bytes| bytes + len as u64);
            }
        };
        let sent = sent.await;
        self.moved("RETR", path, bytes, sent)
    }

    async fn get<P: AsRef<Path> + Send + Debug>(
        &self,
        user: &User,
        path: P,
        from: u64,
    ) -> Result<Box<dyn AsyncRead + Send + Sync + Unpin>> {
        need(user, Letter::Retrieve)?;
        self.inner.get(user, path, from).await
    }

    async fn put<P, R>(&self, user: &User, input: R, path: P, from: u64) -> Result<u64>
    where
        P: AsRef<Path> + Send + Debug,
        R: AsyncRead + Send + Sync + Unpin + 'static,
    {
        let path = path.as_ref();
        let asked = self.asked_here(path);
        let verb = if asked.is_some() { "APPE" } else { "STOR" };
        let _busy = self.witness.transfer();
        let mut bytes = None;
        let ended = self.store(user, input, path, from, asked, &mut bytes).await;
        self.moved(verb, path, bytes, ended)
    }

    async fn del<P: AsRef<Path> + Send + Debug>(&self, user: &User, path: P) -> Result<()> {
        let path = path.as_ref();
        let ended = match need(user, Letter::Delete) {
            Ok(()) => self.inner.del(user, path).await,
            denied => denied,
        };
        self.told("DELE", path, ended)
    }

    async fn mkd<P: AsRef<Path> + Send + Debug>(&self, user: &User, path: P) -> Result<()> {
        let path = path.as_ref();
        let ended = match need(user, Letter::MakeDirectory) {
            Ok(()) => self.inner.mkd(user, path).await,
            denied => denied,
        };
        self.told("MKD", path, ended)
    }

    async fn rename<P: AsRef<Path> + Send + Debug>(&self, user: &User, from: P, to: P) -> Result<()> {
        let (from, to) = (from.as_ref(), to.as_ref());
        let ended = match need(user, Letter::Rename) {
            Ok(()) => self.inner.rename(user, from, to).await,
            denied => denied,
        };
        self.witness.saw(match &ended {
            Ok(()) => What::Did("RNTO", format!("{} -> {}", from.display(), to.display())),
            Err(error) => What::Failed("RNTO", from.display().to_string(), why(error)),
        });
        ended
    }

    async fn rmd<P: AsRef<Path> + Send + Debug>(&self, user: &User, path: P) -> Result<()> {
        let path = path.as_ref();
        let ended = match need(user, Letter::Delete) {
            Ok(()) => self.inner.rmd(user, path).await,
            denied => denied,
        };
        self.told("RMD", path, ended)
    }

    async fn cwd<P: AsRef<Path> + Send + Debug>(&self, user: &User, path: P) -> Result<()> {
        let path = path.as_ref();
        let ended = match need(user, Letter::Enter) {
            Ok(()) => self.inner.cwd(user, path).await,
            denied => denied,
        };
        // Where a client goes is no news; that it may not is.
        if ended.is_err() { self.told("CWD", path, ended) } else { ended }
    }
}
