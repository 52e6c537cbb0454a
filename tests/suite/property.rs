//! Laws of transfers, for any size and any cut: two clients that know nothing of each other (ours and suppaftp) against the reference.
//!
//! `explore` looks for what breaks such laws on any server; here the reference keeps them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ftpspec::ftp::content::Content;
use ftpspec::ftp::letter::Letters;
use ftpspec::ftp::observe::Observer;
use ftpspec::ftp::transcript::DiskState;
use ftpspec::scenario::model::Way;
use ftpspec::target::reference::Reference;
use ftpspec::target::{Account, Disk, Instance, Secret, Settings, Target};
use ftpspec::wire::control::{ControlConnection, Received};
use ftpspec::wire::data::{DataConnection, Until};
use ftpspec::wire::opening::ask_passive;
use proptest::prelude::*;
use suppaftp::tokio::AsyncFtpStream;
use suppaftp::types::{FileType, Mode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Runtime;

const LONG: Duration = Duration::from_secs(20);
const ROOT: &str = "shared";

/// The reference, with a user who may do all and one who may only read.
struct Server {
    runtime: Runtime,
    instance: Box<dyn Instance>,
    files: AtomicU64,
}

impl Server {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let account = |name: &str, letters| Account {
            name: name.to_owned(),
            password: Secret::new("secret"),
            letters,
            anonymous: false,
            root: ROOT.to_owned(),
            directory: Vec::new(),
        };
        let accounts = [account("alice", Letters::ALL), account("bob", Letters::parse("elr").unwrap())];
        let instance = runtime.block_on(Reference::default().start(&Settings::default(), &accounts)).unwrap();
        instance.disk().lay(ROOT, &[]).unwrap();
        Self { runtime, instance, files: AtomicU64::new(0) }
    }

    fn disk(&self) -> Arc<dyn Disk> {
        self.instance.disk()
    }

    /// A name that no other case uses.
    fn name(&self) -> String {
        format!("f{}", self.files.fetch_add(1, Ordering::Relaxed))
    }

    fn holds(&self, name: &str, bytes: &[u8]) -> bool {
        match self.disk().look(ROOT, name.as_bytes(), &[Content::literal(bytes)]).unwrap() {
            DiskState::File { content, .. } => content.against[0].is_equal(content.len),
            _ => false,
        }
    }

    /// Runs the cases of a property.
    fn check<S: Strategy>(&self, cases: u32, strategy: S, law: impl AsyncFn(&Self, S::Value)) {
        let config = ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() };
        let mut runner = proptest::test_runner::TestRunner::new(config);
        let run = |value| {
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.runtime.block_on(law(self, value))));
            caught.map_err(|_| TestCaseError::fail("the law does not hold"))
        };
        runner.run(&strategy, run).unwrap();
    }
}

/// Our own wire.
struct Ours(ControlConnection);

impl Ours {
    async fn login(address: SocketAddr, name: &str) -> Self {
        let mut control = ControlConnection::connect(address, LONG).await.unwrap().ok().unwrap();
        assert!(matches!(control.read_reply(LONG).await, Received::Reply(_)));
        let mut ours = Self(control);
        for (line, code) in [(format!("USER {name}"), 331), ("PASS secret".to_owned(), 230), ("TYPE I".to_owned(), 200)] {
            assert_eq!(ours.say(&line).await.0, code);
        }
        ours
    }

    async fn reply(&mut self) -> (u16, String) {
        match self.0.read_reply(LONG).await {
            Received::Reply(reply) => (reply.code.unwrap(), String::from_utf8_lossy(&reply.raw).into_owned()),
            other => panic!("{other:?}"),
        }
    }

    async fn say(&mut self, line: &str) -> (u16, String) {
        self.0.send(format!("{line}\r\n").as_bytes(), LONG).await;
        self.reply().await
    }

    async fn begin(&mut self, rest: u64, line: &str) -> DataConnection {
        let asked = ask_passive(&mut self.0, Way::Pasv, LONG).await.unwrap();
        let connection = DataConnection::connect(asked.passive.unwrap().address, LONG, false).await.unwrap().ok().unwrap();
        if rest > 0 {
            assert_eq!(self.say(&format!("REST {rest}")).await.0, 350);
        }
        let (code, text) = self.say(line).await;
        assert!(matches!(code, 125 | 150), "{line}: {text}");
        connection
    }

    async fn put(&mut self, rest: u64, line: &str, parts: &[Vec<u8>]) {
        let mut connection = self.begin(rest, line).await;
        let parts: Vec<Content> = parts.iter().map(|part| Content::literal(part.as_slice())).collect();
        assert_eq!(connection.send_segments(&parts, LONG).await.broken, None);
        connection.finish();
        assert_eq!(self.reply().await.0, 226);
    }

