//! What all sessions of one server share: files, accounts, settings, and which bug is planted.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::bug::Bug;
use super::fs::{FileSystem, NodeId};
use crate::ftp::letter::Letters;

/// A server without its sessions.
#[derive(Debug, Default, Clone)]
pub struct World {
    /// The ground: each account's root is a directory in its top.
    pub fs: FileSystem,
    /// Who may log in.
    pub accounts: Vec<Account>,
    /// How it behaves where it may.
    pub settings: Settings,
    /// The planted bugs; empty in the correct server.
    pub bugs: Vec<Bug>,
    /// The root and the file of the upload that began last, also when it has ended: for a planted bug.
    pub latest: Option<(NodeId, NodeId)>,
}

impl World {
    /// Whether a bug is planted.
    #[must_use]
    pub fn broken(&self, bug: Bug) -> bool {
        self.bugs.contains(&bug)
    }

    /// The account that a login name means; `anonymous` and `ftp`, in any case, mean the anonymous one.
    #[must_use]
    pub fn account(&self, name: &[u8]) -> Option<&Account> {
        let exact = self.accounts.iter().find(|account| account.name.as_bytes() == name);
        let is_anonymous = name.eq_ignore_ascii_case(b"anonymous") || name.eq_ignore_ascii_case(b"ftp");
        exact.or_else(|| self.accounts.iter().find(|account| account.anonymous && is_anonymous))
    }
}

/// A login.
#[derive(Clone)]
pub struct Account {
    /// The login name.
    pub name: String,
    /// The password; any will do where the account is anonymous.
    pub password: String,
    /// What it may do.
    pub letters: Letters,
    /// The directory in the ground's top that is its root.
    pub root: String,
    /// Logs in as `anonymous` or `ftp` with any password, an empty one included.
    pub anonymous: bool,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) in {}{}", self.name, self.letters, self.root, if self.anonymous { ", anonymous" } else { "" })
    }
}

/// What can be set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The text of the greeting.
    pub banner: String,
    /// Ports for PASV and EPSV; any free one without.
    pub passive_ports: Option<RangeInclusive<u16>>,
    /// How long a transfer waits for its data connection before 425.
    pub data_timeout: Duration,
    /// A session that says nothing for so long is closed with 421 (RFC 1123 section 4.1.3.2: five minutes by default).
    pub idle_timeout: Duration,
    /// Wrong passwords up to the 421 (RFC 2577 section 5); over all logins of a session.
    pub failures_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            banner: "ready".to_owned(),
            passive_ports: None,
            data_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(300),
            failures_max: 5,
        }
    }
}
