//! A recording as a scenario.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::capture::{Data, Recording};
use super::cite::{codes, success};
use super::content::Piece;
use super::dialogue::{Exchange, Turn, turns};
use super::listing;
use super::world::{Carried, Path, World, join};
use crate::fault::Direction;
use crate::fault::tap::Ended;
use crate::ftp::reply::Reply;
use crate::scenario::Diagnostic;
use crate::scenario::model::{Action, Piece as Place, Scenario, Send, SendForm, Source, Text};
use crate::scenario::print::{print_action, print_text};

/// The names of roles, in the order in which users log in.
const ROLES: [&str; 8] = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];

/// What a recording does not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The scenario's id and title.
    pub name: String,
    /// What the users may do: a letter set.
    pub letters: String,
}

/// A recording as a scenario, and what could not be said in it.
#[derive(Debug)]
pub struct Recorded {
    /// The scenario.
    pub scenario: Scenario,
    /// Its text.
    pub source: Arc<Source>,
    /// What is not in it, or not as it was, in words.
    pub notes: Vec<String>,
}

/// A line of the body.
enum Line {
    Said(String),
    Receive { pieces: Vec<Piece>, end: bool, cite: Option<&'static str> },
    Transmit { pieces: Vec<Piece>, end: bool },
}

/// Makes a scenario of a recording.
///
/// # Errors
/// What a file with these words would be told; it would be a defect of this part.
pub fn scenario(recording: &Recording, options: &Options) -> Result<Recorded, Vec<Diagnostic>> {
    let mut script = Script::new(recording);
    script.write();
    let Script { world, lines, roles, notes, .. } = script;
    let pieces = || {
        lines.iter().flat_map(|line| match line {
            Line::Receive { pieces, .. } | Line::Transmit { pieces, .. } => pieces.as_slice(),
            Line::Said(_) => &[],
        })
    };
    let count = world.sources.0.len();
    let sliced: Vec<usize> = (0..count)
        .filter(|index| world.sources.0[*index].path.is_none() && pieces().any(|piece| world.sources.is_sliced(piece, *index)))
        .collect();
    let files: Vec<usize> = (0..count).filter(|index| world.sources.0[*index].path.is_some() || sliced.contains(index)).collect();
    let mut builder = Scenario::builder(&options.name).title(format!("What was recorded: {}", options.name));
    for (_, role, anonymous) in &roles {
        builder = if *anonymous { builder.anonymous(role, &options.letters) } else { builder.account(role, &options.letters) };
    }
    for (path, what) in world.files(&sliced) {
        builder = builder.file(path, what);
    }
    for note in &notes {
        builder = builder.line(&format!("# {note}"));
    }
    for line in &lines {
        let print = |pieces: &[Piece]| world.sources.print(pieces, &files);
        builder = builder.line(&match line {
            Line::Said(text) => text.clone(),
            Line::Transmit { pieces, end: true } if pieces.is_empty() => "C>> end".to_owned(),
            Line::Transmit { pieces, end } => format!("C>> {}{}", print(pieces), if *end { " end" } else { "" }),
            Line::Receive { pieces, end: true, cite } if pieces.is_empty() => format!("S>> end{}", cited(*cite)),
            Line::Receive { pieces, end, cite } => {
                format!("S>> {}{}{}", print(pieces), if *end { " end" } else { "" }, cited(*cite))
            }
        });
    }
    let (scenario, source) = builder.build()?;
    Ok(Recorded { scenario, source, notes })
}

fn cited(id: Option<&str>) -> String {
    id.map_or_else(String::new, |id| format!("  [{id}]"))
}

/// What a session remembers.
#[derive(Debug, Clone, Default)]
struct Memory {
    cwd: Path,
    ascii: Option<bool>,
    rest: Option<Vec<u8>>,
    rename: Option<Path>,
    /// QUIT was sent, or the session is over.
    quit: bool,
}

impl Memory {
    /// TYPE A is the default (RFC 959 section 3.1.1.1).
    fn ascii(&self) -> bool {
        self.ascii.unwrap_or(true)
    }
}

struct Script<'a> {
    recording: &'a Recording,
    world: World,
    lines: Vec<Line>,
    /// User, role, whether it is the anonymous one.
    roles: Vec<(Vec<u8>, String, bool)>,
    memory: BTreeMap<usize, Memory>,
    /// The directory of the login as PWD says it.
    home: Option<Vec<u8>>,
    /// Unique names that the server gave, and what stands for them.
    unique: Vec<(Vec<u8>, String)>,
    notes: Vec<String>,
    current: usize,
}

