//! From rows to streams: the step's length, and what is missing, doubled or between the steps.

use std::collections::BTreeMap;

use bursar_core::Timestamp;

use super::usage_file::{MissingRows, UsageOptions};
use super::values::{Row, misfit_of_peak};
use super::{Demand, DemandPoint, Stream};
use crate::problems::{Problems, counted};

/// The most steps and points of a demand: three years of ten minutes, and what fits in memory.
const MOST_STEPS: i64 = 160_000;
const MOST_POINTS: i64 = 20_000_000;

/// The steps of a file.
#[derive(Clone, Copy, Debug)]
struct Grid {
    /// When the first step begins, in seconds since 1970.
    start: i64,
    seconds: i64,
    steps: i64,
}

/// The rows as streams without a gap, and how many points were filled with zero. Where rows were wrong, and so are not
/// here, no gap is told.
pub(super) fn demand_of(
    mut rows: Vec<Row>,
    options: &UsageOptions,
    problems: &mut Problems,
) -> Option<(Demand, u64)> {
    let whole = problems.is_empty();
    rows.sort_by(|a, b| key(a).cmp(&key(b)).then(a.at.cmp(&b.at)).then(a.line.cmp(&b.line)));
    let grid = grid(&rows, options, problems)?;
    tell_misfits(&rows, &grid, problems);
    let streams = rows.chunk_by(|a, b| key(a) == key(b)).count() as i64;
    if grid.steps.saturating_mul(streams) > MOST_POINTS {
        let what =
            format!("has {} steps of {streams} streams, more than is held: sum up tenants", grid.steps);
        problems.add(None, "", what);
        return None;
    }
    let covered = covered(&rows, &grid);
    let mut filled = 0;
    let mut demand = Demand {
        start: Timestamp::from_seconds(grid.start),
        step_seconds: u32::try_from(grid.seconds).ok()?,
        streams: Vec::new(),
    };
    for rows in rows.chunk_by(|a, b| key(a) == key(b)) {
        let (stream, missing) = stream(rows, &grid, problems);
        filled += missing.iter().map(|gap| gap.steps as u64).sum::<u64>();
        if whole {
            tell_gaps(&missing, rows, options.missing_rows, &covered, &grid, problems);
        }
        demand.streams.push(stream);
    }
    if demand.totals().is_none() {
        problems.add(None, "", "its sums are out of range: write whole tokens per step");
    }
    Some((demand, filled))
}

fn key(row: &Row) -> (&str, &str, super::Class) {
    (&row.model, &row.tenant, row.class)
}

const fn seconds(row: &Row) -> i64 {
    row.at.micros() / 1_000_000
}

/// The steps' length is what most successive moments are apart; their beginning is where most of them lie.
fn grid(rows: &[Row], options: &UsageOptions, problems: &mut Problems) -> Option<Grid> {
    let mut moments: Vec<i64> = rows.iter().map(seconds).collect();
    moments.sort_unstable();
    moments.dedup();
    let apart = moments.windows(2).map(|w| w[1] - w[0]);
    let step = options.step_seconds.map(i64::from).or_else(|| most_frequent(apart));
    let Some(step) = step else {
        if !problems.is_empty() {
            return None;
        }
        problems.add(
            None,
            "ts",
            "there is one step only, so its length is not known: add rows, or say the step",
        );
        return None;
    };
    if let Some(what) = wrong_step(step) {
        problems.add(rows.first().map(|r| r.line), "ts", what);
        return None;
    }
    let phase = most_frequent(moments.iter().map(|m| m.rem_euclid(step)))?;
    let on_grid: Vec<i64> = moments.into_iter().filter(|m| m.rem_euclid(step) == phase).collect();
    let (start, end) = (*on_grid.first()?, *on_grid.last()?);
    let steps = (end - start) / step + 1;
    if steps > MOST_STEPS {
        let middle = on_grid[on_grid.len() / 2];
        let odd = if middle - start > end - middle { start } else { end };
        let far = rows.iter().find(|r| seconds(r) == odd).map(|r| r.line);
        let what = format!(
            "the first and last step are {steps} steps apart, more than {MOST_STEPS}: is a year wrong?"
        );
        problems.add(far, "ts", what);
        return None;
    }
    Some(Grid { start, seconds: step, steps })
}

fn wrong_step(step: i64) -> Option<String> {
    let told = match step {
        3_601.. => "at most an hour is expected, because peaks decide: export by hour",
        ..600 => "at least ten minutes are expected: sum up",
        _ if 3_600 % step != 0 => "a divisor of an hour is expected: sum up by hour",
        _ => return None,
    };
    Some(format!("the steps are {} apart, and {told}", length(step)))
}

/// The most frequent value, the smallest of those that are equally frequent.
fn most_frequent(values: impl Iterator<Item = i64>) -> Option<i64> {
    let mut counts = BTreeMap::new();
    values.for_each(|v| *counts.entry(v).or_insert(0u64) += 1);
    counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0))).map(|(value, _)| value)
}

