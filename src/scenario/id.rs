//! Ids of cases: `resume/cut#row@variant`, and the globs that cover them.
//!
//! Responsible for what a word covers, in one reading for selections, baselines and declarations of bugs. Knows no suite.

use globset::{GlobBuilder, GlobMatcher};

/// An id without its row and its variant.
#[must_use]
pub fn file_id(id: &str) -> &str {
    id.split(['#', '@']).next().unwrap_or(id)
}

/// An id or a glob of ids: `resume/cut`, `letters/*`, `resume`, `letters/denied#{dele,rmd}`.
#[derive(Debug, Clone)]
pub struct IdGlob {
    glob: GlobMatcher,
}

impl IdGlob {
    /// Reads it.
    ///
    /// # Errors
    /// Why it is no glob.
    pub fn new(word: &str) -> Result<Self, String> {
        let glob = GlobBuilder::new(word.trim_end_matches('/')).literal_separator(true).build();
        glob.map(|glob| Self { glob: glob.compile_matcher() }).map_err(|error| error.kind().to_string())
    }

    /// Whether it fits an id: the whole, or without its variant, without its row, or a folder of it.
    #[must_use]
    pub fn covers(&self, id: &str) -> bool {
        let without_variant = id.split('@').next().unwrap_or(id);
        let file = file_id(id);
        let folders = file.match_indices('/').map(|(place, _)| &file[..place]);
        [id, without_variant, file].into_iter().chain(folders).any(|id| self.glob.is_match(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, id: &str, expect: bool) {
        assert_eq!(IdGlob::new(word).unwrap().covers(id), expect, "{word} on {id}");
    }

    #[test]
    fn a_glob_covers_rows_and_variants() {
        check("resume/cut", "resume/cut", true);
        check("resume/cut", "resume/cut#a", true);
        check("resume/cut", "resume/cut#a@epsv+tls", true);
        check("resume/cut#a", "resume/cut#a@epsv", true);
        check("resume/cut#b", "resume/cut#a", false);
        check("resume/cut#*", "resume/cut#a", true);
        check("resume/cut#{a,b-c}", "resume/cut#b-c", true);
        check("resume/cut#{a,b-c}", "resume/cut#b", false);
        check("resume/*", "resume/cut", true);
        check("resume/", "resume/cut#a", true);
        check("resume", "resume/deep/cut", true);
        check("*", "resume/cut", true);
        check("**/cut", "resume/deep/cut", true);
        check("resume/cu", "resume/cut", false);
        check("esume", "resume/cut", false);
        assert!(IdGlob::new("a[").is_err());
    }
}
