//! The parts of a run, played apart, put together to the one run that they are.
//!
//! Responsible for what fits together and what does not, and for saying what is missing. Joined parts are a record like that of a run
//! that was never taken apart; how long it took is what the parts took together.

use std::collections::{BTreeMap, BTreeSet};

use super::{BaselineRecord, CaseRecord, Record, RemarkRecord, Totals};
use crate::run::event::Capability;
use crate::run::partition::Partition;

/// A record, and the file that it was read from.
#[derive(Debug, Clone)]
pub struct Named {
    /// For messages.
    pub file: String,
    /// What it says.
    pub record: Record,
}

/// Why records do not make one run. Each names the files, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// No record at all.
    #[error("there is nothing to merge")]
    Nothing,
    /// Two records that cannot be of one run.
    #[error("{first} and {second} do not belong together: {how}; {right}")]
    Unlike {
        /// The first file.
        first: String,
        /// The other.
        second: String,
        /// In what they differ.
        how: String,
        /// What to do.
        right: &'static str,
    },
    /// The same part twice.
    #[error("{first} and {second} are both part {part}: give each part once")]
    Twice {
        /// The first file.
        first: String,
        /// The other.
        second: String,
        /// The part.
        part: Partition,
    },
    /// A run that was never taken apart, beside others.
    #[error("{whole} is a whole run, not a part of one: there is nothing to merge it with, and {other} is too much")]
    Whole {
        /// Its file.
        whole: String,
        /// Another file.
        other: String,
    },
    /// Parts that nobody gave.
    #[error("{missing} {}: {} of {} parts were given ({given})", if *.count == 1 { "is missing" } else { "are missing" }, .of - .count, .of)]
    Missing {
        /// Which, in words.
        missing: String,
        /// How many.
        count: usize,
        /// How many there should be.
        of: usize,
        /// The files.
        given: String,
    },
    /// A record that does not hold together.
    #[error("{file} does not hold together: {how}; was it changed by hand?")]
    Broken {
        /// Its file.
        file: String,
        /// What is wrong.
        how: String,
    },
    /// The same case twice.
    #[error("`{id}` is in {first} and in {second}: a case has one verdict, so give each part once")]
    Double {
        /// The case.
        id: String,
        /// The first file.
        first: String,
        /// The other.
        second: String,
    },
}

/// Whether two records are about the same server, played in the same way.
#[must_use]
pub fn same_target(a: &Record, b: &Record) -> bool {
    (&a.target.name, &a.target.version, &a.target.arguments) == (&b.target.name, &b.target.version, &b.target.arguments)
}

/// The one run that the records are the parts of; a single whole run is itself.
///
/// # Errors
/// Where they are not all the parts of one run, each once.
pub fn join(mut parts: Vec<Named>) -> Result<Record, JoinError> {
    let first = parts.first().ok_or(JoinError::Nothing)?;
    for other in &parts[1..] {
        if let Some(error) = unlike(first, other) {
            return Err(error);
        }
    }
    let is_whole = first.record.suite.partition.is_none();
    all_there(&parts)?;
    no_double(&parts)?;
    parts.iter().try_for_each(holds_together)?;
    if is_whole {
        return Ok(parts.remove(0).record);
    }
    parts.sort_by_key(|part| part.record.suite.partition.map(|partition| partition.part));
    Ok(joined(parts))
}

/// Whether whole runs of several servers can stand side by side: all played the same.
///
/// # Errors
/// The first two that cannot.
pub fn comparable(runs: &[Named]) -> Result<(), JoinError> {
    let Some((first, others)) = runs.split_first() else { return Err(JoinError::Nothing) };
    others.iter().try_for_each(|other| otherwise_played(first, other).map_or(Ok(()), Err))
}

const SAME_RUN: &str = "play all with the same version, scenarios, selection and arguments";

fn not_one(first: &Named, second: &Named, how: String, right: &'static str) -> JoinError {
    JoinError::Unlike { first: first.file.clone(), second: second.file.clone(), how, right }
}

/// A server in words.
#[must_use]
pub fn target(record: &Record) -> String {
    let version = record.target.version.as_ref().map_or_else(String::new, |version| format!(" {version}"));
    let arguments = if record.target.arguments.is_empty() { String::new() } else { format!(" ({})", record.target.arguments) };
    format!("{}{version}{arguments}", record.target.name)
}

/// In what two records differ that should have been played the same.
fn otherwise_played(first: &Named, second: &Named) -> Option<JoinError> {
    let (a, b) = (&first.record, &second.record);
    let strict = |record: &Record| if record.strict { "with --strict" } else { "without --strict" };
    let how = if a.suite.version != b.suite.version {
        format!("ftpspec {} and ftpspec {} wrote them", a.suite.version, b.suite.version)
    } else if a.suite.digest != b.suite.digest || a.suite.selected != b.suite.selected {
        let count = |record: &Record| record.suite.selected.len();
        if count(a) == count(b) {
            "the same number of cases was selected, but not the same cases or not with the same texts".to_owned()
        } else {
            format!("{} cases were selected, and {}", count(a), count(b))
        }
    } else if a.strict != b.strict {
        format!("one was played {}, the other {}", strict(a), strict(b))
    } else {
        return None;
    };
    Some(not_one(first, second, how, SAME_RUN))
}

