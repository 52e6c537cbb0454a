//! `ftpspec proxy`: a proxy for any client and any server, with faults.

use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;

use clap::Args;

use super::exit::Exit;
use super::run::asked_to_end;
use super::{Output, Wrong};
use crate::fault::Fault;
use crate::fault::proxy::{Options, Proxy};

/// The arguments of `proxy`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) between: Between,

    /// What happens to the bytes: `latency=20ms~5ms`, `rate=1MiB/s`, `slice`, `slice=random`, `slice=crlf`, `join=50ms`,
    /// `cut=fin@1000`, `cut=rst@command:RETR`, `cut=half@reply:150`, `stall=2s@70000`, `corrupt@1000`, `duplicate=16@1000`,
    /// `accept=1s`, `refuse`, `stranger=127.0.0.2`; on one channel or in one direction with `control:`, `data:`, `up:`, `down:`
    /// before it. May be given several times.
    #[arg(long, value_name = "FAULT", value_delimiter = ',')]
    fault: Vec<Fault>,

    /// Makes everything that is drawn by lot the same again.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Between whom.
#[derive(Debug, Clone, Args)]
pub(super) struct Between {
    /// Where clients call: `127.0.0.1:2121`; port 0 lets the system pick.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(super) listen: SocketAddr,

    /// Where the server listens: `ftp://127.0.0.1:21`, `127.0.0.1:21`, `ftp.example.org`.
    #[arg(long, value_name = "ADDRESS", value_parser = server)]
    pub(super) upstream: SocketAddr,

    /// Ports to listen at for data connections; any by default.
    #[arg(long, value_name = "FIRST-LAST", value_parser = range)]
    pub(super) ports: Option<RangeInclusive<u16>>,
}

/// Passes on what clients and the server say, until ctrl-c.
pub(super) fn proxy(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let options = Options {
        faults: arguments.fault.clone(),
        seed,
        ports: arguments.between.ports.clone(),
        ..Options::new(arguments.between.upstream)
    };
    if options.faults.is_empty() {
        hold(arguments.between.listen, options, "", output)?;
    } else {
        hold(arguments.between.listen, options, &format!(" with --seed {seed}"), output)?;
    }
    Ok(Exit::Expected)
}

/// Runs a proxy until ctrl-c, and tells where it listens.
pub(super) fn hold(listen: SocketAddr, options: Options, told: &str, output: &mut Output) -> Result<(), Wrong> {
    let upstream = options.upstream;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let proxy =
            Proxy::start(listen, options).map_err(|error| Wrong::Usage(format!("cannot listen at {listen}: {error}; port 0 takes any")))?;
        writeln!(output.out, "listens at {} for {upstream}{told}; ctrl-c ends it", proxy.address())?;
        output.out.flush()?;
        asked_to_end().await?;
        proxy.stop().await;
        Ok(())
    })
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an address and a port: `127.0.0.1:2121`, `[::1]:0`".to_owned())
}

/// Reads the address of a server; the port is 21 where none is named.
fn server(text: &str) -> Result<SocketAddr, String> {
    let place = text.strip_prefix("ftp://").unwrap_or(text).trim_end_matches('/');
    if let Ok(address) = place.parse() {
        return Ok(address);
    }
    if place.contains(['@', '/']) {
        return Err("a proxy takes no user and no path: the client names them".to_owned());
    }
    let found = match place.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => place.to_socket_addrs(),
        _ => (place.trim_matches(['[', ']']), 21).to_socket_addrs(),
    };
    match found.map(|mut addresses| addresses.next()) {
        Ok(Some(address)) => Ok(address),
        Ok(None) => Err(format!("`{place}` has no address")),
        Err(error) => Err(format!("`{place}`: {error}")),
    }
}

fn range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let range = text.split_once('-').and_then(|(first, last)| Some(first.parse::<u16>().ok()?..=last.parse::<u16>().ok()?));
    range.filter(|range| !range.is_empty() && *range.start() > 0).ok_or_else(|| "expected two ports: `40000-40100`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_or_told() {
        let check = |text: &str, expect: &str| assert_eq!(server(text).map(|address| address.to_string()).as_deref(), Ok(expect), "{text}");
        check("ftp://127.0.0.1:2121/", "127.0.0.1:2121");
        check("127.0.0.1:2121", "127.0.0.1:2121");
        check("127.0.0.1", "127.0.0.1:21");
        check("ftp://[::1]:2121", "[::1]:2121");
        check("[::1]", "[::1]:21");
        assert!(server("ftp://alice@127.0.0.1").unwrap_err().contains("no user"));
        assert_eq!(range("40000-40010"), Ok(40000..=40010));
        assert!(range("0-9").is_err() && range("9-8").is_err() && range("a").is_err() && address("127.0.0.1").is_err());
    }
}
