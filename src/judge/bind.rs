//! Captures and contents: what the places in a scenario stand for, once the case is under way.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::ftp::content::Content;
use crate::scenario::model::{Atom, Case, Expression, FixtureNode, Number, Pattern, Piece, Sign, Term, Text};

/// What is known: captures that are bound, the fixture's files, the server's line end.
#[derive(Debug, Clone)]
pub struct Bindings {
    captures: BTreeMap<String, Vec<u8>>,
    files: BTreeMap<Vec<u8>, Content>,
    eol: Arc<[u8]>,
}

/// A place that stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unresolved {
    /// The capture was never bound.
    Unbound(String),
    /// The capture is used as a number and is none.
    NotANumber(String),
    /// A number below zero.
    Negative,
    /// The fixture has no such file.
    NoFile(String),
    /// `{..}` where something must be sent.
    Wild,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unbound(name) => write!(f, "{{{name}}} is not bound"),
            Self::NotANumber(name) => write!(f, "{{{name}}} is not a number"),
            Self::Negative => f.write_str("a number is below zero"),
            Self::NoFile(name) => write!(f, "the fixture has no file {name}"),
            Self::Wild => f.write_str("{..} stands where the bytes must be known"),
        }
    }
}

impl Bindings {
    /// Knows a case's files and nothing else.
    ///
    /// # Errors
    /// Where a file of the fixture needs what is not known yet.
    pub fn new(case: &Case, eol: &[u8]) -> Result<Self, Unresolved> {
        let mut bindings = Self { captures: BTreeMap::new(), files: BTreeMap::new(), eol: Arc::from(eol) };
        for file in &case.files {
            if let FixtureNode::File(expression) = &file.node {
                let content = bindings.content(expression)?;
                bindings.files.insert(file.path.clone(), content);
            }
        }
        Ok(bindings)
    }

    /// Binds a capture, again if it was bound.
    pub fn bind(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.captures.insert(name.into(), value.into());
    }

    /// What a capture is bound to.
    #[must_use]
    pub fn capture(&self, name: &str) -> Option<&[u8]> {
        self.captures.get(name).map(Vec::as_slice)
    }

    /// The content of a file of the fixture.
    #[must_use]
    pub fn file(&self, name: &[u8]) -> Option<&Content> {
        self.files.get(name)
    }

    /// The bytes of a text, every place filled in.
    ///
    /// # Errors
    /// [`Unresolved`] where a place stands for nothing.
    pub fn bytes(&self, text: &Text) -> Result<Vec<u8>, Unresolved> {
        let mut bytes = Vec::new();
        for piece in &text.0 {
            match piece {
                Piece::Literal(literal) => bytes.extend_from_slice(literal),
                Piece::Capture { name, .. } => bytes.extend_from_slice(self.bound(name)?),
                Piece::Eol => bytes.extend_from_slice(&self.eol),
                Piece::Wild => return Err(Unresolved::Wild),
            }
        }
        Ok(bytes)
    }

    /// The value of a number.
    ///
    /// # Errors
    /// [`Unresolved`] where a capture is unbound or no number, or the sum is below zero.
    pub fn number(&self, number: &Number) -> Result<u64, Unresolved> {
        let mut sum: i128 = 0;
        for (sign, atom) in &number.0 {
            let value = i128::from(match atom {
                Atom::Literal(value) => *value,
                Atom::Capture(name) => std::str::from_utf8(self.bound(name)?)
                    .ok()
                    .and_then(|text| text.trim().parse().ok())
                    .ok_or_else(|| Unresolved::NotANumber(name.clone()))?,
            });
            sum += if *sign == Sign::Plus { value } else { -value };
        }
        u64::try_from(sum).map_err(|_| Unresolved::Negative)
    }

    /// The content that an expression stands for.
    ///
    /// # Errors
    /// [`Unresolved`] where a place stands for nothing.
    pub fn content(&self, expression: &Expression) -> Result<Content, Unresolved> {
        let mut parts = expression.0.iter().map(|term| self.term(term)).collect::<Result<Vec<_>, _>>()?;
        Ok(if parts.len() == 1 { parts.remove(0) } else { Content::Chain(parts) })
    }

    fn term(&self, term: &Term) -> Result<Content, Unresolved> {
        Ok(match term {
            Term::Text(text) => Content::literal(self.bytes(text)?),
            Term::Hex(bytes) => Content::literal(bytes.as_slice()),
            Term::Fill(size) => Content::Fill(self.number(size)?),
            Term::Bytes { size, seed } => Content::Words { seed: *seed, len: self.number(size)? },
            Term::Lines { count, eol } => Content::Lines { count: self.number(count)?, eol: self.bytes(eol)?.into() },
            Term::Zeros(size) => Content::Zeros(self.number(size)?),
            Term::File { name, from, to } => {
                let whole = self.files.get(name).ok_or_else(|| Unresolved::NoFile(String::from_utf8_lossy(name).into_owned()))?;
                let from = from.as_ref().map_or(Ok(0), |from| self.number(from))?;
                let to = to.as_ref().map_or(Ok(whole.len()), |to| self.number(to))?;
                whole.slice(from, to)
            }
        })
    }

