//! A server that runs already: `--target ftp://user:password@host:port/dir`.
//!
//! Responsible for the accounts that it has, for one scratch directory below the URL's, and for leaving nothing else behind. All
//! accounts with the same root directory on this machine (or with none) are taken to see the same files.

mod client;
mod disk;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::account::GivenAccount;
use super::disk::HostDisk;
use super::{Account, Disk, Facilities, Guest, Instance, Refusal, Settings, StartError, Target};
use crate::ftp::letter::{Letter, Letters};
use crate::ftp::url::FtpUrl;
use client::Client;
use disk::{Janitor, Plots, RemoteDisk};

/// Where the user name and password of RFC 1635 are meant.
const ANONYMOUS: [&str; 2] = ["anonymous", "ftp"];

/// A server that is running somewhere.
#[derive(Clone)]
pub struct Running {
    /// `ftp://host:port`.
    name: String,
    url: FtpUrl,
    guests: Vec<Guest>,
    /// For each plot, its root directory on this machine.
    plots: Vec<Option<PathBuf>>,
    /// The scratch directory's own name.
    scratch: String,
    ground: Arc<Mutex<Ground>>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("name", &self.name).field("guests", &self.guests).finish_non_exhaustive()
    }
}

/// The scratch directories, made when the first instance starts and removed when the last one stops.
#[derive(Default)]
struct Ground {
    instances: usize,
    laid: Option<Laid>,
}

/// What was made.
#[derive(Clone)]
struct Laid {
    address: SocketAddr,
    disks: Vec<Arc<dyn Disk>>,
    /// For each plot, who removes its scratch directory.
    made: Vec<Made>,
}

#[derive(Clone)]
enum Made {
    Local(Arc<HostDisk>),
    Remote(Janitor),
}

impl Running {
    /// The server at a URL, whose user may do everything unless `accounts` says otherwise, with more accounts. `password` is the
    /// URL's user's, where the URL does not hold it.
    ///
    /// # Errors
    /// Accounts that log in by the same name, and a root that is no directory.
    pub fn new(url: FtpUrl, password: Option<super::Secret>, accounts: Vec<GivenAccount>) -> Result<Self, StartError> {
        let name = url.user.clone().unwrap_or_else(|| ANONYMOUS[0].to_owned());
        let password = password.or_else(|| url.password.clone()).unwrap_or_else(|| super::Secret::new(""));
        let mut given = accounts;
        match given.iter_mut().find(|account| account.name == name) {
            Some(account) if account.password.reveal().is_empty() => account.password = password,
            Some(_) => {}
            None => given.insert(0, GivenAccount { name, password, letters: Letters::ALL, root: None }),
        }
        if let Some((_, again)) = given.iter().enumerate().find(|(at, account)| given[..*at].iter().any(|other| other.name == account.name))
        {
            return Err(StartError::Setting(format!("the account {:?} is given twice", again.name)));
        }
        let scratch = format!("ftpspec-{}", std::iter::repeat_with(fastrand::alphanumeric).take(8).collect::<String>());
        let directory = match url.path.strip_suffix(b"/").unwrap_or(&url.path) {
            b"" if url.path.is_empty() => scratch.clone().into_bytes(),
            above => [above, b"/", scratch.as_bytes()].concat(),
        };
        let (mut plots, mut guests): (Vec<Option<PathBuf>>, Vec<Guest>) = (Vec::new(), Vec::new());
        for account in given {
            let root = account.root.map(PathBuf::from);
            if let Some(root) = root.as_ref().filter(|root| !root.is_dir()) {
                return Err(StartError::Setting(format!(
                    "the root of account {:?} is no directory of this machine: {}",
                    account.name,
                    root.display()
                )));
            }
            let plot = plots.iter().position(|known| *known == root).unwrap_or_else(|| {
                plots.push(root);
                plots.len() - 1
            });
            guests.push(Guest {
                anonymous: ANONYMOUS.contains(&account.name.as_str()),
                name: account.name,
                password: account.password,
                letters: account.letters,
                prefix: disk::prefix(plot),
                directory: directory.clone(),
            });
        }
        Ok(Self { name: format!("ftp://{}", url.authority()), url, guests, plots, scratch, ground: Arc::default() })
    }

    async fn address(&self) -> Result<SocketAddr, StartError> {
        let what = || format!("the host {}", self.url.host);
        let found = tokio::net::lookup_host((self.url.host.as_str(), self.url.port)).await;
        let mut addresses: Vec<SocketAddr> = found.map_err(|source| StartError::Io { what: what(), source })?.collect();
        // PASV and PORT know IPv4 alone.
        addresses.sort_by_key(SocketAddr::is_ipv6);
        addresses.first().copied().ok_or_else(|| StartError::Server(format!("{} has no address", what())))
    }

