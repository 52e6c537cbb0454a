//! A result against an older one: what became worse, beyond the noise of both.

use super::result::{Bench, Figures};
use super::workload::Workload;

/// A row that became worse.
#[derive(Debug, Clone, PartialEq)]
pub struct Regression {
    /// What was measured.
    pub workload: Workload,
    /// The column's label.
    pub column: String,
    /// The median then and now.
    pub medians: (f64, f64),
    /// By how much it is worse, as a share of what it was.
    pub worse: f64,
}

/// What comparing tells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Comparison {
    /// Worse by more than the threshold, and outside of what both results call noise.
    pub regressions: Vec<Regression>,
    /// Rows that both results have.
    pub compared: usize,
    /// Rows that were measured then and are not now: label and workload.
    pub missing: Vec<(String, Workload)>,
}

/// Compares what has the same label and workload. A row is worse where its median is worse by more than `threshold` (a share: 0.1), and
/// where not one of its samples is as good as one of then: within the noise there is no difference.
#[must_use]
pub fn compare(old: &Bench, new: &Bench, threshold: f64) -> Comparison {
    let mut comparison = Comparison::default();
    for row in &old.rows {
        let (Some(before), Some(column)) = (row.figures(), old.columns.get(row.column)) else { continue };
        let place = new.columns.iter().position(|known| known.label == column.label);
        // A server that is not measured at all is left out on purpose.
        let Some(place) = place else { continue };
        let Some(again) = new.row(row.workload, place) else { continue };
        let Some(after) = again.figures() else {
            comparison.missing.push((column.label.clone(), row.workload));
            continue;
        };
        comparison.compared += 1;
        if let Some(worse) = worse(before, after).filter(|worse| *worse > threshold) {
            let medians = (before.spread.median, after.spread.median);
            comparison.regressions.push(Regression { workload: row.workload, column: column.label.clone(), medians, worse });
        }
    }
    comparison
}

/// By how much it is worse, where the samples do not overlap.
fn worse(before: &Figures, after: &Figures) -> Option<f64> {
    let (old, new) = (&before.spread, &after.spread);
    let (apart, worse) = if before.unit.higher_is_better() {
        (new.max < old.min, 1.0 - new.median / old.median)
    } else {
        (new.min > old.max, new.median / old.median - 1.0)
    };
    (apart && worse > 0.0).then_some(worse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::result::Outcome;
    use crate::bench::sample::{bench, figures};

    fn against(workload: Workload, samples: &[f64], threshold: f64) -> Comparison {
        let mut new = bench();
        let row = new.rows.iter_mut().find(|row| row.workload == workload && row.column == 0).unwrap();
        row.outcome = Outcome::Measured(Box::new(figures(workload, samples)));
        compare(&bench(), &new, threshold)
    }

    #[test]
    fn only_what_is_beyond_noise_and_threshold_is_worse() {
        let worse = |workload, samples: &[f64]| against(workload, samples, 0.1).regressions.first().map(|regression| regression.worse);
        assert_eq!(compare(&bench(), &bench(), 0.1), Comparison { compared: 2, ..Comparison::default() });
        // Then 1000 to 1500 MiB/s: a median of 900 is worse, but one round was as good as the worst one then.
        assert_eq!(worse(Workload::Retr, &[800.0, 900.0, 1000.0]), None);
        assert_eq!(worse(Workload::Retr, &[800.0, 500.0, 999.0]), Some(1.0 - 800.0 / 1250.0));
        assert_eq!(worse(Workload::Retr, &[8000.0]), None, "faster is never worse");
        // Then 20 to 30 microseconds.
        assert_eq!(worse(Workload::Noop, &[30.0, 40.0]), None);
        assert_eq!(worse(Workload::Noop, &[40.0, 60.0]), Some(1.0));
        assert_eq!(worse(Workload::Noop, &[1.0]), None);
        assert!(against(Workload::Noop, &[31.0], 0.5).regressions.is_empty(), "within the threshold");
    }

    #[test]
    fn what_is_not_measured_any_more_is_missing() {
        let mut new = bench();
        new.rows[0].outcome = Outcome::Failed { why: "wrong".to_owned() };
        assert_eq!(compare(&bench(), &new, 0.1).missing, [("one".to_owned(), Workload::Retr)]);
        new.columns[0].label = "another".to_owned();
        assert_eq!(compare(&bench(), &new, 0.1), Comparison::default(), "another server is no missing one");
    }
}
