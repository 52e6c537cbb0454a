//! One line of the notation as a place to read from: words, strings, numbers, durations.
//!
//! Responsible for the smallest parts and for saying where they stand. Knows no step.

use std::time::Duration;

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::model::{Piece, Span, Text};

/// What a reading function gives: the thing, or the line's one error.
pub(super) type Read<T> = Result<T, Diagnostic>;

/// A place in a line.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// Where the text starts in its source.
    base: usize,
}

pub(super) const fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-')
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str, base: usize) -> Self {
        Self { text, at: 0, base }
    }

    /// What is still to be read.
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    pub(super) fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
    }

    /// From a place up to here.
    pub(super) const fn span_from(&self, start: usize) -> Span {
        Span { start: self.base + start, end: self.base + self.at }
    }

    /// The word or character that stands here.
    pub(super) fn span_here(&self) -> Span {
        let word = self.peek_word().len();
        let len = if word > 0 { word } else { self.peek().map_or(0, char::len_utf8) };
        Span { start: self.base + self.at, end: self.base + self.at + len }
    }

    /// "Something else stands here."
    pub(super) fn unexpected(&self, expected: impl Into<String>) -> Diagnostic {
        let word = self.peek_word();
        let message = match (word, self.peek()) {
            ("", None) => "the line ends too early".to_owned(),
            ("", Some(c)) => format!("unexpected `{}`", c.escape_debug()),
            (word, _) => format!("unexpected `{}`", shorten(word)),
        };
        Diagnostic::error(self.span_here(), message).expected(expected)
    }

    /// Takes these characters, if they stand here, and the blanks behind them.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
            self.blanks();
        }
        found
    }

    pub(super) fn demand(&mut self, token: &str) -> Read<()> {
        if self.eat(token) { Ok(()) } else { Err(self.unexpected(format!("`{token}`"))) }
    }

    /// The word that stands here, or nothing.
    pub(super) fn peek_word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !is_word_char(c)).unwrap_or(rest.len());
        &rest[..end]
    }

    /// Takes a word and the blanks behind it.
    pub(super) fn word(&mut self) -> &'a str {
        let word = self.peek_word();
        self.skip(word.len());
        word
    }

    /// Takes this word, if it stands here as a whole.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.peek_word() == word;
        if found {
            self.skip(word.len());
        }
        found
    }

    /// Whether a blank stands before this place.
    pub(super) fn behind_blank(&self) -> bool {
        self.text[..self.at].ends_with([' ', '\t'])
    }

    /// Whether a string stands behind the word that stands here.
    pub(super) fn followed_by_string(&self) -> bool {
        self.rest()[self.peek_word().len()..].trim_start_matches([' ', '\t']).starts_with('"')
    }

    /// Takes so many bytes.
    pub(super) const fn advance(&mut self, len: usize) {
        self.at += len;
    }

    /// Takes so many bytes and the blanks behind them.
    pub(super) fn skip(&mut self, len: usize) {
        self.at += len;
        self.blanks();
    }

    /// A name: of a role, a session, a listener, a block.
    pub(super) fn name(&mut self, what: &str) -> Read<String> {
        let word = self.peek_word();
        if !is_name(word) {
            return Err(self.unexpected(what).help("a name starts with a letter and goes on with letters, digits, `_` and `-`"));
        }
        Ok(self.word().to_owned())
    }

    /// `70000`, `64KiB`.
    pub(super) fn size(&mut self) -> Read<u64> {
        let start = self.at;
        let rest = self.rest();
        let digits = &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())];
        if digits.is_empty() {
            return Err(self.unexpected("a number"));
        }
        self.at += digits.len();
        let shift = [("KiB", 10), ("MiB", 20), ("GiB", 30)].into_iter().find(|(unit, _)| self.rest().starts_with(unit));
        self.at += shift.map_or(0, |(unit, _)| unit.len());
        let value = digits.parse::<u64>().ok().and_then(|value| value.checked_mul(1 << shift.map_or(0, |(_, shift)| shift)));
        let value = value.ok_or_else(|| Diagnostic::error(self.span_from(start), "this number is too large").expected("less than 2^64"))?;
        if self.peek().is_some_and(|c| c.is_ascii_alphanumeric()) {
            return Err(self.unexpected("`KiB`, `MiB`, `GiB` or the end of the number"));
        }
        self.blanks();
        Ok(value)
    }

    /// `500ms`, `5s`, `2m`.
    pub(super) fn duration(&mut self) -> Read<Duration> {
        let expected = "a duration: `500ms`, `5s`, `2m`";
        let word = self.peek_word();
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = match &word[digits.len()..] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            _ => return Err(self.unexpected(expected)),
        };
        let ms = digits.parse::<u64>().ok().and_then(|value| value.checked_mul(unit)).filter(|ms| *ms <= 86_400_000);
        let ms = ms.ok_or_else(|| self.unexpected(expected).help("at most a day, `1440m`"))?;
        self.skip(word.len());
        Ok(Duration::from_millis(ms))
    }

    /// `"a{n}\r\n"`.
    pub(super) fn string(&mut self) -> Read<Text> {
        let start = self.at;
        if self.bump() != Some('"') {
            self.at = start;
            return Err(self.unexpected("a string"));
        }
        let mut text = TextBuilder::default();
        loop {
            let here = self.at;
            match self.bump() {
                None => return Err(Diagnostic::error(self.span_from(start), "this string does not end").expected("`\"`")),
                Some('"') => break,
                Some('\\') => self.escape(here, &mut text)?,
                Some(c @ ('{' | '}')) => self.brace(here, c, &mut text)?,
                Some(c) if c.is_control() => {
                    return Err(Diagnostic::error(self.span_from(here), "a control character in a string")
                        .expected("an escape such as `\\r` or `\\x1b`"));
                }
                Some(c) => text.char(c),
            }
        }
        self.blanks();
        Ok(text.finish())
    }

    /// A string without places: a message.
    pub(super) fn message(&mut self) -> Read<String> {
        let start = self.at;
        let text = self.string()?;
        literal(&text)
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| Diagnostic::error(self.span_from(start), "a message is plain text, without places and odd bytes"))
    }

    fn escape(&mut self, start: usize, text: &mut TextBuilder) -> Read<()> {
        let byte = match self.bump() {
            Some('r') => b'\r',
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('0') => 0,
            Some('\\') => b'\\',
            Some('"') => b'"',
            Some('x') => {
                let hex = self.rest().get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok().filter(|_| !hex.starts_with('+')));
                let byte = hex.ok_or_else(|| {
                    Diagnostic::error(self.span_from(start), "unknown escape").expected("`\\x` and two hexadecimal digits")
                })?;
                self.at += 2;
                byte
            }
            _ => {
                return Err(Diagnostic::error(self.span_from(start), "unknown escape")
                    .expected("`\\r`, `\\n`, `\\t`, `\\0`, `\\\\`, `\\\"` or `\\xff`"));
            }
        };
        text.byte(byte);
        Ok(())
    }

    /// Behind `{` or `}`: an escaped brace, or a place.
    fn brace(&mut self, start: usize, brace: char, text: &mut TextBuilder) -> Read<()> {
        if self.rest().starts_with(brace) {
            self.at += 1;
            text.char(brace);
            return Ok(());
        }
        let wrong = |cursor: &Self, message: &str| {
            Diagnostic::error(cursor.span_from(start), message).help("a brace itself is written twice: `{{` and `}}`")
        };
        if brace == '}' {
            return Err(wrong(self, "a `}` without its `{`"));
        }
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'))).unwrap_or(rest.len());
        let inner = &rest[..end];
        self.at += end;
        if !self.rest().starts_with('}') {
            return Err(wrong(self, "this place does not end").expected("`{name}`, `{name:int}`, `{..}` or `{eol}`"));
        }
        self.at += 1;
        let piece = place(inner).ok_or_else(|| wrong(self, "this is no place").expected("`{name}`, `{name:int}`, `{..}` or `{eol}`"))?;
        text.piece(piece);
        Ok(())
    }

    /// All up to the end, blanks included: only braces mean something.
    pub(super) fn verbatim(&mut self, controls: bool) -> Read<Text> {
        let mut text = TextBuilder::default();
        loop {
            let here = self.at;
            match self.bump() {
                None => return Ok(text.finish()),
                Some(c @ ('{' | '}')) => self.brace(here, c, &mut text)?,
                Some(c) if c.is_control() && c != '\t' && !controls => {
                    return Err(Diagnostic::error(self.span_from(here), "a control character in a verbatim line")
                        .help("write the line in quotes: `C> \"NOOP\\x00\"`"));
                }
                Some(c) => text.char(c),
            }
        }
    }

    /// `x"4d4b44 e9"`, whose `x` stands here.
    pub(super) fn hex(&mut self) -> Read<Vec<u8>> {
        let start = self.at;
        self.at += 2;
        let digits = self.rest();
        let Some(end) = digits.find('"') else {
            self.at = self.text.len();
            return Err(Diagnostic::error(self.span_from(start), "this string does not end").expected("`\"`"));
        };
        self.at += end + 1;
        let bytes = hex(&digits[..end]).ok_or_else(|| {
            Diagnostic::error(self.span_from(start), "these are no bytes").expected("pairs of hexadecimal digits: `x\"0d0a ff\"`")
        })?;
        self.blanks();
        Ok(bytes)
    }
}

