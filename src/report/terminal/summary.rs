//! The first and the last lines: what is judged, totals, and what they mean.

use std::time::Duration;

use super::super::tally::{OfLevel, Tally};
use super::super::transcript::{seconds, wrap};
use super::paint::Paint;
use crate::judge::verdict::Verdict;
use crate::requirement::Level;
use crate::run::event::{Summary, TargetInfo};

/// All that the last lines are made of.
pub(super) struct Closing<'a> {
    pub(super) target: &'a TargetInfo,
    pub(super) tally: &'a Tally,
    pub(super) summary: &'a Summary,
    pub(super) silence: Duration,
    pub(super) slow: usize,
    pub(super) strict: bool,
    pub(super) quiet: bool,
    pub(super) paint: Paint,
    pub(super) width: usize,
}

/// The target's name and version.
fn name(target: &TargetInfo) -> String {
    target.version.as_ref().map_or_else(|| target.name.clone(), |version| format!("{} {version}", target.name))
}

fn cases(count: usize) -> String {
    if count == 1 { "1 case".to_owned() } else { format!("{count} cases") }
}

/// Before the first case.
pub(super) fn opening(target: &TargetInfo, count: usize) -> Vec<String> {
    let banner = target.banner.as_ref().map_or_else(String::new, |banner| format!(" (\"{}\")", banner.escape_default()));
    vec![format!("{} against {}{banner}", cases(count), name(target)), String::new()]
}

/// After the last case.
pub(super) fn closing(closing: &Closing<'_>) -> Vec<String> {
    let Closing { tally, summary, paint, .. } = closing;
    let mut lines = Vec::new();
    if !closing.quiet {
        lines.extend(levels(tally, *paint));
        lines.extend(unsupported(tally, closing.width));
        lines.extend(remarks(closing));
    }
    lines.extend(verdicts(tally, *paint, closing.width));
    let waited = if closing.silence.is_zero() {
        String::new()
    } else {
        format!("; {} of waiting for what never came, over all cases", seconds(closing.silence))
    };
    lines.push(format!("{} in {}{waited}", cases(tally.all()), seconds(summary.duration)));
    let (verdict, meaning) = meaning(closing);
    lines.extend(wrap(&meaning, closing.width, 2, usize::MAX).iter().map(|line| paint.verdict(verdict, line)));
    lines
}

fn verdicts(tally: &Tally, paint: Paint, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for verdict in Verdict::ALL {
        let count = tally.count(verdict);
        let known = if verdict == Verdict::Fail && tally.known != 0 { format!(" ({} known)", tally.known) } else { String::new() };
        let text = format!("{verdict} {count}{known}");
        if used != 0 && used + 2 + text.len() > width {
            lines.push(String::new());
            used = 0;
        }
        let gap = if used == 0 { "" } else { "  " };
        used += gap.len() + text.len();
        let text = if count == 0 { paint.dim(&text) } else { paint.verdict(verdict, &text) };
        let line = lines.last_mut().expect("one was there from the start");
        line.push_str(gap);
        line.push_str(&text);
    }
    lines
}

/// One line a level that was cited.
fn levels(tally: &Tally, paint: Paint) -> Vec<String> {
    let rows: Vec<(Level, OfLevel)> =
        Level::ALL.into_iter().map(|level| (level, tally.of_level(level))).filter(|(_, of)| *of != OfLevel::default()).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![paint.bold(&format!("{:<14}{:>6}{:>8}{:>12}", "requirements", "kept", "broken", "not judged"))];
    for (level, OfLevel { kept, broken, not_judged }) in rows {
        let verdict = if level.is_binding() { Verdict::Fail } else { Verdict::Deviation };
        let broken_text = format!("{broken:>8}");
        let broken_text = if broken == 0 { broken_text } else { paint.verdict(verdict, &broken_text) };
        lines.push(format!("{:<14}{kept:>6}{broken_text}{not_judged:>12}", level.word()));
    }
    lines.push(String::new());
    lines
}

fn unsupported(tally: &Tally, width: usize) -> Vec<String> {
    let reason = |(reason, count): (&String, &usize)| {
        let reason = if reason.is_empty() { "a need is not met" } else { reason };
        format!("unsupported: {}: {reason}", cases(*count))
    };
    tally.unsupported.iter().map(reason).flat_map(|line| wrap(&line, width, 2, 3)).collect()
}

fn remarks(closing: &Closing<'_>) -> Vec<String> {
    let Closing { summary, slow, width, .. } = closing;
    let mut lines = Vec::new();
    if *slow != 0 {
        lines.push(format!("not run: {} of class slow (--slow runs them)", cases(*slow)));
    }
    if summary.not_played != 0 {
        lines.push(format!("not played: {}", cases(summary.not_played)));
    }
    lines.extend(summary.left.iter().map(|path| format!("left: {path}")));
    lines.into_iter().flat_map(|line| wrap(&line, *width, 2, 6)).collect()
}

/// What it means, in one sentence, and its colour.
fn meaning(closing: &Closing<'_>) -> (Verdict, String) {
    let Closing { target, tally, summary, strict, .. } = closing;
    let name = name(target);
    if let Some(reason) = &summary.not_started {
        return (Verdict::Error, format!("{name} could not be judged: {reason}"));
    }
    let ending = match (summary.interrupted, &summary.cut_short) {
        (true, _) => " The run was interrupted; what it did not play is not known.".to_owned(),
        (false, Some(reason)) => format!(" The run ended early: {reason}."),
        (false, None) => String::new(),
    };
    let count = |verdict| tally.count(verdict);
    let judged = tally.all() - count(Verdict::Unsupported);
    let unknown = (count(Verdict::Fail) + count(Verdict::Inconclusive) + count(Verdict::Error)).saturating_sub(tally.known);
    let (verdict, text) = if judged == 0 {
        (Verdict::Inconclusive, format!("Nothing is known about {name}: no case could be played."))
    } else if count(Verdict::Error) != 0 {
        (
            Verdict::Error,
            format!("The harness itself broke in {}; what it says about {name} is not complete.", cases(count(Verdict::Error))),
        )
    } else if unknown != 0 && count(Verdict::Fail) != 0 {
        let broken = tally.broken_bindings();
        let demands = if broken == 1 { "1 requirement".to_owned() } else { format!("{broken} requirements") };
        let known = if tally.known == 0 { String::new() } else { format!(" ({} of them known)", tally.known) };
        (Verdict::Fail, format!("{name} fails {}{known} and breaks {demands}.", cases(count(Verdict::Fail))))
    } else if unknown != 0 {
        (Verdict::Inconclusive, format!("{} came to no verdict about {name}.", cases(count(Verdict::Inconclusive))))
    } else if *strict && count(Verdict::Deviation) != 0 {
        (Verdict::Deviation, format!("{name} breaks no binding requirement, and deviates in {}.", cases(count(Verdict::Deviation))))
    } else if tally.known != 0 {
        (Verdict::Pass, format!("{name} fails only where that is known."))
    } else if count(Verdict::Unsupported) != 0 {
        (Verdict::Pass, format!("{name} does all that was demanded, as far as it could be asked."))
    } else {
        (Verdict::Pass, format!("{name} does all that was demanded."))
    };
    (verdict, text + &ending)
}
