//! The front matter with a row filled in: roles with letters, fixtures with content, settings that can be read.

use std::collections::BTreeSet;

use crate::ftp::letter::Letters;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::model::{
    Atom, Expression, FileKind, FileSpec, FixtureFile, FixtureNode, Number, Piece, Role, Scenario, Settings, Sign, Source, Span, Term, Text,
};
use crate::scenario::parse;

use super::row::Values;

/// What a row's front matter says.
pub(super) struct Fixture {
    pub(super) title: String,
    pub(super) needs: Vec<String>,
    pub(super) roles: Vec<Role>,
    pub(super) files: Vec<FixtureFile>,
    pub(super) settings: Settings,
}

/// Where the keys of the front matter stand.
pub(super) struct Place(Vec<(Span, String)>);

impl Place {
    pub(super) fn new(source: &Source) -> Self {
        let places = parse::sections(&source.text).map(|(front, _)| parse::front_places(&source.text[front.start..front.end], front.start));
        Self(places.unwrap_or_default())
    }

    pub(super) fn key(&self, name: &str) -> Span {
        self.0.iter().find(|(_, known)| known == name).map_or_else(Span::default, |(span, _)| *span)
    }

    /// The key of the n-th entry of a table.
    fn entry(&self, table: &str, n: usize) -> Span {
        let of = |name: &str| name.strip_prefix(table).is_some_and(|rest| rest.starts_with('.'));
        self.0.iter().filter(|(_, name)| of(name)).nth(n).map_or_else(Span::default, |(span, _)| *span)
    }
}

pub(super) fn fixture(scenario: &Scenario, values: &Values<'_>, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> Fixture {
    let front = &scenario.front;
    let title = values.fill(&front.title, place.key("title"), diagnostics).unwrap_or_default();
    let needs = front.needs.iter().filter_map(|need| values.fill(need, place.key("needs"), diagnostics)).collect();
    let mut roles = Vec::new();
    for (n, (name, spec)) in front.accounts.iter().enumerate() {
        let span = place.entry("accounts", n);
        let letters = values.fill(&spec.letters, span, diagnostics).unwrap_or_default();
        let letters = letter_set(&letters).unwrap_or_else(|message| {
            let help = "a letter set is `elr`, `all`, `all - d` or `e + d`; the letters are e l r a d f m w M T";
            diagnostics.push(Diagnostic::error(span, message).help(help));
            Letters::NONE
        });
        roles.push(Role { name: name.clone(), letters, own_root: spec.own_root, anonymous: spec.anonymous });
    }
    let mut files: Vec<FixtureFile> = Vec::new();
    let mut paths = BTreeSet::new();
    for (n, (name, spec)) in front.files.iter().enumerate() {
        let span = place.entry("files", n);
        let reader = FileReader { values, span };
        let Some(file) = reader.file(name, spec, diagnostics) else { continue };
        let entries = if let FileKind::Entries(count) = spec.what { count } else { 0 };
        for file in std::iter::once(file.clone()).chain((1..=entries).map(|n| entry(&file.path, n))) {
            if !paths.insert(file.path.clone()) {
                diagnostics.push(Diagnostic::error(span, "this file is there twice"));
            }
            files.push(file);
        }
    }
    Fixture { title, needs, roles, files, settings: settings(&front.server, values, place, diagnostics) }
}

/// The n-th file of a directory that was made by `entries`.
fn entry(directory: &[u8], n: u64) -> FixtureFile {
    let name = format!("e{n:04}").into_bytes();
    let content = Expression(vec![Term::Text(Text(vec![Piece::Literal(name.clone())]))]);
    FixtureFile { path: [directory, b"/", &name].concat(), node: FixtureNode::File(content), mtime: None, mode: None }
}

fn settings(settings: &Settings, values: &Values<'_>, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> Settings {
    let mut fill = |key: &str, text: &Option<String>, check: fn(&str) -> bool, expected: &str| {
        let span = place.key(&format!("server.{key}"));
        let filled = values.fill(text.as_deref()?, span, diagnostics)?;
        if !check(&filled) {
            diagnostics.push(Diagnostic::error(span, format!("`{key}` cannot be `{}`", filled.escape_debug())).expected(expected));
        }
        Some(filled)
    };
    Settings {
        idle_timeout: fill("idle_timeout", &settings.idle_timeout, |text| parse::front_duration(text).is_ok(), "a duration: `2s`"),
        passive_ports: fill("passive_ports", &settings.passive_ports, is_port_range, "a range of ports: `40000-40010`"),
        banner: fill("banner", &settings.banner, |text| !text.chars().any(char::is_control), "one line of text"),
    }
}

fn is_port_range(text: &str) -> bool {
    let ports = text.split_once('-').and_then(|(from, to)| Some((from.trim().parse::<u16>().ok()?, to.trim().parse::<u16>().ok()?)));
    ports.is_some_and(|(from, to)| from > 0 && from <= to)
}

/// Reads a letter set: `elr`, `all`, `all - d`, `e + d`, or nothing.
///
/// # Errors
/// What is wrong with it, in words.
pub fn letter_set(text: &str) -> Result<Letters, String> {
    let mut set = Letters::NONE;
    let mut rest = text.trim();
    let mut minus = false;
    while !rest.is_empty() {
        let end = rest.find(['+', '-']).unwrap_or(rest.len());
        let operand = match rest[..end].trim() {
            "" => return Err(format!("the letter set `{}` has a sign without letters", text.escape_debug())),
            "all" => Letters::ALL,
            letters => Letters::parse(letters).map_err(|c| format!("`{}` is no permission letter", c.escape_debug()))?,
        };
        set = if minus { set.minus(operand) } else { set.union(operand) };
        let sign = rest[end..].chars().next();
        minus = sign == Some('-');
        rest = rest[end..].get(1..).unwrap_or_default().trim_start();
        if sign.is_some() && rest.is_empty() {
            return Err(format!("the letter set `{}` ends with a sign", text.escape_debug()));
        }
    }
    Ok(set)
}

