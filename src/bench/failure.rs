//! Why a measurement is none.

use std::io;

/// Why there is no figure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The server does not have what is to be measured, and says so; in words.
    #[error("{0}")]
    Unsupported(String),
    /// The server did something else than it should: wrong bytes, too few, none, another reply. Fails the benchmark.
    #[error("{0}")]
    Failed(String),
    /// This machine cannot: no socket, no file.
    #[error("{0}")]
    Machine(String),
    /// The benchmark was asked to end.
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// Something that this machine refused.
    pub(super) fn machine(what: &str, error: &io::Error) -> Self {
        Self::Machine(format!("{what}: {error}"))
    }

    /// The same with a word in front of it.
    #[must_use]
    pub(super) fn at(self, place: &str) -> Self {
        match self {
            Self::Unsupported(why) => Self::Unsupported(format!("{place}: {why}")),
            Self::Failed(why) => Self::Failed(format!("{place}: {why}")),
            Self::Machine(why) => Self::Machine(format!("{place}: {why}")),
            Self::Interrupted => Self::Interrupted,
        }
    }
}
