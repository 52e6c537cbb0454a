//! `ftpspec explore`: its arguments, its progress, and the files that it writes.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::{mpsc, watch};

use super::exit::{Exit, Happened, exit_code};
use super::run::{asked_to_end, duration};
use super::which::{DEFAULT_SERVER, key_value};
use super::{Output, Wrong, plural};
use crate::explore::event::{Event, Finding, Proof, Summary};
use crate::explore::strategy::Topic;
use crate::explore::{self, Options};
use crate::requirement::{Catalogue, nearest};
use crate::target::{self, Target};

/// The arguments of `explore`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// The server, as `run` takes it.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_SERVER)]
    server: String,

    /// A variable of the server; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,

    /// End after so many cases.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    cases: Option<u64>,

    /// End after this time: `60s`, `10m`; a minute, where no number of cases is given.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,

    /// Draws the same cases again.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Only cases of this topic: transfer, resume, ascii, tree, names, letters, listing, sessions; may be given several times.
    #[arg(long, value_name = "TOPIC", value_parser = topic)]
    topic: Vec<Topic>,

    /// How many cases at once; fewer where a server mixes up its sessions.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,

    /// End after so many findings.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    findings: Option<u32>,

    /// The folder that the scenario files of findings are written to.
    #[arg(long, value_name = "FOLDER", default_value = "explored")]
    out: PathBuf,

    /// Say nothing but what was found.
    #[arg(short, long)]
    quiet: bool,
}

fn topic(text: &str) -> Result<Topic, String> {
    Topic::ALL.into_iter().find(|topic| topic.word() == text).ok_or_else(|| {
        let hint = nearest(text, Topic::ALL.map(Topic::word)).map_or_else(String::new, |word| format!("did you mean {word}? "));
        format!("{hint}topics: {}", Topic::ALL.map(Topic::word).join(", "))
    })
}

/// Explores a server.
pub(super) fn explore(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let target: Arc<dyn Target> = Arc::from(target::resolve(&arguments.server, &arguments.set)?);
    let usual = Options::default();
    let options = Options {
        cases: arguments.cases,
        time: arguments.time.or_else(|| usual.time.filter(|_| arguments.cases.is_none())),
        seed: arguments.seed.unwrap_or_else(|| fastrand::u64(..1 << 32)),
        topics: arguments.topic.clone(),
        jobs: arguments.jobs.map_or(usual.jobs, usize::from),
        findings: arguments.findings.and_then(|most| usize::try_from(most).ok()).unwrap_or(usual.findings),
        ..usual
    };
    let mut teller = Teller::new(arguments, output, options.seed);
    let runtime = tokio::runtime::Runtime::new()?;
    let told = runtime.block_on(async {
        let (interrupt, interrupted) = watch::channel(false);
        tokio::spawn(async move {
            if asked_to_end().await.is_ok() {
                interrupt.send_replace(true);
            }
            // Kept until the end: a closed channel would look like an interrupt.
            std::future::pending::<()>().await;
        });
        let (sender, mut events) = mpsc::unbounded_channel();
        let exploring = tokio::spawn(explore::explore(target, options, interrupted, sender));
        let mut over = None;
        while let Some(event) = events.recv().await {
            teller.tell(&event)?;
            if let Event::Over(summary) = event {
                over = Some(summary);
                break;
            }
        }
        drop(exploring.await);
        Ok::<_, io::Error>(over)
    })?;
    Ok(told.map_or(Exit::Harness, |summary| exit(&summary)))
}

fn exit(summary: &Summary) -> Exit {
    let is_fleeting = |finding: &Finding| matches!(finding.proof, Proof::Fleeting | Proof::NotReproduced(_));
    exit_code(&Happened {
        harness_broke: summary.findings.iter().any(|finding| !finding.is_accusation()),
        interrupted: summary.interrupted,
        not_started: summary.not_started.is_some(),
        failed: summary.findings.iter().any(|finding| finding.proof == Proof::Shown),
        inconclusive: summary.findings.iter().any(is_fleeting),
        nothing_ran: summary.cases == 0,
        ..Happened::default()
    })
}

