//! `bursar plan calibrate`: how much an engine carries, fitted from a load test or from a running vLLM.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use bursar_console::times;
use bursar_core::Timestamp;
use bursar_plan::gpu::exposition::{Exposition, MOST_BYTES};
use bursar_plan::report::calibrated_text;
use bursar_plan::supply::Dated;
use bursar_plan::throughput::{
    Calibration, Engine, EngineSample, Row, engine_samples, rates, read_measurements, read_rows, write_rows,
};
use clap::Args;

use super::files::FileProblems;
use crate::cli::GlobalArgs;
use crate::commands::context::{print_json, print_text};
use crate::commands::input_file;
use crate::compose::gpus::scraper::Scraper;
use crate::config::exporter_url;

const LARGEST: u64 = 16 << 20;
/// The time a server has to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was measured, and of what.
#[derive(Clone, Debug, Args)]
pub(super) struct CalibrateArgs {
    /// A load test's results: input_len, output_len, concurrency, output_tok_s, ttft_p99_ms, itl_median_ms, prefix_hit
    #[arg(long, value_name = "FILE", conflicts_with = "vllm")]
    measurements: Option<PathBuf>,
    /// A running vLLM: the URL of its metrics, or saved answers, one file each, taken when the file was last changed
    #[arg(long, value_name = "FILE|URL", required_unless_present = "measurements")]
    vllm: Vec<String>,
    /// How many times a running vLLM is asked
    #[arg(long, value_name = "NUMBER", default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    samples: u32,
    /// Seconds between two answers
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    every: u32,
    /// Which engine of a vLLM server with several, by its label
    #[arg(long, value_name = "LABEL")]
    engine: Option<String>,
    /// The model, as the server names it
    #[arg(long)]
    model: String,
    /// The accelerator, such as H100
    #[arg(long)]
    accelerator: String,
    /// How many accelerators one engine runs on
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    accelerators: u32,
    /// The precision of the weights, such as fp8
    #[arg(long)]
    precision: String,
    /// The software with its version, such as "vLLM 0.30.0"
    #[arg(long)]
    software: String,
    /// How the model is spread over the accelerators
    #[arg(long, default_value = "TP 1")]
    parallelism: String,
    /// Tokens of context that the engine keeps; vLLM writes it when it starts: "GPU KV cache size"
    #[arg(long, value_name = "TOKENS")]
    kv_tokens: Option<u64>,
    /// Where the measurements come from
    #[arg(long, default_value = "own measurement")]
    source: String,
    /// The day of the measurements [default: today]
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
    /// Add the calibration to a file, which bursar plan run --throughput reads; without this, nothing is written
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// Fits, shows, and writes when told.
pub(super) fn run(args: &CalibrateArgs, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    let now = times::now();
    let as_of = args.as_of.as_deref().map(|day| times::parse_time(day, now)).transpose()?.unwrap_or(now);
    let (calibration, notes) = match &args.measurements {
        Some(path) => (of_load_test(args, path)?, Vec::new()),
        None => of_vllm(args)?,
    };
    let engine = Engine {
        accelerator: args.accelerator.clone(),
        accelerators: args.accelerators,
        model: args.model.clone(),
        precision: args.precision.clone(),
        software: args.software.clone(),
        parallelism: args.parallelism.clone(),
    };
    let row = Row { engine, dated: Dated { source: args.source.clone(), as_of }, calibration };
    let written = args.write.as_ref().map(|path| write(path, &row)).transpose()?;
    if global.json() {
        let row: serde_json::Value = toml::from_str(&write_rows(std::slice::from_ref(&row))?)?;
        print_json(&serde_json::json!({ "written": args.write, "notes": notes, "row": row }))?;
    } else {
        print_text(&shown(args, &row, &notes, written))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(args: &CalibrateArgs, row: &Row, notes: &[String], written: Option<usize>) -> String {
    let mut out = calibrated_text(row);
    notes.iter().for_each(|note| out.push_str(&format!("Note: {note}\n")));
    out.push_str(&match (&args.write, written) {
        (Some(path), Some(count)) => {
            let path = path.display();
            format!(
                "Written to {path} ({count} calibrations); bursar plan run --throughput {path} uses it.\n"
            )
        }
        _ => "Nothing was written; --write FILE adds it to a file.\n".to_owned(),
    });
    out
}

fn of_load_test(args: &CalibrateArgs, path: &Path) -> anyhow::Result<Calibration> {
    let text = input_file::read_text(path, LARGEST)?;
    let measurements = read_measurements(&text).map_err(|errors| {
        let count = errors.len();
        let lines: Vec<String> = errors.iter().map(|e| format!("  {e}")).collect();
        let plural = if count == 1 { "" } else { "s" };
        FileProblems(vec![format!("{count} problem{plural} in {}\n{}", path.display(), lines.join("\n"))])
    })?;
    Ok(Calibration::of(&measurements, args.kv_tokens)?)
}

type Samples = BTreeMap<String, Vec<EngineSample>>;

fn of_vllm(args: &CalibrateArgs) -> anyhow::Result<(Calibration, Vec<String>)> {
    let mut samples = Samples::new();
    let mut notes = Vec::new();
    let urls: Vec<&String> = args.vllm.iter().filter(|place| place.contains("://")).collect();
    match urls.as_slice() {
        [] => {
            args.vllm.iter().try_for_each(|file| saved(args, Path::new(file), &mut samples))?;
            notes.push("each sample is taken to be of the moment when its file was last changed".to_owned());
        }
        [url] if args.vllm.len() == 1 => asked(args, url, &mut samples)?,
        _ => anyhow::bail!("name one URL, or files: samples of several servers are not one engine's"),
    }
    let samples = chosen(args, samples)?;
    let live = rates(&samples, args.every.min(10));
    notes.extend(live.gaps.iter().map(|gap| {
        format!("{} to {} is left out: {}", times::text_of(gap.from), times::text_of(gap.to), gap.why)
    }));
    if live.cache_unknown {
        notes.push("the prefix cache was not counted: all input is taken as computed".to_owned());
    }
    Ok((Calibration::of_live(&live, args.kv_tokens)?, notes))
}

/// The samples of the engine that was asked for, or of the only one.
fn chosen(args: &CalibrateArgs, mut samples: Samples) -> anyhow::Result<Vec<EngineSample>> {
    let labels = samples.keys().map(|label| format!("{label:?}")).collect::<Vec<_>>().join(", ");
    let mut one = match &args.engine {
        Some(label) => samples
            .remove(label)
            .with_context(|| format!("there is no engine {label:?}; there are {labels}"))?,
        None => {
            anyhow::ensure!(
                samples.len() == 1,
                "the server has several engines; say which with --engine: {labels}"
            );
            samples.into_values().next().unwrap_or_default()
        }
    };
    one.sort_by_key(|sample| sample.at);
    Ok(one)
}

fn saved(args: &CalibrateArgs, path: &Path, samples: &mut Samples) -> anyhow::Result<()> {
    let bytes = input_file::read(path, MOST_BYTES as u64)?;
    let changed = std::fs::metadata(path).and_then(|m| m.modified());
    let changed = changed.with_context(|| format!("cannot tell when {} was taken", path.display()))?;
    let since = changed.duration_since(std::time::UNIX_EPOCH).context("a file from before 1970")?;
    let at = Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
    add(args, &bytes, at, samples).with_context(|| path.display().to_string())
}

fn asked(args: &CalibrateArgs, place: &str, samples: &mut Samples) -> anyhow::Result<()> {
    let url = exporter_url(place).map_err(|why| anyhow::anyhow!("{place:?} {why}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let scraper = Scraper::new(PATIENCE)?;
    for count in 0..args.samples {
        if count > 0 {
            std::thread::sleep(Duration::from_secs(u64::from(args.every)));
        }
        let bytes = runtime.block_on(scraper.get(&url)).map_err(|why| anyhow::anyhow!("{place}: {why}"))?;
        add(args, &bytes, times::now(), samples)?;
    }
    Ok(())
}

fn add(args: &CalibrateArgs, bytes: &[u8], at: Timestamp, samples: &mut Samples) -> anyhow::Result<()> {
    for (engine, sample) in engine_samples(&Exposition::read(bytes), &args.model, at)? {
        samples.entry(engine).or_default().push(sample);
    }
    Ok(())
}

/// Adds a calibration to a file, in place of one for the same engine; returns how many the file then has. The file is
/// written in one step.
fn write(path: &Path, row: &Row) -> anyhow::Result<usize> {
    let cannot = || format!("{} cannot be written", path.display());
    let mut rows =
        if path.exists() { read_rows(&input_file::read_text(path, LARGEST)?)? } else { Vec::new() };
    rows.retain(|known| known.engine != row.engine);
    rows.push(row.clone());
    let text = write_rows(&rows)?;
    read_rows(&text).context("the calibration would not be read again as it is")?;
    let unfinished = path.with_extension("new");
    let mut file = std::fs::File::create(&unfinished).with_context(cannot)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(cannot)?;
    std::fs::rename(&unfinished, path).with_context(cannot)?;
    Ok(rows.len())
}
