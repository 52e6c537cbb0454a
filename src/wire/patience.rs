//! How long to wait: for the next byte, and in all.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// How long a transfer may take: progress renews `silence`, nothing renews `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Without any progress.
    pub silence: Duration,
    /// From the first byte to the last, however slowly it goes on.
    pub total: Duration,
}

impl Patience {
    /// One deadline that progress does not renew.
    #[must_use]
    pub const fn once(total: Duration) -> Self {
        Self { silence: total, total }
    }
}

/// Progress renews this; the whole may take 60 times as long.
impl From<Duration> for Patience {
    fn from(silence: Duration) -> Self {
        Self { silence, total: silence.saturating_mul(60) }
    }
}

/// A [`Patience`] that has begun to run.
#[derive(Debug)]
pub(super) struct Pace {
    silence: Duration,
    began: Instant,
    end: Instant,
}

impl Pace {
    pub(super) fn start(patience: Patience) -> Self {
        let began = Instant::now();
        Self { silence: patience.silence, began, end: later(began, patience.total) }
    }

    /// Until when the next byte may come.
    pub(super) fn next(&self) -> Instant {
        later(Instant::now(), self.silence).min(self.end)
    }

    /// Whether a wait without progress was cut by the end of the whole, before it was a silence.
    pub(super) fn cut(&self, waited: Duration) -> bool {
        waited < self.silence && self.is_over()
    }

    /// Whether the whole took too long.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// Since it began.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

/// Waiting is cut into slices of this length.
const SLICE: Duration = Duration::from_millis(50);

/// Waits for something until a time; `None` where it did not come.
///
/// Time in which this machine stood still is not counted: where a slice ends late, everything was late, the server too, and
/// the end moves by as much. A silence is the server's own.
pub(super) async fn within<T>(mut until: Instant, what: impl Future<Output = T>) -> Option<T> {
    let mut what = std::pin::pin!(what);
    loop {
        let slice = later(Instant::now(), SLICE).min(until);
        if let Ok(come) = timeout_at(slice, what.as_mut()).await {
            return Some(come);
        }
        if slice >= until {
            return None;
        }
        until = later(until, slice.elapsed());
    }
}

/// A time that is later by this; a year where that is beyond what a clock can tell.
pub(super) fn later(from: Instant, by: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    from + by.min(YEAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_when_it_should() {
        let start = Instant::now();
        let until = later(start, Duration::from_millis(120));
        assert_eq!(within(until, std::future::pending::<()>()).await, None);
        let waited = start.elapsed();
        assert!(waited >= Duration::from_millis(120) && waited < Duration::from_millis(130), "{waited:?}");
        assert_eq!(within(later(Instant::now(), Duration::from_secs(9)), tokio::time::sleep(Duration::from_secs(1))).await, Some(()));
    }

    #[tokio::test]
    async fn a_machine_that_stands_still_is_no_silence() {
        // Nothing of this thread goes on for longer than the whole wait, and then the answer takes a little time.
        let answer = async {
            let stall = std::time::Instant::now();
            while stall.elapsed() < Duration::from_millis(300) {
                std::hint::spin_loop();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(within(later(Instant::now(), Duration::from_millis(200)), answer).await, Some(()));
    }
}
