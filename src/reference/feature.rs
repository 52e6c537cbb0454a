//! FEAT and OPTS (RFC 2389; RFC 3659 sections 7.8 and 7.9), HELP (RFC 959 section 4.1.3).

use super::bug::Bug;
use super::facts::{FACTS, FactSet};
use super::turn::{Turn, verbs};
use crate::ftp::command::Command;

impl Turn<'_> {
    /// FEAT takes no argument, before login too; one feature a line behind one blank, `211 End`.
    pub(super) fn feat(&mut self, command: &Command) {
        if command.parameter().is_some() {
            return self.reply(501, "FEAT takes no argument");
        }
        let facts: String =
            FACTS.iter().zip(self.session.facts.0).map(|(fact, chosen)| format!("{fact}{};", if chosen { "*" } else { "" })).collect();
        let mut lines = vec!["EPRT".to_owned(), "EPSV".to_owned(), "MDTM".to_owned(), "MFMT".to_owned(), format!("MLST {facts}")];
        lines.extend(["REST STREAM", "SIZE", "TVFS", "UTF8"].map(str::to_owned));
        if self.broken(Bug::FeatLies) {
            lines.push("XCRC".to_owned());
        }
        if self.broken(Bug::FeatForgets) {
            lines.retain(|line| line != "SIZE");
        }
        let lines: Vec<Vec<u8>> = lines.into_iter().map(String::into_bytes).collect();
        self.reply_padded(211, "Features", &lines, "End", if self.broken(Bug::FeatPadding) { b"" } else { b" " });
    }

    /// OPTS fails with 501 alone (RFC 2389 section 4).
    pub(super) fn opts(&mut self, command: &Command) {
        let Some(argument) = self.parameter(command) else {
            return;
        };
        let option = Command::parse(argument);
        match (option.verb.as_slice(), option.parameter()) {
            (b"MLST", facts) => self.opts_mlst(facts.unwrap_or_default()),
            (b"UTF8" | b"UTF-8", Some(word)) if word.eq_ignore_ascii_case(b"ON") => self.reply(200, "Names are UTF-8 always"),
            _ => self.reply(501, "No such option"),
        }
    }

    /// OPTS MLST: facts that are not known are passed over, a list that breaks the grammar changes nothing.
    fn opts_mlst(&mut self, list: &[u8]) {
        let is_token =
            |name: &&[u8]| !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        let names: Vec<&[u8]> = match list.strip_suffix(b";") {
            Some(list) => list.split(|byte| *byte == b';').collect(),
            None => Vec::new(),
        };
        let known = |name: &&[u8]| FACTS.iter().any(|fact| fact.as_bytes().eq_ignore_ascii_case(name));
        let broken = (names.is_empty() && !list.is_empty()) || !names.iter().all(is_token);
        if broken || (self.broken(Bug::OptsUnknown) && !names.iter().all(known)) {
            return self.reply(501, "Facts, each with its semicolon");
        }
        let chosen = FACTS.map(|fact| names.iter().any(|name| fact.as_bytes().eq_ignore_ascii_case(name)));
        if !self.broken(Bug::OptsIgnored) {
            self.session.facts = FactSet(chosen);
        }
        let sent: String = FACTS.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(fact, _)| format!("{fact};")).collect();
        self.reply(200, if sent.is_empty() { "MLST OPTS".to_owned() } else { format!("MLST OPTS {sent}") });
    }

    /// HELP, before login too; with a verb that is not known, 504.
    pub(super) fn help(&mut self, command: &Command) {
        let Some(word) = command.parameter().map(<[u8]>::to_ascii_uppercase) else {
            let known: Vec<&[u8]> = verbs().collect();
            let lines: Vec<Vec<u8>> = known.chunks(10).map(|row| row.join(&b' ')).collect();
            return self.reply_lines(214, "Commands", &lines, "End");
        };
        if word == b"SITE" {
            self.site_help();
        } else if verbs().any(|verb| verb == word) {
            self.reply(214, [word.as_slice(), b" is served"].concat());
        } else {
            self.reply(504, "No such command");
        }
    }
}
