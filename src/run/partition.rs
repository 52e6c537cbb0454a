//! One part of a selection, so that several machines share a run.
//!
//! Responsible for which cases are in a part, and for what tells parts of one selection from those of another. The hash is our own
//! and never changes: the parts of a run must fit together, whatever machine plays them.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::scenario::model::Case;

/// What decides in which part a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Its id: it stays in its part when others come and go.
    Hash,
    /// Its place in the selection: the parts are equally long, give or take one.
    Count,
}

/// A part of a selection: `hash:1/4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// What decides.
    pub kind: Kind,
    /// Which part, from 1.
    pub part: NonZeroU32,
    /// How many there are.
    pub of: NonZeroU32,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.kind.word(), self.part, self.of)
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected KIND:PART/PARTS, like `hash:1/4`; kinds: hash, count".to_owned();
        let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
        let kind = Kind::ALL.into_iter().find(|known| known.word() == kind).ok_or_else(wrong)?;
        let (part, of) = rest.split_once('/').ok_or_else(wrong)?;
        let number = |text: &str| text.parse::<NonZeroU32>().map_err(|_| wrong());
        let (part, of) = (number(part)?, number(of)?);
        if part > of {
            return Err(format!("there is no part {part} of {of}: the last is {}:{of}/{of}", kind.word()));
        }
        Ok(Self { kind, part, of })
    }
}

impl Kind {
    const ALL: [Self; 2] = [Self::Hash, Self::Count];

    /// As it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Count => "count",
        }
    }
}

impl Partition {
    /// Whether the case of this id, at this place of the selection, is in this part.
    #[must_use]
    pub fn holds(self, place: usize, id: &str) -> bool {
        let number = match self.kind {
            Kind::Hash => folded(fnv1a(FNV_OFFSET, id.as_bytes())),
            Kind::Count => place as u64,
        };
        number % u64::from(self.of.get()) == u64::from(self.part.get() - 1)
    }
}

/// What was selected, of which a run plays all or a part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// The ids of all of it, in the order of the suite.
    pub ids: Vec<String>,
    /// Stands for the ids and the texts of their scenarios: runs with the same one have selected the same.
    pub digest: String,
    /// The part that is played; all where there is none.
    pub partition: Option<Partition>,
}

impl Selected {
    /// What these cases are, of which this part is played.
    #[must_use]
    pub fn new(cases: &[Arc<Case>], partition: Option<Partition>) -> Self {
        let mut digest = FNV_OFFSET;
        for case in cases {
            for text in [&case.id, &case.source.text] {
                // The length first, so that no two lists of texts are the same bytes.
                digest = fnv1a(fnv1a(digest, &(text.len() as u64).to_le_bytes()), text.as_bytes());
            }
        }
        Self { ids: cases.iter().map(|case| case.id.clone()).collect(), digest: format!("{digest:016x}"), partition }
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// FNV-1a with 64 bits, going on from `hash`.
fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

/// The low bits of FNV-1a depend on the low bits of the text alone; the high ones do not.
const fn folded(hash: u64) -> u64 {
    (hash >> 32) ^ (hash & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_read_or_told() {
        for text in ["hash:1/4", "count:4/4", "hash:1/1"] {
            assert_eq!(text.parse::<Partition>().unwrap().to_string(), text);
        }
        for text in ["", "hash", "hash:1", "hash:0/4", "hash:1/0", "slice:1/4", "hash:1/4/5", "1/4", "hash:-1/4"] {
            assert!(text.parse::<Partition>().unwrap_err().contains("like `hash:1/4`"), "{text}");
        }
        assert_eq!("count:5/4".parse::<Partition>().unwrap_err(), "there is no part 5 of 4: the last is count:4/4");
    }

    #[test]
    fn the_hash_never_changes() {
        // From the definition of FNV-1a.
        assert_eq!(fnv1a(FNV_OFFSET, b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(FNV_OFFSET, b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(FNV_OFFSET, b"foobar"), 0x8594_4171_f739_67e8);
        let part = |id: &str| (1..=4).find(|part| format!("hash:{part}/4").parse::<Partition>().unwrap().holds(0, id)).unwrap();
        assert_eq!(["login/plain", "resume/cut", "letters/denied#retr", "x"].map(part), [1, 4, 2, 4]);
    }

    #[test]
    fn each_case_is_in_one_part_and_the_parts_are_about_as_long() {
        for kind in ["hash", "count"] {
            let parts: Vec<Partition> = (1..=4).map(|part| format!("{kind}:{part}/4").parse().unwrap()).collect();
            let mut counts = [0; 4];
            for place in 0..1000 {
                let id = format!("topic/case-{place}#row");
                let held: Vec<usize> = (0..4).filter(|part| parts[*part].holds(place, &id)).collect();
                assert_eq!(held.len(), 1, "{id}");
                counts[held[0]] += 1;
            }
            assert!(counts.iter().all(|count| (200..=300).contains(count)), "{kind}: {counts:?}");
        }
    }
}
