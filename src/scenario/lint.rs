//! What a scenario may say and should not: checks that cannot fail, denials without a control, faults that nobody looks at.
//!
//! Responsible for opinions about scenarios. What makes a file meaningless is for `parse` and `expand` to say.

use std::collections::BTreeSet;

use super::diagnostic::{Diagnostic, settle};
use super::expand::expression_size;
use super::model::{
    Action, Case, Channel, CodePattern, Expect, Line, LineKind, Piece, Receive, Scenario, SendForm, Sequence, SequenceItem, Span, Stage,
    Step, StepKind, Term,
};
use super::parse::is_id;

/// What must be left of a download where it is cut, so that it does not fit into buffers: 8 MiB.
const CUT_LEFT_MIN: u64 = 8 << 20;

/// All lints of a scenario and its cases; `known` are the ids of the catalogue.
#[must_use]
pub fn lint(scenario: &Scenario, cases: &[Case], known: &[&str]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    scenario.lines.iter().for_each(|line| sent_line(line, &mut found));
    let ids: BTreeSet<&str> = known.iter().copied().collect();
    for case in cases {
        citations(case, &ids, &mut found);
        expectations(case, &mut found);
        for stage in &case.stages {
            let steps: Vec<&Step> = flatten(&stage.steps);
            mixed_sets(&steps, &mut found);
            faults(&steps, &mut found);
            cuts(case, &steps, &mut found);
        }
        denials(case, &mut found);
    }
    settle(&mut found);
    found
}

/// Blanks that nobody sees, and citations that go out on the wire.
fn sent_line(line: &Line, found: &mut Vec<Diagnostic>) {
    let LineKind::Action(Action::Send(send)) = &line.kind else { return };
    if let Some(Piece::Literal(bytes)) = send.text.0.first().filter(|_| send.form == SendForm::Verbatim)
        && bytes.starts_with(b" ")
    {
        found.push(
            Diagnostic::lint(line.span, "blanks at the start of a verbatim line are sent").help("write the line in quotes: `C> \" NOOP\"`"),
        );
    }
    let Some(Piece::Literal(bytes)) = send.text.0.last().filter(|_| send.form == SendForm::Verbatim) else { return };
    if bytes.ends_with(b" ") || bytes.ends_with(b"\t") {
        found.push(
            Diagnostic::lint(line.span, "blanks at the end of a verbatim line are sent").help("write the line in quotes: `C> \"NOOP \"`"),
        );
    }
    let text = String::from_utf8_lossy(bytes);
    let cites = text.trim_end().strip_suffix(']').and_then(|text| text.rsplit_once(" [")).map(|(_, ids)| ids);
    if cites.is_some_and(|ids| ids.split(' ').all(is_id)) {
        found.push(Diagnostic::lint(line.span, "these citations are sent").help("cite the requirement on the expectation behind it"));
    }
}

fn citations(case: &Case, known: &BTreeSet<&str>, found: &mut Vec<Diagnostic>) {
    let arms = case.steps().filter_map(|step| if let StepKind::Match { arms, .. } = &step.kind { Some(arms) } else { None }).flatten();
    let cited = case.steps().map(|step| (step.span, &step.cites)).chain(arms.map(|arm| (arm.span, &arm.cites)));
    for (span, ids) in cited {
        for id in ids.iter().filter(|id| !known.contains(id.as_str())) {
            found.push(Diagnostic::lint(span, format!("no requirement `{id}`")).nearest(id, known.iter().copied()));
        }
    }
}

fn expectations(case: &Case, found: &mut Vec<Diagnostic>) {
    let span = Span { start: 0, end: 3 };
    if !case.steps().any(looks) {
        found.push(Diagnostic::lint(span, "this scenario expects nothing").help("a case that cannot fail proves nothing"));
    } else if case.requirements().is_empty()
        && !case.steps().any(|step| matches!(&step.kind, StepKind::Match { arms, .. } if arms.iter().any(|arm| !arm.cites.is_empty())))
    {
        found.push(Diagnostic::lint(span, "no step cites a requirement").help("a step without an id is set-up: such a case cannot fail"));
    }
}