/// In what two records differ that should be parts of one run.
fn unlike(first: &Named, second: &Named) -> Option<JoinError> {
    let (a, b) = (&first.record, &second.record);
    let baseline = |record: &Record| record.baseline.as_ref().map_or_else(|| "no baseline".to_owned(), |one| one.source.clone());
    if !same_target(a, b) {
        let how = format!("one is of {}, the other of {}", target(a), target(b));
        return Some(not_one(first, second, how, "join the parts of each server on their own"));
    }
    if let Some(error) = otherwise_played(first, second) {
        return Some(error);
    }
    if baseline(a) != baseline(b) {
        let how = format!("one was compared with {}, the other with {}", baseline(a), baseline(b));
        return Some(not_one(first, second, how, SAME_RUN));
    }
    match (a.suite.partition, b.suite.partition) {
        (None, _) => Some(JoinError::Whole { whole: first.file.clone(), other: second.file.clone() }),
        (_, None) => Some(JoinError::Whole { whole: second.file.clone(), other: first.file.clone() }),
        (Some(a), Some(b)) if (a.kind, a.of) != (b.kind, b.of) => {
            Some(not_one(first, second, format!("one is part {a}, the other part {b}"), "take the selection apart in one way"))
        }
        (Some(_), Some(_)) => None,
    }
}

/// Whether a record has exactly the cases of its part, each once.
fn holds_together(named: &Named) -> Result<(), JoinError> {
    let record = &named.record;
    let broken = |how: String| JoinError::Broken { file: named.file.clone(), how };
    if let Some(partition) = record.suite.partition
        && partition.part > partition.of
    {
        return Err(broken(format!("there is no part {partition}")));
    }
    let mut planned = BTreeSet::new();
    for (place, id) in record.suite.selected.iter().enumerate() {
        if record.suite.partition.is_none_or(|partition| partition.holds(place, id)) && !planned.insert(id.as_str()) {
            return Err(broken(format!("`{id}` was selected twice")));
        }
    }
    let count = planned.len();
    for id in record.cases.iter().map(|case| &case.id).chain(&record.not_played) {
        if !planned.remove(id.as_str()) {
            return Err(broken(format!("`{id}` stands there twice, or is none of its {count} cases")));
        }
    }
    match planned.first() {
        Some(id) => Err(broken(format!("`{id}` is missing"))),
        None => Ok(()),
    }
}

/// Whether each part is there once.
fn all_there(parts: &[Named]) -> Result<(), JoinError> {
    let mut given: BTreeMap<u32, &Named> = BTreeMap::new();
    let mut of = 0;
    for named in parts {
        let Some(partition) = named.record.suite.partition else { continue };
        of = partition.of.get();
        if let Some(first) = given.insert(partition.part.get(), named) {
            return Err(JoinError::Twice { first: first.file.clone(), second: named.file.clone(), part: partition });
        }
    }
    let missing: Vec<String> = (1..=of).filter(|part| !given.contains_key(part)).map(|part| format!("{part}/{of}")).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let word = if missing.len() == 1 { "part" } else { "parts" };
    Err(JoinError::Missing {
        missing: format!("{word} {}", missing.join(", ")),
        count: missing.len(),
        of: usize::try_from(of).unwrap_or(usize::MAX),
        given: parts.iter().map(|named| named.file.as_str()).collect::<Vec<_>>().join(", "),
    })
}

/// Whether no case is in two parts.
fn no_double(parts: &[Named]) -> Result<(), JoinError> {
    let mut seen: BTreeMap<&str, &Named> = BTreeMap::new();
    for named in parts {
        for case in &named.record.cases {
            if let Some(first) = seen.insert(&case.id, named) {
                return Err(JoinError::Double { id: case.id.clone(), first: first.file.clone(), second: named.file.clone() });
            }
        }
    }
    Ok(())
}

