//! What the server can do, asked before anything is played: FEAT, and for commands that FEAT does not name a harmless probe.
//!
//! Decides `unsupported` and never more than that: what FEAT claims is taken as there, so that a claim that fails is a
//! failure of the case.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::ftp::fact::Entry;
use crate::ftp::reply::Reply;
use crate::play::Ground;
use crate::run::event::Capability;
use crate::target::{Account, Facilities};
use crate::wire::control::{ControlConnection, Received};
use crate::wire::stream::Connect;

/// What was found out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// The text of the greeting.
    pub banner: Option<String>,
    /// The lines of FEAT, trimmed.
    pub features: Vec<String>,
    /// Verbs that were probed, whether the server knows them, and what it answered.
    verbs: BTreeMap<String, (bool, String)>,
    /// `REST 0` was answered with 350.
    restarts: bool,
    /// The names of the facts that MLST of the root brings, in lower case.
    facts: BTreeSet<String>,
    /// Which of [`PROBES`] asks whether a session is in step; the first where none was asked.
    probe: usize,
}

/// What a need asks for.
enum Need<'n> {
    Letter(char),
    Disk,
    Accounts,
    Ipv6,
    RestStream,
    Tls,
    Fact(&'n str),
    Behaviour,
    /// It is there unless the profile says otherwise.
    Given,
    Verb(&'n str),
}

fn need(text: &str) -> Need<'_> {
    if let Some(letter) = text.strip_prefix("letter:") {
        return Need::Letter(letter.chars().next().unwrap_or(' '));
    }
    if let Some(fact) = text.strip_prefix("fact:") {
        return Need::Fact(fact);
    }
    match text {
        "disk" => Need::Disk,
        "quick refusals" | "resuming gigabytes" => Need::Given,
        "accounts" => Need::Accounts,
        "env:ipv6" => Need::Ipv6,
        "REST STREAM" => Need::RestStream,
        _ if text.starts_with("AUTH") || text == "TLS" => Need::Tls,
        _ if text.contains(':') => Need::Behaviour,
        verb => Need::Verb(verb),
    }
}

/// Verbs that must not be sent without what belongs to them: they would change something or wait for a data connection.
pub(super) const UNPROBED: [&str; 8] = ["STOU", "LIST", "RETR", "STOR", "QUIT", "REIN", "USER", "PASS"];

/// Those of them that are asked all the same where the server is ours: STOU may leave an empty file, and REIN ends the login that asks.
const ASKED_AT_HOME: [&str; 2] = ["STOU", "REIN"];

/// Verbs of transfers that not every server knows. They are asked about what is not there, without a data connection, and in a
/// session that is then left: whatever comes of that.
const OF_TRANSFERS: [&str; 3] = ["NLST", "MLSD", "APPE"];

/// What asks whether a session is in step: the first of them that the server knows. RFC 1123 section 4.1.2.13 demands them all,
/// but a server without NOOP shall be accused of that once, and not wherever a session is looked at.
const PROBES: [&str; 3] = ["NOOP", "SYST", "PWD"];

/// What stands for the answer where there is none.
pub(super) const NO_REPLY: &str = "no reply";

/// A path that is nowhere, nor is its directory.
pub(super) const NOWHERE: &str = "no-such-directory/nothing";

/// The line that asks for a need of the kind that is named after a verb.
fn question(verb: &str) -> &str {
    match verb {
        "STAT path" => "STAT no-such-directory/nothing",
        "STAT without l" => "STAT",
        verb => verb,
    }
}

/// A line with this verb that is well formed and does nothing: a server by yacc answers a wrong argument as if it did not know
/// the verb.
pub(super) fn harmless(verb: &str) -> String {
    let argument = match verb {
        "ALLO" | "PBSZ" | "REST" => "0",
        "AUTH" => "TLS",
        "EPRT" => "|1|127.0.0.1|50001|",
        "MFMT" => "20200101000000 no-such-directory/nothing",
        "MODE" => "S",
        "OPTS" => "UTF8 ON",
        "PORT" => "127,0,0,1,200,1",
        "PROT" => "C",
        "SITE" => "HELP",
        "SITE CHMOD" => "644 no-such-directory/nothing",
        "STRU" => "F",
        "TYPE" => "I",
        _ => NOWHERE,
    };
    format!("{verb} {argument}")
}

