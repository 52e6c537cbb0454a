//! The notation's golden tests: the hard cases of `docs/notation.md`, broken files, laws.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::model::{Case, Scenario, Source};
use super::{expand, parse, parse_bytes, print};

macro_rules! files {
    ($folder:literal: $($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../tests/notation/", $folder, "/", $name, ".ftp")))),+]
    };
}

const HARD: [(&str, &str); 12] = files!("hard": "01-letters", "02-abort", "03-lost-upload", "04-rest-stor", "05-ascii-split", "06-two-writers",
    "07-pasv-idle", "08-bounce", "09-pipelined", "10-facts", "11-starttls", "12-refused-stor");
const BROKEN: [(&str, &str); 7] = files!("broken": "front", "toml", "body", "structure", "rows", "no-front", "no-end");

fn read(name: &str, text: &str) -> (Scenario, Arc<Source>) {
    let source = Source { name: format!("{name}.ftp"), text: text.to_owned() };
    let scenario = parse(&source, name).unwrap_or_else(|errors| panic!("{}", rendered(&source, &errors)));
    (scenario, Arc::new(source))
}

fn rendered(source: &Source, errors: &[super::Diagnostic]) -> String {
    errors.iter().map(|error| error.render(source, false)).collect::<Vec<_>>().join("\n\n")
}

fn cases(name: &str, text: &str) -> Vec<Case> {
    let (scenario, source) = read(name, text);
    expand(&scenario, &source).unwrap_or_else(|errors| panic!("{}", rendered(&source, &errors)))
}

#[test]
fn hard_cases_are_in_their_canonical_form() {
    for (name, text) in HARD {
        assert_eq!(print(&read(name, text).0), text, "{name}");
    }
}

#[test]
fn another_form_is_printed_in_the_canonical_one() {
    let (scenario, _) = read("messy", include_str!("../../tests/notation/messy.ftp"));
    let printed = print(&scenario);
    assert_eq!(read("messy", &printed).0, scenario);
    insta::assert_snapshot!(printed);
}

/// A case in few words: what `play` and `judge` get.
fn outline(case: &Case) -> String {
    use super::model::{Step, StepKind};
    fn steps(all: &[Step], level: usize, source: &Source, out: &mut Vec<String>) {
        for step in all {
            let line = &source.text[step.span.start..step.span.end];
            let what = match &step.kind {
                StepKind::Action(action) => print::print_action(action),
                StepKind::Match { .. } => "match".to_owned(),
                StepKind::Together(_) => "together".to_owned(),
                StepKind::Until { within, .. } => format!("until {within:?}"),
            };
            out.push(format!("{:level$}{} {what}  <- {line}  {:?}", "", step.id, step.cites));
            match &step.kind {
                StepKind::Match { arms, .. } => {
                    for arm in arms {
                        out.push(format!("{:level$}  arm {}  {:?}", "", &source.text[arm.span.start..arm.span.end], arm.cites));
                        steps(&arm.steps, level + 4, source, out);
                    }
                }
                StepKind::Together(branches) => {
                    for branch in branches {
                        out.push(format!("{:level$}  branch", ""));
                        steps(branch, level + 4, source, out);
                    }
                }
                StepKind::Action(_) | StepKind::Until { .. } => {}
            }
        }
    }
    let mut out = vec![format!("{}: {}", case.id, case.title), format!("needs {:?} slow {} {:?}", case.needs, case.slow, case.settings)];
    out.extend(
        case.roles.iter().map(|role| format!("role {} [{}] own {} anonymous {}", role.name, role.letters, role.own_root, role.anonymous)),
    );
    out.extend(
        case.files
            .iter()
            .map(|file| format!("file {:?} {:?} {:?} {:?}", String::from_utf8_lossy(&file.path), file.node, file.mtime, file.mode)),
    );
    for stage in &case.stages {
        out.push(format!("stage control={}", stage.control));
        steps(&stage.steps, 2, &case.source, &mut out);
    }
    out.join("\n")
}

#[test]
fn hard_cases_expand() {
    for (name, text) in HARD {
        let cases = cases(name, text);
        for case in &cases {
            let numbers: Vec<usize> = case.steps().map(|step| step.id).collect();
            assert_eq!(numbers, (0..numbers.len()).collect::<Vec<_>>(), "{}", case.id);
        }
        insta::assert_snapshot!(format!("expanded-{name}"), cases.iter().map(outline).collect::<Vec<_>>().join("\n\n"));
    }
}

#[test]
fn broken_files_say_all_that_is_wrong() {
    for (name, text) in BROKEN {
        let source = Arc::new(Source { name: format!("{name}.ftp"), text: text.to_owned() });
        let errors = parse(&source, name).and_then(|scenario| expand(&scenario, &source)).expect_err(name);
        insta::assert_snapshot!(format!("broken-{name}"), rendered(&source, &errors));
    }
}

#[test]
fn bytes_that_are_no_utf8_are_shown() {
    let (source, result) = parse_bytes("x.ftp", b"+++\ntitle = \"\xff\"\n+++\n", "x");
    insta::assert_snapshot!(rendered(&source, &result.unwrap_err()), @r#"
    error: the byte 0xff is no UTF-8
     --> x.ftp:2:10
      |
    2 | title = "�"
      |          ^
      |
      = help: other bytes than UTF-8 are written as escapes: `"\xff"` or `x"ff"`
    "#);
}

#[test]
fn line_ends_of_another_system_are_read() {
    for (name, text) in HARD {
        assert_eq!(read(name, &text.replace('\n', "\r\n")).0, read(name, text).0, "{name}");
    }
}

/// Every block in the documents that is marked `ftp` is a scenario, or the lines of one.
#[test]
fn every_example_of_the_documents_is_read() {
    let document = include_str!("../../docs/notation.md");
    let mut blocks = 0;
    for (place, block) in document.split("```ftp\n").skip(1).enumerate() {
        let block = &block[..block.find("```").expect("the block ends")];
        let head = "+++\ntitle = \"x\"\n[accounts]\nalice = \"elr\"\nbob = \"all\"\n[files]\n\"f.txt\" = \"x\"\n\"f.bin\" = { size = \"32MiB\" }\n\"big.bin\" = { size = \"32MiB\" }\n+++\n";
        let text = if block.starts_with("+++") { block.to_owned() } else { format!("{head}{block}") };
        assert!(!cases(&format!("notation.md block {place}"), &text).is_empty());
        blocks += 1;
    }
    assert!(blocks > 10, "{blocks} blocks");
}

/// Shapes that make a careless parser slow.
fn hostile(len: usize) -> Vec<(&'static str, String)> {
    let front = |text: String| format!("+++\n{text}\n+++\n");
    let body = |text: String| format!("+++\ntitle = \"x\"\neach = [{{ name = \"r\", c = \"x\" }}]\n+++\n{text}");
    let fill = |unit: &str| unit.repeat(len / unit.len());
    vec![
        ("one word", body(fill("x"))),
        ("one verbatim line", body(format!("C> {}", fill("x")))),
        ("open braces", body(format!("C> {}", fill("{")))),
        ("almost places", body(format!("C> {}", fill("{a")))),
        ("columns", body(format!("C> {}", fill("{c}")))),
        ("quoted columns", body(format!("C> \"{}\"", fill("{c}")))),
        ("captures", body(format!("S> 200 \"{}\"", fill("{n}")))),
        ("brackets", body(format!("S> {}", fill("[")))),
        ("brackets with columns", body(format!("S> {{c}} {}]", fill(" [")))),
        ("quotes", body(format!("S>> {}", fill("\"")))),
        ("escapes", body(format!("C> \"{}", fill("\\\\")))),
        ("hex", body(format!("C> x\"{}\"", fill("ff")))),
        ("alternatives", body(format!("S> {}200", fill("200 |")))),
        ("terms", body(format!("S>> {}", fill("a ")))),
        ("sums", body(format!("S>> fill({}1)", fill("1+")))),
        ("arrows", body(fill("-> "))),
        ("short lines", body(fill("\n"))),
        ("wrong lines", body(fill("x\n"))),
        ("steps", body(fill("alive\n"))),
        ("template lines", body(fill("C> {c}\n"))),
        ("comments", body(fill("# x\n"))),
        ("blanks", body(format!("{}alive", fill(" ")))),
        ("cites", body(format!("alive [{}]", fill("a-b ")))),
        ("blank runs with a column", body(format!("S> {{c}}{}x", fill(" ")))),
        ("front comments", front(fill("# x\n"))),
        ("front quotes", front(fill("\""))),
        ("front brackets", front(fill("["))),
        ("front keys", front((0..len / 16).map(|n| format!("k{n} = \"v\"\n")).collect())),
        ("front files", front(format!("[files]\n{}", (0..len / 16).map(|n| format!("k{n} = \"v\"\n")).collect::<String>()))),
        ("front rows", front(format!("each = [{}]", (0..len / 24).map(|n| format!("{{ name = \"r{n}\" }},")).collect::<String>()))),
        ("no front", fill("+")),
    ]
}

#[test]
fn reading_takes_time_in_proportion() {
    let time = |text: &str| {
        let source = Source { name: "x.ftp".to_owned(), text: text.to_owned() };
        let start = Instant::now();
        let _either = parse(&source, "x");
        start.elapsed()
    };
    for ((shape, small), (_, large)) in hostile(128 << 10).into_iter().zip(hostile(1 << 20)) {
        // Eight times the text; quadratic would be 64 times. The machine may be busy meanwhile: one good measurement of three is enough.
        let linear = (0..3).any(|_| time(&large) <= time(&small) * 24 + Duration::from_millis(50));
        assert!(linear, "{shape}: 1 MiB takes more than 24 times as long as 128 KiB");
    }
}
