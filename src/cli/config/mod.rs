//! `ftpspec.toml`: what `ftpspec run` does in a repository where nothing more is said.
//!
//! Responsible for finding and reading the file, and for which word counts where the command line says something too: always that of
//! the command line. `docs/config.md` tells it to users.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::report::{Format, ReportArgument};
use super::which::{DEFAULT_SERVER, Which};
use super::{Wrong, split_paths};
use crate::run::select::Selection;
use crate::run::suite::Problem;
use crate::scenario::model::Source;
use file::{File, Known};

mod file;

/// What it is called.
pub(super) const NAME: &str = "ftpspec.toml";

/// The arguments about the file.
#[derive(Debug, Clone, Args)]
pub(super) struct Place {
    /// What is not said here stands in this file; by default in `ftpspec.toml` of this directory, or of the nearest one above it
    /// within the repository (docs/config.md).
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    config: Option<PathBuf>,

    /// Read no `ftpspec.toml`.
    #[arg(long)]
    no_config: bool,
}

/// What the file says; nothing where there is none.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// Its directory, as seen from the current one; paths in it start there.
    folder: PathBuf,
    file: File,
}

/// The list of known failures, and whether none is to be used.
type Baseline = (Option<PathBuf>, bool);

impl Config {
    /// The file that counts here.
    pub(super) fn find(arguments: &Place) -> Result<Self, Wrong> {
        let path = match (&arguments.config, arguments.no_config) {
            (_, true) => None,
            (Some(path), false) => Some(path.clone()),
            (None, false) => nearest(&std::env::current_dir()?),
        };
        path.map_or_else(|| Ok(Self::default()), |path| Self::load(&path))
    }

    fn load(path: &Path) -> Result<Self, Wrong> {
        let bytes = fs::read(path).map_err(|error| Wrong::Usage(format!("cannot read {}: {error}", path.display())))?;
        let source = Arc::new(Source { name: path.display().to_string(), text: String::from_utf8_lossy(&bytes).into_owned() });
        let file = file::read(&source.text).map_err(|diagnostics| Wrong::Config(Problem { source, diagnostics }))?;
        Ok(Self { folder: path.parent().map(Path::to_owned).unwrap_or_default(), file })
    }

    /// A path of the file, as seen from the current directory.
    fn path(&self, text: &str) -> PathBuf {
        self.folder.join(text)
    }

    /// A word of the file that is a path where it looks like one.
    fn word(&self, text: &str) -> String {
        if self.folder.as_os_str().is_empty() || !["./", "../"].iter().any(|start| text.starts_with(start)) {
            return text.to_owned();
        }
        self.path(text.strip_prefix("./").unwrap_or(text)).display().to_string()
    }

    /// The server, and the baseline that belongs to it. Where the command line names another server than the file, nothing of the file's
    /// is left.
    pub(super) fn which(&self, named: &Which) -> (Which, Baseline) {
        let server = self.file.server.as_ref().map(|server| self.word(server));
        let target = &self.file.target;
        let is_own = named.servers.len() < 2
            && match (named.servers.first(), &named.target) {
                (None, None) => true,
                (Some(name), _) => target.is_none() && name == server.as_deref().unwrap_or(DEFAULT_SERVER),
                (None, Some(url)) => Some(url) == target.as_ref(),
            };
        if !is_own {
            return (named.clone(), (None, false));
        }
        let is_given = |key: &String| named.set.iter().any(|(other, _)| other == key);
        let of_file = self.file.set.iter().filter(|(key, _)| !is_given(key)).map(|(key, value)| (key.clone(), self.word(value)));
        let baseline = match &self.file.baseline {
            Some(Known::File(path)) => (Some(self.path(path)), false),
            Some(Known::Nothing) => (None, true),
            None => (None, false),
        };
        let set = of_file.chain(named.set.iter().cloned()).collect();
        (Which { servers: server.into_iter().collect(), set, target: target.clone(), ..named.clone() }, baseline)
    }

    /// What to read, and what to choose of it. Where the command line chooses anything, nothing of the file's choice is left; only
    /// its scenarios can still be named.
    pub(super) fn select(&self, what: &[String], options: Selection) -> (Vec<PathBuf>, Selection) {
        let (paths, ids) = split_paths(what);
        if !paths.is_empty() {
            return (paths, Selection { ids, paths: true, ..options });
        }
        let paths = self.file.paths.iter().map(|path| self.path(path)).collect();
        let Selection { topics, requirements, levels, .. } = &options;
        if !(ids.is_empty() && topics.is_empty() && requirements.is_empty() && levels.is_empty()) {
            return (paths, Selection { ids, paths: false, ..options });
        }
        let File { ids, topics, requirements, levels, only_paths, .. } = self.file.clone();
        (paths, Selection { ids, topics, requirements, levels, paths: only_paths })
    }

    /// The reports that are asked for on the command line, and those of the file in other formats.
    pub(super) fn reports(&self, named: &[ReportArgument]) -> Vec<ReportArgument> {
        let of_file = self.file.reports.iter().filter_map(|(name, file)| {
            let (_, format) = Format::ALL.into_iter().find(|(known, _)| known == name)?;
            let file = if file == "-" { PathBuf::from(file) } else { self.path(file) };
            Some(ReportArgument { format, file })
        });
        let is_left = |report: &ReportArgument| !named.iter().any(|other| other.format == report.format);
        named.iter().cloned().chain(of_file.filter(is_left)).collect()
    }

