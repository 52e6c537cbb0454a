//! What a line says, citations and comment aside.
//!
//! Responsible for the words that start a line. Which line may stand where is for `expand` to say.

use std::net::IpAddr;

use super::content::{disk_check, expression, path, starts_term, state};
use super::lexer::{Cursor, Read, shorten};
use super::reply::{expect, is_code, pattern, starts_pattern};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::model::{
    Abort, Action, ArmHead, ArmOutcome, ArmPattern, Caller, Channel, EntriesCheck, EntryNames, FactCheck, LineKind, Pattern, Piece,
    Receive, Send, SendForm, Subject, Text, Way,
};

/// The words that start a line.
const STEPS: &[&str] = &[
    "C>",
    "S>",
    "C>>",
    "S>>",
    "connect",
    "login",
    "as",
    "flush",
    "data",
    "cut",
    "close",
    "half-close",
    "stall",
    "settle",
    "abort",
    "listen",
    "listener",
    "disk",
    "fact",
    "entries",
    "tls",
    "alive",
    "sync",
    "match",
    "together",
    "done",
    "control",
    "until",
    "block",
];

/// What stands on a line.
pub(super) fn element(cursor: &mut Cursor<'_>) -> Read<LineKind> {
    if cursor.eat("C>>") {
        return transmit(cursor).map(LineKind::Action);
    }
    if cursor.eat("S>>") {
        return receive(cursor).map(LineKind::Action);
    }
    if cursor.rest().starts_with("C>") {
        return send(cursor).map(|send| LineKind::Action(Action::Send(send)));
    }
    if cursor.eat("S>") {
        return expect(cursor).map(|expect| LineKind::Action(Action::Expect(expect)));
    }
    let word = cursor.peek_word();
    if !STEPS.contains(&word) {
        return arm_or_unknown(cursor);
    }
    cursor.word();
    match word {
        "match" => subject(cursor).map(LineKind::Match),
        "together" => Ok(LineKind::Together),
        "done" => Ok(LineKind::Done),
        "control" => Ok(LineKind::Control),
        "until" => cursor.duration().map(LineKind::Until),
        "block" => cursor.name("the name of the block, as a row's `steps` gives it").map(LineKind::Block),
        _ => action(cursor, word).map(LineKind::Action),
    }
}

fn action(cursor: &mut Cursor<'_>, word: &str) -> Read<Action> {
    Ok(match word {
        "connect" => Action::Connect,
        "login" => Action::Login(cursor.name("a role of `[accounts]`")?),
        "as" => Action::As(cursor.name("the name of a session")?),
        "flush" => Action::Flush,
        "data" => data(cursor)?,
        "cut" => Action::Cut(channel(cursor)?),
        "close" => Action::Close(channel(cursor)?),
        "half-close" => Action::HalfClose(channel(cursor)?),
        "stall" => Action::Stall(cursor.duration()?),
        "settle" => Action::Settle(channel(cursor)?, cursor.duration()?),
        "abort" => abort(cursor)?,
        "listen" => listen(cursor)?,
        "listener" => {
            let name = cursor.name("the name of a listener")?;
            if !cursor.eat_word("untouched") {
                return Err(cursor.unexpected("`untouched`"));
            }
            Action::Untouched(name)
        }
        "disk" if cursor.eat_word("unchanged") => Action::DiskUnchanged,
        "disk" => Action::Disk { path: path(cursor)?, check: disk_check(cursor)? },
        "fact" => fact(cursor)?,
        "entries" => entries(cursor)?,
        "tls" => Action::Tls,
        "alive" => Action::Alive,
        _ => Action::Sync(cursor.name("the name of the place where branches meet")?),
    })
}

fn arm_or_unknown(cursor: &mut Cursor<'_>) -> Read<LineKind> {
    if cursor.rest().contains("->") {
        return arm(cursor).map(LineKind::Arm);
    }
    let rest = cursor.rest();
    let word = &rest[..rest.find([' ', '\t', '"']).unwrap_or(rest.len())];
    let start = cursor.at();
    cursor.advance(word.len().max(rest.chars().next().map_or(0, char::len_utf8)));
    let span = cursor.span_from(start);
    let shown = shorten(if word.is_empty() { rest } else { word });
    Err(Diagnostic::error(span, format!("no step starts with `{}`", shown.escape_debug()))
        .expected("`C>`, `S>`, `C>>`, `S>>` or a word such as `login`")
        .nearest(word, STEPS.iter().copied()))
}

