//! Content: generation and verification, in bytes a second. The blocks stay in the processor's cache, as they do in a transfer.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ftpspec::ftp::content::{Comparer, Content};
use ftpspec::ftp::words::Words;

const BLOCK: usize = 256 * 1024;

fn words(c: &mut Criterion) {
    let mut group = c.benchmark_group("content");
    group.throughput(Throughput::Bytes(BLOCK as u64));
    let words = Words::new(7);
    let mut block = vec![0; BLOCK];
    for offset in [0_u64, 3] {
        group.bench_function(format!("generate/offset {offset}"), |b| b.iter(|| words.fill(black_box(offset), black_box(&mut block))));
        words.fill(offset, &mut block);
        group.bench_function(format!("verify/offset {offset}"), |b| b.iter(|| assert_eq!(words.common(black_box(offset), &block), BLOCK)));
    }
    let lines = Content::Lines { count: BLOCK as u64, eol: Arc::from(&b"\r\n"[..]) };
    lines.fill(0, &mut block);
    group.bench_function("verify/lines", |b| {
        b.iter(|| {
            let mut comparer = Comparer::new(lines.clone());
            comparer.push(&block);
            assert_eq!(comparer.common(), BLOCK as u64);
        });
    });
    group.finish();
}

criterion_group!(benches, words);
criterion_main!(benches);
