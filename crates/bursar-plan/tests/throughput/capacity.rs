//! The largest load within limits, and what a demand comes to.

use bursar_plan::demand::DemandPoint;
use bursar_plan::throughput::{
    Bound, Calibration, KvTokens, Load, LoadError, NoCapacity, Slo, built_in_rows,
};
use proptest::prelude::*;

use crate::fitting::{load_test, shape};

const LIMITS: Slo = Slo { ttft_p99: Some(2.0), itl_median: Some(0.05), tpot_mean: None };

fn h100() -> Calibration {
    built_in_rows().unwrap().swap_remove(0).calibration
}

#[test]
fn the_largest_load_meets_its_limits_and_one_more_request_does_not() {
    let calibration = h100();
    let balanced = shape(2048.0, 2048.0, 0.0);
    let capacity = calibration.capacity(balanced, &LIMITS).unwrap();
    assert_eq!(capacity.bound, Bound::FirstToken);
    let first = |c: u32| calibration.predict(balanced, f64::from(c)).first_token.unwrap().mid;
    assert!(first(capacity.concurrency) <= 2.0 && first(capacity.concurrency + 1) > 2.0);
    let (low, high) = capacity.output_per_second.interval.unwrap();
    assert!(low < capacity.output_per_second.mid && capacity.output_per_second.mid < high);
}

#[test]
fn the_load_that_was_measured_within_the_limits_lies_in_the_interval() {
    // The largest users of the source's own search under these limits, with their output tokens per second.
    let measured = [
        (2048.0, 2048.0, 3653.1),
        (128.0, 128.0, 16542.0),
        (128.0, 1024.0, 15103.5),
        (8192.0, 512.0, 786.9),
        (1024.0, 128.0, 4129.0),
    ];
    for (input, output, speed) in measured {
        let found = h100().capacity(shape(input, output, 0.0), &LIMITS).unwrap().output_per_second;
        assert!((found.low()..=found.high()).contains(&speed), "{input} {output}: {speed} outside {found:?}");
    }
}

#[test]
fn each_limit_binds_where_it_is_the_tightest() {
    let calibration = h100();
    let chat = shape(128.0, 128.0, 0.0);
    let bound = |slo: Slo| calibration.capacity(chat, &slo).unwrap().bound;
    assert_eq!(bound(Slo { itl_median: Some(0.006), ..LIMITS }), Bound::InterToken);
    assert_eq!(bound(Slo { tpot_mean: Some(0.007), ..LIMITS }), Bound::TokenTime);
    assert_eq!(bound(Slo { ttft_p99: Some(0.1), ..LIMITS }), Bound::FirstToken);
    assert_eq!(bound(Slo::default()), Bound::Measured);
    let long = calibration.capacity(shape(8192.0, 512.0, 0.0), &Slo::default()).unwrap();
    assert_eq!((long.bound, long.concurrency), (Bound::Memory, 49));
}

#[test]
fn a_limit_that_one_request_misses_says_which_and_by_how_much() {
    let too_slow =
        h100().capacity(shape(128.0, 128.0, 0.0), &Slo { itl_median: Some(0.001), ..Slo::default() });
    let Err(NoCapacity::TooSlow { bound: Bound::InterToken, predicted, limit }) = too_slow else {
        panic!("{too_slow:?}")
    };
    assert!(predicted > 0.004 && limit == 0.001);
    let needed = 600_000.0;
    let long = h100().capacity(shape(needed - 1.0, 1.0, 0.0), &LIMITS);
    assert_eq!(long, Err(NoCapacity::TooLong { needed, available: 430_272.0 }));
}

#[test]
fn a_load_or_a_shape_that_was_never_measured_is_said_to_be_so() {
    let calibration = h100();
    let outside =
        |input, output, hit, load| calibration.predict(shape(input, output, hit), load).outside_measured;
    assert!(!outside(1000.0, 500.0, 0.0, 64.0));
    assert!(outside(20_000.0, 500.0, 0.0, 64.0) && outside(1000.0, 4000.0, 0.0, 64.0));
    assert!(outside(1000.0, 500.0, 0.5, 64.0) && outside(1000.0, 500.0, 0.0, 1024.0));
}

