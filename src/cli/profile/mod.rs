//! `ftpspec profile`: a profile to begin with, and what is wrong with one.
//!
//! `check` plays small cases of its own: they cite nothing, because they ask whether the set-up is right, and not whether the
//! server is.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::exit::Exit;
use super::{Output, Wrong, plural};
use crate::judge::verdict::Verdict;
use crate::run::Options;
use crate::run::event::{CaseReport, Event, Summary};
use crate::run::plan::Plan;
use crate::run::suite::Suite;
use crate::target::{self, Target};

/// A profile with comments.
const NEW: &str = include_str!("new.toml");

/// What a profile is asked for, in this order.
const CASES: [(&str, &str); 9] = [
    ("1-login", include_str!("1-login.ftp")),
    ("2-upload", include_str!("2-upload.ftp")),
    ("3-download", include_str!("3-download.ftp")),
    ("4-roots", include_str!("4-roots.ftp")),
    ("5-letters", include_str!("5-letters.ftp")),
    ("6-idle", include_str!("6-idle.ftp")),
    ("7-passive", include_str!("7-passive.ftp")),
    ("8-banner", include_str!("8-banner.ftp")),
    ("9-guest", include_str!("9-guest.ftp")),
];

/// Cases at once.
const JOBS: usize = 4;

/// The arguments of `profile`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Write a profile with comments, to begin with.
    New {
        /// The file to write, which must not be there yet; standard output where none is named.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Start a profile's server, log in, move files, try all that it says it can be given, stop it, and say what is wrong.
    Check {
        /// The profile: `./mine.toml`, or the name of a built-in one.
        #[arg(value_name = "PROFILE")]
        server: String,

        /// A variable of the profile; may be given several times.
        #[arg(long, value_name = "KEY=VALUE", value_parser = super::which::key_value)]
        set: Vec<(String, String)>,
    },
}

pub(super) fn profile(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    match &arguments.what {
        What::New { file: None } => output.out.write_all(NEW.as_bytes())?,
        What::New { file: Some(path) } => {
            let written = OpenOptions::new().write(true).create_new(true).open(path).and_then(|mut file| file.write_all(NEW.as_bytes()));
            written.map_err(|error| Wrong::Usage(format!("cannot write {}: {error}", path.display())))?;
            writeln!(output.out, "{}: change it, then `ftpspec profile check {}`", path.display(), path.display())?;
        }
        What::Check { server, set } => return check(server, set, output),
    }
    Ok(Exit::Expected)
}

fn check(server: &str, set: &[(String, String)], output: &mut Output) -> Result<Exit, Wrong> {
    let target: Arc<dyn Target> = Arc::from(target::resolve(server, set)?);
    let version = target.version().map_or_else(String::new, |version| format!(" {version}"));
    writeln!(output.out, "{}{version}", target.name())?;
    let plan = Plan::new(Suite::of_texts(CASES)?.cases().cloned().collect(), true);
    let mut checked = Checked::default();
    let options = Options { jobs: JOBS, ..Options::default() };
    super::run::play(target, plan, options, String::new(), |event| checked.hear(event, output))?;
    if let Some(error) = checked.broken {
        return Err(Wrong::Output(error));
    }
    let summary = checked.summary;
    if let Some(why) = summary.not_started {
        writeln!(output.out, "wrong  {why}")?;
        return Ok(Exit::Inconclusive);
    }
    writeln!(output.out, "{}  it stops, and leaves nothing", if summary.left.is_empty() { "ok   " } else { "wrong" })?;
    for left in &summary.left {
        writeln!(output.out, "       {left}")?;
    }
    if summary.interrupted {
        return Ok(Exit::Interrupted);
    }
    let wrong = checked.wrong + usize::from(!summary.left.is_empty());
    let told = if wrong == 0 { "nothing is wrong".to_owned() } else { format!("{} wrong", plural(wrong, "thing")) };
    let idle = if checked.unasked == 0 { String::new() } else { format!(", {} not asked", plural(checked.unasked, "thing")) };
    writeln!(output.out, "{told}{idle}")?;
    Ok(if wrong == 0 { Exit::Expected } else { Exit::Failure })
}

/// What was found out so far.
#[derive(Default)]
struct Checked {
    wrong: usize,
    unasked: usize,
    summary: Summary,
    broken: Option<std::io::Error>,
}

impl Checked {
    fn hear(&mut self, event: &Event, output: &mut Output) {
        match event {
            Event::Finished(report) => {
                if let Err(error) = self.tell(report, output) {
                    self.broken.get_or_insert(error);
                }
            }
            Event::Over(summary) => self.summary.clone_from(summary),
            Event::Planned { .. } | Event::Started { .. } | Event::Said { .. } | Event::Ended { .. } => {}
        }
    }

    fn tell(&mut self, report: &CaseReport, output: &mut Output) -> std::io::Result<()> {
        let title = &report.case.title;
        match report.outcome.verdict {
            Verdict::Pass | Verdict::Info | Verdict::Deviation => return writeln!(output.out, "ok     {title}"),
            Verdict::Unsupported => {
                self.unasked += 1;
                return writeln!(output.out, "-      {title}: {}", report.reason.as_deref().unwrap_or("not supported"));
            }
            Verdict::Fail | Verdict::Inconclusive | Verdict::Error => self.wrong += 1,
        }
        writeln!(output.out, "wrong  {title}")?;
        if let Some(reason) = &report.reason {
            writeln!(output.out, "       {reason}")?;
        }
        if let Some(finding) = report.outcome.gravest() {
            writeln!(output.out, "       expected {}", finding.expected)?;
            writeln!(output.out, "       seen     {}", finding.seen)?;
        }
        for line in report.server_log.lines() {
            writeln!(output.out, "       | {line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{parse_bytes, print};

    #[test]
    fn the_cases_can_be_read_and_are_in_their_canonical_form() {
        assert!(Suite::of_texts(CASES).is_ok());
        for (name, text) in CASES {
            let scenario = parse_bytes(name, text.as_bytes(), name).1.unwrap();
            assert_eq!(print(&scenario), text, "{name}");
        }
    }
}
