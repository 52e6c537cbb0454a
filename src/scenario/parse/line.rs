//! A line: indentation, element, citations, comment; and lines that wait for a row of `[each]`.

use std::collections::BTreeSet;

use super::lexer::{Cursor, Read, is_name, is_word_char};
use super::step::{element, is_judged};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::model::{Line, LineKind, Span};

/// Deeper nesting is a mistake, and would only cost stack.
const INDENT_MAX: usize = 32;

/// The names of the columns of `[each]`.
pub(in crate::scenario) type Columns = BTreeSet<String>;

/// Reads a line without its end; `base` is where it starts in its source.
pub(in crate::scenario) fn line(text: &str, base: usize, columns: &Columns) -> Read<Line> {
    let body = text.trim_start_matches(' ');
    let blanks = text.len() - body.len();
    let trimmed = body.trim_end_matches([' ', '\t']);
    let base = base + blanks;
    let whole = Span { start: base, end: base + trimmed.len() };
    let make = |indent, kind| Line { span: whole, indent, kind, cites: Vec::new(), comment: None };
    if trimmed.is_empty() {
        return Ok(make(0, LineKind::Blank));
    }
    let level = indent(blanks, body, base)?;
    if let Some(comment) = body.strip_prefix('#') {
        return Ok(make(level, LineKind::Comment(comment_text(comment, base)?)));
    }
    if let Some(template) = template(body, base, columns)? {
        let (text, cites, comment) = template;
        return Ok(Line { span: whole, indent: level, kind: LineKind::Template(text), cites, comment });
    }
    let mut cursor = Cursor::new(body, base);
    let kind = element(&mut cursor)?;
    let span = Span { start: base, end: base + body[..cursor.at()].trim_end_matches([' ', '\t']).len() };
    let cites = cites(&mut cursor, &kind)?;
    let comment = match cursor.rest().strip_prefix('#') {
        Some(comment) => Some(comment_text(comment, base + cursor.at())?),
        None if cursor.rest().is_empty() => None,
        None => return Err(cursor.unexpected("the end of the line, citations `[id ..]` or a comment")),
    };
    Ok(Line { span, indent: level, kind, cites, comment })
}

fn indent(blanks: usize, body: &str, base: usize) -> Read<usize> {
    let here = Span { start: base - blanks, end: base };
    if body.starts_with('\t') {
        return Err(Diagnostic::error(Span { start: base, end: base + 1 }, "a tab in the indentation").expected("two blanks a level"));
    }
    if blanks % 2 == 1 && !body.starts_with('#') {
        return Err(Diagnostic::error(here, format!("an indentation of {blanks} blanks")).expected("two blanks a level"));
    }
    if blanks / 2 > INDENT_MAX {
        return Err(Diagnostic::error(here, "the line is indented too deeply").expected(format!("at most {INDENT_MAX} levels")));
    }
    Ok(blanks / 2)
}

/// What stands behind `#`, without the one blank that usually follows it.
fn comment_text(comment: &str, base: usize) -> Read<String> {
    let text = comment.strip_prefix(' ').unwrap_or(comment).trim_end();
    match text.char_indices().find(|(_, c)| c.is_control() && *c != '\t') {
        None => Ok(text.to_owned()),
        Some((at, c)) => {
            let start = base + 1 + (comment.len() - comment.strip_prefix(' ').unwrap_or(comment).len()) + at;
            Err(Diagnostic::error(Span { start, end: start + c.len_utf8() }, "a control character in a comment"))
        }
    }
}

fn cites(cursor: &mut Cursor<'_>, kind: &LineKind) -> Read<Vec<String>> {
    let start = cursor.at();
    if !cursor.eat("[") {
        return Ok(Vec::new());
    }
    let mut ids = Vec::new();
    while !cursor.rest().starts_with(']') {
        let word = cursor.peek_word();
        if !is_id(word) {
            return Err(cursor
                .unexpected("the id of a requirement, or `]`")
                .help("ids stand one behind the other with blanks: `[959-5.4-codes-retr 3659-5.3-rest-350]`"));
        }
        ids.push(cursor.word().to_owned());
    }
    cursor.demand("]")?;
    if ids.is_empty() {
        return Err(Diagnostic::error(cursor.span_from(start), "empty citations").expected("the id of a requirement"));
    }
    if !is_judged(kind) {
        return Err(Diagnostic::error(cursor.span_from(start), "this line demands nothing of the server")
            .help("cite the requirement on the expectation behind it"));
    }
    Ok(ids)
}

