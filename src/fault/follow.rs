//! Control lines that a proxy must follow: PORT and EPRT on the way up, 227 and 229 on the way down.
//!
//! Pure: who listens where is somebody else's. All bytes pass as they come, but for lines that may name an address: they are held
//! until they are whole. What is not understood passes as it is.

use std::net::SocketAddr;

use super::{Direction, Trigger};
use crate::ftp::address::{format_eprt, format_port, parse_227, parse_229, parse_eprt, parse_port};

/// Longer lines name no address.
const LINE: usize = 1024;

/// Where a proxy listens for those that would have come to somebody else.
pub trait Ports {
    /// The server listens at this port, at its own address or at one that it named: where does the proxy listen for the client?
    fn passive(&mut self, server: SocketAddr) -> Option<SocketAddr>;

    /// The server listens at this port of its own address.
    fn extended_passive(&mut self, port: u16) -> Option<u16>;

    /// The client listens here: where does the proxy listen for the server?
    fn active(&mut self, client: SocketAddr) -> Option<SocketAddr>;
}

/// Reads along one direction of a control connection.
#[derive(Debug)]
pub struct Follower {
    direction: Direction,
    /// The line so far, at most [`LINE`] bytes of it.
    line: Vec<u8>,
    /// How many bytes of it have passed.
    passed: usize,
    /// The line is longer than [`LINE`].
    long: bool,
    /// The code of the reply of many lines that is under way.
    many: Option<[u8; 3]>,
}

/// What a follower lets pass.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The commands or final lines of replies that have become whole with them.
    pub said: Vec<Trigger>,
}

impl Follower {
    /// A new connection's.
    #[must_use]
    pub fn new(direction: Direction) -> Self {
        Self { direction, line: Vec::new(), passed: 0, long: false, many: None }
    }

    /// Bytes come.
    pub fn push(&mut self, bytes: &[u8], ports: &mut impl Ports) -> Passed {
        let mut passed = Passed::default();
        for byte in bytes {
            if self.long || self.line.len() == LINE {
                self.long = true;
                passed.bytes.extend_from_slice(&self.line[self.passed..]);
                self.passed = self.line.len();
                passed.bytes.push(*byte);
            } else {
                self.line.push(*byte);
            }
            if *byte == b'\n' {
                self.end(&mut passed, ports);
            } else if !self.long && !self.holds() {
                passed.bytes.extend_from_slice(&self.line[self.passed..]);
                self.passed = self.line.len();
            }
        }
        passed
    }

    /// Nothing more comes: what was held passes as it is.
    pub fn finish(&mut self) -> Vec<u8> {
        let rest = self.line.split_off(self.passed.min(self.line.len()));
        self.line.clear();
        self.passed = 0;
        rest
    }

    /// Whether the line so far may name an address.
    fn holds(&self) -> bool {
        let words: [&[u8]; 2] = match self.direction {
            Direction::Up => [b"PORT ", b"EPRT "],
            Direction::Down if self.many.is_some() => return false,
            Direction::Down => [b"227 ", b"229 "],
        };
        self.passed == 0
            && words.iter().any(|word| {
                let len = word.len().min(self.line.len());
                self.line[..len].eq_ignore_ascii_case(&word[..len])
            })
    }

    /// The line is whole.
    fn end(&mut self, passed: &mut Passed, ports: &mut impl Ports) {
        if self.passed == 0 && !self.long {
            let line = match self.direction {
                Direction::Up => rewritten_command(&self.line, ports),
                Direction::Down if self.many.is_none() => rewritten_reply(&self.line, ports),
                Direction::Down => None,
            };
            passed.bytes.extend_from_slice(line.as_deref().unwrap_or(&self.line));
        } else {
            passed.bytes.extend_from_slice(&self.line[self.passed..]);
        }
        passed.said.extend(match self.direction {
            Direction::Up => verb(&self.line).map(Trigger::Command),
            Direction::Down => self.reply().map(Trigger::Reply),
        });
        self.line.clear();
        (self.passed, self.long) = (0, false);
    }

