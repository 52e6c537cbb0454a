//! What a run means, in one sentence.

use super::plain::name;
use super::tally::Tally;
use crate::judge::verdict::Verdict;
use crate::run::event::{Summary, TargetInfo};

/// `1 case`, `2 cases`.
pub(super) fn cases(count: usize) -> String {
    if count == 1 { "1 case".to_owned() } else { format!("{count} cases") }
}

/// The sentence, and the verdict that it comes closest to.
pub(super) fn meaning(target: &TargetInfo, tally: &Tally, summary: &Summary, strict: bool) -> (Verdict, String) {
    let name = name(target);
    if let Some(reason) = &summary.not_started {
        return (Verdict::Error, format!("{name} could not be judged: {reason}"));
    }
    let ending = match (summary.interrupted, &summary.cut_short) {
        (true, _) => " The run was interrupted; what it did not play is not known.".to_owned(),
        (false, Some(reason)) => format!(" The run ended early: {reason}."),
        (false, None) => String::new(),
    };
    let outdated = match &summary.baseline {
        Some(baseline) if baseline.is_outdated() => " Its baseline is out of date.",
        Some(_) | None => "",
    };
    let (verdict, text) = told(&name, tally, strict);
    let verdict = if verdict == Verdict::Pass && !outdated.is_empty() { Verdict::Deviation } else { verdict };
    (verdict, text + outdated + &ending)
}

fn told(name: &str, tally: &Tally, strict: bool) -> (Verdict, String) {
    let count = |verdict| tally.count(verdict);
    let new = |verdict| tally.count(verdict) - tally.known(verdict);
    if tally.all() == count(Verdict::Unsupported) {
        (Verdict::Inconclusive, format!("Nothing is known about {name}: no case could be played."))
    } else if count(Verdict::Error) != 0 {
        let broken = cases(count(Verdict::Error));
        (Verdict::Error, format!("The harness itself broke in {broken}; what it says about {name} is not complete."))
    } else if new(Verdict::Fail) != 0 {
        let broken = tally.broken_bindings();
        let demands = if broken == 1 { "1 requirement".to_owned() } else { format!("{broken} requirements") };
        let known =
            if tally.known(Verdict::Fail) == 0 { String::new() } else { format!(" ({} of them known)", tally.known(Verdict::Fail)) };
        (Verdict::Fail, format!("{name} fails {}{known} and breaks {demands}.", cases(count(Verdict::Fail))))
    } else if new(Verdict::Inconclusive) != 0 {
        (Verdict::Inconclusive, format!("{} came to no verdict about {name}.", cases(new(Verdict::Inconclusive))))
    } else if strict && new(Verdict::Deviation) != 0 {
        (Verdict::Deviation, format!("{name} breaks no binding requirement, and deviates in {}.", cases(new(Verdict::Deviation))))
    } else if tally.known(Verdict::Fail) + tally.known(Verdict::Inconclusive) != 0 {
        (Verdict::Pass, format!("{name} fails only where that is known."))
    } else {
        let asked = if count(Verdict::Unsupported) == 0 { "" } else { ", as far as it could be asked" };
        let deviates = match count(Verdict::Deviation) {
            0 => String::new(),
            deviations => format!(", and deviates in {}", cases(deviations)),
        };
        (Verdict::Pass, format!("{name} does all that was demanded{asked}{deviates}."))
    }
}
