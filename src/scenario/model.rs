//! The scenario as a value: what every maker produces and every user takes.
//!
//! A [`Scenario`] is what one `.ftp` file says: front matter and a flat list of lines, with comments and blank lines
//! kept, so that printing it gives the file back. [`expand`](mod@super::expand) turns it into [`Case`]s: one a row of
//! `[each]`, with the columns filled in and the lines assembled into a tree of [`Step`]s. `play` and `judge` see cases only.
//!
//! Not here: reading and writing the notation (`parse`, `print`), and any opinion about a server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::ftp::letter::Letters;

/// Where something stands in a source text: byte offsets, end exclusive.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte behind the last.
    pub end: usize,
}

/// Two values that differ only in where they stand are equal: `parse(print(s)) == s`.
impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Span {}

/// A source text and the name under which people know it (a path, or the built-in path).
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// Shown in messages: `scenarios/resume/cut.ftp`.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// What one `.ftp` file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// The path below `scenarios/` without `.ftp`: `resume/cut`.
    pub id: String,
    /// The TOML front matter.
    pub front: Front,
    /// The body, line by line, blank lines and comments included.
    pub lines: Vec<Line>,
}

/// The front matter: what the world is like before the first line.
///
/// Strings may hold `{column}` placeholders of [`Front::each`]; they are filled in by `expand`, which then checks them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Front {
    /// One line that says what a server that passes does.
    pub title: String,
    /// What must be there: `REST STREAM`, `MLST`, `letter:d`, `disk`, `behaviour:X`, `env:ipv6`.
    pub needs: Vec<String>,
    /// `class = "slow"`: played with `--slow` only.
    pub slow: bool,
    /// The roles, in the order of the file.
    pub accounts: Vec<(String, AccountSpec)>,
    /// The files below the root, in the order of the file; keys percent-decoded.
    pub files: Vec<(Vec<u8>, FileSpec)>,
    /// Settings of the server that matter here; a case with any gets a server of its own.
    pub server: Settings,
    /// The rows of `[each]`; empty where there is no table.
    pub each: Vec<Row>,
    /// Comment lines (without `#`) that stand before a key or a table header, by `table.key` or `table`.
    pub comments: BTreeMap<String, Vec<String>>,
}

/// One role: what it may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountSpec {
    /// A letter set as written: `elr`, `all`, `all - d`, `e + d`, ``.
    pub letters: String,
    /// `root = "own"`: a root that no other role shares.
    pub own_root: bool,
    /// `anonymous = true`: logs in as `anonymous` with any password.
    pub anonymous: bool,
}

/// A file, directory or link that is there before the first line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileSpec {
    /// What it is.
    pub what: FileKind,
    /// `mtime = "20200101000000"` (UTC, RFC 3659 section 2.3), as written.
    pub mtime: Option<String>,
    /// `mode = "600"`, octal, as written.
    pub mode: Option<String>,
}

/// The kinds of [`FileSpec`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// `"a\nb\n"` or `text = ".."`: these characters. `{eol}` is the server's line end.
    Text(String),
    /// `bytes = "ff0d"`: hexadecimal.
    Bytes(Vec<u8>),
    /// `content = "fill(8191) \"\\r\\n\""`: a content expression in the notation's own words.
    Expression(String),
    /// `size = "32MiB", seed = 7`: generated, each 8 bytes tell their offset.
    Generated {
        /// As written: `32MiB`, `70000`.
        size: String,
        /// Which content of that size.
        seed: u64,
    },
    /// `hole = "5GiB"`: sparse, reads as zeros.
    Hole(String),
    /// `dir = true`.
    Directory,
    /// `entries = 1000`: a directory with so many small files, `e0001` and so on.
    Entries(u64),
    /// `link = "target"`: a symbolic link.
    Link(String),
}

