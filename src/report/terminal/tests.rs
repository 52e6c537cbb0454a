use std::sync::{Mutex, PoisonError};

use super::*;
use crate::report::sample;

/// A writer that keeps what it is given.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn told(events: &[Event], options: Options) -> String {
    let kept = Kept::default();
    let mut report = TerminalReport::new(Box::new(kept.clone()), options);
    events.iter().for_each(|event| report.event(event).unwrap());
    let bytes = kept.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    String::from_utf8(bytes).unwrap()
}

fn options(width: usize) -> Options {
    Options { width, ..Options::default() }
}

#[test]
fn the_sample_run_in_80_columns() {
    insta::assert_snapshot!(told(&sample::run(), options(80)));
}

#[test]
fn the_sample_run_in_120_columns() {
    insta::assert_snapshot!(told(&sample::run(), options(120)));
}

#[test]
fn no_line_is_wider_than_the_screen() {
    for width in [80, 100, 120, 200] {
        for verbosity in [Verbosity::Quiet, Verbosity::Usual, Verbosity::Verbose] {
            for events in [sample::run(), sample::every_event(), sample::cut_short(), sample::with_baseline()] {
                let text = told(&events, Options { verbosity, ..options(width) });
                for line in text.lines().filter(|line| !line.contains("again")) {
                    assert!(line.chars().count() <= width, "{} columns of {width}: {line}", line.chars().count());
                }
            }
        }
    }
}

#[test]
fn the_sample_run_with_a_baseline() {
    let text = told(&sample::with_baseline(), options(100));
    insta::assert_snapshot!(text[text.find("fail         abort/idle").unwrap()..]);
}

#[test]
fn the_sample_run_told_quietly() {
    insta::assert_snapshot!(told(&sample::run(), Options { verbosity: Verbosity::Quiet, ..options(100) }));
}

#[test]
fn a_run_that_is_told_as_it_happens() {
    insta::assert_snapshot!(told(&sample::all_well(), Options { verbosity: Verbosity::Verbose, ..options(100) }));
}

#[test]
fn several_cases_at_once_are_told_apart() {
    let mut events = sample::run();
    events.retain(|event| matches!(event, Event::Planned { .. } | Event::Said { .. } | Event::Over(_)));
    events.splice(1..1, [Event::Started { index: 1 }, Event::Started { index: 2 }]);
    let text = told(&events, Options { verbosity: Verbosity::Verbose, ..options(120) });
    assert!(text.lines().any(|line| line.starts_with("resume/rest-350 ") && line.contains("C> REST 70000\\r\\n")), "{text}");
    assert!(text.lines().any(|line| line.starts_with("resume/retr#offset ") && line.contains("| S>> 30002 bytes")), "{text}");
}

#[test]
fn the_end_is_told_in_one_sentence() {
    let last = |events: &[Event]| told(events, options(100)).lines().last().unwrap().to_owned();
    assert_eq!(last(&sample::all_well()), "example 1.2.3 does all that was demanded.");
    assert_eq!(last(&sample::not_started()), "example 1.2.3 could not be judged: `exampled` is not installed");
    assert_eq!(last(&sample::every_event()), "The harness itself broke in 1 case; what it says about example 1.2.3 is not complete.");
    let interrupted = told(&sample::cut_short(), options(200));
    assert!(interrupted.contains("fails 1 case and breaks 1 requirement. The run was interrupted"), "{interrupted}");
    assert!(interrupted.contains("not played: 6 cases"), "{interrupted}");
}

#[test]
fn strict_tells_deviations_at_length() {
    let strict = told(&sample::run(), Options { strict: true, ..options(100) });
    let lax = told(&sample::run(), options(100));
    assert!(strict.contains("again       ftpspec run 'directory/mkd' --server example"));
    assert!(!lax.contains("again       ftpspec run 'directory/mkd'"));
}

#[test]
fn colours_only_where_they_are_asked_for() {
    assert!(!told(&sample::run(), options(100)).contains('\u{1b}'));
    let coloured = told(&sample::run(), Options { color: true, ..options(100) });
    assert!(coloured.contains("\u{1b}["));
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), told(&sample::run(), options(100)));
}

/// Shows the sample run on the terminal: `cargo test --lib show_the_sample -- --ignored --nocapture`.
#[test]
#[ignore = "to look at, not to check"]
fn show_the_sample() {
    let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(100);
    let verbosity = if std::env::var("VERBOSE").is_ok() { Verbosity::Verbose } else { Verbosity::Usual };
    let mut report = TerminalReport::new(Box::new(io::stdout()), Options { width, color: true, progress: true, verbosity, strict: false });
    let (_keep, pause) = std::sync::mpsc::channel::<()>();
    for event in sample::run() {
        report.event(&event).unwrap();
        if matches!(event, Event::Started { .. }) {
            let _ = pause.recv_timeout(std::time::Duration::from_millis(400));
        }
    }
}
