//! What the page holds of some runs: targets, requirements, and a matrix of letters. All that is needed to open it; what cases say at length
//! is apart ([`super::detail`]).

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::clause::{Document, Places, Section};
use super::text::{Texts, cut, visible};
use crate::judge::verdict::Verdict;
use crate::report::record::{CaseRecord, Record, RemarkRecord, Totals};
use crate::requirement::{Catalogue, Level};
use crate::run::event::Capability;

/// Characters of what is said of a case in one line.
const HEADLINE: usize = 160;
/// Of a case that was planned and not played.
pub(super) const NOT_PLAYED: char = '-';
/// Of a case that is not in a run.
const ABSENT: char = ' ';

/// The letter of a verdict: readable without colour.
pub(super) const fn letter(verdict: Verdict) -> char {
    match verdict {
        Verdict::Pass => 'P',
        Verdict::Deviation => 'D',
        Verdict::Info => 'I',
        Verdict::Fail => 'F',
        Verdict::Unsupported => 'U',
        Verdict::Inconclusive => '?',
        Verdict::Error => 'E',
    }
}

/// The page's data.
#[derive(Debug, Serialize)]
pub(super) struct Data<'a> {
    pub(super) program: String,
    pub(super) targets: Vec<Column<'a>>,
    documents: Vec<Document>,
    sections: Vec<Section>,
    clauses: Vec<Clause<'a>>,
    pub(super) sources: Vec<Source<'a>>,
    pub(super) cases: Vec<Row<'a>>,
    /// What the headlines of the cells say, each once.
    texts: Vec<String>,
    #[serde(skip)]
    pub(super) places: HashMap<&'a str, usize>,
    #[serde(skip)]
    pub(super) clause_places: HashMap<&'a str, usize>,
    #[serde(skip)]
    pub(super) source_places: HashMap<(&'a str, &'a str), usize>,
}

/// A target: a column of the matrix.
#[derive(Debug, Serialize)]
pub(super) struct Column<'a> {
    /// In the page's fragment; unique.
    key: String,
    /// For people; unique.
    pub(super) label: String,
    name: String,
    version: Option<String>,
    banner: Option<String>,
    arguments: &'a str,
    duration_ms: f64,
    pub(super) totals: &'a Totals,
    /// Of these, as the baseline says, by the verdict's letter.
    known: HashMapOfLetters,
    pub(super) not_started: Option<String>,
    /// Why the run ended early.
    ended: Option<String>,
    not_played: &'a [String],
    slow_not_selected: usize,
    capabilities: Vec<Capability>,
    baseline: Option<Baseline>,
}

type HashMapOfLetters = std::collections::BTreeMap<char, usize>;

/// What was found out about a baseline.
#[derive(Debug, Serialize)]
struct Baseline {
    source: String,
    /// A word and what it is about.
    remarks: Vec<(&'static str, String)>,
}

/// A requirement.
#[derive(Debug, Serialize)]
struct Clause<'a> {
    id: &'a str,
    level: &'a str,
    section: usize,
    topic: &'a str,
    statement: &'a str,
    /// What a client does on the wire and what it must see; only of those that are cited.
    #[serde(skip_serializing_if = "str::is_empty")]
    observable: &'a str,
    /// Why it cannot be tested from outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    untestable: Option<&'a str>,
    /// A letter for each target: broken (F or D), kept (P), cited and not judged (?), not cited (blank).
    letters: String,
    /// The letter k where all that breaks it is known.
    known: String,
}

/// A scenario's file.
#[derive(Debug, Serialize)]
pub(super) struct Source<'a> {
    name: &'a str,
    text: &'a str,
}

/// A case: a row of the matrix.
#[derive(Debug, Serialize)]
pub(super) struct Row<'a> {
    pub(super) id: &'a str,
    title: String,
    topic: &'a str,
    /// The section under which it stands.
    section: usize,
    pub(super) source: usize,
    cites: Vec<usize>,
    /// A letter for each target.
    pub(super) letters: String,
    /// The letter k for each target where the failure is known.
    known: String,
    /// What is said of it in one line, for each target: a place in the texts, or -1. Empty where it passes everywhere.
    headlines: Vec<isize>,
}