impl Default for FileKind {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

/// Server settings that a scenario may ask for, as written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Settings {
    /// `idle_timeout = "2s"`.
    pub idle_timeout: Option<String>,
    /// `passive_ports = "40000-40010"`.
    pub passive_ports: Option<String>,
    /// `banner = "text"`.
    pub banner: Option<String>,
}

impl Settings {
    /// Whether the case can share a server with others.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A row of `[each]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// The row's name, part of the case's id.
    pub name: String,
    /// The other columns. `steps` picks a `block`.
    pub columns: BTreeMap<String, String>,
}

/// One line of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it stands.
    pub span: Span,
    /// Nesting by indentation; the canonical form uses two blanks a level.
    pub indent: usize,
    /// What it says.
    pub kind: LineKind,
    /// The requirement ids in brackets at its end.
    pub cites: Vec<String>,
    /// The comment at its end, without `#`.
    pub comment: Option<String>,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineKind {
    /// An empty line.
    Blank,
    /// Only a comment, without `#`.
    Comment(String),
    /// A line with a `{column}` of `[each]`: words with single blanks between them; parsed once the row is known.
    Template(String),
    /// A step that stands alone.
    Action(Action),
    /// `match reply|disk PATH|listener NAME|data`: its arms follow, indented.
    Match(Subject),
    /// `pattern -> outcome`: its own steps follow, indented.
    Arm(ArmHead),
    /// `together`: its branches follow, indented, each starting with `as NAME`; up to `done`.
    Together,
    /// `done`: the end of `together`.
    Done,
    /// `control`: all that follows, up to the next `control`, has a fixture and sessions of its own.
    Control,
    /// `until 5s`: the next `C>` and `S>` are repeated until they match.
    Until(Duration),
    /// `block NAME`: the indented lines are there only for rows with `steps = "NAME"`.
    Block(String),
}

/// A case: one scenario with one row filled in, ready to be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// `path`, `path#row`, `path#row@variant`.
    pub id: String,
    /// The title, filled in.
    pub title: String,
    /// The needs, filled in.
    pub needs: Vec<String>,
    /// Played with `--slow` only.
    pub slow: bool,
    /// The roles, in the order of the file.
    pub roles: Vec<Role>,
    /// The files of the fixture.
    pub files: Vec<FixtureFile>,
    /// The settings; a case with any gets a server of its own.
    pub settings: Settings,
    /// The main part first, then the controls, in the order of the file.
    pub stages: Vec<Stage>,
    /// The text that the spans point into (the file's, not the filled-in one).
    pub source: Arc<Source>,
}

impl Case {
    /// The topic: the first part of the id.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.id.split(['/', '#', '@']).next().unwrap_or_default()
    }

    /// All steps, in the order of the file, nested ones included.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        let mut all = Vec::new();
        for stage in &self.stages {
            collect(&stage.steps, &mut all);
        }
        all.into_iter()
    }

    /// The requirement ids that its steps cite: sorted, each once.
    #[must_use]
    pub fn requirements(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.steps().flat_map(|step| step.cites.iter().map(String::as_str)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

fn collect<'a>(steps: &'a [Step], into: &mut Vec<&'a Step>) {
    for step in steps {
        into.push(step);
        match &step.kind {
            StepKind::Action(_) | StepKind::Until { .. } => {}
            StepKind::Match { arms, .. } => arms.iter().for_each(|arm| collect(&arm.steps, into)),
            StepKind::Together(branches) => branches.iter().for_each(|branch| collect(branch, into)),
        }
    }
}

/// A role with its letters known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The name in the scenario; the login name is the run's.
    pub name: String,
    /// What it may do.
    pub letters: Letters,
    /// A root that no other role shares.
    pub own_root: bool,
    /// Logs in as `anonymous`.
    pub anonymous: bool,
}

/// A file of the fixture, its content in the notation's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixtureFile {
    /// The path below the root, without a leading slash.
    pub path: Vec<u8>,
    /// What it is.
    pub node: FixtureNode,
    /// Seconds since 1970, UTC.
    pub mtime: Option<i64>,
    /// Permission bits.
    pub mode: Option<u32>,
}

