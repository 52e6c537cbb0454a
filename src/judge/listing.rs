//! Listings and facts: names of LIST, NLST and MLSD, facts of MLST and MLSD.

use std::fmt::Write as _;

use super::bind::Unresolved;
use super::{Flow, Judge, describe};
use crate::ftp::fact::Entry;
use crate::ftp::transcript::Event;
use crate::scenario::model::{EntriesCheck, EntryNames, FactCheck, Pattern, Step, Text};

fn lines(listing: &[u8]) -> impl Iterator<Item = &[u8]> {
    listing.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty())
}

/// The name without directories in front: NLST may give either.
fn base(name: &[u8]) -> &[u8] {
    name.rsplit(|byte| *byte == b'/').next().unwrap_or(name)
}

/// How a listing that a verb brought names its entries.
enum Names {
    /// One name an entry, known to the byte.
    Exact(Vec<Vec<u8>>),
    /// Lines for people, RFC 959 section 4.1.3 LIST: the name is what a line ends in.
    Endings(Vec<Vec<u8>>),
}

fn names(verb: &str, listing: &[u8]) -> Names {
    let dots = |name: &Vec<u8>| name != b"." && name != b"..";
    match verb {
        "MLSD" => {
            // A line that is no entry is one too many.
            let name = |line: &[u8]| match Entry::parse(line) {
                Some(entry) => {
                    let kind = entry.fact("type").map(<[u8]>::to_ascii_lowercase);
                    (!matches!(kind.as_deref(), Some(b"cdir" | b"pdir"))).then_some(entry.name)
                }
                None => Some(line.to_vec()),
            };
            Names::Exact(lines(listing).filter_map(name).filter(dots).collect())
        }
        "NLST" => Names::Exact(lines(listing).map(|line| base(line).to_vec()).filter(dots).collect()),
        _ => {
            let total = |line: &&[u8]| !line.starts_with(b"total ");
            let dotted = |line: &&[u8]| !line.ends_with(b" .") && !line.ends_with(b" ..");
            Names::Endings(lines(listing).filter(total).filter(dotted).map(<[u8]>::to_vec).collect())
        }
    }
}

impl Names {
    fn has(&self, name: &[u8]) -> bool {
        match self {
            Self::Exact(names) => names.iter().any(|known| known == name),
            Self::Endings(lines) => lines.iter().any(|line| line.strip_suffix(name).is_some_and(|rest| rest.ends_with(b" "))),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Exact(names) | Self::Endings(names) => names.len(),
        }
    }
}

