//! One case against one server: steps in, transcript out.
