//! A record told again: the events of the run that it is of, for every report that listens to a run.
//!
//! Responsible for making cases, outcomes and transcripts of what stands in the record. A case is read from the text of its scenario,
//! which the record holds. What a record leaves out is missing here too: transcripts of what passed, and bytes of data behind the first.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{BaselineRecord, CaseRecord, FindingRecord, Record, RemarkRecord, TargetRecord, time, transcript};
use crate::ftp::transcript::Transcript;
use crate::judge::baseline::{Comparison, Remark};
use crate::judge::verdict::{Finding, Outcome};
use crate::run::event::{CaseReport, Event, Summary, TargetInfo};
use crate::run::partition::Selected;
use crate::scenario::id::file_id;
use crate::scenario::model::{Case, Settings, Source, Span};
use crate::scenario::{expand, parse_bytes};

/// The events of the run that a record is of.
///
/// # Errors
/// Where the record does not hold together, or a scenario in it means nothing to this version: why, in words.
pub fn replay(record: &Record) -> Result<Vec<Event>, String> {
    let mut cases = Cases { sources: &record.sources, read: BTreeMap::new() };
    let ids: Vec<&str> = planned(record);
    let places: BTreeMap<&str, usize> = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let mut plan: Vec<Arc<Case>> = ids.iter().map(|id| Arc::new(unread(id))).collect();
    let mut reports = Vec::new();
    for case in &record.cases {
        let index = *places.get(case.id.as_str()).ok_or_else(|| format!("`{}` is none of the cases that were selected", case.id))?;
        plan[index] = cases.case(case)?;
        reports.push(report(index, Arc::clone(&plan[index]), case)?);
    }
    let selected = Selected { ids: record.suite.selected.clone(), digest: record.suite.digest.clone(), partition: record.suite.partition };
    let mut events = vec![Event::Planned {
        target: target(&record.target),
        cases: plan,
        slow: record.slow_not_selected,
        selected,
        strict: record.strict,
    }];
    events.extend(reports.into_iter().map(|report| Event::Finished(Box::new(report))));
    events.push(Event::Over(summary(record)));
    Ok(events)
}

/// The ids of the cases that were planned, in the order of the suite.
fn planned(record: &Record) -> Vec<&str> {
    let suite = &record.suite;
    let held = |(place, id): &(usize, &String)| suite.partition.is_none_or(|partition| partition.holds(*place, id));
    suite.selected.iter().enumerate().filter(held).map(|(_, id)| id.as_str()).collect()
}

/// A case that was not played: the record has its id only.
fn unread(id: &str) -> Case {
    Case {
        id: id.to_owned(),
        title: String::new(),
        needs: Vec::new(),
        slow: false,
        roles: Vec::new(),
        files: Vec::new(),
        settings: Settings::default(),
        stages: Vec::new(),
        source: Arc::new(Source { name: String::new(), text: String::new() }),
    }
}

/// The cases of scenarios that were read so far.
struct Cases<'a> {
    sources: &'a BTreeMap<String, String>,
    read: BTreeMap<String, Vec<Arc<Case>>>,
}

impl Cases<'_> {
    fn case(&mut self, record: &CaseRecord) -> Result<Arc<Case>, String> {
        if !self.read.contains_key(&record.source) {
            let text = self.sources.get(&record.source).ok_or_else(|| format!("the text of {} is missing", record.source))?;
            let (source, scenario) = parse_bytes(&record.source, text.as_bytes(), file_id(&record.id));
            let source = Arc::new(source);
            let cases = scenario.and_then(|scenario| expand(&scenario, &source));
            let cases = cases.map_err(|_| format!("{} means nothing to this version of ftpspec", record.source))?;
            self.read.insert(record.source.clone(), cases.into_iter().map(Arc::new).collect());
        }
        let case = self.read[&record.source].iter().find(|case| case.id == record.id);
        case.cloned().ok_or_else(|| format!("`{}` is no case of {}", record.id, record.source))
    }
}

fn target(record: &TargetRecord) -> TargetInfo {
    let TargetRecord { name, version, banner, arguments, capabilities } = record.clone();
    TargetInfo { name, version, banner, arguments, capabilities }
}

fn report(index: usize, case: Arc<Case>, record: &CaseRecord) -> Result<CaseReport, String> {
    let said = record.transcript.iter().flatten().map(transcript::read).collect::<Result<Vec<_>, _>>();
    let transcript = Transcript { events: said.map_err(|error| format!("`{}`: {error}", record.id))? };
    Ok(CaseReport {
        index,
        case,
        outcome: Outcome { verdict: record.verdict, findings: record.findings.iter().map(finding).collect() },
        reason: record.reason.clone(),
        known: record.known.clone(),
        duration: time(record.duration_ms),
        silence: time(record.silence_ms),
        transcript,
        server_log: record.server_log.clone(),
    })
}

fn finding(record: &FindingRecord) -> Finding {
    let FindingRecord { facet, verdict, step, line: _, span: [start, end], requirements, expected, seen, events } = record.clone();
    Finding { facet, verdict, step, span: Span { start, end }, requirements, expected, seen, events }
}

fn summary(record: &Record) -> Summary {
    Summary {
        duration: time(record.duration_ms),
        not_played: record.not_played.len(),
        cut_short: record.cut_short.clone(),
        interrupted: record.interrupted,
        not_started: record.not_started.clone(),
        left: record.left.clone(),
        baseline: record.baseline.clone().map(comparison),
    }
}

fn comparison(record: BaselineRecord) -> Comparison {
    let all = |remarks: Vec<RemarkRecord>| remarks.into_iter().map(|RemarkRecord { id, line, text }| Remark { id, line, text }).collect();
    let BaselineRecord { source, known, new, changed, stale, expired } = record;
    Comparison { source, known, new: all(new), changed: all(changed), stale: all(stale), expired: all(expired) }
}
