//! A session: its control connection, what stands in `C>` lines and is not sent yet, and its data connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Player;
use super::data::Transfer;
use crate::ftp::reply::Reply;
use crate::ftp::transcript::{Leave, What};
use crate::wire::control::{ControlConnection, Received};
use crate::wire::stream::Connect;

/// A session of a scenario.
pub(super) struct Session {
    pub(super) name: Arc<str>,
    /// Where the server listens.
    pub(super) address: SocketAddr,
    pub(super) control: Option<ControlConnection>,
    pub(super) transfer: Transfer,
    /// The one that was prepared before.
    pub(super) replaced: Transfer,
    /// Lines of `C>` that go out in one write, and the step of the last of them.
    pending: Vec<u8>,
    pending_step: usize,
    /// The last reply was final, or nothing was asked yet.
    settled: bool,
    /// Replies that are still owed: one a line sent, less those that came.
    owed: usize,
}

impl Session {
    pub(super) fn new(name: Arc<str>, address: SocketAddr) -> Self {
        Self {
            name,
            address,
            control: None,
            transfer: Transfer::None,
            replaced: Transfer::None,
            pending: Vec::new(),
            pending_step: 0,
            settled: true,
            owed: 0,
        }
    }

    /// Opens the control connection where there is none.
    pub(super) async fn open(&mut self, player: &Player<'_, '_>, step: usize) -> bool {
        if self.control.is_some() {
            return true;
        }
        match ControlConnection::connect(self.address, player.options.reply).await {
            Ok(Connect::Open(control)) => {
                player.record.event(step, &self.name, What::Connected { peer: control.peer(), local: control.local() });
                self.control = Some(control.sliced(&player.options.faults));
                self.settled = true;
                self.owed = 1;
                true
            }
            Ok(Connect::Failed { reason }) => {
                player.record.event(step, &self.name, What::ConnectFailed { reason });
                false
            }
            Err(error) => {
                player.record.event(step, &self.name, What::Trouble(error.to_string()));
                false
            }
        }
    }

    /// Opens the control connection where there is none, and awaits the greeting.
    pub(super) async fn open_greeted(&mut self, player: &Player<'_, '_>, step: usize) -> bool {
        if self.control.is_some() {
            return true;
        }
        self.open(player, step).await && self.read(player, step, player.options.reply).await.is_some_and(|reply| reply.code == Some(220))
    }

    /// Takes a line that goes out with the next flush.
    pub(super) fn queue(&mut self, step: usize, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        self.pending_step = step;
    }

    /// Sends what stands in `C>` lines so far, in one write.
    pub(super) async fn flush(&mut self, player: &Player<'_, '_>) -> bool {
        if self.pending.is_empty() {
            return true;
        }
        let (bytes, step) = (std::mem::take(&mut self.pending), self.pending_step);
        self.send(player, step, &bytes).await
    }

    /// Sends bytes at once.
    pub(super) async fn send(&mut self, player: &Player<'_, '_>, step: usize, bytes: &[u8]) -> bool {
        let Some(control) = &mut self.control else {
            player.record.event(
                step,
                &self.name,
                What::Trouble("the session has no control connection; `connect` or `login` opens one".into()),
            );
            return false;
        };
        let sent = control.send(bytes, player.options.reply).await;
        player.record.event(step, &self.name, What::Sent { bytes: bytes.to_vec() });
        self.owed += bytes.iter().filter(|byte| **byte == b'\n').count();
        self.gone_out(player, step, sent.broken)
    }

    /// Sends bytes, the last of them as urgent data.
    pub(super) async fn send_urgent(&mut self, player: &Player<'_, '_>, step: usize, bytes: &[u8]) -> bool {
        let Some(control) = &mut self.control else { return false };
        let sent = control.send_urgent(bytes, player.options.reply).await;
        player.record.event(step, &self.name, What::Sent { bytes: bytes.to_vec() });
        self.gone_out(player, step, sent.broken)
    }

    fn gone_out(&self, player: &Player<'_, '_>, step: usize, broken: Option<String>) -> bool {
        let Some(reason) = broken else { return true };
        player.record.event(step, &self.name, What::SendFailed { reason });
        false
    }

    /// Reads one reply, or what stands in its place.
    pub(super) async fn read(&mut self, player: &Player<'_, '_>, step: usize, within: Duration) -> Option<Reply> {
        let Some(control) = &mut self.control else {
            player.record.event(
                step,
                &self.name,
                What::Trouble("the session has no control connection; `connect` or `login` opens one".into()),
            );
            return None;
        };
        let what = match control.read_reply(within).await {
            Received::Reply(reply) => {
                self.settled = !reply.is_preliminary();
                self.owed = self.owed.saturating_sub(usize::from(self.settled));
                player.record.event(step, &self.name, What::Reply(reply.clone()));
                return Some(reply);
            }
            Received::Silence { waited, partial } => What::Silence { waited, partial },
            Received::Ended { how, partial } => What::ControlEnded { how, partial },
            Received::Flood { len, head } => What::Flood { len, head },
        };
        self.settled = false;
        player.record.event(step, &self.name, what);
        None
    }

    /// Sends a line of the harness's own and reads its reply.
    pub(super) async fn ask(&mut self, player: &Player<'_, '_>, step: usize, line: &str) -> Option<Reply> {
        if !self.send(player, step, format!("{line}\r\n").as_bytes()).await {
            return None;
        }
        self.read(player, step, player.options.reply).await
    }

    /// Ends the control connection from our side.
    pub(super) async fn leave(&mut self, player: &Player<'_, '_>, step: usize, how: Leave) {
        player.record.event(step, &self.name, What::ControlLeft(how));
        match how {
            Leave::HalfClose => {
                if let Some(control) = &mut self.control {
                    control.half_close();
                }
            }
            Leave::Close => drop(self.control.take()),
            Leave::Reset => {
                if let Some(control) = self.control.take() {
                    control.reset();
                }
            }
        }
    }

    /// Whether the session is in step: all that was sent is answered, no transfer is open, and the server is still there.
    pub(super) fn is_idle(&self) -> bool {
        self.settled && self.owed == 0 && self.transfer.is_none() && self.control.as_ref().is_some_and(|control| !control.is_ended())
    }

    /// QUIT, and whatever comes up to its reply.
    pub(super) async fn quit(&mut self, player: &Player<'_, '_>, step: usize) {
        let mut reply = self.ask(player, step, "QUIT").await;
        for _ in 0..3 {
            if reply.is_none_or(|reply| reply.code == Some(221) || reply.class() == Some(5)) {
                break;
            }
            reply = self.read(player, step, player.options.reply).await;
        }
    }
}
