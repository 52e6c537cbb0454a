//! Data addresses on the wire: PORT and 227 (RFC 959 section 5.3.2, RFC 1123 section 4.1.2.6), EPRT and 229 (RFC 2428).
//!
//! Texts only. Not here: which addresses are acceptable.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};

/// Why an EPRT argument names no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EprtError {
    /// It does not have the form, or a field is out of range: 501.
    Syntax,
    /// The address family is a number other than 1 and 2: 522.
    Family,
}

/// Reads the argument of PORT: six decimal numbers up to 255, nothing else.
///
/// Octets of 0 are valid although section 5.3.2's grammar starts at 1: addresses hold them.
#[must_use]
pub fn parse_port(argument: &[u8]) -> Option<SocketAddrV4> {
    let mut fields = argument.split(|byte| *byte == b',');
    let mut octets = [0; 6];
    for octet in &mut octets {
        *octet = u8::try_from(parse_number(fields.next()?)?).ok()?;
    }
    fields.next().is_none().then(|| from_octets(octets))
}

/// Writes the six numbers of PORT and 227.
#[must_use]
pub fn format_port(address: SocketAddrV4) -> String {
    let [a, b, c, d] = address.ip().octets();
    let [high, low] = address.port().to_be_bytes();
    format!("{a},{b},{c},{d},{high},{low}")
}

/// Reads the address from the text of a 227 reply (code and blank removed), as RFC 1123 section 4.1.2.6 tells clients to:
/// from the first digit on, with or without parentheses.
#[must_use]
pub fn parse_227(text: &[u8]) -> Option<SocketAddrV4> {
    let start = text.iter().position(u8::is_ascii_digit)?;
    let text = &text[start..];
    let end = text.iter().position(|byte| !byte.is_ascii_digit() && *byte != b',').unwrap_or(text.len());
    parse_port(text[..end].strip_suffix(b",").unwrap_or(&text[..end]))
}

/// Reads the port from the text of a 229 reply (code and blank removed), RFC 2428 section 3: `(|||6446|)` with any delimiter.
#[must_use]
pub fn parse_229(text: &[u8]) -> Option<u16> {
    let open = text.iter().rposition(|byte| *byte == b'(')?;
    let inner = &text[open + 1..];
    let close = inner.iter().position(|byte| *byte == b')')?;
    let [delimiter @ 33..=126, a, b, digits @ .., last] = &inner[..close] else {
        return None;
    };
    let same = [a, b, last].into_iter().all(|byte| byte == delimiter);
    let port = u16::try_from(parse_number(digits)?).ok()?;
    (same && !delimiter.is_ascii_digit() && port != 0).then_some(port)
}

/// Writes the text of a 229 reply.
#[must_use]
pub fn format_229(port: u16) -> String {
    format!("Entering Extended Passive Mode (|||{port}|)")
}

/// Writes the text of a 227 reply.
#[must_use]
pub fn format_227(address: SocketAddrV4) -> String {
    format!("Entering Passive Mode ({})", format_port(address))
}

/// Reads the argument of EPRT, RFC 2428 section 2: any printable delimiter, every textual form of IPv6.
///
/// # Errors
/// Which of the two refusals it deserves.
pub fn parse_eprt(argument: &[u8]) -> Result<SocketAddr, EprtError> {
    let delimiter = *argument.first().filter(|byte| (33..=126).contains(*byte)).ok_or(EprtError::Syntax)?;
    let fields: Vec<&[u8]> = argument.split(|byte| *byte == delimiter).collect();
    let [b"", family, address, port, b""] = fields.as_slice() else {
        return Err(EprtError::Syntax);
    };
    let family = parse_number(family).ok_or(EprtError::Syntax)?;
    let port = parse_number(port).and_then(|port| u16::try_from(port).ok()).ok_or(EprtError::Syntax)?;
    let address = std::str::from_utf8(address).map_err(|_| EprtError::Syntax)?;
    let ip = match family {
        1 => IpAddr::V4(address.parse::<Ipv4Addr>().map_err(|_| EprtError::Syntax)?),
        2 => IpAddr::V6(address.parse::<Ipv6Addr>().map_err(|_| EprtError::Syntax)?),
        _ => return Err(EprtError::Family),
    };
    Ok(SocketAddr::new(ip, port))
}

