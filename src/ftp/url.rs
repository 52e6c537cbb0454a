//! FTP URLs: `ftp://user:password@host:port/path`, RFC 1738 section 3.2.
//!
//! Responsible for reading them, for saying what is wrong with one without repeating its password, and for writing them
//! without it. Does not resolve names. TLS has schemes of its own, which are known and refused.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};

use super::secret::Secret;

/// The port of `ftp://`, RFC 1738 section 3.2.
pub const PORT: u16 = 21;

/// What is encoded when a URL is written. RFC 3986 section 3.3 allows more in a path; this is what may stand in every place.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b':')
    .add(b';')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What is encoded in a user name.
const ENCODED_NAME: &AsciiSet = &ENCODED.add(b'/');

/// Where a file or directory is, and who asks for it. Both `Debug` and `Display` hide the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FtpUrl {
    /// The login name; who gives none logs in as `anonymous`.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// A name or an address; an IPv6 one without its brackets.
    pub host: String,
    /// The port of the control connection, [`PORT`] where none is given.
    pub port: u16,
    /// What stands behind the first `/`, decoded: seen from the login directory, or absolute where it begins with `/` (written
    /// `//a` or `/%2Fa`). Empty where the URL names the login directory. Never holds CR, LF or NUL.
    pub path: Vec<u8>,
}

impl FtpUrl {
    /// The path as text.
    ///
    /// # Errors
    /// A path that is not UTF-8.
    pub fn path_text(&self) -> Result<&str, UrlError> {
        std::str::from_utf8(&self.path).map_err(|_| UrlError::NotUtf8("path"))
    }

    /// Host and port as they are written: `[::1]:21`.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) }
    }
}

/// What is wrong with a URL. None of these repeats a part that may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It does not begin with a scheme.
    #[error("an FTP URL begins with ftp://, as in ftp://user@host:2121/dir/file")]
    NoScheme,
    /// FTP over TLS.
    #[error("{0}:// is FTP over TLS: TLS comes in a later version; ftp:// is plain FTP")]
    Tls(String),
    /// Another protocol.
    #[error("{0}:// is not FTP: an FTP URL begins with ftp://")]
    Scheme(String),
    /// Nothing stands between `//` and `/`.
    #[error("the host is missing: ftp://user@host:2121/dir/file")]
    NoHost,
    /// A host that can be none.
    #[error("the host is neither a name nor an address (an IPv6 one stands in brackets: ftp://[::1]/)")]
    Host,
    /// A port that is none.
    #[error(
        "the port is a number from 1 to 65535; a `/`, `?` or `#` in a user name or password is written %2F, %3F, %23, an IPv6 address in brackets"
    )]
    Port,
    /// An `@`, but nobody before it.
    #[error("the user name before `@` is missing")]
    NoUser,
    /// `%` without two hexadecimal digits.
    #[error("in the {0} a `%` is not followed by two hexadecimal digits: a `%` itself is written %25")]
    Percent(&'static str),
    /// A character that means something else in a URL.
    #[error("a `{0}` in a URL is written {1}")]
    Reserved(char, &'static str),
    /// CR, LF or NUL, written out or encoded.
    #[error("the {0} holds a line end or a NUL, which no FTP command can carry")]
    Control(&'static str),
    /// A part that must be text.
    #[error("the {0} is not UTF-8")]
    NotUtf8(&'static str),
    /// `;type=a` or `;type=d`.
    #[error(";type={0} is not supported: files are transferred byte by byte; leave it out")]
    Type(char),
}

/// Decodes `%41`; refuses what would be read by guess.
///
/// # Errors
/// A `%` without two hexadecimal digits, a line end, a NUL, and anything that is not UTF-8; `part` says where.
pub fn decode(text: &str, part: &'static str) -> Result<String, UrlError> {
    String::from_utf8(decode_bytes(text, part)?).map_err(|_| UrlError::NotUtf8(part))
}

fn decode_bytes(text: &str, part: &'static str) -> Result<Vec<u8>, UrlError> {
    for (at, _) in text.match_indices('%') {
        let digits = text.as_bytes().get(at + 1..at + 3).unwrap_or_default();
        if digits.len() != 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(UrlError::Percent(part));
        }
    }
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    if bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return Err(UrlError::Control(part));
    }
    Ok(bytes)
}

impl FromStr for FtpUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let rest = behind_scheme(text)?;
        for (mark, code) in [('?', "%3F"), ('#', "%23")] {
            if rest.contains(mark) {
                return Err(UrlError::Reserved(mark, code));
            }
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // The last one: an `@` cannot stand in a host, and people leave it as it is in passwords.
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let (user, password) = match login.map(|login| login.split_once(':').map_or((login, None), |(user, word)| (user, Some(word)))) {
            None => (None, None),
            Some(("", _)) => return Err(UrlError::NoUser),
            Some((user, word)) => {
                let word = word.map(|word| decode(word, "password").map(Secret::new)).transpose()?;
                (Some(decode(user, "user name")?), word)
            }
        };
        let (host, port) = host_and_port(place)?;
        Ok(Self { user, password, host, port, path: decode_bytes(without_type(path)?, "path")? })
    }
}

