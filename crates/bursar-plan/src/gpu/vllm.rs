//! What vLLM says about the models that it serves.

use std::collections::BTreeMap;

use super::dcgm::answer_gaps;
use super::exposition::{Exposition, Sample};
use super::gap::{Gap, GapKind};

/// The largest whole number that every step of a float can hold.
const MOST_COUNT: f64 = 9_007_199_254_740_992.0;
/// No more models are read from one engine.
const MOST_MODELS: usize = 256;

/// Token counters since the engine's start. `None` is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Input tokens, those read from the prefix cache included.
    pub prompt: Option<u64>,
    /// Input tokens that the prefix cache held.
    pub cached: Option<u64>,
    /// Output tokens.
    pub output: Option<u64>,
    /// How often a request had to give its memory to another.
    pub preemptions: Option<u64>,
    /// How many series the token counters are sums of. An engine that is missing once would look like one that made
    /// nothing, and at its return like one that made everything at once.
    pub series: usize,
}

/// One model at one moment, over all engines of the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelReading {
    /// The name under which it is served.
    pub model: String,
    /// Requests that are computed.
    pub running: Option<u64>,
    /// Requests that wait.
    pub waiting: Option<u64>,
    /// The share of the key-value cache in use, of the fullest engine.
    pub cache_use: Option<f64>,
    /// Its counters.
    pub counters: Counters,
}

/// Tokens that a model took and gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tokens {
    /// Input tokens that had to be computed.
    pub input: u64,
    /// Input tokens that the prefix cache held.
    pub cached: u64,
    /// Output tokens.
    pub output: u64,
}

impl Tokens {
    /// All of them; saturates.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.input.saturating_add(self.cached).saturating_add(self.output)
    }

    /// Both together; saturates.
    #[must_use]
    pub const fn plus(self, other: Tokens) -> Tokens {
        Tokens {
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            output: self.output.saturating_add(other.output),
        }
    }

    /// What is here beyond the other; nothing where the other has more.
    #[must_use]
    pub const fn beyond(self, other: Tokens) -> Tokens {
        Tokens {
            input: self.input.saturating_sub(other.input),
            cached: self.cached.saturating_sub(other.cached),
            output: self.output.saturating_sub(other.output),
        }
    }
}

impl Counters {
    /// The tokens since an earlier reading.
    ///
    /// # Errors
    ///
    /// Why they are not known: a counter that is missing, or lower than before, or summed over other series, or more read
    /// from the cache than was sent.
    pub fn since(&self, before: &Counters) -> Result<Tokens, (GapKind, String)> {
        let step = |name: &str, then: Option<u64>, now: Option<u64>| match (then, now) {
            (Some(then), Some(now)) => now.checked_sub(then).ok_or_else(|| {
                (GapKind::CounterReset, format!("{name} fell from {then} to {now}: the engine began anew"))
            }),
            _ => Err((GapKind::Missing, format!("{name} is not known"))),
        };
        let prompt = step(PROMPT[0], before.prompt, self.prompt)?;
        let cached = step(CACHED[0], before.cached, self.cached)?;
        let output = step(OUTPUT[0], before.output, self.output)?;
        if self.series != before.series {
            let detail = format!("its counters stand in {} series, before in {}", self.series, before.series);
            return Err((GapKind::CounterReset, detail));
        }
        let input = prompt.checked_sub(cached).ok_or_else(|| {
            (GapKind::Contradiction, format!("{cached} input tokens were read from the cache, of {prompt}"))
        })?;
        Ok(Tokens { input, cached, output })
    }
}

/// What an engine says about its models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VllmReading {
    /// The models, ordered by name.
    pub models: Vec<ModelReading>,
    /// When the server's process began, in milliseconds since 1970, where it says so.
    pub started_millis: Option<i64>,
    /// What cannot be told from the answer.
    pub gaps: Vec<Gap>,
}

/// Names of one quantity, the current first: an older name counts only where the current one is missing.
const PROMPT: &[&str] = &["vllm:prompt_tokens_total"];
const OUTPUT: &[&str] = &["vllm:generation_tokens_total"];
const CACHED: &[&str] =
    &["vllm:prompt_tokens_cached_total", "vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total"];
