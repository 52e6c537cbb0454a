//! What `get` and `put` share: their flags, the bar, the last line, exit codes.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{BinaryBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::mpsc;

use super::exit::Exit;
use super::run::{asked_to_end, duration};
use super::{Output, Wrong};
use crate::ftp::url::FtpUrl;
use crate::hand::{Done, Event, HandError, Login, Options, Remote};

/// Told in the help of both verbs.
pub(super) const HELP: &str = "The password is that of the URL, of --password-file, of FTPSPEC_PASSWORD or of ~/.netrc (or $NETRC), whichever comes first; in a \
    URL `:`, `/`, `@`, `?`, `#` and `%` are written %3A, %2F, %40, %3F, %23, %25. A path is seen from the login directory; an absolute one begins with //.\n\n\
    Exit codes: 0 the file is whole on both sides · 1 refused (login, missing file, a full disk here or there), or both sides differ · \
    2 usage, or a file of this machine · 5 not reached, lost for good, or not verifiable · 130 ctrl-c. What was transferred stays, and the next \
    attempt goes on from there.";

/// The flags of `get` and `put`.
#[derive(Debug, Clone, Args)]
pub(super) struct Flags {
    /// Compare both sides at the end: by a hash where the server has one, else the last 64 KiB.
    #[arg(long)]
    verify: bool,

    /// How often a lost connection is made again, going on from where it broke.
    #[arg(long, value_name = "N", default_value_t = Options::default().retries)]
    retries: u32,

    /// How long a connection, a reply or the next byte may take: `30s`, `2m`.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30s")]
    timeout: Duration,

    /// The file whose first line is the password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// Say nothing but what went wrong.
    #[arg(short, long)]
    quiet: bool,
}

impl Flags {
    /// What to ask, and of whom.
    pub(super) fn remote(&self, url: FtpUrl) -> Result<Remote, HandError> {
        let login = Login::find(&url, self.password_file.as_deref())?;
        Ok(Remote { url, login })
    }

    fn options(&self) -> Options {
        Options { patience: self.timeout, retries: self.retries, verify: self.verify }
    }
}

/// Does a transfer, tells how it goes, and how it ended.
pub(super) fn perform(
    flags: &Flags,
    name: &str,
    output: &mut Output,
    transfer: impl AsyncFnOnce(&Options, &mut (dyn FnMut(Event) + Send)) -> Result<Done, HandError>,
) -> Result<Exit, Wrong> {
    let runtime = tokio::runtime::Runtime::new()?;
    let begun = Instant::now();
    let (events, mut heard) = mpsc::unbounded_channel();
    let mut meter = Meter::new(flags.quiet);
    let ended = runtime.block_on(async {
        let mut tell = move |event| {
            // Who listens lives as long as the transfer.
            let _ = events.send(event);
        };
        let options = flags.options();
        let transfer = transfer(&options, &mut tell);
        tokio::pin!(transfer);
        let interrupt = asked_to_end();
        tokio::pin!(interrupt);
        loop {
            tokio::select! {
                biased;
                Some(event) = heard.recv() => meter.tell(&event, output)?,
                ended = &mut transfer => {
                    while let Ok(event) = heard.try_recv() {
                        meter.tell(&event, output)?;
                    }
                    return Ok::<_, Wrong>(Some(ended));
                }
                interrupted = &mut interrupt => return interrupted.map(|()| None).map_err(Wrong::Output),
            }
        }
    })?;
    meter.end();
    // What was handed to a thread for writing is written.
    runtime.shutdown_timeout(Duration::from_secs(5));
    match ended {
        None => {
            writeln!(output.err, "interrupted; the next attempt goes on from there")?;
            Ok(Exit::Interrupted)
        }
        Some(Ok(done)) => {
            if !flags.quiet {
                writeln!(output.out, "{name}: {}", summary(&done, begun.elapsed()))?;
            }
            Ok(Exit::Expected)
        }
        Some(Err(error)) => Err(Wrong::Hand(error)),
    }
}

