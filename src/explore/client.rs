//! A session with the real server: what an operation says, sends and reads. No opinion on what comes.

use std::net::SocketAddr;
use std::time::Duration;

use super::compare::{Ending, Seen};
use super::expect::{Brings, Expectation};
use super::model::line;
use super::operation::{Cut, CutKind, Operation, What};
use crate::ftp::content::Content;
use crate::ftp::observe::Observer;
use crate::ftp::reply::Reply;
use crate::ftp::transcript::Observed;
use crate::scenario::model::Way;
use crate::target::Account;
use crate::wire::control::{ControlConnection, Received};
use crate::wire::data::{DataConnection, DataEvent, Until};
use crate::wire::opening::{passive_address, passive_line};
use crate::wire::stream::Connect;

/// A listing is kept up to here.
const LISTING: usize = 1 << 20;
/// How long a stalled transfer stands still.
const STALL: Duration = Duration::from_millis(15);
/// How long a server may take to end a download before it is thought to wait for our end.
const PROMPT: Duration = Duration::from_millis(150);
/// How long a reply that is missing is waited for, where the one behind it came.
const LATE: Duration = Duration::from_secs(1);

/// A control connection and who it belongs to.
#[derive(Debug)]
pub(super) struct Client {
    address: SocketAddr,
    account: Account,
    way: Way,
    /// How long a reply may take.
    deadline: Duration,
    control: Option<ControlConnection>,
    /// The server's last word on a download comes though we have not closed.
    prompt: bool,
    /// The codes of the replies that came.
    pub(super) codes: Vec<u16>,
}

/// What came in place of an end.
#[derive(Debug)]
struct Broken(String, bool);

impl From<Broken> for Ending {
    fn from(Broken(told, silent): Broken) -> Self {
        Self::Broken(told, silent)
    }
}

/// How a transfer began.
enum Begun {
    Open(DataConnection),
    Ended(Ending),
}

/// What is read from a data connection.
struct Read {
    data: Observed,
    event: DataEvent,
    /// Still open on our side.
    connection: DataConnection,
}

impl Client {
    pub(super) fn new(address: SocketAddr, account: Account, way: Way, deadline: Duration) -> Self {
        Self { address, account, way, deadline, control: None, prompt: true, codes: Vec::new() }
    }

    /// Whether there is a control connection.
    pub(super) fn is_open(&self) -> bool {
        self.control.is_some()
    }

    /// Logs in where there is no session, and says TYPE I.
    pub(super) async fn open(&mut self) -> Result<(), String> {
        if self.control.is_some() {
            return Ok(());
        }
        match ControlConnection::connect(self.address, self.deadline).await {
            Ok(Connect::Open(control)) => self.control = Some(control),
            Ok(Connect::Failed { reason }) => return Err(format!("the server cannot be reached: {reason}")),
            Err(error) => return Err(error.to_string()),
        }
        let mut code = self.reply().await.map(|reply| reply.code);
        let user = format!("USER {}", self.account.name);
        let pass = format!("PASS {}", self.account.password.reveal());
        for (line, good) in [(user.as_str(), &[331, 230][..]), (&pass, &[230, 202, 503]), ("TYPE I", &[200])] {
            if code.as_ref().is_err() {
                break;
            }
            code = self.ask(line.as_bytes()).await.map(|reply| reply.code);
            if let Ok(Some(code)) = code
                && !good.contains(&code)
            {
                self.control = None;
                let verb = line.split(' ').next().unwrap_or(line);
                return Err(format!("{verb} is answered with {code}"));
            }
        }
        match code {
            Ok(_) => Ok(()),
            Err(Broken(told, _)) => {
                self.control = None;
                Err(format!("no login: {told}"))
            }
        }
    }

    /// Whether RETR under TYPE A sends another text than the file's own, whose lines end in LF. Whoever cannot be asked does.
    pub(super) async fn converts(&mut self, path: &[u8], text: &Content) -> bool {
        if self.open().await.is_err() || self.ask(b"TYPE A").await.is_err() {
            return true;
        }
        let sent = self.fetch(None, &line("RETR", path), &Brings::Data(text.clone()), None).await;
        self.quit().await;
        sent.data.is_none_or(|data| data.head != text.to_vec())
    }

