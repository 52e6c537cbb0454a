//! The front matter: TOML between two `+++` lines.
//!
//! Responsible for which keys there are and what form their values have. What a value means once a row's columns are
//! filled in is for `expand` to say.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::front_comment::{Comment, comments};
use super::front_file::{file_spec, path_key};
use super::lexer::{is_name, shorten};
use crate::scenario::diagnostic::{DIAGNOSTICS_MAX, Diagnostic};
use crate::scenario::model::{AccountSpec, Front, Row, Settings, Span};

/// Reads the text between the two `+++` lines; `base` is where it starts in its source.
pub(super) fn front(text: &str, base: usize) -> (Front, Vec<Diagnostic>) {
    let mut reader = Reader { base, diagnostics: Vec::new(), places: Vec::new() };
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut front = Front::default();
    reader.front(table.get_ref(), &mut front);
    reader.comments(text, &mut front);
    if !errors.is_empty() {
        // What the rest of a broken text seems to say is not worth a message.
        reader.diagnostics.clear();
    }
    let mut lines = BTreeSet::new();
    for error in errors.iter().take(DIAGNOSTICS_MAX) {
        let at = error.span().unwrap_or(0..0);
        let line_end = text.get(at.start..).and_then(|rest| rest.find('\n')).map(|end| at.start + end);
        if !lines.insert(line_end) {
            continue;
        }
        let message = error.message().lines().next().unwrap_or_default().to_owned();
        reader.error(at, message);
    }
    (front, reader.diagnostics)
}

/// Where the values of a front matter stand, by `title`, `accounts.alice`, `files.a b`, `each.retr`; for messages about filled-in values.
pub(in crate::scenario) fn places(text: &str, base: usize) -> Vec<(Span, String)> {
    let mut reader = Reader { base, diagnostics: Vec::new(), places: Vec::new() };
    reader.front(DeTable::parse_recoverable(text).0.get_ref(), &mut Front::default());
    reader.places
}

/// Collects what is wrong and where the keys stand.
pub(super) struct Reader {
    base: usize,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Keys and rows by their names in [`Front::comments`].
    places: Vec<(Span, String)>,
}

/// A key with its value, both with their places.
pub(super) struct Entry<'a> {
    pub(super) key: &'a str,
    pub(super) at: Range<usize>,
    pub(super) value: &'a Spanned<DeValue<'a>>,
}

/// The entries of a table in the order of the file.
pub(super) fn entries<'a>(table: &'a DeTable<'a>) -> Vec<Entry<'a>> {
    let mut entries: Vec<Entry<'a>> =
        table.iter().map(|(key, value)| Entry { key: key.get_ref().as_ref(), at: key.span(), value }).collect();
    entries.sort_by_key(|entry| entry.at.start);
    entries
}

impl Reader {
    pub(super) fn span(&self, range: Range<usize>) -> Span {
        Span { start: self.base + range.start, end: self.base + range.end }
    }

    pub(super) fn error(&mut self, at: Range<usize>, message: impl Into<String>) -> &mut Diagnostic {
        let span = self.span(at);
        self.diagnostics.push(Diagnostic::error(span, message));
        self.diagnostics.last_mut().expect("one was just pushed")
    }

    pub(super) fn wrong(&mut self, value: &Spanned<DeValue<'_>>, expected: &str) {
        let got = value.get_ref().type_str();
        self.error(value.span(), format!("unexpected {got}")).expected = Some(expected.to_owned());
    }

    pub(super) fn unknown(&mut self, entry: &Entry<'_>, of: &str, known: &[&str]) {
        if self.diagnostics.len() > DIAGNOSTICS_MAX {
            return;
        }
        let message = format!("no key `{}` in {of}", shorten(entry.key).escape_debug());
        let span = self.span(entry.at.clone());
        let expected = format!("one of {}", known.join(", "));
        self.diagnostics.push(Diagnostic::error(span, message).expected(expected).nearest(entry.key, known.iter().copied()));
    }

