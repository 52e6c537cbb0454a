//! SITE CHMOD for the embedded server, which libunftp does not have itself.
//!
//! libunftp tells a SITE handler no working directory: a relative path is taken below `/`, as its own MLST takes it.

use async_trait::async_trait;
use libunftp::options::{Reply, ReplyCode, SiteCommandContext, SiteCommandHandler};
use unftp_core::storage::ErrorKind;

use super::account::User;
use super::storage::Storage;
use crate::ftp::letter::Letter;

/// `SITE CHMOD mode path`.
#[derive(Debug)]
pub(super) struct ChangeMode;

#[async_trait]
impl SiteCommandHandler<Storage, User> for ChangeMode {
    async fn handle(&self, context: &SiteCommandContext<Storage, User>) -> Reply {
        if !context.user.as_ref().as_ref().is_some_and(|user| user.letters.has(Letter::ChangeMode)) {
            return Reply::new(ReplyCode::FileError, "Not enough privileges");
        }
        let Some((mode, path)) = parse(&context.arguments) else {
            return Reply::new(ReplyCode::ParameterSyntaxError, "SITE CHMOD takes an octal mode and a path");
        };
        match context.storage.change_mode(path, mode).await {
            Ok(()) => Reply::new(ReplyCode::CommandOkay, "Mode changed"),
            Err(error) if error.kind() == ErrorKind::PermanentFileNotAvailable => Reply::new(ReplyCode::FileError, "File not found"),
            Err(_) => Reply::new(ReplyCode::FileError, "Mode not changed"),
        }
    }
}

/// One to four octal digits, one blank, and a path that may hold blanks.
fn parse(arguments: &str) -> Option<(u32, &str)> {
    let (mode, path) = arguments.split_once(' ')?;
    if path.is_empty() || mode.len() > 4 || !mode.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
        return None;
    }
    u32::from_str_radix(mode, 8).ok().map(|mode| (mode, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_a_mode_and_a_path() {
        let check = |arguments, expect| assert_eq!(parse(arguments), expect, "{arguments:?}");
        check("644 /a b", Some((0o644, "/a b")));
        check("0 a", Some((0, "a")));
        check("7777  a", Some((0o7777, " a")));
        for wrong in ["", "644", "644 ", " a", "888 a", "+7 a", "00644 a", "u+x a"] {
            check(wrong, None);
        }
    }
}
