//! What every target with accounts and a disk must do, tried with a client that is not ours (suppaftp) and with bare lines.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use suppaftp::tokio::AsyncFtpStream;
use suppaftp::types::{FileType, Mode};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{Account, Disk, Instance, LaidFile, LaidNode, Secret, Settings, Target};
use crate::ftp::content::Content;
use crate::ftp::letter::{Letter, Letters};
use crate::ftp::transcript::DiskState;

pub(super) const PASSWORD: &str = "open sesame";

/// An account whose root has its own name.
pub(super) fn account(name: &str, letters: Letters) -> Account {
    Account {
        name: name.to_owned(),
        password: Secret::new(PASSWORD),
        letters,
        anonymous: false,
        root: name.to_owned(),
        directory: Vec::new(),
    }
}

pub(super) fn file(path: &str, content: Content) -> LaidFile {
    LaidFile { path: path.as_bytes().to_vec(), node: LaidNode::File(content), mtime: None, mode: None }
}

fn directory(path: &str) -> LaidFile {
    LaidFile { path: path.as_bytes().to_vec(), node: LaidNode::Directory, mtime: None, mode: None }
}

/// Starts with default settings and lays the same files in the root of each account.
pub(super) async fn start(target: &dyn Target, accounts: &[Account], files: &[LaidFile]) -> Box<dyn Instance> {
    let instance = target.start(&Settings::default(), accounts).await.unwrap();
    for account in accounts {
        instance.disk().lay(&account.root, files).unwrap();
    }
    instance
}

pub(super) async fn stop(instance: Box<dyn Instance>) {
    assert_eq!(instance.died(), None);
    assert_eq!(instance.stop(false).await, Vec::<String>::new());
}

/// Fails where something hangs.
pub(super) async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("hangs")
}

pub(super) async fn login(address: SocketAddr, name: &str, mode: Mode) -> AsyncFtpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut client = AsyncFtpStream::connect_with_stream(stream).await.unwrap();
    client.set_mode(mode);
    client.login(name, PASSWORD).await.unwrap();
    client.transfer_type(FileType::Binary).await.unwrap();
    client
}

pub(super) async fn put(client: &mut AsyncFtpStream, name: &str, bytes: &[u8]) {
    let mut stream = client.put_with_stream(name).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream.finish().await.unwrap();
}

pub(super) async fn get(client: &mut AsyncFtpStream, name: &str) -> Vec<u8> {
    let mut stream = client.retr_as_stream(name).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    stream.finish().await.unwrap();
    bytes
}

pub(super) fn holds(disk: &dyn Disk, root: &str, path: &str, content: &Content) -> bool {
    match disk.look(root, path.as_bytes(), std::slice::from_ref(content)).unwrap() {
        DiskState::File { content, .. } => content.against[0].is_equal(content.len),
        DiskState::Absent | DiskState::Directory { .. } | DiskState::Other(_) => false,
    }
}

/// Login, put, get, resume both ways, append, list.
pub(super) async fn transfers(target: &dyn Target, mode: Mode, v6: bool) {
    let laid = Content::Words { seed: 1, len: 1_000_003 };
    let instance = start(target, &[account("alice", Letters::ALL)], &[file("laid", laid.clone()), directory("d")]).await;
    let Some(address) = (if v6 { instance.address_v6() } else { Some(instance.address()) }) else { return stop(instance).await };
    let mut client = login(address, "alice", mode).await;
    assert!(get(&mut client, "laid").await == laid.to_vec());
    let content = Content::Words { seed: 2, len: 3_000_001 };
    put(&mut client, "new", &content.to_vec()).await;
    let disk = instance.disk();
    assert!(holds(&*disk, "alice", "new", &content));
    assert_eq!(client.size("new").await.unwrap(), 3_000_001);
    client.resume_transfer(999_000).await.unwrap();
    assert!(get(&mut client, "laid").await == laid.slice(999_000, laid.len()).to_vec());
    put(&mut client, "half", &content.slice(0, 700_000).to_vec()).await;
    client.resume_transfer(700_000).await.unwrap();
    put(&mut client, "half", &content.slice(700_000, content.len()).to_vec()).await;
    assert!(holds(&*disk, "alice", "half", &content));
    let mut stream = client.append_with_stream("half").await.unwrap();
    stream.write_all(b"more").await.unwrap();
    stream.finish().await.unwrap();
    assert!(holds(&*disk, "alice", "half", &Content::Chain(vec![content, Content::literal(*b"more")])));
    let mut names = client.nlst(None).await.unwrap();
    names.sort();
    assert_eq!(names, ["d", "half", "laid", "new"]);
    client.quit().await.unwrap();
    stop(instance).await;
}