    /// Ends the session with QUIT; what is wrong with its end.
    pub(super) async fn quit(&mut self) -> Option<String> {
        self.control.as_ref()?;
        let told = match self.ask(b"QUIT").await {
            Ok(reply) if reply.class() == Some(2) => None,
            Ok(reply) => Some(format!("QUIT is answered with {}", code(&reply))),
            Err(Broken(told, _)) => Some(told),
        };
        self.control = None;
        told
    }

    /// Ends the session without a word.
    pub(super) fn drop_control(&mut self) {
        if let Some(control) = self.control.take() {
            control.close();
        }
    }

    async fn send(&mut self, line: &[u8]) {
        if let Some(control) = &mut self.control {
            let mut bytes = line.to_vec();
            bytes.extend_from_slice(b"\r\n");
            // What could not be sent shows where the reply is read.
            control.send(&bytes, self.deadline).await;
        }
    }

    async fn reply(&mut self) -> Result<Reply, Broken> {
        self.reply_within(self.deadline).await
    }

    async fn reply_within(&mut self, deadline: Duration) -> Result<Reply, Broken> {
        let Some(control) = &mut self.control else { return Err(Broken("there is no session".to_owned(), false)) };
        match control.read_reply(deadline).await {
            Received::Reply(reply) if reply.code == Some(421) => Err(Broken("the server ends the session with 421".to_owned(), false)),
            Received::Reply(reply) => {
                self.codes.extend(reply.code);
                Ok(reply)
            }
            Received::Silence { waited, .. } => Err(Broken(format!("no reply within {:.1} s", waited.as_secs_f64()), true)),
            Received::Ended { .. } => Err(Broken("the server has closed the control connection".to_owned(), false)),
            Received::Flood { .. } => Err(Broken("a reply without end".to_owned(), false)),
        }
    }

    async fn ask(&mut self, line: &[u8]) -> Result<Reply, Broken> {
        self.send(line).await;
        self.reply().await
    }

    /// Does an operation; [`What::Together`] is `together`'s.
    pub(super) async fn perform(&mut self, operation: &Operation, expected: &Expectation) -> Seen {
        match &operation.what {
            What::Quit => {
                let told = self.quit().await;
                Seen { ending: told.map_or(Ending::Accepted(221), |told| Ending::Broken(told, false)), ..Seen::default() }
            }
            What::Type { ascii } => self.simple(if *ascii { b"TYPE A" } else { b"TYPE I" }).await,
            What::Pwd => self.simple(b"PWD").await,
            What::Cwd(path) => self.moved(&line("CWD", path)).await,
            What::Cdup => self.moved(b"CDUP").await,
            What::Mkd(path) => self.simple(&line("MKD", path)).await,
            What::Rmd(path) => self.simple(&line("RMD", path)).await,
            What::Dele(path) => self.simple(&line("DELE", path)).await,
            What::Size(path) => self.simple(&line("SIZE", path)).await,
            What::Mdtm(path) => self.simple(&line("MDTM", path)).await,
            What::Mlst(path) => self.simple(&line("MLST", path)).await,
            What::Rename { from, to } => self.rename(from, to).await,
            What::Store { append, rest, path, source, cut } => {
                let verb = if *append { "APPE" } else { "STOR" };
                self.store(*rest, &line(verb, path), &source.content(), cut.as_ref()).await
            }
            What::Fetch { rest, path, cut } => self.fetch(*rest, &line("RETR", path), &expected.brings, cut.as_ref()).await,
            What::Resume { append, path, source } => self.resume(*append, path, &source.content()).await,
            What::List { verb, path } => {
                let command = path.as_ref().map_or_else(|| verb.word().as_bytes().to_vec(), |path| line(verb.word(), path));
                self.fetch(None, &command, &Brings::Nothing, None).await
            }
            What::Together { .. } => Seen::default(),
        }
    }

    /// A command with one reply.
    async fn simple(&mut self, line: &[u8]) -> Seen {
        match self.ask(line).await {
            Ok(reply) => Seen { ending: ending(&reply), lines: lines(&reply), ..Seen::default() },
            Err(broken) => Seen { ending: broken.into(), ..Seen::default() },
        }
    }

