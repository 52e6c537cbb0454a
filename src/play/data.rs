//! Data connections of a session: asked for, opened, read, written, cut.

use std::time::Duration;

use super::Player;
use super::session::Session;
use crate::ftp::content::Content;
use crate::ftp::observe::Observer;
use crate::ftp::transcript::{Leave, What};
use crate::scenario::model::{Caller, Channel, Way};
use crate::wire::data::{DataConnection, DataEvent, Listener, Until};
use crate::wire::error::WireError;
use crate::wire::opening::{active_line, passive_address, passive_line};
use crate::wire::stream::Connect;

/// `listing` is kept whole up to here.
const LISTING: usize = 16 << 20;
/// `S>> ..` reads so much and no more.
const REST: u64 = 1 << 36;

/// Where the data connection of a session stands.
pub(super) enum Transfer {
    None,
    /// We listen; the server connects once a transfer starts.
    Listening(Listener),
    /// The address is known; `data idle` does not connect.
    Asked,
    Open(DataConnection),
}

impl Transfer {
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None | Self::Asked)
    }
}

/// What a step wants to read.
pub(super) enum Wanted {
    /// Compared with these; up to this many bytes and no further, or to the end.
    Compared { contents: Vec<Content>, len: u64, end: bool },
    /// Kept whole, to the end.
    Listing,
    /// Dropped, to the end.
    Rest,
}

impl Session {
    /// Asks for a data connection and, where we are the ones to connect, connects.
    pub(super) async fn data(&mut self, player: &Player<'_, '_>, step: usize, way: Way, caller: Caller) {
        // What was prepared before stays open until the next one: whoever uses it still is seen to do so.
        self.replaced = std::mem::replace(&mut self.transfer, Transfer::None);
        match way {
            Way::Pasv | Way::Epsv => self.passive(player, step, way, caller).await,
            Way::Port | Way::Eprt => self.active(player, step, way).await,
        }
    }

    async fn passive(&mut self, player: &Player<'_, '_>, step: usize, way: Way, caller: Caller) {
        let Some(line) = passive_line(way) else { return };
        if !self.send(player, step, line).await {
            return;
        }
        let Some(reply) = self.read(player, step, player.options.reply).await else { return };
        if !matches!(reply.code, Some(227 | 229)) {
            return;
        }
        let Some(passive) = passive_address(&reply, self.address) else {
            let reason = format!("no address in the reply: {}", reply.text().escape_ascii());
            player.record.event(step, &self.name, What::DataFailed { reason });
            return;
        };
        let (deadline, small) = (player.options.reply, player.small_buffers);
        let connected = match caller {
            Caller::Client => DataConnection::connect(passive.address, deadline, small).await,
            Caller::Stranger(source) => DataConnection::connect_from(source, passive.address, deadline, small).await,
            Caller::Nobody => {
                self.transfer = Transfer::Asked;
                return;
            }
        };
        self.connected(player, step, connected);
    }

    async fn active(&mut self, player: &Player<'_, '_>, step: usize, way: Way) {
        // The server calls back to where we called from.
        let ours = self.control.as_ref().map_or_else(|| self.address.ip(), |control| control.local().ip());
        let listener = match Listener::bind(ours, player.small_buffers) {
            Ok(listener) => listener,
            Err(error) => return player.record.event(step, &self.name, What::Trouble(error.to_string())),
        };
        let Some(line) = active_line(way, listener.local()) else {
            return player.record.event(step, &self.name, What::Trouble("PORT cannot name an IPv6 address".into()));
        };
        if !self.send(player, step, &line).await {
            return;
        }
        if self.read(player, step, player.options.reply).await.is_some_and(|reply| reply.class() == Some(2)) {
            self.transfer = Transfer::Listening(listener);
        }
    }

    fn connected(&mut self, player: &Player<'_, '_>, step: usize, connected: Result<Connect<DataConnection>, WireError>) {
        let what = match connected {
            Ok(Connect::Open(connection)) => {
                let what = What::DataConnected { peer: connection.peer(), local: connection.local() };
                self.transfer = Transfer::Open(connection.sliced(&player.options.faults));
                what
            }
            Ok(Connect::Failed { reason }) => What::DataFailed { reason },
            Err(error) => What::Trouble(error.to_string()),
        };
        player.record.event(step, &self.name, what);
    }

