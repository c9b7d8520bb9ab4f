//! `bursar plan supply`: machines and their prices, with source and age.

use std::path::PathBuf;
use std::process::ExitCode;

use bursar_console::times;
use bursar_core::Timestamp;
use bursar_plan::supply::{Offer, STALE_AFTER_DAYS, Supply, SupplyRow, read_supply};
use clap::Args;
use serde::Serialize;

use crate::cli::GlobalArgs;
use crate::commands::context::{print_json, print_text};
use crate::commands::input_file;
use crate::commands::table::{number, render, text};

const DAY_MICROS: i64 = 86_400_000_000;
const LARGEST: u64 = 4 << 20;

/// Which machines.
#[derive(Clone, Debug, Args)]
pub(super) struct SupplyArgs {
    /// A supply.toml [default: the prices that come with Bursar]
    #[arg(long, value_name = "FILE")]
    supply: Option<PathBuf>,
    /// Only accelerators whose name has this in it
    #[arg(long, value_name = "TEXT")]
    accelerator: Option<String>,
    /// Only this supplier
    #[arg(long, value_name = "NAME")]
    supplier: Option<String>,
    /// Only prices that are older than 180 days
    #[arg(long)]
    stale: bool,
}

/// A price.
#[derive(Debug, Serialize)]
struct OfferAnswer {
    provider: String,
    node: String,
    region: Option<String>,
    accelerator: String,
    accelerators: u32,
    term: &'static str,
    usd_per_hour: String,
    as_of: String,
    days: i64,
    is_stale: bool,
    source: String,
}

/// Lists them.
pub(super) fn run(args: &SupplyArgs, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    let now = times::now();
    let supply = match &args.supply {
        Some(path) => read_supply(&path.display().to_string(), &input_file::read_text(path, LARGEST)?, now)?,
        None => Supply::defaults(),
    };
    let offers = offers(args, &supply, now);
    if global.json() {
        print_json(&offers)?;
    } else {
        print_text(&offers_text(&offers))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn offers(args: &SupplyArgs, supply: &Supply, now: Timestamp) -> Vec<OfferAnswer> {
    let wanted = |row: &&SupplyRow| {
        let has = |part: &String| row.node.accelerator.to_lowercase().contains(&part.to_lowercase());
        args.accelerator.as_ref().is_none_or(has)
            && args.supplier.as_ref().is_none_or(|s| s.eq_ignore_ascii_case(&row.node.provider))
    };
    let rows = supply.rows.iter().filter(wanted);
    let offers = rows.flat_map(|row| row.node.offers.iter().map(|offer| answer(row, offer, now)));
    offers.filter(|offer| !args.stale || offer.is_stale).collect()
}

fn answer(row: &SupplyRow, offer: &Offer, now: Timestamp) -> OfferAnswer {
    let days = now.micros().saturating_sub(offer.dated.as_of.micros()).div_euclid(DAY_MICROS);
    OfferAnswer {
        provider: row.node.provider.clone(),
        node: row.node.name.clone(),
        region: row.node.region.clone(),
        accelerator: row.node.accelerator.clone(),
        accelerators: row.node.accelerators,
        term: offer.term.name(),
        usd_per_hour: offer.per_hour.to_string(),
        as_of: times::text_of(offer.dated.as_of).chars().take(10).collect(),
        days,
        is_stale: days > STALE_AFTER_DAYS,
        source: offer.dated.source.clone(),
    }
}

fn offers_text(offers: &[OfferAnswer]) -> String {
    if offers.is_empty() {
        return "No price fits.\n".to_owned();
    }
    let columns = [
        text("supplier"),
        text("machine"),
        text("accelerators"),
        text("term"),
        number("$/h"),
        text("as of"),
        number("days"),
        text("source"),
    ];
    let row = |o: &OfferAnswer| {
        vec![
            o.provider.clone(),
            o.region.as_ref().map_or(o.node.clone(), |region| format!("{} ({region})", o.node)),
            format!("{} × {}", o.accelerators, o.accelerator),
            o.term.to_owned(),
            o.usd_per_hour.clone(),
            o.as_of.clone(),
            format!("{}{}", o.days, if o.is_stale { " stale" } else { "" }),
            o.source.clone(),
        ]
    };
    let stale = offers.iter().filter(|o| o.is_stale).count();
    let mut out = render(&columns, offers.iter().map(row).collect(), None);
    out.push_str(&format!("\n{} prices, {stale} of them older than {STALE_AFTER_DAYS} days\n", offers.len()));
    out
}
