//! A pair of sockets, and what passes between them with its faults.
//!
//! Each direction is a [`Lane`]'s; this part reads, waits, writes, and passes on how a side ended: FIN as FIN, RST as RST, urgent data
//! as urgent data. What is in the way of that: a stall or a write that the other side does not take is waited out before a reset of
//! this side is seen; and a single urgent byte is passed on when something comes behind it.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::time::Duration;

use bytes::Bytes;
use rustix::net::RecvFlags;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::lane::{Act, Lane};
use super::queue::Borders;
#[cfg(target_os = "linux")]
use super::splice::{self, Splice};
use super::tap::Ended;
use super::{Cut, Trigger};

/// Bytes in one read or write.
const BLOCK: usize = 256 * 1024;

/// How many bytes may be late at once.
const LATE: usize = 8 << 20;

/// Who looks at the bytes of one direction as they pass.
pub(super) trait Look: Send {
    /// What passes in their place; `None` for the bytes themselves.
    fn look(&mut self, bytes: &[u8]) -> Option<Vec<u8>>;

    /// This direction ended; what passes still.
    fn end(&mut self, how: Ended) -> Vec<u8>;

    /// Nobody looks, and nothing is ever in the place of the bytes.
    fn is_blind(&self) -> bool {
        false
    }
}

/// How one direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// FIN came and was passed on.
    Close,
    /// RST came.
    Reset,
    /// The other side takes no more.
    Broken,
    /// A fault ended it.
    Cut(Cut),
}

/// One direction: what is done to its bytes, and who looks at them.
pub(super) struct Way<L> {
    pub(super) lane: Lane,
    pub(super) look: L,
    /// What has been said that a fault waits for.
    pub(super) said: watch::Receiver<Vec<Trigger>>,
}

/// Passes bytes between a client and a server until both have ended; then both sockets are closed, or reset.
pub(super) async fn pair(client: TcpStream, server: TcpStream, up: Way<impl Look>, down: Way<impl Look>) {
    for stream in [&client, &server] {
        // Without it only the borders of segments suffer.
        let _ = stream.set_nodelay(true);
    }
    let over = {
        let (up, down) = (flow(&client, &server, up), flow(&server, &client, down));
        let (mut up, mut down) = (Box::pin(up), Box::pin(down));
        let (first, other) = tokio::select! {
            over = &mut up => (over, down as std::pin::Pin<Box<dyn Future<Output = Over> + Send>>),
            over = &mut down => (over, up as std::pin::Pin<Box<dyn Future<Output = Over> + Send>>),
        };
        match first {
            Over::Reset | Over::Cut(_) => first,
            // Whoever takes no more is dead or dying, and what it said before is still to be passed on.
            Over::Broken => {
                other.await;
                Over::Broken
            }
            Over::Close => other.await,
        }
    };
    match over {
        Over::Close => {}
        Over::Reset | Over::Broken | Over::Cut(Cut::Reset) => {
            reset(client);
            reset(server);
        }
        Over::Cut(Cut::Fin | Cut::Half) => {
            finish(&client);
            finish(&server);
        }
    }
}

/// Ends a connection with RST.
pub(super) fn reset(stream: TcpStream) {
    // Fails only where the connection is gone already.
    let _ = stream.set_zero_linger();
    drop(stream);
}

fn finish(stream: &TcpStream) {
    // Fails only where the connection is gone already, and then the next read says so.
    let _ = SockRef::from(stream).shutdown(Shutdown::Write);
}

/// What a read brought.
enum Chunk {
    Bytes(usize),
    Urgent(u8),
    End(Ended),
}

/// One side that is read.
struct Source<'a> {
    stream: &'a TcpStream,
    buffer: Vec<u8>,
    /// An urgent byte whose place in the stream has not been reached.
    urgent: Option<u8>,
}

