//! Names that must be known: roles, files, listeners, captures; and what must have come before.

use std::collections::BTreeSet;

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::model::{
    Action, ArmPattern, Atom, Case, Channel, DiskCheck, EntryNames, Expect, Expression, FactCheck, FixtureFile, FixtureNode, Number,
    Pattern, Piece, Receive, Span, StatePattern, Step, StepKind, Subject, Term, Text,
};
use crate::scenario::parse::constant;

/// Reports every name that a case uses and does not know.
pub(super) fn names(case: &Case, diagnostics: &mut Vec<Diagnostic>) {
    for stage in &case.stages {
        let mut scope = Scope {
            case,
            listeners: BTreeSet::new(),
            bound: BTreeSet::new(),
            data: false,
            listing: false,
            span: Span::default(),
            diagnostics,
        };
        scope.steps(&stage.steps);
    }
}

/// How many bytes an expression has, where that is known without a server.
pub(in crate::scenario) fn expression_size(content: &Expression, files: &[FixtureFile]) -> Option<u64> {
    content.0.iter().try_fold(0_u64, |sum, term| sum.checked_add(term_size(term, files)?))
}

fn term_size(term: &Term, files: &[FixtureFile]) -> Option<u64> {
    match term {
        Term::Text(text) => text_size(text),
        Term::Hex(bytes) => Some(bytes.len() as u64),
        Term::Fill(size) | Term::Zeros(size) | Term::Bytes { size, .. } => constant(size),
        Term::Lines { count, eol } => constant(count)?.checked_mul(62 + text_size(eol)?),
        Term::File { name, from, to } => {
            let whole = files.iter().find(|file| file.path == *name).and_then(|file| match &file.node {
                FixtureNode::File(content) => expression_size(content, &[]),
                FixtureNode::Directory | FixtureNode::Link(_) => None,
            });
            let to = to.as_ref().map_or(whole, constant)?;
            to.checked_sub(from.as_ref().map_or(Some(0), constant)?)
        }
    }
}

fn text_size(text: &Text) -> Option<u64> {
    text.0.iter().try_fold(0, |sum, piece| if let Piece::Literal(bytes) = piece { Some(sum + bytes.len() as u64) } else { None })
}

struct Scope<'a, 'd> {
    case: &'a Case,
    listeners: BTreeSet<&'a str>,
    bound: BTreeSet<&'a str>,
    /// A data connection was asked for.
    data: bool,
    /// A listing came.
    listing: bool,
    /// The step that is looked at.
    span: Span,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl<'a> Scope<'a, '_> {
    fn error(&mut self, message: impl Into<String>) -> &mut Diagnostic {
        self.diagnostics.push(Diagnostic::error(self.span, message));
        self.diagnostics.last_mut().expect("one was just pushed")
    }

    fn steps(&mut self, steps: &'a [Step]) {
        for step in steps {
            self.span = step.span;
            match &step.kind {
                StepKind::Action(action) => self.action(action),
                StepKind::Match { subject, arms } => {
                    self.subject(subject);
                    for arm in arms {
                        self.span = arm.span;
                        match &arm.head.pattern {
                            ArmPattern::Reply(expect) => self.expect(expect),
                            ArmPattern::Content(state) => self.state(state),
                            ArmPattern::Untouched(_) | ArmPattern::Any => {}
                        }
                        self.steps(&arm.steps);
                    }
                }
                StepKind::Together(branches) => branches.iter().for_each(|branch| self.steps(branch)),
                StepKind::Until { send, expect, .. } => {
                    self.filled(&send.text);
                    self.expect(expect);
                }
            }
        }
    }