    /// The code, where this line ends a reply.
    fn reply(&mut self) -> Option<u16> {
        let digits: [u8; 3] = self.line.get(..3)?.try_into().ok()?;
        let code = std::str::from_utf8(&digits).ok()?.parse().ok().filter(|_| digits.iter().all(u8::is_ascii_digit))?;
        let more = self.line.get(3) == Some(&b'-');
        match self.many {
            None if more => {
                self.many = Some(digits);
                None
            }
            Some(first) if first != digits || more => None,
            None | Some(_) => {
                self.many = None;
                Some(code)
            }
        }
    }
}

/// The verb of a line, in upper case; Telnet's bytes in front of it are no part of it.
fn verb(line: &[u8]) -> Option<String> {
    let start = line.iter().position(u8::is_ascii_alphabetic)?;
    if line[..start].iter().any(|byte| *byte < 0xf0) {
        return None;
    }
    let word = line[start..].iter().take_while(|byte| byte.is_ascii_alphanumeric());
    Some(word.map(|byte| char::from(byte.to_ascii_uppercase())).collect())
}

/// PORT or EPRT with another address.
fn rewritten_command(line: &[u8], ports: &mut impl Ports) -> Option<Vec<u8>> {
    let (verb, rest) = line.split_at_checked(5)?;
    let end = rest.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'))? + 1;
    let (argument, tail) = rest.split_at(end);
    let argument = match verb.to_ascii_uppercase().as_slice() {
        b"PORT " => match ports.active(SocketAddr::V4(parse_port(argument)?))? {
            SocketAddr::V4(address) => format_port(address),
            SocketAddr::V6(_) => return None,
        },
        b"EPRT " => format_eprt(ports.active(parse_eprt(argument).ok()?)?),
        _ => return None,
    };
    Some([verb, argument.as_bytes(), tail].concat())
}

