//! `bursar prices show`: every row of one model.

use std::fmt::Write as _;
use std::process::ExitCode;

use bursar_core::{PriceRow, PriceView};
use bursar_prices::compare::Stated;
use bursar_prices::in_force::RowKey;
use bursar_prices::{PriceBook, date};
use clap::Args;
use serde::Serialize;

use super::desk::{Desk, unknown_model};
use super::row::{RowAnswer, stated, unit, values_text};
use crate::commands::context::{print_json, print_text};
use crate::commands::table::plain;

/// Which model.
#[derive(Clone, Debug, Args)]
pub(crate) struct ShowArgs {
    /// The model, such as openai/gpt-5; without a provider, at every provider that has it
    #[arg(value_name = "MODEL")]
    model: String,
}

#[derive(Debug, Serialize)]
struct ShowAnswer {
    price_version: String,
    rows: Vec<ShownRow>,
}

#[derive(Debug, Serialize)]
struct ShownRow {
    /// Whether a call of exactly this kind is priced by the row now.
    in_force: bool,
    #[serde(flatten)]
    row: RowAnswer,
}

/// Prints every row of a model.
pub(super) fn run(args: &ShowArgs, desk: &Desk) -> anyhow::Result<ExitCode> {
    let book = desk.book()?;
    let rows = rows_of(&book, &args.model)?;
    if desk.json {
        let rows = rows.iter().map(|row| ShownRow { in_force: holds(&book, desk, row), row: (*row).into() });
        print_json(&ShowAnswer { price_version: book.version.clone(), rows: rows.collect() })?;
    } else {
        print_text(&rows.iter().map(|row| row_text(row, holds(&book, desk, row))).collect::<String>())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Rows of the model at the provider that its name begins with, else at every provider.
fn rows_of<'a>(book: &'a PriceBook, name: &'a str) -> anyhow::Result<Vec<&'a PriceRow>> {
    if let Some((provider, model)) = name.split_once('/') {
        let rows: Vec<&PriceRow> = book.list.rows_of(provider, model).collect();
        if !rows.is_empty() {
            return Ok(sorted(rows));
        }
    }
    let mut providers: Vec<&str> = book.list.rows().iter().map(|row| row.provider.as_str()).collect();
    providers.sort_unstable();
    providers.dedup();
    let rows: Vec<&PriceRow> = providers.iter().flat_map(|p| book.list.rows_of(p, name)).collect();
    let is_provider = |p: &str| providers.contains(&p);
    let split = name.split_once('/').filter(|(provider, _)| is_provider(provider));
    let (provider, model) = split.map_or((None, name), |(provider, model)| (Some(provider), model));
    if rows.is_empty() { Err(unknown_model(book, provider, model)) } else { Ok(sorted(rows)) }
}

/// By what they are about, the latest first.
fn sorted(mut rows: Vec<&PriceRow>) -> Vec<&PriceRow> {
    rows.sort_by_key(|row| (RowKey::of(row), std::cmp::Reverse((row.kind, row.recorded_at))));
    rows
}

fn holds(book: &PriceBook, desk: &Desk, row: &PriceRow) -> bool {
    let found = RowKey::of(row).find(&book.list, &desk.reading(PriceView::Contracted));
    found.is_some_and(|holding| std::ptr::eq(holding, row))
}

fn row_text(row: &PriceRow, holds: bool) -> String {
    let state = if holds { "holds now" } else { "does not hold now" };
    let mut out = format!("{}: {} price, {state}\n", RowKey::of(row), row.kind.name());
    for (meter, said) in stated(row) {
        let (text, unit) = (said.text(meter), unit(meter));
        let _ = match &said {
            Stated::Disputed(values) => {
                writeln!(out, "  ! {meter:<16} in quarantine: {}", plain(&values_text(meter, values)))
            }
            _ => writeln!(out, "    {meter:<16} ${text} {unit}"),
        };
    }
    if !row.aliases.is_empty() {
        let _ = writeln!(out, "  also called {}", plain(&row.aliases.join(", ")));
    }
    let as_of = if row.as_of.is_empty() { "an unknown date" } else { &row.as_of };
    let _ = writeln!(out, "  source {}, as of {}", plain(&row.source), plain(as_of));
    let from = row.effective_from.map_or(String::new(), |at| format!(", holds from {}", date::format(at)));
    let until = row.effective_to.map_or(String::new(), |at| format!(" until {}", date::format(at)));
    let _ = writeln!(out, "  entered the list {}{from}{until}\n", date::format(row.recorded_at));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::prices::desk::tests::{OVERLAY, desk_with};

    fn shown(model: &str) -> anyhow::Result<String> {
        let (desk, _folder) = desk_with(&[("acme.toml", OVERLAY)]);
        let book = desk.book()?;
        let rows = rows_of(&book, model)?;
        Ok(rows.iter().map(|row| row_text(row, holds(&book, &desk, row))).collect())
    }

    #[test]
    fn every_row_of_a_model_is_shown_with_its_source_and_both_values_in_dispute() {
        insta::assert_snapshot!(shown("acme/large").unwrap());
    }

    #[test]
    fn a_model_is_found_by_its_alias_and_without_its_provider() {
        assert!(shown("acme/large-2026-05-01").unwrap().starts_with("acme/large: list price, holds now"));
        assert!(shown("gpt-5").unwrap().contains("openai/gpt-5:"));
        assert!(shown("together/Qwen/Qwen3.7-Max").unwrap().contains("together/Qwen/Qwen3.7-Max:"));
    }

    #[test]
    fn an_unknown_model_says_which_ones_may_be_meant() {
        let told = shown("openai/gpt-5-minni").unwrap_err().to_string();
        assert!(told.contains("does not have the model openai/gpt-5-minni"), "{told}");
        assert!(told.contains("openai/gpt-5-mini"), "{told}");
        assert!(shown("zzz").unwrap_err().to_string().contains("bursar prices list"));
    }
}
