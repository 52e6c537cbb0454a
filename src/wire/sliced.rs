//! What leaves in segments that a fault makes of it: `run --fault slice`.

use bytes::Bytes;
use tokio::net::TcpStream;

use super::patience::Pace;
use super::stream::{self, Sent};
use crate::fault::lane::{Act, Lane};
use crate::fault::queue::Borders;
use crate::fault::{Channel, Direction, Fault};

/// One connection's segments.
#[derive(Debug)]
pub(super) struct Sliced {
    lane: Lane,
    borders: Borders,
    /// What was written began something: its first bytes are an edge.
    begun: bool,
}

impl Sliced {
    /// `None` where the faults leave such a connection as it is.
    pub(super) fn new(faults: &[Fault], channel: Channel, stream: &TcpStream) -> Option<Self> {
        // What is drawn by lot is the same in each run.
        let lane = Lane::new(faults, channel, Direction::Up, 0);
        (!lane.is_clear()).then(|| Self { lane, borders: Borders::of(stream), begun: false })
    }

    /// Writes all; `false` where that broke. What is written up to `last` is one thing, whose first and last bytes are its edges.
    ///
    /// Where the server does not read while it is busy, the rest follows at once: `TCP_NODELAY` alone keeps it apart.
    pub(super) async fn write(&mut self, stream: &TcpStream, bytes: Bytes, last: bool, pace: &Pace, sent: &mut Sent) -> bool {
        if !self.begun {
            self.lane.begin();
        }
        self.begun = !last;
        let mut acts = self.lane.feed(bytes);
        if last {
            acts.extend(self.lane.release());
        }
        let mut waits = true;
        for act in acts {
            match act {
                Act::Send(bytes) => {
                    if !stream::write(stream, &bytes, pace, false, sent).await {
                        return false;
                    }
                }
                Act::Apart => {
                    waits = waits && self.borders.keep().await;
                    sent.unproven += usize::from(!waits);
                }
                Act::Pause(time) => tokio::time::sleep(time).await,
                // A step of a scenario says how a connection ends.
                Act::Urgent(_) | Act::End(_) => {}
            }
        }
        true
    }
}
