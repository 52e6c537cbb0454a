//! Writes a baseline anew after a run: what is no longer true goes, what is new comes where a reason is given for it; the
//! order and the comments of what stays are kept.
//!
//! Responsible for the text alone; who played the cases, and where the file is, is for the caller to know.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use super::look::{ANYTHING, Look};
use super::{Baseline, Entry, KNOWABLE};
use crate::judge::verdict::{Facet, Outcome, Verdict};
use crate::scenario::id::file_id;

/// A case that was played.
#[derive(Debug, Clone)]
pub struct Played<'a> {
    /// Its id.
    pub id: &'a str,
    /// How it ended, each time.
    pub outcomes: Vec<&'a Outcome>,
    /// The requirements that it cites, for failures whose finding cites none.
    pub cites: Vec<&'a str>,
}

impl Played<'_> {
    /// Whether an entry speaks the truth about it, each time.
    fn is_as(&self, entry: &Entry, strict: bool) -> bool {
        self.outcomes.iter().all(|outcome| entry.allows(outcome, strict))
    }

    fn fails(&self, strict: bool) -> bool {
        self.outcomes.iter().any(|outcome| outcome.verdict.fails(strict))
    }
}

/// What is written with each new entry.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// Why it is known.
    pub reason: String,
    /// What is broken; what the finding cites where this is empty.
    pub clauses: Vec<String>,
    /// Where more is said.
    pub link: Option<String>,
    /// The last day on which it excuses.
    pub expires: Option<Date>,
}

/// What a baseline is compared with.
#[derive(Debug)]
pub struct Run<'a> {
    /// What was played and came to a verdict.
    pub played: &'a [Played<'a>],
    /// The ids of the whole suite: what else an entry covers.
    pub suite: &'a [&'a str],
    /// The server's version.
    pub version: Option<&'a str>,
    /// A deviation is a failure.
    pub strict: bool,
}

/// A baseline as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// Its text.
    pub text: String,
    /// Ids of entries that are gone.
    pub dropped: Vec<String>,
    /// Ids of entries that cover fewer cases than before.
    pub narrowed: Vec<String>,
    /// Ids of entries that are new.
    pub added: Vec<String>,
    /// Ids of cases that fail and that no entry excuses.
    pub unknown: Vec<String>,
    /// Ids of entries that cover no case of the suite.
    pub idle: Vec<String>,
}

/// The baseline after a run. New entries are written only where `words` are given.
#[must_use]
pub fn update(baseline: &Baseline, run: &Run<'_>, words: Option<&Words>) -> Update {
    let mut document: DocumentMut = baseline.source.text.parse().unwrap_or_default();
    let mut update = Update::default();
    let old = match document.remove("known") {
        Some(Item::ArrayOfTables(tables)) => tables,
        // Written as an array of inline tables: the same, in another form.
        Some(item) => item.into_array_of_tables().unwrap_or_default(),
        None => ArrayOfTables::new(),
    };
    let mut tables: Vec<(String, Table)> = Vec::new();
    let mut orphaned = String::new();
    for (entry, table) in baseline.entries.iter().zip(old) {
        let stays = stays(entry, run, &mut update);
        let Some((first, more)) = stays.split_first() else {
            orphaned.push_str(chapter(&table));
            update.dropped.push(entry.id.clone());
            continue;
        };
        let mut table = table;
        rename(&mut table, first);
        adopt(&mut table, &std::mem::take(&mut orphaned));
        let more: Vec<(String, Table)> = more.iter().map(|id| (id.clone(), copy(&table, id))).collect();
        tables.push((first.clone(), table));
        tables.extend(more);
    }
    let none = tables.is_empty();
    if none {
        // Comments of a file without an entry stand behind what is not there; they are its head.
        orphaned.push_str(document.trailing().as_str().unwrap_or_default());
        document.set_trailing("");
    }
    add(run, words, baseline, &mut tables, &mut update);
    if let (true, Some((_, first))) = (none, tables.first_mut()) {
        adopt(first, &std::mem::take(&mut orphaned));
    }
    let mut known = ArrayOfTables::new();
    for (place, (_, mut table)) in tables.into_iter().enumerate() {
        table.set_position(isize::try_from(place).ok());
        known.push(table);
    }
    if !orphaned.is_empty() {
        // Nothing is left that it could stand before.
        let trailing = document.trailing().as_str().unwrap_or_default().to_owned();
        document.set_trailing(orphaned + &trailing);
    }
    if !known.is_empty() {
        document.insert("known", Item::ArrayOfTables(known));
    }
    update.text = document.to_string();
    update
}