/// What a [`FixtureFile`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FixtureNode {
    /// A regular file.
    File(Expression),
    /// A directory.
    Directory,
    /// A symbolic link with this target.
    Link(Vec<u8>),
}

/// The main part of a case, or one of its controls: a fixture and sessions of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Whether this is a control.
    pub control: bool,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// A step of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Number in the order of the file over the whole case, from 0.
    pub id: usize,
    /// Where it stands in [`Case::source`].
    pub span: Span,
    /// The requirement ids at its end.
    pub cites: Vec<String>,
    /// What it does.
    pub kind: StepKind,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepKind {
    /// Stands alone.
    Action(Action),
    /// `match`.
    Match {
        /// What is looked at.
        subject: Subject,
        /// The arms, the first that fits wins.
        arms: Vec<Arm>,
    },
    /// `together .. done`: each branch starts with `as NAME`.
    Together(Vec<Vec<Step>>),
    /// `until`: the pair is repeated until it matches.
    Until {
        /// For how long at most.
        within: Duration,
        /// The `C>` of the pair.
        send: Send,
        /// The `S>` of the pair.
        expect: Expect,
    },
}

/// An arm of a `match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arm {
    /// Where it stands.
    pub span: Span,
    /// `pattern -> outcome`.
    pub head: ArmHead,
    /// The requirement ids at its end.
    pub cites: Vec<String>,
    /// Played where the arm is taken.
    pub steps: Vec<Step>,
}

/// `pattern -> outcome`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArmHead {
    /// What it fits.
    pub pattern: ArmPattern,
    /// What that means.
    pub outcome: ArmOutcome,
}

/// What an arm fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArmPattern {
    /// Of `match reply`.
    Reply(Expect),
    /// Of `match disk` and `match data`.
    Content(StatePattern),
    /// Of `match listener`: `untouched` is true, `touched` false.
    Untouched(bool),
    /// `..`: anything.
    Any,
}

/// What an arm means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArmOutcome {
    /// As demanded.
    Pass,
    /// A choice that the RFCs leave, named.
    Info(String),
    /// Tolerated, named.
    Deviation(String),
    /// Wrong; the text says how.
    Fail(String),
}

/// What a `match` looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The next replies.
    Reply,
    /// A path on disk.
    Disk(Text),
    /// A listener of `listen`.
    Listener(String),
    /// All that comes on the data connection, up to its end.
    Data,
}

/// Who connects to the port that `data` was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Caller {
    /// The session's own client.
    #[default]
    Client,
    /// Nobody: `idle`.
    Nobody,
    /// Another host, from this address of our own: `from 127.0.0.2`.
    Stranger(std::net::IpAddr),
}

