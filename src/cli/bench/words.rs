//! What stands behind the flags of `bench`, read or told.

use crate::bench::result::Part;
use crate::bench::workload::Client;

/// Reads `4096`, `4K`, `10M`, `1G`, `2T`; all are powers of 1024.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || "expected bytes, or a number and K, M, G or T: `64M`".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_uppercase().trim_end_matches("IB").trim_end_matches('B') {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    // A file has at most that many bytes.
    number.checked_mul(1 << shift).filter(|bytes| *bytes <= i64::MAX as u64).ok_or_else(wrong)
}

/// Reads `10%`, `2.5%`.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let wrong = || "expected a percentage: `10%`".to_owned();
    let number: f64 = text.strip_suffix('%').ok_or_else(wrong)?.trim().parse().map_err(|_| wrong())?;
    if (0.0..=1000.0).contains(&number) { Ok(number / 100.0) } else { Err(wrong()) }
}

/// Reads how many times a second.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.001..=1e6).contains(&rate) => Ok(rate),
        Ok(_) | Err(_) => Err("expected how many times a second, from 0.001 to 1000000: `200`".to_owned()),
    }
}

/// Reads the name of a client.
pub(super) fn client(text: &str) -> Result<Client, String> {
    let names = Client::ALL.map(Client::word);
    Client::ALL.into_iter().find(|client| client.word() == text).ok_or_else(|| format!("clients: {}", names.join(", ")))
}

/// Reads `2/8`.
pub(super) fn part(text: &str) -> Result<Part, String> {
    let wrong = || "expected a part and how many there are: `2/8`".to_owned();
    let (part, of) = text.split_once('/').ok_or_else(wrong)?;
    match (part.parse(), of.parse()) {
        (Ok(part), Ok(of)) if (1..=of).contains(&part) => Ok(Part { part, of }),
        _ => Err(wrong()),
    }
}

/// Reads a time.
pub(super) fn start_at(text: &str) -> Result<jiff::Timestamp, String> {
    text.parse().map_err(|_| "expected a time with its zone, RFC 3339: `2026-01-31T12:00:00Z`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_or_told() {
        assert_eq!(
            [size("0"), size("4K"), size("64m"), size("1GiB"), size("2T")],
            [Ok(0), Ok(4096), Ok(64 << 20), Ok(1 << 30), Ok(2 << 40)]
        );
        for wrong in ["", "K", "1X", "-1", "1.5G", "99999999999T"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert_eq!([share("10%"), share("2.5 %")], [Ok(0.1), Ok(0.025)]);
        assert!(share("10").is_err() && share("-1%").is_err() && share("x%").is_err());
        assert_eq!(rate("200"), Ok(200.0));
        assert!(rate("0").is_err() && rate("NaN").is_err() && rate("-5").is_err());
        assert_eq!(part("2/8"), Ok(Part { part: 2, of: 8 }));
        for wrong in ["0/8", "9/8", "2", "a/b", "/"] {
            assert!(part(wrong).is_err(), "{wrong}");
        }
        assert_eq!(client("curl"), Ok(Client::Curl));
        assert_eq!(client("wget"), Err("clients: ftpspec, suppaftp, curl, ftpbench".to_owned()));
        assert!(start_at("2026-01-31T12:00:00Z").is_ok() && start_at("noon").is_err());
    }
}
