//! The HTML page in a browser: filters, links, hostile servers, many cases, a small screen.

use std::path::PathBuf;

use ftpspec::report::html::page;
use ftpspec::report::record::Record;
use ftpspec::requirement::Catalogue;
use serde_json::{Value, json};

use crate::browser::{Browser, browser};

/// What must never run, in the forms in which it could.
const HOSTILE: &str = "<script>window.broken = 1</script></script><!--<script><img src=x onerror='window.broken = 2'>\u{2028}\u{202e}&lt;";

fn verdict(id: &str, word: &str, cites: &str) -> Value {
    let source = format!("scenarios/{id}.ftp");
    let finding = json!({
        "facet": "reply", "verdict": word, "step": 2, "line": 6, "span": [31, 37], "requirements": [cites],
        "expected": "S> 350", "seen": format!("{word} seen in {id}"), "events": 4,
    });
    let is_pass = word == "pass";
    let is_played = !["pass", "unsupported"].contains(&word);
    let mut case = json!({
        "id": id, "title": format!("The title of {id}"), "source": source, "verdict": word, "reason": null, "known": null, "facets": [],
        "requirements": [cites], "duration_ms": 12.5, "silence_ms": 0.0,
        "detail": if word == "unsupported" { "the server has no MLST" } else { "" },
        "findings": if is_played { json!([finding]) } else { json!([]) },
    });
    if !is_pass {
        case["transcript"] = json!([
            { "at_ms": 0.1, "step": 0, "session": "alice", "what": "connected", "peer": "127.0.0.1:21", "local": "127.0.0.1:4021" },
            { "at_ms": 0.2, "step": 0, "session": "alice", "what": "reply", "code": 220, "bytes": "220 ready\\r\\n", "defects": [] },
            { "at_ms": 1.2, "step": 1, "session": "alice", "what": "sent", "bytes": "REST 7\\r\\n" },
            { "at_ms": 2.2, "step": 2, "session": "alice", "what": "reply", "code": 501, "bytes": "501 no\\r\\n", "defects": [] },
        ]);
    }
    case
}

fn run(name: &str, arguments: &str, cases: Vec<Value>) -> Record {
    let mut totals = json!({ "pass": 0, "deviation": 0, "info": 0, "fail": 0, "unsupported": 0, "inconclusive": 0, "error": 0 });
    let mut sources = json!({});
    for case in &cases {
        let word = case["verdict"].as_str().unwrap();
        totals[word] = (totals[word].as_u64().unwrap() + 1).into();
        sources[case["source"].as_str().unwrap()] = "+++\ntitle = \"t\"\n+++\n\nC> REST 7\nS> 350\n".into();
    }
    serde_json::from_value(json!({
        "schema": "ftpspec.report/1",
        "suite": {
            "name": "ftpspec", "version": "0.0.0", "cases": cases.len(),
            "selected": cases.iter().map(|case| case["id"].clone()).collect::<Vec<_>>(), "digest": "0123456789abcdef", "partition": null,
        },
        "target": {
            "name": name, "version": "1.0", "banner": "ready", "arguments": arguments,
            "capabilities": [{ "name": "MLST", "claimed": true, "seen": null, "said": "MLST size*;" }],
        },
        "strict": false, "totals": totals, "duration_ms": 100.0, "interrupted": false, "cut_short": null, "not_started": null, "not_played": [],
        "slow_not_selected": 0, "left": [], "baseline": null, "sources": sources, "cases": cases,
    }))
    .unwrap()
}

const NOOP: &str = "959-4.1.3-noop-keeps-rnfr";
const REST: &str = "3659-5.3-rest-350";
const SHOULD: &str = "1123-4.1.2.11-transient-errors-4xx";
const DEFACTO: &str = "defacto-perm-e-cwd";

/// Two servers and one that did not start, six cases.
fn runs() -> Vec<Record> {
    let cases = |words: [&str; 6]| {
        let ids = [
            ("login/plain", NOOP),
            ("login/again", NOOP),
            ("resume/cut", REST),
            ("resume/far", REST),
            ("facts/mlst", SHOULD),
            ("letters/e", DEFACTO),
        ];
        ids.into_iter().zip(words).map(|((id, cites), word)| verdict(id, word, cites)).collect::<Vec<_>>()
    };
    let mut one = run("one", "--server one", cases(["pass", "info", "fail", "pass", "unsupported", "inconclusive"]));
    one.cases[2].known = Some("no REST before 2.0".to_owned());
    let two = run("two", "--server two", cases(["pass", "pass", "fail", "fail", "deviation", "pass"]));
    let mut three = run("two", "--server two --set old=1", Vec::new());
    three.not_started = Some("`twod` is not installed".to_owned());
    three.not_played = one.cases.iter().map(|case| case.id.clone()).collect();
    vec![one, two, three]
}

