//! Many sessions at once: opening them, what they cost idle, transfers of all of them, their end.

use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Instant;

use super::single::stored;
use crate::bench::failure::Failure;
use crate::bench::place::{Place, Round};
use crate::bench::process::{own_resident, proportional, usage};
use crate::bench::session::Session;
use crate::bench::statistics::Latencies;
use crate::bench::transfer::{Expected, retrieve, store};

/// The file that all read at once.
pub(in crate::bench) const SHARED: &str = "many.bin";
/// Threads that log in at once.
const WORKERS: u64 = 16;
/// Bytes of a thread's stack: the code is shallow, and there may be thousands.
const STACK: usize = 256 * 1024;
/// Bytes of a buffer of each of many transfers.
const BUFFER: usize = 64 * 1024;

/// Sessions that are logged in and wait.
struct Opened {
    streams: Vec<TcpStream>,
    latencies: Latencies,
    /// Why there are no more.
    refused: Option<Failure>,
}

impl Opened {
    /// That there are fewer than wanted, as a note: the limit is the server's.
    fn note(&self, wanted: u64) -> Vec<String> {
        let Some(why) = &self.refused else { return Vec::new() };
        vec![format!("the server's limit: {} of {wanted} sessions, then {why}", self.streams.len())]
    }
}

/// Opens sessions, some at once; stops at the first that is refused.
fn open(place: &Place, wanted: u64) -> Result<Opened, Failure> {
    let next = AtomicU64::new(0);
    let work = || {
        let (mut streams, mut latencies, mut refused) = (Vec::new(), Latencies::default(), None);
        while next.fetch_add(1, Ordering::Relaxed) < wanted {
            let begun = Instant::now();
            let opened =
                Session::connect(place.address, &place.patience).and_then(|mut session| session.login(&place.account).map(|()| session));
            match opened {
                Ok(session) => {
                    latencies.record(begun.elapsed());
                    streams.push(session.aside());
                }
                Err(failure) => {
                    next.store(wanted, Ordering::Relaxed);
                    refused = Some(failure);
                }
            }
        }
        Opened { streams, latencies, refused }
    };
    let parts = together(WORKERS.min(wanted), |_| work())?;
    let mut all = Opened { streams: Vec::new(), latencies: Latencies::default(), refused: None };
    for part in parts {
        all.streams.extend(part.streams);
        all.latencies.add(&part.latencies);
        all.refused = all.refused.or(part.refused);
    }
    match &all.refused {
        Some(Failure::Interrupted | Failure::Machine(_)) => Err(all.refused.unwrap_or(Failure::Interrupted)),
        Some(failure) if all.streams.is_empty() => Err(failure.clone()),
        Some(_) | None => Ok(all),
    }
}

/// Ends sessions: QUIT to all, then the reply of each.
fn close(place: &Place, streams: Vec<TcpStream>) -> Result<(), Failure> {
    let mut sessions: Vec<Session> = streams.into_iter().map(|stream| Session::resume(stream, place.address, &place.patience)).collect();
    sessions.iter_mut().try_for_each(|session| session.send(b"QUIT\r\n"))?;
    sessions.iter_mut().try_for_each(|session| session.expect("QUIT", |code| code == 221).map(drop))
}

/// N sessions log in and stay: how fast, and what each costs the server.
pub(super) fn idle(place: &Place) -> Result<Round, Failure> {
    let before = place.pid.map(|pid| (proportional(pid), usage(pid).descriptors));
    let meter = place.meter();
    let opened = open(place, place.settings.sessions)?;
    let mut reading = meter.end();
    let count = opened.streams.len() as u64;
    if let (Some(pid), Some((memory, descriptors)), Some(cost)) = (place.pid, before, &mut reading.cost) {
        let each = |more: f64| more / count as f64;
        cost.memory_per_session = memory.zip(proportional(pid)).map(|(before, after)| each(after as f64 - before as f64));
        cost.descriptors_per_session = Some(each(usage(pid).descriptors as f64 - descriptors as f64));
    }
    let mut notes = opened.note(place.settings.sessions);
    if let Some(own) = own_resident().filter(|_| count >= 1000) {
        notes.push(format!("this client held them in {:.1} MiB of memory", own as f64 / f64::from(1 << 20)));
    }
    let latencies = opened.latencies.clone();
    close(place, opened.streams)?;
    Ok(Round { notes, client_busy: None, ..Round::rate(count, true, &reading).with(latencies) })
}

/// Something beside N sessions that are idle.
pub(super) fn beside_idle(place: &Place, what: impl FnOnce(&Place) -> Result<Round, Failure>) -> Result<Round, Failure> {
    let opened = open(place, place.settings.sessions)?;
    let round = what(place)?;
    let notes = opened.note(place.settings.sessions);
    close(place, opened.streams)?;
    Ok(Round { notes, ..round })
}

