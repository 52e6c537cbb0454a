//! One session of the reference server, with sockets and a clock.
//!
//! Carries out what [`Session`] asks for and tells it what happened, as `reference::interface` demands. All of a session is
//! one task: where it ends, all its sockets do. It has no opinion about FTP.

use std::collections::VecDeque;
use std::future::pending;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::super::listen::{listen, listen_within};
use super::company::Company;
use super::now;
use crate::reference::{Input, Output, Session, World};

/// How long a reply may take to go out: to a client that never reads, nobody writes for ever.
const REPLY: Duration = Duration::from_secs(30);
/// How long a transfer may stand still.
const STALL: Duration = Duration::from_secs(60);
/// How long the server tries to connect to its client.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the client may take to close the control connection behind the last reply.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes that are read at once.
const CONTROL_BLOCK: usize = 8 * 1024;
const DATA_BLOCK: usize = 256 * 1024;

/// Serves one control connection up to its end; says whether the server's end cut a transfer off.
pub(super) async fn serve(world: Arc<Mutex<World>>, control: TcpStream, company: Option<Company>) -> io::Result<bool> {
    control.set_nodelay(true)?;
    // RFC 959 section 4.1.3: the Synch's DM is urgent, and is to be read where it stands.
    SockRef::from(&control).set_out_of_band_inline(true)?;
    let (local, peer) = (control.local_addr()?, control.peer_addr()?);
    let (session, idle_timeout, outputs) = {
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        let (session, outputs) = Session::open(&mut world, local, peer);
        (session, world.settings.idle_timeout, outputs)
    };
    let now = Instant::now();
    let mut driver = Driver {
        world,
        session,
        control,
        local: local.ip(),
        data: DataSide::default(),
        idle_timeout,
        awaited_until: None,
        progress: now,
        spoken: now,
        over: false,
        company,
        cut: false,
    };
    driver.carry_out(outputs).await;
    driver.run().await;
    let cut = driver.cut;
    driver.linger().await;
    Ok(cut)
}

struct Driver {
    world: Arc<Mutex<World>>,
    session: Session,
    control: TcpStream,
    /// The address that the control connection was made to.
    local: IpAddr,
    data: DataSide,
    idle_timeout: Duration,
    /// The end of the wait for a data connection.
    awaited_until: Option<Instant>,
    /// When a transfer last moved.
    progress: Instant,
    /// When the client last said something, or was last served.
    spoken: Instant,
    over: bool,
    /// Who watches, and ends it.
    company: Option<Company>,
    /// A transfer was cut off because the server ends.
    cut: bool,
}

impl Driver {
    async fn run(&mut self) {
        let mut line = vec![0; CONTROL_BLOCK];
        while !self.over {
            let deadline = self.deadline();
            // The control connection first: an ABOR must not wait behind a transfer that is always ready.
            let outputs = tokio::select! {
                biased;
                read = self.control.read(&mut line) => {
                    self.spoken = Instant::now();
                    match read {
                        Ok(len) if len > 0 => {
                            let len = self.read_behind_mark(&mut line, len);
                            if let Some(company) = &mut self.company {
                                company.dialogue.said(&line[..len]);
                            }
                            self.input(Input::Control(&line[..len]))
                        }
                        _ => self.input(Input::ControlClosed),
                    }
                }
                event = self.data.next(self.session.receives()) => self.data_event(event),
                () = sleep_until(deadline) => self.late(),
                () = Company::end_due(&mut self.company) => self.end_is_due(),
            };
            self.carry_out(outputs).await;
            if let Some(company) = &mut self.company {
                company.rests(self.session.is_busy());
            }
            if self.session.is_busy() {
                self.spoken = Instant::now();
            }
        }
    }

    /// Reads on where a read may have stopped at an urgent mark. The runtime takes a short read for a sign that there is no
    /// more, and would leave what stands behind the mark until something else comes.
    fn read_behind_mark(&self, line: &mut [u8], mut len: usize) -> usize {
        let socket = SockRef::from(&self.control);
        while let Ok(more @ 1..) = (&*socket).read(&mut line[len..]) {
            len += more;
        }
        len
    }

    fn input(&mut self, input: Input<'_>) -> Vec<Output> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        self.session.input(&mut world, input, now())
    }

