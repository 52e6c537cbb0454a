//! What a run plays, and in which order it is told.

use std::sync::Arc;

use super::partition::{Partition, Selected};
use crate::scenario::model::Case;

/// What was selected.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The cases, in the order of the suite.
    pub cases: Vec<Arc<Case>>,
    /// Slow cases that were selected and are left out.
    pub slow: usize,
    /// Where the cases are a part of what was selected.
    pub part: Option<Part>,
}

/// A part of what was selected.
#[derive(Debug, Clone)]
pub struct Part {
    /// Which.
    pub partition: Partition,
    /// All of it, this part included, in the order of the suite.
    pub selected: Vec<Arc<Case>>,
}

impl Plan {
    /// Leaves out slow cases unless they are wanted.
    #[must_use]
    pub fn new(selected: Vec<Arc<Case>>, slow: bool) -> Self {
        let (left_out, cases): (Vec<_>, Vec<_>) = selected.into_iter().partition(|case| case.slow && !slow);
        Self { cases, slow: left_out.len(), part: None }
    }

    /// Only a part of it, which may be empty. Slow cases that are left out count in each part.
    #[must_use]
    pub fn part(self, partition: Partition) -> Self {
        let held = self.cases.iter().enumerate().filter(|(place, case)| partition.holds(*place, &case.id));
        let cases = held.map(|(_, case)| Arc::clone(case)).collect();
        Self { cases, slow: self.slow, part: Some(Part { partition, selected: self.cases }) }
    }

    /// What was selected, before a part of it was taken.
    #[must_use]
    pub fn selected(&self) -> Selected {
        match &self.part {
            None => Selected::new(&self.cases, None),
            Some(part) => Selected::new(&part.selected, Some(part.partition)),
        }
    }

    /// The ids of cases that other parts play.
    pub fn elsewhere(&self) -> impl Iterator<Item = &str> {
        let part = self.part.iter();
        part.flat_map(|part| part.selected.iter().enumerate().filter(|(place, case)| !part.partition.holds(*place, &case.id)))
            .map(|(_, case)| case.id.as_str())
    }
}
