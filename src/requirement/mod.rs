//! The catalogue of what the RFCs demand of servers: ids, levels, where each comes from. Pure.
//!
//! Responsible for reading `requirements/*.toml`, which are part of the binary, and for finding an entry or the nearest
//! to a wrong id. Does not know which scenarios cite what.

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// The catalogue's files: name and text.
const FILES: [(&str, &str); 14] = [
    ("rfc959", include_str!("../../requirements/rfc959.toml")),
    ("rfc1123", include_str!("../../requirements/rfc1123.toml")),
    ("rfc1639", include_str!("../../requirements/rfc1639.toml")),
    ("rfc2228", include_str!("../../requirements/rfc2228.toml")),
    ("rfc2389", include_str!("../../requirements/rfc2389.toml")),
    ("rfc2428", include_str!("../../requirements/rfc2428.toml")),
    ("rfc2577", include_str!("../../requirements/rfc2577.toml")),
    ("rfc2640", include_str!("../../requirements/rfc2640.toml")),
    ("rfc3659", include_str!("../../requirements/rfc3659.toml")),
    ("rfc4217", include_str!("../../requirements/rfc4217.toml")),
    ("rfc7151", include_str!("../../requirements/rfc7151.toml")),
    ("letters", include_str!("../../requirements/letters.toml")),
    ("defacto", include_str!("../../requirements/defacto.toml")),
    ("security", include_str!("../../requirements/security.toml")),
];

/// How binding a requirement is; from the laxest to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// A choice that is left to the server.
    May,
    /// Broken: a deviation.
    Should,
    /// In no RFC; clients rely on it. Broken: a failure.
    Defacto,
    /// Hardening. Broken: a failure.
    Security,
    /// As written, or imperative text of an RFC that predates the word. Broken: a failure.
    Must,
}

impl Level {
    /// All, the strictest first.
    pub const ALL: [Self; 5] = [Self::Must, Self::Security, Self::Defacto, Self::Should, Self::May];

    /// The word in the catalogue and in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::May => "MAY",
            Self::Should => "SHOULD",
            Self::Defacto => "DEFACTO",
            Self::Security => "SECURITY",
            Self::Must => "MUST",
        }
    }

    /// The level that a word names, in any case.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.word().eq_ignore_ascii_case(word))
    }

    /// The strictest of some levels; `None` of none.
    pub fn strictest(levels: impl IntoIterator<Item = Self>) -> Option<Self> {
        levels.into_iter().max()
    }

    /// Whether breaking it fails a run.
    #[must_use]
    pub const fn is_binding(self) -> bool {
        match self {
            Self::May | Self::Should => false,
            Self::Defacto | Self::Security | Self::Must => true,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// One demand on servers. `requirements/README.md` describes the keys.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Unique and never renumbered.
    pub id: String,
    /// The RFC's number; 0 where there is none.
    pub rfc: u32,
    /// The section of the RFC, or another source in words.
    pub section: String,
    /// How binding it is.
    pub level: Level,
    /// What it is about: `login`, `resume`.
    pub topic: String,
    /// The demand.
    pub statement: String,
    /// What a client does on the wire and what it must see.
    pub observable: String,
    /// Every code that may appear, the preferred first.
    #[serde(default)]
    pub codes: Vec<u16>,
    /// What must be there for it to apply.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Contradictions, the stance taken, what servers were seen to do.
    #[serde(default)]
    pub notes: String,
    /// Why it cannot be tested from outside, where that is so.
    #[serde(default)]
    pub untestable: Option<String>,
}

impl Requirement {
    /// Where it stands, in words: `RFC 3659 section 5.3`, `draft-somers-ftp-mfxx 3.1`, `security`.
    #[must_use]
    pub fn clause(&self) -> String {
        match (self.rfc, self.section.as_str()) {
            (0, "-" | "") => format!("no RFC ({})", self.topic),
            (0, section) => section.to_owned(),
            (959, "A2") => "RFC 959 Appendix II".to_owned(),
            (rfc, "-" | "") => format!("RFC {rfc}"),
            (rfc, sections) if sections.contains(',') => format!("RFC {rfc} sections {sections}"),
            (rfc, section) => format!("RFC {rfc} section {section}"),
        }
    }
}

/// A file of the catalogue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    requirement: Vec<Requirement>,
}

/// All requirements, in the order of the files.
#[derive(Debug)]
pub struct Catalogue {
    all: Vec<Requirement>,
    places: HashMap<String, usize>,
}

impl Catalogue {
    /// The catalogue that is part of the binary.
    #[must_use]
    pub fn built_in() -> &'static Self {
        static BUILT_IN: OnceLock<Catalogue> = OnceLock::new();
        BUILT_IN.get_or_init(|| {
            let files = FILES.iter().map(|(_, text)| toml::from_str::<File>(text).expect("a test reads all files of the catalogue"));
            Self::new(files.flat_map(|file| file.requirement).collect())
        })
    }

    fn new(all: Vec<Requirement>) -> Self {
        let places = all.iter().enumerate().map(|(place, requirement)| (requirement.id.clone(), place)).collect();
        Self { all, places }
    }

    /// The requirement with this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Requirement> {
        self.places.get(id).map(|place| &self.all[*place])
    }

    /// All, in the order of the files.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Requirement> {
        self.all.iter()
    }

    /// All ids, in the order of the files.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.all.iter().map(|requirement| requirement.id.as_str())
    }

    /// The topics, sorted, each once.
    #[must_use]
    pub fn topics(&self) -> Vec<&str> {
        let mut topics: Vec<&str> = self.all.iter().map(|requirement| requirement.topic.as_str()).collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    /// The id that is most like a wrong one, if any is like it at all.
    #[must_use]
    pub fn nearest(&self, id: &str) -> Option<&str> {
        nearest(id, self.ids())
    }

    /// The strictest level of what a step cites; unknown ids count for nothing.
    #[must_use]
    pub fn strictest<S: AsRef<str>>(&self, ids: &[S]) -> Option<Level> {
        Level::strictest(ids.iter().filter_map(|id| self.find(id.as_ref())).map(|requirement| requirement.level))
    }
}

