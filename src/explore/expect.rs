//! What an operation must come to, by the model: whether it may be refused, what is sent back, what stands there afterwards.
//!
//! Where the RFCs leave a choice the operation is skipped, or each choice is named. A refusal of what the model allows is a
//! failure only where a clause demands it: plain names, all letters, something that every server has.

use super::model::{LAID_TIME_VAL, Model, State, line};
use super::operation::{Cut, CutKind, ListVerb, Operation, Side, What};
use super::source::Source;
use crate::ftp::ascii::ToNet;
use crate::ftp::content::Content;
use crate::ftp::letter::{Letter, Letters};
use crate::ftp::path::VirtualPath;

/// Files up to here are moved and counted under TYPE A: a server need not count larger ones.
const ASCII_MAX: u64 = 1 << 20;

/// Whether an operation may be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// A refusal is a failure, by this requirement.
    Must(&'static str),
    /// Either.
    May,
    /// Carrying it out is a failure, by this requirement.
    Never(&'static str),
}

/// What an operation must come to.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// Whether it may be carried out.
    pub accept: Accept,
    /// What it brings, where it is carried out, and by which requirement.
    pub brings: Brings,
    /// The requirement of what it brings and of what it leaves.
    pub cites: &'static str,
    /// The paths that it touches.
    pub touches: Vec<VirtualPath>,
    /// Other states that the first of these may have, where it was carried out: the RFCs leave a choice.
    pub choices: Vec<State>,
    /// A cut upload leaves any beginning of this that is not shorter, or what was there before.
    pub leaves: Option<(Content, u64)>,
    /// The state of all, where it was carried out.
    pub after: Model,
}

impl Expectation {
    /// Whether it is denied for the lack of a letter.
    #[must_use]
    pub fn is_denial(&self) -> bool {
        matches!(self.accept, Accept::Never(cites) if cites.starts_with("defacto-perm"))
    }
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Brings {
    /// Nothing that is looked at.
    Nothing,
    /// These bytes on the data connection.
    Data(Content),
    /// The working directory, in 257: the new one, and the old one where the way there is refused.
    Directory(VirtualPath, VirtualPath),
    /// The number of SIZE.
    Size(u64),
    /// The time of MDTM.
    Time(&'static str),
    /// The facts of MLST: whether it is a directory, and else its size.
    Facts(Option<u64>),
    /// Entries: the name, and for files the size.
    Entries(ListVerb, Vec<(Vec<u8>, Option<u64>)>),
    /// Of both sides of [`What::Together`].
    Both(Option<Content>, Option<Content>),
}

/// What the server can do beyond what each must.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent ability")]
pub struct Abilities {
    /// REST in stream mode.
    pub rest: bool,
    /// APPE.
    pub appe: bool,
    /// SIZE.
    pub size: bool,
    /// MDTM.
    pub mdtm: bool,
    /// MLST.
    pub mlst: bool,
    /// MLSD.
    pub mlsd: bool,
    /// NLST.
    pub nlst: bool,
    /// ABOR.
    pub abor: bool,
    /// Text files end their lines in LF.
    pub lf: bool,
    /// RETR under TYPE A sends CR LF at the end of each line. Where it does not, the number that SIZE should tell is the file's own.
    pub ascii_retr: bool,
}

impl Abilities {
    /// Everything.
    pub const ALL: Self =
        Self { rest: true, appe: true, size: true, mdtm: true, mlst: true, mlsd: true, nlst: true, abor: true, lf: true, ascii_retr: true };
}

/// Whether a name is one that no server may take for anything else.
#[must_use]
pub fn is_plain(path: &VirtualPath) -> bool {
    path.names().iter().all(|name| !name.starts_with(b".") && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'.'))
}

/// Whether a listing command takes this path as a path: no option, no pattern, no blank.
fn is_listable(path: &[u8]) -> bool {
    path.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/'))
}

/// What an operation must come to; nothing where it means nothing here, or nothing that texts agree on.
#[must_use]
pub fn expect(model: &Model, operation: &Operation, able: &Abilities) -> Option<Expectation> {
    Reader { model, session: operation.session, able }.read(&operation.what)
}

struct Reader<'m> {
    model: &'m Model,
    session: usize,
    able: &'m Abilities,
}

