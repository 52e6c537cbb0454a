//! Where a password comes from that does not stand on the command line: a file, or the environment.
//!
//! Responsible for reading it, and for errors that never show it. Which of several places counts is told here once, for every
//! verb.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::Secret;

/// The variable that may hold a password.
pub const VARIABLE: &str = "FTPSPEC_PASSWORD";
/// Bytes of a password file that are read: more is no password.
const BYTES_MAX: usize = 4096;

/// Why there is no password to be had from where it should be.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The file cannot be read.
    #[error("the password file {}: {source}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file's first line is no password.
    #[error("the password file {}: the first line is {what}", path.display())]
    Line {
        /// Its path.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
    /// The variable's value is no password.
    #[error("{VARIABLE} {0}")]
    Variable(&'static str),
    /// Two places, and no telling which one is meant.
    #[error("a password stands in the URL and in --password-file: give one of them")]
    Twice,
}

/// The password: that of the URL, else that of the file, else that of [`VARIABLE`], else none.
///
/// # Errors
/// A file that was named and gives no password, a variable that is no text, and a password both in the URL and in a file.
pub fn find(in_url: Option<&Secret>, file: Option<&Path>) -> Result<Option<Secret>, PasswordError> {
    find_with(in_url, file, std::env::var_os(VARIABLE))
}

fn find_with(in_url: Option<&Secret>, file: Option<&Path>, variable: Option<OsString>) -> Result<Option<Secret>, PasswordError> {
    match (in_url, file) {
        (Some(_), Some(_)) => Err(PasswordError::Twice),
        (Some(secret), None) => Ok(Some(secret.clone())),
        (None, Some(path)) => read(path).map(Some),
        (None, None) => variable.map(from_variable).transpose(),
    }
}

fn from_variable(value: OsString) -> Result<Secret, PasswordError> {
    let text = value.into_string().map_err(|_| PasswordError::Variable("is not UTF-8"))?;
    if text.contains(['\r', '\n']) {
        return Err(PasswordError::Variable("holds a line end, which no FTP command can carry"));
    }
    Ok(Secret::new(text))
}

/// The first line of a file, without its end.
fn read(path: &Path) -> Result<Secret, PasswordError> {
    use io::Read;
    let unreadable = |source| PasswordError::File { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let wrong = |what| Err(PasswordError::Line { path: path.to_owned(), what });
    match std::str::from_utf8(line) {
        _ if line.len() > BYTES_MAX => wrong("longer than a password can be"),
        _ if line.is_empty() => wrong("empty"),
        Err(_) => wrong("not UTF-8"),
        Ok(text) if text.contains(['\r', '\0']) => wrong("no password: it holds a CR or a NUL"),
        Ok(text) => Ok(Secret::new(text)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn told(found: Result<Option<Secret>, PasswordError>) -> Result<Option<String>, String> {
        found.map(|secret| secret.map(|secret| secret.reveal().to_owned())).map_err(|error| error.to_string())
    }

    #[test]
    fn the_url_comes_first_and_the_variable_last() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("word");
        std::fs::write(&file, "from file\n").unwrap();
        let url = Secret::new("from url");
        let variable = || Some(OsString::from("from variable"));
        assert_eq!(told(find_with(Some(&url), None, variable())), Ok(Some("from url".to_owned())));
        assert_eq!(told(find_with(None, Some(&file), variable())), Ok(Some("from file".to_owned())));
        assert_eq!(told(find_with(None, None, variable())), Ok(Some("from variable".to_owned())));
        assert_eq!(told(find_with(None, None, None)), Ok(None));
        assert!(told(find_with(Some(&url), Some(&file), None)).unwrap_err().contains("give one"));
    }

    #[test]
    fn a_file_gives_its_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("word");
        let check = |bytes: &[u8], expect: Result<&str, &str>| {
            std::fs::write(&file, bytes).unwrap();
            match (told(find_with(None, Some(&file), None)), expect) {
                (Ok(Some(word)), Ok(expect)) => assert_eq!(word, expect),
                (Err(error), Err(word)) => assert!(error.contains(word) && !error.contains("s3same"), "{error}"),
                (seen, expect) => panic!("{seen:?}, not {expect:?}"),
            }
        };
        check(b"sesame", Ok("sesame"));
        check(b" s p \r\nmore", Ok(" s p "));
        check(b"", Err("empty"));
        check(b"\ns3same", Err("empty"));
        check(b"s3same\xff", Err("UTF-8"));
        check(b"s3same\0", Err("NUL"));
        check(&[b'a'; 5000], Err("longer"));
        std::fs::remove_file(&file).unwrap();
        assert!(told(find_with(None, Some(&file), None)).unwrap_err().contains("word: No such file"));
    }

    #[test]
    fn a_variable_that_is_no_text_is_refused() {
        let check = |bytes: &[u8], word: &str| {
            let error = told(find_with(None, None, Some(OsString::from_vec(bytes.to_vec())))).unwrap_err();
            assert!(error.contains(word) && error.contains(VARIABLE) && !error.contains("s3same"), "{error}");
        };
        check(b"s3same\xff", "UTF-8");
        check(b"s3same\n", "line end");
    }
}