    fn bound(&self, name: &str) -> Result<&[u8], Unresolved> {
        self.capture(name).ok_or_else(|| Unresolved::Unbound(name.to_owned()))
    }

    /// Whether the whole of `bytes` is like the pattern; if so, what its captures are bound to from now on.
    #[must_use]
    pub fn matches(&self, pattern: &Pattern, bytes: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
        let mut found = Vec::new();
        self.pieces(&pattern.text.0, bytes, pattern.nocase, &mut found).then_some(found)
    }

    /// Like [`Self::matches`], and remembers the captures.
    pub fn matches_and_binds(&mut self, pattern: &Pattern, bytes: &[u8]) -> bool {
        let found = self.matches(pattern, bytes);
        let fits = found.is_some();
        self.captures.extend(found.into_iter().flatten());
        fits
    }

    fn pieces(&self, pieces: &[Piece], bytes: &[u8], nocase: bool, found: &mut Vec<(String, Vec<u8>)>) -> bool {
        let Some((piece, rest)) = pieces.split_first() else { return bytes.is_empty() };
        match piece {
            Piece::Literal(literal) => self.fixed(literal, rest, bytes, nocase, found),
            Piece::Eol => self.fixed(&self.eol, rest, bytes, nocase, found),
            Piece::Wild => (0..=bytes.len()).any(|len| self.pieces(rest, &bytes[len..], nocase, found)),
            Piece::Capture { name, int } => {
                let bound = self.capture(name).or_else(|| found.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice()));
                if let Some(bound) = bound {
                    let bound = bound.to_vec();
                    return self.fixed(&bound, rest, bytes, nocase, found);
                }
                let longest = if *int { bytes.iter().take_while(|byte| byte.is_ascii_digit()).count() } else { bytes.len() };
                let shortest = usize::from(*int);
                (shortest..=longest).rev().any(|len| {
                    let known = found.len();
                    found.push((name.clone(), bytes[..len].to_vec()));
                    let fits = self.pieces(rest, &bytes[len..], nocase, found);
                    if !fits {
                        found.truncate(known);
                    }
                    fits
                })
            }
        }
    }

    fn fixed(&self, literal: &[u8], rest: &[Piece], bytes: &[u8], nocase: bool, found: &mut Vec<(String, Vec<u8>)>) -> bool {
        let Some(head) = bytes.get(..literal.len()) else { return false };
        let same = if nocase { head.eq_ignore_ascii_case(literal) } else { head == literal };
        same && self.pieces(rest, &bytes[literal.len()..], nocase, found)
    }
}

/// Whether a pattern binds a capture that is not bound yet.
#[must_use]
pub fn binds(pattern: &Pattern, bindings: &Bindings) -> bool {
    pattern.text.0.iter().any(|piece| matches!(piece, Piece::Capture { name, .. } if bindings.capture(name).is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bindings() -> Bindings {
        Bindings { captures: BTreeMap::new(), files: BTreeMap::new(), eol: Arc::from(&b"\n"[..]) }
    }

    fn literal(text: &str) -> Piece {
        Piece::Literal(text.as_bytes().to_vec())
    }

    fn capture(name: &str, int: bool) -> Piece {
        Piece::Capture { name: name.to_owned(), int }
    }

    fn check(pieces: Vec<Piece>, text: &str, expect: Option<&[(&str, &str)]>) {
        let got = bindings().matches(&Pattern { text: Text(pieces), nocase: false }, text.as_bytes());
        let want =
            expect.map(|pairs| pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect::<Vec<_>>());
        assert_eq!(got, want);
    }

    #[test]
    fn patterns_match_the_whole_text() {
        check(vec![literal("a")], "a", Some(&[]));
        check(vec![literal("a")], "ab", None);
        check(vec![literal("a"), Piece::Wild], "ab", Some(&[]));
        check(vec![Piece::Wild, literal("b"), Piece::Wild], "abba", Some(&[]));
        check(vec![capture("n", true)], "70000", Some(&[("n", "70000")]));
        check(vec![capture("n", true)], "7k", None);
        check(vec![capture("n", true), literal("0")], "700", Some(&[("n", "70")]));
        check(vec![capture("x", false), literal(","), capture("x", false)], "ab,ab", Some(&[("x", "ab")]));
        check(vec![capture("x", false), literal(","), capture("x", false)], "ab,cd", None);
    }

    #[test]
    fn numbers_are_sums_of_literals_and_captures() {
        let mut bindings = bindings();
        bindings.bind("n", "70");
        let number = |parts: &[(Sign, Atom)]| bindings.number(&Number(parts.to_vec()));
        assert_eq!(number(&[(Sign::Plus, Atom::Capture("n".into())), (Sign::Minus, Atom::Literal(1))]), Ok(69));
        assert_eq!(number(&[(Sign::Plus, Atom::Literal(1)), (Sign::Minus, Atom::Literal(2))]), Err(Unresolved::Negative));
        assert_eq!(number(&[(Sign::Plus, Atom::Capture("m".into()))]), Err(Unresolved::Unbound("m".into())));
    }
}
