//! Reads the notation: a source text becomes a [`Scenario`], or all that is wrong with it in one go.
//!
//! Responsible for the grammar of `docs/notation.md`. Takes time in proportion to the text, whatever it holds. What lines
//! mean together (blocks, arms, unknown names) is for `expand` to say.

mod content;
mod front;
mod front_comment;
mod front_file;
mod lexer;
mod line;
mod reply;
mod step;

use super::diagnostic::{DIAGNOSTICS_MAX, Diagnostic};
use super::model::{Line, Scenario, Source, Span};

pub(super) use content::{constant, is_bare, mode, time};
pub(super) use front::places as front_places;
pub(super) use front_file::path_key;
pub(super) use lexer::literal;
pub(super) use line::{Columns, fill, fill_line, is_id, is_verbatim, line};
pub(super) use step::{front_duration, front_expression, front_size, front_text};

/// The line before and behind the front matter.
const FENCE: &str = "+++";

/// Reads one file; `id` is its path below `scenarios/` without `.ftp`.
///
/// # Errors
/// All that is wrong, in the order of the file.
pub fn parse(source: &Source, id: &str) -> Result<Scenario, Vec<Diagnostic>> {
    let text = source.text.as_str();
    let (front_at, body_at) = sections(text).map_err(|diagnostic| vec![diagnostic])?;
    let (front, mut diagnostics) = front::front(&text[front_at.start..front_at.end], front_at.start);
    let columns: Columns =
        front.each.iter().flat_map(|row| row.columns.keys().cloned()).chain(front.each.first().map(|_| "name".to_owned())).collect();
    let mut lines = Vec::new();
    for (text, base) in body_lines(text, body_at) {
        match line(text, base, &columns) {
            Ok(line) => lines.push(line),
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
        if diagnostics.len() > DIAGNOSTICS_MAX {
            diagnostics.push(Diagnostic::error(Span { start: base, end: base }, "too many errors; the rest of the file was not read"));
            break;
        }
    }
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    if diagnostics.is_empty() { Ok(Scenario { id: id.to_owned(), front, lines }) } else { Err(diagnostics) }
}

/// Reads bytes as [`parse`] does; gives the source too, which holds U+FFFD where the bytes are no UTF-8.
///
/// # Errors
/// All that is wrong, in the order of the file.
pub fn parse_bytes(name: &str, bytes: &[u8], id: &str) -> (Source, Result<Scenario, Vec<Diagnostic>>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let source = Source { name: name.to_owned(), text: text.to_owned() };
            let result = parse(&source, id);
            (source, result)
        }
        Err(error) => {
            let start = error.valid_up_to();
            let source = Source { name: name.to_owned(), text: String::from_utf8_lossy(bytes).into_owned() };
            let span = Span { start, end: start + char::REPLACEMENT_CHARACTER.len_utf8() };
            let diagnostic = Diagnostic::error(span, format!("the byte {:#04x} is no UTF-8", bytes[start]));
            (source, Err(vec![diagnostic.help("other bytes than UTF-8 are written as escapes: `\"\\xff\"` or `x\"ff\"`")]))
        }
    }
}

/// Reads one line of a body that has no table.
///
/// # Errors
/// What is wrong with it; spans count from the line's start.
pub fn parse_line(text: &str) -> Result<Line, Diagnostic> {
    line(text, 0, &Columns::new())
}

/// Where the front matter and the body stand.
pub(super) fn sections(text: &str) -> Result<(Span, usize), Diagnostic> {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    if first.trim_end() != FENCE {
        let end = first.trim_end().len();
        return Err(Diagnostic::error(Span { start: 0, end }, "the file does not start with front matter").expected("a line `+++`"));
    }
    let start = first.len();
    let mut at = start;
    for line in lines {
        if line.trim_end() == FENCE {
            return Ok((Span { start, end: at }, at + line.len()));
        }
        at += line.len();
    }
    Err(Diagnostic::error(Span { start: 0, end: FENCE.len() }, "the front matter does not end").expected("a second line `+++`"))
}

/// The body's lines without their ends (LF or CR LF), each with the place where it starts.
fn body_lines(text: &str, body_at: usize) -> impl Iterator<Item = (&str, usize)> {
    text[body_at..].split_inclusive('\n').scan(body_at, |at, line| {
        let start = *at;
        *at += line.len();
        let line = line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
        Some((line, start))
    })
}
