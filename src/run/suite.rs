//! The scenarios that can be played: those that are part of the binary, and those that people name by a path.
//!
//! Responsible for finding and reading them, all errors of all files in one go. Does not choose among them
//! ([`select`](super::select)).

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::requirement::Catalogue;
use crate::scenario::diagnostic::Severity;
use crate::scenario::id::file_id;
use crate::scenario::lint::lint;
use crate::scenario::model::{Case, Scenario, Source};
use crate::scenario::{Diagnostic, expand, parse_bytes};

/// The scenarios of the project; read from the folder in a debug build.
#[derive(rust_embed::RustEmbed)]
#[folder = "scenarios/"]
#[allow_missing = true]
struct BuiltIn;

/// Folders below a path argument that are followed at most.
const DEPTH: usize = 16;

/// Where a scenario comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Part of the binary.
    BuiltIn,
    /// A path argument.
    Path,
}

/// A scenario file, read and expanded.
#[derive(Debug, Clone)]
pub struct File {
    /// Where it comes from.
    pub origin: Origin,
    /// Its text.
    pub source: Arc<Source>,
    /// What it says.
    pub scenario: Scenario,
    /// One a row; one where there is no table.
    pub cases: Vec<Arc<Case>>,
    /// What is probably not meant.
    pub lints: Vec<Diagnostic>,
}

/// Scenario files, by id.
#[derive(Debug, Clone, Default)]
pub struct Suite {
    files: BTreeMap<String, File>,
}

/// What is wrong with a file.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Its text.
    pub source: Arc<Source>,
    /// All that is wrong, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// The messages, each with the line that it is about.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> = self.diagnostics.iter().map(|one| one.render(&self.source, false)).collect();
        f.write_str(&shown.join("\n\n"))
    }
}

/// Why there is no suite.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A path cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory without a scenario.
    #[error("there is no .ftp file below {}", .0.display())]
    Empty(PathBuf),
    /// Two paths give the same id.
    #[error("{} and {} are both `{id}`: an id must be told apart", first.display(), second.display())]
    Twice {
        /// The id.
        id: String,
        /// The first.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Files do not parse: all that is wrong in all of them.
    #[error("{} scenario files do not parse{}", .0.len(), .0.iter().map(|problem| format!("\n\n{problem}")).collect::<String>())]
    Unreadable(Vec<Problem>),
}

/// The bytes of a file, and the names it goes by.
struct Raw {
    origin: Origin,
    name: String,
    id: String,
    bytes: Vec<u8>,
}

impl Suite {
    /// The scenarios that are part of the binary.
    ///
    /// # Errors
    /// [`SuiteError::Unreadable`]; a test shows that it does not happen.
    pub fn built_in() -> Result<Self, SuiteError> {
        Self::assemble(built_in_files())
    }

    /// The built-in scenarios and those of these paths, which replace built-in ones with the same id.
    ///
    /// A path is a file, or a directory whose `.ftp` files are read. An id is the path below the nearest directory
    /// `scenarios`, or the path below the argument, or the file's stem.
    ///
    /// # Errors
    /// Where a path cannot be read, or a file does not parse.
    pub fn load(paths: &[PathBuf]) -> Result<Self, SuiteError> {
        let mut files = built_in_files();
        files.extend(files_of(paths)?);
        Self::assemble(files)
    }

    /// Only the scenarios of these paths.
    ///
    /// # Errors
    /// As [`Suite::load`].
    pub fn read(paths: &[PathBuf]) -> Result<Self, SuiteError> {
        Self::assemble(files_of(paths)?)
    }

    /// Scenarios that a program carries: their ids, and what their files would say.
    ///
    /// # Errors
    /// [`SuiteError::Unreadable`] where a text does not parse.
    pub fn of_texts<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, SuiteError> {
        let raw = |(id, text): (&str, &str)| Raw {
            origin: Origin::Path,
            name: format!("{id}.ftp"),
            id: id.to_owned(),
            bytes: text.as_bytes().to_vec(),
        };
        Self::assemble(texts.into_iter().map(raw).collect())
    }

    fn assemble(raw: Vec<Raw>) -> Result<Self, SuiteError> {
        let mut suite = Self::default();
        let mut problems = Vec::new();
        // What comes later replaces what has the same id; a replaced file need not parse.
        let raw: BTreeMap<String, Raw> = raw.into_iter().map(|file| (file.id.clone(), file)).collect();
        for (id, file) in raw {
            match read(file) {
                Ok(file) => drop(suite.files.insert(id, file)),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(suite) } else { Err(SuiteError::Unreadable(problems)) }
    }

    /// The files, by id.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        self.files.values()
    }

