//! The scenario: a value that is made by a file, a builder, a recording or a property test, and played, judged, printed.
//!
//! Responsible for the model, the notation (`docs/notation.md`), expansion of tables, and lints. Knows no server and does no I/O.

pub mod builder;
pub mod diagnostic;
pub mod expand;
#[cfg(test)]
mod golden;
pub mod id;
#[cfg(test)]
mod laws;
pub mod lint;
pub mod model;
pub mod parse;
pub mod print;

pub use diagnostic::Diagnostic;
pub use expand::expand;

pub use parse::{parse, parse_bytes};
pub use print::print;
