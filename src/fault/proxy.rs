//! A proxy that follows the data connections of any client and any server: PASV, EPSV, PORT and EPRT.
//!
//! It takes calls, calls the server, and passes on what both say, with faults. Where one side names a port, it listens in its place
//! and names its own. Where a client names an address that is not its own, or a port below 1024, the line passes as it is: whether
//! that is refused is the server's to say. It cannot follow what is said within TLS.

use std::fmt;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::follow::{Follower, Ports};
use super::lane::Lane;
use super::pipe::{self, Look, Way};
use super::queue;
use super::tap::{DataId, Ended, Tap};
use super::{Channel, Direction, Fault, Kind, Trigger};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// How long the other side may take to answer a call.
const CALL: Duration = Duration::from_secs(10);

/// Between two attempts to accept where there are no sockets left.
const SOCKETS: Duration = Duration::from_millis(20);

/// Commands that make a server call its client.
const TRANSFERS: [&str; 7] = ["RETR", "STOR", "STOU", "APPE", "LIST", "NLST", "MLSD"];

/// How a proxy is to be.
#[derive(Clone)]
pub struct Options {
    /// Where the server listens.
    pub upstream: SocketAddr,
    /// What happens to the bytes.
    pub faults: Vec<Fault>,
    /// All that is drawn by lot comes from it.
    pub seed: u64,
    /// Ports for data connections; any where there are none.
    pub ports: Option<RangeInclusive<u16>>,
    /// Both buffers of each socket have so many bytes; as the system wants where there is none. With small ones a side feels soon
    /// that the other does not read.
    pub buffers: Option<u32>,
    /// Who listens.
    pub tap: Option<Arc<dyn Tap>>,
}

impl Options {
    /// A proxy that changes nothing.
    #[must_use]
    pub fn new(upstream: SocketAddr) -> Self {
        Self { upstream, faults: Vec::new(), seed: 0, ports: None, buffers: None, tap: None }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("upstream", &self.upstream).field("faults", &self.faults).finish_non_exhaustive()
    }
}

/// A proxy that runs; it ends where it is dropped, with all its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Proxy {
    /// Starts one that listens here; port 0 lets the system pick. To be called within a runtime.
    ///
    /// # Errors
    /// Where nobody can listen there.
    pub fn start(listen: SocketAddr, options: Options) -> io::Result<Self> {
        let listener = bind(listen, options.buffers)?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        Ok(Self { address, accepting: tokio::spawn(accept(listener, Arc::new(options))) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it and all its connections, and waits until that is done.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // It was told to end: that it did is no news.
        drop((&mut self.accepting).await);
    }
}

/// A socket that is bound, with its options.
fn bind(address: SocketAddr, buffers: Option<u32>) -> io::Result<TcpSocket> {
    let socket = socket(address, buffers)?;
    socket.bind(address)?;
    Ok(socket)
}

fn socket(address: SocketAddr, buffers: Option<u32>) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port whose connection is over may be used again.
    socket.set_reuseaddr(true)?;
    if let Some(bytes) = buffers {
        socket.set_recv_buffer_size(bytes)?;
        socket.set_send_buffer_size(bytes)?;
    }
    Ok(socket)
}

/// Calls somebody, from an address of ours where one is named.
async fn call(address: SocketAddr, source: Option<IpAddr>, buffers: Option<u32>) -> io::Result<TcpStream> {
    let socket = socket(address, buffers)?;
    if let Some(ip) = source.filter(|ip| ip.is_ipv4() == address.is_ipv4()) {
        socket.bind(SocketAddr::new(ip, 0))?;
    }
    timeout(CALL, socket.connect(address)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Takes calls; a session each.
async fn accept(listener: TcpListener, options: Arc<Options>) {
    let mut sessions = JoinSet::new();
    let mut count = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    sessions.spawn(session(client, count, Arc::clone(&options)));
                    count += 1;
                }
                // Out of descriptors: no event tells when there are some again.
                Err(_) => sleep(SOCKETS).await,
            },
            Some(_) = sessions.join_next(), if !sessions.is_empty() => {}
        }
    }
}

/// What the tasks of a session share.
struct Session {
    number: usize,
    options: Arc<Options>,
    /// Where the client calls from, and where it has called.
    client: SocketAddr,
    here: SocketAddr,
    /// Where we call the server from.
    ours: SocketAddr,
    /// What was said that faults wait for.
    said: watch::Sender<Vec<Trigger>>,
    /// Turns true when the control connection is over: nobody is listened for any more.
    over: watch::Sender<bool>,
    /// Where the client listens, and where we do for it.
    active: Mutex<Option<(SocketAddr, Arc<TcpListener>)>>,
    /// One for each place where we listen.
    places: Mutex<JoinSet<()>>,
    connections: AtomicUsize,
}