fn tell_misfits(rows: &[Row], grid: &Grid, problems: &mut Problems) {
    for row in rows {
        let off = (seconds(row) - grid.start).rem_euclid(grid.seconds);
        if off != 0 {
            let what = format!(
                "begins {} into a step of {}: all rows of a file have steps of one length that begin at the same \
                 minute",
                length(off),
                length(grid.seconds)
            );
            problems.add(row.line, "ts", what);
        }
        if let Some(what) = misfit_of_peak(&row.point, u32::try_from(grid.seconds).unwrap_or(u32::MAX)) {
            problems.add(row.line, "peak", what);
        }
    }
}

/// For each step, whether any stream has a row for it.
fn covered(rows: &[Row], grid: &Grid) -> Vec<bool> {
    let mut covered = vec![false; grid.steps as usize];
    for row in rows {
        if let Some(step) = index(row, grid) {
            covered[step] = true;
        }
    }
    covered
}

fn index(row: &Row, grid: &Grid) -> Option<usize> {
    let after = seconds(row) - grid.start;
    let on_grid = after % grid.seconds == 0 && after >= 0 && after / grid.seconds < grid.steps;
    on_grid.then(|| (after / grid.seconds) as usize)
}

/// Steps in a row for which a stream has no row.
struct Gap {
    /// The line of the row before it, or the stream's first line.
    line: u64,
    first: usize,
    steps: usize,
}

fn stream(rows: &[Row], grid: &Grid, problems: &mut Problems) -> (Stream, Vec<Gap>) {
    let mut points: Vec<Option<(DemandPoint, u64)>> = vec![None; grid.steps as usize];
    for row in rows {
        let Some(step) = index(row, grid) else { continue };
        match points[step] {
            None => points[step] = Some((row.point, row.line)),
            Some((_, line)) => problems.add(row.line, "ts", doubled(row, line, grid)),
        }
    }
    let mut gaps: Vec<Gap> = Vec::new();
    let mut line = rows[0].line;
    for (step, point) in points.iter().enumerate() {
        match (point, gaps.last_mut()) {
            (Some((_, at)), _) => line = *at,
            (None, Some(gap)) if gap.first + gap.steps == step => gap.steps += 1,
            (None, _) => gaps.push(Gap { line, first: step, steps: 1 }),
        }
    }
    let of = &rows[0];
    let points = points.into_iter().map(|p| p.map_or_else(DemandPoint::default, |(p, _)| p)).collect();
    (Stream { model: of.model.clone(), tenant: of.tenant.clone(), class: of.class, points }, gaps)
}

fn doubled(row: &Row, line: u64, grid: &Grid) -> String {
    let hint = if grid.seconds == 3_600 { clock_change(seconds(row)) } else { "" };
    format!(
        "is the same step of {} as line {line}: add the two rows up, or remove one{hint}",
        named(&row.model, &row.tenant, row.class)
    )
}

fn tell_gaps(
    gaps: &[Gap],
    rows: &[Row],
    missing: MissingRows,
    covered: &[bool],
    grid: &Grid,
    problems: &mut Problems,
) {
    for gap in gaps {
        let steps = gap.first..gap.first + gap.steps;
        let bare = covered[steps].iter().filter(|c| !**c).count();
        let untold = match missing {
            MissingRows::Refuse => gap.steps,
            MissingRows::ZeroWhereOthersAre => bare,
            MissingRows::Zero => 0,
        };
        if untold == 0 {
            continue;
        }
        let of = &rows[0];
        let at = grid.start + gap.first as i64 * grid.seconds;
        let hint = if untold == 1 && grid.seconds == 3_600 { clock_change(at) } else { "" };
        let nobody = if bare == gap.steps { ", nor has any other stream" } else { "" };
        let what = format!(
            "{} has no row for {} from {} on{nobody}: add them, with zeros where nothing was asked{hint}",
            named(&of.model, &of.tenant, of.class),
            counted(untold as u64, "step"),
            moment(at),
        );
        problems.add(gap.line, "ts", what);
    }
}

fn named(model: &str, tenant: &str, class: super::Class) -> String {
    format!("{model} / {tenant} / {}", class.name())
}

/// Where an hour that is missing or doubled lies in a night in which clocks change somewhere.
fn clock_change(at: i64) -> &'static str {
    let Ok(at) = jiff::Timestamp::from_second(at) else { return "" };
    let at = at.to_zoned_datetime(jiff::tz::TimeZone::UTC);
    let sunday = at.weekday() == jiff::civil::Weekday::Sunday;
    if sunday && matches!(at.month(), 3 | 4 | 9 | 10 | 11) {
        " (clocks may have changed that night: was local time written with one offset? Export in UTC)"
    } else {
        ""
    }
}

fn moment(at: i64) -> String {
    jiff::Timestamp::from_second(at).map_or_else(|_| format!("second {at}"), |t| t.to_string())
}

fn length(seconds: i64) -> String {
    match seconds {
        s if s % 3_600 == 0 => counted(s.unsigned_abs() / 3_600, "hour"),
        s if s % 60 == 0 => counted(s.unsigned_abs() / 60, "minute"),
        s => counted(s.unsigned_abs(), "second"),
    }
}
