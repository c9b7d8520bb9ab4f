//! Samples of an engine whose parameters are known, with everything that goes wrong with counters.

use bursar_core::Timestamp;
use bursar_plan::gpu::exposition::Exposition;
use bursar_plan::throughput::{
    Calibration, CalibrationError, Counter, EngineSample, Histogram, LeftOut, LiveError, Parameter,
    SampleError, Slo, Why, WhyGap, engine_samples, rates,
};

use crate::fitting::{KNOWN, shape};

const MINUTE: f64 = 60.0;

/// Samples a minute apart of the known engine, each load (running, input, output, cached share) for three minutes. The
/// sample at which a load begins already shows it, so that the minute before cannot be used.
fn samples(loads: &[(f64, f64, f64, f64)]) -> Vec<EngineSample> {
    let mut totals = [0.0; 4];
    let mut taken = Vec::new();
    let minutes = loads.iter().flat_map(|load| [load; 3]).zip(0..);
    for ((running, input, output, hit), minute) in minutes {
        taken.push(sample(minute, *running, totals));
        let rate = running / KNOWN.request_seconds(shape(*input, *output, *hit), *running);
        let grown = [rate * input, rate * output, rate * input * hit, rate];
        totals = std::array::from_fn(|i| totals[i] + grown[i] * MINUTE);
    }
    taken
}

fn sample(minute: i64, running: f64, [input, output, hits, requests]: [f64; 4]) -> EngineSample {
    let whole = |value: f64| value.round() as u64;
    EngineSample {
        at: Timestamp::from_seconds(1_790_000_000 + minute * 60),
        prompt_tokens: whole(input),
        generation_tokens: whole(output),
        cache_queries: Some(whole(input)),
        cache_hits: Some(whole(hits)),
        requests_finished: Some(whole(requests)),
        running,
        waiting: Some(0.0),
        first_token: None,
    }
}

fn varied() -> Vec<EngineSample> {
    samples(&[
        (4.0, 200.0, 50.0, 0.0),
        (64.0, 400.0, 100.0, 0.5),
        (16.0, 3000.0, 80.0, 0.25),
        (128.0, 300.0, 300.0, 0.0),
        (32.0, 1000.0, 20.0, 0.75),
        (8.0, 4000.0, 150.0, 0.0),
    ])
}

#[test]
fn an_engine_that_follows_the_formula_is_found_from_its_counters() {
    let live = rates(&varied(), 30);
    assert_eq!((live.windows(), live.gaps.len(), live.cache_unknown), (12, 5, false));
    let calibration = Calibration::of_live(&live, Some(400_000)).unwrap();
    for (found, known) in calibration.step.values().iter().zip(KNOWN.values()) {
        assert!((found / known - 1.0).abs() < 0.05, "{:?}", calibration.step);
    }
    assert!(calibration.unidentified.is_empty(), "{:?}", calibration.unidentified);
    assert_eq!(calibration.errors.map(|e| e.left_out), Some(LeftOut::Stretch));
    assert_eq!(calibration.first_token, None);
    assert!(live.gaps.iter().all(|gap| gap.why == WhyGap::LoadChanged), "{:?}", live.gaps);
}

#[test]
fn a_load_that_never_changes_tells_what_it_cannot_tell() {
    let same: Vec<EngineSample> = (0..12)
        .map(|minute| sample(minute, 16.0, [9e4, 3e4, 0.0, 300.0].map(|v| v * minute as f64)))
        .collect();
    let calibration = Calibration::of_live(&rates(&same, 30), None).unwrap();
    let named: Vec<Parameter> = calibration.unidentified.iter().map(|u| u.parameter).collect();
    assert_eq!(named, Parameter::ALL);
}

#[test]
fn without_the_counter_of_requests_context_is_named_as_not_known() {
    let mut bare = varied();
    for sample in &mut bare {
        sample.requests_finished = None;
    }
    let calibration = Calibration::of_live(&rates(&bare, 30), None).unwrap();
    let context = calibration.unidentified.iter().find(|u| u.parameter == Parameter::PerContextToken);
    assert_eq!(context.map(|u| u.why), Some(Why::NoRequestCounter));
    assert_eq!((calibration.measured.input, calibration.measured.output), (None, None));
    assert!(calibration.predict(shape(200.0, 50.0, 0.0), 4.0).outside_measured);
}

#[test]
fn what_cannot_be_used_is_named_and_nothing_is_filled_in() {
    let steady = |minute: i64| sample(minute, 16.0, [9e4, 3e4, 0.0, 300.0].map(|v| v * minute as f64));
    let mut taken: Vec<EngineSample> = (0..5).map(steady).collect();
    taken.push(sample(5, 16.0, [100.0, 100.0, 0.0, 1.0]));
    taken.push(steady(6));
    taken.push(steady(3));
    taken.push(steady(30));
    taken.push(sample(31, 0.0, [9e4 * 31.0, 3e4 * 31.0, 0.0, 300.0 * 31.0]));
    let live = rates(&taken, 30);
    let why: Vec<WhyGap> = live.gaps.iter().map(|g| g.why).collect();
    assert_eq!(
        why,
        [WhyGap::Reset(Counter::PromptTokens), WhyGap::OutOfOrder, WhyGap::Long(1620.0), WhyGap::Idle]
    );
    assert_eq!(live.windows(), 5);
}

