//! `~/.netrc`: who logs in where, as ftp(1) and curl read it.
//!
//! Responsible for reading it. A file that cannot be understood is an error: guessing would send a password somewhere.

use std::path::{Path, PathBuf};

use crate::ftp::secret::Secret;

/// A login that a netrc holds for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) login: Option<String>,
    pub(super) password: Option<Secret>,
}

/// Where it is: `$NETRC`, else `.netrc` in the home directory.
pub(super) fn path() -> Option<PathBuf> {
    std::env::var_os("NETRC").map(PathBuf::from).or_else(|| std::env::home_dir().map(|home| home.join(".netrc")))
}

/// Reads the file and finds the login for a host, and for a user where one is named. No file, no login.
pub(super) fn find(path: &Path, host: &str, user: Option<&str>) -> Result<Option<Entry>, String> {
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", path.display()))?,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    parse(&text, host, user).map_err(|what| format!("{}: {what}", path.display()))
}

/// The first entry that fits; `default` fits every host.
fn parse(text: &str, host: &str, user: Option<&str>) -> Result<Option<Entry>, String> {
    let mut words = Words(text);
    // The entry that is being read, where it is about our host.
    let mut entry: Option<Entry> = None;
    let fits = |entry: &Option<Entry>| {
        entry.as_ref().is_some_and(|entry| user.is_none_or(|user| entry.login.as_deref().is_none_or(|login| login == user)))
    };
    while let Some(word) = words.next()? {
        match word.as_str() {
            "machine" | "default" => {
                if fits(&entry) {
                    return Ok(entry);
                }
                let ours = word == "default" || words.behind("machine")?.eq_ignore_ascii_case(host);
                entry = ours.then_some(Entry { login: None, password: None });
            }
            "login" => {
                let login = words.behind("login")?;
                if let Some(entry) = &mut entry {
                    entry.login = Some(login);
                }
            }
            "password" => {
                let password = words.behind("password")?;
                if let Some(entry) = &mut entry {
                    entry.password = Some(Secret::new(password));
                }
            }
            "account" => {
                words.behind("account")?;
            }
            // A macro goes to the next empty line.
            "macdef" => {
                words.0 = words.0.find("\n\n").map_or("", |at| &words.0[at..]);
            }
            // Not repeated: it may be a password with a blank in it.
            _ => return Err("a word stands where machine, default, login, password, account or macdef should".to_owned()),
        }
    }
    Ok(if fits(&entry) { entry } else { None })
}

/// Words between blanks; one in double quotes may hold blanks, and `\"`, `\\`. A word that begins with `#` hides the rest of its line.
struct Words<'a>(&'a str);

impl Words<'_> {
    fn next(&mut self) -> Result<Option<String>, String> {
        loop {
            self.0 = self.0.trim_start();
            if !self.0.starts_with('#') {
                break;
            }
            self.0 = self.0.find('\n').map_or("", |at| &self.0[at..]);
        }
        self.word()
    }

    /// The word behind a keyword, which may begin with `#`.
    fn behind(&mut self, keyword: &str) -> Result<String, String> {
        self.0 = self.0.trim_start();
        self.word()?.ok_or_else(|| format!("nothing stands behind {keyword}"))
    }

    fn word(&mut self) -> Result<Option<String>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let Some(quoted) = self.0.strip_prefix('"') else {
            let end = self.0.find(char::is_whitespace).unwrap_or(self.0.len());
            let (word, rest) = self.0.split_at(end);
            self.0 = rest;
            return Ok(Some(word.to_owned()));
        };
        let mut word = String::new();
        let mut chars = quoted.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.0 = &quoted[at + 1..];
                    return Ok(Some(word));
                }
                '\\' => word.extend(chars.next().map(|(_, next)| next)),
                _ => word.push(c),
            }
        }
        Err("a double quote is not closed".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# mine\nmachine one.example login alice password \"s3 \\\"same\\\\\"\nmachine two.example\n  login bob\n  account x\n  password #b0b\n\
        macdef init\nmachine three.example login no\nbin\n\nmachine two.example login carol password c4rol\ndefault login anonymous password me@here\n";

    fn check(host: &str, user: Option<&str>, expect: Option<(&str, &str)>) {
        let found = parse(TEXT, host, user).unwrap();
        let expect = expect.map(|(login, word)| Entry { login: Some(login.to_owned()), password: Some(Secret::new(word)) });
        assert_eq!(found, expect, "{host} {user:?}");
    }

    #[test]
    fn the_first_entry_that_fits_counts() {
        check("one.example", None, Some(("alice", "s3 \"same\\")));
        check("ONE.example", Some("alice"), Some(("alice", "s3 \"same\\")));
        check("two.example", None, Some(("bob", "#b0b")));
        check("two.example", Some("carol"), Some(("carol", "c4rol")));
        check("three.example", None, Some(("anonymous", "me@here")));
        check("two.example", Some("dave"), None);
    }

    #[test]
    fn what_cannot_be_understood_is_an_error_without_its_words() {
        for text in ["machine a login b password s3 same", "machine", "machine a password \"s3same", "login"] {
            let error = parse(text, "a", None).unwrap_err();
            assert!(!error.contains("same"), "{error}");
        }
        assert_eq!(find(Path::new("/nonexistent/netrc"), "a", None), Ok(None));
        assert_eq!(parse("machine a password p", "a", Some("u")).unwrap().unwrap().login, None);
    }
}
