//! The entries of MLST and MLSD, RFC 3659 section 7.2: `name=value;name=value; pathname`.
//!
//! Writing and reading one line. Not here: what a fact means, and which are sent.

/// One line of MLSD, or of the inside of an MLST reply, without line end and without MLST's leading blank.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Name as written, and value, in the order of the line.
    pub facts: Vec<(String, Vec<u8>)>,
    /// All behind the first blank.
    pub name: Vec<u8>,
}

impl Entry {
    /// Reads an entry; `None` where a fact has no `=`, no closing `;`, or there is no blank before the name.
    ///
    /// Values may hold any byte but `;` and blank: the grammar is not tightened here.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let blank = line.iter().position(|byte| *byte == b' ')?;
        let (facts, name) = (&line[..blank], line[blank + 1..].to_vec());
        if facts.is_empty() {
            return Some(Self { facts: Vec::new(), name });
        }
        let facts = facts.strip_suffix(b";")?.split(|byte| *byte == b';').map(parse_fact).collect::<Option<Vec<_>>>()?;
        Some(Self { facts, name })
    }

    /// The value of a fact; names are compared without case (section 7.5).
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&[u8]> {
        self.facts.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
    }

    /// Adds a fact at the end.
    pub fn push(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.facts.push((name.to_owned(), value.into()));
    }

    /// The line, without its end; with no facts the blank stays (section 7.2).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut line = Vec::new();
        for (name, value) in &self.facts {
            line.extend_from_slice(name.as_bytes());
            line.push(b'=');
            line.extend_from_slice(value);
            line.push(b';');
        }
        line.push(b' ');
        line.extend_from_slice(&self.name);
        line
    }
}

fn parse_fact(fact: &[u8]) -> Option<(String, Vec<u8>)> {
    let equals = fact.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
    Some((String::from_utf8_lossy(&fact[..equals]).into_owned(), fact[equals + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(line: &str, expect: Option<(&[(&str, &str)], &str)>) {
        let entry = Entry::parse(line.as_bytes());
        let want = expect.map(|(facts, name)| Entry {
            facts: facts.iter().map(|(fact, value)| ((*fact).to_owned(), value.as_bytes().to_vec())).collect(),
            name: name.as_bytes().to_vec(),
        });
        assert_eq!(entry, want, "{line}");
        if let Some(entry) = entry {
            assert_eq!(String::from_utf8_lossy(&entry.to_bytes()), line);
        }
    }

    #[test]
    fn entries_read_as_the_grammar_says() {
        check("type=file;size=3; a b", Some((&[("type", "file"), ("size", "3")], "a b")));
        check("Type=OS.unix=slink:/x;  lead", Some((&[("Type", "OS.unix=slink:/x")], " lead")));
        check(" name", Some((&[], "name")));
        check("perm=; f;x=y", Some((&[("perm", "")], "f;x=y")));
        check("type=file;", None);
        check("type=file name", None);
        check("type; name", None);
        check("=x; name", None);
        check("", None);
    }

    #[test]
    fn facts_are_found_without_case() {
        let entry = Entry::parse(b"UNIX.mode=0644; f").unwrap();
        assert_eq!(entry.fact("unix.MODE"), Some(b"0644".as_slice()));
        assert_eq!(entry.fact("size"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_what_reads_writes_back(line in prop::collection::vec(prop::sample::select(b"a=; \xff".to_vec()), 0..20)) {
            if let Some(entry) = Entry::parse(&line).filter(|_| line.is_ascii()) {
                prop_assert_eq!(entry.to_bytes(), line);
            }
        }
    }
}