async fn session(client: TcpStream, number: usize, options: Arc<Options>) {
    if let Some(time) = options.faults.iter().find_map(|fault| accepts_late(fault, Channel::Control)) {
        sleep(time).await;
    }
    let Ok(server) = call(options.upstream, None, options.buffers).await else { return pipe::reset(client) };
    let (Ok(peer), Ok(here), Ok(ours)) = (client.peer_addr(), client.local_addr(), server.local_addr()) else { return };
    let session = Arc::new(Session {
        number,
        client: peer,
        here,
        ours,
        said: watch::Sender::default(),
        over: watch::Sender::default(),
        active: Mutex::default(),
        places: Mutex::default(),
        connections: AtomicUsize::default(),
        options,
    });
    if let Some(tap) = &session.options.tap {
        tap.opened(number, peer);
    }
    let way = |direction| Way {
        lane: session.lane(Channel::Control, direction, 0),
        look: Lines { session: Arc::clone(&session), follower: Follower::new(direction), direction },
        said: session.said.subscribe(),
    };
    pipe::pair(client, server, way(Direction::Up), way(Direction::Down)).await;
    session.over.send_replace(true);
    // Transfers may outlive the control connection: how long is the server's to say.
    let mut places = std::mem::take(&mut *session.places.lock().unwrap_or_else(PoisonError::into_inner));
    while places.join_next().await.is_some() {}
}

fn accepts_late(fault: &Fault, channel: Channel) -> Option<Duration> {
    match fault.kind {
        Kind::Accept(time) if fault.channel.is_none_or(|own| own == channel) => Some(time),
        _ => None,
    }
}

/// Who calls whom on a data connection.
#[derive(Debug, Clone, Copy)]
enum Caller {
    /// The client calls; the server listens here.
    Client(SocketAddr),
    /// The server calls; the client listens here.
    Server(SocketAddr),
}

impl Session {
    /// A lane of its own for each connection and direction.
    fn lane(&self, channel: Channel, direction: Direction, connection: usize) -> Lane {
        let place = (self.number as u64) << 32 | (connection as u64) << 1 | u64::from(direction == Direction::Up);
        Lane::new(&self.options.faults, channel, direction, self.options.seed ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Remembers what was said, where a fault waits for it.
    fn note(&self, said: Vec<Trigger>) {
        for trigger in said {
            if matches!(&trigger, Trigger::Command(verb) if TRANSFERS.contains(&verb.as_str())) {
                self.refuse();
            }
            if self.options.faults.iter().any(|fault| fault.trigger == trigger) {
                self.said.send_modify(|all| all.push(trigger));
            }
        }
    }

    /// A client that no longer listens where it said refuses the server's call: so do we, as far as the system tells.
    fn refuse(&self) {
        let active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((client, listener)) = &*active
            && queue::listens(*client) == Some(false)
        {
            // From now on the system refuses calls.
            let _ = SockRef::from(&**listener).shutdown(Shutdown::Both);
        }
    }

    /// Listens for a data connection.
    fn listen(self: &Arc<Self>, ip: IpAddr, caller: Caller) -> Option<SocketAddr> {
        let any = 0..=0;
        let ports = self.options.ports.as_ref().unwrap_or(&any);
        let socket = ports.clone().find_map(|port| {
            // That two listen at one port, which this would allow, is refused when they listen.
            let socket = bind(SocketAddr::new(ip, port), self.options.buffers).ok()?;
            let address = socket.local_addr().ok()?;
            if self.options.faults.iter().any(|fault| fault.kind == Kind::Refuse) {
                return Some((address, Place::Closed(socket)));
            }
            Some((address, Place::Open(Arc::new(socket.listen(BACKLOG).ok()?))))
        });
        let (address, place) = socket?;
        if let (Caller::Server(client), Place::Open(listener)) = (caller, &place) {
            *self.active.lock().unwrap_or_else(PoisonError::into_inner) = Some((client, Arc::clone(listener)));
        }
        let (session, mut over) = (Arc::clone(self), self.over.subscribe());
        let serve = async move {
            match place {
                Place::Open(listener) => session.serve(listener, caller, over).await,
                // It is held until the end, so that nobody else takes the port.
                Place::Closed(_socket) => ended(&mut over).await,
            }
        };
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        while places.try_join_next().is_some() {}
        places.spawn(serve);
        Some(address)
    }

    /// Takes calls for a data connection until the control connection is over, or the other side no longer listens.
    async fn serve(self: Arc<Self>, listener: Arc<TcpListener>, caller: Caller, mut over: watch::Receiver<bool>) {
        let mut connections: JoinSet<bool> = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, from)) => drop(connections.spawn(Arc::clone(&self).connection(stream, from, caller))),
                    // It was told to refuse.
                    Err(error) if error.kind() == io::ErrorKind::InvalidInput => break,
                    Err(_) => sleep(SOCKETS).await,
                },
                Some(connected) = connections.join_next(), if !connections.is_empty() => {
                    if !connected.unwrap_or(false) {
                        break;
                    }
                }
                () = ended(&mut over) => break,
            }
        }
        self.active.lock().unwrap_or_else(PoisonError::into_inner).take_if(|(_, other)| Arc::ptr_eq(other, &listener));
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    /// One data connection. `false` where the other side did not answer.
    async fn connection(self: Arc<Self>, called: TcpStream, from: SocketAddr, caller: Caller) -> bool {
        let Options { faults, buffers, tap, .. } = &*self.options;
        if let Some(time) = faults.iter().find_map(|fault| accepts_late(fault, Channel::Data)) {
            sleep(time).await;
        }
        let stranger = faults.iter().find_map(|fault| if let Kind::Stranger(ip) = fault.kind { Some(ip) } else { None });
        // A stranger stays one, as far as we have his address.
        let same = |ip: IpAddr, known: SocketAddr, ours: SocketAddr| if ip == known.ip() { Some(ours.ip()) } else { Some(ip) };
        let (address, source) = match caller {
            Caller::Client(server) => (server, same(from.ip(), self.client, self.ours)),
            Caller::Server(client) => (client, same(from.ip(), self.options.upstream, self.here)),
        };
        let Ok(other) = call(address, stranger.or(source), *buffers).await else {
            pipe::reset(called);
            return false;
        };
        let (client, server) = match caller {
            Caller::Client(_) => (called, other),
            Caller::Server(_) => (other, called),
        };
        let id = DataId { session: self.number, data: self.connections.fetch_add(1, Ordering::Relaxed) };
        if let Some(tap) = tap {
            tap.data_opened(id);
        }
        let way = |direction| Way {
            lane: self.lane(Channel::Data, direction, id.data + 1),
            look: Payload { tap: tap.clone(), id, direction },
            said: self.said.subscribe(),
        };
        pipe::pair(client, server, way(Direction::Up), way(Direction::Down)).await;
        true
    }
}