/// N sessions read one file at once.
pub(super) fn retr(place: &Place) -> Result<Round, Failure> {
    let expected = Expected::whole(place.many(), place.settings.verify);
    at_once(place, place.settings.verify, |session, _, buffer| retrieve(session, place.way(), &format!("RETR {SHARED}"), &expected, buffer))
}

/// N sessions store a file each at once; all are compared and removed afterwards.
pub(super) fn stor(place: &Place) -> Result<Round, Failure> {
    let name = |index: u64| format!("many{index:05}");
    let expected = Expected::whole(place.many(), true);
    let round = at_once(place, place.settings.verify, |session, index, buffer| {
        store(session, place.way(), &format!("STOR {}", name(index)), &expected, buffer)
    })?;
    let mut session = place.session()?;
    let mut buffer = vec![0; BUFFER];
    for index in 0..round.latencies.as_ref().map_or(0, Latencies::count) {
        stored(place, &name(index), &expected.content, &mut buffer)?;
        session.must(&format!("DELE {}", name(index)))?;
    }
    session.quit();
    Ok(round)
}

/// N sessions end.
pub(super) fn quit(place: &Place) -> Result<Round, Failure> {
    let opened = open(place, place.settings.sessions)?;
    let (count, notes) = (opened.streams.len() as u64, opened.note(place.settings.sessions));
    let meter = place.meter();
    close(place, opened.streams)?;
    let reading = meter.end();
    Ok(Round { notes, ..Round::rate(count, true, &reading) })
}

/// A transfer of every session at once, each on a thread of its own. They set out together, when each has its buffer and its type.
fn at_once(
    place: &Place,
    checked: bool,
    transfer: impl Fn(&mut Session, u64, &mut [u8]) -> Result<u64, Failure> + Sync,
) -> Result<Round, Failure> {
    let opened = open(place, place.settings.sessions)?;
    let (count, notes) = (opened.streams.len(), opened.note(place.settings.sessions));
    let gate = Gate::default();
    let (tell, ready) = mpsc::channel();
    let one = |stream: TcpStream, index: u64, tell: mpsc::Sender<()>| {
        let mut buffer = vec![0; BUFFER];
        let mut session = Session::resume(stream, place.address, &place.patience);
        let prepared = session.must("TYPE I");
        // Whoever listens waits for all.
        let _ = tell.send(());
        drop(tell);
        if !gate.pass() {
            return Err(Failure::Interrupted);
        }
        prepared?;
        let begun = Instant::now();
        let moved = transfer(&mut session, index, &mut buffer)?;
        Ok((session, moved, begun.elapsed()))
    };
    let one = &one;
    let (reading, parts) = thread::scope(|scope| {
        let mut threads = Vec::new();
        for (index, stream) in (0..).zip(opened.streams) {
            let tell = tell.clone();
            match thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || one(stream, index, tell)) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    gate.open(false);
                    return Err(Failure::machine("a thread for a session", &error));
                }
            }
        }
        drop(tell);
        for _ in 0..count {
            // Each tells once, unless it broke; then that shows when it is waited for.
            let _ = ready.recv();
        }
        let meter = place.meter();
        gate.open(true);
        let parts: Vec<_> = threads.into_iter().map(thread::ScopedJoinHandle::join).collect();
        Ok((meter.end(), parts))
    })?;
    let (mut bytes, mut latencies) = (0, Latencies::default());
    for part in parts {
        let (session, moved, took) = part.map_err(|_| Failure::Machine("a thread of a session broke".to_owned()))??;
        bytes += moved;
        latencies.record(took);
        session.quit();
    }
    Ok(Round { notes, client_busy: None, ..Round::throughput(bytes, checked, &reading).with(latencies) })
}

/// Holds threads until it is opened.
#[derive(Default)]
struct Gate {
    open: Mutex<Option<bool>>,
    opened: Condvar,
}

impl Gate {
    /// Lets all pass, or sends all home.
    fn open(&self, go: bool) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(go);
        self.opened.notify_all();
    }

    /// Waits; whether to go on.
    fn pass(&self) -> bool {
        let shut = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let open = self.opened.wait_while(shut, |open| open.is_none()).unwrap_or_else(PoisonError::into_inner);
        *open == Some(true)
    }
}

/// Does something on so many threads, and waits for all.
fn together<T: Send>(count: u64, work: impl Fn(u64) -> T + Sync) -> Result<Vec<T>, Failure> {
    let work = &work;
    thread::scope(|scope| {
        let started: Vec<_> =
            (0..count).map(|index| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || work(index))).collect();
        let mut all = Vec::new();
        for thread in started {
            let thread = thread.map_err(|error| Failure::machine("a thread for a session", &error))?;
            all.push(thread.join().map_err(|_| Failure::Machine("a thread of a session broke".to_owned()))?);
        }
        Ok(all)
    })
}
