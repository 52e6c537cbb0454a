//! Transcripts for people: each event as lines in two lanes, the control connection left, the data connection right.
//!
//! Bytes are shown so that nothing hides: CR LF as `\r\n`, what is not printable ASCII as `\xNN`. Used by all reports that
//! show a transcript; knows nothing of verdicts.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::ftp::transcript::{DiskState, End, Event, Leave, Observed, What};

/// Lines of one reply that are shown, from its beginning and from its end.
const REPLY_HEAD: usize = 10;
const REPLY_TAIL: usize = 4;
/// Characters of data that are shown in a lane.
const PREVIEW: usize = 24;
/// Screen lines that one line of a lane may take.
const WRAPPED: usize = 6;
/// Columns of the left lane at most: the right one stays in sight on a wide screen.
const CONTROL_MAX: usize = 84;
/// Columns of the time.
const TIME: usize = 8;

/// Bytes as text without loss: printable ASCII as it is, `\\`, `\r`, `\n`, `\t`, and `\xNN` for the rest.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => write!(text, "\\x{byte:02x}").expect("a String takes all"),
        }
    }
    text
}

/// The bytes that [`escape`] wrote; `None` where it wrote no such text.
#[must_use]
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b'\\' => b'\\',
                b'r' => b'\r',
                b'n' => b'\n',
                b't' => b'\t',
                b'x' => {
                    let digits = [char::from(rest.next()?).to_digit(16)?, char::from(rest.next()?).to_digit(16)?];
                    u8::try_from(digits[0] * 16 + digits[1]).ok()?
                }
                _ => return None,
            },
            b' '..=b'~' => byte,
            _ => return None,
        });
    }
    Some(bytes)
}

/// Where a line of a transcript stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Left.
    Control,
    /// Right.
    Data,
    /// Over both: what the harness did behind the server's back.
    Aside,
}

/// A line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Since the case began.
    pub at: Duration,
    /// The session's name in the scenario.
    pub session: Arc<str>,
    /// Where it stands.
    pub lane: Lane,
    /// What it says, escaped.
    pub text: String,
}

/// The lines that tell an event; none where nothing happened.
#[must_use]
pub fn rows(event: &Event) -> Vec<Row> {
    let (lane, texts) = tell(&event.what);
    texts.into_iter().map(|text| Row { at: event.at, session: Arc::clone(&event.session), lane, text }).collect()
}

