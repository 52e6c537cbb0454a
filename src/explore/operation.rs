//! One operation of a client, with everything in it that decides what goes over the wire.
//!
//! An operation is valid in any state: where it means nothing it is skipped. So any part of a sequence is a sequence, and a
//! failing one can be made shorter.

use std::fmt;

use super::source::Source;

/// Sessions of a case.
pub const SESSIONS: usize = 3;

/// An operation in a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Operation {
    /// Which session, below [`SESSIONS`].
    pub session: usize,
    /// What it does there.
    pub what: What,
}

/// What an operation does. Paths are sent as they are: relative to the working directory, or absolute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum What {
    /// QUIT: the next operation of the session logs in anew.
    Quit,
    /// TYPE A or I.
    Type {
        /// A.
        ascii: bool,
    },
    /// CWD, and PWD behind it.
    Cwd(Vec<u8>),
    /// CDUP, and PWD behind it.
    Cdup,
    /// PWD.
    Pwd,
    /// MKD.
    Mkd(Vec<u8>),
    /// RMD.
    Rmd(Vec<u8>),
    /// DELE.
    Dele(Vec<u8>),
    /// RNFR and RNTO.
    Rename {
        /// RNFR.
        from: Vec<u8>,
        /// RNTO.
        to: Vec<u8>,
    },
    /// STOR or APPE, with REST before it or without.
    Store {
        /// APPE.
        append: bool,
        /// REST.
        rest: Option<u64>,
        /// Where to.
        path: Vec<u8>,
        /// What is sent.
        source: Source,
        /// Not to its end.
        cut: Option<Cut>,
    },
    /// RETR, with REST before it or without.
    Fetch {
        /// REST.
        rest: Option<u64>,
        /// What.
        path: Vec<u8>,
        /// Not to its end.
        cut: Option<Cut>,
    },
    /// SIZE, and then the rest of what an upload that was cut should have brought: by REST and STOR, or by APPE.
    Resume {
        /// APPE.
        append: bool,
        /// Where to.
        path: Vec<u8>,
        /// The whole.
        source: Source,
    },
    /// SIZE.
    Size(Vec<u8>),
    /// MDTM.
    Mdtm(Vec<u8>),
    /// MLST.
    Mlst(Vec<u8>),
    /// LIST, NLST or MLSD.
    List {
        /// Which.
        verb: ListVerb,
        /// Of this directory, or of the working directory.
        path: Option<Vec<u8>>,
    },
    /// Two transfers at the same time: the first waits in its middle while the second takes place. One file may be fetched twice;
    /// what it holds where one of them writes it nobody says.
    Together {
        /// In the operation's own session.
        first: Side,
        /// The other session.
        session: usize,
        /// In the other session.
        second: Side,
    },
}

/// One of two transfers at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Side {
    /// STOR.
    Up {
        /// Where to.
        path: Vec<u8>,
        /// What is sent.
        source: Source,
    },
    /// RETR.
    Down {
        /// What.
        path: Vec<u8>,
    },
}

/// How a transfer is broken in its middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cut {
    /// Behind so many bytes.
    pub at: u64,
    /// How.
    pub how: CutKind,
}

/// The ways to break a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CutKind {
    /// The data connection is reset.
    Reset,
    /// The data connection is closed; of an upload that would be its end.
    Close,
    /// Nothing moves for a moment; then it goes on to its end.
    Stall,
    /// ABOR.
    Abort,
    /// The control connection is lost, and the data connection with it.
    Control,
}

/// The verbs that list a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListVerb {
    /// LIST, for people.
    List,
    /// NLST, names only.
    Nlst,
    /// MLSD, facts.
    Mlsd,
}

impl ListVerb {
    /// The verb.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::List => "LIST",
            Self::Nlst => "NLST",
            Self::Mlsd => "MLSD",
        }
    }
}

impl CutKind {
    /// In the words of reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Close => "closed",
            Self::Stall => "stalled",
            Self::Abort => "ABOR",
            Self::Control => "control lost",
        }
    }
}

/// What kind of operation it is: what coverage counts, and what a known failure is told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Class {
    /// `STOR`, `RNFR+RNTO`.
    pub verb: &'static str,
    /// REST stands before it.
    pub rest: bool,
    /// It is broken.
    pub cut: Option<CutKind>,
    /// Under TYPE A, where that matters.
    pub ascii: bool,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rest {
            f.write_str("REST+")?;
        }
        f.write_str(self.verb)?;
        if self.ascii {
            f.write_str(" in TYPE A")?;
        }
        self.cut.map_or(Ok(()), |cut| write!(f, ", {}", cut.word()))
    }
}