/// Tells what happens.
struct Teller<'a> {
    arguments: &'a Arguments,
    output: &'a mut Output,
    seed: u64,
    bar: Option<ProgressBar>,
}

impl<'a> Teller<'a> {
    fn new(arguments: &'a Arguments, output: &'a mut Output, seed: u64) -> Self {
        let shown = !arguments.quiet && io::stderr().is_terminal();
        let bar = shown.then(|| {
            let style = ProgressStyle::with_template("{spinner} {wide_msg}").expect("a template that reads");
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
        });
        Self { arguments, output, seed, bar }
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        let out = &mut self.output.out;
        match &self.bar {
            Some(bar) => bar.suspend(|| writeln!(out, "{line}")),
            None => writeln!(out, "{line}"),
        }
    }

    fn tell(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Started { target, version, without } if !self.arguments.quiet => {
                let version = version.as_ref().map_or_else(String::new, |version| format!(" {version}"));
                let without = if without.is_empty() { String::new() } else { format!(", without {}", without.join(", ")) };
                let seed = self.seed;
                self.line(&format!("exploring {target}{version}{without}; --seed {seed}\n"))
            }
            Event::Started { .. } => Ok(()),
            Event::Progress(progress) => {
                if let Some(bar) = &self.bar {
                    #[expect(clippy::cast_precision_loss, reason = "for people")]
                    let per_second = |count: u64| count as f64 / progress.elapsed.as_secs_f64().max(0.001);
                    let (kinds, codes) = progress.kinds;
                    let largest = progress.largest.map_or_else(|| "0".to_owned(), |power| magnitude(1 << power));
                    let (cases, operations) = (progress.cases, progress.operations);
                    // What matters most stands first: a narrow terminal cuts the rest.
                    bar.set_message(format!(
                        "{:.0} s  {}  {cases} cases ({:.0}/s)  {operations} operations ({:.0}/s)  {kinds} kinds, {codes} codes, {largest}B",
                        progress.elapsed.as_secs_f64(),
                        plural(progress.findings, "finding"),
                        per_second(cases),
                        per_second(operations),
                    ));
                    bar.tick();
                }
                Ok(())
            }
            Event::Suspected(told) => {
                if let Some(bar) = &self.bar {
                    bar.set_message(format!("looking into: {told}"));
                    bar.tick();
                }
                Ok(())
            }
            Event::Found(finding) => self.finding(finding),
            Event::Over(summary) => self.over(summary),
        }
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let file = finding.scenario.as_ref().map(|text| self.write(finding, text)).transpose()?;
        let requirement = Catalogue::built_in().find(finding.divergence.cites);
        let (failed, played) = finding.rate;
        let told = &finding.divergence.told;
        self.line(&format!("{}  {told}", heading(&finding.proof)))?;
        if let Some(requirement) = requirement {
            let (level, clause, id) = (requirement.level.word(), requirement.clause(), &requirement.id);
            self.line(&format!("  clause    {level}  {clause}  {id}"))?;
        }
        for (place, step) in finding.steps.iter().enumerate().take(STEPS) {
            let label = if place == 0 { "steps" } else { "" };
            self.line(&format!("  {label:<9} {step}"))?;
        }
        if finding.steps.len() > STEPS {
            self.line(&format!("            and {} more", finding.steps.len() - STEPS))?;
        }
        let after = finding.after.as_secs_f64();
        let case = finding.case;
        self.line(&format!("  found     by case {case} ({}) after {after:.1} s; fails {failed} of {played} times", finding.topic.word()))?;
        match &finding.proof {
            Proof::Shown | Proof::Deviation | Proof::Fleeting => {}
            Proof::NotReproduced(told) | Proof::NotBelieved(told) => self.line(&format!("  but       {told}"))?,
        }
        if let Some(file) = file {
            let set: String = self.arguments.set.iter().map(|(key, value)| format!(" --set {key}={value}")).collect();
            let server = &self.arguments.server;
            self.line(&format!("  again     ftpspec run {} --server {server}{set}", file.display()))?;
        }
        self.line("")
    }

    /// Writes a scenario file; where another finding has its name it gets a number.
    fn write(&self, finding: &Finding, text: &str) -> io::Result<PathBuf> {
        std::fs::create_dir_all(&self.arguments.out)?;
        let server = self.arguments.server.rsplit('/').next().unwrap_or("server").trim_end_matches(".toml");
        let stem = format!("{server}-{}", finding.divergence.cites);
        for number in 1_u32.. {
            let name = if number > 1 { format!("{stem}-{number}.ftp") } else { format!("{stem}.ftp") };
            let path = self.arguments.out.join(name);
            match std::fs::read(&path) {
                Ok(there) if there == text.as_bytes() => return Ok(path),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return std::fs::write(&path, text).map(|()| path),
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("all names are taken"))
    }

    fn over(&mut self, summary: &Summary) -> io::Result<()> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if let Some(told) = &summary.not_started {
            return writeln!(self.output.err, "error: {} could not be explored: {told}", self.arguments.server);
        }
        if !self.arguments.quiet {
            self.coverage(summary)?;
        }
        for left in &summary.left {
            self.line(&format!("left behind: {left}"))?;
        }
        if let Some(told) = &summary.cut_short {
            self.line(&format!("ended early: {told}"))?;
        }
        let (cases, operations, seconds) = (summary.cases, summary.coverage.total(), summary.duration.as_secs_f64());
        let rate = summary.rate();
        let repeated = if summary.repeated > 0 { format!(", which came {} more times", summary.repeated) } else { String::new() };
        let findings = plural(summary.findings.len(), "finding");
        self.line(&format!(
            "{findings}{repeated}; {cases} cases, {operations} operations in {seconds:.1} s ({rate:.0}/s); --seed {}",
            self.seed
        ))
    }

    /// What was explored: kinds of operations, and reply codes.
    fn coverage(&mut self, summary: &Summary) -> io::Result<()> {
        self.line(&format!("{:<28} {:>10} {:>10}", "operation", "done", "refused"))?;
        for (class, (done, refused)) in &summary.coverage.operations {
            self.line(&format!("{:<28} {done:>10} {refused:>10}", class.to_string()))?;
        }
        let codes: Vec<String> = summary.coverage.codes.iter().map(|(code, count)| format!("{code} \u{d7} {count}")).collect();
        let from = |size: &Option<u32>| size.map_or_else(|| "0".to_owned(), |power| magnitude(1 << power));
        let sizes: Vec<String> = summary.coverage.sizes.iter().map(|(size, count)| format!("{} \u{d7} {count}", from(size))).collect();
        self.line(&format!("\nreplies: {}", codes.join(", ")))?;
        self.line(&format!("bytes moved by a transfer, from each on to the next: {}\n", sizes.join(", ")))
    }
}

/// A power of two with its unit.
fn magnitude(bytes: u64) -> String {
    match bytes {
        0..1024 => bytes.to_string(),
        1024..1_048_576 => format!("{}Ki", bytes >> 10),
        _ => format!("{}Mi", bytes >> 20),
    }
}

/// Steps that are shown of a sequence that could not be shrunk.
const STEPS: usize = 20;

const fn heading(proof: &Proof) -> &'static str {
    match proof {
        Proof::Shown => "fail",
        Proof::Deviation => "deviation",
        Proof::NotReproduced(_) => "suspect",
        Proof::NotBelieved(_) => "error",
        Proof::Fleeting => "fleeting",
    }
}
