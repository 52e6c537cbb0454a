//! The servers that are measured: started for a stage, with what the stage needs laid on their disks.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use tempfile::NamedTempFile;
use tokio::runtime::Handle;

use super::failure::Failure;
use super::measure;
use super::place::{BIG, Place, TEXT, directory_name, small_name};
use super::session::Session;
use super::workload::{Stage, Workload};
use crate::ftp::content::Content;
use crate::ftp::letter::Letters;
use crate::ftp::secret::Secret;
use crate::target::embedded::Embedded;
use crate::target::{self, Account, Instance, LaidFile, LaidNode, Settings, StartError, Target};

/// The name of the account and of its root.
const NAME: &str = "bench";
/// The profile of the embedded server in a process of its own.
const SERVED: &str = include_str!("served.toml");

/// A server that can be started, and what it is called.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it is called.
    pub label: String,
    /// The server.
    pub target: Arc<dyn Target>,
    /// What must stand behind `ftpspec bench` to get it again.
    pub arguments: String,
    /// It runs in this process, and takes of its descriptors.
    pub in_process: bool,
}

impl Entry {
    /// The embedded server in a process of its own, of this program; its cost can then be told from ours.
    ///
    /// # Errors
    /// Where its profile cannot be written.
    pub fn served(label: &str, program: &Path, arguments: String) -> Result<Self, StartError> {
        let io = |source| StartError::Io { what: "the profile of the embedded server".to_owned(), source };
        let mut file = tempfile::Builder::new().prefix("ftpspec-").suffix(".toml").tempfile().map_err(io)?;
        file.write_all(SERVED.as_bytes()).map_err(io)?;
        let version = Embedded::new().version().unwrap_or_default();
        let set = [("program".to_owned(), program.display().to_string()), ("version".to_owned(), version)];
        let target = target::resolve(&path(&file), &set)?;
        Ok(Self { label: label.to_owned(), target: Arc::from(target), arguments, in_process: false })
    }
}

fn path(file: &NamedTempFile) -> String {
    file.path().display().to_string()
}

/// A server that runs, and its account.
pub(super) struct Running {
    instance: Box<dyn Instance>,
    account: Account,
}

impl Running {
    /// Starts it, and lays what these workloads need.
    ///
    /// # Errors
    /// It does not start, or its disk refuses.
    pub(super) fn start(runtime: &Handle, entry: &Entry, like: &Place, workloads: &[Workload]) -> Result<(Self, Place), Failure> {
        let account = account(&*entry.target);
        let started = runtime.block_on(entry.target.start(&Settings::default(), std::slice::from_ref(&account)));
        let instance = started.map_err(|error| Failure::Machine(error.to_string()))?;
        let place = Place {
            address: instance.address(),
            account: account.clone(),
            disk: instance.disk(),
            pid: instance.process(),
            eol: entry.target.facilities().eol,
            ..like.clone()
        };
        let running = Self { instance, account };
        match running.lay(&place, workloads) {
            Ok(()) => Ok((running, place)),
            Err(failure) => {
                running.stop(runtime);
                Err(failure)
            }
        }
    }

    fn lay(&self, place: &Place, workloads: &[Workload]) -> Result<(), Failure> {
        let files = files(place, workloads);
        place.disk.lay(&self.account.root, &files).map_err(|error| Failure::machine("the files that are to be measured", &error))?;
        // A directory of 100,000 files is made only where it can be listed.
        if workloads.iter().any(|workload| workload.stage() == Stage::Directory) {
            let mut session = Session::connect(place.address, &place.patience)?;
            session.login(&place.account)?;
            let answer = session.ask("MLST")?;
            session.quit();
            if matches!(answer.code, Some(500 | 502)) {
                return Ok(());
            }
            let entries = workloads.iter().filter_map(|workload| workload.entries()).max().unwrap_or(0);
            let directory = directory(entries);
            // A root can be laid once.
            place.disk.remove(&self.account.root).map_err(|error| Failure::machine("the server's disk", &error))?;
            place.disk.lay(&self.account.root, &directory).map_err(|error| Failure::machine("a directory of many files", &error))?;
        }
        Ok(())
    }

    /// Why it is no longer there.
    pub(super) fn died(&self) -> Option<String> {
        self.instance.died()
    }

    /// The last lines of its log.
    pub(super) fn log(&self) -> String {
        let log = self.instance.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(3)..].join(" / ")
    }

    /// Ends it; says what is left.
    pub(super) fn stop(self, runtime: &Handle) -> Vec<String> {
        runtime.block_on(self.instance.stop(false))
    }
}

/// An account of our own, or the best that the server has.
fn account(target: &dyn Target) -> Account {
    let best = target.guests().and_then(|guests| guests.iter().max_by_key(|guest| guest.letters.iter().count()));
    match best {
        None => Account {
            name: NAME.to_owned(),
            password: Secret::new(std::iter::repeat_with(fastrand::alphanumeric).take(12).collect::<String>()),
            letters: Letters::ALL,
            anonymous: false,
            root: NAME.to_owned(),
            directory: Vec::new(),
        },
        Some(guest) => {
            let root = format!("{}{NAME}", guest.prefix);
            Account {
                name: guest.name.clone(),
                password: guest.password.clone(),
                letters: guest.letters,
                anonymous: guest.anonymous,
                directory: [&guest.directory, b"/".as_slice(), root.as_bytes()].concat(),
                root,
            }
        }
    }
}

/// What workloads need.
fn files(place: &Place, workloads: &[Workload]) -> Vec<LaidFile> {
    let needs = |some: &[Workload]| some.iter().any(|workload| workloads.contains(workload));
    let mut files = Vec::new();
    if needs(&[Workload::Retr, Workload::RetrBare, Workload::Resume, Workload::RetrIdle]) {
        files.push(laid(BIG, place.big()));
    }
    if needs(&[Workload::Ascii, Workload::Image]) {
        files.push(laid(TEXT, place.text(place.eol)));
    }
    if needs(&[Workload::RetrMany]) {
        files.push(laid(measure::SHARED, place.many()));
    }
    let small = if needs(&[Workload::RetrSmall]) {
        place.settings.files
    } else {
        u64::from(needs(&[Workload::Pasv, Workload::Epsv, Workload::Port, Workload::Size, Workload::Soak]))
    };
    files.extend((0..small).map(|index| laid(&small_name(index), place.small(index))));
    for workload in workloads.iter().filter(|workload| workload.stage() != Stage::Directory) {
        files.extend(workload.entries().into_iter().flat_map(directory));
    }
    files
}

/// A directory of so many empty files.
fn directory(entries: usize) -> Vec<LaidFile> {
    (0..entries).map(|index| laid(&format!("{}/f{index:06}", directory_name(entries)), Content::literal(*b""))).collect()
}

fn laid(path: &str, content: Content) -> LaidFile {
    LaidFile { path: path.as_bytes().to_vec(), node: LaidNode::File(content), mtime: None, mode: None }
}
