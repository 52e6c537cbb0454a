//! Server programs of profiles: none of their processes outlives a run, however the run ends.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Much more than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// Greets each connection, tells of it, and says nothing more.
fn greeter() -> (u16, Receiver<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            let greeted = stream.write_all(b"220 ready\r\n");
            open.push(stream);
            if greeted.is_err() || tell.send(()).is_err() {
                return;
            }
        }
    });
    (port, told)
}

/// Whether a process is there and no zombie.
fn lives(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with(['Z', 'X']))
}

/// Ends a run by a signal while its server and a child of it run; gives its exit code and what is left of its directories.
fn end_by(signal: Signal) -> (Option<i32>, Vec<std::path::PathBuf>) {
    let (port, connected) = greeter();
    let (temp, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pids = out.path().join("pids");
    let script = format!("trap '' INT TERM HUP; sleep 1000 & echo $! $$ > {}; echo port {port}; wait; sleep 1000", pids.display());
    let profile = format!(
        "name = \"mine\"\n[program]\nrun = [\"/bin/sh\", \"-c\", '''{script}''']\nport = \"told\"\n[stop]\ngrace = \"100ms\"\n[can]\naccounts = true\n"
    );
    std::fs::write(out.path().join("mine.toml"), profile).unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_ftpspec"))
        .args(["run", "--server", "./mine.toml", "ascii/parameters#type-i"])
        .env("TMPDIR", temp.path())
        .current_dir(out.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The first is the one that asks whether it is ready; from the second on the run is under way.
    connected.recv_timeout(LONG).unwrap();
    connected.recv_timeout(LONG).unwrap();
    let pids = std::fs::read_to_string(pids).unwrap();
    let pids: Vec<&str> = pids.split_whitespace().collect();
    assert_eq!(pids.iter().filter(|pid| lives(pid)).count(), 2);
    kill(Pid::from_raw(i32::try_from(run.id()).unwrap()), signal).unwrap();
    let status = run.wait().unwrap();
    let begun = Instant::now();
    while pids.iter().any(|pid| lives(pid)) {
        assert!(begun.elapsed() < LONG, "{pids:?}");
        std::thread::yield_now();
    }
    (status.code(), left(temp.path()))
}

fn left(folder: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn an_interrupted_run_leaves_no_process_and_no_directory() {
    assert_eq!(end_by(Signal::SIGINT), (Some(130), Vec::new()));
    assert_eq!(end_by(Signal::SIGTERM), (Some(130), Vec::new()));
}

#[test]
fn a_killed_run_leaves_no_process() {
    assert_eq!(end_by(Signal::SIGKILL).0, None);
}

/// Plays some topics on a pyftpdlib that is killed at MDTM, by a signal that it cannot catch; gives the exit code and the verdicts.
fn crashing(python: &str, jobs: &str) -> (Option<i32>, Vec<(String, String)>) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (temp, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = std::fs::read_to_string(project.join("profiles/pyftpdlib/server.py")).unwrap();
    let (body, _) = server.rsplit_once("main()").unwrap();
    let dies =
        "import signal\n\n\ndef dies(self, path):\n    os.kill(os.getpid(), signal.SIGKILL)\n\n\nFTPHandler.ftp_MDTM = dies\nmain()\n";
    std::fs::create_dir(out.path().join("pyftpdlib")).unwrap();
    std::fs::write(out.path().join("pyftpdlib/server.py"), format!("{body}{dies}")).unwrap();
    let profile = std::fs::read_to_string(project.join("profiles/pyftpdlib.toml")).unwrap();
    // Many cases share one server, so that they die together.
    std::fs::write(out.path().join("mine.toml"), profile.replace("at_once = 1", "at_once = 16")).unwrap();
    let setting = format!("python={python}");
    let topics = ["--topic", "facts", "--topic", "listing", "--topic", "rename"];
    let output = Command::new(env!("CARGO_BIN_EXE_ftpspec"))
        .args(["run", "-q", "--no-baseline", "--server", "./mine.toml", "--set", &setting, "-j", jobs, "--report", "json=report.json"])
        .args(topics)
        .env("TMPDIR", temp.path())
        .current_dir(out.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(left(temp.path()), Vec::<std::path::PathBuf>::new());
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(out.path().join("report.json")).unwrap()).unwrap();
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let verdicts = report["cases"].as_array().unwrap().iter().map(|case| (word(&case["id"]), word(&case["verdict"]))).collect();
    (output.status.code(), verdicts)
}

#[test]
fn a_server_that_dies_is_not_laid_at_the_door_of_others() {
    let Some(python) = crate::python() else { return };
    let (code, at_once) = crashing(&python, "16");
    assert_eq!(code, Some(1));
    assert_eq!(at_once, crashing(&python, "1").1);
    let accused = |id: &str| at_once.iter().any(|(known, verdict)| known == id && verdict == "fail");
    assert!(accused("facts/mdtm#old") && !accused("listing/nlst") && !accused("rename/pair"), "{at_once:?}");
}
