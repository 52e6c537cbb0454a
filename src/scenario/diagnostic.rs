//! What is wrong with a scenario file, and how it is shown: file, line, column, the line with a caret, what was expected.
//!
//! Responsible for the value and its rendering. Does not decide what is wrong, and prints nothing.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::model::{Source, Span};

/// How grave a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The file does not mean anything.
    Error,
    /// The file means something, and probably not what its writer wants.
    Lint,
}

/// Something wrong at a place of a source text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or lint.
    pub severity: Severity,
    /// Where, in bytes of [`Source::text`].
    pub span: Span,
    /// What is wrong: lowercase, no full stop.
    pub message: String,
    /// What would be right there: `a reply code`.
    pub expected: Option<String>,
    /// The nearest word that exists.
    pub nearest: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

/// Longer words are no typing errors of ours; comparing them would only cost time.
const WORD_MAX: usize = 64;
/// More diagnostics than this help nobody.
pub(super) const DIAGNOSTICS_MAX: usize = 500;

impl Diagnostic {
    /// An error at a place.
    #[must_use]
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, span, message: message.into(), expected: None, nearest: None, help: None }
    }

    /// An error at a value of a TOML file.
    pub fn error_at<T>(value: &toml::Spanned<T>, message: impl Into<String>) -> Self {
        let range = value.span();
        Self::error(Span { start: range.start, end: range.end }, message)
    }

    /// What the TOML library says of a file, in our words. It names what it does not know, and what it knows, in backticks.
    #[must_use]
    pub fn of_toml(error: &toml::de::Error) -> Self {
        let range = error.span().unwrap_or(0..0);
        let span = Span { start: range.start, end: range.end };
        let message = error.message().lines().next().unwrap_or_default();
        let mut words = message.split('`').skip(1).step_by(2);
        let what = if message.starts_with("unknown field") {
            "key"
        } else if message.starts_with("unknown variant") {
            "value"
        } else {
            return Self::error(span, message);
        };
        let word = words.next().unwrap_or_default();
        let known: Vec<&str> = words.collect();
        let expected = if let [only] = known[..] { only.to_owned() } else { format!("one of {}", known.join(", ")) };
        Self::error(span, format!("no {what} `{}` here", word.escape_debug())).expected(expected).nearest(word, known)
    }

    /// A lint at a place.
    #[must_use]
    pub fn lint(span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Lint, ..Self::error(span, message) }
    }

    /// Says what would be right there.
    #[must_use]
    pub fn expected(mut self, what: impl Into<String>) -> Self {
        self.expected = Some(what.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, what: impl Into<String>) -> Self {
        self.help = Some(what.into());
        self
    }

    /// Names the one of `words` that is nearest to `word`, if one is near.
    #[must_use]
    pub fn nearest<'a>(mut self, word: &str, words: impl IntoIterator<Item = &'a str>) -> Self {
        self.nearest = nearest(word, words).map(str::to_owned);
        self
    }

    /// Line and column of the place, both from 1, the column in characters.
    #[must_use]
    pub fn position(&self, source: &Source) -> (usize, usize) {
        let place = Place::of(self.span, &source.text);
        (place.number, source.text[place.start..place.from].chars().count() + 1)
    }

    /// The message with the line that it is about, a caret, and what would be right; several lines, the last one without an end.
    #[must_use]
    pub fn render(&self, source: &Source, color: bool) -> String {
        let place = Place::of(self.span, &source.text);
        let line = &source.text[place.start..place.end];
        let label = self.expected.as_ref().map(|what| format!("expected {what}"));
        let mut mark = AnnotationKind::Primary.span(place.from - place.start..place.to - place.start);
        if let Some(label) = &label {
            mark = mark.label(label.as_str());
        }
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Lint => Level::WARNING.with_name("lint"),
        };
        let mut group = level
            .primary_title(self.message.as_str())
            .element(Snippet::source(line).line_start(place.number).path(source.name.as_str()).annotation(mark));
        let nearest = self.nearest.as_ref().map(|word| format!("did you mean `{word}`?"));
        for help in [&nearest, &self.help].into_iter().flatten() {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }
}

/// In the order of the file, each message once a place.
pub(super) fn settle(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| (a.span.start, a.span.end, &a.message).cmp(&(b.span.start, b.span.end, &b.message)));
    diagnostics.dedup_by(|a, b| a.span.start == b.span.start && a.span.end == b.span.end && a.message == b.message);
}

/// The line in which a span starts, and the part of it that the span covers.
struct Place {
    number: usize,
    start: usize,
    end: usize,
    from: usize,
    to: usize,
}

impl Place {
    fn of(span: Span, text: &str) -> Self {
        let from = floor(text, span.start);
        let start = text[..from].rfind('\n').map_or(0, |at| at + 1);
        let end = text[from..].find('\n').map_or(text.len(), |at| from + at);
        let to = floor(text, span.end).clamp(from, end);
        Self { number: text[..start].bytes().filter(|byte| *byte == b'\n').count() + 1, start, end, from, to }
    }
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The word that is nearest to `word`, if one is near enough to be meant.
#[must_use]
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.is_empty() || word.len() > WORD_MAX {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    let limit = (word.chars().count() / 3).clamp(1, 12);
    words
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Source {
        Source { name: "scenarios/a.ftp".to_owned(), text: "+++\nlogn älice\n".to_owned() }
    }

    #[test]
    fn a_message_shows_the_line_and_what_would_be_right() {
        let diagnostic =
            Diagnostic::error(Span { start: 4, end: 8 }, "unknown word `logn`").expected("a step").nearest("logn", ["login", "data"]);
        insta::assert_snapshot!(diagnostic.render(&source(), false), @r"
        error: unknown word `logn`
         --> scenarios/a.ftp:2:1
          |
        2 | logn älice
          | ^^^^ expected a step
          |
          = help: did you mean `login`?
        ");
    }

    #[test]
    fn columns_count_characters_and_any_span_is_shown() {
        let check = |start, end, expect| {
            let diagnostic = Diagnostic::error(Span { start, end }, "x");
            assert_eq!(diagnostic.position(&source()), expect);
            assert!(!diagnostic.render(&source(), true).is_empty());
        };
        check(11, 13, (2, 7));
        check(10, 10, (2, 6));
        check(16, 900, (3, 1));
        check(900, 3, (3, 1));
    }

    #[test]
    fn only_near_words_are_nearest() {
        let check = |word, expect| assert_eq!(nearest(word, ["login", "listen", "alive"]), expect);
        check("LOGIN", Some("login"));
        check("alvie", Some("alive"));
        check("frobnicate", None);
        check(&"l".repeat(100_000), None);
    }
}
