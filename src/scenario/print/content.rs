//! Content expressions, paths, states.

use super::text::{hex, number, quoted, time};
use crate::scenario::model::{DiskCheck, Expression, StatePattern, Term, Text};
use crate::scenario::parse::{is_bare, literal};

pub(super) fn expression(expression: &Expression) -> String {
    expression.0.iter().map(term).collect::<Vec<_>>().join(" ")
}

fn term(term: &Term) -> String {
    match term {
        Term::Text(text) => quoted(text),
        Term::Hex(bytes) => hex(bytes),
        Term::Fill(size) => format!("fill({})", number(size)),
        Term::Zeros(size) => format!("zeros({})", number(size)),
        Term::Bytes { size, seed } => format!("bytes({}, seed {seed})", number(size)),
        Term::Lines { count, eol } => format!("lines({}, {})", number(count), quoted(eol)),
        Term::File { name, from, to } => {
            let bare = std::str::from_utf8(name).ok().filter(|name| is_bare(name));
            let name = bare.map_or_else(|| format!("file {}", quoted(&plain(name))), str::to_owned);
            if from.is_none() && to.is_none() {
                return name;
            }
            let side = |side: &Option<_>| side.as_ref().map(number).unwrap_or_default();
            format!("{name}[{}..{}]", side(from), side(to))
        }
    }
}

fn plain(bytes: &[u8]) -> Text {
    use crate::scenario::model::Piece;
    Text(if bytes.is_empty() { Vec::new() } else { vec![Piece::Literal(bytes.to_vec())] })
}

/// A bare word where that can be read, else a string.
pub(super) fn path(path: &Text) -> String {
    let bare = literal(path).and_then(|bytes| String::from_utf8(bytes).ok()).filter(|name| is_bare(name));
    bare.unwrap_or_else(|| quoted(path))
}

pub(super) fn state(state: &StatePattern) -> String {
    match state {
        StatePattern::Absent => "absent".to_owned(),
        StatePattern::Present => "present".to_owned(),
        StatePattern::File => "file".to_owned(),
        StatePattern::Directory => "dir".to_owned(),
        StatePattern::Content(content) => expression(content),
        StatePattern::PrefixOf(content) => format!("prefix of {}", expression(content)),
    }
}

pub(super) fn disk_check(check: &DiskCheck) -> String {
    match check {
        DiskCheck::State(states) => match states.as_slice() {
            [StatePattern::Content(content)] => format!("== {}", expression(content)),
            [one @ (StatePattern::Absent | StatePattern::Present | StatePattern::File | StatePattern::Directory)] => state(one),
            _ => format!("in {{ {} }}", states.iter().map(state).collect::<Vec<_>>().join(", ")),
        },
        DiskCheck::Mode(mode) => format!("mode == {mode:o}"),
        DiskCheck::Mtime(seconds) => format!("mtime == {}", time(*seconds)),
    }
}
