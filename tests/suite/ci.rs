//! In a repository of one's own: `ftpspec.toml`, a first scenario, parts of a run and their merging, annotations.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// A repository, and the program in it.
struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, folder: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ftpspec"));
        command.args(arguments).env("NO_COLOR", "1").env("COLUMNS", "200").current_dir(self.path().join(folder)).stdin(Stdio::null());
        command.env_remove("GITHUB_ACTIONS").env_remove("GITHUB_WORKSPACE");
        command
    }

    fn run(&self, folder: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.command(folder, arguments).output().unwrap();
        (output.status.code(), said(&output))
    }

    /// Runs the program, and demands an exit code and words.
    fn check(&self, arguments: &[&str], code: i32, words: &[&str]) -> String {
        let (ended, said) = self.run("", arguments);
        assert_eq!(ended, Some(code), "{arguments:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{arguments:?}: {word} is missing in {said}");
        }
        said
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.path().join(name)).unwrap()).unwrap()
    }

    /// Writes another version of a report.
    fn change(&self, from: &str, to: &str, change: impl FnOnce(&mut Value)) {
        let mut report = self.json(from);
        change(&mut report);
        std::fs::write(self.path().join(to), report.to_string()).unwrap();
    }

    fn ids(&self, name: &str) -> Vec<String> {
        self.json(name)["cases"].as_array().unwrap().iter().map(|case| case["id"].as_str().unwrap().to_owned()).collect()
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A case that passes on every server that is one, and one that fails on each.
const RIGHT: &str =
    "+++\ntitle = \"NOOP, at last\"\n\n[accounts]\nalice = \"e\"\n+++\n\nlogin alice\nC> NOOP\nS> 200  [959-4.1.3-noop-keeps-rnfr]\n";
const WRONG: &str =
    "+++\ntitle = \"NOOP, at last\"\n\n[accounts]\nalice = \"e\"\n+++\n\nlogin alice\nC> NOOP\nS> 550  [959-4.1.3-noop-keeps-rnfr]\n";

#[test]
fn what_new_writes_passes_and_is_never_written_over() {
    let repository = Repository::new(&[]);
    repository.check(&["new", "server"], 0, &["server/ftpspec.toml", "server/ftp/hello.ftp", "cd server", "ftpspec run"]);
    let (code, said) = repository.run("server", &["run"]);
    assert!(code == Some(0) && said.contains("1 case against libunftp") && said.contains("pass 1 "), "{said}");
    // From below, and by its id.
    let (code, said) = repository.run("server/ftp", &["run", "hello", "--server", "reference"]);
    assert!(code == Some(0) && said.contains("1 case against reference"), "{said}");
    assert_eq!(repository.run("server", &["fmt", "--check", "ftp"]).0, Some(0));
    let before = std::fs::read(repository.path().join("server/ftpspec.toml")).unwrap();
    repository.check(&["new", "server"], 2, &["server/ftpspec.toml is there already"]);
    std::fs::remove_file(repository.path().join("server/ftpspec.toml")).unwrap();
    repository.check(&["new", "server"], 2, &["server/ftp/hello.ftp is there already"]);
    assert!(!repository.path().join("server/ftpspec.toml").exists(), "nothing is written where one of the files is there");
    std::fs::write(repository.path().join("server/ftpspec.toml"), before).unwrap();
    repository.check(&["new", "server/ftpspec.toml"], 2, &["cannot write"]);
}

#[test]
fn the_file_says_what_is_run_and_the_command_line_wins() {
    let config = "server = \"reference\"\nstrict = true\n[set]\nbroken = \"letter-dele\"\n[select]\npaths = [\"ftp\"]\n[report]\njson = \"out/a.json\"\n";
    let repository = Repository::new(&[("ftpspec.toml", config), ("ftp/right.ftp", RIGHT), ("out/keep", ""), ("deep/er/keep", "")]);
    repository.check(&["run"], 0, &["1 case against reference"]);
    let report = repository.json("out/a.json");
    assert_eq!(report["target"]["arguments"], "--server reference --set broken=letter-dele");
    assert_eq!((&report["strict"], &report["suite"]["selected"]), (&json!(true), &json!(["right"])));
    // From two directories below: the same, and the report goes where the file says.
    std::fs::remove_file(repository.path().join("out/a.json")).unwrap();
    let (code, told) = repository.run("deep/er", &["run"]);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(repository.json("out/a.json")["cases"][0]["source"], "../../ftp/right.ftp");
    // Another server takes no variable of the file's; another choice nothing of its choice.
    repository.check(&["run", "--server", "libunftp"], 0, &["1 case against libunftp"]);
    repository.check(&["run", "login/rein", "--set", "broken=mkd-lies"], 0, &["1 case against reference"]);
    assert_eq!(repository.json("out/a.json")["target"]["arguments"], "--server reference --set broken=mkd-lies");
    assert_eq!(repository.check(&["list", "--format", "ids"], 0, &[]), "right\n");
    assert!(repository.check(&["list", "--format", "ids", "--no-config"], 0, &[]).lines().count() > 600);
    // A server that runs already, or would.
    let running = Repository::new(&[
        ("ftpspec.toml", "target = \"ftp://alice@127.0.0.1:1/\"\n[select]\npaths = [\"ftp\"]\n"),
        ("ftp/right.ftp", RIGHT),
    ]);
    let output = running.command("", &["run"]).env("FTPSPEC_PASSWORD", "p").output().unwrap();
    assert!(output.status.code() == Some(5) && said(&output).contains("127.0.0.1:1"), "{}", said(&output));
    running.check(&["run", "--server", "reference"], 0, &["1 case against reference"]);
    running.check(&["run", "--set", "a=b"], 2, &["--set is for a server that is started"]);
    repository.check(&["run", "--account", "a:b:elr"], 2, &["--account is for a server that runs already"]);
    // Another file, and none.
    repository.check(&["run", "--config", "nowhere.toml"], 2, &["cannot read nowhere.toml"]);
    repository.check(&["run", "--config", "ftpspec.toml", "--no-config"], 2, &["cannot be used with"]);
    repository.check(&["baseline", "show"], 2, &["there is no built-in baseline for reference"]);
}

#[test]
fn what_is_wrong_with_the_file_is_shown_at_its_place() {
    for (text, words) in [
        ("servr = \"x\"\n", &["ftpspec.toml:1:1", "^^^^^ expected one of server", "did you mean `server`?"][..]),
        ("[select]\npaths = \"ftp\"\n", &["ftpspec.toml:2:9", "invalid type"]),
        ("[report]\nxml = \"x\"\n", &["ftpspec.toml:2:1", "expected one of html, json, junit, md, tap"]),
        ("[[account]]\npassword = \"x\"\n", &["ftpspec.toml:1:3", "no key `account` here"]),
        ("password = \"x\"\n", &["ftpspec.toml:1:1", "no password stands in this file", "FTPSPEC_PASSWORD"]),
        ("jobs = -1\ndeadline = \"x\"\n", &["ftpspec.toml:1:8"]),
        ("[select]\nlevels = [\"MUST\", \"MAI\"]\n", &["ftpspec.toml:2:19", "no level is called `MAI`", "did you mean `MAY`?"]),
        ("= 1\n", &["ftpspec.toml:1:1"]),
    ] {
        let repository = Repository::new(&[("ftpspec.toml", text)]);
        for verb in [&["run"][..], &["list"], &["baseline", "show"], &["baseline", "update"]] {
            repository.check(verb, 2, words);
        }
    }
    let repository = Repository::new(&[("ftpspec.toml", "[select]\npaths = [\"nowhere\"]\n")]);
    repository.check(&["run"], 2, &["cannot read nowhere"]);
}

/// A run with failures of what is named, as a whole and in four parts.
fn parts(what: &str) -> Repository {
    let repository = Repository::new(&[]);
    let run = |more: &[&str], code: &[i32]| {
        let words = ["run", "--server", "reference", "--set", "broken=letter-dele", "-q", what];
        let words: Vec<&str> = words.iter().chain(more).copied().collect();
        let (ended, said) = repository.run("", &words);
        assert!(ended.is_some_and(|ended| code.contains(&ended)), "{words:?}: {said}");
    };
    run(&["--report", "json=whole.json"], &[1]);
    for part in 1..=4 {
        run(&["--partition", &format!("hash:{part}/4"), "--report", &format!("json={part}.json")], &[0, 1]);
    }
    repository
}

#[test]
fn parts_are_disjoint_and_complete_and_make_the_whole() {
    let repository = parts("letters/*");
    let whole = repository.json("whole.json");
    let mut ids: Vec<String> = (1..=4).flat_map(|part| repository.ids(&format!("{part}.json"))).collect();
    assert!((1..=4).all(|part| repository.ids(&format!("{part}.json")).len() * 10 > ids.len()), "no part is nearly empty");
    ids.sort_unstable();
    let mut expected = repository.ids("whole.json");
    expected.sort_unstable();
    assert_eq!(ids, expected);
    let part = repository.json("3.json");
    assert_eq!(part["suite"]["partition"], json!({ "kind": "hash", "part": 3, "of": 4 }));
    assert_eq!((&part["suite"]["digest"], &part["suite"]["selected"]), (&whole["suite"]["digest"], &whole["suite"]["selected"]));
    let said =
        repository.check(&["merge", "4.json", "2.json", "1.json", "3.json", "--report", "json=m.json", "--report", "md=m.md"], 1, &[]);
    let merged = repository.json("m.json");
    for member in
        ["schema", "suite", "strict", "totals", "interrupted", "cut_short", "not_started", "not_played", "left", "baseline", "sources"]
    {
        assert_eq!(merged[member], whole[member], "{member}");
    }
    assert_eq!(repository.ids("m.json"), repository.ids("whole.json"), "in the order of the suite");
    let verdicts = |report: &Value| {
        let cases = report["cases"].as_array().unwrap().iter();
        cases.map(|case| (case["verdict"].clone(), case["facets"].clone(), case["known"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(verdicts(&merged), verdicts(&whole));
    assert!(merged["totals"]["fail"].as_u64().unwrap() > 0, "{said}");
    let known = |report: &Value| -> Vec<Value> {
        let all = report["target"]["capabilities"].as_array().unwrap().iter();
        all.map(|one| json!([one["name"], one["claimed"], one["seen"]])).collect()
    };
    assert_eq!(known(&merged), known(&whole));
    // People read of it what they would have read of the whole.
    let markdown = std::fs::read_to_string(repository.path().join("m.md")).unwrap();
    assert!(said.contains("--> scenarios/letters/") && said.contains("again       ftpspec run 'letters/"), "{said}");
    assert!(markdown.contains("### Not as expected") && markdown.contains("<details><summary>transcript"), "{markdown}");
}

#[test]
fn a_whole_run_is_told_again_without_loss() {
    let repository = Repository::new(&[]);
    let formats = |folder: &str| ["html", "json", "junit", "md", "tap"].map(|format| format!("{format}={folder}/{format}"));
    for folder in ["first", "again"] {
        std::fs::create_dir(repository.path().join(folder)).unwrap();
    }
    let first = formats("first");
    let mut words = vec!["run", "--server", "reference", "--set", "broken=rest-off-by-one", "--topic", "resume"];
    words.extend(first.iter().flat_map(|report| ["--report", report]));
    let (code, terminal) = repository.run("", &words);
    let again = formats("again");
    let mut words = vec!["merge", "first/json"];
    words.extend(again.iter().flat_map(|report| ["--report", report]));
    let (code_again, terminal_again) = repository.run("", &words);
    assert_eq!((code, terminal), (code_again, terminal_again));
    assert_eq!(code, Some(1));
    for format in ["html", "json", "junit", "md", "tap"] {
        let read = |folder: &str| std::fs::read_to_string(repository.path().join(folder).join(format)).unwrap();
        assert!(read("first") == read("again"), "{format}: {}", read("again"));
    }
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let repository = parts("letters/denied");
    let all = ["1.json", "2.json", "3.json", "4.json"];
    let check = |files: &[&str], words: &[&str]| {
        let arguments: Vec<&str> = ["merge"].iter().chain(files).copied().collect();
        repository.check(&arguments, 2, words);
    };
    check(&all[..2], &["parts 3/4, 4/4 are missing: 2 of 4 parts were given (1.json, 2.json)"]);
    check(&["1.json", "2.json", "4.json"], &["part 3/4 is missing"]);
    check(&["1.json", "2.json", "3.json", "4.json", "2.json"], &["2.json and 2.json are both part hash:2/4"]);
    check(&["whole.json", "1.json"], &["whole.json is a whole run", "1.json is too much"]);
    check(&["1.json", "whole.json"], &["whole.json is a whole run"]);
    check(&["nowhere.json"], &["cannot read nowhere.json"]);
    let other = |name: &str, change: fn(&mut Value)| {
        repository.change("4.json", name, change);
        [&all[..3], &[name]].concat().iter().map(|name| (*name).to_owned()).collect::<Vec<String>>()
    };
    for (name, change, words) in [
        ("digest.json", (|it| it["suite"]["digest"] = json!("0123456789abcdef")) as fn(&mut Value), &["not with the same texts"][..]),
        ("fewer.json", |it| drop(it["suite"]["selected"].as_array_mut().unwrap().pop()), &["cases were selected, and"]),
        ("version.json", |it| it["suite"]["version"] = json!("9.9.9"), &["ftpspec 9.9.9 wrote them", "the same version"]),
        (
            "target.json",
            |it| it["target"]["name"] = json!("vsftpd"),
            &["reference 0.1.0 (--server reference --set broken=letter-dele): part 4/4 is missing"],
        ),
        ("arguments.json", |it| it["target"]["arguments"] = json!(""), &["--set broken=letter-dele): part 4/4 is missing"]),
        ("strict.json", |it| it["strict"] = json!(true), &["one was played without --strict, the other with --strict"]),
        ("kind.json", |it| it["suite"]["partition"]["kind"] = json!("count"), &["the other part count:4/4"]),
        ("of.json", |it| it["suite"]["partition"]["of"] = json!(5), &["the other part hash:4/5"]),
        (
            "baseline.json",
            |it| it["baseline"] = json!({ "source": "b.toml", "known": 0, "new": [], "changed": [], "stale": [], "expired": [] }),
            &["no baseline, the other with b.toml"],
        ),
        ("lost.json", |it| drop(it["cases"].as_array_mut().unwrap().pop()), &["lost.json does not hold together", "is missing"]),
        (
            "schema.json",
            |it| it["schema"] = json!("ftpspec.report/0"),
            &["schema.json is in the form \"ftpspec.report/0\", and this version reads \"ftpspec.report/1\""],
        ),
        ("none.json", |it| *it = json!({ "a": 1 }), &["none.json is no report"]),
        ("half.json", |it| drop(it.as_object_mut().unwrap().remove("totals")), &["half.json is no report", "totals"]),
    ] {
        let files = other(name, change);
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        check(&files, words);
    }
    // A case of another part.
    let strange = repository.json("1.json")["cases"][0].clone();
    let id = strange["id"].as_str().unwrap().to_owned();
    repository.change("4.json", "double.json", |it| it["cases"].as_array_mut().unwrap().push(strange));
    check(&["1.json", "2.json", "3.json", "double.json"], &[&format!("`{id}` is in 1.json and in double.json")]);
    // A text that means nothing any more.
    repository.change("whole.json", "text.json", |it| {
        for source in it["sources"].as_object_mut().unwrap().values_mut() {
            *source = json!("nothing");
        }
    });
    check(&["text.json"], &["means nothing to this version"]);
    std::fs::write(repository.path().join("cut.json"), "{\"schema\":").unwrap();
    check(&["cut.json"], &["cut.json is no JSON"]);
}

#[test]
fn servers_are_shown_side_by_side() {
    let repository = parts("letters/denied");
    let change = |name: &str, change: fn(&mut Value)| repository.change("whole.json", name, change);
    change("other.json", |it| it["target"]["name"] = json!("other"));
    change("well.json", |it| it["target"]["arguments"] = json!("--server reference"));
    let four = ["1.json", "2.json", "3.json", "4.json"];
    let arguments: Vec<&str> = ["merge", "other.json", "--report", "json=m.json", "--report", "md=m.md", "--report", "html=m.html"]
        .into_iter()
        .chain(four)
        .collect();
    let said = repository.check(&arguments, 1, &["reference", "other", "letters/denied#dele"]);
    let matrix = repository.json("m.json");
    assert_eq!((&matrix["schema"], matrix["runs"].as_array().unwrap().len()), (&json!("ftpspec.matrix/1"), 2), "{said}");
    assert_eq!(matrix["runs"][0], repository.json("other.json"));
    assert_eq!(matrix["runs"][1]["totals"], repository.json("whole.json")["totals"]);
    assert!(std::fs::read_to_string(repository.path().join("m.md")).unwrap().contains("| other |"));
    assert!(std::fs::read_to_string(repository.path().join("m.html")).unwrap().contains("letters/denied#dele"));
    // The same server with other variables is another, and is named by them.
    repository.check(&["merge", "whole.json", "well.json"], 1, &["reference 0.1.0 (--server reference)"]);
    repository.check(&["merge", "whole.json", "well.json", "--report", "tap=x"], 2, &["tap is a format for one server"]);
    change("version.json", |it| (it["target"]["name"], it["suite"]["version"]) = (json!("other"), json!("9.9.9")));
    repository.check(&["merge", "whole.json", "version.json"], 2, &["whole.json and version.json do not belong together", "9.9.9"]);
}

#[test]
fn parts_have_the_exit_codes_of_a_run() {
    let entry = |id: &str, seen: &str| {
        format!(
            "[[known]]\nid = \"{id}\"\nfacet = \"reply\"\nverdict = \"fail\"\nlooks_like = \"{seen}\"\nclause = \"RFC 959\"\nreason = \"r\"\n"
        )
    };
    // Both of the last two cover both others, and each is true of one of them: in a part that plays the one, the other is not stale.
    let known = entry("{right,wrong}", "200 {..}") + &entry("other*", "200 {..}") + &entry("other*", "257 {..}");
    let repository = Repository::new(&[
        ("ftpspec.toml", "server = \"reference\"\nbaseline = \"known.toml\"\n[select]\npaths = [\"ftp\"]\n"),
        ("known.toml", &known),
        ("ftp/right.ftp", RIGHT),
        ("ftp/wrong.ftp", WRONG),
        ("ftp/other1.ftp", WRONG),
        ("ftp/other2.ftp", &WRONG.replace("C> NOOP", "C> PWD")),
    ]);
    let run = |part: u32, code: i32| {
        let (partition, report) = (format!("count:{part}/6"), format!("json={part}.json"));
        repository.check(&["run", "--partition", &partition, "--report", &report], code, &[&format!("part {partition} of 4 cases")]);
    };
    // In the order of the suite: other1, other2, right, wrong. Parts 5 and 6 are empty, and that is as expected.
    [0, 0, 6, 0, 0, 0].into_iter().zip(1..).for_each(|(code, part)| run(part, code));
    let merge: Vec<String> = (1..=6).map(|part| format!("{part}.json")).collect();
    let merge: Vec<&str> = ["merge"].into_iter().chain(merge.iter().map(String::as_str)).collect();
    repository.check(&merge, 6, &["stale    line 1: right", "fail 3 (all known)", "4 cases"]);
    let whole = repository.run("", &["run"]);
    assert_eq!(whole.0, Some(6), "{}", whole.1);
    // Nothing ran at all: a part cannot know it, the whole does.
    std::fs::write(repository.path().join("ftp/none.ftp"), RIGHT.replace("[accounts]", "needs = [\"TLS\"]\n\n[accounts]")).unwrap();
    for part in 1..=2 {
        let (partition, report) = (format!("count:{part}/2"), format!("json=none{part}.json"));
        repository.check(&["run", "none", "--partition", &partition, "--report", &report], 0, &[]);
    }
    repository.check(&["merge", "none1.json", "none2.json"], 4, &["no case could be played"]);
    repository.check(&["run", "none"], 4, &[]);
    for (word, told) in [("hash:0/4", "like `hash:1/4`"), ("hash:5/4", "there is no part 5 of 4"), ("slice:1/4", "kinds: hash, count")] {
        repository.check(&["run", "--partition", word], 2, &[told]);
    }
}

#[test]
fn failures_are_annotated_on_github_alone() {
    let repository = Repository::new(&[
        ("sub/ftpspec.toml", "server = \"reference\"\nbaseline = \"known.toml\"\n[select]\npaths = [\"ftp\"]\n"),
        (
            "sub/known.toml",
            "[[known]]\nid = \"right\"\nfacet = \"reply\"\nverdict = \"fail\"\nlooks_like = \"x\"\nclause = \"RFC 959\"\nreason = \"r\"\n",
        ),
        ("sub/ftp/right.ftp", RIGHT),
        ("sub/ftp/wrong.ftp", WRONG),
    ]);
    let run = |arguments: &[&str], actions: &str| {
        let mut command = repository.command("sub", arguments);
        let workspace = repository.path().canonicalize().unwrap();
        let output = command.env("GITHUB_ACTIONS", actions).env("GITHUB_WORKSPACE", workspace).output().unwrap();
        let all = said(&output);
        (output.status.code(), all.lines().filter(|line| line.starts_with("::")).map(str::to_owned).collect::<Vec<_>>())
    };
    let (code, lines) = run(&["run"], "true");
    assert_eq!(code, Some(1), "{lines:?}");
    insta::assert_snapshot!(lines.join("\n"), @r"
    ::error file=sub/ftp/wrong.ftp,line=10,title=fail wrong%3A NOOP%2C at last::expected 550; seen 200 OK%0AMUST  RFC 959 section 4.1.3  959-4.1.3-noop-keeps-rnfr: NOOP returns OK and disturbs neither parameters nor commands entered before it.%0Aftpspec run 'ftp/wrong.ftp' --server reference
    ::warning file=sub/known.toml,line=1,title=baseline stale%3A right::the entry says fail (reply): x; now pass
    ");
    assert_eq!(run(&["run"], "false"), (Some(1), Vec::new()));
    // A case of the suite is no file of this repository.
    let (code, lines) = run(&["run", "letters/denied#dele", "--set", "broken=letter-dele", "--no-baseline"], "true");
    assert_eq!((code, lines.len()), (Some(1), 1), "{lines:?}");
    assert!(lines[0].starts_with("::error title=fail letters/denied#dele%3A "), "{lines:?}");
}

#[test]
fn the_summary_of_a_step_is_written_where_it_is() {
    let repository = Repository::new(&[("ftp/right.ftp", RIGHT), ("summary.md", "what was there")]);
    let path = repository.path().join("summary.md").display().to_string();
    repository.check(&["run", "./ftp", "--server", "reference", "--report", &format!("md={path}")], 0, &[]);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("## ftpspec: reference") && !text.contains("what was there"), "{text}");
    repository.check(&["run", "./ftp", "--server", "reference", "--report", "json=/dev/null"], 0, &[]);
    assert!(!Path::new("/dev/null").is_file());
}
