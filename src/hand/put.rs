//! An upload that resumes.
//!
//! What the server has is gone on with by APPE, else by REST and STOR. Its size must rest before that: the end of an upload
//! that was cut may still be on its way to the disk there.

use std::io::SeekFrom;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::error::{Fault, HandError};
use super::retry::{self, Attempt, Job};
use super::session::Session;
use super::verify;
use super::{BLOCK, Done, Event, Options, Remote, Watch};

/// How long a size must stay the same before it is believed.
const REST: Duration = Duration::from_millis(200);
/// Looks at a size that does not rest.
const LOOKS: u32 = 50;

/// Uploads a file.
///
/// # Errors
/// Why the file is not whole there; what has arrived stays.
pub async fn put(file: &Path, remote: &Remote, options: &Options, watch: Watch<'_>) -> Result<Done, HandError> {
    let path = remote.url.path_text()?;
    if path.is_empty() || path.ends_with('/') {
        return Err(HandError::Usage(format!("{} names no file", remote.url)));
    }
    let state = look(file).await?;
    let mut job = Put { path, file, state, verify: options.verify, means: Means::Append, at: 0, moved: 0, differed: false, sent: false };
    watch(Event::Size(Some(job.state.0)));
    retry::run(&mut job, remote, options, watch).await
}

/// How an upload goes on from what the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    Append,
    Restart,
    Nothing,
}

struct Put<'a> {
    /// On the server.
    path: &'a str,
    /// Here.
    file: &'a Path,
    /// Length and time of the file here: it must stay as it is.
    state: (u64, Option<SystemTime>),
    verify: bool,
    means: Means,
    at: u64,
    moved: u64,
    /// A comparison found both sides different once already.
    differed: bool,
    /// Something was sent: an equal size is our own work.
    sent: bool,
}

/// Length and time of a regular file.
async fn look(file: &Path) -> Result<(u64, Option<SystemTime>), HandError> {
    let metadata = tokio::fs::metadata(file).await.map_err(|error| HandError::local(file, error))?;
    if !metadata.is_file() {
        return Err(HandError::Usage(format!("{} is no file", file.display())));
    }
    Ok((metadata.len(), metadata.modified().ok()))
}

impl Job for Put<'_> {
    fn at(&self) -> u64 {
        self.at
    }

    async fn attempt(&mut self, mut session: Session, watch: Watch<'_>) -> Result<Attempt, Fault> {
        if look(self.file).await? != self.state {
            return Err(Fault::Final(HandError::Changed { path: self.file.to_owned() }));
        }
        let size = self.state.0;
        let there = self.resting_size(&mut session).await?;
        match there {
            Some(there) if there == size => return self.end(session, watch).await,
            Some(there) if there > size => {
                watch(Event::StartingOver { why: format!("the server's file has {there} bytes, {} {size}", self.file.display()) });
                self.send(&mut session, 0, watch).await?;
            }
            Some(there) if there > 0 => {
                if self.verify
                    && let Some(why) = self.foreign(&mut session, there).await?
                {
                    watch(Event::StartingOver { why });
                    self.send(&mut session, 0, watch).await?;
                } else if !self.resume(&mut session, there, watch).await? {
                    return Ok(Attempt::Again);
                }
            }
            there => {
                if self.sent && there.is_none() {
                    watch(Event::StartingOver { why: "the server does not tell how much it has".to_owned() });
                }
                self.send(&mut session, 0, watch).await?;
            }
        }
        let there = session.size(self.path).await?;
        match there {
            Some(there) if there < size => {
                Err(Fault::Lost(format!("the server has {there} of {size} bytes, though it said that it has all")))
            }
            Some(there) if there > size => {
                let difference = format!("the server's file has {there} bytes, {} {size}", self.file.display());
                if std::mem::replace(&mut self.differed, true) {
                    Err(Fault::Final(HandError::Differs(difference)))
                } else {
                    Ok(Attempt::Again)
                }
            }
            Some(_) | None => self.end(session, watch).await,
        }
    }
}