struct FileReader<'a> {
    values: &'a Values<'a>,
    span: Span,
}

impl FileReader<'_> {
    fn file(&self, name: &[u8], spec: &FileSpec, diagnostics: &mut Vec<Diagnostic>) -> Option<FixtureFile> {
        let path = self.path(name, diagnostics)?;
        let node = self.node(&spec.what, diagnostics)?;
        let mtime = spec.mtime.as_ref().and_then(|text| self.value(text, parse::time, "a time: `20200131235959`", diagnostics));
        let mode = spec.mode.as_ref().and_then(|text| self.value(text, parse::mode, "octal permission bits: `644`", diagnostics));
        Some(FixtureFile { path, node, mtime, mode })
    }

    fn value<T>(&self, text: &str, read: fn(&str) -> Option<T>, expected: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<T> {
        let filled = self.values.fill(text, self.span, diagnostics)?;
        let value = read(&filled);
        if value.is_none() {
            diagnostics.push(Diagnostic::error(self.span, format!("`{}` does not fit", filled.escape_debug())).expected(expected));
        }
        value
    }

    fn path(&self, name: &[u8], diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<u8>> {
        let path = match std::str::from_utf8(name) {
            Ok(text) => self.values.fill(text, self.span, diagnostics)?.into_bytes(),
            Err(_) => name.to_vec(),
        };
        let odd = path.split(|byte| *byte == b'/').any(|part| matches!(part, b"" | b"." | b".."));
        if odd || path.contains(&0) {
            let message = "a file of the fixture stands below the root: no leading `/`, no `.`, `..` or empty part, no NUL";
            diagnostics.push(Diagnostic::error(self.span, message));
            return None;
        }
        Some(path)
    }

    fn node(&self, kind: &FileKind, diagnostics: &mut Vec<Diagnostic>) -> Option<FixtureNode> {
        let expression = match kind {
            FileKind::Directory | FileKind::Entries(_) => return Some(FixtureNode::Directory),
            FileKind::Link(target) => {
                return self.values.fill(target, self.span, diagnostics).map(|target| FixtureNode::Link(target.into_bytes()));
            }
            FileKind::Text(text) => {
                self.read(text, |text| parse::front_text(text).map(|text| Expression(vec![Term::Text(text)])), diagnostics)
            }
            FileKind::Expression(text) => self.read(text, parse::front_expression, diagnostics),
            FileKind::Bytes(bytes) => Some(Expression(vec![Term::Hex(bytes.clone())])),
            FileKind::Hole(size) => self.read(size, parse::front_size, diagnostics).map(|size| Expression(vec![Term::Zeros(number(size))])),
            FileKind::Generated { size, seed } => self
                .read(size, parse::front_size, diagnostics)
                .map(|size| Expression(vec![Term::Bytes { size: number(size), seed: *seed }])),
        }?;
        if needs_server(&expression) {
            let message = "a file of the fixture holds a place or another file";
            diagnostics.push(Diagnostic::error(self.span, message).help("only `{eol}` is known before the first line"));
        }
        Some(FixtureNode::File(expression))
    }

    fn read<T>(&self, text: &str, read: impl FnOnce(&str) -> Result<T, Diagnostic>, diagnostics: &mut Vec<Diagnostic>) -> Option<T> {
        let filled = self.values.fill(text, self.span, diagnostics)?;
        read(&filled)
            .map_err(|diagnostic| {
                let shown: String = filled.chars().take(60).collect();
                let message = format!("in `{}`: {}", shown.escape_debug(), diagnostic.message);
                diagnostics.push(Diagnostic { span: self.span, message, ..diagnostic });
            })
            .ok()
    }
}

/// Whether content names what is not known when a fixture is laid.
fn needs_server(content: &Expression) -> bool {
    let capture = |number: &Number| number.0.iter().any(|(_, atom)| matches!(atom, Atom::Capture(_)));
    let place = |text: &Text| text.0.iter().any(|piece| !matches!(piece, Piece::Literal(_) | Piece::Eol));
    content.0.iter().any(|term| match term {
        Term::File { .. } => true,
        Term::Text(text) => place(text),
        Term::Lines { count, eol } => capture(count) || place(eol),
        Term::Fill(number) | Term::Zeros(number) | Term::Bytes { size: number, .. } => capture(number),
        Term::Hex(_) => false,
    })
}

fn number(value: u64) -> Number {
    Number(vec![(Sign::Plus, Atom::Literal(value))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letter_sets_add_and_subtract() {
        let check = |text, expect: Result<&str, &str>| {
            assert_eq!(letter_set(text).map(|set| set.to_string()), expect.map(str::to_owned).map_err(str::to_owned), "{text}");
        };
        check("elr", Ok("elr"));
        check("", Ok(""));
        check("all", Ok("elradfmwMT"));
        check("all - d", Ok("elrafmwMT"));
        check("all-dw+d", Ok("elradfmMT"));
        check("e + d", Ok("ed"));
        check("elx", Err("`x` is no permission letter"));
        check("all -", Err("the letter set `all -` ends with a sign"));
        check("- d", Err("the letter set `- d` has a sign without letters"));
    }

    #[test]
    fn port_ranges_go_up() {
        let check = |text, expect| assert_eq!(is_port_range(text), expect, "{text}");
        check("40000-40010", true);
        check("2-1", false);
        check("0-1", false);
        check("40000", false);
    }
}
