//! A relay between a client and an FTP server that counts what goes over data connections, and stops it after so many bytes: what a
//! test needs to cut a transfer at a place that it knows.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use ftpspec::ftp::address::{format_227, format_229, parse_227, parse_229};

/// Much more than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// What happens once so many bytes went over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// Nothing goes on; behind [`Proxy::go_on`] the data connection is over.
    Stall,
    /// Nothing goes on until [`Proxy::go_on`].
    Hold,
    /// All connections of the client end.
    Cut,
}

/// The relay.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    stalled: Receiver<()>,
}

struct Shared {
    server: SocketAddr,
    at: At,
    /// Bytes that may still go over before the next stop; then the next number counts.
    plan: Mutex<Vec<u64>>,
    moved: AtomicU64,
    stops: AtomicU64,
    /// All sockets towards clients.
    clients: Mutex<Vec<TcpStream>>,
    told: Mutex<Sender<()>>,
    /// What was held goes on.
    released: (Mutex<bool>, Condvar),
}

impl Proxy {
    /// Stops after each of these numbers of bytes, one after the other.
    pub(super) fn new(server: SocketAddr, at: At, mut plan: Vec<u64>) -> Self {
        plan.reverse();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, stalled) = channel();
        let shared = Arc::new(Shared {
            server,
            at,
            plan: Mutex::new(plan),
            moved: AtomicU64::new(0),
            stops: AtomicU64::new(0),
            clients: Mutex::default(),
            told: Mutex::new(tell),
            released: (Mutex::new(false), Condvar::new()),
        });
        let theirs = Arc::clone(&shared);
        thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(|client| control(&theirs, client)));
        Self { address, shared, stalled }
    }

    /// Waits until a transfer stands still.
    pub(super) fn stalled(&self) {
        self.stalled.recv_timeout(LONG).expect("the transfer comes to the place where it is stopped");
    }

    /// Lets go on what stands still.
    pub(super) fn go_on(&self) {
        *self.shared.released.0.lock().unwrap() = true;
        self.shared.released.1.notify_all();
    }

    /// Bytes that went over data connections.
    pub(super) fn moved(&self) -> u64 {
        self.shared.moved.load(Ordering::SeqCst)
    }

    /// How often it stopped a transfer.
    pub(super) fn stops(&self) -> u64 {
        self.shared.stops.load(Ordering::SeqCst)
    }
}

/// Relays one control connection.
fn control(shared: &Arc<Shared>, client: TcpStream) {
    let Ok(server) = TcpStream::connect(shared.server) else { return };
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    shared.clients.lock().unwrap().push(client.try_clone().unwrap());
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        let mut client = client;
        let mut lines = BufReader::new(server);
        let mut line = Vec::new();
        while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
            if client.write_all(&redirected(&shared, &line)).is_err() {
                break;
            }
            line.clear();
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = lines.get_ref().shutdown(Shutdown::Both);
    });
}

/// A reply that leads to the server's data port leads to one of ours.
fn redirected(shared: &Arc<Shared>, line: &[u8]) -> Vec<u8> {
    let text = line.get(4..).unwrap_or_default();
    let port = match line.get(..4) {
        Some(b"227 ") => parse_227(text).map(|address| address.port()),
        Some(b"229 ") => parse_229(text),
        _ => None,
    };
    let Some(port) = port else { return line.to_vec() };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let ours = listener.local_addr().unwrap().port();
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        let Ok((client, _)) = listener.accept() else { return };
        let Ok(server) = TcpStream::connect(SocketAddr::new(shared.server.ip(), port)) else { return };
        shared.clients.lock().unwrap().push(client.try_clone().unwrap());
        let (up, down) = ((client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client));
        let theirs = Arc::clone(&shared);
        thread::spawn(move || data(&theirs, up.0, up.1));
        data(&shared, down.0, down.1);
    });
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, ours);
    let text = if line.starts_with(b"227") { format_227(address) } else { format_229(ours) };
    format!("{} {text}\r\n", if line.starts_with(b"227") { "227" } else { "229" }).into_bytes()
}

/// Relays one direction of a data connection.
fn data(shared: &Shared, mut from: TcpStream, mut to: TcpStream) {
    let mut block = vec![0; 32 * 1024];
    while let Ok(len @ 1..) = from.read(&mut block) {
        let (take, stop) = shared.take(len as u64);
        if to.write_all(&block[..take]).is_err() {
            break;
        }
        shared.moved.fetch_add(take as u64, Ordering::SeqCst);
        if stop {
            shared.stops.fetch_add(1, Ordering::SeqCst);
            match shared.at {
                At::Stall => {
                    shared.wait();
                    let _ = to.shutdown(Shutdown::Both);
                    return;
                }
                At::Hold => {
                    shared.wait();
                    if to.write_all(&block[take..len]).is_err() {
                        break;
                    }
                }
                At::Cut => {
                    shared.cut();
                    // What was read and not written must not be followed by more.
                    let _ = to.shutdown(Shutdown::Both);
                    return;
                }
            }
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

impl Shared {
    /// How many of these bytes may go over, and whether that is the end.
    fn take(&self, len: u64) -> (usize, bool) {
        let mut plan = self.plan.lock().unwrap();
        let Some(left) = plan.last_mut() else { return (usize::try_from(len).unwrap(), false) };
        let take = len.min(*left);
        *left -= take;
        let stop = *left == 0;
        if stop {
            plan.pop();
        }
        (usize::try_from(take).unwrap(), stop)
    }

    /// Tells that a transfer stands still, and waits until somebody lets it go on.
    fn wait(&self) {
        let _ = self.told.lock().unwrap().send(());
        let released = self.released.0.lock().unwrap();
        drop(self.released.1.wait_while(released, |released| !*released).unwrap());
    }

    /// Ends all connections of clients at once.
    fn cut(&self) {
        for client in self.clients.lock().unwrap().drain(..) {
            // A reset would throw away what the client has not read, and nobody could tell how much that is.
            let _ = client.shutdown(Shutdown::Both);
        }
    }
}
