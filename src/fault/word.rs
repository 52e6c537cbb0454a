//! Faults as words: read, with errors that name the nearest, and written.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Channel, Cut, Direction, Fault, Kind, Slice, Trigger};
use crate::requirement::nearest;

/// Each fault's word, and what it looks like.
const WORDS: [(&str, &str); 11] = [
    ("latency", "latency=20ms or latency=20ms~5ms"),
    ("rate", "rate=1MiB/s"),
    ("slice", "slice, slice=random or slice=crlf"),
    ("join", "join=50ms"),
    ("cut", "cut=fin@1000, cut=rst@command:RETR or cut=half@reply:150"),
    ("stall", "stall=2s@70000"),
    ("corrupt", "corrupt@1000"),
    ("duplicate", "duplicate=16@1000"),
    ("accept", "accept=1s"),
    ("refuse", "refuse"),
    ("stranger", "stranger=127.0.0.2"),
];

const WAYS_TO_CUT: [(&str, Cut); 3] = [("fin", Cut::Fin), ("rst", Cut::Reset), ("half", Cut::Half)];

const WAYS_TO_SLICE: [(&str, Slice); 3] = [("ones", Slice::Ones), ("random", Slice::Random), ("crlf", Slice::LineEnd)];

/// Says that there is no such word, and which is the nearest.
fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    let hint = nearest(word, known.iter().copied()).map_or_else(String::new, |word| format!("did you mean `{word}`? "));
    format!("there is no {what} `{word}`; {hint}there are: {}", known.join(", "))
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut channel, mut direction) = (None, None);
        let mut rest = text;
        // The colon of a trigger or of an IPv6 address stands behind `=` or `@`.
        while let Some((scope, behind)) = rest.split_once(':').filter(|(scope, _)| !scope.contains(['=', '@'])) {
            match scope {
                "control" => channel = Some(Channel::Control),
                "data" => channel = Some(Channel::Data),
                "up" => direction = Some(Direction::Up),
                "down" => direction = Some(Direction::Down),
                _ => return Err(unknown("place", scope, &["control", "data", "up", "down"])),
            }
            rest = behind;
        }
        let (what, trigger) = match rest.split_once('@') {
            Some((what, when)) => (what, trigger(when)?),
            None => (rest, Trigger::Start),
        };
        let (word, value) = match what.split_once('=') {
            Some((word, value)) => (word, Some(value)),
            None => (what, None),
        };
        let Some((_, shape)) = WORDS.iter().find(|(known, _)| *known == word) else {
            return Err(unknown("fault", word, &WORDS.map(|(word, _)| word)));
        };
        let kind = kind(word, value).map_err(|wrong| {
            let wrong = if wrong.is_empty() { String::new() } else { format!("{wrong}; ") };
            format!("`{text}` cannot be understood: {wrong}expected {shape}")
        })?;
        let fault = Self { channel, direction, kind, trigger };
        fault.check().map_err(|wrong| format!("`{text}`: {wrong}"))?;
        Ok(fault)
    }
}

impl Fault {
    /// Refuses what would have no meaning.
    fn check(&self) -> Result<(), String> {
        let once = matches!(self.kind, Kind::Cut(_) | Kind::Stall(_) | Kind::Corrupt | Kind::Duplicate(_));
        if once && self.trigger == Trigger::Start && !matches!(self.kind, Kind::Cut(_) | Kind::Stall(_)) {
            return Err("it needs a place: @1000, @command:RETR or @reply:150".to_owned());
        }
        let of_connections = matches!(self.kind, Kind::Accept(_) | Kind::Refuse | Kind::Stranger(_));
        if (of_connections || matches!(self.kind, Kind::Latency { .. } | Kind::Rate(_) | Kind::Join(_))) && self.trigger != Trigger::Start {
            return Err("it holds from the beginning, and takes no `@`".to_owned());
        }
        if of_connections && self.direction.is_some() {
            return Err("it is about the whole connection: no `up:` and no `down:`".to_owned());
        }
        if matches!(self.kind, Kind::Refuse | Kind::Stranger(_)) && self.channel == Some(Channel::Control) {
            return Err("it is about data connections".to_owned());
        }
        Ok(())
    }
}

