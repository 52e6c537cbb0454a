//! A profile as it is written: the keys of the TOML file, and what is said where one is wrong.
//!
//! Responsible for the form of the file. What its templates come to is for `template` to say; nothing is started here.

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error as _};
use toml::Spanned;

use crate::ftp::letter::Letters;
use crate::scenario::diagnostic::Diagnostic;

/// A string in which `{{ name }}` stands for a variable, with its place.
pub(super) type Template = Spanned<String>;

/// The whole file.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// The server's name in reports.
    pub(super) name: String,
    /// Variables with their defaults; `--set KEY=VALUE` gives another value.
    #[serde(default)]
    pub(super) set: BTreeMap<String, Spanned<String>>,
    /// What is run.
    pub(super) program: Program,
    /// How it ends.
    #[serde(default)]
    pub(super) stop: Stop,
    /// What it can be given.
    #[serde(default)]
    pub(super) can: Can,
    /// `[lacks]`: needs of cases that it cannot meet as this profile sets it up, and why.
    #[serde(default)]
    pub(super) lacks: BTreeMap<String, String>,
    /// What is written into the state directory before the start.
    #[serde(default)]
    pub(super) file: Vec<Laid>,
}

/// `[program]`
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Program {
    /// The command and its arguments.
    pub(super) run: Spanned<Vec<Template>>,
    /// Variables of its environment, added to ours.
    #[serde(default)]
    pub(super) environment: BTreeMap<String, Template>,
    /// A command that fails where the program is not installed; asked only where a start failed.
    #[serde(default)]
    pub(super) check: Vec<Template>,
    /// A command that writes the version.
    #[serde(default)]
    pub(super) version: Vec<Template>,
    /// What to do where it is not installed.
    pub(super) install: Option<Template>,
    /// How its port is known.
    pub(super) port: Port,
    /// The number of the user and group as which its sessions work; where we are root, files that are laid are theirs.
    pub(super) user: Option<u32>,
    /// It must be started by root.
    #[serde(default)]
    pub(super) root: bool,
    /// How long it may take until it greets.
    #[serde(default = "ready", deserialize_with = "duration")]
    pub(super) ready: Duration,
}

/// How a server's port is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Port {
    /// The program picks free ports and says them in lines of its standard output, once it listens: perhaps `port6 4712` for
    /// ::1, and at last `port 4711` for 127.0.0.1.
    Told,
    /// The program is given the number of a free port as `{{ port }}`, listens there on 127.0.0.1 and perhaps on ::1, and ends where
    /// it cannot; then another port is tried.
    Given,
}

/// `[stop]`
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Stop {
    /// What it is sent first.
    pub(super) signal: Signal,
    /// How long it then may take before it and all its children are killed.
    #[serde(deserialize_with = "duration")]
    pub(super) grace: Duration,
}

impl Default for Stop {
    fn default() -> Self {
        Self { signal: Signal::Term, grace: Duration::from_secs(5) }
    }
}

/// A signal that asks a program to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Signal {
    Term,
    Int,
    Quit,
    Kill,
}

/// `[can]`: what the server can be given.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Can {
    /// Letters whose lack it can enforce.
    #[serde(deserialize_with = "letters")]
    pub(super) letters: Letters,
    /// Each account has letters and a root of its own, but for [`Can::one_root`].
    pub(super) accounts: bool,
    /// It serves one root for all, `{{ root }}`: there is an instance for each case.
    pub(super) one_root: bool,
    /// So many cases are played on one instance at once: it mixes up its sessions.
    pub(super) at_once: Option<std::num::NonZeroU16>,
    pub(super) idle_timeout: bool,
    pub(super) passive_ports: bool,
    pub(super) banner: bool,
    /// The line end of its text files.
    pub(super) eol: Eol,
    /// By how much it delays the reply to a wrong password.
    #[serde(deserialize_with = "duration")]
    pub(super) login_delay: Duration,
}

impl Default for Can {
    fn default() -> Self {
        Self {
            letters: Letters::NONE,
            accounts: false,
            one_root: false,
            at_once: None,
            idle_timeout: false,
            passive_ports: false,
            banner: false,
            eol: Eol::Lf,
            login_delay: Duration::ZERO,
        }
    }
}

/// A line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Eol {
    Lf,
    Crlf,
}

/// `[[file]]`: exactly one of the two says what is in it.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Laid {
    /// Below the state directory; filled in where there is one for each account.
    pub(super) path: Template,
    /// Its text, filled in.
    pub(super) template: Option<Template>,
    /// A file beside the profile that is taken as it is.
    pub(super) copy: Option<Spanned<String>>,
    /// There is one for each account that is not anonymous; path and text see it as `account`.
    #[serde(default)]
    pub(super) each_account: bool,
    /// Its permission bits, octal; without them only its owner may read it.
    #[serde(default = "private", deserialize_with = "mode")]
    pub(super) mode: u32,
}

