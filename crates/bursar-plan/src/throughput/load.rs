//! How many engines a demand needs.

use super::calibration::Calibration;
use super::capacity::{Capacity, NoCapacity, Slo};
use super::estimate::Estimate;
use super::step_time::{Shape, ShapeError};
use crate::demand::DemandPoint;

/// Engines' worth of load that a step of demand is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Engines kept busy on average over the step. The high end is infinite where the low end of what one engine
    /// carries is nothing.
    pub mean: Estimate,
    /// Engines kept busy in the step's busiest ten minutes, where those are known.
    pub peak: Option<Estimate>,
    /// What one engine carries of it; `None` where nothing was asked.
    pub engine: Option<Capacity>,
}

/// Why a demand is no load.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum LoadError {
    /// Tokens came without requests.
    #[error("{tokens} tokens came in a step without a request")]
    NoRequests {
        /// Input and output together.
        tokens: u64,
    },
    /// More cached input than input.
    #[error("{cached} of {input} input tokens are said to be cached")]
    CachedAboveInput {
        /// Cached input tokens.
        cached: u64,
        /// Input tokens.
        input: u64,
    },
    /// A step of no length.
    #[error("a step of demand lasts zero seconds")]
    NoTime,
    /// The mean request is no request.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// One engine carries nothing of it.
    #[error(transparent)]
    NoCapacity(#[from] NoCapacity),
}

impl Load {
    const NOTHING: Load =
        Load { mean: Estimate { mid: 0.0, interval: Some((0.0, 0.0)) }, peak: None, engine: None };
}

impl Calibration {
    /// How many engines a step of demand needs, so that each stays within limits: what is asked per second, divided by
    /// what one engine carries of requests of the step's mean shape. It is a mean: room for arrivals in bursts and for
    /// failures is the plan's to add.
    pub fn load(&self, point: &DemandPoint, step_seconds: u32, slo: &Slo) -> Result<Load, LoadError> {
        let Some(shape) = mean_shape(point)? else { return Ok(Load::NOTHING) };
        if step_seconds == 0 {
            return Err(LoadError::NoTime);
        }
        let engine = self.capacity(shape, slo)?;
        let asked = point.requests as f64 / f64::from(step_seconds);
        let peak = point.peak_output_per_second.filter(|_| point.output > 0);
        Ok(Load {
            mean: engines(asked, engine.requests_per_second),
            peak: peak.map(|output| engines(output, engine.output_per_second)),
            engine: Some(engine),
        })
    }
}

fn engines(asked: f64, one: Estimate) -> Estimate {
    let at = |carried: f64| if asked == 0.0 { 0.0 } else { asked / carried };
    Estimate { mid: at(one.mid), interval: one.interval.map(|(low, high)| (at(high), at(low))) }
}

/// The mean request of a step. A request without output still takes one step of the engine, and one without input has
/// a token to begin with, so each counts as at least one.
fn mean_shape(point: &DemandPoint) -> Result<Option<Shape>, LoadError> {
    let tokens = point.input.saturating_add(point.output);
    if point.cached_input > point.input {
        return Err(LoadError::CachedAboveInput { cached: point.cached_input, input: point.input });
    }
    if point.requests == 0 {
        return if tokens == 0 { Ok(None) } else { Err(LoadError::NoRequests { tokens }) };
    }
    let mean = |tokens: u64| (tokens as f64 / point.requests as f64).max(1.0);
    let hit = if point.input == 0 { 0.0 } else { point.cached_input as f64 / point.input as f64 };
    Ok(Some(Shape::new(mean(point.input), mean(point.output), hit)?))
}
