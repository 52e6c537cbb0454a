//! Hashes that a server can make of a file: which commands there are, and how their replies are read.
//!
//! `HASH` is draft-bryan-ftpext-hash; `XMD5`, `XSHA1` and their like are an old custom; `MD5` is draft-twine-ftpmd5; `SITE MD5` is
//! libunftp's. None is in an RFC, so each is used only where FEAT names it.

use digest::{Digest, DynDigest};

/// A command, and what makes the same hash here.
pub(super) struct Command {
    /// Before the path.
    pub(super) name: &'static str,
    /// The code of its good reply.
    pub(super) code: suppaftp::Status,
    /// Made here.
    pub(super) hasher: Box<dyn DynDigest + Send>,
}

/// The best command among the features of a server.
pub(super) fn choose(features: &[String]) -> Option<Command> {
    let has =
        |name: &str| features.iter().any(|feature| feature == name || feature.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    let command = |name: &'static str, code, hasher| Some(Command { name, code, hasher });
    if let Some(hasher) = features.iter().find_map(|feature| feature.strip_prefix("HASH ")).and_then(chosen) {
        return command("HASH", suppaftp::Status::File, hasher);
    }
    let custom = suppaftp::Status::RequestedFileActionOk;
    match () {
        () if has("XSHA512") => command("XSHA512", custom, Box::new(sha2::Sha512::new())),
        () if has("XSHA256") => command("XSHA256", custom, Box::new(sha2::Sha256::new())),
        () if has("XSHA1") => command("XSHA1", custom, Box::new(sha1::Sha1::new())),
        () if has("XMD5") => command("XMD5", custom, Box::new(md5::Md5::new())),
        () if has("SITE MD5") => command("SITE MD5", suppaftp::Status::File, Box::new(md5::Md5::new())),
        () => None,
    }
}

/// What `HASH` makes where nothing is asked for: FEAT marks it by an asterisk, `SHA-1;SHA-256*;MD5`.
fn chosen(algorithms: &str) -> Option<Box<dyn DynDigest + Send>> {
    match algorithms.split(';').find_map(|name| name.trim().strip_suffix('*'))? {
        "SHA-512" => Some(Box::new(sha2::Sha512::new())),
        "SHA-256" => Some(Box::new(sha2::Sha256::new())),
        "SHA-1" => Some(Box::new(sha1::Sha1::new())),
        "MD5" => Some(Box::new(md5::Md5::new())),
        _ => None,
    }
}

/// The hash in a reply: the only word behind the code that is as many hexadecimal digits as it must be.
pub(super) fn in_reply(reply: &str, bytes: usize) -> Option<String> {
    let mut words =
        reply.split_whitespace().skip(1).filter(|word| word.len() == bytes * 2 && word.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let found = words.next()?;
    words.all(|other| other == found).then(|| found.to_ascii_lowercase())
}

/// As hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_command_is_chosen() {
        let check = |features: &[&str], expect: Option<&str>| {
            let features: Vec<String> = features.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(choose(&features).map(|command| command.name), expect, "{features:?}");
        };
        check(&["SIZE", "SITE MD5"], Some("SITE MD5"));
        check(&["XMD5 FILENAME;START;END", "XSHA1"], Some("XSHA1"));
        check(&["HASH SHA-1;SHA-256*;MD5", "XSHA512"], Some("HASH"));
        check(&["HASH CRC32*", "XSHA256"], Some("XSHA256"));
        check(&["XMD5SUM", "MDTM"], None);
    }

    #[test]
    fn hashes_are_found_in_replies() {
        let md5 = "D41D8CD98F00B204E9800998ECF8427E";
        let low = Some(md5.to_ascii_lowercase());
        assert_eq!(in_reply(&format!("250 {md5}"), 16), low);
        assert_eq!(in_reply(&format!("213 {md5} name"), 16), low);
        assert_eq!(in_reply(&format!("213 MD5 0-49 {md5} name"), 16), low);
        assert_eq!(in_reply(&format!("250 {md5}"), 20), None);
        assert_eq!(in_reply(&format!("250 {md5} {}", "0".repeat(32)), 16), None);
        assert_eq!(hex(&[0, 0xab]), "00ab");
    }
}
