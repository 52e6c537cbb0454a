//! A program as a child: started, read along, noticed when it ends, stopped with all that it started.
//!
//! Responsible for processes and their output. Does not know what the program does.
//!
//! **Nothing outlives us.** Each program runs in a process group of its own, whose leader is a keeper: a shell that waits for
//! the end of a pipe that only we hold, and then kills the group. However we end, by a signal that cannot be caught too, the
//! kernel closes that pipe. The keeper is there before the program, so there is no moment in between; and as long as it is
//! there, the group's number is nobody else's. (A signal at the parent's death, PR_SET_PDEATHSIG, would be lost where a
//! program changes its user, would not reach the program's children, and comes already at the death of the thread that
//! started it.) A daemon leaves its group; so each program and all its children carry a mark in their environment, by which
//! they are found (Linux: `/proc`). One that leaves the group *and* empties its environment is lost.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use rustix::process::{Pid, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::file::Signal;
use crate::target::log::Log;

/// What the keeper does; signals that a terminal or a stop sends to its group are not for it.
const KEEPER: &str = "trap '' HUP INT QUIT TERM; while read -r line; do :; done; \
    for place in $(grep -l \"$1\" /proc/[0-9]*/environ 2>/dev/null); do place=${place#/proc/}; kill -KILL ${place%/environ}; done; kill -KILL 0";
/// The variable that marks a program and its children.
const MARK: &str = "FTPSPEC_GROUP";
/// So often those with the mark are looked for: one that is found late may have had a child meanwhile.
const HUNTS: usize = 5;
/// Bytes of a line of output that are kept together.
const LINE: u64 = 64 << 10;
/// How long is waited for the last words of a program that ended: a child of it may hold its output open.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A process group that is killed when this is dropped, and when our process ends.
#[derive(Debug)]
pub(super) struct Group {
    keeper: std::process::Child,
    mark: String,
}

impl Group {
    pub(super) fn new() -> io::Result<Self> {
        let mark = std::iter::repeat_with(fastrand::alphanumeric).take(20).collect::<String>();
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", KEEPER, "keeper", &mark]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Ok(Self { keeper: command.spawn()?, mark })
    }

    /// Its number.
    fn id(&self) -> i32 {
        i32::try_from(self.keeper.id()).expect("the system's process numbers are positive and of this type")
    }

    /// Puts a program into the group.
    fn take(&self, command: &mut std::process::Command) {
        command.env(MARK, &self.mark).process_group(self.id());
    }

