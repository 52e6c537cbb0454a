//! The harness's own trouble with sockets; what a server does wrong is a value.

use std::io;
use std::net::{IpAddr, SocketAddr};

/// Why the harness could not do its own part.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// No socket: too many open files, or an address family that this machine lacks.
    #[error("open a socket for {address}: {source}")]
    Socket {
        /// Where it should have led.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// An address of our own cannot be used.
    #[error("bind {address}: {source}")]
    Bind {
        /// Our address.
        address: IpAddr,
        /// Why not.
        source: io::Error,
    },
    /// No more local ports for connections to this address.
    #[error("find a local port for {address}: {source}")]
    Port {
        /// The other end.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A listener of ours cannot take a call.
    #[error("accept on {address}: {source}")]
    Accept {
        /// Our address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}
