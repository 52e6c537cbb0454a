//! Many cases: select, schedule, isolate; emits events.
//!
//! Responsible for the plan, the servers under it, the order of what is told, and for the run's own deadline. What a case
//! costs while it waits is a connection and no core: so many connections are open at once, and no more.

pub mod baseline;
pub mod capability;
mod cast;
mod confine;
pub mod event;
pub mod matrix;
pub mod partition;
pub mod plan;
mod pool;
pub mod probe;
pub mod select;
mod stand;
pub mod suite;
mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::fault::Fault;
use crate::ftp::transcript::Transcript;
use crate::judge::baseline::{Baseline, Comparer};
use crate::judge::verdict::{Outcome, Verdict};
use crate::play::{self, Live, Played};
use crate::scenario::model::{Action, Case, StepKind, Way};
use crate::target::{Account, Facilities, Settings, StartError, Target};
use capability::Capabilities;
use cast::{Cast, Casting};
use confine::Confined;
use event::{CaseReport, Event, Summary, TargetInfo};
use plan::Plan;
use pool::Pool;
use stand::Stand;

/// By how much deadlines are longer where all leaves in segments of one byte: that costs both sides time.
const SLICED: u32 = 3;

/// How a run is done.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections at once.
    pub jobs: usize,
    /// Passwords and the shuffled order come from this.
    pub seed: u64,
    /// Cases start in an order made from the seed instead of the plan's.
    pub shuffle: bool,
    /// No further case is started after so many that fail the run.
    pub max_fail: Option<usize>,
    /// Deviations fail the run.
    pub strict: bool,
    /// The roots stay.
    pub keep: bool,
    /// How `data` opens.
    pub way: Way,
    /// How long a reply may take.
    pub reply: Duration,
    /// How long a case may take.
    pub case: Duration,
    /// How long a slow case may take.
    pub slow_case: Duration,
    /// How long the run may take.
    pub run: Duration,
    /// Emit [`Event::Said`].
    pub live: bool,
    /// Failures that are known do not fail the run.
    pub baseline: Option<Arc<Baseline>>,
    /// What happens to all that is sent: ways to slice it.
    pub faults: Arc<[Fault]>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            jobs: 32,
            seed: 0,
            shuffle: false,
            max_fail: None,
            strict: false,
            keep: false,
            way: Way::Pasv,
            reply: Duration::from_secs(2),
            case: Duration::from_secs(30),
            slow_case: Duration::from_secs(300),
            run: Duration::from_secs(3600),
            live: false,
            baseline: None,
            faults: Arc::default(),
        }
    }
}

/// Whether a case that ended so fails the run.
#[must_use]
pub fn fails(verdict: Verdict, strict: bool) -> bool {
    verdict.fails(strict)
}

