//! LIST, NLST and STAT: RFC 959 section 4.1.3, RFC 1123 section 4.1.2.7.
//!
//! Lines end in CR LF whatever the type (1123-4.1.2.7-implied-type-an). A name with CR or LF is left out (RFC 3659 section
//! 2.2). Wildcards are names like others.

use std::net::SocketAddr;

use super::bug::Bug;
use super::fs::{FsError, Kind, NodeId};
use super::job::{Download, Job};
use super::session::Data;
use super::turn::Turn;
use crate::ftp::command::Command;
use crate::ftp::letter::Letter;
use crate::ftp::path::VirtualPath;
use crate::ftp::time::format_ls_date;

impl Turn<'_> {
    pub(super) fn list(&mut self, command: &Command) {
        self.session.restart = None;
        if !self.allow(Letter::List, Bug::LetterList) {
            return;
        }
        let argument = self.list_path(command.path()).map(<[u8]>::to_vec).filter(|_| !self.broken(Bug::ListIgnoresPath));
        let path = argument.map_or_else(|| self.session.cwd.clone(), |argument| self.locate(&argument));
        match self.list_lines(&path) {
            Ok(lines) => self.send_lines(&lines, Bug::ListDropsLast),
            Err(error) => self.refuse(550, error),
        }
    }

    /// Options of `ls` in front are passed over (defacto-list-options), but a file that is called so is a file.
    fn list_path<'c>(&self, argument: Option<&'c [u8]>) -> Option<&'c [u8]> {
        let argument = argument?;
        let option = argument.first() == Some(&b'-') && self.world.fs.find(self.root(), &self.locate(argument)).is_err();
        if !option {
            return Some(argument);
        }
        let blank = argument.iter().position(|byte| *byte == b' ')?;
        self.list_path(argument.get(blank + 1..).filter(|rest| !rest.is_empty()))
    }

    /// What LIST shows of a directory's entries or of one file, without line ends.
    fn list_lines(&self, path: &VirtualPath) -> Result<Vec<Vec<u8>>, FsError> {
        let id = self.world.fs.find(self.root(), path)?;
        let Some(entries) = self.world.fs.entries(id) else {
            let line = self.ls_line(id, path.name().unwrap_or_default());
            return Ok(if self.broken(Bug::ListFileEmpty) { Vec::new() } else { line.into_iter().collect() });
        };
        Ok(entries.iter().filter_map(|(name, id)| self.ls_line(*id, name)).collect())
    }

    fn ls_line(&self, id: NodeId, name: &[u8]) -> Option<Vec<u8>> {
        let node = self.world.fs.node(id).filter(|_| is_listable(name))?;
        let (kind, size, target) = match &node.kind {
            Kind::Directory(_) => ('d', 4096, None),
            Kind::File(data) => ('-', data.len(), None),
            Kind::Link(target) => ('l', target.len() as u64, Some(target).filter(|target| is_listable(target))),
        };
        let bits: String = (0..9).map(|bit| if node.mode & (0o400 >> bit) == 0 { '-' } else { ['r', 'w', 'x'][bit % 3] }).collect();
        let date = format_ls_date(node.mtime, self.now);
        let mut line = format!("{kind}{bits}   1 owner    group    {size:>12} {date} ").into_bytes();
        line.extend_from_slice(name);
        if let Some(target) = target {
            line.extend_from_slice(b" -> ");
            line.extend_from_slice(target);
        }
        Some(line)
    }

    /// NLST of a directory that is named gives names with the path as it was given, so that each can be used as it stands
    /// (1123-4.1.2.7-nlst-names-usable); without a path, bare names.
    pub(super) fn nlst(&mut self, command: &Command) {
        self.session.restart = None;
        if !self.allow(Letter::List, Bug::LetterNlst) {
            return;
        }
        let argument = self.list_path(command.path()).map(<[u8]>::to_vec);
        let path = argument.as_ref().map_or_else(|| self.session.cwd.clone(), |argument| self.locate(argument));
        let lines = if self.broken(Bug::NlstDetails) { self.list_lines(&path) } else { self.name_lines(argument, &path) };
        match lines {
            Ok(lines) => self.send_lines(&lines, Bug::NlstDropsLast),
            Err(error) => self.refuse(550, error),
        }
    }

    fn name_lines(&self, argument: Option<Vec<u8>>, path: &VirtualPath) -> Result<Vec<Vec<u8>>, FsError> {
        let id = self.world.fs.find(self.root(), path)?;
        let Some(entries) = self.world.fs.entries(id) else {
            return Ok(argument.into_iter().collect());
        };
        let prefix = match argument {
            Some(argument) if argument.ends_with(b"/") => argument,
            Some(argument) => [argument.as_slice(), b"/"].concat(),
            None if self.broken(Bug::NlstPaths) && path.is_root() => b"/".to_vec(),
            None if self.broken(Bug::NlstPaths) => [path.to_bytes().as_slice(), b"/"].concat(),
            None => Vec::new(),
        };
        Ok(entries.keys().filter(|name| is_listable(name)).map(|name| [prefix.as_slice(), name].concat()).collect())
    }

    /// Sends a listing on the data connection; an empty one is an empty transfer (sec-rob-zero-byte).
    fn send_lines(&mut self, lines: &[Vec<u8>], drops_last: Bug) {
        let count = if self.broken(drops_last) { lines.len().saturating_sub(1) } else { lines.len() };
        self.send_listing(&lines[..count]);
    }

    pub(super) fn send_listing(&mut self, lines: &[Vec<u8>]) {
        if self.broken(Bug::TypeResetByList) {
            self.session.ascii = true;
        }
        let end: &[u8] = if self.broken(Bug::ListLf) { b"\n" } else { b"\r\n" };
        let text = lines.iter().flat_map(|line| [line, end].concat()).collect();
        self.begin(Job::Download(Download::text(text)), "Here it comes");
    }

    /// STAT without a path tells of the session (211), needs no letter, and may come during a transfer; with a path it is a
    /// LIST on the control connection (212 for a directory, 213 for a file; 450 where nothing is there, of its row).
    pub(super) fn stat(&mut self, command: &Command) {
        let Some(argument) = command.path() else {
            let lines = self.status();
            return self.reply_lines(211, "Status", &lines, "End");
        };
        if !self.allow(Letter::List, Bug::LetterStat) {
            return;
        }
        let Some(argument) = self.list_path(Some(argument)) else {
            let cwd = self.session.cwd.clone();
            return self.stat_path(&cwd);
        };
        let path = self.locate(argument);
        self.stat_path(&path);
    }

    fn stat_path(&mut self, path: &VirtualPath) {
        let is_directory = self.world.fs.find(self.root(), path).is_ok_and(|id| self.world.fs.is_directory(id));
        let code = if is_directory { 212 } else { 213 };
        match self.list_lines(path) {
            Ok(_) if self.broken(Bug::StatEmpty) => self.reply(code, "End"),
            Ok(_) if self.broken(Bug::StatPadding) => {
                let names = self.name_lines(None, path).unwrap_or_default();
                self.reply_padded(code, "Listing", &names, "End", b"");
            }
            Ok(lines) => self.reply_lines(code, "Listing", &lines, "End"),
            Err(error) => self.refuse(450, error),
        }
    }

    fn status(&self) -> Vec<Vec<u8>> {
        let session = &*self.session;
        let mut lines = vec![format!("Connected from {}", session.peer.ip()).into_bytes()];
        lines.push(match &session.login {
            Some(login) => [b"Logged in as ", login.name.as_slice()].concat(),
            None => b"Not logged in".to_vec(),
        });
        let kind = if session.ascii { "ASCII, FORM: Non-print" } else { "Image" };
        lines.push(format!("TYPE: {kind}; STRU: File; MODE: Stream").into_bytes());
        lines.push(match (&session.transfer, session.data) {
            (Some(transfer), _) => format!("Transfer in progress: {} bytes", transfer.moved).into_bytes(),
            (None, Data::Listening | Data::Opening { .. }) => b"Waiting for a data connection".to_vec(),
            (None, Data::Connected) => b"Data connection is open".to_vec(),
            (None, Data::None) => session.port.map_or_else(|| b"No data connection".to_vec(), active_line),
        });
        lines
    }
}

fn active_line(address: SocketAddr) -> Vec<u8> {
    format!("Data connections go to {address}").into_bytes()
}

/// Whether a name can stand in a line.
pub(super) fn is_listable(name: &[u8]) -> bool {
    !name.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}
