//! RETR, STOR, STOU, APPE: RFC 959 section 4.1.3, restarts by RFC 3659 section 5.
//!
//! Everything that can be known is checked before the 1yz: a refusal leaves files, data connection and listener as they were.

use super::bug::Bug;
use super::file::FileData;
use super::fs::{FsError, NodeId, Place};
use super::job::{Download, How, Job, Upload};
use super::turn::Turn;
use crate::ftp::ascii::ToNet;
use crate::ftp::command::Command;
use crate::ftp::content::Content;
use crate::ftp::letter::Letter;
use crate::ftp::path::VirtualPath;

/// Files up to here are counted in TYPE A; larger ones would cost too much (sec-size-ascii-dos).
const COUNTED_MAX: u64 = 64 << 20;
const BLOCK: usize = 64 * 1024;

impl Turn<'_> {
    /// The marker of REST: for one transfer, whatever becomes of it (3659-5.3-rest-one-shot).
    pub(super) fn take_restart(&mut self) -> Option<u64> {
        if self.broken(Bug::RestKept) { self.session.restart } else { self.session.restart.take() }
    }

    pub(super) fn retr(&mut self, command: &Command) {
        let restart = self.take_restart();
        if !self.try_retr(command, restart) && self.broken(Bug::RestStaleAfterFailure) {
            self.session.restart = restart;
        }
    }

    /// Says whether the transfer began.
    fn try_retr(&mut self, command: &Command, restart: Option<u64>) -> bool {
        let Some(argument) = self.path(command) else {
            return false;
        };
        let path = self.locate(argument);
        let found = self.world.fs.find(self.root(), &path);
        if !self.letters().has(Letter::Retrieve) && self.broken(Bug::DeniedTellsExistence) && found.is_err() {
            self.refuse(550, FsError::Missing);
            return false;
        }
        if !self.letters().has(Letter::Retrieve) && self.broken(Bug::DeniedRetrAfter150) {
            self.reply(150, "Opening data connection");
        }
        if !self.allow(Letter::Retrieve, Bug::LetterRetr) {
            return false;
        }
        // Only regular files are sent (sec-rob-special-files).
        let file = found.and_then(|id| if self.world.fs.file(id).is_some() { Ok(id) } else { Err(FsError::IsDirectory) });
        let id = match file {
            Ok(id) => id,
            Err(_) if self.broken(Bug::RetrMissingEmpty) => {
                self.begin(Job::Download(Download::text(Vec::new())), "Opening data connection");
                return true;
            }
            Err(error) => {
                if self.broken(Bug::RetrMissing150) {
                    self.reply(150, "Opening data connection");
                }
                self.refuse(550, error);
                return false;
            }
        };
        let mut restart = restart.unwrap_or(0);
        if self.broken(Bug::RestIgnoredRetr) {
            restart = 0;
        }
        let ascii = (self.session.ascii && !self.broken(Bug::AsciiDownloadRaw)) || self.broken(Bug::ImageConverted);
        let Some((offset, skip)) = self.retr_start(id, ascii, restart) else {
            // 3659-5.3-rest-range-error-late, 1123-4.1.3.4-554-bad-rest.
            self.reply(554, "The restart lies behind the file's end");
            return false;
        };
        self.world.fs.open(id);
        self.begin(Job::Download(Download::file(id, ascii, offset, skip)), "Opening data connection");
        true
    }

    /// Where in the file a download starts, and how many octets of the stream are left out from there.
    fn retr_start(&self, id: NodeId, ascii: bool, restart: u64) -> Option<(u64, usize)> {
        let data = self.world.fs.file(id)?;
        let start = if ascii && !self.broken(Bug::RestRawInAscii) {
            // 3659-5.3-rest-retr-ascii-offset: the offset counts octets of the stream.
            local_offset(data, restart).map(|(offset, inside)| (offset, usize::from(inside)))
        } else {
            (restart <= data.len()).then_some((restart, 0))
        };
        match start {
            None if self.broken(Bug::RestPastEndWhole) => Some((0, 0)),
            Some((offset, skip)) if self.broken(Bug::RestOffByOne) && restart > 0 => Some((offset.saturating_add(1).min(data.len()), skip)),
            start => start,
        }
    }

    pub(super) fn stor(&mut self, command: &Command) {
        let restart = self.take_restart();
        let Some(argument) = self.path(command) else {
            return;
        };
        let path = self.locate_new(argument);
        let letters = self.letters();
        if !letters.has(Letter::Store) {
            self.spoil_denied(&path);
        }
        let by_append = self.broken(Bug::LetterStorByAppend) && letters.has(Letter::Append);
        // RFC 3659 says nothing of rights: STOR after REST needs w too (defacto-perm-w-stor-rest).
        let ignored = if restart.is_some() { Bug::LetterStorRest } else { Bug::LetterStor };
        if !by_append && !self.allow(Letter::Store, ignored) {
            return;
        }
        let existing = match self.storable(&path) {
            Ok(existing) => existing,
            Err(error) => return self.refuse(553, error),
        };
        if existing.is_some() && self.broken(Bug::StorExclusive) {
            return self.refuse(553, FsError::Exists);
        }
        let how = match restart {
            None => How::Replace,
            Some(_) if self.broken(Bug::RestIgnoredStor) => How::Replace,
            Some(_) if self.broken(Bug::RestStorAppends) => How::Append,
            Some(restart) => match self.stor_start(existing, restart) {
                Some(offset) => How::At(offset),
                None => return self.reply(554, "The restart lies behind the file's end"),
            },
        };
        if let Some(id) = existing.filter(|_| how == How::Replace && self.broken(Bug::StorTruncatesEarly)) {
            self.world.fs.truncate(id, 0, self.now);
        }
        self.upload(path, how, "Opening data connection");
    }

    /// The planted bugs of a STOR that is denied.
    fn spoil_denied(&mut self, path: &VirtualPath) {
        match self.storable(path) {
            Ok(Some(id)) if self.broken(Bug::DeniedStorTruncates) => self.world.fs.truncate(id, 0, self.now),
            Ok(None) if self.broken(Bug::DeniedStorCreates) => {
                let _ = self.world.fs.make_file(self.root(), path, Content::Zeros(0), self.now);
            }
            _ => {}
        }
    }

    /// The file that a STOR would write to; `None` where it would make one.
    pub(super) fn storable(&self, path: &VirtualPath) -> Result<Option<NodeId>, FsError> {
        match self.world.fs.resolve(self.root(), path, true)? {
            Place { node: Some(id), .. } if self.world.fs.file(id).is_some() => Ok(Some(id)),
            Place { node: Some(_), .. } => Err(FsError::IsDirectory),
            Place { node: None, .. } => Ok(None),
        }
    }

    /// Where in the file a restarted upload starts. In the middle of a file it patches (RFC 3659 leaves that open); behind
    /// the end, and between the CR and the LF of one line end, it cannot.
    fn stor_start(&self, existing: Option<NodeId>, restart: u64) -> Option<u64> {
        let Some(data) = existing.and_then(|id| self.world.fs.file(id)) else {
            return (restart == 0).then_some(0);
        };
        if self.session.ascii {
            local_offset(data, restart).filter(|(_, inside)| !inside).map(|(offset, _)| offset)
        } else {
            (restart <= data.len()).then_some(restart)
        }
    }

    /// APPE needs a and nothing else, for a new file too. With REST it acts as STOR would (3659-5.3-rest-appe-like-stor),
    /// but at the end alone: a is no right to overwrite.
    pub(super) fn appe(&mut self, command: &Command) {
        let restart = self.take_restart();
        let Some(argument) = self.path(command) else {
            return;
        };
        let path = self.locate_new(argument);
        if !self.allow(Letter::Append, Bug::LetterAppe) {
            return;
        }
        let existing = match self.storable(&path) {
            Ok(existing) => existing,
            Err(error) => return self.refuse(553, error),
        };
        if existing.is_none() && self.broken(Bug::AppeRefusesNew) {
            return self.refuse(550, FsError::Missing);
        }
        let end = existing.and_then(|id| self.world.fs.file(id)).map_or(0, FileData::len);
        if restart.is_some_and(|restart| self.stor_start(existing, restart) != Some(end)) {
            return self.reply(554, "APPE restarts at the end only");
        }
        let how = if self.broken(Bug::AppeOverwrites) { How::Replace } else { How::Append };
        self.upload(path, how, "Opening data connection");
    }

    /// STOU makes a new file in the current directory and tells its name in RFC 1123's form (section 4.1.2.9). The name is
    /// taken at once, so that two sessions never get the same; it is given back where no data connection comes.
    pub(super) fn stou(&mut self) {
        let restart = self.take_restart();
        if !self.allow(Letter::Store, Bug::LetterStou) {
            return;
        }
        if restart.is_some() {
            return self.reply(450, "STOU cannot restart");
        }
        let Some((name, path)) = self.unique_name() else {
            return self.reply(450, "No name is free here");
        };
        let shown = if self.broken(Bug::StouNameWrong) { format!("{name}x") } else { name };
        self.upload(path, How::Unique, &format!("FILE: {shown}"));
    }

    fn unique_name(&mut self) -> Option<(String, VirtualPath)> {
        let (root, now) = (self.root(), self.now);
        for number in 1..=10_000 {
            let name = format!("unique-{number}");
            let path = self.session.cwd.child(name.as_bytes());
            match self.world.fs.make_file(root, &path, Content::Zeros(0), now) {
                Ok(_) => return Some((name, path)),
                Err(FsError::Exists) if self.broken(Bug::StouOverwrites) => return Some((name, path)),
                Err(FsError::Exists) => {}
                Err(_) => return None,
            }
        }
        None
    }

    fn upload(&mut self, path: VirtualPath, how: How, text: &str) {
        let ascii = (self.session.ascii && !self.broken(Bug::AsciiUploadRaw)) || self.broken(Bug::ImageUploadConverted);
        self.begin(Job::Upload(Upload::new(self.root(), path, how, ascii)), text);
    }
}