    /// The file of a case or of a scenario.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&File> {
        self.files.get(file_id(id))
    }

    /// All cases, by file, in the order of their rows.
    pub fn cases(&self) -> impl Iterator<Item = &Arc<Case>> {
        self.files().flat_map(|file| &file.cases)
    }

    /// The cases of files that were named by a path.
    pub fn cases_of_paths(&self) -> impl Iterator<Item = &Arc<Case>> {
        self.files().filter(|file| file.origin == Origin::Path).flat_map(|file| &file.cases)
    }
}

/// Whether a scenario is part of the binary: of this name, with this text.
#[must_use]
pub fn is_built_in(source: &Source) -> bool {
    let file = source.name.strip_prefix("scenarios/").and_then(BuiltIn::get);
    file.is_some_and(|file| file.data == source.text.as_bytes())
}

fn built_in_files() -> Vec<Raw> {
    let mut names: Vec<String> = BuiltIn::iter().filter(|name| name.ends_with(".ftp")).map(|name| name.replace('\\', "/")).collect();
    names.sort_unstable();
    names
        .into_iter()
        .filter_map(|name| {
            let bytes = BuiltIn::get(&name)?.data.into_owned();
            let id = name.strip_suffix(".ftp").unwrap_or(&name).to_owned();
            Some(Raw { origin: Origin::BuiltIn, name: format!("scenarios/{name}"), id, bytes })
        })
        .collect()
}

fn files_of(paths: &[PathBuf]) -> Result<Vec<Raw>, SuiteError> {
    let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut raw = Vec::new();
    for argument in paths {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| SuiteError::Io { path, source }
        };
        let mut found = Vec::new();
        let is_folder = fs::metadata(argument).map_err(io(argument))?.is_dir();
        if is_folder {
            walk(argument, DEPTH, &mut found)?;
            if found.is_empty() {
                return Err(SuiteError::Empty(argument.clone()));
            }
            found.sort_unstable();
        } else {
            found.push(argument.clone());
        }
        for path in found {
            let bytes = fs::read(&path).map_err(io(&path))?;
            let id = id_of(&path, is_folder.then_some(argument.as_path()));
            match seen.get(&id) {
                Some(first) if same(first, &path) => continue,
                Some(first) => return Err(SuiteError::Twice { id, first: first.clone(), second: path }),
                None => drop(seen.insert(id.clone(), path.clone())),
            }
            raw.push(Raw { origin: Origin::Path, name: path.display().to_string(), id, bytes });
        }
    }
    Ok(raw)
}

fn same(a: &Path, b: &Path) -> bool {
    a == b || matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

/// All `.ftp` files below a folder, hidden ones and folders behind links left out.
fn walk(folder: &Path, depth: usize, into: &mut Vec<PathBuf>) -> Result<(), SuiteError> {
    let io = |source| SuiteError::Io { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type().map_err(io)?.is_dir() {
            if depth > 0 {
                walk(&path, depth - 1, into)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "ftp") {
            into.push(path);
        }
    }
    Ok(())
}

/// The id of a file: its path below the nearest `scenarios`, or below the argument, or its stem.
fn id_of(path: &Path, below: Option<&Path>) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).with_extension("");
    let parts: Vec<String> = whole.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    let folders = &parts[..parts.len().saturating_sub(1)];
    if let Some(place) = folders.iter().rposition(|part| part == "scenarios") {
        return parts[place + 1..].join("/");
    }
    let relative = below.and_then(|below| path.strip_prefix(below).ok()).map(|path| path.with_extension(""));
    match relative {
        Some(relative) => relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("/"),
        None => parts.last().cloned().unwrap_or_default(),
    }
}

