//! Steps, arms, replies.

use super::content::{self, disk_check, expression};
use super::text::{duration, hex, pattern, quoted, verbatim};
use crate::scenario::model::{
    Abort, Action, ArmHead, ArmOutcome, ArmPattern, Caller, Channel, CodePattern, EntriesCheck, EntryNames, Expect, Expression, FactCheck,
    Pattern, Piece, Receive, Send, SendForm, Sequence, SequenceItem, Subject, Text, Way,
};
use crate::scenario::parse::{is_verbatim, literal};

pub(super) fn action(action: &Action) -> String {
    match action {
        Action::Connect => "connect".to_owned(),
        Action::Login(role) => format!("login {role}"),
        Action::As(name) => format!("as {name}"),
        Action::Send(send) => self::send(send),
        Action::Flush => "flush".to_owned(),
        Action::Expect(expect) => format!("S> {}", self::expect(expect)),
        Action::Data { way, caller } => data(*way, *caller),
        Action::Receive { what, end } => receive(what, *end),
        Action::Transmit { segments, end } => transmit(segments, *end),
        Action::Cut(channel) => format!("cut {}", self::channel(*channel)),
        Action::Close(channel) => format!("close {}", self::channel(*channel)),
        Action::HalfClose(channel) => format!("half-close {}", self::channel(*channel)),
        Action::Stall(time) => format!("stall {}", duration(*time)),
        Action::Settle(channel, time) => format!("settle {} {}", self::channel(*channel), duration(*time)),
        Action::Abort(Abort::Plain) => "abort plain".to_owned(),
        Action::Abort(Abort::Telnet) => "abort telnet".to_owned(),
        Action::Listen { name, address } => format!("listen {name} on {address}"),
        Action::Untouched(name) => format!("listener {name} untouched"),
        Action::Sync(name) => format!("sync {name}"),
        Action::Disk { path, check } => format!("disk {} {}", content::path(path), disk_check(check)),
        Action::DiskUnchanged => "disk unchanged".to_owned(),
        Action::Fact { name, entry, check } => {
            let of = entry.as_ref().map(|entry| format!(" of {}", quoted(entry))).unwrap_or_default();
            format!("fact {name}{of} {}", fact_check(check))
        }
        Action::Entries { check, names } => entries(*check, names),
        Action::Tls => "tls".to_owned(),
        Action::Alive => "alive".to_owned(),
    }
}

fn send(send: &Send) -> String {
    let line = verbatim(&send.text).map(|text| if text.is_empty() { "C>".to_owned() } else { format!("C> {text}") });
    match (send.form, line) {
        (SendForm::Verbatim, Some(line)) if !send.raw && is_verbatim(&line) => return line,
        _ => {}
    }
    let raw = if send.raw { "raw " } else { "" };
    match (send.form, literal(&send.text)) {
        (SendForm::Hex, Some(bytes)) => format!("C> {raw}{}", hex(&bytes)),
        _ => format!("C> {raw}{}", quoted(&send.text)),
    }
}

const fn way(way: Way) -> &'static str {
    match way {
        Way::Pasv => "pasv",
        Way::Epsv => "epsv",
        Way::Port => "port",
        Way::Eprt => "eprt",
    }
}

const fn channel(channel: Channel) -> &'static str {
    match channel {
        Channel::Control => "control",
        Channel::Data => "data",
    }
}

