//! `bursar-load bench`.

use std::time::Duration;

use anyhow::bail;
use bursar_scripted::Books;
use bursar_scripted::load::{
    ClosedLoop, ClosedLoopReport, Interleave, OpenLoop, OpenLoopReport, Quantiles, Resident, ResidentWatch,
};
use bursar_scripted::sample_call::{Kind, SampleCall};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::stage::{GatewayArgs, Stage};

/// What `bursar-load bench` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Calls per second on each way.
    #[arg(long, default_value_t = 2000)]
    rate: u32,
    /// How long to measure at that rate.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How long to run before measuring.
    #[arg(long, default_value_t = 3)]
    warm_up: u64,
    /// How the ways take turns: in slices of so many milliseconds, or 0 for call by call.
    #[arg(long, default_value_t = 250)]
    slice_ms: u64,
    /// Client threads.
    #[arg(long, default_value_t = 15)]
    workers: usize,
    /// Stream the answers.
    #[arg(long)]
    stream: bool,
    /// Tokens in each answer.
    #[arg(long, default_value_t = 24)]
    output_tokens: u64,
    /// Afterwards, so many callers without pauses for five seconds; 0 leaves it out.
    #[arg(long, default_value_t = 8)]
    callers: usize,
    /// Fail where the gateway adds more than this to the median, in microseconds.
    #[arg(long)]
    max_added_p50_us: Option<i64>,
    /// Fail where the gateway adds more than this to the 99th percentile, in microseconds.
    #[arg(long)]
    max_added_p99_us: Option<i64>,
    /// Fail where the gateway's resident memory was above this, in mebibytes.
    #[arg(long)]
    max_resident_mib: Option<u64>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    constant_rate: OpenLoopReport,
    busy_callers: Option<ClosedLoopReport>,
    gateway_resident: Option<Resident>,
}

/// Measures, prints, and fails where a limit was passed.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let stage = Stage::set(&args.gateway, Books::totals_only())?;
    let (direct, gateway) = (stage.provider.address, stage.gateway);
    let watch = stage.gateway_pid().map(ResidentWatch::begin);
    let progress =
        spinner(args.json, &format!("{} calls/s for {} s", args.rate, args.seconds + args.warm_up));
    let interleave = match args.slice_ms {
        0 => Interleave::Calls,
        ms => Interleave::Slices(Duration::from_millis(ms)),
    };
    let constant_rate = OpenLoop {
        direct,
        gateway,
        rate: args.rate,
        duration: Duration::from_secs(args.seconds),
        warm_up: Duration::from_secs(args.warm_up),
        workers: args.workers,
        interleave,
        call: call(args),
        key: args.gateway.key.clone(),
    }
    .run()?;
    progress.set_message("busy callers");
    let busy = ClosedLoop {
        direct,
        gateway,
        callers: args.callers,
        duration: Duration::from_secs(5),
        slice: Duration::from_millis(250),
        call: call(args),
        key: args.gateway.key.clone(),
    };
    let busy_callers = if args.callers == 0 { None } else { Some(busy.run()?) };
    progress.finish_and_clear();
    let report = Report { constant_rate, busy_callers, gateway_resident: watch.map(ResidentWatch::end) };
    stage.end()?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print_table(&report);
    }
    check(args, &report)
}

fn call(args: &Args) -> SampleCall {
    SampleCall {
        kind: Kind::OpenAiChat,
        model: "gpt-4o-mini",
        stream: args.stream,
        prompt_words: 40,
        max_tokens: None,
        seed: 1,
        script: format!("output-tokens={}", args.output_tokens),
        headers: vec![("x-bursar-team", "bench".to_owned())],
    }
}

/// Shows that work goes on; nothing where the output is for a machine.
pub(crate) fn spinner(quiet: bool, message: &str) -> ProgressBar {
    let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    bar.set_message(message.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn print_table(report: &Report) {
    let line = |name: &str, q: &Quantiles| {
        println!("{name:<28} {:>9} {:>8} {:>8} {:>8} {:>9}", q.calls, q.p50_us, q.p90_us, q.p99_us, q.max_us);
    };
    println!("{:<28} {:>9} {:>8} {:>8} {:>8} {:>9}   (µs)", "", "calls", "p50", "p90", "p99", "max");
    let rate = &report.constant_rate;
    println!("constant rate, {} calls/s on each way, from the moment a call was due:", rate.rate);
    line("  straight to the provider", &rate.direct);
    line("  through the gateway", &rate.gateway);
    let a = rate.added;
    println!("{:<28} {:>9} {:>8} {:>8} {:>8} {:>9}", "  added", "", a.p50_us, a.p90_us, a.p99_us, a.max_us);
    line("  of it: sent late", &rate.sent_late);
    if let Some(busy) = &report.busy_callers {
        println!("{} busy callers, from the moment a call was sent:", busy.callers);
        line("  straight to the provider", &busy.direct);
        line("  through the gateway", &busy.gateway);
        println!("  calls/s: {} straight, {} through", busy.direct_per_second, busy.gateway_per_second);
    }
    if let Some(resident) = report.gateway_resident {
        println!("gateway's resident memory: at most {} KiB", resident.peak_kib);
    }
}

fn check(args: &Args, report: &Report) -> anyhow::Result<()> {
    let added = report.constant_rate.added;
    if args.max_added_p50_us.is_some_and(|most| added.p50_us > most) {
        bail!("the gateway adds {} µs to the median", added.p50_us);
    }
    if args.max_added_p99_us.is_some_and(|most| added.p99_us > most) {
        bail!("the gateway adds {} µs to the 99th percentile", added.p99_us);
    }
    let peak = report.gateway_resident.map_or(0, |r| r.peak_kib);
    if args.max_resident_mib.is_some_and(|most| peak > most * 1024) {
        bail!("the gateway's resident memory was {peak} KiB");
    }
    Ok(())
}
