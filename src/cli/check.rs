//! `ftpspec check`: all that is wrong with scenario files.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::{Output, Wrong, plural};
use crate::run::suite::{Problem, Suite};

/// The arguments of `check`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// Scenario files or directories; the built-in suite where nothing is given.
    #[arg(value_name = "PATH")]
    path: Vec<PathBuf>,

    /// A lint is an error.
    #[arg(long)]
    strict: bool,
}

pub(super) fn check(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let suite = if arguments.path.is_empty() { Suite::built_in()? } else { Suite::read(&arguments.path)? };
    let linted: Vec<Problem> = suite
        .files()
        .filter(|file| !file.lints.is_empty())
        .map(|file| Problem { source: file.source.clone(), diagnostics: file.lints.clone() })
        .collect();
    for problem in &linted {
        for diagnostic in &problem.diagnostics {
            writeln!(output.err, "{}\n", diagnostic.render(&problem.source, output.color_err))?;
        }
    }
    let lints: usize = linted.iter().map(|problem| problem.diagnostics.len()).sum();
    let (cases, files) = (suite.cases().count(), suite.files().count());
    let also = if lints == 0 { String::new() } else { format!(", {}", plural(lints, "lint")) };
    writeln!(output.out, "{} in {}: no error{also}", plural(cases, "case"), plural(files, "file"))?;
    Ok(if arguments.strict && lints != 0 { Exit::Parse } else { Exit::Expected })
}
