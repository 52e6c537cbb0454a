//! Servers that scenarios are played against, and the ground under them: accounts, letters, roots, settings, files.
//!
//! Responsible for starting and stopping a server, for the directories that it serves, and for looking at them behind its
//! back. Does not speak FTP to it.

pub mod account;
pub mod degenerate;
pub mod disk;
pub mod embedded;
pub mod hosted;
mod listen;
mod log;
pub mod password;
pub mod profile;
pub mod reference;
pub mod running;
pub mod service;
#[cfg(test)]
mod trial;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use async_trait::async_trait;

use crate::ftp::content::Content;
use crate::ftp::letter::Letters;
pub use crate::ftp::secret::Secret;
use crate::ftp::transcript::DiskState;

/// An account that the server shall know.
#[derive(Debug, Clone)]
pub struct Account {
    /// The login name.
    pub name: String,
    /// The password; any is accepted where the account is anonymous.
    pub password: Secret,
    /// What it may do.
    pub letters: Letters,
    /// Logs in as [`Account::name`] `anonymous` (and `ftp`) with any password.
    pub anonymous: bool,
    /// The name of its root directory on the [`Disk`]: one path component.
    pub root: String,
    /// Where its login leads somewhere else: its root, as CWD finds it from there. Empty where the login leads to the root.
    pub directory: Vec<u8>,
}

/// An account of a server that cannot be given others.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The login name.
    pub name: String,
    /// The password.
    pub password: Secret,
    /// What it may do.
    pub letters: Letters,
    /// Logs in without a password of its own.
    pub anonymous: bool,
    /// Begins the names of the roots that it can see. Who has the same sees the same files.
    pub prefix: String,
    /// The directory that holds its roots, as CWD finds it from where the login leads.
    pub directory: Vec<u8>,
}

impl Account {
    /// The names that it logs in as: its own, and those of RFC 1635 where it is anonymous.
    pub fn login_names(&self) -> impl Iterator<Item = &str> {
        let more: &[&str] = if self.anonymous { &["anonymous", "ftp"] } else { &[] };
        std::iter::once(self.name.as_str()).chain(more.iter().copied())
    }
}

/// Refuses accounts that log in by the same name.
fn distinct(accounts: &[Account]) -> Result<(), StartError> {
    for (index, account) in accounts.iter().enumerate() {
        if accounts[..index].iter().any(|other| other.login_names().any(|taken| account.login_names().any(|name| name == taken))) {
            return Err(StartError::Setting(format!("two accounts log in as {:?}", account.name)));
        }
    }
    Ok(())
}

/// Settings of a server instance, checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Settings {
    /// A control connection that says nothing for so long is closed with 421.
    pub idle_timeout: Option<Duration>,
    /// Ports for PASV and EPSV.
    pub passive_ports: Option<RangeInclusive<u16>>,
    /// The text of the greeting.
    pub banner: Option<String>,
}

/// What a target can be given.
#[derive(Debug, Clone)]
pub struct Facilities {
    /// Letters whose lack it can enforce.
    pub letters: Letters,
    /// Whether each account can have letters of its own, a root of its own.
    pub accounts: bool,
    /// Whether one instance can serve more than one root. Where it cannot, each stage of a case has an instance of its own, whose
    /// accounts share their root.
    pub roots: bool,
    /// So many cases are played on one instance at once and no more, where it mixes up its sessions: `None` where it does not.
    pub at_once: Option<usize>,
    /// Whether the harness sees the files.
    pub disk: bool,
    /// [`Settings::idle_timeout`] can be set.
    pub idle_timeout: bool,
    /// [`Settings::passive_ports`] can be set.
    pub passive_ports: bool,
    /// [`Settings::banner`] can be set.
    pub banner: bool,
    /// The line end of its text files.
    pub eol: &'static [u8],
    /// By how much it delays the reply to a wrong password.
    pub login_delay: Duration,
    /// Needs of cases that it cannot meet as it is set up, and why: not the server's fault, and nothing that a probe would show.
    pub lacks: BTreeMap<String, String>,
}

