//! The servers that many cases share: one, or where a server mixes up sessions several, each played by so many cases at once.
//!
//! Responsible for starting them, for giving each case a seat, and for stopping them. What one is and how it is started again
//! is `stand`'s part.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::stand::Stand;
use crate::target::{Account, Settings, StartError, Target};

/// So many servers are started at most where each is played by a few cases at once.
pub(super) const SERVERS: usize = 6;

/// The servers, and who sits where.
pub(super) struct Pool {
    stands: Vec<Stand>,
    /// The server of each free seat; the last is taken first.
    free: Mutex<Vec<usize>>,
    seats: Semaphore,
}

/// A seat at a server, free again when it is dropped.
pub(super) struct Seat<'p> {
    pool: &'p Pool,
    stand: usize,
    _permit: SemaphorePermit<'p>,
}

impl Pool {
    /// Starts so many servers, each for `at_once` cases.
    pub(super) async fn start(target: &Arc<dyn Target>, accounts: &[Account], servers: usize, at_once: usize) -> Result<Self, StartError> {
        let start = || Stand::start(Arc::clone(target), Settings::default(), accounts.to_vec());
        let mut stands = Vec::new();
        let mut failed = None;
        for started in join_all((0..servers).map(|_| start())).await {
            match started {
                Ok(stand) => stands.push(stand.shared()),
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            for stand in stands {
                stand.stop(false).await;
            }
            return Err(error);
        }
        let free: Vec<usize> = (0..at_once).flat_map(|_| 0..servers).collect();
        Ok(Self { stands, seats: Semaphore::new(free.len()), free: Mutex::new(free) })
    }

    /// The first server: the one that is asked what it can do.
    pub(super) fn first(&self) -> &Stand {
        &self.stands[0]
    }

    /// A seat, as soon as one is free.
    pub(super) async fn seat(&self) -> Seat<'_> {
        let permit = self.seats.acquire().await.expect("it is never closed");
        let stand = self.free().pop().expect("as many as there are permits");
        Seat { pool: self, stand, _permit: permit }
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<usize>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops all; says what is left of them.
    pub(super) async fn stop(self, keep: bool) -> Vec<String> {
        join_all(self.stands.into_iter().map(|stand| stand.stop(keep))).await.concat()
    }
}

impl Seat<'_> {
    /// The server.
    pub(super) fn stand(&self) -> &Stand {
        &self.pool.stands[self.stand]
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.pool.free().push(self.stand);
    }
}
