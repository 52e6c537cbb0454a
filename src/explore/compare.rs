//! What a server did against what it should have done: the effect and the class of the reply, never the exact code.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::expect::{Accept, Brings, Expectation};
use super::model::State;
use super::operation::{CutKind, ListVerb, Operation, What};
use crate::ftp::fact::Entry;
use crate::ftp::path::{VirtualPath, parse_257};
use crate::ftp::transcript::{DiskState, Observed};

/// What came of an operation.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// How it ended.
    pub ending: Ending,
    /// What came on the data connection, compared with what should have come; of a listing all of it.
    pub data: Option<Observed>,
    /// The lines of the reply that says what was asked for.
    pub lines: Vec<Vec<u8>>,
    /// The lines of PWD's reply behind CWD and CDUP.
    pub directory: Option<Vec<Vec<u8>>>,
    /// The server had read a part of an upload before it was reset.
    pub proven: bool,
    /// How many replies came to a transfer and its ABOR.
    pub aborted: Option<usize>,
    /// The other side of two transfers.
    pub other: Option<Box<Self>>,
}

/// How an operation ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Ending {
    /// 2yz.
    Accepted(u16),
    /// 4yz or 5yz.
    Refused(u16),
    /// We left before it could end.
    #[default]
    Left,
    /// Something that is no end: silence, a connection that is gone, another kind of reply. And whether it was silence.
    Broken(String, bool),
}

/// In which way a server is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// It refuses what it must do.
    Refused,
    /// It does what it must refuse.
    Accepted,
    /// Other bytes came.
    Data,
    /// The reply says something else than is so.
    Reply,
    /// A listing does not tell what is there.
    Listing,
    /// Something else is stored.
    Disk,
    /// No reply came.
    Silence,
    /// The session is gone, or out of step.
    Session,
    /// A transfer that was cut is said to be whole.
    Cut,
}

/// Where a server and the model part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// In which way.
    pub kind: Kind,
    /// The requirement that is broken.
    pub cites: &'static str,
    /// What is wrong, in words.
    pub told: String,
    /// Where on the disk, if there.
    pub path: Option<VirtualPath>,
}

impl Divergence {
    /// Something that shows in what was said.
    #[must_use]
    pub fn new(kind: Kind, cites: &'static str, told: impl Into<String>) -> Self {
        Self { kind, cites, told: told.into(), path: None }
    }
}

const SILENCE: &str = "959-4.2-every-command-replied";

/// Whether an operation was carried out, as far as the wire tells; or where it is wrong.
///
/// # Errors
/// Where the server is wrong.
pub fn compare(operation: &Operation, expected: &Expectation, seen: &Seen) -> Result<bool, Divergence> {
    if let Some(replies) = seen.aborted.filter(|replies| *replies != 2) {
        let told = format!("{replies} replies came to a transfer and its ABOR");
        return Err(Divergence::new(Kind::Session, "959-4.1.3-abor-busy-426-226", told));
    }
    let cut = operation.cut().map(|cut| cut.how);
    let accepted = match (&seen.ending, expected.accept) {
        (Ending::Broken(told, silent), _) => {
            return Err(Divergence::new(if *silent { Kind::Silence } else { Kind::Session }, SILENCE, told.clone()));
        }
        (Ending::Accepted(_), Accept::Never(cites)) if !is_empty_transfer(operation, seen) => {
            return Err(Divergence::new(Kind::Accepted, cites, "it is carried out, and must be refused"));
        }
        (Ending::Refused(code), Accept::Must(cites)) if !is_broken_off(cut) => {
            return Err(Divergence::new(Kind::Refused, cites, format!("it is refused with {code}")));
        }
        (Ending::Accepted(code), _) if cut == Some(CutKind::Reset) && seen.proven && expected.leaves.is_some() => {
            let told = format!("an upload that was reset is answered with {code}");
            return Err(Divergence::new(Kind::Cut, "sec-rob-client-drops-data", told));
        }
        (Ending::Accepted(_) | Ending::Left, _) => true,
        (Ending::Refused(_), _) => is_broken_off(cut) && began(seen),
    };
    if let Some(other) = &seen.other
        && !matches!(other.ending, Ending::Accepted(_))
    {
        return both(expected, other);
    }
    brought(operation, expected, seen, accepted, cut)?;
    Ok(accepted)
}