fn send(cursor: &mut Cursor<'_>) -> Read<Send> {
    cursor.advance("C>".len());
    let mut ahead = cursor.clone();
    ahead.blanks();
    let raw = ahead.eat_word("raw");
    if raw || ahead.rest().starts_with('"') || ahead.rest().starts_with("x\"") {
        *cursor = ahead;
        return if cursor.rest().starts_with("x\"") {
            let bytes = cursor.hex()?;
            let pieces = if bytes.is_empty() { Vec::new() } else { vec![Piece::Literal(bytes)] };
            Ok(Send { text: Text(pieces), form: SendForm::Hex, raw })
        } else {
            Ok(Send { text: cursor.string()?, form: SendForm::Quoted, raw })
        };
    }
    match cursor.peek() {
        Some(' ') => cursor.advance(1),
        None => {}
        Some(_) => return Err(cursor.unexpected("a blank, and then the line as it is sent")),
    }
    Ok(Send { text: cursor.verbatim(false)?, form: SendForm::Verbatim, raw: false })
}

fn receive(cursor: &mut Cursor<'_>) -> Read<Action> {
    let what = if cursor.eat("..") {
        Receive::Rest
    } else if cursor.eat_word("listing") {
        Receive::Listing
    } else if cursor.peek_word() == "end" {
        Receive::Content(crate::scenario::model::Expression::default())
    } else {
        Receive::Content(expression(cursor)?)
    };
    Ok(Action::Receive { what, end: cursor.eat_word("end") })
}

fn transmit(cursor: &mut Cursor<'_>) -> Read<Action> {
    let mut segments = Vec::new();
    if cursor.peek_word() != "end" {
        segments.push(expression(cursor)?);
        while cursor.eat_word("split") {
            segments.push(expression(cursor)?);
        }
    }
    Ok(Action::Transmit { segments, end: cursor.eat_word("end") })
}

fn data(cursor: &mut Cursor<'_>) -> Read<Action> {
    let way = match cursor.peek_word() {
        "pasv" => Some(Way::Pasv),
        "epsv" => Some(Way::Epsv),
        "port" => Some(Way::Port),
        "eprt" => Some(Way::Eprt),
        "" | "idle" | "from" => None,
        word => {
            return Err(cursor
                .unexpected("`pasv`, `epsv`, `port`, `eprt`, `idle` or `from`")
                .nearest(word, ["pasv", "epsv", "port", "eprt", "idle", "from"]));
        }
    };
    if way.is_some() {
        cursor.word();
    }
    let start = cursor.clone();
    let caller = if cursor.eat_word("idle") {
        Caller::Nobody
    } else if cursor.eat_word("from") {
        if !matches!(way, Some(Way::Pasv | Way::Epsv)) {
            return Err(start.unexpected("`pasv` or `epsv` before it: only a passive port is called"));
        }
        Caller::Stranger(address(cursor)?)
    } else {
        Caller::Client
    };
    Ok(Action::Data { way, caller })
}

fn channel(cursor: &mut Cursor<'_>) -> Read<Channel> {
    let channel = match cursor.peek_word() {
        "data" => Channel::Data,
        "control" => Channel::Control,
        word => return Err(cursor.unexpected("`data` or `control`").nearest(word, ["data", "control"])),
    };
    cursor.word();
    Ok(channel)
}

fn abort(cursor: &mut Cursor<'_>) -> Read<Action> {
    let abort = match cursor.peek_word() {
        "plain" => Abort::Plain,
        "telnet" => Abort::Telnet,
        word => return Err(cursor.unexpected("`plain` or `telnet`").nearest(word, ["plain", "telnet"])),
    };
    cursor.word();
    Ok(Action::Abort(abort))
}

fn listen(cursor: &mut Cursor<'_>) -> Read<Action> {
    let name = cursor.name("the name of a listener")?;
    if !cursor.eat_word("on") {
        return Err(cursor.unexpected("`on` and an address"));
    }
    Ok(Action::Listen { name, address: address(cursor)?.to_string() })
}

fn address(cursor: &mut Cursor<'_>) -> Read<IpAddr> {
    let rest = cursor.rest();
    let word = &rest[..rest.find([' ', '\t']).unwrap_or(rest.len())];
    let start = cursor.at();
    cursor.skip(word.len());
    word.parse()
        .map_err(|_| Diagnostic::error(cursor.span_from(start), "this is no address").expected("a literal IP address: `127.0.0.2`, `::1`"))
}

fn fact(cursor: &mut Cursor<'_>) -> Read<Action> {
    let name = cursor.peek_word();
    if name.is_empty() {
        return Err(cursor.unexpected("the name of a fact: `size`"));
    }
    cursor.word();
    let entry = if cursor.eat_word("of") { Some(cursor.string()?) } else { None };
    let check = if cursor.eat("==") {
        FactCheck::Equal(value(cursor)?)
    } else if cursor.eat("!=") {
        FactCheck::Unequal(value(cursor)?)
    } else {
        let word = cursor.peek_word();
        match word {
            "has" | "lacks" => {
                cursor.word();
                if word == "has" { FactCheck::Has(value(cursor)?) } else { FactCheck::Lacks(value(cursor)?) }
            }
            "present" | "absent" => {
                cursor.word();
                if word == "present" { FactCheck::Present } else { FactCheck::Absent }
            }
            _ => {
                let words = ["of", "has", "lacks", "present", "absent"];
                return Err(cursor.unexpected("`==`, `!=`, `has`, `lacks`, `present` or `absent`").nearest(word, words));
            }
        }
    };
    Ok(Action::Fact { name: name.to_owned(), entry, check })
}

