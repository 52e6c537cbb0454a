//! Baselines: what is known to be wrong with one server, so that only what is new, other or gone is told.
//!
//! Responsible for what an entry says ([`read`]), whether an outcome is what it says, and what a run finds out about the
//! entries ([`Comparer`]); [`edit`] writes entries back. Does not find the file, and asks no clock what day it is.

pub mod edit;
pub mod look;
pub mod read;

use std::sync::Arc;

use globset::GlobMatcher;
use jiff::civil::Date;

use super::verdict::{Facet, Finding, Outcome, Verdict};
use crate::scenario::id::IdGlob;
use crate::scenario::model::{Source, Span};
use look::Look;

/// The verdicts that can be known; the others are no failures, or are none of the server's.
pub const KNOWABLE: [Verdict; 3] = [Verdict::Fail, Verdict::Inconclusive, Verdict::Deviation];

/// The known failures of one server, read from a file.
#[derive(Debug, Clone)]
pub struct Baseline {
    /// Its text.
    pub source: Arc<Source>,
    /// In the order of the file.
    pub entries: Vec<Entry>,
}

/// One known failure.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The cases, as written.
    pub id: String,
    /// The cases.
    pub cases: IdGlob,
    /// The facet of the gravest finding is one of these.
    pub facets: Vec<Facet>,
    /// The outcome is one of these.
    pub verdicts: Vec<Verdict>,
    /// What was seen at the gravest finding is like one of these.
    pub looks: Vec<Look>,
    /// What is broken: ids of requirements, or sections of RFCs.
    pub clauses: Vec<String>,
    /// Why it is known, in words.
    pub reason: String,
    /// Where more is said.
    pub link: Option<String>,
    /// The last day on which it excuses.
    pub expires: Option<Date>,
    /// The versions of the server that it speaks of; all where there is none.
    pub versions: Option<GlobMatcher>,
    /// The failure is a race: it does not show in every run.
    pub sometimes: bool,
    /// Where it stands in the source.
    pub span: Span,
    /// Its line in the source, from 1.
    pub line: usize,
}

impl Entry {
    /// Whether it speaks of a server of this version; one of an unknown version is in no range.
    #[must_use]
    pub fn speaks_of(&self, version: Option<&str>) -> bool {
        self.versions.as_ref().is_none_or(|versions| version.is_some_and(|version| versions.is_match(version)))
    }

    /// Whether a case that ended so is what it says.
    #[must_use]
    pub fn is_like(&self, outcome: &Outcome) -> bool {
        let Some(gravest) = outcome.gravest() else { return false };
        self.verdicts.contains(&outcome.verdict)
            && self.facets.contains(&gravest.facet)
            && self.looks.iter().any(|look| look.fits(&gravest.seen))
    }

    /// Whether it stays true where a case ends so: the case is what it says, or does well where it does so sometimes.
    #[must_use]
    pub fn allows(&self, outcome: &Outcome, strict: bool) -> bool {
        self.is_like(outcome) || (self.sometimes && !outcome.verdict.fails(strict))
    }

    /// Whether its last day is over.
    #[must_use]
    pub fn is_expired(&self, today: Date) -> bool {
        self.expires.is_some_and(|last| today > last)
    }

    /// What it says of a case: `fail (reply): 550 {..}`.
    #[must_use]
    pub fn says(&self) -> String {
        let words = |words: Vec<&str>| words.join(" or ");
        let verdicts = words(self.verdicts.iter().map(|verdict| verdict.word()).collect());
        let facets = words(self.facets.iter().map(|facet| facet.word()).collect());
        format!("{verdicts} ({facets}): {}", words(self.looks.iter().map(Look::text).collect()))
    }
}

/// What is told of a case that ended so: `fail (reply): 550 no such file`.
#[must_use]
pub fn said(outcome: &Outcome, reason: Option<&str>) -> String {
    match (outcome.gravest(), reason) {
        (Some(Finding { facet, seen, .. }), _) => format!("{} ({facet}): {seen}", outcome.verdict),
        (None, Some(reason)) => format!("{}: {reason}", outcome.verdict),
        (None, None) => outcome.verdict.to_string(),
    }
}

/// Something that a run found out about its baseline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// The case; the entry's own id where it is about no case in particular.
    pub id: String,
    /// The entry's line in the baseline, from 1.
    pub line: Option<usize>,
    /// What, in words.
    pub text: String,
}