    pub(super) fn string(&mut self, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let text = value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            self.wrong(value, "a string");
        }
        text
    }

    pub(super) fn truth(&mut self, value: &Spanned<DeValue<'_>>) -> bool {
        let truth = value.get_ref().as_bool();
        if truth != Some(true) {
            self.wrong(value, "`true`");
        }
        truth == Some(true)
    }

    fn table<'a>(&mut self, value: &'a Spanned<DeValue<'a>>) -> Vec<Entry<'a>> {
        value.get_ref().as_table().map_or_else(
            || {
                self.wrong(value, "a table");
                Vec::new()
            },
            entries,
        )
    }

    fn front(&mut self, table: &DeTable<'_>, front: &mut Front) {
        for entry in entries(table) {
            self.place(entry.at.clone(), entry.key.to_owned());
            match entry.key {
                "title" => front.title = self.title(entry.value),
                "needs" => front.needs = self.needs(entry.value),
                "class" => front.slow = self.class(entry.value),
                "accounts" => {
                    for role in self.table(entry.value) {
                        self.place(role.at.clone(), format!("accounts.{}", role.key));
                        front.accounts.extend(self.account(&role));
                    }
                }
                "files" => {
                    let mut names = BTreeSet::new();
                    for file in self.table(entry.value) {
                        let (name, spec) = file_spec(self, &file);
                        self.place(file.at.clone(), format!("files.{}", path_key(&name)));
                        if !names.insert(name.clone()) {
                            self.error(file.at, "this file is there twice");
                        }
                        front.files.push((name, spec));
                    }
                }
                "server" => front.server = self.server(entry.value),
                "each" => front.each = self.each(entry.value),
                _ => self.unknown(&entry, "the front matter", &["title", "needs", "class", "accounts", "files", "server", "each"]),
            }
        }
        if !table.contains_key("title") {
            self.error(0..0, "the front matter has no title").expected =
                Some("`title = \"..\"`, what a server that passes does".to_owned());
        }
    }

    pub(super) fn place(&mut self, at: Range<usize>, name: String) {
        let span = self.span(at);
        self.places.push((span, name));
    }

    fn title(&mut self, value: &Spanned<DeValue<'_>>) -> String {
        let title = self.string(value).unwrap_or_default();
        if value.get_ref().is_str() && (title.trim().is_empty() || title.chars().any(char::is_control)) {
            self.error(value.span(), "a title is one line of text").expected = Some("what a server that passes does".to_owned());
        }
        title
    }

    fn needs(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<String> {
        let Some(array) = value.get_ref().as_array() else {
            self.wrong(value, "an array of strings");
            return Vec::new();
        };
        array.iter().filter_map(|need| self.string(need)).collect()
    }

    fn class(&mut self, value: &Spanned<DeValue<'_>>) -> bool {
        let slow = value.get_ref().as_str() == Some("slow");
        if !slow {
            self.error(value.span(), "no such class").expected = Some("`\"slow\"`, or no key".to_owned());
        }
        slow
    }

    fn account(&mut self, role: &Entry<'_>) -> Option<(String, AccountSpec)> {
        if !is_name(role.key) {
            self.error(role.at.clone(), "a role's name starts with a letter and goes on with letters, digits, `_` and `-`");
            return None;
        }
        let mut spec = AccountSpec::default();
        if let Some(letters) = role.value.get_ref().as_str() {
            letters.clone_into(&mut spec.letters);
            return Some((role.key.to_owned(), spec));
        }
        let Some(table) = role.value.get_ref().as_table() else {
            self.wrong(role.value, "a letter set, or a table with `letters`");
            return None;
        };
        for entry in entries(table) {
            match entry.key {
                "letters" => spec.letters = self.string(entry.value).unwrap_or_default(),
                "root" if entry.value.get_ref().as_str() == Some("own") => spec.own_root = true,
                "root" => self.error(entry.value.span(), "no such root").expected = Some("`\"own\"`, or no key".to_owned()),
                "anonymous" => spec.anonymous = self.truth(entry.value),
                _ => self.unknown(&entry, "an account", &["letters", "root", "anonymous"]),
            }
        }
        if !table.contains_key("letters") {
            self.error(role.at.clone(), "this account has no letters").expected = Some("`letters = \"..\"`".to_owned());
        }
        Some((role.key.to_owned(), spec))
    }

    fn server(&mut self, value: &Spanned<DeValue<'_>>) -> Settings {
        let mut settings = Settings::default();
        for entry in self.table(value) {
            self.place(entry.at.clone(), format!("server.{}", entry.key));
            match entry.key {
                "idle_timeout" => settings.idle_timeout = self.string(entry.value),
                "passive_ports" => settings.passive_ports = self.string(entry.value),
                "banner" => settings.banner = self.string(entry.value),
                _ => self.unknown(&entry, "`[server]`", &["idle_timeout", "passive_ports", "banner"]),
            }
        }
        settings
    }

    fn each(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<Row> {
        let Some(array) = value.get_ref().as_array() else {
            self.wrong(value, "an array of rows: `[[each]]`, or `each = [ { name = \"..\" } ]`");
            return Vec::new();
        };
        let mut names = BTreeSet::new();
        let mut rows = Vec::new();
        for value in array.iter() {
            let Some(table) = value.get_ref().as_table() else {
                self.wrong(value, "a row: `{ name = \"..\" }`");
                continue;
            };
            let row = self.row(table, value.span());
            self.place(value.span(), format!("each.{}", row.name));
            if !names.insert(row.name.clone()) {
                self.error(value.span(), format!("two rows have the name `{}`", shorten(&row.name).escape_debug()));
            }
            rows.push(row);
        }
        if rows.is_empty() && array.is_empty() {
            self.error(value.span(), "a table without rows").expected = Some("at least one row".to_owned());
        }
        rows
    }

    fn row(&mut self, table: &DeTable<'_>, at: Range<usize>) -> Row {
        let mut row = Row::default();
        for entry in entries(table) {
            let text = self.string(entry.value).unwrap_or_default();
            if entry.key == "name" {
                let fits = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-'));
                if !fits && entry.value.get_ref().is_str() {
                    self.error(entry.value.span(), "this cannot be a row's name").expected =
                        Some("letters, digits, `.`, `_`, `+`, `-`".to_owned());
                }
                row.name = text;
            } else if is_name(entry.key) && entry.key != "eol" {
                row.columns.insert(entry.key.to_owned(), text);
            } else {
                self.error(entry.at, "this cannot be a column's name").expected =
                    Some("a letter, then letters, digits, `_`, `-`; `eol` has a meaning of its own".to_owned());
            }
        }
        if !table.contains_key("name") {
            self.error(at, "this row has no name").expected = Some("`name = \"..\"`".to_owned());
        }
        row
    }

    /// Gives each comment to the key that comes next.
    fn comments(&mut self, text: &str, front: &mut Front) {
        self.places.sort_by_key(|(span, _)| span.start);
        for Comment { at, text: comment, alone } in comments(text) {
            if !alone {
                let help = "write it on a line of its own, above";
                self.error(at..at + 1, "a comment behind a value").help = Some(help.to_owned());
                continue;
            }
            let next = self.places.partition_point(|(span, _)| span.start < self.base + at);
            let key = self.places.get(next).map_or_else(String::new, |(_, name)| name.clone());
            front.comments.entry(key).or_default().push(comment);
        }
    }
}
