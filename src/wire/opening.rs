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
