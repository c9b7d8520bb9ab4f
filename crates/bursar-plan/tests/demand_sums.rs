//! Sums, parts, weeks and growth of a demand, and demand from cubes.

use bursar_core::rollup::{Cell, CellKey};
use bursar_core::{Hour, Meter, Timestamp};
use bursar_plan::demand::{
    Class, CubeRow, CubesError, Demand, DemandPoint, Growth, GrowthError, NO_TEAM, Stream,
};
use proptest::prelude::*;

fn row(hour: i64, tenant: &str, output: u64) -> CubeRow {
    CubeRow {
        hour: Hour::from_index(hour),
        model: "m".to_owned(),
        tenant: tenant.to_owned(),
        class: Class::Interactive,
        requests: 1,
        input: 10,
        cached_input: 4,
        output,
    }
}

fn covered(hours: std::ops::Range<i64>) -> std::ops::Range<Hour> {
    Hour::from_index(hours.start)..Hour::from_index(hours.end)
}

#[test]
fn an_hour_without_rows_is_zero_within_the_covered_range_and_refused_outside() {
    let rows = [row(102, "a", 5), row(100, "a", 7), row(102, "a", 1), row(101, "b", 2)];
    let demand = Demand::from_cubes(rows, covered(100..104)).unwrap();
    let outputs = |s: &Stream| s.points.iter().map(|p| p.output).collect::<Vec<_>>();
    assert_eq!(demand.streams.iter().map(outputs).collect::<Vec<_>>(), [[7, 0, 6, 0], [0, 2, 0, 0]]);
    assert_eq!(demand.start, Timestamp::from_seconds(360_000));
    let outside = Demand::from_cubes([row(104, "a", 5)], covered(100..104));
    assert_eq!(outside, Err(CubesError::Outside(104)));
    assert_eq!(Demand::from_cubes([], covered(5..5)), Err(CubesError::Range(0)));
    let huge = [row(100, "a", u64::MAX), row(100, "b", 1)];
    assert_eq!(
        Demand::from_cubes(huge, covered(100..101)),
        Err(CubesError::Overflow("all models".to_owned()))
    );
}

#[test]
fn a_cell_of_the_cubes_gives_its_text_tokens_to_its_team() {
    let mut cell = Cell { records: 3, ..Cell::default() };
    for (meter, units) in [(Meter::Input, 5), (Meter::CacheRead, 7), (Meter::CacheWrite1h, 2)] {
        cell.units[meter as usize] = units;
    }
    cell.units[Meter::Output as usize] = 11;
    cell.units[Meter::Reasoning as usize] = 13;
    let team = Some("search".to_owned());
    let mut key = CellKey {
        hour: Hour::from_index(7),
        attribution: [Some("acme".to_owned()), team, None, None, None, None],
        key: None,
        provider: "openai".to_owned(),
        model: Some("m".to_owned()),
    };
    let row = CubeRow::of(&key, &cell, Class::Batch).unwrap();
    assert_eq!((row.tenant.as_str(), row.requests, row.input), ("search", 3, 14));
    assert_eq!((row.cached_input, row.output, row.class), (7, 24, Class::Batch));
    key.attribution[1] = None;
    assert_eq!(CubeRow::of(&key, &cell, Class::Batch).unwrap().tenant, NO_TEAM);
    key.model = None;
    assert_eq!(CubeRow::of(&key, &cell, Class::Batch), None);
}

#[test]
fn weeks_are_whole_and_parts_keep_their_beginning() {
    let rows = (0..400).map(|h| row(h, "a", 1));
    let demand = Demand::from_cubes(rows, covered(0..400)).unwrap();
    let weeks = demand.weeks();
    assert_eq!(weeks.iter().map(Demand::steps).collect::<Vec<_>>(), [168, 168]);
    assert_eq!(weeks[1].start, Timestamp::from_seconds(168 * 3_600));
    assert_eq!(demand.weekly(|p| p.output as f64), [168.0, 168.0]);
    assert_eq!(demand.part(390..999).steps(), 10);
    assert_eq!(demand.only(|s| s.tenant == "b").steps(), 0);
}