impl<'a> Script<'a> {
    fn new(recording: &'a Recording) -> Self {
        Self {
            recording,
            world: World::default(),
            lines: Vec::new(),
            roles: Vec::new(),
            memory: BTreeMap::new(),
            home: None,
            unique: Vec::new(),
            notes: Vec::new(),
            current: 0,
        }
    }

    fn say(&mut self, text: impl Into<String>) {
        self.lines.push(Line::Said(text.into()));
    }

    fn note(&mut self, text: &str) {
        if !self.notes.iter().any(|note| note == text) {
            self.notes.push(text.to_owned());
        }
    }

    fn memory(&mut self) -> &mut Memory {
        self.memory.entry(self.current).or_default()
    }

    /// All sessions, each turn when it began.
    fn write(&mut self) {
        let mut all: Vec<(usize, usize, Turn)> = (0..self.recording.sessions())
            .flat_map(|session| turns(self.recording, session).into_iter().map(move |(at, turn)| (at, session, turn)))
            .collect();
        all.sort_by_key(|(at, ..)| *at);
        let mut index = 0;
        let mut skip = Vec::new();
        while index < all.len() {
            let (_, session, turn) = &all[index];
            if skip.contains(&index) {
                index += 1;
                continue;
            }
            let (session, turn) = (*session, turn.clone());
            // The later turns of this session.
            let later: Vec<usize> = (index + 1..all.len()).filter(|other| all[*other].1 == session).collect();
            let behind = |place: usize| {
                later.get(place).and_then(|at| if let Turn::Exchange(exchange) = &all[*at].2 { Some(exchange) } else { None })
            };
            self.switch(session);
            match &turn {
                Turn::Said(reply) => self.said(reply),
                Turn::Over(direction, how) => self.over(*direction, *how),
                Turn::Exchange(exchange) if exchange.verb == "USER" => {
                    let pass = behind(0).filter(|next| next.verb == "PASS");
                    if self.user(exchange, pass) {
                        skip.push(later[0]);
                    }
                }
                Turn::Exchange(exchange) => {
                    let group: Vec<Exchange> = (0..).map_while(|place| behind(place).filter(|next| next.early).cloned()).collect();
                    let (is_plain, uses) = (group.iter().chain([exchange]).all(is_plain), later);
                    if exchange.is_transfer() {
                        let abort = group.first().filter(|next| next.verb == "ABOR");
                        self.stou(exchange, &all[index + 1..]);
                        self.transfer(exchange, abort);
                        skip.extend(abort.map(|_| uses[0]));
                    } else if is_plain && !group.is_empty() {
                        self.pipeline(exchange, &group);
                        skip.extend(&uses[..group.len()]);
                    } else {
                        self.exchange(exchange);
                    }
                }
            }
            index += 1;
        }
    }

    fn switch(&mut self, session: usize) {
        if session != self.current {
            self.current = session;
            self.say(format!("as {}", if session == 0 { "main".to_owned() } else { format!("session{}", session + 1) }));
        }
    }

    fn said(&mut self, reply: &Reply) {
        match reply.code {
            // What opens a session awaits it.
            Some(220) => {}
            Some(code) if self.memory().quit || code == 421 => self.say(format!("S> {code}")),
            Some(code) => {
                self.say("connect");
                self.say(format!("S> {code}"));
            }
            None => self.note("a line of the server's that is no reply is left out"),
        }
    }

    fn over(&mut self, direction: Direction, how: Ended) {
        match (direction, how) {
            _ if self.memory().quit => {}
            (Direction::Down, _) => self.say("S> end"),
            (Direction::Up, Ended::Close) => self.say("close control"),
            (Direction::Up, Ended::Reset) => self.say("cut control"),
        }
    }

    /// The role of a user.
    fn role(&mut self, user: &[u8]) -> String {
        if let Some((_, role, _)) = self.roles.iter().find(|(known, ..)| known == user) {
            return role.clone();
        }
        let anonymous = user.eq_ignore_ascii_case(b"anonymous") || user.eq_ignore_ascii_case(b"ftp");
        let role = match (anonymous, ROLES.get(self.roles.len())) {
            (true, _) => "guest".to_owned(),
            (false, Some(role)) => (*role).to_owned(),
            (false, None) => format!("user{}", self.roles.len() + 1),
        };
        self.roles.push((user.to_vec(), role.clone(), anonymous));
        role
    }

