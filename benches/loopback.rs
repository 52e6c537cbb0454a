//! Over loopback: one RETR and one STOR of the embedded server, and a small suite on the reference.

use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ftpspec::bench::session::{Patience, Session};
use ftpspec::bench::transfer::{BUFFER, Expected, retrieve, store};
use ftpspec::ftp::content::Content;
use ftpspec::ftp::letter::Letters;
use ftpspec::ftp::secret::Secret;
use ftpspec::run::{self, Options, plan::Plan, suite::Suite};
use ftpspec::scenario::model::Way;
use ftpspec::target::{self, Account, LaidFile, LaidNode, Settings};
use tokio::runtime::Runtime;

const SIZE: u64 = 64 << 20;

fn transfers(c: &mut Criterion) {
    let runtime = Runtime::new().expect("threads");
    let account = Account {
        name: "bench".to_owned(),
        password: Secret::new("sesame"),
        letters: Letters::ALL,
        anonymous: false,
        root: "bench".to_owned(),
        directory: Vec::new(),
    };
    let server = target::resolve("libunftp", &[]).expect("it is built in");
    let instance = runtime.block_on(server.start(&Settings::default(), std::slice::from_ref(&account))).expect("it starts");
    let content = Content::Words { seed: 1, len: SIZE };
    let file = LaidFile { path: b"f".to_vec(), node: LaidNode::File(content.clone()), mtime: None, mode: None };
    instance.disk().lay("bench", &[file]).expect("there is room");
    let mut session = Session::connect(instance.address(), &Patience::new(Duration::from_secs(30))).expect("it listens");
    session.login(&account).expect("it lets us in");
    let expected = Expected::whole(content, true);
    let mut buffer = vec![0; BUFFER];
    let mut group = c.benchmark_group("embedded");
    group.throughput(Throughput::Bytes(SIZE)).sample_size(10);
    group.bench_function("RETR, verified", |b| {
        b.iter(|| retrieve(&mut session, Way::Pasv, "RETR f", &expected, &mut buffer).expect("the bytes are right"));
    });
    group.bench_function("STOR, generated", |b| {
        b.iter(|| store(&mut session, Way::Pasv, "STOR g", &expected, &mut buffer).expect("it takes them"));
    });
    group.finish();
    runtime.block_on(instance.stop(false));
}

fn suite(c: &mut Criterion) {
    let suite = Suite::built_in().expect("the built-in suite is right");
    let cases: Vec<_> = suite.cases().filter(|case| case.id.starts_with("login/") && !case.slow).cloned().collect();
    let runtime = Runtime::new().expect("threads");
    let mut group = c.benchmark_group("suite");
    group.throughput(Throughput::Elements(cases.len() as u64)).sample_size(10);
    group.bench_function("login, on the reference", |b| {
        b.iter(|| {
            let target = Arc::from(target::resolve("reference", &[]).expect("it is built in"));
            runtime.block_on(run::collect(target, Plan::new(cases.clone(), false), Options::default()))
        });
    });
    group.finish();
}

criterion_group!(benches, transfers, suite);
criterion_main!(benches);
