//! `ftpspec get`: a file from a server.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Exit;
use super::transfer::{self, Flags, HELP};
use super::{Output, Wrong};
use crate::ftp::url::FtpUrl;
use crate::hand::{self, HandError};

/// The arguments of `get`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = HELP)]
pub(super) struct Arguments {
    /// Where the file is: `ftp://user@host:port/dir/file`.
    // A plain string: what clap refuses it repeats, and the password with it.
    #[arg(value_name = "URL")]
    url: String,

    /// Where it goes: a file, or a directory; by default here, by its own name. Until it is whole it is FILE.part.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    #[command(flatten)]
    flags: Flags,
}

pub(super) fn get(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let url: FtpUrl = arguments.url.parse().map_err(HandError::from)?;
    let file = place(&url, arguments.file.as_deref())?;
    let remote = arguments.flags.remote(url)?;
    let name = file.display().to_string();
    transfer::perform(&arguments.flags, &name, output, async |options, watch| hand::get(&remote, &file, options, watch).await)
}

/// Where a download goes.
fn place(url: &FtpUrl, given: Option<&Path>) -> Result<PathBuf, HandError> {
    let path = url.path_text()?;
    let name = path.rsplit('/').next().unwrap_or_default();
    match given {
        Some(file) if !file.is_dir() => Ok(file.to_owned()),
        _ if matches!(name, "" | "." | "..") => Err(HandError::Usage(format!("{url} names no file"))),
        Some(folder) => Ok(folder.join(name)),
        None => Ok(PathBuf::from(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_goes_where_it_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let check = |url: &str, given: Option<&Path>, expect: Option<&Path>| {
            assert_eq!(place(&url.parse().unwrap(), given).ok().as_deref(), expect, "{url} {given:?}");
        };
        check("ftp://h/a/b.bin", None, Some(Path::new("b.bin")));
        check("ftp://h/a/b%20c", None, Some(Path::new("b c")));
        check("ftp://h/a/b.bin", Some(Path::new("x/y")), Some(Path::new("x/y")));
        check("ftp://h/a/b.bin", Some(folder.path()), Some(&folder.path().join("b.bin")));
        check("ftp://h/a/", None, None);
        check("ftp://h/..", None, None);
        check("ftp://h", Some(folder.path()), None);
    }
}
