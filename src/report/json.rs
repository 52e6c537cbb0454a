//! The JSON report: a [`Record`](super::record::Record), as `docs/report.schema.json` describes it.
//!
//! Written once, when the run is over, however it ends.

use std::io;

use super::record::Recorder;
use super::{Report, Sink};
use crate::run::event::Event;

/// Collects the run, and writes it at the end.
#[derive(Debug)]
pub struct JsonReport {
    sink: Sink,
    recorder: Recorder,
}

impl JsonReport {
    /// A report that goes there.
    #[must_use]
    pub fn new(sink: Sink) -> Self {
        Self { sink, recorder: Recorder::default() }
    }
}

impl Report for JsonReport {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.recorder.event(event)?;
        if let Event::Over(_) = event
            && let Some(record) = std::mem::take(&mut self.recorder).record()
        {
            self.sink.put(record.to_json()?.as_bytes())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::report::record::Record;
    use crate::report::sample;

    fn written(events: &[Event]) -> String {
        sample::written(events, |sink| Box::new(JsonReport::new(sink)))
    }

    fn validator() -> jsonschema::Validator {
        let schema: Value = serde_json::from_str(include_str!("../../docs/report.schema.json")).unwrap();
        jsonschema::validator_for(&schema).unwrap()
    }

    fn check_valid(text: &str) -> Value {
        let value: Value = serde_json::from_str(text).unwrap();
        let errors: Vec<String> = validator().iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        value
    }

    #[test]
    fn the_report_keeps_to_its_schema() {
        let value = check_valid(&written(&sample::run()));
        assert_eq!(value["totals"]["fail"], 3);
        assert_eq!(value["cases"].as_array().unwrap().len(), 8);
        assert!(value["cases"][0].get("transcript").is_none(), "a pass carries no transcript");
        assert_eq!(value["baseline"], Value::Null);
        let compared = check_valid(&written(&sample::with_baseline()));
        assert_eq!(compared["baseline"]["stale"][0]["line"], 14);
        assert_eq!(compared["cases"][7]["known"], "no ABOR before 2.0");
        check_valid(&written(&sample::not_started()));
        let cut_short = check_valid(&written(&sample::cut_short()));
        assert_eq!(cut_short["not_played"].as_array().unwrap().len(), 6);
        assert_eq!(cut_short["interrupted"], true);
    }

    #[test]
    fn what_is_written_is_read_again() {
        for events in [sample::run(), sample::with_baseline(), sample::not_started(), sample::cut_short(), sample::every_event()] {
            let text = written(&events);
            let record: Record = serde_json::from_str(&text).unwrap();
            assert_eq!(record.to_json().unwrap(), text);
        }
    }

    #[test]
    fn every_kind_of_event_keeps_to_the_schema() {
        check_valid(&written(&sample::every_event()));
    }

    #[test]
    fn the_schema_notices() {
        let mut value: Value = serde_json::from_str(&written(&sample::run())).unwrap();
        for (pointer, wrong) in [
            ("/cases/0/verdict", json!("failed")),
            ("/schema", json!("ftpspec.report/0")),
            ("/cases/1/transcript/0/what", json!("heard")),
            ("/cases/1/findings/0/facet", json!("look")),
            ("/totals/pass", json!(-1)),
        ] {
            let place = value.pointer_mut(pointer).unwrap();
            let right = std::mem::replace(place, wrong);
            assert!(!validator().is_valid(&value), "{pointer} may be anything");
            *value.pointer_mut(pointer).unwrap() = right;
            assert!(validator().is_valid(&value));
        }
    }

    #[test]
    fn the_sample_run_as_json() {
        insta::assert_snapshot!(written(&sample::run()).replace(concat!("\"", env!("CARGO_PKG_VERSION"), "\""), "\"VERSION\""));
    }
}
