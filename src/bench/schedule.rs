//! Who is measured when.
//!
//! A stage starts all servers, so that a stage begins with fresh ones, and lays what its workloads need. Within a stage each workload has
//! its rounds, and in each round every column has its turn; who is first moves on by one, so that a machine that grows slower, or a
//! neighbour that wakes up, hits all alike. The floor takes its turn as well. A column whose round fails is not measured further in that
//! workload, and its server is started anew: what one workload left broken is not blamed on the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::runtime::Runtime;

use super::failure::Failure;
use super::place::{Place, Round};
use super::result::{Bench, Column, Cost, Figures, Floor, Machine, Outcome, Row, SCHEMA};
use super::server::{Entry, Running};
use super::session::Patience;
use super::statistics::{Latencies, Spread, median};
use super::transfer::BUFFER;
use super::workload::{Client, Stage, Unit, Workload};
use super::{Options, floor, limit, measure};
use crate::ftp::secret::Secret;
use crate::target::Account;
use crate::target::disk::HostDisk;

/// A spread above this share of the median is noise.
const NOISE: f64 = 0.25;
/// A client that is busier than this share of the time holds the server up.
const BUSY: f64 = 0.95;
/// Names of floors.
const THROUGHPUT: &str = "throughput";
const ROUND_TRIP: &str = "round-trip";

/// What happens, for who looks on.
#[derive(Debug, Clone)]
pub enum Event {
    /// Servers are started for a stage.
    Stage(&'static str),
    /// A round of a workload begins: which, of how many.
    Round {
        /// What is measured.
        workload: Workload,
        /// The label of the column.
        column: String,
        /// From 0 on.
        round: u32,
        /// How many there are, warm-up included.
        of: u32,
    },
    /// All rounds of a workload are over: its rows.
    Rows(Vec<Row>),
}

/// What keeps a benchmark from beginning, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotPrepared(pub String);

/// Measures all; `stop` ends it early. Blocks, and is not to be called within a runtime.
///
/// # Errors
/// What the machine does not allow.
pub fn run(options: &Options, entries: &[Entry], stop: &Arc<AtomicBool>, mut tell: impl FnMut(&Event)) -> Result<Bench, NotPrepared> {
    let in_process = entries.iter().any(|entry| entry.in_process);
    limit::prepare(&options.settings, &options.workloads, in_process).map_err(NotPrepared)?;
    let runtime = Runtime::new().map_err(|error| NotPrepared(format!("no threads for the servers: {error}")))?;
    let begun = Instant::now();
    let mut bench = Bench {
        schema: SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: options.command.clone(),
        began: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        took_s: 0.0,
        machine: machine(),
        options: options.settings.clone(),
        part: options.part,
        floor: Vec::new(),
        columns: columns(options, entries),
        rows: Vec::new(),
        warnings: load().into_iter().collect(),
        interrupted: false,
    };
    let nowhere = nowhere(options, stop).map_err(NotPrepared)?;
    let mut schedule = Schedule { options, entries, runtime: &runtime, nowhere, buffer: vec![0; BUFFER], floors: Floors::default() };
    for stage in Stage::ALL {
        let workloads: Vec<Workload> = options.workloads.iter().copied().filter(|workload| workload.stage() == stage).collect();
        if workloads.is_empty() || stop.load(Ordering::Relaxed) {
            continue;
        }
        tell(&Event::Stage(stage.title()));
        schedule.stage(&workloads, &mut bench, &mut tell);
    }
    bench.floor = schedule.floors.told();
    let floors = bench.floor.clone();
    for row in &mut bench.rows {
        if let Outcome::Measured(figures) = &mut row.outcome {
            figures.of_floor = if row.workload.is_near_floor() { share(figures, &floors) } else { None };
        }
    }
    warn(&mut bench);
    bench.interrupted = stop.load(Ordering::Relaxed);
    bench.took_s = begun.elapsed().as_secs_f64();
    runtime.shutdown_background();
    Ok(bench)
}

/// Every server with every client.
fn columns(options: &Options, entries: &[Entry]) -> Vec<Column> {
    let mut columns = Vec::new();
    for entry in entries {
        for client in &options.clients {
            let label = if options.clients.len() == 1 { entry.label.clone() } else { format!("{} by {}", entry.label, client.word()) };
            columns.push(Column {
                label,
                server: entry.target.name().to_owned(),
                version: entry.target.version(),
                arguments: entry.arguments.clone(),
                client: *client,
                has_cost: false,
            });
        }
    }
    columns
}

/// A place without a server, of which those with one are made.
fn nowhere(options: &Options, stop: &Arc<AtomicBool>) -> Result<Place, String> {
    let disk = HostDisk::new().map_err(|error| format!("a directory for temporary files: {error}"))?;
    Ok(Place {
        address: ([127, 0, 0, 1], 0).into(),
        account: Account {
            name: String::new(),
            password: Secret::new(""),
            letters: crate::ftp::letter::Letters::NONE,
            anonymous: false,
            root: String::new(),
            directory: Vec::new(),
        },
        disk: Arc::new(disk),
        pid: None,
        client: Client::Ftpspec,
        settings: options.settings.clone(),
        patience: Patience { stall: options.stall(), stop: Arc::clone(stop) },
        seed: options.seed,
        sparse: options.sparse,
        eol: b"\n",
    })
}

impl Stage {
    const fn title(self) -> &'static str {
        match self {
            Self::Transfer => "big files",
            Self::Command => "small files and commands",
            Self::Directory => "a large directory",
            Self::Session => "many sessions",
            Self::Soak => "a long time",
        }
    }
}