/// A pattern, `70000`, `64KiB` or `{n}`.
fn value(cursor: &mut Cursor<'_>) -> Read<Pattern> {
    if starts_pattern(cursor) {
        return pattern(cursor);
    }
    let plain = |piece| Pattern { text: Text(vec![piece]), nocase: false };
    let rest = cursor.rest();
    if rest.starts_with('{') {
        // The same place as inside a string, so it is read as one.
        let end = rest.find('}').map_or(rest.len(), |end| end + 1);
        let start = cursor.at();
        let text = Cursor::new(&rest[..end], cursor.span_from(start).start).verbatim(false)?;
        cursor.skip(end);
        return match <[Piece; 1]>::try_from(text.0) {
            Ok([piece @ Piece::Capture { .. }]) => Ok(plain(piece)),
            _ => Err(Diagnostic::error(cursor.span_from(start), "this is no value").expected("a text in quotes, a number or `{name}`")),
        };
    }
    let word = cursor.peek_word();
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(plain(Piece::Literal(cursor.word().as_bytes().to_vec())));
    }
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(cursor.unexpected("a text in quotes, a number or `{name}`"));
    }
    cursor.size().map(|size| plain(Piece::Literal(size.to_string().into_bytes())))
}

fn entries(cursor: &mut Cursor<'_>) -> Read<Action> {
    let check = if cursor.eat("==") {
        EntriesCheck::Equal
    } else if cursor.eat_word("has") {
        EntriesCheck::Has
    } else if cursor.eat_word("lacks") {
        EntriesCheck::Lacks
    } else {
        return Err(cursor.unexpected("`==`, `has` or `lacks`"));
    };
    if cursor.eat_word("files") {
        if !cursor.eat_word("of") {
            return Err(cursor.unexpected("`of` and a directory of the fixture"));
        }
        return Ok(Action::Entries { check, names: EntryNames::Laid(path(cursor)?) });
    }
    cursor.demand("{")?;
    let mut names = Vec::new();
    if !cursor.rest().starts_with('}') {
        names.push(cursor.string()?);
        while cursor.eat(",") {
            names.push(cursor.string()?);
        }
    }
    cursor.demand("}")?;
    Ok(Action::Entries { check, names: EntryNames::Listed(names) })
}

fn subject(cursor: &mut Cursor<'_>) -> Read<Subject> {
    let word = cursor.peek_word();
    if !["reply", "disk", "listener", "data"].contains(&word) {
        let words = ["reply", "disk", "listener", "data"];
        return Err(cursor.unexpected("`reply`, `disk PATH`, `listener NAME` or `data`").nearest(word, words));
    }
    cursor.word();
    Ok(match word {
        "reply" => Subject::Reply,
        "disk" => Subject::Disk(path(cursor)?),
        "listener" => Subject::Listener(cursor.name("the name of a listener")?),
        _ => Subject::Data,
    })
}

/// `pattern -> outcome`; which kind of pattern it is shows at its beginning.
fn arm(cursor: &mut Cursor<'_>) -> Read<ArmHead> {
    let word = cursor.peek_word();
    let reply = cursor.rest().starts_with(['~', '=', '[']) || is_code(word) || word == "end";
    let pattern = if cursor.eat("..") {
        ArmPattern::Any
    } else if cursor.eat_word("untouched") {
        ArmPattern::Untouched(true)
    } else if cursor.eat_word("touched") {
        ArmPattern::Untouched(false)
    } else if reply {
        ArmPattern::Reply(expect(cursor)?)
    } else if starts_term(cursor) || ["absent", "present", "dir", "file", "prefix"].contains(&word) {
        ArmPattern::Content(state(cursor)?)
    } else {
        let words = ["untouched", "touched", "absent", "present", "dir", "file", "prefix", "end"];
        return Err(cursor.unexpected("replies, a state of a path, content, `untouched`, `touched` or `..`").nearest(word, words));
    };
    cursor.demand("->")?;
    let word = cursor.peek_word();
    if !["pass", "info", "deviation", "fail"].contains(&word) {
        return Err(cursor
            .unexpected("`pass`, `info \"..\"`, `deviation \"..\"` or `fail \"..\"`")
            .nearest(word, ["pass", "info", "deviation", "fail"]));
    }
    cursor.word();
    let outcome = match word {
        "pass" => ArmOutcome::Pass,
        "info" => ArmOutcome::Info(cursor.message()?),
        "deviation" => ArmOutcome::Deviation(cursor.message()?),
        _ => ArmOutcome::Fail(cursor.message()?),
    };
    Ok(ArmHead { pattern, outcome })
}

