//! Dialogues with a session, through its interface alone: a driver without sockets plays small scripts.
//!
//! A line of a script is a command, or `! word ..`: what happens on the data connection. The same scripts show that each
//! planted bug changes something that a client or the disk can see.

mod dialogues;

use std::net::SocketAddr;

use proptest::prelude::*;

use self::dialogues::{DIALOGUES, Dialogue};
use super::{Account, Bug, Input, Kind, Output, Session, World};
use crate::ftp::content::Content;
use crate::ftp::letter::Letters;
use crate::ftp::path::VirtualPath;

const NOW: i64 = 1_600_000_000;

/// A world with one account, alice, whose password is `secret`, and files.
fn world(letters: &str, bug: Option<Bug>) -> World {
    let mut world = World { bugs: bug.into_iter().collect(), ..World::default() };
    let path = |text: &str| VirtualPath::root().join(text.as_bytes());
    let letters = if letters == "all" { Letters::ALL } else { Letters::parse(letters).unwrap() };
    for (name, anonymous) in [("alice", false), ("anonymous", true)] {
        world.accounts.push(Account { name: name.into(), password: "secret".into(), letters, root: "root".into(), anonymous });
    }
    let fs = &mut world.fs;
    let root = fs.make_directories(fs.root(), &path("root"), NOW - 100).unwrap();
    for directory in ["d/sub", "empty", "say \"hi\""] {
        fs.make_directories(root, &path(directory), NOW - 100).unwrap();
    }
    let files = [
        ("f", Content::literal(*b"0123456789")),
        ("text", Content::literal(*b"one\ntwo\nthree\n")),
        ("odd", Content::literal(*b"a\rb\xe9\n")),
        ("big", Content::Words { seed: 1, len: 300_000 }),
        ("lines", Content::Lines { count: 400, eol: b"\n".as_slice().into() }),
        ("border", Content::Chain(vec![Content::Fill(8192), Content::literal(*b"\nend")])),
        ("hole", Content::Zeros(5 << 30)),
        ("213 End", Content::Zeros(0)),
        ("d/g", Content::literal(*b"gee")),
    ];
    for (name, content) in files {
        fs.make_file(root, &path(name), content, NOW - 100).unwrap();
    }
    fs.make_file(root, &VirtualPath::root().child(b"bad\r\nname"), Content::Zeros(0), NOW - 100).unwrap();
    fs.make_link(root, &path("link"), b"d/g", NOW - 100).unwrap();
    world
}

