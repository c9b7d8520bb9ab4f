//! How far the model may be off on prompt shapes that it did not see.

use bursar_plan::throughput::{Calibration, Coverage, KvTokens, LeftOut, Measurement, built_in_measurements};

const FP8: usize = 0;
const BF16: usize = 1;
/// Tokens of context that the engines had room for, as they said when they started.
const SAID: [u64; 2] = [430_272, 377_024];

fn measurements(run: usize) -> Vec<Measurement> {
    built_in_measurements().unwrap().swap_remove(run)
}

fn assert_bars(run: usize, kv: Option<u64>, points: usize) {
    let measurements = measurements(run);
    let errors = Calibration::of(&measurements, kv).unwrap().errors.unwrap();
    assert_eq!((errors.left_out, errors.groups, errors.output.points), (LeftOut::Shape, 5, points));
    assert!(errors.output.median <= 0.08, "median error {:.4}", errors.output.median);
    assert!(errors.output.p90 <= 0.15, "p90 error {:.4}", errors.output.p90);
    let coverage = Coverage::of(&measurements, kv).unwrap();
    assert_eq!(coverage.points, points);
    assert!(coverage.output_inside * 100 >= points * 85, "{coverage:?}");
}

#[test]
fn a_shape_that_was_left_out_is_predicted_within_the_bars() {
    assert_bars(FP8, Some(SAID[FP8]), 44);
}

#[test]
fn the_bars_hold_when_the_engine_did_not_say_its_memory() {
    assert_bars(FP8, None, 44);
}

#[test]
fn the_bars_hold_on_a_second_run_of_another_precision() {
    assert_bars(BF16, Some(SAID[BF16]), 55);
    assert_bars(BF16, None, 55);
}

#[test]
fn memory_is_found_where_throughput_stops_to_grow() {
    for run in [FP8, BF16] {
        let KvTokens::Fitted(found) = Calibration::of(&measurements(run), None).unwrap().kv else {
            panic!("no memory was found")
        };
        let off = (found / SAID[run] as f64 - 1.0).abs();
        assert!(off < 0.1, "{found:.0} found, {} said", SAID[run]);
    }
}

#[test]
fn latencies_of_a_shape_that_was_left_out_stay_near_what_was_measured() {
    for run in [FP8, BF16] {
        let measurements = measurements(run);
        let errors = Calibration::of(&measurements, Some(SAID[run])).unwrap().errors.unwrap();
        let (between, first) = (errors.inter_token.unwrap(), errors.first_token.unwrap());
        assert!(between.median <= 0.05 && between.p90 <= 0.15, "{between:?}");
        assert!(first.median <= 0.20, "{first:?}");
        let coverage = Coverage::of(&measurements, Some(SAID[run])).unwrap();
        assert!(coverage.inter_token_inside * 100 >= coverage.inter_token_points * 85, "{coverage:?}");
        assert!(coverage.first_token_inside * 100 >= coverage.first_token_points * 85, "{coverage:?}");
    }
}
