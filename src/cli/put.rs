//! `ftpspec put`: a file to a server.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Exit;
use super::transfer::{self, Flags, HELP};
use super::{Output, Wrong};
use crate::ftp::url::FtpUrl;
use crate::hand::{self, HandError};

/// The arguments of `put`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = HELP)]
pub(super) struct Arguments {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Where it goes: `ftp://user@host:port/dir/file`, or a directory, with a `/` at its end.
    // A plain string: what clap refuses it repeats, and the password with it.
    #[arg(value_name = "URL")]
    url: String,

    #[command(flatten)]
    flags: Flags,
}

pub(super) fn put(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let mut url: FtpUrl = arguments.url.parse().map_err(HandError::from)?;
    name(&mut url, &arguments.file)?;
    let remote = arguments.flags.remote(url)?;
    let told = remote.url.to_string();
    transfer::perform(&arguments.flags, &told, output, async |options, watch| hand::put(&arguments.file, &remote, options, watch).await)
}

/// A URL that names a directory gets the file's own name.
fn name(url: &mut FtpUrl, file: &Path) -> Result<(), HandError> {
    if url.path.is_empty() || url.path.ends_with(b"/") {
        let name = file.file_name().ok_or_else(|| HandError::Usage(format!("{} is no file", file.display())))?;
        url.path.extend_from_slice(name.as_encoded_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_gets_the_name_of_the_file() {
        let check = |url: &str, file: &str, expect: &str| {
            let mut url: FtpUrl = url.parse().unwrap();
            name(&mut url, Path::new(file)).unwrap();
            assert_eq!(url.to_string(), expect);
        };
        check("ftp://h/", "a/b c", "ftp://h/b%20c");
        check("ftp://h/d/", "a/b", "ftp://h/d/b");
        check("ftp://h/d", "a/b", "ftp://h/d");
        assert!(name(&mut "ftp://h/".parse().unwrap(), Path::new("..")).is_err());
    }
}
