//! Operations before their names, offsets and sizes are settled: what proptest draws, and what becomes of it in a state.
//!
//! A draft names files by their number among those that are there, and offsets as parts of a length, so that most of what is
//! drawn means something when its turn comes.

use super::model::{LAID, Model};
use super::operation::{Cut, CutKind, ListVerb, Operation, SESSIONS, Side, What};
use super::source::Source;
use crate::ftp::path::VirtualPath;

/// Where operations come from, one after the other.
pub trait Script {
    /// The next one, in the state that the model is in.
    fn next(&mut self, model: &Model) -> Option<Operation>;
}

/// Operations that are fixed.
#[derive(Debug)]
pub struct Fixed<'o>(pub std::slice::Iter<'o, Operation>);

impl Script for Fixed<'_> {
    fn next(&mut self, _: &Model) -> Option<Operation> {
        self.0.next().cloned()
    }
}

/// Names that mean only themselves to every server.
pub const PLAIN: [&str; 5] = ["a", "b.txt", "c.bin", "D", "e5"];
/// Names that servers have stumbled over.
pub const ODD: [&str; 10] = ["two words", "two  blanks", "-dash", ".dot", "quo\"te", "[a]*", "semi;colon=1", "caf\u{e9}", "50%20", " lead"];

/// Which name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameDraft {
    /// Of what is there: the number of one of its kind.
    pub existing: Option<u16>,
    /// Else of [`PLAIN`] and [`ODD`], in this directory.
    pub name: u8,
    /// The number of a directory.
    pub directory: u16,
    /// By an absolute path.
    pub absolute: bool,
}

/// An offset: from the start, from the end, or a part of the length in 256ths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetDraft {
    /// From the start.
    Start(u64),
    /// Before the end.
    End(u64),
    /// So many 256ths of the length.
    Part(u8),
    /// Behind the end.
    Beyond(u64),
}

impl OffsetDraft {
    fn settle(self, len: u64) -> u64 {
        match self {
            Self::Start(offset) => offset.min(len),
            Self::End(back) => len.saturating_sub(back),
            Self::Part(part) => len * u64::from(part) / 256,
            Self::Beyond(by) => len + by,
        }
    }
}

/// A cut: where, and how.
pub type CutDraft = Option<(OffsetDraft, CutKind)>;

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum WhatDraft {
    /// As it is.
    Plain(What),
    /// CWD, of a directory that is there or of a name.
    Cwd(NameDraft),
    /// MKD.
    Mkd(NameDraft),
    /// RMD, of a directory.
    Rmd(NameDraft),
    /// DELE.
    Dele(NameDraft),
    /// RNFR and RNTO; of a directory.
    Rename(NameDraft, NameDraft, bool),
    /// STOR or APPE.
    Store {
        /// APPE.
        append: bool,
        /// REST.
        rest: Option<OffsetDraft>,
        /// Where to.
        name: NameDraft,
        /// What, under TYPE I and under TYPE A.
        source: (Source, Source),
        /// How it is cut.
        cut: CutDraft,
    },
    /// RETR.
    Fetch {
        /// REST.
        rest: Option<OffsetDraft>,
        /// What.
        name: NameDraft,
        /// How it is cut.
        cut: CutDraft,
    },
    /// The last upload that was cut is completed.
    Resume(bool),
    /// SIZE.
    Size(NameDraft),
    /// MDTM.
    Mdtm(NameDraft),
    /// MLST of a file, or of a directory.
    Mlst(NameDraft, bool),
    /// A listing of a directory that is there, or of the working directory.
    List(ListVerb, Option<u16>),
    /// Two transfers; of one file.
    Together(SideDraft, SideDraft, bool),
}

/// One of two transfers.
#[derive(Debug, Clone, PartialEq)]
pub struct SideDraft {
    /// STOR.
    pub up: bool,
    /// Which file.
    pub name: NameDraft,
    /// What is sent.
    pub source: Source,
}

/// A draft of an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Which session.
    pub session: usize,
    /// What.
    pub what: WhatDraft,
}

/// Drafts that are settled one after the other, and at their end a look at what is there.
#[derive(Debug)]
pub struct Drafts {
    left: std::vec::IntoIter<Draft>,
    /// The uploads that were cut and not yet completed: path and source.
    torn: Option<(Vec<u8>, Source)>,
    closing: Option<std::vec::IntoIter<Operation>>,
}

