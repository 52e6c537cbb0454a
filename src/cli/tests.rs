use std::sync::{Arc, Mutex, PoisonError};

use clap::CommandFactory;

use super::*;

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Exit code, standard output, standard error.
fn perform_words(words: &[&str]) -> (u8, String, String) {
    let (out, err) = (Kept::default(), Kept::default());
    let cli = match Cli::try_parse_from(["ftpspec"].iter().chain(words)) {
        Ok(cli) => cli,
        Err(error) => return (Exit::Usage.code(), String::new(), error.to_string()),
    };
    let mut output = Output { out: Box::new(out.clone()), err: Box::new(err.clone()), color: false, color_err: false };
    let exit = perform(cli.verb, &mut output);
    (exit.code(), out.text(), err.text())
}

const GOOD: &str = "+++\ntitle = \"A server answers NOOP\"\n\n[accounts]\nalice = \"e\"\n+++\n\nlogin alice\nC> NOOP\nS> 200                            [959-4.1.3-noop-keeps-rnfr]\n";

fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn the_arguments_hold_together() {
    Cli::command().debug_assert();
}

#[test]
fn wrong_flags_are_usage() {
    for words in [&["run", "--level", "WILL"][..], &["run", "-j", "0"], &["run", "--report", "xml"], &["runn"], &[], &["run", "-v", "-q"]] {
        let (code, _, err) = perform_words(words);
        assert_eq!(code, 2, "{words:?}");
        assert!(!err.is_empty());
    }
    assert!(perform_words(&["run", "--level", "SHULD"]).2.contains("did you mean SHOULD?"));
}

#[test]
fn check_tells_all_errors_of_all_files() {
    let (_folder, path) = folder(&[("a.ftp", "nothing"), ("b.ftp", "+++\ntitle = \"x\"\n+++\n\nlogn alice\nS> 20\n"), ("c.ftp", GOOD)]);
    let (code, out, err) = perform_words(&["check", &path]);
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.contains("a.ftp:1") && err.contains("b.ftp:5") && err.contains("b.ftp:6"), "{err}");
    assert!(err.trim_end().ends_with("in 2 files"), "{err}");
    let (code, out, _) = perform_words(&["check", &format!("{path}/c.ftp")]);
    assert_eq!(code, 0);
    assert!(out.starts_with("1 case in 1 file: no error"), "{out}");
    assert_eq!(perform_words(&["check", "/no/such.ftp"]).0, 2);
}

#[test]
fn fmt_writes_what_check_then_accepts() {
    let (_folder, path) = folder(&[("a.ftp", &GOOD.replace("S> 200   ", "S>   200 "))]);
    let (code, out, _) = perform_words(&["fmt", "--check", &path]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("a.ftp: not in its canonical form"), "{out}");
    assert_eq!(perform_words(&["fmt", &path]).0, 0);
    assert_eq!(perform_words(&["fmt", "--check", &path]).0, 0);
    let (_folder, path) = folder(&[("a.ftp", "nothing")]);
    assert_eq!(perform_words(&["fmt", &path]).0, 3);
    assert_eq!(std::fs::read_to_string(format!("{path}/a.ftp")).unwrap(), "nothing");
}

#[test]
fn list_lists() {
    let (_folder, path) = folder(&[("a.ftp", GOOD), ("b.ftp", GOOD)]);
    assert_eq!(perform_words(&["list", &path, "--format", "ids"]).1, "a\nb\n");
    assert_eq!(perform_words(&["list", &path]).1, "a  A server answers NOOP\nb  A server answers NOOP\n\n2 cases in 2 files\n");
    let json: serde_json::Value = serde_json::from_str(&perform_words(&["list", &path, "--format", "json"]).1).unwrap();
    assert_eq!(json[1]["requirements"][0], "959-4.1.3-noop-keeps-rnfr");
    let (code, _, err) = perform_words(&["list", &path, "--topic", "aa"]);
    assert_eq!(code, 2);
    assert!(err.starts_with("error: no case has the topic `aa`"), "{err}");
    let (code, _, err) = perform_words(&["list", "no-such-case-at-all"]);
    assert_eq!(code, 2);
    assert!(err.starts_with("error: no case is called `no-such-case-at-all`"), "{err}");
}

