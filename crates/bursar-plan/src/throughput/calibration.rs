//! A fitted engine: its parameters, how far they are off, and what they rest on.

use super::errors::{Errors, HeldOut, LeftOut, Spread, hold_out, spread};
use super::fit::Fit;
use super::identified::{Unidentified, unidentified};
use super::live::{Live, LiveError};
use super::measurements::Measurement;
use super::observation::Observation;
use super::step_time::{FirstToken, KvTokens, Parameter, Shape, StepTime};

/// As many observations as the step time has parameters are the least.
const LEAST_OBSERVATIONS: usize = Parameter::ALL.len();
/// From this many shapes on, a shape is left out at a time; below, a measurement.
const LEAST_SHAPES: usize = 3;
/// A running engine's windows are left out in this many stretches, since neighbours in time are alike.
const STRETCHES: usize = 5;

/// What was measured, from the least to the most: a prediction outside says so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Measurements or windows of time.
    pub points: usize,
    /// Prompt shapes; 1 for a running engine whose shapes are not known.
    pub shapes: usize,
    /// Requests at once.
    pub concurrency: (f64, f64),
    /// Input tokens per request; `None` where the engine did not say how many requests it finished.
    pub input: Option<(f64, f64)>,
    /// Output tokens per request; `None` likewise.
    pub output: Option<(f64, f64)>,
    /// The share of the input that a prefix cache held; `None` likewise.
    pub prefix_hit: Option<(f64, f64)>,
}

/// A fitted engine. Everything is per engine: one replica of the model on the accelerators that it was measured with.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The step-time model.
    pub step: StepTime,
    /// The time to the first token; `None` where it was not measured.
    pub first_token: Option<FirstToken>,
    /// How many tokens of context fit.
    pub kv: KvTokens,
    /// How far it is off on what it did not see; `None` where there was too little to leave anything out.
    pub errors: Option<Errors>,
    /// The range that was measured.
    pub measured: Measured,
    /// What the measurements cannot tell.
    pub unidentified: Vec<Unidentified>,
}

/// Why nothing can be fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CalibrationError {
    /// Fewer measurements than parameters.
    #[error(
        "{points} measurements cannot tell four parameters: measure at least {LEAST_OBSERVATIONS}, better three \
         prompt shapes at four concurrencies each"
    )]
    TooFew {
        /// How many there are.
        points: usize,
    },
    /// Every parameter came out as zero.
    #[error(
        "the measurements fit no step time: check that output_tok_s is of all requests together, per second"
    )]
    NoStepTime,
    /// The samples of a running engine cannot be used.
    #[error(transparent)]
    Live(#[from] LiveError),
}

impl Calibration {
    /// Fits a load test. `kv_tokens` is the size of the engine's memory in tokens of context, which vLLM writes into
    /// its log when it starts ("GPU KV cache size"); without it the size is fitted where throughput stopped to grow.
    pub fn of(measurements: &[Measurement], kv_tokens: Option<u64>) -> Result<Calibration, CalibrationError> {
        let (observations, left_out) = from_load_test(measurements);
        Calibration::fit(&observations, kv_tokens, left_out)
    }

    /// Fits windows of a running engine. Its memory cannot be fitted: without `kv_tokens` nothing is predicted above the
    /// largest concurrency that was seen.
    pub fn of_live(live: &Live, kv_tokens: Option<u64>) -> Result<Calibration, CalibrationError> {
        let count = live.windows.len();
        if count < LEAST_OBSERVATIONS {
            return Err(LiveError::TooFewWindows { windows: count, gaps: live.gaps.len() }.into());
        }
        let observations: Vec<Observation> = live
            .windows
            .iter()
            .enumerate()
            .map(|(at, window)| Observation { group: at * STRETCHES.min(count) / count, ..*window })
            .collect();
        Calibration::fit(&observations, kv_tokens, LeftOut::Stretch)
    }

    fn fit(
        observations: &[Observation],
        kv_tokens: Option<u64>,
        left_out: LeftOut,
    ) -> Result<Calibration, CalibrationError> {
        let all: Vec<&Observation> = observations.iter().collect();
        if all.len() < LEAST_OBSERVATIONS {
            return Err(CalibrationError::TooFew { points: all.len() });
        }
        let Fit { step, first_token, kv } = Fit::of(&all, kv_tokens);
        if step.values().iter().all(|value| *value <= 0.0) {
            return Err(CalibrationError::NoStepTime);
        }
        Ok(Calibration {
            step,
            first_token,
            kv,
            errors: errors(&all, kv_tokens, left_out),
            measured: measured(&all),
            unidentified: unidentified(&all, kv),
        })
    }
}

