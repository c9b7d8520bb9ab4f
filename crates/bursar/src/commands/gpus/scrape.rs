//! `bursar gpus scrape`: one reading of exporters or of saved expositions.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use bursar_console::answer::GpuGapAnswer;
use bursar_console::times;
use bursar_core::{Money, Timestamp};
use bursar_plan::gpu::dcgm::{DcgmReading, SLICES};
use bursar_plan::gpu::exposition::{Exposition, MOST_BYTES};
use bursar_plan::gpu::gap::{Gap, GapKind};
use bursar_plan::gpu::shares::divide_money;
use bursar_plan::gpu::state::{GpuState, Thresholds};
use bursar_plan::gpu::vllm::VllmReading;
use bursar_plan::gpu::watch::{Answers, Seen, SeenGpu, Watch};
use clap::Args;
use serde::Serialize;

use super::gaps_text;
use crate::commands::context::{print_json, print_text};
use crate::commands::input_file;
use crate::commands::table::{number, render, text};
use crate::compose::gpus::nvml;
use crate::compose::gpus::scraper::Scraper;
use crate::config::exporter_url;

/// Whom to ask, or what to read.
#[derive(Clone, Debug, Args)]
pub(super) struct ScrapeArgs {
    /// DCGM-exporter's metrics: a URL, or a file with a saved answer (- for standard input)
    #[arg(long, value_name = "FILE|URL")]
    dcgm: Vec<String>,
    /// A vLLM server's metrics: a URL, or a file with a saved answer
    #[arg(long, value_name = "FILE|URL")]
    vllm: Vec<String>,
    /// The GPUs of this machine, through NVIDIA's library
    #[arg(long)]
    nvml: bool,
    /// What the node costs an hour, in US dollars
    #[arg(long, value_name = "DOLLARS")]
    usd_per_hour: Option<Money>,
    /// How many GPUs the price is for [default: those that are reported]
    #[arg(long, value_name = "NUMBER")]
    accelerators: Option<u32>,
    /// The time an exporter has to answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    timeout: u64,
}