    /// A command that may move, and where it led.
    async fn moved(&mut self, line: &[u8]) -> Seen {
        let mut seen = self.simple(line).await;
        if matches!(seen.ending, Ending::Accepted(_) | Ending::Refused(_)) {
            match self.ask(b"PWD").await {
                Ok(reply) if reply.code == Some(257) => seen.directory = Some(lines(&reply)),
                Ok(reply) => seen.ending = Ending::Broken(format!("PWD is answered with {}", code(&reply)), false),
                Err(broken) => seen.ending = broken.into(),
            }
        }
        seen
    }

    async fn rename(&mut self, from: &[u8], to: &[u8]) -> Seen {
        match self.ask(&line("RNFR", from)).await {
            Ok(reply) if reply.class() == Some(3) => self.simple(&line("RNTO", to)).await,
            Ok(reply) => Seen { ending: ending(&reply), ..Seen::default() },
            Err(broken) => Seen { ending: broken.into(), ..Seen::default() },
        }
    }

    /// A data connection, REST where it is wanted, and the command up to its preliminary reply.
    async fn begin(&mut self, rest: Option<u64>, command: &[u8], small: bool) -> Begun {
        let Some(ask) = passive_line(self.way) else {
            return Begun::Ended(Ending::Broken("no way to a data connection".to_owned(), false));
        };
        self.send(ask.trim_ascii_end()).await;
        let passive = match self.reply().await {
            Ok(reply) => {
                passive_address(&reply, self.address).ok_or_else(|| format!("a data connection is answered with {}", code(&reply)))
            }
            Err(broken) => return Begun::Ended(broken.into()),
        };
        let connected = match passive {
            Ok(passive) => DataConnection::connect(passive.address, self.deadline, small).await,
            Err(told) => return Begun::Ended(Ending::Broken(told, false)),
        };
        let connection = match connected {
            Ok(Connect::Open(connection)) => connection,
            Ok(Connect::Failed { reason }) => return Begun::Ended(Ending::Broken(format!("no data connection: {reason}"), false)),
            Err(error) => return Begun::Ended(Ending::Broken(error.to_string(), false)),
        };
        if let Some(rest) = rest {
            match self.ask(format!("REST {rest}").as_bytes()).await {
                Ok(reply) if reply.class() == Some(3) => {}
                Ok(reply) => return Begun::Ended(ending(&reply)),
                Err(broken) => return Begun::Ended(broken.into()),
            }
        }
        match self.ask(command).await {
            Ok(reply) if reply.is_preliminary() => Begun::Open(connection),
            Ok(reply) if reply.class() == Some(2) => {
                Begun::Ended(Ending::Broken(format!("a transfer is answered with {} at once", code(&reply)), false))
            }
            Ok(reply) => Begun::Ended(ending(&reply)),
            Err(broken) => Begun::Ended(broken.into()),
        }
    }

    /// The reply at a transfer's end.
    async fn end(&mut self) -> Ending {
        match self.reply().await {
            Ok(reply) => ending(&reply),
            Err(broken) => broken.into(),
        }
    }

    async fn store(&mut self, rest: Option<u64>, command: &[u8], content: &Content, cut: Option<&Cut>) -> Seen {
        let mut connection = match self.begin(rest, command, false).await {
            Begun::Open(connection) => connection,
            Begun::Ended(ending) => return Seen { ending, ..Seen::default() },
        };
        let Some(cut) = cut else {
            connection.send(content, self.deadline).await;
            connection.finish();
            return Seen { ending: self.end().await, ..Seen::default() };
        };
        let part = content.slice(0, cut.at);
        let (first, second) = (part.slice(0, cut.at / 2), part.slice(cut.at / 2, cut.at));
        let mut seen = Seen { data: Some(Observed::default()), ..Seen::default() };
        match cut.how {
            CutKind::Stall | CutKind::Close => {
                connection.send(&part, self.deadline).await;
                tokio::time::sleep(STALL).await;
                connection.send(&content.slice(cut.at, content.len()), self.deadline).await;
                connection.finish();
                seen.ending = self.end().await;
            }
            CutKind::Reset => {
                let sent = connection.send_segments(&[first.clone(), second], self.deadline).await;
                seen.proven = sent.unproven == 0 && !first.is_empty();
                connection.reset();
                seen.ending = self.end().await;
            }
            CutKind::Abort => {
                connection.send_segments(&[first, second], self.deadline).await;
                self.send(b"ABOR").await;
                connection.finish();
                self.aborted(&mut seen).await;
            }
            CutKind::Control => {
                connection.send_segments(&[first, second], self.deadline).await;
                if let Some(control) = self.control.take() {
                    control.reset();
                }
                connection.reset();
            }
        }
        seen
    }

