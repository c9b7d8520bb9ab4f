//! Published results, for what nobody calibrated: MLPerf entries and single points of other accelerators. They hold for
//! the shapes and limits of their sources and for no others; figures per accelerator are divided from the published
//! ones and not official.

use bursar_core::{Money, Timestamp};

use super::errors::quantile;
use super::estimate::Estimate;
use super::published_names::{is_accelerator, is_model};
use crate::supply::Dated;

const MLPERF: &str = include_str!("../../data/throughput/mlperf_inference_v51_llm.csv");
const POINTS: &str = include_str!("../../data/throughput/accelerator_points.csv");
const PREFIX: &str = include_str!("../../data/throughput/prefix_cache_points.csv");
/// The day on which MLPerf Inference v5.1 was published.
const ROUND_PUBLISHED: (i32, u32, u32) = (2025, 9, 9);
/// The day on which the other sources were read.
const SOURCES_READ: (i32, u32, u32) = (2026, 11, 23);

/// How an MLPerf entry was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// Everything at once, without a latency limit.
    Offline,
    /// Arrivals at random, with limits for a reader.
    Server,
    /// Arrivals at random, with tight limits.
    Interactive,
}

impl Scenario {
    /// The name in MLPerf.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Scenario::Offline => "Offline",
            Scenario::Server => "Server",
            Scenario::Interactive => "Interactive",
        }
    }

    fn from_name(name: &str) -> Option<Scenario> {
        [Scenario::Offline, Scenario::Server, Scenario::Interactive].into_iter().find(|s| s.name() == name)
    }
}

/// What an MLPerf entry says beyond its throughput.
#[derive(Clone, Debug, PartialEq)]
pub struct MlPerf {
    /// The round, such as `v5.1`.
    pub round: String,
    /// The entry, such as `5.1-0001`.
    pub id: String,
    /// Who handed it in.
    pub submitter: String,
    /// How it was loaded.
    pub scenario: Scenario,
    /// Whether it is of the closed division, where everybody runs the same model.
    pub closed: bool,
    /// Whether the system could be had when it was handed in; others are previews.
    pub available: bool,
    /// The limit on the time to the first token (p99), in seconds.
    pub ttft_p99: Option<f64>,
    /// The limit on the time per output token (p99), in seconds.
    pub tpot_p99: Option<f64>,
    /// Accelerators of the whole system.
    pub accelerators: u32,
    /// What the system drew, in watts, where that was measured.
    pub system_watts: Option<f64>,
}

/// Who published an entry.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// MLPerf Inference.
    MlPerf(MlPerf),
    /// A vendor's or benchmark's own files.
    Published,
    /// Somebody who quotes others: an indication, never a capacity.
    Secondary,
}

/// One published result.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Who published it.
    pub origin: Origin,
    /// The accelerator, as the source names it.
    pub accelerator: String,
    /// The system.
    pub system: String,
    /// The model, as the source names it.
    pub model: String,
    /// The precision of its weights.
    pub precision: String,
    /// Output tokens per second of the whole system, where the source says it as a number.
    pub tokens_per_second_of_system: Option<f64>,
    /// Output tokens per second for each accelerator: divided, so not official. `None` where the source gives no such
    /// figure, or gives it in another unit.
    pub tokens_per_second: Option<f64>,
    /// What the system cost per hour where its source says a price.
    pub per_hour: Option<Money>,
    /// What a million output tokens then cost, as the source's throughput makes it.
    pub per_million_output: Option<Money>,
    /// Lengths, batch and latency, in the source's words.
    pub conditions: String,
    /// Source and date.
    pub dated: Dated,
}

/// What a prefix cache did to the median time to the first token.
#[derive(Clone, Debug, PartialEq)]
pub struct PrefixPoint {
    /// The system.
    pub system: String,
    /// The data set that was asked.
    pub dataset: String,
    /// The share of the input that was found, in the source's words.
    pub prefix_hit: String,
    /// Seconds without the cache.
    pub without: f64,
    /// Seconds with it.
    pub with: f64,
}

/// Why the embedded files cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}, column {column}: {text:?} cannot be read")]
pub struct CatalogueError {
    /// Which file.
    pub file: &'static str,
    /// The line, counted from 1.
    pub line: u64,
    /// The column.
    pub column: &'static str,
    /// What stands there.
    pub text: String,
}

/// A capacity from published entries. It is labelled so wherever it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// Output tokens per second for each accelerator: the median of the entries, from the lowest to the highest of
    /// them. Divided from published figures, so not official.
    pub tokens_per_second: Estimate,
    /// The scenario, where MLPerf is the source.
    pub scenario: Option<Scenario>,
    /// The limits that held (time to the first token and per output token, p99, in seconds).
    pub limits: (Option<f64>, Option<f64>),
    /// The entries, as round and entry id or as their source.
    pub entries: Vec<String>,
    /// Source and date.
    pub dated: Dated,
}

