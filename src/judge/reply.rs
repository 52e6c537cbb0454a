//! Which of the demanded replies came: sequences, optional replies, the end of the connection.

use crate::ftp::reply::Reply;
use crate::ftp::transcript::{Event, What};
use crate::scenario::model::{CodePattern, Expect, Sequence, SequenceItem};

/// What was heard on the control connection since the step began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard<'a> {
    /// A reply.
    Reply(&'a Reply),
    /// The server ended the connection.
    End,
    /// Neither came within the deadline, or something that makes waiting for more senseless.
    Nothing,
}

/// What is known after some replies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// More must come.
    More,
    /// What came fits, and more could come that fits as well: a probe tells.
    Open,
    /// It is decided.
    Done(Option<Fit>),
}

/// How the replies fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// Which alternative.
    pub alternative: usize,
    /// How many of what was heard belong to it.
    pub len: usize,
    /// Only the first digits fit, or the alternative is only tolerated.
    pub deviation: bool,
}

/// Which of an event list's entries are replies or stand in place of one.
#[must_use]
pub fn heard(events: &[Event]) -> Vec<Heard<'_>> {
    events
        .iter()
        .filter_map(|event| match &event.what {
            What::Reply(reply) => Some(Heard::Reply(reply)),
            What::ControlEnded { .. } => Some(Heard::End),
            What::Silence { .. } | What::Flood { .. } | What::SendFailed { .. } => Some(Heard::Nothing),
            What::Connected { .. }
            | What::ConnectFailed { .. }
            | What::Sent { .. }
            | What::ControlLeft(_)
            | What::DataConnected { .. }
            | What::DataFailed { .. }
            | What::DataSent { .. }
            | What::DataReceived(_)
            | What::DataEnded(_)
            | What::DataSilence { .. }
            | What::DataLeft(_)
            | What::Disk { .. }
            | What::Changes(_)
            | What::Called { .. }
            | What::Looked
            | What::Stalled(_)
            | What::Trouble(_) => None,
        })
        .collect()
}

/// Compares what was heard with the alternatives of some expectations (one for `S>`, one an arm for `match reply`).
///
/// `probed`: a probe was sent after the replies so far were open, so that a reply that does not fit is the probe's.
/// `lenient`: where no code fits, one of the same hundred does, as a deviation.
#[must_use]
pub fn decide<'e>(expects: impl Iterator<Item = &'e Expect> + Clone, heard: &[Heard<'_>], probed: bool, lenient: bool) -> Progress {
    let paths: Vec<Path<'e>> =
        expects.flat_map(|expect| expect.alternatives.iter()).enumerate().flat_map(|(index, sequence)| expand(index, sequence)).collect();
    let exact = survey(&paths, heard, Grade::Exact);
    if let Some(progress) = exact.progress(heard, probed) {
        return progress;
    }
    if lenient && let Some(progress) = survey(&paths, heard, Grade::Hundred).progress(heard, probed) {
        return progress;
    }
    Progress::Done(None)
}

/// One way through an alternative, its optional replies taken or not.
struct Path<'e> {
    alternative: usize,
    tolerated: bool,
    items: Vec<Item<'e>>,
}

enum Item<'e> {
    Codes(&'e [CodePattern]),
    End,
}

fn expand(alternative: usize, sequence: &Sequence) -> Vec<Path<'_>> {
    let mut ways: Vec<Vec<Item<'_>>> = vec![Vec::new()];
    for item in &sequence.items {
        match item {
            SequenceItem::Code(code) => ways.iter_mut().for_each(|way| way.push(Item::Codes(std::slice::from_ref(code)))),
            SequenceItem::End => ways.iter_mut().for_each(|way| way.push(Item::End)),
            SequenceItem::Optional(codes) => {
                let taken = ways.iter().map(|way| way.iter().map(Item::copy).chain([Item::Codes(codes)]).collect::<Vec<_>>());
                let taken: Vec<_> = taken.collect();
                ways.extend(taken);
            }
        }
    }
    ways.into_iter().map(|items| Path { alternative, tolerated: sequence.tolerated, items }).collect()
}

