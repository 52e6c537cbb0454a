//! `ftpspec.toml` as it is written: its keys, and what is said where one is wrong.

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::super::run::{duration, level};
use crate::ftp::url::FtpUrl;
use crate::requirement::Level;
use crate::scenario::diagnostic::Diagnostic;
use crate::target::password::VARIABLE;

/// The whole file, as the library reads it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    server: Option<Spanned<String>>,
    target: Option<Spanned<String>>,
    set: BTreeMap<String, Spanned<String>>,
    baseline: Option<Spanned<toml::Value>>,
    strict: bool,
    slow: bool,
    jobs: Option<NonZeroU16>,
    seed: Option<u64>,
    max_fail: Option<NonZeroU32>,
    deadline: Option<Spanned<String>>,
    select: Select,
    report: Reports,
}

/// `[select]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Select {
    suite: Option<Spanned<Suite>>,
    paths: Vec<Spanned<String>>,
    ids: Vec<Spanned<String>>,
    topics: Vec<String>,
    requirements: Vec<String>,
    levels: Vec<Spanned<String>>,
}

/// `[report]`: a file for each format.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Reports {
    html: Option<Spanned<String>>,
    json: Option<Spanned<String>>,
    junit: Option<Spanned<String>>,
    md: Option<Spanned<String>>,
    tap: Option<Spanned<String>>,
}

/// Which scenarios there are to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Suite {
    /// Those of the binary.
    BuiltIn,
    /// Those below the paths.
    Paths,
    /// All of them.
    Both,
}

/// The whole file, checked.
#[derive(Debug, Clone, Default)]
pub(super) struct File {
    pub(super) server: Option<String>,
    /// The URL of a server that runs already; without a password.
    pub(super) target: Option<String>,
    pub(super) set: BTreeMap<String, String>,
    pub(super) baseline: Option<Known>,
    pub(super) strict: bool,
    pub(super) slow: bool,
    pub(super) jobs: Option<u16>,
    pub(super) seed: Option<u64>,
    pub(super) max_fail: Option<u32>,
    pub(super) deadline: Option<Duration>,
    /// Only what stands below the paths is chosen.
    pub(super) only_paths: bool,
    pub(super) paths: Vec<String>,
    pub(super) ids: Vec<String>,
    pub(super) topics: Vec<String>,
    pub(super) requirements: Vec<String>,
    pub(super) levels: Vec<Level>,
    /// Formats as `--report` names them, and files.
    pub(super) reports: Vec<(&'static str, String)>,
}

/// `baseline = ..`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// The failures that this file lists.
    File(String),
    /// None.
    Nothing,
}

const NO_PASSWORD: &str = "no password stands in this file: it is read by everybody who reads the repository";

/// Reads a file.
///
/// # Errors
/// All that is wrong with it; only the first, where it is its form.
pub(super) fn read(text: &str) -> Result<File, Vec<Diagnostic>> {
    let written: Written = toml::from_str(text).map_err(|error| vec![wrong(&error)])?;
    let mut reader = Reader { diagnostics: Vec::new() };
    let file = reader.file(written);
    reader.diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    if reader.diagnostics.is_empty() { Ok(file) } else { Err(reader.diagnostics) }
}

/// The library's error in our words. A password is worth some of its own.
fn wrong(error: &toml::de::Error) -> Diagnostic {
    let diagnostic = Diagnostic::of_toml(error);
    let is_secret = ["password", "passwd", "pass", "secret"].iter().any(|word| diagnostic.message == format!("no key `{word}` here"));
    if !is_secret {
        return diagnostic;
    }
    Diagnostic::error(diagnostic.span, NO_PASSWORD).help(format!("give it in the environment variable {VARIABLE}"))
}

struct Reader {
    diagnostics: Vec<Diagnostic>,
}

impl Reader {
    fn error<T>(&mut self, value: &Spanned<T>, message: impl Into<String>, expected: &str) {
        self.diagnostics.push(Diagnostic::error_at(value, message).expected(expected));
    }