    /// The open data connection; accepts it first where the server is the one to connect.
    async fn connection(&mut self, player: &Player<'_, '_>, step: usize) -> Option<DataConnection> {
        match std::mem::replace(&mut self.transfer, Transfer::None) {
            Transfer::Listening(listener) => {
                let accepted = listener.accept(player.options.reply).await;
                self.connected(player, step, accepted);
            }
            other => self.transfer = other,
        }
        match std::mem::replace(&mut self.transfer, Transfer::None) {
            Transfer::Open(connection) => Some(connection),
            Transfer::None | Transfer::Asked | Transfer::Listening(_) => {
                player.record.event(step, &self.name, What::DataFailed { reason: "there is none".into() });
                None
            }
        }
    }

    /// Waits until the server has accepted the data connection that we opened, or has read what we sent on the control connection,
    /// at most so long.
    pub(super) async fn settle(&self, channel: Channel, within: Duration) {
        let end = tokio::time::Instant::now() + within;
        let settled = match (channel, &self.transfer, &self.control) {
            (Channel::Data, Transfer::Open(connection), _) => connection.accepted(within).await,
            (Channel::Control, _, Some(control)) => control.taken(within).await,
            (Channel::Data | Channel::Control, _, _) => true,
        };
        if !settled {
            // Where it cannot be shown, letting the time pass is all that is left to do.
            tokio::time::sleep_until(end).await;
        }
    }

    /// Reads what a step wants.
    pub(super) async fn receive(&mut self, player: &Player<'_, '_>, step: usize, wanted: Wanted) {
        let deadline = player.options.reply;
        let Some(mut connection) = self.connection(player, step).await else { return };
        let (mut observer, until) = match wanted {
            Wanted::Compared { contents, len, end: false } => (Observer::new(contents), Until::Bytes(len)),
            Wanted::Compared { contents, len, end: true } => (Observer::new(contents), Until::end_of(len)),
            Wanted::Listing => (Observer::keeping(LISTING), Until::End { limit: LISTING as u64 }),
            Wanted::Rest => (Observer::keeping(0), Until::End { limit: REST }),
        };
        let event = connection.receive(&mut observer, until, deadline).await;
        player.record.event(step, &self.name, What::DataReceived(observer.finish()));
        // At the end of the data the client closes before it waits for the reply: some servers hold 226 until then.
        let what = match event {
            DataEvent::Full => {
                self.transfer = Transfer::Open(connection);
                return;
            }
            DataEvent::Ended(how) => What::DataEnded(how),
            DataEvent::Silence { waited } | DataEvent::Slow { waited } => What::DataSilence { waited },
            DataEvent::Excess => What::DataLeft(Leave::Close),
        };
        player.record.event(step, &self.name, what);
    }

    /// Writes contents, each in a segment of its own.
    pub(super) async fn transmit(&mut self, player: &Player<'_, '_>, step: usize, segments: &[Content], end: bool) {
        let deadline = player.options.reply;
        let Some(mut connection) = self.connection(player, step).await else { return };
        let head: Vec<u8> = segments.iter().flat_map(|segment| segment.slice(0, 64).to_vec()).take(64).collect();
        let sent = connection.send_segments(segments, deadline).await;
        player.record.event(step, &self.name, What::DataSent { len: sent.len, head, broken: sent.broken });
        if end {
            connection.finish();
            player.record.event(step, &self.name, What::DataLeft(Leave::Close));
        } else {
            self.transfer = Transfer::Open(connection);
        }
    }

    /// Ends the data connection from our side.
    pub(super) async fn leave_data(&mut self, player: &Player<'_, '_>, step: usize, how: Leave) {
        let Some(mut connection) = self.connection(player, step).await else { return };
        match how {
            Leave::HalfClose => {
                connection.half_close();
                self.transfer = Transfer::Open(connection);
            }
            Leave::Close => connection.finish(),
            Leave::Reset => connection.reset(),
        }
        player.record.event(step, &self.name, What::DataLeft(how));
    }
}