    /// A login; `true` where PASS belongs to it.
    fn user(&mut self, exchange: &Exchange, pass: Option<&Exchange>) -> bool {
        let role = self.role(&exchange.argument);
        *self.memory() = Memory::default();
        if pass.is_some_and(Exchange::is_done) {
            self.say(format!("login {role}"));
            return true;
        }
        self.say(format!("C> USER {{{role}.name}}"));
        self.replies(exchange, None);
        if let Some(pass) = pass {
            // Another one than is right.
            self.say(format!("C> PASS {{{role}.password.beginning}}"));
            self.replies(pass, None);
        }
        pass.is_some()
    }

    /// What stands in `C>`: unique names and the directory of the login as they are now.
    fn line(&self, exchange: &Exchange) -> String {
        let known = self.unique.iter().find(|(name, _)| *name == exchange.argument).map(|(_, capture)| capture.clone());
        let known = known.or_else(|| match (exchange.verb.as_str(), &exchange.argument) {
            ("CWD" | "XCWD", argument) if self.home.as_ref() == Some(argument) => Some("home".to_owned()),
            ("REST", offset) => number(offset).and_then(|offset| self.world.captured(offset)).map(str::to_owned),
            _ => None,
        });
        let text = match known {
            Some(name) => {
                let verb = exchange.line[..exchange.line.len() - exchange.argument.len()].to_vec();
                Text(vec![Place::Literal(verb), Place::Capture { name, int: false }])
            }
            None if exchange.line.is_empty() => Text(Vec::new()),
            None => Text(vec![Place::Literal(exchange.line.clone())]),
        };
        print_action(&Action::Send(Send { text, form: SendForm::Verbatim, raw: false }))
    }

