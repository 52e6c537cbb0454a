//! How long to wait: for the next byte, and in all.

use std::time::Duration;

use tokio::time::Instant;

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

/// A time that is later by this; a year where that is beyond what a clock can tell.
pub(super) fn later(from: Instant, by: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    from + by.min(YEAR)
}
