//! Samples of a running vLLM, differenced into rates. A stretch that cannot be used is named with its reason; nothing
//! is filled in.

use std::fmt;

use bursar_core::Timestamp;

use super::histogram::Histogram;
use super::observation::Observation;
use super::step_time::Shape;

/// A stretch this many times as long as the usual one is a gap.
const LONG: f64 = 3.0;
/// With fewer finished requests in a stretch, their mean shape is not known.
const LEAST_REQUESTS: u64 = 10;
/// With fewer first tokens in a stretch, the slowest of a hundred is not known.
const LEAST_FIRST_TOKENS: u64 = 100;
/// Running requests may differ by this factor between the ends of a stretch.
const STEADY: f64 = 1.5;

/// What vLLM said at one moment. Counters are totals since the engine started.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineSample {
    /// When.
    pub at: Timestamp,
    /// `vllm:prompt_tokens_total`: input tokens, those from the prefix cache included.
    pub prompt_tokens: u64,
    /// `vllm:generation_tokens_total`: output tokens.
    pub generation_tokens: u64,
    /// `vllm:prefix_cache_queries_total`: tokens that were looked for in the prefix cache.
    pub cache_queries: Option<u64>,
    /// `vllm:prefix_cache_hits_total`: tokens of these that were found.
    pub cache_hits: Option<u64>,
    /// `vllm:request_success_total`, over all reasons: finished requests.
    pub requests_finished: Option<u64>,
    /// `vllm:num_requests_running`.
    pub running: f64,
    /// `vllm:num_requests_waiting`.
    pub waiting: Option<f64>,
    /// `vllm:time_to_first_token_seconds`.
    pub first_token: Option<Histogram>,
}

/// One of the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Input tokens.
    PromptTokens,
    /// Output tokens.
    GenerationTokens,
    /// Tokens looked for in the prefix cache.
    CacheQueries,
    /// Tokens found there.
    CacheHits,
    /// Finished requests.
    RequestsFinished,
}

/// Why a stretch between two samples is not used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WhyGap {
    /// The later sample is not later.
    OutOfOrder,
    /// A counter went down: the engine was started anew.
    Reset(Counter),
    /// More cache hits than look-ups, or a number of running requests that is none.
    Contradiction,
    /// So many seconds, far more than usual: samples are missing.
    Long(f64),
    /// Nothing ran at one of its ends, or no token came.
    Idle,
    /// The number of running requests changed too much to say at which load it ran.
    LoadChanged,
    /// Too few requests finished to know their mean shape: take longer stretches.
    FewRequests(u64),
}

/// A stretch that is not used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// Why.
    pub why: WhyGap,
}

impl fmt::Display for WhyGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhyGap::OutOfOrder => write!(f, "samples are out of order"),
            WhyGap::Reset(counter) => write!(f, "{counter:?} went down: the engine was started anew"),
            WhyGap::Contradiction => write!(f, "the metrics contradict themselves"),
            WhyGap::Long(seconds) => write!(f, "{seconds:.0} s without a sample"),
            WhyGap::Idle => write!(f, "the engine was idle"),
            WhyGap::LoadChanged => write!(f, "the number of running requests changed too much"),
            WhyGap::FewRequests(count) => write!(f, "only {count} requests finished; take longer stretches"),
        }
    }
}

/// Why samples of a running engine give no calibration.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum LiveError {
    /// Too few stretches are left.
    #[error(
        "{windows} stretches of time can be used and {gaps} cannot; take samples for longer, under changing load"
    )]
    TooFewWindows {
        /// Stretches that can be used.
        windows: usize,
        /// Stretches that cannot.
        gaps: usize,
    },
}

/// What samples come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    pub(crate) windows: Vec<Observation>,
    /// Stretches that are not used, in order.
    pub gaps: Vec<Gap>,
    /// Whether the counters of the prefix cache were missing in a stretch that is used: all of its input is then taken
    /// as computed, and the calibrated time per input token is that of input as cached as it was.
    pub cache_unknown: bool,
}

impl Live {
    /// How many stretches of time can be used.
    #[must_use]
    pub fn windows(&self) -> usize {
        self.windows.len()
    }
}

/// Differences samples that are at least `least_seconds` apart; those in between are passed over. Tens of requests
/// should finish in a stretch.
#[must_use]
pub fn rates(samples: &[EngineSample], least_seconds: u32) -> Live {
    let ends = spaced(samples, least_seconds);
    let usual = usual_seconds(&ends);
    let mut live = Live::default();
    for pair in ends.windows(2) {
        match window(&pair[0], &pair[1], usual) {
            Ok((observation, cache_known)) => {
                live.cache_unknown |= !cache_known;
                live.windows.push(observation);
            }
            Err(why) => live.gaps.push(Gap { from: pair[0].at, to: pair[1].at, why }),
        }
    }
    live
}

