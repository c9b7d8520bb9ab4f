//! Capital over the years: the capital recovery factor, in whole numbers.
//!
//! An outlay `P` that is worth `R` after `n` years, at a cost of capital of `i` a year, costs every year
//!
//! ```text
//! A = (P − R·(1+i)⁻ⁿ) · CRF,   CRF = i·(1+i)ⁿ / ((1+i)ⁿ − 1)
//! ```
//!
//! the textbook capital recovery with a salvage value (for example Park, *Contemporary Engineering Economics*, chapter
//! on annual equivalent worth). Since `1/CRF` is the sum of the discount factors `(1+i)⁻¹ … (1+i)⁻ⁿ`, `A` is
//! `(P − R·dₙ) / Σ dₖ`, which holds for `i = 0` as well. The discount factors are whole numbers of 10⁻¹⁸, each made from
//! the one before and rounded half to even, so that they are the same on every machine; the quotient is rounded once to
//! the nano-dollar. The factors' rounding moves `A` by less than a nano-dollar up to outlays of 100 million dollars, over
//! at most 15 years at a cost of capital of at most 50 %.

use bursar_core::Money;

use super::{Millionths, Ownership, div_half_even};

/// One, for discount factors.
const SCALE: i128 = 1_000_000_000_000_000_000;

/// Why a ledger cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TcoError {
    /// An amount beyond what [`Money`] holds.
    #[error("the {0} of a node is beyond nine thousand million dollars; check its figures")]
    OutOfRange(&'static str),
    /// Nothing can be written off over no years.
    #[error("a node is written off over at least one year")]
    NoYears,
    /// More than the whole time.
    #[error("a utilisation is at most 1")]
    Utilisation,
    /// A node that is worth more at its end than at its beginning.
    #[error("a node's residual is at most its price")]
    Residual,
}

/// One year of a node's capital. The payments are level; all years together pay back what the node loses in value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleYear {
    /// The year, from 1.
    pub year: u32,
    /// What is bound at its beginning.
    pub opening: Money,
    /// What the capital costs in it.
    pub interest: Money,
    /// By how much it goes down.
    pub principal: Money,
    /// What is bound at its end: the residual after the last.
    pub closing: Money,
}

/// The level payment of each year.
pub(super) fn level_payment(outlay: Money, residual: Money, years: u32, wacc: Millionths) -> Option<Money> {
    let factors = discount_factors(years, wacc);
    let last = *factors.last()?;
    let present =
        i128::from(outlay.nanos()).checked_mul(SCALE)? - i128::from(residual.nanos()).checked_mul(last)?;
    money(div_half_even(present, factors.iter().sum()))
}

/// What one dollar in 1, 2, … years is worth today, in units of 10⁻¹⁸ dollars.
fn discount_factors(years: u32, wacc: Millionths) -> Vec<i128> {
    const MILLION: i128 = 1_000_000;
    let mut factor = SCALE;
    let next = |_| {
        factor = div_half_even(factor * MILLION, MILLION + i128::from(wacc.millionths()));
        factor
    };
    (0..years).map(next).collect()
}

pub(super) fn money(nanos: i128) -> Option<Money> {
    i64::try_from(nanos).ok().map(Money::from_nanos)
}

impl Ownership {
    /// What is paid at the beginning.
    pub(super) fn outlay(&self) -> Result<Money, TcoError> {
        self.capex.checked_add(self.network).ok_or(TcoError::OutOfRange("capex"))
    }

    /// The node's and the network's capital, year by year. The last year's principal takes up what rounding leaves.
    pub fn schedule(&self) -> Result<Vec<ScheduleYear>, TcoError> {
        self.check()?;
        let over = TcoError::OutOfRange("capital");
        let payment = level_payment(self.outlay()?, self.residual, self.years, self.wacc).ok_or(over)?;
        let mut opening = self.outlay()?;
        let mut schedule = Vec::new();
        for year in 1..=self.years {
            let interest = i128::from(opening.nanos()) * i128::from(self.wacc.millionths());
            let interest = money(div_half_even(interest, 1_000_000)).ok_or(over)?;
            let falls = if year == self.years {
                opening.checked_sub(self.residual)
            } else {
                payment.checked_sub(interest)
            };
            let principal = falls.ok_or(over)?;
            let closing = opening.checked_sub(principal).ok_or(over)?;
            schedule.push(ScheduleYear { year, opening, interest, principal, closing });
            opening = closing;
        }
        Ok(schedule)
    }

    /// Whether the figures can be so.
    pub(super) fn check(&self) -> Result<(), TcoError> {
        if self.years == 0 {
            return Err(TcoError::NoYears);
        }
        if self.residual > self.capex {
            return Err(TcoError::Residual);
        }
        Ok(())
    }
}