/// The ids under which an entry stays: its own where all is still true.
fn stays(entry: &Entry, run: &Run<'_>, update: &mut Update) -> Vec<String> {
    let covered: Vec<&str> = run.suite.iter().copied().filter(|id| entry.cases.covers(id)).collect();
    if covered.is_empty() {
        update.idle.push(entry.id.clone());
    }
    let untrue: BTreeSet<&str> =
        run.played.iter().filter(|case| entry.cases.covers(case.id) && !case.is_as(entry, run.strict)).map(|case| case.id).collect();
    if untrue.is_empty() || !entry.speaks_of(run.version) {
        return vec![entry.id.clone()];
    }
    let stays: Vec<&str> = covered.into_iter().filter(|id| !untrue.contains(id)).collect();
    if !stays.is_empty() {
        update.narrowed.push(entry.id.clone());
    }
    names(&stays, run.suite)
}

/// The shortest globs for just these cases, in their order; the rows of a file in one.
#[must_use]
pub fn names(ids: &[&str], suite: &[&str]) -> Vec<String> {
    let mut files: Vec<(&str, Vec<&str>)> = Vec::new();
    for id in ids {
        let file = file_id(id);
        match files.iter_mut().find(|(known, _)| *known == file) {
            Some((_, rows)) => rows.push(&id[file.len()..]),
            None => files.push((file, vec![&id[file.len()..]])),
        }
    }
    let name = |(file, rows): (&str, Vec<&str>)| {
        let all = suite.iter().filter(|id| file_id(id) == file).count();
        let escaped = globset::escape(file);
        let bare: Option<Vec<&str>> = rows.iter().map(|row| row.strip_prefix('#')).collect();
        match (rows.as_slice(), bare) {
            _ if rows.len() == all => vec![escaped],
            ([row], _) => vec![escaped + row],
            (_, Some(bare)) => vec![format!("{escaped}#{{{}}}", bare.join(","))],
            (rows, None) => rows.iter().map(|row| format!("{escaped}{row}")).collect(),
        }
    };
    files.into_iter().flat_map(name).collect()
}

/// What a new entry says; cases of one file that agree in it are one entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Kind<'a> {
    file: &'a str,
    verdicts: BTreeSet<Verdict>,
    facets: BTreeSet<Facet>,
    looks: BTreeSet<String>,
    clauses: Vec<String>,
    sometimes: bool,
}

impl<'a> Kind<'a> {
    /// What would be said of a case; nothing where there is nothing to be said, or no clause.
    fn of(case: &Played<'a>, words: &Words, strict: bool) -> Option<Self> {
        let mut kind = Kind { file: file_id(case.id), clauses: words.clauses.clone(), ..Kind::default() };
        for outcome in &case.outcomes {
            if !KNOWABLE.contains(&outcome.verdict) {
                kind.sometimes = true;
                continue;
            }
            let finding = outcome.gravest()?;
            kind.verdicts.insert(outcome.verdict);
            kind.facets.insert(finding.facet);
            let look = Look::of(&finding.seen).text().to_owned();
            // An empty look is an error in a baseline; nothing seen is like anything.
            kind.looks.insert(if look.trim().is_empty() { ANYTHING.to_owned() } else { look });
            if kind.clauses.is_empty() && outcome.verdict.fails(strict) {
                kind.clauses.clone_from(&finding.requirements);
            }
        }
        if kind.clauses.is_empty() {
            kind.clauses = case.cites.iter().map(|id| (*id).to_owned()).collect();
        }
        (!kind.clauses.is_empty()).then_some(kind)
    }
}

fn add(run: &Run<'_>, words: Option<&Words>, baseline: &Baseline, tables: &mut Vec<(String, Table)>, update: &mut Update) {
    let excused = |case: &Played<'_>| {
        let mut entries = baseline.entries.iter().filter(|entry| entry.cases.covers(case.id) && entry.speaks_of(run.version));
        entries.any(|entry| case.is_as(entry, run.strict))
    };
    let mut kinds: BTreeMap<Kind<'_>, Vec<&str>> = BTreeMap::new();
    for case in run.played.iter().filter(|case| case.fails(run.strict) && !excused(case)) {
        match words.and_then(|words| Kind::of(case, words, run.strict)) {
            None => update.unknown.push(case.id.to_owned()),
            Some(kind) => kinds.entry(kind).or_default().push(case.id),
        }
    }
    let Some(words) = words else { return };
    for (kind, cases) in kinds {
        for id in names(&cases, run.suite) {
            let place = place(tables, &id);
            let mut table = written(&id, &kind, words);
            if place != 0 {
                table.decor_mut().set_prefix("\n");
            }
            tables.insert(place, (id.clone(), table));
            update.added.push(id);
        }
    }
}

