//! Bytes from one socket to another that nobody looks at: they never come into this program (Linux: `splice`).
//!
//! For data connections without faults and without a listener. Urgent data is not told apart here; FTP sends none on a data connection.

use std::io;
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Bytes that are under way between the sockets at most.
const ROOM: usize = 1 << 20;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// FIN came, and all before it was passed on.
    Close,
    /// RST came.
    Reset,
    /// The other side takes no more.
    Broken,
}

/// A pipe in the kernel.
#[derive(Debug)]
pub(super) struct Splice {
    read: OwnedFd,
    write: OwnedFd,
}

impl Splice {
    /// `None` where the system gives no pipe: then bytes go through this program.
    pub(super) fn new() -> Option<Self> {
        let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC).ok()?;
        // A smaller one does as well, and costs time only.
        let _ = fcntl_setpipe_size(&write, ROOM);
        Some(Self { read, write })
    }

    /// Passes all on until one side ends.
    pub(super) async fn pass(&self, from: &TcpStream, to: &TcpStream) -> Over {
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        loop {
            // The pipe is empty here, so that only the socket can make it wait.
            let taken = from.async_io(Interest::READABLE, || retry(|| splice(from, None, &self.write, None, ROOM, flags))).await;
            let mut left = match taken {
                Ok(0) => return Over::Close,
                Ok(len) => len,
                Err(_) => return Over::Reset,
            };
            while left > 0 {
                match to.async_io(Interest::WRITABLE, || retry(|| splice(&self.read, None, to, None, left, flags))).await {
                    Ok(len @ 1..) => left -= len,
                    Ok(0) | Err(_) => return Over::Broken,
                }
            }
        }
    }
}

fn retry(mut call: impl FnMut() -> rustix::io::Result<usize>) -> io::Result<usize> {
    Ok(rustix::io::retry_on_intr(&mut call)?)
}
