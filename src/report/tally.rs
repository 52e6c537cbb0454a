//! What all reports count: verdicts, and requirements that were kept or broken.

use std::collections::{BTreeMap, BTreeSet};

use crate::judge::verdict::Verdict;
use crate::requirement::{Catalogue, Level};
use crate::run::event::CaseReport;

/// Counts over the cases that are over.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: [usize; Verdict::ALL.len()],
    /// Those that are as the baseline says.
    known: [usize; Verdict::ALL.len()],
    /// Why cases are unsupported, and how many.
    pub(super) unsupported: BTreeMap<String, usize>,
    /// Requirements that a finding broke, with the gravest verdict.
    broken: BTreeMap<String, Verdict>,
    /// Requirements that a case cites that came to a verdict about the server.
    judged: BTreeSet<String>,
    /// Requirements that any case cites.
    cited: BTreeSet<String>,
}

/// Requirements of one level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct OfLevel {
    pub(super) kept: usize,
    pub(super) broken: usize,
    pub(super) not_judged: usize,
}

impl Tally {
    pub(super) fn add(&mut self, report: &CaseReport) {
        self.counts[place(report.outcome.verdict)] += 1;
        self.known[place(report.outcome.verdict)] += usize::from(report.known.is_some());
        if report.outcome.verdict == Verdict::Unsupported {
            *self.unsupported.entry(report.reason.clone().unwrap_or_default()).or_default() += 1;
        }
        let cites: Vec<String> = report.case.requirements().into_iter().map(str::to_owned).collect();
        match report.outcome.verdict {
            Verdict::Pass | Verdict::Info | Verdict::Deviation | Verdict::Fail => self.judged.extend(cites.iter().cloned()),
            Verdict::Unsupported | Verdict::Inconclusive | Verdict::Error => {}
        }
        self.cited.extend(cites);
        for finding in &report.outcome.findings {
            if !matches!(finding.verdict, Verdict::Deviation | Verdict::Fail) {
                continue;
            }
            for id in &finding.requirements {
                let gravest = self.broken.entry(id.clone()).or_insert(finding.verdict);
                *gravest = (*gravest).max(finding.verdict);
            }
        }
    }

    pub(super) fn count(&self, verdict: Verdict) -> usize {
        self.counts[place(verdict)]
    }

    /// How many of them are as the baseline says.
    pub(super) fn known(&self, verdict: Verdict) -> usize {
        self.known[place(verdict)]
    }

    pub(super) fn all(&self) -> usize {
        self.counts.iter().sum()
    }

    /// How many requirements of a level were kept, broken, or not judged.
    pub(super) fn of_level(&self, level: Level) -> OfLevel {
        let is_of = |id: &&String| Catalogue::built_in().find(id).is_some_and(|requirement| requirement.level == level);
        let broken = self.broken.keys().filter(is_of).count();
        let judged = self.judged.iter().filter(is_of).filter(|id| !self.broken.contains_key(*id)).count();
        let cited = self.cited.iter().filter(is_of).filter(|id| !self.broken.contains_key(*id)).count();
        OfLevel { kept: judged, broken, not_judged: cited - judged }
    }

    /// The binding requirements that a failure broke.
    pub(super) fn broken_bindings(&self) -> usize {
        self.broken.values().filter(|verdict| **verdict == Verdict::Fail).count()
    }
}

fn place(verdict: Verdict) -> usize {
    Verdict::ALL.into_iter().position(|other| other == verdict).expect("ALL names every verdict")
}
