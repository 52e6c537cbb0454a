//! A correct FTP server as a state machine over a file system in memory. No sockets, no clock.