/// Whether a step looks at what the server did.
fn looks(step: &Step) -> bool {
    match &step.kind {
        StepKind::Match { .. } | StepKind::Until { .. } => true,
        StepKind::Together(_) => false,
        StepKind::Action(action) => match action {
            Action::Expect(_)
            | Action::Receive { what: Receive::Content(_), .. }
            | Action::Receive { end: true, .. }
            | Action::Untouched(_)
            | Action::Disk { .. }
            | Action::DiskUnchanged
            | Action::Fact { .. }
            | Action::Entries { .. }
            | Action::Alive => true,
            Action::Connect
            | Action::Login(_)
            | Action::As(_)
            | Action::Send(_)
            | Action::Flush
            | Action::Data { .. }
            | Action::Receive { .. }
            | Action::Transmit { .. }
            | Action::Cut(_)
            | Action::Close(_)
            | Action::HalfClose(_)
            | Action::Stall(_)
            | Action::Settle(..)
            | Action::Abort(_)
            | Action::Listen { .. }
            | Action::Sync(_)
            | Action::Tls => false,
        },
    }
}

/// Steps in the order of the file, those of arms and branches included.
fn flatten(steps: &[Step]) -> Vec<&Step> {
    let mut all = Vec::new();
    for step in steps {
        all.push(step);
        match &step.kind {
            StepKind::Action(_) | StepKind::Until { .. } => {}
            StepKind::Match { arms, .. } => arms.iter().for_each(|arm| all.extend(flatten(&arm.steps))),
            StepKind::Together(branches) => branches.iter().for_each(|branch| all.extend(flatten(branch))),
        }
    }
    all
}

/// The first digits of the codes that end the demanded sequences, tolerated ones aside.
fn last_digits(expect: &Expect) -> BTreeSet<u16> {
    let last = |sequence: &Sequence| {
        sequence.items.iter().rev().find_map(|item| if let SequenceItem::Code(code) = item { Some(digit(*code)) } else { None })
    };
    expect.alternatives.iter().filter(|sequence| !sequence.tolerated).filter_map(last).collect()
}

const fn digit(code: CodePattern) -> u16 {
    match code {
        CodePattern::Code(code) | CodePattern::Exact(code) => code / 100,
        CodePattern::Class(digit) => digit as u16,
    }
}

fn mixed_sets(steps: &[&Step], found: &mut Vec<Diagnostic>) {
    for step in steps {
        if let StepKind::Action(Action::Expect(expect)) | StepKind::Until { expect, .. } = &step.kind {
            let digits = last_digits(expect);
            if digits.contains(&2) && digits.contains(&5) {
                let help = "say what each means with `match reply`, or tolerate one with `~`";
                found.push(Diagnostic::lint(step.span, "this fits success and failure alike").help(help));
            }
        }
    }
}

/// A fault after which nobody looks whether the server still works.
fn faults(steps: &[&Step], found: &mut Vec<Diagnostic>) {
    for (place, step) in steps.iter().enumerate() {
        let StepKind::Action(action) = &step.kind else { continue };
        let fault = matches!(action, Action::Cut(_) | Action::Close(_) | Action::HalfClose(_) | Action::Abort(_) | Action::Stall(_));
        if fault && !steps[place + 1..].iter().any(|step| looks(step)) {
            found.push(
                Diagnostic::lint(step.span, "nobody looks at the server after this")
                    .help("`alive`, an `S>` or a look at the disk behind it"),
            );
        }
    }
}

/// A cut of a download that may be over already.
fn cuts(case: &Case, steps: &[&Step], found: &mut Vec<Diagnostic>) {
    for pair in steps.windows(2) {
        let StepKind::Action(Action::Receive { what: Receive::Content(content), .. }) = &pair[0].kind else { continue };
        if pair[1].kind != StepKind::Action(Action::Cut(Channel::Data)) {
            continue;
        }
        let Some(Term::File { name, to, .. }) = content.0.last() else { continue };
        let size = |to| expression_size(&super::model::Expression(vec![Term::File { name: name.clone(), from: None, to }]), &case.files);
        let (Some(whole), Some(read)) = (size(None), size(to.clone())) else { continue };
        let left = whole.saturating_sub(read);
        if left < CUT_LEFT_MIN {
            let message = format!("only {left} bytes are left to send at this cut");
            let help = "a rest below 8 MiB fits into buffers, and 226 is then right; take a larger file";
            found.push(Diagnostic::lint(pair[1].span, message).help(help));
        }
    }
}

