//! A server that people use: real directories as roots, a fixed address, and somebody who is told what happens.
//!
//! Responsible for the words that both built-in servers share. [`Embedded::serve`](super::embedded::Embedded::serve) and
//! [`Reference::serve`](super::reference::Reference::serve) start one; nothing is laid or looked at behind its back.

use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Account, StartError};

/// What to serve, where, and to whom.
#[derive(Clone)]
pub struct Service {
    /// Where to listen; port 0 lets the system pick.
    pub listen: SocketAddr,
    /// Ports for PASV and EPSV; any free one without.
    pub passive_ports: Option<RangeInclusive<u16>>,
    /// Who may log in. [`Account::root`] is not looked at.
    pub accounts: Vec<Served>,
    /// Who is told what happens; called in the middle of it, so it must not block.
    pub tell: Tell,
}

/// An account with a directory of this machine as its root.
#[derive(Debug, Clone)]
pub struct Served {
    /// Name, password, letters.
    pub account: Account,
    /// Its root: absolute, without links.
    pub root: PathBuf,
}

/// Hears what happens.
pub type Tell = Arc<dyn Fn(Happening) + Send + Sync>;

/// What happened in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// The client.
    pub peer: SocketAddr,
    /// Who is logged in.
    pub user: Option<String>,
    /// What it is.
    pub what: What,
}

/// The kinds of [`Happening`]. Paths are as the client sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A client connected.
    Connected,
    /// Its session is over.
    Disconnected,
    /// It logged in.
    LoggedIn,
    /// It could not log in with this name.
    LoginFailed(String),
    /// A file came, or a part of one.
    Received(Transfer),
    /// A file was sent, or a part of one.
    Sent(Transfer),
    /// Something else was done to the files: the verb and its path.
    Did(&'static str, String),
    /// The server refused or failed: the verb, its path, and why.
    Failed(&'static str, String, String),
}

/// A transfer that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The file.
    pub path: String,
    /// Bytes that went over the data connection.
    pub bytes: u64,
    /// Whether it came to its end.
    pub whole: bool,
}

impl What {
    /// Its name in a log: one word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Connected => "connect",
            Self::Disconnected => "disconnect",
            Self::LoggedIn => "login",
            Self::LoginFailed(_) => "login-failed",
            Self::Received(Transfer { whole: true, .. }) => "received",
            Self::Received(Transfer { whole: false, .. }) => "received-part",
            Self::Sent(Transfer { whole: true, .. }) => "sent",
            Self::Sent(Transfer { whole: false, .. }) => "sent-part",
            Self::Did(..) => "done",
            Self::Failed(..) => "failed",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::Connected | Self::Disconnected | Self::LoggedIn => Ok(()),
            Self::LoginFailed(name) => write!(f, " {name:?}"),
            Self::Received(transfer) | Self::Sent(transfer) => write!(f, " {:?}, {} bytes", transfer.path, transfer.bytes),
            Self::Did(verb, path) => write!(f, " {verb} {path:?}"),
            Self::Failed(verb, path, why) => write!(f, " {verb} {path:?}: {why}"),
        }
    }
}

/// A server that runs for people.
#[async_trait]
pub trait Serving: Send {
    /// Where it listens.
    fn address(&self) -> SocketAddr;

    /// Lets no more clients in, closes the sessions that do nothing, and lets transfers end within this time; says what was cut
    /// off. Dropped while it waits, it cuts them off at once.
    async fn stop(self: Box<Self>, grace: Duration) -> Vec<String>;
}

/// Sees what one session does, and how much of it is under way.
pub(super) struct Witness {
    tell: Option<Tell>,
    peer: SocketAddr,
    user: Mutex<Option<String>>,
    /// Transfers under way.
    busy: watch::Sender<usize>,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Witness({})", self.peer)
    }
}

impl Witness {
    /// Tells it, or only counts.
    pub(super) fn new(tell: Option<Tell>, peer: SocketAddr) -> Arc<Self> {
        let witness = Self { tell, peer, user: Mutex::default(), busy: watch::Sender::new(0) };
        witness.saw(What::Connected);
        Arc::new(witness)
    }

    /// Tells what happened.
    pub(super) fn saw(&self, what: What) {
        if let Some(tell) = &self.tell {
            let user = self.user.lock().unwrap_or_else(PoisonError::into_inner).clone();
            tell(Happening { peer: self.peer, user, what });
        }
    }

    /// From now on this is who does it.
    pub(super) fn logged_in(&self, name: &str) {
        *self.user.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.to_owned());
        self.saw(What::LoggedIn);
    }

    /// A transfer begins, and ends where this is dropped.
    pub(super) fn transfer(self: &Arc<Self>) -> Busy {
        self.busy.send_modify(|count| *count += 1);
        Busy(Arc::clone(self))
    }

    /// How many transfers are under way.
    pub(super) fn busy(&self) -> watch::Receiver<usize> {
        self.busy.subscribe()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.saw(What::Disconnected);
    }
}

/// A transfer under way.
pub(super) struct Busy(Arc<Witness>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.send_modify(|count| *count -= 1);
    }
}

/// How long a client whose transfer just ended may take to say QUIT before a server that stops closes its session.
pub(super) const GOODBYE: Duration = Duration::from_millis(500);

/// When all must be over, once the end has begun.
pub(super) type Ending = Option<Instant>;

/// Waits until the end begins; says when all must be over. A server that is dropped ends at once.
pub(super) async fn begun(ending: &mut watch::Receiver<Ending>) -> Instant {
    ending.wait_for(Option::is_some).await.ok().and_then(|until| *until).unwrap_or_else(Instant::now)
}

/// The address cannot be had.
pub(super) fn no_address(address: SocketAddr) -> impl FnOnce(std::io::Error) -> StartError {
    move |source| StartError::Io { what: format!("cannot listen on {address}"), source }
}
