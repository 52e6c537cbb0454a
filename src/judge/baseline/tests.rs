use super::*;

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source { name: "baselines/example.toml".to_owned(), text: text.to_owned() })
}

fn entry(id: &str, more: &str) -> String {
    let more = if more.contains("looks_like") { more.to_owned() } else { format!("looks_like = \"550 {{..}}\"\n{more}") };
    format!(
        "[[known]]\nid = \"{id}\"\nfacet = \"reply\"\nverdict = \"fail\"\nclause = \"3659-5.3-rest-350\"\nreason = \"no REST\"\n{more}\n\n"
    )
}

fn baseline(text: &str) -> Arc<Baseline> {
    let source = source(text);
    match Baseline::read(Arc::clone(&source)) {
        Ok(baseline) => Arc::new(baseline),
        Err(wrong) => panic!("{}", wrong.iter().map(|one| one.render(&source, false)).collect::<Vec<_>>().join("\n\n")),
    }
}

pub(super) fn outcome(verdict: Verdict, facet: Facet, seen: &str) -> Outcome {
    let finding = |verdict, seen: &str| Finding {
        facet,
        verdict,
        step: 0,
        span: Span::default(),
        requirements: vec!["3659-5.3-rest-350".to_owned()],
        expected: "350".to_owned(),
        seen: seen.to_owned(),
        events: 1,
    };
    // What is less grave says nothing.
    let findings = if verdict == Verdict::Pass { Vec::new() } else { vec![finding(Verdict::Info, "a choice"), finding(verdict, seen)] };
    Outcome { verdict, findings }
}

fn fail(seen: &str) -> Outcome {
    outcome(Verdict::Fail, Facet::Reply, seen)
}

/// How many remarks of each kind: known, new, changed, stale, expired.
fn check(text: &str, played: &[(&str, Outcome)], expect: [usize; 5]) -> Comparison {
    let mut comparer = Comparer::new(baseline(text), Some("0.24.1".to_owned()), Date::constant(2026, 11, 22), false);
    let known = played.iter().filter(|(id, outcome)| comparer.take(id, outcome, None).is_some()).count();
    let comparison = comparer.finish();
    let Comparison { known: counted, new, changed, stale, expired, .. } = &comparison;
    assert_eq!(*counted, known);
    assert_eq!([known, new.len(), changed.len(), stale.len(), expired.len()], expect, "{comparison:#?}");
    comparison
}

#[test]
fn what_is_known_is_told_from_what_is_new_other_or_gone() {
    let rest = entry("resume/rest", "");
    check(&rest, &[("resume/rest", fail("550 no"))], [1, 0, 0, 0, 0]);
    check(&rest, &[("resume/rest#row", fail("550 "))], [1, 0, 0, 0, 0]);
    check("", &[("resume/rest", fail("550 no"))], [0, 1, 0, 0, 0]);
    check(&rest, &[("resume/other", fail("550 no"))], [0, 1, 0, 0, 0]);
    check(&rest, &[("resume/rest", fail("500 no"))], [0, 0, 1, 0, 0]);
    check(&rest, &[("resume/rest", outcome(Verdict::Fail, Facet::Effect, "550 no"))], [0, 0, 1, 0, 0]);
    check(&rest, &[("resume/rest", outcome(Verdict::Inconclusive, Facet::Reply, "550 no"))], [0, 0, 1, 0, 0]);
    check(&rest, &[("resume/rest", outcome(Verdict::Pass, Facet::Reply, ""))], [0, 0, 0, 1, 0]);
    check(&rest, &[("resume/rest", outcome(Verdict::Deviation, Facet::Reply, "550 no"))], [0, 0, 0, 1, 0]);
    // What was not played says nothing.
    check(&rest, &[], [0; 5]);
    check(&rest, &[("resume/other", outcome(Verdict::Pass, Facet::Reply, ""))], [0; 5]);
    check(&rest, &[("resume/rest", outcome(Verdict::Unsupported, Facet::Reply, ""))], [0; 5]);
    check(&rest, &[("resume/rest", outcome(Verdict::Error, Facet::Reply, "550 no"))], [0; 5]);
    check("", &[("resume/rest", outcome(Verdict::Deviation, Facet::Reply, "550 no"))], [0; 5]);
}

