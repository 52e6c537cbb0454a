//! A mix of everything, for a long time: what leaks shows as a line that rises.

use std::time::{Duration, Instant};

use crate::bench::failure::Failure;
use crate::bench::place::{Place, Round, small_name};
use crate::bench::process::{proportional, usage};
use crate::bench::result::Soak;
use crate::bench::session::Session;
use crate::bench::statistics::{Latencies, Slope};
use crate::bench::transfer::{Expected, retrieve, store};

/// How many times a soak is looked at, about.
const LOOKS: u32 = 600;
/// The first part of a soak, one in so many, fills caches and pools, and is left out of the slopes.
const SETTLING: f64 = 5.0;

/// Login, STOR, RETR, SIZE, DELE, QUIT, again and again. Memory and descriptors are looked at between two rounds, when no session is open.
pub(super) fn soak(place: &Place, buffer: &mut [u8]) -> Result<Round, Failure> {
    let whole = Duration::from_secs_f64(place.settings.soak_s.unwrap_or(60.0));
    let every = whole / LOOKS;
    let (mut latencies, mut points, mut cycles, mut bytes) = (Latencies::default(), Vec::new(), 0, 0);
    let meter = place.meter();
    let (begun, mut next) = (Instant::now(), Duration::ZERO);
    while begun.elapsed() < whole {
        let cycle = Instant::now();
        bytes += once(place, cycles, buffer)?;
        latencies.record(cycle.elapsed());
        cycles += 1;
        if begun.elapsed() >= next
            && let Some(pid) = place.pid
        {
            let held = usage(pid);
            let memory = proportional(pid).unwrap_or(held.resident);
            points.push((begun.elapsed().as_secs_f64(), memory as f64, held.descriptors as f64));
            next = begun.elapsed() + every;
        }
    }
    let reading = meter.end();
    let settled: Vec<_> = points.iter().filter(|point| point.0 >= whole.as_secs_f64() / SETTLING).copied().collect();
    let slope = |of: fn(&(f64, f64, f64)) -> (f64, f64)| Slope::of(&settled.iter().map(of).collect::<Vec<_>>());
    let soak = Soak { memory: slope(|point| (point.0, point.1)), descriptors: slope(|point| (point.0, point.2)), points };
    let notes = notes(&soak);
    Ok(Round { bytes, notes, soak: place.pid.map(|_| soak), ..Round::rate(cycles, true, &reading).with(latencies) })
}

/// What the slopes say.
fn notes(soak: &Soak) -> Vec<String> {
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    let word = |slope: &Slope| if slope.grows() { "grows" } else { "does not grow beyond chance" };
    let memory = soak.memory.map(|slope| {
        format!(
            "its memory {}: {:+.1} MiB an hour (95 %: {:+.1} to {:+.1})",
            word(&slope),
            mib(slope.per_hour),
            mib(slope.low),
            mib(slope.high)
        )
    });
    let descriptors = soak.descriptors.map(|slope| {
        format!(
            "the number of its descriptors {}: {:+.1} an hour (95 %: {:+.1} to {:+.1})",
            word(&slope),
            slope.per_hour,
            slope.low,
            slope.high
        )
    });
    memory.into_iter().chain(descriptors).collect()
}

fn once(place: &Place, cycle: u64, buffer: &mut [u8]) -> Result<u64, Failure> {
    let mut session = Session::connect(place.address, &place.patience)?;
    session.login(&place.account)?;
    session.must("TYPE I")?;
    let (name, content) = (format!("soak{}", cycle % 10), place.small(cycle));
    let expected = Expected::whole(content, place.settings.verify);
    let mut bytes = store(&mut session, place.way(), &format!("STOR {name}"), &expected, buffer)?;
    bytes += retrieve(&mut session, place.way(), &format!("RETR {name}"), &expected, buffer)?;
    let laid = Expected::whole(place.small(0), place.settings.verify);
    bytes += retrieve(&mut session, place.way(), &format!("RETR {}", small_name(0)), &laid, buffer)?;
    session.must("PWD")?;
    session.must(&format!("DELE {name}"))?;
    session.must("QUIT")?;
    Ok(bytes)
}