/// What day it is, UTC.
#[must_use]
pub fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Plays a plan on a target and tells the events; the last is always [`Event::Over`].
///
/// `interrupt` turns true on ctrl-c: what was played up to then is reported. `arguments` stands in
/// [`TargetInfo::arguments`].
pub async fn run(
    target: Arc<dyn Target>,
    plan: Plan,
    options: Options,
    arguments: String,
    mut interrupt: watch::Receiver<bool>,
    events: UnboundedSender<Event>,
) -> Summary {
    let start = Instant::now();
    let mut summary = Summary::default();
    let (selected, strict) = (plan.selected(), options.strict);
    let cast = Cast::new(&plan.cases, target.guests(), options.seed);
    let facilities = target.facilities();
    let mut info =
        TargetInfo { name: target.name().to_owned(), version: target.version(), banner: None, arguments, capabilities: Vec::new() };
    // A server that mixes up its sessions is played by a few cases at once, and there are several of it.
    let at_once = facilities.at_once.unwrap_or(usize::MAX).min(options.jobs.max(1));
    let servers = (options.jobs / at_once).clamp(1, pool::SERVERS);
    let options = Options { jobs: options.jobs.clamp(1, servers * at_once), ..options };
    let accounts = cast.shared(&facilities);
    let started = begin(&target, &accounts, (servers, at_once), &mut interrupt, &mut summary).await;
    let pool = match started {
        Some(Ok(pool)) => Arc::new(pool),
        failed => {
            match failed {
                Some(failed) => summary.not_started = failed.err().map(|error| error.to_string()),
                None => (summary.interrupted, summary.cut_short) = (true, Some("interrupted while the server started".into())),
            }
            summary.not_played = plan.cases.len();
            summary.duration = start.elapsed();
            tell(&events, Event::Planned { target: info, cases: plan.cases, slow: plan.slow, selected, strict });
            tell(&events, Event::Over(summary.clone()));
            return summary;
        }
    };
    let needs: BTreeSet<&str> = plan.cases.iter().flat_map(|case| case.needs.iter().map(String::as_str)).collect();
    let (capabilities, ipv6, here) = match pool.first().ground(Vec::new()).await {
        Ok(ground) => {
            let here = ground.address.ip().is_loopback();
            let reply = options.reply + facilities.login_delay;
            let capabilities = tokio::select! {
                capabilities = Capabilities::ask(&ground, &cast.prober, &needs, reply, facilities.accounts) => capabilities,
                // It is heard again before the first case.
                _ = interrupt.wait_for(|now| *now) => Capabilities::default(),
            };
            (capabilities, pool.first().ipv6().await, here)
        }
        Err(_) => (Capabilities::default(), false, true),
    };
    info.banner.clone_from(&capabilities.banner);
    info.capabilities = capabilities.told();
    tell(&events, Event::Planned { target: info, cases: plan.cases.clone(), slow: plan.slow, selected, strict });
    let stage = Stage {
        confined: target.guests().map(|_| Confined { disk: facilities.disk, here }),
        target,
        facilities,
        capabilities,
        ipv6,
        pool: Arc::clone(&pool),
        options: options.clone(),
        events: events.clone(),
        permits: Arc::new(Semaphore::new(options.jobs.max(1))),
        cut: watch::Sender::new(false),
    };
    let left = Arc::new(stage).all(&plan, cast, interrupt, &mut summary).await;
    summary.left = left;
    match Arc::try_unwrap(pool) {
        Ok(pool) => summary.left.extend(pool.stop(options.keep).await),
        Err(_) => summary.left.push("a case that was still under way kept the server".into()),
    }
    summary.duration = start.elapsed();
    tell(&events, Event::Over(summary.clone()));
    summary
}

/// Plays a plan on a target and gives all reports at once, in the order of the plan: for tests and programs.
pub async fn collect(target: Arc<dyn Target>, plan: Plan, options: Options) -> (Vec<CaseReport>, Summary) {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let (_interrupt, never) = watch::channel(false);
    let summary = run(target, plan, options, String::new(), never, sender).await;
    let mut reports = Vec::new();
    while let Ok(event) = receiver.try_recv() {
        if let Event::Finished(report) = event {
            reports.push(*report);
        }
    }
    (reports, summary)
}

/// Starts the servers; `None` on ctrl-c.
async fn begin(
    target: &Arc<dyn Target>,
    accounts: &[Account],
    (servers, at_once): (usize, usize),
    interrupt: &mut watch::Receiver<bool>,
    summary: &mut Summary,
) -> Option<Result<Pool, StartError>> {
    let mut starting = Box::pin(Pool::start(target, accounts, servers, at_once));
    tokio::select! {
        started = &mut starting => return Some(started),
        () = heard(interrupt) => {}
    }
    if let Ok(Ok(pool)) = tokio::time::timeout(STARTING, starting).await {
        // Started by halves it would leave something behind.
        summary.left = pool.stop(false).await;
    }
    None
}

