//! What a call costs and why.

use bursar_core::price_list::NoRow;
use bursar_core::{
    LineBasis, MeteredUsage, Money, PriceConflict, PriceList, PriceQuery, PriceRow, PriceView, PricedLine,
    PricedUsage, Rounding, ServiceTier, Timestamp, Unpriced, UsageException, price_usage,
};

use crate::book::PriceBook;
use crate::file::price_text;
use crate::source_text::without;

/// What a price is looked up by, beside what the response said.
#[derive(Clone, Copy, Debug)]
pub struct CallFacts<'a> {
    /// The provider's name in the price list.
    pub provider: &'a str,
    /// The region that served, where it is known.
    pub region: Option<&'a str>,
    /// The model that was asked for.
    pub requested_model: Option<&'a str>,
    /// When the call was made.
    pub at: Timestamp,
    /// Rows recorded later do not count.
    pub known_at: Timestamp,
    /// The tier that was asked for; it holds where the response names none.
    pub requested_tier: Option<ServiceTier>,
}

/// A priced call with its reasons.
#[derive(Clone, Debug)]
pub struct PricedCall<'a> {
    /// The cost; `None` where any part of it is unknown.
    pub total: Option<Money>,
    /// The row and the lines.
    pub priced: PricedUsage<'a>,
    /// The same in sentences: the name and tier that were looked up, a sentence per line, and what is missing.
    pub explanation: Vec<String>,
}

/// The cost alone, for the request path.
#[must_use]
pub fn cost_of_call(
    book: &PriceBook,
    facts: &CallFacts<'_>,
    usage: &MeteredUsage,
    view: PriceView,
    rounding: Rounding,
) -> Option<Money> {
    let query = query_of(book, facts, usage, view).0;
    let priced = price_usage(&book.list, &query, &usage.quantities, rounding);
    if hides(usage) { None } else { priced.total }
}

/// The cost of a call, line by line, and why.
#[must_use]
pub fn price_call<'a>(
    book: &'a PriceBook,
    facts: &CallFacts<'_>,
    usage: &MeteredUsage,
    view: PriceView,
    rounding: Rounding,
) -> PricedCall<'a> {
    let (query, how) = query_of(book, facts, usage, view);
    let priced = price_usage(&book.list, &query, &usage.quantities, rounding);
    let total = if hides(usage) { None } else { priced.total };
    let mut explanation = vec![opening(&query, how, usage, &priced)];
    explanation.extend(priced.lines.iter().map(|line| line_sentence(line, priced.row)));
    explanation.extend(usage.exceptions.iter().map(exception_sentence));
    explanation.push(match total {
        Some(total) => format!("Total ${total}."),
        None => format!("No total: part of it is unknown. What is known adds up to ${}.", priced.priced_part),
    });
    PricedCall { total, priced, explanation }
}

fn hides(usage: &MeteredUsage) -> bool {
    usage.exceptions.iter().any(UsageException::hides_quantities)
}

/// By which name the price was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NamedBy {
    Served,
    /// The list does not have the served name, which is a dated snapshot of the name that was asked for.
    Requested,
    Nothing,
}

fn query_of<'q>(
    book: &PriceBook,
    facts: &CallFacts<'q>,
    usage: &'q MeteredUsage,
    view: PriceView,
) -> (PriceQuery<'q>, NamedBy) {
    let served = usage.model.as_deref();
    let mut query = PriceQuery {
        provider: facts.provider,
        model: served.or(facts.requested_model).unwrap_or_default(),
        region: facts.region,
        tier: usage.tier.or(facts.requested_tier).unwrap_or_default(),
        context_tokens: usage.quantities.context_tokens(),
        at: facts.at,
        known_at: facts.known_at,
        view,
    };
    let how = match (served, facts.requested_model) {
        (None, None) => NamedBy::Nothing,
        (None, Some(_)) => NamedBy::Requested,
        (Some(served), Some(requested))
            if is_snapshot_of(served, requested) && is_unknown(&book.list, &query) =>
        {
            query.model = requested;
            NamedBy::Requested
        }
        (Some(_), _) => NamedBy::Served,
    };
    (query, how)
}

fn is_unknown(list: &PriceList, query: &PriceQuery<'_>) -> bool {
    matches!(list.find(query), Err(NoRow::Model))
}

