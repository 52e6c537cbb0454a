//! The oracle: the reference's sessions over its file system in memory, fed with commands and data, without a socket.
//!
//! Says what a correct server does, and keeps the state that the real one should have. A copy costs little, so an operation
//! is first tried on a copy, and the copy kept or thrown away by what the real server did.

use std::net::{Ipv4Addr, SocketAddr};

use super::operation::SESSIONS;
use crate::ftp::content::Content;
use crate::ftp::letter::Letters;
use crate::ftp::path::VirtualPath;
use crate::reference::{Account, FileData, Input, Kind, NodeId, Output, Session, World};

/// What time it is for the model: nothing that is compared depends on it.
const NOW: i64 = 1_600_000_000;
/// So much data is given at once.
const BLOCK: u64 = 1 << 20;
/// The directory that is the root of all accounts.
const ROOT: &str = "root";

/// The file that is there before the first operation: its time is known.
pub const LAID: &[u8] = b"old.txt";
/// Its time: 2020-01-31 23:59:58 UTC.
pub const LAID_TIME: i64 = 1_580_515_198;
/// Its time as MDTM tells it.
pub const LAID_TIME_VAL: &str = "20200131235958";

/// What [`LAID`] holds.
#[must_use]
pub fn laid_content() -> Content {
    Content::literal(*b"old one\nold two\n")
}

/// The state of a server, as it should be.
#[derive(Debug, Clone)]
pub struct Model {
    world: World,
    root: NodeId,
    letters: [Letters; SESSIONS],
    sessions: [Option<Session>; SESSIONS],
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Absent,
    /// A directory.
    Directory,
    /// A file of these bytes.
    File(Content),
}

/// What came of a command.
#[derive(Debug, Default)]
struct Heard {
    codes: Vec<u16>,
    data: Vec<u8>,
}

impl Heard {
    fn accepted(&self) -> bool {
        self.codes.last().is_some_and(|code| code / 100 == 2)
    }
}

