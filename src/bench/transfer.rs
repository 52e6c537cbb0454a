//! One transfer: bytes that are checked as they come, or made as they go; the final reply; the sum of both.
//!
//! One buffer is read into again and again, so that it stays in the processor's cache: the bytes are compared where the kernel put them,
//! and memory is not touched again. What is wrong is told with the place of the first wrong byte.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::failure::Failure;
use super::session::{Patience, Session, is_timeout, refused, shown, words};
use crate::ftp::content::{Comparer, Content};
use crate::ftp::words::Words;
use crate::scenario::model::Way;

/// Bytes that are read at once, where there is one transfer at a time: as many as stay in the second cache of most processors. A reader
/// that asks for less sleeps more often, and each time the server has to wake it, which costs more than the bytes do.
pub const BUFFER: usize = 768 * 1024;

/// Bytes that are written at once. With [`IN_FLIGHT`] they are in the cache still when the server reads them.
const BLOCK: usize = 8 * 1024;

/// Bytes that may be on the way to a server on this machine: the kernel's own limit, made for far networks, is several times the cache.
const IN_FLIGHT: usize = 128 * 1024;

/// A transfer may take as long as this speed takes, in bytes a second, and twenty times the patience.
const SLOWEST: u64 = 1 << 20;

/// What shall come of a download, or go into an upload: a content from a position on.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The whole.
    pub content: Content,
    /// Where the transfer begins.
    pub from: u64,
    /// Whether the bytes are looked at. Their number always is.
    pub verify: bool,
}

impl Expected {
    /// A content from its beginning on.
    #[must_use]
    pub const fn whole(content: Content, verify: bool) -> Self {
        Self { content, from: 0, verify }
    }

    /// Bytes of the transfer.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.content.len() - self.from
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Downloads and checks; gives the number of bytes. `buffer` is what is read into.
///
/// # Errors
/// A refusal, a wrong byte, too few or too many of them, another final reply than 226 or 250, a stall.
pub fn retrieve(session: &mut Session, way: Way, line: &str, expected: &Expected, buffer: &mut [u8]) -> Result<u64, Failure> {
    let data = session.open(way)?;
    if expected.from > 0 {
        session.must(&format!("REST {}", expected.from))?;
    }
    let mut stream = session.begin(line, data)?;
    let patience = session.patience().clone();
    let received = receive(&mut stream, expected, buffer, &patience).map_err(|failure| failure.at(line))?;
    // Some servers (ProFTPD) say 226 only when we have closed it, too.
    drop(stream);
    let last = session.reply(line)?;
    match last.code {
        Some(226 | 250) if received == expected.len() => Ok(received),
        Some(226 | 250) => Err(Failure::Failed(format!(
            "{line}: the server said {}, but its data ended at byte {} of {}",
            shown(&last),
            expected.from + received,
            expected.content.len()
        ))),
        _ => Err(Failure::Failed(format!(
            "{line}: the data ended at byte {} of {}, and the final reply was {}",
            expected.from + received,
            expected.content.len(),
            shown(&last)
        ))),
    }
}

/// Uploads; gives the number of bytes. What the server made of them is not looked at here.
///
/// # Errors
/// A refusal, a connection that breaks, another final reply than 226 or 250, a stall.
pub fn store(session: &mut Session, way: Way, line: &str, expected: &Expected, buffer: &mut [u8]) -> Result<u64, Failure> {
    let data = session.open(way)?;
    let mut stream = session.begin(line, data)?;
    keep_near(&stream).map_err(|error| Failure::machine("the buffer of a socket", &error))?;
    let patience = session.patience().clone();
    match send(&mut stream, expected, buffer, &patience) {
        Ok(sent) => {
            // Fails only where the connection is gone, and then the final reply says so.
            let _ = stream.shutdown(Shutdown::Write);
            drop(stream);
            let last = session.reply(line)?;
            if matches!(last.code, Some(226 | 250)) { Ok(sent) } else { Err(refused(line, &last)) }
        }
        Err(Broken::Given(failure)) => Err(failure.at(line)),
        // The server's own words say more than a connection that it closed.
        Err(Broken::Closed(why)) => {
            let last = session.reply(line)?;
            Err(Failure::Failed(format!("{line}: {why}, and the final reply was {}", shown(&last))))
        }
    }
}

/// On the way over loopback is no more than the cache holds.
fn keep_near(stream: &TcpStream) -> io::Result<()> {
    if stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback()) {
        SockRef::from(stream).set_send_buffer_size(IN_FLIGHT)
    } else {
        Ok(())
    }
}

