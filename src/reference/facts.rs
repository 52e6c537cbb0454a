//! SIZE, MDTM, MLST, MLSD (RFC 3659) and MFMT (draft-somers-ftp-mfxx).

use super::bug::Bug;
use super::fs::{FsError, Kind, NodeId};
use super::listing::is_listable;
use super::transfer::net_len;
use super::turn::Turn;
use crate::ftp::command::Command;
use crate::ftp::fact::Entry;
use crate::ftp::letter::Letter;
use crate::ftp::path::VirtualPath;
use crate::ftp::time::{format_time_val, parse_time_val};

const HOUR: i64 = 3600;

/// The facts that can be sent, in their order.
pub(super) const FACTS: [&str; 6] = ["type", "size", "modify", "perm", "unique", "UNIX.mode"];

/// Which facts are sent: OPTS MLST's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FactSet(pub(super) [bool; FACTS.len()]);

impl Default for FactSet {
    fn default() -> Self {
        Self([true; FACTS.len()])
    }
}

impl FactSet {
    fn has(self, name: &str) -> bool {
        FACTS.iter().zip(self.0).any(|(fact, chosen)| chosen && *fact == name)
    }
}

impl Turn<'_> {
    /// SIZE is what RETR would carry now (3659-4-size-exact-image, -ascii); 550 for what cannot be retrieved.
    pub(super) fn size(&mut self, command: &Command) {
        let Some(argument) = self.path(command) else {
            return;
        };
        if !self.allow(Letter::List, Bug::LetterSize) {
            return;
        }
        let found = self.world.fs.find(self.root(), &self.locate(argument));
        match found.map(|id| self.world.fs.file(id)) {
            Ok(Some(data)) => {
                let raw = !self.session.ascii || self.broken(Bug::SizeRawInAscii);
                match if raw { Some(data.len()) } else { net_len(data) } {
                    Some(size) => self.reply(213, (size + u64::from(self.broken(Bug::SizeOff))).to_string()),
                    None => self.reply(550, "Too large to count in ASCII"),
                }
            }
            Ok(None) if self.broken(Bug::SizeDirectory) => self.reply(213, "4096"),
            Ok(None) => self.refuse(550, FsError::IsDirectory),
            Err(error) => self.refuse(550, error),
        }
    }

    /// MDTM's whole argument is a path (3659-3.1-mdtm-whole-argument-is-path); UTC.
    pub(super) fn mdtm(&mut self, command: &Command) {
        let Some(argument) = self.path(command) else {
            return;
        };
        if !self.allow(Letter::List, Bug::LetterMdtm) {
            return;
        }
        if self.broken(Bug::MdtmSets)
            && let Some((time, path)) = split_time(argument)
            && let Ok(id) = self.world.fs.find(self.root(), &self.locate(path))
        {
            self.world.fs.node_mut(id).into_iter().for_each(|node| node.mtime = time);
            return self.reply(213, "File modification time set.");
        }
        match self.world.fs.find(self.root(), &self.locate(argument)) {
            Ok(id) if self.world.fs.file(id).is_some() => {
                let shift = if self.broken(Bug::MdtmLocal) { HOUR } else { 0 };
                let mtime = self.world.fs.node(id).map_or(0, |node| node.mtime);
                self.reply(213, format_time_val(mtime + shift));
            }
            Ok(_) => self.refuse(550, FsError::IsDirectory),
            Err(error) => self.refuse(550, error),
        }
    }

    /// MFMT: `213 Modify=time; path`; a time that is none, or of no calendar, is 501.
    pub(super) fn mfmt(&mut self, command: &Command) {
        let Some((time, path)) = command.path().and_then(split_time) else {
            return self.reply(501, "A time and a path");
        };
        if !self.allow(Letter::ChangeTime, Bug::LetterMfmt) {
            return;
        }
        match self.world.fs.find(self.root(), &self.locate(path)) {
            Ok(id) => {
                if !self.broken(Bug::MfmtLies) {
                    self.world.fs.node_mut(id).into_iter().for_each(|node| node.mtime = time);
                }
                self.reply(213, [format!("Modify={}; ", format_time_val(time)).as_bytes(), path].concat());
            }
            Err(error) => self.refuse(550, error),
        }
    }

    /// MLST answers on the control connection, with the path from the root (TVFS; 3659-7.3.1-mlst-name).
    pub(super) fn mlst(&mut self, command: &Command) {
        if !self.allow(Letter::List, Bug::LetterMlst) {
            return;
        }
        let path = self.locate(command.path().unwrap_or_default());
        match self.world.fs.find(self.root(), &path) {
            Ok(id) => {
                let entry = self.entry(id, path.to_bytes()).to_bytes();
                let padding: &[u8] = if self.broken(Bug::MlstBlanks) { b"  " } else { b" " };
                self.reply_padded(250, "Listing", &[entry], "End", padding);
            }
            Err(error) => self.refuse(550, error),
        }
    }

    /// MLSD lists a directory, image and stream whatever is set; what is none is 501, what is not there 550 (stance 5). The
    /// entries of type cdir and pdir are optional (section 7.3.1) and left out.
    pub(super) fn mlsd(&mut self, command: &Command) {
        self.session.restart = None;
        if !self.allow(Letter::List, Bug::LetterMlsd) {
            return;
        }
        let path = self.locate(command.path().unwrap_or_default());
        let id = match self.world.fs.find(self.root(), &path) {
            Ok(id) => id,
            Err(error) => return self.refuse(550, error),
        };
        let Some(entries) = self.world.fs.entries(id) else {
            return if self.broken(Bug::MlsdFile) {
                let name = path.name().unwrap_or_default().to_vec();
                self.send_listing(&[self.entry(id, name).to_bytes()]);
            } else {
                self.refuse(501, FsError::NotDirectory);
            };
        };
        let mut lines: Vec<Vec<u8>> = entries
            .iter()
            .filter(|(name, _)| is_listable(name))
            .filter_map(|(name, id)| Some(self.entry(self.target(&path, name, *id)?, name.clone()).to_bytes()))
            .collect();
        if self.broken(Bug::MlsdDropsLast) {
            lines.pop();
        }
        self.send_listing(&lines);
    }

    /// A link is shown as what it points to (3659-7.5.1.5-link-shown-as-target), and not at all where that is nothing.
    fn target(&self, directory: &VirtualPath, name: &[u8], id: NodeId) -> Option<NodeId> {
        match self.world.fs.node(id)?.kind {
            Kind::Link(_) => self.world.fs.find(self.root(), &directory.child(name)).ok(),
            Kind::File(_) | Kind::Directory(_) => Some(id),
        }
    }

    /// The facts of an object that are chosen and make sense for it.
    fn entry(&self, id: NodeId, name: Vec<u8>) -> Entry {
        let mut entry = Entry { facts: Vec::new(), name };
        let Some(node) = self.world.fs.node(id) else {
            return entry;
        };
        let data = self.world.fs.file(id);
        for fact in FACTS.into_iter().filter(|fact| self.session.facts.has(fact)) {
            let value = match fact {
                "type" if data.is_some() || self.broken(Bug::MlstType) => "file".to_owned(),
                "type" => "dir".to_owned(),
                "size" => match data {
                    Some(data) => (data.len() + u64::from(self.broken(Bug::MlstSize))).to_string(),
                    None => continue,
                },
                "modify" => format_time_val(node.mtime + if self.broken(Bug::MlstModify) { HOUR } else { 0 }),
                "perm" => self.perm(id),
                "unique" if self.broken(Bug::MlstUnique) => "1".to_owned(),
                "unique" => format!("{:x}", id.number()),
                _ => format!("{:04o}", node.mode),
            };
            entry.push(fact, value);
        }
        entry
    }

    /// What the user can do with an object: true to the letters, letter by letter as section 7.5.5 defines them.
    fn perm(&self, id: NodeId) -> String {
        if self.broken(Bug::MlstPerm) {
            return if self.world.fs.is_directory(id) { "celdfmp".to_owned() } else { "radfw".to_owned() };
        }
        let table: &[(char, Letter)] = if !self.world.fs.is_directory(id) {
            &[('r', Letter::Retrieve), ('a', Letter::Append), ('d', Letter::Delete), ('f', Letter::Rename), ('w', Letter::Store)]
        } else if id == self.root() {
            &[('e', Letter::Enter), ('l', Letter::List), ('m', Letter::MakeDirectory), ('c', Letter::Store), ('p', Letter::Delete)]
        } else {
            &[
                ('e', Letter::Enter),
                ('l', Letter::List),
                ('d', Letter::Delete),
                ('f', Letter::Rename),
                ('m', Letter::MakeDirectory),
                ('c', Letter::Store),
                ('p', Letter::Delete),
            ]
        };
        let letters = self.letters();
        table.iter().filter(|(_, letter)| letters.has(*letter)).map(|(perm, _)| *perm).collect()
    }
}

/// A time value, a blank, and a path that is not empty.
fn split_time(argument: &[u8]) -> Option<(i64, &[u8])> {
    let blank = argument.iter().position(|byte| *byte == b' ')?;
    let path = argument.get(blank + 1..).filter(|path| !path.is_empty())?;
    Some((parse_time_val(&argument[..blank])?, path))
}
