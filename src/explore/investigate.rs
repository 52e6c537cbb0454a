//! What becomes of a failure: played again, shrunk, written, and the file proved.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;

use super::compare::{Divergence, Kind};
use super::draft::Fixed;
use super::event::{Finding, Proof};
use super::known::{Known, Mark};
use super::operation::{Operation, SESSIONS};
use super::player::{Cast, Ground, Manner, Played, play};
use super::shrink::{Trial, shrink};
use super::strategy::Topic;
use super::write::{About, write};
use crate::ftp::letter::Letters;
use crate::judge::verdict::{Outcome, Verdict};
use crate::requirement::Catalogue;
use crate::run::plan::Plan;
use crate::run::suite::Suite;
use crate::run::{self, Options};
use crate::scenario::model::Way;
use crate::target::Target;
use crate::target::reference::Reference;

/// A failure is played so often before it is believed.
const AGAIN: u32 = 3;
/// So many candidates are played in a shrinking.
const MOST: usize = 1500;
/// A shrinking takes so long at most.
const LONGEST: Duration = Duration::from_secs(25);
/// Where silence is the failure, a reply may take so long while it is shrunk.
const SHORT: Duration = Duration::from_millis(600);

/// While it is shrunk, what is wrong on disk must stay so for this long.
const SETTLED: Duration = Duration::from_millis(25);

/// How long to wait for a reply, and for the disk.
#[derive(Clone, Copy)]
struct Patience {
    deadline: Duration,
    stable: Duration,
}

/// A case that failed.
pub(super) struct Suspect {
    pub(super) case: u64,
    pub(super) topic: Topic,
    pub(super) cast: Cast,
    pub(super) operations: Vec<Operation>,
    pub(super) divergence: Divergence,
    /// Since the server ran.
    pub(super) after: Duration,
}

/// A finding, and the way that leads to it.
pub(super) struct Investigated {
    pub(super) finding: Finding,
    pub(super) way: Vec<Mark>,
}

struct Lab<'a> {
    ground: &'a Ground,
    nothing: Known,
    kind: Kind,
    played: u32,
    /// Where it failed in another way.
    other: Option<Divergence>,
}

impl Lab<'_> {
    async fn play(&mut self, cast: &Cast, operations: &[Operation], patience: Patience) -> Played {
        self.played += 1;
        let Patience { deadline, stable } = patience;
        let ground = Ground { deadline, stable, ..self.ground.clone() };
        let manner = Manner { thorough: true, known: &self.nothing, coverage: None };
        play(&ground, cast, &mut Fixed(operations.iter()), manner).await
    }

    /// Whether it fails in the same way, in one of so many times.
    async fn fails(&mut self, cast: &Cast, operations: &[Operation], times: u32, patience: Patience) -> bool {
        for _ in 0..times {
            if self.play(cast, operations, patience).await.divergence.is_some_and(|divergence| divergence.kind == self.kind) {
                return true;
            }
        }
        false
    }

    /// So many times; how often it failed, and the last time that it did.
    async fn rate(&mut self, cast: &Cast, operations: &[Operation], times: u32) -> (u32, Option<Played>) {
        let (mut failed, mut last) = (0, None);
        for _ in 0..times {
            let patience = Patience { deadline: self.ground.deadline, stable: self.ground.stable };
            let played = self.play(cast, operations, patience).await;
            match &played.divergence {
                Some(divergence) if divergence.kind == self.kind => {
                    failed += 1;
                    last = Some(played);
                }
                Some(divergence) => self.other = Some(divergence.clone()),
                None => {}
            }
        }
        (failed, last)
    }
}

/// Candidates of a shrinking, up to a time.
struct Trials<'l, 'g> {
    lab: &'l mut Lab<'g>,
    cast: &'l Cast,
    times: u32,
    patience: Patience,
    end: Instant,
}

impl Trial for Trials<'_, '_> {
    fn fails<'a>(&'a mut self, candidate: &'a [Operation]) -> BoxFuture<'a, bool> {
        Box::pin(async { Instant::now() < self.end && self.lab.fails(self.cast, candidate, self.times, self.patience).await })
    }
}