impl Reader<'_> {
    fn read(&self, what: &What) -> Option<Expectation> {
        match what {
            What::Quit => self.quit(),
            What::Type { ascii } => self.said(if *ascii { b"TYPE A" } else { b"TYPE I" }, "959-3.1.1.5.1-type-a-n-accepted", true),
            What::Cwd(path) => self.cwd(path),
            What::Cdup => self.cdup(),
            What::Pwd => Some(Expectation {
                brings: Brings::Directory(self.model.cwd(self.session), self.model.cwd(self.session)),
                ..self.said(b"PWD", "959-4.1.3-pwd-returns-cwd", true)?
            }),
            What::Mkd(path) => self.mkd(path),
            What::Rmd(path) => self.rmd(path),
            What::Dele(path) => self.dele(path),
            What::Rename { from, to } => self.rename(from, to),
            What::Store { append, rest, path, source, cut } => self.store(*append, *rest, path, source, cut.as_ref()),
            What::Fetch { rest, path, cut } => self.fetch(*rest, path, cut.as_ref()),
            What::Resume { append, path, source } => self.resume(*append, path, source),
            What::Size(path) => self.size(path),
            What::Mdtm(path) => self.mdtm(path),
            What::Mlst(path) => self.mlst(path),
            What::List { verb, path } => self.list(*verb, path.as_deref()),
            What::Together { first, session, second } => self.together(first, *session, second),
        }
    }

    fn locate(&self, path: &[u8]) -> VirtualPath {
        self.model.cwd(self.session).join(path)
    }

    fn has(&self, letter: Letter) -> bool {
        self.model.letters(self.session).has(letter)
    }

    /// A clause demands it of a plain name and of a user who may do all; else a server may have its reasons.
    fn must(&self, paths: &[&VirtualPath], cites: &'static str) -> Accept {
        let plain = paths.iter().all(|path| is_plain(path));
        if plain && self.model.letters(self.session) == Letters::ALL { Accept::Must(cites) } else { Accept::May }
    }

    /// A command without a path.
    fn said(&self, line: &[u8], cites: &'static str, must: bool) -> Option<Expectation> {
        let mut after = self.model.clone();
        let accepted = after.say(self.session, line);
        let accept = match (accepted, must) {
            (true, true) => Accept::Must(cites),
            (true, false) => Accept::May,
            (false, _) => return None,
        };
        Some(Expectation { accept, brings: Brings::Nothing, cites, touches: Vec::new(), choices: Vec::new(), leaves: None, after })
    }

    /// A command that the model refuses for the lack of a letter, or for what is there.
    fn never(&self, lacks: Option<&'static str>, cites: &'static str, touches: Vec<VirtualPath>) -> Expectation {
        let cites = lacks.unwrap_or(cites);
        Expectation {
            accept: Accept::Never(cites),
            brings: Brings::Nothing,
            cites,
            touches,
            choices: Vec::new(),
            leaves: None,
            after: self.model.clone(),
        }
    }

    fn lacks(&self, letter: Letter, cites: &'static str) -> Option<&'static str> {
        (!self.has(letter)).then_some(cites)
    }

    fn done(&self, accept: Accept, cites: &'static str, touches: Vec<VirtualPath>, after: Model) -> Expectation {
        let led = touches.iter().flat_map(VirtualPath::names).any(|name| name.starts_with(b" "));
        let cites = if led { "3659-2.2-leading-spaces-kept" } else { cites };
        Expectation { accept, brings: Brings::Nothing, cites, touches, choices: Vec::new(), leaves: None, after }
    }

    fn quit(&self) -> Option<Expectation> {
        if !self.model.is_open(self.session) {
            return None;
        }
        let mut after = self.model.clone();
        after.leave(self.session);
        Some(self.done(Accept::Must("959-4.1.1-quit-closes"), "959-4.1.1-quit-closes", Vec::new(), after))
    }

    fn cwd(&self, path: &[u8]) -> Option<Expectation> {
        let target = self.locate(path);
        let mut after = self.model.clone();
        let moved = after.say(self.session, &line("CWD", path));
        let lacks = self.lacks(Letter::Enter, "defacto-perm-e-cwd");
        let mut expected = if moved {
            self.done(self.must(&[&target], "959-4.1.1-cwd-changes-directory"), "959-4.1.1-cwd-changes-directory", Vec::new(), after)
        } else {
            self.never(lacks, "959-4.2.1-transient-450-permanent-550", Vec::new())
        };
        expected.brings = Brings::Directory(expected.after.cwd(self.session), self.model.cwd(self.session));
        Some(expected)
    }

    fn cdup(&self) -> Option<Expectation> {
        let here = self.model.cwd(self.session);
        let mut after = self.model.clone();
        let moved = after.say(self.session, b"CDUP");
        let cites = "959-4.1.1-cdup-parent";
        let mut expected = match (moved, here.is_root()) {
            (true, true) => self.done(Accept::May, cites, Vec::new(), after),
            (true, false) => self.done(self.must(&[&here], cites), cites, Vec::new(), after),
            (false, _) => self.never(self.lacks(Letter::Enter, "defacto-perm-e-cdup"), cites, Vec::new()),
        };
        expected.brings = Brings::Directory(expected.after.cwd(self.session), self.model.cwd(self.session));
        Some(expected)
    }

    fn mkd(&self, path: &[u8]) -> Option<Expectation> {
        let target = self.locate(path);
        if target.is_root() || !self.model.is_directory(&target.parent()) {
            return None;
        }
        let mut after = self.model.clone();
        if !after.say(self.session, &line("MKD", path)) {
            return Some(self.never(self.lacks(Letter::MakeDirectory, "defacto-perm-m-mkd"), "959-A2-mkd-existing-refused", vec![target]));
        }
        let accept = self.must(&[&target], "959-4.1.3-mkd-creates");
        Some(self.done(accept, "959-4.1.3-mkd-creates", vec![target], after))
    }

    /// Whether a session stands in a directory or below it: what becomes of such a session is not said.
    fn is_used(&self, directory: &VirtualPath) -> bool {
        (0..super::operation::SESSIONS).any(|session| self.model.cwd(session).names().starts_with(directory.names()))
    }

    fn rmd(&self, path: &[u8]) -> Option<Expectation> {
        let target = self.locate(path);
        // That a full directory is refused is a custom, not a clause.
        if self.is_used(&target) || !self.model.names(&target).is_empty() {
            return None;
        }
        let mut after = self.model.clone();
        if !after.say(self.session, &line("RMD", path)) {
            let lacks = self.lacks(Letter::Delete, "defacto-perm-d-rmd");
            return Some(self.never(lacks, "959-4.2.1-transient-450-permanent-550", vec![target]));
        }
        let accept = self.must(&[&target], "959-4.1.3-rmd-removes");
        Some(self.done(accept, "959-4.1.3-rmd-removes", vec![target], after))
    }

    fn dele(&self, path: &[u8]) -> Option<Expectation> {
        let target = self.locate(path);
        // Of directories RFC 959 says nothing.
        if self.model.is_directory(&target) {
            return None;
        }
        let mut after = self.model.clone();
        if !after.say(self.session, &line("DELE", path)) {
            let lacks = self.lacks(Letter::Delete, "defacto-perm-d-dele");
            return Some(self.never(lacks, "959-4.2.1-transient-450-permanent-550", vec![target]));
        }
        let accept = self.must(&[&target], "959-4.1.3-dele-deletes");
        Some(self.done(accept, "959-4.1.3-dele-deletes", vec![target], after))
    }

    fn rename(&self, from: &[u8], to: &[u8]) -> Option<Expectation> {
        let (old, new) = (self.locate(from), self.locate(to));
        let unclear = old.is_root()
            || new.names().starts_with(old.names())
            || old.names().starts_with(new.names())
            || self.model.is_directory(&new)
            || !self.model.is_directory(&new.parent())
            || self.model.is_directory(&old) && (self.is_used(&old) || self.model.len(&new).is_some());
        if unclear {
            return None;
        }
        let taken = self.model.len(&new).is_some();
        let mut after = self.model.clone();
        let begun = after.say_begun(self.session, &line("RNFR", from));
        if !begun || !after.say(self.session, &line("RNTO", to)) {
            let lacks = self.lacks(Letter::Rename, "defacto-perm-f-rnfr");
            return Some(self.never(lacks, "959-4.2.1-transient-450-permanent-550", vec![old, new]));
        }
        let cites = "959-4.1.3-rename-pair";
        let accept = if taken { Accept::May } else { self.must(&[&old, &new], cites) };
        Some(self.done(accept, cites, vec![new, old], after))
    }

    fn store(&self, append: bool, rest: Option<u64>, path: &[u8], source: &Source, cut: Option<&Cut>) -> Option<Expectation> {
        let target = self.locate(path);
        let ascii = self.model.is_ascii(self.session);
        let len = self.model.len(&target);
        let unclear = target.is_root()
            || !self.model.is_directory(&target.parent())
            || append && !self.able.appe
            || rest.is_some_and(|rest| append || ascii || !self.able.rest || len.is_none_or(|len| rest > len))
            || ascii
                && (!self.able.lf || !source.is_text() || source.len() > ASCII_MAX || len.is_some_and(|len| append && len > ASCII_MAX))
            || cut.is_some_and(|cut| self.is_unclear_cut(cut, source.len(), rest, len, ascii));
        if unclear {
            return None;
        }
        let verb = if append { "APPE" } else { "STOR" };
        let lacks = match (append, rest) {
            (true, _) => self.lacks(Letter::Append, "defacto-perm-a-appe"),
            (false, Some(_)) => self.lacks(Letter::Store, "defacto-perm-w-stor-rest"),
            (false, None) if len.is_some() => self.lacks(Letter::Store, "defacto-perm-w-stor-overwrite"),
            (false, None) => self.lacks(Letter::Store, "defacto-perm-w-stor-new"),
        };
        if lacks.is_some() || self.model.is_directory(&target) {
            // What is refused cannot be cut.
            return cut.is_none().then(|| self.never(lacks, "sec-rob-special-files", vec![target]));
        }
        let mut after = self.model.clone();
        if !after.upload(self.session, rest, verb, path, &source.content()) {
            return None;
        }
        let cites = match (append, rest, len.is_some()) {
            _ if ascii => "959-3.1.1.1-ascii-stor-native",
            (true, _, true) => "959-4.1.3-appe-appends",
            (true, _, false) => "959-4.1.3-appe-creates",
            (false, Some(_), _) => "3659-5.3-rest-stor-continues",
            (false, None, true) => "959-4.1.3-stor-replaces",
            (false, None, false) => "959-4.1.3-stor-creates",
        };
        let is_middle = rest.is_some() && rest != len;
        let accept = if is_middle { Accept::May } else { self.must(&[&target], cites) };
        let choices = match rest.filter(|_| is_middle) {
            Some(rest) => {
                let (old, new) = (self.content(&target), source.content());
                let cut_off = Content::Chain(vec![old.slice(0, rest), new.clone()]);
                let patched = Content::Chain(vec![old.slice(0, rest), new.clone(), old.slice(rest + new.len(), old.len())]);
                vec![State::File(cut_off), State::File(patched)]
            }
            None => Vec::new(),
        };
        let leaves = cut.filter(|cut| cut.how != CutKind::Stall).map(|cut| {
            let kept = if append || rest.is_some() { self.content(&target) } else { Content::Zeros(0) };
            let least = kept.len();
            (Content::Chain(vec![kept, source.content().slice(0, cut.at)]), least)
        });
        if cut.is_some_and(|cut| cut.how == CutKind::Control) {
            after.leave(self.session);
        }
        Some(Expectation { choices, leaves, ..self.done(accept, cites, vec![target], after) })
    }

    /// Cuts of uploads whose outcome is one set.
    fn is_unclear_cut(&self, cut: &Cut, len: u64, rest: Option<u64>, there: Option<u64>, ascii: bool) -> bool {
        cut.at > len
            || ascii
            || cut.how == CutKind::Close
            // Before it has read something the server need not have heard of the data connection (transfer/closed-early).
            || matches!(cut.how, CutKind::Reset | CutKind::Abort) && cut.at < 2
            || cut.how == CutKind::Abort && !self.able.abor
            || rest.is_some() && rest != there
    }

    fn content(&self, path: &VirtualPath) -> Content {
        match self.model.state(path) {
            State::File(content) => content,
            State::Absent | State::Directory => Content::Zeros(0),
        }
    }

    fn fetch(&self, rest: Option<u64>, path: &[u8], cut: Option<&Cut>) -> Option<Expectation> {
        let target = self.locate(path);
        let ascii = self.model.is_ascii(self.session);
        let len = self.model.len(&target);
        if rest.is_some() && !self.able.rest || cut.is_some_and(|cut| cut.how == CutKind::Abort && !self.able.abor) {
            return None;
        }
        if ascii && (!self.able.lf || len.is_some_and(|len| len > ASCII_MAX) || holds_cr(&self.content(&target))) {
            return None;
        }
        let mut after = self.model.clone();
        let lacks = self.lacks(Letter::Retrieve, "defacto-perm-r-retr");
        let Some(bytes) = after.download(self.session, rest, &line("RETR", path)) else {
            if cut.is_some() {
                return None;
            }
            return Some(match (lacks, len, rest) {
                // Behind the end: refused, or nothing comes.
                (None, Some(_), Some(_)) => Expectation {
                    brings: Brings::Data(Content::Zeros(0)),
                    ..self.done(Accept::May, "sec-rob-rest-beyond-eof", Vec::new(), self.model.clone())
                },
                _ => self.never(lacks, "959-4.2.1-transient-450-permanent-550", Vec::new()),
            });
        };
        let before_all = |cut: &Cut| matches!(cut.how, CutKind::Reset | CutKind::Close | CutKind::Abort) && cut.at == 0;
        if cut.is_some_and(|cut| cut.at > bytes.len() as u64 || before_all(cut)) {
            return None;
        }
        let cites = match (ascii, rest) {
            (false, None) => "959-4.1.3-retr-sends-copy",
            (false, Some(_)) => "3659-5.3-rest-retr-offset",
            (true, None) => "959-3.1.1.1-ascii-retr-crlf",
            (true, Some(_)) => "3659-5.3-rest-retr-ascii-offset",
        };
        let accept = if ascii && rest.is_some() { Accept::May } else { self.must(&[&target], cites) };
        if cut.is_some_and(|cut| cut.how == CutKind::Control) {
            after.leave(self.session);
        }
        Some(Expectation { brings: Brings::Data(Content::literal(bytes)), ..self.done(accept, cites, Vec::new(), after) })
    }

    fn resume(&self, append: bool, path: &[u8], source: &Source) -> Option<Expectation> {
        let target = self.locate(path);
        let len = self.model.len(&target)?;
        let unable = !self.able.size || if append { !self.able.appe } else { !self.able.rest };
        if unable || self.model.is_ascii(self.session) || !is_beginning(&self.content(&target), &source.content()) {
            return None;
        }
        let lacks =
            if append { self.lacks(Letter::Append, "defacto-perm-a-appe") } else { self.lacks(Letter::Store, "defacto-perm-w-stor-rest") };
        if lacks.or_else(|| self.lacks(Letter::List, "defacto-perm-l-size-mdtm")).is_some() {
            return None;
        }
        let mut after = self.model.clone();
        let rest = source.content().slice(len, source.len());
        let (verb, offset) = if append { ("APPE", None) } else { ("STOR", Some(len)) };
        if !after.upload(self.session, offset, verb, path, &rest) {
            return None;
        }
        let cites = if append { "959-4.1.3-appe-appends" } else { "3659-5.3-rest-stor-continues" };
        let accept = self.must(&[&target], cites);
        Some(Expectation { brings: Brings::Size(len), ..self.done(accept, cites, vec![target], after) })
    }

    fn size(&self, path: &[u8]) -> Option<Expectation> {
        let target = self.locate(path);
        if !self.able.size || self.model.is_directory(&target) {
            return None;
        }
        let ascii = self.model.is_ascii(self.session);
        let len = self.model.len(&target);
        let told = self.able.lf && self.able.ascii_retr;
        if ascii && (!told || len.is_some_and(|len| len > ASCII_MAX) || holds_cr(&self.content(&target))) {
            return None;
        }
        let mut after = self.model.clone();
        let lacks = self.lacks(Letter::List, "defacto-perm-l-size-mdtm");
        if !after.say(self.session, &line("SIZE", path)) {
            return Some(self.never(lacks, "3659-4.2-size-unavailable-550", Vec::new()));
        }
        let (cites, accept) = if ascii {
            ("3659-4-size-exact-ascii", Accept::May)
        } else {
            ("3659-4-size-exact-image", self.must(&[&target], "3659-4.1-size-reply"))
        };
        let size = if ascii { ToNet.len(&self.content(&target).to_vec()) } else { len? };
        Some(Expectation { brings: Brings::Size(size), ..self.done(accept, cites, Vec::new(), after) })
    }

    fn mdtm(&self, path: &[u8]) -> Option<Expectation> {
        let target = self.locate(path);
        if !self.able.mdtm || self.model.is_directory(&target) {
            return None;
        }
        let mut after = self.model.clone();
        let lacks = self.lacks(Letter::List, "defacto-perm-l-size-mdtm");
        if !after.say(self.session, &line("MDTM", path)) {
            return Some(self.never(lacks, "959-4.2.1-transient-450-permanent-550", Vec::new()));
        }
        let brings = if self.model.is_as_laid(&target) { Brings::Time(LAID_TIME_VAL) } else { Brings::Nothing };
        Some(Expectation { brings, ..self.done(Accept::May, "3659-2.3-time-utc", Vec::new(), after) })
    }

    fn mlst(&self, path: &[u8]) -> Option<Expectation> {
        if !self.able.mlst {
            return None;
        }
        let target = self.locate(path);
        let mut after = self.model.clone();
        let lacks = self.lacks(Letter::List, "defacto-perm-l-mlst");
        if !after.say(self.session, &line("MLST", path)) {
            return Some(self.never(lacks, "959-4.2.1-transient-450-permanent-550", Vec::new()));
        }
        let cites = if self.model.is_directory(&target) { "3659-7.5.1.3-type-dir" } else { "3659-7.5.7-size-fact-octets" };
        let brings = Brings::Facts(self.model.len(&target));
        Some(Expectation { brings, ..self.done(Accept::May, cites, Vec::new(), after) })
    }

    fn list(&self, verb: ListVerb, path: Option<&[u8]>) -> Option<Expectation> {
        let able = match verb {
            ListVerb::List => true,
            ListVerb::Nlst => self.able.nlst,
            ListVerb::Mlsd => self.able.mlsd,
        };
        let target = path.map_or_else(|| self.model.cwd(self.session), |path| self.locate(path));
        if !able || !self.model.is_directory(&target) || path.is_some_and(|path| path.is_empty() || !is_listable(path)) {
            return None;
        }
        let mut after = self.model.clone();
        let command = path.map_or_else(|| verb.word().as_bytes().to_vec(), |path| line(verb.word(), path));
        let Some(_) = after.download(self.session, None, &command) else {
            return Some(self.never(self.lacks(Letter::List, "defacto-perm-l-listing"), "959-4.1.3-list-directory", Vec::new()));
        };
        let names = self.model.names(&target).into_iter();
        let entries = names.map(|(name, _)| {
            let len = self.model.len(&target.child(&name));
            (name, len)
        });
        let cites = match verb {
            ListVerb::List => "959-4.1.3-list-null-is-cwd",
            ListVerb::Nlst => "959-4.1.3-nlst-names-only",
            ListVerb::Mlsd => "3659-7-mlsd-lists-directory",
        };
        let brings = Brings::Entries(verb, entries.collect());
        Some(Expectation { brings, ..self.done(self.must(&[&target], cites), cites, Vec::new(), after) })
    }

    fn together(&self, first: &Side, session: usize, second: &Side) -> Option<Expectation> {
        let other = Reader { session, ..*self };
        let (one, two) = (self.locate(first.path()), other.locate(second.path()));
        if session == self.session || self.model.is_ascii(self.session) || self.model.is_ascii(session) {
            return None;
        }
        let is_download = |side: &Side| matches!(side, Side::Down { .. });
        // A server may let who writes wait until the other has ended, and nobody says what the file then holds.
        if one == two && !(is_download(first) && is_download(second)) {
            return None;
        }
        let both = [(self, first), (&other, second)].map(|(reader, side)| match side {
            Side::Up { path, source } => reader.store(false, None, path, source, None),
            Side::Down { path } => reader.fetch(None, path, None),
        });
        let [Some(left), Some(right)] = both else { return None };
        if matches!(left.accept, Accept::Never(_)) || matches!(right.accept, Accept::Never(_)) {
            return None;
        }
        let data = |brings| if let Brings::Data(content) = brings { Some(content) } else { None };
        let mut after = self.model.clone();
        for (number, side) in [(self.session, first), (session, second)] {
            match side {
                Side::Up { path, source } => drop(after.upload(number, None, "STOR", path, &source.content())),
                Side::Down { path } => drop(after.download(number, None, &line("RETR", path))),
            }
        }
        let accept = if matches!((left.accept, right.accept), (Accept::Must(_), Accept::Must(_))) {
            Accept::Must("sec-rob-session-isolation")
        } else {
            Accept::May
        };
        let touches = left.touches.into_iter().chain(right.touches).collect();
        let brings = Brings::Both(data(left.brings), data(right.brings));
        Some(Expectation { brings, ..self.done(accept, "sec-rob-session-isolation", touches, after) })
    }
}

fn holds_cr(content: &Content) -> bool {
    content.to_vec().contains(&b'\r')
}

/// Whether one content is how the other begins.
fn is_beginning(part: &Content, whole: &Content) -> bool {
    part.len() <= whole.len() && part.to_vec() == whole.slice(0, part.len()).to_vec()
}