/// Whether a word can name a role, a session, a listener, a block or a column.
pub(in crate::scenario) fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// The inside of `{..}`.
fn place(inner: &str) -> Option<Piece> {
    match inner {
        ".." => return Some(Piece::Wild),
        "eol" => return Some(Piece::Eol),
        _ => {}
    }
    let (name, int) = inner.strip_suffix(":int").map_or((inner, false), |name| (name, true));
    name.split('.').all(is_name).then(|| Piece::Capture { name: name.to_owned(), int })
}

/// Pairs of hexadecimal digits, blanks between them aside.
pub(in crate::scenario) fn hex(digits: &str) -> Option<Vec<u8>> {
    let nibbles: Option<Vec<u8>> = digits
        .bytes()
        .filter(|byte| *byte != b' ')
        .map(|byte| char::from(byte).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok()))
        .collect();
    let nibbles = nibbles.filter(|nibbles| nibbles.len() % 2 == 0)?;
    Some(nibbles.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// The bytes of a text without places.
pub(in crate::scenario) fn literal(text: &Text) -> Option<Vec<u8>> {
    match text.0.as_slice() {
        [] => Some(Vec::new()),
        [Piece::Literal(bytes)] => Some(bytes.clone()),
        _ => None,
    }
}

/// The start of a word that may be very long.
pub(super) fn shorten(word: &str) -> String {
    if word.chars().count() <= 40 { word.to_owned() } else { format!("{}...", word.chars().take(40).collect::<String>()) }
}

/// Puts a [`Text`] together in its one form: literals are merged, none is empty.
#[derive(Debug, Default)]
struct TextBuilder {
    pieces: Vec<Piece>,
    literal: Vec<u8>,
}

impl TextBuilder {
    fn byte(&mut self, byte: u8) {
        self.literal.push(byte);
    }

    fn char(&mut self, c: char) {
        self.literal.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn piece(&mut self, piece: Piece) {
        self.flush();
        self.pieces.push(piece);
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.pieces.push(Piece::Literal(std::mem::take(&mut self.literal)));
        }
    }

    fn finish(mut self) -> Text {
        self.flush();
        Text(self.pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expect: Result<&str, &str>) {
        let got = Cursor::new(source, 0).string();
        match expect {
            Ok(bytes) => assert_eq!(got.map(|text| literal(&text)), Ok(Some(bytes.as_bytes().to_vec())), "{source}"),
            Err(message) => assert_eq!(got.map_err(|error| error.message), Err(message.to_owned()), "{source}"),
        }
    }

    #[test]
    fn strings_have_escapes_and_doubled_braces() {
        check(r#""a\r\n\t\0\\\"\x41""#, Ok("a\r\n\t\0\\\"A"));
        check(r#""{{x}}""#, Ok("{x}"));
        check(r#""abc"#, Err("this string does not end"));
        check(r#""\q""#, Err("unknown escape"));
        check(r#""\x+1""#, Err("unknown escape"));
        check(r#""\xä""#, Err("unknown escape"));
        check(r#""a}""#, Err("a `}` without its `{`"));
        check(r#""{a b}""#, Err("this place does not end"));
        check(r#""{a:b}""#, Err("this is no place"));
    }

    #[test]
    fn places_are_captures_wildcards_and_line_ends() {
        let text = Cursor::new(r#""{n:int}{..}x{eol}{trap.port}""#, 0).string().unwrap();
        let capture = |name: &str, int| Piece::Capture { name: name.to_owned(), int };
        assert_eq!(text.0, [capture("n", true), Piece::Wild, Piece::Literal(b"x".to_vec()), Piece::Eol, capture("trap.port", false)]);
    }

    #[test]
    fn numbers_have_units_and_limits() {
        let check = |text, expect| assert_eq!(Cursor::new(text, 0).size().ok(), expect, "{text}");
        check("70000", Some(70_000));
        check("64KiB", Some(65_536));
        check("5GiB..", Some(5 << 30));
        check("64kB", None);
        check("99999999999GiB", None);
        check("x", None);
    }

    #[test]
    fn durations_have_a_unit() {
        let check =
            |text, expect: Option<u64>| assert_eq!(Cursor::new(text, 0).duration().ok(), expect.map(Duration::from_millis), "{text}");
        check("500ms", Some(500));
        check("5s", Some(5000));
        check("2m", Some(120_000));
        check("5", None);
        check("5h", None);
        check("99999999999999999999s", None);
        check("s", None);
    }
}
