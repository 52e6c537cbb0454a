//! One round of each workload on one server. What a round is not about (login, verification on disk, tidying up) is not in its time.

mod command;
mod foreign;
mod many;
mod single;
mod small;
mod soak;

pub(super) use many::SHARED;

use std::thread;
use std::time::{Duration, Instant};

use super::failure::Failure;
use super::place::{Place, Round};
use super::session::Patience;
use super::statistics::Latencies;
use super::workload::{Client, Workload};
use crate::scenario::model::Way;

/// Measures one round. `buffer` is what single transfers go through.
pub(super) fn round(workload: Workload, place: &Place, buffer: &mut [u8]) -> Result<Round, Failure> {
    if place.client != Client::Ftpspec {
        return foreign::round(workload, place, buffer);
    }
    match workload {
        Workload::Retr => single::retr(place, true, buffer),
        Workload::RetrBare => single::retr(place, false, buffer),
        Workload::Stor => single::stor(place, buffer),
        Workload::Resume => single::resume(place, buffer),
        Workload::Ascii => single::text(place, true, buffer),
        Workload::Image => single::text(place, false, buffer),
        Workload::RetrSmall => small::retr(place, buffer),
        Workload::StorSmall => small::stor(place, buffer),
        Workload::Pasv => small::ways(place, Way::Pasv, buffer),
        Workload::Epsv => small::ways(place, Way::Epsv, buffer),
        Workload::Port => small::ways(place, Way::Port, buffer),
        Workload::Login => command::login(place),
        Workload::Noop => command::plain(place, "NOOP"),
        Workload::Pwd => command::plain(place, "PWD"),
        Workload::Size => command::size(place),
        Workload::Mlsd10 | Workload::Mlsd1000 | Workload::Mlsd100000 => command::mlsd(place, workload.entries().unwrap_or(0)),
        Workload::Idle => many::idle(place),
        Workload::RetrIdle => many::beside_idle(place, |place| single::retr(place, true, buffer)),
        Workload::StorIdle => many::beside_idle(place, |place| single::stor(place, buffer)),
        Workload::RetrMany => many::retr(place),
        Workload::StorMany => many::stor(place),
        Workload::Quit => many::quit(place),
        Workload::Soak => soak::soak(place, buffer),
    }
}

/// Does a thing again and again, and takes how long each took.
///
/// With a rate, each has a time at which it should begin, and that is from when its latency counts, whether or not the one before it was
/// over by then: a server that stands still for a second is late for all that should have begun meanwhile, not for one.
struct Paced {
    period: Option<Duration>,
    begun: Instant,
    next: u32,
    latencies: Latencies,
    patience: Patience,
}

impl Paced {
    fn new(place: &Place) -> Self {
        let period = place.settings.rate.map(|rate| Duration::from_secs_f64(1.0 / rate));
        Self { period, begun: Instant::now(), next: 0, latencies: Latencies::default(), patience: place.patience.clone() }
    }

    /// Does it once, at its time.
    fn once<T>(&mut self, thing: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        let intended = match self.period {
            None => Instant::now(),
            Some(period) => self.begun + period * self.next,
        };
        self.next += 1;
        loop {
            let left = intended.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.patience.go_on()?;
            thread::park_timeout(left);
        }
        let done = thing()?;
        self.latencies.record(intended.elapsed());
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_late_makes_those_behind_it_late() {
        let period = Duration::from_millis(5);
        let mut paced = Paced {
            period: Some(period),
            begun: Instant::now(),
            next: 0,
            latencies: Latencies::default(),
            patience: Patience::new(Duration::from_secs(1)),
        };
        for at in 0..10 {
            paced
                .once(|| {
                    let begun = Instant::now();
                    while at == 0 && begun.elapsed() < Duration::from_millis(100) {
                        std::hint::spin_loop();
                    }
                    Ok(())
                })
                .unwrap();
        }
        // The nine others took no time, but should have begun 5, 10, .. 45 ms after the first.
        assert_eq!(paced.latencies.count(), 10);
        assert!(paced.latencies.percentile_us(5.0) >= 50_000.0, "{}", paced.latencies.percentile_us(5.0));
    }
}
