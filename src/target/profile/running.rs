//! A server program that runs: when it is ready, where it is, how it ends.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tempfile::TempDir;
use tokio::time::{Instant, timeout_at};

use super::file::Stop;
use super::process::Process;
use crate::target::disk::HostDisk;
use crate::target::log::Log;
use crate::target::{Disk, Instance};
use crate::wire::control::{Connect, ControlConnection, Received};

/// How often is asked whether a server listens that was given its port: nothing tells when it does.
const AGAIN: Duration = Duration::from_millis(5);

/// How long a server that is ready may take for the goodbye to the connection that asked.
const GOODBYE: Duration = Duration::from_secs(1);

/// An instance. What is dropped first is what could still write into what is dropped later.
pub(super) struct Running {
    pub(super) process: Process,
    pub(super) stop: Stop,
    pub(super) v4: SocketAddr,
    pub(super) v6: Option<SocketAddr>,
    pub(super) log: Log,
    pub(super) disk: Arc<HostDisk>,
    pub(super) state: TempDir,
}

#[async_trait]
impl Instance for Running {
    fn address(&self) -> SocketAddr {
        self.v4
    }

    fn address_v6(&self) -> Option<SocketAddr> {
        self.v6
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk) as Arc<dyn Disk>
    }

    fn log(&self) -> String {
        self.log.text()
    }

    fn process(&self) -> Option<u32> {
        Some(self.process.id)
    }

    fn died(&self) -> Option<String> {
        self.process.ended()
    }

    async fn stop(self: Box<Self>, keep: bool) -> Vec<String> {
        let Self { mut process, stop, disk, state, .. } = *self;
        process.stop(stop.signal, stop.grace).await;
        // The keeper goes too, before what the server could write to.
        drop(process);
        let path = state.path().to_owned();
        let closed = tokio::task::spawn_blocking(move || {
            let state = state.close().err().map(|error| format!("{} could not be removed: {error}", path.display()));
            disk.close(keep).into_iter().chain(state).collect()
        });
        closed.await.unwrap_or_else(|error| vec![format!("the server's directories: {error}")])
    }
}

/// Waits until a server greets, on the port that it was given or else on the one that it says; tells where it listens, on
/// 127.0.0.1 and perhaps on ::1.
///
/// # Errors
/// In words, why it is not ready: it ended, said nothing, or greets with something else than 220.
pub(super) async fn ready(
    process: &mut Process,
    given: Option<u16>,
    deadline: Duration,
) -> Result<(SocketAddr, Option<SocketAddr>), String> {
    let end = Instant::now() + deadline;
    let mut over = process.over();
    let greeted = tokio::select! {
        // What it said counts before that it ended.
        biased;
        ready = async {
            if let Some(port) = given {
                return listening(port, deadline).await;
            }
            let (v4, v6) = timeout_at(end, told(process)).await.map_err(|_| format!("it did not say its port within {deadline:?}"))??;
            match greeted(v4, end).await? {
                None => Ok((v4, v6)),
                Some(reason) => Err(format!("it said that it listens on {v4}, but: {reason}")),
            }
        } => ready,
        _ = over.wait_for(Option::is_some) => Err(String::new()),
    };
    match (greeted, process.ended()) {
        (Ok(addresses), None) => Ok(addresses),
        // Why it ended says more than what that looks like from here.
        (Ok(_) | Err(_), Some(_)) => Err(process.end().await),
        (Err(why), None) => Err(why),
    }
}

/// Reads its lines up to the one that says its port on 127.0.0.1.
async fn told(process: &mut Process) -> Result<(SocketAddr, Option<SocketAddr>), String> {
    let mut v6 = None;
    while let Some(line) = process.lines.recv().await {
        let port = |number: &str| number.trim().parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(|| format!("it said {line:?}"));
        if let Some(number) = line.strip_prefix("port6 ") {
            v6 = Some(SocketAddr::from((Ipv6Addr::LOCALHOST, port(number)?)));
        } else if let Some(number) = line.strip_prefix("port ") {
            return Ok((SocketAddr::from((Ipv4Addr::LOCALHOST, port(number)?)), v6));
        }
    }
    // Its output is closed: nearly always because it ends, which then is what is told.
    let mut over = process.over();
    let _ = over.wait_for(Option::is_some).await;
    Err("it closed its output and did not say its port".to_owned())
}

/// Calls a server at the port that it was given until it greets there.
async fn listening(port: u16, deadline: Duration) -> Result<(SocketAddr, Option<SocketAddr>), String> {
    let end = Instant::now() + deadline;
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    while let Some(reason) = greeted(v4, end).await? {
        if Instant::now() + AGAIN > end {
            return Err(format!("it was given port {port}, and within {deadline:?} does not listen there: {reason}"));
        }
        tokio::time::sleep(AGAIN).await;
    }
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    // Where it listens on one address only, that is its choice.
    let both = greeted(v6, end).await.is_ok_and(|unreached| unreached.is_none());
    Ok((v4, both.then_some(v6)))
}

/// Waits for a greeting, and says goodbye; gives the reason where nobody could be reached.
async fn greeted(address: SocketAddr, end: Instant) -> Result<Option<String>, String> {
    let left = || end.saturating_duration_since(Instant::now());
    let mut control = match ControlConnection::connect(address, left()).await {
        Ok(Connect::Open(control)) => control,
        Ok(Connect::Failed { reason }) => return Ok(Some(reason)),
        Err(error) => return Err(error.to_string()),
    };
    let waited = left();
    match control.read_reply(waited).await {
        Received::Reply(reply) if reply.code == Some(220) => {
            control.send(b"QUIT\r\n", GOODBYE).await;
            // Whatever it says to that: the session should be over before the first case.
            control.read_reply(GOODBYE).await;
            Ok(None)
        }
        Received::Reply(reply) => Err(format!("it greets with \"{}\" instead of a 220", reply.raw.trim_ascii_end().escape_ascii())),
        Received::Silence { .. } => Err(format!("it listens on {address}, but does not greet within {waited:.1?}")),
        Received::Ended { .. } => Err(format!("it listens on {address}, but closes the connection without a greeting")),
        Received::Flood { .. } => Err(format!("it listens on {address}, but its greeting has no end")),
    }
}