fn words(words: &[&str]) -> String {
    words.iter().filter(|word| !word.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

fn data(pinned: Option<Way>, caller: Caller) -> String {
    let caller = match caller {
        Caller::Client => String::new(),
        Caller::Nobody => "idle".to_owned(),
        Caller::Stranger(address) => format!("from {address}"),
    };
    words(&["data", pinned.map_or("", way), &caller])
}

const fn end_word(end: bool) -> &'static str {
    if end { "end" } else { "" }
}

fn receive(what: &Receive, end: bool) -> String {
    let what = match what {
        Receive::Content(content) => expression(content),
        Receive::Rest => "..".to_owned(),
        Receive::Listing => "listing".to_owned(),
    };
    words(&["S>>", &what, end_word(end)])
}

fn transmit(segments: &[Expression], end: bool) -> String {
    let segments = segments.iter().map(expression).collect::<Vec<_>>().join(" split ");
    words(&["C>>", &segments, end_word(end)])
}

pub(super) fn expect(expect: &Expect) -> String {
    let mut out = expect.alternatives.iter().map(sequence).collect::<Vec<_>>().join(" | ");
    let mut add = |word: &str, text: &str| out.extend([" ", word, if word.is_empty() { "" } else { " " }, text]);
    expect.text.iter().for_each(|text| add("", &pattern(text)));
    expect.with.iter().for_each(|text| add("with", &pattern(text)));
    expect.without.iter().for_each(|text| add("without", &pattern(text)));
    if expect.wellformed {
        add("", "wellformed");
    }
    expect.within.iter().for_each(|time| add("within", &duration(*time)));
    out
}

fn sequence(sequence: &Sequence) -> String {
    let items = sequence.items.iter().map(|item| match item {
        SequenceItem::Code(pattern) => code(pattern),
        SequenceItem::Optional(codes) => format!("[{}]", codes.iter().map(code).collect::<Vec<_>>().join(" | ")),
        SequenceItem::End => "end".to_owned(),
    });
    format!("{}{}", if sequence.tolerated { "~" } else { "" }, items.collect::<Vec<_>>().join(", "))
}

fn code(pattern: &CodePattern) -> String {
    match pattern {
        CodePattern::Code(code) => format!("{code:03}"),
        CodePattern::Exact(code) => format!("={code:03}"),
        CodePattern::Class(digit) => format!("{digit}xx"),
    }
}

fn fact_check(check: &FactCheck) -> String {
    match check {
        FactCheck::Equal(pattern) => format!("== {}", value(pattern)),
        FactCheck::Unequal(pattern) => format!("!= {}", value(pattern)),
        FactCheck::Has(pattern) => format!("has {}", value(pattern)),
        FactCheck::Lacks(pattern) => format!("lacks {}", value(pattern)),
        FactCheck::Present => "present".to_owned(),
        FactCheck::Absent => "absent".to_owned(),
    }
}

/// Numbers and captures stand without quotes.
fn value(value: &Pattern) -> String {
    match value.text.0.as_slice() {
        [Piece::Capture { .. }] if !value.nocase => quoted(&value.text).trim_matches('"').to_owned(),
        [Piece::Literal(bytes)] if !value.nocase && bytes.iter().all(u8::is_ascii_digit) => String::from_utf8_lossy(bytes).into_owned(),
        _ => pattern(value),
    }
}

fn entries(check: EntriesCheck, names: &EntryNames) -> String {
    let word = match check {
        EntriesCheck::Equal => "==",
        EntriesCheck::Has => "has",
        EntriesCheck::Lacks => "lacks",
    };
    let names = match names {
        EntryNames::Laid(directory) => return format!("entries {word} files of {}", content::path(directory)),
        EntryNames::Listed(names) => names.iter().map(quoted).collect::<Vec<_>>().join(", "),
    };
    if names.is_empty() { format!("entries {word} {{ }}") } else { format!("entries {word} {{ {names} }}") }
}

pub(super) fn subject(subject: &Subject) -> String {
    match subject {
        Subject::Reply => "match reply".to_owned(),
        Subject::Disk(path) => format!("match disk {}", content::path(path)),
        Subject::Listener(name) => format!("match listener {name}"),
        Subject::Data => "match data".to_owned(),
    }
}

pub(super) fn arm(arm: &ArmHead) -> String {
    let pattern = match &arm.pattern {
        ArmPattern::Reply(expect) => self::expect(expect),
        ArmPattern::Content(state) => content::state(state),
        ArmPattern::Untouched(true) => "untouched".to_owned(),
        ArmPattern::Untouched(false) => "touched".to_owned(),
        ArmPattern::Any => "..".to_owned(),
    };
    let message = |text: &str| quoted(&Text(if text.is_empty() { Vec::new() } else { vec![Piece::Literal(text.as_bytes().to_vec())] }));
    let outcome = match &arm.outcome {
        ArmOutcome::Pass => "pass".to_owned(),
        ArmOutcome::Info(text) => format!("info {}", message(text)),
        ArmOutcome::Deviation(text) => format!("deviation {}", message(text)),
        ArmOutcome::Fail(text) => format!("fail {}", message(text)),
    };
    format!("{pattern} -> {outcome}")
}