    /// Makes the scratch directory of each plot, and lets every account enter it.
    async fn lay(&self) -> Result<Laid, StartError> {
        let mut laid = Laid { address: self.address().await?, disks: Vec::new(), made: Vec::new() };
        let made = self.make(&mut laid).await;
        if let Err(error) = made {
            let left = self.remove(laid, false).await;
            let left = if left.is_empty() { String::new() } else { format!("; {}", left.join("; ")) };
            return Err(StartError::Server(format!("{error}{left}")));
        }
        Ok(laid)
    }

    async fn make(&self, laid: &mut Laid) -> Result<(), StartError> {
        let address = laid.address;
        for (plot, root) in self.plots.iter().enumerate() {
            let guests = || self.guests.iter().filter(|guest| guest.prefix == disk::prefix(plot));
            let Some(best) = guests().max_by_key(|guest| guest.letters.iter().count()) else { continue };
            let janitor = Janitor { address, name: best.name.clone(), password: best.password.clone(), scratch: best.directory.clone() };
            match root {
                Some(root) => {
                    let parent = disk::below(root, &self.url.path);
                    let local = disk::local(&parent, &self.scratch)
                        .map_err(|source| StartError::Io { what: format!("a scratch directory in {}", parent.display()), source })?;
                    let local = Arc::new(local);
                    laid.disks.push(Arc::clone(&local) as Arc<dyn Disk>);
                    laid.made.push(Made::Local(local));
                }
                None => {
                    let whose = |error: Refusal| {
                        StartError::Server(format!("the account {:?} cannot make a scratch directory: {error}", best.name))
                    };
                    janitor.make().await.map_err(whose)?;
                    // From here on it is to be removed, or to be told of.
                    laid.made.push(Made::Remote(janitor.clone()));
                    janitor.enter().await.map_err(whose)?;
                    laid.disks.push(Arc::new(RemoteDisk::new(janitor)));
                }
            }
            for guest in guests() {
                self.enter(address, guest, root.is_some()).await?;
            }
        }
        Ok(())
    }

    async fn enter(&self, address: SocketAddr, guest: &Guest, local: bool) -> Result<(), StartError> {
        let entered =
            async { Client::login(address, &guest.name, &guest.password).await?.must([b"CWD ", &*guest.directory].concat()).await };
        let hint = if local { ": is its root the directory that the server shows it?" } else { "" };
        let whose =
            |error: Refusal| StartError::Server(format!("the account {:?} cannot enter the scratch directory: {error}{hint}", guest.name));
        entered.await.map(drop).map_err(whose)
    }

    async fn remove(&self, laid: Laid, keep: bool) -> Vec<String> {
        drop(laid.disks);
        let mut left = Vec::new();
        for made in laid.made {
            match made {
                Made::Local(disk) => left.extend(disk.close(keep)),
                Made::Remote(janitor) => {
                    let place = format!("{} in {}", String::from_utf8_lossy(&janitor.scratch), self.name);
                    if keep {
                        left.push(format!("{place} is kept"));
                    } else if let Err(error) = janitor.remove().await {
                        left.push(format!("{place} could not be removed: {error}"));
                    }
                }
            }
        }
        left
    }
}

#[async_trait]
impl Target for Running {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> Option<String> {
        None
    }

    fn facilities(&self) -> Facilities {
        let lacked = |letter: Letter| self.guests.iter().any(|guest| !guest.letters.has(letter));
        Facilities {
            letters: Letters::ALL.iter().filter(|letter| lacked(*letter)).fold(Letters::NONE, Letters::with),
            accounts: false,
            roots: true,
            at_once: None,
            disk: self.plots.iter().all(Option::is_some),
            idle_timeout: false,
            passive_ports: false,
            banner: false,
            eol: b"\n",
            // Nobody tells; several servers wait some seconds before they refuse a password.
            login_delay: Duration::from_secs(3),
            lacks: std::collections::BTreeMap::new(),
        }
    }

    fn guests(&self) -> Option<&[Guest]> {
        Some(&self.guests)
    }

    async fn start(&self, _: &Settings, _: &[Account]) -> Result<Box<dyn Instance>, StartError> {
        let mut ground = self.ground.lock().await;
        let laid = match &ground.laid {
            Some(laid) => laid.clone(),
            None => ground.laid.insert(self.lay().await?).clone(),
        };
        ground.instances += 1;
        Ok(Box::new(Visited { target: self.clone(), address: laid.address, disk: Arc::new(Plots(laid.disks)) }))
    }
}

/// The server, while it is played against.
struct Visited {
    target: Running,
    address: SocketAddr,
    disk: Arc<Plots>,
}

#[async_trait]
impl Instance for Visited {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn address_v6(&self) -> Option<SocketAddr> {
        self.address.is_ipv6().then_some(self.address)
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
        let Self { target, disk, .. } = *self;
        drop(disk);
        let mut ground = target.ground.lock().await;
        ground.instances -= 1;
        let laid = if ground.instances == 0 { ground.laid.take() } else { None };
        match laid {
            Some(laid) => target.remove(laid, keep).await,
            None => Vec::new(),
        }
    }
}
