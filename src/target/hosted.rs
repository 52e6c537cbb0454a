//! A server that the caller brings along: a server's own tests start it, and scenarios are played against it.
//!
//! Responsible for the directory that it serves. How it is started, and who may log in, is the caller's: a function that
//! takes a [`Request`] and gives a [`Served`].

use std::any::Any;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};

use super::disk::HostDisk;
use super::{Account, Disk, Facilities, Instance, Settings, StartError, Target, distinct};
use crate::ftp::letter::Letters;

/// What a server is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The directory to serve: a user's root is [`Account::root`] below it.
    pub directory: PathBuf,
    /// Who may log in.
    pub accounts: Vec<Account>,
    /// Settings, as far as the [`Facilities`] promise them.
    pub settings: Settings,
}

impl Request {
    /// The account that logs in by this name.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.login_names().any(|own| own == name))
    }

    /// The account, where name and password are right.
    #[must_use]
    pub fn login(&self, name: &str, password: &str) -> Option<&Account> {
        self.account(name).filter(|account| account.anonymous || account.password.reveal() == password)
    }

    /// The directory that a user sees as `/`. It is made before the user logs in.
    #[must_use]
    pub fn home(&self, account: &Account) -> PathBuf {
        self.directory.join(&account.root)
    }
}

/// A server that listens.
pub struct Served {
    address: SocketAddr,
    address_v6: Option<SocketAddr>,
    guard: Box<dyn Any + Send + Sync>,
}

impl Served {
    /// Listens at this IPv4 address until `guard` is dropped: a `JoinSet`, a child process, a sender that ends a thread.
    #[must_use]
    pub fn new(address: SocketAddr, guard: impl Any + Send + Sync) -> Self {
        Self { address, address_v6: None, guard: Box::new(guard) }
    }

    /// Listens on ::1 too.
    #[must_use]
    pub fn and_v6(self, address: SocketAddr) -> Self {
        Self { address_v6: Some(address), ..self }
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").field("address", &self.address).finish_non_exhaustive()
    }
}

type Start = dyn Fn(Request) -> BoxFuture<'static, io::Result<Served>> + Send + Sync;

/// A kind of server that a function starts.
pub struct Hosted {
    name: String,
    version: Option<String>,
    facilities: Facilities,
    start: Arc<Start>,
}

impl fmt::Debug for Hosted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosted").field("name", &self.name).field("version", &self.version).finish_non_exhaustive()
    }
}

impl Hosted {
    /// A server of this name. `start` is called once for most cases together, and again for those that need a server of
    /// their own; it listens on an ephemeral port of 127.0.0.1.
    ///
    /// Cases whose needs it does not meet are unsupported: it promises accounts with roots of their own and files that can be
    /// seen, and no letter that it enforces ([`Hosted::letters`]) nor any setting ([`Hosted::facilities`]).
    pub fn new<F>(name: impl Into<String>, start: impl Fn(Request) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<Served>> + Send + 'static,
    {
        let facilities = Facilities {
            letters: Letters::NONE,
            accounts: true,
            roots: true,
            at_once: None,
            disk: true,
            idle_timeout: false,
            passive_ports: false,
            banner: false,
            eol: b"\n",
            login_delay: Duration::ZERO,
            lacks: std::collections::BTreeMap::new(),
        };
        Self { name: name.into(), version: None, facilities, start: Arc::new(move |request| start(request).boxed()) }
    }

    /// Tells its version.
    #[must_use]
    pub fn with_version(self, version: impl Into<String>) -> Self {
        Self { version: Some(version.into()), ..self }
    }

    /// Promises that an account can do without these letters.
    #[must_use]
    pub fn letters(self, letters: Letters) -> Self {
        Self { facilities: Facilities { letters, ..self.facilities }, ..self }
    }

    /// Promises just this.
    #[must_use]
    pub fn facilities(self, facilities: Facilities) -> Self {
        Self { facilities, ..self }
    }
}

#[async_trait]
impl Target for Hosted {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> Option<String> {
        self.version.clone()
    }

