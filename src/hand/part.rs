//! The beginning of a file that is being downloaded: it has a name of its own until it is whole.

use std::ffi::OsString;
use std::io::SeekFrom;
use std::path::{Path, PathBuf};

use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::BLOCK;
use super::error::HandError;

/// Where a download is kept until it is whole: `FILE.part`.
#[must_use]
pub fn part_of(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".part");
    PathBuf::from(name)
}

/// The length of a file; `None` where there is none.
pub(super) async fn length(path: &Path) -> Result<Option<u64>, HandError> {
    match fs::metadata(path).await {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
        Ok(_) => Err(HandError::Usage(format!("{} is there and is no file", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(HandError::local(path, error)),
    }
}

/// A part, open for more. The file is made with its first byte.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    file: Option<File>,
    len: u64,
}

impl Part {
    /// The part that is there, or an empty one.
    pub(super) async fn open(path: PathBuf) -> Result<Self, HandError> {
        let len = length(&path).await?;
        let mut part = Self { path, file: None, len: len.unwrap_or(0) };
        if len.is_some() {
            part.make().await?;
        }
        Ok(part)
    }

    /// Bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    async fn make(&mut self) -> Result<&mut File, HandError> {
        if self.file.is_none() {
            let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&self.path).await;
            let mut file = opened.map_err(|error| HandError::local(&self.path, error))?;
            file.set_max_buf_size(BLOCK);
            file.seek(SeekFrom::Start(self.len)).await.map_err(|error| HandError::local(&self.path, error))?;
            self.file = Some(file);
        }
        Ok(self.file.as_mut().expect("it was just opened"))
    }

    /// Adds to the end. What could be written is there even where not all could.
    pub(super) async fn append(&mut self, bytes: &[u8]) -> Result<(), HandError> {
        let file = self.make().await?;
        // Flushed, because the file takes a write at once and tells at the next call how it went.
        let written = match file.write_all(bytes).await {
            Ok(()) => file.flush().await,
            Err(error) => Err(error),
        };
        match written {
            Ok(()) => self.len += bytes.len() as u64,
            Err(error) => return Err(HandError::local(&self.path, error)),
        }
        Ok(())
    }

    /// The last bytes, as many as these or all; the next one is added behind them.
    pub(super) async fn tail(&mut self, bytes: u64) -> Result<Vec<u8>, HandError> {
        let from = self.len.saturating_sub(bytes);
        let len = self.len;
        if len == 0 {
            return Ok(Vec::new());
        }
        let path = self.path.clone();
        let wrong = |error| HandError::local(&path, error);
        let file = self.make().await?;
        file.seek(SeekFrom::Start(from)).await.map_err(wrong)?;
        let mut tail = vec![0; usize::try_from(len - from).expect("at most what was asked for")];
        file.read_exact(&mut tail).await.map_err(wrong)?;
        Ok(tail)
    }

    /// Throws away what is there.
    pub(super) async fn clear(&mut self) -> Result<(), HandError> {
        let path = self.path.clone();
        let wrong = |error| HandError::local(&path, error);
        self.len = 0;
        if let Some(file) = &mut self.file {
            file.set_len(0).await.map_err(wrong)?;
            file.seek(SeekFrom::Start(0)).await.map_err(wrong)?;
        }
        Ok(())
    }

    /// Makes sure that the bytes are on the disk.
    pub(super) async fn settle(&mut self) -> Result<(), HandError> {
        let path = self.path.clone();
        let file = self.make().await?;
        file.sync_all().await.map_err(|error| HandError::local(&path, error))
    }

    /// The whole file gets its name.
    pub(super) async fn finish(mut self, file: &Path) -> Result<(), HandError> {
        self.make().await?;
        fs::rename(&self.path, file).await.map_err(|error| HandError::local(file, error))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_grows_and_becomes_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        let mut part = Part::open(part_of(&file)).await.unwrap();
        assert!(!folder.path().join("f.part").exists());
        part.append(b"hello ").await.unwrap();
        assert_eq!(part.tail(3).await.unwrap(), b"lo ");
        part.append(b"world").await.unwrap();
        assert_eq!(part.tail(100).await.unwrap(), b"hello world");
        drop(part);
        let mut part = Part::open(part_of(&file)).await.unwrap();
        assert_eq!(part.len(), 11);
        part.append(b"!").await.unwrap();
        part.settle().await.unwrap();
        part.finish(&file).await.unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"hello world!");
        assert!(!folder.path().join("f.part").exists());
    }

    #[tokio::test]
    async fn what_is_thrown_away_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.part");
        std::fs::write(&path, "hello").unwrap();
        let mut part = Part::open(path.clone()).await.unwrap();
        part.clear().await.unwrap();
        part.append(b"x").await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"x");
        assert!(length(folder.path()).await.unwrap_err().to_string().contains("no file"));
    }
}