/// The second of two transfers went wrong, or was refused.
fn both(expected: &Expectation, other: &Seen) -> Result<bool, Divergence> {
    match (&other.ending, expected.accept) {
        (Ending::Broken(told, silent), _) => {
            Err(Divergence::new(if *silent { Kind::Silence } else { Kind::Session }, SILENCE, told.clone()))
        }
        (Ending::Refused(code), Accept::Must(cites)) => {
            Err(Divergence::new(Kind::Refused, cites, format!("the second transfer is refused with {code}")))
        }
        _ => Ok(false),
    }
}

/// A listing or a download that was denied and brings nothing is as good as refused.
fn is_empty_transfer(operation: &Operation, seen: &Seen) -> bool {
    matches!(operation.what, What::List { .. }) && seen.data.as_ref().is_some_and(|data| data.len == 0)
}

const fn is_broken_off(cut: Option<CutKind>) -> bool {
    matches!(cut, Some(CutKind::Reset | CutKind::Close | CutKind::Abort | CutKind::Control))
}

/// Whether a transfer had begun before it was cut.
fn began(seen: &Seen) -> bool {
    seen.data.is_some()
}

/// What came back.
fn brought(operation: &Operation, expected: &Expectation, seen: &Seen, accepted: bool, cut: Option<CutKind>) -> Result<(), Divergence> {
    let wrong = |kind, told: String| Err(Divergence::new(kind, expected.cites, told));
    match &expected.brings {
        Brings::Nothing => Ok(()),
        Brings::Directory(new, old) => {
            let path = if accepted { new } else { old };
            let lines = seen.directory.as_ref().unwrap_or(&seen.lines);
            match lines.last().and_then(|line| parse_257(line)) {
                _ if !accepted && seen.directory.is_none() => Ok(()),
                Some(told) if told == path.to_bytes() || is_below(&told, path) => Ok(()),
                _ => {
                    let told = format!("PWD says {}, and it is {path}", shown(lines.last().map_or(&[], Vec::as_slice)));
                    let quoted = path.to_bytes().contains(&b'"');
                    let cites = if quoted { "959-A2-257-quote-doubling" } else { "959-4.1.3-pwd-returns-cwd" };
                    Err(Divergence::new(Kind::Reply, cites, told))
                }
            }
        }
        _ if !accepted => Ok(()),
        Brings::Data(_) => match &seen.data {
            Some(data) if matches!(operation.what, What::Fetch { .. }) => whole(expected, data, is_broken_off(cut)),
            _ => Ok(()),
        },
        Brings::Size(size) if matches!(operation.what, What::Size(_) | What::Resume { .. }) => {
            let told = seen.lines.last().map(|line| String::from_utf8_lossy(line).trim().to_owned()).unwrap_or_default();
            if told == size.to_string() { Ok(()) } else { wrong(Kind::Reply, format!("SIZE says {told}, and it is {size}")) }
        }
        Brings::Size(_) => Ok(()),
        Brings::Time(time) => {
            let told = seen.lines.last().map(|line| String::from_utf8_lossy(line).trim().to_owned()).unwrap_or_default();
            if told.split('.').next() == Some(time) { Ok(()) } else { wrong(Kind::Reply, format!("MDTM says {told}, and it is {time}")) }
        }
        Brings::Facts(size) => match facts(&seen.lines, *size) {
            Some((cites, told)) => Err(Divergence::new(Kind::Reply, cites, told)),
            None => Ok(()),
        },
        Brings::Entries(verb, entries) => {
            let listing = seen.data.as_ref().map_or(&[][..], |data| &data.head);
            match listed(*verb, entries, listing) {
                Some((cites, told)) => Err(Divergence::new(Kind::Listing, cites.unwrap_or(expected.cites), told)),
                None => Ok(()),
            }
        }
        Brings::Both(first, second) => {
            for (content, data) in [(first, &seen.data), (second, seen.other.as_ref().map_or(&None, |other| &other.data))] {
                if let (Some(_), Some(data)) = (content, data) {
                    whole(expected, data, false)?;
                }
            }
            Ok(())
        }
    }
}

/// The server's root may be a directory that has a path of its own.
fn is_below(told: &[u8], path: &VirtualPath) -> bool {
    !path.is_root() && told.ends_with(&path.to_bytes())
}

