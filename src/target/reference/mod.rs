//! The reference server with sockets: what every scenario must pass on, and what planted bugs are shown with.
//!
//! Responsible for the control connections and for a file system in memory that the harness can lay and look at. All
//! judgement about FTP is in [`crate::reference`].

mod company;
mod dialogue;
mod driver;
mod hand;
mod memory;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use self::memory::MemoryDisk;
use super::listen::listen;
use super::log::Log;
use super::{Account, Disk, Facilities, Instance, Settings, StartError, Target, distinct, unknown};
use crate::ftp::letter::Letters;
use crate::reference::{self, Bug, World};

/// The kind of server: the reference, with these bugs planted.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    bugs: Vec<Bug>,
}

impl Reference {
    /// Without bugs, it is correct.
    #[must_use]
    pub fn new(bugs: Vec<Bug>) -> Self {
        Self { bugs }
    }

    /// With the bugs that `broken=NAME[,NAME..]` names.
    ///
    /// # Errors
    /// An unknown name; the error tells the nearest.
    pub fn broken(names: &str) -> Result<Self, StartError> {
        let bug = |name: &str| {
            let name = name.trim();
            name.parse().map_err(|_| StartError::Setting(unknown("planted bug", name, Bug::ALL.iter().map(|bug| bug.name()))))
        };
        Ok(Self::new(names.split(',').map(bug).collect::<Result<_, _>>()?))
    }
}

#[async_trait]
impl Target for Reference {
    fn name(&self) -> &str {
        "reference"
    }

    fn version(&self) -> Option<String> {
        Some(env!("CARGO_PKG_VERSION").to_owned())
    }

    fn facilities(&self) -> Facilities {
        Facilities {
            letters: Letters::ALL,
            accounts: true,
            roots: true,
            at_once: None,
            disk: true,
            idle_timeout: true,
            passive_ports: true,
            banner: true,
            eol: b"\n",
            login_delay: Duration::ZERO,
            lacks: std::collections::BTreeMap::new(),
        }
    }

    async fn start(&self, settings: &Settings, accounts: &[Account]) -> Result<Box<dyn Instance>, StartError> {
        distinct(accounts)?;
        let defaults = reference::Settings::default();
        let world = World {
            accounts: accounts.iter().map(known).collect(),
            settings: reference::Settings {
                banner: settings.banner.clone().unwrap_or(defaults.banner),
                passive_ports: settings.passive_ports.clone(),
                idle_timeout: settings.idle_timeout.unwrap_or(defaults.idle_timeout),
                ..reference::Settings::default()
            },
            bugs: self.bugs.clone(),
            ..World::default()
        };
        let first = listen((Ipv4Addr::LOCALHOST, 0).into());
        let (listener, v4) = first.map_err(|source| StartError::Io { what: "a port on 127.0.0.1".to_owned(), source })?;
        // Without IPv6 there is simply no second one.
        let second = listen((Ipv6Addr::LOCALHOST, 0).into()).ok();
        let v6 = second.as_ref().map(|(_, address)| *address);
        let log = Log::new(accounts.iter().map(|account| account.password.clone()).collect());
        let (stop, stopped) = watch::channel(());
        let world = Arc::new(Mutex::new(world));
        let accept = |listener| tokio::spawn(accept(listener, Arc::clone(&world), log.clone(), stopped.clone()));
        let accepting = std::iter::once(listener).chain(second.map(|(listener, _)| listener)).map(accept).collect();
        Ok(Box::new(Running { disk: Arc::new(MemoryDisk(world)), log, v4, v6, stop: Some(stop), accepting }))
    }
}

fn known(account: &Account) -> reference::Account {
    reference::Account {
        name: account.name.clone(),
        password: account.password.reveal().to_owned(),
        letters: account.letters,
        root: account.root.clone(),
        anonymous: account.anonymous,
    }
}

/// Seconds since 1970, UTC.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// An instance.
struct Running {
    disk: Arc<MemoryDisk>,
    log: Log,
    v4: SocketAddr,
    v6: Option<SocketAddr>,
    /// Where it is dropped, all ends.
    stop: Option<watch::Sender<()>>,
    accepting: Vec<JoinHandle<()>>,
}

#[async_trait]
impl Instance for Running {
    fn address(&self) -> SocketAddr {
        self.v4
    }

    fn address_v6(&self) -> Option<SocketAddr> {
        self.v6
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk) as Arc<dyn Disk>
    }

    fn log(&self) -> String {
        self.log.text()
    }

    fn died(&self) -> Option<String> {
        self.accepting.iter().any(JoinHandle::is_finished).then(|| "it no longer accepts connections".to_owned())
    }

    async fn stop(mut self: Box<Self>, keep: bool) -> Vec<String> {
        self.stop = None;
        let mut left = Vec::new();
        for accepting in std::mem::take(&mut self.accepting) {
            if let Err(error) = accepting.await {
                left.push(format!("the reference did not stop: {error}"));
            }
        }
        if keep {
            left.push("its files were in memory, and are not kept".to_owned());
        }
        left
    }
}

/// Accepts connections until the server stops, and ends their sessions then.
async fn accept(listener: TcpListener, world: Arc<Mutex<World>>, log: Log, mut stopped: watch::Receiver<()>) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    sessions.spawn(driver::serve(Arc::clone(&world), socket, None));
                }
                Err(error) => {
                    log.note(&format!("accept: {error}"));
                    // Out of descriptors: no event tells when there are some again.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            },
            Some(ended) = sessions.join_next(), if !sessions.is_empty() => match ended {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => log.note(&format!("a session did not begin: {error}")),
                Err(error) => log.note(&format!("a session ended: {error}")),
            },
            // Nothing is ever sent: it ends where the sender does.
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    sessions.shutdown().await;
}

#[cfg(test)]
mod tests;
