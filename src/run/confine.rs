//! Cases on a server whose root is not ours: each stays within its own directory there, or is not played.
//!
//! Responsible for telling which cases would leave it, or would see that it is not the root. Reads scenarios; does no I/O.

use std::collections::BTreeSet;

use crate::judge::bind::Bindings;
use crate::scenario::model::{Action, ArmPattern, Caller, Case, Expect, FixtureNode, Pattern, Piece, Step, StepKind, Subject, Text};

/// Files of a fixture that are uploaded are no larger, in bytes: a sparse one costs nothing only where it is laid on disk.
const UPLOAD_MAX: u64 = 128 << 20;

/// Verbs that name no file and leave no state but that of their session.
const HARMLESS: [&str; 28] = [
    "ABOR", "ACCT", "ALLO", "EPRT", "EPSV", "FEAT", "HELP", "LANG", "MODE", "NOOP", "OPTS", "PASS", "PASV", "PORT", "PWD", "QUIT", "REIN",
    "REST", "STAT", "STRU", "SYST", "TYPE", "USER", "XPWD", "CCC", "HOST", "LPRT", "LPSV",
];

/// Verbs after which a session is logged in anew, and not by the harness, or not at all.
const LOGINS: [&str; 4] = ["USER", "PASS", "REIN", "ACCT"];

/// What confines the cases.
#[derive(Debug, Clone, Copy)]
pub(super) struct Confined {
    /// The harness sees the files.
    pub(super) disk: bool,
    /// The server is on this machine.
    pub(super) here: bool,
}

impl Confined {
    /// Why a case cannot be played there, if it cannot.
    pub(super) fn refuses(self, case: &Case) -> Option<String> {
        let kinds = || case.steps().map(|step| &step.kind);
        let mut expects = case.steps().flat_map(expects);
        if case.stages.iter().any(|stage| strays(&stage.steps)) {
            return Some("it sends commands in a session that is not in the scratch directory, or that would lead out of it".to_owned());
        }
        let leads_up =
            |node: &FixtureNode| matches!(node, FixtureNode::Link(to) if to.starts_with(b"/") || to.windows(2).any(|pair| pair == b".."));
        if expects.any(|expect| patterns(expect).any(is_rooted)) || case.files.iter().any(|file| leads_up(&file.node)) {
            return Some("it wants a root of its own, and a scratch directory is none".to_owned());
        }
        if !self.here && kinds().any(is_foreign) {
            return Some("it wants more addresses of the server's machine, and that is another".to_owned());
        }
        if self.disk {
            return None;
        }
        if kinds().any(looks) {
            return Some("the server's files cannot be seen (--account NAME:PASSWORD:LETTERS:ROOT names their directory)".to_owned());
        }
        let unlaid = unlaid(case)?;
        Some(format!("{unlaid} cannot be laid over FTP (--account NAME:PASSWORD:LETTERS:ROOT names a directory)"))
    }
}

/// Whether a command is sent in a session that the harness has not led into the case's directory, or one that may lead out of it.
fn strays(steps: &[Step]) -> bool {
    let mut all = Vec::new();
    flatten(steps, &mut all);
    let (mut current, mut inside) = ("main", BTreeSet::new());
    for step in all {
        match &step.kind {
            StepKind::Action(Action::As(name)) => current = name,
            StepKind::Action(Action::Login(_)) => drop(inside.insert(current)),
            StepKind::Action(Action::Connect) => drop(inside.remove(current)),
            StepKind::Action(Action::Send(send)) | StepKind::Until { send, .. } => {
                for line in shown(&send.text).split(|byte| *byte == b'\n') {
                    let verb = verb(line);
                    if LOGINS.contains(&verb.as_str()) {
                        inside.remove(current);
                    } else if climbs(&verb, line) || !(inside.contains(current) || HARMLESS.contains(&verb.as_str())) {
                        return true;
                    }
                }
            }
            _ => {}
        }
    }
    false
}

fn flatten<'s>(steps: &'s [Step], all: &mut Vec<&'s Step>) {
    for step in steps {
        all.push(step);
        match &step.kind {
            StepKind::Match { arms, .. } => arms.iter().for_each(|arm| flatten(&arm.steps, all)),
            StepKind::Together(branches) => branches.iter().for_each(|branch| flatten(branch, all)),
            StepKind::Action(_) | StepKind::Until { .. } => {}
        }
    }
}

/// Text with `?` for what is only known when it is played. A server's own words are taken to stay where they came from.
fn shown(text: &Text) -> Vec<u8> {
    text.0.iter().fold(Vec::new(), |mut bytes, piece| {
        match piece {
            Piece::Literal(literal) => bytes.extend_from_slice(literal),
            Piece::Capture { .. } | Piece::Wild | Piece::Eol => bytes.push(b'?'),
        }
        bytes
    })
}

/// The first word, in upper case.
fn verb(line: &[u8]) -> String {
    line.iter().take_while(|byte| byte.is_ascii_alphabetic()).map(|byte| char::from(byte.to_ascii_uppercase())).collect()
}