    fn action(&mut self, action: &'a Action) {
        match action {
            Action::Login(role) => self.role(role),
            Action::Send(send) => self.filled(&send.text),
            Action::Expect(expect) => self.expect(expect),
            Action::Data { .. } => self.data = true,
            Action::Receive { what, .. } => {
                self.needs_data("S>>");
                match what {
                    Receive::Content(content) => self.content(content),
                    Receive::Listing => self.listing = true,
                    Receive::Rest => {}
                }
            }
            Action::Transmit { segments, .. } => {
                self.needs_data("C>>");
                segments.iter().for_each(|segment| self.content(segment));
            }
            Action::Cut(Channel::Data) => self.needs_data("cut data"),
            Action::Close(Channel::Data) => self.needs_data("close data"),
            Action::HalfClose(Channel::Data) => self.needs_data("half-close data"),
            Action::Settle(Channel::Data, _) => self.needs_data("settle data"),
            Action::Listen { name, .. } => {
                if self.case.roles.iter().any(|role| role.name == *name) {
                    self.error(format!("`{name}` is a role already"));
                }
                self.listeners.insert(name);
            }
            Action::Untouched(name) => self.listener(name),
            Action::Disk { path, check } => {
                self.filled(path);
                if let DiskCheck::State(states) = check {
                    states.iter().for_each(|state| self.state(state));
                }
            }
            Action::Fact { entry, check, .. } => {
                if let Some(entry) = entry {
                    self.needs_listing("fact .. of");
                    self.filled(entry);
                }
                match check {
                    FactCheck::Equal(pattern) => self.pattern(pattern),
                    FactCheck::Unequal(pattern) | FactCheck::Has(pattern) | FactCheck::Lacks(pattern) => self.compared(pattern),
                    FactCheck::Present | FactCheck::Absent => {}
                }
            }
            Action::Entries { names, .. } => {
                self.needs_listing("entries");
                match names {
                    EntryNames::Listed(names) => names.iter().for_each(|name| self.filled(name)),
                    EntryNames::Laid(directory) => self.filled(directory),
                }
            }
            Action::Connect
            | Action::As(_)
            | Action::Flush
            | Action::Cut(Channel::Control)
            | Action::Close(Channel::Control)
            | Action::HalfClose(Channel::Control)
            | Action::Stall(_)
            | Action::Settle(Channel::Control, _)
            | Action::Abort(_)
            | Action::Sync(_)
            | Action::DiskUnchanged
            | Action::Tls
            | Action::Alive => {}
        }
    }

    fn subject(&mut self, subject: &'a Subject) {
        match subject {
            Subject::Reply => {}
            Subject::Disk(path) => self.filled(path),
            Subject::Listener(name) => self.listener(name),
            Subject::Data => self.needs_data("match data"),
        }
    }

    fn needs_data(&mut self, what: &str) {
        if !self.data {
            self.error(format!("`{what}` without a data connection")).expected = Some("a line `data` before it".to_owned());
        }
    }

    fn needs_listing(&mut self, what: &str) {
        if !self.listing {
            self.error(format!("`{what}` without a listing")).expected = Some("a line `S>> listing` before it".to_owned());
        }
    }

    fn role(&mut self, name: &str) {
        let roles: Vec<&str> = self.case.roles.iter().map(|role| role.name.as_str()).collect();
        if !roles.contains(&name) {
            let diagnostic =
                Diagnostic::error(self.span, format!("no role `{name}`")).expected("a role of `[accounts]`").nearest(name, roles);
            self.diagnostics.push(diagnostic);
        }
    }

    fn listener(&mut self, name: &str) {
        if !self.listeners.contains(name) {
            let diagnostic = Diagnostic::error(self.span, format!("no listener `{name}`"))
                .expected(format!("a line `listen {name} on ADDRESS` before it"))
                .nearest(name, self.listeners.iter().copied());
            self.diagnostics.push(diagnostic);
        }
    }

    fn expect(&mut self, expect: &'a Expect) {
        expect.text.iter().chain(&expect.with).for_each(|pattern| self.pattern(pattern));
        expect.without.iter().for_each(|pattern| self.compared(pattern));
    }

