//! Who listens to what passes a proxy: what was said, before anything was done to it.

use std::net::SocketAddr;

use super::Direction;

/// A data connection of a session: both numbers count from 0, the first in the proxy, the second in the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DataId {
    /// The session.
    pub session: usize,
    /// The connection.
    pub data: usize,
}

/// How one direction of a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// FIN.
    Close,
    /// RST, or the other side would take no more.
    Reset,
}

/// A listener. It is called where the bytes pass, so it should be quick.
pub trait Tap: Send + Sync {
    /// A client has called, and the server has answered the call.
    fn opened(&self, session: usize, client: SocketAddr);

    /// Bytes on the control connection.
    fn control(&self, session: usize, direction: Direction, bytes: &[u8]);

    /// One direction of the control connection ended.
    fn control_ended(&self, session: usize, direction: Direction, how: Ended);

    /// A data connection is open.
    fn data_opened(&self, id: DataId);

    /// Bytes on a data connection.
    fn data(&self, id: DataId, direction: Direction, bytes: &[u8]);

    /// One direction of a data connection ended.
    fn data_ended(&self, id: DataId, direction: Direction, how: Ended);
}
