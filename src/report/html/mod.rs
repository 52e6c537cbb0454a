//! The HTML report: one file that needs nothing else, for one target or many.
//!
//! Responsible for the page as a whole. What the runs hold stands in it as JSON in which no character can end its element; the page's own
//! program writes it into text nodes only. A policy forbids everything that did not come with the page: no other script or style, no
//! connection. Without scripts there is still the table of letters.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Serde;
use minijinja::{Environment, context};
use sha2::{Digest as _, Sha256};

use self::data::Data;
use super::record::{Record, Recorder};
use super::{Report, Sink};
use crate::run::event::Event;

mod clause;
mod data;
mod detail;
mod text;

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = concat!(
    "\"use strict\";\n(() => {\n",
    include_str!("script/core.js"),
    include_str!("script/matrix.js"),
    include_str!("script/case.js"),
    include_str!("script/coverage.js"),
    include_str!("script/capability.js"),
    include_str!("script/page.js"),
    "})();\n"
);

/// The page of some runs, one column each, in their order.
///
/// # Errors
/// None that is known: the page's template and data can be written.
pub fn page(runs: &[Record]) -> io::Result<String> {
    let data = Data::new(runs);
    let details = detail::details(runs, &data)?;
    let title = match data.targets.as_slice() {
        [one] => one.label.clone(),
        many => format!("{} servers", many.len()),
    };
    let letters: Vec<(&str, Vec<char>)> = data.cases.iter().map(|case| (case.id, case.letters.chars().collect())).collect();
    let mut environment = Environment::new();
    environment.add_template("page.html", TEMPLATE).map_err(io::Error::other)?;
    let template = environment.get_template("page.html").map_err(io::Error::other)?;
    template
        .render(context! {
            title,
            program => &data.program,
            style => STYLE,
            style_hash => hash(STYLE),
            script => SCRIPT,
            script_hash => hash(SCRIPT),
            data => text::escaped_json(&serde_json::to_string(&data)?),
            details => details.iter().map(|details| text::escaped_json(details)).collect::<Vec<_>>(),
            targets => Serde(&data.targets),
            cases => Serde(letters),
        })
        .map_err(io::Error::other)
}

/// What a content security policy calls a script or a style that may be there.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// Collects the run, and writes the page at the end.
#[derive(Debug)]
pub struct HtmlReport {
    sink: Sink,
    recorder: Recorder,
}

impl HtmlReport {
    /// A report that goes there.
    #[must_use]
    pub fn new(sink: Sink) -> Self {
        Self { sink, recorder: Recorder::default() }
    }
}

impl Report for HtmlReport {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.recorder.event(event)?;
        if let Event::Over(_) = event
            && let Some(record) = std::mem::take(&mut self.recorder).record()
        {
            self.sink.put(page(&[record])?.as_bytes())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;
    use crate::report::sample;

    /// What could end an element, begin one, or look like another text than it is.
    const HOSTILE: &str = "</script><script>alert(1)</script><!--<script>]]>&lt;\u{2028}\u{202e}\"'`{{ 7 * 7 }}{% raw %}";

    fn record(events: &[Event]) -> Record {
        let mut recorder = Recorder::default();
        events.iter().for_each(|event| recorder.event(event).unwrap());
        recorder.record().unwrap()
    }

    /// The JSON in the element with this id.
    fn element(page: &str, id: &str) -> Json {
        let start = format!("<script type=\"application/json\" id=\"{id}\">");
        let (_, rest) = page.split_once(&start).unwrap();
        serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
    }

    #[test]
    fn nothing_that_a_server_sends_leaves_its_element() {
        let plain = record(&sample::run());
        let mut hostile = plain.clone();
        hostile.target.banner = Some(HOSTILE.to_owned());
        hostile.target.version = Some(HOSTILE.to_owned());
        hostile.target.name = HOSTILE.to_owned();
        hostile.target.arguments = HOSTILE.to_owned();
        hostile.target.capabilities[0].said = HOSTILE.to_owned();
        for case in &mut hostile.cases {
            case.id += HOSTILE;
            case.title = HOSTILE.to_owned();
            case.detail = HOSTILE.to_owned();
            case.server_log = HOSTILE.to_owned();
            case.findings.iter_mut().for_each(|finding| finding.seen = HOSTILE.to_owned());
            case.transcript.iter_mut().flatten().for_each(|event| event["bytes"] = HOSTILE.into());
        }
        let count = |page: &str| ["<script", "</script", "<!--", "{{", "{%"].map(|word| page.to_lowercase().matches(word).count());
        let (before, after) = (page(&[plain]).unwrap(), page(std::slice::from_ref(&hostile)).unwrap());
        let (before, elements) = (count(&before), count(&after));
        assert_eq!(elements[..3], before[..3], "elements are those of the page, whatever the server says");
        let data = element(&after, "data");
        let banner = data["targets"][0]["banner"].as_str().unwrap();
        assert_eq!(banner, HOSTILE.replace('\u{2028}', "\\u{2028}").replace('\u{202e}', "\\u{202e}"), "nothing is lost, nothing is hidden");
        assert_eq!(data["targets"][0]["arguments"], HOSTILE, "what a user copies is as it was");
        assert!(after.contains("{{ 7 * 7 }}") && !after.contains("49{%"), "the template is filled once");
        element(&after, "details-0");
    }

    #[test]
    fn the_page_is_the_same_again_and_asks_for_nothing() {
        let runs = [record(&sample::with_baseline()), record(&sample::not_started())];
        let once = page(&runs).unwrap();
        assert_eq!(once, page(&runs).unwrap());
        for word in ["src=", "<link", "@import", "url(", "fetch(", "XMLHttpRequest", "innerHTML", "outerHTML", "insertAdjacent", "eval("] {
            assert!(!SCRIPT.contains(word) && !STYLE.contains(word) && !TEMPLATE.contains(word), "{word}");
        }
        assert!(once.contains("default-src 'none'"));
        assert!(once.contains(&format!("script-src '{}'", hash(SCRIPT))));
        assert_eq!(hash(""), "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    #[test]
    fn every_run_shows_up() {
        let runs = [record(&sample::run()), record(&sample::not_started()), record(&sample::cut_short())];
        let page = page(&runs).unwrap();
        let data = element(&page, "data");
        assert_eq!(data["targets"].as_array().unwrap().len(), 3);
        assert_eq!(data["targets"][1]["not_started"], "`exampled` is not installed");
        assert_eq!(data["targets"][2]["ended"], "ctrl-c");
        assert_eq!(data["cases"].as_array().unwrap().len(), 8);
        assert_eq!(data["cases"][0]["letters"], "P-P");
        assert_eq!(data["cases"][7]["letters"], "F--");
        (0..3).for_each(|place| drop(element(&page, &format!("details-{place}"))));
        let no_script = page.split_once("<noscript>").unwrap().1.split_once("</noscript>").unwrap().0;
        assert!(no_script.contains("<tr><th>abort&#x2f;idle<td>F<td>-<td>-"), "{no_script}");
    }

    #[test]
    fn the_report_writes_its_page() {
        let written = sample::written(&sample::run(), |sink| Box::new(HtmlReport::new(sink)));
        assert_eq!(written, page(&[record(&sample::run())]).unwrap());
    }
}