    fn kill(&self) {
        // That nobody is left is what is wanted.
        if let Some(group) = Pid::from_raw(self.id()) {
            let _ = kill_process_group(group, rustix::process::Signal::KILL);
        }
        for _ in 0..HUNTS {
            let hidden = marked(&self.mark);
            if hidden.is_empty() {
                return;
            }
            for pid in hidden {
                let _ = kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        // Killed, it is over at once.
        let _ = self.keeper.wait();
    }
}

/// The processes with this mark in their environment that are no zombies: those have none.
fn marked(mark: &str) -> Vec<Pid> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let has = |number: &i32| {
        let environment = std::fs::read(format!("/proc/{number}/environ")).unwrap_or_default();
        environment.windows(mark.len()).any(|window| window == mark.as_bytes())
    };
    numbers.filter(has).filter_map(Pid::from_raw).collect()
}

/// A program that was started.
pub(super) struct Process {
    group: Group,
    /// Its number; another's, perhaps, once it has ended.
    pub(super) id: u32,
    /// Why it ended, once it has.
    ended: watch::Receiver<Option<String>>,
    stop: Option<oneshot::Sender<(Signal, Duration)>>,
    readers: Vec<JoinHandle<()>>,
    /// The lines of its standard output.
    pub(super) lines: mpsc::UnboundedReceiver<String>,
}

impl Process {
    /// Starts a program in a group of its own; what it writes goes to the log. To be called within a runtime.
    ///
    /// # Errors
    /// What the system says, like that there is no such program.
    pub(super) fn spawn(mut command: std::process::Command, log: &Log) -> io::Result<Self> {
        let group = Group::new()?;
        group.take(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Command::from(command).kill_on_drop(true).spawn()?;
        // It has one, as nobody has waited for it.
        let id = child.id().unwrap_or_default();
        let (tell, lines) = mpsc::unbounded_channel();
        let stdout = child.stdout.take().map(|out| tokio::spawn(read(out, log.clone(), Some(tell))));
        let stderr = child.stderr.take().map(|out| tokio::spawn(read(out, log.clone(), None)));
        let (over, ended) = watch::channel(None);
        let (stop, asked) = oneshot::channel();
        tokio::spawn(watch_over(child, asked, over));
        Ok(Self { group, id, ended, stop: Some(stop), readers: stdout.into_iter().chain(stderr).collect(), lines })
    }

    /// Why it ended, if it did.
    pub(super) fn ended(&self) -> Option<String> {
        self.ended.borrow().clone()
    }

    /// Tells when it ends, and why.
    pub(super) fn over(&self) -> watch::Receiver<Option<String>> {
        self.ended.clone()
    }

    /// Waits for its end and its last words.
    pub(super) async fn end(&mut self) -> String {
        let why = self.ended.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        self.last_words().await;
        why.unwrap_or_else(|| "it ended unwatched".to_owned())
    }

    /// Asks it to end, waits at most `grace`, then kills what is left of it and of its children.
    pub(super) async fn stop(&mut self, signal: Signal, grace: Duration) {
        if let Some(stop) = self.stop.take() {
            // Refused where it has ended.
            let _ = stop.send((signal, grace));
        }
        let _ = self.ended.wait_for(Option::is_some).await;
        self.group.kill();
        self.last_words().await;
    }

    async fn last_words(&mut self) {
        for reader in std::mem::take(&mut self.readers) {
            let abort = reader.abort_handle();
            if timeout(LAST_WORDS, reader).await.is_err() {
                abort.abort();
            }
        }
    }
}

/// Waits for the end of a child, and ends it where that is asked. Only here it is waited for, so that its number is its own
/// when it is sent a signal.
async fn watch_over(mut child: Child, asked: oneshot::Receiver<(Signal, Duration)>, over: watch::Sender<Option<String>>) {
    let asked = tokio::select! {
        status = child.wait() => Err(status),
        // Without one who could ask, the child goes as this task does.
        asked = asked => Ok(asked.unwrap_or((Signal::Kill, Duration::ZERO))),
    };
    let status = match asked {
        Err(status) => status,
        Ok((signal, grace)) => {
            if let Some(pid) = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
                // That it has just ended is what is wanted.
                let _ = kill_process(pid, number(signal));
            }
            match timeout(grace, child.wait()).await {
                Ok(status) => status,
                Err(_) => child.kill().await.and(child.wait().await),
            }
        }
    };
    over.send_replace(Some(status.map_or_else(|error| format!("it cannot be waited for: {error}"), words)));
}

/// How a program ended.
fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it exited with code {code}"),
        (None, Some(signal)) => format!("it was killed by signal {signal}"),
        (None, None) => "it ended".to_owned(),
    }
}

const fn number(signal: Signal) -> rustix::process::Signal {
    match signal {
        Signal::Term => rustix::process::Signal::TERM,
        Signal::Int => rustix::process::Signal::INT,
        Signal::Quit => rustix::process::Signal::QUIT,
        Signal::Kill => rustix::process::Signal::KILL,
    }
}

/// Reads lines to the log, and to who wants them, up to the end.
async fn read(from: impl AsyncRead + Unpin, log: Log, tell: Option<mpsc::UnboundedSender<String>>) {
    let mut from = BufReader::new(from);
    let mut bytes = Vec::new();
    while matches!((&mut from).take(LINE).read_until(b'\n', &mut bytes).await, Ok(1..)) {
        let line = String::from_utf8_lossy(&bytes);
        log.note(&line);
        if let Some(tell) = &tell {
            // Nobody listens once all is said.
            let _ = tell.send(line.trim_end().to_owned());
        }
        bytes.clear();
    }
}