/// The samples that bound stretches. One that steps back in time is kept, so that it is told.
fn spaced(samples: &[EngineSample], least_seconds: u32) -> Vec<EngineSample> {
    let mut ends: Vec<EngineSample> = Vec::new();
    for sample in samples {
        let near = |last: &EngineSample| {
            let apart = seconds(last, sample);
            apart > 0.0 && apart < f64::from(least_seconds)
        };
        if !ends.last().is_some_and(near) {
            ends.push(sample.clone());
        }
    }
    ends
}

fn seconds(from: &EngineSample, to: &EngineSample) -> f64 {
    (to.at.micros().saturating_sub(from.at.micros())) as f64 / 1e6
}

fn usual_seconds(ends: &[EngineSample]) -> f64 {
    let mut lengths: Vec<f64> =
        ends.windows(2).map(|pair| seconds(&pair[0], &pair[1])).filter(|s| *s > 0.0).collect();
    lengths.sort_by(f64::total_cmp);
    lengths.get(lengths.len() / 2).copied().unwrap_or(0.0)
}

/// What happened between two samples, and whether the prefix cache was counted.
fn window(from: &EngineSample, to: &EngineSample, usual: f64) -> Result<(Observation, bool), WhyGap> {
    let length = seconds(from, to);
    if length <= 0.0 {
        return Err(WhyGap::OutOfOrder);
    }
    let input = grown(Counter::PromptTokens, from.prompt_tokens, to.prompt_tokens)?;
    let output = grown(Counter::GenerationTokens, from.generation_tokens, to.generation_tokens)?;
    let finished = optional(Counter::RequestsFinished, from.requests_finished, to.requests_finished)?;
    let hit = prefix_hit(from, to)?;
    let running = steady(from.running, to.running)?;
    if length > LONG * usual {
        return Err(WhyGap::Long(length));
    }
    if output == 0 {
        return Err(WhyGap::Idle);
    }
    let shape = match finished {
        Some(count) if count < LEAST_REQUESTS => return Err(WhyGap::FewRequests(count)),
        Some(count) => {
            let mean = |tokens: u64| (tokens as f64 / count as f64).max(1.0);
            Some(
                Shape::new(mean(input), mean(output), hit.unwrap_or(0.0))
                    .map_err(|_| WhyGap::Contradiction)?,
            )
        }
        None => None,
    };
    let observation = Observation {
        offered: running,
        shape,
        uncached_per_output: input as f64 * (1.0 - hit.unwrap_or(0.0)) / output as f64,
        output_per_second: output as f64 / length,
        inter_token: None,
        first_token: first_token(from, to),
        counts_running: true,
        group: 0,
    };
    Ok((observation, hit.is_some()))
}

/// The time to the first token that 99 of 100 stayed below, where enough came and nobody waited for memory.
fn first_token(from: &EngineSample, to: &EngineSample) -> Option<f64> {
    let waited = [from, to].iter().any(|s| s.waiting.is_some_and(|waiting| waiting > 0.0));
    let came = to.first_token.as_ref()?.since(from.first_token.as_ref()?)?;
    if waited || came.count() < LEAST_FIRST_TOKENS { None } else { came.quantile(0.99).filter(|s| *s > 0.0) }
}

fn grown(counter: Counter, from: u64, to: u64) -> Result<u64, WhyGap> {
    to.checked_sub(from).ok_or(WhyGap::Reset(counter))
}

fn optional(counter: Counter, from: Option<u64>, to: Option<u64>) -> Result<Option<u64>, WhyGap> {
    from.zip(to).map(|(from, to)| grown(counter, from, to)).transpose()
}

/// The share of looked-up tokens that were found; `None` where the counters are missing.
fn prefix_hit(from: &EngineSample, to: &EngineSample) -> Result<Option<f64>, WhyGap> {
    let queries = optional(Counter::CacheQueries, from.cache_queries, to.cache_queries)?;
    let hits = optional(Counter::CacheHits, from.cache_hits, to.cache_hits)?;
    match queries.zip(hits) {
        None => Ok(None),
        Some((queries, hits)) if hits > queries => Err(WhyGap::Contradiction),
        Some((0, _)) => Ok(Some(0.0)),
        Some((queries, hits)) => Ok(Some(hits as f64 / queries as f64)),
    }
}

/// The mean of running requests at the ends, where they are alike.
fn steady(from: f64, to: f64) -> Result<f64, WhyGap> {
    if !(from.is_finite() && to.is_finite() && from >= 0.0 && to >= 0.0) {
        return Err(WhyGap::Contradiction);
    }
    let (low, high) = (from.min(to), from.max(to));
    match () {
        () if low < 1.0 => Err(WhyGap::Idle),
        () if high > STEADY * low => Err(WhyGap::LoadChanged),
        () => Ok(f64::midpoint(from, to)),
    }
}