const fn address(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

impl Model {
    /// A server whose sessions have these letters, with [`LAID`] in their root.
    #[must_use]
    pub fn new(letters: [Letters; SESSIONS]) -> Self {
        let mut world = World::default();
        let top = world.fs.root();
        let root = world.fs.make_directory(top, &VirtualPath::root().child(ROOT.as_bytes()), NOW).expect("the tree is empty");
        world.fs.make_file(root, &VirtualPath::root().child(LAID), laid_content(), LAID_TIME).expect("the root is empty");
        let account = |(index, letters): (usize, &Letters)| Account {
            name: name(index),
            password: "x".to_owned(),
            letters: *letters,
            root: ROOT.to_owned(),
            anonymous: false,
        };
        world.accounts = letters.iter().enumerate().map(account).collect();
        Self { world, root, letters, sessions: [None, None, None] }
    }

    /// The letters of a session's account.
    #[must_use]
    pub fn letters(&self, session: usize) -> Letters {
        self.letters[session]
    }

    /// Where a session is; the root before it has logged in.
    #[must_use]
    pub fn cwd(&self, session: usize) -> VirtualPath {
        self.sessions[session].as_ref().map_or_else(VirtualPath::root, |session| session.cwd().clone())
    }

    /// Whether a session has logged in.
    #[must_use]
    pub fn is_open(&self, session: usize) -> bool {
        self.sessions[session].is_some()
    }

    /// Whether TYPE A holds in a session; a fresh one says TYPE I at once.
    #[must_use]
    pub fn is_ascii(&self, session: usize) -> bool {
        self.sessions[session].as_ref().is_some_and(Session::is_ascii)
    }

    /// What stands at a path.
    #[must_use]
    pub fn state(&self, path: &VirtualPath) -> State {
        match self.world.fs.find(self.root, path).ok().and_then(|id| self.world.fs.node(id)).map(|node| &node.kind) {
            None | Some(Kind::Link(_)) => State::Absent,
            Some(Kind::Directory(_)) => State::Directory,
            Some(Kind::File(data)) => State::File(content(data)),
        }
    }

    /// How long a file is.
    #[must_use]
    pub fn len(&self, path: &VirtualPath) -> Option<u64> {
        self.world.fs.find(self.root, path).ok().and_then(|id| self.world.fs.file(id)).map(FileData::len)
    }

    /// Whether a directory stands at a path.
    #[must_use]
    pub fn is_directory(&self, path: &VirtualPath) -> bool {
        self.world.fs.find(self.root, path).is_ok_and(|id| self.world.fs.is_directory(id))
    }

    /// All that is there: each path, and whether it is a directory.
    #[must_use]
    pub fn tree(&self) -> Vec<(VirtualPath, bool)> {
        self.world.fs.walk(self.root).into_iter().map(|(path, id)| (path, self.world.fs.is_directory(id))).collect()
    }

    /// The names in a directory, with whether each is a directory.
    #[must_use]
    pub fn names(&self, path: &VirtualPath) -> Vec<(Vec<u8>, bool)> {
        let entries = self.world.fs.find(self.root, path).ok().and_then(|id| self.world.fs.entries(id));
        entries.into_iter().flatten().map(|(name, id)| (name.clone(), self.world.fs.is_directory(*id))).collect()
    }

    /// Whether [`LAID`] is as it was laid.
    #[must_use]
    pub fn is_as_laid(&self, path: &VirtualPath) -> bool {
        let node = self.world.fs.find(self.root, path).ok().and_then(|id| self.world.fs.node(id));
        node.is_some_and(|node| node.mtime == LAID_TIME && matches!(node.kind, Kind::File(_)))
    }

    /// Says a command line in a session, which logs in first where it is new; whether it was accepted.
    pub fn say(&mut self, session: usize, line: &[u8]) -> bool {
        self.open(session);
        self.heard(session, line).accepted()
    }

    /// Says the first line of a pair, as RNFR is; whether the second is awaited.
    pub fn say_begun(&mut self, session: usize, line: &[u8]) -> bool {
        self.open(session);
        self.heard(session, line).codes.last().is_some_and(|code| code / 100 == 3)
    }

    /// Stores bytes by a verb; whether that was accepted.
    pub fn upload(&mut self, session: usize, rest: Option<u64>, verb: &str, path: &[u8], content: &Content) -> bool {
        if !self.prepare(session, rest) {
            return false;
        }
        let mut heard = self.heard(session, &line(verb, path));
        if heard.codes.last().is_none_or(|code| code / 100 != 1) {
            return false;
        }
        let mut at = 0;
        while at < content.len() {
            let to = (at + BLOCK).min(content.len());
            self.input(session, Input::DataReceived(&content.slice(at, to).to_vec()), &mut heard);
            at = to;
        }
        self.input(session, Input::DataEnded { clean: true }, &mut heard);
        // An upload of nothing may change the time, or not.
        let target = self.cwd(session).join(path);
        if let Some(node) = self.world.fs.find(self.root, &target).ok().and_then(|id| self.world.fs.node_mut(id)) {
            node.mtime = NOW;
        }
        heard.accepted()
    }

    /// Fetches by a command line; what came, where it was accepted.
    pub fn download(&mut self, session: usize, rest: Option<u64>, line: &[u8]) -> Option<Vec<u8>> {
        if !self.prepare(session, rest) {
            return None;
        }
        let heard = self.heard(session, line);
        heard.accepted().then_some(heard.data)
    }

    /// The session is over.
    pub fn leave(&mut self, session: usize) {
        self.sessions[session] = None;
    }

    /// What a real server left behind at a path is taken over.
    pub fn put(&mut self, path: &VirtualPath, state: &State) {
        match state {
            State::Absent => drop(self.world.fs.remove_file(self.root, path, NOW)),
            State::Directory => {}
            State::File(content) => {
                let _ = self.world.fs.remove_file(self.root, path, NOW);
                let _ = self.world.fs.make_file(self.root, path, content.clone(), NOW);
            }
        }
    }

    /// A data connection, and REST where it is wanted.
    fn prepare(&mut self, session: usize, rest: Option<u64>) -> bool {
        self.open(session);
        let mut heard = self.heard(session, b"PASV");
        self.input(session, Input::DataConnected { peer: address(10) }, &mut heard);
        rest.is_none_or(|rest| self.heard(session, format!("REST {rest}").as_bytes()).codes == [350])
    }

    fn open(&mut self, session: usize) {
        if self.sessions[session].is_some() {
            return;
        }
        let (opened, _) = Session::open(&mut self.world, address(21), address(9));
        self.sessions[session] = Some(opened);
        for line in [format!("USER {}", name(session)), "PASS x".to_owned(), "TYPE I".to_owned()] {
            self.heard(session, line.as_bytes());
        }
    }

    fn heard(&mut self, session: usize, line: &[u8]) -> Heard {
        let mut heard = Heard::default();
        // 255 is doubled where Telnet would take it for its own, RFC 3659 section 2.2.
        let mut bytes: Vec<u8> = line.iter().flat_map(|byte| std::iter::repeat_n(*byte, 1 + usize::from(*byte == 255))).collect();
        bytes.extend_from_slice(b"\r\n");
        self.input(session, Input::Control(&bytes), &mut heard);
        heard
    }

    /// Feeds a session, and does all that it asks for.
    fn input(&mut self, session: usize, input: Input<'_>, heard: &mut Heard) {
        let Self { world, sessions, .. } = self;
        let Some(session) = &mut sessions[session] else { return };
        let mut outputs = session.input(world, input, NOW);
        while !outputs.is_empty() {
            let mut more = Vec::new();
            for output in outputs {
                let answer = match output {
                    Output::Reply(bytes) => {
                        heard.codes.extend(code(&bytes));
                        None
                    }
                    Output::Listen { .. } => Some(Input::Listening(address(1024))),
                    Output::Send(block) => {
                        heard.data.extend_from_slice(&block);
                        Some(Input::DataWritten)
                    }
                    Output::FinishData => Some(Input::DataFinished),
                    Output::Connect(_) => Some(Input::DataFailed),
                    Output::Unlisten | Output::Await(_) | Output::Refuse | Output::DropData | Output::CloseControl => None,
                };
                more.extend(answer.into_iter().flat_map(|answer| session.input(world, answer, NOW)));
            }
            outputs = more;
        }
    }
}

fn name(session: usize) -> String {
    format!("user{session}")
}

fn code(reply: &[u8]) -> Option<u16> {
    std::str::from_utf8(reply.get(..3)?).ok()?.parse().ok()
}

fn content(data: &FileData) -> Content {
    Content::literal(data.to_vec())
}

/// `VERB argument`.
#[must_use]
pub fn line(verb: &str, argument: &[u8]) -> Vec<u8> {
    [verb.as_bytes(), b" ", argument].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> VirtualPath {
        VirtualPath::root().join(text.as_bytes())
    }

    #[test]
    fn the_model_stores_fetches_resumes_and_denies() {
        let mut model = Model::new([Letters::ALL, Letters::ALL, Letters::parse("elr").unwrap()]);
        let words = Content::Words { seed: 1, len: 200_000 };
        assert!(model.upload(0, None, "STOR", b"f", &words));
        assert_eq!(model.state(&path("f")), State::File(Content::literal(words.to_vec())));
        assert_eq!(model.download(1, Some(199_990), b"RETR f"), Some(words.to_vec()[199_990..].to_vec()));
        assert!(!model.upload(2, None, "STOR", b"g", &words));
        assert!(model.say(0, b"MKD d") && model.say(0, b"CWD d") && !model.say(2, b"MKD e"));
        assert_eq!((model.cwd(0), model.cwd(1)), (path("d"), path("/")));
        let before = model.clone();
        assert!(model.upload(0, Some(200_000), "STOR", b"/f", &Content::literal(*b"x")));
        assert_eq!((before.len(&path("f")), model.len(&path("f"))), (Some(200_000), Some(200_001)));
        assert_eq!(model.tree(), [(path("d"), true), (path("f"), false), (path("old.txt"), false)]);
        model.put(&path("f"), &State::File(Content::literal(*b"cut")));
        assert_eq!(model.download(0, None, b"RETR ../f"), Some(b"cut".to_vec()));
        model.leave(0);
        assert!(!model.is_open(0) && model.cwd(0) == path("/") && model.is_as_laid(&path(LAID_NAME)));
    }

    const LAID_NAME: &str = "old.txt";

    #[test]
    fn text_goes_by_lines_under_type_a() {
        let mut model = Model::new([Letters::ALL; SESSIONS]);
        assert!(model.say(0, b"TYPE A") && model.is_ascii(0));
        assert!(model.upload(0, None, "STOR", b"t", &Content::literal(*b"a\r\nb\r\n")));
        assert_eq!(model.state(&path("t")), State::File(Content::literal(*b"a\nb\n")));
        assert_eq!(model.download(0, None, b"RETR t"), Some(b"a\r\nb\r\n".to_vec()));
        assert_eq!(model.download(1, None, b"RETR t"), Some(b"a\nb\n".to_vec()));
    }
}
