//! Numbers for people: three digits that count, and units.

use crate::bench::workload::Unit;

/// Three digits that count.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        small if small < 9.995 => format!("{value:.2}"),
        small if small < 99.95 => format!("{value:.1}"),
        _ => grouped(value),
    }
}

/// A figure of a unit: a time in the unit that fits.
pub(super) fn value(unit: Unit, value: f64) -> String {
    if unit == Unit::Microseconds { time(value) } else { figure(value) }
}

/// A count, with commas.
pub(super) fn amount(count: u64) -> String {
    grouped(count as f64)
}

fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

/// Bytes in the unit that fits.
pub(super) fn bytes(value: f64) -> String {
    let mut left = value;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if left.abs() < 1024.0 {
            return if left.fract() == 0.0 { format!("{left:.0} {unit}") } else { format!("{left:.1} {unit}") };
        }
        left /= 1024.0;
    }
    format!("{left:.1} TiB")
}

/// Microseconds in the unit that fits.
pub(super) fn time(us: f64) -> String {
    match us {
        us if us < 999.5 => format!("{} µs", if us < 9.995 { format!("{us:.1}") } else { format!("{us:.0}") }),
        us if us < 999_500.0 => format!("{} ms", figure(us / 1e3)),
        us => format!("{} s", figure(us / 1e6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_unit() {
        let check = |value: f64, expect: &str| assert_eq!(figure(value), expect);
        check(0.0, "0");
        check(1.234, "1.23");
        check(12.34, "12.3");
        check(1234.5, "1,234");
        check(1_234_567.0, "1,234,567");
        assert_eq!([bytes(0.0), bytes(4096.0), bytes(1536.0), bytes((1_u64 << 30) as f64)], ["0 B", "4 KiB", "1.5 KiB", "1 GiB"]);
        assert_eq!([time(12.3), time(1234.0), time(44_000.0), time(2e6)], ["12 µs", "1.23 ms", "44.0 ms", "2.00 s"]);
    }
}
