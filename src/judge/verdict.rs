//! The words in which a case ends.

use std::fmt;

use crate::scenario::model::Span;

/// How a case ended, or how grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every facet as demanded, and the controls passed.
    Pass,
    /// A choice that the RFCs leave open was observed, and is named.
    Info,
    /// A SHOULD is broken, or the effect is right and only the exact code is not.
    Deviation,
    /// A need is not met.
    Unsupported,
    /// A MUST, a DEFACTO or a SECURITY requirement is broken, or an effect is wrong.
    Fail,
    /// A control or the set-up failed, or nothing could be observed.
    Inconclusive,
    /// The harness broke.
    Error,
}

impl Verdict {
    /// All, in the order in which totals are shown.
    pub const ALL: [Self; 7] = [Self::Pass, Self::Deviation, Self::Info, Self::Fail, Self::Unsupported, Self::Inconclusive, Self::Error];

    /// The word in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Info => "info",
            Self::Deviation => "deviation",
            Self::Unsupported => "unsupported",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Error => "error",
        }
    }

    /// Whether a case that ended so fails a run; with `strict` a deviation does.
    #[must_use]
    pub const fn fails(self, strict: bool) -> bool {
        match self {
            Self::Pass | Self::Info | Self::Unsupported => false,
            Self::Deviation => strict,
            Self::Fail | Self::Inconclusive | Self::Error => true,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Which side of a step a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Facet {
    /// Bytes, files, listings.
    Effect,
    /// Code, then text.
    Reply,
    /// Whether the control connection is usable afterwards, and in step.
    Liveness,
    /// When something came.
    Timing,
}

impl Facet {
    /// All, in their order.
    pub const ALL: [Self; 4] = [Self::Effect, Self::Reply, Self::Liveness, Self::Timing];

    /// The word in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Effect => "effect",
            Self::Reply => "reply",
            Self::Liveness => "liveness",
            Self::Timing => "timing",
        }
    }
}

impl fmt::Display for Facet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// One thing that was not as demanded, or that is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which side of the step.
    pub facet: Facet,
    /// How grave.
    pub verdict: Verdict,
    /// The step, [`Step::id`](crate::scenario::model::Step::id).
    pub step: usize,
    /// Where the step stands in the scenario's source.
    pub span: Span,
    /// The requirements that the step cites and that can be broken: none of level MAY, where it cites others.
    pub requirements: Vec<String>,
    /// What was demanded: `226 | 250`.
    pub expected: String,
    /// What was seen: `550 Permission denied`.
    pub seen: String,
    /// The number of transcript events up to the one that showed it, that one included.
    pub events: usize,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The gravest of the findings.
    pub verdict: Verdict,
    /// All findings, in the order in which they were seen.
    pub findings: Vec<Finding>,
}

impl Outcome {
    /// The finding that made the verdict: the first that is as grave.
    #[must_use]
    pub fn gravest(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.verdict == self.verdict)
    }

    /// The facets of the findings that are not merely named: sorted, each once.
    #[must_use]
    pub fn facets(&self) -> Vec<Facet> {
        let mut facets: Vec<Facet> =
            self.findings.iter().filter(|finding| finding.verdict != Verdict::Info).map(|finding| finding.facet).collect();
        facets.sort_unstable();
        facets.dedup();
        facets
    }
}
