//! Colours: one place that says which word has which.

use anstyle::{AnsiColor, Style};

use crate::judge::verdict::Verdict;

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    pub(super) color: bool,
}

impl Paint {
    pub(super) fn paint(self, style: Style, text: &str) -> String {
        if self.color && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    pub(super) fn verdict(self, verdict: Verdict, text: &str) -> String {
        self.paint(style(verdict), text)
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }
}

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => AnsiColor::Green.on_default(),
        Verdict::Info => AnsiColor::Cyan.on_default(),
        Verdict::Deviation => AnsiColor::Yellow.on_default().bold(),
        Verdict::Unsupported => Style::new().dimmed(),
        Verdict::Fail => AnsiColor::Red.on_default().bold(),
        Verdict::Inconclusive => AnsiColor::Magenta.on_default().bold(),
        Verdict::Error => AnsiColor::White.on(AnsiColor::Red).bold(),
    }
}
