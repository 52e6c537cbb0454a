//! Control and data connections: bytes, deadlines and limits, never opinions.