impl Capabilities {
    /// Asks a server, ours or somebody's, what the needs of some cases come down to.
    pub(super) async fn ask(ground: &Ground, account: &Account, needs: &BTreeSet<&str>, deadline: Duration, ours: bool) -> Self {
        let mut found = Self::default();
        let (disk, root) = (std::sync::Arc::clone(&ground.disk), account.root.clone());
        let laid = tokio::task::spawn_blocking(move || disk.lay(&root, &[])).await;
        if !matches!(laid, Ok(Ok(()))) {
            return found;
        }
        let mut asker = Asker::new(ground, account, deadline);
        found.features = asker.features().await;
        found.probe = asker.in_step().await;
        for text in needs {
            match need(text) {
                Need::RestStream => found.restarts = asker.ask("REST 0").await.is_some_and(|reply| reply.code == Some(350)),
                Need::Verb(verb) => {
                    let first = verb.split(' ').next().unwrap_or(verb).to_ascii_uppercase();
                    let spared = UNPROBED.contains(&first.as_str()) && !(ours && ASKED_AT_HOME.contains(&first.as_str()));
                    if !spared {
                        found.verbs.insert((*verb).to_owned(), asker.probe(verb).await);
                    }
                }
                Need::Fact(_) if found.facts.is_empty() => {
                    let reply = asker.ask("MLST").await;
                    let lines = reply.iter().flat_map(Reply::lines).filter_map(|line| Entry::parse(line.trim_ascii_start()));
                    found.facts = lines.flat_map(|entry| entry.facts).map(|(name, _)| name.to_ascii_lowercase()).collect();
                }
                Need::Letter(_) | Need::Disk | Need::Accounts | Need::Ipv6 | Need::Tls | Need::Fact(_) | Need::Behaviour | Need::Given => {}
            }
        }
        found.banner = asker.banner.take();
        drop(asker);
        let (disk, root) = (std::sync::Arc::clone(&ground.disk), account.root.clone());
        // What cannot be removed now goes with the server's directory at its stop.
        let _ = tokio::task::spawn_blocking(move || disk.remove(&root)).await;
        found
    }

    /// The command that asks whether a session is in step.
    pub(super) fn probe(&self) -> &'static str {
        PROBES[self.probe]
    }

    /// Whether FEAT names it, RFC 2389 section 3.2.
    fn claims(&self, feature: &str) -> bool {
        // MLST stands for MLSD too, RFC 3659 section 7.8.
        let feature = if feature.eq_ignore_ascii_case("MLSD") { "MLST" } else { feature };
        self.features.iter().any(|line| {
            let head = line.get(..feature.len()).is_some_and(|head| head.eq_ignore_ascii_case(feature));
            head && matches!(line.as_bytes().get(feature.len()), None | Some(b' ' | b';'))
        })
    }

    /// What it claims and what it does, as far as it was asked: first the lines of FEAT, then the verbs that FEAT does not name.
    #[must_use]
    pub fn told(&self) -> Vec<Capability> {
        // The first and the last line frame the list, RFC 2389 section 3.2.
        let features = self.features.get(1..self.features.len().saturating_sub(1)).unwrap_or_default();
        let name = |line: &str| line.split([' ', ';']).next().unwrap_or(line).to_ascii_uppercase();
        let asked = |name: &str| self.verbs.iter().find(|(verb, _)| verb.eq_ignore_ascii_case(name)).map(|(_, (known, _))| *known);
        let claimed = features.iter().map(|line| {
            let name = name(line);
            Capability { claimed: true, seen: asked(&name), said: line.clone(), name }
        });
        let named = |verb: &str| features.iter().any(|line| name(line).eq_ignore_ascii_case(verb));
        let others = self.verbs.iter().filter(|(verb, _)| !named(verb)).map(|(verb, (known, answer))| Capability {
            name: verb.clone(),
            claimed: self.claims(verb),
            seen: Some(*known),
            said: answer.clone(),
        });
        claimed.chain(others).collect()
    }

    /// Whether FEAT names a fact (RFC 3659 section 7.8), or MLST of the root brought it.
    fn tells(&self, fact: &str) -> bool {
        let listed =
            self.features.iter().filter_map(|line| line.get(..4).filter(|verb| verb.eq_ignore_ascii_case("MLST")).map(|_| &line[4..]));
        let mut listed = listed.flat_map(|facts| facts.split(';'));
        listed.any(|name| name.trim().trim_end_matches('*').eq_ignore_ascii_case(fact)) || self.facts.contains(&fact.to_ascii_lowercase())
    }

    /// Why a case cannot be played, if it cannot.
    pub(super) fn lacks(&self, needs: &[String], facilities: &Facilities, ipv6: bool) -> Option<String> {
        needs.iter().find_map(|text| {
            if let Some(reason) = facilities.lacks.get(text) {
                return Some(reason.clone());
            }
            let met = match need(text) {
                Need::Letter(letter) => facilities.letters.iter().any(|known| known.char() == letter),
                Need::Disk => facilities.disk,
                Need::Accounts => facilities.accounts,
                Need::Ipv6 => ipv6,
                Need::Given => true,
                Need::RestStream => self.claims(text) || self.restarts,
                Need::Tls => return Some(format!("needs {text}: this version of ftpspec does not speak TLS")),
                Need::Behaviour => return Some(format!("needs {text}, which this version of ftpspec cannot find out")),
                Need::Fact(fact) => self.tells(fact),
                Need::Verb(verb) => self.claims(verb) || self.verbs.get(verb).is_none_or(|(known, _)| *known),
            };
            let reason = match need(text) {
                Need::Letter(letter) => format!("this server cannot be told to lack the letter {letter}"),
                Need::Disk => "the server's files cannot be seen".to_owned(),
                Need::Accounts => "this server cannot be given accounts".to_owned(),
                Need::Ipv6 => "the server does not listen on ::1".to_owned(),
                Need::RestStream => "FEAT does not name REST STREAM, and REST 0 is not answered with 350".to_owned(),
                Need::Verb(verb) => format!("the server does not know {verb}: FEAT does not name it, and it is answered with 500 or 502"),
                Need::Fact(fact) => format!("neither FEAT nor MLST tells the fact {fact}"),
                Need::Tls | Need::Behaviour | Need::Given => String::new(),
            };
            (!met).then_some(reason)
        })
    }
}