/// The samples of the floor.
#[derive(Default)]
struct Floors {
    throughput: Vec<f64>,
    round_trip: Vec<f64>,
}

impl Floors {
    fn told(&self) -> Vec<Floor> {
        let floor = |name: &str, unit, samples: &[f64]| {
            Spread::of(samples).map(|spread| Floor { name: name.to_owned(), unit, samples: samples.to_vec(), spread })
        };
        let all = [floor(THROUGHPUT, Unit::MibPerSecond, &self.throughput), floor(ROUND_TRIP, Unit::Microseconds, &self.round_trip)];
        all.into_iter().flatten().collect()
    }
}

/// What is kept from stage to stage.
struct Schedule<'a> {
    options: &'a Options,
    entries: &'a [Entry],
    runtime: &'a Runtime,
    nowhere: Place,
    buffer: Vec<u8>,
    floors: Floors,
}

/// A server in a stage: where it is, or why it is not.
enum Stand {
    Up(Box<(Running, Place)>),
    Down(Failure),
}

/// A column in a workload.
#[derive(Default)]
struct Course {
    rounds: Vec<Round>,
    ended: Option<Failure>,
}

impl Schedule<'_> {
    fn start(&self, entry: &Entry, workloads: &[Workload]) -> Stand {
        match Running::start(self.runtime.handle(), entry, &self.nowhere, workloads) {
            Ok(up) => Stand::Up(Box::new(up)),
            Err(failure) => Stand::Down(failure),
        }
    }

    fn stage(&mut self, workloads: &[Workload], bench: &mut Bench, tell: &mut impl FnMut(&Event)) {
        let mut stands: Vec<Stand> = self.entries.iter().map(|entry| self.start(entry, workloads)).collect();
        let clients = self.options.clients.len();
        for workload in workloads {
            let mut courses: Vec<Course> = bench.columns.iter().map(|_| Course::default()).collect();
            let warm_up = if *workload == Workload::Soak { 0 } else { self.options.settings.warm_up };
            let rounds = if *workload == Workload::Soak { 1 } else { warm_up + self.options.settings.repeats };
            for round in 0..rounds {
                self.floor(*workload, round < warm_up, bench);
                for turn in 0..courses.len() {
                    let at = (turn + round as usize) % courses.len();
                    let (entry, client) = (at / clients, self.options.clients[at % clients]);
                    if courses[at].ended.is_some() || self.nowhere.patience.go_on().is_err() {
                        continue;
                    }
                    tell(&Event::Round { workload: *workload, column: bench.columns[at].label.clone(), round, of: rounds });
                    let measured = self.once(*workload, &stands[entry], client);
                    bench.columns[at].has_cost |= matches!(&stands[entry], Stand::Up(up) if up.1.pid.is_some());
                    match measured {
                        Ok(_) if round < warm_up => {}
                        Ok(measured) => courses[at].rounds.push(measured),
                        Err(failure) => {
                            courses[at].ended = Some(self.explained(failure, &mut stands, entry, workloads));
                        }
                    }
                }
            }
            let rows: Vec<Row> = courses.into_iter().enumerate().map(|(column, course)| row(*workload, column, course)).collect();
            tell(&Event::Rows(rows.clone()));
            bench.rows.extend(rows);
        }
        for (stand, entry) in stands.into_iter().zip(self.entries) {
            if let Stand::Up(up) = stand {
                let left = up.0.stop(self.runtime.handle());
                bench.warnings.extend(left.into_iter().map(|left| format!("{}: {left}", entry.label)));
            }
        }
    }

    fn once(&mut self, workload: Workload, stand: &Stand, client: Client) -> Result<Round, Failure> {
        match stand {
            Stand::Down(failure) => Err(failure.clone()),
            Stand::Up(_) if !client.can(workload) => Err(Failure::Unsupported(format!("not measured with {}", client.word()))),
            Stand::Up(up) => measure::round(workload, &Place { client, ..up.1.clone() }, &mut self.buffer),
        }
    }

    /// What a failure was, with the server's end where it ended; the server is then started anew.
    fn explained(&self, failure: Failure, stands: &mut [Stand], entry: usize, workloads: &[Workload]) -> Failure {
        if !matches!(failure, Failure::Failed(_)) {
            return failure;
        }
        let Stand::Up(up) = &stands[entry] else { return failure };
        let failure = match up.0.died() {
            Some(why) => Failure::Failed(format!("{failure}; the server died: {why}; {}", up.0.log())),
            None => failure,
        };
        let broken = std::mem::replace(&mut stands[entry], Stand::Down(failure.clone()));
        if let Stand::Up(up) = broken {
            // What it leaves is told where it ends as it should.
            up.0.stop(self.runtime.handle());
        }
        stands[entry] = self.start(&self.entries[entry], workloads);
        failure
    }

    /// The floor has its turn in the rounds of the workloads that are told as a share of it.
    fn floor(&mut self, workload: Workload, warming: bool, bench: &mut Bench) {
        let measured = match workload {
            Workload::Retr | Workload::Stor => floor::throughput(self.options.settings.size, &mut self.buffer).map(|value| (value, true)),
            Workload::Noop => floor::round_trip(self.options.settings.commands).map(|value| (value, false)),
            _ => return,
        };
        match measured {
            Ok(_) if warming => {}
            Ok((value, true)) => self.floors.throughput.push(value),
            Ok((value, false)) => self.floors.round_trip.push(value),
            Err(failure) => bench.warnings.push(format!("the floor was not measured: {failure}")),
        }
    }
}

