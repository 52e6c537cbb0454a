//! What a case's transcript tells the run: how long it waited, whether its server may be gone, which lines of the log are its own.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::ftp::transcript::{Transcript, What};
use crate::play::Ground;

/// Lines of the server's log that are shown with a case.
const LOG_LINES: usize = 12;

/// The lines of a server's log that speak of a case, by its login names and its ends of connections; the last few of all
/// where none does.
pub(super) fn relevant(log: &str, grounds: &[Ground], transcript: &Transcript) -> String {
    let names = grounds.iter().flat_map(|ground| &ground.accounts).filter(|account| !account.anonymous).map(|account| account.name.clone());
    let ends = transcript
        .events
        .iter()
        .filter_map(|event| if let What::Connected { local, .. } = event.what { Some(local.to_string()) } else { None });
    let words: BTreeSet<String> = names.chain(ends).collect();
    let lines: Vec<&str> = log.lines().filter(|line| words.iter().any(|word| line.contains(word.as_str()))).collect();
    let lines = if lines.is_empty() { log.lines().collect() } else { lines };
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

/// Whether the server, or what it stands on, may have gone under a case.
pub(super) fn lost(transcript: &Transcript) -> bool {
    let end = |what: &What| {
        matches!(what, What::ControlEnded { .. } | What::ConnectFailed { .. } | What::DataFailed { .. } | What::SendFailed { .. })
    };
    transcript.events.iter().any(|event| end(&event.what))
}

/// How long a case waited for what never came.
pub(super) fn silence(transcript: &Transcript) -> Duration {
    transcript
        .events
        .iter()
        .filter_map(|event| match &event.what {
            What::Silence { waited, .. } | What::DataSilence { waited } => Some(*waited),
            _ => None,
        })
        .sum()
}
