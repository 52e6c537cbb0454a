//! Verbs, flags and exit codes; the only part that prints.
//!
//! One file a verb. A verb writes what was asked for to the output that it is given and returns how the program ends; what
//! is wrong with the user's words is a `Wrong`, told once, here.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::hand::HandError;
use crate::run::baseline::BaselineError;
use crate::run::select::SelectError;
use crate::run::suite::{Problem, SuiteError};
use crate::target::StartError;
use exit::Exit;

pub mod exit;

mod baseline;
mod bench;
mod bisect;
mod check;
mod config;
mod explain;
mod explore;
mod fmt;
mod get;
mod list;
mod matrix;
mod merge;
mod new;
mod probe;
mod profile;
mod proxy;
mod put;
mod record;
mod report;
mod requirements;
mod run;
mod serve;
mod transfer;
mod which;

/// Conformance suite and end-to-end test harness for FTP servers.
#[derive(Debug, Parser)]
#[command(name = "ftpspec", version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,

    /// When to use colours; `auto` on a terminal, and where `NO_COLOR` is not set.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Play scenarios against a server and say what conforms.
    Run(run::Arguments),
    /// Look for failures with cases that are drawn by lot, and write each as a scenario.
    Explore(explore::Arguments),
    /// Ask a server what it claims and what it does.
    Probe(probe::Arguments),
    /// Play scenarios against many servers, and show them side by side.
    Matrix(matrix::Arguments),
    /// Write what a client and a server say as a scenario that plays.
    Record(record::Arguments),
    /// Stand between a client and a server, follow both channels, and do to them what a bad network does.
    Proxy(proxy::Arguments),
    /// Measure how fast servers are and what they cost, with every byte checked.
    Bench(bench::Arguments),
    /// Put the reports of the parts of a run, or of a benchmark, together.
    Merge(merge::Arguments),
    /// Write an `ftpspec.toml` and a first scenario, to begin with.
    New(new::Arguments),
    /// Show or mend the list of a server's known failures.
    Baseline(baseline::Arguments),
    /// Write a profile of a server to begin with, or say what is wrong with one.
    Profile(profile::Arguments),
    /// Read scenario files and say all that is wrong with them.
    Check(check::Arguments),
    /// Write scenario files in their canonical form.
    Fmt(fmt::Arguments),
    /// List the cases.
    List(list::Arguments),
    /// Tell all about a requirement or a case.
    Explain(explain::Arguments),
    /// List the requirements, and which scenarios prove them.
    Requirements(requirements::Arguments),
    /// Download a file, going on where an attempt before broke off.
    Get(get::Arguments),
    /// Upload a file, going on where an attempt before broke off.
    Put(put::Arguments),
    /// Serve directories by FTP, and tell what happens.
    Serve(serve::Arguments),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

/// What is wrong, so that a verb cannot do what it was asked for.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    /// The user's words.
    #[error("{0}")]
    Usage(String),
    /// A server that there is none of, or whose profile cannot be understood.
    #[error(transparent)]
    Server(#[from] StartError),
    /// A selection that fits nothing.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// Scenario files that cannot be read.
    #[error(transparent)]
    Suite(#[from] SuiteError),
    /// A baseline that cannot be read.
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    /// An `ftpspec.toml` that cannot be understood.
    #[error("{} cannot be read", .0.source.name)]
    Config(Problem),
    /// A transfer that did not come to its end.
    #[error(transparent)]
    Hand(#[from] HandError),
    /// The output cannot be written.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// Where a verb writes, and how.
struct Output {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    /// Colours on the output.
    color: bool,
    /// Colours on standard error.
    color_err: bool,
}

impl Output {
    /// Standard output and standard error, with colours where they are wanted.
    fn standard(color: Color) -> Self {
        let wants = |auto: anstream::ColorChoice| match color {
            Color::Auto => !matches!(auto, anstream::ColorChoice::Never),
            Color::Always => true,
            Color::Never => false,
        };
        Self {
            color: wants(anstream::AutoStream::choice(&io::stdout())),
            color_err: wants(anstream::AutoStream::choice(&io::stderr())),
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
        }
    }

    /// Shows what is wrong with scenario files, with the lines that it is about.
    fn problems(&mut self, problems: &[Problem]) -> io::Result<()> {
        for problem in problems {
            for diagnostic in &problem.diagnostics {
                writeln!(self.err, "{}\n", diagnostic.render(&problem.source, self.color_err))?;
            }
        }
        let errors: usize = problems.iter().map(|problem| problem.diagnostics.len()).sum();
        writeln!(self.err, "{} in {}", plural(errors, "error"), plural(problems.len(), "file"))
    }
}

/// Runs the program with its arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; a closed output is none that could still be told.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Exit::Usage.code() } else { Exit::Expected.code() });
        }
    };
    let mut output = Output::standard(cli.color);
    ExitCode::from(perform(cli.verb, &mut output).code())
}