/// So many files are fetched at the end.
const CLOSING: usize = 3;

impl Drafts {
    /// These, in their order.
    #[must_use]
    pub fn new(drafts: Vec<Draft>) -> Self {
        Self { left: drafts.into_iter(), torn: None, closing: None }
    }
}

impl Script for Drafts {
    fn next(&mut self, model: &Model) -> Option<Operation> {
        for draft in self.left.by_ref() {
            let Some(operation) = settle(&draft, model, &mut self.torn) else { continue };
            return Some(operation);
        }
        self.closing.get_or_insert_with(|| closing(model)).next()
    }
}

/// What is there, as the first session sees it at the end.
fn closing(model: &Model) -> std::vec::IntoIter<Operation> {
    let in_first = |what| Operation { session: 0, what };
    let mut all =
        vec![in_first(What::Type { ascii: false }), in_first(What::List { verb: ListVerb::Mlsd, path: None }), in_first(What::Pwd)];
    let files = model.tree().into_iter().filter(|(_, directory)| !directory).map(|(path, _)| path.to_bytes());
    all.extend(files.take(CLOSING).map(|path| in_first(What::Fetch { rest: None, path, cut: None })));
    all.into_iter()
}

/// Which kind of thing a name is wanted for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    File,
    Directory,
}

struct Settler<'m> {
    model: &'m Model,
    session: usize,
}

impl Settler<'_> {
    fn all(&self, directories: bool) -> Vec<VirtualPath> {
        self.model.tree().into_iter().filter(|(_, directory)| *directory == directories).map(|(path, _)| path).collect()
    }

    fn path(&self, draft: NameDraft, wanted: Wanted) -> VirtualPath {
        if let Some(number) = draft.existing {
            let there = self.all(wanted == Wanted::Directory);
            if !there.is_empty() {
                return there[usize::from(number) % there.len()].clone();
            }
        }
        let mut directories = self.all(true);
        // Most of the time here, and else anywhere.
        directories.extend(std::iter::repeat_n(self.model.cwd(self.session), directories.len() + 1));
        let index = usize::from(draft.name);
        let name = PLAIN.iter().chain(&ODD).nth(index % (PLAIN.len() + ODD.len())).expect("within the names");
        directories[usize::from(draft.directory) % directories.len()].child(name.as_bytes())
    }

    /// As it goes over the wire.
    fn written(&self, path: &VirtualPath, absolute: bool) -> Vec<u8> {
        match path.name() {
            Some(name) if !absolute && path.parent() == self.model.cwd(self.session) => name.to_vec(),
            _ => path.to_bytes(),
        }
    }

    fn name(&self, draft: NameDraft, wanted: Wanted) -> Vec<u8> {
        self.written(&self.path(draft, wanted), draft.absolute)
    }

    fn side_path(&self, draft: &SideDraft) -> VirtualPath {
        let existing = if draft.up { draft.name.existing } else { Some(draft.name.existing.unwrap_or(draft.name.directory)) };
        self.path(NameDraft { existing, ..draft.name }, Wanted::File)
    }

    fn side(&self, draft: &SideDraft, path: &VirtualPath, absolute: bool) -> Side {
        let path = self.written(path, absolute || draft.name.absolute);
        if draft.up { Side::Up { path, source: draft.source.clone() } } else { Side::Down { path } }
    }
}

