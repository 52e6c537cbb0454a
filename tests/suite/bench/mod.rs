//! `ftpspec bench`: what is wrong is told as what it is, what is measured adds up, and no file is too large.

mod double;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use ftpspec::bench::result::{Bench, Outcome};
use ftpspec::bench::workload::Workload;
use serde_json::Value;

use double::{Double, Wrong};

/// The program, started in a folder of its own; `FTPSPEC_BINARY` names another one, as a release build is.
struct Program {
    folder: tempfile::TempDir,
}

impl Program {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let binary = std::env::var("FTPSPEC_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_ftpspec").to_owned());
        let temp = self.folder.path().join("tmp");
        std::fs::create_dir_all(&temp).unwrap();
        let mut command = Command::new(binary);
        command.arg("bench").args(arguments).env("TMPDIR", &temp).env("NO_COLOR", "1").current_dir(self.folder.path()).stdin(Stdio::null());
        let output = command.output().unwrap();
        let left: Vec<_> = std::fs::read_dir(&temp).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
        output
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn result(&self, name: &str) -> Bench {
        serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap()
    }
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Measures a server that does this wrong, with 8 MiB; gives the exit code and what was said.
fn measured(wrong: Wrong, arguments: &[&str]) -> (Option<i32>, String) {
    measured_with(wrong, "8M", arguments)
}

fn measured_with(wrong: Wrong, size: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let double = Double::serve(wrong, 1);
    let url = double.url();
    let all = [&["--target", &url, "--size", size, "--repeats", "2", "--stall", "2s"], arguments].concat();
    let output = Program::new().run(&all);
    (output.status.code(), told(&output))
}

