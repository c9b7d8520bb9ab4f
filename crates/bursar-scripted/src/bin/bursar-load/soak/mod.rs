//! `bursar-load soak`.

mod drive;
mod records;

use anyhow::{Context as _, bail};
use bursar_scripted::soak::{Verdict, compare};
use bursar_scripted::{Books, Totals};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::stage::{GatewayArgs, Stage};

/// What `bursar-load soak` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Calls in all.
    #[arg(long, default_value_t = 100_000)]
    calls: u64,
    /// How often the gateway is killed (SIGKILL) and started again, at equal distances.
    #[arg(long, default_value_t = 3)]
    kills: u64,
    /// Calls under way at once.
    #[arg(long, default_value_t = 64)]
    concurrency: usize,
    /// The seed of the mix.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Give up after so many seconds.
    #[arg(long, default_value_t = 900)]
    limit: u64,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    verdict: Verdict,
    provider: Totals,
    kills: u64,
    took_ms: u64,
}

/// Runs the soak, prints the comparison, and fails unless the two accounts agree.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut stage = Stage::set(&args.gateway, Books::keeping_entries())?;
    let Some(gateway) = stage.process.take() else {
        bail!("the soak kills and restarts its gateway, so it must start it itself");
    };
    let bar = progress_bar(args);
    let plan = drive::Plan {
        calls: args.calls,
        kills: args.kills,
        concurrency: args.concurrency,
        seed: args.seed,
        limit: std::time::Duration::from_secs(args.limit),
    };
    let begun = std::time::Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let driven = runtime.block_on(drive::drive(&plan, gateway, &bar))?;
    let took_ms = u64::try_from(begun.elapsed().as_millis())?;
    bar.set_message("the gateway ends");
    let mut gateway = driven.gateway;
    gateway.stop()?;
    bar.set_message("reading the records");
    let records = records::read(&gateway).context("read the gateway's records")?;
    let books = &stage.provider.books;
    let verdict = compare(&driven.outcomes, &books.entries(), &records);
    bar.finish_and_clear();
    let report = Report { verdict, provider: books.totals(), kills: driven.kills, took_ms };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print_text(&report);
    }
    if !report.verdict.agrees() {
        bail!("the provider's books and the gateway's records do not agree");
    }
    Ok(())
}

fn progress_bar(args: &Args) -> ProgressBar {
    if args.json {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(args.calls);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar
}

fn print_text(report: &Report) {
    let v = &report.verdict;
    println!("{} calls, {} records, {} kills, {} ms", v.calls, v.records, report.kills, report.took_ms);
    println!("complete in both accounts        {:>10}", v.complete_in_both);
    println!("  by the provider's books        {:>18} nano-dollars", v.provider_nanos);
    println!("  by the gateway's records       {:>18} nano-dollars", v.gateway_nanos);
    println!("lost                             {:>10}", v.lost);
    println!("duplicated                       {:>10}", v.duplicated);
    println!("disagreeing otherwise            {:>10}", v.disagreeing);
    println!("in flight at a kill, all marked  {:>10}", v.in_flight_at_a_kill);
    println!("  completed by the provider      {:>10}", v.in_flight_completed_by_provider);
    println!("  answered in full               {:>10}", v.in_flight_answered_in_full);
    println!("  with estimated quantities      {:>10}", v.in_flight_estimated);
    println!("left by the caller, marked       {:>10}", v.left_by_the_caller);
    println!("left by the caller, but complete {:>10}", v.left_but_complete);
    println!("refused attempts                 {:>10}", v.refused_attempts);
    println!("cut off by the provider          {:>10}", v.cut_off_by_the_provider);
    println!("never begun                      {:>10}", v.never_begun);
    for (way, count) in &v.as_the_caller_saw {
        println!("as the caller saw: {way:<20} {count:>4}");
    }
    for fault in &v.faults {
        println!("{}: {}\n    {}", fault.call, fault.what, fault.detail);
    }
}
