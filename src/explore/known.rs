//! What was found already: so that it is not found again and again, and what lies behind it can be.
//!
//! A finding is known by the marks of its shortest sequence. Once it has come again a few times, cases that have come through
//! all of its steps but the last leave the last out.

use super::compare::Kind;
use super::expect::Accept;
use super::operation::Class;

/// A finding that came so often is left out.
const OFTEN: u32 = 3;

/// A step of a way: what kind of operation it was, what was demanded, and whether it was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Which kind.
    pub class: Class,
    /// Whether it may be refused.
    pub accept: Accept,
    /// Whether it was carried out.
    pub accepted: bool,
}

/// The ways that lead to findings.
#[derive(Debug, Clone, Default)]
pub struct Known(Vec<Way>);

#[derive(Debug, Clone)]
struct Way {
    marks: Vec<Mark>,
    kind: Kind,
    /// How often it came.
    came: u32,
}

/// How far a case has come on each way.
#[derive(Debug)]
pub struct Progress<'k> {
    known: &'k Known,
    at: Vec<usize>,
}

impl Mark {
    /// Whether a step is of this sort: what fails with plain names and all letters fails with others too.
    fn fits(&self, step: &Self) -> bool {
        let weaker = matches!((self.accept, step.accept), (Accept::Must(_), Accept::May));
        self.class == step.class && self.accepted == step.accepted && (self.accept == step.accept || weaker)
    }
}

/// Whether steps stand in a sequence in this order.
fn leads(way: &[Mark], steps: &[Mark]) -> bool {
    let mut steps = steps.iter();
    way.iter().all(|mark| steps.any(|step| mark.fits(step)))
}

/// Whether both end in the same sort of step.
fn ends(way: &[Mark], steps: &[Mark]) -> bool {
    way.last().zip(steps.last()).is_some_and(|(last, step)| last.fits(step))
}

impl Known {
    /// Learns the way of a finding, and the step that failed before it was shrunk. Says whether it is new: another failure
    /// may have shrunk to the same.
    pub fn learn(&mut self, marks: Vec<Mark>, failed: Option<(Mark, Kind)>, kind: Kind) -> bool {
        if marks.is_empty() {
            return true;
        }
        let found = self.0.iter_mut().find(|way| way.kind == kind && way.marks == marks);
        let new = found.is_none();
        match found {
            Some(way) => way.came = way.came.saturating_add(1),
            None => self.0.push(Way { marks, kind, came: 1 }),
        }
        if let Some((failed, seen_as)) = failed.filter(|_| !new) {
            // What leads there in another guise need not be looked into each time.
            self.0.push(Way { marks: vec![failed], kind: seen_as, came: 1 });
        }
        new
    }

    /// Whether a sequence that failed went a known way; counts it.
    pub fn covers(&mut self, steps: &[Mark], kind: Kind) -> bool {
        let found = self.0.iter_mut().find(|way| way.kind == kind && ends(&way.marks, steps) && leads(&way.marks, steps));
        found.is_some_and(|way| {
            way.came = way.came.saturating_add(1);
            true
        })
    }

    /// A case begins.
    #[must_use]
    pub fn progress(&self) -> Progress<'_> {
        Progress { known: self, at: vec![0; self.0.len()] }
    }
}

impl Progress<'_> {
    /// Whether this operation would be the last step of a way that came often.
    #[must_use]
    pub fn is_known(&self, class: Class, accept: Accept) -> bool {
        self.known.0.iter().zip(&self.at).any(|(way, at)| {
            let last = &way.marks[*at];
            way.came >= OFTEN && at + 1 == way.marks.len() && last.class == class && last.accept == accept
        })
    }

    /// An operation was played.
    pub fn take(&mut self, mark: Mark) {
        for (way, at) in self.known.0.iter().zip(&mut self.at) {
            if *at + 1 < way.marks.len() && way.marks[*at].fits(&mark) {
                *at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::operation::{Operation, What};
    use super::*;

    fn mark(what: What) -> Mark {
        Mark { class: Operation { session: 0, what }.class(false), accept: Accept::May, accepted: true }
    }

    #[test]
    fn only_the_last_step_of_a_way_that_came_often_is_left_out() {
        let [make, enter, remove] = [What::Mkd(b"d".to_vec()), What::Cwd(b"d".to_vec()), What::Rmd(b"x".to_vec())].map(mark);
        let mut known = Known::default();
        assert!(
            known.learn(vec![make, enter, remove], None, Kind::Disk) && !known.clone().learn(vec![make, enter, remove], None, Kind::Disk)
        );
        let walk = |known: &Known| {
            let mut progress = known.progress();
            for step in [make, remove, enter] {
                assert!(!progress.is_known(step.class, step.accept));
                progress.take(step);
            }
            assert!(!progress.is_known(remove.class, Accept::Never("x")));
            progress.is_known(remove.class, remove.accept)
        };
        assert!(!walk(&known));
        assert!(known.covers(&[make, make, enter, remove], Kind::Disk) && known.covers(&[make, enter, remove], Kind::Disk));
        assert!(!known.covers(&[enter, make, remove], Kind::Disk) && !known.covers(&[make, enter, remove], Kind::Data));
        assert!(walk(&known));
    }
}
