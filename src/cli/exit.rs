//! Exit codes: what each means, and which one is told where several hold.

use std::io;

use crate::judge::verdict::Verdict;
use crate::report::Report;
use crate::run::event::Event;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All as expected.
    Expected,
    /// A failure that is not known, or that fails differently.
    Failure,
    /// Usage or configuration.
    Usage,
    /// A scenario does not parse.
    Parse,
    /// Nothing ran, or all was unsupported.
    Nothing,
    /// Inconclusive, or the target could not be reached or started.
    Inconclusive,
    /// The baseline is out of date.
    Baseline,
    /// The harness broke.
    Harness,
    /// Ended by ctrl-c.
    Interrupted,
}

impl Exit {
    /// The number for the shell.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Expected => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Parse => 3,
            Self::Nothing => 4,
            Self::Inconclusive => 5,
            Self::Baseline => 6,
            Self::Harness => 70,
            Self::Interrupted => 130,
        }
    }
}

/// What happened, as far as it matters for the exit code. Several may hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent thing that may have happened")]
pub struct Happened {
    /// A case ended in error, or a report could not be written.
    pub harness_broke: bool,
    /// A wrong flag, path, profile or setting.
    pub usage: bool,
    /// A scenario does not parse.
    pub unreadable: bool,
    /// Ctrl-c.
    pub interrupted: bool,
    /// The target could not be started or reached.
    pub not_started: bool,
    /// A failure that the baseline does not know.
    pub failed: bool,
    /// A case without a verdict, or a run that ended before its plan did.
    pub inconclusive: bool,
    /// An entry of the baseline is no longer true, matches nothing, or has expired.
    pub baseline_outdated: bool,
    /// No case came to a verdict other than unsupported. Never of a part, unless there is nothing to take apart.
    pub nothing_ran: bool,
}

/// The exit code: the first that holds of 70, 2, 3, 130, 5 (not started), 1, 5, 6, 4, else 0.
///
/// 130 stands behind what makes the run worthless and before what the run found out: an interrupted run has not found out
/// everything.
#[must_use]
pub const fn exit_code(happened: &Happened) -> Exit {
    if happened.harness_broke {
        Exit::Harness
    } else if happened.usage {
        Exit::Usage
    } else if happened.unreadable {
        Exit::Parse
    } else if happened.interrupted {
        Exit::Interrupted
    } else if happened.not_started {
        Exit::Inconclusive
    } else if happened.failed {
        Exit::Failure
    } else if happened.inconclusive {
        Exit::Inconclusive
    } else if happened.baseline_outdated {
        Exit::Baseline
    } else if happened.nothing_ran {
        Exit::Nothing
    } else {
        Exit::Expected
    }
}

/// Listens to a run and knows its exit code at the end.
#[derive(Debug)]
pub struct Watch {
    strict: bool,
    happened: Happened,
}

impl Watch {
    /// `strict`: a deviation is a failure.
    #[must_use]
    pub fn new(strict: bool) -> Self {
        Self { strict, happened: Happened { nothing_ran: true, ..Happened::default() } }
    }

    /// What happened so far.
    #[must_use]
    pub fn happened(&self) -> Happened {
        self.happened
    }
}