/// Waits until the control connection is over.
async fn ended(over: &mut watch::Receiver<bool>) {
    // The sender lives as long as the session.
    drop(over.wait_for(|over| *over).await);
}

/// A port that is ours.
enum Place {
    Open(Arc<TcpListener>),
    Closed(TcpSocket),
}

/// Looks at the lines of one direction of a control connection.
struct Lines {
    session: Arc<Session>,
    follower: Follower,
    direction: Direction,
}

impl Look for Lines {
    fn look(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        if let Some(tap) = &self.session.options.tap {
            tap.control(self.session.number, self.direction, bytes);
        }
        let passed = self.follower.push(bytes, &mut &self.session);
        self.session.note(passed.said);
        Some(passed.bytes)
    }

    fn end(&mut self, how: Ended) -> Vec<u8> {
        if let Some(tap) = &self.session.options.tap {
            tap.control_ended(self.session.number, self.direction, how);
        }
        self.follower.finish()
    }
}

impl Ports for &Arc<Session> {
    fn passive(&mut self, server: SocketAddr) -> Option<SocketAddr> {
        let upstream = self.options.upstream.ip();
        // As every client behind address translation must: no server sends us elsewhere.
        let ip = if server.ip().is_loopback() && upstream.is_loopback() { server.ip() } else { upstream };
        self.listen(self.here.ip(), Caller::Client(SocketAddr::new(ip, server.port())))
    }

    fn extended_passive(&mut self, port: u16) -> Option<u16> {
        let server = SocketAddr::new(self.options.upstream.ip(), port);
        self.listen(self.here.ip(), Caller::Client(server)).map(|address| address.port())
    }

    fn active(&mut self, client: SocketAddr) -> Option<SocketAddr> {
        let own = client.ip() == self.client.ip() && client.port() >= 1024;
        if own { self.listen(self.ours.ip(), Caller::Server(client)) } else { None }
    }
}

/// Looks at one direction of a data connection.
struct Payload {
    tap: Option<Arc<dyn Tap>>,
    id: DataId,
    direction: Direction,
}

impl Look for Payload {
    fn look(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        if let Some(tap) = &self.tap {
            tap.data(self.id, self.direction, bytes);
        }
        None
    }

    fn end(&mut self, how: Ended) -> Vec<u8> {
        if let Some(tap) = &self.tap {
            tap.data_ended(self.id, self.direction, how);
        }
        Vec::new()
    }

    fn is_blind(&self) -> bool {
        self.tap.is_none()
    }
}
