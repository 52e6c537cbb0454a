//! From the control connection's bytes to command lines: Telnet codes, line ends, and the limit of a line.
//!
//! Gives the same under any chunking. RFC 959 section 4.1.3 (IP and Synch before a command), RFC 1123 section 4.1.2.12
//! (option offers are refused), RFC 3659 section 2.2 (255 is doubled). Only CR LF ends a line: one way, so that nobody
//! smuggles a second command behind a lone CR or LF.

const LINE_MAX: usize = 8192;
const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SUB: u8 = 250;
const SUB_END: u8 = 240;

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// A line, without its CR LF.
    Whole(Vec<u8>),
    /// A line with CR, LF or NUL inside, without its CR LF.
    Odd(Vec<u8>),
    /// A line longer than [`LINE_MAX`]; said once, as soon as it is known; its tail is dropped.
    TooLong,
    /// These bytes answer a Telnet option offer.
    Telnet([u8; 3]),
}

/// Cuts bytes into lines.
#[derive(Debug, Default, Clone)]
pub(super) struct LineReader {
    buffer: Vec<u8>,
    telnet: Telnet,
    /// In the tail of a line that was too long.
    dropping: bool,
    /// The planted bug: the tail of a line that was too long is a line.
    tail_runs: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Telnet {
    #[default]
    Text,
    Iac,
    Option(u8),
    Sub,
    SubIac,
}

impl LineReader {
    pub(super) fn new(tail_runs: bool) -> Self {
        Self { tail_runs, ..Self::default() }
    }

    /// Takes the next bytes; appends what they complete.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<Line>) {
        for byte in bytes {
            self.telnet(*byte, out);
        }
    }

    fn telnet(&mut self, byte: u8, out: &mut Vec<Line>) {
        self.telnet = match (self.telnet, byte) {
            (Telnet::Text, IAC) => Telnet::Iac,
            (Telnet::Iac, SUB) => Telnet::Sub,
            (Telnet::Iac, WILL..=DONT) => Telnet::Option(byte),
            (Telnet::Iac, SUB_END..SUB) => Telnet::Text,
            // A doubled 255 is one; anything else is no Telnet command, which happens where a DM was urgent and came apart.
            (Telnet::Text | Telnet::Iac, _) => {
                self.text(byte, out);
                Telnet::Text
            }
            (Telnet::Option(offer), option) => {
                match offer {
                    WILL => out.push(Line::Telnet([IAC, DONT, option])),
                    DO => out.push(Line::Telnet([IAC, WONT, option])),
                    _ => {}
                }
                Telnet::Text
            }
            (Telnet::Sub, IAC) => Telnet::SubIac,
            (Telnet::SubIac, SUB_END) => Telnet::Text,
            (Telnet::Sub | Telnet::SubIac, _) => Telnet::Sub,
        };
    }

    fn text(&mut self, byte: u8, out: &mut Vec<Line>) {
        if byte == b'\n' && self.buffer.last() == Some(&b'\r') {
            self.buffer.pop();
            let line = std::mem::take(&mut self.buffer);
            if std::mem::take(&mut self.dropping) {
                return;
            }
            let odd = line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
            out.push(if odd { Line::Odd(line) } else { Line::Whole(line) });
            return;
        }
        if self.dropping {
            // Only the last byte matters: whether a CR stands before a LF.
            self.buffer.clear();
        }
        self.buffer.push(byte);
        if self.buffer.len() > LINE_MAX {
            out.push(Line::TooLong);
            self.dropping = !self.tail_runs;
            self.buffer.clear();
            self.buffer.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8], chunk: usize) -> Vec<Line> {
        let (mut reader, mut lines) = (LineReader::default(), Vec::new());
        bytes.chunks(chunk).for_each(|part| reader.push(part, &mut lines));
        lines
    }

    fn check(bytes: &[u8], expect: &[Line]) {
        for chunk in [1, 3, bytes.len()] {
            assert_eq!(read(bytes, chunk), expect, "{bytes:?} by {chunk}");
        }
    }

    fn whole(text: &[u8]) -> Line {
        Line::Whole(text.to_vec())
    }

    #[test]
    fn only_cr_lf_ends_a_line() {
        check(b"NOOP\r\nPWD\r\n", &[whole(b"NOOP"), whole(b"PWD")]);
        check(b"NOOP", &[]);
        check(b"NOOP\n", &[]);
        check(b"CWD x\rDELE f\r\n", &[Line::Odd(b"CWD x\rDELE f".to_vec())]);
        check(b"USER a\nPASS b\r\n", &[Line::Odd(b"USER a\nPASS b".to_vec())]);
        check(b"CWD a\0b\r\n", &[Line::Odd(b"CWD a\0b".to_vec())]);
        check(b"NOOP\r\r\n", &[Line::Odd(b"NOOP\r".to_vec())]);
        check(b"\r\n", &[whole(b"")]);
    }

    #[test]
    fn telnet_codes_are_skipped_refused_or_undoubled() {
        check(b"\xff\xf4\xff\xf2ABOR\r\n", &[whole(b"ABOR")]);
        check(b"\xff\xf4\xffABOR\r\n", &[whole(b"ABOR")]);
        check(b"\xff\xfd\x06NOOP\r\n", &[Line::Telnet([255, 252, 6]), whole(b"NOOP")]);
        check(b"\xff\xfb\x01\xff\xfc\x01NOOP\r\n", &[Line::Telnet([255, 254, 1]), whole(b"NOOP")]);
        check(b"MKD a\xff\xffb\r\n", &[whole(b"MKD a\xffb")]);
        check(b"\xff\xfa\x18\x01\xff\xf0NOOP\r\n", &[whole(b"NOOP")]);
    }

    #[test]
    fn a_line_that_is_too_long_is_said_once_and_its_tail_dropped() {
        let long = [b"USER ".as_slice(), &[b'A'; 20_000], b"DELE f\r\nNOOP\r\n"].concat();
        check(&long, &[Line::TooLong, whole(b"NOOP")]);
        check(&[b'A'; 100_000], &[Line::TooLong]);
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same(bytes in prop::collection::vec(prop::sample::select(b"AB \r\r\n\n\0\xff\xfd\xfa\xf0".to_vec()), 1..80), chunk in 1_usize..9) {
            prop_assert_eq!(read(&bytes, chunk), read(&bytes, bytes.len()));
        }
    }
}
