//! Fits of engines whose parameters are known, and what few or uniform measurements cannot tell.

use bursar_plan::throughput::{
    Calibration, CalibrationError, KvTokens, LeftOut, Measurement, Parameter, Shape, StepTime, Why,
};

pub(crate) const KNOWN: StepTime =
    StepTime { fixed: 0.006, per_sequence: 2e-5, per_context_token: 6e-8, per_input_token: 2.5e-5 };

/// What an engine with the known parameters and room for `kv` tokens does.
pub(crate) fn measured(shape: Shape, concurrency: f64, kv: KvTokens) -> Measurement {
    let running = kv.running(concurrency, shape.final_context());
    Measurement {
        shape,
        concurrency,
        output_per_second: shape.output() * running / KNOWN.request_seconds(shape, running),
        first_token: (running >= concurrency).then(|| 0.01 + running * 2.5e-5 * shape.uncached_input()),
        inter_token: Some(KNOWN.step_seconds(running, shape.context())),
    }
}

pub(crate) fn shape(input: f64, output: f64, prefix_hit: f64) -> Shape {
    Shape::new(input, output, prefix_hit).unwrap()
}

pub(crate) fn load_test(kv: KvTokens) -> Vec<Measurement> {
    let shapes = [shape(128.0, 128.0, 0.0), shape(4096.0, 256.0, 0.5), shape(512.0, 1024.0, 0.0)];
    let loads = [1.0, 8.0, 32.0, 128.0, 256.0];
    shapes.iter().flat_map(|s| loads.map(|c| measured(*s, c, kv))).collect()
}

fn assert_known(step: StepTime, within: f64) {
    for (found, known) in step.values().iter().zip(KNOWN.values()) {
        assert!((found / known - 1.0).abs() < within, "{step:?}");
    }
}

#[test]
fn an_engine_that_follows_the_formula_is_found_exactly() {
    let calibration = Calibration::of(&load_test(KvTokens::NotSeen), None).unwrap();
    assert_known(calibration.step, 1e-6);
    assert_eq!((calibration.kv, calibration.unidentified.len()), (KvTokens::NotSeen, 0));
    assert!(calibration.errors.unwrap().output.p90 < 1e-6);
    assert!((calibration.first_token.unwrap().base - 0.01).abs() < 1e-9);
}

#[test]
fn the_memory_of_an_engine_that_follows_the_formula_is_found() {
    let calibration = Calibration::of(&load_test(KvTokens::Given(200_000)), None).unwrap();
    let KvTokens::Fitted(tokens) = calibration.kv else { panic!("no memory was found") };
    assert!((tokens / 200_000.0 - 1.0).abs() < 0.05, "{tokens}");
    assert_known(calibration.step, 0.05);
}

#[test]
fn a_prefix_cache_that_saves_input_is_counted() {
    let with = measured(shape(4096.0, 256.0, 0.5), 32.0, KvTokens::NotSeen);
    let without = measured(shape(4096.0, 256.0, 0.0), 32.0, KvTokens::NotSeen);
    assert!(with.output_per_second > without.output_per_second);
    let calibration = Calibration::of(&load_test(KvTokens::NotSeen), None).unwrap();
    let predicted = calibration.predict(shape(4096.0, 256.0, 0.0), 32.0);
    assert!((predicted.output_per_second.mid / without.output_per_second - 1.0).abs() < 1e-6);
}

#[test]
fn measurements_at_one_concurrency_tell_what_they_cannot_tell() {
    let one: Vec<Measurement> = [(128.0, 128.0), (4096.0, 256.0), (512.0, 1024.0), (64.0, 900.0)]
        .map(|(input, output)| measured(shape(input, output, 0.0), 16.0, KvTokens::NotSeen))
        .to_vec();
    let calibration = Calibration::of(&one, None).unwrap();
    let of = |p: Parameter| calibration.unidentified.iter().find(|u| u.parameter == p).map(|u| u.why);
    assert_eq!(of(Parameter::Fixed), Some(Why::OneConcurrency));
    assert_eq!(of(Parameter::PerSequence), Some(Why::OneConcurrency));
    assert_eq!((of(Parameter::PerContextToken), of(Parameter::PerInputToken)), (None, None));
}

#[test]
fn one_shape_tells_nothing_of_context() {
    let one: Vec<Measurement> = [1.0, 4.0, 16.0, 64.0, 128.0]
        .map(|c| measured(shape(512.0, 256.0, 0.0), c, KvTokens::NotSeen))
        .to_vec();
    let calibration = Calibration::of(&one, None).unwrap();
    let why: Vec<_> = calibration.unidentified.iter().map(|u| (u.parameter, u.why)).collect();
    assert!(why.contains(&(Parameter::PerSequence, Why::OneContext)), "{why:?}");
    assert!(why.contains(&(Parameter::PerContextToken, Why::OneContext)), "{why:?}");
    assert!(!why.iter().any(|(p, _)| *p == Parameter::Fixed), "{why:?}");
    assert_eq!(calibration.errors.map(|e| e.left_out), Some(LeftOut::Point));
    let text = calibration.unidentified[0].to_string();
    assert_eq!(
        text,
        "t1 is not identified: every shape has the same mean context; add one with a much longer input"
    );
}

#[test]
fn input_that_is_always_cached_tells_nothing_of_input() {
    let cached: Vec<Measurement> = [1.0, 16.0, 64.0]
        .iter()
        .flat_map(|c| {
            [shape(128.0, 128.0, 1.0), shape(2048.0, 512.0, 1.0)].map(|s| measured(s, *c, KvTokens::NotSeen))
        })
        .collect();
    let calibration = Calibration::of(&cached, None).unwrap();
    let why =
        calibration.unidentified.iter().find(|u| u.parameter == Parameter::PerInputToken).map(|u| u.why);
    assert_eq!(why, Some(Why::NoInput));
}

#[test]
fn fewer_measurements_than_parameters_fit_nothing() {
    let three = &load_test(KvTokens::NotSeen)[..3];
    assert_eq!(Calibration::of(three, None), Err(CalibrationError::TooFew { points: 3 }));
    assert_eq!(Calibration::of(&[], None), Err(CalibrationError::TooFew { points: 0 }));
}

#[test]
fn the_same_measurements_give_the_same_calibration() {
    let measurements = load_test(KvTokens::Given(200_000));
    assert_eq!(Calibration::of(&measurements, None), Calibration::of(&measurements, None));
}