impl Operation {
    /// Its kind, under the type that its session has.
    #[must_use]
    pub fn class(&self, ascii: bool) -> Class {
        let simple = |verb| Class { verb, rest: false, cut: None, ascii: false };
        match &self.what {
            What::Quit => simple("QUIT"),
            What::Type { ascii: false } => simple("TYPE I"),
            What::Type { ascii: true } => simple("TYPE A"),
            What::Cwd(_) => simple("CWD"),
            What::Cdup => simple("CDUP"),
            What::Pwd => simple("PWD"),
            What::Mkd(_) => simple("MKD"),
            What::Rmd(_) => simple("RMD"),
            What::Dele(_) => simple("DELE"),
            What::Rename { .. } => simple("RNFR+RNTO"),
            What::Store { append, rest, cut, .. } => {
                let verb = if *append { "APPE" } else { "STOR" };
                Class { verb, rest: rest.is_some(), cut: cut.map(|cut| cut.how), ascii }
            }
            What::Fetch { rest, cut, .. } => Class { verb: "RETR", rest: rest.is_some(), cut: cut.map(|cut| cut.how), ascii },
            What::Resume { append: true, .. } => simple("SIZE+APPE"),
            What::Resume { append: false, .. } => simple("SIZE+REST+STOR"),
            What::Size(_) => Class { ascii, ..simple("SIZE") },
            What::Mdtm(_) => simple("MDTM"),
            What::Mlst(_) => simple("MLST"),
            What::List { verb, .. } => simple(verb.word()),
            What::Together { first, second, .. } => simple(match (first, second) {
                (Side::Up { .. }, Side::Up { .. }) => "STOR with STOR",
                (Side::Up { .. }, Side::Down { .. }) => "STOR with RETR",
                (Side::Down { .. }, Side::Up { .. }) => "RETR with STOR",
                (Side::Down { .. }, Side::Down { .. }) if first.path() == second.path() => "RETR with RETR of one name",
                (Side::Down { .. }, Side::Down { .. }) => "RETR with RETR",
            }),
        }
    }

    /// Whether REST stands before it.
    #[must_use]
    pub fn has_rest(&self) -> bool {
        matches!(&self.what, What::Store { rest: Some(_), .. } | What::Fetch { rest: Some(_), .. })
    }

    /// How it is broken off.
    #[must_use]
    pub const fn cut(&self) -> Option<Cut> {
        match &self.what {
            What::Store { cut, .. } | What::Fetch { cut, .. } => *cut,
            _ => None,
        }
    }

    /// The sessions that it uses.
    pub fn sessions(&self) -> impl Iterator<Item = usize> {
        let other = if let What::Together { session, .. } = &self.what { Some(*session) } else { None };
        std::iter::once(self.session).chain(other)
    }

    /// All that is sent as file content.
    pub fn sources(&self) -> Vec<&Source> {
        match &self.what {
            What::Store { source, .. } | What::Resume { source, .. } => vec![source],
            What::Together { first, second, .. } => [first, second]
                .into_iter()
                .filter_map(|side| if let Side::Up { source, .. } = side { Some(source) } else { None })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The paths that it names.
    pub fn paths_mut(&mut self) -> Vec<&mut Vec<u8>> {
        match &mut self.what {
            What::Quit | What::Type { .. } | What::Cdup | What::Pwd | What::List { path: None, .. } => Vec::new(),
            What::Cwd(path)
            | What::Mkd(path)
            | What::Rmd(path)
            | What::Dele(path)
            | What::Store { path, .. }
            | What::Fetch { path, .. }
            | What::Resume { path, .. }
            | What::Size(path)
            | What::Mdtm(path)
            | What::Mlst(path)
            | What::List { path: Some(path), .. } => vec![path],
            What::Rename { from, to } => vec![from, to],
            What::Together { first, second, .. } => vec![first.path_mut(), second.path_mut()],
        }
    }
}

impl Side {
    /// What it names.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        match self {
            Self::Up { path, .. } | Self::Down { path } => path,
        }
    }

    fn path_mut(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Up { path, .. } | Self::Down { path } => path,
        }
    }
}

/// For people: one line.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        let side = |side: &Side| match side {
            Side::Up { path: name, source } => format!("STOR {} {source}", path(name)),
            Side::Down { path: name } => format!("RETR {}", path(name)),
        };
        let cut = |cut: &Option<Cut>| cut.map_or_else(String::new, |cut| format!(", {} behind {} bytes", cut.how.word(), cut.at));
        let rest = |rest: &Option<u64>| rest.map_or_else(String::new, |rest| format!("REST {rest}, "));
        write!(f, "{}: ", self.session + 1)?;
        match &self.what {
            What::Quit | What::Type { .. } | What::Cdup | What::Pwd => write!(f, "{}", self.class(false)),
            What::Cwd(name) | What::Mkd(name) | What::Rmd(name) | What::Dele(name) => write!(f, "{} {}", self.class(false), path(name)),
            What::Size(name) | What::Mdtm(name) | What::Mlst(name) => write!(f, "{} {}", self.class(false), path(name)),
            What::Rename { from, to } => write!(f, "RNFR {}, RNTO {}", path(from), path(to)),
            What::Store { append, rest: offset, path: name, source, cut: end } => {
                let verb = if *append { "APPE" } else { "STOR" };
                write!(f, "{}{verb} {} {source}{}", rest(offset), path(name), cut(end))
            }
            What::Fetch { rest: offset, path: name, cut: end } => write!(f, "{}RETR {}{}", rest(offset), path(name), cut(end)),
            What::Resume { append, path: name, source } => {
                write!(f, "resume {} to {source} by {}", path(name), if *append { "APPE" } else { "REST and STOR" })
            }
            What::List { verb, path: name } => write!(f, "{} {}", verb.word(), name.as_deref().map(path).unwrap_or_default()),
            What::Together { first, session, second } => write!(f, "{} while {}: {}", side(first), session + 1, side(second)),
        }
    }
}
