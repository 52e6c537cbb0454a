//! Effects: the bytes that came, and what stands on disk.

use std::net::SocketAddr;

use super::verdict::{Facet, Verdict};
use super::{Flow, Judge, Verdictless, describe, ended};
use crate::ftp::transcript::{DiskState, End, Event, Observed, What};
use crate::scenario::model::{Arm, ArmPattern, DiskCheck, Expression, Receive, StatePattern, Step};

/// The content that a pattern names.
pub(super) fn content_of(pattern: &StatePattern) -> Option<&Expression> {
    match pattern {
        StatePattern::Content(content) | StatePattern::PrefixOf(content) => Some(content),
        StatePattern::Absent | StatePattern::Present | StatePattern::File | StatePattern::Directory => None,
    }
}

/// The states that arms name.
pub(super) fn arm_states(arms: &[Arm]) -> impl Iterator<Item = &StatePattern> {
    arms.iter().filter_map(|arm| if let ArmPattern::Content(state) = &arm.head.pattern { Some(state) } else { None })
}

/// The first of the patterns that fits; `Observed::against` is in the order of those that name a content.
fn first_fit<'p>(patterns: impl Iterator<Item = &'p StatePattern>, fits: impl Fn(&StatePattern, usize) -> bool) -> Option<usize> {
    let mut named = 0;
    for (index, pattern) in patterns.enumerate() {
        if fits(pattern, named) {
            return Some(index);
        }
        named += usize::from(content_of(pattern).is_some());
    }
    None
}

fn state_fits(pattern: &StatePattern, named: usize, state: &DiskState) -> bool {
    match (pattern, state) {
        (StatePattern::Absent, DiskState::Absent)
        | (StatePattern::Present, DiskState::Directory { .. } | DiskState::File { .. } | DiskState::Other(_))
        | (StatePattern::File, DiskState::File { .. })
        | (StatePattern::Directory, DiskState::Directory { .. }) => true,
        (StatePattern::Content(_) | StatePattern::PrefixOf(_), DiskState::File { content, .. }) => content_fits(pattern, named, content),
        (_, _) => false,
    }
}

fn content_fits(pattern: &StatePattern, named: usize, content: &Observed) -> bool {
    let Some(agreement) = content.against.get(named) else { return false };
    match pattern {
        StatePattern::Content(_) => agreement.is_equal(content.len),
        StatePattern::PrefixOf(_) => agreement.is_prefix(content.len),
        StatePattern::Absent | StatePattern::Present | StatePattern::File | StatePattern::Directory => false,
    }
}

/// Whether what is on disk is what is demanded.
pub(super) fn disk_fits(check: &DiskCheck, state: &DiskState) -> bool {
    match (check, state) {
        (DiskCheck::State(patterns), _) => first_fit(patterns.iter(), |pattern, named| state_fits(pattern, named, state)).is_some(),
        (DiskCheck::Mode(want), DiskState::File { mode, .. } | DiskState::Directory { mode, .. }) => want == mode,
        (DiskCheck::Mtime(want), DiskState::File { mtime, .. } | DiskState::Directory { mtime, .. }) => want == mtime,
        (DiskCheck::Mode(_) | DiskCheck::Mtime(_), DiskState::Absent | DiskState::Other(_)) => false,
    }
}

/// Whether one of several states that are demanded may be on its way to another of them: no file yet, or the beginning of one.
pub(super) fn is_passing(check: &DiskCheck) -> bool {
    let passing = |state: &StatePattern| matches!(state, StatePattern::Absent | StatePattern::PrefixOf(_));
    matches!(check, DiskCheck::State(states) if states.iter().any(|state| matches!(state, StatePattern::PrefixOf(_)))
        || states.len() > 1 && states.iter().any(passing))
}

/// Whether an arm names a state that no transfer only passes through.
pub(super) fn is_settled(pattern: &ArmPattern) -> bool {
    matches!(pattern, ArmPattern::Content(state) if !matches!(state, StatePattern::Absent | StatePattern::PrefixOf(_)))
}