/// One text, or a list of several.
fn one_or_many<'t>(texts: impl IntoIterator<Item = &'t str>) -> Item {
    let texts: Vec<&str> = texts.into_iter().collect();
    match texts.as_slice() {
        [one] => value(*one),
        several => value(several.iter().copied().collect::<Array>()),
    }
}

/// Where a new entry belongs: behind those of its file, else of its topic, else at the end.
fn place(tables: &[(String, Table)], id: &str) -> usize {
    let topic = |id: &str| id.split('/').next().unwrap_or_default().to_owned();
    let behind = |same: &dyn Fn(&str) -> bool| tables.iter().rposition(|(other, _)| same(other)).map(|place| place + 1);
    behind(&|other| file_id(other) == file_id(id)).or_else(|| behind(&|other| topic(other) == topic(id))).unwrap_or(tables.len())
}

fn written(id: &str, kind: &Kind<'_>, words: &Words) -> Table {
    let mut table = Table::new();
    table["id"] = value(id);
    table["facet"] = one_or_many(kind.facets.iter().map(|facet| facet.word()));
    table["verdict"] = one_or_many(kind.verdicts.iter().map(|verdict| verdict.word()));
    table["looks_like"] = one_or_many(kind.looks.iter().map(String::as_str));
    table["clause"] = one_or_many(kind.clauses.iter().map(String::as_str));
    table["reason"] = value(words.reason.as_str());
    if kind.sometimes {
        table["sometimes"] = value(true);
    }
    if let Some(link) = &words.link {
        table["link"] = value(link.as_str());
    }
    if let Some(day) = words.expires.map(|day| day.to_string()).and_then(|day| day.parse::<toml_edit::Datetime>().ok()) {
        table["expires"] = value(day);
    }
    table
}

/// Gives an entry other cases; a comment behind the old ones stays.
fn rename(table: &mut Table, id: &str) {
    if let Some(old) = table.get_mut("id").and_then(Item::as_value_mut)
        && old.as_str() != Some(id)
    {
        let decor = old.decor().clone();
        *old = id.into();
        *old.decor_mut() = decor;
    }
}

/// The same entry for other cases.
fn copy(table: &Table, id: &str) -> Table {
    let mut copy = table.clone();
    rename(&mut copy, id);
    copy.decor_mut().set_prefix("\n");
    copy
}

fn prefix(table: &Table) -> &str {
    table.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default()
}

/// The comments before an entry that are not about it alone: all that an empty line parts from it.
fn chapter(table: &Table) -> &str {
    let prefix = prefix(table);
    let end = prefix.rfind("\n\n").map_or(0, |place| place + 1);
    if prefix[..end].trim().is_empty() { "" } else { &prefix[..end] }
}