impl<'a> Data<'a> {
    /// The data of some runs, one column each.
    pub(super) fn new(runs: &'a [Record]) -> Self {
        let catalogue = Catalogue::built_in();
        let mut clause_places: HashMap<&str, usize> = catalogue.ids().enumerate().map(|(place, id)| (id, place)).collect();
        let mut unknown: Vec<&str> = Vec::new();
        for id in runs.iter().flat_map(|run| &run.cases).flat_map(|case| case.requirements.iter().chain(of_findings(case))) {
            clause_places.entry(id).or_insert_with(|| {
                unknown.push(id);
                catalogue.iter().len() + unknown.len() - 1
            });
        }
        let places = Places::new(catalogue, unknown.len());
        let mut data = Self {
            program: format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
            targets: columns(runs),
            clauses: clauses(catalogue, &unknown, &places, runs),
            documents: Vec::new(),
            sections: Vec::new(),
            sources: Vec::new(),
            cases: Vec::new(),
            texts: Vec::new(),
            places: HashMap::new(),
            clause_places,
            source_places: HashMap::new(),
        };
        data.take_sources(runs);
        data.take_cases(runs, &places);
        data.documents = places.documents;
        data.sections = places.sections;
        data
    }

    /// The files of the cases, each text once.
    fn take_sources(&mut self, runs: &'a [Record]) {
        for (name, text) in runs.iter().flat_map(|run| &run.sources) {
            let sources = &mut self.sources;
            self.source_places.entry((name, text)).or_insert_with(|| {
                sources.push(Source { name, text });
                sources.len() - 1
            });
        }
    }

    /// The place of a case's file.
    pub(super) fn source(&self, run: &'a Record, case: &'a CaseRecord) -> usize {
        let text = run.sources.get(&case.source).map_or("", String::as_str);
        self.source_places.get(&(case.source.as_str(), text)).copied().unwrap_or(usize::MAX)
    }

    fn take_cases(&mut self, runs: &'a [Record], places: &Places) {
        let mut found: Vec<Vec<Option<&'a CaseRecord>>> = Vec::new();
        for (column, run) in runs.iter().enumerate() {
            for case in &run.cases {
                let place = *self.places.entry(&case.id).or_insert_with(|| {
                    found.push(vec![None; runs.len()]);
                    found.len() - 1
                });
                found[place][column] = Some(case);
            }
        }
        let not_played: Vec<HashSet<&str>> = runs.iter().map(|run| run.not_played.iter().map(String::as_str).collect()).collect();
        let mut texts = Texts::default();
        for cells in &found {
            let (column, first) = cells.iter().enumerate().find_map(|(at, cell)| cell.map(|case| (at, case))).expect("a row has a cell");
            let letters = cells.iter().enumerate().map(|(column, cell)| match cell {
                Some(case) => letter(case.verdict),
                None if not_played[column].contains(first.id.as_str()) || runs[column].not_started.is_some() => NOT_PLAYED,
                None => ABSENT,
            });
            let headlines: Vec<isize> = cells.iter().map(|cell| self.headline(*cell, &mut texts)).collect();
            let section = gravest(cells).map_or(places.nowhere, |id| places.of[self.clause_places[id]]);
            let row = Row {
                id: &first.id,
                title: cut(&first.title, super::text::LONG),
                topic: first.id.split('/').next().unwrap_or_default(),
                section,
                source: self.source(&runs[column], first),
                cites: first.requirements.iter().map(|id| self.clause_places[id.as_str()]).collect(),
                letters: letters.collect(),
                known: marks(cells.iter().map(|cell| cell.is_some_and(|case| case.known.is_some()))),
                headlines: if headlines.iter().all(|place| *place < 0) { Vec::new() } else { headlines },
            };
            self.cases.push(row);
        }
        self.texts = texts.into_all();
    }

    fn headline(&self, cell: Option<&CaseRecord>, texts: &mut Texts) -> isize {
        let Some(case) = cell.filter(|case| case.verdict != Verdict::Pass) else { return -1 };
        let gravest = case.findings.iter().find(|finding| finding.verdict == case.verdict);
        let said = match gravest {
            Some(finding) if finding.verdict == Verdict::Info => finding.seen.clone(),
            Some(finding) => format!("line {}: {}; expected {}", finding.line, finding.seen, finding.expected),
            None => case.detail.lines().next().unwrap_or_default().to_owned(),
        };
        isize::try_from(texts.place(cut(&said, HEADLINE))).unwrap_or(-1)
    }
}

fn of_findings(case: &CaseRecord) -> impl Iterator<Item = &String> {
    case.findings.iter().flat_map(|finding| &finding.requirements)
}

