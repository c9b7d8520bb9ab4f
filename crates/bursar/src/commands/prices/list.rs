//! `bursar prices list`: the prices that hold now.

use std::process::ExitCode;

use bursar_console::shown::grouped;
use bursar_core::{Meter, PriceRow, PriceView};
use bursar_prices::compare::Stated;
use bursar_prices::in_force::{InForce, RowKey, in_force};
use clap::Args;
use serde::Serialize;

use super::desk::Desk;
use super::row::{RowAnswer, counted, stated};
use crate::commands::context::{print_json, print_text};
use crate::commands::price::TierChoice;
use crate::commands::table::{number, render, text};

/// Which prices.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ListArgs {
    /// Only this provider
    #[arg(long)]
    provider: Option<String>,
    /// Only models whose names contain this; * stands for any characters, and the name then fits as a whole
    #[arg(long)]
    model: Option<String>,
    /// Only this service tier
    #[arg(long, value_name = "TIER")]
    tier: Option<TierChoice>,
    /// Only rows in dispute
    #[arg(long)]
    quarantined: bool,
    /// Published prices and overrides, without contracts
    #[arg(long)]
    list_prices: bool,
}

#[derive(Debug, Serialize)]
struct ListAnswer {
    price_version: String,
    rows: Vec<RowAnswer>,
}

/// Prints the prices that hold now.
pub(super) fn run(args: &ListArgs, desk: &Desk) -> anyhow::Result<ExitCode> {
    let book = desk.book()?;
    let view = if args.list_prices { PriceView::List } else { PriceView::Contracted };
    let mut rows = in_force(&book.list, &desk.reading(view));
    rows.retain(|key, row| fits(args, key, row));
    if desk.json {
        let rows = rows.values().map(|row| RowAnswer::from(*row)).collect();
        print_json(&ListAnswer { price_version: book.version.clone(), rows })?;
    } else {
        print_text(&list_text(&rows, &book.version))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn fits(args: &ListArgs, key: &RowKey, row: &PriceRow) -> bool {
    args.provider.as_ref().is_none_or(|p| *p == key.provider)
        && args.model.as_ref().is_none_or(|pattern| name_fits(pattern, &key.model))
        && args.tier.is_none_or(|tier| key.tier == tier.into())
        && (!args.quarantined || row.is_quarantined())
}

/// Whether a name contains a text, or fits a pattern as a whole where that has a `*`.
pub(super) fn name_fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase(), name.to_ascii_lowercase());
    let Some((start, rest)) = pattern.split_once('*') else { return name.contains(&pattern) };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
    }
    name.ends_with(end)
}

/// Meters with a column of their own; a column is for reading, `show` and `--json` have every meter.
const COLUMNS: [Meter; 4] = [Meter::Input, Meter::CacheRead, Meter::CacheWrite5m, Meter::Output];

fn list_text(rows: &InForce<'_>, version: &str) -> String {
    if rows.is_empty() {
        return "No price fits. bursar prices list without filters gives all of them.\n".to_owned();
    }
    let columns = [
        text("model"),
        text("tier"),
        number("above"),
        text("region"),
        text("kind"),
        number("input"),
        number("cache read"),
        number("cache write"),
        number("output"),
        text("further meters"),
    ];
    let table = render(&columns, rows.iter().map(|(key, row)| cells(key, row)).collect(), None);
    let quarantined = rows.values().filter(|row| row.is_quarantined()).count();
    let disputes = match quarantined {
        0 => String::new(),
        n => format!("! {} in dispute; bursar prices check says what each source says\n", counted(n, "row")),
    };
    format!(
        "{table}\n{} as they hold now, in US dollars per million tokens, of further meters without tokens each (price \
         list {version})\n{disputes}",
        counted(rows.len(), "row")
    )
}

fn cells(key: &RowKey, row: &PriceRow) -> Vec<String> {
    let price = |meter| match Stated::of(row, meter) {
        Stated::Nothing => String::new(),
        disputed @ Stated::Disputed(_) => format!("! {}", disputed.text(meter)),
        stated @ Stated::Price(_) => stated.text(meter),
    };
    let further = stated(row).into_iter().filter(|(meter, _)| !COLUMNS.contains(meter));
    let further = further.map(|(meter, s)| {
        let mark = if matches!(s, Stated::Disputed(_)) { "! " } else { "" };
        format!("{mark}{meter} {}", s.text(meter))
    });
    let mut cells = vec![
        format!("{}/{}", key.provider, key.model),
        key.tier.name().to_owned(),
        if key.context_above == 0 { String::new() } else { grouped(key.context_above) },
        key.region.clone().unwrap_or_default(),
        row.kind.name().to_owned(),
    ];
    cells.extend(COLUMNS.map(price));
    cells.push(further.collect::<Vec<_>>().join(", "));
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::prices::desk::tests::{OVERLAY, desk_with};

    fn listed(args: &ListArgs) -> String {
        let (desk, _folder) = desk_with(&[("acme.toml", OVERLAY)]);
        let book = desk.book().unwrap();
        let mut rows = in_force(&book.list, &desk.reading(PriceView::Contracted));
        rows.retain(|key, row| fits(args, key, row));
        list_text(&rows, "1f2e")
    }

    #[test]
    fn the_list_has_the_prices_that_hold_with_disputes_marked() {
        let args = ListArgs { provider: Some("acme".to_owned()), ..ListArgs::default() };
        insta::assert_snapshot!(listed(&args));
    }

    #[test]
    fn filters_narrow_the_list_down_to_nothing() {
        let mut args = ListArgs { provider: Some("acme".to_owned()), ..ListArgs::default() };
        args.quarantined = true;
        assert!(listed(&args).contains("\n1 row as they hold now"), "{}", listed(&args));
        args.model = Some("nothing-like-it".to_owned());
        assert!(listed(&args).starts_with("No price fits."));
    }

    #[test]
    fn a_name_fits_by_what_it_contains_or_by_a_pattern_as_a_whole() {
        for (pattern, fits) in
            [("mini", true), ("GPT", true), ("gpt-*", true), ("*mini", true), ("g*5*i", true), ("*", true)]
        {
            assert_eq!(name_fits(pattern, "gpt-5-mini"), fits, "{pattern}");
        }
        for pattern in ["nano", "gpt-5*nano", "mini*", "*gpt", "g*6*i"] {
            assert!(!name_fits(pattern, "gpt-5-mini"), "{pattern}");
        }
    }
}
