//! What a client and the reference say to each other, overheard: who logs in, which files come and go.
//!
//! The reference itself tells nobody; all that is told follows from lines and replies. Passwords are not kept.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::service::{Transfer, What, Witness};
use crate::ftp::command::Command;
use crate::ftp::path::VirtualPath;

/// Bytes of a line that are kept: a longer one is refused anyway.
const LINE_MAX: usize = 8 * 1024;

/// One session, as it is overheard.
pub(super) struct Dialogue {
    witness: Arc<Witness>,
    /// The line that is not over.
    line: Vec<u8>,
    /// Commands without a final reply, the oldest first.
    waiting: VecDeque<Command>,
    /// Where the client was when a transfer began that is not over.
    begun: Option<VirtualPath>,
    /// Bytes of the transfer under way.
    bytes: u64,
    /// The name of the last USER, and the path of the last RNFR.
    user: String,
    from: Option<String>,
}

impl Dialogue {
    pub(super) fn new(witness: Arc<Witness>) -> Self {
        Self { witness, line: Vec::new(), waiting: VecDeque::new(), begun: None, bytes: 0, user: String::new(), from: None }
    }

    /// The client said this.
    pub(super) fn said(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    let mut command = Command::parse(line.strip_suffix(b"\r").unwrap_or(&line));
                    if command.verb == b"PASS" {
                        command.argument = None;
                    }
                    self.waiting.push_back(command);
                }
                _ if self.line.len() < LINE_MAX => self.line.push(*byte),
                _ => {}
            }
        }
    }

    /// So many bytes went over the data connection.
    pub(super) fn moved(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// The server said this, to a client that is in this directory.
    pub(super) fn answered(&mut self, reply: &[u8], directory: &VirtualPath) {
        let Some(code) = reply.get(..3).and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| digits.parse::<u16>().ok())
        else {
            // An answer to a Telnet option.
            return;
        };
        match code {
            100..=199 => (self.begun, self.bytes) = (Some(directory.clone()), 0),
            // Both are said without being asked, too.
            220 | 421 if self.waiting.is_empty() => {}
            _ => {
                self.begun = None;
                if let Some(command) = self.waiting.pop_front() {
                    let text = String::from_utf8_lossy(reply).trim_end().to_owned();
                    self.ended(&command, code, &text, directory);
                }
            }
        }
    }

    /// A command has its final reply.
    fn ended(&mut self, command: &Command, code: u16, reply: &str, directory: &VirtualPath) {
        let good = (200..=299).contains(&code);
        let path = || directory.join(command.path().unwrap_or_default()).to_string();
        let transfer = || Transfer { path: path(), bytes: self.bytes, whole: good };
        let refused = |verb| What::Failed(verb, path(), reply.to_owned());
        let done = |verb| if good { What::Did(verb, path()) } else { refused(verb) };
        // 5yz to a transfer: nothing of it took place.
        let what = match (command.verb.as_slice(), code) {
            (b"USER", _) => {
                self.user = String::from_utf8_lossy(command.argument.as_deref().unwrap_or_default()).into_owned();
                return;
            }
            (b"PASS", 230) => return self.witness.logged_in(&self.user),
            (b"PASS", _) => What::LoginFailed(self.user.clone()),
            (b"RETR", 500..) => refused("RETR"),
            (b"RETR", _) => What::Sent(transfer()),
            (b"STOR", 500..) => refused("STOR"),
            (b"APPE", 500..) => refused("APPE"),
            (b"STOU", 500..) => refused("STOU"),
            (b"STOR" | b"APPE" | b"STOU", _) => What::Received(transfer()),
            (b"DELE", _) => done("DELE"),
            (b"RMD" | b"XRMD", _) => done("RMD"),
            (b"MKD" | b"XMKD", _) => done("MKD"),
            (b"RNFR", 350) => {
                self.from = Some(path());
                return;
            }
            (b"RNFR", _) => refused("RNFR"),
            (b"RNTO", _) if good => What::Did("RNTO", format!("{} -> {}", self.from.take().unwrap_or_default(), path())),
            (b"RNTO", _) => refused("RNTO"),
            (b"CWD" | b"XCWD", _) if !good => refused("CWD"),
            _ => return,
        };
        self.witness.saw(what);
    }
}

impl Drop for Dialogue {
    /// A transfer under way has no reply any more: its control connection is gone.
    fn drop(&mut self) {
        if let (Some(directory), Some(command)) = (self.begun.take(), self.waiting.pop_front()) {
            self.ended(&command, 426, "the control connection is gone", &directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn it_tells_what_was_done_and_no_password() {
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let theirs = Arc::clone(&heard);
        let tell: super::super::super::service::Tell = Arc::new(move |happening| {
            theirs.lock().unwrap().push(format!("{} {}", happening.user.unwrap_or_default(), happening.what));
        });
        let mut dialogue = Dialogue::new(Witness::new(Some(tell), ([127, 0, 0, 1], 1).into()));
        let there = VirtualPath::root().join(b"d");
        dialogue.answered(b"220 ready\r\n", &there);
        dialogue.said(b"USER alice\r\nPASS s3same\r\n");
        dialogue.answered(b"331 x\r\n", &there);
        dialogue.answered(b"530 no\r\n", &there);
        dialogue.said(b"USER alice\r\nPASS se");
        dialogue.said(b"same\r\nRETR f\r\nAPPE /g\r\nDELE h\r\nNOOP\r\n");
        for reply in ["331 x", "230 in", "150 now"] {
            dialogue.answered(format!("{reply}\r\n").as_bytes(), &there);
        }
        dialogue.moved(7);
        dialogue.moved(3);
        for reply in ["226 all", "150 now", "426 broke", "550 no h", "200 yes", "421 idle"] {
            dialogue.answered(format!("{reply}\r\n").as_bytes(), &there);
        }
        dialogue.said(b"STOR k\r\n");
        dialogue.answered(b"150 now\r\n", &there);
        dialogue.moved(5);
        drop(dialogue);
        let heard = heard.lock().unwrap().join("\n");
        assert_eq!(
            heard,
            " connect\n login-failed \"alice\"\nalice login\nalice sent \"/d/f\", 10 bytes\nalice received-part \"/g\", 0 bytes\n\
             alice failed DELE \"/d/h\": 550 no h\nalice received-part \"/d/k\", 5 bytes\nalice disconnect"
        );
    }
}