/// A kind of server.
#[async_trait]
pub trait Target: fmt::Debug + Send + Sync {
    /// `libunftp`, `reference`.
    fn name(&self) -> &str;

    /// As far as it is known.
    fn version(&self) -> Option<String>;

    /// What it can be given.
    fn facilities(&self) -> Facilities;

    /// The accounts that it has, where it cannot be given others.
    fn guests(&self) -> Option<&[Guest]> {
        None
    }

    /// Starts one, on an ephemeral port of 127.0.0.1 (and ::1 where it can), with these accounts.
    ///
    /// # Errors
    /// Why it did not start, in words that say what to do.
    async fn start(&self, settings: &Settings, accounts: &[Account]) -> Result<Box<dyn Instance>, StartError>;
}

/// The kinds of server that are built in, each with the other names that it answers to.
const BUILT_IN: [(&str, &[&str]); 3] = [("libunftp", &["embedded"]), ("reference", &[]), ("degenerate", &[])];

/// The built-in kind of server of this name, or that of a [`profile`]: a built-in one by its name, another by the path of its
/// TOML file; with the `--set` options given to it.
///
/// # Errors
/// An unknown name, or an option that this server does not have; both name the nearest that exists.
pub fn resolve(name: &str, settings: &[(String, String)]) -> Result<Box<dyn Target>, StartError> {
    let found = BUILT_IN.iter().find(|(own, others)| *own == name || others.contains(&name));
    match found.map(|(own, _)| *own) {
        Some("libunftp") => {
            known_keys("libunftp", settings, &[])?;
            Ok(Box::new(embedded::Embedded::new()))
        }
        Some("reference") => {
            known_keys("reference", settings, &["broken"])?;
            let names: Vec<&str> = settings.iter().map(|(_, names)| names.as_str()).collect();
            Ok(Box::new(if names.is_empty() { reference::Reference::default() } else { reference::Reference::broken(&names.join(","))? }))
        }
        Some("degenerate") => Ok(Box::new(degenerate::Degenerate::new(settings)?)),
        _ => {
            if let Some(profile) = profile::resolve(name, settings)? {
                return Ok(Box::new(profile));
            }
            let profiles = profile::names();
            let names = BUILT_IN.iter().flat_map(|(own, others)| std::iter::once(*own).chain(others.iter().copied()));
            Err(StartError::Setting(unknown("server", name, names.chain(profiles.iter().map(String::as_str)))))
        }
    }
}

/// Refuses options with other keys than these.
fn known_keys(server: &str, settings: &[(String, String)], keys: &[&str]) -> Result<(), StartError> {
    match settings.iter().find(|(key, _)| !keys.contains(&key.as_str())) {
        None => Ok(()),
        Some((key, _)) if keys.is_empty() => Err(StartError::Setting(format!("{server} has no option {key:?}, nor any other"))),
        Some((key, _)) => Err(StartError::Setting(unknown(&format!("option of {server}"), key, keys.iter().copied()))),
    }
}

/// Says that there is no such thing, and which is the nearest.
fn unknown<'a>(what: &str, word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let nearest = known.map(|other| (strsim::damerau_levenshtein(word, other), other)).min();
    nearest.map_or_else(|| format!("no {what} {word:?}"), |(_, nearest)| format!("no {what} {word:?}; did you mean {nearest:?}?"))
}

/// A server that runs.
#[async_trait]
pub trait Instance: Send + Sync {
    /// Where it listens, IPv4.
    fn address(&self) -> SocketAddr;

    /// Where it listens on ::1, if it does.
    fn address_v6(&self) -> Option<SocketAddr>;

    /// The ground: the directory that holds the roots of all accounts.
    fn disk(&self) -> std::sync::Arc<dyn Disk>;

    /// The last lines of what it wrote itself (stderr, a log), without passwords.
    fn log(&self) -> String;

    /// The number of its process, where that is a child of ours: all that it starts is below it.
    fn process(&self) -> Option<u32> {
        None
    }

    /// Why it is no longer running, if it died.
    fn died(&self) -> Option<String>;

