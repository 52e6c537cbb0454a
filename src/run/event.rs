//! What a run tells its reports, in the order in which they may rely on it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::partition::Selected;
use crate::ftp::transcript::{self, Transcript};
use crate::judge::baseline::Comparison;
use crate::judge::verdict::{Outcome, Verdict};
use crate::scenario::model::Case;

/// What is judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetInfo {
    /// `libunftp`, `reference`, the name of a profile.
    pub name: String,
    /// As far as it is known.
    pub version: Option<String>,
    /// The text of the greeting.
    pub banner: Option<String>,
    /// What must stand behind `ftpspec run` to get this target again: `--server reference --set broken=x`.
    pub arguments: String,
    /// What it claims and what it does, as far as it was asked.
    pub capabilities: Vec<Capability>,
}

/// A command or feature: what the server says of it and what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capability {
    /// `MLST`, `REST STREAM`, `SITE CHMOD`.
    pub name: String,
    /// FEAT names it (RFC 2389 section 3.2).
    pub claimed: bool,
    /// Whether the server showed that it knows it; `None` where it was not asked.
    pub seen: Option<bool>,
    /// What it answered when it was asked, or what FEAT says of it.
    pub said: String,
}

/// An event of a run.
#[derive(Debug, Clone)]
pub enum Event {
    /// First of all: what will be played, in this order.
    Planned {
        /// The target.
        target: TargetInfo,
        /// The cases.
        cases: Vec<Arc<Case>>,
        /// Slow cases that were selected and are not played without `--slow`.
        slow: usize,
        /// What was selected, of which the cases are all or a part.
        selected: Selected,
        /// A deviation fails the run.
        strict: bool,
    },
    /// A case begins. In the order of time.
    Started {
        /// The case's place in the plan.
        index: usize,
    },
    /// A case says something, only where `-v` asks for it. In the order of time.
    Said {
        /// The case's place in the plan.
        index: usize,
        /// What.
        event: transcript::Event,
    },
    /// A case is over. In the order of time, for progress.
    Ended {
        /// The case's place in the plan.
        index: usize,
        /// How.
        verdict: Verdict,
    },
    /// A case is over. In the order of the plan.
    Finished(Box<CaseReport>),
    /// Last of all.
    Over(Summary),
}

/// All that is known of a case that was played, or that could not be.
#[derive(Debug, Clone)]
pub struct CaseReport {
    /// The case's place in the plan.
    pub index: usize,
    /// The case.
    pub case: Arc<Case>,
    /// How it ended.
    pub outcome: Outcome,
    /// Where it is unsupported or in error: why, in words.
    pub reason: Option<String>,
    /// Why the failure is known, from the baseline.
    pub known: Option<String>,
    /// How long it took.
    pub duration: Duration,
    /// Of that, spent waiting for something that never came.
    pub silence: Duration,
    /// What was said.
    pub transcript: Transcript,
    /// The last lines of what the server itself wrote meanwhile.
    pub server_log: String,
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Wall time.
    pub duration: Duration,
    /// Cases that were planned and not played: after `--max-fail`, ctrl-c, the run's deadline or the server's death.
    pub not_played: usize,
    /// Why the run ended early, in words.
    pub cut_short: Option<String>,
    /// Ended by ctrl-c.
    pub interrupted: bool,
    /// The server did not start, or could not be reached: why, in words.
    pub not_started: Option<String>,
    /// Directories that were kept (`--keep`) or could not be removed.
    pub left: Vec<String>,
    /// What was found out about the baseline, where there is one.
    pub baseline: Option<Comparison>,
}
