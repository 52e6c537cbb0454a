//! `ftpspec fmt`: scenario files in their canonical form.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::{Output, Wrong, plural};
use crate::run::suite::{Suite, SuiteError};
use crate::scenario::print::print;

/// The arguments of `fmt`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// Scenario files or directories; `scenarios` where nothing is given.
    #[arg(value_name = "PATH")]
    path: Vec<PathBuf>,

    /// Write nothing; name the files that are not in their canonical form, and fail if there is one.
    #[arg(long)]
    check: bool,
}

pub(super) fn fmt(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let paths = if arguments.path.is_empty() { vec![PathBuf::from("scenarios")] } else { arguments.path.clone() };
    let suite = Suite::read(&paths)?;
    let mut changed = 0;
    for file in suite.files() {
        let text = print(&file.scenario);
        if text == file.source.text {
            continue;
        }
        changed += 1;
        let name = &file.source.name;
        if arguments.check {
            writeln!(output.out, "{name}: not in its canonical form")?;
        } else {
            fs::write(name, text).map_err(|source| SuiteError::Io { path: PathBuf::from(name), source })?;
            writeln!(output.out, "{name}: written")?;
        }
    }
    let all = plural(suite.files().count(), "file");
    if arguments.check && changed != 0 {
        writeln!(output.out, "{changed} of {all} would change; `ftpspec fmt` writes them")?;
        return Ok(Exit::Failure);
    }
    writeln!(output.out, "{all}, {changed} changed")?;
    Ok(Exit::Expected)
}