    fn file(&mut self, written: Written) -> File {
        let Written { server, target, set, baseline, strict, slow, jobs, seed, max_fail, deadline, select, report } = written;
        let only_paths = self.only_paths(&select);
        let Select { suite: _, paths, ids, topics, requirements, levels } = select;
        let Reports { html, json, junit, md, tap } = report;
        let reports = [("html", html), ("json", json), ("junit", junit), ("md", md), ("tap", tap)];
        File {
            target: target.and_then(|url| self.target(url, server.is_some() || !set.is_empty())),
            server: server.map(|server| self.server(server)),
            set: set.into_iter().map(|(key, value)| (key, value.into_inner())).collect(),
            baseline: baseline.and_then(|baseline| self.known(&baseline)),
            strict,
            slow,
            jobs: jobs.map(NonZeroU16::get),
            seed,
            max_fail: max_fail.map(NonZeroU32::get),
            deadline: deadline.and_then(|text| match duration(text.get_ref()) {
                Ok(time) => Some(time),
                Err(reason) => {
                    self.error(&text, "this is no time", reason.strip_prefix("expected ").unwrap_or(&reason));
                    None
                }
            }),
            only_paths,
            paths: paths.into_iter().map(|path| self.text(path, "a file or a directory")).collect(),
            ids: ids.into_iter().map(|id| self.id(id)).collect(),
            topics,
            requirements,
            levels: levels.iter().filter_map(|word| self.level(word)).collect(),
            reports: reports.into_iter().filter_map(|(format, file)| Some((format, self.text(file?, "a file")))).collect(),
        }
    }

    fn text(&mut self, value: Spanned<String>, expected: &str) -> String {
        if value.get_ref().is_empty() {
            self.error(&value, "this says nothing", expected);
        }
        value.into_inner()
    }

    fn server(&mut self, value: Spanned<String>) -> String {
        if value.get_ref().parse::<FtpUrl>().is_ok() {
            self.error(&value, "this server runs already", "`target = ..`");
        }
        self.text(value, "`libunftp`, the name of a profile, or the path of one")
    }

    /// The URL of a server that runs already; `is_started` where there is another that is started.
    fn target(&mut self, value: Spanned<String>, is_started: bool) -> Option<String> {
        if is_started {
            self.error(&value, "a server that runs already is none that is started", "either `target`, or `server` and `[set]`");
        }
        match value.get_ref().parse::<FtpUrl>() {
            Ok(url) if url.password.is_some() => {
                let diagnostic = Diagnostic::error_at(&value, NO_PASSWORD);
                self.diagnostics.push(diagnostic.help(format!("give it in the environment variable {VARIABLE}")));
                None
            }
            Ok(_) => Some(value.into_inner()),
            Err(error) => {
                self.error(&value, error.to_string(), "`ftp://user@host:port/dir`");
                None
            }
        }
    }

    fn known(&mut self, value: &Spanned<toml::Value>) -> Option<Known> {
        match value.get_ref() {
            toml::Value::String(path) if !path.is_empty() => Some(Known::File(path.clone())),
            toml::Value::Boolean(false) => Some(Known::Nothing),
            other => {
                self.error(value, format!("unexpected {}", other.type_str()), "the path of a baseline, or `false`");
                None
            }
        }
    }

    fn only_paths(&mut self, select: &Select) -> bool {
        let Some(suite) = &select.suite else { return !select.paths.is_empty() };
        match (suite.get_ref(), select.paths.is_empty()) {
            (Suite::BuiltIn, false) => self.error(suite, "there are `paths`, and nothing of them would be played", "\"both\" or \"paths\""),
            (Suite::Paths | Suite::Both, true) => self.error(suite, "there are no `paths`", "`paths = [..]` beside it, or \"built-in\""),
            (Suite::BuiltIn, true) | (Suite::Paths | Suite::Both, false) => {}
        }
        *suite.get_ref() == Suite::Paths
    }

    fn id(&mut self, value: Spanned<String>) -> String {
        let word = value.get_ref();
        if std::path::Path::new(word).extension().is_some_and(|extension| extension == "ftp") || word.starts_with(['.', '/']) {
            self.error(&value, "this is a path", "the id of a case, or a glob of ids; paths stand in `paths`");
        }
        self.text(value, "the id of a case, or a glob of ids")
    }