/// How many octets a download in TYPE A carries (3659-4-size-exact-ascii); `None` where the file is too large to count.
pub(super) fn net_len(data: &FileData) -> Option<u64> {
    let mut len = 0;
    scan(data, |_, block| {
        len += ToNet.len(block);
        true
    })
    .then_some(len)
}

/// The place in a file that stands at an offset of its TYPE A stream, and whether the offset lies between CR and LF there.
/// `None` behind the end, and where the file is too large to count.
fn local_offset(data: &FileData, net: u64) -> Option<(u64, bool)> {
    let mut left = net;
    let mut found = None;
    let whole = scan(data, |at, block| {
        for (index, byte) in block.iter().enumerate() {
            let width = if *byte == b'\n' { 2 } else { 1 };
            if left < width {
                found = Some((at + index as u64, left == 1));
                return false;
            }
            left -= width;
        }
        true
    });
    found.or_else(|| (whole && left == 0).then_some((data.len(), false)))
}

/// Reads a file block by block while `each` wants more; says whether all of it was read.
fn scan(data: &FileData, mut each: impl FnMut(u64, &[u8]) -> bool) -> bool {
    let mut block = vec![0; BLOCK];
    let mut at = 0;
    while at < data.len() {
        let len = data.read(at, &mut block);
        if at >= COUNTED_MAX || !each(at, &block[..len]) {
            return false;
        }
        at += len as u64;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ftp::ascii::to_net;

    #[test]
    fn an_offset_of_the_stream_finds_its_place_in_the_file() {
        let data = FileData::new(Content::literal(*b"a\nb\n\nc"));
        let net = to_net(b"a\nb\n\nc");
        assert_eq!(net_len(&data), Some(net.len() as u64));
        for offset in 0..=net.len() {
            let (at, inside) = local_offset(&data, offset as u64).unwrap();
            let rest = to_net(&data.to_vec()[usize::try_from(at).unwrap()..]);
            assert_eq!(&rest[usize::from(inside)..], &net[offset..], "{offset}");
        }
        assert_eq!(local_offset(&data, net.len() as u64 + 1), None);
    }
}
