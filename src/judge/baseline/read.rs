//! Reads a baseline: TOML with one table `[[known]]` a known failure; all that is wrong in one go, each with its place.

use std::ops::Range;
use std::sync::Arc;

use globset::Glob;
use jiff::civil::Date;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::look::Look;
use super::{Baseline, Entry, KNOWABLE};
use crate::judge::verdict::{Facet, Verdict};
use crate::requirement::Catalogue;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::id::IdGlob;
use crate::scenario::model::{Source, Span};

/// The keys of an entry; the first ones must be there.
const KEYS: [&str; 10] = ["id", "facet", "verdict", "looks_like", "clause", "reason", "link", "expires", "versions", "sometimes"];
const REQUIRED: usize = 6;

impl Baseline {
    /// Reads a baseline's text.
    ///
    /// # Errors
    /// All that is wrong, in the order of the text.
    pub fn read(source: Arc<Source>) -> Result<Self, Vec<Diagnostic>> {
        let mut reader = Reader { source: Arc::clone(&source), diagnostics: Vec::new() };
        let entries = reader.file();
        if reader.diagnostics.is_empty() {
            Ok(Self { source, entries })
        } else {
            reader.diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
            Err(reader.diagnostics)
        }
    }
}

struct Reader {
    source: Arc<Source>,
    diagnostics: Vec<Diagnostic>,
}

type Value<'a> = Spanned<DeValue<'a>>;

fn span(range: Range<usize>) -> Span {
    Span { start: range.start, end: range.end }
}