    async fn get(&mut self, rest: u64, line: &str) -> Vec<u8> {
        let mut connection = self.begin(rest, line).await;
        let mut observer = Observer::keeping(1 << 24);
        connection.receive(&mut observer, Until::End { limit: 1 << 24 }, LONG).await;
        assert_eq!(self.reply().await.0, 226);
        observer.finish().head
    }
}

async fn theirs(address: SocketAddr) -> AsyncFtpStream {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut client = AsyncFtpStream::connect_with_stream(stream).await.unwrap();
    client.set_mode(Mode::ExtendedPassive);
    client.login("alice", "secret").await.unwrap();
    client.transfer_type(FileType::Binary).await.unwrap();
    client
}

async fn their_get(client: &mut AsyncFtpStream, rest: u64, name: &str) -> Vec<u8> {
    if rest > 0 {
        client.resume_transfer(usize::try_from(rest).unwrap()).await.unwrap();
    }
    let mut stream = client.retr_as_stream(name).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    stream.finish().await.unwrap();
    bytes
}

/// Sizes at all borders.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![3 => 0_usize..40, 4 => (0_u32..18, -1_i64..=1).prop_map(|(power, by)| usize::try_from(((1_i64 << power) + by).max(0)).unwrap()), 1 => 200_000_usize..700_000]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    (any::<u64>(), size()).prop_map(|(seed, len)| Content::Words { seed, len: len as u64 }.to_vec())
}

/// Some places in what has this length, in order.
fn places(cuts: &[u8], len: usize) -> Vec<usize> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| len * usize::from(*cut) / 255).collect();
    places.sort_unstable();
    places
}

#[test]
fn a_download_in_pieces_is_the_whole() {
    let server = Server::start();
    // How each piece ends: its data connection is reset, closed, or the control connection goes with it.
    let strategy = (bytes(), prop::collection::vec((any::<u8>(), 0_u8..3), 0..4), any::<bool>());
    server.check(40, strategy, async |server, (bytes, cuts, ours)| {
        let (address, name) = (server.instance.address(), server.name());
        Ours::login(address, "alice").await.put(0, &format!("STOR {name}"), std::slice::from_ref(&bytes)).await;
        let ends = places(&cuts.iter().map(|cut| cut.0).collect::<Vec<_>>(), bytes.len());
        let mut got: Vec<u8> = Vec::new();
        for (end, (_, how)) in ends.into_iter().zip(&cuts) {
            let wanted = end - got.len();
            if ours {
                let mut session = Ours::login(address, "alice").await;
                let mut connection = session.begin(got.len() as u64, &format!("RETR {name}")).await;
                let mut observer = Observer::keeping(wanted);
                connection.receive(&mut observer, Until::Bytes(wanted as u64), LONG).await;
                got.extend(observer.finish().head);
                match how {
                    0 => connection.reset(),
                    1 => connection.finish(),
                    _ => session.0.reset(),
                }
            } else {
                let mut client = theirs(address).await;
                if !got.is_empty() {
                    client.resume_transfer(got.len()).await.unwrap();
                }
                let mut stream = client.retr_as_stream(&name).await.unwrap();
                let mut piece = vec![0; wanted];
                stream.read_exact(&mut piece).await.unwrap();
                got.extend(piece);
            }
        }
        let rest = got.len() as u64;
        let mut tails = [got.clone(), got];
        tails[0].extend(Ours::login(address, "alice").await.get(rest, &format!("RETR {name}")).await);
        tails[1].extend(their_get(&mut theirs(address).await, rest, &name).await);
        assert!(tails[0] == bytes && tails[1] == bytes, "the pieces are not the whole");
        server.disk_clear(&name).await;
    });
}

#[test]
fn an_upload_in_pieces_is_the_whole() {
    let server = Server::start();
    let strategy = (bytes(), prop::collection::vec((any::<u8>(), any::<bool>()), 0..4), any::<bool>());
    server.check(40, strategy, async |server, (bytes, cuts, ours)| {
        let (address, name) = (server.instance.address(), server.name());
        let mut ends = places(&cuts.iter().map(|cut| cut.0).collect::<Vec<_>>(), bytes.len());
        ends.push(bytes.len());
        let appends = cuts.iter().map(|cut| cut.1).chain([false]);
        let mut at = 0;
        for (end, append) in ends.into_iter().zip(appends) {
            let piece = bytes[at..end].to_vec();
            if ours {
                let mut session = Ours::login(address, "alice").await;
                if at > 0 {
                    assert!(session.say(&format!("SIZE {name}")).await.1.contains(&format!(" {at}\r")));
                }
                let verb = if append { "APPE" } else { "STOR" };
                session.put(if append { 0 } else { at as u64 }, &format!("{verb} {name}"), &[piece]).await;
            } else {
                let mut client = theirs(address).await;
                if at > 0 {
                    assert_eq!(client.size(&name).await.unwrap(), at);
                }
                let mut stream = if append {
                    client.append_with_stream(&name).await.unwrap()
                } else {
                    if at > 0 {
                        client.resume_transfer(at).await.unwrap();
                    }
                    client.put_with_stream(&name).await.unwrap()
                };
                stream.write_all(&piece).await.unwrap();
                stream.finish().await.unwrap();
            }
            at = end;
        }
        assert!(server.holds(&name, &bytes), "the pieces are not the whole");
        server.disk_clear(&name).await;
    });
}