impl Source<'_> {
    /// Cancelling loses nothing.
    async fn read(&mut self) -> Chunk {
        loop {
            if let Some(chunk) = self.now() {
                return chunk;
            }
            // An error of `readable` shows again at the next read.
            let _ = self.stream.readable().await;
        }
    }

    fn now(&mut self) -> Option<Chunk> {
        if self.urgent.is_none() {
            let mut byte = [0];
            if rustix::net::recv(self.stream, &mut byte, RecvFlags::OOB).is_ok_and(|(len, _)| len == 1) {
                self.urgent = Some(byte[0]);
            }
        }
        let mut room = self.buffer.len();
        if let Some(byte) = self.urgent {
            // A read never crosses the place of an urgent byte, and so far as this tells are the bytes before it.
            let before = rustix::io::ioctl_fionread(self.stream).unwrap_or(0);
            if before == 0 {
                self.urgent = None;
                return Some(Chunk::Urgent(byte));
            }
            room = room.min(usize::try_from(before).unwrap_or(room));
        }
        match self.stream.try_read(&mut self.buffer[..room]) {
            Ok(0) => Some(Chunk::End(Ended::Close)),
            Ok(len) => Some(Chunk::Bytes(len)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => None,
            Err(_) => Some(Chunk::End(Ended::Reset)),
        }
    }
}

/// The other side, that is written.
struct Sink<'a> {
    stream: &'a TcpStream,
    borders: Borders,
}

impl Sink<'_> {
    async fn write(&self, mut bytes: &[u8]) -> Result<(), Over> {
        while !bytes.is_empty() {
            match self.stream.try_write(bytes) {
                Ok(len) => bytes = &bytes[len..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // An error of `writable` shows again at the next write.
                    let _ = self.stream.writable().await;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Over::Broken),
            }
        }
        Ok(())
    }

    async fn urgent(&self, byte: u8) -> Result<(), Over> {
        let sent = self.stream.async_io(tokio::io::Interest::WRITABLE, || SockRef::from(self.stream).send_out_of_band(&[byte])).await;
        sent.map(drop).map_err(|_| Over::Broken)
    }

    async fn perform(&mut self, act: Act) -> Result<(), Over> {
        match act {
            Act::Send(bytes) => self.write(&bytes).await,
            Act::Urgent(byte) => self.urgent(byte).await,
            Act::Apart => {
                self.borders.keep().await;
                Ok(())
            }
            Act::Pause(time) => {
                sleep(time).await;
                Ok(())
            }
            Act::End(how) => Err(Over::Cut(how)),
        }
    }
}

/// One direction, until it ends.
async fn flow(from: &TcpStream, to: &TcpStream, mut way: Way<impl Look>) -> Over {
    #[cfg(target_os = "linux")]
    if way.lane.is_clear()
        && way.look.is_blind()
        && let Some(splice) = Splice::new()
    {
        let over = match splice.pass(from, to).await {
            splice::Over::Close => Over::Close,
            splice::Over::Reset => Over::Reset,
            splice::Over::Broken => Over::Broken,
        };
        if over == Over::Close {
            finish(to);
        }
        return over;
    }
    let mut source = Source { stream: from, buffer: vec![0; BLOCK], urgent: None };
    let mut sink = Sink { stream: to, borders: Borders::of(to) };
    let over = match way.lane.is_clear() {
        true => clear(&mut source, &sink, &mut way.look).await,
        false => faulty(&mut source, &mut sink, &mut way).await,
    };
    match over {
        Over::Close => finish(to),
        // What still comes in this direction is lost.
        Over::Cut(Cut::Half) => {
            finish(to);
            loop {
                match source.read().await {
                    Chunk::Bytes(_) | Chunk::Urgent(_) => {}
                    Chunk::End(Ended::Close) => return Over::Close,
                    Chunk::End(Ended::Reset) => return Over::Reset,
                }
            }
        }
        Over::Reset | Over::Broken | Over::Cut(_) => {}
    }
    over
}