/// Whether a word can be the id of a requirement.
pub(in crate::scenario) fn is_id(word: &str) -> bool {
    word.contains('-') && !word.contains('/') && word.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Text, citations and comment of a line with a `{column}`; `None` where it has none.
type Template = (String, Vec<String>, Option<String>);

fn template(body: &str, base: usize, columns: &Columns) -> Read<Option<Template>> {
    if columns.is_empty() {
        return Ok(None);
    }
    if is_verbatim(body) {
        return Ok(has_column(body, columns).then(|| (body.to_owned(), Vec::new(), None)));
    }
    let words = normalize(body);
    if !has_column(&words.text, columns) {
        return Ok(None);
    }
    let comment = words.comment.map(|at| comment_text(&body[at + 1..], base + at)).transpose()?;
    let (text, cites) = split_cites(&words);
    Ok(Some((text, cites, comment)))
}

/// Whether the line is a `C>` that goes out as it stands.
pub(in crate::scenario) fn is_verbatim(body: &str) -> bool {
    let Some(rest) = body.strip_prefix("C>").filter(|rest| !rest.starts_with('>')) else { return false };
    let rest = rest.trim_start_matches([' ', '\t']);
    let raw = rest.strip_prefix("raw").is_some_and(|rest| !rest.starts_with(is_word_char));
    !(raw || rest.starts_with('"') || rest.starts_with("x\""))
}

struct Normalized {
    /// Single blanks outside strings, none at the end.
    text: String,
    /// Where the last `[` behind a blank and outside strings stands in the text.
    bracket: Option<usize>,
    /// Where the comment's `#` stands in the body.
    comment: Option<usize>,
}

fn normalize(body: &str) -> Normalized {
    let mut text = String::with_capacity(body.len());
    let (mut bracket, mut comment, mut quoted, mut escaped) = (None, None, false, false);
    for (at, c) in body.char_indices() {
        if quoted {
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else {
            let behind_blank = text.ends_with(' ');
            match c {
                ' ' | '\t' if behind_blank => continue,
                '\t' => {
                    text.push(' ');
                    continue;
                }
                '#' if behind_blank => {
                    comment = Some(at);
                    break;
                }
                '[' if behind_blank => bracket = Some(text.len()),
                '"' => quoted = true,
                _ => {}
            }
        }
        text.push(c);
    }
    if !quoted {
        text.truncate(text.trim_end_matches(' ').len());
    }
    Normalized { text, bracket, comment }
}

/// Takes `[id {column}]` off the end.
fn split_cites(words: &Normalized) -> (String, Vec<String>) {
    let whole = || (words.text.clone(), Vec::new());
    let Some(at) = words.bracket.filter(|_| words.text.ends_with(']')) else { return whole() };
    let inner = &words.text[at + 1..words.text.len() - 1];
    let is_cite = |word: &str| {
        word.chars().all(|c| is_word_char(c) || c == '{' || c == '}')
            && (word.starts_with('{') || word.contains('-'))
            && !word.contains("{{")
    };
    let ids: Vec<&str> = inner.split(' ').filter(|word| !word.is_empty()).collect();
    if ids.is_empty() || !ids.iter().all(|id| is_cite(id)) {
        return whole();
    }
    (words.text[..at].trim_end_matches(' ').to_owned(), ids.into_iter().map(str::to_owned).collect())
}

fn has_column(text: &str, columns: &Columns) -> bool {
    let mut found = false;
    places(text, |name, _| found |= columns.contains(name));
    found
}

/// Calls back for each `{name}` that is not written with doubled braces, with its name and its range.
fn places(text: &str, mut each: impl FnMut(&str, std::ops::Range<usize>)) {
    let mut at = 0;
    while let Some(open) = text[at..].find('{').map(|found| at + found) {
        let rest = &text[open + 1..];
        if rest.starts_with('{') {
            at = open + 2;
            continue;
        }
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))).unwrap_or(rest.len());
        if rest[end..].starts_with('}') && is_name(&rest[..end]) {
            each(&rest[..end], open..open + end + 2);
        }
        at = open + 1 + end;
    }
}

/// Fills `{column}` in; what `value` does not know is left as it is.
pub(in crate::scenario) fn fill<'v>(text: &str, value: impl Fn(&str) -> Option<&'v str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    places(text, |name, range| {
        if let Some(value) = value(name) {
            out.push_str(&text[from..range.start]);
            out.push_str(value);
            from = range.end;
        }
    });
    out.push_str(&text[from..]);
    out
}