const PREEMPTIONS: &[&str] = &["vllm:num_preemptions_total"];
const RUNNING: &[&str] = &["vllm:num_requests_running"];
const WAITING: &[&str] = &["vllm:num_requests_waiting"];
const CACHE_USE: &[&str] = &["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"];

impl VllmReading {
    /// Reads what an engine answered.
    #[must_use]
    pub fn of(exposition: &Exposition<'_>, exporter: &str) -> VllmReading {
        let mut gaps = answer_gaps(exposition, exporter);
        let mut by_model: BTreeMap<&str, Vec<&Sample<'_>>> = BTreeMap::new();
        for sample in exposition.samples.iter().filter(|s| s.name.starts_with("vllm:")) {
            let Some(model) = sample.label("model_name").filter(|m| !m.is_empty()) else { continue };
            if by_model.len() < MOST_MODELS || by_model.contains_key(model) {
                by_model.entry(model).or_default().push(sample);
            }
        }
        if by_model.is_empty() {
            let detail = "no vllm: metric has a model_name; is this the /metrics of a vLLM server?";
            gaps.push(Gap::new(GapKind::Missing, exporter, detail));
        }
        let models = by_model.into_iter().map(|(model, samples)| model_of(model, &samples, &mut gaps));
        let mut models: Vec<ModelReading> = models.collect();
        // Of a sum, what was cut off may be a part.
        models.iter_mut().filter(|_| exposition.cut.is_some()).for_each(|m| m.counters = Counters::default());
        VllmReading { models, started_millis: started(exposition), gaps }
    }
}

fn started(exposition: &Exposition<'_>) -> Option<i64> {
    let sample = exposition.samples.iter().find(|s| s.name == "process_start_time_seconds")?;
    #[expect(clippy::cast_possible_truncation, reason = "within the range")]
    (0.0..=1e11).contains(&sample.value).then_some((sample.value * 1e3) as i64)
}