impl Judge<'_> {
    fn entry_names(&self, names: &EntryNames) -> Result<Vec<Vec<u8>>, Unresolved> {
        let directory = match names {
            EntryNames::Listed(names) => return names.iter().map(|name| self.bindings.bytes(name)).collect(),
            EntryNames::Laid(directory) => [self.bindings.bytes(directory)?.as_slice(), b"/"].concat(),
        };
        let below = self.case.files.iter().filter_map(|file| file.path.strip_prefix(directory.as_slice()));
        Ok(below.filter(|name| !name.contains(&b'/')).map(<[u8]>::to_vec).collect())
    }

    pub(super) fn entries(&mut self, step: &Step, check: EntriesCheck, wanted: &EntryNames, events: &[Event]) -> Flow {
        let wanted = match self.entry_names(wanted) {
            Ok(wanted) => wanted,
            Err(unresolved) => {
                let error = self.case_error(step.span, unresolved.to_string());
                self.write(step.id, error);
                return Flow::Stop;
            }
        };
        let Some(memory) = events.first().and_then(|event| self.sessions.get(&event.session)) else { return Flow::Stop };
        let names = names(&memory.listed_by, &memory.listing);
        let right = match check {
            EntriesCheck::Equal => names.len() == wanted.len() && wanted.iter().all(|name| names.has(name)),
            EntriesCheck::Has => wanted.iter().all(|name| names.has(name)),
            EntriesCheck::Lacks => !wanted.iter().any(|name| names.has(name)),
        };
        if !right {
            let seen = format!("{} entries: {}", names.len(), describe::bytes(&memory.listing));
            let wanted = many(wanted.iter().map(|name| describe::bytes(name)));
            let word = match check {
                EntriesCheck::Equal => "exactly",
                EntriesCheck::Has => "among others",
                EntriesCheck::Lacks => "none of",
            };
            self.look(step, format!("{word} {wanted}"), seen);
        }
        Flow::Go
    }

    pub(super) fn fact(&mut self, step: &Step, name: &str, of: Option<&Text>, check: &FactCheck, events: &[Event]) -> Flow {
        let of = match of.map(|of| self.bindings.bytes(of)).transpose() {
            Ok(of) => of,
            Err(unresolved) => {
                let error = self.case_error(step.span, unresolved.to_string());
                self.write(step.id, error);
                return Flow::Stop;
            }
        };
        let Some(memory) = events.first().and_then(|event| self.sessions.get(&event.session)) else { return Flow::Stop };
        let source: Vec<Vec<u8>> = match &of {
            Some(_) => lines(&memory.listing).map(<[u8]>::to_vec).collect(),
            // RFC 3659 section 7.2: the entry's line in the control reply starts with one blank; more are named elsewhere.
            None => memory.reply.iter().map(|line| line.trim_ascii_start().to_vec()).collect(),
        };
        let found = source.iter().filter_map(|line| Entry::parse(line)).find(|entry| match &of {
            Some(of) => entry.name == *of,
            None => !entry.facts.is_empty(),
        });
        let value = found.and_then(|entry| entry.fact(name).map(<[u8]>::to_vec));
        let expected = describe::step(step);
        let Some(value) = value else {
            if *check != FactCheck::Absent {
                let listing = source.iter().map(|line| describe::bytes(line)).collect::<Vec<_>>().join(" | ");
                self.look(step, expected, format!("no such fact in: {listing}"));
                return if matches!(check, FactCheck::Equal(pattern) if super::bind::binds(pattern, &self.bindings)) {
                    Flow::Stop
                } else {
                    Flow::Go
                };
            }
            return Flow::Go;
        };
        if !self.fact_fits(check, &value) {
            self.look(step, expected, format!("{name}={}", describe::bytes(&value)));
        }
        Flow::Go
    }

    fn fact_fits(&mut self, check: &FactCheck, value: &[u8]) -> bool {
        let letters = |judge: &Self, pattern: &Pattern| judge.bindings.bytes(&pattern.text).unwrap_or_default();
        let holds = |letter: &u8| value.iter().any(|byte| byte.eq_ignore_ascii_case(letter));
        match check {
            FactCheck::Equal(pattern) => self.bindings.matches_and_binds(pattern, value),
            FactCheck::Unequal(pattern) => self.bindings.matches(pattern, value).is_none(),
            FactCheck::Has(pattern) => letters(self, pattern).iter().all(holds),
            FactCheck::Lacks(pattern) => !letters(self, pattern).iter().any(holds),
            FactCheck::Present => true,
            FactCheck::Absent => false,
        }
    }
}

/// So many names are shown in full.
const SHOWN: usize = 16;

/// Names one behind the other; of many only the first.
fn many(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let mut shown = names.take(SHOWN).collect::<Vec<_>>().join(", ");
    if more > 0 {
        write!(shown, " and {more} more").expect("a string takes all");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(verb: &str, listing: &str, has: &[&str], lacks: &[&str], len: usize) {
        let names = names(verb, listing.as_bytes());
        assert_eq!(names.len(), len, "{listing:?}");
        assert!(has.iter().all(|name| names.has(name.as_bytes())), "{listing:?} has {has:?}");
        assert!(!lacks.iter().any(|name| names.has(name.as_bytes())), "{listing:?} lacks {lacks:?}");
    }

    #[test]
    fn names_of_listings() {
        check("NLST", "a.txt\r\n/sub/b c\r\n..\r\n", &["a.txt", "b c"], &["b", "sub"], 2);
        check("MLSD", "type=cdir; /\r\ntype=file;size=1;  a\r\nType=DIR; b;c\r\n", &[" a", "b;c"], &["a"], 2);
        // What is no entry counts as one too many.
        check("MLSD", "type=file; a\r\nrubbish\r\n", &["a", "rubbish"], &[], 2);
        check("LIST", "total 4\r\n-rw-r--r-- 1 u g 8 Nov 22 19:24 a b\r\n", &["a b", "b"], &["a", "24 a bc"], 1);
    }
}