impl Put<'_> {
    /// The size on the server, once it no longer grows.
    async fn resting_size(&mut self, session: &mut Session) -> Result<Option<u64>, Fault> {
        let mut size = session.size(self.path).await?;
        for _ in 0..LOOKS {
            // Nothing, or all: neither can be a part that still grows into something else.
            if size.is_none_or(|there| there == 0 && !self.sent || there >= self.state.0) {
                break;
            }
            // No event tells when the server is through with what it received.
            tokio::time::sleep(REST).await;
            let again = session.size(self.path).await?;
            if std::mem::replace(&mut size, again) == again {
                break;
            }
        }
        Ok(size)
    }

    /// Why what the server has is not the beginning of the file, where that can be found out.
    async fn foreign(&mut self, session: &mut Session, there: u64) -> Result<Option<String>, Fault> {
        match verify::same_tail(session, self.path, self.file, there).await {
            Ok(Ok(_)) | Err(Fault::Final(HandError::Unverified(_))) => Ok(None),
            Ok(Err(_)) => Ok(Some(format!("what the server has is not the beginning of {}", self.file.display()))),
            Err(fault) => Err(fault),
        }
    }

    /// Goes on from what the server has. `false`: not by these means.
    async fn resume(&mut self, session: &mut Session, there: u64, watch: Watch<'_>) -> Result<bool, Fault> {
        let resumed = match self.means {
            Means::Append => {
                watch(Event::Resuming { at: there, by: "APPE" });
                self.send(session, there, watch).await
            }
            Means::Restart => {
                watch(Event::Resuming { at: there, by: "REST" });
                self.send(session, there, watch).await
            }
            Means::Nothing => {
                watch(Event::StartingOver { why: "the server can neither APPE nor REST".to_owned() });
                return self.send(session, 0, watch).await.map(|()| true);
            }
        };
        match (resumed, self.means) {
            // Also where this user may not append, but may store.
            (Err(fault), Means::Append) if fault.is_missing_command() || fault.code() == Some(550) => {
                self.means = Means::Restart;
                Ok(false)
            }
            // Only where there is no such command: anything else must not cost what is there.
            (Err(fault), Means::Restart) if fault.is_missing_command() => {
                self.means = Means::Nothing;
                Ok(false)
            }
            (resumed, _) => resumed.map(|()| true),
        }
    }

    /// Sends the file from here on.
    async fn send(&mut self, session: &mut Session, from: u64, watch: Watch<'_>) -> Result<(), Fault> {
        let wrong = |error| HandError::local(self.file, error);
        let mut file = File::open(self.file).await.map_err(wrong)?;
        file.set_max_buf_size(BLOCK);
        file.seek(SeekFrom::Start(from)).await.map_err(wrong)?;
        let append = from > 0 && self.means == Means::Append;
        let what = format!("{} {}", if append { "APPE" } else { "STOR" }, self.path);
        let mut data = if append { session.append(self.path).await? } else { session.store(self.path, from).await? };
        self.sent = true;
        self.at = from;
        watch(Event::Moved { at: self.at });
        // No more than what it had: a file that grows is not what was promised.
        let mut rest = file.take(self.state.0 - from);
        let mut block = vec![0; BLOCK];
        loop {
            let len = rest.read(&mut block).await.map_err(wrong)?;
            if len == 0 {
                break;
            }
            session.write(&what, &mut data, &block[..len]).await?;
            self.at += len as u64;
            self.moved += len as u64;
            watch(Event::Moved { at: self.at });
        }
        session.finish(&what, data).await?;
        if look(self.file).await? == self.state { Ok(()) } else { Err(Fault::Final(HandError::Changed { path: self.file.to_owned() })) }
    }

    /// Both sides have the same size: compares them where that is asked for.
    async fn end(&mut self, mut session: Session, watch: Watch<'_>) -> Result<Attempt, Fault> {
        let size = self.state.0;
        let mut proof = None;
        if self.verify {
            match verify::compare(&mut session, self.path, self.file, size).await? {
                Ok(found) => proof = Some(found),
                Err(difference) if std::mem::replace(&mut self.differed, true) => return Err(Fault::Final(HandError::Differs(difference))),
                Err(difference) => {
                    watch(Event::StartingOver { why: difference });
                    self.send(&mut session, 0, watch).await?;
                    return Ok(Attempt::Again);
                }
            }
        }
        self.at = size;
        session.quit().await;
        Ok(Attempt::Done(Done { size, moved: self.moved, skipped: !self.sent, proof }))
    }
}
