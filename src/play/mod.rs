//! One case against one server: steps in, transcript and outcome out.
//!
//! Speaks the client's lines, in the order of the file, and asks the [`Judge`] after each step how to go on. Responsible for
//! sessions, data connections, fixtures and deadlines of one case. Has no opinion about what came.

mod action;
mod data;
mod record;
mod session;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _, join_all};
use tokio::sync::{Barrier, watch};

use crate::fault::Fault;
use crate::ftp::transcript::{Transcript, What};
use crate::judge::bind::{Bindings, Unresolved};
use crate::judge::verdict::{Facet, Finding, Outcome, Verdict};
use crate::judge::{Flow, Judge, farewell_id};
use crate::scenario::model::{Action, Case, Channel, FixtureNode, Stage, Step, StepKind, Way};
use crate::target::{Account, Disk, LaidFile, LaidNode, Refusal, Snapshot};
pub use record::Live;
use record::Record;
use session::Session;

/// The server and the ground that a stage of a case is played on.
#[derive(Clone)]
pub struct Ground {
    /// Where the server listens.
    pub address: SocketAddr,
    /// Its files.
    pub disk: Arc<dyn Disk>,
    /// The accounts of the case's roles, in the order of the roles.
    pub accounts: Vec<Account>,
}

/// How a case is played.
#[derive(Debug, Clone)]
pub struct Options {
    /// How `data` opens where the scenario does not pin it.
    pub way: Way,
    /// The line end of the server's text files.
    pub eol: &'static [u8],
    /// How long a reply, or progress of a transfer, may take.
    pub reply: Duration,
    /// The command that `alive` sends.
    pub probe: &'static str,
    /// How long the whole case may take.
    pub case: Duration,
    /// Leave the roots of the case where they are.
    pub keep: bool,
    /// Where events go as they happen.
    pub live: Option<Live>,
    /// What happens to all that is sent.
    pub faults: Arc<[Fault]>,
}

/// What came out.
#[derive(Debug, Clone)]
pub struct Played {
    /// How it ended.
    pub outcome: Outcome,
    /// What was said and seen.
    pub transcript: Transcript,
    /// How long it took.
    pub duration: Duration,
    /// The server refused the files of the case, which was not played to its end for that: why, in words.
    pub unlaid: Option<String>,
}

