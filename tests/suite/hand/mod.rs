//! The tools for people's hands: `serve` against real clients, `get` and `put` against real servers, and both against each other.

mod client;
mod errors;
mod foreign;
mod long;
mod proxy;
mod record;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use ftpspec::ftp::content::Content;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Much more than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// The servers that `serve` serves by.
const SERVERS: [&str; 2] = ["libunftp", "reference"];

/// The program: the one that was built with the tests, or the one that `FTPSPEC_BINARY` names.
fn ftpspec() -> Command {
    let binary = std::env::var_os("FTPSPEC_BINARY").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_ftpspec")), PathBuf::from);
    let mut command = Command::new(binary);
    // Nothing of the person who runs the tests.
    command.env("NO_COLOR", "1").env("NETRC", "/dev/null").env_remove("FTPSPEC_PASSWORD").stdin(Stdio::null());
    command
}

/// `ftpspec serve` with one user, `user` with the password `123456` and all letters that the seed gives it.
struct Serve {
    child: Child,
    address: SocketAddr,
    root: tempfile::TempDir,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Serve {
    fn new(server: &str) -> Self {
        Self::with(server, &["--grace", "5s"])
    }

    fn with(server: &str, more: &[&str]) -> Self {
        Self::on(server, tempfile::tempdir().unwrap(), "127.0.0.1:0".parse().unwrap(), ftpspec(), more)
    }

    fn on(server: &str, root: tempfile::TempDir, listen: SocketAddr, mut program: Command, more: &[&str]) -> Self {
        let user = format!("user:123456:elradfmw:{}", root.path().display());
        let listen = listen.to_string();
        let words = ["serve", "--server", server, "--user", &user, "--listen", &listen];
        let mut child = program.args(words).args(more).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = out.next().unwrap().unwrap();
        let address = first.split_once("listening on ").unwrap().1.parse().unwrap();
        let (tell, lines) = channel();
        std::thread::spawn(move || out.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { child, address, root, lines, said: Vec::new() }
    }

    /// Waits for a line of its log from now on.
    fn wait_for(&mut self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        loop {
            let line = self.lines.recv_timeout(LONG).unwrap_or_else(|_| panic!("no {what} in {:#?}", self.said));
            self.said.push(line.clone());
            if fits(&line) {
                return line;
            }
        }
    }

    /// Waits until the server has taken so many bytes of an upload, or more. What it has not read when the control connection is lost it may
    /// throw away (RFC 959 section 4.1.1).
    fn wait_for_size(&self, path: &str, bytes: u64) {
        let mut stream = std::net::TcpStream::connect(self.address).unwrap();
        let mut replies = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut reply = || replies.next().unwrap().unwrap();
        reply();
        for command in ["USER user", "PASS 123456", "TYPE I"] {
            write!(stream, "{command}\r\n").unwrap();
            reply();
        }
        let begun = Instant::now();
        let mut said = String::new();
        while said.strip_prefix("213 ").is_none_or(|size| size.parse::<u64>().unwrap() < bytes) {
            assert!(begun.elapsed() < LONG, "{path} does not come to {bytes} bytes: {said}");
            write!(stream, "SIZE {path}\r\n").unwrap();
            said = reply();
        }
    }

    /// Waits until an upload that was cut is over; gives its bytes.
    fn wait_for_upload(&mut self, path: &str) -> u64 {
        let line = self.wait_for("upload", |line| line.contains(" received") && line.contains(path));
        line.rsplit_once(", ").unwrap().1.strip_suffix(" bytes").unwrap().parse().unwrap()
    }

    fn url(&self, path: &str) -> String {
        url(self.address, path)
    }

    /// What the server has at a path, as the reference's files are in memory asked for over FTP.
    fn holds(&self, path: &str, content: &Content) {
        let out = tempfile::tempdir().unwrap();
        let file = out.path().join("f");
        let output = ftpspec().args(["get", "--quiet", &self.url(path)]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        assert_same(&file, content);
    }

    fn has_no(&self, path: &str) {
        let out = tempfile::tempdir().unwrap();
        let output = ftpspec().args(["get", &self.url(path)]).arg(out.path().join("f")).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    }

    /// Ends it as ctrl-c does; gives the exit code and the rest of its log.
    fn stop(&mut self) -> (Option<i32>, String) {
        signal(&self.child, Signal::SIGINT);
        let status = self.child.wait().unwrap();
        self.said.extend(self.lines.iter());
        (status.code(), self.said.join("\n"))
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

fn url(address: SocketAddr, path: &str) -> String {
    format!("ftp://user:123456@{address}/{path}")
}

/// All that a program said.
fn told(output: &Output) -> String {
    format!("{}\n{}\n{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Content whose every word tells its place, so that a wrong offset shows.
fn words(seed: u64, len: u64) -> Content {
    Content::Words { seed, len }
}

fn write(path: &Path, content: &Content) {
    let mut file = std::fs::File::create(path).unwrap();
    each_block(content, |block| file.write_all(block).unwrap());
}

fn assert_same(path: &Path, content: &Content) {
    assert_eq!(std::fs::metadata(path).unwrap().len(), content.len(), "{}", path.display());
    let mut file = std::fs::File::open(path).unwrap();
    let (mut seen, mut at) = (Vec::new(), 0);
    each_block(content, |block| {
        seen.resize(block.len(), 0);
        file.read_exact(&mut seen).unwrap();
        assert!(seen == block, "{} differs within {at}..{}", path.display(), at + block.len());
        at += block.len();
    });
}

fn each_block(content: &Content, mut each: impl FnMut(&[u8])) {
    let (mut block, mut at) = (vec![0; 1 << 20], 0);
    while at < content.len() {
        let len = usize::try_from((content.len() - at).min(block.len() as u64)).unwrap();
        content.fill(at, &mut block[..len]);
        each(&block[..len]);
        at += len as u64;
    }
}

/// Waits until a file has so many bytes.
fn wait_for_bytes(path: &Path, bytes: u64) {
    let begun = Instant::now();
    while std::fs::metadata(path).map_or(0, |metadata| metadata.len()) < bytes {
        assert!(begun.elapsed() < LONG, "{} does not grow to {bytes} bytes", path.display());
        std::thread::yield_now();
    }
}

/// A program that a test needs: an installed one, else the one that `.ci/servers` unpacked, with its libraries. Without it the test
/// says so; in CI it fails.
fn tool(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&paths).chain([unpacked().join("bin")]);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        crate::not_tested(&format!("{name} is not there: .ci/servers fetches it"));
    }
    found
}

fn unpacked() -> PathBuf {
    crate::servers().join("clients/usr")
}

/// Where a program that was unpacked finds its libraries; none for one that is installed.
fn libraries(program: &Path) -> Option<std::ffi::OsString> {
    let folders = ["x86_64", "aarch64"].map(|machine| unpacked().join(format!("lib/{machine}-linux-gnu")));
    program.starts_with(unpacked()).then(|| std::env::join_paths(folders).unwrap())
}
