//! An amount, derived line by line: the table and the sentences that `bursar requests show` and `bursar price` share.

use bursar_console::answer::PricedAnswer;
use bursar_console::shown::grouped;

use super::table::{number, render, text};

/// An amount in dollars, or that it has none.
pub(super) fn money(amount: Option<&str>) -> String {
    amount.map_or_else(|| "unpriced".to_owned(), |a| format!("${a}"))
}

/// A line per meter, with the total under them.
pub(super) fn table(priced: &PricedAnswer) -> String {
    if priced.lines.is_empty() {
        return format!("nothing is metered; total {}\n", money(priced.total.as_deref()));
    }
    let columns = [
        text("meter"),
        number("units"),
        text("known by"),
        number("$ per million"),
        number("amount"),
        text("remark"),
    ];
    let rows = priced.lines.iter().map(|line| {
        let other = line.priced_as.as_ref().filter(|&m| *m != line.meter);
        let remark = other.map(|m| format!("at the price of {m}")).or_else(|| line.unpriced_because.clone());
        vec![
            line.meter.clone(),
            grouped(line.units),
            line.provenance.clone(),
            line.unit_price.clone().unwrap_or_else(|| "unknown".to_owned()),
            line.amount.clone().unwrap_or_else(|| "unknown".to_owned()),
            remark.unwrap_or_default(),
        ]
    });
    let total = ["total", "", "", "", priced.total.as_deref().unwrap_or("unknown"), ""].map(str::to_owned);
    render(&columns, rows.collect(), Some(total.to_vec()))
}

/// The sentences that say more than the table: how the price was looked up, and why a line of the row has none.
pub(super) fn sentences(priced: &PricedAnswer) -> impl Iterator<Item = &String> {
    let (first, rest) = priced.explanation.split_at(priced.explanation.len().min(1));
    let lines = rest.iter().zip(&priced.lines).filter(|_| priced.row.is_some());
    let unpriced = lines.filter(|(_, line)| line.unpriced_because.is_some());
    first.iter().chain(unpriced.map(|(sentence, _)| sentence))
}
