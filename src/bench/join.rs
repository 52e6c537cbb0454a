//! The results of several machines that measured the same servers at the same time, put together.
//!
//! What counts things or bytes a second is added up, round by round; histograms are added exactly, bucket by bucket; a time is then what
//! the whole histogram says. What the server cost was seen by the machine that it runs on, if by any.

use super::result::{Bench, Figures, Outcome, Part, Row};
use super::statistics::Spread;
use super::workload::Unit;

/// Why results do not belong together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// No result at all.
    #[error("there is nothing to put together")]
    Nothing,
    /// One that is no part.
    #[error("{0} is a whole, not a part (`ftpspec bench --part 1/4`)")]
    Whole(String),
    /// Of another number of parts.
    #[error("{0} is one of {1} parts, and {2} is one of {3}")]
    Of(String, u32, String, u32),
    /// A part that comes twice.
    #[error("part {0} comes twice: {1} and {2}")]
    Twice(u32, String, String),
    /// A part that is not there.
    #[error("part {0} of {1} is missing")]
    Missing(u32, u32),
    /// Other servers, sizes or workloads.
    #[error("{0} and {1} did not measure the same: their {2} differ")]
    Other(String, String, &'static str),
}

/// Puts the parts of one benchmark together; each with the name of its file. One whole result is that result.
///
/// # Errors
/// Why they do not belong together.
pub fn join(mut parts: Vec<(String, Bench)>) -> Result<Bench, JoinError> {
    if parts.len() == 1 && parts[0].1.part.is_none_or(|part| part.of == 1) {
        return parts.pop().map(|(_, whole)| whole).ok_or(JoinError::Nothing);
    }
    complete(&mut parts)?;
    let mut parts = parts.into_iter();
    let (first, mut whole) = parts.next().ok_or(JoinError::Nothing)?;
    whole.part = None;
    for (name, part) in parts {
        fits(&first, &whole, &name, &part)?;
        for row in &mut whole.rows {
            let other = part.rows.iter().find(|other| other.workload == row.workload && other.column == row.column);
            if let Some(other) = other {
                add(row, other);
            }
        }
        whole.took_s = whole.took_s.max(part.took_s);
        whole.warnings.extend(part.warnings.into_iter().map(|warning| format!("{name}: {warning}")));
        whole.interrupted |= part.interrupted;
    }
    // Shares of one machine's floor say nothing of many machines.
    whole.floor.clear();
    for row in &mut whole.rows {
        if let Outcome::Measured(figures) = &mut row.outcome {
            figures.of_floor = None;
        }
    }
    Ok(whole)
}

/// Sorts the parts, and finds what is missing or doubled.
fn complete(parts: &mut [(String, Bench)]) -> Result<(), JoinError> {
    let mut seen: Vec<(Part, String)> = Vec::new();
    for (name, bench) in parts.iter() {
        let Some(part) = bench.part else { return Err(JoinError::Whole(name.clone())) };
        if let Some((other, file)) = seen.first().filter(|(other, _)| other.of != part.of) {
            return Err(JoinError::Of(file.clone(), other.of, name.clone(), part.of));
        }
        if let Some((_, file)) = seen.iter().find(|(other, _)| other.part == part.part) {
            return Err(JoinError::Twice(part.part, file.clone(), name.clone()));
        }
        seen.push((part, name.clone()));
    }
    let of = seen.first().map_or(0, |(part, _)| part.of);
    if let Some(missing) = (1..=of).find(|number| !seen.iter().any(|(part, _)| part.part == *number)) {
        return Err(JoinError::Missing(missing, of));
    }
    parts.sort_by_key(|(_, bench)| bench.part);
    Ok(())
}

fn fits(first: &str, whole: &Bench, name: &str, part: &Bench) -> Result<(), JoinError> {
    let differ = |what| Err(JoinError::Other(first.to_owned(), name.to_owned(), what));
    if whole.options != part.options {
        return differ("options");
    }
    let labels = |bench: &Bench| bench.columns.iter().map(|column| (column.label.clone(), column.client)).collect::<Vec<_>>();
    if labels(whole) != labels(part) {
        return differ("servers");
    }
    if whole.workloads() != part.workloads() {
        return differ("workloads");
    }
    Ok(())
}

