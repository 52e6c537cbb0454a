//! The embedded server for people: directories of this machine, an address of the user's, and an end that lets transfers end.

use std::net::SocketAddr;
use std::path::{Component, Path};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cap_std::fs::Dir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};

use super::super::listen::listen;
use super::super::log;
use super::super::service::{Ending, GOODBYE, Served, Service, Serving, What, Witness, begun, no_address};
use super::super::{Account, Settings, StartError};
use super::{Embedded, STOP, Shared, raise_descriptor_limit, serve};
use crate::ftp::letter::{Letter, Letters};

/// The directory that holds all roots.
const TOP: &str = "/";

impl Embedded {
    /// Serves directories.
    ///
    /// # Errors
    /// An address that cannot be had, accounts that share a name, or a root that is none.
    pub fn serve(&self, service: &Service) -> Result<Box<dyn Serving>, StartError> {
        raise_descriptor_limit();
        log::note_panics();
        let accounts = service.accounts.iter().map(below_top).collect::<Result<Vec<_>, _>>()?;
        let settings = Settings { passive_ports: service.passive_ports.clone(), ..self.defaults.clone() };
        let io = |what: &str| {
            let what = what.to_owned();
            move |source| StartError::Io { what, source }
        };
        let top = Dir::open_ambient_dir(TOP, cap_std::ambient_authority()).map_err(io(TOP))?;
        let shared = Arc::new(Shared::new(&settings, &accounts, top, Path::new(TOP), Some(Arc::clone(&service.tell)))?);
        let runtime = shared.runtime().map_err(io("the threads of libunftp"))?;
        let listening = {
            let _entered = runtime.enter();
            listen(service.listen)
        };
        let (listener, address) = match listening {
            Ok(listening) => listening,
            Err(error) => {
                // A runtime must not be dropped where blocking is not allowed.
                runtime.shutdown_background();
                return Err(no_address(service.listen)(error));
            }
        };
        let (end, ending) = watch::channel(None);
        let accepting = runtime.spawn(accept(listener, shared, ending));
        Ok(Box::new(Running { address, end, accepting: Some(accepting), runtime: Some(runtime) }))
    }

    /// What libunftp lets a user do without these letters, or not do with them: a sentence each.
    #[must_use]
    pub fn unenforced(letters: Letters) -> Vec<&'static str> {
        let mut said = Vec::new();
        if !letters.has(Letter::Enter) {
            said.push("libunftp refuses CWD without `e`, but not CDUP");
        }
        if letters.has(Letter::Rename) && !letters.has(Letter::List) {
            said.push("libunftp answers SIZE, MDTM and MLST also without `l`, to a user with `f`");
        }
        if letters.has(Letter::List) && !letters.has(Letter::Rename) {
            said.push("libunftp answers RNFR also without `f`, to a user with `l`; RNTO it refuses");
        }
        if letters.has(Letter::ChangeTime) {
            said.push("libunftp has no MFMT, so `T` allows nothing");
        }
        said
    }
}

/// An account as the sessions know it: its root is a path below [`TOP`].
fn below_top(served: &Served) -> Result<Account, StartError> {
    let wrong = |what: &str| StartError::Setting(format!("the root {} {what}", served.root.display()));
    if !served.root.is_absolute() || served.root.components().any(|part| part == Component::ParentDir) {
        return Err(wrong("is not absolute"));
    }
    let root = served.root.strip_prefix(TOP).map_err(|_| wrong("is not absolute"))?;
    let root = root.to_str().ok_or_else(|| wrong("is not UTF-8"))?;
    let root = if root.is_empty() { "." } else { root }.to_owned();
    Ok(Account { root, ..served.account.clone() })
}

struct Running {
    address: SocketAddr,
    end: watch::Sender<Ending>,
    accepting: Option<JoinHandle<usize>>,
    runtime: Option<Runtime>,
}

#[async_trait]
impl Serving for Running {
    fn address(&self) -> SocketAddr {
        self.address
    }

    async fn stop(mut self: Box<Self>, grace: Duration) -> Vec<String> {
        self.end.send_replace(Some(Instant::now() + grace));
        let mut left = Vec::new();
        if let Some(accepting) = self.accepting.take() {
            match accepting.await {
                Ok(0) => {}
                Ok(cut) => left.push(format!("{cut} of the transfers under way were cut off")),
                Err(error) => left.push(format!("libunftp did not stop: {error}")),
            }
        }
        if let Some(runtime) = self.runtime.take() {
            let ended = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(STOP)).await;
            left.extend(ended.err().map(|error| format!("libunftp did not stop: {error}")));
        }
        left
    }
}

impl Drop for Running {
    /// A runtime must not be dropped where blocking is not allowed.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Lets clients in until the end begins, and waits for those who are in; says how many transfers were cut off.
async fn accept(listener: TcpListener, shared: Arc<Shared>, mut ending: watch::Receiver<Ending>) -> usize {
    let mut sessions = JoinSet::new();
    let endings = ending.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    let witness = Witness::new(shared.tell.clone(), peer);
                    let session = serve(Arc::clone(&shared), socket, Arc::clone(&witness));
                    let ending = endings.clone();
                    sessions.spawn(async move {
                        tokio::select! {
                            () = session => false,
                            cut = over(&witness, ending) => cut,
                        }
                    });
                }
                Err(error) => {
                    shared.log.note(&format!("ERRO accept: {error}"));
                    // Out of descriptors: no event tells when there are some again.
                    sleep(Duration::from_millis(20)).await;
                }
            },
            Some(_) = sessions.join_next(), if !sessions.is_empty() => {}
            _ = begun(&mut ending) => break,
        }
    }
    drop(listener);
    let mut cut = 0;
    while let Some(ended) = sessions.join_next().await {
        cut += usize::from(ended.unwrap_or(false));
    }
    cut
}

/// Waits for the moment at which a session is to be closed: at once where it does nothing, a little behind its last transfer, or
/// when the grace is over. Says whether that cuts a transfer off.
async fn over(witness: &Arc<Witness>, mut ending: watch::Receiver<Ending>) -> bool {
    let until = begun(&mut ending).await;
    let mut busy = witness.busy();
    if *busy.borrow() == 0 {
        return false;
    }
    loop {
        let in_time = timeout_at(until, busy.wait_for(|count| *count == 0)).await.is_ok();
        match in_time {
            false => {
                witness.saw(What::Failed("transfer", String::new(), "cut off: the grace time is over".to_owned()));
                return true;
            }
            true => {
                // libunftp sends its 226 now, and no event tells that it has; then the client says QUIT, and that ends it sooner.
                sleep(GOODBYE).await;
                if *busy.borrow() == 0 {
                    return false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_libunftp_cannot_enforce() {
        let check = |letters: &str, words: &[&str]| {
            let said = Embedded::unenforced(Letters::parse(letters).unwrap());
            assert_eq!(said.len(), words.len(), "{letters}: {said:?}");
            assert!(said.iter().zip(words).all(|(said, word)| said.contains(word)), "{letters}: {said:?}");
        };
        check("elradfmw", &[]);
        check("lf", &["CDUP"]);
        check("ef", &["SIZE"]);
        check("el", &["RNFR"]);
        check("elfT", &["MFMT"]);
    }
}
