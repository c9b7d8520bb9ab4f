//! Quantities times unit prices, line by line. What has no known price stays without one.

use crate::meter::{Meter, Provenance, Quantities};
use crate::money::{Money, Rounding, UnitPrice};
use crate::price_list::{NoRow, PriceList, PriceQuery, PriceRow};

/// Why a line has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unpriced {
    /// The price list has no row for the call.
    NoRow(NoRow),
    /// The row has no price for the meter.
    NoPriceForMeter,
    /// Sources disagree about the meter's price.
    Quarantined,
    /// The amount is beyond the range of money.
    OutOfRange,
}

/// The price that a line was computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineBasis {
    /// The meter whose price was taken; another than the line's own only under [`Meter::priced_as`].
    pub priced_as: Meter,
    /// The unit price.
    pub unit_price: UnitPrice,
    /// Units times price, rounded once.
    pub amount: Money,
}

/// One meter of one call, priced or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PricedLine {
    /// The meter.
    pub meter: Meter,
    /// Units on it, above zero.
    pub units: u64,
    /// How the units are known.
    pub provenance: Provenance,
    /// The price and amount, or why there is none.
    pub basis: Result<LineBasis, Unpriced>,
}

/// A priced call.
#[derive(Clone, Debug)]
pub struct PricedUsage<'a> {
    /// The row that priced it, where one answered.
    pub row: Option<&'a PriceRow>,
    /// One line per meter with units on it.
    pub lines: Vec<PricedLine>,
    /// The sum of all lines; `None` as soon as one line has no price.
    pub total: Option<Money>,
    /// The sum of the lines that have a price: a lower bound where `total` is `None`.
    pub priced_part: Money,
}

impl PricedUsage<'_> {
    /// Lines without a price.
    pub fn unpriced(&self) -> impl Iterator<Item = (&PricedLine, Unpriced)> {
        self.lines.iter().filter_map(|l| l.basis.err().map(|why| (l, why)))
    }
}

/// Prices quantities with the row that answers `query` (whose `context_tokens` the caller has set).
///
/// The meter `requests` is skipped where the row gives it no price: a call has no price of its own unless the
/// provider says that it has one.
pub fn price_usage<'a>(
    list: &'a PriceList,
    query: &PriceQuery<'_>,
    quantities: &Quantities,
    rounding: Rounding,
) -> PricedUsage<'a> {
    let found = list.find(query);
    let lines: Vec<PricedLine> = quantities
        .iter()
        .filter(|&(meter, ..)| meter != Meter::Requests || charges_for_the_call(&found))
        .map(|(meter, units, provenance)| PricedLine {
            meter,
            units,
            provenance,
            basis: found.map_err(Unpriced::NoRow).and_then(|row| price_line(row, meter, units, rounding)),
        })
        .collect();
    let amounts = || lines.iter().filter_map(|l| l.basis.ok()).map(|b| b.amount);
    let all_priced = lines.iter().all(|l| l.basis.is_ok());
    let total = if all_priced { Money::checked_sum(amounts()) } else { None };
    let priced_part = amounts().sum();
    PricedUsage { row: found.ok(), lines, total, priced_part }
}

fn charges_for_the_call(found: &Result<&PriceRow, NoRow>) -> bool {
    found.is_ok_and(|row| {
        row.prices.get(Meter::Requests).is_some() || row.conflicts.iter().any(|c| c.meter == Meter::Requests)
    })
}

fn price_line(row: &PriceRow, meter: Meter, units: u64, rounding: Rounding) -> Result<LineBasis, Unpriced> {
    let (priced_as, unit_price) = price_of(row, meter)?;
    let amount = unit_price.cost(units, rounding).ok_or(Unpriced::OutOfRange)?;
    Ok(LineBasis { priced_as, unit_price, amount })
}

fn price_of(row: &PriceRow, meter: Meter) -> Result<(Meter, UnitPrice), Unpriced> {
    let disputed = |m: Meter| row.conflicts.iter().any(|c| c.meter == m);
    if disputed(meter) {
        return Err(Unpriced::Quarantined);
    }
    if let Some(price) = row.prices.get(meter) {
        return Ok((meter, price));
    }
    match meter.priced_as() {
        Some(other) if disputed(other) => Err(Unpriced::Quarantined),
        Some(other) => row.prices.get(other).map(|p| (other, p)).ok_or(Unpriced::NoPriceForMeter),
        None => Err(Unpriced::NoPriceForMeter),
    }
}
