//! Serving directories: accounts as they are given by hand become a [`Service`], and one of the built-in servers serves it.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crate::ftp::letter::{Letter, Letters};
use crate::ftp::secret::Secret;
use crate::target::account::GivenAccount;
use crate::target::embedded::Embedded;
use crate::target::reference::Reference;
use crate::target::service::{Served, Service, Serving, Tell};
use crate::target::{Account, StartError};

/// Which server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// libunftp: on the directories themselves.
    Libunftp,
    /// The reference: on copies of them in memory.
    Reference,
}

/// What is to be served.
#[derive(Debug, Clone)]
pub struct Offer {
    /// By which server.
    pub server: Server,
    /// Where to listen; port 0 lets the system pick.
    pub listen: SocketAddr,
    /// Ports for PASV and EPSV.
    pub passive_ports: Option<RangeInclusive<u16>>,
    /// Users; a root that is not given is the current directory.
    pub users: Vec<GivenAccount>,
    /// What guests may read, RFC 1635.
    pub anonymous: Option<PathBuf>,
    /// The roots need not be there yet: a benchmark makes them when it begins, and libunftp opens them at the login.
    pub late: bool,
}

/// What a guest may do: look and take.
#[must_use]
pub fn guest_letters() -> Letters {
    [Letter::Enter, Letter::List, Letter::Retrieve].into_iter().fold(Letters::NONE, Letters::with)
}

impl Offer {
    /// Who may log in, and where each is put.
    ///
    /// # Errors
    /// Nobody, or a root that is no directory.
    pub fn accounts(&self) -> Result<Vec<Served>, StartError> {
        let guest = self.anonymous.as_ref().map(|root| Served {
            account: Account {
                name: "anonymous".to_owned(),
                password: Secret::new(String::new()),
                letters: guest_letters(),
                anonymous: true,
                root: String::new(),
                directory: Vec::new(),
            },
            root: root.clone(),
        });
        let user = |user: &GivenAccount| Served {
            account: Account {
                name: user.name.clone(),
                password: user.password.clone(),
                letters: user.letters,
                anonymous: false,
                root: String::new(),
                directory: Vec::new(),
            },
            root: user.root.as_deref().map_or_else(|| PathBuf::from("."), PathBuf::from),
        };
        let served = self.users.iter().map(user).chain(guest).map(|served| {
            let root = if self.late { served.root.clone() } else { directory(&served.root)? };
            Ok(Served { root, ..served })
        });
        served.collect()
    }

    /// What this server cannot enforce of the letters of its users: a sentence each, with a name.
    #[must_use]
    pub fn unenforced(&self) -> Vec<String> {
        match self.server {
            Server::Reference => Vec::new(),
            Server::Libunftp => self
                .users
                .iter()
                .flat_map(|user| Embedded::unenforced(user.letters).into_iter().map(|what| format!("{}: {what}", user.name)))
                .collect(),
        }
    }
}

/// Begins to serve; to be called within a runtime. Each happening is told while it happens: whoever hears it must not block.
///
/// # Errors
/// Accounts that share a name, a root that is none, or an address that cannot be had.
pub fn serve(offer: &Offer, tell: Tell) -> Result<Box<dyn Serving>, StartError> {
    let accounts = offer.accounts()?;
    if accounts.is_empty() {
        return Err(StartError::Setting("nobody could log in: give --user name:password:letters[:root] or --anonymous ROOT".to_owned()));
    }
    let service = Service { listen: offer.listen, passive_ports: offer.passive_ports.clone(), accounts, tell };
    match offer.server {
        Server::Libunftp => Embedded::new().serve(&service),
        Server::Reference => Reference::default().serve(&service),
    }
}

/// A directory that is there, absolute and without links.
fn directory(path: &Path) -> Result<PathBuf, StartError> {
    let wrong = |why: String| StartError::Setting(format!("the root {}: {why}", path.display()));
    let found = path.canonicalize().map_err(|error| wrong(error.to_string()))?;
    if found.is_dir() { Ok(found) } else { Err(wrong("is no directory".to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(users: &[&str], anonymous: Option<&Path>) -> Offer {
        Offer {
            server: Server::Libunftp,
            listen: ([127, 0, 0, 1], 0).into(),
            passive_ports: None,
            users: users.iter().map(|user| user.parse().unwrap()).collect(),
            anonymous: anonymous.map(Path::to_owned),
            late: false,
        }
    }

    #[test]
    fn roots_are_directories_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let accounts = offer(&["a:b:elr", &format!("c:d:all:{}/.", path.display())], Some(&path)).accounts().unwrap();
        let roots: Vec<_> = accounts.iter().map(|served| served.root.clone()).collect();
        assert_eq!(roots, [std::env::current_dir().unwrap().canonicalize().unwrap(), path.clone(), path.clone()]);
        assert_eq!(accounts[2].account.letters.to_string(), "elr");
        std::fs::write(path.join("f"), "x").unwrap();
        for (root, word) in [("f", "no directory"), ("none", "No such file")] {
            let error = offer(&[], Some(&path.join(root))).accounts().unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_served_is_told() {
        let refused = |offer: Offer| serve(&offer, std::sync::Arc::new(|_| {})).err().unwrap().to_string();
        for server in [Server::Libunftp, Server::Reference] {
            let folder = tempfile::tempdir().unwrap();
            let with = |users: &[&str]| Offer { server, ..offer(users, Some(folder.path())) };
            assert!(refused(Offer { server, ..offer(&[], None) }).contains("--user"));
            assert!(refused(with(&["ftp:x:elr"])).contains("two accounts"), "{server:?}");
            let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let busy = Offer { listen: taken.local_addr().unwrap(), ..with(&[]) };
            assert!(refused(busy).contains("cannot listen on 127.0.0.1"), "{server:?}");
        }
    }
}
