//! Addresses as FTP writes them: the replies to PASV and EPSV, the arguments of PORT and EPRT.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

/// The address in the reply to PASV: the first six numbers below 256 with commas between, wherever they stand
/// (RFC 1123 section 4.1.2.6: do not rely on the parentheses).
#[must_use]
pub fn parse_227(text: &[u8]) -> Option<SocketAddrV4> {
    let [a, b, c, d, high, low] = text.split(|byte| !byte.is_ascii_digit() && *byte != b',').find_map(numbers)?;
    Some(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from(high) * 256 + u16::from(low)))
}

fn numbers(text: &[u8]) -> Option<[u8; 6]> {
    let mut parts = text.split(|byte| *byte == b',');
    let mut out = [0; 6];
    for place in &mut out {
        *place = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    }
    // A comma may stand behind the address in running text.
    parts.all(<[u8]>::is_empty).then_some(out)
}

/// The port in the reply to EPSV, `(|||6446|)` with any delimiter from 33 to 126 (RFC 2428 section 3).
#[must_use]
pub fn parse_229(text: &[u8]) -> Option<u16> {
    text.iter().enumerate().filter(|(_, byte)| **byte == b'(').find_map(|(at, _)| {
        let [delimiter @ 33..=126, second, third, rest @ ..] = &text[at + 1..] else {
            return None;
        };
        let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let framed = second == delimiter && third == delimiter && rest[len..].starts_with(&[*delimiter, b')']);
        let port = std::str::from_utf8(&rest[..len]).ok()?.parse().ok()?;
        framed.then_some(port)
    })
}

/// The argument of PORT: `127,0,0,1,4,5` (RFC 959 section 5.3.2).
#[must_use]
pub fn format_port(address: SocketAddrV4) -> String {
    let [a, b, c, d] = address.ip().octets();
    let [high, low] = address.port().to_be_bytes();
    format!("{a},{b},{c},{d},{high},{low}")
}

/// The argument of EPRT: `|1|127.0.0.1|1029|` (RFC 2428 section 2).
#[must_use]
pub fn format_eprt(address: SocketAddr) -> String {
    let family = match address.ip() {
        IpAddr::V4(_) => 1,
        IpAddr::V6(_) => 2,
    };
    format!("|{family}|{}|{}|", address.ip(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check_227(text: &str, expect: Option<&str>) {
        assert_eq!(parse_227(text.as_bytes()).map(|address| address.to_string()).as_deref(), expect, "{text}");
    }

    #[test]
    fn a_passive_address_is_found_wherever_it_stands() {
        check_227("Entering Passive Mode (127,0,0,1,4,5).", Some("127.0.0.1:1029"));
        check_227("227 Entering Passive Mode 127,0,0,1,255,255", Some("127.0.0.1:65535"));
        check_227("=10,0,0,1,0,21, go", Some("10.0.0.1:21"));
        check_227("227 (127,0,0,1,4)", None);
        check_227("227 (127,0,0,1,4,256)", None);
        check_227("227 (127,0,0,1,4,5,6)", None);
        check_227("227 (127,,0,1,4,5)", None);
        check_227("", None);
    }

    fn check_229(text: &str, expect: Option<u16>) {
        assert_eq!(parse_229(text.as_bytes()), expect, "{text}");
    }

    #[test]
    fn an_extended_passive_port_stands_in_a_frame() {
        check_229("229 Entering Extended Passive Mode (|||6446|)", Some(6446));
        check_229("(see below) (!!!1!)", Some(1));
        check_229("(|||65536|)", None);
        check_229("(||6446|)", None);
        check_229("(|||6446!)", None);
        check_229("(||||)", None);
        check_229("(", None);
    }

    #[test]
    fn arguments_of_port_and_eprt() {
        assert_eq!(format_eprt("127.0.0.1:1029".parse().unwrap()), "|1|127.0.0.1|1029|");
        assert_eq!(format_eprt("[::1]:1029".parse().unwrap()), "|2|::1|1029|");
    }

    proptest! {
        #[test]
        fn what_port_says_is_what_227_reads(ip: u32, port: u16) {
            let address = SocketAddrV4::new(Ipv4Addr::from(ip), port);
            prop_assert_eq!(parse_227(format!("Entering ({})", format_port(address)).as_bytes()), Some(address));
        }

        #[test]
        fn no_bytes_are_too_odd(bytes: Vec<u8>) {
            let _ = (parse_227(&bytes), parse_229(&bytes));
        }
    }
}