/// Two accounts with a root each do not see each other's files.
pub(super) async fn roots_are_apart(target: &dyn Target) {
    let instance = start(target, &[account("alice", Letters::ALL), account("bob", Letters::ALL)], &[]).await;
    let mut alice = login(instance.address(), "alice", Mode::ExtendedPassive).await;
    let mut bob = login(instance.address(), "bob", Mode::ExtendedPassive).await;
    put(&mut alice, "hers", b"1").await;
    put(&mut bob, "his", b"2").await;
    assert_eq!(alice.nlst(None).await.unwrap(), ["hers"]);
    assert_eq!(bob.nlst(None).await.unwrap(), ["his"]);
    assert!(bob.size("/../alice/hers").await.is_err());
    assert!(bob.size("hers").await.is_err());
    stop(instance).await;
}

pub(super) async fn anonymous(target: &dyn Target) {
    let anyone = Account { anonymous: true, ..account("anonymous", Letters::parse("elr").unwrap()) };
    let instance = start(target, &[anyone], &[file("f", Content::literal(*b"1"))]).await;
    for (name, password) in [("anonymous", "me@example.org"), ("ftp", "x")] {
        let mut bare = Bare::connect(instance.address()).await;
        bare.command(&format!("USER {name}")).await;
        assert_eq!(bare.command(&format!("PASS {password}")).await, 230);
        assert_eq!(bare.transfer("RETR f", b"").await, (226, b"1".to_vec()));
        assert!(bare.transfer("STOR g", b"2").await.0 >= 500);
    }
    let mut bare = Bare::connect(instance.address()).await;
    bare.command("USER alice").await;
    assert_eq!(bare.command(&format!("PASS {PASSWORD}")).await, 530);
    stop(instance).await;
}

/// Each command of a letter is refused without it and changes nothing, and is done with it.
pub(super) async fn letters(target: &dyn Target, refused: &[(Letter, &[&str])]) {
    for &(letter, lines) in refused {
        let without = Letters::ALL.minus(Letters::NONE.with(letter));
        let accounts = [account("with", Letters::ALL), account("without", without)];
        let files = [file("f", Content::literal(*b"12345")), directory("d"), directory("empty")];
        let instance = start(target, &accounts, &files).await;
        for (name, allowed) in [("without", false), ("with", true)] {
            let before = instance.disk().snapshot(name).unwrap();
            let mut bare = Bare::login(instance.address(), name).await;
            for line in lines {
                let code = match *line {
                    line if needs_data(line) => bare.transfer(line, b"new").await.0,
                    line => bare.command(line).await,
                };
                let done = matches!(code, 200..400);
                // Where a rename is refused, at RNFR or only at RNTO, is the server's choice.
                let open = !allowed && line.starts_with("RNFR");
                assert!(open || done == allowed, "{line} by one {name} {}: {code}", letter.char());
            }
            let changes = before.changes(&instance.disk().snapshot(name).unwrap());
            assert!(allowed || changes.is_empty(), "{changes:?}");
        }
        stop(instance).await;
    }
}

fn needs_data(line: &str) -> bool {
    ["RETR", "STOR", "APPE", "STOU", "LIST", "NLST", "MLSD"].iter().any(|verb| line.starts_with(verb))
}

/// Sessions in every state do not keep a server from stopping, nor anything of it behind.
pub(super) async fn stop_leaves_nothing(path: Option<&Path>, instance: Box<dyn Instance>) {
    let address = instance.address();
    let mut ports = vec![address.port()];
    let idle = Bare::login(address, "alice").await;
    let mut waiting = Bare::login(address, "alice").await;
    ports.push(waiting.passive().await.port());
    let mut reading = Bare::login(address, "alice").await;
    let port = reading.passive().await;
    ports.push(port.port());
    let mut data = TcpStream::connect(port).await.unwrap();
    reading.send("RETR hole").await;
    assert_eq!(reading.reply().await / 100, 1);
    data.read_exact(&mut [0; 1000]).await.unwrap();
    let mut writing = Bare::login(address, "alice").await;
    let upload = writing.passive().await;
    let mut upload = TcpStream::connect(upload).await.unwrap();
    writing.send("STOR up").await;
    upload.write_all(&[7; 1000]).await.unwrap();
    // More at once than libunftp can stand.
    let mut pipeline = Vec::new();
    for _ in 0..20 {
        let mut bare = Bare::login(address, "alice").await;
        bare.send("CWD /\r\nCWD /\r\nNOOP\r\nCWD /").await;
        pipeline.push(bare);
    }
    assert!(path.is_none_or(Path::exists));
    let disk = instance.disk();
    stop(instance).await;
    assert!(path.is_none_or(|path| !path.exists()));
    drop(disk);
    for session in [idle, waiting, reading, writing].into_iter().chain(pipeline) {
        session.ended().await;
    }
    // Whatever is still in the kernel belongs to no process any more. Those of a namespace of their own die when the kernel comes to it.
    let begun = std::time::Instant::now();
    loop {
        let left = sockets(&ports);
        if left.is_empty() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{left:?}");
        tokio::task::yield_now().await;
    }
    if let (Some(path), Ok(descriptors)) = (path, std::fs::read_dir("/proc/self/fd")) {
        for link in descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok()) {
            assert!(!link.to_string_lossy().starts_with(&*path.to_string_lossy()), "{link:?}");
        }
    }
    for port in ports {
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "{port}");
    }
}

