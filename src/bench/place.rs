//! Where a round is measured: a server that runs, an account on it, and what is known of its processes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::failure::Failure;
use super::process::{Peak, Usage, own_cpu_s, thread_cpu_s, usage};
use super::result::{Cost, Settings, Soak};
use super::session::{Patience, Session};
use super::statistics::Latencies;
use super::workload::Client;
use crate::ftp::content::Content;
use crate::scenario::model::Way;
use crate::target::{Account, Disk};

/// The big file.
pub(super) const BIG: &str = "big.bin";
/// The text.
pub(super) const TEXT: &str = "text.txt";
/// Bytes of the text, at most.
const TEXT_MAX: u64 = 64 << 20;
/// Bytes of a line of the text without its end.
const TEXT_LINE: u64 = 62;

/// A server and how it is measured.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) address: SocketAddr,
    pub(super) account: Account,
    pub(super) disk: Arc<dyn Disk>,
    /// The server's process, where it is our child.
    pub(super) pid: Option<u32>,
    pub(super) client: Client,
    pub(super) settings: Settings,
    pub(super) patience: Patience,
    /// Of all content.
    pub(super) seed: u64,
    /// The big file is a hole.
    pub(super) sparse: bool,
    /// The line end of the server's texts.
    pub(super) eol: &'static [u8],
}

impl std::fmt::Debug for dyn Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Disk")
    }
}

impl Place {
    /// A session that is logged in, in TYPE I.
    pub(super) fn session(&self) -> Result<Session, Failure> {
        let mut session = Session::connect(self.address, &self.patience)?;
        session.login(&self.account)?;
        session.must("TYPE I")?;
        Ok(session)
    }

    /// How data connections are opened where that is not what is measured: as ftplib and curl do it.
    pub(super) fn way(&self) -> Way {
        if self.address.is_ipv4() { Way::Pasv } else { Way::Epsv }
    }

    /// The big file's bytes.
    pub(super) fn big(&self) -> Content {
        if self.sparse { Content::Zeros(self.settings.size) } else { Content::Words { seed: self.seed, len: self.settings.size } }
    }

    /// The bytes that each of many transfers carries.
    pub(super) fn many(&self) -> Content {
        Content::Words { seed: self.seed.wrapping_add(1), len: self.settings.size_many }
    }

    /// The bytes of a small file.
    pub(super) fn small(&self, index: u64) -> Content {
        Content::Words { seed: self.seed.wrapping_add(2).wrapping_add(index), len: self.settings.file_size }
    }

    /// The text, with this line end.
    pub(super) fn text(&self, eol: &[u8]) -> Content {
        let count = (self.settings.size.min(TEXT_MAX) / (TEXT_LINE + 2)).max(1);
        Content::Lines { count, eol: Arc::from(eol) }
    }

    /// Begins to measure.
    pub(super) fn meter(&self) -> Meter {
        Meter {
            pid: self.pid,
            peak: self.pid.map(Peak::watch),
            before: self.pid.map(usage).unwrap_or_default(),
            cpu_s: own_cpu_s(),
            thread_s: thread_cpu_s(),
            begun: Instant::now(),
        }
    }
}

/// The name of a small file.
pub(super) fn small_name(index: u64) -> String {
    format!("small/f{index:06}")
}

/// The name of a directory with so many entries.
pub(super) fn directory_name(entries: usize) -> String {
    format!("d{entries}")
}

/// Measures what happens from its making to its end. To be ended by the thread that made it.
#[derive(Debug)]
pub(super) struct Meter {
    pid: Option<u32>,
    peak: Option<Peak>,
    before: Usage,
    cpu_s: f64,
    thread_s: f64,
    begun: Instant,
}

/// What was read off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) wall_s: f64,
    /// Of this process, in cores.
    pub(super) client_cpu: f64,
    /// Of the thread that measured, in cores.
    pub(super) busy: f64,
    pub(super) cost: Option<Cost>,
}

impl Meter {
    /// Reads off; the sessions should still stand, so that what they cost is counted.
    pub(super) fn end(self) -> Reading {
        let wall_s = self.begun.elapsed().as_secs_f64();
        let (own, thread) = (own_cpu_s() - self.cpu_s, thread_cpu_s() - self.thread_s);
        let cost = self.pid.map(|pid| {
            let after = usage(pid);
            let peak = self.peak.map_or(0, Peak::end).max(after.resident);
            Cost {
                cpu_s: (after.cpu_s - self.before.cpu_s).max(0.0),
                peak,
                descriptors: after.descriptors,
                processes: after.processes,
                memory_per_session: None,
                descriptors_per_session: None,
            }
        });
        Reading { wall_s, client_cpu: own / wall_s, busy: thread / wall_s, cost }
    }
}

/// A round that was measured.
#[derive(Debug, Clone)]
pub(super) struct Round {
    /// In the unit of the workload.
    pub(super) value: f64,
    pub(super) bytes: u64,
    pub(super) checked: bool,
    pub(super) latencies: Option<Latencies>,
    pub(super) client_cpu: f64,
    pub(super) client_busy: Option<f64>,
    pub(super) cost: Option<Cost>,
    pub(super) notes: Vec<String>,
    pub(super) soak: Option<Soak>,
}

impl Round {
    /// A figure, and what it cost; by one thread.
    pub(super) fn new(value: f64, checked: bool, reading: &Reading) -> Self {
        Self {
            value,
            bytes: 0,
            checked,
            latencies: None,
            client_cpu: reading.client_cpu,
            client_busy: Some(reading.busy),
            cost: reading.cost,
            notes: Vec::new(),
            soak: None,
        }
    }

    /// So many bytes in the time that was read off.
    pub(super) fn throughput(bytes: u64, checked: bool, reading: &Reading) -> Self {
        Self { bytes, ..Self::new(bytes as f64 / f64::from(1 << 20) / reading.wall_s, checked, reading) }
    }

    /// So many things in the time that was read off.
    pub(super) fn rate(count: u64, checked: bool, reading: &Reading) -> Self {
        Self::new(count as f64 / reading.wall_s, checked, reading)
    }

    /// With how long each took.
    pub(super) fn with(self, latencies: Latencies) -> Self {
        Self { latencies: Some(latencies), ..self }
    }
}
