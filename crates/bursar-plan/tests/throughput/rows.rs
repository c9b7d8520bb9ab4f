//! Calibrations as a file: what comes with Bursar is what its measurements give, and wrong files are told.

use bursar_plan::throughput::{
    Calibration, KvTokens, Row, Spread, built_in_measurements, built_in_rows, read_rows, write_rows,
};

use crate::fitting::load_test;

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * b.abs()
}

fn assert_near(a: Option<Spread>, b: Option<Spread>) {
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a.points, b.points);
    assert!(
        near(a.median, b.median) && near(a.p90, b.p90) && near(a.half_width, b.half_width),
        "{a:?} {b:?}"
    );
}

#[test]
fn refitting_the_measurements_gives_the_calibrations_that_come_with_bursar() {
    let (rows, files) = (built_in_rows().unwrap(), built_in_measurements().unwrap());
    assert_eq!((rows.len(), files.len()), (2, 2));
    for (row, measurements) in rows.iter().zip(files) {
        let KvTokens::Given(said) = row.calibration.kv else { panic!("the engine said its memory") };
        let again = Calibration::of(&measurements, Some(said)).unwrap();
        let (kept, fitted) = (row.calibration.step.values(), again.step.values());
        assert!(kept.iter().zip(fitted).all(|(a, b)| near(*a, b)), "{kept:?} {fitted:?}");
        let (kept, fitted) = (row.calibration.errors.unwrap(), again.errors.unwrap());
        assert_near(Some(kept.output), Some(fitted.output));
        assert_near(kept.inter_token, fitted.inter_token);
        assert_near(kept.first_token, fitted.first_token);
        assert_eq!(row.calibration.measured, again.measured);
    }
}

#[test]
fn what_is_written_reads_back_the_same() {
    let mut rows = built_in_rows().unwrap();
    let own = |calibration| Row { calibration, ..rows[0].clone() };
    let few = own(Calibration::of(&load_test(KvTokens::NotSeen)[..5], None).unwrap());
    let fitted = own(Calibration::of(&load_test(KvTokens::Given(200_000)), None).unwrap());
    assert!(!few.calibration.unidentified.is_empty());
    rows.extend([few, fitted]);
    assert_eq!(read_rows(&write_rows(&rows).unwrap()).unwrap(), rows);
}

#[test]
fn an_engine_on_several_accelerators_fits_fewer_times_on_a_node() {
    let mut row = built_in_rows().unwrap().swap_remove(0);
    assert_eq!(row.engines_on(8), 8);
    row.engine.accelerators = 4;
    assert_eq!((row.engines_on(8), row.engines_on(7), row.engines_on(2)), (2, 1, 0));
}

#[test]
fn a_wrong_file_is_told_with_its_calibration_and_field() {
    let good = write_rows(&built_in_rows().unwrap()[..1]).unwrap();
    let told = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        read_rows(&good.replacen(from, to, 1)).unwrap_err().to_string()
    };
    insta::assert_snapshot!(
        [
            told("t0 = 0.00", "t0 = -0.00"),
            told("2026-09-24", "2026-13-24"),
            told("accelerators = 1", "accelerators = 0"),
            told("kv_tokens = 430272", "kv_tokens = 0"),
            told("left_out = \"shape\"", "left_out = \"luck\""),
            told("base = 0.00", "base = nan #"),
            told("concurrency = [1.0,", "concurrency = [900.0,"),
        ]
        .join("\n"),
        @r#"
    calibration 1 (Qwen/Qwen3-8B), step_seconds: t0, t1, t2 and a are zero or above, and not all zero
    calibration 1 (Qwen/Qwen3-8B), as_of: "2026-13-24" is not a day such as 2026-09-24
    calibration 1 (Qwen/Qwen3-8B), accelerators: an engine runs on at least one
    calibration 1 (Qwen/Qwen3-8B), kv_tokens: an engine keeps at least one token
    calibration 1 (Qwen/Qwen3-8B), errors.left_out: "luck" is not known
    calibration 1 (Qwen/Qwen3-8B), first_token_seconds: all parts are zero or above
    calibration 1 (Qwen/Qwen3-8B), measured: a range is [low, high], both zero or above
    "#
    );
    assert!(told("parallelism", "paralelism").contains("paralelism"));
}
