//! Judging: what a scenario demands against what was seen.
//!
//! [`Judge`] takes a case step by step, each with the events that belong to it, and says how to go on; [`judge`] does the
//! same with a stored transcript. Pure: `play` asks it while the case is under way, so that there is one reading of the
//! notation and not two.
//!
//! Responsible for findings, verdicts and captures. Does not know how events came about, and no server by name.

pub mod baseline;
pub mod bind;
mod choose;
mod describe;
mod effect;
mod expect;
mod listing;
pub mod reply;
mod session;
pub mod verdict;

use std::collections::HashMap;
use std::sync::Arc;

use crate::ftp::content::Content;
use crate::ftp::transcript::{DiskState, End, Event, Transcript, What};
use crate::requirement::{Catalogue, Level};
use crate::scenario::model::{Action, Arm, ArmPattern, Case, DiskCheck, Expect, Receive, Span, StatePattern, Step, StepKind, Subject};
use bind::{Bindings, Unresolved};
use reply::{Heard, Progress};
use verdict::{Facet, Finding, Outcome, Verdict};

/// How to go on after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// With the next step.
    Go,
    /// With the steps of this arm, then with the next step.
    Arm(usize),
    /// The step is repeated: `until` did not match yet.
    Again,
    /// Not at all: what follows would mean nothing.
    Stop,
}

/// Judges one case as it goes.
#[derive(Debug)]
pub struct Judge<'a> {
    case: &'a Case,
    bindings: Bindings,
    control: bool,
    control_broken: bool,
    /// The ids of the last step of the stage that cites any.
    cited: Vec<String>,
    findings: Vec<Finding>,
    sessions: HashMap<Arc<str>, Memory>,
    seen: usize,
}

/// What later steps of a session ask for.
#[derive(Debug, Default)]
struct Memory {
    /// The lines of the last reply.
    reply: Vec<Vec<u8>>,
    /// What came for `S>> listing`.
    listing: Vec<u8>,
    /// The verb that brought it.
    listed_by: String,
    /// The verb of the last line that was sent.
    verb: String,
}

/// What a step turned out to be, before it is written down.
struct Verdictless<'s> {
    facet: Facet,
    verdict: Verdict,
    expected: String,
    seen: String,
    cites: &'s [String],
    span: Span,
}

impl<'a> Judge<'a> {
    /// Nothing was played yet.
    #[must_use]
    pub fn new(case: &'a Case, bindings: Bindings) -> Self {
        Self {
            case,
            bindings,
            control: false,
            control_broken: false,
            cited: Vec::new(),
            findings: Vec::new(),
            sessions: HashMap::new(),
            seen: 0,
        }
    }

    /// What is bound so far.
    #[must_use]
    pub fn bindings(&self) -> &Bindings {
        &self.bindings
    }

    /// Binds what the harness alone knows: login names, ports of listeners.
    pub fn bind(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.bindings.bind(name, value);
    }

    /// A stage begins: sessions and citations start anew.
    pub fn begin(&mut self, control: bool) {
        self.control = control;
        self.cited.clear();
        self.sessions.clear();
    }

