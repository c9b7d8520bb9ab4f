//! The production trace that comes with Bursar; see `data/demand/README.md`.

use std::fmt::Write as _;

use bursar_core::Timestamp;

/// Hourly demand of a production inference service: gzipped CSV.
pub const SHIPPED_TRACE: &[u8] = include_bytes!("../../data/demand/servegen_hourly.csv.gz");

/// Models that were traced for a day only have fewer hours than this.
const WHOLE_HOURS: usize = 336;
const HOUR_MICROS: i64 = 3_600_000_000;

/// The unpacked trace as a `usage.csv`, its hour 0 at `start`; only models that were traced for all of its two weeks, since
/// a usage file is of one stretch of time. `None` where a row cannot be read.
#[must_use]
pub fn trace_as_usage(trace: &str, start: Timestamp) -> Option<String> {
    let rows: Vec<Vec<&str>> = trace.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let hours_of = |model: &str| rows.iter().filter(|row| row.first() == Some(&model)).count();
    let mut usage =
        "ts,model,tenant,class,requests,input,cached_input,output,peak10min_output_tps\n".to_owned();
    for row in &rows {
        let [model, hour, requests, input, output, peak] = row.as_slice() else { return None };
        if hours_of(model) < WHOLE_HOURS {
            continue;
        }
        let at = start.plus_micros(hour.parse::<i64>().ok()?.checked_mul(HOUR_MICROS)?);
        let at = jiff::Timestamp::from_microsecond(at.micros()).ok()?;
        writeln!(usage, "{at},{model},all,interactive,{requests},{input},0,{output},{peak}").ok()?;
    }
    Some(usage)
}
