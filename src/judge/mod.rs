//! Judging: what a scenario demands against what was seen. Pure.

pub mod verdict;
