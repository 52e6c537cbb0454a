//! Baselines as a user keeps them: written after a run, kept true, and told where they are not.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use ftpspec::judge::baseline::{Baseline, Comparer};
use serde_json::Value;

/// A folder with a baseline, and a server that is wrong in a way that never changes.
struct Kept {
    folder: tempfile::TempDir,
}

impl Kept {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("known.toml")
    }

    fn perform(&self, verb: &[&str], kind: &str, more: &[&str]) -> Output {
        let setting = format!("kind={kind}");
        let file = self.file().display().to_string();
        Command::new(env!("CARGO_BIN_EXE_ftpspec"))
            .args(verb)
            .args(["--server", "degenerate", "--set", &setting, "--baseline", &file])
            .args(more)
            .env("NO_COLOR", "1")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Plays the login cases and demands an exit code; gives the report's baseline.
    fn run(&self, kind: &str, expect: i32) -> Value {
        let output = self.perform(&["run", "--topic", "login"], kind, &["--report", "json=report.json"]);
        assert_eq!(output.status.code(), Some(expect), "{}", said(&output));
        let report: Value = serde_json::from_slice(&std::fs::read(self.folder.path().join("report.json")).unwrap()).unwrap();
        report["baseline"].clone()
    }

    fn update(&self, kind: &str, more: &[&str], expect: i32) -> String {
        let output = self.perform(&["baseline", "update", "login"], kind, more);
        assert_eq!(output.status.code(), Some(expect), "{}", said(&output));
        std::fs::read_to_string(self.file()).unwrap()
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn count(baseline: &Value, list: &str) -> usize {
    baseline[list].as_array().unwrap().len()
}

#[test]
fn what_is_known_does_not_fail_and_each_line_counts() {
    let kept = Kept::new();
    assert_eq!(kept.update("no", &[], 1), "", "without a reason nothing is written");
    let text = kept.update("no", &["--reason", "it says no to all", "--clause", "RFC 959 section 5.1"], 0);
    assert!(text.contains("reason = \"it says no to all\"") && text.contains("clause = \"RFC 959 section 5.1\""), "{text}");
    assert_eq!(kept.update("no", &["--reason", "another"], 0), text, "what is known is not written again");
    let baseline = kept.run("no", 0);
    assert!(baseline["known"].as_u64().unwrap() > 5, "{baseline}");
    // Each entry is missed where it is missing.
    let entries: Vec<&str> = text.split("[[known]]").skip(1).collect();
    for left_out in 0..entries.len() {
        let rest: String =
            entries.iter().enumerate().filter(|(place, _)| *place != left_out).map(|(_, entry)| format!("[[known]]{entry}")).collect();
        std::fs::write(kept.file(), rest).unwrap();
        let output = kept.perform(&["run", "--topic", "login", "-q"], "no", &[]);
        let id = entries[left_out].split('"').nth(1).unwrap().split('#').next().unwrap().to_owned();
        assert!(matches!(output.status.code(), Some(1 | 5)) && said(&output).contains(&id), "{id}: {}", said(&output));
    }
}

#[test]
fn what_changes_or_passes_is_told_and_mended() {
    let kept = Kept::new();
    kept.update("no", &["--reason", "it says no to all"], 0);
    // The same cases fail in another way.
    let changed = kept.run("yes", 1);
    assert!(count(&changed, "changed") > 0, "{changed}");
    // An entry whose day is over excuses no longer.
    let text = std::fs::read_to_string(kept.file()).unwrap();
    let expired = text.replace("reason = ", "expires = 2020-02-29\nreason = ");
    std::fs::write(kept.file(), expired).unwrap();
    let expired = kept.run("no", 1);
    assert!(count(&expired, "expired") > 5 && count(&expired, "new") == 0, "{expired}");
    // What is no longer true goes; without a reason nothing comes for it.
    std::fs::write(kept.file(), text.replace("looks_like = \"", "looks_like = \"not ")).unwrap();
    assert!(!kept.update("no", &[], 1).contains("[[known]]"));
}

#[test]
fn a_failure_that_passes_is_out_of_date() {
    let kept = Kept::new();
    let text =
        "[[known]]\nid = \"NAME\"\nfacet = \"reply\"\nverdict = \"fail\"\nlooks_like = \"{..}\"\nclause = \"RFC 959\"\nreason = \"r\"\n";
    let scenario = kept.folder.path().join("fine.ftp");
    let body = "+++\ntitle = \"the server greets\"\n+++\n\nconnect\nS> 2xx\n";
    std::fs::write(&scenario, body).unwrap();
    std::fs::write(kept.file(), text.replace("NAME", "fine")).unwrap();
    let path = Path::new("./fine.ftp").display().to_string();
    let output = kept.perform(&["run", &path], "no", &[]);
    assert_eq!(output.status.code(), Some(6), "{}", said(&output));
    assert!(said(&output).contains("stale    line 1: fine"), "{}", said(&output));
    let output = kept.perform(&["baseline", "update", &path], "no", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(std::fs::read_to_string(kept.file()).unwrap().trim(), "");
    // What covers nothing that is played says nothing.
    std::fs::write(kept.file(), text.replace("NAME", "other")).unwrap();
    assert_eq!(kept.perform(&["run", &path], "no", &[]).status.code(), Some(0));
    assert!(said(&kept.perform(&["baseline", "show"], "no", &[])).contains("covers no case of the suite"));
}

#[test]
fn a_wrong_baseline_is_told_before_the_run() {
    let kept = Kept::new();
    std::fs::write(kept.file(), "[[known]]\nfacet = \"replay\"\n").unwrap();
    for verb in [&["run"][..], &["baseline", "show"], &["baseline", "update"]] {
        let output = kept.perform(verb, "no", &[]);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains("known.toml:2:9") && said(&output).contains("did you mean `reply`?"), "{}", said(&output));
    }
}

/// Plays the suite once, and demands that the built-in baseline knows all that failed, and that each entry taken out is missed.
async fn each_entry_counts(server: &str, settings: &[(&str, &str)]) {
    // Beside other tests a server that lists a thousand entries takes longer than the two seconds that silence needs.
    let options = ftpspec::run::Options { reply: std::time::Duration::from_secs(6), ..ftpspec::run::Options::default() };
    let (reports, _) = crate::play_suite(server, settings, options).await;
    let whole = ftpspec::run::baseline::built_in(server).unwrap().unwrap();
    let version = ftpspec::target::resolve(server, &owned(settings)).unwrap().version();
    let unknown = |left_out: Option<usize>| {
        let entries = whole.entries.iter().enumerate().filter(|(place, _)| Some(*place) != left_out).map(|(_, entry)| entry.clone());
        let baseline = Baseline { source: Arc::clone(&whole.source), entries: entries.collect() };
        let mut comparer = Comparer::new(Arc::new(baseline), version.clone(), ftpspec::run::today(), false);
        let mut unknown: Vec<String> = Vec::new();
        for report in &reports {
            let known = comparer.take(&report.case.id, &report.outcome, report.reason.as_deref());
            if known.is_none() && ftpspec::run::fails(report.outcome.verdict, false) {
                unknown.push(report.case.id.clone());
            }
        }
        unknown
    };
    assert_eq!(unknown(None), Vec::<String>::new(), "{server}");
    for (place, entry) in whole.entries.iter().enumerate().filter(|(_, entry)| !entry.sometimes) {
        let missed = unknown(Some(place));
        assert!(!missed.is_empty() && missed.iter().all(|id| entry.cases.covers(id)), "{server}: {}: {missed:?}", entry.id);
    }
}

fn owned(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_entry_of_libunftp_counts() {
    each_entry_counts("libunftp", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_entry_of_pyftpdlib_counts() {
    let Some(python) = crate::python() else { return };
    each_entry_counts("pyftpdlib", &[("python", &python)]).await;
}

/// Servers that the fast lane's machine may not have: `.ci/full` fetches them, and plays each on its own.
async fn each_entry_of_fetched_counts(server: &str, variable: &str, path: &str) {
    let Some(place) = crate::fetched(server, path) else { return };
    each_entry_counts(server, &[(variable, &place)]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "plays the suite on four more servers: .ci/full does it"]
async fn each_entry_of_the_other_libraries_counts() {
    each_entry_of_fetched_counts("aioftp", "python", "python/bin/python").await;
    each_entry_of_fetched_counts("twisted", "python", "python/bin/python").await;
    each_entry_of_fetched_counts("ftp-srv", "modules", "node/node_modules").await;
    each_entry_of_fetched_counts("rclone", "bin", "bin/rclone").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "plays the suite on six more servers, as root: .ci/full does it"]
async fn each_entry_of_the_daemons_counts() {
    for server in ["vsftpd", "proftpd", "pure-ftpd", "inetutils-ftpd", "linux-ftpd"] {
        each_entry_of_fetched_counts(server, "prefix", "debian").await;
    }
    each_entry_of_fetched_counts("busybox", "bin", "bin/busybox").await;
}
