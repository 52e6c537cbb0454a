//! A session of any client and any server, heard by the proxy and written down as a scenario that plays.
//!
//! [`Recorder`] listens ([`Tap`](crate::fault::tap::Tap)) and keeps what was said, without passwords. [`scenario`] makes a scenario of
//! it: what is the run's own (addresses, ports, login names, dates, unique names) becomes what the notation has for it, and payloads
//! become contents.
//!
//! A recording is what one server did. A step cites a requirement only where RFCs demand just that of every server; any other
//! step is set-up, and a server that does otherwise there is shown as inconclusive, never accused.

mod capture;
mod cite;
mod content;
mod dialogue;
mod listing;
mod script;
mod world;

#[cfg(test)]
mod tests;

pub use capture::{Recorder, Recording};
pub use script::{Options, Recorded, scenario};