/// A session, its driver and its client in one.
struct Lab {
    world: World,
    session: Session,
    log: Vec<String>,
    codes: Vec<String>,
    received: Vec<u8>,
    /// The client does not read: `DataWritten` waits for `! go`.
    stalled: bool,
    owed: Vec<Input<'static>>,
    port: u16,
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl Lab {
    fn new(letters: &str, bug: Option<Bug>) -> Self {
        let mut world = world(letters, bug);
        let (session, out) = Session::open(&mut world, address("127.0.0.1:2121"), address("127.0.0.1:40000"));
        let mut lab = Self {
            world,
            session,
            log: Vec::new(),
            codes: Vec::new(),
            received: Vec::new(),
            stalled: false,
            owed: Vec::new(),
            port: 50_000,
        };
        lab.carry_out(out);
        lab.codes.clear();
        lab
    }

    fn input(&mut self, input: Input<'_>) {
        let out = self.session.input(&mut self.world, input, NOW);
        self.carry_out(out);
    }

    fn carry_out(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Reply(bytes) => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    self.codes.push(text.get(..3).unwrap_or_default().to_owned());
                    self.log.push(format!("{text:?}"));
                }
                Output::Listen { .. } => {
                    self.port += 1;
                    let address = SocketAddr::new(self.session.local.ip(), self.port);
                    self.input(Input::Listening(address));
                }
                Output::Send(block) => {
                    self.log.push(format!("{} bytes", block.len()));
                    self.received.extend(block);
                    self.owe(Input::DataWritten);
                }
                Output::FinishData => {
                    self.log.push("end of data".into());
                    self.owe(Input::DataFinished);
                }
                other => self.log.push(format!("{other:?}")),
            }
        }
    }

    fn owe(&mut self, input: Input<'static>) {
        // A bug may send five gibibytes: the client has seen enough.
        if self.received.len() > 4 << 20 {
            return;
        }
        if self.stalled { self.owed.push(input) } else { self.input(input) }
    }

    fn play(&mut self, script: &str) {
        for line in script.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
            match line.strip_prefix("! ") {
                Some(event) => self.happen(event),
                None => self.input(Input::Control(format!("{line}\r\n").as_bytes())),
            }
        }
    }

    fn happen(&mut self, event: &str) {
        let (word, rest) = event.split_once(' ').unwrap_or((event, ""));
        match word {
            "raw" => self.input(Input::Control(unescape(rest).as_slice())),
            "long" => {
                let line = [b"USER ".as_slice(), &[b'A'; 8188], b"MKD x\r\n"].concat();
                self.input(Input::Control(&line));
            }
            "connect" => self.input(Input::DataConnected { peer: address("127.0.0.1:41000") }),
            "foreign" => self.input(Input::DataConnected { peer: address("127.0.0.2:41000") }),
            "data" => self.input(Input::DataReceived(unescape(rest).as_slice())),
            "fill" => self.input(Input::DataReceived(&Content::Fill(rest.parse().unwrap()).to_vec())),
            "end" => self.input(Input::DataEnded { clean: true }),
            "cut" => self.input(Input::DataEnded { clean: false }),
            "timeout" => self.input(Input::DataTimeout),
            "fail" => self.input(Input::DataFailed),
            "idle" => self.input(Input::Idle),
            "lost" => self.input(Input::ControlClosed),
            "stall" => self.stalled = true,
            "go" => {
                self.stalled = false;
                std::mem::take(&mut self.owed).into_iter().for_each(|input| self.input(input));
            }
            other => panic!("no such event: {other}"),
        }
    }

    /// What the disk looks like: a line a path.
    fn disk(&self) -> Vec<String> {
        let fs = &self.world.fs;
        let line = |(path, id): (VirtualPath, super::NodeId)| {
            let node = fs.node(id).unwrap();
            let what = match &node.kind {
                Kind::Directory(_) => "directory".to_owned(),
                Kind::File(data) if data.len() > 100_000 => format!("{} bytes", data.len()),
                Kind::File(data) => format!("{:?}", String::from_utf8_lossy(&data.to_vec())),
                Kind::Link(target) => format!("-> {}", String::from_utf8_lossy(target)),
            };
            format!("{path} {:o} {} {what}", node.mode, if matches!(node.kind, Kind::File(_)) { node.mtime } else { 0 })
        };
        fs.walk(fs.root()).into_iter().map(line).collect()
    }

    fn file(&self, name: &str) -> Option<String> {
        let fs = &self.world.fs;
        let id = fs.find(fs.root(), &VirtualPath::root().join(b"root").join(name.as_bytes())).ok()?;
        fs.file(id).map(|data| String::from_utf8_lossy(&data.to_vec()).into_owned())
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match (byte, byte == b'\\') {
            (_, true) => match bytes.next() {
                Some(b'r') => out.push(b'\r'),
                Some(b'n') => out.push(b'\n'),
                Some(b'0') => out.push(0),
                Some(b'F') => out.push(0xff),
                Some(b'P') => out.push(0xf4),
                Some(b'D') => out.push(0xf2),
                other => panic!("no such escape: {other:?}"),
            },
            (byte, false) => out.push(byte),
        }
    }
    out
}

const LOGIN: &str = "USER alice\nPASS secret\n";

fn run(dialogue: &Dialogue, bug: Option<Bug>) -> Lab {
    let (_, letters, script, _) = dialogue;
    let mut lab = Lab::new(letters, bug);
    if !script.contains("USER ") {
        lab.play(LOGIN);
        lab.codes.clear();
    }
    lab.play(script);
    lab
}

#[test]
fn every_dialogue_gets_its_codes() {
    for dialogue in DIALOGUES {
        let lab = run(dialogue, None);
        assert_eq!(lab.codes.join(" "), dialogue.3, "{}: {:#?}", dialogue.0, lab.log);
    }
}