/// Reads what stands before `@`; the error is empty where the shape says it all.
fn kind(word: &str, value: Option<&str>) -> Result<Kind, String> {
    let given = || value.ok_or_else(String::new);
    let time = |text: &str| duration(text).ok_or_else(|| format!("`{text}` is no time"));
    let of = |what: &str, known: &[&str]| -> Result<usize, String> {
        let word = given()?;
        known.iter().position(|known| *known == word).ok_or_else(|| unknown(what, word, known))
    };
    match (word, value) {
        ("latency", _) => {
            let (base, jitter) = given()?.split_once('~').unwrap_or((given()?, "0ms"));
            Ok(Kind::Latency { base: time(base)?, jitter: time(jitter)? })
        }
        ("rate", _) => {
            Ok(Kind::Rate(bytes(given()?.strip_suffix("/s").ok_or_else(String::new)?).filter(|rate| *rate > 0).ok_or_else(String::new)?))
        }
        ("slice", None) => Ok(Kind::Slice(Slice::Ones)),
        ("slice", Some(_)) => Ok(Kind::Slice(WAYS_TO_SLICE[of("way to slice", &WAYS_TO_SLICE.map(|(word, _)| word))?].1)),
        ("join", _) => Ok(Kind::Join(time(given()?)?)),
        ("cut", _) => Ok(Kind::Cut(WAYS_TO_CUT[of("way to cut", &WAYS_TO_CUT.map(|(word, _)| word))?].1)),
        ("stall", _) => Ok(Kind::Stall(time(given()?)?)),
        ("corrupt", None) => Ok(Kind::Corrupt),
        ("duplicate", value) => match value.map_or(Some(1), bytes).and_then(|len| usize::try_from(len).ok()) {
            Some(len @ 1..=65536) => Ok(Kind::Duplicate(len)),
            _ => Err("1 to 65536 bytes can come twice".to_owned()),
        },
        ("accept", _) => Ok(Kind::Accept(time(given()?)?)),
        ("refuse", None) => Ok(Kind::Refuse),
        ("stranger", _) => Ok(Kind::Stranger(given()?.parse().map_err(|_| String::new())?)),
        _ => Err(String::new()),
    }
}

fn trigger(text: &str) -> Result<Trigger, String> {
    let wrong = || format!("`@{text}` is no place: expected @1000 (a byte), @command:RETR or @reply:150");
    match text.split_once(':') {
        Some(("command", verb)) if !verb.is_empty() && verb.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            Ok(Trigger::Command(verb.to_ascii_uppercase()))
        }
        Some(("reply", code)) => match code.parse() {
            Ok(code @ 100..=599) => Ok(Trigger::Reply(code)),
            _ => Err(wrong()),
        },
        Some(_) => Err(wrong()),
        None => bytes(text).map(Trigger::Byte).ok_or_else(wrong),
    }
}

/// Reads `20ms`, `2s`, `1m`.
fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..split].parse().ok()?;
    let millis = match &text[split..] {
        "ms" => number,
        "s" => number.checked_mul(1000)?,
        "m" => number.checked_mul(60_000)?,
        _ => return None,
    };
    (millis <= 24 * 3_600_000).then(|| Duration::from_millis(millis))
}

