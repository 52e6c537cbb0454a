//! Stateful, model-based property testing of a server.
//!
//! Draws sequences of operations, plays each to the server and to the [`model`] (the reference without sockets), and compares
//! after each step. What fails is played again, made as short as it can be, and written as a scenario: the file is then played
//! like any other, and must fail on the server and pass on the reference before anybody is accused.
//!
//! Responsible for drawing, comparing, shrinking and writing; the pure ones of these know no server. Not here: judging the
//! scenario that comes out (`judge`), and telling people (`cli`).

mod arena;
mod client;
pub mod compare;
pub mod coverage;
pub mod draft;
mod engine;
pub mod event;
pub mod expect;
mod investigate;
pub mod known;
pub mod model;
pub mod operation;
mod player;
pub mod shrink;
pub mod source;
pub mod strategy;
mod write;
mod written;

pub use engine::{Options, explore};
