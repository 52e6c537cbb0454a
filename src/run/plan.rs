//! What a run plays, and in which order it is told.

use std::sync::Arc;

use crate::scenario::model::Case;

/// What was selected.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The cases, in the order of the suite.
    pub cases: Vec<Arc<Case>>,
    /// Slow cases that were selected and are left out.
    pub slow: usize,
}

impl Plan {
    /// Leaves out slow cases unless they are wanted.
    #[must_use]
    pub fn new(selected: Vec<Arc<Case>>, slow: bool) -> Self {
        let (left_out, cases): (Vec<_>, Vec<_>) = selected.into_iter().partition(|case| case.slow && !slow);
        Self { cases, slow: left_out.len() }
    }
}