fn read(file: Raw) -> Result<File, Problem> {
    let (source, parsed) = parse_bytes(&file.name, &file.bytes, &file.id);
    let source = Arc::new(source);
    let wrong = |diagnostics| Problem { source: Arc::clone(&source), diagnostics };
    let scenario = parsed.map_err(wrong)?;
    let cases = expand(&scenario, &source).map_err(wrong)?;
    let known: Vec<&str> = Catalogue::built_in().ids().collect();
    let lints = lint(&scenario, &cases, &known);
    let cases = cases.into_iter().map(Arc::new).collect();
    if lints.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Err(wrong(lints));
    }
    Ok(File { origin: file.origin, scenario, cases, lints, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "+++\ntitle = \"a server answers NOOP\"\n\n[accounts]\nalice = \"e\"\n+++\n\nlogin alice\nC> NOOP\nS> 200                            [1123-4.1.2.11-codes]\n";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn ids(suite: &Suite) -> Vec<&str> {
        suite.files().map(|file| file.scenario.id.as_str()).collect()
    }

    #[test]
    fn the_built_in_suite_reads() {
        match Suite::built_in() {
            Ok(suite) => {
                let mut ids: Vec<&str> = suite.cases().map(|case| case.id.as_str()).collect();
                let count = ids.len();
                ids.sort_unstable();
                ids.dedup();
                assert_eq!(ids.len(), count, "a case's id stands twice");
            }
            Err(SuiteError::Unreadable(problems)) => {
                let texts: Vec<String> =
                    problems.iter().flat_map(|problem| problem.diagnostics.iter().map(|one| one.render(&problem.source, false))).collect();
                panic!("{}", texts.join("\n\n"));
            }
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn an_id_is_the_path_below_scenarios() {
        let check = |path: &str, below: Option<&str>, expect: &str| assert_eq!(id_of(Path::new(path), below.map(Path::new)), expect);
        check("/a/scenarios/resume/cut.ftp", None, "resume/cut");
        check("/a/scenarios/b/scenarios/cut.ftp", None, "cut");
        check("/a/b/cut.ftp", None, "cut");
        check("/a/b/c/cut.ftp", Some("/a/b"), "c/cut");
        check("/a/scenarios/resume/cut.ftp", Some("/a/scenarios/resume"), "resume/cut");
    }

    #[test]
    fn files_and_folders_are_read() {
        let folder = folder(&[("one.ftp", GOOD), ("deep/two.ftp", GOOD), ("notes.txt", "no"), (".hidden/three.ftp", "no")]);
        assert_eq!(ids(&Suite::read(&[folder.path().to_owned()]).unwrap()), ["deep/two", "one"]);
        assert_eq!(ids(&Suite::read(&[folder.path().join("one.ftp")]).unwrap()), ["one"]);
        let suite = Suite::load(&[folder.path().join("one.ftp"), folder.path().join("one.ftp")]).unwrap();
        assert_eq!(suite.cases_of_paths().map(|case| case.id.as_str()).collect::<Vec<_>>(), ["one"]);
        assert_eq!(suite.find("one#row@variant").map(|file| file.origin), Some(Origin::Path));
    }

    #[test]
    fn texts_are_read_as_files_are() {
        let suite = Suite::of_texts([("own/noop", GOOD), ("own/again", GOOD)]).unwrap();
        assert_eq!(ids(&suite), ["own/again", "own/noop"]);
        let error = Suite::of_texts([("own/noop", "nothing")]).unwrap_err().to_string();
        assert!(error.contains("own/noop.ftp:1:1"), "{error}");
    }

    #[test]
    fn all_errors_of_all_files_come_at_once() {
        let folder = folder(&[("a.ftp", "+++\ntitle = \"x\"\n+++\nnonsense\nC>\n"), ("b.ftp", "nothing"), ("c.ftp", GOOD)]);
        let error = Suite::read(&[folder.path().to_owned()]).unwrap_err();
        let SuiteError::Unreadable(problems) = error else { panic!("{error}") };
        let names: Vec<bool> = problems.iter().map(|problem| problem.source.name.ends_with("a.ftp")).collect();
        assert_eq!(names, [true, false]);
        assert!(problems.iter().all(|problem| !problem.diagnostics.is_empty()));
    }

    #[test]
    fn a_wrong_path_is_told() {
        let folder = folder(&[("x/cut.ftp", GOOD), ("y/cut.ftp", GOOD), ("z/notes.txt", "no")]);
        let error = |paths: &[&str]| Suite::read(&paths.iter().map(|path| folder.path().join(path)).collect::<Vec<_>>()).unwrap_err();
        assert!(matches!(error(&["no.ftp"]), SuiteError::Io { .. }));
        assert!(matches!(error(&["z"]), SuiteError::Empty(_)));
        assert!(matches!(error(&["x/cut.ftp", "y/cut.ftp"]), SuiteError::Twice { id, .. } if id == "cut"));
    }
}