    /// The case is over.
    #[must_use]
    pub fn finish(self) -> Outcome {
        let gravest = self.findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Pass);
        // Set-up that breaks behind a failure is that failure's consequence; in front of it, or in a control, it takes the
        // accusation back.
        let first = |verdict| self.findings.iter().position(|finding| finding.verdict == verdict);
        let consequence = matches!((first(Verdict::Fail), first(Verdict::Inconclusive)), (Some(failed), Some(broke)) if failed < broke);
        let verdict = if gravest == Verdict::Inconclusive && consequence && !self.control_broken { Verdict::Fail } else { gravest };
        Outcome { verdict, findings: self.findings }
    }

    /// Whether the replies so far decide a step that waits for replies.
    #[must_use]
    pub fn progress(&self, step: &Step, events: &[Event]) -> Progress {
        let heard = reply::heard(events);
        let probed = probed(events);
        match &step.kind {
            StepKind::Action(Action::Expect(expect)) | StepKind::Until { expect, .. } => {
                reply::decide(std::iter::once(expect), &heard, probed, true)
            }
            // `..` alone fits any reply, but there must be one.
            StepKind::Match { subject: Subject::Reply, .. } if heard.is_empty() => Progress::More,
            StepKind::Match { subject: Subject::Reply, arms } => reply::decide(arm_expects(arms), &heard, probed, false),
            StepKind::Action(_) | StepKind::Match { .. } | StepKind::Together(_) => Progress::Done(None),
        }
    }

    /// The contents that the bytes of a step are compared with, in the order in which the judge looks for them.
    ///
    /// # Errors
    /// [`Unresolved`] where a place stands for nothing.
    pub fn contents(&self, step: &Step) -> Result<Vec<Content>, Unresolved> {
        let states: Vec<&StatePattern> = match &step.kind {
            StepKind::Action(Action::Receive { what: Receive::Content(content), .. }) => return Ok(vec![self.bindings.content(content)?]),
            StepKind::Action(Action::Disk { check: DiskCheck::State(states), .. }) => states.iter().collect(),
            StepKind::Match { subject: Subject::Disk(_) | Subject::Data, arms } => effect::arm_states(arms).collect(),
            StepKind::Action(_) | StepKind::Match { .. } | StepKind::Together(_) | StepKind::Until { .. } => Vec::new(),
        };
        states.into_iter().filter_map(effect::content_of).map(|content| self.bindings.content(content)).collect()
    }

    /// Whether what is on disk is what a step demands, and no state that a transfer under way goes through; for a `match`,
    /// whether an arm like that fits.
    #[must_use]
    pub fn disk_settles(&self, step: &Step, state: &DiskState) -> bool {
        match &step.kind {
            StepKind::Action(Action::Disk { check, .. }) => !effect::is_passing(check) && effect::disk_fits(check, state),
            StepKind::Match { arms, .. } => effect::disk_arm(arms, state).is_some_and(|arm| effect::is_settled(&arms[arm].head.pattern)),
            StepKind::Action(_) | StepKind::Together(_) | StepKind::Until { .. } => true,
        }
    }

    /// Takes a step with all its events and says how to go on.
    ///
    /// `seen`: how many events the transcript holds by now.
    pub fn step(&mut self, step: &Step, events: &[Event], seen: usize) -> Flow {
        self.seen = seen;
        if !step.cites.is_empty() {
            self.cited.clone_from(&step.cites);
        }
        if let Some(trouble) = events.iter().find_map(|event| if let What::Trouble(trouble) = &event.what { Some(trouble) } else { None }) {
            self.write(step.id, self.case_error(step.span, trouble.clone()));
            return Flow::Stop;
        }
        match &step.kind {
            StepKind::Action(action) => self.action(step, action, events),
            StepKind::Match { subject, arms } => self.choose(step, subject, arms, events),
            StepKind::Until { expect, .. } => self.until(step, expect, events),
            StepKind::Together(_) => Flow::Go,
        }
    }

    /// The case's deadline passed in the middle of a step.
    pub fn overdue(&mut self, step: usize) {
        let span = self.case.steps().find(|known| known.id == step).map_or_else(Span::default, |known| known.span);
        self.write(
            step,
            Verdictless {
                facet: Facet::Timing,
                verdict: Verdict::Inconclusive,
                expected: "an end within the case's deadline".into(),
                seen: "none".into(),
                cites: &[],
                span,
            },
        );
    }

    /// A session that was in step says farewell: QUIT, and whatever came up to its end.
    pub fn farewell(&mut self, last: &Step, events: &[Event], seen: usize) {
        self.seen = seen;
        let heard = reply::heard(events);
        let codes: Vec<Option<u16>> = heard.iter().map(|heard| if let Heard::Reply(reply) = heard { reply.code } else { None }).collect();
        let quit = codes.iter().position(|code| *code == Some(221));
        let (seen, id) = match (quit, heard.first()) {
            (Some(0), _) | (None, Some(Heard::Reply(_))) => return,
            (Some(_), _) => (format!("{} before it", describe::heard(&heard[0])), "1123-4.1.2.11-no-spontaneous-reply"),
            (None, Some(Heard::Nothing) | None) => ("no reply to QUIT".to_owned(), "959-4.2-every-command-replied"),
            (None, Some(Heard::End)) => ("the connection's end without a reply to QUIT".to_owned(), "959-4.2-every-command-replied"),
        };
        let cites = [id.to_owned()];
        let verdict = self.broken(&cites);
        self.write(
            last.id,
            Verdictless { facet: Facet::Liveness, verdict, expected: "221 to QUIT".into(), seen, cites: &cites, span: last.span },
        );
    }

    fn action(&mut self, step: &Step, action: &Action, events: &[Event]) -> Flow {
        match action {
            Action::Expect(expect) => self.expect(step, expect, events),
            Action::Login(_) => self.login(step, events),
            Action::As(_) | Action::Connect => self.connected(step, events),
            Action::Data { caller, .. } => self.data(step, *caller, events),
            Action::Receive { what, end } => self.receive(step, what, *end, events),
            Action::Transmit { .. } => self.transmit(step, events),
            Action::Alive => self.alive(step, events),
            Action::Disk { check, .. } => self.disk(step, check, events),
            Action::DiskUnchanged => self.unchanged(step, events),
            Action::Untouched(_) => self.untouched(step, events),
            Action::Fact { name, entry, check } => self.fact(step, name, entry.as_ref(), check, events),
            Action::Entries { check, names } => self.entries(step, *check, names, events),
            Action::Send(_)
            | Action::Flush
            | Action::Cut(_)
            | Action::Close(_)
            | Action::HalfClose(_)
            | Action::Stall(_)
            | Action::Settle(..)
            | Action::Abort(_)
            | Action::Listen { .. }
            | Action::Sync(_)
            | Action::Tls => self.connected(step, events),
        }
    }

    /// Hears of an event when it happens: what later steps look back at.
    pub fn hear(&mut self, event: &Event) {
        let memory = self.sessions.entry(Arc::clone(&event.session)).or_default();
        match &event.what {
            What::Reply(reply) => memory.reply = reply.lines().into_iter().map(<[u8]>::to_vec).collect(),
            What::Sent { bytes } => {
                let verb = bytes.iter().take_while(|byte| byte.is_ascii_alphabetic()).map(|byte| char::from(byte.to_ascii_uppercase()));
                memory.verb = verb.collect();
            }
            _ => {}
        }
    }

    /// The ids of a step that only looks: its own, or those of the last step of the stage that cites any.
    fn inherited(&self, step: &Step) -> Vec<String> {
        if step.cites.is_empty() { self.cited.clone() } else { step.cites.clone() }
    }

    /// The ids that a lost or silent connection speaks about: those of the last step that cites any. Where that was a choice, the
    /// demand that every command is answered: silence is none of the choices.
    fn at_stake(&self, step: &Step) -> Vec<String> {
        let mut cites = self.inherited(step);
        if Catalogue::built_in().strictest(&cites) == Some(Level::May) {
            cites.push("959-4.2-every-command-replied".to_owned());
        }
        cites
    }

    /// How grave it is that a step with these ids does not hold.
    fn broken(&self, cites: &[String]) -> Verdict {
        if self.control {
            return Verdict::Inconclusive;
        }
        match Catalogue::built_in().strictest(cites) {
            None => Verdict::Inconclusive,
            Some(Level::May) => Verdict::Info,
            Some(Level::Should) => Verdict::Deviation,
            Some(Level::Must | Level::Defacto | Level::Security) => Verdict::Fail,
        }
    }

    /// How grave a wrong effect is: always a failure, unless the step is set-up.
    fn wrong(&self, cites: &[String]) -> Verdict {
        if self.control || cites.is_empty() { Verdict::Inconclusive } else { Verdict::Fail }
    }

    fn case_error(&self, span: Span, seen: String) -> Verdictless<'static> {
        Verdictless {
            facet: Facet::Effect,
            verdict: Verdict::Error,
            expected: "a step that the harness can do".into(),
            seen,
            cites: &[],
            span,
        }
    }

    fn find(&mut self, step: &Step, facet: Facet, verdict: Verdict, expected: &str, seen: String) {
        self.write(step.id, Verdictless { facet, verdict, expected: expected.to_owned(), seen, cites: &step.cites, span: step.span });
    }

    fn write(&mut self, step: usize, found: Verdictless<'_>) {
        self.control_broken |= self.control && found.verdict == Verdict::Inconclusive;
        self.findings.push(Finding {
            facet: found.facet,
            verdict: found.verdict,
            step,
            span: found.span,
            requirements: breakable(found.cites),
            expected: found.expected,
            seen: found.seen,
            events: self.seen,
        });
    }
}

