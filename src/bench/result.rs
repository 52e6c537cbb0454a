//! What was measured: one value, which is the JSON report, and from which every other report is made.
//!
//! `docs/bench.schema.json` describes it. Histograms stand in it whole, so that the results of several machines are put together exactly.

use serde::{Deserialize, Serialize};

use super::statistics::{Latencies, Slope, Spread};
use super::workload::{Client, Unit, Workload};

/// The form of a result.
pub const SCHEMA: &str = "ftpspec.bench/1";

/// All that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bench {
    /// [`SCHEMA`].
    pub schema: String,
    /// The version of ftpspec.
    pub version: String,
    /// What was said on the command line, passwords left out.
    pub command: String,
    /// When it began: RFC 3339, UTC.
    pub began: String,
    /// How long it took, in seconds.
    pub took_s: f64,
    /// Where.
    pub machine: Machine,
    /// How.
    pub options: Settings,
    /// Which part of a benchmark on several machines this is; none where it is the whole.
    pub part: Option<Part>,
    /// The machine itself, without any server: loopback TCP.
    pub floor: Vec<Floor>,
    /// What stands side by side.
    pub columns: Vec<Column>,
    /// A row for each workload and column.
    pub rows: Vec<Row>,
    /// What makes figures doubtful.
    pub warnings: Vec<String>,
    /// It was ended before its end.
    pub interrupted: bool,
}

/// A machine, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Cores that we may use.
    pub cores: usize,
    /// Their model, where the system tells.
    pub processor: Option<String>,
    /// The system and its version.
    pub system: String,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Bytes of the big file.
    pub size: u64,
    /// Bytes that each of N sessions transfers at once with the others.
    pub size_many: u64,
    /// Small files in a round.
    pub files: u64,
    /// Bytes of each.
    pub file_size: u64,
    /// Commands in a round.
    pub commands: u64,
    /// Logins in a round.
    pub logins: u64,
    /// N.
    pub sessions: u64,
    /// Rounds that count.
    pub repeats: u32,
    /// Rounds before them that do not.
    pub warm_up: u32,
    /// Bytes are compared.
    pub verify: bool,
    /// Things begin so many times a second; as fast as they end where it is none.
    pub rate: Option<f64>,
    /// Seconds without progress after which a server has stalled.
    pub stall_s: f64,
    /// Seconds of the soak.
    pub soak_s: Option<f64>,
}

/// A part of a benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Part {
    /// From 1 on.
    pub part: u32,
    /// How many there are.
    pub of: u32,
}

/// What the machine can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// `throughput` (of loopback TCP between two threads) or `round-trip`.
    pub name: String,
    /// Of the samples.
    pub unit: Unit,
    /// One a round.
    pub samples: Vec<f64>,
    /// Of them.
    pub spread: Spread,
}

/// A server and a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// What it is called.
    pub label: String,
    /// The server's name.
    pub server: String,
    /// Its version.
    pub version: Option<String>,
    /// What must stand behind `ftpspec bench` to get it again.
    pub arguments: String,
    /// Who speaks.
    pub client: Client,
    /// Whether it runs in a process that is our child, so that its cost is known.
    pub has_cost: bool,
}

/// What came of a workload on a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was to be measured.
    pub workload: Workload,
    /// The place of its column.
    pub column: usize,
    /// What came of it.
    pub outcome: Outcome,
    /// What else must be known.
    pub notes: Vec<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Outcome {
    /// Figures.
    Measured(Box<Figures>),
    /// The server, or the client, does not have it.
    Unsupported {
        /// In words.
        why: String,
    },
    /// Wrong bytes, too few, none, another reply: the benchmark has failed.
    Failed {
        /// In words.
        why: String,
    },
    /// The server could not be started, or this machine could not.
    NotMeasured {
        /// In words.
        why: String,
    },
}

/// The figures of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Of samples and spread.
    pub unit: Unit,
    /// One a round.
    pub samples: Vec<f64>,
    /// Of them.
    pub spread: Spread,
    /// Bytes of data that a round moved.
    pub bytes: u64,
    /// Every byte was compared, or every reply and entry was.
    pub checked: bool,
    /// How long each single thing took, over all rounds.
    pub latencies: Option<Latencies>,
    /// The median as a share of what the machine can do.
    pub of_floor: Option<f64>,
    /// Our own processor time as a share of the time: 1 is one core. Median of the rounds.
    pub client_cpu: f64,
    /// How busy the thread was that reads or writes; at 1 the client is the bottleneck. None where there are many.
    pub client_busy: Option<f64>,
    /// What it cost the server; none where its process is not our child.
    pub server: Option<Cost>,
    /// What happened over time.
    pub soak: Option<Soak>,
}

/// What a round cost the server's processes; medians of the rounds but where it says otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Seconds of processor time.
    pub cpu_s: f64,
    /// The most memory that was seen in any round: resident bytes of all its processes.
    pub peak: u64,
    /// Descriptors at the end of a round.
    pub descriptors: u64,
    /// Processes at the end of a round.
    pub processes: u64,
    /// Bytes of memory for each session more (PSS: shared pages are shared out).
    pub memory_per_session: Option<f64>,
    /// Descriptors for each session more.
    pub descriptors_per_session: Option<f64>,
}

/// What a server's memory and descriptors did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Soak {
    /// Seconds, bytes of memory (PSS), descriptors.
    pub points: Vec<(f64, f64, f64)>,
    /// Of the memory, in bytes.
    pub memory: Option<Slope>,
    /// Of the descriptors.
    pub descriptors: Option<Slope>,
}

impl Bench {
    /// The row of a workload in a column.
    #[must_use]
    pub fn row(&self, workload: Workload, column: usize) -> Option<&Row> {
        self.rows.iter().find(|row| row.workload == workload && row.column == column)
    }

    /// The workloads that have rows, in their order.
    #[must_use]
    pub fn workloads(&self) -> Vec<Workload> {
        Workload::ALL.into_iter().filter(|workload| self.rows.iter().any(|row| row.workload == *workload)).collect()
    }

    /// What failed: each row's column and why.
    pub fn failures(&self) -> impl Iterator<Item = (&Row, &str)> {
        self.rows.iter().filter_map(|row| match &row.outcome {
            Outcome::Failed { why } => Some((row, why.as_str())),
            Outcome::Measured(_) | Outcome::Unsupported { .. } | Outcome::NotMeasured { .. } => None,
        })
    }

    /// What this machine could do.
    #[must_use]
    pub fn floor(&self, name: &str) -> Option<&Floor> {
        self.floor.iter().find(|floor| floor.name == name)
    }
}

impl Row {
    /// Its figures.
    #[must_use]
    pub fn figures(&self) -> Option<&Figures> {
        match &self.outcome {
            Outcome::Measured(figures) => Some(figures),
            Outcome::Unsupported { .. } | Outcome::Failed { .. } | Outcome::NotMeasured { .. } => None,
        }
    }
}
