//! Who watches a session of a server that people use, and who ends it.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::super::service::{Busy, Ending, GOODBYE, What, Witness, begun};
use super::dialogue::Dialogue;

/// What a session has beside it.
pub(super) struct Company {
    pub(super) dialogue: Dialogue,
    witness: Arc<Witness>,
    ending: watch::Receiver<Ending>,
    /// When all must be over, once the end has begun.
    until: Option<Instant>,
    /// When to look whether this session may be closed.
    due: Option<Instant>,
    /// Held while a command is carried out.
    busy: Option<Busy>,
}

impl Company {
    /// Tells this witness, and ends with this server.
    pub(super) fn new(witness: Arc<Witness>, ending: watch::Receiver<Ending>) -> Self {
        Self { dialogue: Dialogue::new(Arc::clone(&witness)), witness, ending, until: None, due: None, busy: None }
    }

    /// Waits for the moment at which the session may have to end. Dropping the future loses nothing.
    pub(super) async fn end_due(company: &mut Option<Self>) {
        match company {
            None => std::future::pending().await,
            Some(Self { due: Some(due), .. }) => sleep_until(*due).await,
            Some(Self { until: Some(_), due: None, .. }) => std::future::pending().await,
            Some(company) => {
                let until = begun(&mut company.ending).await;
                company.until = Some(until);
                company.due = Some(Instant::now());
            }
        }
    }

    /// Whether a session may go on whose end is due: one that is busy, as long as there is time.
    pub(super) fn may_go_on(&mut self, busy: bool) -> bool {
        let until = self.until.unwrap_or_else(Instant::now);
        if busy && Instant::now() < until {
            self.due = Some(until);
            return true;
        }
        self.due = None;
        if busy {
            self.witness.saw(What::Failed("transfer", String::new(), "cut off: the grace time is over".to_owned()));
        }
        false
    }

    /// A command is carried out, or no longer: behind its end the client has a moment for its QUIT.
    pub(super) fn rests(&mut self, busy: bool) {
        match (&self.busy, busy) {
            (None, true) => self.busy = Some(self.witness.transfer()),
            (Some(_), false) => {
                self.busy = None;
                self.due = self.until.map(|_| Instant::now() + GOODBYE);
            }
            (None, false) | (Some(_), true) => {}
        }
    }
}