    fn deadline(&self) -> Instant {
        match self.awaited_until {
            Some(until) => until,
            None if self.session.is_busy() => self.progress + STALL,
            None => self.spoken + self.idle_timeout,
        }
    }

    fn late(&mut self) -> Vec<Output> {
        (self.spoken, self.progress) = (Instant::now(), Instant::now());
        let input = if self.awaited_until.take().is_some() || self.session.is_busy() { Input::DataTimeout } else { Input::Idle };
        self.input(input)
    }

    /// The server ends, and this session with it where it does nothing or has no time left.
    fn end_is_due(&mut self) -> Vec<Output> {
        let busy = self.session.is_busy();
        if self.company.as_mut().is_some_and(|company| company.may_go_on(busy)) {
            return Vec::new();
        }
        self.cut = busy;
        self.input(Input::Ending)
    }

    fn data_event(&mut self, event: DataEvent) -> Vec<Output> {
        self.progress = Instant::now();
        if let (Some(company), DataEvent::Received(len) | DataEvent::Written { len, .. }) = (&mut self.company, &event) {
            company.dialogue.moved(*len);
        }
        match event {
            DataEvent::Open(peer) => {
                let outputs = self.input(Input::DataConnected { peer });
                // A stranger who is refused does not end the wait for the client.
                if !outputs.contains(&Output::Refuse) {
                    self.awaited_until = None;
                }
                outputs
            }
            DataEvent::Failed => {
                self.awaited_until = None;
                self.input(Input::DataFailed)
            }
            DataEvent::Received(len) => {
                let block = std::mem::take(&mut self.data.block);
                let outputs = self.input(Input::DataReceived(&block[..len]));
                self.data.block = block;
                outputs
            }
            DataEvent::Written { whole: true, .. } => self.input(Input::DataWritten),
            DataEvent::Written { whole: false, .. } => Vec::new(),
            DataEvent::Ended { clean } => {
                self.data.stream = None;
                self.input(Input::DataEnded { clean })
            }
        }
    }

    /// Does all that is asked for, in its order, and what is asked for in return.
    async fn carry_out(&mut self, outputs: Vec<Output>) {
        let mut pending = VecDeque::from(outputs);
        while let Some(output) = pending.pop_front() {
            if let (Some(company), Output::Reply(bytes)) = (&mut self.company, &output) {
                company.dialogue.answered(bytes, self.session.directory());
            }
            let answer = match output {
                Output::Reply(bytes) => match timeout(REPLY, self.control.write_all(&bytes)).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(_)) | Err(_) => {
                        // No further reply is tried; what else was asked for goes with the session.
                        pending.clear();
                        Input::ControlClosed
                    }
                },
                Output::Listen { ip, ports } => match self.data.listen(ip, ports) {
                    Ok(address) => Input::Listening(address),
                    Err(_) => Input::ListenFailed,
                },
                Output::FinishData => {
                    self.data.finish().await;
                    Input::DataFinished
                }
                other => {
                    self.carry_out_at_once(other);
                    continue;
                }
            };
            let outputs = self.input(answer);
            pending.extend(outputs);
        }
    }

    /// What needs neither time nor an answer.
    fn carry_out_at_once(&mut self, output: Output) {
        match output {
            Output::Unlisten => self.data.listener = None,
            Output::Connect(address) => self.data.connect(self.local, address),
            Output::Await(wait) => self.awaited_until = Some(Instant::now() + wait),
            Output::Refuse => self.data.stream = None,
            Output::Send(bytes) => {
                self.progress = Instant::now();
                self.data.sending = Some((bytes, 0));
            }
            Output::DropData => {
                self.awaited_until = None;
                self.data.drop_at_once();
            }
            Output::CloseControl => self.over = true,
            Output::Reply(_) | Output::Listen { .. } | Output::FinishData => unreachable!("carried out by the caller"),
        }
    }

    /// Ends the control connection so that the last reply arrives: a socket that is closed with unread bytes is reset.
    async fn linger(mut self) {
        self.data = DataSide::default();
        if self.control.shutdown().await.is_err() {
            return;
        }
        let until = Instant::now() + LINGER;
        let mut rest = vec![0; CONTROL_BLOCK];
        while let Ok(Ok(1..)) = timeout_at(until, self.control.read(&mut rest)).await {}
    }
}