/// A password, and what is nearly it: each by its name in the notation.
fn passwords(account: &Account) -> [(&'static str, Vec<u8>); 3] {
    let whole = account.password.reveal().as_bytes();
    let swapcase = |byte: &u8| if byte.is_ascii_uppercase() { byte.to_ascii_lowercase() } else { byte.to_ascii_uppercase() };
    [
        ("password", whole.to_vec()),
        ("password.beginning", whole[..whole.len().saturating_sub(1)].to_vec()),
        ("password.swapcase", whole.iter().map(swapcase).collect()),
    ]
}

/// Plays a case; for each of its stages there is a ground.
pub async fn play(case: &Case, grounds: &[Ground], options: &Options) -> Played {
    let bindings = match Bindings::new(case, options.eol) {
        Ok(bindings) => bindings,
        Err(unresolved) => return broken(case, &unresolved),
    };
    let accounts = grounds.iter().flat_map(|ground| &ground.accounts);
    let secrets = accounts.flat_map(|account| passwords(account).map(|(_, form)| form)).collect();
    let record = Record::new(Judge::new(case, bindings), secrets, options.live.clone());
    let (overdue, unlaid) = {
        let (listeners, unlaid, small_buffers) = (Mutex::default(), Mutex::default(), cuts(case));
        let player = Player { case, grounds, options, record: &record, listeners, small_buffers, unlaid };
        let overdue = tokio::time::timeout(options.case, player.stages()).await.is_err();
        (overdue, player.unlaid.into_inner().unwrap_or_else(PoisonError::into_inner))
    };
    let (outcome, transcript, duration) = record.finish(overdue);
    Played { outcome, transcript, duration, unlaid }
}

/// A case that cannot be played at all.
fn broken(case: &Case, why: &Unresolved) -> Played {
    let finding = Finding {
        facet: Facet::Effect,
        verdict: Verdict::Error,
        step: 0,
        span: case.steps().next().map(|step| step.span).unwrap_or_default(),
        requirements: Vec::new(),
        expected: "a fixture that can be made".into(),
        seen: why.to_string(),
        events: 0,
    };
    Played {
        outcome: Outcome { verdict: Verdict::Error, findings: vec![finding] },
        transcript: Transcript::default(),
        duration: Duration::ZERO,
        unlaid: None,
    }
}

/// Whether a case cuts or stalls a transfer: then small buffers keep the other side from being done before that.
fn cuts(case: &Case) -> bool {
    case.steps().any(|step| {
        matches!(
            step.kind,
            StepKind::Action(Action::Cut(_) | Action::Close(_) | Action::HalfClose(Channel::Data) | Action::Stall(_) | Action::Abort(_))
        )
    })
}

/// One case under way.
struct Player<'a, 'r> {
    case: &'a Case,
    grounds: &'a [Ground],
    options: &'a Options,
    record: &'r Record<'a>,
    listeners: Mutex<HashMap<String, std::net::TcpListener>>,
    small_buffers: bool,
    /// Why the server refused the files of the case.
    unlaid: Mutex<Option<String>>,
}

/// One line of play: the main one, or a branch of `together`.
struct Branch {
    sessions: HashMap<Arc<str>, Session>,
    current: Arc<str>,
    meeting: Arc<Meeting>,
    /// All roots as they were before the stage's first line, where a step asks.
    before: Arc<Vec<Snapshot>>,
    ground: Ground,
}

/// What the branches of a `together` share.
#[derive(Default)]
struct Meeting {
    /// One for each `sync`.
    barriers: HashMap<String, Barrier>,
    /// Turns true when a branch broke: nobody needs to wait for it.
    broken: watch::Sender<bool>,
}

impl Branch {
    fn session(&mut self) -> &mut Session {
        let (current, address) = (Arc::clone(&self.current), self.ground.address);
        self.sessions.entry(current).or_insert_with_key(|name| Session::new(Arc::clone(name), address))
    }
}

impl Player<'_, '_> {
    async fn stages(&self) {
        let mut go = ControlFlow::Continue(());
        for (stage, ground) in self.case.stages.iter().zip(self.grounds) {
            if go.is_continue() {
                go = self.stage(stage, ground).await;
            }
        }
    }

    async fn stage(&self, stage: &Stage, ground: &Ground) -> ControlFlow<()> {
        self.record.judge(|judge| {
            judge.begin(stage.control);
            action::bind_endpoint(judge, "server", ground.address);
            for (role, account) in self.case.roles.iter().zip(&ground.accounts) {
                judge.bind(format!("{}.name", role.name), account.name.as_bytes());
                for (part, form) in passwords(account) {
                    judge.bind(format!("{}.{part}", role.name), form);
                }
            }
        });
        let roots = roots(&ground.accounts);
        let mut branch = Branch {
            sessions: HashMap::new(),
            current: Arc::from("main"),
            meeting: Arc::default(),
            before: Arc::default(),
            ground: ground.clone(),
        };
        let first = stage.steps.first().map_or(0, |step| step.id);
        self.record.begin(first);
        let go = match self.lay(stage, &ground.disk, &roots).await {
            Ok(before) => {
                branch.before = Arc::new(before);
                let go = self.steps(&mut branch, &stage.steps).await;
                if go.is_continue() && !stage.control {
                    self.farewell(&mut branch).await;
                }
                go
            }
            Err(error) if error.get_ref().is_some_and(|inner| inner.is::<Refusal>()) => {
                *self.unlaid.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(format!("the server refused the files of the case: {error}"));
                ControlFlow::Break(())
            }
            Err(error) => {
                self.record.event(first, &branch.current, What::Trouble(format!("the fixture could not be laid: {error}")));
                if let Some(step) = stage.steps.first() {
                    self.record.step(step);
                }
                ControlFlow::Break(())
            }
        };
        drop(branch);
        if !self.options.keep {
            clear(Arc::clone(&ground.disk), roots).await;
        }
        go
    }

    /// Makes the roots and the files in them.
    async fn lay(&self, stage: &Stage, disk: &Arc<dyn Disk>, roots: &[String]) -> std::io::Result<Vec<Snapshot>> {
        let files = self.files();
        let wants_snapshot = asks_for_changes(&stage.steps);
        let disk = Arc::clone(disk);
        let roots = roots.to_vec();
        blocking(move || {
            roots.iter().try_for_each(|root| disk.lay(root, &files))?;
            if wants_snapshot { roots.iter().map(|root| disk.snapshot(root)).collect() } else { Ok(Vec::new()) }
        })
        .await
    }

    fn files(&self) -> Vec<LaidFile> {
        self.record.judge(|judge| {
            let node = |file: &crate::scenario::model::FixtureFile| match &file.node {
                FixtureNode::File(_) => LaidNode::File(judge.bindings().file(&file.path).cloned().expect("bound when the case began")),
                FixtureNode::Directory => LaidNode::Directory,
                FixtureNode::Link(target) => LaidNode::Link(target.clone()),
            };
            self.case
                .files
                .iter()
                .map(|file| LaidFile { path: file.path.clone(), node: node(file), mtime: file.mtime, mode: file.mode })
                .collect()
        })
    }

    fn steps<'s>(&'s self, branch: &'s mut Branch, steps: &'s [Step]) -> BoxFuture<'s, ControlFlow<()>> {
        async move {
            for step in steps {
                if self.step(branch, step).await.is_break() {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        }
        .boxed()
    }

    async fn step(&self, branch: &mut Branch, step: &Step) -> ControlFlow<()> {
        self.record.begin(step.id);
        let flow = match &step.kind {
            StepKind::Together(branches) => return self.together(branch, branches).await,
            StepKind::Action(Action::Sync(name)) => {
                branch.session().flush(self).await;
                return self.meet(branch, name).await;
            }
            StepKind::Action(action) => {
                self.action(branch, step, action).await;
                self.record.step(step)
            }
            StepKind::Match { subject, .. } => {
                self.look(branch, step, subject).await;
                self.record.step(step)
            }
            StepKind::Until { within, send, .. } => self.until(branch, step, *within, send).await,
        };
        match (flow, &step.kind) {
            (Flow::Stop, _) => ControlFlow::Break(()),
            (Flow::Arm(index), StepKind::Match { arms, .. }) => self.steps(branch, &arms[index].steps).await,
            (Flow::Go | Flow::Again | Flow::Arm(_), _) => ControlFlow::Continue(()),
        }
    }

    /// Runs the branches at once; each takes along the sessions that it names.
    async fn together(&self, branch: &mut Branch, branches: &[Vec<Step>]) -> ControlFlow<()> {
        let meeting = Arc::new(Meeting { barriers: barriers(branches), broken: watch::Sender::new(false) });
        let mut parts: Vec<Branch> = Vec::new();
        for steps in branches {
            let mut sessions = HashMap::new();
            for name in named(steps) {
                if let Some((name, session)) = branch.sessions.remove_entry(name) {
                    sessions.insert(name, session);
                }
            }
            parts.push(Branch {
                sessions,
                current: Arc::clone(&branch.current),
                meeting: Arc::clone(&meeting),
                before: Arc::clone(&branch.before),
                ground: branch.ground.clone(),
            });
        }
        let plays = parts.iter_mut().zip(branches).map(|(part, steps)| async {
            let end = self.steps(part, steps).await;
            if end.is_break() {
                meeting.broken.send_replace(true);
            }
            end
        });
        let ends = join_all(plays).await;
        parts.into_iter().for_each(|part| branch.sessions.extend(part.sessions));
        ends.into_iter().find(ControlFlow::is_break).unwrap_or(ControlFlow::Continue(()))
    }

    /// Each session that is in step is left with QUIT, so that a reply too many shows.
    async fn farewell(&self, branch: &mut Branch) {
        let Some(last) = self.case.stages.first().and_then(|stage| stage.steps.last()) else { return };
        let id = farewell_id(self.case);
        for session in branch.sessions.values_mut() {
            if session.is_idle() {
                let from = self.record.of(id).len();
                session.quit(self, id).await;
                let events = self.record.of(id);
                self.record.farewell(last, &events[from..]);
            }
        }
    }

    fn listeners(&self) -> std::sync::MutexGuard<'_, HashMap<String, std::net::TcpListener>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Work that blocks, off the threads that wait for sockets.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| Err(std::io::Error::other(panic)))
}

/// Removes roots; what cannot be removed now goes with the server's directory at its stop.
async fn clear(disk: Arc<dyn Disk>, roots: Vec<String>) {
    let _ = blocking(move || {
        roots.iter().for_each(|root| drop(disk.remove(root)));
        Ok(())
    })
    .await;
}

/// The roots of some accounts, each once.
fn roots(accounts: &[Account]) -> Vec<String> {
    let mut roots: Vec<String> = accounts.iter().map(|account| account.root.clone()).collect();
    roots.sort_unstable();
    roots.dedup();
    roots
}

fn asks_for_changes(steps: &[Step]) -> bool {
    steps.iter().any(|step| match &step.kind {
        StepKind::Action(action) => *action == Action::DiskUnchanged,
        StepKind::Match { arms, .. } => arms.iter().any(|arm| asks_for_changes(&arm.steps)),
        StepKind::Together(branches) => branches.iter().any(|branch| asks_for_changes(branch)),
        StepKind::Until { .. } => false,
    })
}

/// The sessions that a branch names.
fn named(steps: &[Step]) -> impl Iterator<Item = &str> {
    steps.iter().filter_map(|step| if let StepKind::Action(Action::As(name)) = &step.kind { Some(name.as_str()) } else { None })
}

/// A barrier for each `sync`, as wide as there are branches that name it.
fn barriers(branches: &[Vec<Step>]) -> HashMap<String, Barrier> {
    let mut widths: HashMap<String, usize> = HashMap::new();
    for branch in branches {
        for step in branch {
            if let StepKind::Action(Action::Sync(name)) = &step.kind {
                *widths.entry(name.clone()).or_default() += 1;
            }
        }
    }
    widths.into_iter().map(|(name, width)| (name, Barrier::new(width))).collect()
}
