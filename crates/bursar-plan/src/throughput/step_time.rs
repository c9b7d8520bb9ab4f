//! How long an engine takes for a token and for a request, and how many requests fit into its memory.

use std::fmt;

/// What a request looks like: tokens in, tokens out, and how much of the input a prefix cache already holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    input: f64,
    output: f64,
    prefix_hit: f64,
}

/// Why numbers are not the shape of a request.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ShapeError {
    /// The input is below one token or not a number.
    #[error("a request has at least one input token, not {0}")]
    Input(f64),
    /// The output is below one token or not a number.
    #[error("a request has at least one output token, not {0}")]
    Output(f64),
    /// The share is outside 0 to 1.
    #[error("the share of the input that a prefix cache holds is 0 to 1, not {0}; 45 % is written 0.45")]
    PrefixHit(f64),
}

impl Shape {
    /// A shape from mean tokens per request and the share (0 to 1) of the input that a prefix cache holds.
    pub fn new(input: f64, output: f64, prefix_hit: f64) -> Result<Shape, ShapeError> {
        let tokens = |n: f64| n.is_finite() && n >= 1.0;
        match () {
            () if !tokens(input) => Err(ShapeError::Input(input)),
            () if !tokens(output) => Err(ShapeError::Output(output)),
            () if !(0.0..=1.0).contains(&prefix_hit) => Err(ShapeError::PrefixHit(prefix_hit)),
            () => Ok(Shape { input, output, prefix_hit }),
        }
    }

    /// Input tokens of a request, those in a prefix cache included.
    #[must_use]
    pub const fn input(self) -> f64 {
        self.input
    }

    /// Output tokens of a request.
    #[must_use]
    pub const fn output(self) -> f64 {
        self.output
    }

    /// The share of the input that a prefix cache holds, 0 to 1.
    #[must_use]
    pub const fn prefix_hit(self) -> f64 {
        self.prefix_hit
    }

    /// Input tokens that have to be computed.
    #[must_use]
    pub fn uncached_input(self) -> f64 {
        self.input * (1.0 - self.prefix_hit)
    }

    /// Tokens that a step reads for one request, on average over its life: its input and half of its output.
    #[must_use]
    pub fn context(self) -> f64 {
        self.input + self.output / 2.0
    }

    /// Tokens that a request holds in memory when it ends: input and output. Prefixes that requests share would need
    /// less; that is not counted.
    #[must_use]
    pub fn final_context(self) -> f64 {
        self.input + self.output
    }
}

/// One of the four parts of the step time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Parameter {
    /// `t0`, [`StepTime::fixed`].
    Fixed,
    /// `t1`, [`StepTime::per_sequence`].
    PerSequence,
    /// `t2`, [`StepTime::per_context_token`].
    PerContextToken,
    /// `a`, [`StepTime::per_input_token`].
    PerInputToken,
}

impl Parameter {
    /// Every parameter, in the order of the formula.
    pub const ALL: [Parameter; 4] =
        [Parameter::Fixed, Parameter::PerSequence, Parameter::PerContextToken, Parameter::PerInputToken];

    /// The name in the formula and in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Parameter::Fixed => "t0",
            Parameter::PerSequence => "t1",
            Parameter::PerContextToken => "t2",
            Parameter::PerInputToken => "a",
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The step-time model of one engine: with `c` requests running at a mean context of `ctx` tokens, a step takes
/// `t0 + t1·c + t2·c·ctx` seconds and gives each of them one token; a request of `in` and `out` tokens takes
/// `out·(t0 + t1·c + t2·c·ctx) + c·a·in·(1−hit)` seconds, since for each of its tokens everybody's input is computed
/// in between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepTime {
    /// `t0`: seconds of a step, whatever it carries (weights are read once).
    pub fixed: f64,
    /// `t1`: seconds more for each running request.
    pub per_sequence: f64,
    /// `t2`: seconds more for each token of context of each running request.
    pub per_context_token: f64,
    /// `a`: seconds to compute one input token.
    pub per_input_token: f64,
}