/// What happens on the data side.
enum DataEvent {
    Open(SocketAddr),
    Failed,
    Received(usize),
    Written { len: usize, whole: bool },
    Ended { clean: bool },
}

type Connecting = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// The data connection, or the ways in which it may come to be.
#[derive(Default)]
struct DataSide {
    listener: Option<TcpListener>,
    connecting: Option<Connecting>,
    stream: Option<TcpStream>,
    /// A block on its way, and how much of it the socket has taken.
    sending: Option<(Vec<u8>, usize)>,
    /// Whether anything was sent over this stream.
    sent: bool,
    /// Where bytes are received.
    block: Vec<u8>,
}

impl DataSide {
    /// Waits for what comes next; dropping the future loses nothing.
    async fn next(&mut self, receives: bool) -> DataEvent {
        if let Some(connecting) = &mut self.connecting {
            let made = connecting.await;
            self.connecting = None;
            return self.opened(made.and_then(|stream| Ok((stream.peer_addr()?, stream))));
        }
        match (&mut self.stream, &mut self.sending) {
            (Some(stream), Some((bytes, done))) => match stream.write(&bytes[*done..]).await {
                Ok(len) => {
                    *done += len;
                    self.sent = true;
                    let whole = *done == bytes.len();
                    if whole {
                        self.sending = None;
                    }
                    DataEvent::Written { len, whole }
                }
                Err(_) => {
                    self.sending = None;
                    DataEvent::Ended { clean: false }
                }
            },
            (Some(stream), None) if receives => {
                self.block.resize(DATA_BLOCK, 0);
                match stream.read(&mut self.block).await {
                    Ok(0) => DataEvent::Ended { clean: true },
                    Ok(len) => DataEvent::Received(len),
                    Err(_) => DataEvent::Ended { clean: false },
                }
            }
            (None, _) => match &self.listener {
                Some(listener) => {
                    let accepted = listener.accept().await.map(|(stream, peer)| (peer, stream));
                    self.opened(accepted)
                }
                None => pending().await,
            },
            (Some(_), None) => pending().await,
        }
    }

    fn opened(&mut self, made: io::Result<(SocketAddr, TcpStream)>) -> DataEvent {
        match made.and_then(|(peer, stream)| stream.set_nodelay(true).map(|()| (peer, stream))) {
            Ok((peer, stream)) => {
                self.stream = Some(stream);
                self.sending = None;
                self.sent = false;
                DataEvent::Open(peer)
            }
            Err(_) => DataEvent::Failed,
        }
    }

    fn listen(&mut self, ip: IpAddr, ports: Option<std::ops::RangeInclusive<u16>>) -> io::Result<SocketAddr> {
        self.listener = None;
        let (listener, address) = match ports {
            Some(ports) => listen_within(ip, &ports),
            None => listen(SocketAddr::new(ip, 0)),
        }?;
        self.listener = Some(listener);
        Ok(address)
    }

    fn connect(&mut self, local: IpAddr, to: SocketAddr) {
        self.connecting = Some(Box::pin(async move {
            let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            if local.is_ipv4() == to.is_ipv4() {
                socket.bind(SocketAddr::new(local, 0))?;
            }
            timeout(CONNECT, socket.connect(to)).await?
        }));
    }

    /// Ends the connection behind all that was sent.
    async fn finish(&mut self) {
        self.sending = None;
        let Some(mut stream) = self.stream.take() else { return };
        // A connection that broke ends here, too.
        let _: io::Result<()> = stream.shutdown().await;
        // Bytes that nobody asked for would turn the close into a reset, and the reset would overtake what was sent.
        self.block.resize(DATA_BLOCK, 0);
        while let Ok(1..) = stream.try_read(&mut self.block) {}
    }

    /// Ends the connection at once. What is under way is lost, and the client sees a reset, not an end; where nothing was
    /// sent there is nothing that an end could be mistaken for.
    fn drop_at_once(&mut self) {
        self.connecting = None;
        self.sending = None;
        if let Some(stream) = self.stream.take()
            && self.sent
        {
            // Where the option is refused, the close is a plain one.
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
    }
}