    /// The replies to a transfer and its ABOR; PWD's own, which cannot be one of them, ends them.
    async fn aborted(&mut self, seen: &mut Seen) {
        let mut replies = 0;
        match self.reply().await {
            Ok(reply) => {
                replies += 1;
                seen.ending = ending(&reply);
            }
            Err(broken) => {
                seen.ending = broken.into();
                return;
            }
        }
        self.send(b"PWD").await;
        loop {
            match self.reply().await {
                Ok(reply) if reply.code == Some(257) => break,
                Ok(_) if replies < 4 => replies += 1,
                Ok(_) => break,
                Err(broken) => {
                    seen.ending = broken.into();
                    return;
                }
            }
        }
        if replies < 2
            && let Some(control) = &mut self.control
            && let Received::Reply(late) = control.read_reply(self.deadline.min(LATE)).await
        {
            let told = format!("{} to a transfer and its ABOR comes behind the reply to the next command", code(&late));
            seen.ending = Ending::Broken(told, false);
            return;
        }
        seen.aborted = Some(replies);
    }

    async fn fetch(&mut self, rest: Option<u64>, command: &[u8], brings: &Brings, cut: Option<&Cut>) -> Seen {
        let mut connection = match self.begin(rest, command, cut.is_some()).await {
            Begun::Open(connection) => connection,
            Begun::Ended(ending) => return Seen { ending, ..Seen::default() },
        };
        let Some(cut) = cut else {
            let read = self.read(connection, brings).await;
            return self.ended(read).await;
        };
        let (mut observer, len) = observer(brings);
        let event = connection.receive(&mut observer, Until::Bytes(cut.at), self.deadline).await;
        let mut seen = Seen::default();
        match cut.how {
            CutKind::Stall => {
                tokio::time::sleep(STALL).await;
                let event = connection.receive(&mut observer, Until::end_of(len), self.deadline).await;
                return self.ended(Read { data: observer.finish(), event, connection }).await;
            }
            CutKind::Reset | CutKind::Close => {
                if cut.how == CutKind::Reset {
                    connection.reset();
                } else {
                    connection.finish();
                }
                seen.ending = self.end().await;
            }
            CutKind::Abort => {
                self.send(b"ABOR").await;
                // What is on its way still comes; the server closes.
                connection.receive(&mut observer, Until::end_of(len), self.deadline).await;
                drop(connection);
                self.aborted(&mut seen).await;
            }
            CutKind::Control => {
                if let Some(control) = self.control.take() {
                    control.reset();
                }
                connection.reset();
            }
        }
        if is_silent(event) {
            seen.ending = Ending::Broken("no data came".to_owned(), true);
        }
        seen.data = Some(observer.finish());
        seen
    }

    async fn read(&self, mut connection: DataConnection, brings: &Brings) -> Read {
        let (mut observer, len) = observer(brings);
        let event = connection.receive(&mut observer, Until::end_of(len), self.deadline).await;
        Read { data: observer.finish(), event, connection }
    }

    /// The reply behind what was read.
    async fn ended(&mut self, Read { data, event, connection }: Read) -> Seen {
        let ending = match event {
            event if is_silent(event) => Ending::Broken("the data connection stays open, and nothing comes".to_owned(), true),
            DataEvent::Ended(_) => self.end_before_closing(connection).await,
            _ => {
                drop(connection);
                self.end().await
            }
        };
        Seen { ending, data: Some(data), ..Seen::default() }
    }

    /// The reply at the end of a download that the server has ended. Once it has come nobody needs the connection any more, and it
    /// is reset: closed, it would hold one of the server's ports for another minute (TIME_WAIT), and in a few minutes of
    /// exploring there would be no port left. A server that waits for our end first gets it.
    async fn end_before_closing(&mut self, connection: DataConnection) -> Ending {
        if self.prompt {
            match self.reply_within(PROMPT.min(self.deadline)).await {
                Err(Broken(_, true)) => self.prompt = false,
                Ok(reply) => {
                    connection.reset();
                    return ending(&reply);
                }
                Err(broken) => return broken.into(),
            }
        }
        drop(connection);
        self.end().await
    }