/// What a run found out about its baseline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The baseline's file.
    pub source: String,
    /// Cases that are as the baseline says.
    pub known: usize,
    /// Cases that fail and that no entry covers.
    pub new: Vec<Remark>,
    /// Cases that fail in another way than their entries say.
    pub changed: Vec<Remark>,
    /// Entries that are no longer true.
    pub stale: Vec<Remark>,
    /// Entries that would be true and whose last day is over.
    pub expired: Vec<Remark>,
}

impl Comparison {
    /// Whether the baseline has to be mended, whatever the server does.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        !self.stale.is_empty() || !self.expired.is_empty()
    }
}

/// Compares the cases of a run with a baseline, one by one.
#[derive(Debug)]
pub struct Comparer {
    baseline: Arc<Baseline>,
    version: Option<String>,
    today: Date,
    strict: bool,
    /// For each entry, whether a case that was played is as it says.
    matched: Vec<bool>,
    /// For each entry, whether it covers a case that was played and nothing was said of it yet.
    silent: Vec<bool>,
    comparison: Comparison,
}

impl Comparer {
    /// Nothing was played yet. `strict`: a deviation is a failure.
    #[must_use]
    pub fn new(baseline: Arc<Baseline>, version: Option<String>, today: Date, strict: bool) -> Self {
        let none = vec![false; baseline.entries.len()];
        let comparison = Comparison { source: baseline.source.name.clone(), ..Comparison::default() };
        Self { baseline, version, today, strict, matched: none.clone(), silent: none, comparison }
    }

    /// Takes a case that is over; why it is known, if it is. `reason` stands for what was seen where there is no finding.
    pub fn take(&mut self, id: &str, outcome: &Outcome, reason: Option<&str>) -> Option<String> {
        if matches!(outcome.verdict, Verdict::Unsupported | Verdict::Error) {
            // It was not played, or nothing was found out.
            return None;
        }
        let baseline = Arc::clone(&self.baseline);
        let covering: Vec<(usize, &Entry)> = baseline
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.cases.covers(id) && entry.speaks_of(self.version.as_deref()))
            .collect();
        let like = |(_, entry): &&(usize, &Entry)| entry.is_like(outcome);
        if let Some((place, entry)) = covering.iter().filter(like).find(|(_, entry)| !entry.is_expired(self.today)) {
            covering.iter().for_each(|(place, _)| self.silent[*place] = true);
            self.matched[*place] = true;
            self.comparison.known += 1;
            return Some(entry.reason.clone());
        }
        let fails = outcome.verdict.fails(self.strict);
        let remark = |entry: Option<&Entry>, text| Remark { id: id.to_owned(), line: entry.map(|entry| entry.line), text };
        if let Some((place, entry)) = covering.iter().find(like) {
            self.matched[*place] = true;
            let last = entry.expires.map_or_else(String::new, |day| day.to_string());
            self.comparison.expired.push(remark(Some(entry), format!("the entry holds until {last}; still {}", said(outcome, reason))));
        } else if fails && covering.is_empty() {
            self.comparison.new.push(remark(None, said(outcome, reason)));
        } else if let (true, Some((_, first))) = (fails, covering.first()) {
            covering.iter().for_each(|(place, _)| self.matched[*place] = true);
            let text = format!("the entry says {}; now {}", first.says(), said(outcome, reason));
            self.comparison.changed.push(remark(Some(first), text));
        } else {
            for (place, entry) in covering {
                self.matched[place] = true;
                if entry.allows(outcome, self.strict) {
                    continue;
                }
                let text = format!("the entry says {}; now {}", entry.says(), said(outcome, reason));
                self.comparison.stale.push(remark(Some(entry), text));
            }
        }
        None
    }

    /// Takes note of a case that another part of the run plays: whether an entry that covers it is never true is not known here.
    pub fn elsewhere(&mut self, id: &str) {
        for (entry, matched) in self.baseline.entries.iter().zip(&mut self.matched) {
            *matched |= entry.cases.covers(id);
        }
    }

    /// No case comes any more: the remarks in the order of their cases.
    #[must_use]
    pub fn finish(self) -> Comparison {
        let Self { baseline, matched, silent, mut comparison, .. } = self;
        for (place, entry) in baseline.entries.iter().enumerate() {
            if silent[place] && !matched[place] {
                let text = format!("no case that was played looks like this: {}", entry.says());
                comparison.stale.push(Remark { id: entry.id.clone(), line: Some(entry.line), text });
            }
        }
        for remarks in [&mut comparison.new, &mut comparison.changed, &mut comparison.stale, &mut comparison.expired] {
            remarks.sort();
        }
        comparison
    }
}

#[cfg(test)]
mod tests;
