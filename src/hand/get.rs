//! A download that resumes.
//!
//! The file is kept as `FILE.part` until it is whole, and gets its name then. A part is gone on with by REST, a little before
//! its end: what comes is compared with what is there, so that a part of another file, or of the file as it was, is noticed.
//! A shorter `FILE` that another program left is taken for a part, too.

use std::path::{Path, PathBuf};

use super::error::{Fault, HandError};
use super::part::{Part, length, part_of};
use super::retry::{self, Attempt, Job};
use super::session::Session;
use super::verify;
use super::{BLOCK, Done, Event, Options, Remote, TAIL, Watch};

/// Downloads to a file.
///
/// # Errors
/// Why the file is not whole; what has come stays in [`part_of`] the file.
pub async fn get(remote: &Remote, file: &Path, options: &Options, watch: Watch<'_>) -> Result<Done, HandError> {
    let path = remote.url.path_text()?;
    if path.is_empty() || path.ends_with('/') {
        return Err(HandError::Usage(format!("{} names no file", remote.url)));
    }
    let mut job = Get::new(path, file, options.verify);
    retry::run(&mut job, remote, options, watch).await
}

struct Get<'a> {
    /// On the server.
    path: &'a str,
    /// Here.
    file: &'a Path,
    part: PathBuf,
    verify: bool,
    /// Size and time of the file on the server, from the first attempt on.
    seen: Option<(Option<u64>, Option<String>)>,
    /// The server has no REST.
    no_restart: bool,
    /// `FILE` itself was looked at; what is there is no whole file of the server's.
    looked: bool,
    at: u64,
    moved: u64,
    /// A comparison found both sides different once already.
    differed: bool,
}

impl<'a> Get<'a> {
    fn new(path: &'a str, file: &'a Path, verify: bool) -> Self {
        Self { path, file, part: part_of(file), verify, seen: None, no_restart: false, looked: false, at: 0, moved: 0, differed: false }
    }
}

impl Job for Get<'_> {
    fn at(&self) -> u64 {
        self.at
    }

    async fn attempt(&mut self, mut session: Session, watch: Watch<'_>) -> Result<Attempt, Fault> {
        let size = session.size(self.path).await?;
        let time = session.ask(&format!("MDTM {}", self.path), suppaftp::Status::File, session.patience()).await?;
        if !self.looked {
            watch(Event::Size(size));
            if let Some(done) = self.look(&mut session, size, watch).await? {
                session.quit().await;
                return Ok(Attempt::Done(done));
            }
            self.looked = true;
        }
        let mut part = Part::open(self.part.clone()).await?;
        let changed = self.seen.as_ref().is_some_and(|seen| *seen != (size, time.clone()));
        self.seen = Some((size, time));
        if changed && part.len() > 0 {
            start_over(&mut part, "the file on the server has changed".to_owned(), watch).await?;
        } else if size.is_some_and(|size| part.len() > size) {
            let why = format!("{} has {} bytes, the server's file {}", part.path().display(), part.len(), size.unwrap_or(0));
            start_over(&mut part, why, watch).await?;
        } else if self.no_restart && part.len() > 0 {
            start_over(&mut part, "the server has no REST".to_owned(), watch).await?;
        }
        self.at = part.len();
        if !self.download(&mut session, &mut part, size, watch).await? {
            return Ok(Attempt::Again);
        }
        self.end(session, part, watch).await
    }
}

