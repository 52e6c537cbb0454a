//! A correct FTP server as a state machine over a file system in memory: the executable reading of the RFCs.
//!
//! Commands in, replies and data out. RFC 959, 1123 section 4, 2389, 2428 and 3659, with the ten permission letters, and
//! the stances of the catalogue where the texts leave a choice. Used three ways: given sockets by a driver it is the
//! server that every scenario passes on; without them it is the oracle of property tests; and it carries planted
//! [`Bug`]s, which scenarios must notice.
//!
//! Knows no socket, no clock and no thread: [`interface`] says what a driver owes it.

mod bug;
mod bug_table;
mod data;
mod directory;
mod entry;
mod facts;
mod feature;
mod file;
mod fs;
pub mod interface;
mod job;
mod line;
mod listing;
mod login;
mod parameter;
mod session;
mod site;
mod stream;
#[cfg(test)]
mod tests;
mod transfer;
mod turn;
mod world;

pub use bug::{Bug, UnknownBug};
pub use file::FileData;
pub use fs::{FileSystem, FsError, Kind, Node, NodeId, Place};
pub use interface::{Input, Output};
pub use session::Session;
pub use world::{Account, Settings, World};