/// Writes the argument of EPRT.
#[must_use]
pub fn format_eprt(address: SocketAddr) -> String {
    let family = if address.is_ipv4() { 1 } else { 2 };
    format!("|{family}|{}|{}|", address.ip(), address.port())
}

/// Reads a decimal number of at most nine digits.
fn parse_number(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 9 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
}

fn from_octets([a, b, c, d, high, low]: [u8; 6]) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(parse_227(text.as_bytes()).map(|address| address.to_string()).as_deref(), expect, "{text}");
    }

    #[test]
    fn a_227_is_scanned_for_its_first_digit() {
        check("Entering Passive Mode (127,0,0,1,200,13)", Some("127.0.0.1:51213"));
        check("Entering Passive Mode (127,0,0,1,200,13).", Some("127.0.0.1:51213"));
        check("Entering Passive Mode 127,0,0,1,200,13", Some("127.0.0.1:51213"));
        check("127,0,0,1,1,0.", Some("127.0.0.1:256"));
        check("(127,0,0,1,256,1)", None);
        check("(127,0,0,1,1)", None);
        check("(127,0,0,1,1,2,3)", None);
        check("none", None);
    }

    #[test]
    fn a_port_argument_is_six_octets() {
        assert_eq!(parse_port(b"127,0,0,1,15,107"), Some("127.0.0.1:3947".parse().unwrap()));
        for wrong in ["", "1,2,3", "127,0,0,1,15,300", "127,0,0,1,15,-1", "127, 0,0,1,15,1", "0x7f,0,0,1,1,1", "127,0,0,1,15,1,"] {
            assert_eq!(parse_port(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_229_takes_any_delimiter() {
        for (text, expect) in [
            ("Entering Extended Passive Mode (|||6446|)", Some(6446)),
            ("ok (really) (!!!65535!)", Some(65535)),
            ("(|||0|)", None),
            ("(|||65536|)", None),
            ("(||6446|)", None),
            ("(|||6446)", None),
            ("(11164461)", None),
            ("|||6446|", None),
        ] {
            assert_eq!(parse_229(text.as_bytes()), expect, "{text}");
        }
    }

    #[test]
    fn an_eprt_argument_takes_any_delimiter_and_form() {
        assert_eq!(parse_eprt(b"|1|127.0.0.1|6275|"), Ok("127.0.0.1:6275".parse().unwrap()));
        assert_eq!(parse_eprt(b"!2!0:0:0:0:0:0:0:1!6275!"), Ok("[::1]:6275".parse().unwrap()));
        assert_eq!(parse_eprt(b"|3|127.0.0.1|6275|"), Err(EprtError::Family));
        for wrong in
            ["", "|1|127.0.0.1|6275", "|1|127.0.0.1||", "|1|127.0.0.1|65536|", "|1|127.0.0.1|-1|", "|1|127.0.0.300|80|", "|x|::1|80|", "1"]
        {
            assert_eq!(parse_eprt(wrong.as_bytes()), Err(EprtError::Syntax), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(ip in any::<[u8; 4]>(), v6 in any::<[u8; 16]>(), port in 1_u16..) {
            let v4 = SocketAddrV4::new(ip.into(), port);
            prop_assert_eq!(parse_port(format_port(v4).as_bytes()), Some(v4));
            prop_assert_eq!(parse_227(format_227(v4).as_bytes()), Some(v4));
            prop_assert_eq!(parse_229(format_229(port).as_bytes()), Some(port));
            for address in [SocketAddr::V4(v4), SocketAddr::new(IpAddr::from(v6), port)] {
                prop_assert_eq!(parse_eprt(format_eprt(address).as_bytes()), Ok(address));
            }
        }

        #[test]
        fn no_bytes_panic(text in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = (parse_227(&text), parse_229(&text), parse_port(&text), parse_eprt(&text));
        }
    }
}
