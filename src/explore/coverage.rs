//! What was explored: kinds of operations with how they ended, reply codes, and how much transfers moved.

use std::collections::BTreeMap;

use super::operation::Class;

/// Counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// How often each kind of operation was carried out, and refused.
    pub operations: BTreeMap<Class, (u64, u64)>,
    /// How often each code came.
    pub codes: BTreeMap<u16, u64>,
    /// How many transfers moved so much: by the power of two that is not above it; `None` is nothing.
    pub sizes: BTreeMap<Option<u32>, u64>,
}

impl Coverage {
    /// Counts an operation.
    pub fn operation(&mut self, class: Class, accepted: bool) {
        let (carried, refused) = self.operations.entry(class).or_default();
        *(if accepted { carried } else { refused }) += 1;
    }

    /// Counts a reply.
    pub fn code(&mut self, code: u16) {
        *self.codes.entry(code).or_default() += 1;
    }

    /// Counts a transfer of so many bytes.
    pub fn moved(&mut self, bytes: u64) {
        *self.sizes.entry(bytes.checked_ilog2()).or_default() += 1;
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        for (class, (carried, refused)) in &other.operations {
            let counts = self.operations.entry(*class).or_default();
            counts.0 += carried;
            counts.1 += refused;
        }
        for (code, count) in &other.codes {
            *self.codes.entry(*code).or_default() += count;
        }
        for (size, count) in &other.sizes {
            *self.sizes.entry(*size).or_default() += count;
        }
    }

    /// How many operations.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.operations.values().map(|(carried, refused)| carried + refused).sum()
    }
}
