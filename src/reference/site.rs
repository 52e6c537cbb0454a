//! SITE CHMOD and SITE HELP.

use super::bug::Bug;
use super::turn::Turn;
use crate::ftp::command::Command;
use crate::ftp::letter::Letter;

impl Turn<'_> {
    /// SITE without a word is 501, with an unknown one 500 (defacto-site-unknown-help).
    pub(super) fn site(&mut self, command: &Command) {
        let Some(argument) = self.path(command) else {
            return;
        };
        let inner = Command::parse(argument);
        match inner.verb.as_slice() {
            b"CHMOD" => self.chmod(&inner),
            b"HELP" => self.site_help(),
            _ => self.reply(500, "No such SITE command"),
        }
    }

    pub(super) fn site_help(&mut self) {
        self.reply_lines(214, "SITE commands", &[b"CHMOD mode path".to_vec(), b"HELP".to_vec()], "End");
    }

    /// SITE CHMOD takes three or four octal digits and a path; a mode that is none is 501 (defacto-site-chmod).
    fn chmod(&mut self, command: &Command) {
        let Some((mode, path)) = command.path().and_then(split_mode) else {
            return self.reply(501, "An octal mode and a path");
        };
        if !self.allow(Letter::ChangeMode, Bug::LetterChmod) {
            return;
        }
        match self.world.fs.find(self.root(), &self.locate(path)) {
            Ok(id) => {
                if !self.broken(Bug::ChmodLies) {
                    self.world.fs.node_mut(id).into_iter().for_each(|node| node.mode = mode);
                }
                self.reply(200, "Mode changed");
            }
            Err(error) => self.refuse(550, error),
        }
    }
}

fn split_mode(argument: &[u8]) -> Option<(u32, &[u8])> {
    let blank = argument.iter().position(|byte| *byte == b' ')?;
    let (digits, path) = (&argument[..blank], argument.get(blank + 1..).filter(|path| !path.is_empty())?);
    let octal = matches!(digits.len(), 3 | 4) && digits.iter().all(|digit| (b'0'..=b'7').contains(digit));
    octal.then(|| (digits.iter().fold(0, |mode, digit| mode * 8 + u32::from(digit - b'0')), path))
}