/// The ids that can be broken: what a server may do is none of them, unless nothing else is cited.
fn breakable(cites: &[String]) -> Vec<String> {
    let may = |id: &String| Catalogue::built_in().find(id).is_some_and(|requirement| requirement.level == Level::May);
    let demands: Vec<String> = cites.iter().filter(|id| !may(id)).cloned().collect();
    if demands.is_empty() { cites.to_vec() } else { demands }
}

/// Patterns look at so much of a line and no more.
fn short(line: &[u8]) -> &[u8] {
    &line[..line.len().min(4096)]
}

/// Whether the harness asked in between: only a probe is sent in a step that waits for replies.
fn probed(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event.what, What::Sent { .. }))
}

fn arm_expects(arms: &[Arm]) -> impl Iterator<Item = &Expect> + Clone {
    arms.iter().filter_map(|arm| if let ArmPattern::Reply(expect) = &arm.head.pattern { Some(expect) } else { None })
}

/// Judges a stored transcript.
#[must_use]
pub fn judge(case: &Case, bindings: Bindings, transcript: &Transcript) -> Outcome {
    let mut judge = Judge::new(case, bindings);
    let mut go = true;
    for stage in &case.stages {
        judge.begin(stage.control);
        go = go && replay(&mut judge, &stage.steps, transcript);
    }
    if let Some(last) = case.steps().last() {
        let events = events_of(transcript, farewell_id(case));
        if !events.is_empty() {
            judge.farewell(last, &events, transcript.events.len());
        }
    }
    judge.finish()
}