/// The arm of a `match` on contents that fits.
fn content_arm(arms: &[Arm], fits: impl Fn(&StatePattern, usize) -> bool) -> Option<usize> {
    let fitting = first_fit(arm_states(arms), fits);
    let states: Vec<usize> = (0..arms.len()).filter(|index| matches!(arms[*index].head.pattern, ArmPattern::Content(_))).collect();
    fitting.map(|place| states[place]).or_else(|| arms.iter().position(|arm| arm.head.pattern == ArmPattern::Any))
}

pub(super) fn disk_arm(arms: &[Arm], state: &DiskState) -> Option<usize> {
    content_arm(arms, |pattern, named| state_fits(pattern, named, state))
}

pub(super) fn disk_state(events: &[Event]) -> Option<&DiskState> {
    events.iter().rev().find_map(|event| if let What::Disk { state, .. } = &event.what { Some(state) } else { None })
}

/// The arm that fits what came on the data connection up to its end.
pub(super) fn data_arm(arms: &[Arm], events: &[Event]) -> (Option<usize>, String) {
    let Some(observed) = received(events) else { return (None, describe::no_data(events)) };
    if ended(events).is_none() {
        return (None, format!("{}, and no end of the connection", describe::observed(observed)));
    }
    (content_arm(arms, |pattern, named| content_fits(pattern, named, observed)), describe::observed(observed))
}

pub(super) fn received(events: &[Event]) -> Option<&Observed> {
    events.iter().find_map(|event| if let What::DataReceived(observed) = &event.what { Some(observed) } else { None })
}

/// Who called the listeners that were asked.
pub(super) fn callers(events: &[Event]) -> Vec<SocketAddr> {
    events.iter().filter_map(|event| if let What::Called { by, .. } = &event.what { Some(by.clone()) } else { None }).flatten().collect()
}

pub(super) fn listener_arm(arms: &[Arm], untouched: bool) -> Option<usize> {
    arms.iter().position(|arm| match arm.head.pattern {
        ArmPattern::Untouched(wanted) => wanted == untouched,
        ArmPattern::Any => true,
        ArmPattern::Reply(_) | ArmPattern::Content(_) => false,
    })
}

