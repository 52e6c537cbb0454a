//! Server programs as a TOML file tells: what to run, how to configure it, when it is ready, how it stops.
//!
//! Responsible for finding profiles, for starting what they say as child processes with their own state directories, and for
//! saying in words what to do where that fails. Nothing here knows a certain server: those are files in `profiles/`.

mod file;
mod process;
mod running;
mod template;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use tempfile::TempDir;

use self::file::{Eol, File, Template};
use self::process::Process;
use self::running::Running;
use self::template::{Context, RESERVED};
use super::disk::HostDisk;
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

/// A kind of server that a profile tells of.
#[derive(Debug)]
pub struct Profile {
    source: Arc<Source>,
    file: File,
    files: Vec<(PathBuf, Body)>,
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
            files.push((PathBuf::from(laid.path.get_ref()), body));
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
        };
        let all =
            Settings { idle_timeout: Some(Duration::from_secs(1)), passive_ports: Some(40_000..=40_001), banner: Some("ready".to_owned()) };
        let program = &self.file.program;
        for (accounts, settings) in [(&[account][..], all), (&[][..], Settings::default())] {
            let context = self.context().with(Path::new("/state"), Path::new("/roots"), accounts, &settings);
            let bodies = self.files.iter().filter_map(|(_, body)| if let Body::Filled(template) = body { Some(template) } else { None });
            for template in program.run.get_ref().iter().chain(program.environment.values()).chain(bodies) {
                context.fill(template, &self.source)?;
            }
        }
        for template in program.check.iter().chain(&program.version).chain(&program.install) {
            self.context().fill(template, &self.source)?;
        }
        Ok(())
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
    fn lay(&self, context: &Context, state: &Path) -> Result<(), StartError> {
        for (path, body) in &self.files {
            let bytes = match body {
                Body::Copy(bytes) => bytes.clone(),
                Body::Filled(template) => self.fill(context, template)?.into_bytes(),
            };
            let place = state.join(path);
            let written = place.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&place, bytes));
            written.map_err(|source| StartError::Io { what: format!("the file {} of {}", path.display(), self.file.name), source })?;
        }
        Ok(())
    }

    /// Whether the program is missing, asked by its `check`; in words, and what to do.
    async fn missing(&self) -> Option<String> {
        let command = self.command(&self.context(), &self.file.program.check).ok().flatten()?;
        let asked = tokio::task::spawn_blocking(move || process::ask(command, ASKED)).await.ok()?;
        let why = match asked {
            Ok(output) if output.status.success() => return None,
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().lines().last().unwrap_or("its check fails").to_owned(),
            Err(error) => error.to_string(),
        };
        let told = self.command_line(&self.file.program.check);
        let install = self.file.program.install.as_ref().and_then(|template| self.context().fill(template, &self.source).ok());
        let install = install.map_or_else(String::new, |install| format!("; install it: {install}"));
        Some(format!("{} is not there: `{told}`: {why}{install}", self.file.name))
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
        let text = log.text();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(SHOWN)..].iter().map(|line| format!("\n  {line}")).collect::<String>();
        StartError::Server(format!("{} did not start: {why}{last}", self.file.name))
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
            let command = self.command(&self.context(), &self.file.program.version).ok().flatten()?;
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
            disk: true,
            idle_timeout: can.idle_timeout,
            passive_ports: can.passive_ports,
            banner: can.banner,
            eol: match can.eol {
                Eol::Lf => b"\n",
                Eol::Crlf => b"\r\n",
            },
            login_delay: can.login_delay,
        }
    }

    async fn start(&self, settings: &Settings, accounts: &[Account]) -> Result<Box<dyn Instance>, StartError> {
        distinct(accounts)?;
        let io = |what: &str| {
            let what = what.to_owned();
            move |source: io::Error| StartError::Io { what, source }
        };
        let disk = HostDisk::new().map_err(io("the directory for the roots"))?;
        let state = TempDir::with_prefix("ftpspec-").map_err(io("the directory for the server's state"))?;
        let context = self.context().with(state.path(), disk.path(), accounts, settings);
        self.lay(&context, state.path())?;
        let program = &self.file.program;
        let Some(mut command) = self.command(&context, program.run.get_ref())? else {
            return Err(StartError::Setting(format!("{} has nothing to run", self.file.name)));
        };
        command.env("TZ", ZONE);
        for (name, template) in &program.environment {
            command.env(name, self.fill(&context, template)?);
        }
        command.current_dir(state.path());
        let shown = command.get_program().display().to_string();
        let log = Log::new(accounts.iter().map(|account| account.password.clone()).collect());
        let mut process = match Process::spawn(command, &log) {
            Ok(process) => process,
            Err(error) => return Err(self.not_started(format!("{shown}: {error}"), &log).await),
        };
        match running::ready(&mut process, program.ready).await {
            Ok((v4, v6)) => Ok(Box::new(Running { stop: self.file.stop.clone(), v4, v6, process, log, disk: Arc::new(disk), state })),
            Err(why) => {
                process.stop(file::Signal::Kill, Duration::ZERO).await;
                Err(self.not_started(why, &log).await)
            }
        }
    }
}

#[cfg(test)]
mod tests;
