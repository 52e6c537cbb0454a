//! Annotations for GitHub: workflow commands, which its runner reads in the output of a step and shows beside the lines of a pull request.
//!
//! What is not as expected is an error; an entry of the baseline that is no longer true is a warning. GitHub shows ten of each a step.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::planned::Planned;
use super::standing::Standing;
use super::{Report, plain};
use crate::run::event::{CaseReport, Event, Summary};
use crate::run::suite::is_built_in;

/// Annotations of a kind that GitHub shows, of each step.
const SHOWN: usize = 10;

/// Collects what is to be annotated, and tells it at the end.
pub struct GithubReport {
    out: Box<dyn Write + Send>,
    strict: bool,
    places: Places,
    planned: Planned,
    errors: Vec<String>,
}

impl fmt::Debug for GithubReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GithubReport").finish_non_exhaustive()
    }
}

/// Where the repository is checked out, and where paths are seen from.
#[derive(Debug, Clone)]
pub struct Places {
    /// The current directory.
    pub current: PathBuf,
    /// `GITHUB_WORKSPACE`.
    pub repository: Option<PathBuf>,
}

impl Places {
    /// A file as the repository knows it, or as it was named where it is elsewhere.
    fn within(&self, name: &str) -> String {
        let whole: PathBuf = normal(&self.current.join(name));
        let below = self.repository.as_ref().and_then(|repository| whole.strip_prefix(normal(repository)).ok());
        below.map_or_else(|| normal(Path::new(name)).display().to_string(), |below| below.display().to_string())
    }
}

/// Without `.`, and with each `..` taken from what stands before it.
fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if parts.file_name().is_some() => drop(parts.pop()),
            std::path::Component::ParentDir
            | std::path::Component::Prefix(_)
            | std::path::Component::RootDir
            | std::path::Component::Normal(_) => parts.push(part),
        }
    }
    parts
}

/// What a command says: all that would end its line.
fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command: also what would end it.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

fn command(kind: &str, properties: &[(&str, String)], text: &str) -> String {
    let told: Vec<String> = properties.iter().map(|(key, value)| format!("{key}={}", property(value))).collect();
    format!("::{kind} {}::{}", told.join(","), message(text))
}

impl GithubReport {
    /// Annotations that go there. `strict`: a deviation is a failure.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, strict: bool, places: Places) -> Self {
        Self { out, strict, places, planned: Planned::default(), errors: Vec::new() }
    }

    fn case(&mut self, report: &CaseReport) {
        if !Standing::of(report, self.strict).is_unexpected() {
            return;
        }
        let mut properties = Vec::new();
        if !is_built_in(&report.case.source) {
            properties.push(("file", self.places.within(&report.case.source.name)));
            properties.extend(report.outcome.gravest().map(|finding| ("line", plain::line_of(report, finding).to_string())));
        }
        properties.push(("title", format!("{} {}: {}", report.outcome.verdict, report.case.id, report.case.title)));
        let mut lines = vec![plain::headline(report)];
        lines.extend(report.outcome.gravest().into_iter().flat_map(|finding| &finding.requirements).map(|id| plain::clause(id)));
        lines.push(plain::again(&report.case, &self.planned.target.arguments));
        self.errors.push(command("error", &properties, &lines.join("\n")));
    }

    fn write(&mut self, summary: &Summary) -> io::Result<()> {
        let mut errors = std::mem::take(&mut self.errors);
        if summary.not_started.is_some() || summary.cut_short.is_some() {
            let title = format!("{} was not judged to the end", plain::name(&self.planned.target));
            errors.insert(0, command("error", &[("title", title)], plain::not_played(summary)));
        }
        let mut warnings = Vec::new();
        for (word, remark) in summary.baseline.iter().flat_map(plain::remarks).filter(|(word, _)| *word != "changed") {
            let baseline = summary.baseline.as_ref().map_or("", |baseline| baseline.source.as_str());
            let built_in = crate::run::baseline::place(&self.planned.target.name).display().to_string() == baseline;
            let mut properties = Vec::new();
            if !built_in {
                properties.push(("file", self.places.within(baseline)));
                properties.extend(remark.line.map(|line| ("line", line.to_string())));
            }
            properties.push(("title", format!("baseline {word}: {}", remark.id)));
            warnings.push(command("warning", &properties, &remark.text));
        }
        for (kind, commands) in [("errors", errors), ("warnings", warnings)] {
            for command in commands.iter().take(SHOWN) {
                writeln!(self.out, "{command}")?;
            }
            if commands.len() > SHOWN {
                writeln!(self.out, "and {} more {kind}; GitHub shows {SHOWN} of a step", commands.len() - SHOWN)?;
            }
        }
        self.out.flush()
    }
}

