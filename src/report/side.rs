//! Where servers part: of each case the first step that one did as demanded and another did not, or that they broke in different ways,
//! side by side.
//!
//! What a step allows parts nobody: 150 and 125, the words of replies, ports, dates.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::plain::printable;
use super::transcript::{rows, wrap};
use crate::ftp::transcript::{DiskState, Event as Seen, Observed, What};
use crate::run::event::{CaseReport, Event};
use crate::scenario::model::Step;

/// Steps that are shown before the one where they part.
const BEFORE: usize = 2;

/// Screen lines that one event may take.
const WRAPPED: usize = 4;

/// Compares the runs of several servers.
#[derive(Debug)]
pub struct Side {
    labels: Vec<String>,
    width: usize,
    /// Cases that not all servers have played.
    open: BTreeMap<usize, Vec<Option<Box<CaseReport>>>>,
    parted: BTreeMap<usize, String>,
    compared: usize,
}

impl Side {
    /// Of servers with these names, on so many columns.
    #[must_use]
    pub fn new(labels: Vec<String>, width: usize) -> Self {
        Self { labels, width, open: BTreeMap::new(), parted: BTreeMap::new(), compared: 0 }
    }

    /// Takes the next event of a server.
    pub fn event(&mut self, server: usize, event: &Event) {
        let Event::Finished(report) = event else { return };
        let reports = self.open.entry(report.index).or_insert_with(|| vec![None; self.labels.len()]);
        let Some(place) = reports.get_mut(server) else { return };
        *place = Some(report.clone());
        if reports.iter().any(Option::is_none) {
            return;
        }
        let reports: Vec<Box<CaseReport>> = self.open.remove(&report.index).into_iter().flatten().flatten().collect();
        self.compared += 1;
        if let Some(step) = reports[0].case.steps().find(|step| reports[1..].iter().any(|other| saw(other, step) != saw(&reports[0], step)))
        {
            self.parted.insert(report.index, self.block(&reports, step));
        }
    }

    /// What was found, as text.
    #[must_use]
    pub fn finish(&self) -> String {
        let mut text = String::new();
        for block in self.parted.values() {
            let _ = write!(text, "\n{block}");
        }
        let missing = if self.open.is_empty() { String::new() } else { format!("; {} not played by all", self.open.len()) };
        let (parted, compared) = (self.parted.len(), self.compared);
        let _ = writeln!(text, "\nThe servers part in {parted} of {compared} cases{missing}.");
        text
    }

    fn block(&self, reports: &[Box<CaseReport>], step: &Step) -> String {
        let case = &reports[0].case;
        let source = &case.source.text;
        let line = source[..step.span.start.min(source.len())].matches('\n').count() + 1;
        let said = source.lines().nth(line - 1).unwrap_or_default().trim();
        let gap = " | ";
        let column = (self.width.saturating_sub(2 + gap.len() * (reports.len() - 1)) / reports.len()).max(20);
        let mut columns: Vec<Vec<String>> = Vec::new();
        for (label, report) in self.labels.iter().zip(reports) {
            let mut lines = vec![format!("{label}: {}", report.outcome.verdict), "-".repeat(column)];
            let shown = step.id.saturating_sub(BEFORE)..=step.id;
            for event in report.transcript.events.iter().filter(|event| shown.contains(&event.step)) {
                let mark = if event.step == step.id { "> " } else { "  " };
                for row in rows(event) {
                    lines.extend(wrap(&format!("{mark}{}", row.text), column, 4, WRAPPED));
                }
            }
            for finding in report.outcome.findings.iter().filter(|finding| finding.step == step.id) {
                let told = format!("  {}: {}, and not {}", finding.verdict, printable(&finding.seen), printable(&finding.expected));
                lines.extend(wrap(&told, column, 4, WRAPPED));
                lines.extend(
                    wrap(&format!("  {}", finding.requirements.join(" ")), column, 4, WRAPPED)
                        .into_iter()
                        .filter(|line| !line.trim().is_empty()),
                );
            }
            columns.push(lines);
        }
        let mut text = format!("{} parts at {}:{line}  {said}\n", case.id, case.source.name);
        for at in 0..columns.iter().map(Vec::len).max().unwrap_or_default() {
            let cells: Vec<String> = columns.iter().map(|lines| format!("{:<column$}", lines.get(at).map_or("", String::as_str))).collect();
            let _ = writeln!(text, "  {}", cells.join(gap).trim_end());
        }
        text
    }
}

