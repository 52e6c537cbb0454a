//! The session itself: whether it opens, logs in, gets a data connection, and is alive.

use super::reply::{self, Heard};
use super::verdict::Facet;
use super::{Flow, Judge, Verdictless, describe};
use crate::ftp::transcript::{Event, What};
use crate::scenario::model::{Caller, Step};

impl Judge<'_> {
    /// Steps that only need the connection to be there.
    pub(super) fn connected(&mut self, step: &Step, events: &[Event]) -> Flow {
        let failed = events.iter().find_map(|event| match &event.what {
            What::ConnectFailed { reason } => Some(format!("no connection: {reason}")),
            What::DataFailed { reason } => Some(format!("no data connection: {reason}")),
            What::SendFailed { reason } => Some(format!("could not be sent: {reason}")),
            _ => None,
        });
        if let Some(seen) = failed {
            let cites = self.at_stake(step);
            let verdict = self.broken(&cites);
            let found =
                Verdictless { facet: Facet::Liveness, verdict, expected: "a connection".into(), seen, cites: &cites, span: step.span };
            self.write(step.id, found);
            return Flow::Stop;
        }
        let greeting = reply::heard(events);
        match greeting.first() {
            None => Flow::Go,
            Some(Heard::Reply(reply)) if reply.code == Some(220) => Flow::Go,
            Some(_) => {
                let verdict = self.broken(&step.cites);
                self.find(step, Facet::Reply, verdict, "220", describe::all(&greeting));
                Flow::Stop
            }
        }
    }

    /// A step that stands for some commands of the harness's own, the last of which must be answered like this.
    pub(super) fn sequence(&mut self, step: &Step, events: &[Event], facet: Facet, expected: &str, good: impl Fn(u16) -> bool) -> Flow {
        if events.iter().any(|event| matches!(event.what, What::ConnectFailed { .. } | What::SendFailed { .. })) {
            return self.connected(step, events);
        }
        let heard = reply::heard(events);
        match heard.last() {
            Some(Heard::Reply(reply)) if reply.code.is_some_and(&good) => Flow::Go,
            last => {
                let facet = if matches!(last, Some(Heard::Reply(_))) { facet } else { Facet::Liveness };
                self.unheard(step, facet, expected.to_owned(), &heard)
            }
        }
    }

    /// USER and PASS; and where the login does not lead to the account's root, CWD to it.
    pub(super) fn login(&mut self, step: &Step, events: &[Event]) -> Flow {
        let entering = events.iter().position(|event| matches!(&event.what, What::Sent { bytes } if bytes.starts_with(b"CWD ")));
        let (login, entering) = events.split_at(entering.unwrap_or(events.len()));
        match self.sequence(step, login, Facet::Reply, "230", |code| code == 230 || code == 202) {
            Flow::Go if !entering.is_empty() => self.sequence(step, entering, Facet::Reply, "250", |code| matches!(code, 200 | 250)),
            flow => flow,
        }
    }

    pub(super) fn data(&mut self, step: &Step, caller: Caller, events: &[Event]) -> Flow {
        if let Some(reason) =
            events.iter().find_map(|event| if let What::DataFailed { reason } = &event.what { Some(reason.clone()) } else { None })
        {
            let verdict = self.broken(&step.cites);
            self.find(step, Facet::Effect, verdict, if caller == Caller::Nobody { "an address" } else { "a data connection" }, reason);
            return Flow::Stop;
        }
        self.sequence(step, events, Facet::Reply, "227, 229 or 200", |code| matches!(code, 227 | 229 | 200))
    }

    pub(super) fn alive(&mut self, step: &Step, events: &[Event]) -> Flow {
        let heard = reply::heard(events);
        let in_step = heard.len() == 1 && matches!(heard[0], Heard::Reply(reply) if reply.class() == Some(2));
        // A second one was sent because the first got another 2xx than 200: in step if both got the same.
        let same = matches!(heard.as_slice(), [Heard::Reply(first), Heard::Reply(second)] if first.class() == Some(2) && first.code == second.code);
        if in_step || same {
            return Flow::Go;
        }
        let asked =
            events.iter().find_map(|event| if let What::Sent { bytes } = &event.what { Some(bytes.trim_ascii_end()) } else { None });
        let asked = String::from_utf8_lossy(asked.unwrap_or(b"NOOP"));
        let cites = self.at_stake(step);
        let verdict = self.broken(&cites);
        let found = Verdictless {
            facet: Facet::Liveness,
            verdict,
            expected: format!("2xx to {asked}, and nothing before it"),
            seen: describe::all(&heard),
            cites: &cites,
            span: step.span,
        };
        self.write(step.id, found);
        Flow::Stop
    }
}