fn adopt(table: &mut Table, chapter: &str) {
    if !chapter.is_empty() {
        let prefix = prefix(table);
        let gap = if prefix.starts_with('\n') { "" } else { "\n" };
        let whole = format!("{chapter}{gap}{prefix}");
        table.decor_mut().set_prefix(whole);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::tests::outcome;
    use super::*;
    use crate::scenario::model::Source;

    const SUITE: [&str; 7] =
        ["letters/denied#dele", "letters/denied#mkd", "letters/denied#rmd", "login/rein", "resume/cut", "resume/rest#a", "resume/rest#b"];

    const TEXT: &str = "\
# What is known of the example.

# About letters.

# It never asks.
[[known]]
id = \"letters/denied\" # all of them
facet = \"reply\"
verdict = \"fail\"
looks_like = \"250 {..}\"
clause = \"defacto-perm-d-dele\"
reason = \"no letters\"

[[known]]
id = \"resume/rest#a\"
facet = \"reply\"
verdict = \"fail\"
looks_like = \"501 no\"
clause = \"3659-5.3-rest-350\"
reason = \"no REST\"
# The end.
";

    fn read(text: &str) -> Baseline {
        let source = Arc::new(Source { name: "b.toml".to_owned(), text: text.to_owned() });
        Baseline::read(Arc::clone(&source)).unwrap_or_else(|wrong| panic!("{text}\n{}", wrong[0].render(&source, false)))
    }

    fn check(text: &str, played: &[(&str, Outcome)], words: Option<&Words>) -> Update {
        let mut cases: Vec<Played<'_>> = Vec::new();
        for (id, outcome) in played {
            match cases.iter_mut().find(|case| case.id == *id) {
                Some(case) => case.outcomes.push(outcome),
                None => cases.push(Played { id, outcomes: vec![outcome], cites: Vec::new() }),
            }
        }
        let run = Run { played: &cases, suite: &SUITE, version: None, strict: false };
        let changed = update(&read(text), &run, words);
        // What was written says just what was played: nothing is left to do.
        let again = update(&read(&changed.text), &run, words);
        assert_eq!((again.text.as_str(), again.added.len() + again.dropped.len() + again.narrowed.len()), (changed.text.as_str(), 0));
        changed
    }

    fn fail(seen: &str) -> Outcome {
        outcome(Verdict::Fail, Facet::Reply, seen)
    }

    fn pass() -> Outcome {
        outcome(Verdict::Pass, Facet::Reply, "")
    }

    fn words() -> Words {
        Words { reason: "\"so\" it is".to_owned(), expires: Some(Date::constant(2027, 1, 31)), ..Words::default() }
    }

    #[test]
    fn what_is_true_stays_byte_for_byte() {
        let played = [("letters/denied#dele", fail("250 gone")), ("resume/rest#a", fail("501 no")), ("resume/rest#b", pass())];
        assert_eq!(check(TEXT, &played, Some(&words())), Update { text: TEXT.to_owned(), ..Update::default() });
    }

    #[test]
    fn what_is_no_longer_true_goes() {
        let update = check(TEXT, &[("letters/denied#mkd", pass()), ("resume/rest#a", fail("500 other"))], None);
        assert_eq!(
            (update.dropped, update.narrowed, update.unknown),
            (vec!["resume/rest#a".to_owned()], vec!["letters/denied".to_owned()], vec!["resume/rest#a".to_owned()])
        );
        insta::assert_snapshot!(update.text);
    }

    #[test]
    fn the_chapter_of_an_entry_stays_without_it() {
        let all = ["letters/denied#dele", "letters/denied#mkd", "letters/denied#rmd"].map(|id| (id, pass()));
        let text = check(TEXT, &all, None).text;
        assert!(text.starts_with("# What is known of the example.\n\n# About letters.\n\n[[known]]\nid = \"resume/rest#a\""), "{text}");
        assert!(!text.contains("It never asks") && text.contains("# The end."), "{text}");
    }

    #[test]
    fn what_is_new_is_written_where_it_belongs() {
        let played = [
            ("letters/denied#dele", fail("250 gone")),
            ("login/rein", outcome(Verdict::Inconclusive, Facet::Liveness, "no reply for 2 s")),
            ("resume/rest#a", fail("501 no")),
            ("resume/rest#b", fail("501 no")),
            ("resume/cut", fail("the first 7 of 20 bytes: \\x00")),
        ];
        let update = check(TEXT, &played, Some(&words()));
        assert_eq!(update.added, ["login/rein", "resume/cut", "resume/rest#b"]);
        insta::assert_snapshot!(update.text);
        let unknown = check(TEXT, &played, None);
        assert_eq!((unknown.text.as_str(), unknown.unknown.len()), (TEXT, 3));
        let first = check("# The head.\n", &played, Some(&words()));
        assert!(first.text.starts_with("# The head.\n\n[[known]]\nid = \"letters/denied#dele\""), "{}", first.text);
        assert_eq!(first.added, ["letters/denied#dele", "login/rein", "resume/cut", "resume/rest"]);
    }

    #[test]
    fn what_changes_from_run_to_run_is_written_so() {
        let played =
            [("login/rein", fail("500 no")), ("login/rein", pass()), ("login/rein", outcome(Verdict::Deviation, Facet::Timing, "late"))];
        let text = check("", &played, Some(&words())).text;
        for line in [
            "facet = [\"reply\", \"timing\"]",
            "verdict = [\"deviation\", \"fail\"]",
            "looks_like = [\"500 no\", \"late\"]",
            "sometimes = true",
        ] {
            assert!(text.contains(line), "{line} is missing in {text}");
        }
        // A race that does not show this time is still one.
        assert_eq!(check(&text, &[("login/rein", pass())], None).text, text);
        assert_eq!(check(&text, &[("login/rein", fail("421 bye"))], None).unknown, ["login/rein"]);
    }

    #[test]
    fn cases_have_short_names() {
        let check = |ids: &[&str], expect: &[&str]| assert_eq!(names(ids, &SUITE), expect);
        check(&["resume/rest#a"], &["resume/rest#a"]);
        check(&["resume/rest#a", "resume/rest#b"], &["resume/rest"]);
        check(&["letters/denied#dele", "letters/denied#rmd", "login/rein"], &["letters/denied#{dele,rmd}", "login/rein"]);
        check(&[], &[]);
    }
}
