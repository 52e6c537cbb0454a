//! What goes wrong around a server: each is told clearly, ends with its code, and leaves no process and no directory.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Answers what a login and NOOP need, on the port that it is given; `{before}` comes first.
const SERVER: &str = r#"import os, socketserver, sys
port = int(sys.argv[1])
BEFORE
class Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 ready\r\n")
        for line in self.rfile:
            verb = line[:4].upper()
            self.wfile.write({b"USER": b"331 a password\r\n", b"PASS": b"230 in\r\n", b"QUIT": b"221 bye\r\n"}.get(verb, b"200 yes\r\n"))
            if verb == b"QUIT":
                return
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
Server(("127.0.0.1", port), Session).serve_forever()
"#;

/// Goes to the background, as daemons do.
const HIDES: &str = "if os.fork(): os._exit(0)\nos.setsid()\nopen('PIDS', 'w').write(str(os.getpid()))";

/// The first time, somebody else takes the port just before.
const TAKEN: &str = "import socket, time\nif not os.path.exists('PIDS'):\n    other = socket.socket()\n    \
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n    other.bind(('127.0.0.1', port))\n    other.listen()\n    \
    pid = os.fork()\n    if not pid: time.sleep(1000)\n    open('PIDS', 'w').write(str(pid))\n    other.close()\n";

const SCENARIO: &str = "+++\ntitle = \"A server answers NOOP\"\n\n[accounts]\nalice = \"e\"\n+++\n\nlogin alice\nC> NOOP\nS> 200  [959-4.1.3-noop-keeps-rnfr]\n";

/// A folder with a profile, its server and a scenario, and one for temporary files.
struct Bench {
    out: tempfile::TempDir,
    temp: tempfile::TempDir,
}

impl Bench {
    fn new(python: &str, before: &str) -> Self {
        let bench = Self { out: tempfile::tempdir().unwrap(), temp: tempfile::tempdir().unwrap() };
        let before = before.replace("PIDS", &bench.pids().display().to_string());
        std::fs::write(bench.out.path().join("server.py"), SERVER.replace("BEFORE", &before)).unwrap();
        bench.profile(&format!(
            "name = \"mine\"\n[program]\nrun = [\"{python}\", \"{}\", \"{{{{ port }}}}\"]\nport = \"given\"\ninstall = \"make install\"\n[can]\naccounts = true\n",
            bench.out.path().join("server.py").display()
        ));
        std::fs::write(bench.out.path().join("noop.ftp"), SCENARIO).unwrap();
        bench
    }

    fn profile(&self, text: &str) {
        std::fs::write(self.out.path().join("mine.toml"), text).unwrap();
    }

    fn pids(&self) -> PathBuf {
        self.out.path().join("pids")
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env("TMPDIR", self.temp.path()).env("NO_COLOR", "1").env("COLUMNS", "1000");
        command.current_dir(self.out.path()).stdin(Stdio::null());
        command
    }

    fn run(&self) -> Output {
        self.command(env!("CARGO_BIN_EXE_ftpspec"), &["run", "--server", "./mine.toml", "./noop.ftp"]).output().unwrap()
    }

