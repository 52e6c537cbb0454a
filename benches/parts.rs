//! The pure parts: scenarios and replies are read, transcripts judged, line ends converted.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use anyhow::Context as _;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ftpspec::ftp::ascii::{from_net, to_net};
use ftpspec::ftp::reply::ReplyParser;
use ftpspec::judge::bind::Bindings;
use ftpspec::judge::judge;
use ftpspec::run::{self, Options, plan::Plan, suite::Suite};
use ftpspec::scenario::parse_bytes;
use ftpspec::target;

fn scenarios(c: &mut Criterion) {
    let suite = Suite::built_in().expect("the built-in suite is right");
    let texts: Vec<String> = suite.files().map(|file| file.source.text.clone()).collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    let mut group = c.benchmark_group("scenario");
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("parse/all of the suite", |b| {
        b.iter(|| texts.iter().filter(|text| parse_bytes("f.ftp", text.as_bytes(), "a/b").1.is_ok()).count());
    });
    group.finish();
}

fn replies(c: &mut Criterion) {
    let single = b"226 Transfer complete.\r\n".repeat(1000);
    let mut multi = String::from("211-Features\r\n");
    for at in 0..1000 {
        write!(multi, " FEATURE{at}\r\n").expect("a string takes all");
    }
    multi.push_str("211 End\r\n");
    let mut group = c.benchmark_group("reply");
    for (name, bytes) in [("1,000 of one line", single), ("one of 1,000 lines", multi.into_bytes())] {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("parse/{name}"), |b| {
            b.iter(|| {
                let mut parser = ReplyParser::default();
                parser.push(black_box(&bytes));
                std::iter::from_fn(|| parser.pop()).count()
            });
        });
    }
    group.finish();
}

fn judging(c: &mut Criterion) {
    let played = play().expect("the reference plays a case");
    let mut group = c.benchmark_group("judge");
    group.throughput(Throughput::Elements(played.len() as u64));
    group.bench_function("cases of login", |b| {
        b.iter(|| {
            for report in &played {
                let bindings = Bindings::new(&report.case, b"\n").expect("it was played");
                black_box(judge(&report.case, bindings, &report.transcript));
            }
        });
    });
    group.finish();
}

fn play() -> anyhow::Result<Vec<run::event::CaseReport>> {
    let suite = Suite::built_in().map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let cases: Vec<_> = suite.cases().filter(|case| case.id.starts_with("login/") && !case.slow).cloned().collect();
    let runtime = tokio::runtime::Runtime::new()?;
    let target = Arc::from(target::resolve("reference", &[])?);
    let (reports, _) = runtime.block_on(run::collect(target, Plan::new(cases, false), Options::default()));
    reports.first().context("a case of login")?;
    Ok(reports)
}

fn line_ends(c: &mut Criterion) {
    let text = b"a line of a text that is as long as lines are, about so long\n".repeat(10_000);
    let net = to_net(&text);
    let mut group = c.benchmark_group("ascii");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("to the net", |b| b.iter(|| to_net(black_box(&text))));
    group.bench_function("from the net", |b| b.iter(|| from_net(black_box(&net))));
    group.finish();
}

criterion_group!(benches, scenarios, replies, judging, line_ends);
criterion_main!(benches);