/// Whether what came is what was expected, or where it was cut a beginning of it.
fn whole(expected: &Expectation, data: &Observed, part: bool) -> Result<(), Divergence> {
    let Some(agreement) = data.against.first() else { return Ok(()) };
    if agreement.is_equal(data.len) || part && agreement.is_prefix(data.len) {
        return Ok(());
    }
    let told = if agreement.common == data.len {
        format!("{} bytes came instead of {}", data.len, agreement.expected_len)
    } else if agreement.common == agreement.expected_len {
        format!("{} bytes came instead of {}: more than there are", data.len, agreement.expected_len)
    } else {
        let (len, all, first) = (data.len, agreement.expected_len, agreement.common);
        format!("{len} bytes came where {all} should, and the first wrong one is at {first}")
    };
    Err(Divergence::new(Kind::Data, expected.cites, told))
}

/// What is wrong with an MLST reply, and the requirement that it breaks.
fn facts(lines: &[Vec<u8>], size: Option<u64>) -> Option<(&'static str, String)> {
    let entry = lines.iter().filter_map(|line| line.strip_prefix(b" ")).find_map(Entry::parse)?;
    entry_facts(&entry, size)
}

fn entry_facts(entry: &Entry, size: Option<u64>) -> Option<(&'static str, String)> {
    let text = |name: &str| entry.fact(name).map(|value| String::from_utf8_lossy(value).to_ascii_lowercase());
    let name = shown(&entry.name);
    let kind = text("type");
    match (size, kind.as_deref()) {
        (Some(_), Some("dir" | "cdir" | "pdir")) => {
            return Some(("3659-7.5.1.1-type-file", format!("{name} is a file, and its type is said to be dir")));
        }
        (None, Some("file")) => return Some(("3659-7.5.1.3-type-dir", format!("{name} is a directory, and its type is said to be file"))),
        _ => {}
    }
    let told = text("size")?;
    let size = size?;
    let wrong = || ("3659-7.5.7-size-fact-octets", format!("the size of {name} is said to be {told}, and it is {size}"));
    (told != size.to_string()).then(wrong)
}

/// What is wrong with a listing. Names that begin with a dot may be left out by LIST and NLST, and lines for people are
/// looked at only for names that nobody can misread. Where only facts are wrong, the requirement that the first of them breaks.
fn listed(verb: ListVerb, entries: &[(Vec<u8>, Option<u64>)], listing: &[u8]) -> Option<(Option<&'static str>, String)> {
    let lines: Vec<&[u8]> =
        listing.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty()).collect();
    let plain = |name: &[u8]| name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'.') && !name.starts_with(b".");
    let (mut told, mut cites) = (String::new(), None);
    match verb {
        ListVerb::List => {
            let ends = |line: &[u8], name: &[u8]| line.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with(b" "));
            for (name, _) in entries.iter().filter(|(name, _)| plain(name)) {
                if !lines.iter().any(|line| ends(line, name)) {
                    let _ = write!(told, "{} is not listed; ", shown(name));
                }
            }
            let most =
                lines.iter().filter(|line| !line.starts_with(b"total ") && !line.ends_with(b" .") && !line.ends_with(b" ..")).count();
            if most > entries.len() {
                let _ = write!(told, "{most} lines for {} entries; ", entries.len());
            }
        }
        ListVerb::Nlst => {
            let base = |line: &&[u8]| line.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_vec();
            let names: BTreeSet<Vec<u8>> = lines.iter().map(base).filter(|name| name != b"." && name != b"..").collect();
            set(entries, &names, &mut told);
        }
        ListVerb::Mlsd => {
            let parsed = lines.iter().filter_map(|line| Entry::parse(line));
            let own = |entry: &Entry| {
                let kind = entry.fact("type").map(<[u8]>::to_ascii_lowercase);
                !matches!(kind.as_deref(), Some(b"cdir" | b"pdir")) && entry.name != b"." && entry.name != b".."
            };
            let parsed: Vec<Entry> = parsed.filter(own).collect();
            let names: BTreeSet<Vec<u8>> = parsed.iter().map(|entry| entry.name.clone()).collect();
            set(entries, &names, &mut told);
            for entry in &parsed {
                let known = entries.iter().find(|(name, _)| *name == entry.name);
                if let Some((broken, wrong)) = known.and_then(|(_, size)| entry_facts(entry, *size)) {
                    cites = cites.or_else(|| told.is_empty().then_some(broken));
                    let _ = write!(told, "{wrong}; ");
                }
            }
        }
    }
    (!told.is_empty()).then(|| (cites, told.trim_end_matches("; ").to_owned()))
}

