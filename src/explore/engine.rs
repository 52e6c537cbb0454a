//! Draws cases, plays many at once, and has what fails looked into.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Mutex, watch};

use super::arena::Arena;
use super::compare::{Divergence, Kind};
use super::coverage::Coverage;
use super::draft::Drafts;
use super::event::{Event, Progress, Proof, Summary};
use super::investigate::{Investigated, Suspect, investigate};
use super::known::{Known, Mark};
use super::player::{Cast, Manner, Played, play};
use super::strategy::{CaseDraft, Topic, case};
use crate::target::Target;

/// How it is done.
#[derive(Debug, Clone)]
pub struct Options {
    /// So many cases at most.
    pub cases: Option<u64>,
    /// So long at most; what is being looked into then is looked into to its end.
    pub time: Option<Duration>,
    /// The same seed draws the same cases.
    pub seed: u64,
    /// What cases are about; empty is everything.
    pub topics: Vec<Topic>,
    /// Cases at once.
    pub jobs: usize,
    /// It ends after so many findings.
    pub findings: usize,
    /// Operations of a case at most.
    pub length: usize,
    /// How long a reply may take.
    pub reply: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cases: None,
            time: Some(Duration::from_secs(60)),
            seed: 0,
            topics: Vec::new(),
            jobs: 6,
            findings: 20,
            length: 50,
            reply: Duration::from_secs(4),
        }
    }
}

/// Cases that could not be played, one behind the other, until it is given up.
const TROUBLE: u64 = 20;
/// In one of so many cases what is known is not left out.
const ANYWAY: u64 = 8;

/// What all workers share.
struct Shared {
    target: Arc<dyn Target>,
    arena: Arena,
    options: Options,
    topics: Vec<Topic>,
    begun: Instant,
    next: AtomicU64,
    cases: AtomicU64,
    operations: AtomicU64,
    trouble: AtomicU64,
    state: Mutex<State>,
    /// One failure is looked into at a time.
    bench: Mutex<()>,
    events: UnboundedSender<Event>,
    stop: watch::Sender<Option<String>>,
}

#[derive(Default)]
struct State {
    known: Known,
    /// The last steps of failures that came and went.
    fleeting: Vec<(Mark, Kind)>,
    summary: Summary,
}

/// So many failures with the same last step, which all came and went, are looked into.
const FLEETING: usize = 2;

/// Explores a server and tells what happens; the last event is always [`Event::Over`].
pub async fn explore(
    target: Arc<dyn Target>,
    options: Options,
    mut interrupt: watch::Receiver<bool>,
    events: UnboundedSender<Event>,
) -> Summary {
    let arena = tokio::select! {
        arena = Arena::start(&target, options.jobs.max(1), options.seed, options.reply) => arena.map_err(|error| error.to_string()),
        () = interrupted(&mut interrupt) => Err("interrupted while the server started".to_owned()),
    };
    let arena = match arena {
        Ok(arena) => arena,
        Err(told) => {
            let summary = Summary { interrupted: *interrupt.borrow(), not_started: Some(told), ..Summary::default() };
            tell(&events, Event::Over(Box::new(summary.clone())));
            return summary;
        }
    };
    let started = Event::Started { target: target.name().to_owned(), version: target.version(), without: arena.without() };
    tell(&events, started);
    let topics = if options.topics.is_empty() { Topic::ALL.to_vec() } else { options.topics.clone() };
    let shared = Arc::new(Shared {
        target,
        topics,
        begun: Instant::now(),
        next: AtomicU64::new(0),
        cases: AtomicU64::new(0),
        operations: AtomicU64::new(0),
        trouble: AtomicU64::new(0),
        state: Mutex::default(),
        bench: Mutex::new(()),
        events: events.clone(),
        stop: watch::Sender::new(None),
        arena,
        options,
    });
    let mut workers = tokio::task::JoinSet::new();
    for slot in 0..shared.arena.len() {
        let shared = Arc::clone(&shared);
        workers.spawn(async move { shared.work(slot).await });
    }
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    loop {
        tokio::select! {
            ended = workers.join_next() => match ended {
                Some(_) => {}
                None => break,
            },
            _ = tick.tick() => shared.progress().await,
            () = interrupted(&mut interrupt) => {
                workers.shutdown().await;
                shared.state.lock().await.summary.interrupted = true;
                break;
            }
        }
    }
    let mut summary = std::mem::take(&mut shared.state.lock().await.summary);
    summary.duration = shared.begun.elapsed();
    summary.cases = shared.cases.load(Ordering::Relaxed);
    summary.cut_short.clone_from(&shared.stop.borrow());
    summary.left = shared.arena.stop().await;
    tell(&events, Event::Over(Box::new(summary.clone())));
    summary
}

