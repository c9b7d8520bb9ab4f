//! Whether a price can be in the unit that is written beside it.

use bursar_core::Money;

use crate::tco::div_half_even;

/// Hours in a month of 365/12 days, and in a year of 365.
const HOURS_PER_MONTH: i128 = 730;
const HOURS_PER_YEAR: i128 = 8_760;

/// What an hour of one accelerator can cost at all, in nano-dollars: two cents to 40 dollars.
const LEAST: i128 = 20_000_000;
const MOST: i128 = 40_000_000_000;

/// By what factor a price may lie outside the known prices of the same accelerator.
const FACTOR: i128 = 4;

/// A field in which a price can be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PriceField {
    pub(super) field: &'static str,
    hours: i128,
    per_accelerator: bool,
}

pub(super) const PRICE_FIELDS: &[PriceField] = &[
    PriceField { field: "usd_per_hour", hours: 1, per_accelerator: false },
    PriceField { field: "usd_per_accelerator_hour", hours: 1, per_accelerator: true },
    PriceField { field: "usd_per_month", hours: HOURS_PER_MONTH, per_accelerator: false },
    PriceField { field: "usd_per_year", hours: HOURS_PER_YEAR, per_accelerator: false },
];

impl PriceField {
    /// A price of this field for one node and hour, rounded once to the nano-dollar.
    pub(super) fn per_node_hour(&self, price: Money, accelerators: u32) -> Option<Money> {
        let nodes = if self.per_accelerator { i128::from(accelerators) } else { 1 };
        let nanos = div_half_even(i128::from(price.nanos()).checked_mul(nodes)?, self.hours);
        i64::try_from(nanos).ok().map(Money::from_nanos)
    }

    /// The same for one accelerator and hour, in nano-dollars.
    fn per_accelerator_hour(&self, price: Money, accelerators: u32) -> i128 {
        let share = if self.per_accelerator { 1 } else { i128::from(accelerators.max(1)) };
        i128::from(price.nanos()) / (share * self.hours)
    }
}

/// Which machine a price is for.
pub(super) struct Kind<'k> {
    pub(super) accelerator: &'k str,
    pub(super) accelerators: u32,
    /// The lowest and the highest known price of one such accelerator and hour.
    pub(super) known: Option<(Money, Money)>,
}

/// Why a price looks wrong, and which unit it looks like; `None` where it looks right.
pub(super) fn doubt(unit: &PriceField, price: Money, kind: &Kind<'_>) -> Option<String> {
    let &Kind { accelerator, accelerators, known } = kind;
    let (least, most) = known.map_or((LEAST, MOST), |(low, high)| {
        (i128::from(low.nanos()) / FACTOR, i128::from(high.nanos()) * FACTOR)
    });
    let fits = |other: &PriceField| {
        let each = other.per_accelerator_hour(price, accelerators);
        (least..=most).contains(&each)
    };
    if fits(unit) {
        return None;
    }
    let each = shown(unit.per_accelerator_hour(price, accelerators));
    let usual = match known {
        Some((low, high)) => format!(
            "known prices of {accelerator} are ${} to ${}",
            shown(low.nanos().into()),
            shown(high.nanos().into())
        ),
        None => "two cents to 40 dollars are expected".to_owned(),
    };
    let likely = match PRICE_FIELDS.iter().find(|other| *other != unit && fits(other)) {
        Some(other) => format!("it looks like {}", other.field),
        None if unit.per_accelerator_hour(price, accelerators) > most => {
            "is it in cents, or for several nodes?".to_owned()
        }
        None => "is it in another currency or for a part of a node?".to_owned(),
    };
    Some(format!(
        "{price} comes to ${each} per accelerator and hour, and {usual}; {likely} (where it is right, say why in \
         checked = \"…\")"
    ))
}

/// An amount with as many decimals as its size needs to be told apart.
fn shown(nanos: i128) -> String {
    let cents = div_half_even(nanos, 10_000_000);
    if cents >= 10 {
        return format!("{}.{:02}", cents / 100, cents % 100);
    }
    Money::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX)).to_string()
}
