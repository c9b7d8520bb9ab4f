//! The largest load that one engine carries within latency limits.

use super::calibration::Calibration;
use super::errors::Spread;
use super::estimate::Estimate;
use super::step_time::Shape;

/// No engine runs more requests at once, whatever a file says that was measured.
const MOST_AT_ONCE: u32 = 1_000_000;

/// Latency limits, in seconds. A limit that is `None` does not bind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Slo {
    /// Time to the first token that 99 of 100 requests stay below.
    pub ttft_p99: Option<f64>,
    /// Median time between two tokens of a request.
    pub itl_median: Option<f64>,
    /// Mean time per output token over a request's life, the input of others included.
    pub tpot_mean: Option<f64>,
}

/// What stops the load from growing further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The limit on the time to the first token.
    FirstToken,
    /// The limit on the time between tokens.
    InterToken,
    /// The limit on the mean time per output token.
    TokenTime,
    /// The engine's memory: more requests would wait.
    Memory,
    /// Nothing larger was measured.
    Measured,
}

/// Why an engine carries nothing within the limits.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NoCapacity {
    /// One request alone is too slow.
    #[error(
        "one request alone misses the limit: {predicted:.4} s where {limit:.4} s are allowed ({bound:?})"
    )]
    TooSlow {
        /// Which limit.
        bound: Bound,
        /// What one request takes, in seconds.
        predicted: f64,
        /// What is allowed, in seconds.
        limit: f64,
    },
    /// A request needs more context than the engine has.
    #[error("one request holds {needed:.0} tokens of context, and the engine keeps {available:.0} in memory")]
    TooLong {
        /// Tokens of input and output.
        needed: f64,
        /// Tokens that fit.
        available: f64,
    },
    /// There is a limit on the time to the first token, which was never measured.
    #[error(
        "the time to the first token was not measured; calibrate with ttft_p99_ms, or set no limit on it"
    )]
    FirstTokenUnknown,
}

/// What an engine does at a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Requests that run at once.
    pub running: f64,
    /// Requests per second.
    pub requests_per_second: Estimate,
    /// Output tokens per second.
    pub output_per_second: Estimate,
    /// Median seconds between two tokens of a request.
    pub inter_token: Estimate,
    /// Mean seconds per output token over a request's life.
    pub token_time: f64,
    /// Seconds to the first token (p99); `None` where it was not measured or where requests wait for memory.
    pub first_token: Option<Estimate>,
    /// Whether load or shape lie outside what was measured.
    pub outside_measured: bool,
}

/// The largest load within limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capacity {
    /// Requests at once.
    pub concurrency: u32,
    /// What bounds it.
    pub bound: Bound,
    /// Requests per second. The interval holds both ways of being wrong, each at its 90 %: how many requests may run
    /// at once (0 at the low end where even one may miss a limit), and how fast they then are.
    pub requests_per_second: Estimate,
    /// Output tokens per second, likewise.
    pub output_per_second: Estimate,
    /// What the engine does at this concurrency.
    pub at: Prediction,
}

/// Which end of each latency's interval the limits are held against.
#[derive(Clone, Copy)]
enum End {
    Low,
    Mid,
    High,
}

impl End {
    fn of(self, estimate: Estimate) -> f64 {
        match self {
            End::Low => estimate.low(),
            End::Mid => estimate.mid,
            End::High => estimate.high(),
        }
    }
}

impl Calibration {
    /// What this engine does with `offered` requests of a shape at once.
    #[must_use]
    pub fn predict(&self, shape: Shape, offered: f64) -> Prediction {
        let running = self.kv.running(offered, shape.final_context());
        let seconds = self.step.request_seconds(shape, running);
        let errors = self.errors.as_ref();
        let output = errors.map(|e| e.output);
        let first = self.first_token.filter(|_| running >= offered).map(|f| f.seconds(shape, running));
        Prediction {
            running,
            requests_per_second: estimate(running / seconds, output),
            output_per_second: estimate(shape.output() * running / seconds, output),
            inter_token: estimate(
                self.step.step_seconds(running, shape.context()),
                errors.and_then(|e| e.inter_token.or(output)),
            ),
            token_time: seconds / shape.output(),
            first_token: first.map(|f| estimate(f, errors.and_then(|e| e.first_token))),
            outside_measured: self.is_outside(shape, offered),
        }
    }

