//! Commands and their replies, put together.

use std::collections::VecDeque;

use super::capture::{Heard, Recording};
use crate::fault::Direction;
use crate::fault::tap::Ended;
use crate::ftp::command::Command;
use crate::ftp::reply::Reply;

/// A command and what came of it.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) line: Vec<u8>,
    /// In upper case.
    pub(super) verb: String,
    /// What stands behind the verb; empty where nothing does.
    pub(super) argument: Vec<u8>,
    /// Telnet's bytes stood before it.
    pub(super) telnet: bool,
    pub(super) preliminary: Option<Reply>,
    pub(super) last: Option<Reply>,
    /// It was sent while the one before it waited for its last reply.
    pub(super) early: bool,
    /// The data connection that it used or opened.
    pub(super) data: Option<usize>,
}

/// What happens in a session.
#[derive(Debug, Clone)]
pub(super) enum Turn {
    Exchange(Exchange),
    /// A reply that nobody asked for: the greeting, 421.
    Said(Reply),
    /// The control connection ended.
    Over(Direction, Ended),
}

/// Commands that move data.
const TRANSFERS: [&str; 7] = ["RETR", "STOR", "STOU", "APPE", "LIST", "NLST", "MLSD"];
/// Commands that ask for a data connection.
const OPENINGS: [&str; 4] = ["PASV", "EPSV", "PORT", "EPRT"];

impl Exchange {
    pub(super) fn is_transfer(&self) -> bool {
        TRANSFERS.contains(&self.verb.as_str())
    }

    /// Whether it asked for a data connection, and was told yes.
    pub(super) fn opens(&self) -> bool {
        OPENINGS.contains(&self.verb.as_str()) && self.is_done()
    }

    pub(super) fn code(&self) -> Option<u16> {
        self.last.as_ref().and_then(|reply| reply.code)
    }

    /// Whether it ended with 2xx.
    pub(super) fn is_done(&self) -> bool {
        self.last.as_ref().and_then(Reply::class) == Some(2)
    }

    fn new(line: &[u8], telnet: bool, early: bool) -> Self {
        let Command { verb, argument } = Command::parse(line);
        Self {
            line: line.to_vec(),
            verb: String::from_utf8_lossy(&verb).into_owned(),
            argument: argument.unwrap_or_default(),
            telnet,
            preliminary: None,
            last: None,
            early,
            data: None,
        }
    }
}

/// What happened in a session, each with its place in the order of time.
pub(super) fn turns(recording: &Recording, session: usize) -> Vec<(usize, Turn)> {
    let mut turns: Vec<(usize, Turn)> = Vec::new();
    // The places in `turns` of commands that wait for replies.
    let mut waiting: VecDeque<usize> = VecDeque::new();
    let mut opened: Vec<(usize, usize)> = Vec::new();
    let mut over = false;
    for (at, (_, heard)) in recording.events.iter().enumerate().filter(|(_, (own, _))| *own == session) {
        match heard {
            Heard::Command { line, telnet } => {
                waiting.push_back(turns.len());
                let early = waiting.len() > 1;
                turns.push((at, Turn::Exchange(Exchange::new(line, *telnet, early))));
            }
            Heard::Reply(reply) => match waiting.front() {
                Some(place) => {
                    let Turn::Exchange(exchange) = &mut turns[*place].1 else { continue };
                    if reply.is_preliminary() {
                        exchange.preliminary.get_or_insert_with(|| reply.clone());
                    } else {
                        exchange.last = Some(reply.clone());
                        waiting.pop_front();
                    }
                }
                None => turns.push((at, Turn::Said(reply.clone()))),
            },
            Heard::Opened(data) => opened.push((at, *data)),
            Heard::Over(direction, how) if !over => {
                over = true;
                turns.push((at, Turn::Over(*direction, *how)));
            }
            Heard::Over(..) => {}
        }
    }
    connect(&mut turns, &opened);
    turns
}

/// Gives each transfer and each opening its data connection: the first that opened behind the opening, and before the next one.
fn connect(turns: &mut [(usize, Turn)], opened: &[(usize, usize)]) {
    let openings: Vec<usize> = turns
        .iter()
        .enumerate()
        .filter_map(|(place, (_, turn))| matches!(turn, Turn::Exchange(exchange) if exchange.opens()).then_some(place))
        .collect();
    for (index, place) in openings.iter().enumerate() {
        let next = openings.get(index + 1).copied().unwrap_or(turns.len());
        let (from, to) = (turns[*place].0, turns.get(next).map_or(usize::MAX, |(at, _)| *at));
        let data = opened.iter().find(|(at, _)| *at > from && *at < to).map(|(_, data)| *data);
        let Turn::Exchange(exchange) = &mut turns[*place].1 else { continue };
        exchange.data = data;
        let user = turns[*place..next].iter_mut().find_map(|(_, turn)| match turn {
            Turn::Exchange(exchange) if exchange.is_transfer() && exchange.preliminary.is_some() => Some(exchange),
            Turn::Exchange(_) | Turn::Said(_) | Turn::Over(..) => None,
        });
        if let Some(user) = user {
            user.data = data;
        }
    }
}
