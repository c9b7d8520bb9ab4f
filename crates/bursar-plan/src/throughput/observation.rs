//! What was seen of an engine at one load, in the form that is fitted: whether it was measured by a load test or read
//! from a running engine.

use super::measurements::Measurement;
use super::nnls::System;
use super::step_time::{FirstToken, KvTokens, Parameter, Shape, StepTime};

/// One load and what the engine made of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Observation {
    /// Requests that were in the engine or waited at its door.
    pub offered: f64,
    /// The shape of the requests; `None` where an engine did not say how many it finished.
    pub shape: Option<Shape>,
    /// Input tokens to compute for each output token.
    pub uncached_per_output: f64,
    /// Output tokens per second, of all requests together.
    pub output_per_second: f64,
    /// Median seconds between two tokens of a request.
    pub inter_token: Option<f64>,
    /// Seconds to the first token that 99 of 100 stay below.
    pub first_token: Option<f64>,
    /// Whether `offered` counts running requests only, so that memory bounded it already.
    pub counts_running: bool,
    /// Observations of one group are left out together when errors are measured.
    pub group: usize,
}

impl Observation {
    /// An observation from a load test; the group is the place of its shape among the shapes.
    pub(crate) fn of(measurement: &Measurement, group: usize) -> Observation {
        let shape = measurement.shape;
        Observation {
            offered: measurement.concurrency,
            shape: Some(shape),
            uncached_per_output: shape.uncached_input() / shape.output(),
            output_per_second: measurement.output_per_second,
            inter_token: measurement.inter_token,
            first_token: measurement.first_token,
            counts_running: false,
            group,
        }
    }

    /// How many requests ran at once.
    pub(crate) fn running(&self, kv: KvTokens) -> f64 {
        match self.shape {
            Some(shape) if !self.counts_running => kv.running(self.offered, shape.final_context()),
            _ => self.offered,
        }
    }

    /// Whether requests waited for memory.
    pub(crate) fn is_saturated(&self, kv: KvTokens) -> bool {
        self.running(kv) < self.offered
    }

    /// The step time's parts per running request: what a token costs of `t0`, `t1`, `t2` and `a`.
    fn token_parts(&self, running: f64) -> [f64; 4] {
        let context = self.shape.map_or(0.0, Shape::context);
        [1.0, running, running * context, running * self.uncached_per_output]
    }

    /// Output tokens per second that a model says.
    pub(crate) fn modelled_output(&self, step: StepTime, kv: KvTokens) -> f64 {
        let running = self.running(kv);
        running / weighed(self.token_parts(running), step)
    }

    /// Seconds between two tokens that a model says.
    pub(crate) fn modelled_inter_token(&self, step: StepTime, kv: KvTokens) -> f64 {
        let [fixed, sequences, context, _] = self.token_parts(self.running(kv));
        weighed([fixed, sequences, context, 0.0], step)
    }
}

fn weighed(parts: [f64; 4], step: StepTime) -> f64 {
    parts.iter().zip(step.values()).map(|(part, value)| part * value).sum()
}

/// The rows whose least squares are the least relative errors: one for the throughput and, where it was measured, one
/// for the time between tokens, each divided by what was measured.
pub(crate) fn step_system<'a>(
    observations: impl IntoIterator<Item = &'a Observation>,
    kv: KvTokens,
) -> System {
    let mut system = System::new(Parameter::ALL.len());
    for seen in observations {
        let running = seen.running(kv);
        let parts = seen.token_parts(running);
        system.push(&parts, running / seen.output_per_second, seen.output_per_second / running);
        if let Some(inter_token) = seen.inter_token {
            system.push(&[parts[0], parts[1], parts[2], 0.0], inter_token, 1.0 / inter_token);
        }
    }
    system
}

/// Fewer measured times to the first token than this fit nothing.
const LEAST_FIRST_TOKENS: usize = 4;

/// The time to the first token, from the observations in which nobody waited for memory. A residual counts by the
/// square root of what was measured: between the absolute error, which would forget small loads, and the relative one,
/// which would forget the large loads at which a latency limit binds.
pub(crate) fn first_token(observations: &[&Observation], kv: KvTokens) -> Option<FirstToken> {
    let mut system = System::new(3);
    let mut rows = 0;
    for seen in observations.iter().filter(|o| !o.is_saturated(kv)) {
        if let (Some(seconds), Some(shape)) = (seen.first_token, seen.shape) {
            let running = seen.offered;
            let parts = [1.0, running, running * shape.uncached_input()];
            system.push(&parts, seconds, 1.0 / seconds.sqrt());
            rows += 1;
        }
    }
    let x = system.solve_non_negative();
    (rows >= LEAST_FIRST_TOKENS).then(|| FirstToken { base: x[0], per_request: x[1], per_input_token: x[2] })
}