/// The exit code of an error.
pub(super) fn exit(error: &HandError) -> Exit {
    match error {
        HandError::Url(_) | HandError::Password(_) | HandError::Usage(_) | HandError::Local { .. } => Exit::Usage,
        HandError::Login { .. }
        | HandError::Refused { .. }
        | HandError::Full { .. }
        | HandError::Changed { .. }
        | HandError::Differs(_) => Exit::Failure,
        HandError::Unreachable { .. } | HandError::Lost { .. } | HandError::Unverified(_) => Exit::Inconclusive,
    }
}

/// How it went, in words.
fn summary(done: &Done, took: Duration) -> String {
    let proof = done.proof.as_ref().map_or_else(String::new, |proof| format!("; {proof}"));
    if done.skipped {
        return format!("both sides have all {} bytes: nothing to do{proof}", done.size);
    }
    // Bytes a second: no more than a double can tell apart matters here.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate for people")]
    let rate = (done.moved as f64 / took.as_secs_f64().max(0.001)) as u64;
    let rest = if done.moved == done.size { String::new() } else { format!(", {} over the wire now", done.moved) };
    format!("{} bytes{rest}, in {:.1} s ({}/s){proof}", done.size, took.as_secs_f64(), BinaryBytes(rate))
}

/// The bar on a terminal, and the lines that tell what is out of the ordinary.
struct Meter {
    bar: ProgressBar,
    quiet: bool,
}

impl Meter {
    fn new(quiet: bool) -> Self {
        let bar = ProgressBar::hidden();
        if !quiet && std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        Self { bar, quiet }
    }

    fn tell(&mut self, event: &Event, output: &mut Output) -> Result<(), Wrong> {
        match event {
            Event::Size(size) => {
                let template = match size {
                    Some(size) => {
                        self.bar.set_length(*size);
                        "[{bar:30}] {percent:>3}%  {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  {left} left"
                    }
                    None => "{spinner} {binary_bytes}  {binary_bytes_per_sec}",
                };
                let style = ProgressStyle::with_template(template).expect("a template that reads");
                let left = |state: &indicatif::ProgressState, words: &mut dyn std::fmt::Write| {
                    // Writing into a string does not fail.
                    let _ = write!(words, "{}", HumanDuration(state.eta()));
                };
                self.bar.set_style(style.progress_chars("=> ").with_key("left", left));
            }
            Event::Moved { at } => self.bar.set_position(*at),
            Event::Resuming { at, .. } => {
                // The rate is that of what comes now.
                self.bar.set_position(*at);
                self.bar.reset_eta();
                self.line(event, output)?;
            }
            Event::StartingOver { .. } | Event::Lost { .. } => self.line(event, output)?,
        }
        Ok(())
    }

    fn line(&self, event: &Event, output: &mut Output) -> Result<(), Wrong> {
        if self.quiet {
            return Ok(());
        }
        Ok(self.bar.suspend(|| writeln!(output.err, "{event}"))?)
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand::Proof;

    #[test]
    fn the_last_line_tells_what_was_done() {
        let done = || Done { size: 3 << 20, moved: 3 << 20, skipped: false, proof: None };
        let check = |done: Done, expect: &str| assert_eq!(summary(&done, Duration::from_secs(2)), expect);
        check(done(), "3145728 bytes, in 2.0 s (1.50 MiB/s)");
        check(
            Done { moved: 1 << 20, proof: Some(Proof::Hash("XMD5")), ..done() },
            "3145728 bytes, 1048576 over the wire now, in 2.0 s (512.00 KiB/s); same by XMD5",
        );
        check(
            Done { moved: 0, skipped: true, proof: Some(Proof::Tail(10)), ..done() },
            "both sides have all 3145728 bytes: nothing to do; same size and same last 10 bytes",
        );
    }
}