/// All that can be seen of a dialogue: replies, events and data, and the disk behind it.
fn seen(dialogue: &Dialogue, bug: Option<Bug>) -> (Vec<String>, Vec<u8>, Vec<String>) {
    let lab = run(dialogue, bug);
    let disk = lab.disk();
    (lab.log, lab.received, disk)
}

#[test]
fn every_bug_changes_something_that_can_be_seen() {
    let right: Vec<_> = DIALOGUES.iter().map(|dialogue| seen(dialogue, None)).collect();
    let changes = |bug| DIALOGUES.iter().zip(&right).any(|(dialogue, right)| seen(dialogue, Some(bug)) != *right);
    let unseen: Vec<&str> = Bug::ALL.iter().filter(|bug| !changes(**bug)).map(|bug| bug.name()).collect();
    assert_eq!(unseen, [Bug::UploadsMixed.name()], "this one needs two sessions");
}

#[test]
fn two_uploads_at_once_keep_to_their_files() {
    let check = |bug, expect: [&str; 2]| {
        let mut lab = Lab::new("all", bug);
        lab.play(LOGIN);
        lab.play("PASV\nSTOR one\n! connect");
        // The other session, over the same world.
        let (session, _) = Session::open(&mut lab.world, address("127.0.0.1:2121"), address("127.0.0.1:40001"));
        let first = std::mem::replace(&mut lab.session, session);
        lab.play(LOGIN);
        lab.play("PASV\nSTOR two\n! connect");
        let second = std::mem::replace(&mut lab.session, first);
        lab.play("! data for one\n! end");
        lab.session = second;
        lab.play("! data 2\n! end");
        assert_eq!(["one", "two"].map(|name| lab.file(name).unwrap()), expect);
    };
    check(None, ["for one", "2"]);
    check(Some(Bug::UploadsMixed), ["", "2or one"]);
}

fn data(script: &str) -> String {
    let mut lab = Lab::new("all", None);
    lab.play(LOGIN);
    lab.play(script);
    String::from_utf8_lossy(&lab.received).into_owned()
}

#[test]
fn downloads_carry_what_they_should() {
    assert_eq!(data("PASV\nRETR text\n! connect"), "one\r\ntwo\r\nthree\r\n");
    assert_eq!(data("TYPE I\nPASV\nRETR text\n! connect"), "one\ntwo\nthree\n");
    assert_eq!(data("REST 4\nPASV\nRETR text\n! connect"), "\ntwo\r\nthree\r\n");
    assert_eq!(data("TYPE I\nREST 7\nPASV\nRETR f\n! connect\nPASV\nRETR d/g\n! connect"), "789gee");
    assert_eq!(
        data("PASV\nNLST\n! connect"),
        "213 End\r\nbig\r\nborder\r\nd\r\nempty\r\nf\r\nhole\r\nlines\r\nlink\r\nodd\r\nsay \"hi\"\r\ntext\r\n"
    );
    assert_eq!(data("PASV\nNLST d\n! connect"), "d/g\r\nd/sub\r\n");
    assert_eq!(data("PASV\nLIST -la d/g\n! connect"), "-rw-r--r--   1 owner    group               3 Sep 13 12:25 g\r\n");
    assert_eq!(data("PASV\nMLSD empty\n! connect"), "");
    let listing = data("PASV\nMLSD d\n! connect");
    assert_eq!(listing.lines().next(), Some("type=file;size=3;modify=20200913122500;perm=radfw;unique=f;UNIX.mode=0644; g"));
    let big = Content::Words { seed: 1, len: 300_000 }.to_vec();
    let mut lab = Lab::new("all", None);
    lab.play(LOGIN);
    lab.play("TYPE I\nPASV\nRETR big\n! connect");
    assert!(lab.received == big);
}

