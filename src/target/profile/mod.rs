//! Server programs as a TOML file tells: what to run, how to configure it, when it is ready, how it stops.
//!
//! Responsible for finding profiles, for starting what they say as child processes with their own state directories, and for
//! saying in words what to do where that fails. Nothing here knows a certain server: those are files in `profiles/`.

mod file;
mod port;
mod process;
mod running;
mod template;

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use tempfile::TempDir;

use self::file::{Eol, File, Port, Template};
use self::port::Reserved;
use self::process::Process;
use self::running::Running;
use self::template::{Context, RESERVED};
use super::disk::{HostDisk, PASSABLE};
use super::log::Log;
use super::{Account, Facilities, Instance, Secret, Settings, StartError, Target, distinct, known_keys};
use crate::ftp::letter::Letters;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::model::Source;

/// The profiles of the project; read from the folder in a debug build.
#[derive(rust_embed::RustEmbed)]
#[folder = "profiles/"]
struct BuiltIn;

/// How long a command that asks for a version, or whether a program is there, may take.
const ASKED: Duration = Duration::from_secs(20);
/// Ports that a server is given one after the other, where somebody else was faster.
const PORTS: usize = 5;
/// Lines of a server's log that are shown where it did not start.
const SHOWN: usize = 20;

/// The time zone of a server program, unless its profile says another: that local times are told as UTC shows only where the two differ.
const ZONE: &str = "FTP-5:30";

/// The names of the built-in profiles.
pub(super) fn names() -> Vec<String> {
    BuiltIn::iter().filter_map(|path| path.strip_suffix(".toml").map(str::to_owned)).collect()
}

/// The built-in profile of this name, or the one in a file where the name is a path to a TOML file; `None` where it is neither.
///
/// # Errors
/// A profile that cannot be read, or that has no such variable.
pub(super) fn resolve(name: &str, settings: &[(String, String)]) -> Result<Option<Profile>, StartError> {
    if Path::new(name).extension().is_some_and(|extension| extension == "toml") {
        let path = Path::new(name);
        let text = std::fs::read_to_string(path).map_err(|source| StartError::Io { what: format!("the profile {name}"), source })?;
        let folder = path.parent().unwrap_or_else(|| Path::new("")).to_owned();
        let read = |beside: &str| std::fs::read(folder.join(beside)).map_err(|error| error.to_string());
        return Profile::new(Source { name: name.to_owned(), text }, read, settings).map(Some);
    }
    let embedded = |path: &str| BuiltIn::get(path).map(|file| file.data.into_owned()).ok_or_else(|| "there is no such file".to_owned());
    let Ok(text) = embedded(&format!("{name}.toml")) else { return Ok(None) };
    let text = String::from_utf8_lossy(&text).into_owned();
    Profile::new(Source { name: format!("profiles/{name}.toml"), text }, embedded, settings).map(Some)
}

/// What a file in the state directory holds.
#[derive(Debug, Clone)]
enum Body {
    Copy(Vec<u8>),
    Filled(Template),
}

/// A file in the state directory.
#[derive(Debug, Clone)]
struct LaidBody {
    path: Template,
    each_account: bool,
    mode: u32,
    body: Body,
}

/// A kind of server that a profile tells of.
#[derive(Debug)]
pub struct Profile {
    source: Arc<Source>,
    file: File,
    files: Vec<LaidBody>,
    set: BTreeMap<String, String>,
    version: OnceLock<Option<String>>,
}

