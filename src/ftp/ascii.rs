//! TYPE A's line ends, RFC 959 section 3.1.1.1: CR LF on the wire, LF in files; converted as bytes stream by.
//!
//! Each converter gives the same under any chunking. To the wire each LF becomes CR LF, from the wire each CR LF becomes
//! LF, and nothing else changes: a lone CR and a lone LF pass as they are. So `from_net(to_net(x)) == x` for any bytes.

/// From a file to the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ToNet;

impl ToNet {
    /// Converts the next bytes and appends them.
    pub fn push(self, bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(bytes.len());
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            match part.strip_suffix(b"\n") {
                Some(line) => {
                    out.extend_from_slice(line);
                    out.extend_from_slice(b"\r\n");
                }
                None => out.extend_from_slice(part),
            }
        }
    }

    /// How many bytes these become.
    #[must_use]
    pub fn len(self, bytes: &[u8]) -> u64 {
        (bytes.len() + bytes.iter().filter(|byte| **byte == b'\n').count()) as u64
    }
}

/// From the wire to a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FromNet {
    /// The last byte was a CR that has not been written.
    held: bool,
}

impl FromNet {
    /// Converts the next bytes and appends them; a CR at the end is held back until it is known what follows.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(bytes.len() + 1);
        for byte in bytes {
            if std::mem::take(&mut self.held) && *byte != b'\n' {
                out.push(b'\r');
            }
            if *byte == b'\r' {
                self.held = true;
            } else {
                out.push(*byte);
            }
        }
    }

    /// Appends what was held back.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.held) {
            out.push(b'\r');
        }
    }
}

/// Converts the whole of a text to the wire's form.
#[must_use]
pub fn to_net(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    ToNet.push(bytes, &mut out);
    out
}

/// Converts the whole of a text from the wire's form.
#[must_use]
pub fn from_net(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut converter = FromNet::default();
    converter.push(bytes, &mut out);
    converter.finish(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(file: &str, wire: &str) {
        assert_eq!(String::from_utf8_lossy(&to_net(file.as_bytes())), wire);
        assert_eq!(String::from_utf8_lossy(&from_net(wire.as_bytes())), file);
        assert_eq!(ToNet.len(file.as_bytes()), wire.len() as u64);
    }

    #[test]
    fn line_ends_and_nothing_else_change() {
        check("a\nb\n", "a\r\nb\r\n");
        check("", "");
        check("a", "a");
        check("a\rb", "a\rb");
        check("a\r\n", "a\r\r\n");
        check("\n\n", "\r\n\r\n");
        check("a\r", "a\r");
        assert_eq!(from_net(b"a\nb\r\r\n"), b"a\nb\r\n");
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(b"ab\r\n\0\xff".to_vec()), 0..60)
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same(bytes in text(), chunk in 1_usize..9) {
            let (mut there, mut back, mut converter) = (Vec::new(), Vec::new(), FromNet::default());
            for part in bytes.chunks(chunk) {
                ToNet.push(part, &mut there);
                converter.push(part, &mut back);
            }
            converter.finish(&mut back);
            prop_assert_eq!(there, to_net(&bytes));
            prop_assert_eq!(back, from_net(&bytes));
        }

        #[test]
        fn to_the_wire_and_back_is_the_identity(bytes in text()) {
            prop_assert_eq!(from_net(&to_net(&bytes)), bytes);
        }

        #[test]
        fn from_the_wire_and_back_is_the_identity_where_no_line_feed_is_bare(lines in prop::collection::vec("[a-c\r]{0,5}", 0..6)) {
            let wire: Vec<u8> = lines.iter().flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect();
            prop_assert_eq!(to_net(&from_net(&wire)), wire);
        }
    }
}
