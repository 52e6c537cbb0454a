//! One input's turn: what every command needs. Replies, login, letters, paths, and which command is whose.

use super::bug::Bug;
use super::fs::{FsError, NodeId};
use super::interface::Output;
use super::session::{Login, Session};
use super::world::World;
use crate::ftp::command::Command;
use crate::ftp::letter::{Letter, Letters};
use crate::ftp::path::VirtualPath;

/// A session at work on one input.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pub(super) session: &'a mut Session,
    pub(super) world: &'a mut World,
    /// Seconds since 1970, UTC.
    pub(super) now: i64,
    pub(super) out: Vec<Output>,
}

/// What is served before login: RFC 959 leaves it open; the public list of the catalogue's sec-unauth-every-verb.
const PUBLIC: &[&[u8]] = &[b"USER", b"PASS", b"ACCT", b"QUIT", b"REIN", b"HELP", b"NOOP", b"SYST", b"FEAT", b"OPTS"];

/// What is served after login alone.
const PRIVATE: &[&[u8]] = &[
    b"CWD", b"XCWD", b"CDUP", b"XCUP", b"PWD", b"XPWD", b"MKD", b"XMKD", b"RMD", b"XRMD", b"PORT", b"PASV", b"EPRT", b"EPSV", b"TYPE",
    b"STRU", b"MODE", b"RETR", b"STOR", b"STOU", b"APPE", b"ALLO", b"REST", b"RNFR", b"RNTO", b"ABOR", b"DELE", b"LIST", b"NLST", b"SITE",
    b"STAT", b"SIZE", b"MDTM", b"MFMT", b"MLST", b"MLSD",
];

/// Verbs of RFCs that are known and not implemented: 502 (RFC 959 section 4.2.1).
const UNIMPLEMENTED: &[&[u8]] =
    &[b"SMNT", b"AUTH", b"ADAT", b"PBSZ", b"PROT", b"CCC", b"MIC", b"CONF", b"ENC", b"LANG", b"HOST", b"LPRT", b"LPSV"];

/// All verbs that are served.
pub(super) fn verbs() -> impl Iterator<Item = &'static [u8]> {
    PUBLIC.iter().chain(PRIVATE).copied()
}