/// What stands behind `ftp://`.
fn behind_scheme(text: &str) -> Result<&str, UrlError> {
    let (scheme, rest) = text.split_once("://").ok_or(UrlError::NoScheme)?;
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if scheme.is_empty() || !scheme.bytes().all(is_scheme) {
        return Err(UrlError::NoScheme);
    }
    match scheme.to_ascii_lowercase() {
        scheme if scheme == "ftp" => Ok(rest),
        scheme if ["ftps", "ftpes"].contains(&scheme.as_str()) => Err(UrlError::Tls(scheme)),
        scheme => Err(UrlError::Scheme(scheme)),
    }
}

fn host_and_port(place: &str) -> Result<(String, u16), UrlError> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (address, behind) = rest.split_once(']').ok_or(UrlError::Host)?;
            if !matches!(address.parse(), Ok(IpAddr::V6(_))) {
                return Err(UrlError::Host);
            }
            match behind.strip_prefix(':') {
                Some(port) => (address.to_owned(), Some(port)),
                None if behind.is_empty() => (address.to_owned(), None),
                None => return Err(UrlError::Host),
            }
        }
        None => {
            let (host, port) = place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port)));
            (decode(host, "host")?, port)
        }
    };
    let port = match port {
        None | Some("") => PORT,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port != 0).ok_or(UrlError::Port)?
        }
        Some(_) => return Err(UrlError::Port),
    };
    if host.is_empty() {
        return Err(UrlError::NoHost);
    }
    if host.contains(|c: char| c.is_whitespace() || c.is_control() || "/@\\%<>\"".contains(c)) {
        return Err(UrlError::Host);
    }
    Ok((host, port))
}

/// A path without its `;type=i`, RFC 1738 section 3.2.3.
fn without_type(path: &str) -> Result<&str, UrlError> {
    let Some((before, typecode)) =
        path.rsplit_once(';').filter(|(_, end)| end.len() == 6 && end.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("type=")))
    else {
        return Ok(path);
    };
    match typecode.chars().last().map(|code| code.to_ascii_lowercase()) {
        Some('i') => Ok(before),
        Some(code @ ('a' | 'd')) => Err(UrlError::Type(code)),
        Some(_) | None => Ok(path),
    }
}

impl fmt::Display for FtpUrl {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ftp://")?;
        if let Some(user) = &self.user {
            write!(f, "{}@", percent_encode(user.as_bytes(), ENCODED_NAME))?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if self.port != PORT {
            write!(f, ":{}", self.port)?;
        }
        write!(f, "/{}", percent_encode(&self.path, ENCODED))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, user: Option<&str>, password: Option<&str>, host: &str, port: u16, path: &str) {
        let url: FtpUrl = text.parse().unwrap();
        let word = url.password.as_ref().map(Secret::reveal);
        let seen = (url.user.as_deref(), word, url.host.as_str(), url.port, url.path.escape_ascii().to_string());
        assert_eq!(seen, (user, password, host, port, path.to_owned()), "{text}");
    }

    #[test]
    fn urls_are_read() {
        check("ftp://host", None, None, "host", 21, "");
        check("FTP://host/", None, None, "host", 21, "");
        check("ftp://host:2121/a/b", None, None, "host", 2121, "a/b");
        check("ftp://host:/a", None, None, "host", 21, "a");
        check("ftp://alice@host/a", Some("alice"), None, "host", 21, "a");
        check("ftp://alice:@host/a", Some("alice"), Some(""), "host", 21, "a");
        check("ftp://al%40ice:pa%3Ass%2f%25@127.0.0.1:21/a", Some("al@ice"), Some("pa:ss/%"), "127.0.0.1", 21, "a");
        check("ftp://alice:p@ss:word@host/a", Some("alice"), Some("p@ss:word"), "host", 21, "a");
        check("ftp://[::1]:2121/a@b", None, None, "::1", 2121, "a@b");
        check("ftp://[::1]", None, None, "::1", 21, "");
        check("ftp://h//etc/x", None, None, "h", 21, "/etc/x");
        check("ftp://h/%2Fetc/x", None, None, "h", 21, "/etc/x");
        check("ftp://h/a b%20c%ff", None, None, "h", 21, "a b c\\xff");
        check("ftp://h/a;type=I", None, None, "h", 21, "a");
        check("ftp://h/a;type=x", None, None, "h", 21, "a;type=x");
        check("ftp://h/a;b", None, None, "h", 21, "a;b");
    }

