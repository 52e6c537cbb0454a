//! `ftpspec requirements`: one record a requirement, and which scenarios cite it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::exit::Exit;
use super::{Output, Wrong};
use crate::requirement::{Catalogue, Level};
use crate::run::suite::Suite;

/// The arguments of `requirements`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// How to write them.
    #[arg(long, value_enum, default_value_t = Format::Md)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// An array of objects.
    Json,
    /// A Markdown table, with counts above it.
    Md,
}

/// Whether a requirement is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// A step of a scenario cites it.
    Covered,
    /// None does yet.
    Uncovered,
    /// None can.
    Untestable,
}

impl Status {
    const fn word(self) -> &'static str {
        match self {
            Self::Covered => "covered",
            Self::Uncovered => "uncovered",
            Self::Untestable => "untestable",
        }
    }
}

#[derive(Debug, Serialize)]
struct Record<'a> {
    id: &'a str,
    level: Level,
    status: Status,
    scenarios: Vec<&'a str>,
    reason: Option<&'a str>,
}

pub(super) fn requirements(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let suite = Suite::built_in()?;
    let records = records(&suite);
    match arguments.format {
        Format::Json => writeln!(output.out, "{}", serde_json::to_string_pretty(&records).map_err(std::io::Error::from)?)?,
        Format::Md => markdown(&records, output)?,
    }
    Ok(Exit::Expected)
}

fn records(suite: &Suite) -> Vec<Record<'_>> {
    let mut citing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for case in suite.cases() {
        for id in case.requirements() {
            citing.entry(id).or_default().insert(&case.id);
        }
    }
    let record = |requirement: &'static crate::requirement::Requirement| {
        let scenarios: Vec<&str> = citing.get(requirement.id.as_str()).into_iter().flatten().copied().collect();
        let reason = requirement.untestable.as_deref();
        let status = match (scenarios.is_empty(), reason) {
            (false, _) => Status::Covered,
            (true, Some(_)) => Status::Untestable,
            (true, None) => Status::Uncovered,
        };
        Record { id: &requirement.id, level: requirement.level, status, scenarios, reason }
    };
    Catalogue::built_in().iter().map(record).collect()
}

fn markdown(records: &[Record<'_>], output: &mut Output) -> Result<(), Wrong> {
    let out = &mut output.out;
    writeln!(out, "# Requirements\n\n| level | covered | uncovered | untestable |\n| --- | --- | --- | --- |")?;
    for level in Level::ALL {
        let count = |status| records.iter().filter(|record| record.level == level && record.status == status).count();
        let counts = [Status::Covered, Status::Uncovered, Status::Untestable].map(count);
        writeln!(out, "| {level} | {} | {} | {} |", counts[0], counts[1], counts[2])?;
    }
    writeln!(out, "\n| id | level | status | scenarios |\n| --- | --- | --- | --- |")?;
    for Record { id, level, status, scenarios, reason } in records {
        let scenarios: Vec<String> = scenarios.iter().map(|id| format!("`{id}`")).collect();
        let last = reason.map_or_else(|| scenarios.join(", "), str::to_owned);
        writeln!(out, "| `{id}` | {level} | {} | {} |", status.word(), last.replace('|', "\\|"))?;
    }
    Ok(())
}
