//! What exploring tells while it goes on, and at its end.

use std::time::Duration;

use super::compare::Divergence;
use super::coverage::Coverage;
use super::operation::Operation;
use super::strategy::Topic;

/// Something happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The server runs; what it can do is known.
    Started {
        /// `reference`, `pyftpdlib`.
        target: String,
        /// As far as it is known.
        version: Option<String>,
        /// What is left out, since the server cannot do it.
        without: Vec<&'static str>,
    },
    /// Now and then.
    Progress(Progress),
    /// A failure is being looked into.
    Suspected(String),
    /// Something is wrong.
    Found(Box<Finding>),
    /// Nothing more comes.
    Over(Box<Summary>),
}

/// How far it has come.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Cases that ended.
    pub cases: u64,
    /// Operations that were played.
    pub operations: u64,
    /// Since the server runs.
    pub elapsed: Duration,
    /// Different kinds of operations, and reply codes, that came up to now.
    pub kinds: (usize, usize),
    /// The power of two that is not above the most that a transfer has moved; `None` is nothing.
    pub largest: Option<u32>,
    /// Findings.
    pub findings: usize,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What is wrong.
    pub divergence: Divergence,
    /// Its shortest sequence.
    pub steps: Vec<Operation>,
    /// The number of the case that found it.
    pub case: u64,
    /// What that case was about.
    pub topic: Topic,
    /// When it came, since the server ran.
    pub after: Duration,
    /// How often the sequence failed, and how often it was played.
    pub rate: (u32, u32),
    /// Played in the shrinking.
    pub played: u32,
    /// The scenario file.
    pub scenario: Option<String>,
    /// What playing that file showed.
    pub proof: Proof,
}

/// What a scenario file of a finding is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It fails on the server and passes on the reference.
    Shown,
    /// The same, but what is broken is a SHOULD: played, the file ends as a deviation.
    Deviation,
    /// It does not fail on the server: the words say how it ended.
    NotReproduced(String),
    /// It does not pass on the reference: the accusation is not believed.
    NotBelieved(String),
    /// There is no file: the failure came and went.
    Fleeting,
}

impl Finding {
    /// Whether somebody is accused.
    #[must_use]
    pub fn is_accusation(&self) -> bool {
        !matches!(self.proof, Proof::NotBelieved(_))
    }
}

/// How it ended.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Cases that ended.
    pub cases: u64,
    /// How long it took.
    pub duration: Duration,
    /// What was explored.
    pub coverage: Coverage,
    /// What was found, in the order in which it came.
    pub findings: Vec<Finding>,
    /// Failures of ways that were known already.
    pub repeated: u64,
    /// Why it did not start.
    pub not_started: Option<String>,
    /// Why it ended early.
    pub cut_short: Option<String>,
    /// Ended by the user.
    pub interrupted: bool,
    /// What could not be removed.
    pub left: Vec<String>,
}

impl Summary {
    /// Operations in a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let operations = self.coverage.total() as f64;
        operations / self.duration.as_secs_f64().max(0.001)
    }
}
