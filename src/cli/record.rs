//! `ftpspec record`: a proxy that writes what a client and a server say as a scenario.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::exit::Exit;
use super::proxy::{Between, hold};
use super::{Output, Wrong, plural};
use crate::fault::proxy::Options;
use crate::ftp::letter::Letters;
use crate::record::{self, Recorder};

/// The arguments of `record`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    between: Between,

    /// The scenario file to write, `bug.ftp`; it must not be there yet.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Write over a file that is there.
    #[arg(long)]
    force: bool,

    /// What the users may do on the server, as letters of `elradfmwMT`: the recording does not tell.
    #[arg(long, value_name = "LETTERS", default_value = "all")]
    letters: String,
}

/// Passes on what clients and the server say, and writes it down when ctrl-c ends it.
pub(super) fn record(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let path = &arguments.output;
    let usage = |told: String| Wrong::Usage(told);
    let name = path.file_stem().and_then(|stem| stem.to_str()).filter(|_| path.extension().is_some_and(|end| end == "ftp"));
    let name = name.ok_or_else(|| usage(format!("expected a file whose name ends in .ftp: {}", path.display())))?;
    Letters::parse(&arguments.letters)
        .map_err(|wrong| usage(format!("--letters: `{wrong}` is no letter; there are `elradfmwMT`, or `all`")))?;
    if path.exists() && !arguments.force {
        return Err(usage(format!("{} is there already; --force writes over it", path.display())));
    }
    // A path that cannot be written is told now, and not when all has been said.
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    let recorder = Recorder::default();
    let options = Options {
        ports: arguments.between.ports.clone(),
        tap: Some(Arc::new(recorder.clone())),
        ..Options::new(arguments.between.upstream)
    };
    let told = format!("; what is said is written to {}", path.display());
    hold(arguments.between.listen, options, &told, output)?;
    let recording = recorder.take();
    if recording.sessions() == 0 {
        drop(file);
        std::fs::remove_file(path)?;
        writeln!(output.err, "nobody called: there is nothing to write")?;
        return Ok(Exit::Nothing);
    }
    let told = record::scenario(&recording, &record::Options { name: name.to_owned(), letters: arguments.letters.clone() });
    let recorded = told.map_err(|wrong| {
        let wrong: Vec<&str> = wrong.iter().map(|one| one.message.as_str()).collect();
        Wrong::Output(std::io::Error::other(format!("the recording makes no scenario, a defect of this program: {}", wrong.join("; "))))
    })?;
    let text = crate::scenario::print(&recorded.scenario);
    file.set_len(0)?;
    file.write_all(text.as_bytes())?;
    for note in &recorded.notes {
        writeln!(output.err, "note: {note}")?;
    }
    writeln!(
        output.out,
        "{} of {} written to {}; `ftpspec run {} --server NAME` plays it",
        plural(recorded.scenario.lines.len(), "line"),
        plural(recording.sessions(), "session"),
        path.display(),
        path.display()
    )?;
    Ok(Exit::Expected)
}