    async fn resume(&mut self, append: bool, path: &[u8], whole: &Content) -> Seen {
        let size = match self.ask(&line("SIZE", path)).await {
            Ok(reply) if reply.code == Some(213) => lines(&reply),
            Ok(reply) => return Seen { ending: ending(&reply), ..Seen::default() },
            Err(broken) => return Seen { ending: broken.into(), ..Seen::default() },
        };
        let told = size.last().and_then(|line| String::from_utf8_lossy(line).trim().parse::<u64>().ok());
        let len = told.unwrap_or(0).min(whole.len());
        let (rest, verb) = if append { (None, "APPE") } else { (Some(len), "STOR") };
        let seen = self.store(rest, &line(verb, path), &whole.slice(len, whole.len()), None).await;
        Seen { lines: size, ..seen }
    }

    /// Begins one of two transfers.
    async fn half(&mut self, side: &super::operation::Side) -> Begun {
        match side {
            super::operation::Side::Up { path, .. } => self.begin(None, &line("STOR", path), false).await,
            super::operation::Side::Down { path } => self.begin(None, &line("RETR", path), false).await,
        }
    }
}

/// Two transfers at the same time: both begin; the first, where it is an upload, sends its first half; the second goes on to its
/// end, and then the first.
pub(super) async fn together(one: &mut Client, two: &mut Client, operation: &Operation, expected: &Expectation) -> Seen {
    use super::operation::Side;
    let What::Together { first, second, .. } = &operation.what else { return Seen::default() };
    let brings = |content: Option<Content>| content.map_or(Brings::Nothing, Brings::Data);
    let (left, right) = match &expected.brings {
        Brings::Both(left, right) => (brings(left.clone()), brings(right.clone())),
        _ => (Brings::Nothing, Brings::Nothing),
    };
    let mut connection = match one.half(first).await {
        Begun::Open(connection) => connection,
        Begun::Ended(ending) => return Seen { ending, ..Seen::default() },
    };
    let deadline = one.deadline;
    let begun = two.half(second).await;
    if let Side::Up { source, .. } = first {
        let content = source.content();
        // The second goes on when the server has read this.
        connection.send_segments(&[content.slice(0, content.len() / 2), Content::Zeros(0)], deadline).await;
    }
    let other = match begun {
        Begun::Ended(ending) => Seen { ending, ..Seen::default() },
        Begun::Open(mut connection) => match second {
            Side::Up { source, .. } => {
                connection.send(&source.content(), deadline).await;
                connection.finish();
                Seen { ending: two.end().await, ..Seen::default() }
            }
            Side::Down { .. } => {
                let read = two.read(connection, &right).await;
                two.ended(read).await
            }
        },
    };
    let seen = match first {
        Side::Up { source, .. } => {
            let content = source.content();
            connection.send(&content.slice(content.len() / 2, content.len()), deadline).await;
            connection.finish();
            Seen { ending: one.end().await, ..Seen::default() }
        }
        Side::Down { .. } => {
            let read = one.read(connection, &left).await;
            one.ended(read).await
        }
    };
    Seen { other: Some(Box::new(other)), ..seen }
}

/// Compares with what should come, or keeps a listing; and how much that is.
fn observer(brings: &Brings) -> (Observer, u64) {
    match brings {
        Brings::Data(content) => (Observer::new(vec![content.clone()]), content.len()),
        _ => (Observer::keeping(LISTING), LISTING as u64),
    }
}

const fn is_silent(event: DataEvent) -> bool {
    matches!(event, DataEvent::Silence { .. } | DataEvent::Slow { .. })
}

fn lines(reply: &Reply) -> Vec<Vec<u8>> {
    reply.lines().into_iter().map(<[u8]>::to_vec).collect()
}

fn code(reply: &Reply) -> String {
    reply.code.map_or_else(|| "a line without a code".to_owned(), |code| code.to_string())
}

/// What a final reply says; anything else is out of step.
fn ending(reply: &Reply) -> Ending {
    match (reply.code, reply.class()) {
        (Some(code), Some(2)) => Ending::Accepted(code),
        (Some(code), Some(4 | 5)) => Ending::Refused(code),
        _ => Ending::Broken(format!("{} where a transfer or a command should end", code(reply)), false),
    }
}