#[test]
fn an_unknown_peak_of_output_stays_unknown_and_that_of_nothing_is_zero() {
    let known = DemandPoint { output: 10, peak_output_per_second: Some(2.0), ..DemandPoint::default() };
    let unknown = DemandPoint { output: 1, ..DemandPoint::default() };
    let sum = |a: DemandPoint, b| a.checked_add(b).unwrap().peak_output_per_second;
    assert_eq!(sum(known, unknown), None);
    assert_eq!(sum(known, DemandPoint::default()), Some(2.0));
    assert_eq!(sum(known, known), Some(4.0));
}

#[test]
fn growth_without_noise_is_found_exactly() {
    let weeks: Vec<f64> = (0..26).map(|w| 1e9 * (0.25 * f64::from(w) * 7.0 / 365.25).exp()).collect();
    let growth = Growth::of_weeks(&weeks).unwrap();
    assert!((growth.log_rate - 0.25).abs() < 1e-9, "{growth:?}");
    assert!(growth.error < 1e-9);
}

#[test]
fn too_few_or_empty_weeks_give_no_growth() {
    assert_eq!(Growth::of_weeks(&[1.0; 7]), Err(GrowthError::TooFew(7)));
    let mut weeks = [1.0; 9];
    weeks[3] = 0.0;
    assert_eq!(Growth::of_weeks(&weeks), Err(GrowthError::Empty(4)));
}

/// Noise that is the same for the same seed: the middle of twelve uniform numbers.
fn noise(seed: &mut u64) -> f64 {
    let mut uniform = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..12).map(|_| uniform()).sum::<f64>() - 6.0
}

/// How many of 400 histories of `weeks` with correlated noise have the true growth in their 90 % interval.
fn covered_of_400(weeks: usize, correlation: f64) -> usize {
    let mut seed = 42;
    let holds = (0..400).filter(|_| {
        let mut error = 0.0;
        let history: Vec<f64> = (0..weeks)
            .map(|w| {
                error = correlation * error + 0.05 * noise(&mut seed);
                (0.3 * w as f64 * 7.0 / 365.25 + error).exp()
            })
            .collect();
        let (low, high) = Growth::of_weeks(&history).unwrap().interval(0.9);
        (low..=high).contains(&0.3f64.exp_m1())
    });
    holds.count()
}

#[test]
fn the_interval_of_growth_holds_the_truth_about_as_often_as_it_says() {
    let (plain, correlated) = (covered_of_400(26, 0.0), covered_of_400(52, 0.4));
    println!("90 % intervals that hold the truth: {plain} of 400, with correlation 0.4 {correlated} of 400");
    assert!((340..=400).contains(&plain), "{plain}");
    assert!((330..=400).contains(&correlated), "{correlated}");
}

proptest! {
    #[test]
    fn models_add_up_to_the_total_and_weeks_to_the_whole(
        outputs in proptest::collection::vec((0u64..1_000_000, 0usize..3, 0i64..336), 1..200),
    ) {
        let rows = outputs.iter().map(|&(output, model, hour)| CubeRow {
            model: ["x", "y", "z"][model].to_owned(), ..row(hour, "t", output)
        });
        let demand = Demand::from_cubes(rows, covered(0..336)).unwrap();
        let all: u64 = outputs.iter().map(|o| o.0).sum();
        let total: u64 = demand.totals().unwrap().iter().map(|p| p.output).sum();
        let models: u64 = demand.by_model().unwrap().values().flatten().map(|p| p.output).sum();
        let weeks: f64 = demand.weekly(|p| p.output as f64).iter().sum();
        prop_assert_eq!((all, all, all as f64), (total, models, weeks));
    }
}
