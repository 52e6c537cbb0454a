//! A hand-made run, for the golden tests of all reports: one case of each kind that a report tells apart.

use std::sync::Arc;
use std::time::Duration;

use super::{Report, Sink};
use crate::ftp::content::Content;
use crate::ftp::observe::Observer;
use crate::ftp::reply::ReplyParser;
use crate::ftp::transcript::{self, DiskState, End, Leave, Observed, Transcript, What};
use crate::judge::baseline::{Comparison, Remark};
use crate::judge::verdict::{Facet, Finding, Outcome, Verdict};
use crate::run::event::{Capability, CaseReport, Event, Summary, TargetInfo};
use crate::run::partition::Selected;
use crate::scenario::model::{Action, Case, Settings, Source, Span, Stage, Step, StepKind};

/// A case of this text; each line of the body is a step, `control` starts a control.
fn case(id: &str, title: &str, body: &str) -> Arc<Case> {
    let text = format!("+++\ntitle = \"{title}\"\n+++\n\n{body}");
    let body_at = text.len() - body.len();
    let mut stages = vec![Stage { control: false, steps: Vec::new() }];
    let mut at = body_at;
    let mut number = 0;
    for line in body.split_inclusive('\n') {
        let said = line.trim();
        if said == "control" {
            stages.push(Stage { control: true, steps: Vec::new() });
        } else if !said.is_empty() {
            let cites = said.rsplit_once('[').filter(|_| said.ends_with(']') && said.contains("  ["));
            let cites = cites.map_or_else(Vec::new, |(_, ids)| ids.trim_end_matches(']').split(' ').map(str::to_owned).collect());
            let span = Span { start: at, end: at + line.trim_end().len() };
            let step = Step { id: number, span, cites, kind: StepKind::Action(Action::Flush) };
            stages.last_mut().unwrap().steps.push(step);
            number += 1;
        }
        at += line.len();
    }
    Arc::new(Case {
        id: id.to_owned(),
        title: title.to_owned(),
        needs: Vec::new(),
        slow: false,
        roles: Vec::new(),
        files: Vec::new(),
        settings: Settings::default(),
        stages,
        source: Arc::new(Source { name: format!("scenarios/{}.ftp", id.split('#').next().unwrap()), text }),
    })
}

fn step_of<'a>(case: &'a Case, needle: &str) -> &'a Step {
    case.steps().find(|step| case.source.text[step.span.start..step.span.end].contains(needle)).unwrap()
}

fn finding(case: &Case, needle: &str, facet: Facet, verdict: Verdict, expected: &str, seen: &str, events: usize) -> Finding {
    let step = step_of(case, needle);
    Finding {
        facet,
        verdict,
        step: step.id,
        span: step.span,
        requirements: step.cites.clone(),
        expected: expected.to_owned(),
        seen: seen.to_owned(),
        events,
    }
}

fn sent(text: &str) -> What {
    What::Sent { bytes: format!("{text}\r\n").into_bytes() }
}

fn reply(text: &str) -> What {
    let mut parser = ReplyParser::default();
    parser.push(text.replace('\n', "\r\n").as_bytes());
    parser.push(b"\r\n");
    What::Reply(parser.pop().unwrap())
}

fn login() -> Vec<What> {
    vec![
        What::Connected { peer: "127.0.0.1:40001".parse().unwrap(), local: "127.0.0.1:50001".parse().unwrap() },
        reply("220 ready"),
        sent("USER alice-3"),
        reply("331 password, please"),
        sent("PASS ****"),
        reply("230 welcome"),
    ]
}

fn transcript(said: Vec<What>) -> Transcript {
    let event = |(place, what)| transcript::Event {
        at: Duration::from_micros(350 + 1_300 * place as u64),
        step: place,
        session: Arc::from("alice"),
        what,
    };
    Transcript { events: said.into_iter().enumerate().map(event).collect() }
}

fn report(index: usize, case: &Arc<Case>, verdict: Verdict, findings: Vec<Finding>, said: Vec<What>) -> CaseReport {
    let transcript = transcript(said);
    CaseReport {
        index,
        case: Arc::clone(case),
        outcome: Outcome { verdict, findings },
        reason: None,
        known: None,
        duration: transcript.events.last().map_or(Duration::ZERO, |event| event.at),
        silence: Duration::ZERO,
        transcript,
        server_log: String::new(),
    }
}

