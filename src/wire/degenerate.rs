//! Servers for the tests of this part: one connection, played by a closure in a thread of its own.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::SockRef;

use super::control::ControlConnection;
use super::data::DataConnection;

/// What never needs to be waited for in full.
pub(super) const LONG: Duration = Duration::from_secs(20);
/// What is waited for in full.
pub(super) const SHORT: Duration = Duration::from_millis(50);

/// 127.0.0.1, and ::1 where this machine has it.
pub(super) fn loopbacks() -> Vec<IpAddr> {
    let all = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    all.into_iter().filter(|ip| ip.is_ipv4() || TcpListener::bind((*ip, 0)).is_ok()).collect()
}

pub(super) struct Server<T> {
    pub(super) address: SocketAddr,
    thread: JoinHandle<T>,
}

impl<T> Server<T> {
    /// Waits for the closure's end.
    pub(super) fn join(self) -> T {
        self.thread.join().unwrap()
    }
}

pub(super) fn serve_on<T: Send + 'static>(ip: IpAddr, play: impl FnOnce(TcpStream) -> T + Send + 'static) -> Server<T> {
    let listener = TcpListener::bind((ip, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        play(stream)
    });
    Server { address, thread }
}

pub(super) async fn control<T: Send + 'static>(play: impl FnOnce(TcpStream) -> T + Send + 'static) -> (ControlConnection, Server<T>) {
    let server = serve_on(loopbacks()[0], play);
    let connection = ControlConnection::connect(server.address, LONG).await.unwrap().ok().unwrap();
    (connection, server)
}

pub(super) async fn data<T: Send + 'static>(
    small_buffers: bool,
    play: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (DataConnection, Server<T>) {
    let server = serve_on(loopbacks()[0], play);
    let connection = DataConnection::connect(server.address, LONG, small_buffers).await.unwrap().ok().unwrap();
    (connection, server)
}

/// Reads up to the end.
pub(super) fn read_all(mut stream: &TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).map(|_| bytes)
}

/// Sends RST.
pub(super) fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}