    pub(super) fn strict(&self) -> bool {
        self.file.strict
    }

    pub(super) fn slow(&self) -> bool {
        self.file.slow
    }

    pub(super) fn jobs(&self) -> Option<u16> {
        self.file.jobs
    }

    pub(super) fn seed(&self) -> Option<u64> {
        self.file.seed
    }

    pub(super) fn max_fail(&self) -> Option<u32> {
        self.file.max_fail
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.file.deadline
    }
}

/// The nearest file at or above a directory, as seen from it; none above the root of the repository that it is in.
fn nearest(current: &Path) -> Option<PathBuf> {
    let mut seen_from = PathBuf::new();
    for folder in current.ancestors() {
        if folder.join(NAME).is_file() {
            return Some(seen_from.join(NAME));
        }
        if folder.join(".git").exists() {
            return None;
        }
        seen_from.push("..");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folder: &str, text: &str) -> Config {
        Config { folder: folder.into(), file: file::read(text).unwrap() }
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_nearest_file_within_the_repository_counts() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("repository/a/b");
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir(folder.path().join("repository/.git")).unwrap();
        fs::write(folder.path().join(NAME), "").unwrap();
        assert_eq!(nearest(&deep), None, "what stands above the repository is not its own");
        fs::write(folder.path().join("repository").join(NAME), "").unwrap();
        assert_eq!(nearest(&deep), Some(PathBuf::from("../../ftpspec.toml")));
        fs::write(deep.join(NAME), "").unwrap();
        assert_eq!(nearest(&deep), Some(PathBuf::from("ftpspec.toml")));
    }

    #[test]
    fn another_server_takes_nothing_of_the_file() {
        let text = "server = \"./mine.toml\"\nbaseline = \"known.toml\"\n[set]\nbin = \"./x\"\nmode = \"fast\"\n";
        let which = |server: Option<&str>, target: Option<&str>, set: &[(&str, &str)]| Which {
            servers: server.map(str::to_owned).into_iter().collect(),
            set: pairs(set),
            target: target.map(str::to_owned),
            account: Vec::new(),
            password_file: None,
        };
        let check = |folder: &str, named: &Which, expect: &Which, baseline: Option<&str>| {
            let (found, known) = config(folder, text).which(named);
            assert_eq!((&found.servers, &found.set, &found.target), (&expect.servers, &expect.set, &expect.target));
            assert_eq!(known, (baseline.map(PathBuf::from), false));
        };
        let own = |name, set: &[(&str, &str)]| which(Some(name), None, set);
        let whole = own("./mine.toml", &[("bin", "./x"), ("mode", "fast")]);
        check("", &which(None, None, &[]), &whole, Some("known.toml"));
        check("", &which(Some("./mine.toml"), None, &[]), &whole, Some("known.toml"));
        check("..", &which(None, None, &[]), &own("../mine.toml", &[("bin", "../x"), ("mode", "fast")]), Some("../known.toml"));
        let slow = own("./mine.toml", &[("bin", "./x"), ("mode", "slow")]);
        check("", &which(None, None, &[("mode", "slow")]), &slow, Some("known.toml"));
        let other = own("reference", &[("broken", "a")]);
        check("", &other, &other, None);
        let running = which(None, Some("ftp://h/"), &[]);
        check("", &running, &running, None);
        let (found, known) = config("", "target = \"ftp://h/\"\nbaseline = false\n").which(&which(None, None, &[]));
        assert_eq!((found.target.as_deref(), found.server(), known), (Some("ftp://h/"), DEFAULT_SERVER, (None, true)));
        let (found, known) = config("", "target = \"ftp://h/\"\nbaseline = false\n").which(&which(Some(DEFAULT_SERVER), None, &[]));
        assert_eq!((found.target, known), (None, (None, false)));
    }

    #[test]
    fn a_choice_on_the_command_line_replaces_that_of_the_file() {
        let text = "[select]\npaths = [\"ftp\"]\nids = [\"hello\"]\ntopics = [\"x\"]\n";
        let check = |what: &[&str], topics: &[&str], paths: &[&str], expect: Selection| {
            let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            let (found, selection) = config("..", text).select(&words(what), Selection { topics: words(topics), ..Selection::default() });
            assert_eq!(found, paths.iter().map(PathBuf::from).collect::<Vec<_>>());
            assert_eq!(format!("{selection:?}"), format!("{expect:?}"));
        };
        let one = |word: &str| vec![word.to_owned()];
        check(&[], &[], &["../ftp"], Selection { ids: one("hello"), topics: one("x"), paths: true, ..Selection::default() });
        check(&["login"], &[], &["../ftp"], Selection { ids: one("login"), ..Selection::default() });
        check(&[], &["resume"], &["../ftp"], Selection { topics: one("resume"), ..Selection::default() });
        check(&["./b.ftp", "b"], &[], &["./b.ftp"], Selection { ids: one("b"), paths: true, ..Selection::default() });
    }

    #[test]
    fn a_format_on_the_command_line_replaces_that_of_the_file() {
        let config = config("..", "[report]\njson = \"a.json\"\ntap = \"-\"\n");
        let report = |text: &str| text.parse::<ReportArgument>().unwrap();
        assert_eq!(config.reports(&[]), [report("json=../a.json"), report("tap=-")]);
        assert_eq!(config.reports(&[report("tap=b"), report("md=c")]), [report("tap=b"), report("md=c"), report("json=../a.json")]);
    }
}