impl Profile {
    /// Reads a profile and fills in its templates once, so that what is wrong with it is known before anything is started.
    /// `beside` reads files that stand beside it.
    fn new(source: Source, beside: impl Fn(&str) -> Result<Vec<u8>, String>, settings: &[(String, String)]) -> Result<Self, StartError> {
        let source = Arc::new(source);
        let wrong = |diagnostic: Diagnostic| StartError::Profile { text: Arc::clone(&source), diagnostic: Box::new(diagnostic) };
        let file = file::read(&source.text).map_err(wrong)?;
        if let Some((name, value)) = file.set.iter().find(|(name, _)| RESERVED.contains(&name.as_str())) {
            return Err(wrong(file::at(value, format!("`{name}` is what ftpspec itself tells templates")).expected("another name")));
        }
        let names: Vec<&str> = file.set.keys().map(String::as_str).collect();
        known_keys(&file.name, settings, &names)?;
        let mut set: BTreeMap<String, String> = file.set.iter().map(|(key, value)| (key.clone(), value.get_ref().clone())).collect();
        set.extend(settings.iter().cloned());
        let mut files = Vec::new();
        for laid in &file.file {
            let body = match (&laid.template, &laid.copy) {
                (Some(template), _) => Body::Filled(template.clone()),
                (None, Some(name)) => {
                    Body::Copy(beside(name.get_ref()).map_err(|error| wrong(file::at(name, format!("this file cannot be read: {error}"))))?)
                }
                (None, None) => continue,
            };
            files.push(LaidBody { path: laid.path.clone(), each_account: laid.each_account, mode: laid.mode, body });
        }
        let profile = Self { source: Arc::clone(&source), file, files, set, version: OnceLock::new() };
        profile.try_out().map_err(wrong)?;
        Ok(profile)
    }

    /// Fills in every template with and without accounts and settings.
    fn try_out(&self) -> Result<(), Diagnostic> {
        let account = Account {
            name: "anonymous".to_owned(),
            password: Secret::new(""),
            letters: Letters::ALL,
            anonymous: true,
            root: "root".to_owned(),
            directory: Vec::new(),
        };
        let named = Account { name: "alice".to_owned(), anonymous: false, ..account.clone() };
        let all =
            Settings { idle_timeout: Some(Duration::from_secs(1)), passive_ports: Some(40_000..=40_001), banner: Some("ready".to_owned()) };
        let program = &self.file.program;
        for (accounts, settings) in [(&[account, named][..], all), (&[][..], Settings::default())] {
            let context = self.context().with(Path::new("/state"), Path::new("/roots"), accounts, &settings).owned(self.user());
            let context = context.on((program.port == Port::Given).then_some(40_002));
            for template in program.run.get_ref().iter().chain(program.environment.values()) {
                context.fill(template, &self.source)?;
            }
            for laid in &self.files {
                let Some(context) = laid.seen_by(&context, accounts, Path::new("/roots")).into_iter().next() else { continue };
                if laid.each_account {
                    context.fill(&laid.path, &self.source)?;
                }
                if let Body::Filled(template) = &laid.body {
                    context.fill(template, &self.source)?;
                }
            }
        }
        for template in program.check.iter().chain(&program.version).chain(&program.install) {
            self.context().fill(template, &self.source)?;
        }
        Ok(())
    }

    /// The user and group as which sessions work: the profile's, where we can give files away, else we.
    fn user(&self) -> (u32, u32) {
        let ours = (rustix::process::geteuid(), rustix::process::getegid());
        match self.file.program.user {
            Some(user) if ours.0.is_root() => (user, user),
            Some(_) | None => (ours.0.as_raw(), ours.1.as_raw()),
        }
    }

    fn context(&self) -> Context {
        Context::new(&self.set)
    }

    /// Fills in; after [`Self::try_out`] only a template that looks closely at accounts or settings can still fail.
    fn fill(&self, context: &Context, template: &Template) -> Result<String, StartError> {
        context
            .fill(template, &self.source)
            .map_err(|diagnostic| StartError::Profile { text: Arc::clone(&self.source), diagnostic: Box::new(diagnostic) })
    }

    /// A command from its templates; `None` where there are none.
    fn command(&self, context: &Context, templates: &[Template]) -> Result<Option<Command>, StartError> {
        let words: Vec<String> = templates.iter().map(|template| self.fill(context, template)).collect::<Result<_, _>>()?;
        let Some((program, arguments)) = words.split_first() else { return Ok(None) };
        // One that is looked for on the PATH stays as it is; a path is ours, and not the server's.
        let program = if program.contains('/') { std::path::absolute(program).unwrap_or_else(|_| program.into()) } else { program.into() };
        let mut command = Command::new(program);
        command.args(arguments);
        Ok(Some(command))
    }

