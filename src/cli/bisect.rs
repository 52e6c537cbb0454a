//! `ftpspec run` with several servers: the same cases on each, and the first step where they part.

use std::io::{self, Write};

use super::exit::Exit;
use super::matrix::{Server, tell};
use super::run::{Arguments, conduct};
use super::{Output, Wrong, width};
use crate::report::side::Side;
use crate::run::event::Event;
use crate::run::matrix::matrix;
use crate::run::plan::Plan;

/// Plays a plan on each server, one after the other, and shows where they part.
pub(super) fn bisect(arguments: &Arguments, plan: Plan, output: &mut Output) -> Result<Exit, Wrong> {
    let wrong = |told: &str| Err(Wrong::Usage(told.to_owned()));
    if !arguments.which.set.is_empty() {
        return wrong("of several servers each has its own variables: `--server 'vsftpd{bin=./old}'` in place of --set");
    }
    if arguments.baseline.is_some() {
        return wrong("a baseline is one server's: give one server, or leave --baseline out");
    }
    let mut servers =
        arguments.which.servers.iter().map(|text| text.parse::<Server>().map_err(Wrong::Usage)).collect::<Result<Vec<_>, _>>()?;
    for at in 1..servers.len() {
        if servers[..at].iter().any(|other| other.label == servers[at].label) {
            servers[at].label = format!("{} ({})", servers[at].label, at + 1);
        }
    }
    let labels: Vec<String> = servers.iter().map(|server| server.label.clone()).collect();
    let entries = servers.iter().map(|server| server.entry(arguments.no_baseline)).collect::<Result<Vec<_>, _>>()?;
    let options = arguments.options();
    let mut side = Side::new(labels.clone(), width());
    let exit = tell(labels, &arguments.report, arguments.strict, output, |tell| {
        conduct(
            // One at a time: two versions of a server may want the same port.
            |interrupted, events| async move { matrix(entries, &plan, &options, 1, interrupted, events).await },
            |(server, event): (usize, Event)| {
                side.event(server, &event);
                tell(server, &event);
            },
        )
    })?;
    // Standard output belongs to the report that asks for it.
    let mut out: Box<dyn Write> =
        if arguments.report.iter().any(super::report::ReportArgument::is_stdout) { Box::new(io::stderr()) } else { Box::new(io::stdout()) };
    out.write_all(side.finish().as_bytes())?;
    Ok(exit)
}
