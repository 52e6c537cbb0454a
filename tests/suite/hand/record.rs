//! `ftpspec record` between real clients and a server: what it writes plays, and tells servers apart.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;

use super::client::{Job, curl, lftp, seed};
use super::{SERVERS, Serve, ftpspec, signal, told, tool, words, write};

/// `ftpspec record` in front of a server.
struct Record {
    child: Child,
    address: SocketAddr,
    file: PathBuf,
}

impl Record {
    fn new(upstream: SocketAddr, file: &Path) -> Self {
        // The letters of the user of `Serve`.
        let words = ["record", "--letters", "elradfmw", "--listen", "127.0.0.1:0", "--upstream", &format!("ftp://{upstream}"), "-o"];
        let mut child = ftpspec().args(words).arg(file).stdout(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let address = first.strip_prefix("listens at ").unwrap().split_once(' ').unwrap().0.parse().unwrap();
        Self { child, address, file: file.to_owned() }
    }

    /// Ends it as ctrl-c does; gives what it wrote.
    fn stop(mut self) -> String {
        signal(&self.child, Signal::SIGINT);
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        std::fs::read_to_string(&self.file).unwrap()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn play(file: &Path, server: &[&str]) -> std::process::Output {
    ftpspec().args(["run", "--no-baseline"]).args(server).arg(file).output().unwrap()
}

fn succeeds(mut command: Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
}

/// Records what a client does on each server; what was recorded passes there, and of the reference it fails where REST is
/// off by one.
fn recorded(session: impl Fn(SocketAddr, &Path)) -> String {
    let mut last = String::new();
    for server in SERVERS {
        let mut serve = Serve::new(server);
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("bug.ftp");
        let record = Record::new(serve.address, &file);
        session(record.address, home.path());
        last = record.stop();
        serve.stop();
        assert!(!last.contains("123456"), "{last}");
        let same = play(&file, &["--server", server]);
        assert!(same.status.success(), "{last}\n{}", told(&same));
        let checked = ftpspec().args(["fmt", "--check"]).arg(&file).output().unwrap();
        assert!(checked.status.success(), "{last}\n{}", told(&checked));
        if server != "reference" {
            continue;
        }
        let other = play(&file, &["--server", "reference", "--set", "broken=rest-off-by-one"]);
        assert_eq!(other.status.code(), Some(1), "{last}\n{}", told(&other));
        assert!(told(&other).contains("3659-5.3-rest-retr-offset"), "{}", told(&other));
    }
    last
}

/// Up in two parts, and down in two parts.
fn resumes(program: &Path, client: super::client::Client, address: SocketAddr, home: &Path) {
    let (here, there) = (home.join("here.bin"), home.join("there.bin"));
    let content = words(3, 200_001);
    let run = |job, resumed| succeeds(client(program, address, job, resumed).unwrap());
    write(&here, &content.slice(0, 70_000));
    run(Job::Up(&here, "f.bin"), false);
    write(&here, &content);
    run(Job::Up(&here, "f.bin"), true);
    write(&there, &content.slice(0, 1234));
    run(Job::Down("f.bin", &there), true);
    super::assert_same(&there, &content);
}

#[test]
fn a_session_of_curl_plays() {
    let Some(program) = tool("curl") else { return };
    recorded(|address, home| resumes(&program, curl, address, home));
}

#[test]
fn a_session_of_lftp_plays() {
    let Some(program) = tool("lftp") else { return };
    recorded(|address, home| resumes(&program, lftp, address, home));
}

#[test]
fn a_session_of_the_seed_plays() {
    let Some(program) = tool("python3") else { return };
    recorded(|address, home| resumes(&program, seed, address, home));
}

/// As FileZilla does where it is told so, the client listens and the server calls.
#[test]
fn a_session_in_active_mode_plays() {
    let Some(python) = tool("python3") else { return };
    let text = recorded(|address, _| {
        let script = include_str!("active.py");
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let mut command = Command::new(&python);
        command.args(["-c", script, &host, &port, "user", "123456"]);
        succeeds(command);
    });
    for line in ["data port", "cut data", "C>> recorded/1.bin[{kept1}..] end", "entries has { \"a b\" }", "S>> \"one\\r\\ntwo\\r\\n\" end"]
    {
        assert!(text.contains(line), "no {line} in {text}");
    }
}
