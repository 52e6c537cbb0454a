//! A result that no server took part in, for tests.

use std::time::Duration;

use super::Options;
use super::result::{Bench, Column, Cost, Figures, Floor, Machine, Outcome, Row, SCHEMA};
use super::statistics::{Latencies, Spread};
use super::workload::{Client, Unit, Workload};

/// Figures of these samples.
pub(crate) fn figures(workload: Workload, samples: &[f64]) -> Figures {
    let mut latencies = Latencies::default();
    (1..=100).for_each(|ms| latencies.record(Duration::from_millis(ms)));
    Figures {
        unit: workload.unit(),
        samples: samples.to_vec(),
        spread: Spread::of(samples).expect("there are some"),
        bytes: 1 << 20,
        checked: true,
        latencies: (workload.unit() == Unit::Microseconds).then_some(latencies),
        of_floor: (workload.unit() == Unit::MibPerSecond).then_some(0.5),
        client_cpu: 0.25,
        client_busy: Some(0.2),
        server: Some(Cost { cpu_s: 1.5, peak: 3 << 20, descriptors: 12, processes: 2, ..Cost::default() }),
        soak: None,
    }
}

/// Two servers: one was measured, the other is not all that it should be.
pub(crate) fn bench() -> Bench {
    let column = |label: &str| Column {
        label: label.to_owned(),
        server: "exampled".to_owned(),
        version: Some("1.0".to_owned()),
        arguments: format!("--server {label}"),
        client: Client::Ftpspec,
        has_cost: true,
    };
    let row = |workload, column, outcome| Row { workload, column, outcome, notes: Vec::new() };
    let measured = |workload, samples: &[f64]| Outcome::Measured(Box::new(figures(workload, samples)));
    let why = "RETR big.bin: byte 7 of 9 is wrong".to_owned();
    Bench {
        schema: SCHEMA.to_owned(),
        version: "0.1.0".to_owned(),
        command: "ftpspec bench --server one --server two".to_owned(),
        began: "2026-01-31T12:00:00Z".to_owned(),
        took_s: 1.0,
        machine: Machine { cores: 2, processor: Some("Example 3000".to_owned()), system: "linux 6.1".to_owned() },
        options: Options::default().settings,
        part: None,
        floor: vec![Floor {
            name: "throughput".to_owned(),
            unit: Unit::MibPerSecond,
            samples: vec![3000.0],
            spread: Spread::of(&[3000.0]).expect("there is one"),
        }],
        columns: vec![column("one"), column("two")],
        rows: vec![
            row(Workload::Retr, 0, measured(Workload::Retr, &[1000.0, 1500.0, 1250.0])),
            row(Workload::Retr, 1, Outcome::Failed { why }),
            row(Workload::Noop, 0, measured(Workload::Noop, &[20.0, 30.0, 25.0])),
            row(Workload::Noop, 1, Outcome::Unsupported { why: "NOOP: \"502 no\"".to_owned() }),
        ],
        warnings: vec!["the machine was not at rest".to_owned()],
        interrupted: false,
    }
}