    /// Stops it, ends all sessions, and removes the roots unless `keep`; says what is left.
    async fn stop(self: Box<Self>, keep: bool) -> Vec<String>;
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No socket, no directory.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A setting that this server cannot be given, or an unknown one.
    #[error("{0}")]
    Setting(String),
    /// A profile that cannot be understood.
    #[error("{}", diagnostic.render(text, false))]
    Profile {
        /// Its text.
        text: std::sync::Arc<crate::scenario::model::Source>,
        /// What is wrong with it.
        diagnostic: Box<crate::scenario::Diagnostic>,
    },
    /// It is not installed, did not get ready, or died.
    #[error("{0}")]
    Server(String),
}

/// A file, directory or link to lay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaidFile {
    /// Below the root, without a leading slash; missing parents are made.
    pub path: Vec<u8>,
    /// What it is.
    pub node: LaidNode,
    /// Seconds since 1970, UTC.
    pub mtime: Option<i64>,
    /// Permission bits.
    pub mode: Option<u32>,
}

/// What a [`LaidFile`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaidNode {
    /// A regular file.
    File(Content),
    /// A directory.
    Directory,
    /// A symbolic link with this target.
    Link(Vec<u8>),
}

/// What a server did instead of what the harness needed for itself, in words. It stands in the [`io::Error`] of a [`Disk`] that works
/// through the server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// The server's files, behind its back. Calls block; they never follow a link out of the root.
pub trait Disk: Send + Sync {
    /// Makes a root (which must not be there yet) and lays files in it.
    ///
    /// # Errors
    /// Where the file system refuses.
    fn lay(&self, root: &str, files: &[LaidFile]) -> io::Result<()>;

    /// What stands at a path below a root; a file is compared with these contents.
    ///
    /// # Errors
    /// Where the file system refuses; that nothing is there is no error.
    fn look(&self, root: &str, path: &[u8], against: &[Content]) -> io::Result<DiskState>;

    /// All below a root.
    ///
    /// # Errors
    /// Where the file system refuses.
    fn snapshot(&self, root: &str) -> io::Result<Snapshot>;

    /// Removes a root and all in it.
    ///
    /// # Errors
    /// Where the file system refuses.
    fn remove(&self, root: &str) -> io::Result<()>;
}

/// What stood below a root: for each path a line of words that changes with kind, mode, size or bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot(pub BTreeMap<Vec<u8>, String>);

impl Snapshot {
    /// What another one has that differs: one line a path.
    #[must_use]
    pub fn changes(&self, later: &Self) -> Vec<String> {
        let paths: std::collections::BTreeSet<&Vec<u8>> = self.0.keys().chain(later.0.keys()).collect();
        paths
            .into_iter()
            .filter_map(|path| {
                let name = String::from_utf8_lossy(path);
                match (self.0.get(path), later.0.get(path)) {
                    (Some(before), Some(after)) if before == after => None,
                    (Some(before), Some(after)) => Some(format!("{name}: was {before}, is {after}")),
                    (Some(before), None) => Some(format!("{name}: was {before}, is gone")),
                    (None, Some(after)) => Some(format!("{name}: is new, {after}")),
                    (None, None) => None,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, settings: &[(&str, &str)], expect: Result<&str, &str>) {
        let settings: Vec<_> = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let found = resolve(name, &settings).map(|target| target.name().to_owned()).map_err(|error| error.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expect);
    }

    #[test]
    fn built_in_servers_are_found_by_name() {
        check("libunftp", &[], Ok("libunftp"));
        check("embedded", &[], Ok("libunftp"));
        check("libunftpd", &[], Err("no server \"libunftpd\"; did you mean \"libunftp\"?"));
        check("reference", &[], Ok("reference"));
        check("reference", &[("broken", "mkd-lies,mkd-250"), ("broken", "size-off")], Ok("reference"));
        check("reference", &[("broken", "size-of")], Err("no planted bug \"size-of\"; did you mean \"size-off\"?"));
        check("reference", &[("borken", "size-off")], Err("no option of reference \"borken\"; did you mean \"broken\"?"));
        check("embedded", &[("version", "1")], Err("libunftp has no option \"version\", nor any other"));
    }
}