impl Reader {
    fn error(&mut self, at: Range<usize>, message: impl Into<String>, expected: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(span(at), message).expected(expected));
    }

    fn file(&mut self) -> Vec<Entry> {
        let text = Arc::clone(&self.source);
        let (table, errors) = DeTable::parse_recoverable(&text.text);
        for error in errors {
            let message = error.message().lines().next().unwrap_or_default().to_owned();
            self.diagnostics.push(Diagnostic::error(span(error.span().unwrap_or(0..0)), message));
        }
        let mut entries = Vec::new();
        for (key, value) in table.get_ref().iter() {
            if key.get_ref() != "known" {
                self.unknown(key, "a baseline", &["known"]);
                continue;
            }
            match value.get_ref().as_array() {
                None => self.wrong(value, "tables: `[[known]]`"),
                Some(array) => {
                    for value in array.iter() {
                        match value.get_ref().as_table() {
                            Some(table) => entries.extend(self.entry(table, value.span())),
                            None => self.wrong(value, "a table: `[[known]]`"),
                        }
                    }
                }
            }
        }
        entries
    }

    fn wrong(&mut self, value: &Value<'_>, expected: &str) {
        self.error(value.span(), format!("unexpected {}", value.get_ref().type_str()), expected);
    }

    fn unknown(&mut self, key: &Spanned<std::borrow::Cow<'_, str>>, of: &str, known: &[&str]) {
        let word = key.get_ref().as_ref();
        let message = format!("no key `{}` in {of}", word.escape_debug());
        let expected = format!("one of {}", known.join(", "));
        self.diagnostics.push(Diagnostic::error(span(key.span()), message).expected(expected).nearest(word, known.iter().copied()));
    }

    /// An entry, as far as it can be read; whether it is used depends on the diagnostics.
    fn entry(&mut self, table: &DeTable<'_>, at: Range<usize>) -> Option<Entry> {
        let line = 1 + self.source.text.as_bytes().iter().take(at.start).filter(|byte| **byte == b'\n').count();
        let cases = IdGlob::new("").ok()?;
        let mut entry = Entry {
            id: String::new(),
            cases,
            facets: Vec::new(),
            verdicts: Vec::new(),
            looks: Vec::new(),
            clauses: Vec::new(),
            reason: String::new(),
            link: None,
            expires: None,
            versions: None,
            sometimes: false,
            span: span(at.clone()),
            line,
        };
        for (key, value) in table.iter() {
            match key.get_ref().as_ref() {
                "id" => self.id(value, &mut entry),
                "facet" => entry.facets = self.words(value, "facet", &Facet::ALL, Facet::word),
                "verdict" => entry.verdicts = self.words(value, "verdict of a known failure", &KNOWABLE, Verdict::word),
                "looks_like" => entry.looks = self.texts(value).into_iter().map(|(text, _)| Look::new(text)).collect(),
                "clause" => entry.clauses = self.clauses(value),
                "reason" => entry.reason = self.text(value),
                "link" => entry.link = Some(self.text(value)),
                "expires" => entry.expires = self.date(value),
                "sometimes" => {
                    entry.sometimes = value.get_ref().as_bool() == Some(true);
                    if !entry.sometimes {
                        self.wrong(value, "`true`, or no key");
                    }
                }
                "versions" => {
                    entry.versions = match Glob::new(&self.text(value)) {
                        Ok(glob) => Some(glob.compile_matcher()),
                        Err(error) => {
                            self.error(value.span(), format!("this is no glob: {}", error.kind()), "a glob of versions, like `0.24.*`");
                            None
                        }
                    }
                }
                _ => self.unknown(key, "a known failure", &KEYS),
            }
        }
        let missing: Vec<&str> = KEYS[..REQUIRED].iter().copied().filter(|key| !table.contains_key(*key)).collect();
        if !missing.is_empty() {
            self.error(at, format!("a known failure without {}", missing.join(", ")), format!("`{} = ..`", missing[0]));
        }
        Some(entry)
    }

    fn id(&mut self, value: &Value<'_>, entry: &mut Entry) {
        entry.id = self.text(value);
        match IdGlob::new(&entry.id) {
            Ok(glob) => entry.cases = glob,
            Err(reason) => self.error(value.span(), format!("this is no glob: {reason}"), "ids of cases, like `letters/denied#{dele,rmd}`"),
        }
    }

    /// A text that says something.
    fn text(&mut self, value: &Value<'_>) -> String {
        match value.get_ref().as_str() {
            None => self.wrong(value, "a string"),
            Some(text) if text.trim().is_empty() => self.error(value.span(), "this says nothing", "some text"),
            Some(text) => return text.to_owned(),
        }
        String::new()
    }

    /// One text or several, each with its place.
    fn texts(&mut self, value: &Value<'_>) -> Vec<(String, Range<usize>)> {
        match value.get_ref().as_array() {
            None => vec![(self.text(value), value.span())],
            Some(array) if array.is_empty() => {
                self.error(value.span(), "an empty list", "at least one string");
                Vec::new()
            }
            Some(array) => array.iter().map(|value| (self.text(value), value.span())).collect(),
        }
    }

    fn words<T: Copy>(&mut self, value: &Value<'_>, what: &str, all: &[T], word_of: fn(T) -> &'static str) -> Vec<T> {
        let mut found = Vec::new();
        for (word, at) in self.texts(value) {
            match all.iter().copied().find(|one| word_of(*one) == word) {
                Some(one) => found.push(one),
                None if word.is_empty() => {}
                None => {
                    let words: Vec<&str> = all.iter().map(|one| word_of(*one)).collect();
                    let diagnostic = Diagnostic::error(span(at), format!("no {what} is called `{}`", word.escape_debug()));
                    self.diagnostics.push(diagnostic.expected(words.join(", ")).nearest(&word, words.iter().copied()));
                }
            }
        }
        found
    }

    /// Ids of requirements, or sections of RFCs.
    fn clauses(&mut self, value: &Value<'_>) -> Vec<String> {
        let catalogue = Catalogue::built_in();
        let texts = self.texts(value);
        for (text, at) in &texts {
            if !text.is_empty() && !is_section(text) && catalogue.find(text).is_none() {
                let diagnostic = Diagnostic::error(span(at.clone()), format!("no requirement is called `{}`", text.escape_debug()));
                let expected = "the id of a requirement, or `RFC 959 section 4.1.3`";
                self.diagnostics.push(diagnostic.expected(expected).nearest(text, catalogue.ids()));
            }
        }
        texts.into_iter().map(|(text, _)| text).collect()
    }

    fn date(&mut self, value: &Value<'_>) -> Option<Date> {
        let written = value.get_ref().as_datetime().filter(|written| written.time.is_none()).and_then(|written| written.date);
        let date = written
            .and_then(|day| Date::new(i16::try_from(day.year).ok()?, i8::try_from(day.month).ok()?, i8::try_from(day.day).ok()?).ok());
        if date.is_none() {
            self.wrong(value, "a day, without quotes: `2027-01-31`");
        }
        date
    }
}

/// Whether a text names an RFC: `RFC 959`, `RFC 959 section 4.1.3`, `RFC 959 Appendix II`.
pub(crate) fn is_section(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("RFC ") else { return false };
    let (number, place) = rest.split_once(' ').map_or((rest, None), |(number, place)| (number, Some(place)));
    let numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    numbered
        && place.is_none_or(|place| {
            ["section ", "sections ", "Appendix "].iter().any(|word| place.len() > word.len() && place.starts_with(word))
        })
}