/// All published results that come with Bursar.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalogue {
    /// Every entry, MLPerf first.
    pub entries: Vec<Entry>,
    /// What prefix caches did.
    pub prefix_points: Vec<PrefixPoint>,
}

impl Entry {
    /// What an entry with a price says of it, in a sentence to be shown wherever its accelerator is offered: measured
    /// decoder throughput can make a chip dearer than its price per hour suggests. `None` without a price.
    #[must_use]
    pub fn price_note(&self) -> Option<String> {
        let (speed, hour) = (self.tokens_per_second_of_system?, self.per_hour?);
        let million = self.per_million_output?;
        Some(format!(
            "{} on {}: {speed} output tokens/s at ${hour} per hour, which is ${} per million output tokens ({}; {})",
            self.model,
            self.accelerator,
            cents(million),
            self.conditions,
            self.dated.source,
        ))
    }
}

/// Dollars rounded to the cent, for a sentence.
fn cents(money: Money) -> String {
    let cents = (i128::from(money.nanos()) + 5_000_000).div_euclid(10_000_000);
    format!("{}.{:02}", cents / 100, cents % 100)
}

impl Catalogue {
    /// The catalogue that comes with Bursar.
    pub fn built_in() -> Result<Catalogue, CatalogueError> {
        let mut entries = table("mlperf_inference_v51_llm.csv", MLPERF, mlperf_entry)?;
        let mut source = String::new();
        let points = table("accelerator_points.csv", POINTS, |cells| point_entry(cells, &mut source))?;
        entries.extend(points);
        let prefix_points = table("prefix_cache_points.csv", PREFIX, prefix_point)?;
        Ok(Catalogue { entries, prefix_points })
    }

    /// All entries of an accelerator, whatever they say.
    pub fn of_accelerator<'a>(&'a self, accelerator: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |e| is_accelerator(&e.accelerator, accelerator))
    }

    /// What an accelerator makes of a model under a scenario's limits: by MLPerf's closed and available entries; without
    /// any, by other published points, which have no scenario. `None` where nobody published a figure per accelerator.
    #[must_use]
    pub fn capacity(&self, accelerator: &str, model: &str, scenario: Scenario) -> Option<Published> {
        let fits = |e: &&Entry| e.tokens_per_second.is_some() && is_model(&e.model, model);
        let by_mlperf = |e: &&Entry| match &e.origin {
            Origin::MlPerf(m) => m.closed && m.available && m.scenario == scenario,
            Origin::Published | Origin::Secondary => false,
        };
        let mlperf: Vec<&Entry> = self.of_accelerator(accelerator).filter(fits).filter(by_mlperf).collect();
        if !mlperf.is_empty() {
            return published(&mlperf);
        }
        let others = self.of_accelerator(accelerator).filter(fits).filter(|e| e.origin == Origin::Published);
        published(&others.collect::<Vec<_>>())
    }
}

fn published(entries: &[&Entry]) -> Option<Published> {
    let first = entries.first()?;
    let mut speeds: Vec<f64> = entries.iter().filter_map(|e| e.tokens_per_second).collect();
    speeds.sort_by(f64::total_cmp);
    let (scenario, limits) = match &first.origin {
        Origin::MlPerf(m) => (Some(m.scenario), (m.ttft_p99, m.tpot_p99)),
        Origin::Published | Origin::Secondary => (None, (None, None)),
    };
    let name = |e: &&Entry| match &e.origin {
        Origin::MlPerf(m) => format!("MLPerf Inference {} {}", m.round, m.id),
        Origin::Published | Origin::Secondary => format!("{} ({})", e.dated.source, e.conditions),
    };
    Some(Published {
        tokens_per_second: Estimate {
            mid: quantile(&speeds, 0.5),
            interval: speeds.first().copied().zip(speeds.last().copied()),
        },
        scenario,
        limits,
        entries: entries.iter().map(name).collect(),
        dated: first.dated.clone(),
    })
}

/// The cells of one line, by the names of their columns.
struct Cells<'a> {
    file: &'static str,
    header: &'a csv::StringRecord,
    record: csv::StringRecord,
}

impl Cells<'_> {
    fn text(&self, column: &'static str) -> Result<&str, CatalogueError> {
        let place = self.header.iter().position(|name| name == column);
        place.and_then(|place| self.record.get(place)).ok_or_else(|| self.wrong(column, ""))
    }

    /// A number, or `None` for an empty cell.
    fn number(&self, column: &'static str) -> Result<Option<f64>, CatalogueError> {
        let text = self.text(column)?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| self.wrong(column, text))
    }

    /// Seconds, of a cell in milliseconds.
    fn seconds(&self, column: &'static str) -> Result<Option<f64>, CatalogueError> {
        Ok(self.number(column)?.map(|ms| ms / 1e3))
    }

    fn wrong(&self, column: &'static str, text: &str) -> CatalogueError {
        let line = self.record.position().map_or(0, csv::Position::line);
        CatalogueError { file: self.file, line, column, text: text.to_owned() }
    }
}

