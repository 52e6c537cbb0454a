//! Recordings, told as the proxy would, become scenarios.
