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
mod told;

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
