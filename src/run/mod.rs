//! Many cases: select, schedule, isolate; emits events.

pub mod event;
pub mod plan;
mod stand;
