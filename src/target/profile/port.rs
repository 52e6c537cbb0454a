//! A port for a program that can only be given a number.
//!
//! Responsible for that nobody else gets that number by chance: it is reserved until the program listens. Does not start
//! anything.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// Ports that are tried for one that is free on both addresses.
const TRIES: usize = 100;

/// A port that the system gives to nobody: a socket is bound to it on 127.0.0.1 and, where there is IPv6, on ::1.
///
/// The sockets do not listen, and allow that another is bound beside them by one who asks for just this port and sets
/// `SO_REUSEADDR`, as servers do that want to be started again at once. Who lets the system pick, or calls somebody, gets
/// another port.
#[derive(Debug)]
pub(super) struct Reserved {
    pub(super) port: u16,
    _sockets: Vec<Socket>,
}

impl Reserved {
    /// Reserves a free port.
    ///
    /// # Errors
    /// Where there is none, or no socket.
    pub(super) fn new() -> io::Result<Self> {
        for _ in 0..TRIES {
            let v4 = bound((Ipv4Addr::LOCALHOST, 0).into())?;
            let port = v4.local_addr()?.as_socket().map_or(0, |address| address.port());
            match bound((Ipv6Addr::LOCALHOST, port).into()) {
                Ok(v6) => return Ok(Self { port, _sockets: vec![v4, v6] }),
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                // There is no IPv6 here.
                Err(_) => return Ok(Self { port, _sockets: vec![v4] }),
            }
        }
        Err(ErrorKind::AddrInUse.into())
    }
}

/// Whether somebody holds this port: a server that was given it cannot have it.
pub(super) fn is_taken(port: u16) -> bool {
    let taken = |ip: SocketAddr| std::net::TcpListener::bind(ip).is_err_and(|error| error.kind() == ErrorKind::AddrInUse);
    taken((Ipv4Addr::LOCALHOST, port).into()) || taken((Ipv6Addr::LOCALHOST, port).into())
}

fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_reserved_port_is_for_who_asks_for_it() {
        let reserved = Reserved::new().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, reserved.port));
        assert!(TcpStream::connect(address).is_err());
        // The standard library sets SO_REUSEADDR.
        let listener = TcpListener::bind(address).unwrap();
        TcpStream::connect(address).unwrap();
        assert!(is_taken(reserved.port));
        // Another one is noticed, and the reservation does not hide it.
        assert_eq!(TcpListener::bind(address).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(listener);
        assert!(!is_taken(reserved.port));
    }

    #[test]
    fn the_system_gives_a_reserved_port_to_nobody() {
        let reserved: Vec<_> = (0..50).map(|_| Reserved::new().unwrap()).collect();
        let mut ports: Vec<u16> = reserved.iter().map(|reserved| reserved.port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 50);
        let others: Vec<_> = (0..500).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
        assert!(others.iter().all(|other| ports.binary_search(&other.local_addr().unwrap().port()).is_err()));
    }
}
