//! Commands, logins and listings: how long each takes.

use std::io::{ErrorKind, Read as _};

use super::Paced;
use crate::bench::failure::Failure;
use crate::bench::place::{Place, Round, directory_name, small_name};
use crate::bench::session::{Session, is_timeout, refused, shown};
use crate::ftp::fact::Entry;
use crate::ftp::path::parse_257;

/// Bytes that an entry of a listing may have.
const ENTRY: usize = 1024;

/// Connect, greeting, USER, PASS, QUIT and its reply.
pub(super) fn login(place: &Place) -> Result<Round, Failure> {
    let count = place.settings.logins;
    let meter = place.meter();
    let mut paced = Paced::new(place);
    for _ in 0..count {
        let mut session = paced.once(|| {
            let mut session = Session::connect(place.address, &place.patience)?;
            session.login(&place.account)?;
            Ok(session)
        })?;
        session.must("QUIT")?;
    }
    let reading = meter.end();
    Ok(Round::rate(count, true, &reading).with(paced.latencies))
}

/// A command whose reply is positive.
pub(super) fn plain(place: &Place, line: &str) -> Result<Round, Failure> {
    again(place, line, |reply| match line {
        "PWD" => parse_257(reply.text()).is_some(),
        _ => reply.class() == Some(2),
    })
}

/// SIZE of a small file.
pub(super) fn size(place: &Place) -> Result<Round, Failure> {
    let expected = place.settings.file_size.to_string();
    again(place, &format!("SIZE {}", small_name(0)), |reply| reply.code == Some(213) && reply.text().trim_ascii() == expected.as_bytes())
}

fn again(place: &Place, line: &str, is_right: impl Fn(&crate::ftp::reply::Reply) -> bool) -> Result<Round, Failure> {
    let mut session = place.session()?;
    session.must(line)?;
    let meter = place.meter();
    let mut paced = Paced::new(place);
    for _ in 0..place.settings.commands {
        let reply = paced.once(|| session.ask(line))?;
        if !is_right(&reply) {
            return Err(refused(line, &reply));
        }
    }
    let reading = meter.end();
    session.quit();
    Ok(Round::new(paced.latencies.percentile_us(50.0), true, &reading).with(paced.latencies))
}

/// MLSD of a directory of so many entries, of which each must be there once.
pub(super) fn mlsd(place: &Place, entries: usize) -> Result<Round, Failure> {
    let line = format!("MLSD {}", directory_name(entries));
    let mut session = place.session()?;
    // Ten times as many entries in a round as commands, where that is a listing and not more than a hundred.
    let count = (place.settings.commands * 10 / entries as u64).clamp(1, 100);
    let mut listing = Vec::new();
    let meter = place.meter();
    let mut paced = Paced::new(place);
    let mut bytes = 0;
    for _ in 0..count {
        paced.once(|| list(&mut session, place, &line, entries, &mut listing))?;
        bytes += listing.len() as u64;
    }
    let reading = meter.end();
    session.quit();
    check(&listing, entries).map_err(|why| Failure::Failed(format!("{line}: {why}")))?;
    Ok(Round { bytes, ..Round::new(paced.latencies.percentile_us(50.0), true, &reading).with(paced.latencies) })
}

fn list(session: &mut Session, place: &Place, line: &str, entries: usize, listing: &mut Vec<u8>) -> Result<(), Failure> {
    listing.clear();
    let data = session.open(place.way())?;
    let mut stream = session.begin(line, data)?;
    let mut block = [0; 64 * 1024];
    loop {
        match stream.read(&mut block) {
            Ok(0) => break,
            Ok(len) => listing.extend_from_slice(&block[..len]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if is_timeout(&error) => {
                return Err(Failure::Failed(format!(
                    "{line}: nothing came within {:?} behind {} bytes",
                    place.patience.stall,
                    listing.len()
                )));
            }
            Err(error) => return Err(Failure::Failed(format!("{line}: {error}"))),
        }
        if listing.len() > (entries + 10) * ENTRY {
            return Err(Failure::Failed(format!("{line}: a listing of {entries} entries has more than {} bytes", listing.len())));
        }
    }
    // Some servers say 226 only when we have closed it, too.
    drop(stream);
    let last = session.reply(line)?;
    if matches!(last.code, Some(226 | 250)) {
        Ok(())
    } else {
        Err(Failure::Failed(format!("{line}: the final reply was {}", shown(&last))))
    }
}

/// Each entry of `f000000` and on must stand in the listing once.
fn check(listing: &[u8], entries: usize) -> Result<(), String> {
    let mut seen = vec![false; entries];
    for line in listing.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty()) {
        let Some(entry) = Entry::parse(line) else { return Err(format!("\"{}\" is no entry", line.escape_ascii())) };
        if entry.fact("type").is_some_and(|kind| kind.eq_ignore_ascii_case(b"cdir") || kind.eq_ignore_ascii_case(b"pdir")) {
            continue;
        }
        let number = entry.name.strip_prefix(b"f").and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
        match number.and_then(|number| seen.get_mut(number)) {
            Some(seen) if !*seen => *seen = true,
            Some(_) => return Err(format!("{} is listed twice", entry.name.escape_ascii())),
            None => return Err(format!("{} is not in the directory", entry.name.escape_ascii())),
        }
    }
    match seen.iter().position(|seen| !seen) {
        None => Ok(()),
        Some(number) => {
            let there = seen.iter().filter(|seen| **seen).count();
            Err(format!("{there} of {entries} entries are listed; f{number:06} is not"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_whole_or_not() {
        let whole = "type=cdir; .\r\ntype=file;size=0; f000000\r\ntype=file; f000001\r\n type=file".replace("\r\n type=file", "\r\n");
        assert_eq!(check(whole.as_bytes(), 2), Ok(()));
        assert_eq!(check(whole.as_bytes(), 3).unwrap_err(), "2 of 3 entries are listed; f000002 is not");
        assert_eq!(check(whole.as_bytes(), 1).unwrap_err(), "f000001 is not in the directory");
        assert_eq!(check(b"type=file; f000000\r\ntype=file; f000000\r\n", 2).unwrap_err(), "f000000 is listed twice");
    }
}