impl Get<'_> {
    /// Looks at `FILE` before the first byte: it may be whole, or a part that another program left.
    async fn look(&mut self, session: &mut Session, size: Option<u64>, watch: Watch<'_>) -> Result<Option<Done>, Fault> {
        let (Some(here), Some(size)) = (length(self.file).await?, size) else { return Ok(None) };
        if here > size {
            let why = format!("{} has {here} bytes, the server's file {size}", self.file.display());
            watch(Event::StartingOver { why });
        } else if here == size {
            let proof = match self.verify {
                true => match verify::compare(session, self.path, self.file, size).await? {
                    Ok(proof) => Some(proof),
                    Err(difference) => {
                        watch(Event::StartingOver { why: difference });
                        return Ok(None);
                    }
                },
                false => None,
            };
            return Ok(Some(Done { size, moved: 0, skipped: true, proof }));
        } else if length(&self.part).await?.is_none() {
            tokio::fs::rename(self.file, &self.part).await.map_err(|error| HandError::local(self.file, error))?;
        }
        Ok(None)
    }

    /// Brings the rest of the part. `false`: it was of no use, and is empty now.
    async fn download(&mut self, session: &mut Session, part: &mut Part, size: Option<u64>, watch: Watch<'_>) -> Result<bool, Fault> {
        let tail = part.tail(TAIL).await?;
        let from = part.len() - tail.len() as u64;
        if part.len() > 0 {
            watch(Event::Resuming { at: part.len(), by: "REST" });
        }
        let begun = session.retrieve(self.path, from).await;
        let mut data = match begun {
            Err(fault) if from > 0 && fault.is_missing_command() => {
                self.no_restart = true;
                return Ok(false);
            }
            begun => begun?,
        };
        let command = format!("RETR {}", self.path);
        let mut block = vec![0; BLOCK];
        let mut compared = 0;
        loop {
            let len = session.read(&command, &mut data, &mut block).await?;
            if len == 0 {
                break;
            }
            self.moved += len as u64;
            // First what is there already.
            let same = len.min(tail.len() - compared);
            if block[..same] != tail[compared..compared + same] {
                start_over(part, format!("{} is not the beginning of the server's file", part.path().display()), watch).await?;
                self.at = 0;
                return Ok(false);
            }
            compared += same;
            let new = &block[same..len];
            let room = size.map_or(u64::MAX, |size| size.saturating_sub(part.len()));
            let fits = usize::try_from(room).unwrap_or(usize::MAX).min(new.len());
            part.append(&new[..fits]).await?;
            self.at = part.len();
            watch(Event::Moved { at: self.at });
            if fits < new.len() {
                return Err(Fault::Lost(format!("the server sends more than the {} bytes that it told by SIZE", part.len())));
            }
        }
        session.finish(&command, data).await?;
        match size {
            Some(size) if part.len() < size => Err(Fault::Lost(format!("the server ended the transfer at {} of {size} bytes", part.len()))),
            _ if compared < tail.len() => {
                start_over(part, "the server's file is shorter than what is here".to_owned(), watch).await?;
                self.at = 0;
                Ok(false)
            }
            Some(_) | None => Ok(true),
        }
    }

    /// The part is whole: compares it where that is asked for, and gives it its name.
    async fn end(&mut self, mut session: Session, mut part: Part, watch: Watch<'_>) -> Result<Attempt, Fault> {
        let size = part.len();
        part.settle().await?;
        let mut unverified = None;
        let mut proof = None;
        if self.verify {
            match verify::compare(&mut session, self.path, part.path(), size).await {
                Ok(Ok(found)) => proof = Some(found),
                Ok(Err(difference)) => {
                    start_over(&mut part, difference.clone(), watch).await?;
                    self.at = 0;
                    if std::mem::replace(&mut self.differed, true) {
                        return Err(Fault::Final(HandError::Differs(difference)));
                    }
                    return Ok(Attempt::Again);
                }
                Err(Fault::Final(error @ HandError::Unverified(_))) => unverified = Some(error),
                Err(fault) => return Err(fault),
            }
        }
        part.finish(self.file).await?;
        session.quit().await;
        match unverified {
            Some(error) => Err(Fault::Final(error)),
            None => Ok(Attempt::Done(Done { size, moved: self.moved, skipped: false, proof })),
        }
    }
}

/// What is here is of no use: it is thrown away, and somebody is told why.
async fn start_over(part: &mut Part, why: String, watch: Watch<'_>) -> Result<(), HandError> {
    watch(Event::StartingOver { why });
    part.clear().await
}
