//! TYPE, STRU, MODE (RFC 959 section 4.1.2), ALLO and REST (section 4.1.3; RFC 3659 section 5), NOOP.

use super::bug::Bug;
use super::turn::Turn;
use crate::ftp::command::Command;

impl Turn<'_> {
    /// A (with N or T), I, and L 8 are there (RFC 1123 sections 4.1.2.1 and 4.1.2.2); what else RFC 959 defines is 504, and
    /// what it does not define is 501.
    pub(super) fn r#type(&mut self, command: &Command) {
        let Some(parameter) = self.parameter(command) else {
            return;
        };
        let upper = parameter.to_ascii_uppercase();
        let words: Vec<&[u8]> = upper.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
        let is_number = |word: &[u8]| word.iter().all(u8::is_ascii_digit);
        match words.as_slice() {
            [b"A"] | [b"A", b"N" | b"T"] => self.set_type(true),
            [b"I"] | [b"L", b"8"] => self.set_type(false),
            _ if self.broken(Bug::Type200) => self.reply(200, "OK"),
            [b"E"] | [b"A", b"C"] | [b"E", b"N" | b"T" | b"C"] => self.reply(504, "Not implemented"),
            [b"L", size] if is_number(size) => self.reply(504, "Bytes have 8 bits"),
            _ => self.reply(501, "No such type"),
        }
    }

    fn set_type(&mut self, ascii: bool) {
        self.session.ascii = ascii;
        self.reply(200, if ascii { "Type is ASCII, Non-print" } else { "Type is Image" });
    }

    /// Files have no records here: STRU R may be refused (RFC 1123 section 4.1.2.13 over RFC 959 section 3.1.2).
    pub(super) fn stru(&mut self, command: &Command) {
        let Some(parameter) = self.parameter(command) else {
            return;
        };
        match parameter.to_ascii_uppercase().as_slice() {
            b"F" => self.reply(200, "Structure is File"),
            b"R" | b"P" => self.reply(504, "Not implemented"),
            _ => self.reply(501, "No such structure"),
        }
    }

    pub(super) fn mode(&mut self, command: &Command) {
        let Some(parameter) = self.parameter(command) else {
            return;
        };
        match parameter.to_ascii_uppercase().as_slice() {
            b"S" => self.reply(200, "Mode is Stream"),
            b"B" | b"C" if self.broken(Bug::Mode200) => self.reply(200, "OK"),
            b"B" | b"C" | b"Z" => self.reply(504, "Not implemented"),
            _ => self.reply(501, "No such mode"),
        }
    }

    /// No reservation is needed: 202, also for `ALLO n R m`.
    pub(super) fn allo(&mut self, command: &Command) {
        let Some(parameter) = self.parameter(command) else {
            return;
        };
        let words: Vec<&[u8]> = parameter.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
        let is_number = |word: &[u8]| word.iter().all(u8::is_ascii_digit);
        match words.as_slice() {
            [size] if is_number(size) => self.reply(202, "No need"),
            [size, b"R" | b"r", record] if is_number(size) && is_number(record) => self.reply(202, "No need"),
            _ => self.reply(501, "A number of bytes"),
        }
    }

    /// REST fails for syntax alone (stance 4); what is larger than any file fails at the transfer.
    pub(super) fn rest(&mut self, command: &Command) {
        let Some(parameter) = self.parameter(command) else {
            return;
        };
        let digits = parameter.iter().all(u8::is_ascii_digit);
        if !digits && !self.broken(Bug::RestLetters) {
            return self.reply(501, "A number of bytes");
        }
        let mut offset =
            parameter.iter().filter(|_| digits).fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
        if self.broken(Bug::RestWraps) {
            offset &= u64::from(u32::MAX);
        }
        if offset > 0 || !self.broken(Bug::RestZeroIgnored) {
            self.session.restart = Some(offset);
        }
        self.reply(350, "The next transfer starts there");
    }

    /// NOOP changes nothing that was said before it (959-4.1.3-noop-keeps-rnfr).
    pub(super) fn noop(&mut self) {
        if self.broken(Bug::RestLostByNoop) {
            self.session.restart = None;
        }
        if self.broken(Bug::RnfrLostByNoop) {
            self.session.rename = None;
        }
        self.reply(200, "OK");
    }
}
