//! What a node costs a year and an hour, in lines that add up exactly.

use bursar_core::Money;

use super::annuity::{TcoError, level_payment, money};
use super::{Millionths, Ownership, apportion, div_half_even};
use crate::supply::{Dated, Offer, SupplyRow, Term};

/// Hours in the year of a ledger: 365 days.
pub const HOURS_PER_YEAR: u32 = 8_760;

/// What a line of a ledger is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineKind {
    /// What the node loses in value, in equal parts.
    Depreciation,
    /// The same for its share of the network.
    Network,
    /// What the bound capital costs beyond that: the level payment less the two above.
    Capital,
    /// Energy, the site's own included.
    Power,
    /// Space.
    Space,
    /// Staff.
    Staff,
    /// Maintenance and support.
    Maintenance,
    /// Spare parts.
    Spares,
}

impl LineKind {
    /// Every kind, in the order of a ledger.
    pub const ALL: &[LineKind] = &[
        LineKind::Depreciation,
        LineKind::Network,
        LineKind::Capital,
        LineKind::Power,
        LineKind::Space,
        LineKind::Staff,
        LineKind::Maintenance,
        LineKind::Spares,
    ];

    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            LineKind::Depreciation => "depreciation",
            LineKind::Network => "network",
            LineKind::Capital => "capital",
            LineKind::Power => "power",
            LineKind::Space => "space",
            LineKind::Staff => "staff",
            LineKind::Maintenance => "maintenance",
            LineKind::Spares => "spares",
        }
    }
}

/// One line of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerLine {
    /// What it is for.
    pub kind: LineKind,
    /// For one year.
    pub per_year: Money,
    /// For one hour.
    pub per_hour: Money,
}

/// What one node costs. The lines add up to the totals exactly, both by year and by hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// At which utilisation, which the power depends on.
    pub utilisation: Millionths,
    /// One line of each kind, in the order of [`LineKind::ALL`].
    pub lines: Vec<LedgerLine>,
    /// For one year.
    pub per_year: Money,
    /// For one hour: a year's 8,760th part, rounded once, half to even.
    pub per_hour: Money,
}

impl Ownership {
    /// What one node costs when it is busy for this share of the time.
    pub fn ledger(&self, utilisation: Millionths) -> Result<Ledger, TcoError> {
        self.check()?;
        if utilisation > Millionths::ONE {
            return Err(TcoError::Utilisation);
        }
        let years = self.years_lines(utilisation)?;
        let per_year = Money::checked_sum(years.iter().copied()).ok_or(TcoError::OutOfRange("year"))?;
        let per_hour = money(div_half_even(per_year.nanos().into(), HOURS_PER_YEAR.into()));
        let per_hour = per_hour.ok_or(TcoError::OutOfRange("hour"))?;
        let weights: Vec<i64> = years.iter().map(|y| y.nanos()).collect();
        let hours = apportion(per_hour, &weights).ok_or(TcoError::OutOfRange("hour"))?;
        let line = |((kind, per_year), per_hour)| LedgerLine { kind, per_year, per_hour };
        let lines = LineKind::ALL.iter().copied().zip(years).zip(hours).map(line).collect();
        Ok(Ledger { utilisation, lines, per_year, per_hour })
    }

    /// A year's lines, in the order of [`LineKind::ALL`].
    fn years_lines(&self, utilisation: Millionths) -> Result<Vec<Money>, TcoError> {
        let over = TcoError::OutOfRange("capital");
        let outlay = self.outlay()?;
        let payment = level_payment(outlay, self.residual, self.years, self.wacc).ok_or(over)?;
        let lost = outlay.checked_sub(self.residual).ok_or(over)?;
        let straight = money(div_half_even(lost.nanos().into(), self.years.into())).ok_or(over)?;
        let node = self.capex.checked_sub(self.residual).ok_or(over)?;
        let split = apportion(straight, &[node.nanos(), self.network.nanos()]).ok_or(over)?;
        let capital = payment.checked_sub(straight).ok_or(over)?;
        let power = self.power_per_year(utilisation).ok_or(TcoError::OutOfRange("power"))?;
        Ok(vec![split[0], split[1], capital, power, self.space, self.staff, self.maintenance, self.spares])
    }

    /// Energy of a year: power × (idle share + (1 − idle share) × utilisation) × PUE × hours × tariff, rounded once.
    fn power_per_year(&self, utilisation: Millionths) -> Option<Money> {
        const MILLION: i128 = 1_000_000;
        let wide = |m: Millionths| i128::from(m.millionths());
        let idle = wide(self.idle_power).min(MILLION);
        let share =
            idle.checked_mul(MILLION)?.checked_add((MILLION - idle).checked_mul(wide(utilisation))?)?;
        let power = wide(self.power_kw).checked_mul(share)?.checked_mul(wide(self.pue))?;
        let price = i128::from(HOURS_PER_YEAR).checked_mul(self.per_kwh.nanos().into())?;
        times_over_square(power, price, MILLION * MILLION).and_then(money)
    }

    /// The node as a row of supply, owned at the cost that it has at this utilisation. It is as old as the older of its
    /// two sources.
    pub fn supply_row(&self, utilisation: Millionths) -> Result<SupplyRow, TcoError> {
        let per_hour = self.ledger(utilisation)?.per_hour;
        let mut row = self.row.clone();
        let dated = Dated {
            source: format!("{}; site: {}", self.dated.source, self.site_dated.source),
            as_of: self.dated.as_of.min(self.site_dated.as_of),
        };
        row.node.offers = vec![Offer { term: Term::Owned, per_hour, dated }];
        Ok(row)
    }
}

/// `a · b / unit²` to the nearest whole number, a tie to the even one, for products beyond 128 bits: the high part of
/// `a` is divided first, and what it leaves is rounded together with the low part.
fn times_over_square(a: i128, b: i128, unit: i128) -> Option<i128> {
    let (high, low) = (a.div_euclid(unit), a.rem_euclid(unit));
    let high = high.checked_mul(b)?;
    let (whole, left) = (high.div_euclid(unit), high.rem_euclid(unit));
    let rest = left.checked_mul(unit)?.checked_add(low.checked_mul(b)?)?;
    let square = unit.checked_mul(unit)?;
    let odd = whole.rem_euclid(2);
    whole.checked_sub(odd)?.checked_add(div_half_even(rest.checked_add(odd * square)?, square))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_long_product_is_rounded_as_a_short_one_is(a in 0i128..1_000_000_000_000_000, b in 0i128..1_000_000_000_000) {
            prop_assert_eq!(times_over_square(a, b, 1_000), Some(div_half_even(a * b, 1_000_000)));
        }
    }

    #[test]
    fn ties_of_a_long_product_go_to_the_even_neighbour() {
        let halves = [1, 3, 5, 7].map(|a| times_over_square(a, 50, 10));
        assert_eq!(halves, [Some(0), Some(2), Some(2), Some(4)]);
        let far =
            times_over_square(600_000_000_000_000_000_000_000_001, 8_760_000_000_000, 1_000_000_000_000);
        assert_eq!(far, Some(5_256_000_000_000_000));
    }
}
