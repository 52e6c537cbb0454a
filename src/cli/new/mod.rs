//! `ftpspec new`: a configuration and a first scenario, to begin with.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::config::NAME;
use super::exit::Exit;
use super::{Output, Wrong};

/// A configuration with comments.
const CONFIG: &str = include_str!("ftpspec.toml");

/// A first scenario, and where it stands.
const SCENARIO: (&str, &str) = ("ftp/hello.ftp", include_str!("hello.ftp"));

/// The arguments of `new`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// The directory, which is made where it is not there; by default this one.
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

pub(super) fn new(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let folder = &arguments.folder;
    let files = [(NAME, CONFIG), SCENARIO].map(|(name, text)| (folder.join(name), text));
    // All is looked at before anything is written.
    if let Some((path, _)) = files.iter().find(|(path, _)| fs::symlink_metadata(path).is_ok()) {
        return Err(Wrong::Usage(format!("{} is there already, and is not written over; name another directory", path.display())));
    }
    for (path, text) in &files {
        write(path, text).map_err(|error| Wrong::Usage(format!("cannot write {}: {error}", path.display())))?;
        writeln!(output.out, "{}", path.display())?;
    }
    let enter = if folder == Path::new(".") { String::new() } else { format!("  cd {}\n", folder.display()) };
    write!(
        output.out,
        "\nNow:\n{enter}  ftpspec run                      plays {scenario}\n  ftpspec profile new mine.toml    writes a profile of your own server; name it in {NAME}\n  \
         ftpspec check ftp                says what is wrong with your scenarios\n",
        scenario = SCENARIO.0
    )?;
    Ok(Exit::Expected)
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::suite::Suite;
    use crate::scenario::{parse_bytes, print};

    #[test]
    fn the_scenario_can_be_read_and_is_in_its_canonical_form() {
        assert!(Suite::of_texts([SCENARIO]).is_ok());
        let scenario = parse_bytes("hello", SCENARIO.1.as_bytes(), "hello").1.unwrap();
        assert_eq!(print(&scenario), SCENARIO.1);
    }
}