/// A step that stands alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `connect`: opens the control connection and leaves the greeting to the next `S>`.
    Connect,
    /// `login ROLE`: USER and PASS of a role.
    Login(String),
    /// `as NAME`: opens the session at first use and switches to it later.
    As(String),
    /// `C>`.
    Send(Send),
    /// `flush`: what stands in `C>` so far goes out in a write of its own.
    Flush,
    /// `S>`.
    Expect(Expect),
    /// `data [epsv|pasv|port|eprt] [idle|from ADDRESS]`.
    Data {
        /// Pinned way; without it, the way that the run asks.
        way: Option<Way>,
        /// Who connects to a passive port.
        caller: Caller,
    },
    /// `S>> content [end]`.
    Receive {
        /// What must come.
        what: Receive,
        /// The connection must end behind it.
        end: bool,
    },
    /// `C>> content [split content].. [end]`.
    Transmit {
        /// Each in a segment of its own where `split` stands.
        segments: Vec<Expression>,
        /// Close the connection (FIN) behind it.
        end: bool,
    },
    /// `cut data|control`: reset (RST).
    Cut(Channel),
    /// `close data|control`: close (FIN).
    Close(Channel),
    /// `half-close data|control`: shut the sending side only.
    HalfClose(Channel),
    /// `stall 5s`: do nothing.
    Stall(Duration),
    /// `settle data|control 200ms`: wait until the server has accepted the data connection, or has read what was sent on the control
    /// connection, at most for so long.
    Settle(Channel, Duration),
    /// `abort plain|telnet`.
    Abort(Abort),
    /// `listen NAME on ADDRESS`.
    Listen {
        /// `{NAME.port}` and the like.
        name: String,
        /// A literal IP address.
        address: String,
    },
    /// `listener NAME untouched`.
    Untouched(String),
    /// `sync NAME`: branches of `together` wait for each other.
    Sync(String),
    /// `disk PATH ..`.
    Disk {
        /// Below the root.
        path: Text,
        /// What must be there.
        check: DiskCheck,
    },
    /// `disk unchanged`: names, kinds, modes, bytes of all roots are as before the first line.
    DiskUnchanged,
    /// `fact NAME [of ENTRY] ..`.
    Fact {
        /// Without case.
        name: String,
        /// Of this entry of the last listing; without it, of the last MLST reply.
        entry: Option<Text>,
        /// What it must be.
        check: FactCheck,
    },
    /// `entries ..`: names of the last listing.
    Entries {
        /// How the set is compared.
        check: EntriesCheck,
        /// The names.
        names: EntryNames,
    },
    /// `tls`: handshake on the control connection.
    Tls,
    /// `alive`: NOOP, or what stands for it, is answered 2xx, in step.
    Alive,
}

/// `C>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// What goes out, without the CR LF.
    pub text: Text,
    /// How it is written in the file.
    pub form: SendForm,
    /// No CR LF is added.
    pub raw: bool,
}

/// How a `C>` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendForm {
    /// `C> NOOP`: verbatim up to the line's end.
    Verbatim,
    /// `C> "NOOP "`.
    Quoted,
    /// `C> x"4e4f4f50"`.
    Hex,
}

/// `S>`: the replies that fit, what their text must be, and how long they may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// Joined by `|`; the longest that fits wins.
    pub alternatives: Vec<Sequence>,
    /// The whole text of the last reply's last line, behind code and blank.
    pub text: Option<Pattern>,
    /// `with ".."`: some line of the last reply is like this.
    pub with: Vec<Pattern>,
    /// `without ".."`: no line of the last reply is like this.
    pub without: Vec<Pattern>,
    /// `wellformed`: the replies keep to the grammar of RFC 959 section 4.2 to the letter.
    pub wellformed: bool,
    /// Instead of the usual deadline.
    pub within: Option<Duration>,
}

/// Replies one behind the other, joined by `,`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// `~`: fits, and is a deviation.
    pub tolerated: bool,
    /// The replies.
    pub items: Vec<SequenceItem>,
}

/// One place of a [`Sequence`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SequenceItem {
    /// A reply.
    Code(CodePattern),
    /// `[150 | 125]`: may be there.
    Optional(Vec<CodePattern>),
    /// `end`: the server closes the connection.
    End,
}

/// Which codes fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodePattern {
    /// `550`: this one; another of its hundred is a deviation.
    Code(u16),
    /// `=550`: this one only.
    Exact(u16),
    /// `5xx`.
    Class(u8),
}

/// `".."` or `i".."` as something to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// May hold captures and `{..}`.
    pub text: Text,
    /// `i".."`: ASCII letters without case.
    pub nocase: bool,
}

/// Text with places to fill in or to bind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(pub Vec<Piece>);

/// A piece of [`Text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Literal(Vec<u8>),
    /// `{name}`, `{name:int}`, `{alice.name}`, `{trap.port}`: binds at first use in an expectation, is filled in elsewhere.
    Capture {
        /// With its dots.
        name: String,
        /// Only digits fit.
        int: bool,
    },
    /// `{..}`: anything.
    Wild,
    /// `{eol}`: the server's line end.
    Eol,
}