    fn refuse(text: &str, expect: &UrlError, word: &str) {
        let error = text.parse::<FtpUrl>().unwrap_err();
        assert_eq!(&error, expect, "{text}");
        let told = error.to_string();
        assert!(told.contains(word) && !told.contains("s3same"), "{text}: {told}");
    }

    #[test]
    fn what_is_wrong_is_told_without_the_password() {
        refuse("host/a", &UrlError::NoScheme, "ftp://");
        refuse("alice:s3same@host://a", &UrlError::NoScheme, "ftp://");
        refuse("", &UrlError::NoScheme, "ftp://");
        refuse("ftps://alice:s3same@host/a", &UrlError::Tls("ftps".to_owned()), "TLS comes in a later version");
        refuse("FTPES://host/a", &UrlError::Tls("ftpes".to_owned()), "TLS comes in a later version");
        refuse("sftp://host/a", &UrlError::Scheme("sftp".to_owned()), "not FTP");
        refuse("ftp:///a", &UrlError::NoHost, "host");
        refuse("ftp://alice:s3same@/a", &UrlError::NoHost, "host");
        refuse("ftp://@host/a", &UrlError::NoUser, "user");
        refuse("ftp://alice:s3same/@host/a", &UrlError::Port, "%2F");
        refuse("ftp://host:0/", &UrlError::Port, "65535");
        refuse("ftp://host:65536/", &UrlError::Port, "65535");
        refuse("ftp://host:+21/", &UrlError::Port, "65535");
        refuse("ftp://::1/", &UrlError::Port, "brackets");
        refuse("ftp://[::1/", &UrlError::Host, "brackets");
        refuse("ftp://[host]/", &UrlError::Host, "brackets");
        refuse("ftp://[::1]21/", &UrlError::Host, "brackets");
        refuse("ftp://ho st/", &UrlError::Host, "name");
        refuse("ftp://ho%0ast/", &UrlError::Control("host"), "line end");
        refuse("ftp://alice:s3same%@host/a", &UrlError::Percent("password"), "%25");
        refuse("ftp://h/a%2", &UrlError::Percent("path"), "%25");
        refuse("ftp://h/a%+1", &UrlError::Percent("path"), "%25");
        refuse("ftp://h/a%0D%0ADELE%20x", &UrlError::Control("path"), "line end");
        refuse("ftp://al%00ice@h/", &UrlError::Control("user name"), "NUL");
        refuse("ftp://alice:%ff@h/", &UrlError::NotUtf8("password"), "UTF-8");
        refuse("ftp://alice:s3same?@h/", &UrlError::Reserved('?', "%3F"), "%3F");
        refuse("ftp://h/a#b", &UrlError::Reserved('#', "%23"), "%23");
        refuse("ftp://h/a;type=a", &UrlError::Type('a'), "byte by byte");
    }

    #[test]
    fn the_password_is_not_shown() {
        let url: FtpUrl = "ftp://alice:s3same@host:2121//a%20b/c;d".parse().unwrap();
        assert_eq!(url.to_string(), "ftp://alice@host:2121//a%20b/c%3Bd");
        assert!(!format!("{url:?}").contains("s3same"));
        assert_eq!(url.authority(), "host:2121");
        assert_eq!("ftp://[::1]/".parse::<FtpUrl>().unwrap().authority(), "[::1]:21");
        assert_eq!("ftp://h/%ff".parse::<FtpUrl>().unwrap().path_text(), Err(UrlError::NotUtf8("path")));
    }

    proptest! {
        #[test]
        fn nothing_panics_and_what_is_written_reads_back(
            text in "(ftp://)?[a:@/%0-9\\[\\];=?é -]{0,24}",
        ) {
            if let Ok(url) = text.parse::<FtpUrl>() {
                let again: FtpUrl = url.to_string().parse().unwrap();
                prop_assert_eq!(again, FtpUrl { password: None, ..url });
            }
        }

        #[test]
        fn any_user_and_path_can_be_written(user in "[^\r\n\0]{1,12}", path in prop::collection::vec(any::<u8>(), 0..16)) {
            let path: Vec<u8> = path.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)).collect();
            let url = FtpUrl { user: Some(user), password: None, host: "h".to_owned(), port: 1, path };
            prop_assert_eq!(url.to_string().parse::<FtpUrl>(), Ok(url));
        }
    }
}
