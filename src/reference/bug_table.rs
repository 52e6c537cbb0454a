//! Which cases must notice which planted bug. Data only.

use super::bug::Bug;

/// Globs of case ids, by bug.
pub(super) const NOTICED: &[(Bug, &[&str])] = &[];