/// Whether a step can break at all, so that a citation on it means something.
pub(super) const fn is_judged(kind: &LineKind) -> bool {
    match kind {
        LineKind::Action(action) => !matches!(
            action,
            Action::As(_)
                | Action::Send(_)
                | Action::Flush
                | Action::Cut(_)
                | Action::Close(_)
                | Action::HalfClose(_)
                | Action::Stall(_)
                | Action::Settle(..)
                | Action::Abort(_)
                | Action::Listen { .. }
                | Action::Sync(_)
        ),
        LineKind::Match(_) | LineKind::Arm(_) | LineKind::Until(_) | LineKind::Template(_) => true,
        LineKind::Blank | LineKind::Comment(_) | LineKind::Together | LineKind::Done | LineKind::Control | LineKind::Block(_) => false,
    }
}

/// Text of the front matter: places mean what they mean in a string; escapes are TOML's.
pub(in crate::scenario) fn front_text(text: &str) -> Read<Text> {
    Cursor::new(text, 0).verbatim(true)
}

/// A whole text as a content expression.
pub(in crate::scenario) fn front_expression(text: &str) -> Read<crate::scenario::model::Expression> {
    let mut cursor = Cursor::new(text, 0);
    cursor.blanks();
    let expression = expression(&mut cursor)?;
    if cursor.rest().is_empty() { Ok(expression) } else { Err(cursor.unexpected("content or the end")) }
}

/// A whole text as a size: `32MiB`.
pub(in crate::scenario) fn front_size(text: &str) -> Read<u64> {
    whole(text, |cursor| cursor.size())
}

/// A whole text as a duration: `2s`.
pub(in crate::scenario) fn front_duration(text: &str) -> Read<std::time::Duration> {
    whole(text, |cursor| cursor.duration())
}

fn whole<T>(text: &str, read: impl FnOnce(&mut Cursor<'_>) -> Read<T>) -> Read<T> {
    let mut cursor = Cursor::new(text, 0);
    let value = read(&mut cursor)?;
    if cursor.rest().is_empty() { Ok(value) } else { Err(cursor.unexpected("the end")) }
}

#[cfg(test)]
mod tests {
    use super::super::lexer::literal;
    use super::*;

    fn check(line: &str, message: &str, expected: &str) {
        let error = element(&mut Cursor::new(line, 0)).expect_err(line);
        assert_eq!((error.message.as_str(), error.expected.unwrap_or_default().as_str()), (message, expected), "{line}");
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        check("cut dta", "unexpected `dta`", "`data` or `control`");
        check("S> 999", "no reply has the code `999`", "100 to 599, RFC 959 section 4.2.1");
        check("S> 226, [225]", "the line ends too early", "`,` and the reply that ends the sequence");
        check("S>> big.bin[7..3]", "this slice ends before it starts", "");
        check("C>NOOP", "unexpected `NOOP`", "a blank, and then the line as it is sent");
        check("login 7", "unexpected `7`", "a role of `[accounts]`");
        check("listen trap on localhost", "this is no address", "a literal IP address: `127.0.0.2`, `::1`");
        check("stall 5", "unexpected `5`", "a duration: `500ms`, `5s`, `2m`");
        check("fact size = 3", "unexpected `=`", "`==`, `!=`, `has`, `lacks`, `present` or `absent`");
        check("250 -> good", "unexpected `good`", "`pass`, `info \"..\"`, `deviation \"..\"` or `fail \"..\"`");
    }

    #[test]
    fn a_word_that_is_none_has_a_nearest() {
        let nearest = |line| element(&mut Cursor::new(line, 0)).expect_err(line).nearest;
        assert_eq!(nearest("logn alice"), Some("login".to_owned()));
        assert_eq!(nearest("match repyl"), Some("reply".to_owned()));
        assert_eq!(nearest("disk f abset"), Some("absent".to_owned()));
    }

    #[test]
    fn no_file_is_taken_for_a_step() {
        use super::super::content::is_bare;
        assert_eq!(STEPS.iter().filter(|word| is_bare(word)).collect::<Vec<_>>(), Vec::<&&str>::new());
    }

    #[test]
    fn literal_texts_are_bytes() {
        assert_eq!(literal(&front_text("a\n{{b}}").unwrap()), Some(b"a\n{b}".to_vec()));
        assert!(front_text("{").is_err());
    }
}