/// What a server showed at a step, as far as it can part two servers; nothing where it did as demanded.
fn saw(report: &CaseReport, step: &Step) -> Vec<String> {
    let events = report.transcript.events.iter().filter(|event| event.step == step.id).filter_map(told);
    let mut findings = report.outcome.findings.iter().filter(|finding| finding.step == step.id).peekable();
    if findings.peek().is_none() {
        return Vec::new();
    }
    events.chain(findings.map(|finding| format!("{} {}", finding.verdict, finding.expected))).collect()
}

fn told(event: &Seen) -> Option<String> {
    let told = match &event.what {
        What::Reply(reply) => reply.code.map_or_else(|| "no code".to_owned(), |code| code.to_string()),
        What::Silence { .. } => "silence".to_owned(),
        What::Flood { .. } => "flood".to_owned(),
        What::ConnectFailed { .. } => "no connection".to_owned(),
        What::ControlEnded { how, .. } => format!("{how:?}"),
        What::DataFailed { .. } => "no data connection".to_owned(),
        What::DataReceived(observed) if !observed.against.is_empty() => same(observed),
        What::DataEnded(how) => format!("data {how:?}"),
        What::DataSilence { .. } => "silence on data".to_owned(),
        What::Disk { state, .. } => disk(state),
        What::Changes(changes) => changes.join("\n"),
        What::Called { by, .. } => format!("{} callers", by.len()),
        What::Connected { .. }
        | What::Sent { .. }
        | What::SendFailed { .. }
        | What::ControlLeft(_)
        | What::DataConnected { .. }
        | What::DataSent { .. }
        | What::DataReceived(_)
        | What::DataLeft(_)
        | What::Looked
        | What::Stalled(_)
        | What::Trouble(_) => return None,
    };
    Some(told)
}

fn same(observed: &Observed) -> String {
    let common: Vec<String> = observed.against.iter().map(|agreement| agreement.common.to_string()).collect();
    format!("{} bytes, {} as expected", observed.len, common.join(" "))
}

fn disk(state: &DiskState) -> String {
    match state {
        DiskState::Absent => "absent".to_owned(),
        DiskState::Directory { .. } => "directory".to_owned(),
        DiskState::File { content, .. } => same(content),
        DiskState::Other(what) => what.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::run::plan::Plan;
    use crate::run::suite::Suite;
    use crate::run::{Options, collect};
    use crate::target;

    const TEXT: &str = "+++\ntitle = \"REST\"\n\n[accounts]\nalice = \"all\"\n\n[files]\n\"f.txt\" = \"0123456789\"\n+++\n\nlogin alice\nC> TYPE I\n\
                        S> 200\ndata\nC> REST 4\nS> 350\nC> RETR f.txt\nS> 150 | 125\nS>> f.txt[4..] end  [3659-5.3-rest-retr-offset]\nS> 226 | 250\n";

    async fn side(others: [&[(&str, &str)]; 2]) -> String {
        let suite = Suite::of_texts([("bug", TEXT)]).unwrap();
        let mut side = Side::new(vec!["old".to_owned(), "new".to_owned()], 100);
        for (server, settings) in others.into_iter().enumerate() {
            let settings: Vec<(String, String)> = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let target = target::resolve("reference", &settings).unwrap();
            let plan = Plan::new(suite.cases().cloned().collect(), false);
            let (reports, _) = collect(Arc::from(target), plan, Options::default()).await;
            reports.into_iter().for_each(|report| side.event(server, &Event::Finished(Box::new(report))));
        }
        side.finish()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_first_step_where_they_part_is_shown() {
        let text = side([&[("broken", "rest-off-by-one")], &[]]).await;
        for part in [
            "bug parts at bug.ftp:19  S>> f.txt[4..] end",
            "old: fail",
            "| new: pass",
            "3659-5.3-rest-retr-offset",
            "part in 1 of 1 cases.",
        ] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
        let same = side([&[], &[]]).await;
        assert_eq!(same, "\nThe servers part in 0 of 1 cases.\n");
    }
}
