//! Which parameters the measurements cannot tell.

use super::observation::{Observation, step_system};
use super::step_time::{KvTokens, Parameter, Shape};

/// A parameter whose part of the rows the others explain up to this share is not told apart from them: an error of 5 %
/// in the measurements would already move it by more than its own size.
const LEAST_SHARE: f64 = 0.02;

/// Why a parameter cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Everything was measured at one concurrency.
    OneConcurrency,
    /// Every shape has the same mean context.
    OneContext,
    /// The engine does not say how many requests it finished, so that their context is not known.
    NoRequestCounter,
    /// No input had to be computed.
    NoInput,
    /// It moves together with other parameters over all that was measured.
    MovesWithOthers,
}

/// A parameter that was not identified. It has a value, since the fit needs one; it holds only for loads like those
/// that were measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unidentified {
    /// Which one.
    pub parameter: Parameter,
    /// Why.
    pub why: Why,
}

impl std::fmt::Display for Unidentified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.why {
            Why::OneConcurrency => {
                "everything was measured at one concurrency; measure at 1 and at a high one too"
            }
            Why::OneContext => "every shape has the same mean context; add one with a much longer input",
            Why::NoRequestCounter => {
                "the engine's counter of finished requests is missing, so context is not known"
            }
            Why::NoInput => "no input had to be computed; add a shape whose input is not in the prefix cache",
            Why::MovesWithOthers => {
                "it moves together with other parameters; vary concurrency, input and output on their own"
            }
        };
        write!(f, "{} is not identified: {what}", self.parameter)
    }
}

/// The parameters that the observations cannot tell.
pub(crate) fn unidentified(observations: &[&Observation], kv: KvTokens) -> Vec<Unidentified> {
    let system = step_system(observations.iter().copied(), kv);
    Parameter::ALL
        .into_iter()
        .enumerate()
        .filter(|(index, _)| system.own_share(*index) < LEAST_SHARE)
        .map(|(_, parameter)| Unidentified { parameter, why: why(parameter, observations, kv) })
        .collect()
}

fn why(parameter: Parameter, observations: &[&Observation], kv: KvTokens) -> Why {
    let one_concurrency = same(observations.iter().map(|o| o.running(kv)));
    let no_input = observations.iter().all(|o| o.uncached_per_output == 0.0);
    let one_context = same(observations.iter().map(|o| o.shape.map_or(0.0, Shape::context)));
    match parameter {
        Parameter::PerInputToken if no_input => Why::NoInput,
        Parameter::PerContextToken if observations.iter().any(|o| o.shape.is_none()) => Why::NoRequestCounter,
        Parameter::PerSequence | Parameter::PerContextToken if one_context => Why::OneContext,
        _ if one_concurrency => Why::OneConcurrency,
        _ => Why::MovesWithOthers,
    }
}

/// Whether all values are the same up to a thousandth.
fn same(values: impl Iterator<Item = f64>) -> bool {
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
    high <= low * 1.001
}
