//! `explore` accuses nobody who is right, and finds planted bugs with short sequences that a scenario file shows again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ftpspec::explore::event::{Finding, Proof, Summary};
use ftpspec::explore::operation::Operation;
use ftpspec::explore::source::Source;
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
    println!("{:<26} {:>8} {:>8} {:>6}  shortest", "plant", "found s", "shown s", "bytes");
    for bug in PLANTED {
        let begun = Instant::now();
        let finding = match first(bug, &[]).await {
            Ok(finding) => finding,
            Err(told) => {
                missed.push(told);
                continue;
            }
        };
        let shown = begun.elapsed();
        let bytes: u64 = finding.steps.iter().flat_map(Operation::sources).map(Source::len).sum();
        println!(
            "{:<26} {:>8.1} {:>8.1} {bytes:>6}  {}",
            bug.name(),
            finding.after.as_secs_f64(),
            shown.as_secs_f64(),
            steps(&finding).join("; ")
        );
        if finding.after > Duration::from_secs(60) || finding.steps.len() > STEPS || bytes > smallest(bug) {
            missed.push(format!("{}: {} steps and {bytes} bytes after {:?}", bug.name(), finding.steps.len(), finding.after));
        } else {
            found += 1;
        }
    }
    println!("found {found} of {} planted", PLANTED.len());
    assert!(missed.is_empty(), "{missed:#?}");
}

/// How many bytes must be uploaded, all in all, to show a bug; of those that show with hardly any, a few.
const fn smallest(bug: Bug) -> u64 {
    match bug {
        Bug::ShortAtBorder => 1 << 16,
        Bug::ByteFlipped => (1 << 16) + 1,
        Bug::CrlfSplitUpload => 8191 + 2,
        Bug::CrlfSplitDownload => 8192 + 2,
        _ => 6,
    }
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

/// Where RETR under TYPE A converts nothing, SIZE tells the file's own size and is right: it is not asked, and that is said.
#[test]
fn size_under_type_a_is_left_out_where_nothing_is_converted() {
    for (server, left_out) in [("libunftp", true), ("reference", false)] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ftpspec"));
        let output = command.args(["explore", "--server", server, "--cases", "1"]).current_dir(folder.path()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(told.contains("exploring"), "{told}");
        assert_eq!(told.contains("without SIZE under TYPE A"), left_out, "{told}");
    }
}