/// Adds one row to another. A failure of one is a failure of all.
fn add(row: &mut Row, other: &Row) {
    let (Outcome::Measured(sum), Outcome::Measured(more)) = (&mut row.outcome, &other.outcome) else {
        if matches!(row.outcome, Outcome::Measured(_)) || matches!(other.outcome, Outcome::Failed { .. }) {
            row.outcome = other.outcome.clone();
        }
        return;
    };
    figures(sum, more);
    for note in &other.notes {
        if !row.notes.contains(note) {
            row.notes.push(note.clone());
        }
    }
}

fn figures(sum: &mut Figures, more: &Figures) {
    match (&mut sum.latencies, &more.latencies) {
        (Some(latencies), Some(others)) => latencies.add(others),
        (none @ None, Some(others)) => *none = Some(others.clone()),
        (_, None) => {}
    }
    sum.samples = match (sum.unit, &sum.latencies) {
        (Unit::Microseconds, Some(latencies)) => vec![latencies.percentile_us(50.0)],
        (Unit::Microseconds, None) => sum.samples.iter().chain(&more.samples).copied().collect(),
        (Unit::MibPerSecond | Unit::PerSecond, _) => sum.samples.iter().zip(&more.samples).map(|(one, other)| one + other).collect(),
    };
    if let Some(spread) = Spread::of(&sum.samples) {
        sum.spread = spread;
    }
    sum.bytes += more.bytes;
    sum.checked &= more.checked;
    sum.client_cpu += more.client_cpu;
    sum.client_busy = sum.client_busy.zip(more.client_busy).map(|(one, other)| one.max(other));
    sum.server = sum.server.or(more.server);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::sample::bench;
    use crate::bench::workload::Workload;

    fn part(part: u32, of: u32) -> (String, Bench) {
        (format!("{part}.json"), Bench { part: Some(Part { part, of }), ..bench() })
    }

    #[test]
    fn rates_add_up_and_latencies_join() {
        let whole = join(vec![part(2, 3), part(1, 3), part(3, 3)]).unwrap();
        let figures = |workload| whole.row(workload, 0).unwrap().figures().unwrap();
        assert_eq!(figures(Workload::Retr).samples, [3000.0, 4500.0, 3750.0]);
        assert_eq!((figures(Workload::Retr).spread.median, figures(Workload::Retr).of_floor), (3750.0, None));
        let latencies = figures(Workload::Noop).latencies.as_ref().unwrap();
        assert_eq!(latencies.count(), 300);
        assert_eq!(figures(Workload::Noop).samples, [latencies.percentile_us(50.0)]);
        assert!(matches!(whole.row(Workload::Retr, 1).unwrap().outcome, Outcome::Failed { .. }));
        assert_eq!((whole.part, whole.floor.len()), (None, 0));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |parts: Vec<(String, Bench)>| join(parts).unwrap_err().to_string();
        assert_eq!(refused(Vec::new()), "there is nothing to put together");
        assert_eq!(refused(vec![part(1, 2)]), "part 2 of 2 is missing");
        assert_eq!(refused(vec![part(1, 2), part(1, 2)]), "part 1 comes twice: 1.json and 1.json");
        assert_eq!(refused(vec![part(1, 2), part(2, 3)]), "1.json is one of 2 parts, and 2.json is one of 3");
        assert!(refused(vec![part(1, 2), ("w.json".to_owned(), bench())]).starts_with("w.json is a whole"));
        let mut other = part(2, 2);
        other.1.options.size = 1;
        assert_eq!(refused(vec![part(1, 2), other]), "1.json and 2.json did not measure the same: their options differ");
        assert_eq!(join(vec![("w.json".to_owned(), bench())]).unwrap(), bench());
    }
}