fn pass(index: usize) -> CaseReport {
    let case =
        case("login/plain", "USER and PASS log in", "login alice\nC> NOOP\nS> 200                     [959-4.1.3-noop-keeps-rnfr]\n");
    let mut said = login();
    said.extend([sent("NOOP"), reply("200 ok")]);
    report(index, &case, Verdict::Pass, Vec::new(), said)
}

fn wrong_reply(index: usize) -> CaseReport {
    let case = case(
        "resume/rest-350",
        "REST waits for the transfer with 350",
        "login alice\nC> TYPE I\nS> 200\nC> REST 70000\nS> 350                            [3659-5.3-rest-350]\ndata\nC> RETR big.bin\n",
    );
    let mut said = login();
    said.extend([sent("TYPE I"), reply("200 binary"), sent("REST 70000"), reply("501 r\u{e9}ponse:\ttoo\\many")]);
    said.extend([reply("226-late\n and long\n226 done"), What::ControlEnded { how: End::Close, partial: b"22".to_vec() }]);
    let wrong = finding(&case, "S> 350", Facet::Reply, Verdict::Fail, "350", "501 r\\xc3\\xa9ponse:\\ttoo\\\\many", 10);
    let mut report = report(index, &case, Verdict::Fail, vec![wrong], said);
    report.server_log = "WARN unknown command\nERROR session ended".to_owned();
    report
}

fn wrong_content(index: usize) -> CaseReport {
    let case = case(
        "resume/retr#offset",
        "A download resumes at the byte that REST named",
        "login alice\ndata\nC> REST 70000\nS> 350\nC> RETR big.bin\nS> 150 | 125\nS>> big.bin[70000..] end          [3659-5.3-rest-retr-offset]\nS> 226 | 250\nalive\n",
    );
    let whole = Content::Words { seed: 7, len: 100_000 };
    let mut observer = Observer::new(vec![whole.slice(70_000, u64::MAX)]);
    let mut bytes = whole.slice(70_000, u64::MAX).to_vec();
    bytes.splice(12_345..12_345, *b"\r\n");
    observer.push(&bytes);
    let mut said = login();
    said.extend([
        sent("PASV"),
        reply("227 entering passive mode (127,0,0,1,156,66)"),
        What::DataConnected { peer: "127.0.0.1:40002".parse().unwrap(), local: "127.0.0.1:50001".parse().unwrap() },
        sent("REST 70000"),
        reply("350 restarting at 70000, send RETR, STOR or APPE to go on with the transfer from there"),
        sent("RETR big.bin"),
        reply("150 here it comes"),
        What::DataReceived(observer.finish()),
        What::DataEnded(End::Close),
        reply("226 done"),
    ]);
    let wrong = finding(
        &case,
        "S>> big.bin",
        Facet::Effect,
        Verdict::Fail,
        "big.bin[70000..], 30000 bytes",
        "30002 bytes that differ from byte 12345 on",
        14,
    );
    let late = finding(&case, "S> 226", Facet::Reply, Verdict::Deviation, "226 | 250", "226 done, 340 ms after the end", 16);
    report(index, &case, Verdict::Fail, vec![wrong, late], said)
}

fn inconclusive(index: usize) -> CaseReport {
    let case = case(
        "letters/denied#retr",
        "Without r a file cannot be read",
        "login alice\ndata\nC> RETR f\nS> 550                            [defacto-perm-r-retr]\ncontrol\nlogin bob\ndata\nC> RETR  f\nS> 150 | 125\nS> 226 | 250\n",
    );
    let mut said = login();
    said.extend([
        sent("RETR f"),
        reply("550 no"),
        What::Disk { path: b"f".to_vec(), state: DiskState::File { mode: 0o644, mtime: 0, content: Observed::default() } },
        sent("RETR f"),
        What::Silence { waited: Duration::from_secs(2), partial: Vec::new() },
    ]);
    let wrong = finding(&case, "S> 150", Facet::Reply, Verdict::Inconclusive, "150 | 125", "no reply for 2 s", 11);
    let mut report = report(index, &case, Verdict::Inconclusive, vec![wrong], said);
    report.silence = Duration::from_secs(2);
    report.duration += report.silence;
    report
}

