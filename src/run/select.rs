//! Which cases of a suite a run plays: by id, topic, requirement, level.
//!
//! Responsible for the choice and for saying what a word should have been. Keeps the suite's order.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::suite::Suite;
use crate::requirement::{Catalogue, Level, nearest};
use crate::scenario::id::IdGlob;
use crate::scenario::model::Case;

/// What people ask for; an empty list asks for nothing in particular. A case must fit one word of each list.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Ids or globs of ids: `resume/cut`, `letters/*`, `resume`, `letters/denied#retr`.
    pub ids: Vec<String>,
    /// First parts of ids.
    pub topics: Vec<String>,
    /// Ids or globs of requirements that a case cites.
    pub requirements: Vec<String>,
    /// Levels of requirements that a case cites.
    pub levels: Vec<Level>,
    /// Only cases of path arguments are chosen.
    pub paths: bool,
}

/// A word that fits nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// No such case.
    #[error("no case is called `{word}`{}", hint(.nearest.as_deref()))]
    Id {
        /// What was asked for.
        word: String,
        /// The nearest id.
        nearest: Option<String>,
    },
    /// No such topic.
    #[error("no case has the topic `{word}`{}; topics: {}", hint(.nearest.as_deref()), if all.is_empty() { "none" } else { all.as_str() })]
    Topic {
        /// What was asked for.
        word: String,
        /// The nearest topic.
        nearest: Option<String>,
        /// All topics.
        all: String,
    },
    /// No such requirement.
    #[error("no requirement is called `{word}`{}", hint(.nearest.as_deref()))]
    Requirement {
        /// What was asked for.
        word: String,
        /// The nearest id.
        nearest: Option<String>,
    },
    /// Not a glob.
    #[error("`{word}` is no glob: {reason}")]
    Glob {
        /// What was asked for.
        word: String,
        /// Why not.
        reason: String,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"))
}

/// The cases that fit, in the suite's order. An empty answer is no error: requirements exist that no case cites.
///
/// # Errors
/// The first word that fits nothing that exists.
pub fn select(suite: &Suite, selection: &Selection) -> Result<Vec<Arc<Case>>, SelectError> {
    let ids = globs(&selection.ids)?;
    let requirements = globs(&selection.requirements)?;
    check_words(suite, selection, &ids, &requirements)?;
    let of_paths: BTreeSet<&str> =
        if selection.paths { suite.cases_of_paths().map(|case| case.id.as_str()).collect() } else { BTreeSet::new() };
    let chosen_by_id = |case: &Case| {
        let by_id = ids.is_empty() || ids.iter().any(|glob| glob.covers(&case.id));
        by_id && (!selection.paths || of_paths.contains(case.id.as_str()))
    };
    let catalogue = Catalogue::built_in();
    let cases = suite.cases().filter(|case| {
        let cited = case.requirements();
        chosen_by_id(case)
            && (selection.topics.is_empty() || selection.topics.iter().any(|topic| topic == case.topic()))
            && (requirements.is_empty() || cited.iter().any(|id| requirements.iter().any(|glob| glob.covers(id))))
            && (selection.levels.is_empty()
                || cited.iter().filter_map(|id| catalogue.find(id)).any(|requirement| selection.levels.contains(&requirement.level)))
    });
    Ok(cases.cloned().collect())
}

fn check_words(suite: &Suite, selection: &Selection, ids: &[IdGlob], requirements: &[IdGlob]) -> Result<(), SelectError> {
    for (word, glob) in selection.ids.iter().zip(ids) {
        if !suite.cases().any(|case| glob.covers(&case.id)) {
            return Err(SelectError::Id { word: word.clone(), nearest: nearest_case(suite, word) });
        }
    }
    let topics: BTreeSet<&str> = suite.cases().map(|case| case.topic()).collect();
    for word in &selection.topics {
        if !topics.contains(word.as_str()) {
            let nearest = nearest(word, topics.iter().copied()).map(str::to_owned);
            let all = topics.into_iter().collect::<Vec<_>>().join(", ");
            return Err(SelectError::Topic { word: word.clone(), nearest, all });
        }
    }
    let catalogue = Catalogue::built_in();
    for (word, glob) in selection.requirements.iter().zip(requirements) {
        if !catalogue.ids().any(|id| glob.covers(id)) {
            return Err(SelectError::Requirement { word: word.clone(), nearest: catalogue.nearest(word).map(str::to_owned) });
        }
    }
    Ok(())
}

