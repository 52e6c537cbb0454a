//! One direction of one connection, as a pure machine: bytes in, acts out.
//!
//! Knows no clock and no socket: where time passes it says how much. All that is drawn by lot comes from a seed.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fastrand::Rng;

use super::{Channel, Cut, Direction, Fault, Kind, Slice, Trigger};

/// How many bytes at each edge of what is sent on a data connection leave one by one with [`Slice::Ones`].
pub const EDGE: usize = 4096;

/// How long the last bytes wait for others behind them before they count as the end.
const REST: Duration = Duration::from_millis(20);

/// The longest of the segments that are drawn by lot: what one segment holds on an Ethernet.
const SEGMENT: usize = 1460;

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Send these bytes in one write.
    Send(Bytes),
    /// Send this byte as urgent data.
    Urgent(u8),
    /// Wait until the other end has read what was sent, so that the next bytes come to it in another read.
    Apart,
    /// Do nothing for so long.
    Pause(Duration),
    /// End the connection, or this direction of it. No act follows.
    End(Cut),
}

/// A fault that has not happened yet.
#[derive(Debug, Clone)]
struct Waiting {
    kind: Kind,
    trigger: Trigger,
}

/// One direction of one connection.
#[derive(Debug, Clone)]
pub struct Lane {
    channel: Channel,
    rng: Rng,
    waiting: Vec<Waiting>,
    latency: Option<(Duration, Duration)>,
    rate: Option<u64>,
    join: Option<Duration>,
    slice: Option<Slice>,
    /// Bytes that have passed, as they came.
    passed: u64,
    /// Bytes that still leave one by one because they are the first.
    edge: usize,
    /// The next byte becomes another one.
    flip: bool,
    /// Bytes that wait for others.
    held: BytesMut,
    /// The last bytes that passed, where some of them may come twice.
    last: VecDeque<u8>,
    remember: usize,
    ended: bool,
    acts: Vec<Act>,
}

impl Lane {
    /// The faults of this direction of such a connection.
    #[must_use]
    pub fn new(faults: &[Fault], channel: Channel, direction: Direction, seed: u64) -> Self {
        let mut lane = Self {
            channel,
            rng: Rng::with_seed(seed),
            waiting: Vec::new(),
            latency: None,
            rate: None,
            join: None,
            slice: None,
            passed: 0,
            edge: EDGE,
            flip: false,
            held: BytesMut::new(),
            last: VecDeque::new(),
            remember: 0,
            ended: false,
            acts: Vec::new(),
        };
        for fault in faults.iter().filter(|fault| fault.is_about(channel, direction)) {
            match (&fault.kind, &fault.trigger) {
                (Kind::Latency { base, jitter }, _) => lane.latency = Some((*base, *jitter)),
                (Kind::Rate(rate), _) => lane.rate = Some((*rate).max(1)),
                (Kind::Join(time), _) => lane.join = Some(*time),
                (Kind::Slice(way), Trigger::Start) => lane.slice = Some(*way),
                (Kind::Accept(_) | Kind::Refuse | Kind::Stranger(_), _) => {}
                (Kind::Duplicate(len), _) => {
                    lane.remember = lane.remember.max(*len);
                    lane.wait(fault);
                }
                (Kind::Slice(_) | Kind::Cut(_) | Kind::Stall(_) | Kind::Corrupt, _) => lane.wait(fault),
            }
        }
        lane
    }

    fn wait(&mut self, fault: &Fault) {
        // What happens from the start happens before the first byte.
        let trigger = if fault.trigger == Trigger::Start { Trigger::Byte(0) } else { fault.trigger.clone() };
        self.waiting.push(Waiting { kind: fault.kind.clone(), trigger });
    }