#[test]
fn a_server_that_is_right_is_measured() {
    let (code, told) = measured(Wrong::Nothing, &["--retr", "--retr-bare", "--stor"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("every byte checked") && !told.contains("failed"), "{told}");
}

#[test]
fn one_changed_byte_fails_and_is_named() {
    let (code, told) = measured(Wrong::Flip(5_000_003), &["--retr"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("retr: RETR big.bin: byte 5000003 of 8388608 is wrong: 0x"), "{told}");
    // Who does not look sees nothing, and says so.
    let (code, told) = measured(Wrong::Flip(5_000_003), &["--retr", "--no-verify"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("not compared (--no-verify)") && told.contains("not checked"), "{told}");
    // What was stored is compared too: here by a RETR, as the server's disk is not ours.
    let (code, told) = measured(Wrong::Flip(77), &["--stor"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("what was stored does not come back: RETR stored.bin: byte 77 of 8388608 is wrong"), "{told}");
}

#[test]
fn a_block_that_comes_twice_is_told_as_that() {
    let (code, told) = measured(Wrong::Twice(1 << 20), &["--retr"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("byte 1310720 of 8388608 is wrong"), "{told}");
    assert!(told.contains("from here on came what belongs at byte 1048576"), "{told}");
}

#[test]
fn a_short_last_block_and_a_226_without_the_bytes_fail() {
    let (code, told) = measured(Wrong::Short(1), &["--retr"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("the server said \"226 done\", but its data ended at byte 8388607 of 8388608"), "{told}");
    let (code, told) = measured(Wrong::Empty, &["--retr", "--no-verify"]);
    assert_eq!(code, Some(1), "the number of bytes is looked at in any case: {told}");
    assert!(told.contains("the server said \"226 done\", but its data ended at byte 0 of 8388608"), "{told}");
}

#[test]
fn a_transfer_that_ends_in_another_reply_fails() {
    let (code, told) = measured(Wrong::Regrets("RETR"), &["--retr"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("the data ended at byte 8388608 of 8388608, and the final reply was \"451 lost\""), "{told}");
    let (code, told) = measured(Wrong::Regrets("STOR"), &["--stor"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("STOR stored.bin: \"451 lost\""), "{told}");
}

#[test]
fn a_server_that_stalls_for_ever_is_given_up() {
    let (code, told) = measured(Wrong::Stall(3_000_000), &["--retr"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("nothing came within 2s at byte 3000000 of 8388608"), "{told}");
    let (code, told) = measured_with(Wrong::Deaf(1_000_000), "128M", &["--stor"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("no more bytes were taken within 2s at byte "), "{told}");
}

#[test]
fn a_planted_bug_is_found_by_a_resume() {
    let program = Program::new();
    let arguments = ["--server", "reference", "--set", "broken=rest-off-by-one", "--size", "1M", "--resume", "--repeats", "1"];
    let output = program.run(&arguments);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("byte 524289 of 1048576 is wrong"), "{}", told(&output));
}

#[test]
fn what_was_stored_is_looked_at_on_the_disk() {
    for (bug, wrong) in [
        ("stor-loses-tail", "the server said 226, but the file on its disk has 1048575 of 1048576 bytes"),
        ("image-upload-converted", "the server said 226, but byte "),
    ] {
        let set = format!("broken={bug}");
        let output = Program::new().run(&["--server", "reference", "--set", &set, "--size", "1M", "--stor", "--repeats", "1"]);
        assert_eq!(output.status.code(), Some(1), "{bug}: {}", told(&output));
        assert!(told(&output).contains(wrong), "{bug}: {}", told(&output));
    }
}

/// Every usual workload but the largest directory on the embedded server, in a process of its own, and on the reference; small.
#[test]
fn all_workloads_are_measured_and_every_report_is_written() {
    let program = Program::new();
    let small = [
        "--server",
        "libunftp",
        "--server",
        "reference",
        "--size",
        "2M",
        "--size-many",
        "64K",
        "--files",
        "5",
        "--commands",
        "30",
        "--logins",
        "3",
        "--sessions",
        "4",
        "--repeats",
        "2",
        "--report",
        "json=a.json",
        "--report",
        "md=a.md",
        "--report",
        "html=a.html",
    ];
    let workloads = Workload::ALL.into_iter().filter(|workload| workload.is_usual() && *workload != Workload::Mlsd100000);
    let flags: Vec<String> = workloads.map(|workload| format!("--{}", workload.word())).collect();
    let output = program.run(&[&small[..], &flags.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let bench = program.result("a.json");
    assert_eq!(bench.rows.len(), 23 * 2);
    for row in &bench.rows {
        let column = &bench.columns[row.column];
        match (&row.outcome, row.workload, column.label.as_str()) {
            (Outcome::Measured(figures), _, label) => {
                assert_eq!(figures.samples.len(), 2);
                assert!(figures.spread.median > 0.0 && figures.checked != (row.workload == Workload::RetrBare), "{row:?}");
                assert_eq!(figures.server.is_some(), label == "libunftp", "the reference runs in the program itself");
            }
            (Outcome::Unsupported { why }, Workload::Ascii, "libunftp") => assert!(why.contains("as in TYPE I"), "{why}"),
            (outcome, _, _) => panic!("{}: {}: {outcome:?}", column.label, row.workload.word()),
        }
    }
    let idle = bench.row(Workload::Idle, 0).and_then(|row| row.figures()?.server).unwrap();
    assert!(idle.descriptors_per_session.unwrap() >= 1.0, "{idle:?}");
    assert_eq!(bench.floor.len(), 2);
    schema(&serde_json::from_slice(&std::fs::read(program.path("a.json")).unwrap()).unwrap());
    let markdown = std::fs::read_to_string(program.path("a.md")).unwrap();
    assert!(markdown.contains("| RETR of one file: 2 MiB, MiB/s |"), "{markdown}");
    let html = std::fs::read_to_string(program.path("a.html")).unwrap();
    assert_eq!(html.matches("<h2 id=").count(), 23);
    compared(&program);
}

/// Against itself nothing is slower; against a result that is better by far all is.
fn compared(program: &Program) {
    let again = ["--server", "reference", "--noop", "--commands", "30", "--repeats", "2", "--quiet"];
    let against = |file: &str| {
        let output = program.run(&[&again[..], &["--compare", file]].concat());
        (output.status.code(), told(&output))
    };
    let mut bench = program.result("a.json");
    let row = bench.rows.iter_mut().find(|row| row.workload == Workload::Noop && row.column == 1).unwrap();
    let Outcome::Measured(figures) = &mut row.outcome else { panic!("{row:?}") };
    let set = |figures: &mut ftpspec::bench::result::Figures, us: f64| {
        (figures.spread.min, figures.spread.median, figures.spread.max) = (us / 2.0, us, us * 2.0);
    };
    set(figures, 1e9);
    std::fs::write(program.path("slow.json"), serde_json::to_vec(&bench).unwrap()).unwrap();
    let row = bench.rows.iter_mut().find(|row| row.workload == Workload::Noop && row.column == 1).unwrap();
    let Outcome::Measured(figures) = &mut row.outcome else { panic!("{row:?}") };
    set(figures, 0.01);
    std::fs::write(program.path("fast.json"), serde_json::to_vec(&bench).unwrap()).unwrap();
    let (code, told) = against("slow.json");
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = against("fast.json");
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("slower: reference, noop: "), "{told}");
}

fn schema(result: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/bench.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator.iter_errors(result).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn parts_are_put_together() {
    let program = Program::new();
    for part in ["1", "2"] {
        let (fraction, report) = (format!("{part}/2"), format!("json=part{part}.json"));
        let output = program.run(&[
            "--server",
            "reference",
            "--retr",
            "--noop",
            "--size",
            "1M",
            "--commands",
            "30",
            "--repeats",
            "2",
            "--part",
            &fraction,
            "--report",
            &report,
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    }
    let merge = |files: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ftpspec"));
        command.arg("merge").args(files).args(["--report", "json=whole.json"]).current_dir(program.folder.path());
        command.output().unwrap()
    };
    let output = merge(&["part2.json", "part1.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let (one, two, whole) = (program.result("part1.json"), program.result("part2.json"), program.result("whole.json"));
    let samples = |bench: &Bench| bench.row(Workload::Retr, 0).unwrap().figures().unwrap().samples.clone();
    let sums: Vec<f64> = samples(&one).iter().zip(samples(&two)).map(|(one, two)| one + two).collect();
    assert_eq!(samples(&whole), sums);
    let latencies = |bench: &Bench| bench.row(Workload::Noop, 0).unwrap().figures().unwrap().latencies.clone().unwrap();
    let mut sum = latencies(&one);
    sum.add(&latencies(&two));
    assert_eq!(latencies(&whole), sum);
    let missing = merge(&["part1.json"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(told(&missing).contains("part 2 of 2 is missing"), "{}", told(&missing));
    let twice = merge(&["part1.json", "part1.json"]);
    assert!(told(&twice).contains("part 1 comes twice"), "{}", told(&twice));
}

#[test]
fn what_cannot_be_is_told_before_anything_is_measured() {
    let refused = |arguments: &[&str], word: &str| {
        let output = Program::new().run(arguments);
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        assert!(told(&output).contains(word), "{}", told(&output));
    };
    refused(&["--idle", "--sessions", "1000000"], "raise the hard limit (`ulimit -Hn`), or ask for fewer (--sessions)");
    refused(&["--report", "junit=x"], "a benchmark is told as html, json or md, not as junit");
    refused(&["--server", "reference", "--server", "reference"], "two servers are called reference");
    refused(&["--server", "nobody"], "no server \"nobody\"");
    refused(&["--size", "1.5G"], "expected bytes, or a number and K, M, G or T");
}

/// One byte of 1 GiB; and 64 GiB up and down in less than 64 MB of memory. To be run with a release build.
#[test]
#[ignore = "moves 200 GiB"]
fn one_byte_in_a_large_file_is_found_and_memory_does_not_grow() {
    let double = Double::serve(Wrong::Flip(987_654_321), 1);
    let output = Program::new().run(&["--target", &double.url(), "--size", "1G", "--repeats", "1", "--warm-up", "0", "--retr"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("byte 987654321 of 1073741824 is wrong"), "{}", told(&output));

    let double = Double::serve(Wrong::Nothing, 1);
    let binary = std::env::var("FTPSPEC_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_ftpspec").to_owned());
    let mut child = Command::new(binary)
        .args(["bench", "--target", &double.url(), "--size", "64G", "--repeats", "1", "--warm-up", "0", "--retr", "--stor"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut highest = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        highest = highest.max(peak.unwrap_or(0));
        std::thread::park_timeout(std::time::Duration::from_millis(100));
    };
    assert_eq!(status.code(), Some(0));
    assert!(highest > 0 && highest < 64_000, "{highest} KiB");
}
