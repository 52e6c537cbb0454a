//! ftpspec: a conformance suite and end-to-end test harness for FTP servers.

pub mod cli;
pub mod ftp;
pub mod judge;
pub mod play;
pub mod reference;
pub mod report;
pub mod requirement;
pub mod run;
pub mod scenario;
pub mod target;
pub mod wire;