#[test]
fn explain_tells_requirements_and_cases() {
    let (_folder, path) = folder(&[("a.ftp", GOOD)]);
    let (code, out, _) = perform_words(&["explain", "959-4.1.3-noop-keeps-rnfr", "--path", &path]);
    assert_eq!(code, 0);
    for part in ["level", "RFC 959 section 4.1.3", "statement", "observable", "cases       a"] {
        assert!(out.contains(part), "{part} is missing in {out}");
    }
    let (code, out, _) = perform_words(&["explain", "a", "--path", &path]);
    assert_eq!(code, 0);
    for part in ["A server answers NOOP", "RFC 959 section 4.1.3", "C> NOOP"] {
        assert!(out.contains(part), "{part} is missing in {out}");
    }
    let (code, _, err) = perform_words(&["explain", "3659-5.3-rest-35", "--path", &path]);
    assert_eq!(code, 2);
    assert!(err.contains("did you mean `3659-5.3-rest-350`"), "{err}");
}

#[test]
fn requirements_has_one_record_each() {
    let (code, out, _) = perform_words(&["requirements", "--format", "json"]);
    assert_eq!(code, 0);
    let records: Vec<serde_json::Value> = serde_json::from_str(&out).unwrap();
    assert_eq!(records.len(), 561);
    for record in &records {
        let is_covered = !record["scenarios"].as_array().unwrap().is_empty();
        assert_eq!(record["status"] == "covered", is_covered);
        assert_eq!(record["status"] == "untestable", !is_covered && !record["reason"].is_null());
        assert!(["MUST", "SHOULD", "MAY", "DEFACTO", "SECURITY"].contains(&record["level"].as_str().unwrap()));
    }
    let (_, table, _) = perform_words(&["requirements"]);
    assert_eq!(table.lines().filter(|line| line.starts_with("| `")).count(), 561);
}

#[test]
fn words_are_paths_or_ids() {
    let words = ["resume/cut", "./x", "a.ftp", "letters/*", "/abs", ".."].map(str::to_owned);
    let (paths, ids) = split_paths(&words);
    assert_eq!(ids, ["resume/cut", "letters/*"]);
    assert_eq!(paths.len(), 4);
}

/// Fails as a pipe does whose reader is gone.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let err = Kept::default();
    let mut output = Output { out: Box::new(Gone), err: Box::new(err.clone()), color: false, color_err: false };
    let cli = Cli::try_parse_from(["ftpspec", "requirements"]).unwrap();
    assert_eq!(perform(cli.verb, &mut output), Exit::Expected);
    assert_eq!(err.text(), "");
}

#[test]
fn a_new_profile_can_be_read_and_is_never_written_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let path = path.to_str().unwrap();
    let (code, out, _) = perform_words(&["profile", "new", path]);
    assert_eq!((code, out.contains("ftpspec profile check")), (0, true), "{out}");
    assert_eq!(std::fs::read_to_string(path).unwrap(), perform_words(&["profile", "new"]).1);
    let (code, _, err) = perform_words(&["profile", "new", path]);
    assert!(code == 2 && err.contains("exists"), "{err}");
    // Its server is nowhere.
    let (code, out, _) = perform_words(&["profile", "check", path, "--set", "bin=/nowhere/myftpd"]);
    assert!(code == 5 && out.starts_with("mine\nwrong  mine is not there: `/nowhere/myftpd --version`"), "{out}");
    let (code, _, err) = perform_words(&["profile", "check", path, "--set", "bim=/nowhere"]);
    assert!(code == 2 && err.contains("did you mean \"bin\"?"), "{err}");
}

#[test]
fn a_check_tells_what_is_wrong() {
    let (code, out, _) = perform_words(&["profile", "check", "reference"]);
    assert!(code == 0 && out.ends_with("ok     it stops, and leaves nothing\nnothing is wrong\n"), "{out}");
    let (code, out, _) = perform_words(&["profile", "check", "reference", "--set", "broken=letter-dele"]);
    assert_eq!(code, 1, "{out}");
    let wrong: Vec<&str> = out.lines().filter(|line| line.starts_with("wrong")).collect();
    assert_eq!(wrong, ["wrong  the letter d: DELE f.txt needs it"], "{out}");
    let (code, out, _) = perform_words(&["profile", "check", "degenerate", "--set", "kind=yes"]);
    assert_eq!(code, 1, "{out}");
}