/// Whether the served name is the requested one with a date or version behind it, as providers resolve aliases:
/// `gpt-4o` → `gpt-4o-2024-08-06`, `claude-opus-4-1` → `claude-opus-4-1-20250805`, `gemini-2.0-flash` →
/// `gemini-2.0-flash-001`.
pub(crate) fn is_snapshot_of(served: &str, requested: &str) -> bool {
    let Some(suffix) = served.strip_prefix(requested).and_then(|s| s.strip_prefix(['-', '@'])) else {
        return false;
    };
    suffix.len() >= 3 && suffix.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

fn opening(query: &PriceQuery<'_>, how: NamedBy, usage: &MeteredUsage, priced: &PricedUsage<'_>) -> String {
    let name = match how {
        NamedBy::Served => format!("{:?}, the model that served", query.model),
        NamedBy::Requested => match &usage.model {
            Some(served) => format!("{:?}, of which {served:?} is a dated snapshot", query.model),
            None => format!("{:?}, the model that was asked for", query.model),
        },
        NamedBy::Nothing => "no model: neither request nor response names one".to_owned(),
    };
    let found = match (&priced.row, priced.lines.first().map(|l| l.basis)) {
        (Some(row), _) => row_sentence(row),
        (None, Some(Err(Unpriced::NoRow(why)))) => no_row_sentence(why).to_owned(),
        (None, _) => "there is nothing to price".to_owned(),
    };
    format!("Price of {name} at {} in tier {}: {found}.", query.provider, query.tier)
}

fn row_sentence(row: &PriceRow) -> String {
    let band = match row.context_above {
        0 => String::new(),
        above => format!(", above {} tokens of context", grouped(above)),
    };
    let region = row.region.as_ref().map_or(String::new(), |r| format!(", region {r}"));
    let quarantine = if row.is_quarantined() { "; in quarantine, its sources disagree" } else { "" };
    format!(
        "row {}/{} ({} {}{band}{region}; source {}, as of {}{quarantine})",
        row.provider,
        row.model,
        row.kind.name(),
        row.tier,
        row.source,
        if row.as_of.is_empty() { "an unknown date" } else { &row.as_of },
    )
}

/// Why there is no row, for a reader.
#[must_use]
pub fn no_row_sentence(why: NoRow) -> &'static str {
    match why {
        NoRow::Provider => "unknown, the price list has nothing of this provider",
        NoRow::Model => "unknown, the price list does not have this model",
        NoRow::Tier => "unknown, the price list does not have this model in this tier",
        NoRow::Validity => "unknown, no row of this model holds for this time, region and context",
    }
}

fn line_sentence(line: &PricedLine, row: Option<&PriceRow>) -> String {
    let what = format!("{} {} ({})", grouped(line.units), line.meter, line.provenance.name());
    match line.basis {
        Ok(LineBasis { priced_as, unit_price, amount }) => {
            let per = if priced_as.is_tokens() { " per million" } else { " each" };
            let as_other =
                if priced_as == line.meter { String::new() } else { format!(", priced as {priced_as}") };
            format!("{what} × ${}{per}{as_other} = ${amount}", price_text(priced_as, unit_price))
        }
        Err(Unpriced::NoRow(_)) => format!("{what}: no price"),
        Err(Unpriced::NoPriceForMeter) => format!("{what}: the row has no price for {}", line.meter),
        Err(Unpriced::OutOfRange) => format!("{what}: the amount is beyond what money can hold"),
        Err(Unpriced::Quarantined) => {
            let values = row.map_or(String::new(), |row| disputed(row, line));
            format!("{what}: in quarantine, {values}; settle it with: bursar prices override")
        }
    }
}

fn disputed(row: &PriceRow, line: &PricedLine) -> String {
    let meter = line.meter;
    let shown =
        |m, price: Option<_>| price.map_or("nothing".to_owned(), |p| format!("${}", price_text(m, p)));
    let own = row.prices.get(meter).or_else(|| row.prices.get(meter.priced_as()?));
    let others: Vec<&PriceConflict> =
        row.conflicts.iter().filter(|c| c.meter == meter || Some(c.meter) == meter.priced_as()).collect();
    let sources: Vec<&str> = others.iter().map(|c| c.source.as_str()).collect();
    let source = without(&row.source, &sources);
    let mut values = vec![format!("{source} says {}", shown(meter, own))];
    values.extend(others.iter().map(|c| format!("{} says {}", c.source, shown(c.meter, c.price))));
    values.join(", ")
}

/// What an exception means, for a reader.
#[must_use]
pub fn exception_sentence(exception: &UsageException) -> String {
    match exception {
        UsageException::NotReported => {
            "The response reports no usage, and it could not be counted either.".to_owned()
        }
        UsageException::TotalsDisagree { reported, summed } => format!(
            "The provider's total is {}, and its parts add up to {}; the parts are priced.",
            grouped(*reported),
            grouped(*summed)
        ),
        UsageException::PartExceedsWhole { field } => {
            format!("The provider reports more {field} than the whole that contains them.")
        }
        UsageException::Truncated => {
            "The response ended before its usage; what was seen is counted.".to_owned()
        }
        UsageException::Unreadable { reason } => format!("The usage cannot be read: {reason}."),
        UsageException::NotUnderstood { what } => {
            format!("The response bills something that Bursar does not price: {what}.")
        }
    }
}

/// A number with its thousands divided by commas.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_date_or_version_makes_a_snapshot() {
        for served in ["gpt-4o-2024-08-06", "gpt-4o-001", "gpt-4o@20240806"] {
            assert!(is_snapshot_of(served, "gpt-4o"), "{served}");
        }
        for served in ["gpt-4o", "gpt-4o-mini", "gpt-4o-2024-08-06-mini", "gpt-4.1-2025-04-14", "gpt-4o-5"] {
            assert!(!is_snapshot_of(served, "gpt-4o"), "{served}");
        }
    }

    #[test]
    fn thousands_are_divided_by_commas() {
        assert_eq!(
            [grouped(0), grouped(999), grouped(1_000), grouped(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