/// A session for probes, opened again where the server ends it.
pub(super) struct Asker<'a> {
    ground: &'a Ground,
    account: &'a Account,
    deadline: Duration,
    control: Option<ControlConnection>,
    pub(super) banner: Option<String>,
    /// Questions that were not answered.
    mute: usize,
}

/// A server that leaves so many questions open, or does not even greet, is not asked any more.
const MUTE_MAX: usize = 3;

impl<'a> Asker<'a> {
    pub(super) fn new(ground: &'a Ground, account: &'a Account, deadline: Duration) -> Self {
        Self { ground, account, deadline, control: None, banner: None, mute: 0 }
    }

    /// A question that ends the session is asked once more, in a fresh one: it may be the one before that ended it.
    pub(super) async fn ask(&mut self, line: &str) -> Option<Reply> {
        for _ in 0..2 {
            if self.mute == MUTE_MAX {
                return None;
            }
            if self.control.as_ref().is_none_or(ControlConnection::is_ended) {
                self.control = None;
                if self.open().await.is_none() {
                    self.mute = MUTE_MAX;
                    return None;
                }
            }
            match self.say(line).await {
                Some(Received::Reply(reply)) => return Some(reply),
                Some(Received::Ended { .. }) | None => self.control = None,
                Some(Received::Silence { .. } | Received::Flood { .. }) => {
                    self.control = None;
                    self.mute += 1;
                    return None;
                }
            }
        }
        None
    }

    /// The first of [`PROBES`] that is answered 2xx, where those before it are unknown; else the first of all.
    async fn in_step(&mut self) -> usize {
        for (place, verb) in PROBES.iter().enumerate() {
            match self.ask(verb).await {
                Some(reply) if reply.class() == Some(2) => return place,
                Some(reply) if matches!(reply.code, Some(500 | 502)) => {}
                Some(_) | None => break,
            }
        }
        0
    }

    /// The lines of FEAT, trimmed; the first and the last frame the list, RFC 2389 section 3.2. None where there is no list.
    pub(super) async fn features(&mut self) -> Vec<String> {
        let Some(reply) = self.ask("FEAT").await else { return Vec::new() };
        let lines: Vec<String> = reply.lines().iter().map(|line| String::from_utf8_lossy(line).trim().to_owned()).collect();
        if reply.class() == Some(2) && lines.len() >= 2 { lines } else { Vec::new() }
    }

    /// Whether the server knows a verb, and what it said to the last question: the verb alone first, then a line that does nothing.
    pub(super) async fn probe(&mut self, verb: &str) -> (bool, String) {
        let first = verb.split(' ').next().unwrap_or(verb).to_ascii_uppercase();
        if !OF_TRANSFERS.contains(&first.as_str()) {
            let alone = self.knows(question(verb)).await;
            if alone.0 {
                return alone;
            }
        }
        self.knows(&harmless(verb)).await
    }

    /// Whether a line is not answered as one that nobody knows. No reply at all is nothing that the case should be spared. The
    /// next question is for a new session: this one may have begun something, or stumble over its own last words.
    pub(super) async fn knows(&mut self, line: &str) -> (bool, String) {
        let reply = self.ask(line).await;
        self.control = None;
        match reply {
            None => (true, NO_REPLY.to_owned()),
            Some(reply) => {
                let known = !matches!(reply.code, Some(500 | 502));
                (known, String::from_utf8_lossy(reply.raw.trim_ascii_end()).into_owned())
            }
        }
    }

    async fn open(&mut self) -> Option<()> {
        let Ok(Connect::Open(mut control)) = ControlConnection::connect(self.ground.address, self.deadline).await else { return None };
        let Received::Reply(greeting) = control.read_reply(self.deadline).await else { return None };
        self.banner = Some(String::from_utf8_lossy(greeting.text()).into_owned());
        self.control = Some(control);
        let Received::Reply(user) = self.say(&format!("USER {}", self.account.name)).await? else { return None };
        if user.code == Some(331) {
            let Received::Reply(_) = self.say(&format!("PASS {}", self.account.password.reveal())).await? else { return None };
        }
        if !self.account.directory.is_empty() {
            let Received::Reply(_) = self.say(&format!("CWD {}", String::from_utf8_lossy(&self.account.directory))).await? else {
                return None;
            };
        }
        Some(())
    }

    async fn say(&mut self, line: &str) -> Option<Received> {
        let control = self.control.as_mut()?;
        control.send(format!("{line}\r\n").as_bytes(), self.deadline).await;
        Some(control.read_reply(self.deadline).await)
    }
}