fn tell(what: &What) -> (Lane, Vec<String>) {
    match what {
        What::Connected { .. }
        | What::ConnectFailed { .. }
        | What::Sent { .. }
        | What::SendFailed { .. }
        | What::Reply(_)
        | What::Silence { .. }
        | What::Flood { .. }
        | What::ControlEnded { .. }
        | What::ControlLeft(_) => (Lane::Control, tell_control(what)),
        What::DataConnected { .. }
        | What::DataFailed { .. }
        | What::DataSent { .. }
        | What::DataReceived(_)
        | What::DataEnded(_)
        | What::DataSilence { .. }
        | What::DataLeft(_) => (Lane::Data, vec![tell_data(what)]),
        What::Disk { .. } | What::Changes(_) | What::Called { .. } | What::Looked | What::Stalled(_) | What::Trouble(_) => {
            (Lane::Aside, tell_aside(what))
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "`tell` names every variant and sends each to its lane")]
fn tell_control(what: &What) -> Vec<String> {
    match what {
        What::Connected { peer, local } => vec![format!("-- connected to {peer} from {local}")],
        What::ConnectFailed { reason } => vec![format!("-- no connection: {reason}")],
        What::Sent { bytes } if bytes.is_empty() => vec!["C>".to_owned()],
        What::Sent { bytes } => bytes.split_inclusive(|byte| *byte == b'\n').map(|line| format!("C> {}", escape(line))).collect(),
        What::SendFailed { reason } => vec![format!("C> could not be sent: {reason}")],
        What::Reply(reply) => {
            let mut lines: Vec<String> =
                reply.raw.split_inclusive(|byte| *byte == b'\n').map(|line| format!("S> {}", escape(line))).collect();
            if lines.len() > REPLY_HEAD + REPLY_TAIL + 1 {
                let left_out = lines.len() - REPLY_HEAD - REPLY_TAIL;
                lines.splice(REPLY_HEAD..REPLY_HEAD + left_out, [format!("   .. {left_out} more lines ..")]);
            }
            lines.extend(reply.defects.iter().map(|defect| format!("-- {defect}")));
            lines
        }
        What::Silence { waited, partial } if partial.is_empty() => vec![format!("S> nothing for {}", seconds(*waited))],
        What::Silence { waited, partial } => vec![format!("S> {}", preview(partial)), format!("S> nothing more for {}", seconds(*waited))],
        What::Flood { len, head } => vec![format!("S> {}", preview(head)), format!("-- {len} bytes without the end of a reply: given up")],
        What::ControlEnded { how, partial } if partial.is_empty() => vec![format!("S> {}", ended(*how))],
        What::ControlEnded { how, partial } => vec![format!("S> {}", preview(partial)), format!("S> {} in mid-reply", ended(*how))],
        What::ControlLeft(leave) => vec![format!("C> {}", left(*leave))],
        _ => Vec::new(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "`tell` names every variant and sends each to its lane")]
fn tell_data(what: &What) -> String {
    match what {
        What::DataConnected { peer, local } => format!("-- data {local} to {peer}"),
        What::DataFailed { reason } => format!("-- no data connection: {reason}"),
        What::DataSent { len, head, broken: None } => format!("C>> {}", amount(*len, head)),
        What::DataSent { len, head, broken: Some(reason) } => format!("C>> {}, then: {reason}", amount(*len, head)),
        What::DataReceived(observed) => format!("S>> {}", amount(observed.len, &observed.head)),
        What::DataEnded(how) => format!("S>> {}", ended(*how)),
        What::DataSilence { waited } => format!("S>> nothing for {}", seconds(*waited)),
        What::DataLeft(leave) => format!("C>> {}", left(*leave)),
        _ => String::new(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "`tell` names every variant and sends each to its lane")]
fn tell_aside(what: &What) -> Vec<String> {
    match what {
        What::Disk { path, state } => vec![format!("-- on disk: {}: {}", escape(path), disk_state(state))],
        What::Changes(changes) if changes.is_empty() => vec!["-- on disk: all as before".to_owned()],
        What::Changes(changes) => changes.iter().map(|change| format!("-- on disk: {change}")).collect(),
        What::Called { name, by } if by.is_empty() => vec![format!("-- listener {name}: nobody called")],
        What::Called { name, by } => by.iter().map(|caller| format!("-- listener {name}: called by {caller}")).collect(),
        What::Stalled(time) => vec![format!("-- nothing done for {}", seconds(*time))],
        What::Trouble(trouble) => vec![format!("-- the harness could not go on: {trouble}")],
        _ => Vec::new(),
    }
}

const fn ended(how: End) -> &'static str {
    match how {
        End::Close => "end (FIN)",
        End::Reset => "end (RST)",
    }
}

const fn left(leave: Leave) -> &'static str {
    match leave {
        Leave::Close => "end (FIN)",
        Leave::Reset => "end (RST)",
        Leave::HalfClose => "end of sending (FIN), still reading",
    }
}

fn disk_state(state: &DiskState) -> String {
    match state {
        DiskState::Absent => "nothing".to_owned(),
        DiskState::Directory { mode, .. } => format!("a directory, mode {mode:o}"),
        DiskState::File { mode, content: Observed { len, head, .. }, .. } => format!("a file of {}, mode {mode:o}", amount(*len, head)),
        DiskState::Other(what) => what.clone(),
    }
}

/// `70000 bytes`, with the first of them.
fn amount(len: u64, head: &[u8]) -> String {
    let bytes = if len == 1 { "byte" } else { "bytes" };
    if head.is_empty() { format!("{len} {bytes}") } else { format!("{len} {bytes} {}", quote(len, head)) }
}

fn quote(len: u64, head: &[u8]) -> String {
    let mut shown = String::new();
    let mut count = 0;
    for byte in head {
        let next = escape(&[*byte]);
        if shown.len() + next.len() > PREVIEW {
            break;
        }
        shown.push_str(&next);
        count += 1;
    }
    let dots = if count < len { " .." } else { "" };
    format!("\"{shown}\"{dots}")
}

/// What may be very long, cut.
fn preview(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(8 * PREVIEW)];
    let dots = if shown.len() < bytes.len() { " .." } else { "" };
    format!("{}{dots}", escape(shown))
}

/// `340 ms`, `2.5 s`, `3 min 5 s`.
#[must_use]
pub fn seconds(time: Duration) -> String {
    let millis = time.as_millis();
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..60_000 => {
            let text = format!("{:.2}", time.as_secs_f64());
            format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60),
    }
}

