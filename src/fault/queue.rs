//! Whether the other end has taken what was sent: the only way to keep two segments apart in the server's reads.
//!
//! With `TCP_NODELAY` a write leaves as segments of its own, but a server that is slow to read finds two of them in one
//! read. On one machine the kernel tells how much each end has not read yet (Linux: sock_diag), and no event tells when
//! that changes; so this part asks again every millisecond, for split steps only. It asks for the two ends alone: the tables
//! in `/proc/net` are written out whole, and after a few runs they hold thousands of connections that are over.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

/// How often to ask before it is worth a pause.
const AT_ONCE: u32 = 8;

/// The longest wait at one border.
const BORDER: Duration = Duration::from_millis(20);

/// The longest wait at all borders of a connection.
const BORDERS: Duration = Duration::from_secs(5);

/// Waits until the server's end has read all that left ours. `false` where that cannot be shown: the server is not on
/// this machine, the system does not tell, or the deadline is over.
pub(crate) async fn taken(ours: SocketAddr, theirs: SocketAddr, until: Instant) -> bool {
    let mut asked = 0;
    loop {
        asked += 1;
        match (queues(ours, theirs), queues(theirs, ours)) {
            (Some(Queues { unsent: 0, .. }), Some(Queues { unread: 0, .. })) => return true,
            (Some(Queues { unsent: 0, .. }) | None, None) => return false,
            _ if Instant::now() >= until => return false,
            // A server that only waits for bytes has them within microseconds.
            _ if asked <= AT_ONCE => yield_now().await,
            _ => sleep(Duration::from_millis(1)).await,
        }
    }
}

/// Keeps the segments of one connection apart as long as that does not take too long: a server that does not read while it is busy
/// gets the rest at once, in segments that only `TCP_NODELAY` keeps apart.
#[derive(Debug)]
pub(crate) struct Borders {
    ends: Option<(SocketAddr, SocketAddr)>,
    left: Duration,
}

impl Borders {
    /// Between what leaves on this connection.
    pub(crate) fn of(stream: &TcpStream) -> Self {
        Self { ends: stream.local_addr().ok().zip(stream.peer_addr().ok()), left: BORDERS }
    }

    /// Waits until the other end has read what left so far; whether that could be shown.
    pub(crate) async fn keep(&mut self) -> bool {
        let Some((ours, theirs)) = self.ends else { return false };
        let began = Instant::now();
        let kept = taken(ours, theirs, began + BORDER.min(self.left)).await;
        self.left = self.left.saturating_sub(began.elapsed());
        kept
    }
}

/// Waits until the server's program has accepted a connection that the system has opened for it. `false` where that cannot
/// be shown.
pub(crate) async fn accepted(ours: SocketAddr, theirs: SocketAddr, until: Instant) -> bool {
    loop {
        match queues(theirs, ours) {
            Some(Queues { accepted: true, .. }) => return true,
            _ if Instant::now() >= until => return false,
            _ => sleep(Duration::from_millis(1)).await,
        }
    }
}

/// What one end of a connection holds, in bytes, and whether it is anybody's.
struct Queues {
    /// A program has it: the system's own end of a connection that waits to be accepted has no file.
    accepted: bool,
    /// Sent and not acknowledged, or not even sent.
    unsent: u32,
    /// Received, and not read by the program.
    unread: u32,
}

/// Whether somebody of this machine listens at an address; `None` where it is another machine's, or nobody tells.
pub(crate) fn listens(address: SocketAddr) -> Option<bool> {
    // Nobody calls from port 0, so that the kernel can only speak of a listener.
    let nobody = SocketAddr::new(address.ip(), 0);
    if !address.ip().is_loopback() { None } else { heard(address, nobody).map(|end| end.is_some()) }
}

