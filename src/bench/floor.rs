//! What this machine can do without any server: loopback TCP between two threads.
//!
//! The same buffer and the same reads as those of a download; nothing is made and nothing is looked at. What a server reaches is
//! told as a share of it.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use super::failure::Failure;
use super::statistics::Latencies;
use super::transfer::BUFFER;

/// Bytes that are moved, at most: more would not say more.
const MOST: u64 = 1 << 30;
/// Bytes of a line and its reply.
const LINE: usize = 8;

/// Moves bytes from one thread to another; MiB a second.
pub(super) fn throughput(bytes: u64, buffer: &mut [u8]) -> Result<f64, Failure> {
    let bytes = bytes.clamp(1, MOST);
    let moved = between(
        |mut stream| {
            let block = vec![0x5a; BUFFER];
            let mut left = bytes;
            while left > 0 {
                let len = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
                stream.write_all(&block[..len])?;
                left -= len as u64;
            }
            Ok(())
        },
        |mut stream| {
            let begun = Instant::now();
            let mut came = 0;
            loop {
                match stream.read(buffer)? {
                    0 => return Ok((came, begun.elapsed())),
                    len => came += len as u64,
                }
            }
        },
    );
    let (came, took) = moved.map_err(|error| Failure::machine("loopback TCP", &error))?;
    Ok(came as f64 / f64::from(1 << 20) / took.as_secs_f64())
}

/// Sends a line to another thread and reads its answer, so many times; the median in microseconds.
pub(super) fn round_trip(count: u64) -> Result<f64, Failure> {
    let took = between(
        |mut stream| {
            let mut line = [0; LINE];
            // The other side ends it.
            while stream.read_exact(&mut line).is_ok() {
                stream.write_all(&line)?;
            }
            Ok(())
        },
        |mut stream| {
            let (mut latencies, mut line) = (Latencies::default(), [b'x'; LINE]);
            for _ in 0..count {
                let begun = Instant::now();
                stream.write_all(&line)?;
                stream.read_exact(&mut line)?;
                latencies.record(begun.elapsed());
            }
            Ok(latencies)
        },
    );
    Ok(took.map_err(|error| Failure::machine("loopback TCP", &error))?.percentile_us(50.0))
}

/// Two threads and a connection between them; gives what the second one does.
fn between<T>(serve: impl FnOnce(TcpStream) -> io::Result<()> + Send, measure: impl FnOnce(TcpStream) -> io::Result<T>) -> io::Result<T> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let ours = TcpStream::connect(listener.local_addr()?)?;
    let (theirs, _) = listener.accept()?;
    ours.set_nodelay(true)?;
    theirs.set_nodelay(true)?;
    thread::scope(|scope| {
        let other = scope.spawn(|| serve(theirs));
        let measured = measure(ours);
        let served = other.join().map_err(|_| io::Error::other("the other thread broke"))?;
        // What is measured says more than that the other side then broke.
        measured.and_then(|measured| served.map(|()| measured))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_lines_go_to_and_fro() {
        assert!(throughput(64 << 20, &mut vec![0; BUFFER]).unwrap() > 10.0);
        assert!(round_trip(100).unwrap() < 1e6);
    }
}
