//! `--report FORMAT=FILE`, and the reports that come of it.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::str::FromStr;

use super::exit::Watch;
use super::{Wrong, width};
use crate::report::github::{GithubReport, Places};
use crate::report::html::HtmlReport;
use crate::report::json::JsonReport;
use crate::report::junit::JunitReport;
use crate::report::markdown::MarkdownReport;
use crate::report::tap::TapReport;
use crate::report::terminal::{Options, TerminalReport, Verbosity};
use crate::report::{Report, Sink};
use crate::run::event::Event;

/// `--report FORMAT=FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReportArgument {
    pub(super) format: Format,
    /// `-` is standard output.
    pub(super) file: PathBuf,
}

/// A format that a report can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Html,
    Json,
    Junit,
    Markdown,
    Tap,
}

impl Format {
    pub(super) const ALL: [(&'static str, Self); 5] =
        [("html", Self::Html), ("json", Self::Json), ("junit", Self::Junit), ("md", Self::Markdown), ("tap", Self::Tap)];

    /// As it is written.
    pub(super) fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, format)| *format == self).map_or("", |(word, _)| word)
    }
}

impl ReportArgument {
    pub(super) fn is_stdout(&self) -> bool {
        self.file.as_os_str() == "-"
    }

    /// Where it goes. A file is made now, so that a wrong path is told before the run.
    pub(super) fn sink(&self) -> Result<Sink, Wrong> {
        if self.is_stdout() {
            return Ok(Sink::Stream(Box::new(io::stdout())));
        }
        Sink::file(&self.file).map_err(|error| Wrong::Usage(format!("cannot write the report {}: {error}", self.file.display())))
    }
}

impl FromStr for ReportArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let formats = Format::ALL.map(|(name, _)| name).join(", ");
        let (format, file) =
            text.split_once('=').ok_or_else(|| format!("expected FORMAT=FILE, like `json=report.json`; formats: {formats}"))?;
        if file.is_empty() {
            return Err(format!("expected a file behind `{format}=`"));
        }
        match Format::ALL.into_iter().find(|(name, _)| *name == format) {
            Some((_, format)) => Ok(Self { format, file: PathBuf::from(file) }),
            None => Err(format!("there is no format `{format}`; formats: {formats}")),
        }
    }
}

/// What is to be told of a run, and how.
pub(super) struct Telling<'a> {
    pub(super) reports: &'a [ReportArgument],
    pub(super) verbosity: Verbosity,
    /// A deviation is a failure.
    pub(super) strict: bool,
    /// Colours on standard output.
    pub(super) color: bool,
    /// Annotations where it runs on GitHub.
    pub(super) annotate: bool,
}

impl Telling<'_> {
    /// All that listens, the terminal's report first.
    pub(super) fn listeners(&self) -> Result<Listeners, Wrong> {
        let to_stdout = self.reports.iter().filter(|report| report.is_stdout()).count();
        if to_stdout > 1 {
            return Err(Wrong::Usage("only one report can go to standard output".to_owned()));
        }
        // Standard output belongs to the report that asks for it.
        let out = || -> Box<dyn Write + Send> { if to_stdout == 0 { Box::new(io::stdout()) } else { Box::new(io::stderr()) } };
        let options = Options {
            width: width(),
            color: self.color && to_stdout == 0,
            progress: to_stdout == 0 && io::stdout().is_terminal() && io::stderr().is_terminal(),
            verbosity: self.verbosity,
            strict: self.strict,
        };
        let mut reports: Vec<Box<dyn Report>> = vec![Box::new(TerminalReport::new(out(), options))];
        for report in self.reports {
            let sink = report.sink()?;
            reports.push(match report.format {
                Format::Html => Box::new(HtmlReport::new(sink)),
                Format::Json => Box::new(JsonReport::new(sink)),
                Format::Junit => Box::new(JunitReport::new(sink, self.strict)),
                Format::Markdown => Box::new(MarkdownReport::new(sink, self.strict)),
                Format::Tap => Box::new(TapReport::new(sink, self.strict)),
            });
        }
        if self.annotate && std::env::var_os("GITHUB_ACTIONS").is_some_and(|set| set == "true") {
            let places = Places { current: std::env::current_dir()?, repository: std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from) };
            reports.push(Box::new(GithubReport::new(out(), self.strict, places)));
        }
        Ok(Listeners { watch: Watch::new(self.strict), reports, broken: None })
    }
}

/// All that listens to a run. A report that cannot be written does not keep the others from being.
pub(super) struct Listeners {
    pub(super) watch: Watch,
    reports: Vec<Box<dyn Report>>,
    /// Why a report could not be written.
    pub(super) broken: Option<io::Error>,
}

impl Listeners {
    pub(super) fn tell(&mut self, event: &Event) {
        let reports = self.reports.iter_mut().map(|report| report.event(event));
        for told in reports.chain([self.watch.event(event)]) {
            if let Err(error) = told {
                self.broken.get_or_insert(error);
            }
        }
    }

    /// How the program ends, once the run is over.
    pub(super) fn exit(self, err: &mut dyn Write) -> io::Result<super::exit::Exit> {
        let mut happened = self.watch.happened();
        if let Some(error) = self.broken {
            happened.harness_broke = true;
            writeln!(err, "error: a report could not be written: {error}")?;
        }
        Ok(super::exit::exit_code(&happened))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read_or_told() {
        assert_eq!("jsn=f".parse::<ReportArgument>().unwrap_err(), "there is no format `jsn`; formats: html, json, junit, md, tap");
        assert!("json=".parse::<ReportArgument>().is_err() && "json".parse::<ReportArgument>().is_err());
        assert_eq!("json=a=b".parse::<ReportArgument>().unwrap().file, PathBuf::from("a=b"));
    }
}
