//! DELE, RNFR, RNTO: RFC 959 section 4.1.3.

use super::bug::Bug;
use super::file::FileData;
use super::fs::{FsError, NodeId};
use super::turn::Turn;
use crate::ftp::command::Command;
use crate::ftp::content::Content;
use crate::ftp::letter::Letter;
use crate::ftp::path::VirtualPath;

impl Turn<'_> {
    /// DELE removes a file, or a link and not what it points to.
    pub(super) fn dele(&mut self, command: &Command) {
        let Some(argument) = self.path(command) else {
            return;
        };
        let path = self.locate(argument);
        if !self.letters().has(Letter::Delete) && self.broken(Bug::DeniedDeleDeletes) {
            let _ = self.world.fs.remove_file(self.root(), &path, self.now);
        }
        let ignored = if self.session.cwd.is_root() { Bug::LetterDele } else { Bug::LetterDeleAfterCwd };
        if !self.broken(Bug::LetterDele) && !self.allow(Letter::Delete, ignored) {
            return;
        }
        if self.broken(Bug::DeleLies) {
            return self.reply(250, "File removed");
        }
        match self.world.fs.remove_file(self.root(), &path, self.now) {
            Err(FsError::IsDirectory) if self.broken(Bug::DeleRemovesDirectory) => {
                self.world.fs.remove_tree(self.root(), &path, self.now);
                self.reply(250, "File removed");
            }
            Err(error) => self.refuse(550, error),
            Ok(()) if self.broken(Bug::DeleThen550) => self.refuse(550, FsError::Missing),
            Ok(()) => self.reply(250, "File removed"),
        }
    }

    /// RNFR holds until the next command; NOOP does not count (959-4.1.3-noop-keeps-rnfr).
    pub(super) fn rnfr(&mut self, command: &Command) {
        self.session.rename = None;
        let Some(argument) = self.path(command) else {
            return;
        };
        let path = self.locate(argument);
        if !(self.broken(Bug::LetterRnto) || self.allow(Letter::Rename, Bug::LetterRnfr)) {
            return;
        }
        let missing = match self.world.fs.resolve(self.root(), &path, false) {
            Ok(place) if place.node.is_some() => (place.entry.is_none()).then_some(FsError::Name),
            Ok(_) => Some(FsError::Missing),
            Err(error) => Some(error),
        };
        match missing {
            Some(error) if !self.broken(Bug::RnfrAnything) => self.refuse(550, error),
            _ => {
                self.session.rename = Some(path);
                self.reply(350, "RNTO next");
            }
        }
    }

    /// RNTO directly behind RNFR, else 503; a failure means to start again from RNFR. A file at the target is replaced;
    /// what the target's name does not allow is 553 (the code of its row in section 5.4).
    pub(super) fn rnto(&mut self, command: &Command) {
        let from = self.session.rename.take();
        let Some(argument) = self.path(command) else {
            return;
        };
        if !self.allow(Letter::Rename, Bug::LetterRnto) {
            return;
        }
        let Some(from) = from else {
            return if self.broken(Bug::RntoAlone) { self.reply(250, "Renamed") } else { self.reply(503, "Send RNFR first") };
        };
        let to = self.locate_new(argument);
        let (root, now) = (self.root(), self.now);
        if self.broken(Bug::RenameLies) {
            return self.reply(250, "Renamed");
        }
        let source = self.world.fs.find(root, &from).ok();
        match self.world.fs.rename(root, &from, &to, now) {
            Ok(()) => {
                source.into_iter().for_each(|id| self.spoil_renamed(id, &from));
                self.reply(250, "Renamed");
            }
            Err(error) => {
                self.session.rename = Some(from).filter(|_| self.broken(Bug::RnfrOutlives));
                self.refuse(553, error);
            }
        }
    }

    /// The planted bugs of a rename that took place.
    fn spoil_renamed(&mut self, id: NodeId, from: &VirtualPath) {
        let Some(bytes) = self.world.fs.file(id).map(FileData::len) else {
            return;
        };
        if self.broken(Bug::RenameKeepsSource) {
            let mut copy = vec![0; usize::try_from(bytes.min(1 << 24)).expect("clipped")];
            let _ = self.world.fs.file(id).map(|data| data.read(0, &mut copy));
            let _ = self.world.fs.make_file(self.root(), from, Content::literal(copy), self.now);
        }
        if self.broken(Bug::RenameEmpties) {
            self.world.fs.truncate(id, 0, self.now);
        }
    }
}
