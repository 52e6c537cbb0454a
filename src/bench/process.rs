//! What a server costs: processor time, memory and descriptors of its process and all that it started, read from `/proc`.
//!
//! Several servers fork, some for each session; so what is counted is the whole tree below the process that we started. The time of a child
//! that has ended is in its parent's account, where the parent waited for it; so costs are taken while the sessions still stand. Time is
//! counted by the system in ticks of 10 ms.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Ticks of a second in `/proc`; Linux has the same for all programs.
const TICKS: f64 = 100.0;
/// How often memory is looked at while something is measured, at most.
const OFTEN: Duration = Duration::from_millis(50);
/// Looking takes at most one part in so many of the time.
const SHARE: u32 = 50;

/// What a tree of processes holds and has used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Processes.
    pub processes: u64,
    /// Seconds of processor time, user and system, with those of children that were waited for.
    pub cpu_s: f64,
    /// Bytes of memory that are resident, summed; pages that processes share count for each.
    pub resident: u64,
    /// Descriptors.
    pub descriptors: u64,
}

/// What the tree below a process holds; nothing where it is gone.
#[must_use]
pub fn usage(pid: u32) -> Usage {
    let mut usage = Usage::default();
    for pid in tree(pid) {
        let Some((ticks, resident)) = stat(pid) else { continue };
        usage.processes += 1;
        usage.cpu_s += ticks;
        usage.resident += resident;
        usage.descriptors += fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |all| all.count() as u64);
    }
    usage
}

/// Bytes of memory of the tree, a page that several share counted once (PSS); `None` where the system does not tell.
#[must_use]
pub fn proportional(pid: u32) -> Option<u64> {
    let one = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib << 10)
    };
    // One that has ended meanwhile holds nothing.
    tree(pid).into_iter().filter(|pid| stat(*pid).is_some()).map(one).try_fold(0, |sum, bytes| Some(sum + bytes?))
}

/// Resident bytes of this process alone, without servers that are its children.
#[must_use]
pub fn own_resident() -> Option<u64> {
    stat(std::process::id()).map(|(_, resident)| resident)
}

/// A process and all below it.
fn tree(root: u32) -> Vec<u32> {
    let mut all = vec![root];
    let mut next = 0;
    while let Some(pid) = all.get(next).copied() {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for thread in threads {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|number| number.parse::<u32>().ok()));
        }
        next += 1;
    }
    all
}

/// Seconds of processor time and resident bytes of one process.
fn stat(pid: u32) -> Option<(f64, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold blanks and parentheses; behind its last one stand numbers.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    if matches!(fields.first(), Some(&"Z" | &"X")) {
        return None;
    }
    // utime, stime, cutime, cstime are fields 14 to 17 of proc_pid_stat(5), rss is 24; the state, here first, is 3.
    let ticks = (11..=14).map(number).try_fold(0, |sum, ticks| Some(sum + ticks?))?;
    Some((ticks as f64 / TICKS, number(21)?.saturating_mul(rustix::param::page_size() as u64)))
}

/// Seconds of processor time that this process has used.
#[must_use]
pub fn own_cpu_s() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Seconds of processor time that this thread has used.
#[must_use]
pub fn thread_cpu_s() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Looks at a server's memory again and again, until it is asked.
#[derive(Debug)]
pub(super) struct Peak {
    highest: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peak {
    /// Begins to look.
    pub(super) fn watch(pid: u32) -> Self {
        let (highest, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, end) = (Arc::clone(&highest), Arc::clone(&over));
        let thread = std::thread::Builder::new().name("peak".to_owned()).spawn(move || {
            while !end.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let resident = tree(pid).into_iter().filter_map(stat).map(|(_, resident)| resident).sum();
                seen.fetch_max(resident, Ordering::Relaxed);
                std::thread::park_timeout(OFTEN.max(begun.elapsed() * SHARE));
            }
        });
        Self { highest, over, thread: thread.ok() }
    }

    /// The most bytes that were seen.
    pub(super) fn end(mut self) -> u64 {
        self.stop();
        self.highest.load(Ordering::Relaxed)
    }

    fn stop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It does nothing that could panic, and holds nothing.
            let _ = thread.join();
        }
    }
}

impl Drop for Peak {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_tree_is_counted_with_its_children() {
        // A shell that keeps a child, which keeps one too.
        let script = "sh -c 'sleep 60 & wait' & wait";
        let mut child = Command::new("/bin/sh").args(["-c", script]).stdin(Stdio::null()).process_group_of_its_own().spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while usage(child.id()).processes < 3 {
            assert!(Instant::now() < deadline, "{:?}", usage(child.id()));
            std::thread::yield_now();
        }
        let seen = usage(child.id());
        assert!(seen.resident > 3 * 100_000 && seen.descriptors >= 9, "{seen:?}");
        assert!(proportional(child.id()).is_some_and(|bytes| bytes > 0 && bytes <= seen.resident), "{seen:?}");
        child.end_group();
        assert_eq!(usage(child.id()).processes, 0);
    }

    #[test]
    fn time_that_is_used_is_seen() {
        let (own, thread, begun) = (own_cpu_s(), thread_cpu_s(), usage(std::process::id()).cpu_s);
        while thread_cpu_s() - thread < 0.1 {
            std::hint::spin_loop();
        }
        assert!(own_cpu_s() - own >= 0.1);
        assert!(usage(std::process::id()).cpu_s - begun >= 0.07);
        let peak = Peak::watch(std::process::id());
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        while peak.highest.load(Ordering::Relaxed) < block.len() as u64 {
            std::thread::yield_now();
        }
        assert!(peak.end() >= 64 << 20);
    }

    trait Grouped {
        fn process_group_of_its_own(&mut self) -> &mut Self;
    }
    impl Grouped for Command {
        fn process_group_of_its_own(&mut self) -> &mut Self {
            std::os::unix::process::CommandExt::process_group(self, 0)
        }
    }
    trait Ended {
        fn end_group(&mut self);
    }
    impl Ended for std::process::Child {
        fn end_group(&mut self) {
            let group = rustix::process::Pid::from_child(self);
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
            self.wait().unwrap();
        }
    }
}