impl StepTime {
    pub(crate) fn from_slice(x: &[f64]) -> StepTime {
        StepTime { fixed: x[0], per_sequence: x[1], per_context_token: x[2], per_input_token: x[3] }
    }

    /// The parameters in the formula's order.
    #[must_use]
    pub const fn values(self) -> [f64; 4] {
        [self.fixed, self.per_sequence, self.per_context_token, self.per_input_token]
    }

    /// Seconds between two tokens of one request while `running` requests run, input aside.
    #[must_use]
    pub fn step_seconds(self, running: f64, context: f64) -> f64 {
        self.fixed + self.per_sequence * running + self.per_context_token * running * context
    }

    /// Seconds that one request takes while `running` requests of the same shape run: `S(c)`.
    #[must_use]
    pub fn request_seconds(self, shape: Shape, running: f64) -> f64 {
        shape.output() * self.step_seconds(running, shape.context())
            + running * self.per_input_token * shape.uncached_input()
    }
}

/// The time to the first token that 99 of 100 requests stay below, where as many requests as run may have come in at
/// the same moment: `base + per_request·c + per_input_token·c·in·(1−hit)` seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FirstToken {
    /// Seconds, whatever runs.
    pub base: f64,
    /// Seconds for each running request.
    pub per_request: f64,
    /// Seconds for each input token of each running request that has to be computed.
    pub per_input_token: f64,
}

impl FirstToken {
    /// Seconds to the first token with `running` requests of a shape.
    #[must_use]
    pub fn seconds(self, shape: Shape, running: f64) -> f64 {
        self.base + running * (self.per_request + self.per_input_token * shape.uncached_input())
    }
}

/// How many tokens of context an engine keeps in memory at once, over all its running requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KvTokens {
    /// As the engine says when it starts.
    Given(u64),
    /// Fitted: above it, measured throughput stopped to grow.
    Fitted(f64),
    /// No measurement came near it: what is above the largest measured concurrency is not known.
    NotSeen,
}

impl KvTokens {
    /// The number, where there is one.
    #[must_use]
    pub fn tokens(self) -> Option<f64> {
        match self {
            KvTokens::Given(tokens) => Some(tokens as f64),
            KvTokens::Fitted(tokens) => Some(tokens),
            KvTokens::NotSeen => None,
        }
    }

    /// How many of `offered` requests of a final context run at once; at least one.
    #[must_use]
    pub fn running(self, offered: f64, final_context: f64) -> f64 {
        self.tokens().map_or(offered, |tokens| offered.min((tokens / final_context).max(1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_takes_its_steps_and_everybodys_input() {
        let step =
            StepTime { fixed: 0.005, per_sequence: 1e-5, per_context_token: 5e-8, per_input_token: 2e-5 };
        let shape = Shape::new(1000.0, 200.0, 0.25).unwrap();
        // 200 · (0.005 + 0.0001 + 5e-8·10·1100) + 10 · 2e-5 · 750
        assert!((step.request_seconds(shape, 10.0) - 1.28).abs() < 1e-12);
    }

    #[test]
    fn memory_lets_no_more_run_than_fit_and_never_less_than_one() {
        assert!((KvTokens::Given(10_000).running(64.0, 1_000.0) - 10.0).abs() < 1e-12);
        assert!((KvTokens::Given(10_000).running(4.0, 1_000.0) - 4.0).abs() < 1e-12);
        assert!((KvTokens::Given(10_000).running(4.0, 50_000.0) - 1.0).abs() < 1e-12);
        assert!((KvTokens::NotSeen.running(64.0, 50_000.0) - 64.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_shape_is_told_with_the_number() {
        assert_eq!(Shape::new(0.0, 1.0, 0.0), Err(ShapeError::Input(0.0)));
        assert_eq!(Shape::new(1.0, -3.0, 0.0), Err(ShapeError::Output(-3.0)));
        assert_eq!(Shape::new(1.0, 1.0, 45.0), Err(ShapeError::PrefixHit(45.0)));
        assert!(Shape::new(f64::NAN, 1.0, 0.0).is_err() && Shape::new(1.0, 1.0, f64::NAN).is_err());
    }
}