    /// Writes the files of the state directory.
    fn lay(&self, context: &Context, state: &Path, accounts: &[Account], roots: &Path) -> Result<(), StartError> {
        for laid in &self.files {
            for context in laid.seen_by(context, accounts, roots) {
                let path = if laid.each_account { self.fill(&context, &laid.path)? } else { laid.path.get_ref().clone() };
                if !file::is_below(&path) {
                    let diagnostic = Box::new(file::at(&laid.path, format!("{path:?} leaves the state directory")));
                    return Err(StartError::Profile { text: Arc::clone(&self.source), diagnostic });
                }
                let bytes = match &laid.body {
                    Body::Copy(bytes) => bytes.clone(),
                    Body::Filled(template) => self.fill(&context, template)?.into_bytes(),
                };
                let place = state.join(&path);
                let written = place.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| write(&place, laid.mode, &bytes));
                written.map_err(|source| StartError::Io { what: format!("the file {path} of {}", self.file.name), source })?;
            }
        }
        Ok(())
    }

    /// Whether the program is missing, asked by its `check`; in words, and what to do.
    async fn missing(&self) -> Option<String> {
        let command = self.question(&self.file.program.check)?;
        let asked = tokio::task::spawn_blocking(move || process::ask(command, ASKED)).await.ok()?;
        let why = match asked {
            Ok(output) if output.status.success() => return None,
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().lines().last().unwrap_or("its check fails").to_owned(),
            Err(error) => error.to_string(),
        };
        let told = self.command_line(&self.file.program.check);
        Some(format!("{} is not there: `{told}`: {why}{}", self.file.name, self.install()))
    }

    /// What installs it, where the profile says that.
    fn install(&self) -> String {
        let install = self.file.program.install.as_ref().and_then(|template| self.context().fill(template, &self.source).ok());
        install.map_or_else(String::new, |install| format!("; install it: {install}"))
    }

    /// A command that asks about the program, without a server: of the environment it has what can be said without one.
    fn question(&self, templates: &[Template]) -> Option<Command> {
        let context = self.context();
        let mut command = self.command(&context, templates).ok().flatten()?;
        let environment = self.file.program.environment.iter();
        command.envs(environment.filter_map(|(name, template)| Some((name, context.fill(template, &self.source).ok()?))));
        Some(command)
    }

    fn command_line(&self, templates: &[Template]) -> String {
        let words = templates.iter().filter_map(|template| self.context().fill(template, &self.source).ok());
        words.map(|word| if word.contains(' ') { format!("'{word}'") } else { word }).collect::<Vec<_>>().join(" ")
    }

    /// Why it did not start: that it is missing, or what it did, and its last lines.
    async fn not_started(&self, why: String, log: &Log) -> StartError {
        if let Some(missing) = self.missing().await {
            return StartError::Server(missing);
        }
        let hint =
            if why.ends_with("with code 0") { " (a server that goes to the background must be started in the foreground)" } else { "" };
        let text = log.text();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(SHOWN)..].iter().map(|line| format!("\n  {line}")).collect::<String>();
        StartError::Server(format!("{} did not start: {why}{hint}{last}", self.file.name))
    }
}

#[async_trait]
impl Target for Profile {
    fn name(&self) -> &str {
        &self.file.name
    }

    /// The first line that its `version` command writes; asked once, which may take a moment.
    fn version(&self) -> Option<String> {
        let asked = self.version.get_or_init(|| {
            let command = self.question(&self.file.program.version)?;
            let output = process::ask(command, ASKED).ok().filter(|output| output.status.success())?;
            String::from_utf8_lossy(&output.stdout).lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
        });
        asked.clone()
    }

    fn facilities(&self) -> Facilities {
        let can = &self.file.can;
        Facilities {
            letters: can.letters,
            accounts: can.accounts,
            roots: !can.one_root,
            at_once: can.at_once.map(|count| usize::from(count.get())),
            disk: true,
            idle_timeout: can.idle_timeout,
            passive_ports: can.passive_ports,
            banner: can.banner,
            eol: match can.eol {
                Eol::Lf => b"\n",
                Eol::Crlf => b"\r\n",
            },
            login_delay: can.login_delay,
            lacks: self.file.lacks.clone(),
        }
    }

