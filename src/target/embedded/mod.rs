//! The embedded server: libunftp with `unftp-sbe-fs`, in this process.
//!
//! Responsible for accepting connections on ephemeral ports, for the accounts and their letters, and for leaving nothing
//! behind. It is judged like any other server: nothing here hides or mends what libunftp answers.
//!
//! Each instance has a runtime of its own. libunftp detaches its transfers and its data listeners, and some of its sessions
//! dead-lock; only the end of the runtime ends them all.

mod account;
mod hand;
mod site;
mod storage;

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cap_std::fs::Dir;
use libunftp::ServerBuilder;
use libunftp::options::ActivePassiveMode;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{self, Runtime};
use tokio::task::{JoinHandle, JoinSet};

use self::account::{Accounts, Door, User};
use self::site::ChangeMode;
use self::storage::Storage;
use super::disk::HostDisk;
use super::listen::listen;
use super::log::{self, Log};
use super::service::{Tell, Witness};
use super::{Account, Disk, Facilities, Instance, Settings, StartError, Target};
use crate::ftp::letter::{Letter, Letters};

/// The version that is built in.
const VERSION: &str = "0.24.0";
/// How long a thread of a stopped server may still be busy before it is left alone and named.
const STOP: Duration = Duration::from_secs(5);
/// File descriptors that the process asks for: a session takes five or so with its client's end.
const DESCRIPTORS: u64 = 65_536;

/// The kind of server: libunftp.
#[derive(Debug, Clone, Default)]
pub struct Embedded {
    defaults: Settings,
}

impl Embedded {
    /// With libunftp's own settings, but data ports that the system picks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With these settings wherever an instance is not given others.
    #[must_use]
    pub fn with_defaults(defaults: Settings) -> Self {
        Self { defaults }
    }
}

#[async_trait]
impl Target for Embedded {
    fn name(&self) -> &str {
        "libunftp"
    }

    fn version(&self) -> Option<String> {
        Some(VERSION.to_owned())
    }

    /// All letters but `T` (libunftp has no MFMT, and no way to add it). The storage enforces `elradfmw`, a SITE handler `M`;
    /// its module says which commands of `e` and `l` libunftp answers without asking.
    fn facilities(&self) -> Facilities {
        Facilities {
            letters: Letters::ALL.minus(Letters::NONE.with(Letter::ChangeTime)),
            accounts: true,
            roots: true,
            at_once: None,
            disk: true,
            idle_timeout: true,
            passive_ports: true,
            banner: true,
            eol: b"\n",
            login_delay: Duration::ZERO,
            lacks: std::collections::BTreeMap::new(),
        }
    }

    async fn start(&self, settings: &Settings, accounts: &[Account]) -> Result<Box<dyn Instance>, StartError> {
        let settings = Settings {
            idle_timeout: settings.idle_timeout.or(self.defaults.idle_timeout),
            passive_ports: settings.passive_ports.clone().or_else(|| self.defaults.passive_ports.clone()),
            banner: settings.banner.clone().or_else(|| self.defaults.banner.clone()),
        };
        Ok(Box::new(Running::start(&settings, accounts)?))
    }
}

/// What all sessions of an instance share.
struct Shared {
    accounts: Arc<Accounts>,
    base: Arc<Dir>,
    path: PathBuf,
    passive_ports: RangeInclusive<u16>,
    idle_timeout_s: Option<u64>,
    banner: Option<&'static str>,
    logger: slog::Logger,
    log: Log,
    /// Who is told what the sessions do.
    tell: Option<Tell>,
}

impl Shared {
    /// What sessions need that serve the roots of these accounts below this directory.
    fn new(settings: &Settings, accounts: &[Account], base: Dir, path: &Path, tell: Option<Tell>) -> Result<Self, StartError> {
        let log = Log::new(accounts.iter().map(|account| account.password.clone()).collect());
        Ok(Self {
            accounts: Arc::new(Accounts::new(accounts, path)?),
            base: Arc::new(base),
            path: path.to_owned(),
            passive_ports: passive_ports(settings)?,
            idle_timeout_s: settings.idle_timeout.map(whole_seconds),
            banner: settings.banner.as_deref().map(greeting).transpose()?,
            logger: slog::Logger::root(log.clone(), slog::o!()),
            log,
            tell,
        })
    }

    /// A runtime whose threads note in the log what they die of.
    fn runtime(&self) -> io::Result<Runtime> {
        let threads = self.log.clone();
        runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("libunftp")
            .on_thread_start(move || threads.adopt_thread())
            .enable_all()
            .build()
    }
}

/// An instance.
struct Running {
    disk: Arc<HostDisk>,
    log: Log,
    v4: SocketAddr,
    v6: Option<SocketAddr>,
    /// Taken by `stop`.
    runtime: Option<Runtime>,
    accepting: Vec<JoinHandle<()>>,
}