/// How rows are laid out on a screen.
#[derive(Debug, Clone, Copy)]
pub struct Lanes {
    /// Columns of the session's name; 0 shows none.
    pub session: usize,
    /// Columns of the left lane.
    pub control: usize,
    /// Columns of the right lane; 0 where nothing stands in it.
    pub data: usize,
}

impl Lanes {
    /// Lanes for a screen so wide, for rows of these sessions, with room for the data lane where it is used.
    #[must_use]
    pub fn new(width: usize, session: usize, with_data: bool) -> Self {
        let session = session.min(16);
        let used = TIME + 2 + if session == 0 { 0 } else { session + 2 };
        let rest = width.saturating_sub(used).max(40);
        if with_data {
            let control = ((rest - 3) * 3 / 5).min(CONTROL_MAX);
            Self { session, control, data: rest - 3 - control }
        } else {
            Self { session, control: rest, data: 0 }
        }
    }

    /// Lanes for just these rows: no column without something in it.
    #[must_use]
    pub fn fitting<'a>(width: usize, rows: impl IntoIterator<Item = &'a Row> + Clone) -> Self {
        let mut sessions: Vec<&str> = rows.clone().into_iter().map(|row| &*row.session).collect();
        sessions.sort_unstable();
        sessions.dedup();
        let longest = if sessions.len() > 1 { sessions.iter().map(|name| name.chars().count()).max().unwrap_or(0) } else { 0 };
        Self::new(width, longest, rows.into_iter().any(|row| row.lane == Lane::Data))
    }

    /// The screen lines of a row, without a line end.
    #[must_use]
    pub fn draw(&self, row: &Row) -> Vec<String> {
        let width = match row.lane {
            Lane::Control => self.control,
            Lane::Data => self.data.max(20),
            Lane::Aside => self.control + if self.data == 0 { 0 } else { self.data + 3 },
        };
        let time = format!("{:>TIME$.3}", row.at.as_secs_f64());
        let session: String = row.session.chars().take(self.session).collect();
        let mut lines = Vec::new();
        for (number, part) in wrap(&row.text, width, 3, WRAPPED).into_iter().enumerate() {
            let mut line = if number == 0 { format!("{time}  ") } else { " ".repeat(TIME + 2) };
            if self.session != 0 {
                let name = if number == 0 { session.as_str() } else { "" };
                write!(line, "{name:<0$}  ", self.session).expect("a String takes all");
            }
            match row.lane {
                Lane::Control if self.data == 0 => line.push_str(&part),
                Lane::Control => write!(line, "{part:<0$} |", self.control).expect("a String takes all"),
                Lane::Data => write!(line, "{:<1$} | {part}", "", self.control).expect("a String takes all"),
                Lane::Aside => line.push_str(&part),
            }
            lines.push(line.trim_end().to_owned());
        }
        lines
    }
}

