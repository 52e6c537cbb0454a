//! Benchmarks: how fast a server is, how long it takes, how many it holds, what it costs; and every byte checked.
//!
//! A figure that does not say whether the bytes were right is worth nothing. So content is known by position
//! ([`crate::ftp::words`]), is made and compared as it streams, each final reply is read, and what was stored is looked at on disk behind
//! the server's back. What is wrong is a failure with its place, not a figure.
//!
//! | file | what it is responsible for |
//! | --- | --- |
//! | [`workload`] | what can be measured: names, units, and the stage of a server on which it is measured |
//! | [`session`], [`transfer`] | the client that measures: blocking sockets, one buffer that stays in the cache |
//! | `measure` | one round of each workload on one server |
//! | `place`, [`process`] | where a round is measured, and what it cost: time, memory and descriptors of the whole tree of processes |
//! | `floor` | what the machine does without any server |
//! | `server` | starting servers and laying what is measured |
//! | `limit` | descriptors and ports: raised or named before anything is measured |
//! | `schedule` | stages, rounds, warm-up: servers take turns, so that drift hits all alike |
//! | [`statistics`], [`result`] | medians, spreads, slopes, histograms; the one value that all reports are made of |
//! | [`compare`], [`join`] | against an older result; the results of several machines put together |
//!
//! Judges no conformance: a server that answers otherwise than the RFCs say is the matter of `run`. There is no TLS here yet.

pub mod compare;
pub mod failure;
mod floor;
pub mod join;
mod limit;
mod measure;
mod place;
pub mod process;
pub mod result;
#[cfg(test)]
pub(crate) mod sample;
mod schedule;
mod server;
pub mod session;
pub mod statistics;
pub mod transfer;
pub mod workload;

use std::time::Duration;

pub use schedule::{Event, NotPrepared, run};
pub use server::Entry;

use result::{Part, Settings};
use workload::{Client, Workload};

/// How a benchmark is done.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is measured.
    pub workloads: Vec<Workload>,
    /// With which clients.
    pub clients: Vec<Client>,
    /// Sizes and numbers.
    pub settings: Settings,
    /// The big file is a hole in a file: of any size at no cost, but all its bytes are the same.
    pub sparse: bool,
    /// Of all content.
    pub seed: u64,
    /// What was said on the command line.
    pub command: String,
    /// Which part of a benchmark on several machines this is.
    pub part: Option<Part>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workloads: Workload::ALL.into_iter().filter(|workload| workload.is_usual()).collect(),
            clients: vec![Client::Ftpspec],
            settings: Settings {
                size: 1 << 30,
                size_many: 10 << 20,
                files: 200,
                file_size: 4096,
                commands: 1000,
                logins: 100,
                sessions: 50,
                repeats: 5,
                warm_up: 1,
                verify: true,
                rate: None,
                stall_s: 30.0,
                soak_s: None,
            },
            sparse: false,
            seed: 1,
            command: String::new(),
            part: None,
        }
    }
}

impl Options {
    /// How long a server may be silent.
    #[must_use]
    pub fn stall(&self) -> Duration {
        Duration::from_secs_f64(self.settings.stall_s)
    }
}