/// A model as an engine tells of it.
#[derive(Debug, Serialize)]
struct ModelRow {
    model: String,
    running: Option<u64>,
    waiting: Option<u64>,
    prompt_tokens: Option<u64>,
    cached_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

/// A GPU as it is at this moment. Without a price no dollars are told: unknown is not zero.
#[derive(Debug, Serialize)]
struct GpuRow {
    gpu: String,
    index: String,
    product: Option<String>,
    part: Option<String>,
    state: &'static str,
    per_hour: Option<String>,
    evidence: Vec<String>,
    pods: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ScrapeAnswer {
    at: String,
    accelerators: u32,
    per_hour: Option<String>,
    idle_per_hour: Option<String>,
    faulty_per_hour: Option<String>,
    unknown_per_hour: Option<String>,
    gpus: Vec<GpuRow>,
    models: Vec<ModelRow>,
    gaps: Vec<GpuGapAnswer>,
}

/// Reads once and says what it is.
pub(super) fn run(args: &ScrapeArgs, json: bool) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        !args.dcgm.is_empty() || !args.vllm.is_empty() || args.nvml,
        "say what to read: --dcgm FILE|URL, --vllm FILE|URL or --nvml"
    );
    let at = times::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let scraper = Scraper::new(Duration::from_secs(args.timeout.max(1)))?;
    let ask = |place: &String| runtime.block_on(text_of(place, &scraper));
    let mut dcgm: Vec<Result<DcgmReading, Gap>> = Vec::new();
    for place in &args.dcgm {
        dcgm.push(ask(place)?.map(|bytes| DcgmReading::of(&Exposition::read(&bytes), place, at)));
    }
    if args.nvml {
        dcgm.push(nvml::read().map_err(|why| Gap::new(GapKind::NoAnswer, "nvml", why)));
    }
    let mut vllm: Vec<Result<VllmReading, Gap>> = Vec::new();
    for place in &args.vllm {
        vllm.push(ask(place)?.map(|bytes| VllmReading::of(&Exposition::read(&bytes), place)));
    }
    let models = models_of(&vllm);
    let tells = |r: &Result<DcgmReading, Gap>| r.as_ref().is_ok_and(|r| !r.gpus.is_empty() && !r.is_partial);
    let serves = |r: &Result<VllmReading, Gap>| r.as_ref().is_ok_and(|r| !r.models.is_empty());
    let is_whole = dcgm.iter().all(tells) && vllm.iter().all(serves);
    let seen = read(args, dcgm, vllm, at);
    let answer = ScrapeAnswer { models, ..answer(args, &seen, at) };
    if json {
        print_json(&answer)?;
    } else {
        print_text(&answer_text(&answer))?;
    }
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The bytes of a file or of an exporter's answer. A file that cannot be read is an error, a silent exporter a gap.
async fn text_of(place: &str, scraper: &Scraper) -> anyhow::Result<Result<Vec<u8>, Gap>> {
    if !place.contains("://") {
        return input_file::read(Path::new(place), MOST_BYTES as u64).map(Ok);
    }
    let url = exporter_url(place).map_err(|why| anyhow::anyhow!("{place:?} {why}"))?;
    let answer = scraper.get(&url).await;
    Ok(answer.map(|bytes| bytes.to_vec()).map_err(|why| Gap::new(GapKind::NoAnswer, place, why)))
}

fn read(
    args: &ScrapeArgs,
    dcgm: Vec<Result<DcgmReading, Gap>>,
    vllm: Vec<Result<VllmReading, Gap>>,
    at: Timestamp,
) -> Seen {
    let gpus = dcgm.iter().flatten().flat_map(|r| &r.gpus).map(|g| &g.id.uuid);
    let found = gpus.collect::<std::collections::BTreeSet<_>>().len();
    let accelerators = args.accelerators.unwrap_or_else(|| u32::try_from(found).unwrap_or(u32::MAX));
    let answers = Answers { node: "this reading".to_owned(), accelerators, dcgm, vllm };
    Watch::new(Thresholds::default(), 0).take(at, vec![answers]).remove(0)
}

fn answer(args: &ScrapeArgs, seen: &Seen, at: Timestamp) -> ScrapeAnswer {
    let mut units: Vec<u128> = seen.gpus.iter().map(|g| u128::from(g.slices)).collect();
    let whole: u128 = units.iter().sum();
    let reported = u32::try_from(whole.div_ceil(u128::from(SLICES))).unwrap_or(u32::MAX);
    let accelerators = args.accelerators.unwrap_or(reported);
    units.push((u128::from(accelerators) * u128::from(SLICES)).saturating_sub(whole));
    let amounts = args.usd_per_hour.and_then(|price| divide_money(price, &units));
    let of = |wanted: &dyn Fn(Option<GpuState>) -> bool| {
        let states = seen.gpus.iter().map(|g| Some(g.state)).chain([None]);
        let sum =
            |amounts: &Vec<Money>| states.zip(amounts).filter(|(s, _)| wanted(*s)).map(|(_, m)| *m).sum();
        amounts.as_ref().map(sum).map(|m: Money| m.to_string())
    };
    let gpu = |(i, g): (usize, &SeenGpu)| GpuRow {
        gpu: g.gpu.clone(),
        index: g.index.clone(),
        product: g.product.clone(),
        part: (g.slices != SLICES).then(|| format!("{}/{SLICES}", g.slices)),
        state: g.state.name(),
        per_hour: amounts.as_ref().and_then(|a| a.get(i)).map(ToString::to_string),
        evidence: g.evidence.iter().map(ToString::to_string).collect(),
        pods: g.pods.clone(),
    };
    ScrapeAnswer {
        at: times::text_of(at),
        accelerators,
        per_hour: args.usd_per_hour.map(|m| m.to_string()),
        idle_per_hour: of(&|s| s.is_some_and(GpuState::is_idle)),
        faulty_per_hour: of(&|s| s == Some(GpuState::Faulty)),
        unknown_per_hour: of(&|s| s.is_none_or(|s| s == GpuState::Unknown)),
        gpus: seen.gpus.iter().enumerate().map(gpu).collect(),
        models: Vec::new(),
        gaps: seen.gaps.iter().map(GpuGapAnswer::from).collect(),
    }
}

fn answer_text(answer: &ScrapeAnswer) -> String {
    let unknown = || "-".to_owned();
    let row = |g: &GpuRow| {
        let part = g.part.as_ref().map_or_else(String::new, |p| format!(" ({p})"));
        vec![
            format!("{} {}{part}", g.index, g.gpu).trim_start().to_owned(),
            g.product.clone().unwrap_or_else(unknown),
            g.state.to_owned(),
            g.per_hour.clone().unwrap_or_else(unknown),
            g.pods.join(" "),
            g.evidence.join(", "),
        ]
    };
    let columns =
        [text("GPU"), text("product"), text("state"), number("$/h"), text("pods"), text("evidence")];
    let mut out = String::new();
    if !answer.gpus.is_empty() {
        out.push_str(&render(&columns, answer.gpus.iter().map(row).collect(), None));
    }
    match (&answer.idle_per_hour, &answer.faulty_per_hour, &answer.unknown_per_hour) {
        (Some(idle), Some(faulty), Some(unknown)) => {
            out.push_str(&format!("idle ${idle} an hour, faulty ${faulty}, unknown ${unknown}\n"));
        }
        _ if answer.per_hour.is_none() => {
            out.push_str("no price is given; --usd-per-hour says what the node costs\n");
        }
        _ => out.push_str("no GPU is reported that the price could be for\n"),
    }
    out + &models_text(&answer.models) + &gaps_text(&answer.gaps)
}

fn models_of(vllm: &[Result<VllmReading, Gap>]) -> Vec<ModelRow> {
    let models = vllm.iter().flatten().flat_map(|r| &r.models);
    let row = |m: &bursar_plan::gpu::vllm::ModelReading| ModelRow {
        model: m.model.clone(),
        running: m.running,
        waiting: m.waiting,
        prompt_tokens: m.counters.prompt,
        cached_tokens: m.counters.cached,
        output_tokens: m.counters.output,
    };
    models.map(row).collect()
}

fn models_text(models: &[ModelRow]) -> String {
    if models.is_empty() {
        return String::new();
    }
    let shown = |n: Option<u64>| n.map_or_else(|| "unknown".to_owned(), bursar_console::shown::grouped);
    let row = |m: &ModelRow| {
        let numbers = [m.running, m.waiting, m.prompt_tokens, m.cached_tokens, m.output_tokens];
        [m.model.clone()].into_iter().chain(numbers.map(shown)).collect()
    };
    let columns = [
        text("model"),
        number("running"),
        number("waiting"),
        number("tokens in"),
        number("of them cached"),
        number("tokens out"),
    ];
    format!("\n{}\n", render(&columns, models.iter().map(row).collect(), None).trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../bursar-plan/tests/expositions/");

    fn args(dcgm: &str, dollars: Option<&str>) -> ScrapeArgs {
        ScrapeArgs {
            dcgm: vec![format!("{PLAN}{dcgm}")],
            vllm: Vec::new(),
            nvml: false,
            usd_per_hour: dollars.map(|d| d.parse().unwrap()),
            accelerators: None,
            timeout: 1,
        }
    }

    fn shown(args: &ScrapeArgs) -> ScrapeAnswer {
        let at = Timestamp::from_seconds(1_790_000_000);
        let bytes = std::fs::read(&args.dcgm[0]).unwrap();
        let reading = DcgmReading::of(&Exposition::read(&bytes), "file", at);
        answer(args, &read(args, vec![Ok(reading)], Vec::new(), at), at)
    }

    #[test]
    fn a_saved_answer_is_read_with_its_dollars_an_hour_and_without_a_price_none_are_told() {
        let priced = shown(&args("dcgm_t4.prom", Some("0.526")));
        assert_eq!((priced.gpus[0].state, priced.idle_per_hour.as_deref()), ("unallocated", Some("0.526")));
        insta::assert_snapshot!(answer_text(&priced));
        let unpriced = shown(&args("dcgm_t4.prom", None));
        assert_eq!((&unpriced.gpus[0].per_hour, &unpriced.idle_per_hour), (&None, &None));
        assert!(answer_text(&unpriced).contains("no price is given"));
        let more = ScrapeArgs { accelerators: Some(4), ..args("dcgm_t4.prom", Some("4")) };
        assert_eq!(shown(&more).unknown_per_hour.as_deref(), Some("3.00"));
    }

    #[test]
    fn a_reading_of_nothing_of_a_missing_file_and_of_no_url_is_an_error_that_says_what_to_do() {
        let told = |args: &ScrapeArgs| run(args, true).unwrap_err().to_string();
        let nothing = ScrapeArgs { dcgm: Vec::new(), ..args("dcgm_t4.prom", None) };
        assert!(told(&nothing).contains("--dcgm FILE|URL"));
        assert!(told(&args("none.prom", None)).contains("cannot read"));
        let odd = ScrapeArgs { dcgm: vec!["ftp://x/metrics".to_owned()], ..nothing };
        assert!(told(&odd).contains("neither http:// nor https://"));
    }
}
