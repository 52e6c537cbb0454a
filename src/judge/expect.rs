//! Replies: codes, sequences, texts, and what it means where none comes.

use super::reply::{Fit, Heard, Progress};
use super::verdict::{Facet, Verdict};
use super::{Flow, Judge, Verdictless, bind, describe, probed, reply, short};
use crate::ftp::reply::Reply;
use crate::ftp::transcript::{Event, What};
use crate::scenario::model::{Expect, Step};

impl Judge<'_> {
    pub(super) fn expect(&mut self, step: &Step, expect: &Expect, events: &[Event]) -> Flow {
        let heard = reply::heard(events);
        match reply::decide(std::iter::once(expect), &heard, probed(events), true) {
            Progress::Done(Some(fit)) => self.fitting(step, expect, fit, &heard),
            Progress::Done(None) | Progress::More | Progress::Open => self.unfitting(step, expect, &heard),
        }
    }

    pub(super) fn fitting(&mut self, step: &Step, expect: &Expect, fit: Fit, heard: &[Heard<'_>]) -> Flow {
        let expected = describe::expect(expect);
        if fit.deviation && !step.cites.is_empty() && !self.control {
            let seen = describe::all(&heard[..fit.len]);
            let verdict = self.broken(&step.cites).min(Verdict::Deviation);
            self.find(step, Facet::Reply, verdict, &expected, seen);
        }
        let Some(Heard::Reply(last)) = heard[..fit.len].iter().rev().find(|heard| matches!(heard, Heard::Reply(_))) else {
            return Flow::Go;
        };
        let mut flow = Flow::Go;
        for (wrong, needed) in self.texts(expect, last) {
            let verdict = self.broken(&step.cites);
            self.find(step, Facet::Reply, verdict, &expected, wrong);
            if needed {
                flow = Flow::Stop;
            }
        }
        flow
    }

    /// What is wrong about a reply's text, and whether a capture stays unbound by that.
    pub(super) fn texts(&mut self, expect: &Expect, reply: &Reply) -> Vec<(String, bool)> {
        let lines = reply.lines();
        let shown = describe::reply(reply);
        let mut wrong = Vec::new();
        if let Some(pattern) = &expect.text {
            let needed = bind::binds(pattern, &self.bindings);
            if !self.bindings.matches_and_binds(pattern, short(reply.text())) {
                wrong.push((format!("another text: {shown}"), needed));
            }
        }
        for pattern in &expect.with {
            let needed = bind::binds(pattern, &self.bindings);
            if !lines.iter().any(|line| self.bindings.matches_and_binds(pattern, short(line))) {
                wrong.push((format!("no line like {} in: {shown}", describe::pattern(pattern)), needed));
            }
        }
        for pattern in &expect.without {
            if lines.iter().any(|line| self.bindings.matches(pattern, short(line)).is_some()) {
                wrong.push((format!("a line like {} in: {shown}", describe::pattern(pattern)), false));
            }
        }
        if expect.wellformed && !reply.defects.is_empty() {
            let defects: Vec<String> = reply.defects.iter().map(ToString::to_string).collect();
            wrong.push((format!("{}: {shown}", defects.join(", ")), false));
        }
        wrong
    }

    pub(super) fn unfitting(&mut self, step: &Step, expect: &Expect, heard: &[Heard<'_>]) -> Flow {
        let facet = match heard.last() {
            Some(Heard::Reply(_)) => Facet::Reply,
            Some(Heard::Nothing) | None if expect.within.is_some() => Facet::Timing,
            Some(Heard::End | Heard::Nothing) | None => Facet::Liveness,
        };
        self.unheard(step, facet, describe::expect(expect), heard)
    }

    /// A reply that is another than demanded, or is none. A connection that is lost or has fallen silent speaks about the
    /// last step that cites something: what that step asked for cost the session.
    pub(super) fn unheard(&mut self, step: &Step, facet: Facet, expected: String, heard: &[Heard<'_>]) -> Flow {
        let cites = if facet == Facet::Liveness { self.at_stake(step) } else { step.cites.clone() };
        let verdict = self.broken(&cites);
        self.write(step.id, Verdictless { facet, verdict, expected, seen: describe::all(heard), cites: &cites, span: step.span });
        Flow::Stop
    }

    pub(super) fn until(&mut self, step: &Step, expect: &Expect, events: &[Event]) -> Flow {
        // Each try is a line sent and what was heard after it; only the last counts.
        let from = events.iter().rposition(|event| matches!(event.what, What::Sent { .. })).map_or(0, |at| at + 1);
        let heard = reply::heard(&events[from..]);
        let fits = |judge: &Self, reply: &Reply| {
            expect.text.as_ref().is_none_or(|pattern| judge.bindings.matches(pattern, short(reply.text())).is_some())
        };
        match (reply::decide(std::iter::once(expect), &heard, false, false), heard.last()) {
            (Progress::Done(Some(fit)), Some(Heard::Reply(reply))) if fits(self, reply) => self.fitting(step, expect, fit, &heard),
            (_, Some(Heard::Reply(_))) if !events.iter().any(|event| matches!(event.what, What::Stalled(_))) => Flow::Again,
            _ => {
                let verdict = self.broken(&step.cites);
                self.find(step, Facet::Timing, verdict, &describe::expect(expect), describe::all(&heard));
                Flow::Stop
            }
        }
    }
}
