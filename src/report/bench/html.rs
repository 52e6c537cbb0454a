//! A page with a plot for each workload: bars with their spread, lines of latency. It needs nothing else, and no script.
//!
//! A bar has its figure beside it and a whisker from the least to the most; nothing is told by colour alone.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::number::{time, value};
use super::{behind, details, title};
use crate::bench::result::{Bench, Figures, Outcome, Row};
use crate::bench::workload::Workload;
use crate::report::plain;

const TEMPLATE: &str = include_str!("bench.html");
const STYLE: &str = include_str!("bench.css");

/// Units of length of the widest bar.
const WIDTH: f64 = 520.0;
/// Percentiles of the plot of latencies.
const PERCENTILES: [(f64, &str); 5] = [(50.0, "50 %"), (90.0, "90 %"), (99.0, "99 %"), (99.9, "99.9 %"), (100.0, "longest")];

/// A workload.
#[derive(Serialize)]
struct Plot {
    word: &'static str,
    title: String,
    unit: &'static str,
    better: &'static str,
    height: usize,
    bars: Vec<Bar>,
    latencies: Vec<Percentiles>,
    latency_height: usize,
}

/// A column of it.
#[derive(Serialize)]
struct Bar {
    label: String,
    y: usize,
    /// Lengths.
    bar: f64,
    low: f64,
    high: f64,
    /// The floor, where it is on the scale.
    floor: Option<f64>,
    measured: bool,
    text: String,
    details: Vec<String>,
}

/// Latencies of a column, on a scale of powers of ten.
#[derive(Serialize)]
struct Percentiles {
    label: String,
    y: usize,
    marks: Vec<Mark>,
}

#[derive(Serialize)]
struct Mark {
    x: f64,
    name: &'static str,
    text: String,
    shape: usize,
}

/// The page.
///
/// # Errors
/// None that is known: the template can be filled.
pub fn html(bench: &Bench) -> io::Result<String> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("bench.html", TEMPLATE).map_err(io::Error::other)?;
    let template = environment.get_template("bench.html").map_err(io::Error::other)?;
    let plots: Vec<Plot> = bench.workloads().into_iter().map(|workload| plot(bench, workload)).collect();
    let columns: Vec<(String, String, bool)> = bench
        .columns
        .iter()
        .map(|column| {
            let version = column.version.as_ref().map_or_else(String::new, |version| format!(" {version}"));
            (
                plain::printable(&column.label),
                plain::printable(&format!("{}{version}, {}", column.server, column.arguments)),
                column.has_cost,
            )
        })
        .collect();
    let floor: Vec<String> = bench
        .floor
        .iter()
        .map(|floor| {
            let (spread, unit) = (&floor.spread, floor.unit);
            let (median, min, max) = (value(unit, spread.median), value(unit, spread.min), value(unit, spread.max));
            format!("{}: {median}{} ({min}..{max})", floor.name, behind(unit))
        })
        .collect();
    let failures: Vec<(String, String)> = bench
        .failures()
        .map(|(row, why)| (format!("{}, {}", bench.columns[row.column].label, row.workload.word()), plain::printable(why)))
        .collect();
    template
        .render(context! {
            style => STYLE,
            style_hash => format!("sha256-{}", STANDARD.encode(Sha256::digest(STYLE))),
            command => plain::printable(&bench.command),
            version => &bench.version,
            began => &bench.began,
            cores => bench.machine.cores,
            processor => &bench.machine.processor,
            system => &bench.machine.system,
            repeats => bench.options.repeats,
            verify => bench.options.verify,
            columns,
            floor,
            plots => Serde(&plots),
            failures,
            warnings => bench.warnings.iter().map(|warning| plain::printable(warning)).collect::<Vec<_>>(),
        })
        .map_err(io::Error::other)
}

fn plot(bench: &Bench, workload: Workload) -> Plot {
    let rows: Vec<&Row> = bench.rows.iter().filter(|row| row.workload == workload).collect();
    let figures = || rows.iter().filter_map(|row| row.figures());
    let floor = bench.floor.iter().find(|floor| floor.unit == workload.unit() && figures().any(|figures| figures.of_floor.is_some()));
    let floor = floor.map(|floor| floor.spread.median).filter(|_| workload.unit().higher_is_better());
    let most = figures().map(|figures| figures.spread.max).chain(floor).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let bars = rows.iter().enumerate().map(|(at, row)| bar(bench, row, at, most, floor)).collect::<Vec<_>>();
    let latencies = percentiles(bench, &rows);
    Plot {
        word: workload.word(),
        title: title(bench, workload),
        unit: if workload.unit().higher_is_better() { workload.unit().word() } else { "median time" },
        better: if workload.unit().higher_is_better() { "longer is better" } else { "shorter is better" },
        height: bars.len() * 28 + 4,
        latency_height: latencies.len() * 28 + 4,
        bars,
        latencies,
    }
}

fn bar(bench: &Bench, row: &Row, at: usize, most: f64, floor: Option<f64>) -> Bar {
    let label = plain::printable(&bench.columns[row.column].label);
    let length = |value: f64| (value / most * WIDTH).max(0.0);
    let notes = row.notes.iter().map(|note| plain::printable(note));
    let empty = |text: String| Bar {
        label: label.clone(),
        y: at * 28 + 4,
        bar: 0.0,
        low: 0.0,
        high: 0.0,
        floor: None,
        measured: false,
        text: plain::printable(&text),
        details: Vec::new(),
    };
    match &row.outcome {
        Outcome::Measured(figures) => {
            let spread = &figures.spread;
            Bar {
                bar: length(spread.median),
                low: length(spread.min),
                high: length(spread.max),
                floor: floor.map(length),
                measured: true,
                details: details(figures).into_iter().chain(notes).collect(),
                ..empty({
                    let told = |number| value(figures.unit, number);
                    format!("{} ({}..{})", told(spread.median), told(spread.min), told(spread.max))
                })
            }
        }
        Outcome::Unsupported { why } => empty(format!("unsupported: {why}")),
        Outcome::Failed { why } => empty(format!("FAILED: {why}")),
        Outcome::NotMeasured { why } => empty(format!("not measured: {why}")),
    }
}

fn percentiles(bench: &Bench, rows: &[&Row]) -> Vec<Percentiles> {
    let with =
        |row: &&&Row| row.figures().is_some_and(|figures| figures.latencies.as_ref().is_some_and(|latencies| latencies.count() >= 20));
    let shown: Vec<&&Row> = rows.iter().filter(with).collect();
    let all = |figures: &Figures| {
        figures.latencies.iter().flat_map(|of| PERCENTILES.map(|(percent, _)| of.percentile_us(percent))).collect::<Vec<_>>()
    };
    let values: Vec<f64> = shown.iter().filter_map(|row| row.figures()).flat_map(all).collect();
    let (low, high) = (values.iter().copied().fold(f64::MAX, f64::min), values.iter().copied().fold(0.0, f64::max));
    let place = |value: f64| {
        let range = (high / low).log10().max(0.1);
        (value / low).log10() / range * WIDTH
    };
    let line = |(at, row): (usize, &&&Row)| {
        let latencies = row.figures()?.latencies.as_ref()?;
        let marks = PERCENTILES.iter().enumerate().map(|(shape, (percent, name))| {
            let value = latencies.percentile_us(*percent);
            Mark { x: place(value), name, text: time(value), shape }
        });
        Some(Percentiles { label: plain::printable(&bench.columns[row.column].label), y: at * 28 + 4, marks: marks.collect() })
    };
    shown.iter().enumerate().filter_map(line).collect()
}
