//! Words for what was demanded and what was seen: one line each, no byte that could disturb a terminal.

use super::reply::Heard;
use crate::ftp::reply::Reply;
use crate::ftp::transcript::{DiskState, Event, Observed, What};
use crate::scenario::model::{Arm, ArmPattern, Expect, Pattern, Step, StepKind};
use crate::scenario::print::{print_action, print_expect, print_state, print_text};

/// So many bytes of anything are shown in a line.
const SHOWN: usize = 200;

pub(super) fn expect(expect: &Expect) -> String {
    print_expect(expect)
}

pub(super) fn pattern(pattern: &Pattern) -> String {
    print_text(&pattern.text)
}

pub(super) fn arms(arms: &[Arm]) -> String {
    let one = |arm: &Arm| match &arm.head.pattern {
        ArmPattern::Reply(expect) => print_expect(expect),
        ArmPattern::Content(state) => print_state(state),
        ArmPattern::Untouched(true) => "untouched".to_owned(),
        ArmPattern::Untouched(false) => "touched".to_owned(),
        ArmPattern::Any => "..".to_owned(),
    };
    arms.iter().map(one).collect::<Vec<_>>().join(" or ")
}

/// A step in the notation's own words.
pub(super) fn step(step: &Step) -> String {
    match &step.kind {
        StepKind::Action(action) => print_action(action),
        StepKind::Match { arms: list, .. } => arms(list),
        StepKind::Until { expect, .. } => print_expect(expect),
        StepKind::Together(_) => "together".to_owned(),
    }
}

/// Printable ASCII as it is, everything else escaped.
pub(super) fn bytes(bytes: &[u8]) -> String {
    let shown = bytes[..bytes.len().min(SHOWN)].escape_ascii().to_string();
    if bytes.len() > SHOWN { format!("{shown}.. ({} bytes)", bytes.len()) } else { shown }
}

pub(super) fn reply(reply: &Reply) -> String {
    let lines: Vec<String> = reply.raw.split_inclusive(|byte| *byte == b'\n').map(|line| bytes(line.trim_ascii_end())).collect();
    match lines.as_slice() {
        [first, .., last] if lines.len() > 3 => format!("{first} / .. / {last}"),
        _ => lines.join(" / "),
    }
}

pub(super) fn heard(heard: &Heard<'_>) -> String {
    match heard {
        Heard::Reply(one) => reply(one),
        Heard::End => "the end of the connection".to_owned(),
        Heard::Nothing => "no reply".to_owned(),
    }
}

pub(super) fn all(list: &[Heard<'_>]) -> String {
    if list.is_empty() { "nothing".to_owned() } else { list.iter().map(heard).collect::<Vec<_>>().join(", then ") }
}

/// What came instead of data.
pub(super) fn no_data(events: &[Event]) -> String {
    let reason = events.iter().find_map(|event| match &event.what {
        What::DataFailed { reason } => Some(format!("no data connection: {reason}")),
        What::DataSilence { .. } => Some("a data connection on which nothing came".to_owned()),
        _ => None,
    });
    reason.unwrap_or_else(|| "no data".to_owned())
}

/// Length and, where it parts from what was demanded, the place.
pub(super) fn observed(observed: &Observed) -> String {
    let best = observed.against.iter().max_by_key(|agreement| agreement.common);
    let Some(best) = best else { return format!("{} bytes", observed.len) };
    if best.is_equal(observed.len) {
        return format!("{} bytes, as demanded", observed.len);
    }
    let small = if observed.len <= 64 { format!(": \"{}\"", observed.head.escape_ascii()) } else { String::new() };
    match (best.common == observed.len, best.common == best.expected_len) {
        (true, _) => format!("the first {} of {} bytes{small}", observed.len, best.expected_len),
        (_, true) => format!("all {} bytes and then {} more{small}", best.expected_len, observed.len - best.expected_len),
        (false, false) => format!("{} bytes of {}, the first wrong one at {}{small}", observed.len, best.expected_len, best.common),
    }
}

pub(super) fn disk(state: &DiskState) -> String {
    match state {
        DiskState::Absent => "nothing there".to_owned(),
        DiskState::Directory { mode, mtime } => format!("a directory, mode {mode:o}, modified {mtime} s after 1970"),
        DiskState::File { mode, mtime, content } => {
            format!("a file with {}, mode {mode:o}, modified {mtime} s after 1970", observed(content))
        }
        DiskState::Other(what) => what.clone(),
    }
}