    fn facilities(&self) -> Facilities {
        self.facilities.clone()
    }

    async fn start(&self, settings: &Settings, accounts: &[Account]) -> Result<Box<dyn Instance>, StartError> {
        distinct(accounts)?;
        let disk = HostDisk::new().map_err(|source| StartError::Io { what: "the directory for the roots".to_owned(), source })?;
        let request = Request { directory: disk.path().to_owned(), accounts: accounts.to_vec(), settings: settings.clone() };
        let what = || format!("{} did not start", self.name);
        let served = (self.start)(request).map_err(|source| StartError::Io { what: what(), source }).await?;
        Ok(Box::new(Running { disk: Arc::new(disk), served }))
    }
}

/// An instance.
struct Running {
    disk: Arc<HostDisk>,
    served: Served,
}

#[async_trait]
impl Instance for Running {
    fn address(&self) -> SocketAddr {
        self.served.address
    }

    fn address_v6(&self) -> Option<SocketAddr> {
        self.served.address_v6
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk) as Arc<dyn Disk>
    }

    fn log(&self) -> String {
        String::new()
    }

    fn died(&self) -> Option<String> {
        None
    }

    async fn stop(self: Box<Self>, keep: bool) -> Vec<String> {
        let Self { disk, served } = *self;
        // Dropping may end a runtime or wait for a child, which must not be done where others wait.
        let ended = tokio::task::spawn_blocking(move || {
            drop(served.guard);
            disk.close(keep)
        });
        ended.await.unwrap_or_else(|error| vec![format!("it did not stop: {error}")])
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    use super::super::Secret;
    use super::*;

    fn account(name: &str, anonymous: bool) -> Account {
        Account {
            name: name.to_owned(),
            password: Secret::new("sesame"),
            letters: Letters::ALL,
            anonymous,
            root: "r".to_owned(),
            directory: Vec::new(),
        }
    }

    /// Greets and closes.
    async fn greeter(request: Request) -> io::Result<Served> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let greeting = format!("220 {} users\r\n", request.accounts.len());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let _ = socket.write_all(greeting.as_bytes()).await;
            }
        });
        Ok(Served::new(address, tasks))
    }

    #[tokio::test]
    async fn it_runs_until_it_is_stopped() {
        let target = Hosted::new("greeter", greeter).with_version("1").letters(Letters::ALL);
        assert_eq!((target.name(), target.version().as_deref()), ("greeter", Some("1")));
        let instance = target.start(&Settings::default(), &[account("alice", false)]).await.unwrap();
        let address = instance.address();
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut said = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut socket, &mut said).await.unwrap();
        assert_eq!(said, "220 1 users\r\n");
        let disk = instance.disk();
        disk.lay("r", &[]).unwrap();
        assert!(instance.stop(false).await.is_empty());
        assert!(disk.snapshot("r").is_err(), "the directory is still there");
        assert!(target.start(&Settings::default(), &[account("a", true), account("b", true)]).await.is_err(), "both are anonymous");
    }

    #[tokio::test]
    async fn why_it_does_not_start_is_told() {
        let target = Hosted::new("broken", |_| async { Err(io::Error::other("no licence")) });
        let Err(error) = target.start(&Settings::default(), &[]).await else { panic!("it started") };
        assert_eq!(error.to_string(), "broken did not start: no licence");
    }

    #[test]
    fn logins_are_checked() {
        let accounts = vec![account("alice", false), account("guest", true)];
        let request = Request { directory: PathBuf::from("/d"), accounts, settings: Settings::default() };
        assert!(request.login("alice", "sesame").is_some() && request.login("alice", "").is_none());
        assert!(request.login("anonymous", "x").is_some() && request.login("bob", "sesame").is_none());
        assert_eq!(request.home(request.account("alice").unwrap()), PathBuf::from("/d/r"));
    }
}