impl Report for GithubReport {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.planned.event(event);
        match event {
            Event::Finished(report) => {
                self.case(report);
                Ok(())
            }
            Event::Over(summary) => self.write(summary),
            Event::Planned { .. } | Event::Started { .. } | Event::Said { .. } | Event::Ended { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::report::{Sink, sample};
    use crate::run::suite::Suite;
    use crate::scenario::model::Case;

    /// Takes what is written to a sink: the annotations are not written as a whole.
    struct Through(Sink, Vec<u8>);

    impl Write for Through {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.put(&self.1)
        }
    }

    fn written(events: &[Event], strict: bool) -> String {
        let places = Places { current: "/w/x/sub".into(), repository: Some("/w/x".into()) };
        sample::written(events, |sink| Box::new(GithubReport::new(Box::new(Through(sink, Vec::new())), strict, places)))
    }

    #[test]
    fn the_sample_run_as_annotations() {
        insta::assert_snapshot!(written(&sample::with_baseline(), true));
        assert_eq!(written(&sample::all_well(), true), "");
        let not_started = written(&sample::not_started(), false);
        assert_eq!(not_started, "::error title=example 1.2.3 was not judged to the end::`exampled` is not installed\n");
    }

    #[test]
    fn nothing_ends_a_command_before_its_end() {
        assert_eq!(message("100%\r\nnext: a,b"), "100%25%0D%0Anext: a,b");
        assert_eq!(property("C:\\a,b%\n::error::"), "C%3A\\a%2Cb%25%0A%3A%3Aerror%3A%3A");
        let text = written(&sample::every_event(), false);
        assert_eq!(text.lines().count(), 1, "{text}");
    }

    #[test]
    fn files_are_told_as_the_repository_knows_them() {
        let places = Places { current: "/w/x/sub".into(), repository: Some("/w/x".into()) };
        let check = |name: &str, expect: &str| assert_eq!(places.within(name), expect);
        check("ftp/a.ftp", "sub/ftp/a.ftp");
        check("./ftp/a.ftp", "sub/ftp/a.ftp");
        check("../ftp/a.ftp", "ftp/a.ftp");
        check("/w/x/a.ftp", "a.ftp");
        check("/elsewhere/a.ftp", "/elsewhere/a.ftp");
        assert_eq!(Places { repository: None, ..places }.within("./ftp/a.ftp"), "ftp/a.ftp");
    }

    #[test]
    fn what_is_built_in_is_no_file_of_the_repository_and_ten_are_shown() {
        let built_in = Arc::clone(Suite::built_in().unwrap().cases().next().unwrap());
        let mut events = sample::run();
        let failed = events.iter().find_map(|event| match event {
            Event::Finished(report) if report.index == 1 => Some(report.clone()),
            Event::Finished(_)
            | Event::Planned { .. }
            | Event::Started { .. }
            | Event::Said { .. }
            | Event::Ended { .. }
            | Event::Over(_) => None,
        });
        let mut failed = failed.unwrap();
        failed.case = Arc::new(Case { source: Arc::clone(&built_in.source), ..failed.case.as_ref().clone() });
        events.splice(1..1, (0..20).map(|_| Event::Finished(failed.clone())));
        let text = written(&events, false);
        let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("::error")).collect();
        assert_eq!(errors.len(), 10, "{text}");
        assert!(errors.iter().all(|line| line.starts_with("::error title=fail resume/rest-350%3A")), "{text}");
        assert!(text.contains("and 13 more errors; GitHub shows 10 of a step"), "{text}");
    }
}
