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
use crate::bench::workload::{Unit, Workload};
use number::{amount, bytes, value};

/// What a comparison with an older result tells.
#[must_use]
pub fn comparison(comparison: &Comparison, threshold: f64) -> String {
    let mut text = String::new();
    for regression in &comparison.regressions {
        let (then, now) = regression.medians;
        let unit = regression.workload.unit();
        // A string takes all that is written to it.
        let _ = writeln!(
            text,
            "slower: {}, {}: {}, was {} {}: {:.0} % worse, and beyond the noise",
            regression.column,
            regression.workload.word(),
            value(unit, now),
            value(unit, then),
            behind(unit).trim_start(),
            regression.worse * 100.0
        );
    }
    for (column, workload) in &comparison.missing {
        let _ = writeln!(text, "missing: {column}, {}: it was measured then, and is not now", workload.word());
    }
    if comparison.regressions.is_empty() && comparison.missing.is_empty() {
        let _ =
            writeln!(text, "{} rows compared: none is worse by more than {:.0} % and the noise", comparison.compared, threshold * 100.0);
    }
    text
}

/// A unit behind its figure; a time says its own.
const fn behind(unit: Unit) -> &'static str {
    match unit {
        Unit::MibPerSecond => " MiB/s",
        Unit::PerSecond => " /s",
        Unit::Microseconds => "",
    }
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
        Workload::Ascii
        | Workload::Image
        | Workload::Pasv
        | Workload::Epsv
        | Workload::Port
        | Workload::Login
        | Workload::Noop
        | Workload::Pwd
        | Workload::Size
        | Workload::Mlsd10
        | Workload::Mlsd1000
        | Workload::Mlsd100000
        | Workload::Soak => workload.title().to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::result::Outcome;
    use crate::bench::sample::bench;

    #[test]
    fn the_terminal_shows_each_row_with_its_spread() {
        insta::assert_snapshot!(terminal(&bench(), 100, false), @r#"
        ftpspec bench --server one --server two on 2 cores of Example 3000, linux 6.1
        median of 5 rounds (least..most), every byte checked; no TLS
        the floor: loopback TCP between two threads: 3,000 MiB/s (3,000..3,000)

        RETR of one file: 1 GiB (MiB/s)
          one      1,250 (1,000..1,500)      ██████████    50 % of the floor  server 1.50 s CPU, 3 MiB
                         client 25 % CPU
          two  FAILED: RETR big.bin: byte 7 of 9 is wrong

        NOOP (median time)
          one      25 µs (20 µs..30 µs)      ██████████    p50 50.0 ms p99 99.0 ms max 100 ms
                         server 1.50 s CPU, 3 MiB  client 25 % CPU
          two  unsupported: NOOP: "502 no"

        warning: the machine was not at rest

        1 failed:
          two, retr: RETR big.bin: byte 7 of 9 is wrong
        "#);
        let quiet = terminal(&bench(), 100, true);
        assert_eq!(quiet, "\n1 failed:\n  two, retr: RETR big.bin: byte 7 of 9 is wrong\n");
    }

    #[test]
    fn nothing_that_a_server_says_is_read_as_a_page() {
        let mut hostile = bench();
        hostile.columns[0].label = "<script>alert(1)</script>".to_owned();
        hostile.rows[1].outcome = Outcome::Failed { why: "<b>|\u{1b}[31m{{ 7 * 7 }}".to_owned() };
        let page = html(&hostile).unwrap();
        assert!(!page.contains("<script") && !page.contains("<b>|") && !page.contains('\u{1b}'), "{page}");
        assert!(page.contains("{{ 7 * 7 }}") && page.contains("default-src 'none'"), "{page}");
        let markdown = markdown(&hostile);
        assert!(!markdown.contains("<script") && !markdown.contains("<b>|") && markdown.contains("**failed**"), "{markdown}");
        assert!(!terminal(&hostile, 100, false).contains('\u{1b}'));
    }

    #[test]
    fn the_page_shows_bars_whiskers_and_marks() {
        let page = html(&bench()).unwrap();
        assert_eq!(page.matches("class=\"bar\"").count(), 2);
        assert_eq!(page.matches("class=\"whisker\"").count(), 2);
        assert_eq!(page.matches("class=\"floor\"").count(), 1);
        assert_eq!(page.matches("class=\"mark\"").count(), 5);
        for word in ["src=", "<link", "url(", "<script"] {
            assert!(!page.contains(word), "{word}");
        }
    }
}
