//! The terminal's table: a block for each workload, a line for each server, so that any number of servers fits.

use std::fmt::Write as _;

use super::number::value;
use super::{behind, details, title};
use crate::bench::result::{Bench, Outcome, Row};
use crate::report::plain;

/// Characters of a bar.
const BAR: usize = 12;

/// All that was measured; only what is wrong with `quiet`. Longer lines than `width` are broken behind a detail.
#[must_use]
pub fn terminal(bench: &Bench, width: usize, quiet: bool) -> String {
    let mut text = String::new();
    // A string takes all that is written to it.
    if !quiet {
        head(bench, &mut text);
        for workload in bench.workloads() {
            let what = if workload.unit().higher_is_better() { workload.unit().word() } else { "median time" };
            let _ = writeln!(text, "\n{} ({what})", title(bench, workload));
            let rows: Vec<&Row> = bench.rows.iter().filter(|row| row.workload == workload).collect();
            let most = rows.iter().filter_map(|row| row.figures()).map(|figures| figures.spread.max).fold(0.0, f64::max);
            for row in rows {
                line(bench, row, most, width, &mut text);
            }
        }
        for (at, warning) in bench.warnings.iter().enumerate() {
            let _ = writeln!(text, "{}{}", if at == 0 { "\n" } else { "" }, plain::printable(&format!("warning: {warning}")));
        }
    }
    let failed: Vec<_> = bench.failures().collect();
    if !failed.is_empty() {
        let _ = writeln!(text, "\n{} failed:", failed.len());
    }
    for (row, why) in failed {
        let _ = writeln!(text, "  {}, {}: {}", bench.columns[row.column].label, row.workload.word(), plain::printable(why));
    }
    if bench.interrupted {
        let _ = writeln!(text, "\ninterrupted: what was not measured is missing");
    }
    text
}

fn head(bench: &Bench, text: &mut String) {
    let machine = &bench.machine;
    let processor = machine.processor.as_deref().unwrap_or("a processor");
    let _ = writeln!(text, "{} on {} cores of {processor}, {}", bench.command, machine.cores, machine.system);
    let options = &bench.options;
    let checked = if options.verify { "every byte checked" } else { "bytes not compared (--no-verify)" };
    let _ = writeln!(text, "median of {} rounds (least..most), {checked}; no TLS", options.repeats);
    for floor in &bench.floor {
        let (spread, unit) = (&floor.spread, floor.unit);
        let name =
            if floor.name == "throughput" { "loopback TCP between two threads" } else { "a line and its answer between two threads" };
        let (median, min, max) = (value(unit, spread.median), value(unit, spread.min), value(unit, spread.max));
        let _ = writeln!(text, "the floor: {name}: {median}{} ({min}..{max})", behind(unit));
    }
}

fn line(bench: &Bench, row: &Row, most: f64, width: usize, text: &mut String) {
    let label = &bench.columns[row.column].label;
    let names = bench.columns.iter().map(|column| column.label.chars().count()).max().unwrap_or(0);
    let (start, told) = match &row.outcome {
        Outcome::Measured(figures) => {
            let spread = &figures.spread;
            let unit = figures.unit;
            let range = format!("({}..{})", value(unit, spread.min), value(unit, spread.max));
            (format!("{:>9} {range:<19} {}", value(unit, spread.median), bar(spread.median, most)), details(figures))
        }
        Outcome::Unsupported { why } => (format!("unsupported: {why}"), Vec::new()),
        Outcome::Failed { why } => (format!("FAILED: {why}"), Vec::new()),
        Outcome::NotMeasured { why } => (format!("not measured: {why}"), Vec::new()),
    };
    let indent = names + 4;
    let mut current = format!("  {label:<names$}  {}", plain::printable(&start));
    for detail in told.into_iter().chain(row.notes.iter().map(|note| plain::printable(note))) {
        if current.chars().count() + 2 + detail.chars().count() > width {
            let _ = writeln!(text, "{}", current.trim_end());
            current = " ".repeat(indent + 10);
        }
        let gap = if current.trim().is_empty() { "" } else { "  " };
        let _ = write!(current, "{gap}{detail}");
    }
    let _ = writeln!(text, "{}", current.trim_end());
}

/// A bar as long as the value.
fn bar(value: f64, most: f64) -> String {
    let eighths = if most > 0.0 { (value / most * (BAR * 8) as f64).round().clamp(0.0, (BAR * 8) as f64) as usize } else { 0 };
    let mut bar = "█".repeat(eighths / 8);
    bar.push_str(["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]);
    let gap = BAR - bar.chars().count().min(BAR);
    format!("{bar}{}", " ".repeat(gap))
}
