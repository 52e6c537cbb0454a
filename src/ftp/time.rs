//! Time values on the wire: RFC 3659 section 2.3's `YYYYMMDDHHMMSS[.fraction]` and the dates of `ls`, always UTC.
//!
//! Times are whole seconds since 1970-01-01T00:00:00Z. Not here: any clock.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Reads a time value. A fraction must be digits and is dropped; second 60 is the next minute's first.
///
/// `None` where it is not 14 digits, or no such moment is in the calendar.
#[must_use]
pub fn parse_time_val(text: &[u8]) -> Option<i64> {
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(dot) => (&text[..dot], Some(&text[dot + 1..])),
        None => (text, None),
    };
    let is_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    if whole.len() != 14 || !is_digits(whole) || !fraction.is_none_or(is_digits) {
        return None;
    }
    let number = |from: usize, to: usize| whole[from..to].iter().fold(0_i16, |sum, digit| sum * 10 + i16::from(digit - b'0'));
    let small = |from: usize| i8::try_from(number(from, from + 2)).ok();
    let second = small(12)?;
    if second > 60 {
        return None;
    }
    let minute = DateTime::new(number(0, 4), small(4)?, small(6)?, small(8)?, small(10)?, 0, 0).ok()?;
    let start = minute.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    Some(start + i64::from(second))
}

/// Writes a time value, 14 digits. Moments that no calendar of four-digit years holds are clipped to 1970.
#[must_use]
pub fn format_time_val(seconds: i64) -> String {
    civil(seconds).strftime("%Y%m%d%H%M%S").to_string()
}

/// Writes a date as `ls -l` does: `Jan 31 23:59` within the last half year, else `Jan 31  2020`.
#[must_use]
pub fn format_ls_date(seconds: i64, now: i64) -> String {
    const HALF_A_YEAR: i64 = 182 * 24 * 60 * 60;
    let recent = (now.saturating_sub(HALF_A_YEAR)..=now.saturating_add(60 * 60)).contains(&seconds);
    civil(seconds).strftime(if recent { "%b %e %H:%M" } else { "%b %e  %Y" }).to_string()
}

fn civil(seconds: i64) -> DateTime {
    let moment = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    let civil = TimeZone::UTC.to_datetime(moment);
    if (0..=9999).contains(&civil.year()) { civil } else { TimeZone::UTC.to_datetime(Timestamp::UNIX_EPOCH) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expect: Option<i64>) {
        assert_eq!(parse_time_val(text.as_bytes()), expect, "{text}");
    }

    #[test]
    fn time_values_are_utc_and_of_the_calendar() {
        check("19700101000000", Some(0));
        check("20200101000000", Some(1_577_836_800));
        check("20200229235959.123", Some(1_583_020_799));
        check("20161231235960", Some(1_483_228_800));
        for wrong in
            ["20230229000000", "20231301000000", "20230101250000", "20230101006000", "20230101000061", "2023010100000", "20230101000000."]
        {
            check(wrong, None);
        }
        check("2023010100000x", None);
        check("", None);
    }

    #[test]
    fn ls_shows_the_time_of_what_is_recent() {
        let now = 1_600_000_000;
        assert_eq!(format_ls_date(now - 60, now), "Sep 13 12:25");
        assert_eq!(format_ls_date(1_577_836_800, now), "Jan  1  2020");
        assert_eq!(format_ls_date(now + 86_400, now), "Sep 14  2020");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(seconds in -62_167_219_200_i64..253_402_214_400) {
            prop_assert_eq!(parse_time_val(format_time_val(seconds).as_bytes()), Some(seconds));
        }

        #[test]
        fn no_bytes_panic(text in prop::collection::vec(any::<u8>(), 0..20), seconds in any::<i64>()) {
            let _ = parse_time_val(&text);
            prop_assert_eq!(format_time_val(seconds).len(), 14);
        }
    }
}
