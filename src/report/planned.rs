//! What was planned, and what of it is over: for reports that name what was not played.

use crate::run::event::{Event, TargetInfo};
use crate::run::partition::Selected;

/// The plan, as far as a report needs it.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub(super) target: TargetInfo,
    /// Slow cases that were selected and are not played.
    pub(super) slow: usize,
    /// What the plan is all or a part of.
    pub(super) selected: Selected,
    /// A deviation fails the run.
    pub(super) strict: bool,
    ids: Vec<String>,
    finished: Vec<bool>,
}

impl Planned {
    /// Listens to the plan and to what is over.
    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Planned { target, cases, slow, selected, strict } => {
                self.target = target.clone();
                self.slow = *slow;
                self.selected = selected.clone();
                self.strict = *strict;
                self.ids = cases.iter().map(|case| case.id.clone()).collect();
                self.finished = vec![false; cases.len()];
            }
            Event::Finished(report) => {
                if let Some(finished) = self.finished.get_mut(report.index) {
                    *finished = true;
                }
            }
            Event::Started { .. } | Event::Said { .. } | Event::Ended { .. } | Event::Over(_) => {}
        }
    }

    /// How many cases were planned.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The ids of cases that were planned and did not come to an end.
    pub(super) fn not_played(&self) -> Vec<&str> {
        self.ids.iter().zip(&self.finished).filter(|(_, finished)| !**finished).map(|(id, _)| id.as_str()).collect()
    }
}