impl Running {
    fn start(settings: &Settings, accounts: &[Account]) -> Result<Self, StartError> {
        raise_descriptor_limit();
        log::note_panics();
        let io = |what: &str| {
            let what = what.to_owned();
            move |source| StartError::Io { what, source }
        };
        let disk = HostDisk::new().map_err(io("the directory for the roots"))?;
        let base = disk.handle().map_err(io("the directory for the roots"))?;
        let shared = Arc::new(Shared::new(settings, accounts, base, disk.path(), None)?);
        let log = shared.log.clone();
        let runtime = shared.runtime().map_err(io("the threads of libunftp"))?;
        let (first, second) = {
            let _entered = runtime.enter();
            // Without IPv6 there is simply no second one.
            (listen((Ipv4Addr::LOCALHOST, 0).into()), listen((Ipv6Addr::LOCALHOST, 0).into()).ok())
        };
        let (first, v4) = first.map_err(io("a port on 127.0.0.1"))?;
        let v6 = second.as_ref().map(|(_, address)| *address);
        let listeners = std::iter::once(first).chain(second.map(|(listener, _)| listener));
        let accepting = listeners.map(|listener| runtime.spawn(accept(listener, Arc::clone(&shared)))).collect();
        Ok(Self { disk: Arc::new(disk), log, v4, v6, runtime: Some(runtime), accepting })
    }
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

    fn died(&self) -> Option<String> {
        self.accepting.iter().any(JoinHandle::is_finished).then(|| "it no longer accepts connections".to_owned())
    }

    async fn stop(mut self: Box<Self>, keep: bool) -> Vec<String> {
        let runtime = self.runtime.take();
        let disk = Arc::clone(&self.disk);
        let ended = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            if let Some(runtime) = runtime {
                runtime.shutdown_timeout(STOP);
            }
            let busy = (begun.elapsed() >= STOP).then(|| "a thread of libunftp is still busy".to_owned());
            busy.into_iter().chain(disk.close(keep)).collect()
        });
        ended.await.unwrap_or_else(|error| vec![format!("libunftp did not stop: {error}")])
    }
}

impl Drop for Running {
    /// For one that nobody stopped: a runtime must not be dropped where blocking is not allowed.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Accepts connections until it is dropped, which ends their sessions.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    sessions.spawn(serve(Arc::clone(&shared), socket, Witness::new(None, peer)));
                }
                Err(error) => {
                    shared.log.note(&format!("ERRO accept: {error}"));
                    // Out of descriptors: no event tells when there are some again.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            },
            Some(ended) = sessions.join_next(), if !sessions.is_empty() => {
                if let Err(error) = ended {
                    shared.log.note(&format!("ERRO a session ended: {error}"));
                }
            }
        }
    }
}

/// One session, from its greeting to its end.
async fn serve(shared: Arc<Shared>, socket: TcpStream, witness: Arc<Witness>) {
    // libunftp leaves it off, and then each transfer waits 40 ms for a delayed ACK.
    let prepared = socket.set_nodelay(true).and_then(|()| Storage::new(Arc::clone(&shared.base), &shared.path, Arc::clone(&witness)));
    let storage = match prepared {
        Ok(storage) => Mutex::new(Some(storage)),
        Err(error) => return shared.log.note(&format!("ERRO no session: {error}")),
    };
    // A builder serves one connection, and so asks for one storage.
    let generate = move || {
        let mut storage = storage.lock().unwrap_or_else(PoisonError::into_inner);
        storage.take().expect("libunftp asks once for each connection")
    };
    let mut builder = ServerBuilder::<Storage, User>::with_user_detail_provider(Box::new(generate), shared.accounts.clone())
        .authenticator(Arc::new(Door { accounts: Arc::clone(&shared.accounts), witness }))
        .active_passive_mode(ActivePassiveMode::ActiveAndPassive)
        .passive_ports(shared.passive_ports.clone())
        .site_command("CHMOD", ChangeMode)
        .logger(shared.logger.clone());
    if let Some(seconds) = shared.idle_timeout_s {
        builder = builder.idle_session_timeout(seconds);
    }
    if let Some(banner) = shared.banner {
        builder = builder.greeting(banner);
    }
    match builder.build() {
        Err(error) => shared.log.note(&format!("ERRO no session: {error}")),
        Ok(server) => {
            if let Err(error) = server.service(socket).await {
                shared.log.note(&format!("ERRO a session ended: {error}"));
            }
        }
    }
}

/// libunftp picks from the range by arithmetic that panics on an empty one and on all ports; 0 lets the system pick.
fn passive_ports(settings: &Settings) -> Result<RangeInclusive<u16>, StartError> {
    match &settings.passive_ports {
        None => Ok(0..=0),
        Some(range) if range.is_empty() => Err(StartError::Setting(format!("passive_ports: no port in {range:?}"))),
        Some(range) if *range.start() == 0 && *range.end() != 0 => Err(StartError::Setting(format!("passive_ports: port 0 in {range:?}"))),
        Some(range) => Ok(range.clone()),
    }
}

/// libunftp knows whole seconds only, and 0 would end a session at once.
fn whole_seconds(timeout: Duration) -> u64 {
    timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0 || timeout.is_zero())
}

/// libunftp wants a greeting that lives for ever; each text is kept once, however many instances use it.
fn greeting(text: &str) -> Result<&'static str, StartError> {
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    if text.contains(['\r', '\n']) {
        return Err(StartError::Setting("banner: libunftp greets with one line only".to_owned()));
    }
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(kept.get(text).copied().unwrap_or_else(|| {
        let text: &'static str = text.to_owned().leak();
        kept.insert(text);
        text
    }))
}

/// Once a process: raises the soft limit of file descriptors towards the hard one, as far as that is allowed.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let limit = getrlimit(Resource::Nofile);
        let wanted = limit.maximum.unwrap_or(DESCRIPTORS).min(DESCRIPTORS);
        if limit.current.is_some_and(|current| current < wanted) {
            // Refused, the run goes on with what it has.
            let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
        }
    });
}

#[cfg(test)]
mod tests;
