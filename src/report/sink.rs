//! Where a report that is written as a whole goes.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file, standard output, or a buffer.
pub enum Sink {
    /// A file that is complete or not there, never half. Dropped unwritten, nothing is left, and what was there stays.
    File {
        /// Its final name, links followed.
        path: PathBuf,
        /// Beside it, until it is complete.
        temporary: Option<NamedTempFile>,
    },
    /// A file that is there and that nothing can be put in the place of: a device, a pipe, a file in a folder that is not ours.
    InPlace(PathBuf),
    /// Standard output or a buffer.
    Stream(Box<dyn Write + Send>),
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, .. } | Self::InPlace(path) => write!(f, "Sink({})", path.display()),
            Self::Stream(_) => f.write_str("Sink(stream)"),
        }
    }
}

impl Sink {
    /// A file, in the place of what is there. Its folder must be there; that it can be written is found out now, not at the end
    /// of the run.
    ///
    /// # Errors
    /// Where no file can be made there, nor what is there be written.
    pub fn file(path: &Path) -> io::Result<Self> {
        // A link stays one: what it leads to is written.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let there = fs::metadata(&path).ok();
        match &there {
            Some(there) if there.is_dir() => return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory")),
            Some(there) if !there.is_file() => return Self::in_place(path),
            Some(_) | None => {}
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".ftpspec-report-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        if let Some(there) = &there {
            builder.permissions(there.permissions());
        }
        match builder.tempfile_in(folder) {
            Ok(temporary) => Ok(Self::File { path, temporary: Some(temporary) }),
            Err(_) if there.is_some() => Self::in_place(path),
            Err(error) => Err(error),
        }
    }

    /// Asks for the right to write without opening: that would wait for the reader of a pipe.
    fn in_place(path: PathBuf) -> io::Result<Self> {
        rustix::fs::access(&path, rustix::fs::Access::WRITE_OK)?;
        Ok(Self::InPlace(path))
    }

    /// Writes the whole.
    ///
    /// # Errors
    /// Where the output cannot be written.
    pub fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::File { path, temporary } => {
                let mut file = temporary.take().ok_or_else(|| io::Error::other("the report was written already"))?;
                file.write_all(bytes)?;
                file.flush()?;
                match file.persist(&*path) {
                    Ok(_) => Ok(()),
                    // A file that is mounted where it stands, as containers do it, cannot be replaced.
                    Err(_) if path.is_file() => write_over(path, bytes),
                    Err(error) => Err(error.error),
                }
            }
            Self::InPlace(path) => write_over(path, bytes),
            Self::Stream(stream) => {
                stream.write_all(bytes)?;
                stream.flush()
            }
        }
    }
}

fn write_over(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.flush()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<std::ffi::OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_file_is_complete_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.json");
        drop(Sink::file(&path).unwrap());
        assert!(names(folder.path()).is_empty(), "a sink that was not written leaves nothing");
        let mut sink = Sink::file(&path).unwrap();
        assert!(!path.exists());
        sink.put(b"{}").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"{}");
        assert_eq!(names(folder.path()), ["out.json"]);
        assert!(sink.put(b"x").is_err(), "only once");
        assert!(Sink::file(&folder.path().join("no/such/out.json")).is_err());
        assert!(Sink::file(folder.path()).is_err());
    }

    #[test]
    fn what_is_there_stays_until_the_new_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("summary"), folder.path().join("link"));
        fs::write(&path, "what was there, and longer").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("summary", &link).unwrap();
        drop(Sink::file(&link).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"what was there, and longer");
        Sink::file(&link).unwrap().put(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(link.is_symlink(), "the link stays one");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[test]
    fn a_device_stays_one_and_a_pipe_is_written() {
        let mut sink = Sink::file(Path::new("/dev/null")).unwrap();
        assert!(matches!(sink, Sink::InPlace(_)), "{sink:?}");
        sink.put(b"x").unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
        let mut sink = Sink::file(&pipe).unwrap();
        let reader = std::thread::spawn(move || fs::read(pipe).unwrap());
        sink.put(b"whole").unwrap();
        assert_eq!(reader.join().unwrap(), b"whole");
    }

    #[test]
    fn what_cannot_be_replaced_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary");
        fs::write(&path, "what was there, and longer").unwrap();
        let mut sink = Sink::in_place(path.clone()).unwrap();
        sink.put(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(Sink::in_place(folder.path().join("nothing")).is_err());
    }
}
