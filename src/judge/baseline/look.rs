//! What a failure looks like: a text in which `{..}` stands for anything.

use std::fmt;

/// Stands for anything, nothing included.
pub const ANYTHING: &str = "{..}";

/// A pattern for what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    text: String,
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Look {
    /// A pattern as written.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// The pattern for what was seen: what is another in each run, and amounts of bytes, may be anything.
    #[must_use]
    pub fn of(seen: &str) -> Self {
        let mut text = String::with_capacity(seen.len());
        let mut at = 0;
        while let Some(next) = seen[at..].chars().next() {
            let before = seen[..at].chars().next_back();
            match varying(before, &seen[at..]) {
                Some((lead, length)) => {
                    text.push_str(&seen[at..at + lead]);
                    text.push_str(ANYTHING);
                    at += length;
                }
                None => {
                    text.push(next);
                    at += next.len_utf8();
                }
            }
        }
        Self { text }
    }

    /// As written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a text is like this.
    #[must_use]
    pub fn fits(&self, seen: &str) -> bool {
        let mut parts = self.text.split(ANYTHING);
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = seen.strip_prefix(first) else { return false };
        let parts: Vec<&str> = parts.collect();
        let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
        for part in middle {
            // The first place is as good as any later one: what comes before it may be anything.
            match rest.find(part) {
                Some(place) => rest = &rest[place + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

/// Where a text begins with something that varies: how many bytes of it stay, and how many bytes it is long.
fn varying(before: Option<char>, text: &str) -> Option<(usize, usize)> {
    let starts_word = before.is_none_or(|c| !c.is_ascii_alphanumeric());
    let bytes = text.as_bytes();
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if starts_word && is_uuid(bytes) {
        return Some((0, UUID));
    }
    if starts_word && digits != 0 {
        let fraction = bytes[digits..].strip_prefix(b".").map_or(0, |rest| rest.iter().take_while(|byte| byte.is_ascii_digit()).count());
        let number = if fraction == 0 { digits } else { digits + 1 + fraction };
        // The port of an address; no hour has so many digits.
        if before == Some(':') && digits >= 4 && fraction == 0 {
            return Some((0, digits));
        }
        // The ports of 227 (RFC 959 section 4.1.2), and amounts of bytes and time.
        let octets: Vec<&str> = text.split(')').next().unwrap_or_default().split(',').collect();
        if octets.len() == 6 && octets.iter().all(|octet| !octet.is_empty() && octet.bytes().all(|byte| byte.is_ascii_digit())) {
            let lead = octets[..4].iter().map(|octet| octet.len() + 1).sum();
            return Some((lead, octets.iter().map(|octet| octet.len() + 1).sum::<usize>() - 1));
        }
        let unit = |unit: &str| {
            text[number..].strip_prefix(unit).is_some_and(|rest| rest.bytes().next().is_none_or(|next| !next.is_ascii_alphanumeric()))
        };
        return [" bytes", " byte", " s", " ms"].into_iter().any(unit).then_some((0, number));
    }
    // The port of 229, RFC 2428 section 3.
    if let Some(rest) = text.strip_prefix("|||") {
        let port = rest.bytes().take_while(u8::is_ascii_digit).count();
        return (port != 0 && rest[port..].starts_with('|')).then_some((3, 3 + port));
    }
    // Login names are the role's with the case's place in the run: alice_12s0.
    if let Some(rest) = text.strip_prefix('_') {
        let case = rest.bytes().take_while(u8::is_ascii_digit).count();
        let stage = rest[case..].strip_prefix('s').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
        return (case != 0 && stage != 0).then_some((1, 2 + case + stage));
    }
    // The entries of a directory come in the order of the file system.
    if let Some(rest) = text.strip_prefix("entries: ") {
        return (before == Some(' ') && !rest.is_empty()).then_some(("entries: ".len(), text.len()));
    }
    starts_word.then(|| date(bytes)).flatten().map(|length| (0, length))
}

const UUID: usize = 36;

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() >= UUID
        && bytes[..UUID].iter().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The length of `Nov 22 22:13` or `Nov 22  2026`, as LIST shows them.
fn date(bytes: &[u8]) -> Option<usize> {
    const MONTHS: [&[u8; 3]; 12] = [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    const LENGTH: usize = 12;
    let month = bytes.get(..3)?;
    let rest = bytes.get(3..LENGTH)?;
    let fits = MONTHS.iter().any(|known| *known == month)
        && rest[0] == b' '
        && rest[3] == b' '
        && rest.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b':'));
    fits.then_some(LENGTH)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(seen: &str, expect: &str) {
        let look = Look::of(seen);
        assert_eq!(look.text(), expect);
        assert!(look.fits(seen), "{look} does not fit what it was made of");
    }

    #[test]
    fn what_varies_may_be_anything() {
        check("550 no", "550 no");
        check("227 Entering Passive Mode (127,0,0,1,161,251)", "227 Entering Passive Mode (127,0,0,1,{..})");
        check("229 Entering Extended Passive Mode (|||38935|)", "229 Entering Extended Passive Mode (|||{..}|)");
        check("150 306adda1-38d1-43fe-beca-efe3b9873108", "150 {..}");
        check(
            "a file with 17 bytes, mode 644, modified 1795387024 s after 1970",
            "a file with {..} bytes, mode 644, modified {..} s after 1970",
        );
        check("226 done, 340 ms after the end", "226 done, {..} ms after the end");
        check("no reply for 2.01 s", "no reply for {..} s");
        check("257 /alice_12s0/d", "257 /alice_{..}/d");
        check("2 entries: up.bin\\r\\nf.bin\\r\\n", "2 entries: {..}");
        check("-rw-r--r-- 1 0 0 1 Nov 22 22:37 213 End", "-rw-r--r-- 1 0 0 1 {..} 213 End");
        check("called by 127.0.0.1:58832", "called by 127.0.0.1:{..}");
        check("213 10 at 22:13", "213 10 at 22:13");
        check("501 r\u{e9}ponse", "501 r\u{e9}ponse");
    }

    #[test]
    fn only_what_may_be_anything_is() {
        let check = |look: &str, seen: &str, expect: bool| assert_eq!(Look::new(look).fits(seen), expect, "{look} on {seen}");
        check("550 {..}", "550 no", true);
        check("550 {..}", "550", false);
        check("550 no", "550 no such file", false);
        check("{..}", "", true);
        check("", "x", false);
        check("a{..}b{..}b", "axb", false);
        check("a{..}b{..}b", "abb", true);
        check("a{..}a", "a", false);
        check("{..} bytes, {..} more", "12 bytes, then 3 more", true);
        check("{..} bytes, {..} more", "12 bytes", false);
    }

    proptest! {
        #[test]
        fn every_text_is_like_itself(seen in "[ -~\u{e9}]{0,60}|([0-9,|_s]|Nov |entries: | bytes){0,12}") {
            prop_assert!(Look::of(&seen).fits(&seen));
        }
    }
}