/// Waits for ctrl-c.
async fn heard(interrupt: &mut watch::Receiver<bool>) {
    // The sender lives as long as the run.
    drop(interrupt.wait_for(|now| *now).await);
}

/// Nobody listening any more is no reason to stop.
fn tell(events: &UnboundedSender<Event>, event: Event) {
    let _ = events.send(event);
}

/// What all cases of a run share.
struct Stage {
    target: Arc<dyn Target>,
    facilities: Facilities,
    capabilities: Capabilities,
    /// Where cases must stay within a directory that is not the server's root.
    confined: Option<Confined>,
    ipv6: bool,
    pool: Arc<Pool>,
    options: Options,
    events: UnboundedSender<Event>,
    permits: Arc<Semaphore>,
    /// Turns true when the run ends early: cases under way end at once, and their servers are still stopped.
    cut: watch::Sender<bool>,
}

/// How long a server that is being started may take to come up once nobody wants it any more.
const STARTING: Duration = Duration::from_secs(2);

/// How long cases that were cut short may take to clean up.
const CLEANING: Duration = Duration::from_secs(10);

/// A case that is over, and what is left of a server of its own.
struct Done {
    report: CaseReport,
    left: Vec<String>,
}

impl Stage {
    /// Starts the cases as connections come free, and tells their ends in the order of the plan.
    async fn all(self: Arc<Self>, plan: &Plan, cast: Cast, mut interrupt: watch::Receiver<bool>, summary: &mut Summary) -> Vec<String> {
        let cases = &plan.cases;
        let mut order: Vec<usize> = (0..cases.len()).collect();
        if self.options.shuffle {
            fastrand::Rng::with_seed(self.options.seed).shuffle(&mut order);
        }
        let end = tokio::time::Instant::now() + self.options.run;
        let mut waiting = order.into_iter();
        let mut next = waiting.next();
        let mut running: JoinSet<Done> = JoinSet::new();
        let mut shelf = Shelf { events: self.events.clone(), next: 0, done: BTreeMap::new() };
        let (mut failed, mut played, mut left) = (0, 0, Vec::new());
        let mut comparer = self.comparer(plan);
        while next.is_some() || !running.is_empty() {
            let weight = next.map_or(1, |index| connections(&cases[index]).min(self.options.jobs.max(1)));
            tokio::select! {
                permit = Arc::clone(&self.permits).acquire_many_owned(u32::try_from(weight).unwrap_or(u32::MAX)), if next.is_some() => {
                    let (Some(index), Ok(permit)) = (next.take(), permit) else { continue };
                    let (stage, case, accounts) = (Arc::clone(&self), Arc::clone(&cases[index]), cast.cases[index].clone());
                    running.spawn(async move { stage.whatever_happens(index, case, accounts, permit).await });
                    next = waiting.next();
                }
                Some(done) = running.join_next() => {
                    let Ok(mut done) = done else { continue };
                    played += 1;
                    done.report.known = comparer.as_mut().and_then(|comparer| done.report.compare(comparer));
                    failed += usize::from(fails(done.report.outcome.verdict, self.options.strict) && done.report.known.is_none());
                    left.extend(done.left);
                    shelf.put(done.report);
                    if next.is_some() && self.options.max_fail.is_some_and(|most| failed >= most) {
                        next = None;
                        summary.cut_short = Some(format!("{failed} failed (--max-fail)"));
                    }
                }
                () = tokio::time::sleep_until(end) => {
                    summary.cut_short = Some(format!("the run's deadline of {:?} passed (--deadline)", self.options.run));
                    break;
                }
                _ = interrupt.wait_for(|now| *now) => {
                    summary.interrupted = true;
                    summary.cut_short = Some("interrupted".into());
                    break;
                }
            }
        }
        self.cut.send_replace(true);
        let cleaned = tokio::time::timeout(CLEANING, async {
            while let Some(done) = running.join_next().await {
                left.extend(done.into_iter().flat_map(|done| done.left));
            }
        });
        if cleaned.await.is_err() {
            left.push("cases that did not end when the run was cut short".into());
        }
        running.shutdown().await;
        shelf.clear();
        summary.not_played = cases.len() - played;
        summary.baseline = comparer.map(Comparer::finish);
        left
    }