/// The server's ends at these ports that some process holds, as the kernel tells them.
fn sockets(ports: &[u16]) -> Vec<String> {
    let held = |line: &&str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        columns[9] != "0" && ports.iter().any(|port| columns[1].ends_with(&format!(":{port:04X}")))
    };
    std::fs::read_to_string("/proc/net/tcp").unwrap_or_default().lines().skip(1).filter(held).map(str::to_owned).collect()
}

/// A control connection without opinions.
pub(super) struct Bare {
    control: BufReader<TcpStream>,
    pub(super) greeting: String,
}

impl Bare {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut bare = Self { control: BufReader::new(stream), greeting: String::new() };
        let (code, greeting) = bare.reply_text().await;
        assert_eq!(code, 220);
        Self { greeting, ..bare }
    }

    pub(super) async fn login(address: SocketAddr, name: &str) -> Self {
        let mut bare = Self::connect(address).await;
        bare.command(&format!("USER {name}")).await;
        assert_eq!(bare.command(&format!("PASS {PASSWORD}")).await, 230);
        bare.command("TYPE I").await;
        bare
    }

    pub(super) async fn send(&mut self, line: &str) {
        self.control.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
    }

    /// ABOR with IP and Synch before it, RFC 959 section 4.1.3: the data mark goes out of band.
    pub(super) async fn send_telnet_abort(&mut self) {
        self.control.write_all(b"\xff\xf4\xff").await.unwrap();
        socket2::SockRef::from(self.control.get_ref()).send_out_of_band(b"\xf2").unwrap();
        self.send("ABOR").await;
    }

    /// Reads one reply, and its text.
    pub(super) async fn reply_text(&mut self) -> (u16, String) {
        let mut text = String::new();
        loop {
            let before = text.len();
            assert_ne!(in_time(self.control.read_line(&mut text)).await.unwrap(), 0, "the end instead of a reply");
            let line = &text[before..];
            if let Some(code) = line.get(..3).and_then(|code| code.parse().ok())
                && line.as_bytes()[3] == b' '
                && text[..3] == line[..3]
            {
                return (code, text);
            }
        }
    }

    pub(super) async fn reply(&mut self) -> u16 {
        self.reply_text().await.0
    }

    pub(super) async fn command(&mut self, line: &str) -> u16 {
        self.send(line).await;
        self.reply().await
    }

    /// Asks for a data port.
    pub(super) async fn passive(&mut self) -> SocketAddr {
        self.send("EPSV").await;
        let (code, text) = self.reply_text().await;
        assert_eq!(code, 229, "{text}");
        let port = text.split('|').nth(3).unwrap().parse().unwrap();
        SocketAddr::new(self.control.get_ref().peer_addr().unwrap().ip(), port)
    }

    /// One command over a data connection: the final code, and what came.
    pub(super) async fn transfer(&mut self, line: &str, upload: &[u8]) -> (u16, Vec<u8>) {
        let mut data = TcpStream::connect(self.passive().await).await.unwrap();
        self.send(line).await;
        let code = self.reply().await;
        if code >= 200 {
            return (code, Vec::new());
        }
        let mut came = Vec::new();
        // A server that refuses after 150 may have closed it.
        if line.starts_with("STO") || line.starts_with("APPE") {
            let _: io::Result<()> = data.write_all(upload).await;
            let _: io::Result<()> = data.shutdown().await;
        } else {
            let _: io::Result<usize> = in_time(data.read_to_end(&mut came)).await;
        }
        drop(data);
        (self.reply().await, came)
    }

    /// Waits for the end of the connection, whatever comes before it.
    pub(super) async fn ended(mut self) {
        let _: io::Result<usize> = in_time(self.control.read_to_end(&mut Vec::new())).await;
    }
}
