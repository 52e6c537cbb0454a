//! Listeners for servers in this process.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use tokio::net::{TcpListener, TcpSocket};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Listens on an address; port 0 lets the system pick. To be called within a runtime.
pub(super) fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port that was used a moment ago may be used again.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Listens on the first port of a range that is free, from a random one on.
pub(super) fn listen_within(ip: IpAddr, ports: &RangeInclusive<u16>) -> io::Result<(TcpListener, SocketAddr)> {
    let count = u32::from(*ports.end()).saturating_sub(u32::from(*ports.start())) + 1;
    let first = fastrand::u32(0..count);
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for step in 0..count {
        let offset = u16::try_from((first + step) % count).expect("within a range of ports");
        match listen(SocketAddr::new(ip, ports.start() + offset)) {
            Ok(listening) => return Ok(listening),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn a_range_is_used_up_to_its_last_port() {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        // Other processes run this test, too.
        let first = 15_000 + u16::try_from(std::process::id() % 2000).unwrap() * 8;
        let ports = first..=first + 3;
        let all: Vec<_> = (0..4).map(|_| listen_within(ip, &ports).unwrap()).collect();
        let mut used: Vec<u16> = all.iter().map(|(_, address)| address.port()).collect();
        used.sort_unstable();
        assert_eq!(used, ports.clone().collect::<Vec<_>>());
        assert!(listen_within(ip, &ports).is_err());
        drop(all);
        assert!(listen_within(ip, &ports).is_ok());
        assert!(listen_within(ip, &(0..=0)).unwrap().1.port() != 0);
    }
}
