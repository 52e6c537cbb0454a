//! `ftpspec explain`: all about a requirement or a case.

use std::io::Write;
use std::sync::Arc;

use clap::Args;

use super::exit::Exit;
use super::{Output, Wrong, width};
use crate::report::transcript::wrap;
use crate::requirement::{Catalogue, Requirement};
use crate::run::select::nearest_case;
use crate::run::suite::Suite;
use crate::scenario::model::Case;

/// The arguments of `explain`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// The id of a requirement, a case or a scenario.
    id: String,

    /// Scenario files or directories that add to the built-in suite.
    #[arg(long, value_name = "PATH")]
    path: Vec<std::path::PathBuf>,
}

/// Columns before what a labelled line says.
const LABEL: usize = 12;

pub(super) fn explain(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let suite = Suite::load(&arguments.path)?;
    let catalogue = Catalogue::built_in();
    let id = arguments.id.as_str();
    if let Some(requirement) = catalogue.find(id) {
        explain_requirement(requirement, &suite, output)?;
        return Ok(Exit::Expected);
    }
    let Some(file) = suite.find(id) else {
        return Err(unknown(id, &suite));
    };
    let cases: Vec<&Arc<Case>> = file.cases.iter().filter(|case| file.scenario.id == id || case.id == id).collect();
    if cases.is_empty() {
        return Err(unknown(id, &suite));
    }
    explain_cases(&cases, output)?;
    writeln!(output.out, "\n{}", file.source.text.trim_end())?;
    Ok(Exit::Expected)
}

fn unknown(id: &str, suite: &Suite) -> Wrong {
    let words = [Catalogue::built_in().nearest(id).map(str::to_owned), nearest_case(suite, id)];
    let near: Vec<String> = words.into_iter().flatten().map(|word| format!("`{word}`")).collect();
    let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
    Wrong::Usage(format!("neither a requirement nor a case is called `{id}`{hint}"))
}

fn explain_requirement(requirement: &Requirement, suite: &Suite, output: &mut Output) -> Result<(), Wrong> {
    let Requirement { id, level, topic, statement, observable, codes, needs, notes, untestable, .. } = requirement;
    say(output, "requirement", id)?;
    say(output, "level", level.word())?;
    say(output, "clause", &requirement.clause())?;
    say(output, "topic", topic)?;
    say(output, "statement", statement)?;
    say(output, "observable", observable)?;
    say(output, "codes", &codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))?;
    say(output, "needs", &needs.join(", "))?;
    say(output, "notes", notes)?;
    say(output, "untestable", untestable.as_deref().unwrap_or_default())?;
    let citing: Vec<&str> = suite.cases().filter(|case| case.requirements().contains(&id.as_str())).map(|case| case.id.as_str()).collect();
    if citing.is_empty() {
        return say(output, "cases", "none cites it");
    }
    citing.iter().enumerate().try_for_each(|(number, case)| say(output, if number == 0 { "cases" } else { "" }, case))
}

fn explain_cases(cases: &[&Arc<Case>], output: &mut Output) -> Result<(), Wrong> {
    for case in cases {
        say(output, "case", &case.id)?;
        say(output, "title", &case.title)?;
    }
    let Some(first) = cases.first() else { return Ok(()) };
    say(output, "source", &first.source.name)?;
    say(output, "needs", &first.needs.join(", "))?;
    say(output, "class", if first.slow { "slow: played with --slow" } else { "" })?;
    let mut ids: Vec<&str> = cases.iter().flat_map(|case| case.requirements()).collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        match Catalogue::built_in().find(id) {
            Some(requirement) => {
                say(output, "requirement", &format!("{id}  {}  {}", requirement.level, requirement.clause()))?;
                say(output, "", &requirement.statement)?;
            }
            None => say(output, "requirement", id)?,
        }
    }
    Ok(())
}

/// A labelled text, folded; nothing where there is no text.
fn say(output: &mut Output, label: &str, text: &str) -> Result<(), Wrong> {
    if text.is_empty() {
        return Ok(());
    }
    let bold = anstyle::Style::new().bold();
    for (number, line) in wrap(text, width().min(120).saturating_sub(LABEL), 0, usize::MAX).iter().enumerate() {
        let label = format!("{:<LABEL$}", if number == 0 { label } else { "" });
        if output.color {
            writeln!(output.out, "{bold}{label}{bold:#}{line}")?;
        } else {
            writeln!(output.out, "{label}{line}")?;
        }
    }
    Ok(())
}
