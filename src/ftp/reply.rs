//! Replies, RFC 959 section 4.2, read from bytes as they come.
//!
//! The parser keeps every raw byte and takes what servers really send; where they leave the grammar it says so in
//! [`Defect`]s and has no opinion about them.

use std::fmt;

/// One reply, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The three digits; `None` where a line came that is no reply at all.
    pub code: Option<u16>,
    /// Every byte, line ends included.
    pub raw: Vec<u8>,
    /// Where it leaves the grammar.
    pub defects: Vec<Defect>,
}

/// How a reply leaves the grammar of RFC 959 section 4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    /// The line does not start with three digits, the first 1 to 5, and a blank or a hyphen.
    NoCode,
    /// A line ends in LF without CR.
    BareLineFeed,
    /// The code is followed by the line's end at once.
    NoBlank,
    /// A line inside a multi-line reply starts with digits like a code and is not padded.
    UnpaddedDigits,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCode => "a line that is no reply",
            Self::BareLineFeed => "a line that ends in LF without CR",
            Self::NoBlank => "no blank behind the code",
            Self::UnpaddedDigits => "a line inside starts with digits and is not padded",
        })
    }
}

impl Reply {
    /// The texts of its lines, without code, separator and line end; lines inside a multi-line reply are whole.
    #[must_use]
    pub fn lines(&self) -> Vec<&[u8]> {
        let lines: Vec<&[u8]> = self.raw.split_inclusive(|byte| *byte == b'\n').map(trim_end).collect();
        let last = lines.len().saturating_sub(1);
        lines
            .into_iter()
            .enumerate()
            .map(
                |(index, line)| if self.code.is_some() && (index == 0 || index == last) { line.get(4..).unwrap_or_default() } else { line },
            )
            .collect()
    }

    /// The text of its last line.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        self.lines().pop().unwrap_or_default()
    }

    /// The first digit of the code.
    #[must_use]
    pub fn class(&self) -> Option<u8> {
        self.code.and_then(|code| u8::try_from(code / 100).ok())
    }

    /// Whether another reply must follow, RFC 959 section 4.2: 1yz.
    #[must_use]
    pub fn is_preliminary(&self) -> bool {
        self.class() == Some(1)
    }
}

fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Cuts a stream of bytes into replies; gives the same under any chunking, in time linear in the bytes.
#[derive(Debug, Default)]
pub struct ReplyParser {
    /// The bytes before `start` belong to replies that are gone.
    buffer: Vec<u8>,
    /// Where the reply that is being read starts.
    start: usize,
    /// Up to here no line end was found.
    searched: usize,
    /// Set while the reply that is being read has more than one line.
    open: Option<Open>,
}

/// A multi-line reply whose last line has not come.
#[derive(Debug)]
struct Open {
    code: u16,
    /// Where its next line starts.
    line: usize,
    defects: Vec<Defect>,
}

