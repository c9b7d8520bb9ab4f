//! Latencies and what they come to.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::LoadError;

/// Latencies of one way, in nanoseconds, up to a minute, with three significant digits.
#[derive(Clone, Debug)]
pub struct Latencies {
    histogram: Histogram<u64>,
}

/// Quantiles in whole microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quantiles {
    /// Calls measured.
    pub calls: u64,
    /// The median.
    pub p50_us: u64,
    /// Nine of ten were faster.
    pub p90_us: u64,
    /// Ninety-nine of a hundred were faster.
    pub p99_us: u64,
    /// The slowest.
    pub max_us: u64,
}

/// What the gateway adds: its quantiles less those of the direct way, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Added {
    /// Difference of the medians.
    pub p50_us: i64,
    /// Difference of the ninth deciles.
    pub p90_us: i64,
    /// Difference of the 99th percentiles.
    pub p99_us: i64,
    /// Difference of the slowest.
    pub max_us: i64,
}

impl Latencies {
    /// No latencies yet.
    pub fn new() -> Result<Latencies, LoadError> {
        let histogram = Histogram::new_with_bounds(100, 60_000_000_000, 3).map_err(|_| LoadError::Range)?;
        Ok(Latencies { histogram })
    }

    /// Adds one; what is beyond a minute counts as a minute.
    pub fn record(&mut self, latency: Duration) {
        self.histogram.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Latencies) -> Result<(), LoadError> {
        self.histogram.add(&other.histogram).map_err(|_| LoadError::Range)
    }

    /// The quantiles.
    #[must_use]
    pub fn quantiles(&self) -> Quantiles {
        let at = |quantile: f64| self.histogram.value_at_quantile(quantile).div_ceil(1000);
        Quantiles {
            calls: self.histogram.len(),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            max_us: self.histogram.max().div_ceil(1000),
        }
    }
}

impl Quantiles {
    /// What the gateway's quantiles are above the direct ones.
    #[must_use]
    pub fn added_over(&self, direct: &Quantiles) -> Added {
        let less =
            |a: u64, b: u64| i64::try_from(a).unwrap_or(i64::MAX) - i64::try_from(b).unwrap_or(i64::MAX);
        Added {
            p50_us: less(self.p50_us, direct.p50_us),
            p90_us: less(self.p90_us, direct.p90_us),
            p99_us: less(self.p99_us, direct.p99_us),
            max_us: less(self.max_us, direct.max_us),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_added_latency_is_the_difference_of_equal_quantiles() {
        let (mut direct, mut gateway) = (Latencies::new().unwrap(), Latencies::new().unwrap());
        for i in 1..=1000 {
            direct.record(Duration::from_micros(i));
            gateway.record(Duration::from_micros(i + 50));
        }
        let added = gateway.quantiles().added_over(&direct.quantiles());
        assert!((49..=51).contains(&added.p50_us) && (49..=51).contains(&added.p99_us), "{added:?}");
        assert_eq!(gateway.quantiles().calls, 1000);
    }
}