/// Why an upload ended early.
pub(super) enum Broken {
    /// The server ended it, and may say why.
    Closed(String),
    /// We gave it up.
    Given(Failure),
}

impl Broken {
    /// As a failure.
    pub(super) fn failure(self) -> Failure {
        match self {
            Self::Closed(why) => Failure::Failed(why),
            Self::Given(failure) => failure,
        }
    }
}

/// Reads up to the end.
pub(super) fn receive(stream: &mut impl Read, expected: &Expected, buffer: &mut [u8], patience: &Patience) -> Result<u64, Failure> {
    let (whole, end) = (expected.len(), end(expected.len(), patience));
    let mut check = Check::new(expected);
    let mut received = 0;
    loop {
        let len = match stream.read(buffer) {
            Ok(0) => return Ok(received),
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if is_timeout(&error) => {
                let place = format!("byte {} of {}", expected.from + received, expected.content.len());
                return Err(Failure::Failed(format!("nothing came within {:?} at {place}", patience.stall)));
            }
            Err(error) => {
                let place = format!("byte {} of {}", expected.from + received, expected.content.len());
                return Err(Failure::Failed(format!("{} at {place}", words(&error))));
            }
        };
        check.take(&buffer[..len])?;
        received += len as u64;
        if received > whole {
            return Err(Failure::Failed(format!("more came than the {} bytes of the file", expected.content.len())));
        }
        under_way(received, expected, end, patience)?;
    }
}

/// Writes all, and the end.
pub(super) fn send(stream: &mut impl Write, expected: &Expected, buffer: &mut [u8], patience: &Patience) -> Result<u64, Broken> {
    let (whole, end) = (expected.len(), end(expected.len(), patience));
    let mut sent = 0;
    while sent < whole {
        let len = usize::try_from(whole - sent).unwrap_or(usize::MAX).min(buffer.len()).min(BLOCK);
        let block = &mut buffer[..len];
        expected.content.fill(expected.from + sent, block);
        let mut rest = &*block;
        while !rest.is_empty() {
            match stream.write(rest) {
                Ok(written) => {
                    sent += written as u64;
                    rest = &rest[written..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => {
                    let why = format!("no more bytes were taken within {:?} at byte {sent} of {whole}", patience.stall);
                    return Err(Broken::Given(Failure::Failed(why)));
                }
                Err(error) => return Err(Broken::Closed(format!("{} at byte {sent} of {whole}", words(&error)))),
            }
        }
        under_way(sent, expected, end, patience).map_err(Broken::Given)?;
    }
    Ok(sent)
}

/// When a transfer of so many bytes must be over.
fn end(bytes: u64, patience: &Patience) -> Instant {
    Instant::now() + patience.stall * 20 + Duration::from_secs(bytes / SLOWEST)
}

/// Ends a transfer that goes on for too long, or that was asked to end.
fn under_way(done: u64, expected: &Expected, end: Instant, patience: &Patience) -> Result<(), Failure> {
    patience.go_on()?;
    if Instant::now() > end {
        return Err(Failure::Failed(format!(
            "slower than {} KiB a second: given up within byte {} of {}",
            SLOWEST >> 10,
            expected.from + done,
            expected.content.len()
        )));
    }
    Ok(())
}

/// What looks at the bytes.
enum Check {
    Nothing,
    /// Words, from a place on.
    Words {
        words: Words,
        at: u64,
        len: u64,
    },
    Other {
        comparer: Comparer,
        came: u64,
        content: Content,
        from: u64,
    },
}

impl Check {
    fn new(expected: &Expected) -> Self {
        match &expected.content {
            _ if !expected.verify => Self::Nothing,
            Content::Words { seed, len } => Self::Words { words: Words::new(*seed), at: expected.from, len: *len },
            other => Self::Other {
                comparer: Comparer::new(other.slice(expected.from, other.len())),
                came: 0,
                content: other.clone(),
                from: expected.from,
            },
        }
    }

    /// Takes the next bytes.
    fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Nothing => Ok(()),
            Self::Words { words, at, len } => {
                let left = usize::try_from(*len - *at).unwrap_or(usize::MAX).min(bytes.len());
                let same = words.common(*at, &bytes[..left]);
                if same < left {
                    let place = *at + same as u64;
                    let mut right = [0];
                    words.fill(place, &mut right);
                    return Err(wrong(place, *len, bytes[same], right[0], origin(*words, &bytes[same..left], place, *len)));
                }
                *at += left as u64;
                Ok(())
            }
            Self::Other { comparer, came, content, from } => {
                comparer.push(bytes);
                let before = *came;
                *came += bytes.len() as u64;
                if comparer.common() < *came && *from + comparer.common() < content.len() {
                    let place = *from + comparer.common();
                    let mut right = [0];
                    content.fill(place, &mut right);
                    let index = usize::try_from(comparer.common() - before).unwrap_or(0);
                    return Err(wrong(place, content.len(), bytes[index], right[0], None));
                }
                Ok(())
            }
        }
    }
}