/// A page in a file, and its address.
struct Page {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Page {
    fn new(runs: &[Record]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.html");
        std::fs::write(&path, page(runs).unwrap()).unwrap();
        Self { _folder: folder, path }
    }

    fn url(&self, fragment: &str) -> String {
        format!("file://{}{fragment}", self.path.display())
    }
}

/// The ids of the cases that are to be seen.
fn shown(browser: &Browser) -> Vec<String> {
    let script = "return [...document.querySelectorAll('#matrix th[scope=row] a')].filter((a) => a.checkVisibility()).map((a) => a.querySelector('code').textContent)";
    let shown = browser.run(script);
    let mut ids: Vec<String> = shown.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn assert_quiet(browser: &Browser) {
    assert_eq!(browser.complaints(), Vec::<String>::new());
    let fetched = browser.run("return performance.getEntriesByType('resource').map((entry) => entry.name)");
    assert_eq!(fetched, json!([]), "the page asks for nothing");
}

#[test]
fn filters_show_what_they_say_and_stand_in_the_address() {
    let Some(browser) = browser() else { return };
    let page = Page::new(&runs());
    browser.open(&page.url(""));
    let all = ["facts/mlst", "letters/e", "login/again", "login/plain", "resume/cut", "resume/far"];
    assert_eq!(shown(&browser), all);
    browser.click("button[data-value=fail]");
    assert_eq!(shown(&browser), ["resume/cut", "resume/far"]);
    assert_eq!(browser.fragment(), "verdict=fail");
    browser.click("#filter-new");
    assert_eq!(shown(&browser), ["resume/cut", "resume/far"], "it is new with the other server");
    browser.click("#filter-server option[value=one]");
    assert_eq!(shown(&browser), Vec::<String>::new(), "what fails there is known");
    browser.click("#filter-new");
    assert_eq!(shown(&browser), ["resume/cut"]);
    browser.reload();
    assert_eq!((shown(&browser), browser.fragment().as_str()), (vec!["resume/cut".to_owned()], "server=one&verdict=fail"));
    browser.click("button.clear");
    assert_eq!(shown(&browser), all);
    browser.click("button[data-value=SHOULD]");
    assert_eq!(shown(&browser), ["facts/mlst"]);
    browser.click("button[data-value=DEFACTO]");
    assert_eq!(shown(&browser), ["facts/mlst", "letters/e"]);
    browser.open(&page.url("#rfc=rfc959"));
    assert_eq!(shown(&browser), ["login/again", "login/plain"]);
    browser.click("#filter-rfc option[value='']");
    browser.click("#filter-topic option[value=resume]");
    assert_eq!(shown(&browser), ["resume/cut", "resume/far"]);
    browser.keys("#filter-text", "fail seen in resume/far");
    assert_eq!(shown(&browser), ["resume/far"]);
    assert_eq!(browser.text("output"), "1 of 6 cases");
    browser.open(&page.url("#differ=1&by=topic"));
    assert_eq!(shown(&browser), ["facts/mlst", "letters/e", "login/again", "resume/far"]);
    assert_quiet(&browser);
}

#[test]
fn a_link_leads_to_the_same_case_again() {
    let Some(browser) = browser() else { return };
    let page = Page::new(&runs());
    browser.open(&page.url("#verdict=fail"));
    let sent = browser.run("return document.querySelector('#matrix a.vF[aria-label$=\"two 1.0\"]').getAttribute('href')");
    assert_eq!(sent, "#case=resume/cut&target=two", "what is sent to a colleague carries no filters");
    browser.click("#matrix a.vF[aria-label='fail: two 1.0']");
    assert_eq!(browser.fragment(), "case=resume/cut&target=two&verdict=fail");
    let told = || (browser.text(".view.case h1"), browser.text(".is .verdict strong"), browser.text(".clause .head"));
    let before = told();
    assert!(before.0.starts_with("resume/cut") && before.1 == "fail" && before.2.contains("RFC 3659 section 5.3"), "{before:?}");
    browser.reload();
    assert_eq!(told(), before);
    assert_eq!(browser.text(".caret"), "^^^^^^ wrong reply");
    assert_eq!(browser.text(".command"), "ftpspec run 'resume/cut' --server two");
    assert!(browser.text(".lanes tr.here").contains("S> 501 no"), "{}", browser.text(".lanes tr.here"));
    browser.click(".steps a[rel=next]");
    assert_eq!(browser.fragment(), "case=resume/far&target=two&verdict=fail");
    browser.back();
    assert_eq!(told(), before);
    browser.click(".strip a[href$='target=one']");
    assert!(browser.text(".is").contains("no REST before 2.0"), "{}", browser.text(".is"));
    browser.back();
    browser.click(".steps a[rel=up]");
    assert_eq!((shown(&browser), browser.fragment().as_str()), (vec!["resume/cut".to_owned(), "resume/far".to_owned()], "verdict=fail"));
    assert_eq!(browser.run("return document.activeElement.querySelector('code').textContent"), "resume/cut", "where the reader came from");
    browser.open(&page.url("#case=no/such"));
    assert!(browser.text(".view.case").contains("no/such"));
    assert_quiet(&browser);
}

#[test]
fn the_other_pages_say_what_is_known() {
    let Some(browser) = browser() else { return };
    let page = Page::new(&runs());
    browser.open(&page.url(""));
    assert!(browser.text(".overview").contains("did not start: `twod` is not installed"));
    browser.click("a[data-view=requirements]");
    browser.keys("#filter-text", REST);
    let line = "tr:not(.group, [hidden])";
    let row = format!(".requirements tbody:not([hidden]) {line}:has(code)");
    let told = browser.text(&row);
    assert!(told.contains(REST) && told.contains("MUST"), "{told}");
    let labels = browser.run(&format!("return [...document.querySelectorAll('{row} [role=img]')].map((chip) => chip.ariaLabel)"));
    assert_eq!(labels, json!(["broken, known: one 1.0", "broken: two 1.0"]));
    browser.click(&format!("{row} td.count a"));
    assert_eq!(shown(&browser), ["resume/cut", "resume/far"]);
    browser.open(&page.url("#view=requirements&cited=no"));
    assert_eq!(browser.run("return document.querySelectorAll('.requirements tr:not([hidden]) td.count a').length"), 0);
    browser.click("a[data-view=capabilities]");
    browser.click(".capabilities summary");
    assert!(browser.text(".capabilities").contains("MLST size*;"));
    assert!(browser.text(".view.capability").contains("the server has no MLST"));
    browser.back();
    assert_eq!(browser.fragment(), "view=requirements&cited=no");
    assert_quiet(&browser);
}

#[test]
fn arrow_keys_walk_through_the_table() {
    let Some(browser) = browser() else { return };
    let page = Page::new(&runs());
    browser.open(&page.url("#topic=resume"));
    browser.run("document.querySelector('#matrix tr[data-place]:not([hidden]) a').focus()");
    let press = |key: &str| {
        let press = |kind: &str| json!({ "type": kind, "key": key });
        browser.devtools("Input.dispatchKeyEvent", &press("keyDown"));
        browser.devtools("Input.dispatchKeyEvent", &press("keyUp"));
        browser.run("return document.activeElement.closest('tr').querySelector('code').textContent + ' ' + (document.activeElement.ariaLabel ?? '')")
    };
    assert_eq!(press("ArrowRight"), "resume/cut fail, known: one 1.0");
    assert_eq!(press("ArrowRight"), "resume/cut fail: two 1.0");
    assert_eq!(press("ArrowDown"), "resume/far fail: two 1.0");
    assert_eq!(press("ArrowLeft"), "resume/far pass: one 1.0");
    assert_eq!(press("ArrowLeft"), "resume/far ");
    assert_quiet(&browser);
}

#[test]
fn what_a_server_sends_never_runs() {
    let Some(browser) = browser() else { return };
    let mut run = run("hostile", "--server hostile", vec![verdict("login/plain", "fail", NOOP)]);
    run.target.banner = Some(HOSTILE.to_owned());
    run.target.version = Some(HOSTILE.to_owned());
    run.target.capabilities[0].said = HOSTILE.to_owned();
    let case = &mut run.cases[0];
    HOSTILE.clone_into(&mut case.title);
    HOSTILE.clone_into(&mut case.server_log);
    HOSTILE.clone_into(&mut case.findings[0].seen);
    case.known = Some(HOSTILE.to_owned());
    let events = case.transcript.as_mut().unwrap();
    events[1]["bytes"] = format!("220 {}\\r\\n", HOSTILE.replace(['\u{2028}', '\u{202e}'], "")).into();
    events[2] = json!({ "at_ms": 1.0, "step": 1, "session": HOSTILE, "what": "trouble", "reason": HOSTILE });
    let page = Page::new(&[run]);
    for fragment in
        ["", "#case=login/plain", "#view=requirements", "#view=capabilities", "#text=%3Cscript%3E%3Cimg%20src=x%20onerror=alert(1)%3E"]
    {
        browser.open("about:blank");
        browser.open(&page.url(fragment));
        let seen = browser
            .run("return [window.broken ?? null, document.images.length, document.querySelectorAll('body script:not([type])').length]");
        assert_eq!(seen, json!([null, 0, 1]), "{fragment}");
        assert_quiet(&browser);
    }
    browser.open(&page.url("#case=login/plain"));
    let text = browser.run("return document.querySelector('.view.case').innerText");
    let text = text.as_str().unwrap();
    let shown = HOSTILE.replace('\u{2028}', "\\u{2028}").replace('\u{202e}', "\\u{202e}");
    assert_eq!(text.matches(&shown).count(), 6, "title, version, reason, seen, event and log are shown as they are: {text}");
    assert!(text.contains("S> 220 <script>"), "{text}");
    // The policy holds too: what was smuggled in all the same would not run.
    browser.run("const script = document.createElement('script'); script.textContent = 'window.broken = 3'; document.body.append(script)");
    assert_eq!(browser.run("return window.broken ?? null"), Value::Null);
    assert!(browser.complaints().iter().any(|line| line.contains("Content Security Policy")));
}

/// Twelve servers, so many cases each, of which most do not pass, with long transcripts.
fn many(cases: usize) -> Vec<Record> {
    let cites: Vec<&str> = Catalogue::built_in().ids().collect();
    let words = ["pass", "fail", "deviation", "unsupported", "fail", "info", "pass", "inconclusive"];
    let server = |server: usize| {
        let cases = (0..cases).map(|number| {
            let mut case = verdict(&format!("topic-{}/case-{number}", number % 12), words[(number * 7 + server * 3) % 8], cites[number]);
            if let Some(events) = case["transcript"].as_array_mut() {
                let reply = |at: usize| json!({ "at_ms": 3.0 + at as f64, "step": 3, "session": "alice", "what": "reply", "code": 213, "bytes": format!("213 {server}.{number}.{at} a line that no other case has\\r\\n"), "defects": [] });
                events.extend((0..60).map(reply));
            }
            case["server_log"] = format!("server {server} case {number}: a line of its log\n").repeat(20).into();
            case
        });
        let name = format!("server-{server}");
        run(&name, &format!("--server {name}"), cases.collect())
    };
    (0..12).map(server).collect()
}

#[test]
fn four_hundred_cases_on_twelve_servers_open_at_once() {
    let runs = many(400);
    let page = Page::new(&runs);
    let size = std::fs::metadata(&page.path).unwrap().len();
    assert!(size < 10_000_000, "{size} bytes");
    let Some(browser) = browser() else { return };
    // The time that the page's own thread works, not that of a machine which does other things beside: the rest of the tests.
    browser.devtools("Performance.enable", &json!({ "timeDomain": "threadTicks" }));
    let worked = || {
        let metrics = browser.devtools("Performance.getMetrics", &json!({}));
        let task = metrics["metrics"].as_array().unwrap().iter().find(|metric| metric["name"] == "TaskDuration").unwrap();
        task["value"].as_f64().unwrap()
    };
    browser.open(&page.url(""));
    let painted = "return new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))";
    let wall = browser.run(painted);
    let took = worked();
    let table = browser.run("return performance.getEntriesByName('ftpspec-shown')[0].startTime");
    println!("{size} bytes; work {took} s; table after {table} ms, all after {wall} ms");
    assert_eq!(shown(&browser).len(), 400);
    assert!(took < 1.0, "{took} s of work, {wall} ms");
    browser.click("#matrix a.vF");
    assert!(browser.text(".left-out").contains("left out"), "what is cut says so");
    assert_quiet(&browser);
}

#[test]
fn a_phone_needs_no_sideways_scrolling() {
    let Some(browser) = browser() else { return };
    let mut runs = many(40);
    runs[0].target.banner = Some("a-banner-without-any-blank-".repeat(20));
    runs[0].target.arguments = format!("--server server-0 --set path={}", "/long".repeat(60));
    let page = Page::new(&runs);
    browser.resize(360, 740);
    for fragment in ["", "#by=topic", "#case=topic-1/case-1&target=server-0", "#view=requirements", "#view=capabilities"] {
        browser.open("about:blank");
        browser.open(&page.url(fragment));
        let width = browser.run("return [innerWidth, document.documentElement.scrollWidth]");
        assert_eq!(width, json!([360, 360]), "{fragment}");
    }
    browser.click("a[data-view='']");
    browser.click(".filter > summary");
    browser.click("button[data-value=fail]");
    assert_eq!(browser.fragment(), "verdict=fail");
    browser.click("#matrix tr[data-place]:not([hidden]) a.vF");
    assert_eq!(browser.text(".is .verdict strong"), "fail");
    assert_quiet(&browser);
}

#[test]
fn without_scripts_there_is_a_table_of_letters() {
    let Some(browser) = browser() else { return };
    let page = Page::new(&runs());
    browser.devtools("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    browser.open(&page.url(""));
    let text = browser.text("noscript main");
    assert!(text.contains("resume/cut F F -") && text.contains("facts/mlst U D -") && text.contains("not installed"), "{text}");
}