    fn level(&mut self, value: &Spanned<String>) -> Option<Level> {
        let word = value.get_ref();
        let found = level(word).ok();
        if found.is_none() {
            let words = Level::ALL.map(Level::word);
            let diagnostic = Diagnostic::error_at(value, format!("no level is called `{}`", word.escape_debug()));
            self.diagnostics.push(diagnostic.expected(format!("one of {}", words.join(", "))).nearest(word, words));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::model::Source;

    fn check(text: &str) -> String {
        let source = Source { name: "ftpspec.toml".to_owned(), text: text.to_owned() };
        match read(text) {
            Ok(file) => format!("{file:?}"),
            Err(diagnostics) => diagnostics.iter().map(|one| one.render(&source, false)).collect::<Vec<_>>().join("\n"),
        }
    }

    #[test]
    fn all_keys_are_read() {
        let file = read(
            "server = \"./mine.toml\"\nbaseline = \"known.toml\"\nstrict = true\nslow = true\njobs = 8\nseed = 7\nmax_fail = 3\ndeadline = \"10m\"\n\
             [set]\nbin = \"./x\"\n[select]\nsuite = \"both\"\npaths = [\"ftp\"]\nids = [\"login/*\"]\ntopics = [\"t\"]\nrequirements = [\"r\"]\nlevels = [\"must\"]\n\
             [report]\njson = \"a.json\"\ntap = \"-\"\n",
        )
        .unwrap();
        assert_eq!((file.server.as_deref(), file.baseline.as_ref()), (Some("./mine.toml"), Some(&Known::File("known.toml".to_owned()))));
        assert_eq!((file.strict, file.slow, file.jobs, file.seed, file.max_fail), (true, true, Some(8), Some(7), Some(3)));
        assert_eq!((file.deadline, file.only_paths), (Some(Duration::from_secs(600)), false));
        assert_eq!((file.paths, file.ids, file.levels), (vec!["ftp".to_owned()], vec!["login/*".to_owned()], vec![Level::Must]));
        assert_eq!(file.reports, [("json", "a.json".to_owned()), ("tap", "-".to_owned())]);
        assert_eq!(read("baseline = false").unwrap().baseline, Some(Known::Nothing));
        assert!(read("[select]\npaths = [\"ftp\"]").unwrap().only_paths && !read("").unwrap().only_paths);
    }

    #[test]
    fn a_key_that_is_none_is_shown_with_the_nearest() {
        insta::assert_snapshot!(check("[report]\njsn = \"a\"\n"), @r#"
        error: no key `jsn` here
         --> ftpspec.toml:2:1
          |
        2 | jsn = "a"
          | ^^^ expected one of html, json, junit, md, tap
          |
          = help: did you mean `json`?
        "#);
    }

    #[test]
    fn a_password_is_refused_and_told_where_it_belongs() {
        insta::assert_snapshot!(check("server = \"x\"\npassword = \"p\"\n"), @r#"
        error: no password stands in this file: it is read by everybody who reads the repository
         --> ftpspec.toml:2:1
          |
        2 | password = "p"
          | ^^^^^^^^
          |
          = help: give it in the environment variable FTPSPEC_PASSWORD
        "#);
    }

    #[test]
    fn what_is_wrong_is_told_at_its_place() {
        for (text, place, expect) in [
            ("servr = \"x\"", "1:1", "did you mean `server`?"),
            ("server = 5", "1:10", "invalid type"),
            ("server = \"ftp://host/\"", "1:10", "expected `target = ..`"),
            ("target = \"http://host/\"", "1:10", "expected `ftp://user@host:port/dir`"),
            ("target = \"ftp://alice:s3same@host/\"", "1:10", "give it in the environment variable FTPSPEC_PASSWORD"),
            ("server = \"x\"\ntarget = \"ftp://host/\"", "2:10", "either `target`, or `server` and `[set]`"),
            ("server = \"\"", "1:10", "this says nothing"),
            ("strict = \"yes\"", "1:10", "invalid type"),
            ("jobs = 0", "1:8", "nonzero"),
            ("jobs = 70000", "1:8", "70000"),
            ("baseline = true", "1:12", "the path of a baseline, or `false`"),
            ("deadline = \"10\"", "1:12", "`90s`, `10m`"),
            ("set = 1", "1:7", "invalid type"),
            ("[set]\nport = 21", "2:8", "invalid type"),
            ("[select]\nsuite = \"bilt-in\"", "2:9", "did you mean `built-in`?"),
            ("[select]\nsuite = \"both\"", "2:9", "there are no `paths`"),
            ("[select]\nsuite = \"built-in\"\npaths = [\"x\"]", "2:9", "nothing of them would be played"),
            ("[select]\nlevels = [\"MUST\", \"SHOUD\"]", "2:19", "did you mean `SHOULD`?"),
            ("[select]\nids = [\"./a.ftp\"]", "2:8", "paths stand in `paths`"),
            ("[select]\ntopic = [\"a\"]", "2:1", "did you mean `topics`?"),
            ("[select", "1:", ""),
        ] {
            let told = check(text);
            assert!(told.contains(&format!("ftpspec.toml:{place}")) && told.contains(expect), "{text}: {told}");
        }
        let both = check("deadline = \"soon\"\n[select]\nlevels = [\"MIGHT\"]\n");
        assert!(both.contains("ftpspec.toml:1:12") && both.contains("ftpspec.toml:3:11"), "{both}");
    }
}