impl ReplyParser {
    /// Takes the next bytes from the connection.
    pub fn push(&mut self, bytes: &[u8]) {
        // Moving the rest only where it is no longer than what is gone keeps the cost linear.
        if self.start >= self.buffer.len() - self.start {
            self.buffer.drain(..self.start);
            self.searched = self.searched.saturating_sub(self.start);
            if let Some(open) = &mut self.open {
                open.line -= self.start;
            }
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// What came and is no complete reply yet.
    #[must_use]
    pub fn partial(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// How many bytes of memory the parser holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// The next complete reply.
    pub fn pop(&mut self) -> Option<Reply> {
        loop {
            let start = self.open.as_ref().map_or(self.start, |open| open.line);
            let from = self.searched.max(start);
            let Some(found) = self.buffer[from..].iter().position(|byte| *byte == b'\n') else {
                self.searched = self.buffer.len();
                return None;
            };
            let end = from + found + 1;
            self.searched = end;
            let (code, separator, mut defects) = classify(&self.buffer[start..end]);
            match self.open.take() {
                None if separator == Some(b'-') => {
                    self.open = code.map(|code| Open { code, line: end, defects });
                }
                None => return Some(self.take(end, code, defects)),
                Some(mut open) => {
                    let last = code == Some(open.code) && matches!(separator, Some(b' ') | None);
                    defects.retain(|defect| *defect == Defect::BareLineFeed || (last && *defect == Defect::NoBlank));
                    if !last && self.buffer[start..end].iter().take(3).filter(|byte| byte.is_ascii_digit()).count() == 3 {
                        defects.push(Defect::UnpaddedDigits);
                    }
                    // Each kind once, so that a million bad lines cost no more than one.
                    defects.retain(|defect| !open.defects.contains(defect));
                    open.defects.extend(defects);
                    if last {
                        return Some(self.take(end, Some(open.code), open.defects));
                    }
                    open.line = end;
                    self.open = Some(open);
                }
            }
        }
    }

    fn take(&mut self, end: usize, code: Option<u16>, mut defects: Vec<Defect>) -> Reply {
        defects.sort_unstable();
        defects.dedup();
        let raw = self.buffer[self.start..end].to_vec();
        self.start = end;
        Reply { code, raw, defects }
    }
}

/// A line's code, the byte behind it (`None` where the line ends there), and what is wrong with it.
fn classify(line: &[u8]) -> (Option<u16>, Option<u8>, Vec<Defect>) {
    let mut defects = Vec::new();
    if !line.ends_with(b"\r\n") {
        defects.push(Defect::BareLineFeed);
    }
    let text = trim_end(line);
    let code = match text {
        [a @ b'1'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] => {
            Some(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
        }
        _ => None,
    };
    match (code, text.get(3)) {
        (Some(code), Some(separator @ (b' ' | b'-'))) => (Some(code), Some(*separator), defects),
        (Some(code), None) => {
            defects.push(Defect::NoBlank);
            (Some(code), None, defects)
        }
        (_, _) => {
            defects.push(Defect::NoCode);
            (None, text.get(3).copied().filter(|byte| *byte != b'-'), defects)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8], chunk: usize) -> (Vec<Reply>, Vec<u8>) {
        let mut parser = ReplyParser::default();
        let mut replies = Vec::new();
        for part in bytes.chunks(chunk.max(1)) {
            parser.push(part);
            while let Some(reply) = parser.pop() {
                replies.push(reply);
            }
        }
        (replies, parser.partial().to_vec())
    }

    fn check(bytes: &str, expect: &[(Option<u16>, &str, &[Defect])]) {
        let (replies, rest) = read(bytes.as_bytes(), 3);
        let got: Vec<_> =
            replies.iter().map(|reply| (reply.code, String::from_utf8_lossy(reply.text()).into_owned(), reply.defects.clone())).collect();
        let want: Vec<_> = expect.iter().map(|(code, text, defects)| (*code, (*text).to_owned(), defects.to_vec())).collect();
        assert_eq!(got, want);
        assert!(rest.is_empty(), "{rest:?}");
    }

    #[test]
    fn single_lines_and_their_defects() {
        check("220 ready\r\n", &[(Some(220), "ready", &[])]);
        check("220 \r\n331 x\r\n", &[(Some(220), "", &[]), (Some(331), "x", &[])]);
        check("220\r\n", &[(Some(220), "", &[Defect::NoBlank])]);
        check("220 a\n", &[(Some(220), "a", &[Defect::BareLineFeed])]);
        check("USER x\r\n", &[(None, "USER x", &[Defect::NoCode])]);
        check("999 x\r\n", &[(None, "999 x", &[Defect::NoCode])]);
        check("2200 x\r\n", &[(None, "2200 x", &[Defect::NoCode])]);
        check("\r\n", &[(None, "", &[Defect::NoCode])]);
    }

    #[test]
    fn a_multi_line_reply_ends_with_its_own_code_and_a_blank() {
        check("211-Features\r\n REST STREAM\r\n211 End\r\n", &[(Some(211), "End", &[])]);
        check("211-a\r\n220 b\r\n211-c\r\n211 d\r\n", &[(Some(211), "d", &[Defect::UnpaddedDigits])]);
        check("211-a\r\n 211 b\r\n211 c\r\n", &[(Some(211), "c", &[])]);
        check("211-a\n b\n211 c\r\n", &[(Some(211), "c", &[Defect::BareLineFeed])]);
    }

    /// Work that grows with the square of the bytes would take minutes here.
    #[test]
    fn long_replies_cost_time_linear_in_their_bytes() {
        let mut line = vec![b'x'; 1 << 20];
        assert_eq!(read(&line, 1).1.len(), line.len());
        line.extend_from_slice(b"\r\n");
        assert_eq!(read(&line, 64 * 1024).0.len(), 1);
        let mut many = b"211-x\r\n".to_vec();
        many.extend_from_slice(&b"211-x\n".repeat(100_000));
        many.extend_from_slice(b"211 End\r\n");
        for chunk in [1, 64 * 1024, usize::MAX] {
            let (replies, rest) = read(&many, chunk);
            assert_eq!((replies.len(), rest.len()), (1, 0));
            assert_eq!(replies[0].defects, [Defect::BareLineFeed, Defect::UnpaddedDigits]);
        }
        let small = b"200 x\r\n".repeat(100_000);
        assert_eq!(read(&small, usize::MAX).0.len(), 100_000);
        assert_eq!(read(&small, 1).0.len(), 100_000);
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same(bytes in prop::collection::vec(prop::sample::select(b"2210 -a\r\n".to_vec()), 0..200), chunk in 1_usize..9) {
            prop_assert_eq!(read(&bytes, chunk), read(&bytes, usize::MAX));
        }

        #[test]
        fn no_byte_is_lost(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let (replies, rest) = read(&bytes, 7);
            let mut all: Vec<u8> = replies.into_iter().flat_map(|reply| reply.raw).collect();
            all.extend(rest);
            prop_assert_eq!(all, bytes);
        }
    }
}
