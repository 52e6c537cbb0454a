//! `match`: which arm fits what was seen, and what that means.

use super::reply::{self, Heard, Progress};
use super::verdict::{Facet, Verdict};
use super::{Flow, Judge, Verdictless, describe, effect, probed};
use crate::ftp::transcript::Event;
use crate::scenario::model::{Arm, ArmOutcome, ArmPattern, Step, Subject};

impl Judge<'_> {
    pub(super) fn choose(&mut self, step: &Step, subject: &Subject, arms: &[Arm], events: &[Event]) -> Flow {
        let (arm, seen) = match subject {
            Subject::Reply => self.reply_arm(arms, events),
            Subject::Disk(_) => effect::disk_state(events)
                .map_or_else(|| (None, "nothing".to_owned()), |state| (effect::disk_arm(arms, state), describe::disk(state))),
            Subject::Data => effect::data_arm(arms, events),
            Subject::Listener(_) => {
                let callers = effect::callers(events);
                (
                    effect::listener_arm(arms, callers.is_empty()),
                    if callers.is_empty() { "nobody called".into() } else { format!("called by {callers:?}") },
                )
            }
        };
        let facet = if *subject == Subject::Reply { Facet::Reply } else { Facet::Effect };
        let Some(index) = arm else {
            let verdict = if facet == Facet::Effect { self.wrong(&step.cites) } else { self.broken(&step.cites) };
            self.find(step, facet, verdict, &describe::arms(arms), seen);
            return Flow::Stop;
        };
        let arm = &arms[index];
        let cites = if arm.cites.is_empty() { self.inherited(step) } else { arm.cites.clone() };
        if !arm.cites.is_empty() {
            self.cited.clone_from(&arm.cites);
        }
        let (verdict, text) = match &arm.head.outcome {
            ArmOutcome::Pass => return Flow::Arm(index),
            ArmOutcome::Info(text) => (Verdict::Info, text),
            ArmOutcome::Deviation(text) => (Verdict::Deviation, text),
            ArmOutcome::Fail(text) => (Verdict::Fail, text),
        };
        // A choice that cites nothing is set-up.
        let accuses = verdict != Verdict::Info;
        let verdict = if self.control || accuses && cites.is_empty() { Verdict::Inconclusive } else { verdict };
        let seen = if text.is_empty() { seen } else { format!("{text}: {seen}") };
        self.write(step.id, Verdictless { facet, verdict, expected: describe::arms(arms), seen, cites: &cites, span: arm.span });
        Flow::Arm(index)
    }

    pub(super) fn reply_arm(&mut self, arms: &[Arm], events: &[Event]) -> (Option<usize>, String) {
        let heard = reply::heard(events);
        let seen = describe::all(&heard);
        // The first arm that fits in code and text; a text that does not fit passes the arm by.
        for (index, arm) in arms.iter().enumerate() {
            let ArmPattern::Reply(expect) = &arm.head.pattern else {
                if arm.head.pattern == ArmPattern::Any && !heard.is_empty() {
                    return (Some(index), seen);
                }
                continue;
            };
            let Progress::Done(Some(fit)) = reply::decide(std::iter::once(expect), &heard, probed(events), false) else { continue };
            let last = heard[..fit.len].iter().rev().find_map(|heard| if let Heard::Reply(reply) = heard { Some(*reply) } else { None });
            if last.is_none_or(|reply| self.texts(expect, reply).is_empty()) {
                return (Some(index), seen);
            }
        }
        (None, seen)
    }
}
