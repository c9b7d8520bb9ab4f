//! `bursar spend`: what was spent, by whom and on what.

use std::process::ExitCode;

use bursar_console::answer::{SpendAnswer, SpendMeasures};
use bursar_console::shown::{amount, grouped, percent};
use bursar_console::{params, query};
use bursar_core::Timestamp;
use bursar_store::{Reader, SpendQuery};
use clap::Args;

use super::context::{Context, print_json, print_text};
use super::filters::{self, FilterArgs, RangeArgs};
use super::table::{Column, number, render, text};

/// What to show.
#[derive(Clone, Debug, Args)]
pub(crate) struct SpendArgs {
    /// What to group by: tenant, team, app, workflow, environment, consumer, provider, model, key,
    /// hour, day
    #[arg(long, value_name = "NAMES", default_value = "team,model")]
    by: String,
    #[command(flatten)]
    range: RangeArgs,
    #[command(flatten)]
    filters: FilterArgs,
    /// Comma-separated values with exact amounts
    #[arg(long)]
    csv: bool,
}

/// Prints spend as a table, as CSV or as JSON.
pub(crate) fn run(args: &SpendArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let by = vec![("by".to_owned(), args.by.clone())];
    let given = filters::given(
        vec![by, args.range.pairs(), args.filters.pairs()],
        &[params::BY, params::RANGE, params::FILTERS],
    )?;
    let answer = query::spend(&context.reader()?, &given, context.now())?;
    if context.json {
        print_json(&answer)?;
    } else if args.csv {
        print_text(&csv(&answer)?)?;
    } else {
        print_text(&human(&answer))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Everything that was ever booked, in one line.
pub(crate) fn total(reader: &Reader) -> anyhow::Result<String> {
    let (since, until) = (Timestamp::from_micros(0), bursar_console::times::now());
    let rows = reader.spend(&SpendQuery { since, until, ..SpendQuery::default() })?;
    let groups = rows.into_iter().map(|r| (r.group, r.cell)).collect();
    let total = SpendAnswer::of((since, until), &[], groups).total;
    let bound = if total.priced { "" } else { "≥ " };
    Ok(format!(
        "{bound}${} for {} attempts ({} failed, {} unpriced, {} estimated)",
        total.contracted_cost,
        grouped(total.attempts),
        grouped(total.failed),
        grouped(total.unpriced),
        grouped(total.estimated)
    ))
}

/// The answer for a person.
fn human(answer: &SpendAnswer) -> String {
    let range = format!("{} to {} ({})", answer.since, answer.until, answer.zone);
    if answer.rows.is_empty() {
        return format!("No call was recorded from {range}.\nA longer range: --since 30d\n");
    }
    let headings: Vec<&'static str> = answer.by.iter().map(|n| heading(n)).collect();
    let mut columns: Vec<Column> = headings.into_iter().map(text).collect();
    columns.extend(
        [
            "spend",
            "share",
            "list cost",
            "attempts",
            "tokens in",
            "from cache",
            "tokens out",
            "unpriced",
            "estimated",
        ]
        .map(number),
    );
    let rows = answer.rows.iter().map(|row| {
        let names = answer.by.iter().map(|n| row.group[n].clone().unwrap_or_else(|| "(not said)".to_owned()));
        names.chain(cells(&row.measures, row.share.as_deref())).collect()
    });
    let mut total = vec![String::new(); answer.by.len()];
    if let Some(first) = total.first_mut() {
        "total".clone_into(first);
    }
    total.extend(cells(&answer.total, None));
    let table = render(&columns, rows.collect(), Some(total));
    format!("Spend from {range}, US dollars at contracted prices\n\n{table}{}", unpriced_note(&answer.total))
}

/// The column headings that `by` can have; the query has refused every other name.
fn heading(name: &str) -> &'static str {
    const NAMES: [&str; 11] = [
        "tenant",
        "team",
        "app",
        "workflow",
        "environment",
        "consumer",
        "provider",
        "model",
        "key",
        "hour",
        "day",
    ];
    NAMES.into_iter().find(|&n| n == name).unwrap_or("group")
}

fn cells(m: &SpendMeasures, share: Option<&str>) -> Vec<String> {
    let flag = if m.unpriced > 0 { "! " } else { "" };
    vec![
        amount(&m.contracted_cost, m),
        share.map_or(String::new(), percent),
        amount(&m.list_cost, m),
        grouped(m.attempts),
        grouped(m.tokens.input),
        grouped(m.tokens.cached),
        grouped(m.tokens.output),
        format!("{flag}{}", grouped(m.unpriced)),
        grouped(m.estimated),
    ]
}

fn unpriced_note(total: &SpendMeasures) -> String {
    if total.unpriced == 0 {
        return String::new();
    }
    format!(
        "\n! {} of {} attempts have no known price, so the amounts marked ≥ are lower bounds.\n  bursar doctor \
         says which models, and how to price them.\n",
        grouped(total.unpriced),
        grouped(total.attempts)
    )
}

/// The answer as comma-separated values; amounts are exact.
fn csv(answer: &SpendAnswer) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let measures = [
        "contracted_cost",
        "list_cost",
        "currency",
        "priced",
        "share",
        "attempts",
        "failed",
        "unpriced",
        "estimated",
        "tokens_input",
        "tokens_cached",
        "tokens_output",
    ];
    writer.write_record(answer.by.iter().map(String::as_str).chain(measures))?;
    for row in &answer.rows {
        let m = &row.measures;
        let names = answer.by.iter().map(|n| row.group[n].clone().unwrap_or_default());
        let values = [
            m.contracted_cost.clone(),
            m.list_cost.clone(),
            answer.currency.clone(),
            m.priced.to_string(),
            row.share.clone().unwrap_or_default(),
        ];
        let counts =
            [m.attempts, m.failed, m.unpriced, m.estimated, m.tokens.input, m.tokens.cached, m.tokens.output];
        writer.write_record(names.chain(values).chain(counts.map(|n| n.to_string())))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::rollup::Cell;
    use bursar_core::{Meter, Money};

    fn answer() -> SpendAnswer {
        let mut busy = Cell {
            records: 1_204,
            failed: 3,
            estimated: 2,
            list_cost: Money::from_nanos(14_000_000_000),
            contracted_cost: Money::from_nanos(12_345_678_901),
            ..Cell::default()
        };
        busy.units[Meter::Input as usize] = 1_000_000;
        busy.units[Meter::CacheRead as usize] = 250_000;
        busy.units[Meter::Output as usize] = 90_000;
        let odd = Cell { records: 2, unpriced: 1, contracted_cost: Money::from_nanos(40), ..Cell::default() };
        let day = |d| Timestamp::from_date(2026, 7, d).unwrap();
        let groups = vec![
            (vec![Some("support".to_owned()), Some("gpt-5".to_owned())], busy),
            (vec![None, Some("house-model".to_owned())], odd),
        ];
        SpendAnswer::of((day(1), day(8)), &["team", "model"], groups)
    }

    #[test]
    fn the_table_marks_what_has_no_price_and_says_its_range() {
        insta::assert_snapshot!(human(&answer()));
    }

    #[test]
    fn csv_has_the_exact_amounts() {
        insta::assert_snapshot!(csv(&answer()).unwrap());
    }

    #[test]
    fn an_empty_range_says_so_and_suggests_a_longer_one() {
        let none = SpendAnswer::of(Default::default(), &["team"], Vec::new());
        assert!(human(&none).contains("--since 30d"));
    }
}