impl Turn<'_> {
    pub(super) fn broken(&self, bug: Bug) -> bool {
        self.world.broken(bug)
    }

    /// Carries out a command.
    pub(super) fn execute(&mut self, command: &Command) {
        let verb = command.verb.as_slice();
        // RFC 959 section 4.1.3: RNTO follows RNFR at once; NOOP is as nothing. PASS follows USER at once in the same way.
        let survives = self.broken(Bug::RnfrSurvives) && matches!(verb, b"USER" | b"PASS");
        if !matches!(verb, b"NOOP" | b"RNFR" | b"RNTO") && !survives {
            self.session.rename = None;
        }
        if !matches!(verb, b"NOOP" | b"PASS") {
            self.session.user = None;
        }
        let is_status = verb == b"STAT" && command.path().is_none();
        if self.session.login.is_none() && !is_status && PRIVATE.contains(&verb) {
            self.reply(530, "Log in with USER and PASS");
            return;
        }
        match verb {
            b"USER" => self.user(command),
            b"PASS" => self.pass(command),
            b"ACCT" => self.acct(command),
            b"REIN" => self.rein(),
            b"QUIT" => self.quit(),
            b"CWD" | b"XCWD" => self.cwd(command),
            b"CDUP" | b"XCUP" => self.cdup(),
            b"PWD" | b"XPWD" => self.pwd(),
            b"MKD" | b"XMKD" => self.mkd(command),
            b"RMD" | b"XRMD" => self.rmd(command),
            b"DELE" => self.dele(command),
            b"RNFR" => self.rnfr(command),
            b"RNTO" => self.rnto(command),
            b"PORT" => self.port(command),
            b"PASV" => self.pasv(),
            b"EPRT" => self.eprt(command),
            b"EPSV" => self.epsv(command),
            b"TYPE" => self.r#type(command),
            b"STRU" => self.stru(command),
            b"MODE" => self.mode(command),
            b"ALLO" => self.allo(command),
            b"REST" => self.rest(command),
            b"RETR" => self.retr(command),
            b"STOR" => self.stor(command),
            b"STOU" => self.stou(),
            b"APPE" => self.appe(command),
            b"ABOR" => self.abor(),
            b"LIST" => self.list(command),
            b"NLST" => self.nlst(command),
            b"STAT" => self.stat(command),
            b"MLST" => self.mlst(command),
            b"MLSD" => self.mlsd(command),
            b"SIZE" => self.size(command),
            b"MDTM" => self.mdtm(command),
            b"MFMT" => self.mfmt(command),
            b"SITE" => self.site(command),
            b"FEAT" => self.feat(command),
            b"OPTS" => self.opts(command),
            b"HELP" => self.help(command),
            b"SYST" => self.reply(215, "UNIX Type: L8"),
            b"NOOP" if !self.broken(Bug::NoopUnknown) => self.noop(),
            _ if self.broken(Bug::Unknown200) => self.reply(200, "OK"),
            _ if UNIMPLEMENTED.contains(&verb) => self.reply(502, "Not implemented"),
            _ => self.reply(500, "Unknown command"),
        }
    }

    fn login(&self) -> &Login {
        self.session.login.as_ref().expect("commands that need a login are refused without one")
    }

    /// The root of who is logged in.
    pub(super) fn root(&self) -> NodeId {
        self.login().root
    }

    /// The letters of who is logged in.
    pub(super) fn letters(&self) -> Letters {
        self.login().letters
    }

    /// Whether the user has a letter (or the bug is planted that ignores it); else says 550, before anything else is
    /// looked at: a denial is the same for what exists and what does not.
    pub(super) fn allow(&mut self, letter: Letter, ignored: Bug) -> bool {
        let allowed = self.letters().has(letter) || self.broken(ignored);
        if !allowed {
            self.deny();
        }
        allowed
    }

    pub(super) fn deny(&mut self) {
        self.reply(550, "Not enough privileges.");
    }

    /// The path that an argument names.
    pub(super) fn locate(&self, argument: &[u8]) -> VirtualPath {
        let mut argument = argument.to_vec();
        if self.broken(Bug::NamesTrimmed) {
            argument = argument.trim_ascii().to_vec();
        }
        if self.broken(Bug::NamesMangled) {
            argument.iter_mut().filter(|byte| !byte.is_ascii()).for_each(|byte| *byte = b'?');
        }
        self.session.cwd.join(&argument)
    }

    /// The path under which something new is made.
    pub(super) fn locate_new(&self, argument: &[u8]) -> VirtualPath {
        let path = self.locate(argument);
        match path.name() {
            Some(name) if self.broken(Bug::NamesLowered) => path.parent().child(&name.to_ascii_lowercase()),
            _ => path,
        }
    }

    /// The path argument of a command that must have one; else says 501 (RFC 959 section 4.2.1).
    pub(super) fn path<'c>(&mut self, command: &'c Command) -> Option<&'c [u8]> {
        let path = command.path();
        if path.is_none() {
            self.reply(501, "A path is missing");
        }
        path
    }

    /// The parameter of a command that must have one; else says 501.
    pub(super) fn parameter<'c>(&mut self, command: &'c Command) -> Option<&'c [u8]> {
        let parameter = command.parameter();
        if parameter.is_none() {
            self.reply(501, "A parameter is missing");
        }
        parameter
    }

    pub(super) fn refuse(&mut self, code: u16, error: FsError) {
        self.reply(code, error.to_string());
    }

    /// Says a reply of one line (RFC 959 section 4.2).
    pub(super) fn reply(&mut self, code: u16, text: impl AsRef<[u8]>) {
        let mut bytes = format!("{code} ").into_bytes();
        self.push_line(&mut bytes, text.as_ref());
        self.out.push(Output::Reply(bytes));
    }

    /// Says a reply of several lines: each inner one behind one blank, so that none looks like the end (RFC 959 section 4.2).
    pub(super) fn reply_lines(&mut self, code: u16, first: &str, inner: &[Vec<u8>], last: &str) {
        self.reply_padded(code, first, inner, last, b" ");
    }

    pub(super) fn reply_padded(&mut self, code: u16, first: &str, inner: &[Vec<u8>], last: &str, padding: &[u8]) {
        let mut bytes = format!("{code}-").into_bytes();
        self.push_line(&mut bytes, first.as_bytes());
        for line in inner {
            self.push_line(&mut bytes, &[padding, line].concat());
        }
        let end = if self.broken(Bug::MultilineCode) { code + 1 } else { code };
        if !self.broken(Bug::MultilineEnd) {
            self.push_line(&mut bytes, format!("{end} {last}").as_bytes());
        }
        self.out.push(Output::Reply(bytes));
    }

    /// Appends a line: 255 doubled (RFC 3659 section 2.2), and nothing in it that could end or forge one.
    fn push_line(&self, bytes: &mut Vec<u8>, text: &[u8]) {
        for byte in text {
            match byte {
                0xff => bytes.extend_from_slice(b"\xff\xff"),
                b'\r' | b'\n' | 0 => bytes.push(b'?'),
                _ => bytes.push(*byte),
            }
        }
        bytes.extend_from_slice(if self.broken(Bug::ReplyLf) { b"\n" } else { b"\r\n" });
    }
}