#[test]
fn each_case_of_an_entry_counts() {
    let all = entry("resume/rest", "");
    check(&all, &[("resume/rest#a", fail("550 no")), ("resume/rest#b", outcome(Verdict::Pass, Facet::Reply, ""))], [1, 0, 0, 1, 0]);
    check(&entry("resume/rest#{a,b}", ""), &[("resume/rest#a", fail("550 no")), ("resume/rest#c", fail("550 no"))], [1, 1, 0, 0, 0]);
}

#[test]
fn an_entry_that_nothing_looks_like_is_stale() {
    let two = entry("resume/rest", "") + &entry("resume/*", "looks_like = \"421 {..}\"");
    check(&two, &[("resume/rest", fail("550 no"))], [1, 0, 0, 1, 0]);
    check(&two, &[("resume/rest", fail("550 no")), ("resume/cut", fail("421 bye"))], [2, 0, 0, 0, 0]);
    let either = entry("resume/rest", "looks_like = [\"550 {..}\", \"421 {..}\"]");
    check(&either, &[("resume/rest", fail("421 bye"))], [1, 0, 0, 0, 0]);
}

#[test]
fn an_entry_holds_on_its_last_day_and_no_longer() {
    let played = [("resume/rest", fail("550 no"))];
    check(&entry("resume/rest", "expires = 2026-11-22"), &played, [1, 0, 0, 0, 0]);
    let comparison = check(&entry("resume/rest", "expires = 2026-11-21"), &played, [0, 0, 0, 0, 1]);
    assert_eq!(comparison.expired[0].text, "the entry holds until 2026-11-21; still fail (reply): 550 no");
    assert_eq!((comparison.expired[0].line, comparison.is_outdated()), (Some(1), true));
}

#[test]
fn a_race_may_do_well() {
    let race = entry("resume/rest", "sometimes = true");
    check(&race, &[("resume/rest", outcome(Verdict::Pass, Facet::Reply, ""))], [0; 5]);
    check(&race, &[("resume/rest", fail("550 no"))], [1, 0, 0, 0, 0]);
    check(&race, &[("resume/rest", fail("421 bye"))], [0, 0, 1, 0, 0]);
}

#[test]
fn an_entry_speaks_of_its_versions() {
    let played = [("resume/rest", fail("550 no"))];
    check(&entry("resume/rest", "versions = \"0.24.*\""), &played, [1, 0, 0, 0, 0]);
    check(&entry("resume/rest", "versions = \"0.23.*\""), &played, [0, 1, 0, 0, 0]);
    let ranged = baseline(&entry("resume/rest", "versions = \"*\""));
    assert!(!ranged.entries[0].speaks_of(None) && ranged.entries[0].speaks_of(Some("1")));
}

#[test]
fn all_that_is_wrong_is_shown_with_its_place() {
    let text = "\
[[known]]
id = \"resume/rest[\"
facet = \"replay\"
verdict = \"pass\"
looks_like = []
clause = [\"3659-5.3-rest-35\", \"RFC 959 section 4.1.3\"]
reason = \" \"
expires = \"2027-01-31\"
reson = \"x\"

[[known]]
id = 7

[other]
";
    let source = source(text);
    let wrong = Baseline::read(Arc::clone(&source)).unwrap_err();
    insta::assert_snapshot!(wrong.iter().map(|one| one.render(&source, false)).collect::<Vec<_>>().join("\n\n"));
    assert!(Baseline::read(self::source("[[known]\n")).is_err());
}
