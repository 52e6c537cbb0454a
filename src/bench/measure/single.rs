//! One transfer of a big file.

use crate::bench::failure::Failure;
use crate::bench::place::{BIG, Place, Round, TEXT};
use crate::bench::transfer::{Expected, retrieve, store};
use crate::ftp::content::Content;
use crate::ftp::transcript::DiskState;

/// The file that is stored.
const STORED: &str = "stored.bin";

/// RETR; without `verify` the bytes are thrown away.
pub(super) fn retr(place: &Place, verify: bool, buffer: &mut [u8]) -> Result<Round, Failure> {
    let verify = verify && place.settings.verify;
    let mut session = place.session()?;
    let meter = place.meter();
    let bytes = retrieve(&mut session, place.way(), &format!("RETR {BIG}"), &Expected::whole(place.big(), verify), buffer)?;
    let reading = meter.end();
    session.quit();
    Ok(Round::throughput(bytes, verify, &reading))
}

/// STOR of a new file, which is compared on the disk behind the server's back and removed.
pub(super) fn stor(place: &Place, buffer: &mut [u8]) -> Result<Round, Failure> {
    let mut session = place.session()?;
    let meter = place.meter();
    let content = place.big();
    let bytes = store(&mut session, place.way(), &format!("STOR {STORED}"), &Expected::whole(content.clone(), true), buffer)?;
    let reading = meter.end();
    stored(place, STORED, &content, buffer)?;
    session.must(&format!("DELE {STORED}"))?;
    session.quit();
    Ok(Round::throughput(bytes, place.settings.verify, &reading))
}

/// RETR from the middle on.
pub(super) fn resume(place: &Place, buffer: &mut [u8]) -> Result<Round, Failure> {
    let content = place.big();
    // No multiple of any block, so that a server that rounds is seen.
    let from = (content.len() / 2) | 1;
    let expected = Expected { from: from.min(content.len()), content, verify: place.settings.verify };
    let mut session = place.session()?;
    let meter = place.meter();
    let bytes = retrieve(&mut session, place.way(), &format!("RETR {BIG}"), &expected, buffer)?;
    let reading = meter.end();
    session.quit();
    Ok(Round::throughput(bytes, place.settings.verify, &reading))
}

/// RETR of a text, in TYPE A or in TYPE I. A server that takes TYPE A and changes no line end has no TYPE A to be measured.
pub(super) fn text(place: &Place, ascii: bool, buffer: &mut [u8]) -> Result<Round, Failure> {
    let measured = text_as(place, ascii, if ascii { b"\r\n" } else { place.eol }, buffer);
    match measured {
        Err(Failure::Failed(why)) if ascii => match text_as(place, true, place.eol, buffer) {
            Ok(_) => Err(Failure::Unsupported("in TYPE A it sends the file as in TYPE I (RFC 959 section 3.1.1.1)".to_owned())),
            Err(_) => Err(Failure::Failed(why)),
        },
        measured => measured,
    }
}

fn text_as(place: &Place, ascii: bool, eol: &[u8], buffer: &mut [u8]) -> Result<Round, Failure> {
    let mut session = place.session()?;
    if ascii {
        session.must("TYPE A")?;
    }
    let expected = Expected::whole(place.text(eol), place.settings.verify);
    let meter = place.meter();
    let bytes = retrieve(&mut session, place.way(), &format!("RETR {TEXT}"), &expected, buffer)?;
    let reading = meter.end();
    session.quit();
    Ok(Round::throughput(bytes, place.settings.verify, &reading))
}

/// Compares what a server stored: on its disk, or where that is not ours by a RETR.
pub(in crate::bench) fn stored(place: &Place, path: &str, content: &Content, buffer: &mut [u8]) -> Result<(), Failure> {
    let against = if place.settings.verify { vec![content.clone()] } else { Vec::new() };
    match place.disk.look(&place.account.root, path.as_bytes(), &against) {
        Ok(DiskState::File { content: seen, .. }) => {
            if let Some(agreement) = seen.against.first().filter(|agreement| agreement.common < seen.len.min(content.len())) {
                let (at, len) = (agreement.common, content.len());
                return Err(Failure::Failed(format!("STOR {path}: the server said 226, but byte {at} of {len} is wrong on its disk")));
            }
            if seen.len == content.len() {
                return Ok(());
            }
            Err(Failure::Failed(format!(
                "STOR {path}: the server said 226, but the file on its disk has {} of {} bytes",
                seen.len,
                content.len()
            )))
        }
        Ok(DiskState::Absent) => Err(Failure::Failed(format!("STOR {path}: the server said 226, but there is no such file on its disk"))),
        Ok(DiskState::Directory { .. } | DiskState::Other(_)) => {
            Err(Failure::Failed(format!("STOR {path}: the server said 226, but what stands on its disk is no file")))
        }
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {
            let mut session = place.session()?;
            let expected = Expected::whole(content.clone(), place.settings.verify);
            let back = retrieve(&mut session, place.way(), &format!("RETR {path}"), &expected, buffer);
            session.quit();
            back.map(drop).map_err(|failure| failure.at("what was stored does not come back"))
        }
        Err(error) => Err(Failure::machine("the server's disk", &error)),
    }
}
