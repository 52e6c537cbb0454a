//! A client and a server for people's hands: get and put a file with resumption, and serve directories.
//!
//! Responsible for bringing one file whole from one side to the other, however often the connection is lost, and for never
//! taking a part for the whole. The client is suppaftp: a real one beside our own wire, which forgives what
//! [`wire`](crate::wire) must not; nothing here judges a server. Does not print: what happens is told as [`Event`]s.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use ftpspec::hand::{self, Login, Options, Remote};
//! use ftpspec::ftp::secret::Secret;
//!
//! # async fn example() -> Result<(), hand::HandError> {
//! let remote = Remote { url: "ftp://alice@127.0.0.1:2121/big.bin".parse()?, login: Login::new("alice", Secret::new("sesame")) };
//! let done = hand::get(&remote, Path::new("big.bin"), &Options::default(), &mut |event| println!("{event}")).await?;
//! println!("{} bytes, of which {} came now", done.size, done.moved);
//! # Ok(())
//! # }
//! ```

mod error;
mod event;
mod get;
mod hash;
mod login;
mod netrc;
mod part;
mod put;
mod retry;
pub mod serve;
mod session;
mod verify;

use std::time::Duration;

pub use error::HandError;
pub use event::{Event, Proof};
pub use get::get;
pub use login::Login;
pub use part::part_of;
pub use put::put;

use crate::ftp::url::FtpUrl;

/// Bytes that are read or written at once.
const BLOCK: usize = 256 * 1024;
/// Bytes at the end of a part that are compared: where a part ends tells best whether it belongs to the file.
const TAIL: u64 = 64 * 1024;

/// A file on a server, and who asks for it.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Where it is; its own user and password are not looked at.
    pub url: FtpUrl,
    /// Who asks.
    pub login: Login,
}

/// How a file is brought over.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a connection, a reply or the next byte may take before the connection is given up.
    pub patience: Duration,
    /// How often a lost connection is made again.
    pub retries: u32,
    /// Compare what is on both sides at the end: by a hash where the server has one, else the last 64 KiB.
    pub verify: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { patience: Duration::from_secs(30), retries: 3, verify: false }
    }
}

/// A file that is whole on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Its bytes.
    pub size: u64,
    /// Bytes that went over the wire for it, those that were compared or came twice included.
    pub moved: u64,
    /// It was whole before: nothing was transferred.
    pub skipped: bool,
    /// How both sides were compared, where [`Options::verify`] asked for it.
    pub proof: Option<Proof>,
}

/// Who is told what happens.
pub type Watch<'a> = &'a mut (dyn FnMut(Event) + Send);