/// The case or scenario whose id is most like a wrong one.
#[must_use]
pub fn nearest_case(suite: &Suite, word: &str) -> Option<String> {
    let files = suite.files().map(|file| file.scenario.id.as_str());
    nearest(word, files.chain(suite.cases().map(|case| case.id.as_str()))).map(str::to_owned)
}

fn globs(words: &[String]) -> Result<Vec<IdGlob>, SelectError> {
    words.iter().map(|word| IdGlob::new(word).map_err(|reason| SelectError::Glob { word: word.clone(), reason })).collect()
}

/// Whether a word, an id or a glob of ids, covers a case; a word that is no glob covers none.
#[must_use]
pub fn covers(word: &str, id: &str) -> bool {
    IdGlob::new(word).is_ok_and(|glob| glob.covers(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite() -> (tempfile::TempDir, Suite) {
        let folder = tempfile::tempdir().unwrap();
        let text = |cite: &str| {
            format!("+++\ntitle = \"a server answers NOOP\"\n\n[accounts]\nalice = \"e\"\n+++\n\nlogin alice\nC> NOOP\nS> 200 [{cite}]\n")
        };
        for (name, cite) in [("login/a", "959-4.1.3-noop-keeps-rnfr"), ("login/b", "959-5.4-codes-mkd"), ("own/c", "3659-5.3-rest-350")] {
            let path = folder.path().join(format!("{name}.ftp"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text(cite)).unwrap();
        }
        let suite = Suite::read(&[folder.path().to_owned()]).unwrap();
        (folder, suite)
    }

    #[test]
    fn an_id_beside_a_path_narrows_it() {
        let (folder, _) = suite();
        let suite = Suite::load(&[folder.path().join("own")]).unwrap();
        let check = |ids: &[&str], expect: &[&str]| {
            let ids = ids.iter().map(|id| (*id).to_owned()).collect();
            let selected = select(&suite, &Selection { ids, paths: true, ..Selection::default() }).unwrap();
            assert_eq!(selected.iter().map(|case| case.id.as_str()).collect::<Vec<_>>(), expect);
        };
        check(&[], &["c"]);
        check(&["c"], &["c"]);
        check(&["login"], &[]);
    }

    #[test]
    fn lists_narrow_each_other() {
        let (_folder, suite) = suite();
        let check = |selection: Selection, expect: &[&str]| {
            let ids: Vec<String> = select(&suite, &selection).unwrap().iter().map(|case| case.id.clone()).collect();
            assert_eq!(ids, expect);
        };
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        check(Selection::default(), &["login/a", "login/b", "own/c"]);
        check(Selection { ids: words(&["login", "own/c"]), ..Selection::default() }, &["login/a", "login/b", "own/c"]);
        check(Selection { topics: words(&["login"]), ..Selection::default() }, &["login/a", "login/b"]);
        check(Selection { topics: words(&["login"]), levels: vec![Level::Should], ..Selection::default() }, &["login/b"]);
        check(Selection { requirements: words(&["959-*"]), ..Selection::default() }, &["login/a", "login/b"]);
        check(Selection { requirements: words(&["3659-5.3-rest-zero"]), ..Selection::default() }, &[]);
        check(Selection { paths: true, ..Selection::default() }, &["login/a", "login/b", "own/c"]);
    }

    #[test]
    fn a_wrong_word_is_told_with_the_right_one() {
        let (_folder, suite) = suite();
        let check = |selection: Selection, expect: &str| assert_eq!(select(&suite, &selection).unwrap_err().to_string(), expect);
        let word = |word: &str| vec![word.to_owned()];
        assert!(matches!(select(&suite, &Selection { ids: word("a["), ..Selection::default() }), Err(SelectError::Glob { .. })));
        check(Selection { ids: word("login/aa"), ..Selection::default() }, "no case is called `login/aa`; did you mean `login/a`?");
        check(
            Selection { topics: word("logn"), ..Selection::default() },
            "no case has the topic `logn`; did you mean `login`?; topics: login, own",
        );
        check(
            Selection { requirements: word("3659-5.3-rest-35"), ..Selection::default() },
            "no requirement is called `3659-5.3-rest-35`; did you mean `3659-5.3-rest-350`?",
        );
    }
}