/// Content: terms one behind the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expression(pub Vec<Term>);

/// A term of an [`Expression`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// `"a\r\n"`.
    Text(Text),
    /// `x"ff0d"`.
    Hex(Vec<u8>),
    /// `fill(8191)`: printable text without line ends that tells its offset.
    Fill(Number),
    /// `bytes(64MiB, seed 3)`: each 8 bytes tell their offset.
    Bytes {
        /// Bytes.
        size: Number,
        /// Which content of that size.
        seed: u64,
    },
    /// `lines(1000, "\n")`: numbered lines of 62 characters, each with this end.
    Lines {
        /// How many.
        count: Number,
        /// The end of each.
        eol: Text,
    },
    /// `zeros(5GiB)`.
    Zeros(Number),
    /// `big.bin`, `big.bin[70000..]`, `file "odd name"[..3]`: a file of the fixture as it was laid.
    File {
        /// As in `[files]`.
        name: Vec<u8>,
        /// The first byte.
        from: Option<Number>,
        /// The byte behind the last.
        to: Option<Number>,
    },
}

/// A number: a sum of atoms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Number(pub Vec<(Sign, Atom)>);

/// The sign of an [`Atom`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Added.
    Plus,
    /// Subtracted.
    Minus,
}

/// A part of a [`Number`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Atom {
    /// `70000`, `64KiB`: bytes; printed in the largest unit that fits without a rest.
    Literal(u64),
    /// `{n}`.
    Capture(String),
}

/// What `S>>` waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receive {
    /// These bytes.
    Content(Expression),
    /// `..`: whatever comes, read and dropped.
    Rest,
    /// `listing`: whatever comes up to the end, kept for `entries` and `fact .. of`.
    Listing,
}

/// What must be at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskCheck {
    /// `== content`, `in { .. }`, `absent`, `dir`: one of these.
    State(Vec<StatePattern>),
    /// `mode == 600`.
    Mode(u32),
    /// `mtime == 20200101000000`: seconds since 1970, UTC.
    Mtime(i64),
}

/// The states that a path (or the data that came) can be in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatePattern {
    /// Nothing is there.
    Absent,
    /// Anything is there.
    Present,
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A file with this content.
    Content(Expression),
    /// A file with a beginning of this content, the empty one and the whole included.
    PrefixOf(Expression),
}

/// What a fact must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactCheck {
    /// `== "file"`, `== {n}`, `== 70000`.
    Equal(Pattern),
    /// `!= ..`.
    Unequal(Pattern),
    /// `has "r"`: the value has all these letters, without case.
    Has(Pattern),
    /// `lacks "w"`: the value has none of these letters, without case.
    Lacks(Pattern),
    /// `present`.
    Present,
    /// `absent`.
    Absent,
}

/// The names that a listing is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryNames {
    /// `{ "a.txt", "sub" }`.
    Listed(Vec<Text>),
    /// `files of sub`: what the fixture has directly in this directory.
    Laid(Text),
}

/// How the names of a listing are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntriesCheck {
    /// `entries == { .. }`: these and no others, in any order (`.` and `..` aside).
    Equal,
    /// `entries has { .. }`.
    Has,
    /// `entries lacks { .. }`.
    Lacks,
}

/// How the data connection is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// PASV, RFC 959.
    Pasv,
    /// EPSV, RFC 2428.
    Epsv,
    /// PORT, RFC 959.
    Port,
    /// EPRT, RFC 2428.
    Eprt,
}

/// Which connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// The control connection.
    Control,
    /// The data connection.
    Data,
}

/// How ABOR is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abort {
    /// `ABOR` alone.
    Plain,
    /// Telnet IP and Synch (IAC DM urgent) before it, RFC 959 section 4.1.3.
    Telnet,
}
