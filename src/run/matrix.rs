//! Many servers, one plan: each is a run of its own, and some of them go on at once.
//!
//! Responsible for how many servers are under way, and for telling whose events are whose. A server that does not start stops
//! none of the others.

use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::event::Event;
use super::plan::Plan;
use super::{Options, run};
use crate::judge::baseline::Baseline;
use crate::target::Target;

/// A server of a matrix.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The server.
    pub target: Arc<dyn Target>,
    /// What must stand behind `ftpspec run` to get it again.
    pub arguments: String,
    /// What is known of it.
    pub baseline: Option<Arc<Baseline>>,
}

/// Plays a plan on each server, on so many of them at once; tells each event with the place of its server. Starts in the order of the
/// entries.
///
/// `interrupt` turns true on ctrl-c: servers under way end as a run does, the others are not begun, and tell that they were not.
pub async fn matrix(
    entries: Vec<Entry>,
    plan: &Plan,
    options: &Options,
    at_once: usize,
    interrupt: watch::Receiver<bool>,
    events: UnboundedSender<(usize, Event)>,
) {
    let seats = Arc::new(Semaphore::new(at_once.max(1)));
    let mut running = JoinSet::new();
    for (index, Entry { target, arguments, baseline }) in entries.into_iter().enumerate() {
        // The semaphore is never closed.
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { break };
        let (own, mut heard) = unbounded_channel();
        let options = Options { baseline, ..options.clone() };
        let playing = run(target, plan.clone(), options, arguments, interrupt.clone(), own);
        let events = events.clone();
        running.spawn(async move {
            let told = async {
                while let Some(event) = heard.recv().await {
                    // Nobody listening any more is no reason to stop.
                    let _ = events.send((index, event));
                }
            };
            tokio::join!(playing, told);
            drop(seat);
        });
    }
    while running.join_next().await.is_some() {}
}
