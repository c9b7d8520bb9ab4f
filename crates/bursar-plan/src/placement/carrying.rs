//! How much of a model's demand one node of a kind carries, and what that rests on.

use crate::demand::DemandPoint;
use crate::supply::{self, Dated};
use crate::throughput::{
    Calibration, Catalogue, Entry, Estimate, LoadError, NoCapacity, Origin, Published, Row, Scenario, Shape,
    Slo, Source, sources,
};

const HOUR_SECONDS: u32 = 3_600;

/// What a node's throughput rests on.
#[derive(Clone, Debug, PartialEq)]
pub enum CarryingBasis {
    /// A calibration.
    Fitted {
        /// What was calibrated: model, precision, software and parallelism.
        engine: String,
        /// Source and date.
        dated: Dated,
    },
    /// Published results, divided per accelerator and therefore unofficial.
    Published {
        /// The entries: round and id.
        entries: Vec<String>,
        /// Source and date.
        dated: Dated,
    },
}

impl CarryingBasis {
    /// The label in reports.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            CarryingBasis::Fitted { .. } => "fitted",
            CarryingBasis::Published { .. } => "published, unofficial",
        }
    }

    /// Source and date.
    #[must_use]
    pub const fn dated(&self) -> &Dated {
        match self {
            CarryingBasis::Fitted { dated, .. } | CarryingBasis::Published { dated, .. } => dated,
        }
    }
}

/// How much of a model's demand one node carries.
#[derive(Clone, Debug, PartialEq)]
pub struct Carrying {
    /// What it rests on.
    pub basis: CarryingBasis,
    /// Output tokens per second of one node with requests of the mean shape; its interval is that of the calibration, or
    /// from the lowest to the highest published result.
    pub output_per_second: Estimate,
    /// Each hour's load in nodes.
    pub loads: Vec<f64>,
    /// Hours whose own mean request misses the limits; they count as requests of the mean shape of all hours.
    pub by_mean_shape: usize,
}

/// Why it is not known what a node carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotKnown {
    /// Nobody measured the model on the accelerator.
    Unmeasured,
    /// It was measured on so many accelerators together, and the node has fewer.
    SmallNode(u32),
    /// It was measured, and carries nothing within the limits; why, in words.
    Limits(String),
}

/// What a node is asked for: accelerators of a kind, and the model by the name in calibrations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) rows: &'a [Row],
    pub(super) catalogue: &'a Catalogue,
    pub(super) accelerator: &'a str,
    pub(super) accelerators: u32,
    pub(super) model: &'a str,
    pub(super) precision: Option<&'a str>,
}

/// The limits of a class as the throughput model takes them.
pub(super) fn limits(slo: Option<&supply::Slo>) -> Slo {
    let seconds = |ms: u32| f64::from(ms) / 1e3;
    Slo {
        ttft_p99: slo.map(|s| seconds(s.ttft_p99_ms)),
        itl_median: slo.map(|s| seconds(s.itl_ms)),
        tpot_mean: None,
    }
}