/// Denials for a lacking letter, each without a control that shows the same command succeed.
fn denials(case: &Case, found: &mut Vec<Diagnostic>) {
    let controls: BTreeSet<String> = case.stages.iter().filter(|stage| stage.control).flat_map(sent_verbs).collect();
    for stage in case.stages.iter().filter(|stage| !stage.control) {
        let mut verb = None;
        for step in flatten(&stage.steps) {
            verb = sent_verb(step).or(verb);
            let StepKind::Action(Action::Expect(expect)) = &step.kind else { continue };
            let digits = last_digits(expect);
            let denied = !digits.is_empty() && digits.iter().all(|digit| matches!(digit, 4 | 5));
            let letter = step.cites.iter().any(|id| id.starts_with("defacto-perm-"));
            let Some(verb) = verb.as_ref().filter(|verb| denied && letter && !controls.contains(*verb)) else { continue };
            let help = format!("a section `control` in which `{verb}` succeeds with the letter: a 550 also comes for a missing file");
            found.push(Diagnostic::lint(step.span, format!("the denial of `{verb}` has no control")).help(help));
        }
    }
}

fn sent_verbs(stage: &Stage) -> Vec<String> {
    flatten(&stage.steps).into_iter().filter_map(sent_verb).collect()
}

/// The first word that a step sends; of SITE, the second too.
fn sent_verb(step: &Step) -> Option<String> {
    let (StepKind::Action(Action::Send(send)) | StepKind::Until { send, .. }) = &step.kind else { return None };
    let Some(Piece::Literal(bytes)) = send.text.0.first() else { return None };
    let text = String::from_utf8_lossy(bytes).to_ascii_uppercase();
    let mut words = text.split_ascii_whitespace();
    let first = words.next()?;
    Some(match words.next() {
        Some(second) if first == "SITE" => format!("SITE {second}"),
        _ => first.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::expand;
    use crate::scenario::model::FileKind;

    const KNOWN: &[&str] = &["959-4.2-code-shape", "defacto-perm-d-dele", "959-5.4-codes-retr"];

    fn check(body: &str, expect: &[&str]) {
        let small = FileKind::Generated { size: "9MiB".to_owned(), seed: 1 };
        let built = Scenario::builder("x").account("alice", "elr").account("bob", "all").file("f.bin", small).line(body).build();
        let (scenario, source) = built.unwrap_or_else(|errors| panic!("{body}: {errors:?}"));
        let cases = expand(&scenario, &source).unwrap_or_else(|errors| panic!("{body}: {errors:?}"));
        let got: Vec<String> = lint(&scenario, &cases, KNOWN).into_iter().map(|diagnostic| diagnostic.message).collect();
        assert_eq!(got, expect, "{body}");
    }

    #[test]
    fn a_sound_scenario_has_no_lints() {
        check("login alice\nC> DELE f.bin\nS> 550 [defacto-perm-d-dele]\nalive\ncontrol\nlogin bob\nC> dele f.bin\nS> 250", &[]);
    }

    #[test]
    fn what_cannot_fail_is_found() {
        check("login alice\nC> NOOP", &["this scenario expects nothing"]);
        check("login alice\nC> NOOP\nS> 200", &["no step cites a requirement"]);
        check("login alice\nC> X\nS> 250 | 550 [959-4.2-code-shape]", &["this fits success and failure alike"]);
        check("login alice\nC> X\nS> 250 | ~550 [959-4.2-code-shape]", &[]);
    }

    #[test]
    fn sent_lines_are_looked_at() {
        check("C> NOOP \nS> 200 [959-4.2-code-shape]", &["blanks at the end of a verbatim line are sent"]);
        check("C>  NOOP\nS> 200 [959-4.2-code-shape]", &["blanks at the start of a verbatim line are sent"]);
        check("C> NOOP [a-b]\nS> 200 [959-4.2-code-shape]", &["these citations are sent"]);
        check("C> \"NOOP \"\nS> 200 [959-4.2-code-shape]", &[]);
    }

    #[test]
    fn unknown_requirements_are_found() {
        check("C> NOOP\nS> 200 [959-4.2-code-shap]", &["no requirement `959-4.2-code-shap`"]);
    }

    #[test]
    fn a_denial_needs_the_same_command_in_a_control() {
        let denial = "login alice\nC> DELE f.bin\nS> 550 [defacto-perm-d-dele]\n";
        check(denial, &["the denial of `DELE` has no control"]);
        check(&format!("{denial}control\nlogin bob\nC> RMD f.bin\nS> 250"), &["the denial of `DELE` has no control"]);
        check(&denial.replace("550", "250"), &[]);
    }

    #[test]
    fn a_fault_needs_a_look_behind_it() {
        let cut = "login alice\ndata\nC> RETR f.bin\nS> 150 [959-5.4-codes-retr]\nS>> f.bin[..1000]\ncut data";
        check(cut, &["nobody looks at the server after this"]);
        check(&format!("{cut}\nalive"), &[]);
        check(&format!("{cut}\nalive").replace("1000", "2MiB"), &["only 7340032 bytes are left to send at this cut"]);
    }
}
