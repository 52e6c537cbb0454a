//! Content expressions, numbers, paths, and the states of a path.

use super::lexer::{Cursor, Read, literal};
use super::reply::is_code;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::model::{Atom, DiskCheck, Expression, Number, Piece, Sign, StatePattern, Term, Text};

/// Words that mean something where a file could stand.
pub(in crate::scenario) const RESERVED: &[&str] = &[
    "absent",
    "abort",
    "alive",
    "as",
    "block",
    "bytes",
    "close",
    "connect",
    "control",
    "cut",
    "data",
    "deviation",
    "dir",
    "disk",
    "done",
    "end",
    "entries",
    "fact",
    "fail",
    "file",
    "fill",
    "flush",
    "half-close",
    "idle",
    "from",
    "in",
    "info",
    "lines",
    "listen",
    "listener",
    "listing",
    "login",
    "match",
    "mode",
    "mtime",
    "of",
    "on",
    "pass",
    "prefix",
    "present",
    "reply",
    "split",
    "stall",
    "settle",
    "sync",
    "tls",
    "together",
    "touched",
    "unchanged",
    "until",
    "untouched",
    "with",
    "within",
    "without",
    "wellformed",
    "zeros",
];

/// Whether a file's name can stand without quotes.
pub(in crate::scenario) fn is_bare(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.'))
        && word.chars().all(super::lexer::is_word_char)
        && word.chars().any(|c| c.is_ascii_alphabetic())
        && !word.contains("..")
        && !is_code(word)
        && !RESERVED.contains(&word)
}

/// A path: a bare word or a string.
pub(super) fn path(cursor: &mut Cursor<'_>) -> Read<Text> {
    if cursor.peek() == Some('"') {
        return cursor.string();
    }
    let word = cursor.peek_word();
    if !is_bare(word) {
        return Err(cursor
            .unexpected("a path")
            .help("a path that is a word of the notation, a number, or has other characters stands in quotes"));
    }
    Ok(Text(vec![Piece::Literal(cursor.word().as_bytes().to_vec())]))
}

/// Terms up to the first thing that is none.
pub(super) fn expression(cursor: &mut Cursor<'_>) -> Read<Expression> {
    let mut terms = vec![term(cursor)?];
    while starts_term(cursor) {
        terms.push(term(cursor)?);
    }
    Ok(Expression(terms))
}

pub(super) fn starts_term(cursor: &Cursor<'_>) -> bool {
    let word = cursor.peek_word();
    cursor.rest().starts_with('"')
        || cursor.rest().starts_with("x\"")
        || is_bare(word)
        || matches!(word, "fill" | "zeros" | "bytes" | "lines" | "file")
}

fn term(cursor: &mut Cursor<'_>) -> Read<Term> {
    if cursor.peek() == Some('"') {
        return cursor.string().map(Term::Text);
    }
    if cursor.rest().starts_with("x\"") {
        return cursor.hex().map(Term::Hex);
    }
    let word = cursor.peek_word();
    match word {
        "fill" => call(cursor, |cursor| number(cursor).map(Term::Fill)),
        "zeros" => call(cursor, |cursor| number(cursor).map(Term::Zeros)),
        "bytes" => call(cursor, |cursor| {
            let size = number(cursor)?;
            cursor.demand(",")?;
            if !cursor.eat_word("seed") {
                return Err(cursor.unexpected("`seed` and a number"));
            }
            Ok(Term::Bytes { size, seed: cursor.size()? })
        }),
        "lines" => call(cursor, |cursor| {
            let count = number(cursor)?;
            cursor.demand(",")?;
            Ok(Term::Lines { count, eol: cursor.string()? })
        }),
        "file" => {
            cursor.word();
            let start = cursor.at();
            let name = cursor.string()?;
            let name = literal(&name).ok_or_else(|| Diagnostic::error(cursor.span_from(start), "a file's name has no places"))?;
            slice(cursor, name)
        }
        _ if is_bare(word) => {
            let name = word.as_bytes().to_vec();
            cursor.advance(word.len());
            slice(cursor, name)
        }
        _ => Err(cursor
            .unexpected("content: `\"..\"`, `x\"..\"`, a file, `fill(..)`, `bytes(..)`, `lines(..)`, `zeros(..)`")
            .nearest(word, ["fill", "bytes", "lines", "zeros", "file", "listing"])),
    }
}

fn call(cursor: &mut Cursor<'_>, inside: impl FnOnce(&mut Cursor<'_>) -> Read<Term>) -> Read<Term> {
    cursor.word();
    cursor.demand("(")?;
    let term = inside(cursor)?;
    cursor.demand(")")?;
    Ok(term)
}

