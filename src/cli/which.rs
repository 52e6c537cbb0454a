//! Which server: `--server` with `--set`, or `--target` with its accounts. The same for every verb.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::Wrong;
use crate::ftp::url::FtpUrl;
use crate::target::account::GivenAccount;
use crate::target::running::Running;
use crate::target::{self, Target, password};

/// The server where none is named.
pub(super) const DEFAULT_SERVER: &str = "libunftp";

/// The server that a verb is about.
#[derive(Debug, Clone, Args)]
pub(super) struct Which {
    /// The server: `libunftp` or `reference` (in this process), or a profile: `vsftpd`, `proftpd`, `pyftpdlib`, `./mine.toml`, and others
    /// (docs/profile.md).
    ///
    /// By default what ftpspec.toml says, or `libunftp`. Several times for `run`: it shows where the servers part, each with its variables in
    /// braces (`vsftpd{bin=./old}`).
    #[arg(id = "server", long = "server", value_name = "NAME")]
    pub(super) servers: Vec<String>,

    /// A variable of the server; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(super) set: Vec<(String, String)>,

    /// A server that runs already, `ftp://user:password@host:port/dir`: cases work in a scratch directory below `dir`, which is removed at
    /// the end. The password may stand in `FTPSPEC_PASSWORD` or a file instead (docs/target.md).
    #[arg(long, value_name = "URL", conflicts_with_all = ["server", "set"])]
    pub(super) target: Option<String>,

    /// An account of the `--target`: `name:password:letters[:root]`, `root` being the directory of this machine that it sees as `/`. May be
    /// given several times, for the URL's user too.
    #[arg(long, value_name = "ACCOUNT")]
    pub(super) account: Vec<String>,

    /// The file whose first line is the password of the URL's user.
    #[arg(long, value_name = "FILE")]
    pub(super) password_file: Option<PathBuf>,
}

impl Which {
    /// The server, not yet started.
    pub(super) fn target(&self) -> Result<Arc<dyn Target>, Wrong> {
        let of_running = [("--account", !self.account.is_empty()), ("--password-file", self.password_file.is_some())];
        let of_started = [("--set", !self.set.is_empty())];
        let strange = if self.target.is_some() { &of_started[..] } else { &of_running[..] };
        if let Some((flag, _)) = strange.iter().find(|(_, is_given)| *is_given) {
            let of = if self.target.is_some() {
                "a server that is started, and this one runs already"
            } else {
                "a server that runs already (--target)"
            };
            return Err(Wrong::Usage(format!("{flag} is for {of}")));
        }
        if self.servers.len() > 1 {
            return Err(Wrong::Usage("only `ftpspec run` takes several servers; `ftpspec matrix` shows many".to_owned()));
        }
        let Some(url) = &self.target else { return Ok(Arc::from(target::resolve(self.server(), &self.set)?)) };
        let usage = |flag: &str, error: &dyn std::fmt::Display| Wrong::Usage(format!("{flag}: {error}"));
        let url: FtpUrl = url.parse().map_err(|error| usage("--target", &error))?;
        let password = password::find(url.password.as_ref(), self.password_file.as_deref()).map_err(|error| usage("--target", &error))?;
        let given = self.account.iter().map(|account| account.parse::<GivenAccount>());
        let accounts = given.collect::<Result<Vec<_>, _>>().map_err(|error| usage("--account", &error))?;
        Ok(Arc::new(Running::new(url, password, accounts)?))
    }

    /// The name of one that is started.
    pub(super) fn server(&self) -> &str {
        self.servers.first().map_or(DEFAULT_SERVER, String::as_str)
    }

    /// Whether it runs already, and is somebody's.
    pub(super) fn is_running(&self) -> bool {
        self.target.is_some()
    }

    /// What must stand behind `ftpspec run` to get this server again; without passwords.
    pub(super) fn again(&self) -> String {
        let mut words = Vec::new();
        if let Some(url) = &self.target {
            words.extend(url.parse::<FtpUrl>().map(|url| format!("--target {url}")));
            let accounts = self.account.iter().filter_map(|account| account.parse::<GivenAccount>().ok());
            words.extend(accounts.map(|GivenAccount { name, letters, root, .. }| {
                let root = root.map_or_else(String::new, |root| format!(":{root}"));
                format!("--account {name}:PASSWORD:{letters}{root}")
            }));
        } else if self.server() != DEFAULT_SERVER {
            words.push(format!("--server {}", self.server()));
        }
        words.extend(self.set.iter().map(|(key, value)| format!("--set {key}={value}")));
        words.join(" ")
    }
}

/// Reads `KEY=VALUE`.
pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("expected KEY=VALUE, like `broken=rest-off-by-one`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_read_or_told() {
        assert_eq!(key_value("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(key_value("=b").is_err() && key_value("ab").is_err());
    }
}