    /// No directory is left, nor the process that wrote its number.
    fn assert_clean(&self) {
        let left: Vec<_> = std::fs::read_dir(self.temp.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
        let begun = Instant::now();
        while let Some(pid) = std::fs::read_to_string(self.pids()).ok().filter(|pid| lives(pid)) {
            assert!(begun.elapsed() < Duration::from_secs(10), "{pid} is still there");
            std::thread::yield_now();
        }
    }
}

/// Whether a process is there and no zombie.
fn lives(pid: &str) -> bool {
    let state = std::fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat")).unwrap_or_default();
    state.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with(['Z', 'X']))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn check(output: &Output, code: i32, words: &[&str]) {
    let text = said(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

#[test]
fn a_server_that_is_well_is_well() {
    let Some(python) = crate::python() else { return };
    let bench = Bench::new(&python, "");
    check(&bench.run(), 0, &["pass 1"]);
    bench.assert_clean();
}

#[test]
fn a_server_that_forks_and_hides_is_told_and_found() {
    let Some(python) = crate::python() else { return };
    let bench = Bench::new(&python, HIDES);
    check(&bench.run(), 5, &["mine could not be judged", "exited with code 0", "in the foreground"]);
    assert!(bench.pids().exists(), "it did not hide");
    bench.assert_clean();
}

#[test]
fn a_port_that_is_taken_just_before_is_another_port() {
    let Some(python) = crate::python() else { return };
    let bench = Bench::new(&python, TAKEN);
    check(&bench.run(), 0, &["pass 1"]);
    assert!(bench.pids().exists(), "nobody took the port");
    bench.assert_clean();
}

#[test]
fn a_typo_in_a_profile_is_shown_with_its_place() {
    let bench = Bench::new("python3", "");
    bench.profile("name = \"mine\"\n[program]\nrn = [\"a\"]\n");
    check(&bench.run(), 2, &["mine.toml:3:1", "rn = [\"a\"]", "^^", "`run`"]);
    bench.assert_clean();
}

#[test]
fn a_binary_that_is_missing_is_told_with_what_installs_it() {
    let bench = Bench::new("/no/such/python", "");
    check(&bench.run(), 5, &["mine could not be judged", "/no/such/python", "No such file", "make install"]);
    bench.assert_clean();
}

#[test]
fn a_place_for_temporary_files_that_is_none_is_told() {
    let Some(python) = crate::python() else { return };
    let bench = Bench::new(&python, "");
    let mut command = bench.command(env!("CARGO_BIN_EXE_ftpspec"), &["run", "--server", "./mine.toml", "./noop.ftp"]);
    check(&command.env("TMPDIR", "/no/such/folder").output().unwrap(), 5, &["mine could not be judged", "/no/such/folder"]);
    bench.assert_clean();
}

/// A file system of 256 KiB as the place for temporary files; the scenario wants a file of 16 MiB.
#[test]
fn a_place_for_temporary_files_that_is_full_is_told() {
    let Some(python) = crate::python() else { return };
    let bench = Bench::new(&python, "");
    let scenario = SCENARIO.replace("+++\n\nlogin", "\n[files]\n\"big.bin\" = { size = \"16MiB\", seed = 1 }\n+++\n\nlogin");
    std::fs::write(bench.out.path().join("noop.ftp"), scenario).unwrap();
    let script = format!(
        "mount -t tmpfs -o size=256k none {} || exit 99; {} run --server ./mine.toml ./noop.ftp; code=$?; ls -A {}; exit $code",
        bench.temp.path().display(),
        env!("CARGO_BIN_EXE_ftpspec"),
        bench.temp.path().display()
    );
    let output = bench.command("unshare", &["--map-root-user", "--mount", "sh", "-c", &script]).output().unwrap();
    if output.status.code() == Some(99) || said(&output).contains("unshare failed") {
        crate::not_tested(&format!("a full file system: {}", said(&output)));
        return;
    }
    check(&output, 70, &["big.bin", "No space left on device"]);
    assert!(!said(&output).lines().any(|line| line.starts_with("ftpspec-")), "{}", said(&output));
    bench.assert_clean();
}

/// Without the rights of root what can be played is played, and the others say what they want.
#[test]
fn without_root_what_can_be_played_is() {
    let bench = Bench::new("python3", "");
    let arguments = ["--user", env!("CARGO_BIN_EXE_ftpspec"), "matrix", "reference", "libunftp", "vsftpd", "--topic", "letters"];
    let output = bench.command("unshare", &arguments).output().unwrap();
    if said(&output).contains("unshare failed") {
        crate::not_tested(&format!("a run without the rights of root: {}", said(&output)));
        return;
    }
    check(
        &output,
        5,
        &["vsftpd must be started by root", "reference 0.1.0 does all that was demanded", "libunftp 0.24.0 fails only where that is known"],
    );
    bench.assert_clean();
}
