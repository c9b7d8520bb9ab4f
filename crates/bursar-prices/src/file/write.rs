//! Writing a price file: the same rows always give the same text.

use std::fmt::Write as _;

use bursar_core::{Meter, PriceKind, PriceRow, ServiceTier, Timestamp, UnitPrice};

use crate::date;

/// The text of a file with these rows, which are all of one provider. `comment` stands at its top.
#[must_use]
pub fn write(provider: &str, recorded_at: Timestamp, comment: &str, rows: &[PriceRow]) -> String {
    let mut text = opening(provider, recorded_at, comment);
    for row in rows {
        write_row(&mut text, row, recorded_at);
    }
    text
}

/// What stands in front of a file's tables.
pub(super) fn opening(provider: &str, recorded_at: Timestamp, comment: &str) -> String {
    let mut text = String::new();
    for line in comment.lines() {
        let _ = writeln!(text, "{}", format!("# {line}").trim_end());
    }
    let _ = writeln!(text, "format = 1\nprovider = {}", quoted(provider));
    let _ = writeln!(text, "recorded_at = {}", quoted(&date::format(recorded_at)));
    text
}

fn write_row(text: &mut String, row: &PriceRow, recorded_at: Timestamp) {
    let mut field = |name: &str, value: String| {
        let _ = writeln!(text, "{name} = {value}");
    };
    field("\n[[row]]\nmodel", quoted(&row.model));
    if !row.aliases.is_empty() {
        let names: Vec<String> = row.aliases.iter().map(|a| quoted(a)).collect();
        field("aliases", format!("[{}]", names.join(", ")));
    }
    if let Some(region) = &row.region {
        field("region", quoted(region));
    }
    if row.tier != ServiceTier::Standard {
        field("tier", quoted(row.tier.name()));
    }
    if row.context_above > 0 {
        field("context_above", row.context_above.to_string());
    }
    if row.kind != PriceKind::List {
        field("kind", quoted(row.kind.name()));
    }
    for (name, moment) in [("effective_from", row.effective_from), ("effective_to", row.effective_to)] {
        if let Some(moment) = moment {
            field(name, quoted(&date::format(moment)));
        }
    }
    if row.recorded_at != recorded_at {
        field("recorded_at", quoted(&date::format(row.recorded_at)));
    }
    field("source", quoted(&row.source));
    if !row.as_of.is_empty() {
        field("as_of", quoted(&row.as_of));
    }
    for (meter, price) in row.prices.iter() {
        field(&format!("price.{meter}"), quoted(&price_text(meter, price)));
    }
    for conflict in &row.conflicts {
        field("[[row.conflict]]\nmeter", quoted(conflict.meter.name()));
        if let Some(price) = conflict.price {
            field("price", quoted(&price_text(conflict.meter, price)));
        }
        field("source", quoted(&conflict.source));
    }
}

/// A price as files and tables write it: dollars per million for tokens, per unit for everything else.
#[must_use]
pub fn price_text(meter: Meter, price: UnitPrice) -> String {
    if meter.is_tokens() {
        return price.to_string();
    }
    let nanos = price.nanos_per_million();
    let (whole, fraction) = (nanos / 1_000_000_000_000_000, nanos % 1_000_000_000_000_000);
    let mut decimals = format!("{fraction:015}");
    while decimals.len() > 2 && decimals.ends_with('0') {
        decimals.pop();
    }
    format!("{whole}.{decimals}")
}

pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
