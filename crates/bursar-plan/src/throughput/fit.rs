//! From observations to parameters: least relative squares for the step time, and a scan for the memory where the
//! engine did not say it.

use super::observation::{Observation, first_token, step_system};
use super::step_time::{FirstToken, KvTokens, Shape, StepTime};

/// Sizes of memory that are tried, evenly spaced on a logarithmic scale.
const KV_STEPS: u32 = 96;

/// A memory limit must lessen the variance that is left by this many times what one more parameter would do by chance
/// (about the 95 % point of F with one degree of freedom).
const LEAST_F: f64 = 4.0;

/// Observations that must have waited for a memory limit before it is believed.
const LEAST_SATURATED: usize = 2;

/// What was fitted together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fit {
    pub step: StepTime,
    pub first_token: Option<FirstToken>,
    pub kv: KvTokens,
}

impl Fit {
    /// Fits observations, with the memory that the engine says it has where it is known.
    pub(crate) fn of(observations: &[&Observation], given: Option<u64>) -> Fit {
        let kv = given.map_or_else(|| scan(observations), KvTokens::Given);
        Fit { step: step_time(observations, kv), first_token: first_token(observations, kv), kv }
    }
}

pub(crate) fn step_time(observations: &[&Observation], kv: KvTokens) -> StepTime {
    StepTime::from_slice(&step_system(observations.iter().copied(), kv).solve_non_negative())
}

/// The memory under which measured throughputs are met best, if they say anything about it.
fn scan(observations: &[&Observation]) -> KvTokens {
    let tokens = |o: &&&Observation| o.shape.filter(|_| !o.counts_running).map(Shape::final_context);
    let least = observations.iter().filter_map(|o| tokens(&o)).fold(f64::INFINITY, f64::min);
    let most = observations.iter().filter_map(|o| Some(o.offered * tokens(&o)?)).fold(0.0, f64::max);
    let saturated = |kv: KvTokens| observations.iter().filter(|o| o.is_saturated(kv)).count();
    let best = (0..KV_STEPS)
        .map(|k| KvTokens::Fitted(least * (most / least).powf(f64::from(k) / f64::from(KV_STEPS))))
        .filter(|kv| saturated(*kv) >= LEAST_SATURATED)
        .map(|kv| (kv, left_over(observations, kv)))
        .min_by(|a, b| a.1.total_cmp(&b.1));
    let Some((kv, left)) = best else { return KvTokens::NotSeen };
    // Four parameters of the step time and the memory itself are taken from what was observed.
    let freedom = observations.len().saturating_sub(5) as f64;
    let gain = left_over(observations, KvTokens::NotSeen) - left;
    if gain * freedom > LEAST_F * left { kv } else { KvTokens::NotSeen }
}

/// The squares of the logarithmic throughput errors that a fit under a memory limit leaves.
fn left_over(observations: &[&Observation], kv: KvTokens) -> f64 {
    let step = step_time(observations, kv);
    let error = |o: &&Observation| (o.output_per_second / o.modelled_output(step, kv)).ln();
    observations.iter().map(|o| error(o).powi(2)).sum()
}