fn unsupported(index: usize) -> CaseReport {
    let case = case(
        "facts/mlst",
        "MLST tells the size",
        "login alice\nC> MLST f\nS> 250                            [3659-7.2-mlst-reply-format]\n",
    );
    let mut report = report(index, &case, Verdict::Unsupported, Vec::new(), Vec::new());
    report.reason = Some("the server has no MLST".to_owned());
    report
}

fn deviation(index: usize) -> CaseReport {
    let case = case("directory/mkd", "MKD answers 257", "login alice\nC> MKD d\nS> 257                            [959-5.4-codes-mkd]\n");
    let mut said = login();
    said.extend([sent("MKD d"), reply("250 made")]);
    let other = finding(&case, "S> 257", Facet::Reply, Verdict::Deviation, "257", "250 made", 8);
    report(index, &case, Verdict::Deviation, vec![other], said)
}

fn info(index: usize) -> CaseReport {
    let case = case(
        "rename/between",
        "A NOOP between RNFR and RNTO",
        "login alice\nmatch reply                       [959-4.1.3-rnto-needs-rnfr]\n",
    );
    let named = finding(&case, "match", Facet::Reply, Verdict::Info, "a choice", "NOOP keeps RNFR", 6);
    report(index, &case, Verdict::Info, vec![named], login())
}

fn known(index: usize) -> CaseReport {
    let case =
        case("abort/idle", "ABOR without a transfer", "login alice\nC> ABOR\nS> 225 | 226                      [959-4.1.3-abor-idle]\n");
    let mut said = login();
    said.extend([sent("ABOR"), reply("502 no")]);
    let wrong = finding(&case, "S> 225", Facet::Reply, Verdict::Fail, "225 | 226", "502 no", 8);
    let mut report = report(index, &case, Verdict::Fail, vec![wrong], said);
    report.known = Some("no ABOR before 2.0".to_owned());
    report
}

fn reports() -> Vec<CaseReport> {
    vec![pass(0), wrong_reply(1), wrong_content(2), inconclusive(3), unsupported(4), deviation(5), info(6), known(7)]
}

fn target() -> TargetInfo {
    TargetInfo {
        name: "example".to_owned(),
        version: Some("1.2.3".to_owned()),
        banner: Some("ready".to_owned()),
        arguments: "--server example".to_owned(),
        capabilities: vec![
            Capability { name: "MLST".to_owned(), claimed: true, seen: None, said: "MLST size*;modify*;".to_owned() },
            Capability { name: "ABOR".to_owned(), claimed: false, seen: Some(false), said: "502 <ABOR> is not known.".to_owned() },
        ],
    }
}

fn planned(reports: &[CaseReport]) -> Event {
    let cases: Vec<Arc<Case>> = reports.iter().map(|report| Arc::clone(&report.case)).collect();
    Event::Planned { target: target(), selected: Selected::new(&cases, None), cases, slow: 2, strict: false }
}

fn played(reports: Vec<CaseReport>) -> Vec<Event> {
    let mut events = Vec::new();
    for report in reports {
        let index = report.index;
        events.push(Event::Started { index });
        events.extend(report.transcript.events.iter().map(|event| Event::Said { index, event: event.clone() }));
        events.push(Event::Ended { index, verdict: report.outcome.verdict });
        events.push(Event::Finished(Box::new(report)));
    }
    events
}

/// A whole run.
pub(crate) fn run() -> Vec<Event> {
    let reports = reports();
    let mut events = vec![planned(&reports)];
    events.extend(played(reports));
    events.push(Event::Over(Summary { duration: Duration::from_millis(2345), ..Summary::default() }));
    events
}

/// The same with a baseline that knows one case, and is wrong about others.
pub(crate) fn with_baseline() -> Vec<Event> {
    let remark = |id: &str, line, text: &str| vec![Remark { id: id.to_owned(), line, text: text.to_owned() }];
    let baseline = Comparison {
        source: "baselines/example.toml".to_owned(),
        known: 1,
        new: remark("resume/retr#offset", None, "fail (effect): 30002 bytes that differ from byte 12345 on"),
        changed: remark("resume/rest-350", Some(7), "the entry says fail (reply): 502 {..}; now fail (reply): 501 r\\xc3\\xa9ponse"),
        stale: remark("login/plain", Some(14), "the entry says fail (liveness): no reply; now pass"),
        expired: remark("letters/denied#retr", Some(21), "the entry holds until 2026-01-31; still inconclusive (reply): no reply for 2 s"),
    };
    let mut events = run();
    events.pop();
    events.push(Event::Over(Summary { duration: Duration::from_millis(2345), baseline: Some(baseline), ..Summary::default() }));
    events
}