/// The number under which the farewells of a case's sessions stand in its transcript.
#[must_use]
pub fn farewell_id(case: &Case) -> usize {
    case.steps().count()
}

fn replay(judge: &mut Judge<'_>, steps: &[Step], transcript: &Transcript) -> bool {
    for step in steps {
        let events = events_of(transcript, step.id);
        if let StepKind::Together(branches) = &step.kind {
            // Each branch goes on by itself.
            let alive = branches.iter().filter(|branch| !replay(judge, branch, transcript)).count() == 0;
            if !alive {
                return false;
            }
            continue;
        }
        let seen = transcript.events.iter().rposition(|event| event.step == step.id).map_or(judge.seen, |last| last + 1);
        transcript.events.iter().take(seen).skip(judge.seen).for_each(|event| judge.hear(event));
        let go = match judge.step(step, &events, seen) {
            Flow::Go | Flow::Again => true,
            Flow::Stop => false,
            Flow::Arm(index) => match &step.kind {
                StepKind::Match { arms, .. } => replay(judge, &arms[index].steps, transcript),
                StepKind::Action(_) | StepKind::Together(_) | StepKind::Until { .. } => true,
            },
        };
        if !go {
            return false;
        }
    }
    true
}

fn events_of(transcript: &Transcript, step: usize) -> Vec<Event> {
    transcript.events.iter().filter(|event| event.step == step).cloned().collect()
}

/// Whether the data connection ended the way a transfer in stream mode ends, RFC 959 section 3.4.1.
fn ended(events: &[Event]) -> Option<End> {
    events.iter().find_map(|event| if let What::DataEnded(how) = event.what { Some(how) } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_may_do_is_not_broken_beside_what_it_must() {
        let ids = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let (may, must) = ("959-2.2-access-control-refusal", "959-4.2-every-command-replied");
        assert_eq!(Catalogue::built_in().find(may).unwrap().level, Level::May);
        assert_eq!(breakable(&ids(&[may, must])), [must]);
        assert_eq!(breakable(&ids(&[may])), [may]);
        assert_eq!(breakable(&[]), ids(&[]));
    }
}
