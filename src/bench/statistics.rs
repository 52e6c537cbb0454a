//! Few numbers for many: medians, spreads, slopes, histograms.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2Serializer};
use serde::{Deserialize, Deserializer as SerdeDeserializer, Serialize, Serializer};

/// The longest time that a histogram tells apart from longer ones: an hour, in nanoseconds.
const LONGEST: u64 = 3_600_000_000_000;
/// Digits that are told apart.
const DIGITS: u8 = 3;
/// Standard normal quantile for a confidence of 95 %.
const SIGMAS: f64 = 1.96;

/// The middle of some numbers, and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// The median of how far each lies from the median.
    pub mad: f64,
}

impl Spread {
    /// Of some numbers; `None` of none.
    #[must_use]
    pub fn of(samples: &[f64]) -> Option<Self> {
        let middle = median(samples)?;
        let away: Vec<f64> = samples.iter().map(|sample| (sample - middle).abs()).collect();
        let fold = |pick: fn(f64, f64) -> f64| samples.iter().copied().reduce(pick);
        Some(Self { median: middle, min: fold(f64::min)?, max: fold(f64::max)?, mad: median(&away)? })
    }

    /// How far the samples lie apart, as a share of the median.
    #[must_use]
    pub fn relative(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.max - self.min) / self.median }
    }
}

/// The median; `None` of nothing.
#[must_use]
pub fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[half]),
        _ => Some(f64::midpoint(sorted[half - 1], sorted[half])),
    }
}

/// How a quantity grows with time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slope {
    /// By how much in an hour.
    pub per_hour: f64,
    /// With 95 % confidence not less than this.
    pub low: f64,
    /// And not more than this.
    pub high: f64,
}

impl Slope {
    /// The line that fits points (seconds, quantity) best, by least squares; `None` of fewer than three or of one moment only.
    #[must_use]
    pub fn of(points: &[(f64, f64)]) -> Option<Self> {
        if points.len() < 3 {
            return None;
        }
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|point| point.0), mean(|point| point.1));
        let width: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
        if width == 0.0 {
            return None;
        }
        let slope = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / width;
        let rest: f64 = points.iter().map(|point| (point.1 - y - slope * (point.0 - x)).powi(2)).sum();
        let error = SIGMAS * (rest / (count - 2.0) / width).sqrt();
        let hour = 3600.0;
        Some(Self { per_hour: slope * hour, low: (slope - error) * hour, high: (slope + error) * hour })
    }

    /// Whether it grows, beyond what chance explains.
    #[must_use]
    pub fn grows(&self) -> bool {
        self.low > 0.0
    }
}

/// How long each of many things took. Two of them can be put together exactly.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("these bounds are good"))
    }
}

impl PartialEq for Latencies {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Latencies {
    /// Counts one; what is longer than an hour counts as an hour.
    pub fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(LONGEST).max(1));
    }

    /// Takes in all of another.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// So many in a hundred took no longer than this, in microseconds.
    #[must_use]
    pub fn percentile_us(&self, percent: f64) -> f64 {
        self.0.value_at_percentile(percent) as f64 / 1e3
    }

    /// The longest, in microseconds.
    #[must_use]
    pub fn max_us(&self) -> f64 {
        self.0.max() as f64 / 1e3
    }
}

/// As JSON: what people look for, and the whole in `HdrHistogram`'s own form (V2, base64).
#[derive(Serialize, Deserialize)]
struct Written {
    count: u64,
    p50_us: f64,
    p90_us: f64,
    p99_us: f64,
    p999_us: f64,
    max_us: f64,
    hdr: String,
}

impl Serialize for Latencies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&self.0, &mut bytes).map_err(serde::ser::Error::custom)?;
        Written {
            count: self.count(),
            p50_us: self.percentile_us(50.0),
            p90_us: self.percentile_us(90.0),
            p99_us: self.percentile_us(99.0),
            p999_us: self.percentile_us(99.9),
            max_us: self.max_us(),
            hdr: STANDARD.encode(bytes),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Latencies {
    fn deserialize<D: SerdeDeserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let bytes = STANDARD.decode(written.hdr).map_err(serde::de::Error::custom)?;
        let read: Histogram<u64> =
            Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|error| serde::de::Error::custom(error.to_string()))?;
        let mut own = Self::default();
        own.0.add(&read).map_err(serde::de::Error::custom)?;
        Ok(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_spread() {
        let spread = Spread::of(&[5.0, 1.0, 3.0, 2.0, 100.0]).unwrap();
        assert_eq!((spread.median, spread.min, spread.max, spread.mad), (3.0, 1.0, 100.0, 2.0));
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn a_slope_is_sure_or_not() {
        let line: Vec<(f64, f64)> = (0..100).map(|at| (f64::from(at), 1000.0 + 2.0 * f64::from(at) + f64::from(at % 3))).collect();
        let slope = Slope::of(&line).unwrap();
        assert!((slope.per_hour - 7200.0).abs() < 20.0 && slope.grows(), "{slope:?}");
        let level: Vec<(f64, f64)> = (0..100).map(|at| (f64::from(at), 1000.0 + f64::from(at * 7919 % 13))).collect();
        let slope = Slope::of(&level).unwrap();
        assert!(!slope.grows() && slope.low < 0.0 && slope.high > 0.0, "{slope:?}");
        assert_eq!(Slope::of(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
    }

    #[test]
    fn latencies_go_through_json_and_join_exactly() {
        let mut parts = [Latencies::default(), Latencies::default()];
        let mut whole = Latencies::default();
        for at in 0..10_000_u64 {
            let took = Duration::from_nanos(at * at * 31 % 50_000_017 + 1);
            parts[usize::from(at % 3 == 0)].record(took);
            whole.record(took);
        }
        let [mut joined, other] = parts.map(|part| serde_json::from_str::<Latencies>(&serde_json::to_string(&part).unwrap()).unwrap());
        joined.add(&other);
        assert_eq!(joined, whole);
        assert_eq!(joined.percentile_us(99.0), whole.percentile_us(99.0));
    }
}
