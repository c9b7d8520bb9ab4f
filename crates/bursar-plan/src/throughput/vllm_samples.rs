//! What a running vLLM says about itself, from its exposition: one sample for each of its engines.

use std::collections::BTreeMap;

use bursar_core::Timestamp;

use super::histogram::Histogram;
use super::live::EngineSample;
use crate::gpu::exposition::{Exposition, Sample};

/// The largest whole number that every step of a float can hold.
const MOST_COUNT: f64 = 9_007_199_254_740_992.0;

const PROMPT: &[&str] = &["vllm:prompt_tokens_total"];
const OUTPUT: &[&str] = &["vllm:generation_tokens_total"];
const RUNNING: &[&str] = &["vllm:num_requests_running"];
const WAITING: &[&str] = &["vllm:num_requests_waiting"];
const FINISHED: &[&str] = &["vllm:request_success_total"];
/// Names of one quantity, the current first: an older one counts only where the current one is missing.
const QUERIES: &[&str] = &["vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total"];
const HITS: &[&str] = &["vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total"];
const FIRST_TOKEN: &str = "vllm:time_to_first_token_seconds_bucket";

/// Why an exposition gives no sample.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SampleError {
    /// The model is not there.
    #[error("no engine here serves {model:?}; served are {served:?}")]
    NoModel {
        /// Which was asked for.
        model: String,
        /// Which are there.
        served: Vec<String>,
    },
    /// A metric that is needed is not there.
    #[error("engine {engine:?} does not say {metric}")]
    Missing {
        /// The engine's label; empty where it has none.
        engine: String,
        /// The metric.
        metric: &'static str,
    },
    /// A value that counts nothing.
    #[error("{metric} of engine {engine:?} is {value}, which counts nothing")]
    NoCount {
        /// The engine's label; empty where it has none.
        engine: String,
        /// The metric.
        metric: String,
        /// Its value.
        value: f64,
    },
}

/// The samples of every engine that serves a model, by the engine's label (empty where it has none). Engines of one
/// server are calibrated each on its own: together they would look like one that runs all their requests.
pub fn engine_samples(
    exposition: &Exposition<'_>,
    model: &str,
    at: Timestamp,
) -> Result<BTreeMap<String, EngineSample>, SampleError> {
    let mut engines: BTreeMap<&str, Vec<&Sample<'_>>> = BTreeMap::new();
    let mut served: Vec<String> = Vec::new();
    for sample in exposition.samples.iter().filter(|s| s.name.starts_with("vllm:")) {
        let Some(name) = sample.label("model_name") else { continue };
        if name == model {
            engines.entry(sample.label("engine").unwrap_or("")).or_default().push(sample);
        } else if !served.iter().any(|known| known == name) {
            served.push(name.to_owned());
        }
    }
    if engines.is_empty() {
        return Err(SampleError::NoModel { model: model.to_owned(), served });
    }
    engines
        .into_iter()
        .map(|(engine, samples)| Ok((engine.to_owned(), Engine { engine, samples }.sample(at)?)))
        .collect()
}

/// The metrics of one engine for one model.
struct Engine<'a> {
    engine: &'a str,
    samples: Vec<&'a Sample<'a>>,
}

impl Engine<'_> {
    fn sample(&self, at: Timestamp) -> Result<EngineSample, SampleError> {
        let needed = |names: &[&'static str]| {
            self.sum(names)?
                .ok_or_else(|| SampleError::Missing { engine: self.engine.to_owned(), metric: names[0] })
        };
        Ok(EngineSample {
            at,
            prompt_tokens: needed(PROMPT)? as u64,
            generation_tokens: needed(OUTPUT)? as u64,
            running: needed(RUNNING)?,
            waiting: self.sum(WAITING)?,
            cache_queries: self.sum(QUERIES)?.map(|v| v as u64),
            cache_hits: self.sum(HITS)?.map(|v| v as u64),
            requests_finished: self.sum(FINISHED)?.map(|v| v as u64),
            first_token: self.first_token(),
        })
    }

    /// The sum of a metric over its other labels; `None` where it is not there.
    fn sum(&self, names: &[&'static str]) -> Result<Option<f64>, SampleError> {
        let Some(name) = names.iter().find(|name| self.samples.iter().any(|s| s.name == **name)) else {
            return Ok(None);
        };
        let mut sum = 0.0;
        for sample in self.samples.iter().filter(|s| s.name == *name) {
            sum += sample.value;
            if !(0.0..=MOST_COUNT).contains(&sample.value) || sum > MOST_COUNT {
                let metric = sample.name.to_owned();
                return Err(SampleError::NoCount {
                    engine: self.engine.to_owned(),
                    metric,
                    value: sample.value,
                });
            }
        }
        Ok(Some(sum))
    }

    fn first_token(&self) -> Option<Histogram> {
        let buckets = self.samples.iter().filter(|s| s.name == FIRST_TOKEN);
        Histogram::new(buckets.map(|s| {
            let bound = s.label("le")?.parse().ok()?;
            (0.0..=MOST_COUNT).contains(&s.value).then_some((bound, s.value as u64))
        }))
    }
}
