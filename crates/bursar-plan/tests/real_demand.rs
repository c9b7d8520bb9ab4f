//! A production trace as a usage file: it is read without a complaint, and the same trace in a wrong unit is not.
//!
//! The trace lies beside the repository (`shared/data/tco/servegen_hourly.csv`: hourly sums of alibaba/ServeGen,
//! Apache-2.0); where it is not there, nothing is to be shown.

use std::path::PathBuf;

use bursar_plan::demand::{Class, Growth, GrowthError, Usage, UsageOptions, read_usage};
use bursar_plan::problems::Problems;

/// One row of the trace: model, hour, requests, input, output and the peak.
type Row = (String, i64, u64, u64, u64, f64);

/// A change of unit, by its name.
type Change = (&'static str, fn(&mut Row));

fn trace() -> Vec<Row> {
    let shared = std::env::var_os("BURSAR_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let Ok(text) = std::fs::read_to_string(shared.join("data/tco/servegen_hourly.csv")) else {
        println!("no trace beside the repository");
        return Vec::new();
    };
    let rows = text.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let whole = |i: usize| cells[i].parse::<u64>().unwrap();
        (
            cells[0].to_owned(),
            cells[1].parse().unwrap(),
            whole(2),
            whole(3),
            whole(4),
            cells[5].parse().unwrap(),
        )
    });
    // Two models were traced for a day only; a file is of one stretch of time.
    rows.filter(|(model, ..)| matches!(model.as_str(), "m-large" | "m-mid" | "m-small")).collect()
}

fn read(rows: &[Row]) -> Result<Usage, Problems> {
    let mut text = "ts,model,tenant,requests,input,output,peak\n".to_owned();
    for (model, hour, requests, input, output, peak) in rows {
        let at = jiff::Timestamp::from_second(1_793_577_600 + hour * 3_600).unwrap();
        text += &format!("{at},{model},all,{requests},{input},{output},{peak}\n");
    }
    let options = UsageOptions { class: Some(Class::Interactive), ..UsageOptions::default() };
    read_usage("usage.csv", text.as_bytes(), &options)
}

/// How many rows of the trace are told to be wrong after a change.
fn told(rows: &[Row], change: impl Fn(&mut Row)) -> u64 {
    let mut rows = rows.to_vec();
    rows.iter_mut().for_each(change);
    read(&rows).map_or_else(|p| p.kept.len() as u64 + p.further, |_| 0)
}

#[test]
fn a_production_trace_is_read_and_every_wrong_unit_of_it_is_told() {
    let rows = trace();
    if rows.is_empty() {
        return;
    }
    let usage = read(&rows).map_err(|p| p.to_string()).unwrap();
    assert_eq!((usage.rows as usize, usage.filled, usage.demand.streams.len()), (rows.len(), 0, 3));
    assert_eq!(usage.demand.weeks().len(), 2);
    let weekly = usage.demand.weekly(|p| p.output as f64);
    assert_eq!(Growth::of_weeks(&weekly), Err(GrowthError::TooFew(2)));
    let changes: [Change; 6] = [
        ("output per second", |r| r.4 /= 3_600),
        ("output in thousands", |r| r.4 /= 1_000),
        ("input in thousands", |r| r.3 /= 1_000),
        ("input in millions", |r| r.3 /= 1_000_000),
        ("peak per minute", |r| r.5 *= 60.0),
        ("peak in thousands", |r| r.5 /= 1_000.0),
    ];
    for (name, change) in changes {
        let found = told(&rows, change);
        println!("{name}: {found} of {} rows told", rows.len());
        assert!(found >= rows.len() as u64 / 2, "{name}: {found}");
    }
}