/// `[70000..]` right behind a name; with a blank before it, a bracket starts the citations.
fn slice(cursor: &mut Cursor<'_>, name: Vec<u8>) -> Read<Term> {
    let start = cursor.at();
    if !cursor.rest().starts_with('[') || cursor.behind_blank() {
        cursor.blanks();
        return Ok(Term::File { name, from: None, to: None });
    }
    cursor.demand("[")?;
    let from = if cursor.rest().starts_with("..") { None } else { Some(number(cursor)?) };
    cursor.demand("..")?;
    let to = if cursor.rest().starts_with(']') { None } else { Some(number(cursor)?) };
    cursor.demand("]")?;
    if let (Some(low), Some(high)) = (from.as_ref().and_then(constant), to.as_ref().and_then(constant))
        && low > high
    {
        return Err(Diagnostic::error(cursor.span_from(start), "this slice ends before it starts"));
    }
    Ok(Term::File { name, from, to })
}

/// A number's value, where it has no capture and is none below zero.
pub(in crate::scenario) fn constant(number: &Number) -> Option<u64> {
    let sum = number.0.iter().try_fold(0_i128, |sum, (sign, atom)| match (sign, atom) {
        (Sign::Plus, Atom::Literal(value)) => Some(sum + i128::from(*value)),
        (Sign::Minus, Atom::Literal(value)) => Some(sum - i128::from(*value)),
        (_, Atom::Capture(_)) => None,
    });
    sum.and_then(|sum| u64::try_from(sum).ok())
}

/// `{n} - 1`, `64KiB`.
pub(super) fn number(cursor: &mut Cursor<'_>) -> Read<Number> {
    let mut atoms = vec![(Sign::Plus, atom(cursor)?)];
    loop {
        let sign = if cursor.eat("+") {
            Sign::Plus
        } else if cursor.eat("-") {
            Sign::Minus
        } else {
            return Ok(Number(atoms));
        };
        atoms.push((sign, atom(cursor)?));
    }
}

fn atom(cursor: &mut Cursor<'_>) -> Read<Atom> {
    if !cursor.eat("{") {
        return cursor.size().map(Atom::Literal);
    }
    let name = cursor.name("the name of a capture")?;
    cursor.demand("}")?;
    Ok(Atom::Capture(name))
}

/// Behind `disk PATH`.
pub(super) fn disk_check(cursor: &mut Cursor<'_>) -> Read<DiskCheck> {
    if cursor.eat("==") {
        return expression(cursor).map(|content| DiskCheck::State(vec![StatePattern::Content(content)]));
    }
    match cursor.peek_word() {
        "in" => {
            cursor.word();
            cursor.demand("{")?;
            let mut states = vec![state(cursor)?];
            while cursor.eat(",") {
                states.push(state(cursor)?);
            }
            cursor.demand("}")?;
            Ok(DiskCheck::State(states))
        }
        "absent" | "present" | "dir" | "file" => state(cursor).map(|state| DiskCheck::State(vec![state])),
        "mode" => {
            cursor.word();
            cursor.demand("==")?;
            let mode = mode(cursor.peek_word()).ok_or_else(|| cursor.unexpected("octal permission bits: `644`"))?;
            cursor.word();
            Ok(DiskCheck::Mode(mode))
        }
        "mtime" => {
            cursor.word();
            cursor.demand("==")?;
            let time = time(cursor.peek_word()).ok_or_else(|| cursor.unexpected("a time: `20200131235959`"))?;
            cursor.word();
            Ok(DiskCheck::Mtime(time))
        }
        word => {
            let words = ["in", "absent", "present", "dir", "file", "mode", "mtime"];
            Err(cursor.unexpected("`==`, `in`, `absent`, `present`, `dir`, `file`, `mode`, `mtime`").nearest(word, words))
        }
    }
}

/// Permission bits in octal.
pub(in crate::scenario) fn mode(word: &str) -> Option<u32> {
    let octal = !word.is_empty() && word.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    octal.then(|| u32::from_str_radix(word, 8).ok()).flatten().filter(|mode| *mode <= 0o7777)
}

/// `YYYYMMDDHHMMSS`, RFC 3659 section 2.3, as seconds since 1970 UTC.
pub(in crate::scenario) fn time(word: &str) -> Option<i64> {
    if word.len() != 14 || !word.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| word[from..to].parse::<i8>().ok();
    let date = jiff::civil::DateTime::new(word[..4].parse().ok()?, part(4, 6)?, part(6, 8)?, part(8, 10)?, part(10, 12)?, part(12, 14)?, 0)
        .ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(date).ok().map(jiff::Timestamp::as_second)
}

/// One state that a path or the data can be in.
pub(super) fn state(cursor: &mut Cursor<'_>) -> Read<StatePattern> {
    let plain = match cursor.peek_word() {
        "absent" => StatePattern::Absent,
        "present" => StatePattern::Present,
        "dir" => StatePattern::Directory,
        "file" if !cursor.followed_by_string() => StatePattern::File,
        "prefix" => {
            cursor.word();
            if !cursor.eat_word("of") {
                return Err(cursor.unexpected("`of` and content"));
            }
            return expression(cursor).map(StatePattern::PrefixOf);
        }
        _ => return expression(cursor).map(StatePattern::Content),
    };
    cursor.word();
    Ok(plain)
}