/// What the end at `local` holds; `None` where there is no such connection, or nobody who tells.
fn queues(local: SocketAddr, remote: SocketAddr) -> Option<Queues> {
    // Where there is no such connection the kernel speaks of the listener that one would come to.
    heard(local, remote)?.filter(|(port, _)| *port == remote.port()).map(|(_, queues)| queues)
}

/// What the kernel says of the end at `local`, and the port of the other; `Some(None)` where it says that there is none.
#[cfg(target_os = "linux")]
fn heard(local: SocketAddr, remote: SocketAddr) -> Option<Option<(u16, Queues)>> {
    use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
    use netlink_packet_sock_diag::SockDiagMessage;
    use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
    use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
    use netlink_sys::{Socket, SocketAddr as Kernel, protocols::NETLINK_SOCK_DIAG};

    // An IPv4 connection may be one of an IPv6 socket; the kernel knows it by its IPv4 addresses.
    let (source, destination) = (local.ip().to_canonical(), remote.ip().to_canonical());
    let socket_id = SocketId {
        source_port: local.port(),
        destination_port: remote.port(),
        source_address: source,
        destination_address: destination,
        interface_id: 0,
        // Whatever its cookie is.
        cookie: [0xff; 8],
    };
    let request = InetRequest {
        family: if source.is_ipv4() { AF_INET } else { AF_INET6 },
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::all(),
        socket_id,
    };
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(SockDiagMessage::InetRequest(request)));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);

    let socket = Socket::new(NETLINK_SOCK_DIAG).ok()?;
    socket.send_to(&bytes, &Kernel::new(0, 0), 0).ok()?;
    // The answer is there when the request has been sent: the kernel gives it at once.
    let (answer, _) = socket.recv_from_full().ok()?;
    match NetlinkMessage::<SockDiagMessage>::deserialize(&answer).ok()?.payload {
        NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(end)) => {
            let queues = Queues { accepted: end.header.inode != 0, unsent: end.header.send_queue, unread: end.header.recv_queue };
            Some(Some((end.header.socket_id.destination_port, queues)))
        }
        NetlinkPayload::Error(error) if error.to_io().kind() == std::io::ErrorKind::NotFound => Some(None),
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn heard(_: SocketAddr, _: SocketAddr) -> Option<Option<(u16, Queues)>> {
    None
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Connects to a listener on `listen`, sends ten bytes, and reads them only later.
    fn check(listen: &str, connect: &str) {
        let listener = TcpListener::bind((listen, 0)).unwrap();
        let mut client = TcpStream::connect((connect, listener.local_addr().unwrap().port())).unwrap();
        let (ours, theirs) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
        assert!(!queues(theirs, ours).unwrap().accepted, "it waits to be accepted");
        let (mut server, peer) = listener.accept().unwrap();
        assert!(queues(theirs, ours).unwrap().accepted);
        client.write_all(b"0123456789").unwrap();
        assert_eq!((ours.port(), ours.ip()), (peer.port(), peer.ip().to_canonical()));
        assert_eq!(queues(theirs, ours).unwrap().unread, 10);
        server.read_exact(&mut [0; 10]).unwrap();
        let (near, far) = (queues(ours, theirs).unwrap(), queues(theirs, ours).unwrap());
        assert_eq!((near.unsent, near.unread, far.unsent, far.unread), (0, 0, 0, 0));
        drop((client, server));
        assert!(queues(theirs, "192.0.2.1:9".parse().unwrap()).is_none());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_tells_who_listens() {
        for ip in ["127.0.0.1", "::1"] {
            let listener = TcpListener::bind((ip, 0)).unwrap();
            let address = listener.local_addr().unwrap();
            assert_eq!(listens(address), Some(true));
            drop(listener);
            assert_eq!(listens(address), Some(false));
        }
        assert_eq!(listens("192.0.2.1:9".parse().unwrap()), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_tells_what_an_end_has_not_read() {
        check("127.0.0.1", "127.0.0.1");
        check("::1", "::1");
        check("::", "127.0.0.1");
    }
}