#[test]
fn a_limit_on_the_first_token_needs_one_that_was_measured() {
    let mut measurements = load_test(KvTokens::NotSeen);
    for measurement in &mut measurements {
        measurement.first_token = None;
    }
    let calibration = Calibration::of(&measurements, None).unwrap();
    let chat = shape(128.0, 128.0, 0.0);
    assert_eq!(calibration.capacity(chat, &LIMITS), Err(NoCapacity::FirstTokenUnknown));
    assert!(calibration.capacity(chat, &Slo { ttft_p99: None, ..LIMITS }).is_ok());
}

#[test]
fn a_demand_is_as_many_engines_as_it_asks_for_over_what_one_carries() {
    let calibration = h100();
    let one = calibration.capacity(shape(1000.0, 200.0, 0.25), &LIMITS).unwrap();
    let requests = 36_000;
    let point = DemandPoint {
        requests,
        input: requests * 1000,
        cached_input: requests * 250,
        output: requests * 200,
        peak_output_per_second: Some(4_000.0),
    };
    let load = calibration.load(&point, 3_600, &LIMITS).unwrap();
    assert!((load.mean.mid - 10.0 / one.requests_per_second.mid).abs() < 1e-9);
    let (low, high) = load.mean.interval.unwrap();
    assert!(low < load.mean.mid && load.mean.mid < high);
    assert!((load.peak.unwrap().mid / load.mean.mid - 2.0).abs() < 1e-9);
}

#[test]
fn no_demand_is_no_load_and_a_demand_that_contradicts_itself_is_told() {
    let calibration = h100();
    let none = DemandPoint::default();
    assert_eq!(calibration.load(&none, 3_600, &LIMITS).map(|l| l.mean.mid), Ok(0.0));
    assert_eq!(
        calibration.load(&DemandPoint { output: 5, ..none }, 3_600, &LIMITS),
        Err(LoadError::NoRequests { tokens: 5 })
    );
    let cached = DemandPoint { requests: 1, input: 4, cached_input: 5, ..none };
    assert_eq!(
        calibration.load(&cached, 3_600, &LIMITS),
        Err(LoadError::CachedAboveInput { cached: 5, input: 4 })
    );
    let some = DemandPoint { requests: 1, input: 4, output: 4, ..none };
    assert_eq!(calibration.load(&some, 0, &LIMITS), Err(LoadError::NoTime));
}

#[test]
fn a_low_end_of_nothing_makes_the_high_end_of_the_load_infinite_and_not_a_number_that_is_too_small() {
    let calibration = h100();
    let alone = calibration.predict(shape(128.0, 128.0, 0.0), 1.0).inter_token;
    let tight = Slo { itl_median: Some(f64::midpoint(alone.mid, alone.high())), ..Slo::default() };
    let point = DemandPoint { requests: 10, input: 1280, output: 1280, ..DemandPoint::default() };
    let Load { mean, engine, .. } = calibration.load(&point, 3_600, &tight).unwrap();
    assert_eq!(engine.unwrap().requests_per_second.low(), 0.0);
    assert!(mean.high().is_infinite() && mean.mid.is_finite());
}

proptest! {
    #[test]
    fn looser_limits_never_carry_less_and_the_interval_holds_the_figure(
        input in 16.0..9000.0, output in 16.0..2000.0, hit in 0.0..1.0, ttft in 0.05..3.0, itl in 0.005..0.06
    ) {
        let calibration = h100();
        let shape = shape(input, output, hit);
        let tight = Slo { ttft_p99: Some(ttft), itl_median: Some(itl), tpot_mean: None };
        let loose = Slo { ttft_p99: Some(ttft * 1.3), itl_median: Some(itl * 1.3), tpot_mean: None };
        if let Ok(capacity) = calibration.capacity(shape, &tight) {
            let more = calibration.capacity(shape, &loose).unwrap();
            prop_assert!(more.concurrency >= capacity.concurrency);
            prop_assert!(more.output_per_second.mid >= capacity.output_per_second.mid);
            let speed = capacity.output_per_second;
            prop_assert!(speed.low() <= speed.mid && speed.mid <= speed.high());
            prop_assert!((speed.mid / capacity.requests_per_second.mid / output - 1.0).abs() < 1e-9);
        }
    }
}
