//! The protocol's vocabulary: replies, letters, paths, facts, line ends, addresses, contents, URLs, transcripts.
//!
//! Everything else speaks in these words. No I/O, no clock, and no opinion about what a server should do.

pub mod address;
pub mod ascii;
pub mod command;
pub mod content;
pub mod fact;
pub mod letter;
pub mod observe;
pub mod path;
pub mod reply;
pub mod secret;
pub mod time;
pub mod transcript;
pub mod url;
pub mod words;