/// Runs a command up to its end and gives what it wrote. Blocks.
///
/// # Errors
/// What the system says; a timeout where it does not end in time, and is killed.
pub(super) fn ask(mut command: std::process::Command, deadline: Duration) -> io::Result<Output> {
    let group = Group::new()?;
    group.take(&mut command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn()?;
    let (tell, told) = std::sync::mpsc::channel();
    // Killed, the command's output ends, and with it the thread.
    std::thread::spawn(move || tell.send(child.wait_with_output()));
    match told.recv_timeout(deadline) {
        Ok(output) => output,
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> std::process::Command {
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    /// Whether a process is there and no zombie.
    fn lives(pid: &str) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        state.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with(['Z', 'X']))
    }

    async fn gone(pid: &str) {
        let waited = timeout(Duration::from_secs(10), async {
            while lives(pid) {
                tokio::task::yield_now().await;
            }
        });
        assert!(waited.await.is_ok(), "{pid} is still there");
    }

    async fn next(process: &mut Process) -> String {
        timeout(Duration::from_secs(10), process.lines.recv()).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn an_end_is_noticed_and_told() {
        let check = async |script: &str, expect: &str| {
            let log = Log::new(Vec::new());
            let mut process = Process::spawn(shell(script), &log).unwrap();
            assert_eq!(process.end().await, expect);
            assert_eq!(process.ended().as_deref(), Some(expect));
            assert_eq!(log.text(), "last words\n");
        };
        check("echo last words >&2; exit 3", "it exited with code 3").await;
        check("echo last words; kill -KILL $$", "it was killed by signal 9").await;
    }

    #[tokio::test]
    async fn a_stop_asks_first_and_then_kills_children_too() {
        let log = Log::new(Vec::new());
        let mut polite = Process::spawn(shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"), &log).unwrap();
        assert_eq!(next(&mut polite).await, "ready");
        polite.stop(Signal::Term, Duration::from_secs(10)).await;
        assert!(log.text().contains("bye") && polite.ended().unwrap().contains("code 0"), "{}", log.text());
        let mut deaf = Process::spawn(shell("trap '' TERM; sleep 1000 & echo $!; echo $$; wait; sleep 1000"), &log).unwrap();
        let pids = [next(&mut deaf).await, next(&mut deaf).await];
        deaf.stop(Signal::Term, Duration::from_millis(50)).await;
        for pid in pids {
            gone(&pid).await;
        }
    }

    #[tokio::test]
    async fn one_that_hides_is_found() {
        // As daemons do: a session of its own, and nobody who waits for it.
        let hides = "setsid sh -c 'echo $$; exec sleep 1000' & sleep 1000";
        let mut stopped = Process::spawn(shell(hides), &Log::new(Vec::new())).unwrap();
        let pid = next(&mut stopped).await;
        assert!(lives(&pid));
        stopped.stop(Signal::Kill, Duration::ZERO).await;
        gone(&pid).await;
        let mut killed = Process::spawn(shell(hides), &Log::new(Vec::new())).unwrap();
        let pid = next(&mut killed).await;
        // What the kernel does when our process is killed.
        drop(killed.group.keeper.stdin.take());
        gone(&pid).await;
    }

    #[tokio::test]
    async fn one_that_is_only_dropped_ends_with_its_children() {
        let mut process = Process::spawn(shell("sleep 1000 & echo $!; echo $$; wait"), &Log::new(Vec::new())).unwrap();
        let pids = [next(&mut process).await, next(&mut process).await];
        assert!(pids.iter().all(|pid| lives(pid)));
        drop(process);
        for pid in pids {
            gone(&pid).await;
        }
    }

    #[tokio::test]
    async fn the_end_of_the_pipe_is_the_end_of_the_group() {
        let mut process =
            Process::spawn(shell("trap '' HUP INT TERM; echo $$; while :; do sleep 1000; done"), &Log::new(Vec::new())).unwrap();
        let pid = next(&mut process).await;
        // What the kernel does when our process is killed.
        drop(process.group.keeper.stdin.take());
        assert_eq!(timeout(Duration::from_secs(10), process.end()).await.unwrap(), "it was killed by signal 9");
        gone(&pid).await;
    }

    #[test]
    fn a_command_that_does_not_end_is_killed() {
        assert_eq!(ask(shell("echo 1; echo 2 >&2"), Duration::from_secs(10)).unwrap().stdout, b"1\n");
        assert_eq!(ask(shell("sleep 1000"), Duration::from_millis(50)).unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(ask(std::process::Command::new("/nowhere/at-all"), Duration::from_secs(1)).is_err());
    }
}
