//! The bar on standard error: how many cases are done, how they ended, which are running.

use std::io;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::judge::verdict::Verdict;

/// The bar, or nothing.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    counts: [usize; Verdict::ALL.len()],
}

impl Progress {
    /// Shown from [`begin`](Self::begin) on; indicatif itself hides it where standard error is no terminal.
    pub(super) fn new(shown: bool) -> Self {
        Self { bar: shown.then(ProgressBar::hidden), counts: [0; Verdict::ALL.len()] }
    }

    pub(super) fn begin(&self, cases: usize) {
        if let Some(bar) = &self.bar {
            let style =
                ProgressStyle::with_template("{elapsed:>4} [{bar:20}] {pos}/{len}  {prefix}{wide_msg}").expect("a template that reads");
            bar.set_style(style.progress_chars("=> "));
            bar.set_length(cases as u64);
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(200));
        }
    }

    pub(super) fn count(&mut self, verdict: Verdict) {
        let place = Verdict::ALL.into_iter().position(|other| other == verdict).expect("ALL names every verdict");
        self.counts[place] += 1;
        if let Some(bar) = &self.bar {
            let counts: String = Verdict::ALL
                .into_iter()
                .zip(self.counts)
                .filter(|(_, count)| *count != 0)
                .map(|(verdict, count)| format!("{verdict} {count}  "))
                .collect();
            bar.set_prefix(counts);
            bar.inc(1);
        }
    }

    pub(super) fn show(&self, running: &[&str]) {
        if let Some(bar) = &self.bar {
            bar.set_message(running.join(", "));
        }
    }

    /// Does something while the bar is out of the way.
    pub(super) fn aside(&self, write: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