fn marks(known: impl Iterator<Item = bool>) -> String {
    known.map(|known| if known { 'k' } else { ' ' }).collect::<String>().trim_end().to_owned()
}

/// The requirement under which a case is told: the first that its gravest finding on any target cites, or the first that it cites at all.
fn gravest<'a>(cells: &[Option<&'a CaseRecord>]) -> Option<&'a str> {
    // What a server does wrong comes before what was not found out about another.
    let rank = |verdict| match verdict {
        Verdict::Fail => 4,
        Verdict::Deviation => 3,
        Verdict::Inconclusive => 2,
        Verdict::Error => 1,
        Verdict::Pass | Verdict::Info | Verdict::Unsupported => 0,
    };
    let mut gravest: Option<(u8, &str)> = None;
    for finding in cells.iter().flatten().flat_map(|case| &case.findings) {
        let rank = rank(finding.verdict);
        if let Some(id) = finding.requirements.first()
            && rank > gravest.map_or(0, |(gravest, _)| gravest)
        {
            gravest = Some((rank, id));
        }
    }
    let first = || cells.iter().flatten().find_map(|case| case.requirements.first()).map(String::as_str);
    gravest.map(|(_, id)| id).or_else(first)
}

/// The columns, each with a name of its own.
fn columns(runs: &[Record]) -> Vec<Column<'_>> {
    let name = |run: &Record| visible(&run.target.name);
    let plain =
        |run: &Record| run.target.version.as_ref().map_or_else(|| name(run), |version| format!("{} {}", name(run), visible(version)));
    let full = |run: &Record| {
        let server = format!("--server {}", run.target.name);
        let more = run.target.arguments.replace(&server, "");
        let more = more.split_whitespace().filter(|word| *word != "--set").collect::<Vec<_>>().join(" ");
        if more.is_empty() { plain(run) } else { format!("{} {}", plain(run), visible(&more)) }
    };
    let mut labels: HashMap<String, usize> = HashMap::new();
    let mut keys: HashMap<String, usize> = HashMap::new();
    runs.iter()
        .map(|run| {
            let twins = runs.iter().filter(|other| plain(other) == plain(run)).count();
            let label = if twins > 1 { full(run) } else { plain(run) };
            column(run, unique(label, " #", &mut labels), unique(name(run), "-", &mut keys))
        })
        .collect()
}

/// The text, with a number where it is there already.
fn unique(text: String, joint: &str, taken: &mut HashMap<String, usize>) -> String {
    let mut candidate = text.clone();
    let mut number = 1;
    while taken.contains_key(&candidate) {
        number += 1;
        candidate = format!("{text}{joint}{number}");
    }
    taken.insert(candidate.clone(), number);
    candidate
}

fn column(run: &Record, label: String, key: String) -> Column<'_> {
    let mut known = HashMapOfLetters::new();
    for case in run.cases.iter().filter(|case| case.known.is_some()) {
        *known.entry(letter(case.verdict)).or_default() += 1;
    }
    let said = |text: &String| cut(text, super::text::LONG);
    let capability =
        |capability: &Capability| Capability { name: said(&capability.name), said: said(&capability.said), ..capability.clone() };
    Column {
        key,
        label,
        name: visible(&run.target.name),
        version: run.target.version.as_ref().map(said),
        banner: run.target.banner.as_ref().map(said),
        arguments: &run.target.arguments,
        duration_ms: run.duration_ms,
        totals: &run.totals,
        known,
        not_started: run.not_started.as_ref().map(said),
        ended: run.cut_short.clone().or_else(|| run.interrupted.then(|| "it was interrupted".to_owned())),
        not_played: &run.not_played,
        slow_not_selected: run.slow_not_selected,
        capabilities: run.target.capabilities.iter().map(capability).collect(),
        baseline: run.baseline.as_ref().map(|baseline| {
            let lists =
                [("new", &baseline.new), ("changed", &baseline.changed), ("stale", &baseline.stale), ("expired", &baseline.expired)];
            let told = |remark: &RemarkRecord| {
                let line = remark.line.map_or_else(String::new, |line| format!("line {line}: "));
                cut(&format!("{line}{}: {}", remark.id, remark.text), super::text::LONG)
            };
            let remarks = lists.into_iter().flat_map(|(word, list)| list.iter().map(move |remark| (word, told(remark)))).collect();
            Baseline { source: visible(&baseline.source), remarks }
        }),
    }
}