    /// `S>` for all that came of a command.
    fn replies(&mut self, exchange: &Exchange, with: Option<(String, Option<&'static str>)>) {
        let Some(code) = exchange.code() else {
            self.say("S> end");
            self.memory().quit = true;
            return;
        };
        let before = exchange.preliminary.as_ref().and_then(|reply| reply.code).filter(|_| !exchange.is_transfer());
        let before = before.map_or_else(String::new, |code| format!("{code}, "));
        let (text, cite) = match with {
            Some((text, cite)) => (format!(" {text}"), cite),
            None => (String::new(), Some(code).filter(|code| *code < 400).and_then(|_| success(&exchange.verb, &exchange.argument))),
        };
        let codes = if before.is_empty() { codes(&exchange.verb, code) } else { code.to_string() };
        // The server closes behind QUIT (RFC 959 section 4.1.1), and so does this client.
        let end = if exchange.verb == "QUIT" && exchange.is_done() { ", end" } else { "" };
        self.say(format!("S> {before}{codes}{end}{text}{}", cited(cite)));
    }

    /// Commands that went out before the replies to them came.
    fn pipeline(&mut self, first: &Exchange, rest: &[Exchange]) {
        for exchange in [first].into_iter().chain(rest) {
            let line = self.line(exchange);
            self.say(line);
        }
        for exchange in [first].into_iter().chain(rest) {
            let text = self.text(exchange);
            self.replies(exchange, text);
            self.happened(exchange);
        }
    }

    fn exchange(&mut self, exchange: &Exchange) {
        match exchange.verb.as_str() {
            "PASV" | "EPSV" | "PORT" | "EPRT" if exchange.opens() && exchange.argument != b"ALL" => {
                let way = exchange.verb.to_ascii_lowercase();
                let idle = if exchange.data.is_none() && matches!(&way[..], "pasv" | "epsv") { " idle" } else { "" };
                self.say(format!("data {way}{idle}"));
                return;
            }
            "PORT" | "EPRT" => self.note("PORT or EPRT was refused, with the address that the client had"),
            "AUTH" if exchange.code() == Some(234) => {
                self.note("TLS began, and what was said within it is not recorded: have the client do without (curl: no --ssl)");
            }
            _ => {}
        }
        let line = self.line(exchange);
        if exchange.verb == "ABOR" {
            self.say(if exchange.telnet { "abort telnet" } else { "abort plain" });
        } else {
            self.say(line);
        }
        let text = self.text(exchange);
        self.replies(exchange, text);
        self.happened(exchange);
    }

    /// The text that a reply must have, and what that rests on.
    fn text(&mut self, exchange: &Exchange) -> Option<(String, Option<&'static str>)> {
        let reply = exchange.last.as_ref().filter(|_| exchange.is_done())?;
        match exchange.verb.as_str() {
            "SIZE" => {
                let size = number(reply.text())?;
                let path = self.path(&exchange.argument);
                // In a text the ends of lines count as the server has them, and not every server counts.
                if self.memory().ascii() {
                    return None;
                }
                if let Some(name) = self.world.measured(&path, size) {
                    return Some((format!("\"{{{name}:int}}\""), None));
                }
                let whole = self.world.is_whole(&path, size);
                Some((format!("\"{size}\""), whole.then_some("3659-4.1-size-reply")))
            }
            "PWD" | "XPWD" => {
                let named = quoted(reply.text())?;
                let is_home = self.memory().cwd.is_empty() && *self.home.get_or_insert_with(|| named.clone()) == named;
                is_home.then(|| ("\"\\\"{home}\\\"{..}\"".to_owned(), success("PWD", b"")))
            }
            _ => None,
        }
    }

    /// What a command that is over has changed.
    fn happened(&mut self, exchange: &Exchange) {
        let path = self.path(&exchange.argument);
        let done = exchange.is_done();
        match exchange.verb.as_str() {
            "TYPE" if done => self.memory().ascii = Some(exchange.argument.to_ascii_uppercase().starts_with(b"A")),
            "CWD" | "XCWD" if done => {
                self.world.entered(&path);
                self.memory().cwd = path;
            }
            "CDUP" | "XCUP" if done => {
                let cwd = join(&self.memory().cwd, b"..");
                self.memory().cwd = cwd;
            }
            "REST" if exchange.code() == Some(350) => self.memory().rest = Some(exchange.argument.clone()),
            "DELE" if done => self.world.removed(&path, false),
            "RMD" | "XRMD" if done => self.world.removed(&path, true),
            "MKD" | "XMKD" if done => self.world.made(&path),
            "RNFR" if exchange.code() == Some(350) => self.memory().rename = Some(path),
            "RNTO" if done => {
                if let Some(from) = self.memory().rename.take() {
                    self.world.renamed(&from, &path);
                }
            }
            "MDTM" | "MLST" | "MFMT" if done && !exchange.argument.contains(&b' ') => self.world.met(&path),
            "QUIT" => self.memory().quit = true,
            _ => {}
        }
    }

    /// A path below the directory of the login.
    fn path(&mut self, argument: &[u8]) -> Path {
        let home = self.home.clone().unwrap_or_default();
        let below = argument.strip_prefix(&home[..]).filter(|rest| rest.is_empty() || home == b"/" || rest.starts_with(b"/"));
        match below.filter(|_| argument.starts_with(b"/")) {
            Some(rest) => join(b"", rest),
            None => join(&self.memory().cwd, argument),
        }
    }

    /// A name that the server made up for STOU, where somebody asks for it later.
    fn stou(&mut self, exchange: &Exchange, later: &[(usize, usize, Turn)]) {
        if exchange.verb != "STOU" {
            return;
        }
        let replies = exchange.preliminary.iter().chain(&exchange.last);
        let words = replies.flat_map(|reply| reply.text().split(|byte| *byte == b' ')).map(|word| word.trim_ascii_end().to_vec());
        let is_asked = |word: &Vec<u8>| {
            word.len() > 3 && later.iter().any(|(_, _, turn)| matches!(turn, Turn::Exchange(other) if other.argument == *word))
        };
        if let Some(word) = words.into_iter().find(is_asked) {
            self.unique.push((word, format!("unique{}", self.unique.len() + 1)));
        }
    }

    /// The pattern of a reply that tells a unique name for the first time.
    fn telling(&self, reply: &Reply) -> Option<String> {
        let (name, capture) = self.unique.last()?;
        let text = reply.text();
        let at = text.windows(name.len()).position(|part| part == name)?;
        let literal = |bytes: &[u8]| (!bytes.is_empty()).then(|| Place::Literal(bytes.to_vec()));
        let middle = Place::Capture { name: capture.clone(), int: false };
        let places = literal(&text[..at]).into_iter().chain([middle]).chain(literal(&text[at + name.len()..]));
        Some(format!(" {}", print_text(&Text(places.collect()))))
    }

    fn transfer(&mut self, exchange: &Exchange, abort: Option<&Exchange>) {
        let line = self.line(exchange);
        self.say(line);
        let rest = self.memory().rest.take().as_deref().and_then(number).unwrap_or_default();
        let Some(preliminary) = &exchange.preliminary else {
            self.replies(exchange, Some((String::new(), None)));
            return;
        };
        let telling = if exchange.verb == "STOU" { self.telling(preliminary).unwrap_or_default() } else { String::new() };
        self.say(format!("S> 150 | 125{telling}"));
        let data = exchange.data.and_then(|data| self.recording.data.get(&(self.current, data))).cloned().unwrap_or_default();
        let (cut, named) = match exchange.verb.as_str() {
            "STOR" | "STOU" | "APPE" => (self.upload(exchange, &data, rest), None),
            "RETR" => (self.download(exchange, &data, rest, abort.is_some()), None),
            _ => self.listing(exchange, &data),
        };
        if let Some(abort) = abort {
            self.say(if abort.telnet { "abort telnet" } else { "abort plain" });
        }
        match (exchange.code(), abort.and_then(Exchange::code)) {
            (Some(first), Some(second)) => self.say(format!("S> {first}, {second} | 226, 226 | 226, 225")),
            // How much is under way when a connection is cut is chance.
            (Some(_), None) if cut => self.say("S> 4xx | 226 | 250"),
            _ => {
                let cite = (exchange.verb == "STOR" && rest == 0 && exchange.is_done()).then_some("959-4.1.3-stor-creates");
                let told = exchange.last.as_ref().filter(|_| exchange.verb == "STOU" && telling.is_empty());
                let telling = told.and_then(|reply| self.telling(reply)).unwrap_or_default();
                self.replies(exchange, Some((telling.trim_start().to_owned(), cite)));
            }
        }
        named.into_iter().for_each(|named| self.say(named));
    }

    fn upload(&mut self, exchange: &Exchange, data: &Data, rest: u64) -> bool {
        let cut = data.first_end == Some((Direction::Up, Ended::Reset));
        let path = match self.unique.last() {
            Some((name, _)) if exchange.verb == "STOU" => self.path(&name.clone()),
            _ => self.path(&exchange.argument),
        };
        let ascii = self.memory().ascii();
        let whole = !cut && exchange.is_done();
        let pieces = self.world.uploaded(&path, rest, exchange.verb == "APPE", &data.up, ascii, whole);
        self.lines.push(Line::Transmit { pieces, end: !cut });
        if cut {
            self.say("cut data");
        }
        cut
    }

    fn download(&mut self, exchange: &Exchange, data: &Data, rest: u64, aborted: bool) -> bool {
        let cut = data.first_end.filter(|(direction, _)| *direction == Direction::Up).map(|(_, how)| how);
        let path = self.path(&exchange.argument);
        let ascii = self.memory().ascii();
        let whole = cut.is_none() && exchange.is_done() && !aborted;
        let Carried { pieces, as_known } = self.world.downloaded(&path, rest, &data.down, ascii, whole);
        let cite = match (as_known && whole, rest, ascii) {
            (false, ..) => None,
            (true, 0, true) => Some("959-3.1.1.1-ascii-retr-crlf"),
            (true, 0, false) => Some("959-4.1.3-retr-sends-copy"),
            (true, _, true) => None,
            (true, _, false) => Some("3659-5.3-rest-retr-offset"),
        };
        // Text in another form than it was sent in is no other text.
        if !as_known && !pieces.iter().any(|piece| matches!(piece, Piece::Native(_) | Piece::Lines { .. })) {
            self.say("# Not what must have been there:");
        }
        self.lines.push(Line::Receive { pieces, end: cut.is_none() && !aborted, cite });
        if let Some(how) = cut.filter(|_| !aborted) {
            self.say(if how == Ended::Reset { "cut data" } else { "close data" });
        }
        cut.is_some()
    }

    /// A listing; whether it was cut, and what must be in it.
    fn listing(&mut self, exchange: &Exchange, data: &Data) -> (bool, Option<String>) {
        // Options of LIST are no path.
        let argument = if exchange.argument.starts_with(b"-") { &[] } else { exchange.argument.as_slice() };
        let directory = self.path(argument);
        let names = self.world.listed(&directory, &listing::entries(&exchange.verb, &data.down.bytes));
        self.say("S>> listing end");
        let literal = |name: &Vec<u8>| print_text(&Text(vec![Place::Literal(name.clone())]));
        let named = exchange.is_done() && !names.is_empty();
        let named = named.then(|| format!("entries has {{ {} }}", names.iter().map(literal).collect::<Vec<_>>().join(", ")));
        (data.first_end.is_some_and(|(direction, _)| direction == Direction::Up) && named.is_none(), named)
    }
}

fn is_plain(exchange: &Exchange) -> bool {
    !exchange.is_transfer() && !exchange.opens() && !matches!(exchange.verb.as_str(), "USER" | "PASS" | "ABOR" | "AUTH" | "REST")
}

/// Digits, and nothing else.
fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// The path in quotes that PWD tells, RFC 959 appendix II: doubled quotes are one.
fn quoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut path = Vec::new();
    loop {
        let end = rest.iter().position(|byte| *byte == b'"')?;
        path.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(b"\"") {
            Some(more) => {
                path.push(b'"');
                rest = more;
            }
            None => return Some(path),
        }
    }
}