#[test]
fn uploads_store_what_they_should() {
    let stored = |script: &str, name: &str| {
        let mut lab = Lab::new("all", None);
        lab.play(LOGIN);
        lab.play(script);
        lab.file(name)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(stored("PASV\nSTOR new\n! connect\n! data a\\r\n! data \\nb\\rc\\r\n! end", "new"), some("a\nb\rc\r"));
    assert_eq!(stored("TYPE I\nPASV\nSTOR f\n! connect\n! data a\\r\\n\n! end", "f"), some("a\r\n"));
    assert_eq!(stored("TYPE I\nREST 3\nPASV\nSTOR f\n! connect\n! data abc\n! end", "f"), some("012abc6789"));
    assert_eq!(stored("PASV\nAPPE d/g\n! connect\n! data !\n! end", "d/g"), some("gee!"));
    assert_eq!(stored("PASV\nSTOR f\n! connect\n! data abc\n! cut", "f"), some("abc"));
    assert_eq!(stored("PASV\nSTOR f\n! timeout", "f"), some("0123456789"));
    assert_eq!(stored("PASV\nSTOU\n! timeout", "unique-1"), None);
    assert_eq!(stored("PASV\nSTOU\n! connect\n! data x\n! end", "unique-1"), some("x"));
    assert_eq!(stored("RNFR f\nRNTO d/g", "d/g"), some("0123456789"));
    assert_eq!(stored("PASV\nSTOR link\n! connect\n! data x\n! end", "d/g"), some("x"));
}

#[test]
fn replies_keep_their_form() {
    let mut lab = Lab::new("all", None);
    lab.play(LOGIN);
    lab.log.clear();
    lab.play("CWD say \"hi\"\nPWD\nPASV\nEPSV\nMLST ../d/g\nSTAT /\nFEAT");
    insta::assert_snapshot!(lab.log.join("\n"));
}

#[test]
fn one_session_does_not_disturb_another() {
    let mut lab = Lab::new("all", None);
    lab.play(LOGIN);
    let (mut other, _) = Session::open(&mut lab.world, address("127.0.0.1:2121"), address("127.0.0.1:40001"));
    let mut say = |lab: &mut Lab, line: &str| other.input(&mut lab.world, Input::Control(format!("{line}\r\n").as_bytes()), NOW);
    say(&mut lab, "USER alice");
    say(&mut lab, "PASS secret");
    lab.play("TYPE I\nPASV\n! stall\nRETR big\n! connect");
    assert_eq!(say(&mut lab, "DELE big"), [Output::Reply(b"250 File removed\r\n".to_vec())]);
    assert_eq!(say(&mut lab, "PWD"), [Output::Reply(b"257 \"/\" is the current directory\r\n".to_vec())]);
    lab.play("! go");
    assert!(lab.received == Content::Words { seed: 1, len: 300_000 }.to_vec());
    assert_eq!(lab.codes.last().map(String::as_str), Some("226"));
}

#[test]
fn a_flood_of_commands_in_a_transfer_ends_the_session() {
    let mut lab = Lab::new("all", None);
    lab.play(LOGIN);
    lab.play("PASV\nRETR f");
    lab.input(Input::Control("NOOP\r\n".repeat(2000).as_bytes()));
    assert!(lab.session.is_closed());
    assert_eq!(lab.codes.last().map(String::as_str), Some("421"));
}

#[test]
fn addresses_of_a_version_6_session() {
    let mut world = world("all", None);
    let (mut session, _) = Session::open(&mut world, address("[::1]:2121"), address("[::1]:40000"));
    let mut codes = Vec::new();
    let lines =
        ["USER alice", "PASS secret", "PASV", "PORT 127,0,0,1,200,1", "EPRT |1|127.0.0.1|40000|", "EPRT |2|0:0::1|40000|", "EPSV 1"];
    for line in lines {
        for output in session.input(&mut world, Input::Control(format!("{line}\r\n").as_bytes()), NOW) {
            if let Output::Reply(bytes) = output {
                codes.push(String::from_utf8_lossy(&bytes[..3]).into_owned());
            }
        }
    }
    assert_eq!(codes.join(" "), "331 230 502 501 522 200 522");
    let out = session.input(&mut world, Input::Control(b"EPSV 2\r\n"), NOW);
    assert!(matches!(out.as_slice(), [Output::Listen { ip, .. }] if ip.is_ipv6()));
}

/// Words of which commands are made, and bytes that no command has.
fn noise() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let words: Vec<&[u8]> = vec![
        b"USER alice\r\n",
        b"PASS secret\r\n",
        b"PASV\r\n",
        b"EPSV\r\n",
        b"RETR text\r\n",
        b"STOR new\r\n",
        b"STOU\r\n",
        b"APPE f\r\n",
        b"REST 3\r\n",
        b"LIST\r\n",
        b"MLSD d\r\n",
        b"MLST\r\n",
        b"ABOR\r\n",
        b"CWD d\r\n",
        b"CDUP\r\n",
        b"PWD\r\n",
        b"RNFR f\r\n",
        b"RNTO g\r\n",
        b"DELE f\r\n",
        b"TYPE I\r\n",
        b"STAT\r\n",
        b"STAT d\r\n",
        b"REIN\r\n",
        b"SIZE text\r\n",
        b"MKD x\r\n",
        b"RMD x\r\n",
        b"OPTS MLST size;\r\n",
        b"SITE CHMOD 600 f\r\n",
        b"MFMT 20200101000000 f\r\n",
        b"PORT 127,0,0,1,200,1\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b"\0",
        b"\xff",
        b"\xff\xfd",
        b"\xfa",
        b" ",
        b"x",
        b"/..",
        b"QUIT\r\n",
    ];
    prop::collection::vec(prop::sample::select(words).prop_map(<[u8]>::to_vec), 0..25)
}

