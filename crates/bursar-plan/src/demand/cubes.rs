//! Demand from hourly cubes.

use std::collections::BTreeMap;
use std::ops::Range;

use bursar_core::rollup::{Cell, CellKey};
use bursar_core::{Hour, Meter};

use super::{Class, Demand, DemandPoint, Stream};

/// The tenant of what no team is known for.
pub const NO_TEAM: &str = "(no team)";

/// Three years of hours.
const MOST_HOURS: i64 = 27_000;

/// What was asked in one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CubeRow {
    /// The hour.
    pub hour: Hour,
    /// The model that served.
    pub model: String,
    /// Who asked: the team.
    pub tenant: String,
    /// How soon the answers are needed, which the cubes do not know.
    pub class: Class,
    /// Attempts.
    pub requests: u64,
    /// Input tokens, those read from a cache included.
    pub input: u64,
    /// Input tokens read from a cache.
    pub cached_input: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
}

/// Cubes from which no demand can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CubesError {
    /// The covered range has no hour, or too many.
    #[error("the covered range has {0} hours; 1 to 27000 are expected")]
    Range(i64),
    /// A row from outside the covered range.
    #[error("a row of hour {0} lies outside the covered range; widen the range or leave the row out")]
    Outside(i64),
    /// More cached input than input.
    #[error("{model} of {tenant} has more cached input than input in hour {hour}")]
    Cached {
        /// The model.
        model: String,
        /// The tenant.
        tenant: String,
        /// The hour, in whole hours since 1970.
        hour: i64,
    },
    /// A sum that leaves the range of 64 bits.
    #[error("the tokens of {0} leave the range of 64 bits")]
    Overflow(String),
}

impl CubeRow {
    /// A cube's cell as a row; `None` where no model served. Text tokens alone are taken: audio, images and video are
    /// not what a text model's node is measured with.
    #[must_use]
    pub fn of(key: &CellKey, cell: &Cell, class: Class) -> Option<CubeRow> {
        let units =
            |meters: &[Meter]| meters.iter().fold(0u64, |sum, m| sum.saturating_add(cell.units[*m as usize]));
        let [_, team, ..] = &key.attribution;
        Some(CubeRow {
            hour: key.hour,
            model: key.model.clone()?,
            tenant: team.clone().unwrap_or_else(|| NO_TEAM.to_owned()),
            class,
            requests: cell.records,
            input: units(&[Meter::Input, Meter::CacheRead, Meter::CacheWrite5m, Meter::CacheWrite1h]),
            cached_input: units(&[Meter::CacheRead]),
            output: units(&[Meter::Output, Meter::Reasoning]),
        })
    }
}

impl Demand {
    /// Demand by the hour from rows of cubes, in any order; rows of the same stream and hour add up. `covered` says
    /// for which hours the cubes are whole: within it an hour without a row is one without requests. The cubes know
    /// no peaks within an hour.
    pub fn from_cubes(
        rows: impl IntoIterator<Item = CubeRow>,
        covered: Range<Hour>,
    ) -> Result<Demand, CubesError> {
        let hours = covered.end.index().saturating_sub(covered.start.index());
        if !(1..=MOST_HOURS).contains(&hours) {
            return Err(CubesError::Range(hours));
        }
        let mut streams: BTreeMap<(String, String, Class), Vec<DemandPoint>> = BTreeMap::new();
        for row in rows {
            let after =
                row.hour.index().checked_sub(covered.start.index()).filter(|h| (0..hours).contains(h));
            let after = after.ok_or(CubesError::Outside(row.hour.index()))?;
            let point = point(&row)?;
            let key = (row.model, row.tenant, row.class);
            let overflow = CubesError::Overflow(key.0.clone());
            let points = streams.entry(key).or_insert_with(|| vec![DemandPoint::default(); hours as usize]);
            let sum = &mut points[after as usize];
            *sum = sum.checked_add(point).ok_or(overflow)?;
        }
        let stream = |((model, tenant, class), points)| Stream { model, tenant, class, points };
        let streams = streams.into_iter().map(stream).collect();
        let demand = Demand { start: covered.start.start(), step_seconds: 3_600, streams };
        demand.totals().map(|_| ()).ok_or_else(|| CubesError::Overflow("all models".to_owned()))?;
        Ok(demand)
    }
}

fn point(row: &CubeRow) -> Result<DemandPoint, CubesError> {
    if row.cached_input > row.input {
        let (model, tenant, hour) = (row.model.clone(), row.tenant.clone(), row.hour.index());
        return Err(CubesError::Cached { model, tenant, hour });
    }
    Ok(DemandPoint {
        requests: row.requests,
        input: row.input,
        cached_input: row.cached_input,
        output: row.output,
        peak_output_per_second: None,
    })
}
