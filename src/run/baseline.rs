//! Where baselines come from: files that people name, and those of well-known servers that are part of the binary.
//!
//! Responsible for finding and reading them. What they say is `judge`'s part.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::suite::Problem;
use crate::judge::baseline::Baseline;
use crate::scenario::model::Source;

/// The baselines of the project; read from the folder in a debug build.
#[derive(rust_embed::RustEmbed)]
#[folder = "baselines/"]
#[allow_missing = true]
struct BuiltIn;

/// Why there is no baseline.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// A file cannot be read.
    #[error("cannot read the baseline {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no baseline: all that is wrong with it.
    #[error("the baseline {} cannot be read", .0.source.name)]
    Unreadable(Problem),
}

/// Where the built-in baseline of a server stands in the project: `baselines/libunftp.toml`.
#[must_use]
pub fn place(server: &str) -> PathBuf {
    Path::new("baselines").join(format!("{server}.toml"))
}

/// The baseline of a server that is part of the binary, if there is one.
///
/// # Errors
/// [`BaselineError::Unreadable`]; a test shows that it does not happen.
pub fn built_in(server: &str) -> Result<Option<Baseline>, BaselineError> {
    let Some(file) = BuiltIn::get(&format!("{server}.toml")) else { return Ok(None) };
    read(&place(server).display().to_string(), &file.data).map(Some)
}

/// The baseline in a file.
///
/// # Errors
/// Where it cannot be read, or is no baseline.
pub fn load(path: &Path) -> Result<Baseline, BaselineError> {
    let bytes = fs::read(path).map_err(|source| BaselineError::Io { path: path.to_owned(), source })?;
    read(&path.display().to_string(), &bytes)
}

/// The baseline in a text; `name` is what it is called in messages.
///
/// # Errors
/// Where it is no baseline.
pub fn read(name: &str, bytes: &[u8]) -> Result<Baseline, BaselineError> {
    // What is no UTF-8 is shown as such, and is then no TOML either.
    let text = String::from_utf8_lossy(bytes).into_owned();
    let source = Arc::new(Source { name: name.to_owned(), text });
    Baseline::read(Arc::clone(&source)).map_err(|diagnostics| BaselineError::Unreadable(Problem { source, diagnostics }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_baselines_read() {
        let names: Vec<String> = BuiltIn::iter().map(|name| name.trim_end_matches(".toml").to_owned()).collect();
        assert!(names.iter().any(|name| name == "libunftp") && names.iter().any(|name| name == "pyftpdlib"), "{names:?}");
        for name in names {
            match built_in(&name) {
                Ok(Some(baseline)) => assert_eq!(baseline.source.name, format!("baselines/{name}.toml")),
                Ok(None) => panic!("{name} is not there"),
                Err(BaselineError::Unreadable(problem)) => {
                    panic!("{}", problem.diagnostics.iter().map(|one| one.render(&problem.source, false)).collect::<Vec<_>>().join("\n"))
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert!(built_in("no such server").unwrap().is_none());
    }

    #[test]
    fn a_file_is_read_or_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.toml");
        assert!(matches!(load(&path), Err(BaselineError::Io { .. })));
        fs::write(&path, b"[[known]]\nreason = \"\xff\"\n").unwrap();
        let Err(BaselineError::Unreadable(problem)) = load(&path) else { panic!("it was read") };
        assert!(problem.diagnostics[0].message.contains("without id, facet"), "{problem:?}");
    }
}
