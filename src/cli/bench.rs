//! `ftpspec bench`: its arguments, the servers that they name, and the reports that they ask for.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;

use super::exit::{Exit, Happened, exit_code};
use super::matrix::Server;
use super::report::{Format, ReportArgument};
use super::run::{asked_to_end, duration};
use super::which::{DEFAULT_SERVER, Which, key_value};
use super::{Output, Wrong, width};
use crate::bench::compare::compare;
use crate::bench::result::{Bench, Outcome, Part, SCHEMA, Settings};
use crate::bench::workload::{Client, Workload};
use crate::bench::{self, Entry, Event, Options};
use crate::report::Sink;
use crate::report::bench as tell;
use crate::target;

mod chosen;
mod words;

use chosen::Chosen;
use words::{client, part, rate, share, size, start_at};

const HELP: &str = "Each workload has a flag, and without any all are measured but --soak. --size and the others take K, M, G: `--size 64M`.\n\n\
    Each transfer is checked: content is known by position, the final reply is read, what was stored is compared on disk. What is wrong fails the benchmark and is \
    told with its byte. There is no TLS yet. docs/bench.md tells how each figure is taken, and how several machines measure together.\n\n\
    Exit codes: 0 measured · 1 a transfer was wrong, or slower than --compare allows · 2 usage, or more than this machine allows · 4 nothing was measured · 5 a server \
    did not start · 130 ctrl-c.";

/// The arguments of `bench`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = HELP)]
pub(super) struct Arguments {
    /// A server, `[LABEL=]NAME[{KEY=VALUE,..}]`; may be given several times, and they take turns: `vsftpd`, `old=./mine.toml{bin=./ftpd-1.0}`.
    ///
    /// By default libunftp. It runs in a process of its own; the reference runs in this one, and its cost is not told.
    #[arg(long, value_name = "SERVER")]
    server: Vec<Server>,

    /// A variable of the server, where there is one only; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,

    /// A server that runs already, `ftp://user:password@host:port/dir`: measured in a scratch directory, which is removed (docs/target.md).
    #[arg(long, value_name = "URL", conflicts_with_all = ["server", "set"])]
    target: Option<String>,

    /// An account of the `--target`: `name:password:letters[:root]`; with a root that is a directory of this machine, files are laid and
    /// compared there.
    #[arg(long, value_name = "ACCOUNT", requires = "target")]
    account: Vec<String>,

    /// The file whose first line is the password of the URL's user.
    #[arg(long, value_name = "FILE", requires = "target")]
    password_file: Option<PathBuf>,

    #[command(flatten)]
    chosen: Chosen,

    /// Who speaks; may be given several times, and they take turns: `ftpspec`, `suppaftp`, `curl`, `ftpbench`. The others
    /// measure what they can.
    #[arg(long, value_name = "CLIENT", value_parser = client, default_value = "ftpspec")]
    client: Vec<Client>,

    /// Bytes of the big file.
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "1G")]
    size: u64,

    /// Bytes that each of N sessions transfers at once with the others.
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "10M")]
    size_many: u64,

    /// N: how many sessions at once.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000), default_value_t = 50)]
    sessions: u64,

    /// How many small files in a round.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000), default_value_t = 200)]
    files: u64,

    /// Bytes of a small file.
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "4K")]
    file_size: u64,

    /// How many commands in a round.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000), default_value_t = 1000)]
    commands: u64,

    /// How many logins in a round.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000), default_value_t = 100)]
    logins: u64,

    /// Rounds that count; the median of them is told, and how far they lie apart.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000), default_value_t = 5)]
    repeats: u32,

    /// Rounds before them, which do not count.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=10_000), default_value_t = 1)]
    warm_up: u32,

    /// Commands, logins and small transfers begin so many times a second, and latency counts from when each should have begun.
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    rate: Option<f64>,

    /// How long a server may be silent, in a reply or a transfer, before it has stalled.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30s")]
    stall: Duration,

    /// Throw the bytes away: shows what checking costs.
    #[arg(long)]
    no_verify: bool,

    /// Let the big file be a hole of zeros: of any size, at no cost on the disk. That a block stands elsewhere is not seen then.
    #[arg(long)]
    sparse: bool,

    /// Measure for so long whether memory and descriptors of the server grow; without other flags nothing else.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,

    /// Which content is made.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Which part this is of a benchmark on several machines, such as `2/8`; `ftpspec merge` puts the JSON reports of all together.
    #[arg(long, value_name = "PART/PARTS", value_parser = part)]
    part: Option<Part>,

    /// Wait with all measuring until this time, RFC 3339: `2026-01-31T12:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = start_at)]
    start_at: Option<jiff::Timestamp>,

    /// Write a report to a file, `-` for standard output; may be given several times. Formats: html (one page, with plots), json, md.
    #[arg(long, value_name = "FORMAT=FILE")]
    report: Vec<ReportArgument>,

    /// A JSON report of an earlier benchmark: exit code 1 where something is now slower than --threshold allows, and beyond the noise.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,

    /// How much slower it may be.
    #[arg(long, value_name = "PERCENT", value_parser = share, default_value = "10%")]
    threshold: f64,

    /// Only what is wrong, and the reports.
    #[arg(short, long)]
    quiet: bool,
}