impl Judge<'_> {
    pub(super) fn receive(&mut self, step: &Step, what: &Receive, end: bool, events: &[Event]) -> Flow {
        let Some(observed) = received(events) else {
            let verdict = self.wrong(&step.cites);
            self.find(step, Facet::Effect, verdict, "data", describe::no_data(events));
            return Flow::Stop;
        };
        let how = ended(events);
        let (right, whole) = match what {
            Receive::Content(_) => {
                let agreement = observed.against.first();
                (
                    agreement.is_some_and(|agreement| agreement.is_equal(observed.len)),
                    agreement.is_some_and(|agreement| agreement.expected_len <= observed.len),
                )
            }
            Receive::Rest | Receive::Listing => (true, true),
        };
        if let Some(event) = events.iter().find(|event| matches!(what, Receive::Listing) && matches!(event.what, What::DataReceived(_))) {
            let memory = self.sessions.entry(event.session.clone()).or_default();
            memory.listing.clone_from(&observed.head);
            memory.listed_by.clone_from(&memory.verb);
        }
        let to_the_end = end || !matches!(what, Receive::Content(_));
        if !right {
            let verdict = self.wrong(&step.cites);
            self.find(step, Facet::Effect, verdict, &describe::step(step), describe::observed(observed));
            return if to_the_end && how.is_some() { Flow::Go } else { Flow::Stop };
        }
        if !to_the_end || how == Some(End::Close) {
            return Flow::Go;
        }
        let (verdict, seen) = match how {
            // All bytes came; that the end is a reset is no loss.
            Some(_) => (self.wrong(&step.cites).min(Verdict::Deviation), "a reset behind the bytes"),
            None => (self.wrong(&step.cites), "no end of the connection behind the bytes"),
        };
        if how.is_none() || !step.cites.is_empty() {
            self.find(step, Facet::Effect, verdict, &describe::step(step), seen.to_owned());
        }
        if how.is_some() && whole { Flow::Go } else { Flow::Stop }
    }

    pub(super) fn transmit(&mut self, step: &Step, events: &[Event]) -> Flow {
        if let Some(reason) =
            events.iter().find_map(|event| if let What::DataFailed { reason } = &event.what { Some(reason.clone()) } else { None })
        {
            let verdict = self.wrong(&step.cites);
            self.find(step, Facet::Effect, verdict, "a data connection", reason);
            return Flow::Stop;
        }
        // A server that refuses the rest says so in its reply; only a step that cites demands that it takes all.
        let broken = events
            .iter()
            .find_map(|event| if let What::DataSent { broken: Some(broken), len, .. } = &event.what { Some((*len, broken)) } else { None });
        if let Some((len, broken)) = broken
            && !step.cites.is_empty()
        {
            let verdict = self.wrong(&step.cites);
            self.find(step, Facet::Effect, verdict, "all bytes taken", format!("{broken} after {len} bytes"));
        }
        Flow::Go
    }

    pub(super) fn disk(&mut self, step: &Step, check: &DiskCheck, events: &[Event]) -> Flow {
        match disk_state(events) {
            Some(state) if disk_fits(check, state) => {}
            state => self.look(step, describe::step(step), state.map_or_else(|| "nothing was seen".to_owned(), describe::disk)),
        }
        Flow::Go
    }

    pub(super) fn unchanged(&mut self, step: &Step, events: &[Event]) -> Flow {
        let changes = events.iter().find_map(|event| if let What::Changes(changes) = &event.what { Some(changes) } else { None });
        match changes {
            Some(changes) if changes.is_empty() => {}
            Some(changes) => self.look(step, "the disk as it was".into(), changes.join("; ")),
            None => self.look(step, "the disk as it was".into(), "nothing was seen".into()),
        }
        Flow::Go
    }

    pub(super) fn untouched(&mut self, step: &Step, events: &[Event]) -> Flow {
        let callers = callers(events);
        if !callers.is_empty() {
            let callers: Vec<String> = callers.iter().map(ToString::to_string).collect();
            self.look(step, "nobody calls".into(), format!("called by {}", callers.join(", ")));
        }
        Flow::Go
    }

    /// A finding of a step that only looks at an effect.
    pub(super) fn look(&mut self, step: &Step, expected: String, seen: String) {
        let cites = self.inherited(step);
        let verdict = self.wrong(&cites);
        self.write(step.id, Verdictless { facet: Facet::Effect, verdict, expected, seen, cites: &cites, span: step.span });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::scenario::model::{Action, StepKind};

    /// The states of `disk f ..`, and whether a transfer under way may be passing through one that fits.
    fn check(states: &str, passing: bool) {
        let text =
            format!("+++\ntitle = \"t\"\n\n[files]\n\"f.txt\" = \"0123\"\n+++\n\ndisk f.txt {states}  [959-3.4.1-stream-file-eof]\n");
        let (source, scenario) = crate::scenario::parse_bytes("t", text.as_bytes(), "t");
        let cases = crate::scenario::expand(&scenario.unwrap(), &Arc::new(source)).unwrap();
        let StepKind::Action(Action::Disk { check, .. }) = &cases[0].stages[0].steps[0].kind else { panic!("{states}") };
        assert_eq!(is_passing(check), passing, "{states}");
    }

    #[test]
    fn what_may_still_grow_is_not_at_rest() {
        check("== \"0123\"", false);
        check("absent", false);
        check("in { \"0\", \"01\" }", false);
        check("in { absent, \"0123\" }", true);
        check("in { prefix of f.txt }", true);
        check("in { absent, prefix of f.txt }", true);
        check("mode == 644", false);
    }
}
