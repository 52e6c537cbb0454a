//! Small files, one after the other on one session.

use super::Paced;
use super::single::stored;
use crate::bench::failure::Failure;
use crate::bench::place::{Place, Round, small_name};
use crate::bench::transfer::{Expected, retrieve, store};
use crate::scenario::model::Way;

/// RETR of each.
pub(super) fn retr(place: &Place, buffer: &mut [u8]) -> Result<Round, Failure> {
    let count = place.settings.files;
    let mut session = place.session()?;
    let meter = place.meter();
    let mut paced = Paced::new(place);
    let mut bytes = 0;
    for index in 0..count {
        let (line, expected) = (format!("RETR {}", small_name(index)), Expected::whole(place.small(index), place.settings.verify));
        bytes += paced.once(|| retrieve(&mut session, place.way(), &line, &expected, buffer))?;
    }
    let reading = meter.end();
    session.quit();
    Ok(Round { bytes, ..Round::rate(count, place.settings.verify, &reading).with(paced.latencies) })
}

/// STOR of each; all are compared when the time is taken.
pub(super) fn stor(place: &Place, buffer: &mut [u8]) -> Result<Round, Failure> {
    let count = place.settings.files;
    let name = |index: u64| format!("s{index:06}");
    let mut session = place.session()?;
    let meter = place.meter();
    let mut paced = Paced::new(place);
    let mut bytes = 0;
    for index in 0..count {
        let (line, expected) = (format!("STOR {}", name(index)), Expected::whole(place.small(index), true));
        bytes += paced.once(|| store(&mut session, place.way(), &line, &expected, buffer))?;
    }
    let reading = meter.end();
    for index in 0..count {
        stored(place, &name(index), &place.small(index), buffer)?;
        session.must(&format!("DELE {}", name(index)))?;
    }
    session.quit();
    Ok(Round { bytes, ..Round::rate(count, place.settings.verify, &reading).with(paced.latencies) })
}

/// RETR of one small file again and again: what it costs to open a data connection.
pub(super) fn ways(place: &Place, way: Way, buffer: &mut [u8]) -> Result<Round, Failure> {
    let mut session = place.session()?;
    let (line, expected) = (format!("RETR {}", small_name(0)), Expected::whole(place.small(0), place.settings.verify));
    let meter = place.meter();
    let mut paced = Paced::new(place);
    let mut bytes = 0;
    for _ in 0..place.settings.files {
        bytes += paced.once(|| retrieve(&mut session, way, &line, &expected, buffer))?;
    }
    let reading = meter.end();
    session.quit();
    let middle = paced.latencies.percentile_us(50.0);
    Ok(Round { bytes, ..Round::new(middle, place.settings.verify, &reading).with(paced.latencies) })
}