/// What came of a column.
fn row(workload: Workload, column: usize, course: Course) -> Row {
    let mut notes: Vec<String> = Vec::new();
    for note in course.rounds.iter().flat_map(|round| &round.notes) {
        // The same note of every round is told once, as the last one had it: they differ in their numbers.
        let subject = |note: &str| note.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default().to_owned();
        notes.retain(|told| subject(told) != subject(note));
        notes.push(note.clone());
    }
    let outcome = match course.ended {
        Some(Failure::Unsupported(why)) => Outcome::Unsupported { why },
        Some(Failure::Failed(why)) => Outcome::Failed { why },
        Some(Failure::Machine(why)) => Outcome::NotMeasured { why },
        Some(Failure::Interrupted) | None => match figures(workload, course.rounds) {
            Some(figures) => Outcome::Measured(Box::new(figures)),
            None => Outcome::NotMeasured { why: "interrupted".to_owned() },
        },
    };
    Row { workload, column, outcome, notes }
}

/// The figures of rounds; none of none.
fn figures(workload: Workload, mut rounds: Vec<Round>) -> Option<Figures> {
    let samples: Vec<f64> = rounds.iter().map(|round| round.value).collect();
    let spread = Spread::of(&samples)?;
    let middle = |of: fn(&Round) -> Option<f64>| median(&rounds.iter().filter_map(of).collect::<Vec<_>>());
    let (client_cpu, client_busy) = (middle(|round| Some(round.client_cpu)).unwrap_or(0.0), middle(|round| round.client_busy));
    let server = cost(&rounds.iter().filter_map(|round| round.cost).collect::<Vec<_>>());
    let latencies = rounds.iter().filter_map(|round| round.latencies.as_ref()).fold(None, |sum: Option<Latencies>, one| {
        let mut sum = sum.unwrap_or_default();
        sum.add(one);
        Some(sum)
    });
    let (bytes, checked) = (rounds[0].bytes, rounds.iter().all(|round| round.checked));
    let soak = rounds.pop().and_then(|round| round.soak);
    Some(Figures {
        unit: workload.unit(),
        samples,
        spread,
        bytes,
        checked,
        latencies,
        of_floor: None,
        client_cpu,
        client_busy,
        server,
        soak,
    })
}