    fn comparer(&self, plan: &Plan) -> Option<Comparer> {
        let baseline = self.options.baseline.clone()?;
        let mut comparer = Comparer::new(baseline, self.target.version(), today(), self.options.strict);
        plan.elsewhere().for_each(|id| comparer.elsewhere(id));
        Some(comparer)
    }

    /// A case whose code panics is one of the harness's own errors, and no case that was not played.
    async fn whatever_happens(&self, index: usize, case: Arc<Case>, accounts: Casting, permit: OwnedSemaphorePermit) -> Done {
        let played = AssertUnwindSafe(self.case(index, Arc::clone(&case), accounts, permit)).catch_unwind().await;
        played.unwrap_or_else(|_| {
            let report = CaseReport::unplayed(index, case, Verdict::Error, "the harness panicked; standard error says where".into());
            Done { report, left: Vec::new() }
        })
    }

    async fn case(&self, index: usize, case: Arc<Case>, accounts: Casting, permit: OwnedSemaphorePermit) -> Done {
        tell(&self.events, Event::Started { index });
        let done = self.play(index, case, accounts).await;
        drop(permit);
        tell(&self.events, Event::Ended { index, verdict: done.report.outcome.verdict });
        done
    }

    /// What a case is played with, or why it cannot be.
    fn prepare(&self, case: &Case, accounts: Casting) -> Result<(Settings, Vec<Vec<Account>>), String> {
        if let Some(lack) = self.capabilities.lacks(&case.needs, &self.facilities, self.ipv6) {
            return Err(lack);
        }
        let settings = stand::settings(case, &self.facilities)?;
        if !self.facilities.roots && case.roles.iter().any(|role| role.own_root) {
            return Err("this server has one root for all accounts".to_owned());
        }
        if let Some(reason) = self.confined.as_ref().and_then(|confined| confined.refuses(case)) {
            return Err(reason);
        }
        Ok((settings, accounts?))
    }

    async fn play(&self, index: usize, case: Arc<Case>, accounts: Casting) -> Done {
        let (settings, accounts) = match self.prepare(&case, accounts) {
            Ok(prepared) => prepared,
            Err(reason) => return Done { report: CaseReport::unplayed(index, case, Verdict::Unsupported, reason), left: Vec::new() },
        };
        if !stand::needs_own(&case, &self.facilities) {
            let seat = self.pool.seat().await;
            let stands: Vec<&Stand> = accounts.iter().map(|_| seat.stand()).collect();
            if let Some(report) = self.on(&stands, index, Arc::clone(&case), accounts.clone()).await {
                return Done { report, left: Vec::new() };
            }
            // The server died under it, and others play there too: alone it shows whose doing that is.
        }
        let (mut own, mut failed) = (Vec::new(), None);
        for accounts in &accounts {
            match Stand::start(Arc::clone(&self.target), settings.clone(), accounts.clone()).await {
                Ok(stand) => own.push(stand),
                Err(error) => failed = failed.or_else(|| Some(format!("a server of its own did not start: {error}"))),
            }
        }
        let report = match failed {
            None => {
                let stands: Vec<&Stand> = own.iter().collect();
                let alone = self.on(&stands, index, Arc::clone(&case), accounts).await;
                alone.unwrap_or_else(|| CaseReport::unplayed(index, case, Verdict::Inconclusive, "the server died".into()))
            }
            Some(reason) => CaseReport::unplayed(index, case, Verdict::Inconclusive, reason),
        };
        let mut left = Vec::new();
        for stand in own {
            left.extend(stand.stop(self.options.keep).await);
        }
        Done { report, left }
    }

