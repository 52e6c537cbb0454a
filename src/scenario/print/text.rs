//! The smallest parts: texts, numbers, durations, times.

use std::time::Duration;

use crate::scenario::model::{Atom, Number, Pattern, Piece, Sign, Text};

/// `"a{n}\r\n"`.
pub(super) fn quoted(text: &Text) -> String {
    let mut out = String::from("\"");
    for piece in &text.0 {
        match piece {
            Piece::Literal(bytes) => escaped(bytes, &mut out),
            other => place(other, &mut out),
        }
    }
    out.push('"');
    out
}

/// The text as a `C>` line holds it, or `None` where a line cannot hold it.
pub(super) fn verbatim(text: &Text) -> Option<String> {
    let mut out = String::new();
    for piece in &text.0 {
        match piece {
            Piece::Literal(bytes) => {
                let literal = std::str::from_utf8(bytes).ok()?;
                if literal.chars().any(|c| c.is_control() && c != '\t') {
                    return None;
                }
                literal.chars().for_each(|c| brace_or(c, &mut out));
            }
            other => place(other, &mut out),
        }
    }
    Some(out)
}

fn brace_or(c: char, out: &mut String) {
    if c == '{' || c == '}' {
        out.push(c);
    }
    out.push(c);
}

fn place(piece: &Piece, out: &mut String) {
    match piece {
        Piece::Literal(_) => {}
        Piece::Capture { name, int } => out.extend(["{", name, if *int { ":int" } else { "" }, "}"]),
        Piece::Wild => out.push_str("{..}"),
        Piece::Eol => out.push_str("{eol}"),
    }
}

fn escaped(bytes: &[u8], out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                '\r' => out.push_str("\\r"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\0' => out.push_str("\\0"),
                c if is_invisible(c) => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| escape(byte, out)),
                c => brace_or(c, out),
            }
        }
        chunk.invalid().iter().for_each(|byte| escape(*byte, out));
    }
}

fn escape(byte: u8, out: &mut String) {
    out.push_str("\\x");
    hex_digits(byte, out);
}

/// Two hexadecimal digits.
pub(super) fn hex_digits(byte: u8, out: &mut String) {
    for nibble in [byte >> 4, byte & 15] {
        out.push(char::from_digit(u32::from(nibble), 16).expect("four bits"));
    }
}

/// What a reader would not see, or what would turn the line around.
fn is_invisible(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `x"0d0a"`.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut out = String::from("x\"");
    bytes.iter().for_each(|byte| hex_digits(*byte, &mut out));
    out.push('"');
    out
}

pub(super) fn pattern(pattern: &Pattern) -> String {
    format!("{}{}", if pattern.nocase { "i" } else { "" }, quoted(&pattern.text))
}

/// `{n}-1`.
pub(super) fn number(number: &Number) -> String {
    let mut out = String::new();
    for (place, (sign, atom)) in number.0.iter().enumerate() {
        match (place, sign) {
            (0, Sign::Plus) => {}
            (0, Sign::Minus) => out.push_str("0-"),
            (_, Sign::Plus) => out.push('+'),
            (_, Sign::Minus) => out.push('-'),
        }
        match atom {
            Atom::Literal(value) => out.push_str(&size(*value)),
            Atom::Capture(name) => out.extend(["{", name, "}"]),
        }
    }
    if out.is_empty() { "0".to_owned() } else { out }
}

/// In the largest unit that fits without a rest.
fn size(value: u64) -> String {
    let unit = [("GiB", 30), ("MiB", 20), ("KiB", 10)].into_iter().find(|(_, shift)| value != 0 && value.is_multiple_of(1 << shift));
    unit.map_or_else(|| value.to_string(), |(unit, shift)| format!("{}{unit}", value >> shift))
}

/// In the largest unit that fits without a rest.
pub(super) fn duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0 => "0s".to_owned(),
        ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms % 1000 == 0 => format!("{}s", ms / 1000),
        ms => format!("{ms}ms"),
    }
}

/// Seconds since 1970 as `YYYYMMDDHHMMSS`.
pub(super) fn time(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    let time = jiff::tz::TimeZone::UTC.to_datetime(time);
    format!("{:04}{:02}{:02}{:02}{:02}{:02}", time.year(), time.month(), time.day(), time.hour(), time.minute(), time.second())
}
