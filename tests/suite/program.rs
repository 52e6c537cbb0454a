//! The program as a user starts it: exit codes, reports, what is left behind.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// The most memory that the program may use, in KiB.
const MEMORY_KIB: u64 = 200 << 10;

/// The program with a directory for temporary files of its own.
struct Program {
    temp: tempfile::TempDir,
    out: tempfile::TempDir,
}

impl Program {
    fn new() -> Self {
        Self { temp: tempfile::tempdir().unwrap(), out: tempfile::tempdir().unwrap() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ftpspec"));
        command.args(arguments).env("TMPDIR", self.temp.path()).env("NO_COLOR", "1").current_dir(self.out.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn report(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.out.path().join("report.json")).unwrap()).unwrap()
    }

    /// Nothing may be left in the directory for temporary files.
    fn assert_clean(&self) {
        let left: Vec<_> = std::fs::read_dir(self.temp.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_suite_passes_on_the_reference() {
    let program = Program::new();
    let output = program.run(&["run", "--server", "reference", "--report", "json=report.json"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let report = program.report();
    let cases = report["cases"].as_array().unwrap();
    assert!(cases.len() >= 40);
    assert!(cases.iter().all(|case| case["verdict"] == "pass" || case["verdict"] == "info"));
    program.assert_clean();
}

#[test]
fn a_planted_bug_is_a_failure_with_its_clause() {
    let program = Program::new();
    let output = program.run(&[
        "run",
        "--server",
        "reference",
        "--set",
        "broken=rest-off-by-one",
        "--topic",
        "resume",
        "--report",
        "json=report.json",
    ]);
    assert_eq!(output.status.code(), Some(1), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("3659-5.3-rest-retr-offset"), "{}", stdout(&output));
    assert!(stdout(&output).contains("--server reference --set broken=rest-off-by-one"), "{}", stdout(&output));
    program.assert_clean();
}

#[test]
fn degenerate_servers_end_with_their_code_and_little_memory() {
    for kind in ["silent", "flood", "close", "yes", "no", "echo"] {
        let program = Program::new();
        let start = Instant::now();
        let setting = format!("kind={kind}");
        let arguments = ["run", "--server", "degenerate", "--set", &setting, "--topic", "login", "--report", "json=report.json"];
        let (output, used) = measured(program.command(&arguments));
        assert!((1 << 10..MEMORY_KIB).contains(&used), "{kind}: {used} KiB");
        let code = output.status.code();
        assert!(matches!(code, Some(1 | 5)), "{kind}: {code:?}\n{}{}", stdout(&output), stderr(&output));
        assert!(start.elapsed() < Duration::from_secs(60), "{kind}: {:?}", start.elapsed());
        let report = program.report();
        assert!(report["cases"].as_array().unwrap().iter().all(|case| case["verdict"] != "pass"), "{kind}");
        program.assert_clean();
    }
}

/// Runs a command; gives what it wrote, and the most memory that it was seen to use, in KiB. What the system counts for all children
/// together would hold those of other tests too.
fn measured(mut command: Command) -> (Output, u64) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = Path::new("/proc").join(child.id().to_string()).join("status");
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(child.wait_with_output().unwrap()));
    let mut most = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok());
        most = most.max(peak.unwrap_or(0));
        if let Ok(output) = told.recv_timeout(Duration::from_millis(2)) {
            return (output, most);
        }
    }
}

/// Starts a run that waits for a silent server, and returns it once it has begun.
fn waiting(program: &Program) -> Child {
    let mut child = program
        .command(&["run", "--server", "degenerate", "--set", "kind=silent", "-v", "-j1", "--report", "json=report.json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.by_ref().map(Result::unwrap).find(|line| line.contains("connected")).unwrap();
    // The rest is read on, so that the program never waits for us.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

#[test]
fn ctrl_c_leaves_a_report_and_nothing_else() {
    let program = Program::new();
    let mut child = waiting(&program);
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert_eq!(program.report()["interrupted"], Value::Bool(true));
    program.assert_clean();
}

#[test]
fn passwords_stand_in_no_output() {
    let program = Program::new();
    let output = program.run(&["run", "--server", "reference", "--topic", "login", "-v", "--report", "json=report.json", "--seed", "3"]);
    let report = std::fs::read_to_string(program.out.path().join("report.json")).unwrap();
    let said = stdout(&output);
    assert!(said.contains("PASS ****"), "{said}");
    // What follows PASS is masked, or stands in the scenario itself.
    let shown: Vec<&str> = said.split("C> PASS ").skip(1).map(|rest| rest.split([' ', '\\', '\n']).next().unwrap_or_default()).collect();
    let public = |word: &str| word.starts_with("****") || word.is_empty() || scenarios().contains(&format!("PASS {word}"));
    let leaked: Vec<&&str> = shown.iter().filter(|word| !public(word)).collect();
    assert!(leaked.is_empty(), "{leaked:?}");
    assert!(!report.contains("Secret("), "a secret's own words");
}

fn scenarios() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/login");
    std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

#[test]
fn wrong_words_are_usage_errors_that_name_the_nearest() {
    let program = Program::new();
    for (arguments, word) in [
        (["run", "--server", "referenc"], "reference"),
        (["run", "--topic", "resum"], "resume"),
        (["run", "--report", "jsn=f"], "json"),
        (["run", "--set", "broken"], "KEY=VALUE"),
    ] {
        let output = program.run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(word), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn a_scenario_that_does_not_parse_is_shown_with_its_place() {
    let program = Program::new();
    std::fs::write(program.out.path().join("broken.ftp"), "+++\ntitle = \"x\"\n+++\n\nlogn alice\nS> 2000\n").unwrap();
    let output = program.run(&["run", "./broken.ftp", "--server", "reference"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("broken.ftp:5") && stderr(&output).contains("login"), "{}", stderr(&output));
    assert!(stderr(&output).contains("broken.ftp:6"), "{}", stderr(&output));
}

/// Plays a scenario of one's own on the reference; gives the exit code and what was said.
fn play(body: &str) -> (Option<i32>, String) {
    let program = Program::new();
    let front = "+++\ntitle = \"t\"\n\n[accounts]\nalice = \"all\"\n\n[files]\n\"f.txt\" = \"x\"\n+++\n\n";
    std::fs::write(program.out.path().join("own.ftp"), format!("{front}{body}")).unwrap();
    let output = program.run(&["run", "./own.ftp", "--server", "reference"]);
    program.assert_clean();
    (output.status.code(), stdout(&output) + &stderr(&output))
}

#[test]
fn set_up_that_breaks_before_a_failure_accuses_nobody() {
    let (code, said) =
        play("login alice\nC> PWD\nS> 257 \"nothing like this\"\nC> SIZE f.txt\nS> 213 \"7\"  [3659-4.1-size-reply]\nalive\n");
    assert_eq!(code, Some(5), "{said}");
    let (code, said) =
        play("login alice\nC> SIZE f.txt\nS> 213 \"7\"  [3659-4.1-size-reply]\nC> PWD\nS> 257 \"nothing like this\"\nalive\n");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("ftpspec run './own.ftp' --server reference"), "{said}");
}

#[test]
fn a_branch_that_broke_is_not_waited_for() {
    let branch = |name: &str, first: &str| {
        format!("  as {name}\n  login alice\n{first}  sync a\n  C> NOOP\n  S> 200  [959-4.1.3-noop-keeps-rnfr]\n")
    };
    let start = Instant::now();
    let wrong = "  C> SIZE f.txt\n  S> 550  [3659-4.1-size-reply]\n";
    let (code, said) = play(&format!("together\n{}{}done\n", branch("one", wrong), branch("two", "")));
    assert_eq!(code, Some(1), "{said}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn a_listing_is_read_as_the_verb_that_brought_it() {
    let (code, said) = play(
        "login alice\ndata\nC> NLST\nS> 150 | 125\nS>> listing end\nS> 226 | 250\nalive\nentries == { \"f.txt\" }  [959-4.1.3-nlst-names-only]\n",
    );
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_choice_without_a_clause_accuses_nobody() {
    let (code, said) =
        play("login alice\nC> PWD\nmatch reply\n  257 -> fail \"no clause\"\nC> NOOP\nS> 200  [959-4.1.3-noop-keeps-rnfr]\n");
    assert_eq!(code, Some(5), "{said}");
}

#[test]
fn the_readme_counts_right() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (cases, bugs) = (crate::suite().len(), ftpspec::reference::Bug::ALL.len());
    assert!(readme.contains(&format!("**{cases} cases**")), "{cases} cases");
    assert!(readme.contains(&format!("each of its {bugs} planted bugs")), "{bugs} bugs");
}

#[test]
fn a_probe_holds_what_is_claimed_against_what_is_done() {
    let program = Program::new();
    let output = program.run(&["probe", "--server", "reference"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).ends_with("What it claims and what it does agree.\n"), "{}", stdout(&output));
    let output = program.run(&["probe", "--server", "reference", "--set", "broken=feat-forgets", "--format", "json"]);
    let probed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(probed["differences"][0]["requirement"], "3659-4.3-feat-size", "{probed:#}");
    let output = program.run(&["probe", "--server", "degenerate", "--set", "kind=silent"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("greeting  no reply"), "{}", stdout(&output));
    program.assert_clean();
}

#[test]
fn a_matrix_shows_servers_side_by_side_and_one_that_is_missing() {
    let program = Program::new();
    let servers = ["reference", "off=reference{broken=rest-off-by-one}", "vsftpd{prefix=/no/such/place}"];
    let arguments = ["matrix", "--only", "resume/*", "--report", "json=matrix.json", "--report", "md=matrix.md"];
    let output = program.run(&[&arguments[..], &servers[..]].concat());
    let text = stdout(&output);
    // One did not start, and the others were played.
    assert_eq!(output.status.code(), Some(5), "{text}{}", stderr(&output));
    assert!(text.contains("vsftpd") && text.contains("not started"), "{text}");
    let matrix: Value = serde_json::from_slice(&std::fs::read(program.out.path().join("matrix.json")).unwrap()).unwrap();
    let runs = matrix["runs"].as_array().unwrap();
    let names: Vec<_> = runs.iter().map(|run| run["target"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["reference", "off", "vsftpd"]);
    assert_eq!((&runs[0]["totals"]["fail"], runs[2]["not_started"].is_string()), (&Value::from(0), true));
    assert!(runs[1]["totals"]["fail"].as_u64().unwrap() > 3 && text.contains("fail resume/"), "{text}");
    let table = std::fs::read_to_string(program.out.path().join("matrix.md")).unwrap();
    assert!(table.contains("| off | 0.1.0 |") && table.contains("off, not known:"), "{table}");
    let twice = program.run(&["matrix", "reference", "reference"]);
    assert!(twice.status.code() == Some(2) && stderr(&twice).contains("old=reference{bin=..}"), "{}", stderr(&twice));
    program.assert_clean();
}
