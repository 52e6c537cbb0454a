//! Folds over the events of a run: one file a format.
//!
//! Responsible for what people and programs read of a run. A report takes events in the order in which they come and
//! writes to what it was given; it decides nothing, and no exit code depends on it.
#![warn(clippy::wildcard_enum_match_arm)]

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::run::event::Event;

pub mod hexdump;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod matrix;
pub mod record;
pub mod tap;
pub mod terminal;
pub mod transcript;

mod meaning;
mod paint;
mod plain;
mod planned;
mod standing;
mod tally;

#[cfg(test)]
pub(crate) mod sample;

/// What takes part in a run by listening.
pub trait Report: Send {
    /// Takes the next event.
    ///
    /// # Errors
    /// Where the output cannot be written.
    fn event(&mut self, event: &Event) -> io::Result<()>;
}

/// Where a report that is written as a whole goes.
pub enum Sink {
    /// A file: complete or not there, never half. Dropped unwritten, nothing is left.
    File {
        /// Its final name.
        path: PathBuf,
        /// Beside it, until it is complete.
        temporary: Option<tempfile::NamedTempFile>,
    },
    /// Standard output or a buffer.
    Stream(Box<dyn Write + Send>),
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, .. } => write!(f, "Sink({})", path.display()),
            Self::Stream(_) => f.write_str("Sink(stream)"),
        }
    }
}

impl Sink {
    /// A file. Its folder must be there; that it can be written is found out now, not at the end of the run.
    ///
    /// # Errors
    /// Where no file can be made there.
    pub fn file(path: &Path) -> io::Result<Self> {
        if path.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".ftpspec-report-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        Ok(Self::File { path: path.to_owned(), temporary: Some(builder.tempfile_in(folder)?) })
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
                file.persist(path).map(drop).map_err(|error| error.error)
            }
            Self::Stream(stream) => {
                stream.write_all(bytes)?;
                stream.flush()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Secret;

    #[test]
    fn a_file_is_complete_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.json");
        let names = || std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        drop(Sink::file(&path).unwrap());
        assert!(names().is_empty(), "a sink that was not written leaves nothing");
        let mut sink = Sink::file(&path).unwrap();
        assert!(!path.exists());
        sink.put(b"{}").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"{}");
        assert_eq!(names(), ["out.json"]);
        assert!(sink.put(b"x").is_err(), "only once");
        assert!(Sink::file(&folder.path().join("no/such/out.json")).is_err());
        assert!(Sink::file(folder.path()).is_err());
    }

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {secret:#?} {:?}", Some(&secret)), "**** **** Some(****)");
    }
}