const fn private() -> u32 {
    0o600
}

/// How long a server may take until it greets, where its profile does not say.
fn ready() -> Duration {
    Duration::from_secs(20)
}

fn duration<'de, D: Deserializer<'de>>(value: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(value)?;
    let number = |suffix| text.strip_suffix(suffix).and_then(|number: &str| number.parse().ok());
    let found = number("ms").map(Duration::from_millis).or_else(|| number("s").map(Duration::from_secs));
    found.ok_or_else(|| D::Error::custom(format!("{text:?} is no duration like 500ms or 5s")))
}

fn mode<'de, D: Deserializer<'de>>(value: D) -> Result<u32, D::Error> {
    let text = String::deserialize(value)?;
    let bits = u32::from_str_radix(&text, 8).ok().filter(|bits| *bits <= 0o777);
    bits.ok_or_else(|| D::Error::custom(format!("{text:?} is no mode like 644")))
}

fn letters<'de, D: Deserializer<'de>>(value: D) -> Result<Letters, D::Error> {
    let text = String::deserialize(value)?;
    Letters::parse(&text).map_err(|c| D::Error::custom(format!("{c:?} is none of the letters {}", Letters::ALL)))
}

/// Reads a file.
///
/// # Errors
/// The first thing that is wrong with its form.
pub(super) fn read(text: &str) -> Result<File, Diagnostic> {
    let file: File = toml::from_str(text).map_err(|error| Diagnostic::of_toml(&error))?;
    if file.program.run.get_ref().is_empty() {
        return Err(at(&file.program.run, "there is nothing to run").expected("a command and its arguments"));
    }
    for laid in &file.file {
        if !is_below(laid.path.get_ref()) {
            return Err(at(&laid.path, "this path leaves the state directory").expected("a path below it"));
        }
        if laid.template.is_some() == laid.copy.is_some() {
            return Err(at(&laid.path, "what is in this file?").expected("one of template, copy"));
        }
    }
    Ok(file)
}

/// Whether a path stays below the directory that it is for.
pub(super) fn is_below(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// An error at a value.
pub(super) fn at<T>(value: &Spanned<T>, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error_at(value, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::model::Source;

    const LEAST: &str = "name = \"x\"\n[program]\nrun = [\"x\"]\nport = \"told\"\n";

    fn check(text: &str) -> String {
        let source = Source { name: "x.toml".to_owned(), text: text.to_owned() };
        read(text).map_or_else(|diagnostic| diagnostic.render(&source, false), |file| format!("{file:?}"))
    }

    #[test]
    fn the_least_profile_is_one() {
        let file = read(LEAST).unwrap();
        assert_eq!((file.name.as_str(), file.stop.grace, file.can.letters), ("x", Duration::from_secs(5), Letters::NONE));
    }

    #[test]
    fn a_key_that_is_none_is_shown_with_the_nearest() {
        insta::assert_snapshot!(check(&format!("{LEAST}[stop]\nsignl = \"TERM\"\n")), @r#"
        error: no key `signl` here
         --> x.toml:6:1
          |
        6 | signl = "TERM"
          | ^^^^^ expected one of signal, grace
          |
          = help: did you mean `signal`?
        "#);
        assert!(check(&format!("{LEAST}pythn = 1\n")).contains("no key `pythn` here"));
        assert!(check(&format!("comment = 1\n{LEAST}")).contains("x.toml:1:1"));
    }

    #[test]
    fn a_value_that_is_none_is_shown() {
        insta::assert_snapshot!(check(&LEAST.replace("told", "tld")), @r#"
        error: no value `tld` here
         --> x.toml:4:8
          |
        4 | port = "tld"
          |        ^^^^^ expected one of told, given
          |
          = help: did you mean `told`?
        "#);
        for (text, expect) in [
            ("[can]\nletters = \"elx\"", "'x' is none of the letters"),
            ("[stop]\ngrace = \"5\"", "\"5\" is no duration like"),
            ("[stop]\ngrace = 5", "x.toml:6:9"),
            ("[[file]]\npath = \"x\"\ncopy = \"a\"\nmode = \"648\"", "\"648\" is no mode like 644"),
            ("[[file]]\npath = \"../x\"\ntemplate = \"\"", "leaves the state directory"),
            ("[[file]]\npath = \"x\"", "what is in this file?"),
            ("[[file]]\npath = \"x\"\ncopy = \"a\"\ntemplate = \"\"", "what is in this file?"),
            ("[can", "x.toml:5"),
        ] {
            let told = check(&format!("{LEAST}{text}\n"));
            assert!(told.contains(expect), "{told}");
        }
        assert!(check(&LEAST.replace("[\"x\"]", "[]")).contains("nothing to run"));
        assert!(check("[program]\nrun = [\"x\"]\nport = \"told\"\n").contains("missing field `name`"));
    }
}