/// All requirements, with what each run says of them.
fn clauses<'a>(catalogue: &'a Catalogue, unknown: &[&'a str], places: &Places, runs: &'a [Record]) -> Vec<Clause<'a>> {
    let standings: Vec<HashMap<&str, Standing>> = runs.iter().map(standings).collect();
    let known = |id: &str| marks(standings.iter().map(|of| of.get(id).is_some_and(|standing| standing.is_known)));
    let letters = |id: &str| standings.iter().map(|of| of.get(id).map_or(ABSENT, |standing| standing.letter)).collect::<String>();
    let of_catalogue = catalogue.iter().map(|requirement| {
        let letters = letters(&requirement.id);
        let is_cited = letters.chars().any(|letter| letter != ABSENT);
        Clause {
            id: &requirement.id,
            level: requirement.level.word(),
            section: 0,
            topic: &requirement.topic,
            statement: &requirement.statement,
            observable: if is_cited { &requirement.observable } else { "" },
            untestable: requirement.untestable.as_deref(),
            known: known(&requirement.id),
            letters,
        }
    });
    let others = unknown.iter().map(|id| Clause {
        id,
        level: "",
        section: 0,
        topic: "",
        statement: "This requirement is not in the catalogue of the program that wrote this page.",
        observable: "",
        untestable: None,
        letters: letters(id),
        known: known(id),
    });
    of_catalogue.chain(others).zip(&places.of).map(|(clause, section)| Clause { section: *section, ..clause }).collect()
}

/// What a run says of a requirement.
#[derive(Debug, Clone, Copy)]
struct Standing {
    letter: char,
    is_known: bool,
}

