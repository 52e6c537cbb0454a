//! Lines become steps: stages, arms, branches, pairs that are repeated.

use std::time::Duration;

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::model::{Action, Arm, ArmPattern, Line, LineKind, Stage, StatePattern, Step, StepKind, Subject};

/// The stages of a case, its steps numbered in the order of the file.
pub(super) fn stages(lines: Vec<Line>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Stage> {
    let mut assembler = Assembler { lines, at: 0, next: 0, branches: 0, diagnostics };
    let mut stages = vec![Stage { control: false, steps: assembler.steps(0, false) }];
    while let Some(line) = assembler.take() {
        // `steps` stops at level 0 only in front of `control`.
        let steps = assembler.steps(0, false);
        if steps.is_empty() {
            assembler.error(&line, "a control without steps");
        }
        stages.push(Stage { control: true, steps });
    }
    for stage in &mut stages {
        inherit(&mut stage.steps, &mut Vec::new());
    }
    stages
}

/// An `alive` without citations asks whether the last cited step before it did harm: it has that step's citations.
fn inherit(steps: &mut [Step], last: &mut Vec<String>) {
    for step in steps {
        if step.kind == StepKind::Action(Action::Alive) && step.cites.is_empty() {
            step.cites.clone_from(last);
        }
        if !step.cites.is_empty() {
            last.clone_from(&step.cites);
        }
        match &mut step.kind {
            StepKind::Action(_) | StepKind::Until { .. } => {}
            StepKind::Match { arms, .. } => {
                for arm in arms {
                    if !arm.cites.is_empty() {
                        last.clone_from(&arm.cites);
                    }
                    inherit(&mut arm.steps, last);
                }
            }
            StepKind::Together(branches) => branches.iter_mut().for_each(|branch| inherit(branch, last)),
        }
    }
}

struct Assembler<'a> {
    lines: Vec<Line>,
    at: usize,
    /// The next step's number.
    next: usize,
    /// How many `together` we are in.
    branches: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Assembler<'_> {
    fn peek(&self) -> Option<&Line> {
        self.lines.get(self.at)
    }

    fn take(&mut self) -> Option<Line> {
        let line = self.lines.get(self.at).cloned();
        self.at += 1;
        line
    }

    /// Takes the next line, if it stands at this level.
    fn take_at(&mut self, level: usize) -> Option<Line> {
        if self.peek()?.indent == level { self.take() } else { None }
    }

    fn error(&mut self, line: &Line, message: &str) -> &mut Diagnostic {
        self.diagnostics.push(Diagnostic::error(line.span, message));
        self.diagnostics.last_mut().expect("one was just pushed")
    }

    fn number(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    /// The steps at a level, up to a line that stands further left; in a branch, up to the next `as`.
    fn steps(&mut self, level: usize, branch: bool) -> Vec<Step> {
        let mut steps = Vec::new();
        while let Some(line) = self.peek() {
            if line.indent < level {
                break;
            }
            let own_level = line.indent == level;
            if own_level && branch && !steps.is_empty() && matches!(line.kind, LineKind::Action(Action::As(_))) {
                break;
            }
            if level == 0 && own_level && line.kind == LineKind::Control {
                break;
            }
            let line = self.take().expect("it was just seen");
            if !own_level {
                let expected = format!("{} blanks", level * 2);
                self.error(&line, "nothing before this line has lines below it").expected = Some(expected);
                continue;
            }
            steps.extend(self.step(line, level));
        }
        steps
    }

    fn step(&mut self, line: Line, level: usize) -> Option<Step> {
        let id = self.next;
        let Line { span, cites, .. } = line.clone();
        let kind = match line.kind.clone() {
            LineKind::Action(action) => {
                if matches!(action, Action::Sync(_)) && self.branches == 0 {
                    self.error(&line, "`sync` outside `together`");
                }
                self.number();
                StepKind::Action(action)
            }
            LineKind::Match(subject) => {
                self.number();
                let arms = self.arms(&line, &subject, level + 1);
                StepKind::Match { subject, arms }
            }
            LineKind::Together => {
                self.number();
                StepKind::Together(self.together(&line, level))
            }
            LineKind::Until(within) => return self.until(&line, within, level),
            LineKind::Arm(_) => {
                self.error(&line, "an arm without its `match`").help = Some("arms stand right below `match`, one level deeper".to_owned());
                return None;
            }
            LineKind::Done => {
                self.error(&line, "`done` without its `together`");
                return None;
            }
            LineKind::Control => {
                self.error(&line, "`control` inside something else").expected = Some("no indentation".to_owned());
                return None;
            }
            LineKind::Blank | LineKind::Comment(_) | LineKind::Template(_) | LineKind::Block(_) => return None,
        };
        Some(Step { id, span, cites, kind })
    }

    fn arms(&mut self, head: &Line, subject: &Subject, level: usize) -> Vec<Arm> {
        let mut arms: Vec<Arm> = Vec::new();
        while self.peek().is_some_and(|line| line.indent >= level) {
            let line = self.take().expect("it was just seen");
            let LineKind::Arm(arm) = line.kind.clone() else {
                self.error(&line, "not an arm").expected = Some("`pattern -> pass`, `info`, `deviation` or `fail`".to_owned());
                continue;
            };
            if line.indent > level {
                self.error(&line, "this arm is indented too deeply");
            }
            if let Some(expected) = misfit(subject, &arm.pattern) {
                self.error(&line, "this arm does not fit what `match` looks at").expected = Some(expected.to_owned());
            }
            if arms.last().is_some_and(|arm| arm.head.pattern == ArmPattern::Any) {
                self.error(&line, "this arm is never taken: `..` above it fits everything");
            }
            let steps = self.steps(level + 1, false);
            arms.push(Arm { span: line.span, head: arm, cites: line.cites, steps });
        }
        if arms.is_empty() {
            self.error(head, "`match` without arms").expected = Some("arms below it, one level deeper".to_owned());
        }
        arms
    }

    fn together(&mut self, head: &Line, level: usize) -> Vec<Vec<Step>> {
        self.branches += 1;
        let mut branches = Vec::new();
        while self.peek().is_some_and(|line| line.indent > level) {
            let first = self.peek().expect("it was just seen").clone();
            if first.indent == level + 1 && !matches!(first.kind, LineKind::Action(Action::As(_))) {
                self.error(&first, "a branch without its session").expected = Some("`as NAME` at the start of each branch".to_owned());
            }
            branches.push(self.steps(level + 1, true));
        }
        self.branches -= 1;
        if branches.len() < 2 {
            self.error(head, "`together` with fewer than two branches").expected =
                Some("branches below it, each starting with `as NAME`".to_owned());
        }
        if self.peek().is_some_and(|line| line.kind == LineKind::Done && line.indent == level) {
            self.take();
        } else {
            self.error(head, "`together` without its `done`");
        }
        branches
    }

    /// The pair stands one level deeper, or right behind.
    fn until(&mut self, head: &Line, within: Duration, level: usize) -> Option<Step> {
        let deeper = self.peek().is_some_and(|line| line.indent > level);
        let level = if deeper { level + 1 } else { level };
        let pair = (self.take_at(level), self.take_at(level));
        let (Some(first), Some(second)) = pair else {
            self.error(head, "`until` without its pair").expected = Some("a `C>` and an `S>` below it".to_owned());
            return None;
        };
        let (LineKind::Action(Action::Send(send)), LineKind::Action(Action::Expect(expect))) = (first.kind, second.kind.clone()) else {
            self.error(head, "`until` repeats a `C>` and an `S>`").expected = Some("these two, in this order, below it".to_owned());
            return None;
        };
        let cites = head.cites.iter().chain(&second.cites).cloned().collect();
        Some(Step { id: self.number(), span: second.span, cites, kind: StepKind::Until { within, send, expect } })
    }
}

/// What an arm would have to be, where it does not fit.
fn misfit(subject: &Subject, pattern: &ArmPattern) -> Option<&'static str> {
    let (fits, expected) = match (subject, pattern) {
        (_, ArmPattern::Any) => (true, ""),
        (Subject::Reply, pattern) => (matches!(pattern, ArmPattern::Reply(_)), "replies: `550 | 553 -> pass`"),
        (Subject::Listener(_), pattern) => (matches!(pattern, ArmPattern::Untouched(_)), "`untouched` or `touched`"),
        (Subject::Disk(_), pattern) => (matches!(pattern, ArmPattern::Content(_)), "a state: `absent`, `prefix of f`, content"),
        (Subject::Data, pattern) => (
            matches!(pattern, ArmPattern::Content(StatePattern::Content(_) | StatePattern::PrefixOf(_))),
            "content, or `prefix of` content",
        ),
    };
    (!fits).then_some(expected)
}