    fn is_outside(&self, shape: Shape, offered: f64) -> bool {
        let outside = |range: (f64, f64), value: f64| value < range.0 || value > range.1;
        let measured = &self.measured;
        outside(measured.concurrency, offered)
            || measured.input.is_none_or(|range| outside(range, shape.input()))
            || measured.output.is_none_or(|range| outside(range, shape.output()))
            || measured.prefix_hit.is_none_or(|range| outside(range, shape.prefix_hit()))
    }

    /// The largest load of a shape within limits. Requests that would wait for memory are never part of it: under
    /// steady arrivals their queue only grows.
    pub fn capacity(&self, shape: Shape, slo: &Slo) -> Result<Capacity, NoCapacity> {
        let (most, end) = self.most_at_once(shape)?;
        if slo.ttft_p99.is_some() && self.first_token.is_none() {
            return Err(NoCapacity::FirstTokenUnknown);
        }
        if let Some((bound, predicted, limit)) = self.missed(shape, slo, 1, End::Mid) {
            return Err(NoCapacity::TooSlow { bound, predicted, limit });
        }
        let concurrency = self.largest(shape, slo, most, End::Mid);
        let over = (concurrency < most).then(|| self.missed(shape, slo, concurrency + 1, End::Mid)).flatten();
        let at = self.predict(shape, f64::from(concurrency));
        let least = self.predict(shape, f64::from(self.largest(shape, slo, most, End::High)));
        let best = self.predict(shape, f64::from(self.largest(shape, slo, most, End::Low)));
        let known = at.requests_per_second.interval.is_some();
        let between = |of: fn(&Prediction) -> Estimate| Estimate {
            mid: of(&at).mid,
            interval: known.then(|| (of(&least).low(), of(&best).high())),
        };
        Ok(Capacity {
            concurrency,
            bound: over.map_or(end, |(bound, ..)| bound),
            requests_per_second: between(|p| p.requests_per_second),
            output_per_second: between(|p| p.output_per_second),
            at,
        })
    }

    /// How many requests of a shape may run at once without regard to latency, and what ends it. What lies beyond the
    /// largest measured concurrency is nobody's knowledge, even where memory would hold more.
    fn most_at_once(&self, shape: Shape) -> Result<(u32, Bound), NoCapacity> {
        let needed = shape.final_context();
        let measured = (self.measured.concurrency.1 as u32).clamp(1, MOST_AT_ONCE);
        match self.kv.tokens() {
            Some(available) if needed > available => Err(NoCapacity::TooLong { needed, available }),
            Some(available) if available / needed < f64::from(measured) => {
                Ok(((available / needed) as u32, Bound::Memory))
            }
            _ => Ok((measured, Bound::Measured)),
        }
    }

    /// The largest concurrency within limits at one end of the intervals; 0 where even one request misses. Every
    /// latency grows with concurrency, so halving finds it.
    fn largest(&self, shape: Shape, slo: &Slo, most: u32, end: End) -> u32 {
        let (mut within, mut over) = (0, most + 1);
        while over - within > 1 {
            let middle = within + (over - within) / 2;
            if self.missed(shape, slo, middle, end).is_none() {
                within = middle;
            } else {
                over = middle;
            }
        }
        within
    }

    /// The first limit that a concurrency misses, with what is predicted and what is allowed.
    fn missed(&self, shape: Shape, slo: &Slo, concurrency: u32, end: End) -> Option<(Bound, f64, f64)> {
        let at = self.predict(shape, f64::from(concurrency));
        let token_time =
            Estimate { mid: at.token_time, interval: self.errors.map(|e| e.output.around(at.token_time)) };
        let limits = [
            (Bound::FirstToken, slo.ttft_p99, at.first_token),
            (Bound::InterToken, slo.itl_median, Some(at.inter_token)),
            (Bound::TokenTime, slo.tpot_mean, Some(token_time)),
        ];
        limits.into_iter().find_map(|(bound, limit, predicted)| {
            let (limit, predicted) = (limit?, end.of(predicted?));
            (predicted > limit).then_some((bound, predicted, limit))
        })
    }
}

fn estimate(mid: f64, spread: Option<Spread>) -> Estimate {
    Estimate { mid, interval: spread.map(|s| s.around(mid)) }
}