impl Item<'_> {
    fn copy(&self) -> Self {
        match self {
            Self::Codes(codes) => Self::Codes(codes),
            Self::End => Self::End,
        }
    }

    fn fits(&self, heard: &Heard<'_>, grade: Grade) -> bool {
        match (self, heard) {
            (Self::End, Heard::End) => true,
            (Self::Codes(codes), Heard::Reply(reply)) => codes.iter().any(|pattern| fits(*pattern, reply, grade)),
            (Self::End | Self::Codes(_), _) => false,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Grade {
    Exact,
    Hundred,
}

fn fits(pattern: CodePattern, reply: &Reply, grade: Grade) -> bool {
    match pattern {
        CodePattern::Exact(code) => reply.code == Some(code),
        CodePattern::Code(code) => {
            reply.code == Some(code) || (grade == Grade::Hundred && reply.code.map(|code| code / 100) == Some(code / 100))
        }
        CodePattern::Class(class) => reply.class() == Some(class),
    }
}

struct Survey {
    /// The best that is complete: longest, and not merely tolerated.
    complete: Option<Fit>,
    /// Something longer than what was heard may still fit.
    pending: bool,
    /// The longest complete one if the last that was heard is left out: it answered the probe.
    before_last: Option<Fit>,
}

fn survey(paths: &[Path<'_>], heard: &[Heard<'_>], grade: Grade) -> Survey {
    let mut found = Survey { complete: None, pending: false, before_last: None };
    for path in paths {
        let common = path.items.iter().zip(heard).take_while(|(item, heard)| item.fits(heard, grade)).count();
        let fit = Fit { alternative: path.alternative, len: path.items.len(), deviation: path.tolerated || grade == Grade::Hundred };
        let better = |known: Option<Fit>| known.is_none_or(|known| (fit.len, !fit.deviation) > (known.len, !known.deviation));
        if common == heard.len() && path.items.len() > common {
            found.pending = true;
        }
        if common == path.items.len() && common == heard.len() && better(found.complete) {
            found.complete = Some(fit);
        }
        if common == path.items.len() && common + 1 == heard.len() && better(found.before_last) {
            found.before_last = Some(fit);
        }
    }
    found
}

impl Survey {
    fn progress(&self, heard: &[Heard<'_>], probed: bool) -> Option<Progress> {
        if heard.last() == Some(&Heard::Nothing) || !self.pending && self.complete.is_none() {
            return if probed { self.before_last.map(|fit| Progress::Done(Some(fit))) } else { None };
        }
        Some(match (self.complete, self.pending) {
            (Some(_), true) if !probed => Progress::Open,
            (_, true) => Progress::More,
            (complete, false) => Progress::Done(complete),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16) -> Reply {
        Reply { code: Some(code), raw: format!("{code} x\r\n").into_bytes(), defects: Vec::new() }
    }

    /// `"426,226|~226,226|[150],425|=550|end"`; heard: codes, 0 for the end, 1 for silence.
    fn check(expect: &str, codes: &[u16], probed: bool, want: Progress) {
        let code = |text: &str| match text.strip_suffix("xx") {
            Some(class) => CodePattern::Class(class.parse().unwrap()),
            None => text
                .strip_prefix('=')
                .map_or_else(|| CodePattern::Code(text.parse().unwrap()), |text| CodePattern::Exact(text.parse().unwrap())),
        };
        let sequence = |text: &str| Sequence {
            tolerated: text.starts_with('~'),
            items: text
                .trim_start_matches('~')
                .split(',')
                .map(|item| match item.strip_prefix('[') {
                    Some(optional) => SequenceItem::Optional(optional.trim_end_matches(']').split('/').map(code).collect()),
                    None if item == "end" => SequenceItem::End,
                    None => SequenceItem::Code(code(item)),
                })
                .collect(),
        };
        let expect_value = Expect {
            alternatives: expect.split('|').map(sequence).collect(),
            text: None,
            with: vec![],
            without: vec![],
            wellformed: false,
            within: None,
        };
        let replies: Vec<Reply> = codes.iter().map(|code| reply(*code)).collect();
        let heard: Vec<Heard<'_>> = replies
            .iter()
            .map(|reply| match reply.code {
                Some(0) => Heard::End,
                Some(1) => Heard::Nothing,
                _ => Heard::Reply(reply),
            })
            .collect();
        assert_eq!(decide(std::iter::once(&expect_value), &heard, probed, true), want, "{expect} {codes:?}");
    }

    fn done(alternative: usize, len: usize, deviation: bool) -> Progress {
        Progress::Done(Some(Fit { alternative, len, deviation }))
    }

    #[test]
    fn one_reply() {
        check("226|250", &[], false, Progress::More);
        check("226|250", &[250], false, done(1, 1, false));
        check("226|250", &[200], false, done(0, 1, true));
        check("226|250", &[550], false, Progress::Done(None));
        check("=550", &[553], false, Progress::Done(None));
        check("550|~5xx", &[553], false, done(1, 1, true));
        check("5xx", &[502], false, done(0, 1, false));
        check("226", &[1], false, Progress::Done(None));
        check("226", &[0], false, Progress::Done(None));
        check("421|end", &[0], false, done(1, 1, false));
    }

    #[test]
    fn the_longest_sequence_that_fits_wins() {
        check("426,226|226,225|~226,226", &[426], false, Progress::More);
        check("426,226|226,225|~226,226", &[426, 226], false, done(0, 2, false));
        check("426,226|226,225|~226,226", &[226, 226], false, done(2, 2, true));
        check("426,226|226", &[226], false, done(1, 1, false));
        check("226|226,226", &[226], false, Progress::Open);
        check("226|226,226", &[226], true, Progress::More);
        check("226|226,226", &[226, 215], true, done(0, 1, false));
        check("226|226,226", &[226, 226], true, done(1, 2, false));
        check("421|421,end", &[421], false, Progress::Open);
        check("421|421,end", &[421, 0], true, done(1, 2, false));
        check("226|226,226", &[226, 1], true, done(0, 1, false));
    }

    #[test]
    fn optional_replies() {
        check("[150/125],425", &[125], false, Progress::More);
        check("[150/125],425", &[125, 425], false, done(0, 2, false));
        check("[150/125],425", &[425], false, done(0, 1, false));
        check("[150/125],425", &[125, 226], false, Progress::Done(None));
    }
}
