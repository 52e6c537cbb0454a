//! Control and data connections: bytes, deadlines and limits, never opinions.
//!
//! Responsible for sockets: opening them, writing any bytes, reading within a deadline and a limit, and ending them in
//! the way that was asked for (FIN, RST, half). What a server does wrong comes back as a value; only the harness's own
//! trouble is a [`WireError`](error::WireError).
//!
//! Not here: what a server should do (`judge`), and which step is played when (`play`).

pub mod control;
pub mod data;
#[cfg(test)]
mod degenerate;
pub mod error;
pub mod opening;
pub mod patience;
mod sliced;
pub mod stream;