fn perform(verb: Verb, output: &mut Output) -> Exit {
    let result = match verb {
        Verb::Run(arguments) => run::run(&arguments, output),
        Verb::Explore(arguments) => explore::explore(&arguments, output),
        Verb::Probe(arguments) => probe::probe(&arguments, output),
        Verb::Matrix(arguments) => matrix::matrix(&arguments, output),
        Verb::Proxy(arguments) => proxy::proxy(&arguments, output),
        Verb::Record(arguments) => record::record(&arguments, output),
        Verb::Bench(arguments) => bench::bench(&arguments, output),
        Verb::Merge(arguments) => merge::merge(&arguments, output),
        Verb::New(arguments) => new::new(&arguments, output),
        Verb::Baseline(arguments) => baseline::baseline(&arguments, output),
        Verb::Profile(arguments) => profile::profile(&arguments, output),
        Verb::Check(arguments) => check::check(&arguments, output),
        Verb::Fmt(arguments) => fmt::fmt(&arguments, output),
        Verb::List(arguments) => list::list(&arguments, output),
        Verb::Explain(arguments) => explain::explain(&arguments, output),
        Verb::Requirements(arguments) => requirements::requirements(&arguments, output),
        Verb::Get(arguments) => get::get(&arguments, output),
        Verb::Put(arguments) => put::put(&arguments, output),
        Verb::Serve(arguments) => serve::serve(&arguments, output),
    };
    result.unwrap_or_else(|wrong| tell(&wrong, output))
}

/// Tells what is wrong on standard error; gives the exit code.
fn tell(wrong: &Wrong, output: &mut Output) -> Exit {
    let exit = match wrong {
        Wrong::Suite(SuiteError::Unreadable(_)) => Exit::Parse,
        Wrong::Usage(_) | Wrong::Server(_) | Wrong::Select(_) | Wrong::Suite(_) | Wrong::Baseline(_) | Wrong::Config(_) => Exit::Usage,
        Wrong::Hand(error) => transfer::exit(error),
        // Who reads only the beginning (`ftpspec list | head`) has got what was asked for.
        Wrong::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return Exit::Expected,
        Wrong::Output(_) => Exit::Harness,
    };
    let told = match wrong {
        Wrong::Suite(SuiteError::Unreadable(problems)) => output.problems(problems),
        Wrong::Server(StartError::Profile { text, diagnostic }) => writeln!(output.err, "{}", diagnostic.render(text, output.color_err)),
        Wrong::Baseline(BaselineError::Unreadable(problem)) | Wrong::Config(problem) => output.problems(std::slice::from_ref(problem)),
        Wrong::Suite(_)
        | Wrong::Baseline(_)
        | Wrong::Usage(_)
        | Wrong::Server(_)
        | Wrong::Select(_)
        | Wrong::Hand(_)
        | Wrong::Output(_) => {
            let style = anstyle::AnsiColor::Red.on_default().bold();
            if output.color_err { writeln!(output.err, "{style}error{style:#}: {wrong}") } else { writeln!(output.err, "error: {wrong}") }
        }
    };
    // Standard error is gone: nobody is left to be told.
    drop(told);
    exit
}

/// `1 case`, `2 cases`.
fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// Tells paths from ids: a path ends in `.ftp`, begins like one, or is a directory that is there.
fn split_paths(words: &[String]) -> (Vec<PathBuf>, Vec<String>) {
    let is_path = |word: &String| {
        let path = std::path::Path::new(word);
        path.extension().is_some_and(|extension| extension == "ftp")
            || ["./", "../", "/"].iter().any(|start| word.starts_with(start))
            || matches!(word.as_str(), "." | "..")
            || path.is_dir()
    };
    let (paths, ids): (Vec<String>, Vec<String>) = words.iter().cloned().partition(is_path);
    (paths.into_iter().map(PathBuf::from).collect(), ids)
}

/// Columns of the terminal; `COLUMNS`, or 100, where there is none.
fn width() -> usize {
    let columns = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    width.or_else(columns).unwrap_or(100).max(40)
}

#[cfg(test)]
mod tests;
