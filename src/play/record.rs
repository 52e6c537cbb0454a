//! The record of a case under way: events as they happen, passwords masked, and the judge that reads along.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::ftp::transcript::{Event, Transcript, What};
use crate::judge::verdict::Outcome;
use crate::judge::{Flow, Judge};
use crate::scenario::model::Step;

/// What stands in place of a password.
const MASK: &[u8] = b"****";

/// Where events go as they happen.
#[derive(Clone)]
pub struct Live(Arc<dyn Fn(&Event) + Send + Sync>);

impl Live {
    /// Calls this with each event.
    pub fn new(listen: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listen))
    }

    fn say(&self, event: &Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Live")
    }
}

/// Shared by the branches of a case.
#[derive(Debug)]
pub(super) struct Record<'a> {
    start: Instant,
    secrets: Vec<Vec<u8>>,
    live: Option<Live>,
    state: Mutex<State<'a>>,
}

#[derive(Debug)]
struct State<'a> {
    judge: Judge<'a>,
    transcript: Transcript,
    step: usize,
}

impl<'a> Record<'a> {
    pub(super) fn new(judge: Judge<'a>, mut secrets: Vec<Vec<u8>>, live: Option<Live>) -> Self {
        secrets.retain(|secret| !secret.is_empty());
        Self { start: Instant::now(), secrets, live, state: Mutex::new(State { judge, transcript: Transcript::default(), step: 0 }) }
    }

    fn state(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what happened.
    pub(super) fn event(&self, step: usize, session: &Arc<str>, what: What) {
        let what = self.masked(what);
        let event = Event { at: self.start.elapsed(), step, session: Arc::clone(session), what };
        if let Some(live) = &self.live {
            live.say(&event);
        }
        let mut state = self.state();
        state.judge.hear(&event);
        state.transcript.events.push(event);
    }

    /// The events of a step so far.
    pub(super) fn of(&self, step: usize) -> Vec<Event> {
        self.state()
            .transcript
            .events
            .iter()
            .rev()
            .take(4096)
            .filter(|event| event.step == step)
            .cloned()
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect()
    }

    /// The sessions' farewells are over.
    pub(super) fn farewell(&self, last: &Step, events: &[Event]) {
        let mut state = self.state();
        let seen = state.transcript.events.len();
        state.judge.farewell(last, events, seen);
    }

    /// Asks the judge.
    pub(super) fn judge<T>(&self, ask: impl FnOnce(&mut Judge<'a>) -> T) -> T {
        ask(&mut self.state().judge)
    }

    /// A step begins.
    pub(super) fn begin(&self, step: usize) {
        self.state().step = step;
    }

    /// A step is over.
    pub(super) fn step(&self, step: &Step) -> Flow {
        let events = self.of(step.id);
        let mut state = self.state();
        let seen = state.transcript.events.len();
        state.judge.step(step, &events, seen)
    }

    /// The case is over; `overdue` where its deadline ended it.
    pub(super) fn finish(self, overdue: bool) -> (Outcome, Transcript, Duration) {
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if overdue {
            state.judge.overdue(state.step);
        }
        (state.judge.finish(), state.transcript, self.start.elapsed())
    }

    fn masked(&self, what: What) -> What {
        match what {
            What::Sent { bytes } => What::Sent { bytes: self.mask(bytes) },
            What::Reply(mut reply) => {
                reply.raw = self.mask(reply.raw);
                What::Reply(reply)
            }
            What::Silence { waited, partial } => What::Silence { waited, partial: self.mask(partial) },
            What::ControlEnded { how, partial } => What::ControlEnded { how, partial: self.mask(partial) },
            What::Flood { len, head } => What::Flood { len, head: self.mask(head) },
            other => other,
        }
    }

    fn mask(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        for secret in &self.secrets {
            let mut from = 0;
            while let Some(at) = bytes[from..].windows(secret.len()).position(|window| window == secret).map(|at| from + at) {
                let end = at + secret.len();
                from = end;
                if secret.len() >= SHORT || is_word(&bytes, at, end) {
                    bytes.splice(at..end, MASK.iter().copied());
                    from = at + MASK.len();
                }
            }
        }
        bytes
    }
}

/// Passwords shorter than this stand in other words by chance, and are masked only as words of their own.
const SHORT: usize = 6;

fn is_word(bytes: &[u8], start: usize, end: usize) -> bool {
    let before = start.checked_sub(1).and_then(|at| bytes.get(at));
    [before, bytes.get(end)].into_iter().flatten().all(|byte| !byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(secrets: &[&str], text: &str, expect: &str) {
        let case = crate::scenario::model::Case {
            id: String::new(),
            title: String::new(),
            needs: Vec::new(),
            slow: false,
            roles: Vec::new(),
            files: Vec::new(),
            settings: crate::scenario::model::Settings::default(),
            stages: Vec::new(),
            source: Arc::new(crate::scenario::model::Source { name: String::new(), text: String::new() }),
        };
        let bindings = crate::judge::bind::Bindings::new(&case, b"\n").unwrap();
        let secrets = secrets.iter().map(|secret| secret.as_bytes().to_vec()).collect();
        let record = Record::new(Judge::new(&case, bindings), secrets, None);
        assert_eq!(String::from_utf8(record.mask(text.as_bytes().to_vec())).unwrap(), expect);
    }

    #[test]
    fn passwords_are_masked_wherever_they_stand() {
        check(&["geheim"], "PASS geheim\r\n", "PASS ****\r\n");
        check(&["geheim"], "530 no: geheimgeheim", "530 no: ********");
        check(&["*", ""], "a * b", "a **** b");
        check(&["pw", "p"], "PASS pw\r\n530 pwd: perm=p, pw", "PASS ****\r\n530 pwd: perm=****, ****");
        check(&["long-secret", "secret"], "long-secret secret", "**** ****");
    }
}