/// Waits until the user ends it; for ever where nobody can any more.
async fn interrupted(interrupt: &mut watch::Receiver<bool>) {
    if interrupt.wait_for(|now| *now).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Nobody listening any more is no reason to stop.
fn tell(events: &UnboundedSender<Event>, event: Event) {
    let _ = events.send(event);
}

/// The case of a number: always the same by the same seed.
fn draw(options: &Options, topics: &[Topic], number: u64, sets: usize, epsv: bool) -> (Topic, CaseDraft) {
    let topic = topics[usize::try_from(number % topics.len() as u64).expect("few topics")];
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&options.seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let drawn = case(topic, sets, options.length, epsv).new_tree(&mut runner);
    (topic, drawn.expect("no strategy here rejects what it drew").current())
}

impl Shared {
    fn is_over(&self) -> bool {
        self.options.time.is_some_and(|time| self.begun.elapsed() >= time) || self.stop.borrow().is_some()
    }

    async fn progress(&self) {
        let state = self.state.lock().await;
        let coverage = &state.summary.coverage;
        let progress = Progress {
            cases: self.cases.load(Ordering::Relaxed),
            operations: self.operations.load(Ordering::Relaxed),
            elapsed: self.begun.elapsed(),
            kinds: (coverage.operations.len(), coverage.codes.len()),
            largest: coverage.sizes.keys().next_back().copied().flatten(),
            findings: state.summary.findings.len(),
        };
        drop(state);
        tell(&self.events, Event::Progress(progress));
    }

    /// Plays one case behind the other on a ground.
    async fn work(&self, slot: usize) {
        while !self.is_over() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if self.options.cases.is_some_and(|most| number >= most) {
                return;
            }
            let (topic, draft) = draw(&self.options, &self.topics, number, self.arena.sets.len(), self.arena.epsv);
            let cast = Cast { letters: draft.letters.map(|set| self.arena.sets[set]), way: draft.way };
            let ground = match self.arena.ground(slot).await {
                Ok(ground) => ground,
                Err(error) => return self.give_up(error.to_string()),
            };
            let known = if number.is_multiple_of(ANYWAY) { Known::default() } else { self.state.lock().await.known.clone() };
            let mut coverage = Coverage::default();
            let manner = Manner { thorough: false, known: &known, coverage: Some(&mut coverage) };
            let played = play(&ground, &cast, &mut Drafts::new(draft.drafts), manner).await;
            self.cases.fetch_add(1, Ordering::Relaxed);
            self.operations.fetch_add(played.count as u64, Ordering::Relaxed);
            self.state.lock().await.summary.coverage.add(&coverage);
            self.ended(slot, number, topic, cast, played).await;
        }
    }

    async fn ended(&self, slot: usize, case: u64, topic: Topic, cast: Cast, played: Played) {
        match (played.trouble, played.divergence) {
            (Some(told), _) => {
                if self.trouble.fetch_add(1, Ordering::Relaxed) + 1 >= TROUBLE {
                    self.give_up(told);
                }
            }
            (None, None) => self.trouble.store(0, Ordering::Relaxed),
            (None, Some(divergence)) => {
                let marks: Vec<_> = played.records.iter().map(|record| record.mark).collect();
                let operations = played.records.into_iter().map(|record| record.operation).collect();
                let suspect = Suspect { case, topic, cast, operations, divergence, after: self.begun.elapsed() };
                self.suspect(slot, suspect, &marks).await;
            }
        }
    }

    /// A case failed: it is a known failure, or looked into now.
    async fn suspect(&self, slot: usize, suspect: Suspect, marks: &[Mark]) {
        let _bench = self.bench.lock().await;
        {
            let mut state = self.state.lock().await;
            let step = marks.last().map(|last| (*last, suspect.divergence.kind));
            let gone = state.fleeting.iter().filter(|known| Some(**known) == step).count();
            if state.known.covers(marks, suspect.divergence.kind) || gone >= FLEETING {
                state.summary.repeated += 1;
                return;
            }
        }
        if self.stop.borrow().is_some() {
            return;
        }
        let Divergence { told, .. } = &suspect.divergence;
        tell(&self.events, Event::Suspected(told.clone()));
        let Ok(ground) = self.arena.ground(slot).await else { return };
        let kind = suspect.divergence.kind;
        let Investigated { finding, way } = investigate(&self.target, &ground, suspect, self.options.seed).await;
        let mut state = self.state.lock().await;
        if finding.proof == Proof::Fleeting {
            state.fleeting.extend(marks.last().map(|last| (*last, kind)));
        }
        if !state.known.learn(way, marks.last().map(|last| (*last, kind)), finding.divergence.kind) {
            state.summary.repeated += 1;
            return;
        }
        tell(&self.events, Event::Found(Box::new(finding.clone())));
        state.summary.findings.push(finding);
        let counted = state.summary.findings.iter().filter(|finding| finding.proof != Proof::Fleeting).count();
        if counted >= self.options.findings {
            self.give_up(format!("{counted} findings"));
        }
    }

    fn give_up(&self, told: String) {
        self.stop.send_if_modified(|stop| {
            let first = stop.is_none();
            if first {
                *stop = Some(told);
            }
            first
        });
    }
}
