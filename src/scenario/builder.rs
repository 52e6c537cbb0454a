//! Makes a scenario in Rust: for property tests, recorders and captures.
//!
//! A builder collects what a file would say, writes it and reads it back, so that there is one grammar and every span
//! points into a text that can be shown.

use std::sync::Arc;

use super::diagnostic::Diagnostic;
use super::model::{AccountSpec, Action, FileKind, FileSpec, Front, Line, LineKind, Scenario, Source, Span};
use super::parse::parse;
use super::print::print;

/// A scenario in the making.
#[derive(Debug, Clone)]
pub struct Builder {
    id: String,
    front: Front,
    body: String,
}

impl Scenario {
    /// Starts one; `id` is its path below `scenarios/` without `.ftp`, and its title until another is given.
    #[must_use]
    pub fn builder(id: impl Into<String>) -> Builder {
        let id = id.into();
        Builder { front: Front { title: id.clone(), ..Front::default() }, id, body: String::new() }
    }
}

impl Builder {
    /// What a server that passes does.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.front.title = title.into();
        self
    }

    /// Something that must be there: `MLST`, `disk`.
    #[must_use]
    pub fn need(mut self, need: impl Into<String>) -> Self {
        self.front.needs.push(need.into());
        self
    }

    /// A role with its letter set: `elr`, `all - d`.
    #[must_use]
    pub fn account(mut self, role: impl Into<String>, letters: impl Into<String>) -> Self {
        self.front.accounts.push((role.into(), AccountSpec { letters: letters.into(), ..AccountSpec::default() }));
        self
    }

    /// A role that logs in as `anonymous`, with its letter set.
    #[must_use]
    pub fn anonymous(mut self, role: impl Into<String>, letters: impl Into<String>) -> Self {
        self.front.accounts.push((role.into(), AccountSpec { letters: letters.into(), anonymous: true, ..AccountSpec::default() }));
        self
    }

    /// A file, directory or link below the root.
    #[must_use]
    pub fn file(mut self, path: impl Into<Vec<u8>>, what: FileKind) -> Self {
        self.front.files.push((path.into(), FileSpec { what, ..FileSpec::default() }));
        self
    }

    /// The same with a time of its own: `YYYYMMDDHHMMSS`, UTC.
    #[must_use]
    pub fn aged(mut self, path: impl Into<Vec<u8>>, what: FileKind, mtime: impl Into<String>) -> Self {
        self.front.files.push((path.into(), FileSpec { what, mtime: Some(mtime.into()), mode: None }));
        self
    }

    /// A line (or several) of the body, as a file would have it.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.body.push_str(line);
        self.body.push('\n');
        self
    }

    /// A step with the requirements that it cites.
    #[must_use]
    pub fn action(mut self, action: Action, cites: &[&str]) -> Self {
        let cites = cites.iter().map(|id| (*id).to_owned()).collect();
        let line = Line { span: Span::default(), indent: 0, kind: LineKind::Action(action), cites, comment: None };
        let scenario = Scenario { id: String::new(), front: Front::default(), lines: vec![line] };
        // The canonical form starts with an empty front matter of three lines.
        for line in print(&scenario).lines().skip(3) {
            self = self.line(line);
        }
        self
    }

    /// The scenario, and the text into which its spans point.
    ///
    /// # Errors
    /// What a file with these words would be told.
    pub fn build(self) -> Result<(Scenario, Arc<Source>), Vec<Diagnostic>> {
        let head = print(&Scenario { id: self.id.clone(), front: self.front, lines: Vec::new() });
        let source = Source { name: format!("{}.ftp", self.id), text: format!("{head}\n{}", self.body) };
        let scenario = parse(&source, &self.id)?;
        Ok((scenario, Arc::new(source)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::expand;
    use crate::scenario::model::{Piece, Send, SendForm, Text};

    #[test]
    fn a_built_scenario_is_one_that_a_file_could_hold() {
        let send = Send { text: Text(vec![Piece::Literal(b"MKD \xff".to_vec())]), form: SendForm::Quoted, raw: false };
        let (scenario, source) = Scenario::builder("made/here")
            .title("MKD takes any byte")
            .need("disk")
            .account("alice", "all")
            .file("a b", FileKind::Text("x".to_owned()))
            .line("login alice")
            .action(Action::Send(send), &[])
            .line("S> 257  [959-4.1.3-mkd]")
            .build()
            .unwrap();
        insta::assert_snapshot!(source.text, @r#"
        +++
        title = "MKD takes any byte"
        needs = ["disk"]

        [accounts]
        alice = "all"

        [files]
        "a b" = "x"
        +++

        login alice
        C> "MKD \xff"
        S> 257  [959-4.1.3-mkd]
        "#);
        let cases = expand(&scenario, &source).unwrap();
        assert_eq!((cases.len(), cases[0].steps().count()), (1, 3));
    }

    #[test]
    fn a_wrong_line_is_told_as_in_a_file() {
        let errors = Scenario::builder("x").line("logn alice").build().unwrap_err();
        assert_eq!(errors[0].nearest.as_deref(), Some("login"));
    }
}
