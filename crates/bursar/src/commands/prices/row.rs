//! A price row for readers: its JSON, and its prices in words.

use std::collections::BTreeMap;

use bursar_console::answer::PriceRowAnswer;
use bursar_console::shown::grouped;
use bursar_core::{Meter, PriceRow};
use bursar_prices::compare::{Stated, Values};
use bursar_prices::file::price_text;
use bursar_prices::source_text::lists_part;
use serde::Serialize;

/// A row with its prices: dollars per million tokens, and per unit for meters that count no tokens.
#[derive(Debug, Serialize)]
pub(super) struct RowAnswer {
    #[serde(flatten)]
    row: PriceRowAnswer,
    aliases: Vec<String>,
    prices: BTreeMap<&'static str, String>,
    conflicts: Vec<ConflictAnswer>,
}

/// What another source says.
#[derive(Debug, Serialize)]
struct ConflictAnswer {
    meter: &'static str,
    source: String,
    price: Option<String>,
}

impl From<&PriceRow> for RowAnswer {
    fn from(row: &PriceRow) -> RowAnswer {
        let prices = row.prices.iter().map(|(meter, price)| (meter.name(), price_text(meter, price)));
        let conflicts = row.conflicts.iter().map(|c| ConflictAnswer {
            meter: c.meter.name(),
            source: c.source.clone(),
            price: c.price.map(|price| price_text(c.meter, price)),
        });
        RowAnswer {
            row: PriceRowAnswer::from(row),
            aliases: row.aliases.clone(),
            prices: prices.collect(),
            conflicts: conflicts.collect(),
        }
    }
}

/// Meters that a row says anything about, in the order of statements.
pub(super) fn stated(row: &PriceRow) -> Vec<(Meter, Stated)> {
    let said = |&meter: &Meter| match Stated::of(row, meter) {
        Stated::Nothing => None,
        stated => Some((meter, stated)),
    };
    Meter::ALL.iter().filter_map(said).collect()
}

/// What the price of a meter is for.
pub(super) fn unit(meter: Meter) -> &'static str {
    if meter.is_tokens() { "per million tokens" } else { "each" }
}

/// Each source with its price: `litellm 1.109.1 says $2.50, models.dev says $3.00`.
pub(super) fn values_text(meter: Meter, values: &Values) -> String {
    let said = |(source, price): &(String, Option<_>)| {
        let price = price.map_or("nothing".to_owned(), |p| format!("${}", price_text(meter, p)));
        format!("{} says {price}", lists_part(source))
    };
    values.iter().map(said).collect::<Vec<_>>().join(", ")
}

/// `1 row`, `2 rows`.
pub(super) fn counted(number: usize, thing: &str) -> String {
    format!("{} {thing}{}", grouped(number as u64), if number == 1 { "" } else { "s" })
}