fn model_of(model: &str, samples: &[&Sample<'_>], gaps: &mut Vec<Gap>) -> ModelReading {
    let mut count = |names: &[&str]| summed(model, samples, names, gaps);
    let (prompt, output) = (count(PROMPT), count(OUTPUT));
    // An engine without a prefix cache has no such counter, and nothing was read from one.
    let has_cache = samples.iter().any(|s| CACHED.contains(&s.name));
    let cached = if has_cache { count(CACHED) } else { prompt.map(|_| 0) };
    let (preemptions, running, waiting) = (count(PREEMPTIONS), count(RUNNING), count(WAITING));
    for (value, names) in [(prompt, PROMPT), (output, OUTPUT)] {
        if value.is_none() && !samples.iter().any(|s| names.contains(&s.name)) {
            gaps.push(Gap::new(GapKind::Missing, model, format!("{} is not in the answer", names[0])));
        }
    }
    let cache_use = fullest(model, samples, gaps);
    let series = [PROMPT, CACHED, OUTPUT].map(|names| named(samples, names).len()).iter().sum();
    let counters = Counters { prompt, cached, output, preemptions, series };
    ModelReading { model: model.to_owned(), running, waiting, cache_use, counters }
}

/// The samples of a quantity under the first of its names that is there.
fn named<'s>(samples: &'s [&Sample<'_>], names: &[&str]) -> Vec<&'s Sample<'s>> {
    let found = names.iter().find(|name| samples.iter().any(|s| s.name == **name));
    found.map_or_else(Vec::new, |name| samples.iter().copied().filter(|s| s.name == *name).collect())
}

/// The sum over all engines; `None` where it is missing, or one of them says what cannot be.
fn summed(model: &str, samples: &[&Sample<'_>], names: &[&str], gaps: &mut Vec<Gap>) -> Option<u64> {
    let found = named(samples, names);
    let mut sum = 0;
    for sample in &found {
        let value = sample.value;
        if !(0.0..=MOST_COUNT).contains(&value) || value.fract() != 0.0 {
            let detail = format!("{} is {value}; it counts whole things", sample.name);
            gaps.push(Gap::new(GapKind::OutOfRange, model, detail));
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        let whole = value as u64;
        sum += whole;
    }
    (!found.is_empty()).then_some(sum)
}

fn fullest(model: &str, samples: &[&Sample<'_>], gaps: &mut Vec<Gap>) -> Option<f64> {
    let found = named(samples, CACHE_USE);
    if let Some(odd) = found.iter().find(|s| !(0.0..=1.01).contains(&s.value)) {
        let detail = format!("{} is {}; it is a share from 0 to 1", odd.name, odd.value);
        gaps.push(Gap::new(GapKind::OutOfRange, model, detail));
        return None;
    }
    found.iter().map(|s| s.value).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> VllmReading {
        VllmReading::of(&Exposition::read(text.as_bytes()), "e")
    }

    #[test]
    fn engines_of_one_model_add_up_and_the_fullest_cache_counts() {
        let reading = read(
            "vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 4.0\n\
             vllm:num_requests_running{engine=\"1\",model_name=\"m\"} 6.0\n\
             vllm:kv_cache_usage_perc{engine=\"0\",model_name=\"m\"} 0.9\n\
             vllm:kv_cache_usage_perc{engine=\"1\",model_name=\"m\"} 0.5\n\
             vllm:gpu_cache_usage_perc{engine=\"1\",model_name=\"m\"} 1.0\n\
             vllm:prompt_tokens_total{engine=\"0\",model_name=\"m\"} 4.1367205e+07\n\
             vllm:generation_tokens_total{engine=\"0\",model_name=\"m\"} 7.0\n\
             vllm:generation_tokens_created{engine=\"0\",model_name=\"m\"} 1.7654321e+09\n",
        );
        let m = &reading.models[0];
        assert_eq!((m.running, m.waiting, m.cache_use), (Some(10), None, Some(0.9)));
        let counted = Counters {
            prompt: Some(41_367_205),
            cached: Some(0),
            output: Some(7),
            preemptions: None,
            series: 2,
        };
        assert_eq!(m.counters, counted);
        assert_eq!(reading.gaps, []);
    }

    #[test]
    fn a_counter_that_is_no_whole_number_is_unknown_and_named() {
        let reading = read(
            "vllm:prompt_tokens_total{model_name=\"m\"} 1.5\nvllm:generation_tokens_total{model_name=\"m\"} -1\n\
             vllm:kv_cache_usage_perc{model_name=\"m\"} 97\nvllm:prefix_cache_hits_total{model_name=\"m\"} NaN\n",
        );
        assert_eq!(reading.models[0].counters, Counters { series: 3, ..Counters::default() });
        assert_eq!(reading.gaps.iter().map(|g| g.kind).collect::<Vec<_>>(), [GapKind::OutOfRange; 4]);
    }

    #[test]
    fn an_engine_that_is_missing_once_does_not_come_back_with_all_its_tokens() {
        let line = |engine: u8, n: u32| {
            format!(
                "vllm:prompt_tokens_total{{engine=\"{engine}\",model_name=\"m\"}} {n}\n\
                 vllm:generation_tokens_total{{engine=\"{engine}\",model_name=\"m\"}} {n}\n"
            )
        };
        let counters = |text: &str| read(text).models.remove(0).counters;
        let both = counters(&(line(0, 100) + &line(1, 5_000)));
        let odd = counters(&(line(0, 9_000) + &line(1, 1).replace("engine", "engine name")));
        let next = counters(&(line(0, 9_010) + &line(1, 5_010)));
        let kind = |a: &Counters, b: &Counters| b.since(a).unwrap_err().0;
        assert_eq!((kind(&both, &odd), kind(&odd, &next)), (GapKind::CounterReset, GapKind::CounterReset));
        let cut = counters((line(0, 200) + &line(1, 6_000)).trim_end());
        assert_eq!((cut, kind(&both, &cut)), (Counters::default(), GapKind::Missing));
    }

    #[test]
    fn an_answer_of_something_else_and_one_without_counters_are_named() {
        assert_eq!(read("process_open_fds 49.0\n").gaps[0].kind, GapKind::Missing);
        let told: Vec<String> = read("vllm:num_requests_running{model_name=\"m\"} 1\n")
            .gaps
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            told,
            [
                "missing: m: vllm:prompt_tokens_total is not in the answer",
                "missing: m: vllm:generation_tokens_total is not in the answer"
            ]
        );
    }
}