/// Looks into a failure.
pub(super) async fn investigate(target: &Arc<dyn Target>, ground: &Ground, mut suspect: Suspect, seed: u64) -> Investigated {
    let began = Instant::now();
    let mut lab = Lab { ground, nothing: Known::default(), kind: suspect.divergence.kind, played: 0, other: None };
    let (mut failed, _) = lab.rate(&suspect.cast, &suspect.operations, AGAIN).await;
    if let Some(cause) = lab.other.take().filter(|_| failed == 0) {
        // Where everything is looked at after each step, the cause shows before what it led to.
        lab.kind = cause.kind;
        suspect.divergence = cause;
        (failed, _) = lab.rate(&suspect.cast, &suspect.operations, AGAIN).await;
    }
    if failed == 0 {
        return fleeting(suspect, lab.played);
    }
    let times = if failed == AGAIN { 1 } else { AGAIN + 1 };
    let deadline = if lab.kind == Kind::Silence { SHORT.min(ground.deadline) } else { ground.deadline };
    let patience = Patience { deadline, stable: SETTLED };
    let cast = simpler_cast(&mut lab, &suspect, times, patience).await;
    let mut trials = Trials { lab: &mut lab, cast: &cast, times, patience, end: began + LONGEST };
    let shrunk = shrink(suspect.operations.clone(), MOST, &mut trials).await;
    let cast = simpler_cast(&mut lab, &Suspect { cast, operations: shrunk.clone(), ..suspect.again() }, times, patience).await;
    let again = if failed == AGAIN { AGAIN } else { 3 * AGAIN };
    let (failed, last) = lab.rate(&cast, &shrunk, again).await;
    let Some(last) = last else { return fleeting(suspect, lab.played) };
    let Some(divergence) = last.divergence.clone() else { return fleeting(suspect, lab.played) };
    let (scenario, proof) = prove(target, ground, &last, &cast, &divergence, &suspect, seed).await;
    let way = last.records.iter().map(|record| record.mark).collect();
    let steps = last.records.into_iter().map(|record| record.operation).collect();
    let Suspect { case, topic, after, .. } = suspect;
    let finding = Finding { divergence, steps, case, topic, after, rate: (failed, again), played: lab.played, scenario, proof };
    Investigated { finding, way }
}

impl Suspect {
    fn again(&self) -> Self {
        Self {
            case: self.case,
            topic: self.topic,
            cast: self.cast.clone(),
            operations: Vec::new(),
            divergence: self.divergence.clone(),
            after: self.after,
        }
    }
}

/// It came, and does not come again.
fn fleeting(suspect: Suspect, played: u32) -> Investigated {
    let finding = Finding {
        divergence: suspect.divergence,
        steps: suspect.operations,
        case: suspect.case,
        topic: suspect.topic,
        after: suspect.after,
        rate: (0, played),
        played,
        scenario: None,
        proof: Proof::Fleeting,
    };
    Investigated { finding, way: Vec::new() }
}

/// With fewer restrictions, and by PASV, where it fails so too.
async fn simpler_cast(lab: &mut Lab<'_>, suspect: &Suspect, times: u32, patience: Patience) -> Cast {
    let mut cast = suspect.cast.clone();
    for session in 0..SESSIONS {
        let mut simpler = cast.clone();
        simpler.letters[session] = Letters::ALL;
        if simpler != cast && lab.fails(&simpler, &suspect.operations, times, patience).await {
            cast = simpler;
        }
    }
    let simpler = Cast { way: Way::Pasv, ..cast.clone() };
    if simpler != cast && lab.fails(&simpler, &suspect.operations, times, patience).await {
        cast = simpler;
    }
    cast
}

/// Writes the scenario, and plays it on the server and on the reference.
async fn prove(
    target: &Arc<dyn Target>,
    ground: &Ground,
    last: &Played,
    cast: &Cast,
    divergence: &Divergence,
    suspect: &Suspect,
    seed: u64,
) -> (Option<String>, Proof) {
    let requirement = Catalogue::built_in().find(divergence.cites);
    let title = requirement.map_or_else(|| divergence.cites.to_owned(), |requirement| requirement.statement.clone());
    let told = last.records.last().map(|record| record.operation.to_string()).unwrap_or_default();
    let about = About {
        id: format!("explore-{}", suspect.case),
        title,
        comment: vec![
            format!("Found by ftpspec explore --seed {seed}, case {}, on {}.", suspect.case, target.name()),
            format!("Wrong: {}", divergence.told),
            format!("at the last step, {told}"),
        ],
        divergence,
    };
    let text = match write(&last.records, cast, &ground.able, &about) {
        Ok(text) => text,
        Err(diagnostics) => {
            let told = diagnostics.first().map(|diagnostic| diagnostic.message.clone()).unwrap_or_default();
            return (None, Proof::NotReproduced(format!("no scenario could be written: {told}")));
        }
    };
    let reference: Arc<dyn Target> = Arc::new(Reference::default());
    let proof = match (ends(&reference, &about.id, &text, 1).await, ends(target, &about.id, &text, AGAIN).await) {
        (Ok(there), Ok(here)) => weigh(&there, &here, divergence.cites),
        (Err(told), _) | (Ok(_), Err(told)) => Proof::NotReproduced(told),
    };
    (Some(text), proof)
}