    /// Whether bytes pass as they are, now and later.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.waiting.is_empty()
            && self.latency.is_none()
            && self.rate.is_none()
            && self.join.is_none()
            && self.slice.is_none()
            && !self.flip
    }

    /// By how much what comes now is late.
    pub fn delay(&mut self) -> Duration {
        let Some((base, jitter)) = self.latency else { return Duration::ZERO };
        base + jitter.mul_f64(self.rng.f64())
    }

    /// Something begins: its first bytes are an edge.
    pub fn begin(&mut self) {
        self.edge = EDGE;
    }

    /// Before any byte has come.
    pub fn start(&mut self) -> Vec<Act> {
        self.reach(0);
        std::mem::take(&mut self.acts)
    }

    /// Bytes come in.
    pub fn feed(&mut self, mut bytes: Bytes) -> Vec<Act> {
        self.reach(0);
        while !bytes.is_empty() && !self.ended {
            let at = |waiting: &Waiting| if let Trigger::Byte(at) = waiting.trigger { Some(at - self.passed) } else { None };
            let next = self.waiting.iter().filter_map(at).min().and_then(|next| usize::try_from(next).ok());
            let some = bytes.split_to(next.map_or(bytes.len(), |next| next.min(bytes.len())));
            self.passed += some.len() as u64;
            self.emit(some);
            self.reach(self.passed);
        }
        std::mem::take(&mut self.acts)
    }

    /// A command was sent, or a reply.
    pub fn said(&mut self, what: &Trigger) -> Vec<Act> {
        self.happen(|trigger| trigger == what);
        std::mem::take(&mut self.acts)
    }

    /// How long what is held may wait since the last byte came; `None` where nothing is held.
    #[must_use]
    pub fn holds(&self) -> Option<Duration> {
        (!self.held.is_empty()).then(|| self.join.unwrap_or(REST))
    }

    /// Whether what is held waits since its first byte, and not since its last.
    #[must_use]
    pub fn joins(&self) -> bool {
        self.join.is_some()
    }

    /// What is held waits no longer: it was the end, or the time is over.
    pub fn release(&mut self) -> Vec<Act> {
        self.let_go();
        std::mem::take(&mut self.acts)
    }

    /// What happens once so many bytes have passed.
    fn reach(&mut self, passed: u64) {
        self.happen(|trigger| matches!(trigger, Trigger::Byte(at) if *at <= passed));
    }

    fn happen(&mut self, now: impl Fn(&Trigger) -> bool) {
        let (happens, waits) = std::mem::take(&mut self.waiting).into_iter().partition(|waiting: &Waiting| now(&waiting.trigger));
        self.waiting = waits;
        let happens: Vec<Waiting> = happens;
        for waiting in happens {
            if self.ended {
                return;
            }
            match waiting.kind {
                Kind::Cut(how) => {
                    self.let_go();
                    self.acts.push(Act::End(how));
                    self.ended = true;
                }
                Kind::Stall(time) => {
                    self.let_go();
                    self.acts.push(Act::Pause(time));
                }
                Kind::Corrupt => self.flip = true,
                Kind::Duplicate(len) => {
                    let again: Bytes = self.last.iter().skip(self.last.len().saturating_sub(len)).copied().collect();
                    self.emit(again);
                }
                Kind::Slice(way) => {
                    self.let_go();
                    self.slice = Some(way);
                    self.edge = EDGE;
                }
                Kind::Latency { .. } | Kind::Rate(_) | Kind::Join(_) | Kind::Accept(_) | Kind::Refuse | Kind::Stranger(_) => {}
            }
        }
    }

    /// Whether the last bytes wait to be known as the last.
    fn keeps_the_end(&self) -> bool {
        self.channel == Channel::Data && self.slice == Some(Slice::Ones)
    }

    fn emit(&mut self, mut bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        if self.flip {
            self.flip = false;
            let mut other = BytesMut::from(&bytes[..]);
            other[0] ^= 1 << self.rng.u8(..8);
            bytes = other.freeze();
        }
        if self.remember > 0 {
            self.last.extend(&bytes);
            self.last.drain(..self.last.len().saturating_sub(self.remember));
        }
        if self.join.is_some() {
            self.held.extend_from_slice(&bytes);
            return;
        }
        if !self.keeps_the_end() {
            self.segments(bytes);
            return;
        }
        let first = bytes.split_to(self.edge.min(bytes.len()));
        self.edge -= first.len();
        self.one_by_one(&first);
        // Behind the first edge: all but the last 4 KiB is no edge.
        if bytes.len() >= EDGE {
            let held = self.held.split().freeze();
            self.send(held);
            let middle = bytes.split_to(bytes.len() - EDGE);
            self.send(middle);
        } else if let Some(over) = (self.held.len() + bytes.len()).checked_sub(EDGE) {
            let middle = self.held.split_to(over).freeze();
            self.send(middle);
        }
        self.held.extend_from_slice(&bytes);
    }

    /// Sends what was held.
    fn let_go(&mut self) {
        let held = self.held.split().freeze();
        if self.keeps_the_end() && self.join.is_none() {
            self.one_by_one(&held);
        } else {
            self.segments(held);
        }
    }

    fn one_by_one(&mut self, bytes: &Bytes) {
        for at in 0..bytes.len() {
            self.send(bytes.slice(at..=at));
            self.acts.push(Act::Apart);
        }
    }

    fn segments(&mut self, mut bytes: Bytes) {
        match self.slice {
            None => self.send(bytes),
            Some(Slice::Ones) => self.one_by_one(&bytes),
            Some(Slice::Random) => {
                while !bytes.is_empty() {
                    let len = self.rng.usize(1..=SEGMENT).min(bytes.len());
                    let segment = bytes.split_to(len);
                    self.send(segment);
                    self.acts.push(Act::Apart);
                }
            }
            Some(Slice::LineEnd) => {
                while let Some(at) = bytes.iter().position(|byte| *byte == b'\r') {
                    let segment = bytes.split_to(at + 1);
                    self.send(segment);
                    self.acts.push(Act::Apart);
                }
                self.send(bytes);
            }
        }
    }

    fn send(&mut self, mut bytes: Bytes) {
        let Some(rate) = self.rate else {
            if !bytes.is_empty() {
                self.acts.push(Act::Send(bytes));
            }
            return;
        };
        // 20 pieces a second.
        let piece = usize::try_from(rate / 20).unwrap_or(usize::MAX).max(1);
        while !bytes.is_empty() {
            let some = bytes.split_to(piece.min(bytes.len()));
            let time = Duration::from_nanos(some.len() as u64 * 1_000_000_000 / rate);
            self.acts.extend([Act::Send(some), Act::Pause(time)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lane(words: &[&str], channel: Channel) -> Lane {
        let faults: Vec<Fault> = words.iter().map(|word| word.parse().unwrap()).collect();
        Lane::new(&faults, channel, Direction::Up, 7)
    }

    /// What is done with these chunks, in short: `abc`, `|` for apart, `~` for a pause, `!` for an end.
    fn shown(lane: &mut Lane, chunks: &[&str]) -> String {
        let mut acts = lane.start();
        for chunk in chunks {
            acts.extend(lane.feed(Bytes::copy_from_slice(chunk.as_bytes())));
            acts.push(Act::Send(Bytes::from_static(b" ")));
        }
        acts.extend(lane.release());
        let show = |act: &Act| match act {
            Act::Send(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Act::Urgent(_) => "^".to_owned(),
            Act::Apart => "|".to_owned(),
            Act::Pause(_) => "~".to_owned(),
            Act::End(_) => "!".to_owned(),
        };
        acts.iter().map(show).collect()
    }

    fn check(words: &[&str], chunks: &[&str], expect: &str) {
        assert_eq!(shown(&mut lane(words, Channel::Control), chunks), expect, "{words:?}");
    }

    #[test]
    fn each_fault_does_what_it_says() {
        check(&[], &["abc", "def"], "abc def ");
        check(&["down:slice", "data:slice"], &["abc"], "abc ");
        check(&["slice"], &["abc"], "a|b|c| ");
        check(&["slice@2"], &["abc", "de"], "abc| d|e| ");
        check(&["slice=crlf"], &["ab\r\ncd\r", "\ne"], "ab\r|\ncd\r| \ne ");
        check(&["cut=rst@2"], &["abc", "d"], "ab!  ");
        check(&["cut=fin@3"], &["abc"], "abc! ");
        check(&["cut=half"], &["abc"], "! ");
        check(&["stall=1s@4"], &["abc", "def"], "abc d~ef ");
        check(&["join=1s"], &["ab", "cd"], "  abcd");
        check(&["duplicate=2@3"], &["ab", "cd"], "ab cbcd ");
        check(&["rate=20B/s"], &["abc"], "a~b~c~ ");
        check(&["slice", "stall=1s@1"], &["ab"], "a|~b| ");
    }

    #[test]
    fn one_bit_of_one_byte_is_another() {
        let text = shown(&mut lane(&["corrupt@3"], Channel::Control), &["abcdef"]);
        let differ: Vec<usize> = text.chars().zip("abcdef ".chars()).enumerate().filter(|(_, (a, b))| a != b).map(|(at, _)| at).collect();
        assert_eq!(differ, [3]);
    }

    #[test]
    fn what_is_said_makes_it_happen() {
        let mut lane = lane(&["cut=rst@command:RETR", "stall=1s@reply:150"], Channel::Data);
        assert_eq!(lane.said(&Trigger::Command("STOR".into())), []);
        assert_eq!(lane.said(&Trigger::Reply(150)), [Act::Pause(Duration::from_secs(1))]);
        assert_eq!(lane.said(&Trigger::Reply(150)), []);
        assert_eq!(lane.said(&Trigger::Command("RETR".into())), [Act::End(Cut::Reset)]);
        assert_eq!(lane.feed(Bytes::from_static(b"a")), []);
    }

    #[test]
    fn on_data_the_edges_leave_one_by_one() {
        let (mut lane, len) = (lane(&["slice"], Channel::Data), 100_000);
        let mut acts = Vec::new();
        for _ in 0..10 {
            acts.extend(lane.feed(Bytes::from(vec![b'x'; len / 10])));
        }
        let before = acts.iter().filter(|act| matches!(act, Act::Send(bytes) if bytes.len() == 1)).count();
        assert_eq!(before, EDGE);
        acts.extend(lane.release());
        let ones: Vec<bool> =
            acts.iter().filter_map(|act| if let Act::Send(bytes) = act { Some(bytes.len() == 1) } else { None }).collect();
        assert!(ones[..EDGE].iter().chain(&ones[ones.len() - EDGE..]).all(|one| *one));
        assert_eq!(ones.iter().filter(|one| **one).count(), 2 * EDGE);
        let sent: usize = acts.iter().map(|act| if let Act::Send(bytes) = act { bytes.len() } else { 0 }).sum();
        assert_eq!(sent, len);
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_or_moved(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9000), 0..6),
            word in prop::sample::select(vec!["slice", "slice=random", "slice=crlf", "join=1s", "rate=100KiB/s", "stall=1s@5000", "slice@3000"]),
            channel in prop::sample::select(vec![Channel::Control, Channel::Data]),
            seed in any::<u64>(),
        ) {
            let faults = [word.parse().unwrap()];
            let mut lane = Lane::new(&faults, channel, Direction::Down, seed);
            let mut acts = lane.start();
            for chunk in &chunks {
                acts.extend(lane.feed(Bytes::copy_from_slice(chunk)));
            }
            acts.extend(lane.release());
            let sent: Vec<u8> = acts.iter().flat_map(|act| if let Act::Send(bytes) = act { bytes.to_vec() } else { Vec::new() }).collect();
            prop_assert_eq!(sent, chunks.concat());
            let mut again = Lane::new(&faults, channel, Direction::Down, seed);
            let mut same = again.start();
            chunks.iter().for_each(|chunk| same.extend(again.feed(Bytes::copy_from_slice(chunk))));
            same.extend(again.release());
            prop_assert_eq!(acts, same);
        }
    }
}
