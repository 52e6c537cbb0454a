//! `ftpspec list`: the cases.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::config::{self, Config};
use super::exit::Exit;
use super::{Output, Wrong, plural, run};
use crate::requirement::Level;
use crate::run::select::{Selection, select};
use crate::run::suite::Suite;
use crate::scenario::model::Case;

/// The arguments of `list`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// Scenario files or directories, and ids or globs of ids; all built-in cases where nothing is given.
    #[arg(value_name = "PATH|ID")]
    what: Vec<String>,

    /// Only cases of this topic, the first part of their ids.
    #[arg(long, value_name = "TOPIC")]
    topic: Vec<String>,

    /// Only cases that cite this requirement, or one that this glob fits.
    #[arg(long, value_name = "ID")]
    requirement: Vec<String>,

    /// Only cases that cite a requirement of this level.
    #[arg(long, value_name = "LEVEL", value_parser = run::level)]
    level: Vec<Level>,

    #[command(flatten)]
    config: config::Place,

    /// How to write them.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Id and title.
    Text,
    /// Ids alone.
    Ids,
    /// An array of objects.
    Json,
}

pub(super) fn list(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let options = Selection {
        topics: arguments.topic.clone(),
        requirements: arguments.requirement.clone(),
        levels: arguments.level.clone(),
        ..Selection::default()
    };
    let (paths, selection) = Config::find(&arguments.config)?.select(&arguments.what, options);
    let suite = Suite::load(&paths)?;
    let cases = select(&suite, &selection)?;
    match arguments.format {
        Format::Text => text(&cases, output)?,
        Format::Ids => cases.iter().try_for_each(|case| writeln!(output.out, "{}", case.id))?,
        Format::Json => {
            let records: Vec<_> = cases.iter().map(|case| record(case)).collect();
            writeln!(output.out, "{}", serde_json::to_string_pretty(&records).map_err(std::io::Error::from)?)?;
        }
    }
    Ok(if cases.is_empty() { Exit::Nothing } else { Exit::Expected })
}

fn text(cases: &[Arc<Case>], output: &mut Output) -> Result<(), Wrong> {
    let widest = cases.iter().map(|case| case.id.chars().count()).max().unwrap_or(0).min(48);
    for case in cases {
        let slow = if case.slow { " (slow)" } else { "" };
        writeln!(output.out, "{:<widest$}  {}{slow}", case.id, case.title)?;
    }
    let files: BTreeSet<&str> = cases.iter().map(|case| case.source.name.as_str()).collect();
    writeln!(output.out, "\n{} in {}", plural(cases.len(), "case"), plural(files.len(), "file"))?;
    Ok(())
}

fn record(case: &Case) -> serde_json::Value {
    json!({
        "id": case.id,
        "title": case.title,
        "topic": case.topic(),
        "source": case.source.name,
        "slow": case.slow,
        "needs": case.needs,
        "requirements": case.requirements(),
    })
}
