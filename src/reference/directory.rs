//! CWD, CDUP, PWD, MKD, RMD and their X forms: RFC 959 section 4.1.3 and Appendix II, RFC 1123 section 4.1.3.1.

use super::bug::Bug;
use super::fs::FsError;
use super::turn::Turn;
use crate::ftp::command::Command;
use crate::ftp::letter::Letter;
use crate::ftp::path::{VirtualPath, quote};

impl Turn<'_> {
    pub(super) fn cwd(&mut self, command: &Command) {
        let Some(argument) = self.path(command) else {
            return;
        };
        let path = self.locate(argument);
        if self.allow(Letter::Enter, Bug::LetterCwd) {
            self.enter(path);
        }
    }

    /// CDUP answers as CWD does, 250 (stance 2); at the root it stays there.
    pub(super) fn cdup(&mut self) {
        if self.allow(Letter::Enter, Bug::LetterCdup) {
            let parent = if self.broken(Bug::CdupRoot) { VirtualPath::root() } else { self.session.cwd.parent() };
            self.enter(parent);
        }
    }

    fn enter(&mut self, path: VirtualPath) {
        let found = self.world.fs.find(self.root(), &path);
        let result = match found {
            Ok(id) if self.world.fs.is_directory(id) || self.broken(Bug::CwdFile) => Ok(()),
            Ok(_) => Err(FsError::NotDirectory),
            Err(_) if self.broken(Bug::CwdMissing) => Ok(()),
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => {
                self.session.before = std::mem::replace(&mut self.session.cwd, path);
                if self.broken(Bug::TypeForgotten) {
                    self.session.ascii = true;
                }
                self.reply(250, "Directory changed");
            }
            Err(error) => {
                if self.broken(Bug::CwdFailedMoves) {
                    self.session.cwd = VirtualPath::root();
                }
                self.refuse(550, error);
            }
        }
    }

    pub(super) fn pwd(&mut self) {
        let path = if self.broken(Bug::PwdStale) { &self.session.before } else { &self.session.cwd };
        let text = [self.quoted(path), b" is the current directory".to_vec()].concat();
        self.reply(257, text);
    }

    /// 257's form, Appendix II: the name in quotes first, quotes in it doubled.
    fn quoted(&self, path: &VirtualPath) -> Vec<u8> {
        if self.broken(Bug::PwdQuotes) { [b"\"", path.to_bytes().as_slice(), b"\""].concat() } else { quote(&path.to_bytes()) }
    }

    /// MKD names the new directory from the root (959-A2-mkd-257-absolute); a name that is taken is 550 (stance 2).
    pub(super) fn mkd(&mut self, command: &Command) {
        let Some(argument) = self.path(command) else {
            return;
        };
        let path = self.locate_new(argument);
        let denied = !self.letters().has(Letter::MakeDirectory);
        if denied && self.broken(Bug::DeniedMkdMakes) {
            let _ = self.world.fs.make_directory(self.root(), &path, self.now);
        }
        if !self.allow(Letter::MakeDirectory, Bug::LetterMkd) {
            return;
        }
        let result =
            if self.broken(Bug::MkdLies) { Ok(()) } else { self.world.fs.make_directory(self.root(), &path, self.now).map(|_| ()) };
        match result {
            Err(error) if !(error == FsError::Exists && self.broken(Bug::MkdExisting)) => self.refuse(550, error),
            _ if self.broken(Bug::Mkd250) => self.reply(250, "Directory made"),
            _ if self.broken(Bug::MkdRelative) => self.reply(257, [quote(argument), b" made".to_vec()].concat()),
            _ => self.reply(257, [self.quoted(&path), b" made".to_vec()].concat()),
        }
    }

    /// RMD removes empty directories, and never the root.
    pub(super) fn rmd(&mut self, command: &Command) {
        let Some(argument) = self.path(command) else {
            return;
        };
        let path = self.locate(argument);
        if !self.letters().has(Letter::Delete) && self.broken(Bug::DeniedRmdRemoves) {
            let _ = self.world.fs.remove_directory(self.root(), &path, self.now);
        }
        if !self.allow(Letter::Delete, Bug::LetterRmd) {
            return;
        }
        if self.broken(Bug::RmdLies) {
            return self.reply(250, "Directory removed");
        }
        match self.world.fs.remove_directory(self.root(), &path, self.now) {
            Err(FsError::NotEmpty) if self.broken(Bug::RmdFull) => {
                self.world.fs.remove_tree(self.root(), &path, self.now);
                self.reply(250, "Directory removed");
            }
            Err(error) => self.refuse(550, error),
            Ok(()) => self.reply(250, "Directory removed"),
        }
    }
}