/// What a draft comes to in a state.
fn settle(draft: &Draft, model: &Model, torn: &mut Option<(Vec<u8>, Source)>) -> Option<Operation> {
    let session = draft.session;
    let here = Settler { model, session };
    let cut_at = |cut: &CutDraft, len: u64| cut.map(|(at, how)| Cut { at: at.settle(len).min(len), how });
    let what = match &draft.what {
        WhatDraft::Plain(what) => what.clone(),
        WhatDraft::Cwd(name) => What::Cwd(here.name(*name, Wanted::Directory)),
        WhatDraft::Mkd(name) => What::Mkd(here.name(*name, Wanted::Directory)),
        WhatDraft::Rmd(name) => What::Rmd(here.name(*name, Wanted::Directory)),
        WhatDraft::Dele(name) => What::Dele(here.name(*name, Wanted::File)),
        WhatDraft::Rename(from, to, directory) => {
            let wanted = if *directory { Wanted::Directory } else { Wanted::File };
            What::Rename { from: here.name(*from, wanted), to: here.name(*to, wanted) }
        }
        WhatDraft::Store { append, rest, name, source: (image, text), cut } => {
            let path = here.path(*name, Wanted::File);
            let source = if model.is_ascii(session) { text } else { image };
            let len = model.len(&path);
            let rest = rest.filter(|_| !append && !model.is_ascii(session)).and_then(|rest| Some(rest.settle(len?).min(len?)));
            let cut = cut_at(cut, source.len()).filter(|_| !model.is_ascii(session));
            let written = here.written(&path, name.absolute);
            if cut.is_some_and(|cut| cut.how != CutKind::Stall) && rest.is_none() && !append {
                *torn = Some((path.to_bytes(), source.clone()));
            }
            What::Store { append: *append, rest, path: written, source: source.clone(), cut }
        }
        WhatDraft::Fetch { rest, name, cut } => {
            let path = here.path(*name, Wanted::File);
            let len = model.len(&path).unwrap_or(0);
            let rest = rest.map(|rest| rest.settle(len));
            let cut = cut_at(cut, len.saturating_sub(rest.unwrap_or(0)));
            What::Fetch { rest, path: here.written(&path, name.absolute), cut }
        }
        WhatDraft::Resume(append) => {
            let (path, source) = torn.take()?;
            What::Resume { append: *append, path, source }
        }
        WhatDraft::Size(name) => What::Size(here.name(*name, Wanted::File)),
        WhatDraft::Mdtm(name) => What::Mdtm(if name.name.is_multiple_of(2) { absolute(LAID) } else { here.name(*name, Wanted::File) }),
        WhatDraft::Mlst(name, directory) => What::Mlst(here.name(*name, if *directory { Wanted::Directory } else { Wanted::File })),
        WhatDraft::List(verb, number) => {
            let directories = here.all(true);
            let path = number.filter(|_| !directories.is_empty()).map(|number| &directories[usize::from(number) % directories.len()]);
            What::List { verb: *verb, path: path.map(|path| here.written(path, false)) }
        }
        WhatDraft::Together(first, second, of_one) => {
            let other = (session + 1) % SESSIONS;
            let there = Settler { model, session: other };
            let one = here.side_path(first);
            let two = if *of_one { one.clone() } else { there.side_path(second) };
            What::Together { first: here.side(first, &one, *of_one), session: other, second: there.side(second, &two, *of_one) }
        }
    };
    Some(Operation { session, what })
}

fn absolute(name: &[u8]) -> Vec<u8> {
    VirtualPath::root().child(name).to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ftp::letter::Letters;

    fn named(existing: Option<u16>, name: u8) -> NameDraft {
        NameDraft { existing, name, directory: 0, absolute: false }
    }

    #[test]
    fn drafts_are_settled_by_what_is_there() {
        let mut model = Model::new([Letters::ALL; SESSIONS]);
        assert!(model.say(0, b"MKD a") && model.say(0, b"CWD a"));
        let text = |bytes: &[u8]| Source::Text(bytes.to_vec());
        let store = WhatDraft::Store {
            append: false,
            rest: None,
            name: named(None, 1),
            source: (text(b"abc"), text(b"")),
            cut: Some((OffsetDraft::End(1), CutKind::Reset)),
        };
        let fetch = WhatDraft::Fetch { rest: Some(OffsetDraft::Beyond(2)), name: named(Some(7), 0), cut: None };
        let drafts = [store, fetch, WhatDraft::Resume(true), WhatDraft::Resume(true)].map(|what| Draft { session: 0, what });
        let mut script = Drafts::new(drafts.to_vec());
        let mut next = || script.next(&model).map(|operation| operation.to_string());
        assert_eq!(next().as_deref(), Some("1: STOR b.txt \"abc\", reset behind 2 bytes"));
        assert_eq!(next().as_deref(), Some("1: REST 18, RETR /old.txt"));
        assert_eq!(next().as_deref(), Some("1: resume /a/b.txt to \"abc\" by APPE"));
        assert_eq!(next().as_deref(), Some("1: TYPE I"));
        assert_eq!(std::iter::from_fn(next).last().as_deref(), Some("1: RETR /old.txt"));
    }
}