/// Kept where a case that cites it came to a verdict and nothing broke it: the reading of the terminal's table.
fn standings(run: &Record) -> HashMap<&str, Standing> {
    let mut standings: HashMap<&str, Standing> = HashMap::new();
    for case in &run.cases {
        let letter = match case.verdict {
            Verdict::Pass | Verdict::Info | Verdict::Deviation | Verdict::Fail => 'P',
            Verdict::Unsupported | Verdict::Inconclusive | Verdict::Error => '?',
        };
        for id in &case.requirements {
            let standing = standings.entry(id).or_insert(Standing { letter, is_known: false });
            if letter == 'P' {
                standing.letter = letter;
            }
        }
    }
    for case in &run.cases {
        for finding in case.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Deviation | Verdict::Fail)) {
            // A choice cannot be broken: what breaks is what the step cites beside it.
            let is_choice = |id: &&String| Catalogue::built_in().find(id).is_some_and(|requirement| requirement.level == Level::May);
            for id in finding.requirements.iter().filter(|id| !is_choice(id)) {
                let broken = Standing { letter: letter(finding.verdict), is_known: case.known.is_some() };
                let standing = standings.entry(id).or_insert(broken);
                *standing = match (standing.letter, broken.letter) {
                    ('F', 'D') => *standing,
                    ('F', 'F') | ('D', 'D') => Standing { is_known: standing.is_known && broken.is_known, ..*standing },
                    _ => broken,
                };
            }
        }
    }
    standings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report as _;
    use crate::report::record::Recorder;
    use crate::report::sample;
    use crate::run::event::Event;

    fn record(events: &[Event]) -> Record {
        let mut recorder = Recorder::default();
        events.iter().for_each(|event| recorder.event(event).unwrap());
        recorder.record().unwrap()
    }

    #[test]
    fn letters_and_marks_stand_under_their_targets() {
        let runs = [record(&sample::run()), record(&sample::with_baseline())];
        let data = Data::new(&runs);
        let letters: Vec<(&str, &str, &str)> = data.cases.iter().map(|row| (row.id, row.letters.as_str(), row.known.as_str())).collect();
        assert_eq!(letters[0], ("login/plain", "PP", ""));
        assert_eq!(letters[4], ("facts/mlst", "UU", ""));
        assert_eq!(letters[7], ("abort/idle", "FF", "kk"));
        assert_eq!(data.cases[0].headlines, Vec::<isize>::new());
        let said = |row: usize| data.texts[usize::try_from(data.cases[row].headlines[0]).unwrap()].as_str();
        assert_eq!(said(4), "the server has no MLST");
        assert_eq!(said(5), "line 7: 250 made; expected 257");
        assert_eq!(said(6), "NOOP keeps RNFR");
        let remarks = &data.targets[1].baseline.as_ref().unwrap().remarks;
        assert_eq!(remarks[0].0, "new");
        assert!(remarks[1].1.starts_with("line 7: resume/rest-350: "), "{remarks:?}");
    }

    #[test]
    fn twins_are_told_apart() {
        let run = |name: &str, arguments: &str, version: Option<&str>| {
            let mut run = record(&sample::all_well());
            run.target.name = name.to_owned();
            run.target.arguments = arguments.to_owned();
            run.target.version = version.map(str::to_owned);
            run
        };
        let runs = [
            run("vsftpd", "--server vsftpd", Some("3.0.3")),
            run("vsftpd", "--server vsftpd --set prefix=/old", Some("3.0.3")),
            run("vsftpd", "--server vsftpd", Some("2.0")),
            run("other", "--server other", None),
            run("other", "--server other", None),
        ];
        let labels: Vec<String> = columns(&runs).into_iter().map(|column| column.label).collect();
        assert_eq!(labels, ["vsftpd 3.0.3", "vsftpd 3.0.3 prefix=/old", "vsftpd 2.0", "other", "other #2"]);
        let keys: Vec<String> = columns(&runs).into_iter().map(|column| column.key).collect();
        assert_eq!(keys, ["vsftpd", "vsftpd-2", "vsftpd-3", "other", "other-2"]);
    }

    fn check_standing(verdicts: &[(&str, Verdict, bool)], id: &str, expect: Option<(char, bool)>) {
        let mut run = record(&sample::run());
        let case = run.cases[1].clone();
        run.cases.clear();
        for (cites, verdict, is_known) in verdicts {
            let mut case = case.clone();
            case.requirements = cites.split(' ').map(str::to_owned).collect();
            case.verdict = *verdict;
            case.known = is_known.then(|| "a reason".to_owned());
            case.findings[0].verdict = *verdict;
            case.findings[0].requirements = case.requirements.clone();
            if *verdict == Verdict::Pass {
                case.findings.clear();
            }
            run.cases.push(case);
        }
        assert_eq!(standings(&run).get(id).map(|standing| (standing.letter, standing.is_known)), expect, "{verdicts:?}");
    }

    #[test]
    fn a_requirement_is_broken_kept_or_not_judged() {
        let id = "3659-5.3-rest-350";
        let check = |verdicts: &[(Verdict, bool)], expect| {
            let verdicts: Vec<(&str, Verdict, bool)> = verdicts.iter().map(|(verdict, is_known)| (id, *verdict, *is_known)).collect();
            check_standing(&verdicts, id, expect);
        };
        check(&[], None);
        check(&[(Verdict::Pass, false)], Some(('P', false)));
        check(&[(Verdict::Inconclusive, false)], Some(('?', false)));
        check(&[(Verdict::Inconclusive, false), (Verdict::Pass, false)], Some(('P', false)));
        check(&[(Verdict::Fail, true), (Verdict::Pass, false)], Some(('F', true)));
        check(&[(Verdict::Fail, true), (Verdict::Fail, false)], Some(('F', false)));
        check(&[(Verdict::Fail, true), (Verdict::Deviation, false)], Some(('F', true)));
        check(&[(Verdict::Deviation, false), (Verdict::Fail, true)], Some(('F', true)));
    }

    #[test]
    fn a_choice_is_never_broken() {
        let choice = Catalogue::built_in().iter().find(|requirement| requirement.level == Level::May).unwrap().id.as_str();
        let cites = format!("{choice} 3659-5.3-rest-350");
        check_standing(&[(&cites, Verdict::Fail, false)], choice, Some(('P', false)));
        check_standing(&[(&cites, Verdict::Fail, false)], "3659-5.3-rest-350", Some(('F', false)));
    }

    #[test]
    fn a_case_stands_under_the_clause_that_it_shows_broken() {
        let mut run = record(&sample::run());
        run.cases.truncate(2);
        let case = &mut run.cases[1];
        case.requirements = ["959-4.1.3-noop-keeps-rnfr", "3659-5.3-rest-350", "no-such-clause"].map(str::to_owned).to_vec();
        let runs = [run];
        let data = Data::new(&runs);
        let place = |id: &str| data.clauses[data.clause_places[id]].section;
        assert_eq!(data.cases[1].section, place("3659-5.3-rest-350"));
        assert_eq!(data.cases[0].section, place("959-4.1.3-noop-keeps-rnfr"));
        let unknown = &data.clauses[data.clause_places["no-such-clause"]];
        assert_eq!((unknown.level, unknown.letters.as_str()), ("", "P"));
    }
}
