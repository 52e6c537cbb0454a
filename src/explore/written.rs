//! Bytes in the notation's terms: as a part of what was sent, where they are one, else as they are.

use super::model::{LAID, laid_content};
use super::source::{Source, literal};
use crate::scenario::model::{Atom, Expression, FileKind, Number, Sign, Term};
use crate::scenario::print::print_expression;

/// Bytes up to here are written as they are.
const SHORT: usize = 40;
/// A part of a source is told by so many bytes of it.
const TELLING: usize = 8;

/// What was sent in a sequence, and which of it a fixture must hold because parts of it are named.
#[derive(Debug)]
pub(super) struct Written {
    sources: Vec<Source>,
    bytes: Vec<Vec<u8>>,
    named: Vec<bool>,
    laid: bool,
}

impl Written {
    /// For a sequence that sends these.
    pub(super) fn new<'s>(sources: impl Iterator<Item = &'s Source>) -> Self {
        let mut all: Vec<Source> = Vec::new();
        for source in sources {
            if !all.contains(source) {
                all.push(source.clone());
            }
        }
        let bytes = all.iter().map(|source| source.content().to_vec()).collect();
        Self { named: vec![false; all.len()], sources: all, bytes, laid: false }
    }

    /// The whole of a source.
    pub(super) fn whole(&self, source: &Source) -> String {
        match self.place(source) {
            Some(place) if self.named[place] => name(place),
            _ => source.to_string(),
        }
    }

    /// Makes a source a file of the fixture, and gives its name: to be sliced.
    pub(super) fn name(&mut self, source: &Source) -> String {
        match self.place(source) {
            Some(place) => {
                self.named[place] = true;
                name(place)
            }
            None => source.to_string(),
        }
    }

    fn place(&self, source: &Source) -> Option<usize> {
        self.sources.iter().position(|known| known == source)
    }

    /// Any bytes.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> String {
        if let Some(place) = self.bytes.iter().position(|known| known == bytes).filter(|_| bytes.len() > SHORT) {
            return self.whole(&self.sources[place].clone());
        }
        if bytes.len() <= SHORT {
            return print_expression(&Expression(vec![literal(bytes)]));
        }
        print_expression(&Expression(self.terms(bytes)))
    }

    /// Bytes as parts of sources, one behind the other, and what is none of them as it is.
    fn terms(&mut self, bytes: &[u8]) -> Vec<Term> {
        let mut terms = Vec::new();
        let (mut at, mut loose) = (0, 0);
        while at < bytes.len() {
            let found = self.longest(&bytes[at..]);
            let Some((place, from, len)) = found else {
                at += 1;
                continue;
            };
            if loose < at {
                terms.push(literal(&bytes[loose..at]));
            }
            self.named[place] = true;
            let number = |value: usize| Some(Number(vec![(Sign::Plus, Atom::Literal(value as u64))]));
            let all = self.bytes[place].len();
            let (from, to) = (if from == 0 { None } else { number(from) }, if from + len == all { None } else { number(from + len) });
            terms.push(Term::File { name: name(place).into_bytes(), from, to });
            at += len;
            loose = at;
        }
        if loose < bytes.len() {
            terms.push(literal(&bytes[loose..]));
        }
        terms
    }

    /// The longest part of a source that these bytes begin with.
    fn longest(&self, bytes: &[u8]) -> Option<(usize, usize, usize)> {
        let head = &bytes[..TELLING.min(bytes.len())];
        let parts = self.bytes.iter().enumerate().flat_map(|(place, source)| {
            let starts = source.windows(head.len()).enumerate().filter(move |(_, window)| *window == head).map(|(from, _)| from);
            starts.take(16).map(move |from| {
                let len = source[from..].iter().zip(bytes).take_while(|(one, two)| one == two).count();
                (place, from, len)
            })
        });
        parts.filter(|(_, _, len)| *len >= TELLING).max_by_key(|(_, _, len)| *len)
    }

    /// A path of the sequence was looked at: the file that was laid is part of the fixture where it is that.
    pub(super) fn touch(&mut self, path: &[u8]) {
        self.laid |= path.rsplit(|byte| *byte == b'/').next() == Some(LAID);
    }

    /// The file that was laid is part of the fixture.
    pub(super) fn uses_laid(&mut self) {
        self.laid = true;
    }

    /// The files of the fixture; the one that was laid has a time.
    pub(super) fn fixture(&self) -> Vec<(Vec<u8>, FileKind, bool)> {
        let named = self.sources.iter().enumerate().filter(|(place, _)| self.named[*place]);
        let mut files: Vec<(Vec<u8>, FileKind, bool)> = named
            .map(|(place, source)| {
                let kind = match source {
                    Source::Words { seed, len } => FileKind::Generated { size: len.to_string(), seed: *seed },
                    other => FileKind::Expression(other.to_string()),
                };
                (name(place).into_bytes(), kind, false)
            })
            .collect();
        if self.laid {
            let text = String::from_utf8_lossy(&laid_content().to_vec()).into_owned();
            files.push((LAID.to_vec(), FileKind::Text(text), true));
        }
        files
    }
}

fn name(place: usize) -> String {
    format!("source{}.bin", place + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_parts_of_what_was_sent() {
        let words = Source::Words { seed: 1, len: 1000 };
        let text = Source::Text(b"ab".to_vec());
        let mut written = Written::new([&words, &text, &words].into_iter());
        let all = words.content().to_vec();
        assert_eq!(written.bytes(b"ab"), "\"ab\"");
        assert_eq!(written.bytes(&all), "bytes(1000, seed 1)");
        assert!(written.fixture().is_empty());
        let mixed = [&all[..500], b"xy", &all[100..]].concat();
        assert_eq!(written.bytes(&mixed), "source1.bin[..500] \"xy\" source1.bin[100..]");
        assert_eq!(written.fixture(), [(b"source1.bin".to_vec(), FileKind::Generated { size: "1000".to_owned(), seed: 1 }, false)]);
        assert_eq!(written.whole(&words), "source1.bin");
        written.touch(b"/old.txt");
        assert_eq!(written.fixture().len(), 2);
    }
}