    async fn start(&self, settings: &Settings, accounts: &[Account]) -> Result<Box<dyn Instance>, StartError> {
        distinct(accounts)?;
        if self.file.program.root && !rustix::process::geteuid().is_root() {
            let name = &self.file.name;
            return Err(StartError::Server(format!("{name} must be started by root: it changes to its users, or to a root directory")));
        }
        for tried in 1.. {
            match self.attempt(settings, accounts, tried).await? {
                Attempt::Running(running) => return Ok(running),
                Attempt::Collision(why) if tried == PORTS => return Err(StartError::Server(why)),
                Attempt::Collision(_) => {}
            }
        }
        unreachable!("the last attempt returns")
    }
}

impl LaidBody {
    /// What its templates see: for each account, or once.
    fn seen_by(&self, context: &Context, accounts: &[Account], roots: &Path) -> Vec<Context> {
        if !self.each_account {
            return vec![context.clone()];
        }
        accounts.iter().filter(|account| !account.anonymous).map(|account| context.clone().of(account, roots)).collect()
    }
}

/// What came of an attempt to start.
enum Attempt {
    Running(Box<Running>),
    /// The port was somebody else's.
    Collision(String),
}

impl Profile {
    /// Starts it once, with fresh directories.
    async fn attempt(&self, settings: &Settings, accounts: &[Account], tried: usize) -> Result<Attempt, StartError> {
        let io = |what: &str| {
            let what = what.to_owned();
            move |source: io::Error| StartError::Io { what, source }
        };
        let program = &self.file.program;
        let (uid, gid) = self.user();
        let another = program.user.is_some() && uid != rustix::process::geteuid().as_raw();
        let disk = if another { HostDisk::given_to(uid, gid) } else { HostDisk::new() }.map_err(io("the directory for the roots"))?;
        let state = TempDir::with_prefix("ftpspec-").map_err(io("the directory for the server's state"))?;
        if another {
            std::fs::set_permissions(state.path(), Permissions::from_mode(PASSABLE)).map_err(io("the directory for the server's state"))?;
        }
        let reserved = match program.port {
            Port::Told => None,
            Port::Given => Some(Reserved::new().map_err(io("a free port"))?),
        };
        let port = reserved.as_ref().map(|reserved| reserved.port);
        // A server that does not set SO_REUSEADDR collides with the reservation itself.
        let reserved = reserved.filter(|_| tried % 2 == 1);
        let context = self.context().with(state.path(), disk.path(), accounts, settings).owned((uid, gid)).on(port);
        self.lay(&context, state.path(), accounts, disk.path())?;
        let log = Log::new(accounts.iter().map(|account| account.password.clone()).collect());
        let mut process = self.spawn(&context, state.path(), &log).await?;
        match running::ready(&mut process, port, program.ready).await {
            Ok((v4, v6)) => {
                Ok(Attempt::Running(Box::new(Running { stop: self.file.stop.clone(), v4, v6, process, log, disk: Arc::new(disk), state })))
            }
            Err(why) => {
                process.stop(file::Signal::Kill, Duration::ZERO).await;
                let collided =
                    port.is_some_and(|port| log.text().to_ascii_lowercase().contains("address already in use") || port::is_taken(port));
                drop(reserved);
                let error = self.not_started(why, &log).await;
                if collided { Ok(Attempt::Collision(error.to_string())) } else { Err(error) }
            }
        }
    }

    /// Starts the program in its state directory.
    async fn spawn(&self, context: &Context, state: &Path, log: &Log) -> Result<Process, StartError> {
        let program = &self.file.program;
        let Some(mut command) = self.command(context, program.run.get_ref())? else {
            return Err(StartError::Setting(format!("{} has nothing to run", self.file.name)));
        };
        command.env("TZ", ZONE);
        for (name, template) in &program.environment {
            command.env(name, self.fill(context, template)?);
        }
        command.current_dir(state);
        let shown = command.get_program().display().to_string();
        match Process::spawn(command, log) {
            Ok(process) => Ok(process),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(self.not_started(format!("{shown}: {error}{}", self.install()), log).await)
            }
            Err(error) => Err(self.not_started(format!("{shown}: {error}"), log).await),
        }
    }
}

/// Writes a file of the state directory.
fn write(place: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(place)?;
    // Whatever the umask takes away.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(bytes)
}

#[cfg(test)]
mod servers;
#[cfg(test)]
mod tests;
