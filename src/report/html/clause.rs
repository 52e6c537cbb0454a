//! Where requirements stand: documents and their sections, in the order in which a reader looks for them.

use std::collections::HashMap;

use serde::Serialize;

use crate::requirement::{Catalogue, Level, Requirement};

/// A document that demands something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Document {
    /// In the page's fragment: `rfc959`.
    pub(super) key: String,
    /// `RFC 959`.
    pub(super) name: String,
    /// What it is about.
    pub(super) title: String,
    /// Where it can be read, for the reader's click; empty where it is not on the web.
    pub(super) url: String,
}

/// A section of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Section {
    /// The place of its document.
    pub(super) document: usize,
    /// `section 4.1.3`.
    pub(super) name: String,
    /// The requirements that stand there, in the order of the catalogue: places in the page's list.
    pub(super) clauses: Vec<usize>,
}

/// All documents and sections, and in which of them each of some requirements stands.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) documents: Vec<Document>,
    pub(super) sections: Vec<Section>,
    /// The section of each requirement.
    pub(super) of: Vec<usize>,
    /// The section of cases that cite nothing.
    pub(super) nowhere: usize,
}

/// A document's titles: number and what it is about.
const RFCS: [(u32, &str); 11] = [
    (959, "File Transfer Protocol"),
    (1123, "Requirements for hosts: FTP"),
    (1639, "LPRT and LPSV"),
    (2228, "Security extensions"),
    (2389, "FEAT and OPTS"),
    (2428, "EPRT and EPSV"),
    (2577, "Security considerations"),
    (2640, "Internationalization"),
    (3659, "MDTM, SIZE, REST STREAM, MLST"),
    (4217, "TLS"),
    (7151, "HOST"),
];

/// Sorts before and after each other as a reader of numbers expects: 4.1.2 before 4.1.12.
type Order = (usize, Vec<(u64, String)>);

fn natural(text: &str) -> Vec<(u64, String)> {
    let words = text.split(['.', ' ', ',']).filter(|word| !word.is_empty());
    words.map(|word| (word.parse().unwrap_or(u64::MAX), word.to_owned())).collect()
}

/// The document and the section's name of a requirement, and where they are sorted.
fn place(requirement: &Requirement) -> (Document, String, Order) {
    let Requirement { rfc, section, level, topic, .. } = requirement;
    let document = |key: &str, name: &str, title: &str, url: String| Document {
        key: key.to_owned(),
        name: name.to_owned(),
        title: title.to_owned(),
        url,
    };
    if *rfc != 0 {
        let (at, title) = RFCS.iter().enumerate().find(|(_, (number, _))| number == rfc).map_or((RFCS.len(), ""), |(at, of)| (at, of.1));
        let url = format!("https://www.rfc-editor.org/rfc/rfc{rfc}");
        let name = match section.as_str() {
            "-" | "" => "in general".to_owned(),
            "A2" => "Appendix II".to_owned(),
            sections if sections.contains(',') => format!("sections {sections}"),
            section => format!("section {section}"),
        };
        return (document(&format!("rfc{rfc}"), &format!("RFC {rfc}"), title, url), name, (at, natural(section)));
    }
    let general = if matches!(section.as_str(), "-" | "") { topic } else { section };
    if section.starts_with("draft-") {
        let (draft, rest) = section.split_once(' ').unwrap_or((section, ""));
        let name = if rest.is_empty() { "in general".to_owned() } else { format!("section {rest}") };
        let url = format!("https://datatracker.ietf.org/doc/{draft}/");
        return (document(draft, draft, "Internet-Draft", url), name, (20, natural(section)));
    }
    let (key, name, title, at) = match (level, topic.as_str()) {
        (_, "permissions") => ("letters", "Permission letters", "which letter governs which command", 31),
        (Level::Security, _) => ("security", "Security", "hardening that no RFC spells out", 32),
        (Level::May | Level::Should | Level::Defacto | Level::Must, _) => ("defacto", "De facto", "in no RFC; clients rely on it", 30),
    };
    (document(key, name, title, String::new()), general.clone(), (at, natural(general)))
}

impl Places {
    /// The places of the catalogue's requirements and, behind them, of so many that it does not know.
    pub(super) fn new(catalogue: &Catalogue, unknown: usize) -> Self {
        let placed: Vec<_> = catalogue.iter().map(place).collect();
        let mut sorted: Vec<usize> = (0..placed.len()).collect();
        sorted.sort_by(|a, b| (&placed[*a].2, *a).cmp(&(&placed[*b].2, *b)));
        let mut places = Self { of: vec![0; placed.len()], ..Self::default() };
        let mut documents: HashMap<String, usize> = HashMap::new();
        let mut sections: HashMap<(usize, String), usize> = HashMap::new();
        for at in sorted {
            let (document, name, _) = &placed[at];
            let document = *documents.entry(document.key.clone()).or_insert_with(|| {
                places.documents.push(document.clone());
                places.documents.len() - 1
            });
            let section = *sections.entry((document, name.clone())).or_insert_with(|| {
                places.sections.push(Section { document, name: name.clone(), clauses: Vec::new() });
                places.sections.len() - 1
            });
            places.sections[section].clauses.push(at);
            places.of[at] = section;
        }
        let document = places.documents.len();
        let title = "cases that cite no requirement of the catalogue".to_owned();
        places.documents.push(Document { key: "none".to_owned(), name: "No clause".to_owned(), title, url: String::new() });
        places.nowhere = places.sections.len();
        let clauses: Vec<usize> = (placed.len()..placed.len() + unknown).collect();
        places.sections.push(Section { document, name: String::new(), clauses });
        places.of.extend(std::iter::repeat_n(places.nowhere, unknown));
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_requirement_has_its_place() {
        let catalogue = Catalogue::built_in();
        let places = Places::new(catalogue, 2);
        assert_eq!(places.of.len(), catalogue.iter().len() + 2);
        let all: usize = places.sections.iter().map(|section| section.clauses.len()).sum();
        assert_eq!(all, places.of.len(), "each stands once");
        let check = |id: &str, expect: (&str, &str)| {
            let at = catalogue.ids().position(|other| other == id).unwrap();
            let section = &places.sections[places.of[at]];
            assert_eq!((places.documents[section.document].name.as_str(), section.name.as_str()), expect);
        };
        check("3659-5.3-rest-350", ("RFC 3659", "section 5.3"));
        check("draft-mfxx-3.1-mfmt-reply", ("draft-somers-ftp-mfxx", "section 3.1"));
        check("defacto-perm-e-cwd", ("Permission letters", "pyftpdlib 2.2.0 proto_cmds"));
        assert_eq!(places.documents[places.sections[places.nowhere].document].key, "none");
    }

    #[test]
    fn every_rfc_of_the_catalogue_has_a_title() {
        let places = Places::new(Catalogue::built_in(), 0);
        let untitled: Vec<&Document> = places.documents.iter().filter(|document| document.title.is_empty()).collect();
        assert!(untitled.is_empty(), "{untitled:?}");
    }

    #[test]
    fn sections_stand_in_their_order() {
        let places = Places::new(Catalogue::built_in(), 0);
        let document = places.documents.iter().position(|document| document.key == "rfc1123").unwrap();
        let names: Vec<&str> =
            places.sections.iter().filter(|section| section.document == document).map(|section| section.name.as_str()).collect();
        let at = |name: &str| names.iter().position(|other| *other == name).unwrap();
        assert!(at("section 4.1.2.2") < at("section 4.1.2.10"), "{names:?}");
        assert!(places.sections.windows(2).all(|two| two[0].document <= two[1].document), "a document's sections stand together");
    }
}
