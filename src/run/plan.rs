//! Which cases are played, and in which order.

use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};

use crate::requirement::{Catalogue, Level, nearest};
use crate::scenario::model::Case;

/// What a user selects; an empty list selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Globs of case ids; a glob covers rows and variants: `letters/*`, `resume/cut`, `letters/denied#retr`.
    pub ids: Vec<String>,
    /// First parts of ids.
    pub topics: Vec<String>,
    /// Requirement ids that a case must cite one of.
    pub requirements: Vec<String>,
    /// Levels that a case must cite one of.
    pub levels: Vec<Level>,
    /// Slow cases too.
    pub slow: bool,
}

/// What was selected.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The cases, in the order of the suite.
    pub cases: Vec<Arc<Case>>,
    /// Slow cases that were selected and are left out.
    pub slow: usize,
}

/// A selection that selects nothing by one of its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// The word is no glob.
    #[error("{glob}: {reason}")]
    Glob {
        /// The word.
        glob: String,
        /// Why.
        reason: String,
    },
    /// Nothing is called so.
    #[error("no {kind} {word}{}", near.as_ref().map(|near| format!("; the nearest is {near}")).unwrap_or_default())]
    Nothing {
        /// `case`, `topic`, `requirement`.
        kind: &'static str,
        /// The word.
        word: String,
        /// The nearest that there is.
        near: Option<String>,
    },
}

impl Selection {
    /// Selects among cases.
    ///
    /// # Errors
    /// A word that selects nothing: an empty selection must not pass for a good run.
    pub fn select(&self, cases: &[Arc<Case>]) -> Result<Plan, SelectionError> {
        let globs = self.ids.iter().map(|id| glob(id)).collect::<Result<Vec<_>, _>>()?;
        for (glob, word) in globs.iter().zip(&self.ids) {
            if !cases.iter().any(|case| covers(glob, &case.id)) {
                let near = nearest(word, cases.iter().map(|case| case.id.as_str())).map(str::to_owned);
                return Err(SelectionError::Nothing { kind: "case", word: word.clone(), near });
            }
        }
        for topic in &self.topics {
            if !cases.iter().any(|case| case.topic() == topic) {
                let near = nearest(topic, cases.iter().map(|case| case.topic())).map(str::to_owned);
                return Err(SelectionError::Nothing { kind: "topic", word: topic.clone(), near });
            }
        }
        let catalogue = Catalogue::built_in();
        for id in &self.requirements {
            if catalogue.find(id).is_none() {
                return Err(SelectionError::Nothing {
                    kind: "requirement",
                    word: id.clone(),
                    near: catalogue.nearest(id).map(str::to_owned),
                });
            }
        }
        let selected = |case: &&Arc<Case>| {
            let cited = case.requirements();
            let level = |id: &&str| catalogue.find(id).is_some_and(|requirement| self.levels.contains(&requirement.level));
            (globs.is_empty() || globs.iter().any(|glob| covers(glob, &case.id)))
                && (self.topics.is_empty() || self.topics.iter().any(|topic| topic == case.topic()))
                && (self.requirements.is_empty() || self.requirements.iter().any(|id| cited.contains(&id.as_str())))
                && (self.levels.is_empty() || cited.iter().any(level))
        };
        let (slow, cases): (Vec<_>, Vec<_>) = cases.iter().filter(selected).cloned().partition(|case| case.slow && !self.slow);
        Ok(Plan { cases, slow: slow.len() })
    }
}

fn glob(word: &str) -> Result<GlobMatcher, SelectionError> {
    GlobBuilder::new(word)
        .literal_separator(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| SelectionError::Glob { glob: word.to_owned(), reason: error.kind().to_string() })
}

/// Whether a glob covers a case: its whole id, or the id without variant, or without row and variant.
fn covers(glob: &GlobMatcher, id: &str) -> bool {
    let without_variant = id.split('@').next().unwrap_or(id);
    let path = without_variant.split('#').next().unwrap_or(id);
    glob.is_match(id) || glob.is_match(without_variant) || glob.is_match(path)
}

/// Whether a glob, as a baseline or a planted bug writes it, covers a case.
#[must_use]
pub fn glob_covers(word: &str, id: &str) -> bool {
    glob(word).is_ok_and(|glob| covers(&glob, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_cover_rows_and_variants() {
        assert!(glob_covers("letters/*", "letters/denied#retr@epsv"));
        assert!(glob_covers("letters/denied", "letters/denied#retr"));
        assert!(glob_covers("letters/denied#retr", "letters/denied#retr@epsv"));
        assert!(glob_covers("letters/denied#r*", "letters/denied#retr"));
        assert!(!glob_covers("letters/denied#retr", "letters/denied#stor"));
        assert!(!glob_covers("letters", "letters/denied"));
        assert!(glob_covers("**", "letters/denied#retr"));
    }
}
