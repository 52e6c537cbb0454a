//! Who asks a server for a file, and from where the password comes.

use std::path::Path;

use super::error::HandError;
use super::netrc;
use crate::ftp::secret::Secret;
use crate::ftp::url::FtpUrl;
use crate::target::password;

/// A login name and its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

impl Login {
    /// This user with this password.
    #[must_use]
    pub fn new(user: impl Into<String>, password: Secret) -> Self {
        Self { user: user.into(), password }
    }

    /// RFC 1635: a guest, whose password is an address.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new("anonymous", Secret::new("ftpspec@"))
    }

    /// The login for a URL. The name is that of the URL, else that of the netrc, else `anonymous`; the password that of the URL, of
    /// the file, of `FTPSPEC_PASSWORD`, or of the netrc, whichever comes first.
    ///
    /// # Errors
    /// A password file or netrc that cannot be read, and a name for which there is no password.
    pub fn find(url: &FtpUrl, file: Option<&Path>) -> Result<Self, HandError> {
        let given = password::find(url.password.as_ref(), file)?;
        let entry = match (netrc::path(), &given, &url.user) {
            // Nothing is left to be found.
            (_, Some(_), Some(_)) | (None, _, _) => None,
            (Some(path), _, user) => netrc::find(&path, &url.host, user.as_deref()).map_err(HandError::Usage)?,
        };
        Self::of(url, given, entry)
    }

    fn of(url: &FtpUrl, given: Option<Secret>, entry: Option<netrc::Entry>) -> Result<Self, HandError> {
        let (their_name, their_word) = entry.map_or((None, None), |entry| (entry.login, entry.password));
        let Some(user) = url.user.clone().or(their_name) else {
            return Ok(Self { password: given.unwrap_or_else(|| Self::anonymous().password), ..Self::anonymous() });
        };
        match given.or(their_word) {
            Some(password) => Ok(Self { user, password }),
            None if ["anonymous", "ftp"].contains(&user.to_ascii_lowercase().as_str()) => Ok(Self { user, ..Self::anonymous() }),
            None => Err(HandError::Usage(format!(
                "no password for {user:?} at {}: put it into {}, a file (--password-file) or ~/.netrc, or into the URL (ftp://{user}:PASSWORD@..)",
                url.authority(),
                password::VARIABLE
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, given: Option<&str>, entry: Option<(Option<&str>, Option<&str>)>, expect: Result<(&str, &str), &str>) {
        let url: FtpUrl = url.parse().unwrap();
        let entry = entry.map(|(login, word)| netrc::Entry { login: login.map(str::to_owned), password: word.map(Secret::new) });
        match (Login::of(&url, given.map(Secret::new), entry), expect) {
            (Ok(login), Ok((user, word))) => assert_eq!((login.user.as_str(), login.password.reveal()), (user, word), "{url}"),
            (Err(error), Err(word)) => assert!(error.to_string().contains(word), "{error}"),
            (seen, expect) => panic!("{url}: {seen:?}, not {expect:?}"),
        }
    }

    #[test]
    fn names_and_passwords_come_in_their_order() {
        check("ftp://h/f", None, None, Ok(("anonymous", "ftpspec@")));
        check("ftp://ftp@h/f", None, None, Ok(("ftp", "ftpspec@")));
        check("ftp://h/f", Some("me@here"), None, Ok(("anonymous", "me@here")));
        check("ftp://h/f", None, Some((Some("bob"), Some("b0b"))), Ok(("bob", "b0b")));
        check("ftp://alice@h/f", None, Some((Some("alice"), Some("w"))), Ok(("alice", "w")));
        check("ftp://alice@h/f", Some("given"), Some((None, Some("w"))), Ok(("alice", "given")));
        check("ftp://alice@h/f", None, None, Err("FTPSPEC_PASSWORD"));
        check("ftp://h/f", None, Some((Some("bob"), None)), Err("no password for \"bob\""));
    }
}