/// Reads `70000`, `64KiB`, `1MiB`.
fn bytes(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..split].parse().ok()?;
    let unit = match &text[split..] {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.channel {
            Some(Channel::Control) => f.write_str("control:")?,
            Some(Channel::Data) => f.write_str("data:")?,
            None => {}
        }
        if let Some(direction) = self.direction {
            write!(f, "{direction}:")?;
        }
        match &self.kind {
            Kind::Latency { base, jitter: Duration::ZERO } => write!(f, "latency={}ms", base.as_millis())?,
            Kind::Latency { base, jitter } => write!(f, "latency={}ms~{}ms", base.as_millis(), jitter.as_millis())?,
            Kind::Rate(bytes) => write!(f, "rate={bytes}B/s")?,
            Kind::Slice(Slice::Ones) => f.write_str("slice")?,
            Kind::Slice(way) => write!(f, "slice={}", of(&WAYS_TO_SLICE, way))?,
            Kind::Join(time) => write!(f, "join={}ms", time.as_millis())?,
            Kind::Cut(way) => write!(f, "cut={}", of(&WAYS_TO_CUT, way))?,
            Kind::Stall(time) => write!(f, "stall={}ms", time.as_millis())?,
            Kind::Corrupt => f.write_str("corrupt")?,
            Kind::Duplicate(len) => write!(f, "duplicate={len}")?,
            Kind::Accept(time) => write!(f, "accept={}ms", time.as_millis())?,
            Kind::Refuse => f.write_str("refuse")?,
            Kind::Stranger(ip) => write!(f, "stranger={ip}")?,
        }
        match &self.trigger {
            Trigger::Start => Ok(()),
            Trigger::Byte(at) => write!(f, "@{at}"),
            Trigger::Command(verb) => write!(f, "@command:{verb}"),
            Trigger::Reply(code) => write!(f, "@reply:{code}"),
        }
    }
}

/// The word of a way.
fn of<T: PartialEq>(known: &[(&'static str, T)], way: &T) -> &'static str {
    known.iter().find(|(_, other)| other == way).map_or("", |(word, _)| *word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_written() {
        for text in [
            "latency=20ms",
            "data:latency=20ms~5ms",
            "down:rate=1048576B/s",
            "slice",
            "control:up:slice=random",
            "slice=crlf",
            "control:down:join=50ms",
            "data:cut=fin@0",
            "data:down:cut=rst@70000",
            "cut=half@reply:150",
            "control:cut=rst",
            "data:stall=2000ms@command:RETR",
            "corrupt@9",
            "data:up:duplicate=16@1000",
            "control:accept=1000ms",
            "refuse",
            "stranger=127.0.0.2",
            "stranger=::1",
        ] {
            assert_eq!(text.parse::<Fault>().map(|fault| fault.to_string()).as_deref(), Ok(text));
        }
        let fault: Fault = "data:rate=1MiB/s".parse().unwrap();
        assert_eq!((fault.channel, fault.kind, fault.trigger), (Some(Channel::Data), Kind::Rate(1 << 20), Trigger::Start));
        assert_eq!("stall=2s@64KiB".parse::<Fault>().unwrap().trigger, Trigger::Byte(65536));
        assert_eq!("cut=fin@command:retr".parse::<Fault>().unwrap().trigger, Trigger::Command("RETR".to_owned()));
    }

    #[test]
    fn wrong_words_are_told() {
        for (text, expect) in [
            ("latencie=20ms", "there is no fault `latencie`; did you mean `latency`?"),
            ("dta:slice", "there is no place `dta`; did you mean `data`?"),
            ("cut=rts@1", "there is no way to cut `rts`; there are: fin, rst, half"),
            ("slice=rndom", "did you mean `random`?"),
            ("latency=20", "`20` is no time; expected latency=20ms"),
            ("latency", "expected latency=20ms"),
            ("rate=0/s", "expected rate=1MiB/s"),
            ("rate=5", "expected rate=1MiB/s"),
            ("cut=rst@RETR", "@command:RETR"),
            ("cut=rst@reply:99", "`@reply:99` is no place"),
            ("corrupt", "needs a place"),
            ("latency=1s@5", "takes no `@`"),
            ("up:refuse", "no `up:`"),
            ("control:refuse", "about data connections"),
            ("duplicate=0@5", "1 to 65536"),
            ("stranger=home", "expected stranger=127.0.0.2"),
            ("", "there is no fault ``"),
        ] {
            let wrong = text.parse::<Fault>().unwrap_err();
            assert!(wrong.contains(expect), "{text}: {wrong}");
        }
    }
}
