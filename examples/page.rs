//! One HTML page of several JSON reports.
//!
//! `cargo run --example page -- PAGE.html REPORT.json..`

use std::io;

use ftpspec::report::html;
use ftpspec::report::record::Record;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let page = arguments.next().ok_or_else(|| io::Error::other("expected PAGE.html REPORT.json.."))?;
    let runs = arguments.map(|file| Ok(serde_json::from_slice(&std::fs::read(file)?)?)).collect::<io::Result<Vec<Record>>>()?;
    std::fs::write(page, html::page(&runs)?)
}
