//! Samples of an engine whose parameters are known, with everything that goes wrong with counters.

use bursar_core::Timestamp;
use bursar_plan::throughput::{
    Calibration, CalibrationError, Counter, EngineSample, LeftOut, LiveError, Parameter, Why, WhyGap, rates,
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
    let why = |to: EngineSample| rates(&[from, to], 30).gaps.first().map(|g| g.why);
    let good = sample(1, 16.0, [9e4, 3e4, 0.0, 300.0]);
    assert_eq!(why(EngineSample { requests_finished: Some(3), ..good }), Some(WhyGap::FewRequests(3)));
    assert_eq!(why(EngineSample { cache_hits: Some(100_000), ..good }), Some(WhyGap::Contradiction));
    assert_eq!(why(EngineSample { running: f64::NAN, ..good }), Some(WhyGap::Contradiction));
    assert_eq!(why(EngineSample { running: 40.0, ..good }), Some(WhyGap::LoadChanged));
    assert_eq!(why(EngineSample { generation_tokens: 0, ..good }), Some(WhyGap::Idle));
    let unknown = rates(&[from, EngineSample { cache_hits: None, ..good }], 30);
    assert!(unknown.cache_unknown && unknown.windows() == 1);
}

#[test]
fn samples_closer_than_asked_are_passed_over() {
    let live = rates(&varied(), 120);
    assert!(live.windows() + live.gaps.len() <= 9);
    let few = Calibration::of_live(&rates(&varied()[..3], 30), None);
    assert_eq!(few, Err(CalibrationError::Live(LiveError::TooFewWindows { windows: 2, gaps: 0 })));
}
