//! What a benchmark found, for people: in the terminal, as Markdown, as a page with plots.
//!
//! All are made of one [`Bench`]; nothing is measured or decided here.

mod html;
mod markdown;
mod number;
mod terminal;

use std::fmt::Write as _;

pub use html::html;
pub use markdown::markdown;
pub use terminal::terminal;

use crate::bench::compare::Comparison;
use crate::bench::result::{Bench, Figures};
use crate::bench::workload::Workload;
use number::{amount, bytes, figure};

/// What a comparison with an older result tells.
#[must_use]
pub fn comparison(comparison: &Comparison, threshold: f64) -> String {
    let mut text = String::new();
    for regression in &comparison.regressions {
        let (then, now) = regression.medians;
        let unit = regression.workload.unit().word();
        // A string takes all that is written to it.
        let _ = writeln!(
            text,
            "slower: {}, {}: {} {unit}, was {} {unit}: {:.0} % worse, and beyond the noise",
            regression.column,
            regression.workload.word(),
            figure(now),
            figure(then),
            regression.worse * 100.0
        );
    }
    for (column, workload) in &comparison.missing {
        let _ = writeln!(text, "missing: {column}, {}: it was measured then, and is not now", workload.word());
    }
    if comparison.regressions.is_empty() && comparison.missing.is_empty() {
        let _ = writeln!(text, "{} rows compared: none is worse by more than {:.0} % and the noise", comparison.compared, threshold * 100.0);
    }
    text
}

/// The title of a workload, with the sizes and numbers that it was measured with.
fn title(bench: &Bench, workload: Workload) -> String {
    let options = &bench.options;
    let (size, many, file) = (bytes(options.size as f64), bytes(options.size_many as f64), bytes(options.file_size as f64));
    let sessions = amount(options.sessions);
    match workload {
        Workload::Retr | Workload::RetrBare | Workload::Stor | Workload::Resume => format!("{}: {size}", workload.title()),
        Workload::RetrSmall | Workload::StorSmall => format!("{}: {} of {file} each", workload.title(), amount(options.files)),
        Workload::RetrIdle | Workload::StorIdle => format!("{}: {size}", workload.title().replace('N', &sessions)),
        Workload::RetrMany | Workload::StorMany => format!("{}: {many} each", workload.title().replacen('N', &sessions, 1)),
        Workload::Idle | Workload::Quit => workload.title().replacen('N', &sessions, 1),
        _ => workload.title().to_owned(),
    }
}

/// What is told behind a figure: its share of the floor, latencies, what it cost the server.
fn details(figures: &Figures) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(share) = figures.of_floor {
        told.push(format!("{:.0} % of the floor", share * 100.0));
    }
    if let Some(latencies) = &figures.latencies {
        let us = |percent| number::time(latencies.percentile_us(percent));
        told.push(format!("p50 {} p99 {} max {}", us(50.0), us(99.0), number::time(latencies.max_us())));
    }
    if let Some(cost) = &figures.server {
        let mut server = format!("server {:.2} s CPU, {}", cost.cpu_s, bytes(cost.peak as f64));
        if let Some(memory) = cost.memory_per_session {
            let _ = write!(server, ", {} a session", bytes(memory));
        }
        if let Some(descriptors) = cost.descriptors_per_session {
            let _ = write!(server, ", {descriptors:.1} descriptors a session");
        }
        told.push(server);
    }
    told.push(format!("client {:.0} % CPU", figures.client_cpu * 100.0));
    if !figures.checked {
        told.push("not checked".to_owned());
    }
    told
}