fn cost(costs: &[Cost]) -> Option<Cost> {
    let middle = |of: &dyn Fn(&Cost) -> Option<f64>| median(&costs.iter().filter_map(of).collect::<Vec<_>>());
    Some(Cost {
        cpu_s: middle(&|cost| Some(cost.cpu_s))?,
        peak: costs.iter().map(|cost| cost.peak).max()?,
        descriptors: middle(&|cost| Some(cost.descriptors as f64))? as u64,
        processes: middle(&|cost| Some(cost.processes as f64))? as u64,
        memory_per_session: middle(&|cost| cost.memory_per_session),
        descriptors_per_session: middle(&|cost| cost.descriptors_per_session),
    })
}

/// The median as a share of the floor: for times, the floor's as a share of the median.
fn share(figures: &Figures, floors: &[Floor]) -> Option<f64> {
    let floor = floors.iter().find(|floor| floor.unit == figures.unit)?.spread.median;
    let share = if figures.unit.higher_is_better() { figures.spread.median / floor } else { floor / figures.spread.median };
    share.is_finite().then_some(share)
}

/// What makes figures doubtful.
fn warn(bench: &mut Bench) {
    let mut warnings = Vec::new();
    for floor in bench.floor.iter().filter(|floor| floor.spread.relative() > NOISE) {
        warnings.push(format!(
            "the machine is noisy: its own {} lies between {:.0} and {:.0} {}",
            floor.name,
            floor.spread.min,
            floor.spread.max,
            floor.unit.word()
        ));
    }
    let (mut noisy, mut busy) = (Vec::new(), Vec::new());
    for row in &bench.rows {
        let Some(figures) = row.figures() else { continue };
        let place = format!("{} {}", bench.columns[row.column].label, row.workload.word());
        if figures.spread.relative() > NOISE {
            noisy.push(place.clone());
        }
        if figures.client_busy.is_some_and(|busy| busy > BUSY) {
            busy.push(place);
        }
    }
    if !noisy.is_empty() {
        warnings.push(format!("noisy, their rounds lie apart by more than {:.0} %: {}", NOISE * 100.0, noisy.join(", ")));
    }
    if !busy.is_empty() {
        warnings.push(format!("the client is the bottleneck, its thread had no pause: {}", busy.join(", ")));
    }
    bench.warnings.extend(warnings);
}

/// That others work on this machine, where they do.
fn load() -> Option<String> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = text.split_whitespace().next()?.parse().ok()?;
    (load > 0.7).then(|| format!("the machine was not at rest when this began: load {load}"))
}

fn machine() -> Machine {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, model)| model.trim().to_owned()));
    Machine {
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        processor: model.filter(|model| !model.is_empty()),
        system: format!("{} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease").trim()).trim().to_owned(),
    }
}