impl Server {
    /// What a case has made is no case's business any more.
    async fn disk_clear(&self, name: &str) {
        assert_eq!(Ours::login(self.instance.address(), "alice").await.say(&format!("DELE {name}")).await.0, 250);
    }
}

/// Text with its line ends as they go over the wire.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![&b"\r\n"[..], b"a", b"\r\n\r\n", b"\xe9", b" ", b"long line of text"]);
    let short = prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat());
    let border = (prop::sample::select(vec![512_u64, 4096, 8192, 16_384, 65_536]), 0_u64..4)
        .prop_map(|(border, back)| [Content::Fill(border - back).to_vec(), b"\r\nx\r\n".to_vec()].concat());
    prop_oneof![short, border]
}

#[test]
fn text_keeps_the_ascii_laws_under_any_chunking() {
    let server = Server::start();
    server.check(40, (text(), prop::collection::vec(any::<u8>(), 0..3)), async |server, (text, cuts)| {
        let (name, mut session) = (server.name(), Ours::login(server.instance.address(), "alice").await);
        let mut from = 0;
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for place in places(&cuts, text.len()).into_iter().chain([text.len()]) {
            parts.push(text[from..place].to_vec());
            from = place;
        }
        session.say("TYPE A").await;
        session.put(0, &format!("STOR {name}"), &parts).await;
        let back = session.get(0, &format!("RETR {name}")).await;
        let size = session.say(&format!("SIZE {name}")).await.1;
        session.say("TYPE I").await;
        let stored = session.get(0, &format!("RETR {name}")).await;
        assert!(back == text, "up and down under TYPE A");
        assert!(stored == unix(&text), "stored with the server's line ends");
        assert!(size.contains(&format!(" {}\r", text.len())), "{size}");
        session.put(0, &format!("STOR {name}"), &parts).await;
        assert!(session.get(0, &format!("RETR {name}")).await == text, "up and down under TYPE I");
        server.disk_clear(&name).await;
    });
}

fn unix(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| *byte != b'\r').collect()
}

#[test]
fn files_keep_their_bytes_through_everything_else() {
    let server = Server::start();
    let strategy = (bytes(), bytes(), any::<u8>());
    server.check(30, strategy, async |server, (one, two, place)| {
        let (name, mut session) = (server.name(), Ours::login(server.instance.address(), "alice").await);
        session.put(0, &format!("STOR {name}"), std::slice::from_ref(&one)).await;
        session.put(0, &format!("APPE {name}"), std::slice::from_ref(&two)).await;
        let both = [one, two].concat();
        let rest = places(&[place], both.len())[0];
        assert!(session.get(rest as u64, &format!("RETR {name}")).await == both[rest..], "REST n leaves out n");
        let other = server.name();
        assert_eq!((session.say(&format!("RNFR {name}")).await.0, session.say(&format!("RNTO {other}")).await.0), (350, 250));
        assert!(server.holds(&other, &both) && !server.holds(&name, &both), "renamed");
        let told = [session.say(&format!("SIZE {other}")).await.1, session.say(&format!("MLST {other}")).await.1];
        let listing = String::from_utf8(session.get(0, "MLSD").await).unwrap();
        let line = listing.lines().find(|line| line.ends_with(&format!(" {other}"))).unwrap().to_ascii_lowercase();
        assert!(told[0].contains(&format!(" {}\r", both.len())) && line.contains(&format!("size={};", both.len())), "{told:?} {line}");
        assert!(told[1].to_ascii_lowercase().contains(&format!("size={};", both.len())), "{told:?}");
        // Who may only read changes nothing.
        let before = server.disk().snapshot(ROOT).unwrap();
        let mut reader = Ours::login(server.instance.address(), "bob").await;
        for line in ["STOR", "APPE", "DELE", "MKD", "RMD", "RNFR"] {
            assert_eq!(reader.say(&format!("{line} {other}")).await.0, 550, "{line}");
        }
        assert_eq!(server.disk().snapshot(ROOT).unwrap(), before);
        server.disk_clear(&other).await;
    });
}