    /// A pattern that binds what is not bound yet.
    fn pattern(&mut self, pattern: &'a Pattern) {
        for piece in &pattern.text.0 {
            match piece {
                Piece::Capture { name, .. } if !name.contains('.') => {
                    self.bound.insert(name);
                }
                Piece::Capture { name, .. } => self.known(name),
                Piece::Literal(_) | Piece::Wild | Piece::Eol => {}
            }
        }
    }

    /// A pattern that binds nothing.
    fn compared(&mut self, pattern: &Pattern) {
        for piece in &pattern.text.0 {
            if let Piece::Capture { name, .. } = piece {
                self.known(name);
            }
        }
    }

    /// A text that is filled in.
    fn filled(&mut self, text: &Text) {
        for piece in &text.0 {
            match piece {
                Piece::Capture { name, .. } => self.known(name),
                Piece::Wild => {
                    self.error("`{..}` where nothing is expected").help = Some("`{..}` stands in the texts of `S>` and `fact`".to_owned());
                }

                Piece::Literal(_) | Piece::Eol => {}
            }
        }
    }

    fn known(&mut self, name: &str) {
        let Some((owner, part)) = name.split_once('.') else {
            if !self.bound.contains(name) {
                let diagnostic = Diagnostic::error(self.span, format!("`{{{name}}}` is not bound here"))
                    .expected("an `S>` or a `fact` before it that binds it")
                    .nearest(name, self.bound.iter().copied());
                self.diagnostics.push(diagnostic);
            }
            return;
        };
        let parts: &[&str] = if owner == "server" || self.listeners.contains(owner) {
            &["port", "host", "p1", "p2", "address"]
        } else if self.case.roles.iter().any(|role| role.name == owner) {
            &["name", "password", "password.beginning", "password.swapcase"]
        } else {
            self.error(format!("`{{{name}}}`: no role and no listener `{owner}`"));
            return;
        };
        if !parts.contains(&part) {
            let diagnostic = Diagnostic::error(self.span, format!("`{owner}` has no `{part}`"))
                .expected(format!("one of {}", parts.join(", ")))
                .nearest(part, parts.iter().copied());
            self.diagnostics.push(diagnostic);
        }
    }

    fn state(&mut self, state: &StatePattern) {
        if let StatePattern::Content(content) | StatePattern::PrefixOf(content) = state {
            self.content(content);
        }
    }

    fn content(&mut self, content: &Expression) {
        for term in &content.0 {
            match term {
                Term::Text(text) => self.filled(text),
                Term::Hex(_) => {}
                Term::Fill(number) | Term::Zeros(number) | Term::Bytes { size: number, .. } => self.number(number),
                Term::Lines { count, eol } => {
                    self.number(count);
                    self.filled(eol);
                }
                Term::File { name, from, to } => {
                    from.iter().chain(to).for_each(|number| self.number(number));
                    self.file(name, to.as_ref().or(from.as_ref()));
                }
            }
        }
    }

    fn number(&mut self, number: &Number) {
        for (_, atom) in &number.0 {
            if let Atom::Capture(name) = atom {
                self.known(name);
            }
        }
    }

    fn file(&mut self, name: &[u8], last: Option<&Number>) {
        let case = self.case;
        let files = || case.files.iter().filter(|file| matches!(file.node, FixtureNode::File(_)));
        let shown = String::from_utf8_lossy(name);
        if !files().any(|file| file.path == name) {
            let known: Vec<String> = files().map(|file| String::from_utf8_lossy(&file.path).into_owned()).collect();
            let diagnostic = Diagnostic::error(self.span, format!("no file `{}`", shown.escape_debug()))
                .expected("a file of `[files]`")
                .nearest(&shown, known.iter().map(String::as_str));
            self.diagnostics.push(diagnostic);
            return;
        }
        let whole = expression_size(&Expression(vec![Term::File { name: name.to_vec(), from: None, to: None }]), &case.files);
        if let (Some(whole), Some(last)) = (whole, last.and_then(constant))
            && last > whole
        {
            self.error(format!("`{}` has {whole} bytes, the slice goes to {last}", shown.escape_debug()));
        }
    }
}