/// The word that is most like a wrong one, if any is like it at all (Jaro-Winkler, without case).
#[must_use]
pub fn nearest<'a>(wrong: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    words
        .into_iter()
        .map(|word| (strsim::jaro_winkler(&wrong, &word.to_lowercase()), word))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_file_reads_and_holds_what_it_should() {
        let counts: Vec<(&str, usize)> = FILES
            .iter()
            .map(|(name, text)| match toml::from_str::<File>(text) {
                Ok(file) => (*name, file.requirement.len()),
                Err(error) => panic!("requirements/{name}.toml: {error}"),
            })
            .collect();
        let expect = [
            ("rfc959", 154),
            ("rfc1123", 31),
            ("rfc1639", 3),
            ("rfc2228", 17),
            ("rfc2389", 15),
            ("rfc2428", 18),
            ("rfc2577", 11),
            ("rfc2640", 14),
            ("rfc3659", 115),
            ("rfc4217", 30),
            ("rfc7151", 15),
            ("letters", 26),
            ("defacto", 39),
            ("security", 73),
        ];
        assert_eq!(counts, expect);
    }

    #[test]
    fn every_file_of_the_folder_is_in_the_binary() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("requirements");
        let on_disk: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(on_disk, FILES.iter().map(|(name, _)| (*name).to_owned()).collect());
    }

    #[test]
    fn ids_are_unique_and_look_like_citations() {
        let catalogue = Catalogue::built_in();
        let ids: BTreeSet<&str> = catalogue.ids().collect();
        assert_eq!(ids.len(), catalogue.iter().len(), "an id stands twice");
        assert_eq!(ids.len(), 561);
        for id in ids {
            assert!(id.contains('-') && !id.contains([' ', '[', ']', '#']), "`{id}` cannot stand in a citation");
            assert_eq!(catalogue.find(id).map(|requirement| requirement.id.as_str()), Some(id));
        }
    }

    #[test]
    fn an_entry_says_all_that_is_needed() {
        for requirement in Catalogue::built_in().iter() {
            let id = &requirement.id;
            assert!(!requirement.statement.is_empty() && !requirement.observable.is_empty(), "{id} says nothing");
            assert!(requirement.codes.iter().all(|code| (100..700).contains(code)), "{id} has a code that is none");
            assert!(requirement.untestable.as_ref().is_none_or(|reason| !reason.is_empty()), "{id} does not say why");
            assert!(!requirement.clause().is_empty(), "{id} comes from nowhere");
        }
        assert_eq!(Catalogue::built_in().topics().len(), 23);
    }

    #[test]
    fn an_unknown_key_or_level_is_an_error() {
        let entry = "[[requirement]]\nid='a-b'\nrfc=959\nsection='1'\nlevel='MUST'\ntopic='login'\nstatement='s'\nobservable='o'\n";
        let read = |text: &str| toml::from_str::<File>(text).map(|file| file.requirement[0].clone()).map_err(|error| error.to_string());
        assert_eq!(read(entry).unwrap().untestable, None);
        assert_eq!(read(&format!("{entry}untestable='inside only'\n")).unwrap().untestable.as_deref(), Some("inside only"));
        assert!(read(&format!("{entry}note='x'\n")).unwrap_err().contains("note"));
        assert!(read(&entry.replace("MUST", "WILL")).unwrap_err().contains("WILL"));
    }

    #[test]
    fn the_strictest_level_wins() {
        assert_eq!(Level::strictest([Level::May, Level::Must, Level::Should]), Some(Level::Must));
        assert_eq!(Level::strictest([Level::Should, Level::Defacto]), Some(Level::Defacto));
        assert_eq!(Level::strictest([]), None);
        assert_eq!(Level::from_word("should"), Some(Level::Should));
        assert_eq!(Level::from_word("shall"), None);
        assert_eq!(Level::ALL.map(Level::is_binding), [true, true, true, false, false]);
        let catalogue = Catalogue::built_in();
        assert_eq!(catalogue.strictest(&["3659-5.3-rest-350", "no-such"]), Some(Level::Must));
        assert_eq!(catalogue.strictest::<&str>(&[]), None);
    }

    #[test]
    fn a_clause_is_told_in_words() {
        let check = |id: &str, expect: &str| assert_eq!(Catalogue::built_in().find(id).unwrap().clause(), expect);
        check("3659-5.3-rest-350", "RFC 3659 section 5.3");
        check("draft-mfxx-3.1-mfmt-reply", "draft-somers-ftp-mfxx 3.1");
        check("sec-path-dotdot", "no RFC (security)");
    }

    #[test]
    fn a_wrong_id_finds_its_neighbour() {
        let catalogue = Catalogue::built_in();
        assert_eq!(catalogue.nearest("3659-5.3-rest-35"), Some("3659-5.3-rest-350"));
        assert_eq!(catalogue.nearest("zzz"), None);
        assert_eq!(nearest("Resum", catalogue.topics()), Some("resume"));
    }
}
