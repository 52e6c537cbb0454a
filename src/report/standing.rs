//! How a case stands towards what was expected of it, in one reading for all reports.

use crate::judge::verdict::Verdict;
use crate::run::event::CaseReport;

/// What a report tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing<'a> {
    /// It fails nothing.
    AsExpected,
    /// It fails, or deviates, as the baseline says, for this reason.
    Known(&'a str),
    /// It could not be asked of this server, for this reason.
    Unsupported(&'a str),
    /// The server is wrong.
    Failed,
    /// Nothing is known.
    Inconclusive,
    /// The harness broke.
    Broken,
}

impl<'a> Standing<'a> {
    /// Of a case that is over; with `strict` a deviation is a failure.
    pub(super) fn of(report: &'a CaseReport, strict: bool) -> Self {
        let verdict = report.outcome.verdict;
        match (verdict, report.known.as_deref()) {
            (Verdict::Deviation | Verdict::Fail | Verdict::Inconclusive, Some(reason)) => Self::Known(reason),
            (Verdict::Pass | Verdict::Info, _) => Self::AsExpected,
            (Verdict::Unsupported, _) => Self::Unsupported(report.reason.as_deref().unwrap_or("a need is not met")),
            (Verdict::Deviation, None) if !strict => Self::AsExpected,
            (Verdict::Deviation | Verdict::Fail, None) => Self::Failed,
            (Verdict::Inconclusive, None) => Self::Inconclusive,
            (Verdict::Error, _) => Self::Broken,
        }
    }

    /// Whether it fails the run.
    pub(super) const fn is_unexpected(self) -> bool {
        match self {
            Self::AsExpected | Self::Known(_) | Self::Unsupported(_) => false,
            Self::Failed | Self::Inconclusive | Self::Broken => true,
        }
    }
}