/// Breaks a text into lines so wide, at a blank where there is one near; the second and later are indented. More than
/// `most` lines are cut, and that is said.
#[must_use]
pub fn wrap(text: &str, width: usize, indent: usize, most: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut lines = Vec::new();
    let mut at = 0;
    loop {
        let indent = if lines.is_empty() { 0 } else { indent };
        let room = width.saturating_sub(indent).max(8);
        let left = chars.len() - at;
        let mut take = left.min(room);
        if take < left {
            if lines.len() + 1 == most {
                lines.push(format!("{}.. {left} more characters", " ".repeat(indent)));
                return lines;
            }
            if let Some(blank) = chars[at..at + take].iter().rposition(|c| *c == ' ').filter(|blank| *blank >= room / 2) {
                take = blank + 1;
            }
        }
        let part: String = chars[at..at + take].iter().collect();
        lines.push(format!("{}{}", " ".repeat(indent), part.trim_end_matches(' ')));
        at += take;
        if at >= chars.len() {
            return lines;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ftp::reply::ReplyParser;
    use proptest::prelude::*;

    fn event(what: What) -> Event {
        Event { at: Duration::from_millis(1234), step: 0, session: Arc::from("alice"), what }
    }

    fn reply(bytes: &[u8]) -> What {
        let mut parser = ReplyParser::default();
        parser.push(bytes);
        What::Reply(parser.pop().expect("a whole reply"))
    }

    fn check(what: What, expect: &[&str]) {
        let texts: Vec<String> = rows(&event(what)).into_iter().map(|row| row.text).collect();
        assert_eq!(texts, expect);
    }

    #[test]
    fn each_event_is_told() {
        let peer = "127.0.0.1:21".parse().unwrap();
        check(What::Connected { peer, local: peer }, &["-- connected to 127.0.0.1:21 from 127.0.0.1:21"]);
        check(What::Sent { bytes: b"NOOP\r\nPWD\r\n".to_vec() }, &["C> NOOP\\r\\n", "C> PWD\\r\\n"]);
        check(What::Sent { bytes: vec![255, 244] }, &["C> \\xff\\xf4"]);
        check(reply(b"220 r\xc3\xa9\n"), &["S> 220 r\\xc3\\xa9\\n", "-- a line that ends in LF without CR"]);
        check(reply(b"211-a\r\n b\r\n211 c\r\n"), &["S> 211-a\\r\\n", "S>  b\\r\\n", "S> 211 c\\r\\n"]);
        check(What::Silence { waited: Duration::from_secs(2), partial: b"22".to_vec() }, &["S> 22", "S> nothing more for 2 s"]);
        check(What::ControlEnded { how: End::Reset, partial: Vec::new() }, &["S> end (RST)"]);
        check(What::Changes(Vec::new()), &["-- on disk: all as before"]);
        check(What::DataSilence { waited: Duration::from_millis(340) }, &["S>> nothing for 340 ms"]);
        check(
            What::DataSent { len: 70000, head: b"0123456789abcdef0123456789abcdef".to_vec(), broken: None },
            &["C>> 70000 bytes \"0123456789abcdef01234567\" .."],
        );
    }

    #[test]
    fn a_long_reply_is_cut_in_the_middle() {
        let mut bytes = b"211-x\r\n".to_vec();
        (0..100).for_each(|line| bytes.extend(format!(" {line}\r\n").into_bytes()));
        bytes.extend(b"211 End\r\n");
        let rows = rows(&event(reply(&bytes)));
        assert_eq!(rows.len(), REPLY_HEAD + REPLY_TAIL + 1);
        assert_eq!(rows[REPLY_HEAD].text, "   .. 88 more lines ..");
        assert_eq!(rows.last().unwrap().text, "S> 211 End\\r\\n");
    }

    #[test]
    fn times_are_short() {
        let check = |millis, expect: &str| assert_eq!(seconds(Duration::from_millis(millis)), expect);
        check(0, "0 ms");
        check(340, "340 ms");
        check(2000, "2 s");
        check(2540, "2.54 s");
        check(185_000, "3 min 5 s");
    }

    #[test]
    fn lanes_keep_apart() {
        let lanes = Lanes::new(80, 0, true);
        let control = lanes.draw(&rows(&event(What::Sent { bytes: b"RETR big.bin\r\n".to_vec() }))[0]);
        let data = lanes.draw(&rows(&event(What::DataEnded(End::Close)))[0]);
        assert_eq!(control[0].trim_end_matches([' ', '|']), "   1.234  C> RETR big.bin\\r\\n");
        assert_eq!(data[0].trim_start_matches("   1.234").trim_start(), "| S>> end (FIN)");
        assert_eq!(control[0].find('|'), data[0].find('|'));
    }

    proptest! {
        #[test]
        fn escaping_loses_nothing(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            let text = escape(&bytes);
            prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            prop_assert_eq!(unescape(&text), bytes);
        }

        #[test]
        fn wrapping_keeps_the_words_and_the_width(text in "[a-z ]{0,200}", width in 20_usize..80) {
            let lines = wrap(&text, width, 3, usize::MAX);
            prop_assert!(lines.iter().all(|line| line.chars().count() <= width));
            let strip = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(strip(&lines.concat()), strip(&text));
        }
    }

    /// The inverse of [`escape`].
    fn unescape(text: &str) -> Vec<u8> {
        let mut bytes = text.bytes();
        let mut out = Vec::new();
        while let Some(byte) = bytes.next() {
            out.push(match (byte, if byte == b'\\' { bytes.next() } else { None }) {
                (b'\\', Some(b'r')) => b'\r',
                (b'\\', Some(b'n')) => b'\n',
                (b'\\', Some(b't')) => b'\t',
                (b'\\', Some(b'x')) => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                (_, Some(other)) => other,
                (byte, None) => byte,
            });
        }
        out
    }
}