/// Measures, and tells.
pub(super) fn bench(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let options = arguments.options()?;
    let entries = arguments.entries()?;
    let old = arguments.compare.as_ref().map(|path| read(path)).transpose()?;
    let mut sinks = arguments.sinks()?;
    let stop = Arc::new(AtomicBool::new(false));
    listen(&stop)?;
    let measured = measure(arguments, &options, &entries, &stop, output)?;
    let Some(bench) = measured else { return Ok(Exit::Interrupted) };
    finish(arguments, &bench, old.as_ref(), &mut sinks, output)
}

/// Ends the benchmark on ctrl-c, not the program; a second one is for the system.
fn listen(stop: &Arc<AtomicBool>) -> Result<(), Wrong> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stop = Arc::clone(stop);
    std::thread::Builder::new().name("ctrl-c".to_owned()).spawn(move || {
        runtime.block_on(async {
            if asked_to_end().await.is_ok() {
                stop.store(true, Ordering::Relaxed);
            }
        });
    })?;
    Ok(())
}

/// Waits for its time, and measures; nothing where that was broken off.
fn measure(
    arguments: &Arguments,
    options: &Options,
    entries: &[Entry],
    stop: &Arc<AtomicBool>,
    output: &mut Output,
) -> Result<Option<Bench>, Wrong> {
    while let Some(left) = arguments.start_at.and_then(|at| Duration::try_from(at.duration_since(jiff::Timestamp::now())).ok()) {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if left.is_zero() {
            break;
        }
        std::thread::park_timeout(left.min(Duration::from_millis(200)));
    }
    let progress = !arguments.quiet && io::stderr().is_terminal();
    let mut look = |event: &Event| {
        if let (true, Event::Round { workload, column, round, of }) = (progress, event) {
            // Nobody needs it where it cannot be shown.
            let _ = write!(output.err, "\r\x1b[K{column}: {} {}/{of}", workload.word(), round + 1);
            let _ = output.err.flush();
        }
    };
    let measured = bench::run(options, entries, stop, &mut look).map_err(|error| Wrong::Usage(error.to_string()));
    if progress {
        write!(output.err, "\r\x1b[K")?;
    }
    measured.map(Some)
}

/// Writes all reports, compares, and says how the program ends.
pub(super) fn finish(
    arguments: &Arguments,
    bench: &Bench,
    old: Option<&Bench>,
    sinks: &mut [(Format, Sink)],
    output: &mut Output,
) -> Result<Exit, Wrong> {
    let to_stdout = arguments.report.iter().any(ReportArgument::is_stdout);
    let out = if to_stdout { &mut output.err } else { &mut output.out };
    write!(out, "{}", tell::terminal(bench, width(), arguments.quiet))?;
    write_reports(bench, sinks)?;
    let mut happened = happened(bench);
    if let Some(old) = old {
        let comparison = compare(old, bench, arguments.threshold);
        write!(out, "{}", tell::comparison(&comparison, arguments.threshold))?;
        happened.failed |= !comparison.regressions.is_empty() || !comparison.missing.is_empty();
    }
    Ok(exit_code(&happened))
}

/// Writes the reports that were asked for.
pub(super) fn write_reports(bench: &Bench, sinks: &mut [(Format, Sink)]) -> Result<(), Wrong> {
    for (format, sink) in sinks {
        let text = match format {
            Format::Json => serde_json::to_string_pretty(bench).map_err(io::Error::other)? + "\n",
            Format::Markdown => tell::markdown(bench),
            Format::Html => tell::html(bench)?,
            Format::Junit | Format::Tap => continue,
        };
        sink.put(text.as_bytes())?;
    }
    Ok(())
}

/// What matters for the exit code.
pub(super) fn happened(bench: &Bench) -> Happened {
    let any = |is: fn(&Outcome) -> bool| bench.rows.iter().any(|row| is(&row.outcome));
    Happened {
        failed: any(|outcome| matches!(outcome, Outcome::Failed { .. })),
        not_started: !bench.interrupted && any(|outcome| matches!(outcome, Outcome::NotMeasured { .. })),
        interrupted: bench.interrupted,
        nothing_ran: !any(|outcome| matches!(outcome, Outcome::Measured(_))),
        ..Happened::default()
    }
}

/// The sinks of reports, made before anything is measured.
pub(super) fn sinks(reports: &[ReportArgument]) -> Result<Vec<(Format, Sink)>, Wrong> {
    if let Some(other) = reports.iter().find(|report| matches!(report.format, Format::Junit | Format::Tap)) {
        return Err(Wrong::Usage(format!("a benchmark is told as html, json or md, not as {}", other.format.word())));
    }
    if reports.iter().filter(|report| report.is_stdout()).count() > 1 {
        return Err(Wrong::Usage("only one report can go to standard output".to_owned()));
    }
    reports.iter().map(|report| Ok((report.format, report.sink()?))).collect()
}

