//! How far forecasts are off, on real series: at several moments of every window the total is forecast from what was
//! known then, and compared with what it came to.
//!
//! `cargo run --release -p bursar-insight --example backtest -- FOLDER`, where the folder holds the series as
//! `docs/concepts/warnings.md` names them.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::path::Path;

use bursar_core::Timestamp;
use bursar_core::budget::Window;
use bursar_insight::pace::{Question, pace};
use bursar_insight::series::{Series, Step};
use flate2::read::GzDecoder;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// A named series with what is asked of it.
struct Case {
    name: String,
    series: Series,
    /// Steps of a window.
    window: usize,
    /// Steps of history before the first window.
    before: usize,
    /// Steps that have passed in the window when the forecast is made.
    asked_at: &'static [usize],
}

#[derive(Default)]
struct Score {
    asked: usize,
    inside: usize,
    /// In thousandths of the actual total.
    errors: Vec<f64>,
    naive: Vec<f64>,
    widths: Vec<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("name the folder with the series")?;
    let folder = Path::new(&folder);
    let mut scores: BTreeMap<(String, usize), Score> = BTreeMap::new();
    for case in cases(folder)? {
        for &asked_at in case.asked_at {
            let score = scores.entry((case.name.clone(), asked_at)).or_default();
            score.take(&case, asked_at);
        }
    }
    println!(
        "| series | asked after | forecasts | MAPE | median error | run rate's MAPE | inside the interval | median width |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for ((name, asked_at), score) in &mut scores {
        println!("| {name} | {asked_at} steps | {} |", score.line());
    }
    Ok(())
}

impl Score {
    fn take(&mut self, case: &Case, asked_at: usize) {
        let amounts = &case.series.amounts;
        let width = case.series.step.micros();
        let at = |i: usize| case.series.start.plus_micros(i as i64 * width);
        let mut first = case.before;
        while first + case.window <= amounts.len() {
            let (now, end) = (first + asked_at, first + case.window);
            let actual: i64 = amounts[first..end].iter().sum();
            let spent: i64 = amounts[first..now].iter().sum();
            let history = Series { amounts: amounts[..now].to_vec(), ..case.series.clone() };
            let window = Window { start: at(first), end: at(end) };
            let question = Question { history: &history, window, now: at(now), spent, limit: actual };
            if let Some(pace) = pace(&question, first as u64)
                && actual > 0
            {
                let of_actual = |n: i64| (n - actual).abs() as f64 / actual as f64;
                let run_rate = (i128::from(spent) * case.window as i128 / asked_at as i128) as i64;
                self.asked += 1;
                self.inside += usize::from((pace.low..=pace.high).contains(&actual));
                self.errors.push(of_actual(pace.total));
                self.naive.push(of_actual(run_rate));
                self.widths.push((pace.high - pace.low) as f64 / actual as f64);
            }
            first += case.window;
        }
    }

    fn line(&mut self) -> String {
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len().max(1) as f64 * 100.0;
        let median = |v: &mut Vec<f64>| {
            v.sort_by(f64::total_cmp);
            v.get(v.len() / 2).copied().unwrap_or(f64::NAN) * 100.0
        };
        format!(
            "{} | {:.1} % | {:.1} % | {:.1} % | {:.0} % | {:.0} %",
            self.asked,
            mean(&self.errors),
            median(&mut self.errors),
            mean(&self.naive),
            self.inside as f64 / self.asked.max(1) as f64 * 100.0,
            median(&mut self.widths)
        )
    }
}

fn cases(folder: &Path) -> Result<Vec<Case>, Box<dyn Error>> {
    let mut cases = Vec::new();
    for (file, name) in [("wiki_peyton_daily", "page views"), ("pedestrians_covid_daily", "pedestrians")] {
        let series = daily(&folder.join(format!("{file}.csv.gz")))?;
        let name = format!("{name}, 30 days");
        cases.push(Case { name, series, window: 30, before: 60, asked_at: &[3, 7, 14, 21] });
    }
    for (client, hours) in clients(&folder.join("servegen_client_10min.csv.gz"))? {
        let days = hours.chunks(24).map(|d| d.iter().sum()).collect();
        let of = |step, amounts| Series { start: start(), step, amounts };
        cases.push(Case {
            name: format!("{client} clients, 1 day by hours"),
            series: of(Step::Hour, hours),
            window: 24,
            before: 72,
            asked_at: &[3, 6, 12, 18],
        });
        cases.push(Case {
            name: format!("{client} clients, 7 days"),
            series: of(Step::Day, days),
            window: 7,
            before: 0,
            asked_at: &[3, 5],
        });
    }
    Ok(cases)
}

fn start() -> Timestamp {
    Timestamp::from_date(2026, 6, 1).expect("a date")
}

fn reader(path: &Path) -> Result<csv::Reader<GzDecoder<File>>, Box<dyn Error>> {
    let file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(csv::Reader::from_reader(GzDecoder::new(file)))
}

/// A file of days and values; days that are missing count as zero.
fn daily(path: &Path) -> Result<Series, Box<dyn Error>> {
    let mut spent = Vec::new();
    let mut last = start();
    for row in reader(path)?.records() {
        let row = row?;
        let part = |from: usize, to: usize| row[0][from..to].parse::<u32>();
        let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
        let at = Timestamp::from_date(i32::try_from(year)?, month, day).ok_or("no date")?;
        last = at;
        spent.push((at, row[1].parse()?));
    }
    let aligned = spent.first().map_or(last, |(at, _)| *at);
    Ok(Series::collect(Step::Day, aligned, spent, last.plus_micros(DAY)))
}

/// The name of a client's class, and its requests by hour.
type Clients = Vec<(String, Vec<i64>)>;

/// Requests by hour of each client that has some in every day, with the name of its class.
fn clients(path: &Path) -> Result<Clients, Box<dyn Error>> {
    let mut found: BTreeMap<(String, String), Vec<i64>> = BTreeMap::new();
    for row in reader(path)?.records() {
        let row = row?;
        let hour = row[2].parse::<usize>()? / 3_600;
        let hours = found.entry((row[0].to_owned(), row[1].to_owned())).or_insert_with(|| vec![0; 14 * 24]);
        if let Some(sum) = hours.get_mut(hour) {
            *sum += row[3].parse::<i64>()?;
        }
    }
    let is_always_on = |hours: &Vec<i64>| hours.chunks(24).all(|day| day.iter().sum::<i64>() > 0);
    Ok(found.into_iter().filter(|(_, h)| is_always_on(h)).map(|((model, _), h)| (model, h)).collect())
}