/// A run that ctrl-c ended after two of eight cases.
pub(crate) fn cut_short() -> Vec<Event> {
    let mut reports = reports();
    let mut events = vec![planned(&reports)];
    reports.truncate(2);
    events.extend(played(reports));
    events.push(Event::Over(Summary {
        duration: Duration::from_millis(999),
        not_played: 6,
        cut_short: Some("ctrl-c".to_owned()),
        interrupted: true,
        ..Summary::default()
    }));
    events
}

/// A run whose server did not start.
pub(crate) fn not_started() -> Vec<Event> {
    let reports = reports();
    let not_started = Some("`exampled` is not installed".to_owned());
    vec![planned(&reports), Event::Over(Summary { not_played: 8, not_started, ..Summary::default() })]
}

/// A run of one case that passes.
pub(crate) fn all_well() -> Vec<Event> {
    let reports = vec![pass(0)];
    let mut events = vec![planned(&reports)];
    events.extend(played(reports));
    events.push(Event::Over(Summary { duration: Duration::from_millis(12), ..Summary::default() }));
    events
}

/// A run with each kind of event that a transcript can hold.
pub(crate) fn every_event() -> Vec<Event> {
    let peer = "[::1]:21".parse().unwrap();
    let odd: Vec<u8> = (0..=255).collect();
    let mut observer = Observer::new(vec![Content::Fill(9)]);
    observer.push(b"00000000");
    let said = vec![
        What::Connected { peer, local: peer },
        What::ConnectFailed { reason: "refused".to_owned() },
        What::Sent { bytes: odd.clone() },
        What::SendFailed { reason: "broken pipe".to_owned() },
        reply("211-a\n b\n211 c"),
        What::Silence { waited: Duration::from_secs(2), partial: odd.clone() },
        What::Flood { len: 1 << 20, head: odd.clone() },
        What::ControlEnded { how: End::Reset, partial: odd.clone() },
        What::ControlLeft(Leave::Close),
        What::DataConnected { peer, local: peer },
        What::DataFailed { reason: "refused".to_owned() },
        What::DataSent { len: 256, head: odd.clone(), broken: Some("reset".to_owned()) },
        What::DataReceived(observer.finish()),
        What::DataEnded(End::Close),
        What::DataSilence { waited: Duration::from_secs(2) },
        What::DataLeft(Leave::HalfClose),
        What::Disk { path: odd, state: DiskState::Absent },
        What::Disk { path: b"d".to_vec(), state: DiskState::Directory { mode: 0o755, mtime: 1 } },
        What::Disk { path: b"f".to_vec(), state: DiskState::File { mode: 0o644, mtime: 1, content: Observed::default() } },
        What::Disk { path: b"l".to_vec(), state: DiskState::Other("a link to x".to_owned()) },
        What::Changes(vec!["f: is new".to_owned()]),
        What::Called { name: "trap".to_owned(), by: vec![peer] },
        What::Looked,
        What::Stalled(Duration::from_secs(1)),
        What::Trouble("no more sockets".to_owned()),
    ];
    let case = case("x/every", "Every kind of event", "alive\n");
    let wrong = finding(&case, "alive", Facet::Liveness, Verdict::Error, "200", "nothing", 25);
    let reports = vec![report(0, &case, Verdict::Error, vec![wrong], said)];
    let mut events = vec![planned(&reports)];
    events.extend(played(reports));
    events.push(Event::Over(Summary { left: vec!["kept/x".to_owned()], ..Summary::default() }));
    events
}

/// What a report that is written as a whole says of these events.
pub(crate) fn written(events: &[Event], make: impl FnOnce(Sink) -> Box<dyn Report>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report");
    let mut report = make(Sink::file(&path).unwrap());
    events.iter().for_each(|event| report.event(event).unwrap());
    std::fs::read_to_string(&path).unwrap()
}