#[test]
fn few_requests_contradictions_and_missing_cache_counters_are_named() {
    let from = sample(0, 16.0, [0.0; 4]);
    let why = |to: EngineSample| rates(&[from.clone(), to], 30).gaps.first().map(|g| g.why);
    let good = sample(1, 16.0, [9e4, 3e4, 0.0, 300.0]);
    assert_eq!(
        why(EngineSample { requests_finished: Some(3), ..good.clone() }),
        Some(WhyGap::FewRequests(3))
    );
    assert_eq!(why(EngineSample { cache_hits: Some(100_000), ..good.clone() }), Some(WhyGap::Contradiction));
    assert_eq!(why(EngineSample { running: f64::NAN, ..good.clone() }), Some(WhyGap::Contradiction));
    assert_eq!(why(EngineSample { running: 40.0, ..good.clone() }), Some(WhyGap::LoadChanged));
    assert_eq!(why(EngineSample { generation_tokens: 0, ..good.clone() }), Some(WhyGap::Idle));
    let unknown = rates(&[from, EngineSample { cache_hits: None, ..good.clone() }], 30);
    assert!(unknown.cache_unknown && unknown.windows() == 1);
}

#[test]
fn samples_closer_than_asked_are_passed_over() {
    let live = rates(&varied(), 120);
    assert!(live.windows() + live.gaps.len() <= 9);
    let few = Calibration::of_live(&rates(&varied()[..3], 30), None);
    assert_eq!(few, Err(CalibrationError::Live(LiveError::TooFewWindows { windows: 2, gaps: 0 })));
}

/// Gives the samples a histogram in which the slowest hundredth of each minute's first tokens takes `0.02 s` for each
/// running request and the rest a hundredth of that.
fn with_first_tokens(mut samples: Vec<EngineSample>) -> Vec<EngineSample> {
    const FAST: u64 = 990;
    const BOUNDS: [f64; 9] = [0.001, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, f64::INFINITY];
    let mut counts = [0; BOUNDS.len()];
    for sample in &mut samples {
        sample.first_token = Histogram::new(BOUNDS.into_iter().zip(counts).map(Some));
        let slow = 0.02 * sample.running;
        for (count, bound) in counts.iter_mut().zip(BOUNDS) {
            *count += if bound >= slow {
                1_010
            } else if bound >= slow / 100.0 {
                FAST
            } else {
                0
            };
        }
    }
    samples
}

#[test]
fn the_time_to_the_first_token_is_taken_from_the_histogram_where_nobody_waited() {
    let limit = Slo { ttft_p99: Some(0.5), ..Slo::default() };
    let request = shape(400.0, 100.0, 0.5);
    let without = Calibration::of_live(&rates(&varied(), 30), None).unwrap();
    assert!(without.capacity(request, &limit).is_err());
    let samples = with_first_tokens(varied());
    let with = Calibration::of_live(&rates(&samples, 30), None).unwrap();
    let capacity = with.capacity(request, &limit).unwrap();
    // The buckets double in width, so the p99 is known within a factor of two.
    assert!((10..=50).contains(&capacity.concurrency), "{}", capacity.concurrency);
    let waiting: Vec<EngineSample> =
        samples.into_iter().map(|s| EngineSample { waiting: Some(3.0), ..s }).collect();
    assert_eq!(Calibration::of_live(&rates(&waiting, 30), None).unwrap().first_token, None);
}

#[test]
fn what_vllm_published_is_read_as_a_sample() {
    let text = include_bytes!("../expositions/vllm_first_engine.prom");
    let at = Timestamp::from_seconds(1_790_000_000);
    let engines = engine_samples(&Exposition::read(text), "facebook/opt-125m", at).unwrap();
    let sample = &engines[""];
    assert_eq!((sample.prompt_tokens, sample.generation_tokens, sample.requests_finished), (5, 7, Some(1)));
    assert_eq!((sample.running, sample.waiting, sample.cache_hits), (0.0, Some(0.0), None));
    assert!(sample.first_token.is_some());
}

#[test]
fn engines_of_one_server_are_read_apart_and_what_is_missing_is_named() {
    let at = Timestamp::from_seconds(1_790_000_000);
    let read = |text: &str| engine_samples(&Exposition::read(text.as_bytes()), "m", at);
    let line = |metric: &str, engine: u8, value: &str| {
        format!("vllm:{metric}{{engine=\"{engine}\",model_name=\"m\"}} {value}\n")
    };
    let engine = |engine: u8, value: &str| {
        ["prompt_tokens_total", "generation_tokens_total", "num_requests_running"]
            .map(|metric| line(metric, engine, value))
            .concat()
    };
    let both = read(&format!("{}{}", engine(0, "7"), engine(1, "9"))).unwrap();
    assert_eq!((both["0"].prompt_tokens, both["1"].running), (7, 9.0));
    let missing = read(&line("prompt_tokens_total", 0, "7")).unwrap_err();
    assert_eq!(missing.to_string(), "engine \"0\" does not say vllm:generation_tokens_total");
    assert!(matches!(read(&engine(0, "NaN")), Err(SampleError::NoCount { .. })));
    let other = read("vllm:num_requests_running{model_name=\"other\"} 1\n").unwrap_err();
    assert_eq!(other.to_string(), "no engine here serves \"m\"; served are [\"other\"]");
}
