//! Accounts as a user of the program gives them: `name:password:letters[:root]`.
//!
//! Responsible for reading them and for saying what is wrong without repeating a password. What the root means (a directory of
//! this machine, or one of a server elsewhere) is the matter of whoever asked for them.
//!
//! To be read from a plain `String` argument: what clap itself refuses it repeats, and the password with it.

use std::str::FromStr;

use super::Secret;
use crate::ftp::letter::Letters;
use crate::ftp::url::{UrlError, decode};

/// The form, for help and for errors.
pub const FORM: &str = "name:password:letters[:root]";

/// An account that was given by hand. `Debug` hides the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenAccount {
    /// The login name.
    pub name: String,
    /// The password; may be empty.
    pub password: Secret,
    /// What it may do.
    pub letters: Letters,
    /// Its root, where one is given; all behind the third colon.
    pub root: Option<String>,
}

/// What is wrong with an account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Too few colons.
    #[error("an account is given as {FORM}, as in alice:sesame:elr")]
    Form,
    /// No name.
    #[error("the account's name is missing: {FORM}")]
    NoName,
    /// No letter at all.
    #[error("the letters of account {0:?} are missing: some of elradfmwMT, or `all` ({FORM}; a `:` in a password is written %3A)")]
    NoLetters(String),
    /// A character that is no letter. Not repeated: where a password holds a colon, it is a part of it.
    #[error("the letters of account {0:?} are some of elradfmwMT, or `all` ({FORM}; a `:` in a password is written %3A)")]
    Letters(String),
    /// A third colon and nothing behind it.
    #[error("the root of account {0:?} is empty: leave its colon out, or name a directory")]
    NoRoot(String),
    /// A name or password that cannot be decoded.
    #[error("{0}")]
    Encoding(#[from] UrlError),
}

impl FromStr for GivenAccount {
    type Err = AccountError;

    /// `%3A` is a colon in name or password, `%25` a percent sign, as in a URL; the root is taken as it is.
    fn from_str(text: &str) -> Result<Self, AccountError> {
        let mut fields = text.splitn(4, ':');
        let (Some(name), Some(password), Some(letters)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(AccountError::Form);
        };
        let name = decode(name, "account's name")?;
        if name.is_empty() {
            return Err(AccountError::NoName);
        }
        let password = Secret::new(decode(password, "password")?);
        let letters = match letters {
            "" => return Err(AccountError::NoLetters(name)),
            // As in a scenario's [accounts].
            "all" => Letters::ALL,
            some => Letters::parse(some).map_err(|_| AccountError::Letters(name.clone()))?,
        };
        let root = fields.next().map(str::to_owned);
        if root.as_deref() == Some("") {
            return Err(AccountError::NoRoot(name));
        }
        Ok(Self { name, password, letters, root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, name: &str, password: &str, letters: &str, root: Option<&str>) {
        let account: GivenAccount = text.parse().unwrap();
        let seen = (account.name.as_str(), account.password.reveal(), account.letters.to_string(), account.root.as_deref());
        assert_eq!(seen, (name, password, letters.to_owned(), root), "{text}");
        assert!(password.is_empty() || !format!("{account:?}").contains(password));
    }

    #[test]
    fn accounts_are_read() {
        check("alice:sesame:elr", "alice", "sesame", "elr", None);
        check("user:123456:elradfmw:/srv/project", "user", "123456", "elradfmw", Some("/srv/project"));
        check("alice:sesame:all:C:\\project", "alice", "sesame", "elradfmwMT", Some("C:\\project"));
        check("a%3Ab:%25se%3Asame:al:100%", "a:b", "%se:same", "la", Some("100%"));
        check("alice::r", "alice", "", "r", None);
    }

    #[test]
    fn what_is_wrong_is_told_without_the_password() {
        let refuse = |text: &str, expect: AccountError| {
            let error = text.parse::<GivenAccount>().unwrap_err();
            assert_eq!(error, expect, "{text}");
            assert!(!error.to_string().contains("s3same"), "{error}");
        };
        refuse("", AccountError::Form);
        refuse("alice:s3same", AccountError::Form);
        refuse(":s3same:elr", AccountError::NoName);
        refuse("alice:s3same:", AccountError::NoLetters("alice".to_owned()));
        refuse("alice:x:s3same:elr", AccountError::Letters("alice".to_owned()));
        refuse("alice:s3same:elx", AccountError::Letters("alice".to_owned()));
        refuse("alice:s3same:elr:", AccountError::NoRoot("alice".to_owned()));
        refuse("alice:s3same%:elr", AccountError::Encoding(UrlError::Percent("password")));
        refuse("alice:s3same%0a:elr", AccountError::Encoding(UrlError::Control("password")));
    }
}
