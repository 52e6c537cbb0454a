//! The first and the last lines: what is judged, totals, and what they mean.

use std::time::Duration;

use super::super::meaning::{cases, meaning};
use super::super::plain::{advice, name, part, remark, remarks as remarks_of};
use super::super::tally::{OfLevel, Tally};
use super::super::transcript::{seconds, wrap};
use crate::judge::verdict::Verdict;
use crate::report::paint::Paint;
use crate::requirement::Level;
use crate::run::event::{Summary, TargetInfo};
use crate::run::partition::Selected;

/// Columns of the word before a remark about the baseline.
const LABEL: usize = 9;
/// Remarks about the baseline that are shown.
const REMARKS: usize = 40;
const REMARKS_QUIET: usize = 10;

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

/// Before the first case.
pub(super) fn opening(target: &TargetInfo, count: usize, selected: &Selected) -> Vec<String> {
    let banner = target.banner.as_ref().map_or_else(String::new, |banner| format!(" (\"{}\")", banner.escape_default()));
    let of = part(selected).map_or_else(String::new, |part| format!(" ({part})"));
    vec![format!("{}{of} against {}{banner}", cases(count), name(target)), String::new()]
}

/// After the last case.
pub(super) fn closing(closing: &Closing<'_>) -> Vec<String> {
    let Closing { tally, summary, paint, .. } = closing;
    let mut lines = Vec::new();
    if !closing.quiet {
        lines.extend(levels(tally, *paint));
        lines.extend(unsupported(tally, closing.width));
    }
    lines.extend(remarks(closing));
    lines.extend(baseline(closing));
    lines.extend(verdicts(tally, *paint, closing.width));
    let waited = if closing.silence.is_zero() {
        String::new()
    } else {
        format!("; {} of waiting for what never came, over all cases", seconds(closing.silence))
    };
    lines.push(format!("{} in {}{waited}", cases(tally.all()), seconds(summary.duration)));
    let (verdict, meaning) = meaning(closing.target, tally, summary, closing.strict);
    lines.extend(wrap(&meaning, closing.width, 2, usize::MAX).iter().map(|line| paint.verdict(verdict, line)));
    lines
}

fn verdicts(tally: &Tally, paint: Paint, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for verdict in Verdict::ALL {
        let count = tally.count(verdict);
        let known = match tally.known(verdict) {
            0 => String::new(),
            known if known == count => " (all known)".to_owned(),
            known => format!(" ({known} known, {} new)", count - known),
        };
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

/// What is wrong with the baseline, and what to do about it; nothing where nothing is.
fn baseline(closing: &Closing<'_>) -> Vec<String> {
    let Closing { target, summary, quiet, paint, width, .. } = closing;
    let Some(baseline) = &summary.baseline else { return Vec::new() };
    let told: Vec<String> = remarks_of(baseline).map(|(word, one)| format!("{word:<LABEL$}{}", remark(one))).collect();
    if told.is_empty() {
        return Vec::new();
    }
    let shown = if *quiet { REMARKS_QUIET } else { REMARKS };
    let more = told.len().saturating_sub(shown);
    let more = (more != 0).then(|| format!("{:LABEL$}and {more} more", ""));
    let head = paint.bold(&format!("baseline {}", baseline.source));
    let lines = told.iter().take(shown).chain(&more).flat_map(|line| wrap(line, width.saturating_sub(2), LABEL, 4));
    let advice = advice(baseline, target).into_iter().flat_map(|line| wrap(&line, width.saturating_sub(2), 2, 4));
    std::iter::once(head).chain(lines.chain(advice).map(|line| format!("  {line}"))).chain([String::new()]).collect()
}

fn remarks(closing: &Closing<'_>) -> Vec<String> {
    let Closing { summary, slow, quiet, width, .. } = closing;
    let mut lines = Vec::new();
    if *slow != 0 && !quiet {
        lines.push(format!("not run: {} of class slow (--slow runs them)", cases(*slow)));
    }
    if summary.not_played != 0 {
        lines.push(format!("not played: {}", cases(summary.not_played)));
    }
    lines.extend(summary.left.iter().map(|path| format!("left: {path}")));
    lines.into_iter().flat_map(|line| wrap(&line, *width, 2, 6)).collect()
}
