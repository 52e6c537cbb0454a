//! What the machine allows: raised before anything is measured, or named, so that no benchmark meets it in its middle.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::result::Settings;
use super::workload::{Stage, Workload};

/// Descriptors for all that is not a session.
const OTHERS: u64 = 256;

/// Raises the limit of descriptors as far as it is needed and allowed. The servers that are started inherit it.
///
/// # Errors
/// What the machine does not allow, and what to do.
pub(super) fn prepare(settings: &Settings, workloads: &[Workload], in_process: bool) -> Result<(), String> {
    let many = workloads.iter().any(|workload| workload.stage() == Stage::Session);
    let at_once = workloads.iter().any(|workload| matches!(workload, Workload::RetrMany | Workload::StorMany));
    let connections = if many { settings.sessions * if at_once { 2 } else { 1 } } else { 0 };
    // A server in this process holds the other ends, and files.
    let descriptors = connections * if in_process { 4 } else { 1 } + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|hard| hard < descriptors) {
        let hard = limit.maximum.unwrap_or(0);
        return Err(format!(
            "{} sessions take {descriptors} descriptors, and this process may have {hard}: raise the hard limit (`ulimit -Hn`), or ask for fewer (--sessions)",
            settings.sessions
        ));
    }
    if limit.current.is_some_and(|soft| Some(soft) != limit.maximum) {
        // As far as it may be: the server needs some for each session, too.
        let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
        if raised.is_err() && limit.current.is_some_and(|soft| soft < descriptors) {
            return Err(format!(
                "{} sessions take {descriptors} descriptors, and the limit cannot be raised: `ulimit -n`",
                settings.sessions
            ));
        }
    }
    match ports() {
        Some(ports) if ports < connections => Err(format!(
            "{connections} connections take as many local ports, and there are {ports} for one address: widen net.ipv4.ip_local_port_range, or ask for fewer \
             sessions (--sessions)"
        )),
        Some(_) | None => Ok(()),
    }
}

/// How many ports the system gives to connections.
fn ports() -> Option<u64> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut numbers = text.split_whitespace().map(str::parse::<u64>);
    let (Some(Ok(first)), Some(Ok(last))) = (numbers.next(), numbers.next()) else { return None };
    Some((last + 1).saturating_sub(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Options;

    #[test]
    fn what_is_too_much_is_named() {
        let settings = |sessions| Settings { sessions, ..Options::default().settings };
        assert_eq!(prepare(&settings(10), &[Workload::Idle], false), Ok(()));
        let told = prepare(&settings(1 << 40), &[Workload::Idle], false).unwrap_err();
        assert!(told.starts_with("1099511627776 sessions take ") && told.ends_with("(--sessions)"), "{told}");
        assert_eq!(prepare(&settings(1 << 40), &[Workload::Retr], false), Ok(()), "without sessions there is no limit");
    }
}