/// Observations of a load test, grouped by what is left out together.
fn from_load_test(measurements: &[Measurement]) -> (Vec<Observation>, LeftOut) {
    let mut shapes: Vec<Shape> = Vec::new();
    for measurement in measurements {
        if !shapes.contains(&measurement.shape) {
            shapes.push(measurement.shape);
        }
    }
    let by_shape = shapes.len() >= LEAST_SHAPES;
    let group = |at: usize, shape: Shape| {
        if by_shape { shapes.iter().position(|s| *s == shape).unwrap_or(at) } else { at }
    };
    let observations = measurements.iter().enumerate().map(|(at, m)| Observation::of(m, group(at, m.shape)));
    (observations.collect(), if by_shape { LeftOut::Shape } else { LeftOut::Point })
}

/// Errors on what was left out, where at least as many observations as parameters stay after the largest group is gone.
fn errors(observations: &[&Observation], kv_tokens: Option<u64>, left_out: LeftOut) -> Option<Errors> {
    let groups = observations.iter().map(|o| o.group).max()? + 1;
    let largest = (0..groups).map(|g| observations.iter().filter(|o| o.group == g).count()).max()?;
    if observations.len() - largest < LEAST_OBSERVATIONS {
        return None;
    }
    let held = hold_out(observations, kv_tokens);
    Some(Errors {
        left_out,
        groups,
        output: spread(&held, |h| Some(h.output))?,
        inter_token: spread(&held, |h| h.inter_token),
        first_token: spread(&held, |h| h.first_token),
    })
}

fn measured(observations: &[&Observation]) -> Measured {
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)))
    };
    let mut shapes: Vec<Shape> = Vec::new();
    for shape in observations.iter().filter_map(|o| o.shape) {
        if !shapes.contains(&shape) {
            shapes.push(shape);
        }
    }
    let known = !shapes.is_empty();
    Measured {
        points: observations.len(),
        shapes: shapes.len().max(1),
        concurrency: range(&mut observations.iter().map(|o| o.offered)),
        input: known.then(|| range(&mut shapes.iter().map(|s| s.input()))),
        output: known.then(|| range(&mut shapes.iter().map(|s| s.output()))),
        prefix_hit: known.then(|| range(&mut shapes.iter().map(|s| s.prefix_hit()))),
    }
}

/// How well the intervals hold: every shape is predicted from the others, with an interval that was itself measured
/// by leaving out one of those others at a time. Nothing of the shape takes part in its own prediction or interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Measured points.
    pub points: usize,
    /// Those whose throughput lies inside the 90 % interval of its prediction.
    pub output_inside: usize,
    /// Points with a measured time between tokens.
    pub inter_token_points: usize,
    /// Those inside.
    pub inter_token_inside: usize,
    /// Points with a measured time to the first token that nobody waited for memory in.
    pub first_token_points: usize,
    /// Those inside.
    pub first_token_inside: usize,
}

impl Coverage {
    /// Measures the intervals of a load test with at least four shapes; `None` with fewer.
    #[must_use]
    pub fn of(measurements: &[Measurement], kv_tokens: Option<u64>) -> Option<Coverage> {
        let (observations, _) = from_load_test(measurements);
        let groups = observations.iter().map(|o| o.group).max()? + 1;
        if groups <= LEAST_SHAPES {
            return None;
        }
        let mut coverage = Coverage::default();
        for group in 0..groups {
            let (out, rest): (Vec<&Observation>, Vec<&Observation>) =
                observations.iter().partition(|o| o.group == group);
            let inner = hold_out(&rest, kv_tokens);
            let fit = Fit::of(&rest, kv_tokens);
            for seen in out {
                coverage.count(&inner, &super::errors::compare(&fit, seen));
            }
        }
        Some(coverage)
    }

    fn count(&mut self, inner: &[HeldOut], one: &HeldOut) {
        let holds = |spread: Option<Spread>, residual: super::errors::Residual| {
            let (low, high) = spread?.around(residual.predicted);
            Some(usize::from((low..=high).contains(&residual.measured)))
        };
        if let Some(inside) = holds(spread(inner, |h| Some(h.output)), one.output) {
            self.points += 1;
            self.output_inside += inside;
        }
        if let Some(inside) = one.inter_token.and_then(|r| holds(spread(inner, |h| h.inter_token), r)) {
            self.inter_token_points += 1;
            self.inter_token_inside += inside;
        }
        if let Some(inside) = one.first_token.and_then(|r| holds(spread(inner, |h| h.first_token), r)) {
            self.first_token_points += 1;
            self.first_token_inside += inside;
        }
    }
}