/// Says which byte is wrong, and where what came instead belongs.
fn wrong(place: u64, len: u64, came: u8, right: u8, origin: Option<u64>) -> Failure {
    let origin = origin.map_or_else(String::new, |origin| format!("; from here on came what belongs at byte {origin}"));
    Failure::Failed(format!("byte {place} of {len} is wrong: {came:#04x} came instead of {right:#04x}{origin}"))
}

/// The place at which the bytes stand that came at `place`, where two words in a row say the same one.
fn origin(words: Words, bytes: &[u8], place: u64, len: u64) -> Option<u64> {
    (0..8).find_map(|skip| {
        let word = |at: usize| <[u8; 8]>::try_from(bytes.get(at..at + 8)?).ok();
        let (first, second) = (words.index(word(skip)?), words.index(word(skip + 8)?));
        let origin = first.checked_mul(8)?.checked_sub(skip as u64)?;
        (first.checked_add(1) == Some(second) && origin != place && origin < len).then_some(origin)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: &Expected, chunk: usize) -> Result<(), String> {
        let mut check = Check::new(expected);
        bytes.chunks(chunk).try_for_each(|part| check.take(part)).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_wrong_byte_is_named() {
        let content = Content::Words { seed: 5, len: 1 << 20 };
        let right = content.to_vec();
        let expected = Expected::whole(content, true);
        let told = |bytes: &[u8]| check(bytes, &expected, 1000).unwrap_err();
        assert_eq!(check(&right, &expected, 999), Ok(()));
        let mut flipped = right.clone();
        flipped[77_777] ^= 1;
        let (came, wanted) = (flipped[77_777], right[77_777]);
        assert_eq!(told(&flipped), format!("byte 77777 of 1048576 is wrong: {came:#04x} came instead of {wanted:#04x}"));
        // A block that is lost, one that comes twice, two that are swapped, one byte too many: each says whose bytes came.
        let lost = [&right[..4096], &right[8192..]].concat();
        assert!(told(&lost).ends_with("; from here on came what belongs at byte 8192"), "{}", told(&lost));
        let doubled = [&right[..8192], &right[4096..]].concat();
        assert!(told(&doubled).ends_with("; from here on came what belongs at byte 4096"), "{}", told(&doubled));
        let swapped = [&right[..4096], &right[8192..12_288], &right[4096..8192], &right[12_288..]].concat();
        assert!(told(&swapped).starts_with("byte 4096 ") && told(&swapped).ends_with(" at byte 8192"), "{}", told(&swapped));
        let moved = [&right[..100], &right[99..]].concat();
        assert!(told(&moved).ends_with(" at byte 99"), "{}", told(&moved));
    }

    #[test]
    fn what_begins_in_the_middle_is_compared_from_there() {
        for content in [Content::Words { seed: 5, len: 5000 }, Content::Fill(5000)] {
            let expected = Expected { content: content.clone(), from: 1234, verify: true };
            let mut bytes = content.to_vec()[1234..].to_vec();
            assert_eq!(check(&bytes, &expected, 100), Ok(()));
            bytes[1000] ^= 4;
            assert!(check(&bytes, &expected, 100).unwrap_err().starts_with("byte 2234 of 5000 is wrong"));
            assert_eq!(check(&bytes, &Expected { verify: false, ..expected }, 100), Ok(()));
        }
    }
}
