//! A server's own test: libunftp with a storage backend of its own is played against, by the crate's API.
//!
//! The backend stores what users send, but no program: a name that ends in `.exe` is refused. Scenarios that the server's
//! author wrote say what that means on the wire and on the disk; cases of the built-in suite show that the rest still works.
//!
//! `cargo run --example custom_backend`
#![expect(clippy::print_stdout, reason = "an example says what it found")]

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ftpspec::run::plan::Plan;
use ftpspec::run::select::{Selection, select};
use ftpspec::run::suite::Suite;
use ftpspec::run::{self, Options};
use ftpspec::target::hosted::{Hosted, Request, Served};
use libunftp::ServerBuilder;
use tokio::io::AsyncRead;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use unftp_core::auth::{AuthenticationError, Authenticator, Credentials, Principal, UserDetail, UserDetailError, UserDetailProvider};
use unftp_core::storage::{ErrorKind, Fileinfo, Result, StorageBackend};
use unftp_sbe_fs::{Filesystem, Meta};

/// The backend that is tested: files below a directory, and no programs among them.
#[derive(Debug)]
struct NoPrograms(Filesystem);

fn refuse_programs(path: &Path) -> Result<()> {
    let is_program = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("exe"));
    if is_program { Err(ErrorKind::FileNameNotAllowedError.into()) } else { Ok(()) }
}

#[async_trait]
impl StorageBackend<User> for NoPrograms {
    type Metadata = Meta;

    fn enter(&mut self, user: &User) -> io::Result<()> {
        self.0.enter(user)
    }

    fn supported_features(&self) -> u32 {
        StorageBackend::<User>::supported_features(&self.0)
    }

    async fn metadata<P: AsRef<Path> + Send + Debug>(&self, user: &User, path: P) -> Result<Meta> {
        self.0.metadata(user, path).await
    }

    async fn list<P: AsRef<Path> + Send + Debug>(&self, user: &User, path: P) -> Result<Vec<Fileinfo<PathBuf, Meta>>> {
        self.0.list(user, path).await
    }

    async fn get<P: AsRef<Path> + Send + Debug>(
        &self,
        user: &User,
        path: P,
        from: u64,
    ) -> Result<Box<dyn AsyncRead + Send + Sync + Unpin>> {
        self.0.get(user, path, from).await
    }

    async fn put<P, R>(&self, user: &User, input: R, path: P, from: u64) -> Result<u64>
    where
        P: AsRef<Path> + Send + Debug,
        R: AsyncRead + Send + Sync + Unpin + 'static,
    {
        refuse_programs(path.as_ref())?;
        self.0.put(user, input, path, from).await
    }

    async fn del<P: AsRef<Path> + Send + Debug>(&self, user: &User, path: P) -> Result<()> {
        self.0.del(user, path).await
    }

    async fn mkd<P: AsRef<Path> + Send + Debug>(&self, user: &User, path: P) -> Result<()> {
        self.0.mkd(user, path).await
    }

    async fn rename<P: AsRef<Path> + Send + Debug>(&self, user: &User, from: P, to: P) -> Result<()> {
        refuse_programs(to.as_ref())?;
        self.0.rename(user, from, to).await
    }

    async fn rmd<P: AsRef<Path> + Send + Debug>(&self, user: &User, path: P) -> Result<()> {
        self.0.rmd(user, path).await
    }

    async fn cwd<P: AsRef<Path> + Send + Debug>(&self, user: &User, path: P) -> Result<()> {
        self.0.cwd(user, path).await
    }
}

/// Who is logged in.
#[derive(Debug)]
struct User {
    name: String,
    home: PathBuf,
}

impl std::fmt::Display for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl UserDetail for User {
    fn home(&self) -> Option<&Path> {
        Some(&self.home)
    }
}

/// The accounts that the harness asks for, as libunftp wants to be told of them.
#[derive(Debug)]
struct Accounts(Request);

#[async_trait]
impl Authenticator for Accounts {
    async fn authenticate(&self, name: &str, credentials: &Credentials) -> std::result::Result<Principal, AuthenticationError> {
        let password = credentials.password.as_deref().unwrap_or_default();
        self.0.login(name, password).ok_or(AuthenticationError::BadPassword)?;
        Ok(Principal { username: name.to_owned() })
    }
}

