//! `bursar-load storm`.

mod accounts;
mod drive;
mod place;

use anyhow::{Context as _, bail, ensure};
use bursar_scripted::Books;
use bursar_scripted::storm::{Room, StormCall, Verdict, judge, planned, rooms, to_toml};
use serde::Serialize;

use crate::stage::{GatewayArgs, Stage};

/// What `bursar-load storm` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Calls in all.
    #[arg(long, default_value_t = 4_000)]
    calls: u64,
    /// Calls under way at once.
    #[arg(long, default_value_t = 1_000)]
    concurrency: usize,
    /// What every budget does when it is tight: clamp or refuse.
    #[arg(long, default_value = "clamp", value_parser = ["clamp", "refuse"])]
    mode: String,
    /// How often the gateway is killed (SIGKILL) and started again, at equal distances.
    #[arg(long, default_value_t = 0)]
    kills: u64,
    /// Seconds after which the budgets' period ends and a new one begins.
    #[arg(long, default_value_t = 8)]
    rollover_after: u64,
    /// The seed of the mix.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Give up after so many seconds.
    #[arg(long, default_value_t = 400)]
    limit: u64,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// What came of a storm.
#[derive(Debug, Serialize)]
struct Report {
    mode: String,
    calls: u64,
    kills: u64,
    /// Calls whose answer began.
    served: u64,
    /// Calls that were refused for a budget.
    refused: u64,
    /// Calls with any other end, by what the caller saw.
    otherwise: std::collections::BTreeMap<String, u64>,
    /// Calls whose output limit was lowered.
    limited: u64,
    /// Calls that began before the rollover and after it.
    by_period: [u64; 2],
    /// Calls that the provider's books have and the gateway's records do not: must be 0.
    lost: u64,
    /// Completed calls whose tokens differ in the two accounts: must be 0.
    disagreeing: u64,
    /// What is held when everything has ended, over all accounts: must be 0.
    held_left: i64,
    /// Calls with a hold when everything has ended: must be 0.
    open_holds: u64,
    took_ms: u64,
    verdict: Verdict,
}

/// Runs the storm, prints what came of it, and fails where a budget was overspent, a call of a clamping budget
/// refused although it fitted, or anything held or lost.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let calls: Vec<StormCall> = (0..args.calls).map(|number| planned(number, args.seed)).collect();
    let rooms = rooms(&calls);
    let rollover = place::Rollover::in_seconds(args.rollover_after)?;
    let longest_wait = if args.mode == "clamp" { "10m" } else { "0s" };
    let budgets = to_toml(&rooms, &args.mode, longest_wait, &rollover.zone);
    let mut stage = Stage::set_up(&args.gateway, Books::keeping_entries(), &budgets)?;
    let Some(mut gateway) = stage.process.take() else {
        bail!("the storm makes keys and budgets of its own, so it must start its gateway itself");
    };
    let keys = place::make_keys(&gateway)?;
    gateway.start()?;
    let begun = std::time::Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let limit = std::time::Duration::from_secs(args.limit);
    let plan = drive::Plan {
        calls,
        keys,
        concurrency: args.concurrency,
        kills: args.kills,
        rollover_micros: rollover.at_micros,
    };
    let driven = runtime.block_on(async {
        let driven = tokio::time::timeout(limit, drive::drive(plan, gateway)).await;
        driven.with_context(|| format!("the storm was not over after {} s", limit.as_secs()))?
    })?;
    let took_ms = u64::try_from(begun.elapsed().as_millis())?;
    let mut gateway = driven.gateway;
    let (held_left, open_holds) = runtime.block_on(place::held(&gateway, &rooms, args.kills > 0))?;
    gateway.stop()?;
    let records = accounts::records(&gateway)?;
    let entries = stage.provider.books.entries();
    let ledger = accounts::settle(&driven.calls, &records, &entries, rollover.at_micros);
    let refused = accounts::refused(&driven.calls, &driven.outcomes, rollover.at_micros);
    let report = Report {
        held_left,
        open_holds,
        took_ms,
        ..report(args, &rooms, &driven.outcomes, &ledger, &refused)
    };
    print(&report, args.json)?;
    check(&report)
}

fn report(
    args: &Args,
    rooms: &[Room],
    outcomes: &[drive::Outcome],
    ledger: &accounts::Ledger,
    refused: &[bursar_scripted::storm::Refused],
) -> Report {
    let mut otherwise = std::collections::BTreeMap::new();
    for outcome in outcomes {
        if let Some(what) = outcome.way.otherwise() {
            *otherwise.entry(what).or_default() += 1;
        }
    }
    Report {
        mode: args.mode.clone(),
        calls: args.calls,
        kills: args.kills,
        served: outcomes.iter().filter(|o| matches!(o.way, drive::Way::Served)).count() as u64,
        refused: refused.len() as u64,
        otherwise,
        limited: ledger.limited,
        by_period: [0, 1].map(|p| ledger.settled.iter().filter(|s| s.period == p).count() as u64),
        lost: ledger.lost,
        disagreeing: ledger.disagreeing,
        held_left: 0,
        open_holds: 0,
        took_ms: 0,
        verdict: judge(rooms, &ledger.settled, refused),
    }
}

fn print(report: &Report, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(report)?);
        return Ok(());
    }
    let v = &report.verdict;
    println!(
        "{} calls in {} ms, budgets that {}, {} kills",
        report.calls, report.took_ms, report.mode, report.kills
    );
    println!("served                                     {:>12}", report.served);
    println!("  with a lower output limit                {:>12}", report.limited);
    println!("refused for a budget                       {:>12}", report.refused);
    for (what, count) in &report.otherwise {
        println!("{what:<42} {count:>12}");
    }
    println!("begun before and after the rollover        {:>12?}", report.by_period);
    println!("shares of budgets with spend               {:>12}", v.shares);
    println!("  spent to more than nine tenths           {:>12}", v.nearly_spent);
    println!("overspent, by the gateway's records        {:>12}", v.overspent);
    println!("overspent, by the provider's books         {:>12}", v.overspent_by_books);
    println!("refused though the least fitted in the end {:>12}", v.refused_though_least_fitted);
    println!("refused though all of it fitted in the end {:>12}", v.refused_though_ceiling_fitted);
    println!("held when all had ended                    {:>12}", report.held_left);
    println!("calls with a hold when all had ended         {:>12}", report.open_holds);
    println!("in the books and not in the records        {:>12}", report.lost);
    println!("completed with other tokens than the books {:>12}", report.disagreeing);
    for share in &v.tightest {
        println!(
            "  {} in period {}: spent {} of {} (books {})",
            share.budget, share.period, share.spent, share.amount, share.book_spent
        );
    }
    Ok(())
}

fn check(report: &Report) -> anyhow::Result<()> {
    let v = &report.verdict;
    ensure!(v.overspent == 0, "budgets were overspent by {}", v.overspent);
    ensure!(report.open_holds == 0, "{} calls are held although everything has ended", report.open_holds);
    ensure!(report.held_left == 0, "{} is held although everything has ended", report.held_left);
    ensure!(report.lost == 0 && report.disagreeing == 0, "the two accounts do not agree");
    let is_false = report.mode == "clamp" && v.refused_though_least_fitted > 0;
    ensure!(!is_false, "{} calls were refused although they fitted", v.refused_though_least_fitted);
    Ok(())
}