/// Fills a template line: as [`fill`], and inside quotes what would end or change the string is escaped.
pub(in crate::scenario) fn fill_line<'v>(text: &str, value: impl Fn(&str) -> Option<&'v str>) -> String {
    if is_verbatim(text) {
        return fill(text, value);
    }
    let mut out = String::with_capacity(text.len());
    let (mut from, mut quoted) = (0, Quotes::default());
    places(text, |name, range| {
        let Some(value) = value(name) else { return };
        quoted.pass(&text[from..range.start]);
        out.push_str(&text[from..range.start]);
        if quoted.inside {
            escape_into(value, &mut out);
        } else {
            out.push_str(value);
        }
        from = range.end;
    });
    out.push_str(&text[from..]);
    out
}

#[derive(Default)]
struct Quotes {
    inside: bool,
    escaped: bool,
}

impl Quotes {
    fn pass(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '"' if !self.escaped => self.inside = !self.inside,
                '\\' if self.inside && !self.escaped => {
                    self.escaped = true;
                    continue;
                }
                _ => {}
            }
            self.escaped = false;
        }
    }
}

fn escape_into(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    out.push_str("\\x");
                    out.extend([byte >> 4, byte & 15].map(|nibble| char::from_digit(u32::from(nibble), 16).expect("four bits")));
                }
            }
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Columns {
        ["codes", "id", "name"].map(str::to_owned).into()
    }

    fn check(text: &str, expect: (&str, &[&str], Option<&str>)) {
        let line = line(text, 0, &columns()).unwrap();
        let LineKind::Template(got) = &line.kind else { panic!("{text} is no template: {line:?}") };
        assert_eq!(
            (got.as_str(), line.cites.iter().map(String::as_str).collect::<Vec<_>>(), line.comment.as_deref()),
            (expect.0, expect.1.to_vec(), expect.2)
        );
    }

    #[test]
    fn a_line_with_a_column_waits_for_its_row() {
        check("S>  {codes}   [{id}  a-b]  # why", ("S> {codes}", &["{id}", "a-b"], Some("why")));
        check("C>  {name}  # [x-y] ", ("C>  {name}  # [x-y] ", &[], None));
        check("S> [150 | {codes}], 425", ("S> [150 | {codes}], 425", &[], None));
        check("S> 257  \"a  \\\"{name}  # b\"", ("S> 257 \"a  \\\"{name}  # b\"", &[], None));
        check("C> \"{name}\"  # x", ("C> \"{name}\"", &[], Some("x")));
        check("S> 550 [{id}]", ("S> 550", &["{id}"], None));
    }

    #[test]
    fn a_capture_and_doubled_braces_do_not_wait() {
        let kind = |text| line(text, 0, &columns()).map(|line| line.kind);
        assert!(matches!(kind("S> 213 \"{n}\""), Ok(LineKind::Action(_))));
        assert!(matches!(kind("C> MKD {{name}}"), Ok(LineKind::Action(_))));
    }

    #[test]
    fn values_are_escaped_inside_quotes_only() {
        let fill = |text| fill_line(text, |name| (name == "name").then_some("a\"\\\r{n}"));
        assert_eq!(fill("C> {name}"), "C> a\"\\\r{n}");
        assert_eq!(fill("S> 257 \"{name}\" with {name}"), "S> 257 \"a\\\"\\\\\\x0d{n}\" with a\"\\\r{n}");
        assert_eq!(fill("S> 257 \"\\\"{name}\""), "S> 257 \"\\\"a\\\"\\\\\\x0d{n}\"");
        assert_eq!(fill("S> {{name}} {other}"), "S> {{name}} {other}");
    }

    #[test]
    fn indentation_is_two_blanks_a_level() {
        let check = |text: &str, expect: Result<usize, &str>| {
            assert_eq!(line(text, 0, &columns()).map(|line| line.indent).map_err(|error| error.message), expect.map_err(str::to_owned));
        };
        check("    alive", Ok(2));
        check("   alive", Err("an indentation of 3 blanks"));
        check("  \talive", Err("a tab in the indentation"));
        check(&format!("{}alive", " ".repeat(66)), Err("the line is indented too deeply"));
        check("   # free", Ok(1));
    }

    #[test]
    fn citations_stand_on_what_can_break() {
        let check = |text, expect: Result<&[&str], &str>| {
            let got = line(text, 0, &columns()).map(|line| line.cites).map_err(|error| error.message);
            assert_eq!(got, expect.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect()).map_err(str::to_owned));
        };
        check("S> 226 [a-b c-d.e]", Ok(&["a-b", "c-d.e"]));
        check("S> 226 []", Err("empty citations"));
        check("S> 226 [226]", Err("unexpected `226`"));
        check("flush [a-b]", Err("this line demands nothing of the server"));
        check("S>> big.bin[1..] [a-b]", Ok(&["a-b"]));
        check("S>> file \"a b\" [a-b]", Ok(&["a-b"]));
    }
}