    /// Plays a case, each stage on its stand; `None` where a server that others play on too died meanwhile.
    async fn on(&self, stands: &[&Stand], index: usize, case: Arc<Case>, accounts: Vec<Vec<Account>>) -> Option<CaseReport> {
        let mut grounds = Vec::new();
        for (stand, accounts) in stands.iter().zip(accounts) {
            match stand.ground(accounts).await {
                Ok(ground) => grounds.push(ground),
                Err(error) => return Some(CaseReport::unplayed(index, case, Verdict::Inconclusive, error.to_string())),
            }
        }
        let events = self.events.clone();
        let live = self.options.live.then(|| Live::new(move |event| tell(&events, Event::Said { index, event: event.clone() })));
        let patience = if self.options.faults.is_empty() { 1 } else { SLICED };
        let options = play::Options {
            way: self.options.way,
            eol: self.facilities.eol,
            reply: self.options.reply * patience + self.facilities.login_delay,
            probe: self.capabilities.probe(),
            case: patience * if case.slow { self.options.slow_case } else { self.options.case },
            keep: self.options.keep,
            live,
            faults: Arc::clone(&self.options.faults),
        };
        let mut cut = self.cut.subscribe();
        let Played { outcome, transcript, duration, unlaid } = tokio::select! {
            played = play::play(&case, &grounds, &options) => played,
            _ = cut.wait_for(|now| *now) => {
                return Some(CaseReport::unplayed(index, case, Verdict::Inconclusive, "cut short".into()));
            }
        };
        if let Some(reason) = unlaid {
            return Some(CaseReport::unplayed(index, case, Verdict::Inconclusive, reason));
        }
        if outcome.verdict == Verdict::Error || outcome.verdict.fails(true) && trace::lost(&transcript) {
            for (stand, ground) in stands.iter().zip(&grounds) {
                if stand.is_shared() && !stand.outlived(ground).await {
                    return None;
                }
            }
        }
        let server_log = match stands.first() {
            Some(stand) if outcome.verdict != Verdict::Pass => trace::relevant(&stand.log().await, &grounds, &transcript),
            Some(_) | None => String::new(),
        };
        let silence = trace::silence(&transcript);
        Some(CaseReport { index, case, outcome, reason: None, known: None, duration, silence, transcript, server_log })
    }
}

impl CaseReport {
    /// Why the failure is known, if it is.
    fn compare(&self, comparer: &mut Comparer) -> Option<String> {
        comparer.take(&self.case.id, &self.outcome, self.reason.as_deref())
    }

    /// A case that was not played.
    fn unplayed(index: usize, case: Arc<Case>, verdict: Verdict, reason: String) -> Self {
        Self {
            index,
            case,
            outcome: Outcome { verdict, findings: Vec::new() },
            reason: Some(reason),
            known: None,
            duration: Duration::ZERO,
            silence: Duration::ZERO,
            transcript: Transcript::default(),
            server_log: String::new(),
        }
    }
}

/// Puts reports into the order of the plan.
struct Shelf {
    events: UnboundedSender<Event>,
    next: usize,
    done: BTreeMap<usize, CaseReport>,
}

impl Shelf {
    fn put(&mut self, report: CaseReport) {
        self.done.insert(report.index, report);
        while let Some(report) = self.done.remove(&self.next) {
            tell(&self.events, Event::Finished(Box::new(report)));
            self.next += 1;
        }
    }

    /// Nothing more comes: gaps stay gaps.
    fn clear(&mut self) {
        for report in std::mem::take(&mut self.done).into_values() {
            tell(&self.events, Event::Finished(Box::new(report)));
        }
    }
}

/// How many control connections a case opens at most.
fn connections(case: &Case) -> usize {
    let named: BTreeSet<&str> = case
        .steps()
        .filter_map(|step| if let StepKind::Action(Action::As(name)) = &step.kind { Some(name.as_str()) } else { None })
        .collect();
    named.len().max(1)
}
