//! What happens while a file is brought over.

use std::fmt;
use std::time::Duration;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// How large the file is; unknown where the server does not tell.
    Size(Option<u64>),
    /// A part is there already.
    Resuming {
        /// Bytes of it.
        at: u64,
        /// By which command: `REST`, `APPE`.
        by: &'static str,
    },
    /// What is there is of no use.
    StartingOver {
        /// Why, as a sentence.
        why: String,
    },
    /// The file is there up to here.
    Moved {
        /// Bytes from its start.
        at: u64,
    },
    /// The connection was lost, and is made again.
    Lost {
        /// How.
        why: String,
        /// Which attempt comes now, of how many.
        attempt: (u32, u32),
        /// After this time.
        pause: Duration,
    },
}

impl fmt::Display for Event {
    /// A line for people; sizes and positions are bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(Some(size)) => write!(f, "{size} bytes"),
            Self::Size(None) => f.write_str("the server does not tell the file's size"),
            Self::Resuming { at, by } => write!(f, "resuming at byte {at} by {by}"),
            Self::StartingOver { why } => write!(f, "starting over: {why}"),
            Self::Moved { at } => write!(f, "{at} bytes are there"),
            Self::Lost { why, attempt: (this, of), pause } => {
                write!(f, "lost: {why}; trying again ({this} of {of})")?;
                if pause.is_zero() { Ok(()) } else { write!(f, " in {} s", pause.as_secs_f32()) }
            }
        }
    }
}

/// How it was found out that both sides hold the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// By a hash of the whole file, made by the server's command of this name.
    Hash(&'static str),
    /// By the size and this many bytes at the end.
    Tail(u64),
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash(command) => write!(f, "same by {command}"),
            Self::Tail(bytes) => write!(f, "same size and same last {bytes} bytes"),
        }
    }
}