impl Report for Watch {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let happened = &mut self.happened;
        match event {
            // A part may have nothing that could be played, where others have: that is known when they are merged.
            Event::Planned { selected, .. } if selected.partition.is_some() && !selected.ids.is_empty() => happened.nothing_ran = false,
            Event::Planned { .. } | Event::Started { .. } | Event::Said { .. } | Event::Ended { .. } => {}
            Event::Finished(report) => {
                let unknown = report.known.is_none();
                happened.nothing_ran &= report.outcome.verdict == Verdict::Unsupported;
                match report.outcome.verdict {
                    Verdict::Pass | Verdict::Info | Verdict::Unsupported => {}
                    Verdict::Deviation => happened.failed |= self.strict && unknown,
                    Verdict::Fail => happened.failed |= unknown,
                    Verdict::Inconclusive => happened.inconclusive |= unknown,
                    Verdict::Error => happened.harness_broke = true,
                }
            }
            Event::Over(summary) => {
                happened.interrupted |= summary.interrupted;
                happened.not_started |= summary.not_started.is_some();
                happened.inconclusive |= summary.not_played != 0 && summary.cut_short.is_some();
                if let Some(baseline) = &summary.baseline {
                    happened.failed |= !baseline.changed.is_empty();
                    happened.baseline_outdated |= baseline.is_outdated();
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Set = fn(&mut Happened);

    #[test]
    fn the_gravest_is_told() {
        let order: [(Set, u8); 9] = [
            (|it| it.harness_broke = true, 70),
            (|it| it.usage = true, 2),
            (|it| it.unreadable = true, 3),
            (|it| it.interrupted = true, 130),
            (|it| it.not_started = true, 5),
            (|it| it.failed = true, 1),
            (|it| it.inconclusive = true, 5),
            (|it| it.baseline_outdated = true, 6),
            (|it| it.nothing_ran = true, 4),
        ];
        assert_eq!(exit_code(&Happened::default()).code(), 0);
        for (place, (set, code)) in order.iter().enumerate() {
            // Alone, and with everything that is less grave.
            let mut happened = Happened::default();
            set(&mut happened);
            assert_eq!(exit_code(&happened).code(), *code);
            order[place..].iter().for_each(|(set, _)| set(&mut happened));
            assert_eq!(exit_code(&happened).code(), *code);
        }
    }

    fn check(events: &[Event], strict: bool, expect: Exit) {
        let mut watch = Watch::new(strict);
        events.iter().for_each(|event| watch.event(event).unwrap());
        assert_eq!(exit_code(&watch.happened()), expect);
    }

    #[test]
    fn a_run_has_its_code() {
        use crate::report::sample;
        let only = |verdict: Verdict, known: bool| {
            let mut events = sample::run();
            events.retain(|event| match event {
                Event::Finished(report) => report.outcome.verdict == verdict && report.known.is_some() == known,
                _ => true,
            });
            events
        };
        check(&sample::run(), false, Exit::Failure);
        check(&sample::all_well(), true, Exit::Expected);
        check(&sample::not_started(), false, Exit::Inconclusive);
        check(&sample::cut_short(), false, Exit::Interrupted);
        check(&sample::every_event(), false, Exit::Harness);
        check(&only(Verdict::Fail, true), true, Exit::Expected);
        check(&only(Verdict::Deviation, false), false, Exit::Expected);
        check(&only(Verdict::Deviation, false), true, Exit::Failure);
        check(&only(Verdict::Inconclusive, false), false, Exit::Inconclusive);
        check(&only(Verdict::Unsupported, false), false, Exit::Nothing);
        check(&only(Verdict::Error, false), false, Exit::Nothing);
        check(&[], false, Exit::Nothing);
        let part = |ids: &[&str]| {
            let selected = crate::run::partition::Selected {
                ids: ids.iter().map(|id| (*id).to_owned()).collect(),
                partition: Some("hash:1/4".parse().unwrap()),
                ..Default::default()
            };
            let planned = Event::Planned { target: Default::default(), cases: Vec::new(), slow: 0, selected, strict: false };
            [planned, Event::Over(crate::run::event::Summary::default())]
        };
        check(&part(&["a"]), false, Exit::Expected);
        check(&part(&[]), false, Exit::Nothing);
        check(&sample::with_baseline(), false, Exit::Failure);
        let outdated = |change: fn(&mut crate::judge::baseline::Comparison)| {
            let mut events = only(Verdict::Fail, true);
            events.pop();
            let mut baseline = crate::judge::baseline::Comparison::default();
            change(&mut baseline);
            events.push(Event::Over(crate::run::event::Summary { baseline: Some(baseline), ..Default::default() }));
            events
        };
        fn remark() -> crate::judge::baseline::Remark {
            crate::judge::baseline::Remark { id: "a".to_owned(), line: None, text: String::new() }
        }
        check(&outdated(|_| {}), false, Exit::Expected);
        check(&outdated(|it| it.stale.push(remark())), false, Exit::Baseline);
        check(&outdated(|it| it.expired.push(remark())), false, Exit::Baseline);
        check(&outdated(|it| it.changed.push(remark())), false, Exit::Failure);
    }
}
