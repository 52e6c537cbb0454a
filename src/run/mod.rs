//! Many cases: select, schedule, isolate; emits events.

pub mod event;
pub mod select;
pub mod suite;
