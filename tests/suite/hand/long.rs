//! Large files with many cuts: the same bytes, in little memory.

use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use super::proxy::{At, Proxy};
use super::{Serve, assert_same, ftpspec, told, url, words, write};

/// The most memory that a transfer may take, in KiB.
const MEMORY_KIB: u64 = 50 << 10;

/// Ten places to cut at, by lot and the same each time; together less than the file.
fn cuts(seed: u64, len: u64) -> Vec<u64> {
    let mut lot = fastrand::Rng::with_seed(seed);
    (0..10).map(|_| lot.u64(1..len / 11)).collect()
}

/// The most memory that a program took, in KiB, as the system tells while it runs; and what it said.
fn peak(child: Child) -> (u64, std::process::Output) {
    let status = format!("/proc/{}/status", child.id());
    let (tell, told) = channel();
    std::thread::spawn(move || tell.send(child.wait_with_output().unwrap()));
    let mut peak = 0;
    loop {
        let output = told.recv_timeout(Duration::from_millis(10)).ok();
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = line.unwrap_or(0).max(peak);
        if let Some(output) = output {
            return (peak, output);
        }
    }
}

fn transfer(command: &mut std::process::Command) {
    let (peak, output) = peak(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    assert!(output.status.success(), "{}", told(&output));
    assert!((1..MEMORY_KIB).contains(&peak), "{peak} KiB");
}

/// `put`, then `get`, each with ten cuts.
fn with_ten_cuts(folder: &Path, len: u64) {
    let serve = Serve::on("libunftp", tempfile::tempdir_in(folder).unwrap(), ([127, 0, 0, 1], 0).into(), ftpspec(), &[]);
    let home = tempfile::tempdir_in(folder).unwrap();
    let (here, there) = (home.path().join("here"), home.path().join("there"));
    let content = words(12, len);
    write(&here, &content);
    let proxy = Proxy::new(serve.address, At::Cut, cuts(1, len));
    transfer(ftpspec().args(["put", "--retries", "10"]).arg(&here).arg(url(proxy.address, "f")));
    assert_eq!(proxy.stops(), 10);
    std::fs::remove_file(&here).unwrap();
    let proxy = Proxy::new(serve.address, At::Cut, cuts(2, len));
    transfer(ftpspec().args(["get", "--retries", "10", &url(proxy.address, "f")]).arg(&there));
    assert_eq!(proxy.stops(), 10);
    assert_same(&there, &content);
}

#[test]
fn ten_cuts_change_no_byte() {
    with_ten_cuts(&std::env::temp_dir(), 48 << 20);
}

/// Takes 8 GiB of the disk for a minute or two; with `FTPSPEC_BINARY`, by the release build.
#[test]
#[ignore = "slow: .ci/full"]
fn ten_cuts_change_no_byte_of_four_gibibytes() {
    with_ten_cuts(&std::env::temp_dir(), 4 << 30);
}
