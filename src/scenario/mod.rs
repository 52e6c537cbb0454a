//! The scenario: a value that is made by a file, a builder, a recording or a property test, and played, judged, printed.
//!
//! Responsible for the model, the notation (`docs/notation.md`), expansion of tables, and lints. Knows no server and does no I/O.

pub mod model;
pub mod print;
