//! Whether the other end has taken what was sent: the only way to keep two segments apart in the server's reads.
//!
//! With `TCP_NODELAY` a write leaves as segments of its own, but a server that is slow to read finds two of them in one
//! read. On one machine the kernel tells how much each end has not read yet (`/proc/net/tcp`, `/proc/net/tcp6`), and no
//! event tells when that changes; so this part looks again every millisecond, for split steps only.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Waits until the server's end has read all that left ours. `false` where that cannot be shown: the server is not on
/// this machine, the system does not tell, or the deadline is over.
pub(super) async fn taken(ours: SocketAddr, theirs: SocketAddr, until: Instant) -> bool {
    let (near, far) = (row(ours, theirs), row(theirs, ours));
    loop {
        let mut table = tokio::fs::read_to_string("/proc/net/tcp").await.unwrap_or_default();
        table.push_str(&tokio::fs::read_to_string("/proc/net/tcp6").await.unwrap_or_default());
        let unsent = near.iter().find_map(|key| queues(&table, key));
        let unread = far.iter().find_map(|key| queues(&table, key));
        match (unsent, unread) {
            (Some((0, _)), Some((_, 0))) => return true,
            (Some((0, _)) | None, None) => return false,
            _ if Instant::now() >= until => return false,
            _ => sleep(Duration::from_millis(1)).await,
        }
    }
}

/// The bytes that wait to be sent, and those that wait to be read.
fn queues(table: &str, key: &str) -> Option<(u64, u64)> {
    table.lines().find_map(|line| {
        let (_, behind) = line.split_once(key)?;
        let (sending, reading) = behind.split_whitespace().nth(1)?.split_once(':')?;
        Some((u64::from_str_radix(sending, 16).ok()?, u64::from_str_radix(reading, 16).ok()?))
    })
}

/// How a row of the tables names a connection; an IPv4 connection may stand in the table for IPv6 too.
fn row(local: SocketAddr, remote: SocketAddr) -> Vec<String> {
    let plain = format!(" {} {} ", name(local), name(remote));
    let mapped = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(IpAddr::V6(ip.to_ipv6_mapped()), address.port()),
        IpAddr::V6(_) => address,
    };
    vec![plain, format!(" {} {} ", name(mapped(local)), name(mapped(remote)))]
}

/// Words of 32 bits in the machine's own order, as the kernel prints them.
fn name(address: SocketAddr) -> String {
    let octets = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let mut text = String::new();
    for word in octets.chunks_exact(4) {
        let word = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
        write!(text, "{word:08X}").expect("a string takes it");
    }
    write!(text, ":{:04X}", address.port()).expect("a string takes it");
    text
}
