//! Markdown: tables of medians with their spread, of latencies, of costs.

use std::fmt::Write as _;

use super::number::{self, bytes, time};
use super::{behind, title};
use crate::bench::result::{Bench, Figures, Outcome, Row};
use crate::bench::workload::Workload;
use crate::report::markdown::escape;

/// The whole as Markdown.
#[must_use]
pub fn markdown(bench: &Bench) -> String {
    let mut text = String::new();
    // A string takes all that is written to it.
    let machine = &bench.machine;
    let processor = machine.processor.as_deref().unwrap_or("a processor");
    let _ = writeln!(text, "`{}`\n", bench.command.replace('`', "'"));
    let checked = if bench.options.verify { "every byte checked" } else { "**bytes not compared**" };
    let _ = writeln!(
        text,
        "ftpspec {}, {}, {} cores of {}, {}. Median of {} rounds (least..most), {checked}; no TLS.",
        bench.version,
        bench.began,
        machine.cores,
        escape(processor),
        escape(&machine.system),
        bench.options.repeats
    );
    for floor in &bench.floor {
        let (spread, unit) = (&floor.spread, floor.unit);
        let (median, min, max) = (number::value(unit, spread.median), number::value(unit, spread.min), number::value(unit, spread.max));
        let _ = writeln!(text, "Floor, {}: {median}{} ({min}..{max}).", floor.name, behind(unit));
    }
    table(bench, &mut text, "What was measured", |_| true, &value);
    table(bench, &mut text, "Latency: half, 99 of 100, and the longest", has(bench, |figures| figures.latencies.is_some()), &latency);
    table(
        bench,
        &mut text,
        "What it cost the server: seconds of CPU in a round, and the most memory",
        has(bench, |figures| figures.server.is_some()),
        &cost,
    );
    list(&mut text, "Notes", bench.rows.iter().flat_map(|row| row.notes.iter().map(|note| format!("{}: {note}", place(bench, row)))));
    list(&mut text, "Failed", bench.failures().map(|(row, why)| format!("{}: {why}", place(bench, row))));
    let unsupported = bench.rows.iter().filter_map(|row| match &row.outcome {
        Outcome::Unsupported { why } => Some(format!("{}: {why}", place(bench, row))),
        Outcome::NotMeasured { why } => Some(format!("{}: not measured: {why}", place(bench, row))),
        Outcome::Measured(_) | Outcome::Failed { .. } => None,
    });
    list(&mut text, "Unsupported", unsupported);
    list(&mut text, "Warnings", bench.warnings.iter().cloned());
    text
}

fn place(bench: &Bench, row: &Row) -> String {
    format!("{}, {}", bench.columns[row.column].label, row.workload.word())
}

/// Whether any row of a workload has such figures.
fn has(bench: &Bench, is: fn(&Figures) -> bool) -> impl Fn(Workload) -> bool {
    move |workload| bench.rows.iter().filter(|row| row.workload == workload).filter_map(Row::figures).any(is)
}

fn table(bench: &Bench, text: &mut String, heading: &str, shown: impl Fn(Workload) -> bool, cell: &dyn Fn(&Figures) -> String) {
    let workloads: Vec<Workload> = bench.workloads().into_iter().filter(|workload| shown(*workload)).collect();
    if workloads.is_empty() {
        return;
    }
    let _ = write!(text, "\n### {heading}\n\n| |");
    for column in &bench.columns {
        let version = column.version.as_ref().map_or_else(String::new, |version| format!(" {version}"));
        let _ = write!(text, " {} |", escape(&format!("{}{version}", column.label)));
    }
    let _ = writeln!(text, "\n| --- |{}", " ---: |".repeat(bench.columns.len()));
    for workload in workloads {
        let unit = if workload.unit().higher_is_better() { format!(", {}", workload.unit().word()) } else { String::new() };
        let _ = write!(text, "| {}{unit} |", escape(&title(bench, workload)));
        for column in 0..bench.columns.len() {
            let told = match bench.row(workload, column).map(|row| &row.outcome) {
                Some(Outcome::Measured(figures)) => cell(figures),
                Some(Outcome::Failed { .. }) => "**failed**".to_owned(),
                Some(Outcome::Unsupported { .. }) => "-".to_owned(),
                Some(Outcome::NotMeasured { .. }) | None => "?".to_owned(),
            };
            let _ = write!(text, " {told} |");
        }
        text.push('\n');
    }
}

fn value(figures: &Figures) -> String {
    let spread = &figures.spread;
    let share = figures.of_floor.map_or_else(String::new, |share| format!(", {:.0} %", share * 100.0));
    let told = |value| number::value(figures.unit, value);
    format!("{} ({}..{}{share})", told(spread.median), told(spread.min), told(spread.max))
}

fn latency(figures: &Figures) -> String {
    figures.latencies.as_ref().map_or_else(String::new, |latencies| {
        format!("{} / {} / {}", time(latencies.percentile_us(50.0)), time(latencies.percentile_us(99.0)), time(latencies.max_us()))
    })
}

fn cost(figures: &Figures) -> String {
    figures.server.as_ref().map_or_else(String::new, |cost| {
        let each = cost.memory_per_session.map_or_else(String::new, |memory| format!(", {} a session", bytes(memory)));
        format!("{:.2} s, {}{each}", cost.cpu_s, bytes(cost.peak as f64))
    })
}

fn list(text: &mut String, heading: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    if items.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n### {heading}\n");
    for item in items {
        let _ = writeln!(text, "- {}", escape(&item));
    }
}