/// Parts that fit, in their order.
fn joined(parts: Vec<Named>) -> Record {
    let mut parts = parts.into_iter().map(|named| named.record);
    let mut whole = parts.next().expect("there is at least one part");
    let of = |text: Option<String>, partition: Option<Partition>| {
        let part = partition.map_or_else(String::new, |partition| format!("part {partition}: "));
        text.map(|text| part + &text)
    };
    whole.cut_short = of(whole.cut_short, whole.suite.partition);
    whole.not_started = of(whole.not_started, whole.suite.partition);
    for part in parts {
        let partition = part.suite.partition;
        whole.suite.cases += part.suite.cases;
        whole.duration_ms += part.duration_ms;
        whole.interrupted |= part.interrupted;
        whole.cut_short = whole.cut_short.or_else(|| of(part.cut_short, partition));
        whole.not_started = whole.not_started.or_else(|| of(part.not_started, partition));
        whole.not_played.extend(part.not_played);
        whole.left.extend(part.left);
        whole.sources.extend(part.sources);
        whole.cases.extend(part.cases);
        whole.target.banner = whole.target.banner.or(part.target.banner);
        whole.target.capabilities = capabilities(whole.target.capabilities, part.target.capabilities);
        whole.baseline = whole.baseline.zip(part.baseline).map(|(whole, part)| baseline(whole, part));
    }
    // To the nanosecond, as each of them.
    whole.duration_ms = (whole.duration_ms * 1e6).round() / 1e6;
    whole.suite.partition = None;
    whole.totals = Totals::default();
    whole.cases.iter().for_each(|case| whole.totals.add(case.verdict));
    let places: BTreeMap<&str, usize> = whole.suite.selected.iter().enumerate().map(|(place, id)| (id.as_str(), place)).collect();
    whole.cases.sort_by_key(|CaseRecord { id, .. }| places.get(id.as_str()).copied());
    whole.not_played.sort_by_key(|id| places.get(id.as_str()).copied());
    whole
}

/// What FEAT claims, which all parts heard and stands first; then what any part asked for, by name.
fn capabilities(mut whole: Vec<Capability>, part: Vec<Capability>) -> Vec<Capability> {
    let is_same = |(a, b): &(&Capability, &Capability)| (&a.name, a.claimed, &a.said) == (&b.name, b.claimed, &b.said);
    let common = whole.iter().zip(&part).take_while(is_same).count();
    let mut rest = whole.split_off(common);
    for (place, one) in part.into_iter().enumerate() {
        let known = if place < common { whole.get_mut(place) } else { rest.iter_mut().find(|known| known.name == one.name) };
        match known {
            Some(known) => known.seen = known.seen.or(one.seen),
            None => rest.push(one),
        }
    }
    rest.sort_by(|a, b| a.name.cmp(&b.name));
    whole.extend(rest);
    whole
}

fn baseline(whole: BaselineRecord, part: BaselineRecord) -> BaselineRecord {
    let both = |a: Vec<RemarkRecord>, b: Vec<RemarkRecord>| {
        let mut all: Vec<RemarkRecord> = a.into_iter().chain(b).collect();
        all.sort_by(|a, b| (&a.id, a.line, &a.text).cmp(&(&b.id, b.line, &b.text)));
        all
    };
    BaselineRecord {
        source: whole.source,
        known: whole.known + part.known,
        new: both(whole.new, part.new),
        changed: both(whole.changed, part.changed),
        stale: both(whole.stale, part.stale),
        expired: both(whole.expired, part.expired),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report as _;
    use crate::report::record::Recorder;
    use crate::report::sample;

    fn record() -> Record {
        let mut recorder = Recorder::default();
        sample::with_baseline().iter().for_each(|event| recorder.event(event).unwrap());
        recorder.record().unwrap()
    }

    fn named(file: &str, record: &Record) -> Named {
        Named { file: file.to_owned(), record: record.clone() }
    }

    #[test]
    fn a_whole_run_is_itself_and_no_part() {
        let record = record();
        assert_eq!(join(vec![named("a", &record)]), Ok(record.clone()));
        assert_eq!(join(Vec::new()), Err(JoinError::Nothing));
        let told = join(vec![named("a", &record), named("b", &record)]).unwrap_err().to_string();
        assert!(told.starts_with("a is a whole run"), "{told}");
    }

    #[test]
    fn runs_of_other_servers_are_compared_and_not_joined() {
        let (first, mut second) = (record(), record());
        second.target.name = "other".to_owned();
        let told = join(vec![named("a", &first), named("b", &second)]).unwrap_err().to_string();
        assert!(told.contains("one is of example 1.2.3 (--server example), the other of other 1.2.3"), "{told}");
        assert_eq!(comparable(&[named("a", &first), named("b", &second)]), Ok(()));
        second.suite.version = "9".to_owned();
        assert!(matches!(comparable(&[named("a", &first), named("b", &second)]), Err(JoinError::Unlike { .. })));
    }

    #[test]
    fn what_is_asked_of_parts_comes_together() {
        let one = |name: &str, seen, said: &str| Capability { name: name.to_owned(), claimed: name == "SIZE", seen, said: said.to_owned() };
        let first = vec![one("SIZE", None, "SIZE"), one("ABOR", Some(false), "502"), one("STAT", Some(true), "211")];
        let second = vec![one("SIZE", Some(true), "SIZE"), one("HELP", Some(true), "214"), one("ABOR", Some(false), "502 no")];
        let all = capabilities(first, second);
        let names: Vec<String> = all.iter().map(|one| format!("{} {}", one.name, one.said)).collect();
        assert_eq!(names, ["SIZE SIZE", "ABOR 502", "HELP 214", "STAT 211"]);
        assert_eq!(all[0].seen, Some(true));
    }
}
