//! Verbs, flags and exit codes; the only part that prints.
