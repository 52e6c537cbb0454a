//! `explore` accuses nobody who is right, and finds planted bugs with short sequences that a scenario file shows again.

use std::sync::Arc;
use std::time::Duration;

use ftpspec::explore::event::{Finding, Proof, Summary};
use ftpspec::explore::strategy::Topic;
use ftpspec::explore::{Options, explore};
use ftpspec::reference::Bug;
use ftpspec::target::reference::Reference;
use tokio::sync::{mpsc, watch};

/// Bugs that must be found within a minute, and shrunk to so few steps.
const PLANTED: [Bug; 44] = [
    Bug::RestOffByOne,
    Bug::ResumeLosesByte,
    Bug::ShortAtBorder,
    Bug::CrlfSplitUpload,
    Bug::CrlfSplitDownload,
    Bug::RenameEmpties,
    Bug::RestStaleAfterFailure,
    Bug::UploadsMixed,
    Bug::LetterDeleAfterCwd,
    Bug::AppeOverwrites,
    Bug::StorKeepsTail,
    Bug::StorLosesTail,
    Bug::RestIgnoredRetr,
    Bug::RestIgnoredStor,
    Bug::RestStorZeros,
    Bug::RestStorHole,
    Bug::RestKept,
    Bug::RestPastEndWhole,
    Bug::AsciiDownloadRaw,
    Bug::AsciiUploadRaw,
    Bug::ImageConverted,
    Bug::TypeResetByList,
    Bug::ShortLastBlock,
    Bug::ByteFlipped,
    Bug::CutUploadDone,
    Bug::DeleLies,
    Bug::RmdLies,
    Bug::MkdLies,
    Bug::RenameKeepsSource,
    Bug::CwdFailedMoves,
    Bug::CdupRoot,
    Bug::PwdQuotes,
    Bug::NamesTrimmed,
    Bug::NamesMangled,
    Bug::SizeOff,
    Bug::MlstSize,
    Bug::MlsdDropsLast,
    Bug::NlstDropsLast,
    Bug::LetterStorRest,
    Bug::LetterRetr,
    Bug::DeniedStorTruncates,
    Bug::DeniedDeleDeletes,
    Bug::AborOnly226,
    Bug::NoDone,
];
const STEPS: usize = 8;

async fn explored(bugs: Vec<Bug>, options: Options) -> Summary {
    let (events, _told) = mpsc::unbounded_channel();
    let (_never, interrupt) = watch::channel(false);
    explore(Arc::new(Reference::new(bugs)), options, interrupt, events).await
}

async fn first(bug: Bug, topics: &[Topic]) -> Result<Finding, String> {
    let options = Options { findings: 1, topics: topics.to_vec(), seed: 1, ..Options::default() };
    let summary = explored(vec![bug], options).await;
    // PWD's quotes are a SHOULD.
    let shown = summary.findings.iter().find(|finding| matches!(finding.proof, Proof::Shown | Proof::Deviation));
    shown.cloned().ok_or_else(|| format!("{} is not found in {} operations: {:?}", bug.name(), summary.coverage.total(), summary.findings))
}

fn steps(finding: &Finding) -> Vec<String> {
    finding.steps.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correct_server_is_not_accused_and_is_explored() {
    let summary = explored(Vec::new(), Options { cases: Some(48), time: None, seed: 5, ..Options::default() }).await;
    assert!(summary.findings.is_empty(), "{:#?}", summary.findings);
    assert_eq!((summary.cases, summary.not_started, summary.left), (48, None, Vec::new()));
    assert!(summary.coverage.operations.len() > 35 && summary.coverage.total() > 1000, "{:?}", summary.coverage);
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_bugs_are_shrunk_to_the_smallest_that_shows_them() {
    let found = steps(&first(Bug::RestOffByOne, &[Topic::Resume]).await.unwrap());
    assert!(found.last().unwrap().starts_with("1: REST 1, RETR "), "{found:?}");
    assert!(found.len() <= 2, "{found:?}");
    let found = steps(&first(Bug::ShortAtBorder, &[Topic::Transfer]).await.unwrap());
    assert_eq!(found, ["1: STOR a bytes(64KiB, seed 1)", "1: RETR a"]);
    let found = steps(&first(Bug::RenameEmpties, &[Topic::Tree]).await.unwrap());
    assert!(found.len() <= 2 && found.last().unwrap().contains("RNTO"), "{found:?}");
    let found = first(Bug::LetterRetr, &[Topic::Letters]).await.unwrap();
    assert!(found.scenario.as_ref().unwrap().contains("\ncontrol\n"), "{found:#?}");
}

/// The same seed draws the same cases.
#[tokio::test(flavor = "multi_thread")]
async fn a_seed_repeats_a_run() {
    let options = || Options { cases: Some(6), time: None, seed: 9, jobs: 1, ..Options::default() };
    let (one, two) = (explored(Vec::new(), options()).await, explored(Vec::new(), options()).await);
    assert_eq!(one.coverage.operations, two.coverage.operations);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "up to a minute for each bug: .ci/full does it with the release build"]
async fn explore_finds_each_of_these_plants() {
    let (mut missed, mut found) = (Vec::new(), 0);
    for bug in PLANTED {
        match first(bug, &[]).await {
            Ok(finding) if finding.after <= Duration::from_secs(60) && finding.steps.len() <= STEPS => {
                found += 1;
                println!(
                    "{:<26} {:>5.1} s  {} steps: {}",
                    bug.name(),
                    finding.after.as_secs_f64(),
                    finding.steps.len(),
                    steps(&finding).join("; ")
                );
            }
            Ok(finding) => missed.push(format!("{}: {} steps after {:?}", bug.name(), finding.steps.len(), finding.after)),
            Err(told) => missed.push(told),
        }
    }
    println!("found {found} of {} planted", PLANTED.len());
    assert!(missed.is_empty(), "{missed:#?}");
}

/// The line that a user is given to play a finding again does what explore saw: the file fails by the same requirement, and
/// the server without the bug passes it.
#[test]
fn the_command_of_a_finding_shows_it_again() {
    for (bug, topic) in [(Bug::RestOffByOne, "resume"), (Bug::RenameEmpties, "tree"), (Bug::UploadsMixed, "sessions")] {
        let folder = tempfile::tempdir().unwrap();
        let program = |line: &str| {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ftpspec"));
            let output = command.args(line.split(' ')).current_dir(folder.path()).output().unwrap();
            (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let server = format!("--server reference --set broken={}", bug.name());
        let (code, told) = program(&format!("explore {server} --topic {topic} --seed 1 --findings 1 --out found"));
        assert_eq!(code, Some(1), "{told}");
        let word = |label: &str| told.lines().find_map(|line| line.trim_start().strip_prefix(label)).unwrap().trim().to_owned();
        let requirement = word("clause").rsplit(' ').next().unwrap().to_owned();
        let again = word("again").strip_prefix("ftpspec ").unwrap().to_owned();
        assert!(again.ends_with(&server), "{again}");
        let (code, shown) = program(&again);
        assert_eq!(code, Some(1), "{shown}");
        assert!(shown.contains(&format!("  {requirement}\n")), "{requirement}: {shown}");
        let (code, shown) = program(&again.replace(&server, "--server reference"));
        assert_eq!(code, Some(0), "{shown}");
    }
}
