//! Who may log in to the embedded server, as libunftp asks for it.
//!
//! Responsible for names, passwords and where a user is put. What a user may do is [`storage`](super::storage)'s part.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use unftp_core::auth::{AuthenticationError, Authenticator, Credentials, Principal, UserDetail, UserDetailError, UserDetailProvider};

use super::super::service::{What, Witness};
use super::super::{Account, StartError, distinct};
use crate::ftp::letter::Letters;

/// Who is logged in. libunftp shows it with `Debug` in its traces, so it holds no password.
#[derive(Debug, Clone)]
pub(super) struct User {
    name: String,
    home: PathBuf,
    /// Below the directory that is served.
    pub(super) root: String,
    pub(super) letters: Letters,
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl UserDetail for User {
    fn home(&self) -> Option<&Path> {
        Some(&self.home)
    }
}

/// All accounts of one server; `Debug` masks the passwords.
#[derive(Debug)]
pub(super) struct Accounts {
    accounts: Vec<Account>,
    /// The directory that is served.
    base: PathBuf,
}

impl Accounts {
    /// Checks that each name is there once.
    pub(super) fn new(accounts: &[Account], base: &Path) -> Result<Self, StartError> {
        distinct(accounts)?;
        Ok(Self { accounts: accounts.to_vec(), base: base.to_owned() })
    }

    fn find(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.login_names().any(|own| own == name))
    }
}

impl Accounts {
    fn check(&self, name: &str, credentials: &Credentials) -> Result<Principal, AuthenticationError> {
        let account = self.find(name).ok_or(AuthenticationError::BadUser)?;
        if account.anonymous || credentials.password.as_deref() == Some(account.password.reveal()) {
            return Ok(Principal { username: name.to_owned() });
        }
        Err(AuthenticationError::BadPassword)
    }
}

/// The accounts at the door of one session, with somebody who sees who comes in.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) accounts: Arc<Accounts>,
    pub(super) witness: Arc<Witness>,
}

#[async_trait]
impl Authenticator for Door {
    async fn authenticate(&self, name: &str, credentials: &Credentials) -> Result<Principal, AuthenticationError> {
        let checked = self.accounts.check(name, credentials);
        match &checked {
            Ok(_) => self.witness.logged_in(name),
            Err(_) => self.witness.saw(What::LoginFailed(name.to_owned())),
        }
        checked
    }
}

#[async_trait]
impl UserDetailProvider for Accounts {
    type User = User;

    async fn provide_user_detail(&self, principal: &Principal) -> Result<User, UserDetailError> {
        let name = &principal.username;
        let account = self.find(name).ok_or_else(|| UserDetailError::UserNotFound { username: name.clone() })?;
        Ok(User { name: name.clone(), home: self.base.join(&account.root), root: account.root.clone(), letters: account.letters })
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Secret;
    use super::*;

    fn account(name: &str, anonymous: bool) -> Account {
        Account {
            name: name.to_owned(),
            password: Secret::new("open sesame"),
            letters: Letters::ALL,
            anonymous,
            root: "r".to_owned(),
            directory: Vec::new(),
        }
    }

    async fn check(name: &str, password: &str, expect: bool) {
        let accounts = Accounts::new(&[account("alice", false), account("anonymous", true)], Path::new("/base")).unwrap();
        let principal = accounts.check(name, &Credentials::from(password));
        assert_eq!(principal.is_ok(), expect, "{name} {password}");
        if let Ok(principal) = principal {
            let user = accounts.provide_user_detail(&principal).await.unwrap();
            assert_eq!((user.to_string().as_str(), user.home()), (name, Some(Path::new("/base/r"))));
        }
        assert!(!format!("{accounts:?}").contains("sesame"));
    }

    #[tokio::test]
    async fn names_and_passwords() {
        check("alice", "open sesame", true).await;
        check("alice", "open", false).await;
        check("alice", "", false).await;
        check("Alice", "open sesame", false).await;
        check("bob", "open sesame", false).await;
        check("anonymous", "me@here", true).await;
        check("ftp", "", true).await;
    }

    #[test]
    fn each_name_is_there_once() {
        assert!(Accounts::new(&[account("alice", false), account("alice", false)], Path::new("/")).is_err());
        assert!(Accounts::new(&[account("ftp", false), account("anonymous", true)], Path::new("/")).is_err());
        assert!(Accounts::new(&[account("alice", false), account("bob", false)], Path::new("/")).is_ok());
    }
}