#[async_trait]
impl UserDetailProvider for Accounts {
    type User = User;

    async fn provide_user_detail(&self, principal: &Principal) -> std::result::Result<User, UserDetailError> {
        let name = principal.username.clone();
        let account = self.0.account(&name).ok_or_else(|| UserDetailError::UserNotFound { username: name.clone() })?;
        Ok(User { home: self.0.home(account), name })
    }
}

/// Starts the server: an ephemeral port, and sessions that end when the guard is dropped.
async fn serve(request: Request) -> io::Result<Served> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let (accounts, directory) = (Arc::new(Accounts(request.clone())), request.directory);
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut sessions = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            sessions.spawn(session(socket, directory.clone(), Arc::clone(&accounts)));
            while sessions.try_join_next().is_some() {}
        }
    });
    Ok(Served::new(address, server))
}

async fn session(socket: TcpStream, directory: PathBuf, accounts: Arc<Accounts>) {
    let prepared = socket.set_nodelay(true).and_then(|()| Filesystem::new(directory));
    let Ok(files) = prepared else { return };
    // libunftp asks once for each connection, and a builder here serves one.
    let files = Mutex::new(Some(NoPrograms(files)));
    let generate = move || files.lock().unwrap_or_else(PoisonError::into_inner).take().expect("one connection, one storage");
    let builder = ServerBuilder::<NoPrograms, User>::with_user_detail_provider(Box::new(generate), Arc::clone(&accounts) as _);
    if let Ok(server) = builder.authenticator(accounts).passive_ports(0..=0).build() {
        // A session that fails is seen from outside; that is what the scenarios are for.
        drop(server.service(socket).await);
    }
}

/// What the backend promises, in the notation of `docs/notation.md`.
const OWN: [(&str, &str); 2] = [
    (
        "own/programs-are-refused",
        r#"+++
title = "A program is refused, and nothing of it stays"

[accounts]
alice = "all"
+++

login alice
C> TYPE I
S> 200
data
C> STOR virus.exe
match reply
  150 | 125 -> pass
    C>> "MZ" end
    S> 553 | 550              [959-4.2-negative-means-not-done]
  553 | 550 -> pass
disk virus.exe absent         [959-4.2-negative-means-not-done]
alive
"#,
    ),
    (
        "own/files-come-back",
        r#"+++
title = "Whatever else is stored comes back byte for byte"
each = [ { name = "empty", size = "0" }, { name = "small", size = "7" }, { name = "large", size = "1MiB" } ]

[accounts]
alice = "all"
+++

login alice
C> TYPE I
S> 200
data
C> STOR f.bin
S> 150 | 125
C>> bytes({size}, seed 3) end
S> 226 | 250
data
C> RETR f.bin
S> 150 | 125
S>> bytes({size}, seed 3) end [959-4.1.3-retr-sends-copy]
S> 226 | 250
"#,
    ),
];

#[tokio::main]
async fn main() -> std::result::Result<ExitCode, Box<dyn std::error::Error>> {
    let own = Suite::of_texts(OWN)?;
    let built_in = Suite::built_in()?;
    let some =
        Selection { ids: ["transfer/round-trip", "transfer/replace", "rename/across"].map(str::to_owned).to_vec(), ..Selection::default() };
    let mut cases: Vec<_> = own.cases().cloned().collect();
    cases.extend(select(&built_in, &some)?);

    let server = Hosted::new("no-programs", serve).with_version("1.0");
    let (reports, summary) = run::collect(Arc::new(server), Plan::new(cases, true), Options::default()).await;

    let mut well = summary.not_started.is_none() && !reports.is_empty();
    for report in &reports {
        println!("{:<12} {}", report.outcome.verdict, report.case.id);
        if report.outcome.verdict.fails(false) {
            well = false;
            for finding in &report.outcome.findings {
                println!("             expected {}, seen {}", finding.expected, finding.seen);
            }
        }
    }
    if let Some(reason) = summary.not_started {
        println!("the server did not start: {reason}");
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