fn table<T>(
    file: &'static str,
    text: &str,
    mut row: impl FnMut(&Cells) -> Result<T, CatalogueError>,
) -> Result<Vec<T>, CatalogueError> {
    let broken = |e: &csv::Error| CatalogueError {
        file,
        line: e.position().map_or(1, csv::Position::line),
        column: "all",
        text: e.to_string(),
    };
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| broken(&e))?.clone();
    let rows = reader.records().map(|record| {
        let record = record.map_err(|e| broken(&e))?;
        row(&Cells { file, header: &header, record })
    });
    rows.collect()
}

fn day((year, month, day): (i32, u32, u32)) -> Timestamp {
    Timestamp::from_date(year, month, day).unwrap_or_default()
}

fn mlperf_entry(cells: &Cells) -> Result<Entry, CatalogueError> {
    let scenario = cells.text("scenario")?;
    let count = |column| cells.text(column)?.parse::<u32>().map_err(|_| cells.wrong(column, "no count"));
    let unit_is_tokens = cells.text("unit")? == "Tokens/s";
    let accelerators = count("n_accel")?;
    let id = cells.text("id")?;
    let round = cells.text("round")?;
    Ok(Entry {
        origin: Origin::MlPerf(MlPerf {
            round: round.to_owned(),
            id: id.to_owned(),
            submitter: cells.text("submitter")?.to_owned(),
            scenario: Scenario::from_name(scenario).ok_or_else(|| cells.wrong("scenario", scenario))?,
            closed: cells.text("division")? == "closed",
            available: cells.text("availability")? == "available",
            ttft_p99: cells.seconds("ttft_p99_ms")?,
            tpot_p99: cells.seconds("tpot_p99_ms")?,
            accelerators,
            system_watts: cells.number("system_watts")?,
        }),
        accelerator: cells.text("accelerator")?.to_owned(),
        system: cells.text("platform")?.to_owned(),
        model: cells.text("model")?.to_owned(),
        precision: cells.text("precision")?.to_owned(),
        tokens_per_second_of_system: cells.number("result")?.filter(|_| unit_is_tokens),
        tokens_per_second: cells.number("tokens_per_s_per_accel")?.filter(|_| unit_is_tokens),
        per_hour: None,
        per_million_output: None,
        conditions: format!("{scenario}, {accelerators} accelerators"),
        dated: Dated {
            source: format!("MLPerf Inference {round}, mlcommons/inference_results_v5.1@965182b0"),
            as_of: day(ROUND_PUBLISHED),
        },
    })
}

/// A single point. A source of `same` is that of the line before.
fn point_entry(cells: &Cells, source: &mut String) -> Result<Entry, CatalogueError> {
    let said = cells.text("source")?;
    if said != "same" {
        said.clone_into(source);
    }
    let plain = |column| Ok(cells.text(column)?.parse::<f64>().ok());
    let of_system = plain("output_tok_s_system")?;
    let per_hour: Option<Money> = cells.text("usd_per_hour")?.parse().ok();
    let parts = [("input", "isl"), ("output", "osl"), ("batch", "batch_or_conc"), ("", "latency")];
    let mut conditions: Vec<String> = vec![cells.text("system")?.to_owned()];
    for (name, column) in parts {
        let text = cells.text(column)?;
        if !text.is_empty() {
            conditions.push(format!("{name} {text}").trim_start().to_owned());
        }
    }
    let secondary = source.contains("secondary");
    Ok(Entry {
        origin: if secondary { Origin::Secondary } else { Origin::Published },
        accelerator: cells.text("accelerator")?.to_owned(),
        system: cells.text("system")?.to_owned(),
        model: cells.text("model")?.to_owned(),
        precision: cells.text("precision")?.to_owned(),
        tokens_per_second_of_system: of_system,
        tokens_per_second: plain("output_tok_s_per_chip")?,
        per_hour,
        per_million_output: per_hour
            .zip(of_system)
            .and_then(|(hour, speed)| super::estimate::dollars_per_million(hour, speed)),
        conditions: conditions.join(", "),
        dated: Dated { source: source.clone(), as_of: day(SOURCES_READ) },
    })
}

fn prefix_point(cells: &Cells) -> Result<PrefixPoint, CatalogueError> {
    let needed = |column| Ok(cells.seconds(column)?.unwrap_or(f64::NAN));
    Ok(PrefixPoint {
        system: cells.text("system")?.to_owned(),
        dataset: cells.text("dataset")?.to_owned(),
        prefix_hit: cells.text("prefix_hit")?.to_owned(),
        without: needed("ttft_p50_ms_without")?,
        with: needed("ttft_p50_ms_with")?,
    })
}