/// Whether a line may lead above the directory that the session is in.
fn climbs(verb: &str, line: &[u8]) -> bool {
    let named = line.trim_ascii().len() > verb.len();
    let mut words = line.split(u8::is_ascii_whitespace);
    matches!(verb, "CDUP" | "XCUP" | "SMNT")
        || matches!(verb, "CWD" | "XCWD") && !named
        || words.any(|word| word.starts_with(b"/") || word.starts_with(b"~") || word.windows(2).any(|pair| pair == b".."))
}

fn expects(step: &Step) -> Vec<&Expect> {
    match &step.kind {
        StepKind::Action(Action::Expect(expect)) | StepKind::Until { expect, .. } => vec![expect],
        StepKind::Match { arms, .. } => {
            let heads = arms.iter().map(|arm| &arm.head.pattern);
            heads.filter_map(|head| if let ArmPattern::Reply(expect) = head { Some(expect) } else { None }).collect()
        }
        StepKind::Action(_) | StepKind::Together(_) => Vec::new(),
    }
}

fn patterns(expect: &Expect) -> impl Iterator<Item = &Pattern> {
    expect.text.iter().chain(&expect.with).chain(&expect.without)
}

/// Whether a reply's text is to hold an absolute path.
fn is_rooted(pattern: &Pattern) -> bool {
    let text = shown(&pattern.text);
    text.starts_with(b"/") || text.windows(2).any(|pair| matches!(pair, b"\"/" | b" /"))
}

/// Whether a step needs addresses that only this machine has.
fn is_foreign(kind: &StepKind) -> bool {
    matches!(kind, StepKind::Action(Action::Listen { .. } | Action::Data { caller: Caller::Stranger(_), .. }))
}

/// Whether a step looks behind the server's back.
fn looks(kind: &StepKind) -> bool {
    matches!(kind, StepKind::Action(Action::Disk { .. } | Action::DiskUnchanged) | StepKind::Match { subject: Subject::Disk(_), .. })
}

/// What of a fixture only a file system can make.
fn unlaid(case: &Case) -> Option<&'static str> {
    let bindings = Bindings::new(case, b"\n").ok();
    case.files.iter().find_map(|file| {
        let len = bindings.as_ref().and_then(|bindings| bindings.file(&file.path)).map_or(0, crate::ftp::content::Content::len);
        match &file.node {
            FixtureNode::Link(_) => Some("a symbolic link"),
            FixtureNode::File(_) | FixtureNode::Directory if file.mtime.is_some() || file.mode.is_some() => Some("a file's time and mode"),
            FixtureNode::File(_) if len > UPLOAD_MAX => Some("so large a file"),
            FixtureNode::File(_) | FixtureNode::Directory => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::suite::Suite;

    /// Whether a case with these lines is played on a server whose files are seen, on this machine.
    fn check(lines: &str, expect: bool) {
        let text = format!("+++\ntitle = \"t\"\n\n[accounts]\nalice = \"all\"\n\n[files]\n\"f.txt\" = \"x\"\n+++\n\n{lines}\n");
        let suite = Suite::of_texts([("t/case", text.as_str())]).unwrap_or_else(|error| panic!("{lines}: {error:?}"));
        let case = suite.cases().next().unwrap();
        let refused = Confined { disk: true, here: true }.refuses(case);
        assert_eq!(refused.is_none(), expect, "{lines}: {refused:?}");
    }

    #[test]
    fn a_case_stays_in_its_directory_or_is_not_played() {
        const ID: &str = "[959-4.2-every-command-replied]";
        check(&format!("login alice\nC> DELE f.txt\nS> 250  {ID}"), true);
        // Not led there by the harness: the session is somewhere else, or nobody's.
        check(&format!("connect\nS> 220\nC> DELE f.txt\nS> 530  {ID}"), false);
        check(&format!("connect\nS> 220\nC> USER {{alice.name}}\nS> 331\nC> PASS x\nS> 530\nC> SYST\nS> 215  {ID}"), true);
        check(&format!("login alice\nC> REIN\nS> 220\nC> DELE f.txt\nS> 530  {ID}"), false);
        check(&format!("login alice\nas other\nC> DELE f.txt\nS> 530  {ID}"), false);
        check(&format!("login alice\nC> raw \"NOOP\\r\\nUSER x\\r\\nDELE f.txt\\r\\n\"\nS> 200\nS> 331\nS> 530  {ID}"), false);
        // Paths that lead out of it.
        for line in ["CDUP", "CWD", "CWD ..", "RETR /f.txt", "DELE a/../../f.txt", "CWD ~", "SMNT x"] {
            check(&format!("login alice\nC> {line}\nS> 550  {ID}"), false);
        }
        // What only a root shows.
        check(&format!("login alice\nC> PWD\nS> 257 \"\\\"/\\\"{{..}}\"  {ID}"), false);
        check(&format!("login alice\nC> PWD\nS> 257 \"\\\"{{here}}\\\"{{..}}\"  {ID}"), true);
    }
}