impl Asked<'_> {
    /// How much of these hours one node carries within limits, or why that is not known.
    pub(super) fn carrying(&self, points: &[DemandPoint], slo: &Slo) -> Result<Carrying, NotKnown> {
        let scenario = if slo.ttft_p99.is_some() { Scenario::Server } else { Scenario::Offline };
        match self.source(scenario)? {
            Source::Fitted(row) => self.fitted(row, points, slo),
            Source::Published(published) => self.published(published, points),
        }
    }

    /// Output tokens that one node makes an hour of requests like these when nobody waits; `None` where not known.
    pub(super) fn batch_per_hour(&self, points: &[DemandPoint]) -> Option<u64> {
        let carrying = self.carrying(points, &Slo::default()).ok()?;
        let tokens = carrying.output_per_second.mid * f64::from(HOUR_SECONDS);
        (1.0..1e12).contains(&tokens).then_some(tokens as u64)
    }

    /// The time to the first token (p99, seconds) of a node within limits, beside what it carries.
    pub(super) fn first_token(&self, points: &[DemandPoint], slo: &Slo) -> Result<(Carrying, f64), NotKnown> {
        let carrying = self.carrying(points, slo)?;
        let seconds = match self.source(Scenario::Server)? {
            Source::Fitted(row) => {
                let shape = mean_shape(points).ok_or_else(nothing_asked)?;
                let capacity = row.calibration.capacity(shape, slo).map_err(limits_missed)?;
                capacity.at.first_token.map(|t| t.mid)
            }
            // Within the benchmark's limit, and nobody says how far.
            Source::Published(published) => published.limits.0,
        };
        let unmeasured = || NotKnown::Limits("its time to the first token was not measured".to_owned());
        let seconds = seconds.ok_or_else(unmeasured)?;
        Ok((carrying, seconds))
    }

    fn source(&self, scenario: Scenario) -> Result<Source<'_>, NotKnown> {
        let all = sources(self.rows, self.catalogue, self.accelerator, self.model, scenario);
        let precise = |s: &Source<'_>| match (s, self.precision) {
            (Source::Fitted(row), Some(wanted)) => row.engine.precision.eq_ignore_ascii_case(wanted),
            _ => true,
        };
        all.into_iter().find(precise).ok_or(NotKnown::Unmeasured)
    }

    fn fitted(&self, row: &Row, points: &[DemandPoint], slo: &Slo) -> Result<Carrying, NotKnown> {
        let engines = row.engines_on(self.accelerators);
        if engines == 0 {
            return Err(NotKnown::SmallNode(row.engine.accelerators));
        }
        let engines = f64::from(engines);
        let shape = mean_shape(points).ok_or_else(nothing_asked)?;
        let mean = row.calibration.capacity(shape, slo).map_err(limits_missed)?;
        let (mut loads, mut by_mean_shape) = (Vec::new(), 0);
        for point in points {
            loads.push(match engines_of(&row.calibration, point, slo)? {
                Some(load) => load / engines,
                None => {
                    by_mean_shape += 1;
                    let second = point.requests as f64 / f64::from(HOUR_SECONDS);
                    second / mean.requests_per_second.mid / engines
                }
            });
        }
        let engine = &row.engine;
        let engine =
            format!("{} {}, {}, {}", engine.model, engine.precision, engine.software, engine.parallelism);
        let basis = CarryingBasis::Fitted { engine, dated: row.dated.clone() };
        Ok(Carrying {
            basis,
            output_per_second: times(mean.output_per_second, engines),
            loads,
            by_mean_shape,
        })
    }

    fn published(&self, published: Published, points: &[DemandPoint]) -> Result<Carrying, NotKnown> {
        let smallest = smallest_system(self.catalogue, &published);
        if let Some(least) = smallest.filter(|least| *least > self.accelerators) {
            return Err(NotKnown::SmallNode(least));
        }
        let node = times(published.tokens_per_second, f64::from(self.accelerators));
        if !(node.mid.is_finite() && node.mid > 0.0) {
            return Err(NotKnown::Unmeasured);
        }
        let load = |p: &DemandPoint| p.output_per_second(HOUR_SECONDS) / node.mid;
        let Published { mut entries, dated, .. } = published;
        // One entry may have results for two accuracies that were kept.
        entries.dedup();
        let basis = CarryingBasis::Published { entries, dated };
        let loads = points.iter().map(load).collect();
        Ok(Carrying { basis, output_per_second: node, loads, by_mean_shape: 0 })
    }
}

/// Engines' worth of load in an hour; `None` where one engine carries nothing of that hour's mean request.
fn engines_of(calibration: &Calibration, point: &DemandPoint, slo: &Slo) -> Result<Option<f64>, NotKnown> {
    match calibration.load(point, HOUR_SECONDS, slo) {
        Ok(load) => Ok(Some(load.mean.mid).filter(|m| m.is_finite())),
        Err(LoadError::NoCapacity(_)) => Ok(None),
        Err(error) => Err(NotKnown::Limits(error.to_string())),
    }
}

fn nothing_asked() -> NotKnown {
    NotKnown::Limits("nothing is asked".to_owned())
}

fn limits_missed(error: NoCapacity) -> NotKnown {
    NotKnown::Limits(error.to_string())
}

fn times(estimate: Estimate, factor: f64) -> Estimate {
    Estimate {
        mid: estimate.mid * factor,
        interval: estimate.interval.map(|(l, h)| (l * factor, h * factor)),
    }
}

/// The mean request of all hours.
fn mean_shape(points: &[DemandPoint]) -> Option<Shape> {
    let sum = points.iter().try_fold(DemandPoint::default(), |sum, p| sum.checked_add(*p))?;
    let mean = |tokens: u64| (tokens as f64 / sum.requests as f64).max(1.0);
    let hit = if sum.input == 0 { 0.0 } else { sum.cached_input as f64 / sum.input as f64 };
    (sum.requests > 0).then(|| Shape::new(mean(sum.input), mean(sum.output), hit).ok()).flatten()
}

/// The fewest accelerators of a system among the entries of a published figure: a smaller node was not measured.
fn smallest_system(catalogue: &Catalogue, published: &Published) -> Option<u32> {
    let systems = catalogue.entries.iter().filter_map(|entry| {
        let (name, accelerators) = match &entry.origin {
            Origin::MlPerf(m) => (format!("MLPerf Inference {} {}", m.round, m.id), Some(m.accelerators)),
            Origin::Published => (format!("{} ({})", entry.dated.source, entry.conditions), chips(entry)),
            Origin::Secondary => return None,
        };
        accelerators.filter(|_| published.entries.contains(&name))
    });
    systems.min()
}

/// How many chips a system had, by what it made in all and each of them; `None` where the source has only one of the two.
fn chips(entry: &Entry) -> Option<u32> {
    let chips = (entry.tokens_per_second_of_system? / entry.tokens_per_second?).round();
    (1.0..=10_000.0).contains(&chips).then_some(chips as u32)
}