/// Reads a JSON report of a benchmark.
pub(super) fn read(path: &std::path::Path) -> Result<Bench, Wrong> {
    let wrong = |why: String| Wrong::Usage(format!("{}: {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let bench: Bench = serde_json::from_slice(&bytes).map_err(|error| wrong(format!("is no JSON report of a benchmark: {error}")))?;
    if bench.schema != SCHEMA {
        return Err(wrong(format!("is in the form {:?}, and this version reads {SCHEMA:?}", bench.schema)));
    }
    Ok(bench)
}

impl Arguments {
    fn sinks(&self) -> Result<Vec<(Format, Sink)>, Wrong> {
        sinks(&self.report)
    }

    fn options(&self) -> Result<Options, Wrong> {
        let mut workloads = self.chosen.0.clone();
        if workloads.is_empty() && self.duration.is_none() {
            workloads = Options::default().workloads;
            // Through a session each of 100,000 files takes a round trip, and is somebody's.
            workloads.retain(|workload| self.target.is_none() || *workload != Workload::Mlsd100000);
        }
        if self.duration.is_some() && !workloads.contains(&Workload::Soak) {
            workloads.push(Workload::Soak);
        }
        if self.rate.is_some() && self.client != [Client::Ftpspec] {
            return Err(Wrong::Usage("--rate is for the client ftpspec alone".to_owned()));
        }
        let mut clients = self.client.clone();
        clients.dedup();
        Ok(Options {
            workloads,
            clients,
            settings: Settings {
                size: self.size,
                size_many: self.size_many,
                files: self.files,
                file_size: self.file_size,
                commands: self.commands,
                logins: self.logins,
                sessions: self.sessions,
                repeats: self.repeats,
                warm_up: self.warm_up,
                verify: !self.no_verify,
                rate: self.rate,
                stall_s: self.stall.as_secs_f64(),
                soak_s: self.duration.map(|time| time.as_secs_f64()),
            },
            sparse: self.sparse,
            seed: self.seed,
            command: command(),
            part: self.part,
        })
    }

    fn entries(&self) -> Result<Vec<Entry>, Wrong> {
        if self.target.is_some() {
            let which = Which {
                servers: Vec::new(),
                set: Vec::new(),
                target: self.target.clone(),
                account: self.account.clone(),
                password_file: self.password_file.clone(),
            };
            let target = which.target()?;
            return Ok(vec![Entry { label: target.name().to_owned(), target, arguments: which.again(), in_process: false }]);
        }
        let mut servers = self.server.clone();
        if servers.is_empty() {
            servers.extend(DEFAULT_SERVER.parse::<Server>().ok());
        }
        if let Some((_, twice)) =
            servers.iter().enumerate().find(|(at, server)| servers[..*at].iter().any(|other| other.label == server.label))
        {
            let label = &twice.label;
            return Err(Wrong::Usage(format!("two servers are called {label}: give one of them a label, as in `old={label}{{bin=..}}`")));
        }
        match servers.as_mut_slice() {
            [one] => one.set.extend(self.set.iter().cloned()),
            _ if !self.set.is_empty() => {
                return Err(Wrong::Usage("--set is for one server; with several, write `--server 'NAME{KEY=VALUE}'`".to_owned()));
            }
            _ => {}
        }
        servers.iter().map(entry).collect()
    }
}

/// A server by its name. The embedded one runs in a process of its own.
fn entry(server: &Server) -> Result<Entry, Wrong> {
    let arguments = server.arguments();
    // Its options are looked at before anything else is done with them.
    let target = target::resolve(&server.name, &server.set)?;
    if target.name() == "libunftp"
        && target.version() == target::resolve(DEFAULT_SERVER, &[])?.version()
        && let Ok(program) = std::env::current_exe()
    {
        return Ok(Entry::served(&server.label, &program, arguments)?);
    }
    // These alone are no programs.
    let in_process = ["libunftp", "reference", "degenerate"].contains(&target.name());
    Ok(Entry { label: server.label.clone(), target: Arc::from(target), arguments, in_process })
}

/// The command line, without passwords.
fn command() -> String {
    let mut words = Vec::new();
    let mut hide = false;
    for word in std::env::args().skip(1) {
        words.push(match () {
            () if hide => "HIDDEN".to_owned(),
            () if word.starts_with("--account=") => "--account=HIDDEN".to_owned(),
            () if word.contains("ftp://") && word.contains('@') => {
                let shown = word.rsplit_once('@').map_or("", |(_, host)| host);
                format!("{}ftp://HIDDEN@{shown}", if word.starts_with("--target=") { "--target=" } else { "" })
            }
            () if word.contains([' ', '{', '}', '*', '$']) => format!("'{word}'"),
            () => word.clone(),
        });
        hide = word == "--account";
    }
    format!("ftpspec {}", words.join(" "))
}
