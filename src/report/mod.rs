//! Folds over the events of a run: one file a format.
//!
//! Responsible for what people and programs read of a run. A report takes events in the order in which they come and
//! writes to what it was given; it decides nothing, and no exit code depends on it.
#![warn(clippy::wildcard_enum_match_arm)]

use std::io;

use crate::run::event::Event;

pub mod bench;
pub mod github;
pub mod hexdump;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod matrix;
pub mod record;
pub mod side;
pub mod tap;
pub mod terminal;
pub mod transcript;

mod meaning;
mod paint;
mod plain;
mod planned;
mod sink;
mod standing;
mod tally;

pub use sink::Sink;

#[cfg(test)]
pub(crate) mod sample;

/// What takes part in a run by listening.
pub trait Report: Send {
    /// Takes the next event.
    ///
    /// # Errors
    /// Where the output cannot be written.
    fn event(&mut self, event: &Event) -> io::Result<()>;
}

#[cfg(test)]
mod tests {
    use crate::target::Secret;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {secret:#?} {:?}", Some(&secret)), "**** **** Some(****)");
    }
}