/// What a file is worth that ends so on the reference and so on the server: it must fail by the requirement that it was written for.
fn weigh(reference: &Outcome, server: &Outcome, cites: &str) -> Proof {
    let shows_it =
        server.findings.iter().any(|finding| finding.verdict == server.verdict && finding.requirements.iter().any(|id| id == cites));
    match (reference.verdict, server.verdict) {
        (Verdict::Fail, _) => Proof::NotBelieved("on the reference the file fails too".to_owned()),
        (Verdict::Pass | Verdict::Info, Verdict::Fail) if shows_it => Proof::Shown,
        (Verdict::Pass | Verdict::Info, Verdict::Deviation) if shows_it => Proof::Deviation,
        (Verdict::Pass | Verdict::Info, Verdict::Fail) => {
            let other = server.gravest().and_then(|finding| finding.requirements.first()).map_or("none", String::as_str);
            Proof::NotReproduced(format!("played, the file fails by {other}, and not by {cites}"))
        }
        (Verdict::Pass | Verdict::Info, other) => Proof::NotReproduced(format!("played, the file ends as {}", other.word())),
        (other, _) => Proof::NotReproduced(format!("on the reference the file ends as {}", other.word())),
    }
}

/// How a scenario ends on a target: the first time that it fails, else the last time.
async fn ends(target: &Arc<dyn Target>, id: &str, text: &str, times: u32) -> Result<Outcome, String> {
    let suite = Suite::of_texts([(id, text)]).map_err(|error| error.to_string())?;
    let mut last = Err("it was not played".to_owned());
    for _ in 0..times {
        let plan = Plan::new(suite.cases().cloned().collect(), true);
        let (reports, summary) = run::collect(Arc::clone(target), plan, Options { jobs: 1, ..Options::default() }).await;
        last = match (reports.into_iter().next(), summary.not_started) {
            (Some(report), None) => Ok(report.outcome),
            (_, told) => Err(told.unwrap_or_else(|| "it was not played".to_owned())),
        };
        if last.as_ref().is_ok_and(|outcome| outcome.verdict == Verdict::Fail) {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::verdict::{Facet, Finding as Judged};
    use crate::scenario::model::Span;

    fn outcome(verdict: Verdict, cited: &[&str]) -> Outcome {
        let finding = |id: &&str| Judged {
            facet: Facet::Reply,
            verdict,
            step: 0,
            span: Span::default(),
            requirements: vec![(*id).to_owned()],
            expected: String::new(),
            seen: String::new(),
            events: 0,
        };
        Outcome { verdict, findings: cited.iter().map(finding).collect() }
    }

    #[test]
    fn a_file_is_believed_where_it_fails_for_what_it_says_and_only_on_the_server() {
        let pass = outcome(Verdict::Pass, &[]);
        let check = |there: &Outcome, here: &Outcome, expect: &str| {
            let told = match weigh(there, here, "x") {
                Proof::Shown => "shown".to_owned(),
                Proof::Deviation => "deviation".to_owned(),
                Proof::Fleeting => "fleeting".to_owned(),
                Proof::NotReproduced(told) | Proof::NotBelieved(told) => told,
            };
            assert_eq!(told, expect);
        };
        check(&pass, &outcome(Verdict::Fail, &["y", "x"]), "shown");
        check(&pass, &outcome(Verdict::Fail, &["y"]), "played, the file fails by y, and not by x");
        check(&pass, &outcome(Verdict::Deviation, &["x"]), "deviation");
        check(&pass, &outcome(Verdict::Deviation, &["y"]), "played, the file ends as deviation");
        check(&pass, &pass, "played, the file ends as pass");
        check(&outcome(Verdict::Fail, &["x"]), &outcome(Verdict::Fail, &["x"]), "on the reference the file fails too");
        check(&outcome(Verdict::Inconclusive, &[]), &pass, "on the reference the file ends as inconclusive");
    }
}
