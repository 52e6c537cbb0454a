//! `ftpspec probe`: what a server claims, what it does, and where the two differ.

use std::io::Write;

use clap::{Args, ValueEnum};

use super::exit::Exit;
use super::run::conduct;
use super::which::Which;
use super::{Output, Wrong, plural};
use crate::run::probe::{Command, Probed, probe as ask};

/// The arguments of `probe`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,

    /// How to tell.
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Starts the server, asks it, and tells.
pub(super) fn probe(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let target = arguments.which.target()?;
    let name = target.name().to_owned();
    let mut told = None;
    conduct(
        |mut interrupted, answers| async move {
            tokio::select! {
                probed = ask(target) => drop(answers.send(probed)),
                _ = interrupted.wait_for(|now| *now) => {}
            }
        },
        |probed| told = Some(probed),
    )?;
    let probed = match told {
        None => return Ok(Exit::Interrupted),
        Some(Err(error)) => {
            writeln!(output.err, "{name} could not be asked: {error}")?;
            return Ok(Exit::Inconclusive);
        }
        Some(Ok(probed)) => probed,
    };
    match arguments.format {
        Format::Json => writeln!(output.out, "{}", serde_json::to_string_pretty(&probed).map_err(std::io::Error::other)?)?,
        Format::Text => tell(&probed, output)?,
    }
    Ok(Exit::Expected)
}

fn tell(probed: &Probed, output: &mut Output) -> std::io::Result<()> {
    let Probed { name, version, banner, system, features, commands, differences, .. } = probed;
    let out = &mut output.out;
    let shown = |text: &Option<String>| text.as_ref().map_or_else(|| "no reply".to_owned(), |text| text.escape_default().to_string());
    writeln!(out, "server    {name}{}", version.as_ref().map_or_else(String::new, |version| format!(" {version}")))?;
    writeln!(out, "greeting  {}", shown(banner))?;
    writeln!(out, "SYST      {}", shown(system))?;
    writeln!(out, "FEAT      {}", plural(features.len(), "feature"))?;
    for feature in features {
        writeln!(out, "          {}", feature.escape_default())?;
    }
    writeln!(out, "\n{:<12}{:<6}{:<6}{:<7}answer", "command", "FEAT", "HELP", "known")?;
    let mut document = "";
    for command in commands {
        if command.document != document {
            document = command.document;
            writeln!(out, "{document}")?;
        }
        writeln!(out, "{}", row(command).trim_end())?;
    }
    match differences.as_slice() {
        [] => writeln!(out, "\nWhat it claims and what it does agree.")?,
        differences => {
            writeln!(out, "\nWhat it claims and what it does differ:")?;
            for difference in differences {
                let clause = difference.requirement.map_or_else(String::new, |id| format!("  [{id}]"));
                writeln!(out, "  {}: {}{clause}", difference.verb, difference.text.escape_default())?;
            }
        }
    }
    for left in &probed.left {
        writeln!(out, "left: {left}")?;
    }
    Ok(())
}

fn row(command: &Command) -> String {
    let Command { verb, feat, help, known, said, .. } = command;
    let yes = |is: Option<bool>| match is {
        Some(true) => "yes",
        Some(false) => "no",
        None => "-",
    };
    let said = said.lines().next().unwrap_or_default().escape_default().to_string();
    let said = if said.is_empty() { "not asked: it would do something".to_owned() } else { said };
    format!("  {verb:<10}{:<6}{:<6}{:<7}{said}", if *feat { "yes" } else { "" }, yes(*help), yes(*known))
}
