//! Bytes around a first difference, side by side: what came and what should have come.

use std::fmt::Write as _;

use crate::ftp::transcript::{Agreement, Observed};

/// What differs, in words, and the bytes around it. `None` where all is equal, or where nothing was compared.
#[must_use]
pub fn compare(observed: &Observed, width: usize) -> Option<Vec<String>> {
    let nearest = nearest(observed)?;
    let mut lines = vec![say(observed.len, nearest)];
    lines.extend(table(nearest, if width >= 150 { 16 } else { 8 }));
    Some(lines)
}

/// What the bytes agree with longest, where they are equal to nothing.
pub(super) fn nearest(observed: &Observed) -> Option<&Agreement> {
    if observed.against.iter().any(|agreement| agreement.is_equal(observed.len)) {
        return None;
    }
    observed.against.iter().max_by_key(|agreement| agreement.common)
}

/// How so many bytes differ from a content, in words.
pub(super) fn say(len: u64, agreement: &Agreement) -> String {
    let Agreement { expected_len, common, .. } = *agreement;
    if common == len && len < expected_len {
        format!("{len} bytes came, all right, and {} of {expected_len} are missing", expected_len - len)
    } else if common == expected_len {
        format!("all {expected_len} bytes came, and {} more behind them", len - expected_len)
    } else {
        format!("{len} bytes came, {expected_len} were demanded; the first that differs is at offset {common}")
    }
}

/// Rows of `columns` bytes: offset, got, expected; the rows that differ are marked.
fn table(agreement: &Agreement, columns: usize) -> Vec<String> {
    let start = agreement.window_at();
    let len = agreement.got.len().max(agreement.expected.len());
    let digits = format!("{:x}", start + len as u64).len().max(8);
    let side = columns * 4 + 1;
    let mut lines = vec![format!("  {:<digits$}  {:<side$}  expected", "offset", "got")];
    for at in (0..len).step_by(columns) {
        let row = |bytes: &[u8]| -> Vec<u8> { bytes.iter().skip(at).take(columns).copied().collect() };
        let (got, expected) = (row(&agreement.got), row(&agreement.expected));
        let mark = if got == expected { ' ' } else { '>' };
        let offset = start + at as u64;
        let line = format!("{mark} {offset:0digits$x}  {}  {}", cells(&got, columns), cells(&expected, columns));
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// `61 62 0d    ab.`: hexadecimal, then characters; padded.
fn cells(bytes: &[u8], columns: usize) -> String {
    let mut text = String::new();
    for place in 0..columns {
        match bytes.get(place) {
            Some(byte) => write!(text, "{byte:02x} ").expect("a String takes all"),
            None => text.push_str("   "),
        }
    }
    text.push(' ');
    let shown = bytes.iter().map(|byte| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' });
    text.extend(shown.chain(std::iter::repeat(' ')).take(columns));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ftp::content::Content;
    use crate::ftp::observe::Observer;

    fn check(content: &Content, came: &[u8], expect: Option<&str>) -> Vec<String> {
        let mut observer = Observer::new(vec![content.clone()]);
        observer.push(came);
        let lines = compare(&observer.finish(), 80);
        assert_eq!(lines.as_ref().map(|lines| lines[0].as_str()), expect);
        lines.unwrap_or_default()
    }

    #[test]
    fn the_difference_is_told_in_words() {
        let content = Content::literal(*b"0123456789");
        check(&content, b"0123456789", None);
        check(&content, b"0123", Some("4 bytes came, all right, and 6 of 10 are missing"));
        check(&content, b"0123456789ab", Some("all 10 bytes came, and 2 more behind them"));
        check(&content, b"01x", Some("3 bytes came, 10 were demanded; the first that differs is at offset 2"));
        assert_eq!(compare(&Observed::default(), 80), None);
    }

    #[test]
    fn the_bytes_stand_side_by_side() {
        let lines = check(
            &Content::literal(*b"one\r\ntwo\r\n"),
            b"one\r\ntwo\n",
            Some("9 bytes came, 10 were demanded; the first that differs is at offset 8"),
        );
        assert_eq!(
            lines[1..],
            [
                "  offset    got                                expected",
                "  00000000  6f 6e 65 0d 0a 74 77 6f  one..two  6f 6e 65 0d 0a 74 77 6f  one..two",
                "> 00000008  0a                       .         0d 0a                    ..",
            ]
        );
    }
}
