//! What uploads send: contents that are computed, and how a scenario file writes them.

use std::fmt;
use std::sync::Arc;

use crate::ftp::content::Content;
use crate::scenario::model::{Atom, Expression, Number, Piece, Sign, Term, Text};
use crate::scenario::print::print_expression;

/// A content in a few numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// Words that tell their offset.
    Words {
        /// Which.
        seed: u64,
        /// Bytes.
        len: u64,
    },
    /// These bytes.
    Text(Vec<u8>),
    /// Text without line ends of this length, and these bytes behind it.
    Fill {
        /// Bytes.
        len: u64,
        /// What follows.
        tail: Vec<u8>,
    },
    /// Numbered lines that end in CR LF.
    Lines(u64),
}

impl Source {
    /// The bytes.
    #[must_use]
    pub fn content(&self) -> Content {
        match self {
            Self::Words { seed, len } => Content::Words { seed: *seed, len: *len },
            Self::Text(bytes) => Content::literal(bytes.as_slice()),
            Self::Fill { len, tail } => Content::Chain(vec![Content::Fill(*len), Content::literal(tail.as_slice())]),
            Self::Lines(count) => Content::Lines { count: *count, eol: Arc::from(&b"\r\n"[..]) },
        }
    }

    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Words { len, .. } => *len,
            Self::Text(bytes) => bytes.len() as u64,
            Self::Fill { len, tail } => len + tail.len() as u64,
            Self::Lines(_) => self.content().len(),
        }
    }

    /// Whether there is no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether each CR stands before a LF and each LF behind a CR: what TYPE A means without doubt.
    #[must_use]
    pub fn is_text(&self) -> bool {
        let is_text = |bytes: &[u8]| {
            let crs = bytes.iter().filter(|byte| **byte == b'\r').count();
            let lfs = bytes.iter().filter(|byte| **byte == b'\n').count();
            crs == lfs && bytes.windows(2).filter(|pair| pair == b"\r\n").count() == crs
        };
        match self {
            Self::Words { .. } => false,
            Self::Text(bytes) | Self::Fill { tail: bytes, .. } => is_text(bytes),
            Self::Lines(_) => true,
        }
    }

    /// In the notation's terms.
    #[must_use]
    pub fn expression(&self) -> Expression {
        let number = |value: u64| Number(vec![(Sign::Plus, Atom::Literal(value))]);
        Expression(match self {
            Self::Words { seed, len } => vec![Term::Bytes { size: number(*len), seed: *seed }],
            Self::Text(bytes) => vec![literal(bytes)],
            Self::Fill { len, tail } if tail.is_empty() => vec![Term::Fill(number(*len))],
            Self::Fill { len, tail } => vec![Term::Fill(number(*len)), literal(tail)],
            Self::Lines(count) => vec![Term::Lines { count: number(*count), eol: Text(vec![Piece::Literal(b"\r\n".to_vec())]) }],
        })
    }
}

/// Bytes as a text, or as hexadecimal digits where no one would read them.
pub(super) fn literal(bytes: &[u8]) -> Term {
    let readable = bytes.iter().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\r' | b'\n'));
    if readable {
        Term::Text(Text(if bytes.is_empty() { Vec::new() } else { vec![Piece::Literal(bytes.to_vec())] }))
    } else {
        Term::Hex(bytes.to_vec())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print_expression(&self.expression()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &Source, len: u64, text: bool, written: &str) {
        assert_eq!((source.len(), source.content().len(), source.is_text()), (len, len, text), "{source}");
        assert_eq!(source.to_string(), written);
    }

    #[test]
    fn a_source_knows_its_length_and_how_it_is_written() {
        check(&Source::Words { seed: 3, len: 65_536 }, 65_536, false, "bytes(64KiB, seed 3)");
        check(&Source::Text(b"a\r\n".to_vec()), 3, true, "\"a\\r\\n\"");
        check(&Source::Text(b"a\n".to_vec()), 2, false, "\"a\\n\"");
        check(&Source::Text(vec![0xff, 0]), 2, true, "x\"ff00\"");
        check(&Source::Text(Vec::new()), 0, true, "\"\"");
        check(&Source::Fill { len: 8191, tail: b"\r\nx".to_vec() }, 8194, true, "fill(8191) \"\\r\\nx\"");
        check(&Source::Fill { len: 3, tail: b"\n\r".to_vec() }, 5, false, "fill(3) \"\\n\\r\"");
        check(&Source::Lines(2), 128, true, "lines(2, \"\\r\\n\")");
    }
}
