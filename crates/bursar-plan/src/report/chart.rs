//! Charts as shapes on a plane, which the page draws as SVG. Colours belong to the page: a shape has a class.

use bursar_core::Money;
use serde::Serialize;

use super::figures::percent;
use super::{BandShown, LoadDurationShown, MonthShown, RiskShown};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 270.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 28.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 40.0;
/// The height of a bar with its gap.
const ROW: f64 = 34.0;
/// Room for the names of bars.
const NAMES: f64 = 190.0;

/// A chart.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Chart {
    title: String,
    width: f64,
    height: f64,
    x_label: String,
    y_label: String,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    areas: Vec<Shape>,
    lines: Vec<Shape>,
    notes: Vec<Note>,
    legend: Vec<(&'static str, String)>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Tick {
    at: f64,
    label: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Shape {
    class: &'static str,
    path: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Note {
    x: f64,
    y: f64,
    anchor: &'static str,
    text: String,
}

/// A straight scale from values to places.
#[derive(Clone, Copy)]
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn at(self, value: f64) -> f64 {
        let width = (self.high - self.low).max(f64::MIN_POSITIVE);
        let share = ((value - self.low) / width).clamp(-0.05, 1.05);
        tenths(self.from + (self.to - self.from) * share)
    }

    /// Round values within the scale, four to eight of them.
    fn ticks(self, label: impl Fn(f64) -> String) -> Vec<Tick> {
        let span = self.high - self.low;
        if !(span.is_finite() && span > 0.0) {
            return vec![Tick { at: self.from, label: label(self.low) }];
        }
        let power = 10f64.powf((span / 5.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| span / s <= 8.0);
        let step = step.unwrap_or(span);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        (first..=last).map(|n| n as f64 * step).map(|v| Tick { at: self.at(v), label: label(v) }).collect()
    }
}

fn tenths(place: f64) -> f64 {
    (place * 10.0).round() / 10.0
}

fn path(points: impl IntoIterator<Item = (f64, f64)>) -> String {
    let mut out = String::new();
    for (i, (x, y)) in points.into_iter().enumerate() {
        out.push_str(&format!("{}{x} {y}", if i == 0 { "M" } else { "L" }));
    }
    out
}

/// Dollars of a decimal string; for places in a chart alone.
fn value(exact: &str) -> f64 {
    exact.parse::<Money>().map_or(0.0, |m| m.nanos() as f64 / 1e9)
}

/// Dollars on an axis: `$1.2M`, `$350k`, `$40`.
fn short_dollars(value: f64) -> String {
    let sign = if value < -1e-9 { "−" } else { "" };
    let trimmed = |n: f64, unit: &str| {
        let text = format!("{n:.2}");
        format!("{sign}${}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
    };
    match value.abs() {
        v if v >= 1e9 => trimmed(v / 1e9, "B"),
        v if v >= 1e6 => trimmed(v / 1e6, "M"),
        v if v >= 1e3 => trimmed(v / 1e3, "k"),
        v => trimmed(v, ""),
    }
}

fn plane(title: String, x_label: &str, y_label: &str) -> Chart {
    let (x_label, y_label) = (x_label.to_owned(), y_label.to_owned());
    Chart { title, width: WIDTH, height: HEIGHT, x_label, y_label, ..Chart::default() }
}

fn across(low: f64, high: f64) -> Scale {
    Scale { low, high, from: LEFT, to: WIDTH - RIGHT }
}

fn upwards(low: f64, high: f64) -> Scale {
    Scale { low, high, from: HEIGHT - BOTTOM, to: TOP }
}

/// For how much of the time a load is exceeded, with the line of what is had and the share from which on one pays.
pub(super) fn load_duration(shown: &LoadDurationShown) -> Chart {
    let title = format!("{} in machines of {} ({})", shown.model, shown.hardware, shown.term);
    let mut chart = plane(title, "share of the time", "machines");
    let most = shown.points.iter().map(|p| p[1]).fold(shown.nodes as f64, f64::max).max(0.1);
    let (x, y) = (across(0.0, 1.0), upwards(0.0, most * 1.05));
    chart.x_ticks = x.ticks(percent);
    chart.y_ticks = y.ticks(|v| format!("{}", (v * 100.0).round() / 100.0));
    let mut corners = Vec::new();
    let mut from = 0.0;
    for [share, load] in &shown.points {
        corners.extend([(x.at(from), y.at(*load)), (x.at(*share), y.at(*load))]);
        from = *share;
    }
    let mut area = vec![(x.at(0.0), y.at(0.0))];
    area.extend(corners.iter().copied());
    area.push((x.at(from), y.at(0.0)));
    chart.areas.push(Shape { class: "demand", path: path(area) });
    chart.lines.push(Shape { class: "demand", path: path(corners) });
    chart.legend.push(("demand", "load that is reached for this share of the time".to_owned()));
    let nodes = y.at(shown.nodes as f64);
    chart.lines.push(Shape { class: "had", path: path([(x.at(0.0), nodes), (x.at(1.0), nodes)]) });
    chart.legend.push(("had", format!("best number on this kind alone: {}", shown.nodes)));
    if let Some(break_even) = shown.break_even {
        let at = x.at(break_even.min(1.0));
        chart.lines.push(Shape { class: "ustar", path: path([(at, y.at(0.0)), (at, TOP)]) });
        let told = if break_even > 1.0 {
            format!("u* = {}: no machine can be that busy", percent(break_even))
        } else {
            format!("u* = {}: a machine pays while it is busy longer", percent(break_even))
        };
        chart.legend.push(("ustar", told));
    }
    chart
}

/// What has been spent by the end of each month, with the band of nine in ten futures and that of the break-even month.
pub(super) fn cumulative(months: &[MonthShown], risk: Option<&RiskShown>) -> Option<Chart> {
    let last = months.last()?;
    let mut chart = plane("What has been spent".to_owned(), "month", "dollars");
    let most = value(&last.api.p95).max(value(&last.plan.p95));
    let (x, y) = (across(0.0, f64::from(last.month)), upwards(0.0, most * 1.02));
    chart.x_ticks = x.ticks(|v| format!("{v:.0}"));
    chart.y_ticks = y.ticks(short_dollars);
    for class in ["api", "plan"] {
        let band = |m: &MonthShown| if class == "api" { m.api.clone() } else { m.plan.clone() };
        let along = |of: fn(&BandShown) -> &String| {
            let start = (x.at(0.0), y.at(0.0));
            let points = months.iter().map(move |m| (x.at(f64::from(m.month)), y.at(value(of(&band(m))))));
            std::iter::once(start).chain(points).collect::<Vec<_>>()
        };
        let back = along(|b| &b.p5).into_iter().rev();
        let area = along(|b| &b.p95).into_iter().chain(back);
        chart.areas.push(Shape { class, path: path(area) });
        chart.lines.push(Shape { class, path: path(along(|b| &b.p50)) });
    }
    chart.legend = vec![
        ("api", "everything by API: median, and nine in ten futures".to_owned()),
        ("plan", "the plan".to_owned()),
    ];
    let even = risk.map(|r| &r.break_even);
    if let Some((first, last_even)) = even.and_then(|b| Some((b.p10?, b.p90.unwrap_or(last.month)))) {
        let (from, to) = (x.at(f64::from(first) - 1.0), x.at(f64::from(last_even)));
        chart.areas.push(Shape { class: "even", path: rectangle(from, to, TOP, HEIGHT - BOTTOM - TOP) });
        chart
            .legend
            .push(("even", "month from which on the plan has cost less, in eight of ten futures".to_owned()));
    }
    Some(chart)
}

fn rows(title: &str, count: usize) -> Chart {
    let height = TOP + BOTTOM + ROW * count as f64;
    Chart { title: title.to_owned(), width: WIDTH, height, x_label: "dollars".to_owned(), ..Chart::default() }
}

/// A scale over amounts and zero, with room at both sides.
fn around(amounts: &[f64]) -> Scale {
    let low = amounts.iter().copied().fold(0.0, f64::min);
    let high = amounts.iter().copied().fold(0.0, f64::max);
    let room = ((high - low) * 0.04).max(1e-9);
    Scale { low: low - room, high: high + room, from: NAMES, to: WIDTH - RIGHT }
}

fn rectangle(from: f64, to: f64, top: f64, height: f64) -> String {
    path([(from, top), (to, top), (to, top + height), (from, top + height)]) + "Z"
}

fn upright(at: f64, top: f64, height: f64) -> String {
    path([(at, top), (at, top + height)])
}

/// The distribution of savings: the middle half, nine in ten, the median and the mean.
pub(super) fn savings(risk: &RiskShown) -> Chart {
    let s = &risk.savings;
    let amounts = [&s.p5, &s.p25, &s.p50, &s.p75, &s.p95, &s.mean.mean].map(|a| value(a));
    let [p5, p25, p50, p75, p95, mean] = amounts;
    let mut chart = rows("What the plan saves against everything by API", 1);
    let x = around(&amounts);
    chart.x_ticks = x.ticks(short_dollars);
    let middle = TOP + ROW / 2.0;
    chart.lines.push(Shape { class: "plan", path: path([(x.at(p5), middle), (x.at(p95), middle)]) });
    chart.areas.push(Shape { class: "plan", path: rectangle(x.at(p25), x.at(p75), TOP + 6.0, ROW - 12.0) });
    chart.lines.push(Shape { class: "had", path: upright(x.at(p50), TOP + 4.0, ROW - 8.0) });
    chart.lines.push(Shape { class: "ustar", path: upright(x.at(mean), TOP + 4.0, ROW - 8.0) });
    chart.lines.push(Shape { class: "zero", path: upright(x.at(0.0), TOP, ROW) });
    chart.notes.push(Note { x: NAMES - 10.0, y: middle + 4.0, anchor: "end", text: "savings".to_owned() });
    chart.legend = vec![
        ("plan", "5 % to 95 %, and the middle half".to_owned()),
        ("had", "median".to_owned()),
        ("ustar", "mean".to_owned()),
    ];
    chart
}

/// What each factor does alone.
pub(super) fn tornado(risk: &RiskShown) -> Chart {
    let bars = &risk.tornado;
    let mut chart = rows("Savings with one factor at its 10th and 90th percentile", bars.len());
    let all: Vec<f64> =
        bars.iter().flat_map(|b| [value(&b.at_p10), value(&b.at_p90), value(&b.at_median)]).collect();
    let x = around(&all);
    chart.x_ticks = x.ticks(short_dollars);
    for (i, bar) in bars.iter().enumerate() {
        let top = TOP + ROW * i as f64;
        let middle = x.at(value(&bar.at_median));
        for (class, end) in [("low", &bar.at_p10), ("high", &bar.at_p90)] {
            let end = x.at(value(end));
            let shape = rectangle(middle.min(end), middle.max(end), top + 6.0, ROW - 12.0);
            chart.areas.push(Shape { class, path: shape });
        }
        let (x, text) = (NAMES - 10.0, bar.factor.to_owned());
        chart.notes.push(Note { x, y: top + ROW / 2.0 + 4.0, anchor: "end", text });
    }
    let height = ROW * bars.len() as f64;
    chart.lines.push(Shape { class: "zero", path: upright(x.at(0.0), TOP, height) });
    chart.legend = vec![
        ("low", "the factor at its 10th percentile".to_owned()),
        ("high", "at its 90th".to_owned()),
        ("zero", "no saving".to_owned()),
    ];
    chart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_scale() {
        let labels = |low, high| {
            let ticks = across(low, high).ticks(short_dollars);
            ticks.into_iter().map(|t| t.label).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(labels(0.0, 1_234_567.0), "$0 $200k $400k $600k $800k $1M $1.2M");
        assert_eq!(labels(-40.0, 85.0), "−$40 −$20 $0 $20 $40 $60 $80");
        assert_eq!(labels(0.0, 0.0), "$0");
    }

    #[test]
    fn a_load_duration_curve_falls_from_the_left_to_the_right() {
        let shown = LoadDurationShown {
            model: "m".to_owned(),
            hardware: "k".to_owned(),
            term: "3-year",
            break_even: Some(1.7),
            nodes: 0,
            quantile: 0.0,
            points: vec![[0.5, 2.0], [1.0, 1.0]],
        };
        let chart = load_duration(&shown);
        assert!(chart.lines[0].path.starts_with("M70 "), "{:?}", chart.lines[0]);
        assert!(chart.legend.iter().any(|(_, text)| text.contains("no machine can be that busy")));
    }
}