/// A direction without faults.
async fn clear(source: &mut Source<'_>, sink: &Sink<'_>, look: &mut impl Look) -> Over {
    loop {
        let written = match source.read().await {
            Chunk::Bytes(len) => {
                let bytes = &source.buffer[..len];
                match look.look(bytes) {
                    Some(others) => sink.write(&others).await,
                    None => sink.write(bytes).await,
                }
            }
            Chunk::Urgent(byte) => sink.urgent(byte).await,
            Chunk::End(how) => {
                let rest = look.end(how);
                let over = if how == Ended::Reset { Over::Reset } else { Over::Close };
                return sink.write(&rest).await.err().unwrap_or(over);
            }
        };
        if let Err(over) = written {
            return over;
        }
    }
}

/// Acts that wait for their time, in order.
#[derive(Default)]
struct Late {
    acts: VecDeque<(Instant, Act)>,
    bytes: usize,
    last: Option<Instant>,
}

impl Late {
    fn push(&mut self, acts: Vec<Act>, delay: Duration) {
        let now = Instant::now() + delay;
        // None overtakes the one before it.
        let due = self.last.map_or(now, |last| last.max(now));
        self.last = Some(due);
        for act in acts {
            if let Act::Send(bytes) = &act {
                self.bytes += bytes.len();
            }
            self.acts.push_back((due, act));
        }
    }

    fn pop(&mut self) -> Option<Act> {
        let (_, act) = self.acts.pop_front()?;
        if let Act::Send(bytes) = &act {
            self.bytes -= bytes.len();
        }
        Some(act)
    }
}

/// A direction with faults.
async fn faulty(source: &mut Source<'_>, sink: &mut Sink<'_>, Way { lane, look, said }: &mut Way<impl Look>) -> Over {
    let (mut late, mut heard, mut deaf, mut ended) = (Late::default(), 0, false, None);
    let mut since = Instant::now();
    late.push(lane.start(), Duration::ZERO);
    said.mark_changed();
    loop {
        let due = late.acts.front().map(|(due, _)| *due);
        if let (None, Some(how)) = (due, ended) {
            return if how == Ended::Reset { Over::Reset } else { Over::Close };
        }
        let release = lane.holds().map(|patience| since + patience);
        tokio::select! {
            biased;
            changed = said.changed(), if !deaf => {
                deaf = changed.is_err();
                let new: Vec<Trigger> = said.borrow_and_update().iter().skip(heard).cloned().collect();
                heard += new.len();
                for trigger in &new {
                    late.push(lane.said(trigger), Duration::ZERO);
                }
            }
            () = until(due), if due.is_some() => {
                if let Some(act) = late.pop() && let Err(over) = sink.perform(act).await {
                    return over;
                }
            }
            () = until(release), if release.is_some() => late.push(lane.release(), Duration::ZERO),
            chunk = source.read(), if ended.is_none() && late.bytes < LATE => {
                let waited = lane.holds().is_some();
                let delay = lane.delay();
                match chunk {
                    Chunk::Bytes(len) => {
                        let bytes = &source.buffer[..len];
                        let bytes = look.look(bytes).map_or_else(|| Bytes::copy_from_slice(bytes), Bytes::from);
                        late.push(lane.feed(bytes), delay);
                    }
                    Chunk::Urgent(byte) => {
                        late.push(lane.release(), delay);
                        late.push(vec![Act::Urgent(byte)], delay);
                    }
                    Chunk::End(how) => {
                        ended = Some(how);
                        late.push(lane.feed(Bytes::from(look.end(how))), delay);
                        late.push(lane.release(), delay);
                    }
                }
                // Joined bytes wait since the first, others since the last.
                if !(waited && lane.joins()) {
                    since = Instant::now();
                }
            }
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) if time > Instant::now() => sleep_until(time).await,
        Some(_) => {}
        None => std::future::pending().await,
    }
}