fn event() -> impl Strategy<Value = Input<'static>> {
    prop::sample::select(vec![
        Input::DataConnected { peer: "127.0.0.1:41000".parse().expect("an address") },
        Input::DataConnected { peer: "127.0.0.2:41000".parse().expect("an address") },
        Input::DataFailed,
        Input::DataTimeout,
        Input::DataReceived(b"a\r"),
        Input::DataEnded { clean: true },
        Input::DataEnded { clean: false },
        Input::DataWritten,
        Input::DataFinished,
        Input::ListenFailed,
        Input::Idle,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn nothing_panics_and_every_reply_reads(words in noise(), events in prop::collection::vec(event(), 0..25), bug in prop::sample::select(Bug::ALL.to_vec())) {
        for bug in [None, Some(bug)] {
            let mut lab = Lab::new("all", bug);
            lab.play(LOGIN);
            for (index, word) in words.iter().enumerate() {
                lab.input(Input::Control(word));
                events.get(index).into_iter().for_each(|event| lab.input(*event));
            }
            lab.input(Input::ControlClosed);
            prop_assert!(lab.session.is_closed());
            prop_assert_eq!(lab.world.fs.handles(), 0);
        }
    }

    #[test]
    fn any_chunking_of_the_control_bytes_gives_the_same(words in noise(), chunk in 1_usize..9) {
        let bytes: Vec<u8> = words.concat();
        let play = |chunk: usize| {
            let mut lab = Lab::new("all", None);
            bytes.chunks(chunk).for_each(|part| lab.input(Input::Control(part)));
            lab.log
        };
        prop_assert_eq!(play(chunk), play(bytes.len().max(1)));
    }
}

#[test]
fn an_option_offer_is_answered_in_its_turn() {
    let play = |chunk: usize| {
        let mut lab = Lab::new("all", None);
        b"USER alice\r\nPASS secret\r\nPASV\r\n\xff\xfd\x01NOOP\r\n".chunks(chunk).for_each(|part| lab.input(Input::Control(part)));
        lab.log
    };
    assert_eq!(play(1), play(1000));
    // IAC WONT 1, and behind it the reply to NOOP.
    let log = play(1000);
    assert!(log[log.len() - 2].contains("\\u{1}") && log[log.len() - 1].contains("200"), "{log:?}");
}

#[test]
fn a_file_of_five_gibibytes_costs_nothing_to_resume() {
    let mut lab = Lab::new("all", None);
    lab.play(LOGIN);
    lab.play("SIZE hole\nTYPE I\nSIZE hole\nREST 5368709118\nPASV\nRETR hole\n! connect");
    assert_eq!(lab.received, [0, 0]);
    assert!(lab.log.iter().any(|line| line.contains("213 5368709120")));
    assert!(lab.log.iter().any(|line| line.contains("550 Too large")));
}