/// Compares names; those that begin with a dot may be missing.
fn set(entries: &[(Vec<u8>, Option<u64>)], names: &BTreeSet<Vec<u8>>, told: &mut String) {
    for (name, _) in entries.iter().filter(|(name, _)| !name.starts_with(b".") && !names.contains(name)) {
        let _ = write!(told, "{} is not listed; ", shown(name));
    }
    for name in names.iter().filter(|name| !entries.iter().any(|(known, _)| known == *name)) {
        let _ = write!(told, "{} is listed and not there; ", shown(name));
    }
}

/// What is wrong with what stands at a path; `None` where it is as it should be.
#[must_use]
pub fn stands(path: &VirtualPath, should: &State, found: &DiskState) -> Option<String> {
    let found = match (should, found) {
        (State::Absent, DiskState::Absent) | (State::Directory, DiskState::Directory { .. }) => return None,
        (State::File(_), DiskState::File { content, .. }) => {
            let agreement = content.against.first()?;
            if agreement.is_equal(content.len) {
                return None;
            }
            let (len, common) = (content.len, agreement.common);
            if common == len || common == agreement.expected_len {
                format!("a file of {len} bytes")
            } else {
                format!("a file of {len} bytes, the first wrong one at {common}")
            }
        }
        (_, DiskState::Absent) => "nothing".to_owned(),
        (_, DiskState::Directory { .. }) => "a directory".to_owned(),
        (_, DiskState::File { content, .. }) => format!("a file of {} bytes", content.len),
        (_, DiskState::Other(what)) => what.clone(),
    };
    let should = match should {
        State::Absent => "nothing".to_owned(),
        State::Directory => "a directory".to_owned(),
        State::File(content) => format!("a file of {} bytes", content.len()),
    };
    Some(format!("at {path} there is {found}, and there should be {should}"))
}

/// Bytes for people.
fn shown(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<(Vec<u8>, Option<u64>)> {
        vec![(b"a b".to_vec(), Some(3)), (b".dot".to_vec(), Some(1)), (b"d".to_vec(), None), (b"f".to_vec(), Some(0))]
    }

    fn check(verb: ListVerb, listing: &str, expect: Option<&str>) {
        let told = listed(verb, &entries(), listing.as_bytes()).map(|(_, told)| told);
        assert_eq!(told.as_deref(), expect, "{listing}");
    }

    #[test]
    fn listings_are_read_with_what_a_server_may_choose() {
        check(ListVerb::Nlst, "a b\r\nd\r\nf\r\n", None);
        check(ListVerb::Nlst, "./a b\n/x/d\nf\n.dot\n", None);
        check(ListVerb::Nlst, "a b\r\nd\r\n", Some("\"f\" is not listed"));
        check(ListVerb::Nlst, "a b\r\nd\r\nf\r\ng\r\n", Some("\"g\" is listed and not there"));
        check(ListVerb::List, "total 3\r\ndrwx 1 d\r\n-rw 1 a b\r\n-rw 1 f\r\n", None);
        check(ListVerb::List, "drwx 1 d\r\n", Some("\"f\" is not listed"));
        check(ListVerb::List, "x d\nx f\nx 1\nx 2\nx 3\n", Some("5 lines for 4 entries"));
        check(ListVerb::Mlsd, "type=cdir; /\r\ntype=dir; d\r\ntype=file;size=3; a b\r\nType=file;Size=0; f\r\n", None);
        check(
            ListVerb::Mlsd,
            "type=file; d\r\ntype=file;size=4; a b\r\nsize=0; f\r\n",
            Some("\"d\" is a directory, and its type is said to be file; the size of \"a b\" is said to be 4, and it is 3"),
        );
    }

    #[test]
    fn what_a_listing_breaks_is_told_by_what_is_wrong_in_it() {
        let cites = |listing: &str| listed(ListVerb::Mlsd, &entries(), listing.as_bytes()).and_then(|(cites, _)| cites);
        assert_eq!(cites("type=file;size=4; a b\r\ntype=dir; d\r\ntype=file; f\r\n"), Some("3659-7.5.7-size-fact-octets"));
        assert_eq!(cites("type=dir; a b\r\ntype=file; d\r\ntype=file; f\r\n"), Some("3659-7.5.1.1-type-file"));
        assert_eq!(cites("type=file;size=4; a b\r\ntype=dir; d\r\n"), None);
    }

    #[test]
    fn a_working_directory_may_have_a_root_above_it() {
        let path = VirtualPath::root().join(b"a/b");
        assert!(is_below(b"/srv/a/b", &path) && !is_below(b"/srv/a", &path) && !is_below(b"/a", &VirtualPath::root()));
    }
}