/// 227 or 229 with another address.
fn rewritten_reply(line: &[u8], ports: &mut impl Ports) -> Option<Vec<u8>> {
    let (code, text) = line.split_at_checked(4)?;
    match code {
        b"227 " => {
            let named = parse_227(text)?;
            let start = text.iter().position(u8::is_ascii_digit)?;
            let len = text[start..].iter().position(|byte| !byte.is_ascii_digit() && *byte != b',').unwrap_or(text.len() - start);
            let numbers = &text[start..start + len];
            let len = numbers.strip_suffix(b",").unwrap_or(numbers).len();
            let SocketAddr::V4(ours) = ports.passive(SocketAddr::V4(named))? else { return None };
            Some([code, &text[..start], format_port(ours).as_bytes(), &text[start + len..]].concat())
        }
        b"229 " => {
            let port = parse_229(text)?;
            // `(`, three delimiters, digits.
            let start = text.iter().rposition(|byte| *byte == b'(')? + 4;
            let len = text[start..].iter().position(|byte| !byte.is_ascii_digit())?;
            let ours = ports.extended_passive(port)?.to_string();
            Some([code, &text[..start], ours.as_bytes(), &text[start + len..]].concat())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Listens at port 9 of 127.0.0.7 for whoever is on this machine.
    struct Nine(Vec<SocketAddr>);

    impl Ports for Nine {
        fn passive(&mut self, server: SocketAddr) -> Option<SocketAddr> {
            self.0.push(server);
            Some("127.0.0.7:9".parse().unwrap())
        }

        fn extended_passive(&mut self, port: u16) -> Option<u16> {
            self.0.push(SocketAddr::new([0, 0, 0, 0].into(), port));
            Some(9)
        }

        fn active(&mut self, client: SocketAddr) -> Option<SocketAddr> {
            self.0.push(client);
            client.ip().is_loopback().then(|| "127.0.0.7:9".parse().unwrap())
        }
    }

    fn check(direction: Direction, text: &str, expect: &str, listens: &[&str], said: &[Trigger]) {
        // Whole, and byte by byte.
        for size in [text.len(), 1] {
            let (mut follower, mut ports) = (Follower::new(direction), Nine(Vec::new()));
            let (mut bytes, mut heard) = (Vec::new(), Vec::new());
            for chunk in text.as_bytes().chunks(size) {
                let passed = follower.push(chunk, &mut ports);
                bytes.extend(passed.bytes);
                heard.extend(passed.said);
            }
            bytes.extend(follower.finish());
            assert_eq!(String::from_utf8_lossy(&bytes), expect);
            assert_eq!(ports.0.iter().map(ToString::to_string).collect::<Vec<_>>(), listens, "{text}");
            assert_eq!(heard, said, "{text}");
        }
    }

    #[test]
    fn replies_that_name_an_address_name_ours() {
        let check = |text: &str, expect: &str, listens: &[&str], codes: &[u16]| {
            let said: Vec<Trigger> = codes.iter().copied().map(Trigger::Reply).collect();
            check(Direction::Down, text, expect, listens, &said);
        };
        check("227 Entering (127,0,0,1,4,5).\r\n", "227 Entering (127,0,0,7,0,9).\r\n", &["127.0.0.1:1029"], &[227]);
        check("227 =127,0,0,1,4,5,\r\n", "227 =127,0,0,7,0,9,\r\n", &["127.0.0.1:1029"], &[227]);
        check("229 Ok (|||1029|)\r\n", "229 Ok (|||9|)\r\n", &["0.0.0.0:1029"], &[229]);
        check("229 Ok (!!!1029!) \r\n", "229 Ok (!!!9!) \r\n", &["0.0.0.0:1029"], &[229]);
        check("227 no address\r\n22", "227 no address\r\n22", &[], &[227]);
        check("211-a\r\n227 (127,0,0,1,4,5)\r\n211 b\r\n", "211-a\r\n227 (127,0,0,1,4,5)\r\n211 b\r\n", &[], &[211]);
        check("220 a\r\nno reply\r\n", "220 a\r\nno reply\r\n", &[], &[220]);
    }

    #[test]
    fn commands_that_name_an_address_name_ours() {
        let check = |text: &str, expect: &str, listens: &[&str], verbs: &[&str]| {
            let said: Vec<Trigger> = verbs.iter().map(|verb| Trigger::Command((*verb).to_owned())).collect();
            check(Direction::Up, text, expect, listens, &said);
        };
        check("PORT 127,0,0,1,4,5\r\n", "PORT 127,0,0,7,0,9\r\n", &["127.0.0.1:1029"], &["PORT"]);
        check("eprt |2|::1|1029|\n", "eprt |1|127.0.0.7|9|\n", &["[::1]:1029"], &["EPRT"]);
        check("PORT 192,0,2,1,4,5\r\n", "PORT 192,0,2,1,4,5\r\n", &["192.0.2.1:1029"], &["PORT"]);
        check("PORT 1,2\r\nPORTS 1\r\nPO", "PORT 1,2\r\nPORTS 1\r\nPO", &[], &["PORT", "PORTS"]);
        check("USER a\r\nretr PORT 127,0,0,1,4,5\r\n", "USER a\r\nretr PORT 127,0,0,1,4,5\r\n", &[], &["USER", "RETR"]);
        let long = format!("STOR {}\r\nNOOP\r\n", "x".repeat(3000));
        check(&long, &long, &[], &["STOR", "NOOP"]);
    }

    #[test]
    fn telnet_in_front_of_a_verb_is_no_part_of_it() {
        assert_eq!(verb(b"\xff\xf4\xff\xf2ABOR\r\n").as_deref(), Some("ABOR"));
        assert_eq!((verb(b" ABOR\r\n"), verb(b"\r\n")), (None, None));
    }

    proptest! {
        #[test]
        fn what_names_no_address_passes_as_it_is(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8), up in any::<bool>()) {
            let mut follower = Follower::new(if up { Direction::Up } else { Direction::Down });
            let mut ports = Nine(Vec::new());
            let mut bytes: Vec<u8> = chunks.iter().flat_map(|chunk| follower.push(chunk, &mut ports).bytes).collect();
            bytes.extend(follower.finish());
            prop_assume!(ports.0.is_empty());
            prop_assert_eq!(bytes, chunks.concat());
        }
    }
}
