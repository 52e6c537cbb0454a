//! The ways to a data connection: PASV and EPSV ask the server, PORT and EPRT tell it.
//!
//! The lines and what the replies mean are pure functions, for whoever speaks the lines himself; [`ask_passive`] and
//! [`tell_active`] speak them too.

use std::net::SocketAddr;
use std::time::Duration;

use super::control::{ControlConnection, Received};
use super::stream::Sent;
use crate::ftp::address::{format_eprt, format_port, parse_227, parse_229};
use crate::ftp::reply::Reply;
use crate::scenario::model::Way;

/// Where the reply to PASV or EPSV leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passive {
    /// Where to connect to.
    pub address: SocketAddr,
    /// The reply names a host that is not this machine; the control connection's was taken instead.
    pub rewritten: bool,
}

/// What became of PASV, EPSV, PORT or EPRT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The line that was sent, CR LF included.
    pub line: Vec<u8>,
    /// How it went out.
    pub sent: Sent,
    /// What came back; `None` where the line did not go out.
    pub reply: Option<Received>,
    /// Where it leads; `None` unless the server named an address.
    pub passive: Option<Passive>,
}

/// The line that asks the server to listen: `None` for a way that does not.
#[must_use]
pub fn passive_line(way: Way) -> Option<&'static [u8]> {
    match way {
        Way::Pasv => Some(b"PASV\r\n"),
        Way::Epsv => Some(b"EPSV\r\n"),
        Way::Port | Way::Eprt => None,
    }
}

/// The line that tells the server where we listen: `None` for a way that does not, and for PORT with IPv6.
#[must_use]
pub fn active_line(way: Way, listener: SocketAddr) -> Option<Vec<u8>> {
    match (way, listener) {
        (Way::Port, SocketAddr::V4(address)) => Some(format!("PORT {}\r\n", format_port(address)).into_bytes()),
        (Way::Eprt, address) => Some(format!("EPRT {}\r\n", format_eprt(address)).into_bytes()),
        (Way::Port, SocketAddr::V6(_)) | (Way::Pasv | Way::Epsv, _) => None,
    }
}

/// Where a reply leads: a 227 names host and port (RFC 959 section 4.2), a 229 the port alone (RFC 2428 section 3).
///
/// The host of a 227 is taken only where it is this machine; otherwise the control connection's is, as every client
/// behind address translation must, and so that no server can send us elsewhere.
#[must_use]
pub fn passive_address(reply: &Reply, peer: SocketAddr) -> Option<Passive> {
    match reply.code {
        Some(227) => {
            let named = SocketAddr::V4(parse_227(reply.text())?);
            let rewritten = !named.ip().is_loopback();
            let address = if rewritten { SocketAddr::new(peer.ip(), named.port()) } else { named };
            Some(Passive { address, rewritten })
        }
        Some(229) => Some(Passive { address: SocketAddr::new(peer.ip(), parse_229(reply.text())?), rewritten: false }),
        _ => None,
    }
}

/// Sends PASV or EPSV and reads one reply; `None` for another way. The deadline holds for each of the two.
pub async fn ask_passive(control: &mut ControlConnection, way: Way, deadline: Duration) -> Option<Asked> {
    let mut asked = speak(control, passive_line(way)?.to_vec(), deadline).await;
    if let Some(Received::Reply(reply)) = &asked.reply {
        asked.passive = passive_address(reply, control.peer());
    }
    Some(asked)
}

/// Sends PORT or EPRT and reads one reply; `None` as for [`active_line`]. The deadline holds for each of the two.
pub async fn tell_active(control: &mut ControlConnection, way: Way, listener: SocketAddr, deadline: Duration) -> Option<Asked> {
    Some(speak(control, active_line(way, listener)?, deadline).await)
}

async fn speak(control: &mut ControlConnection, line: Vec<u8>, deadline: Duration) -> Asked {
    let sent = control.send(&line, deadline).await;
    let reply = match sent.broken {
        None => Some(control.read_reply(deadline).await),
        Some(_) => None,
    };
    Asked { line, sent, reply, passive: None }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::super::degenerate::{LONG, control};
    use super::*;
    use crate::ftp::reply::ReplyParser;

    fn check(text: &str, peer: &str, expect: Option<(&str, bool)>) {
        let mut parser = ReplyParser::default();
        parser.push(text.as_bytes());
        let passive = passive_address(&parser.pop().unwrap(), peer.parse().unwrap());
        let expect = expect.map(|(address, rewritten)| Passive { address: address.parse().unwrap(), rewritten });
        assert_eq!(passive, expect, "{text}");
    }

    #[test]
    fn replies_lead_to_this_machine_or_to_the_server() {
        check("227 Entering Passive Mode (127,0,0,1,4,5)\r\n", "127.0.0.1:21", Some(("127.0.0.1:1029", false)));
        check("227 Entering Passive Mode (127,0,0,9,4,5)\r\n", "127.0.0.1:21", Some(("127.0.0.9:1029", false)));
        check("227 Entering Passive Mode (10,0,0,1,4,5)\r\n", "127.0.0.1:21", Some(("127.0.0.1:1029", true)));
        check("227 =0,0,0,0,4,5\r\n", "192.0.2.1:21", Some(("192.0.2.1:1029", true)));
        check("229 Extended (|||6446|)\r\n", "[::1]:21", Some(("[::1]:6446", false)));
        check("227 Extended (|||6446|)\r\n", "[::1]:21", None);
        check("229 (127,0,0,1,4,5)\r\n", "127.0.0.1:21", None);
        check("200 (127,0,0,1,4,5)\r\n", "127.0.0.1:21", None);
        check("227-a (127,0,0,1,4,5)\r\n227 b (127,0,0,1,4,6)\r\n", "127.0.0.1:21", Some(("127.0.0.1:1030", false)));
    }

    #[tokio::test]
    async fn each_way_speaks_its_line() {
        let (mut control, server) = control(|mut stream| {
            let mut lines = Vec::new();
            for answer in ["227 (127,0,0,1,4,5)\r\n", "229 (|||1029|)\r\n", "200 ok\r\n", "200 ok\r\n"] {
                let mut line = [0; 64];
                let len = stream.read(&mut line).unwrap();
                lines.push(String::from_utf8_lossy(&line[..len]).into_owned());
                stream.write_all(answer.as_bytes()).unwrap();
            }
            lines
        })
        .await;
        let ours: SocketAddr = "127.0.0.1:1029".parse().unwrap();
        for way in [Way::Pasv, Way::Epsv] {
            let asked = ask_passive(&mut control, way, LONG).await.unwrap();
            assert_eq!(asked.passive, Some(Passive { address: ours, rewritten: false }));
            assert_eq!(tell_active(&mut control, way, ours, LONG).await, None);
        }
        for way in [Way::Port, Way::Eprt] {
            let asked = tell_active(&mut control, way, ours, LONG).await.unwrap();
            assert!(matches!(asked.reply, Some(Received::Reply(reply)) if reply.code == Some(200)));
            assert_eq!(ask_passive(&mut control, way, LONG).await, None);
        }
        assert_eq!(server.join(), ["PASV\r\n", "EPSV\r\n", "PORT 127,0,0,1,4,5\r\n", "EPRT |1|127.0.0.1|1029|\r\n"]);
        assert_eq!(active_line(Way::Port, "[::1]:1029".parse().unwrap()), None);
    }
}
