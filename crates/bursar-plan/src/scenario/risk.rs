//! Distributions, probabilities and means over futures, each with its Monte Carlo error.

use bursar_core::Money;

use super::model::rounded;
use super::simulate::{ScenarioError, total};
use crate::tco::div_half_even;

/// A mean over futures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoneyEstimate {
    /// The mean, rounded once.
    pub mean: Money,
    /// Its standard error, which comes from the number of draws alone.
    pub error: Money,
}

/// In how many of the futures something is so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probability {
    /// The share, 0 to 1.
    pub share: f64,
    /// Its standard error, which comes from the number of draws alone.
    pub error: f64,
}

/// How an amount is distributed over the futures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// In one of twenty futures it is at most this.
    pub p5: Money,
    /// In one of four.
    pub p25: Money,
    /// In half.
    pub p50: Money,
    /// In three of four.
    pub p75: Money,
    /// In nineteen of twenty.
    pub p95: Money,
    /// The mean.
    pub mean: MoneyEstimate,
    /// The standard errors of `p5`, `p50` and `p95`, from the order of the draws.
    pub quantile_errors: [Money; 3],
}

/// What a purchase may be regretted for.
#[derive(Clone, Debug, PartialEq)]
pub struct PurchaseRisk {
    /// Its name.
    pub name: String,
    /// In how many futures the plan would have been cheaper without it.
    pub regret: Probability,
    /// By how much, on average over all futures (nothing where it was right).
    pub expected_regret: MoneyEstimate,
    /// What it saves on average over all futures.
    pub expected_saving: MoneyEstimate,
}

impl MoneyEstimate {
    /// The mean of amounts in nano-dollars.
    pub(super) fn of(amounts: &[i64]) -> MoneyEstimate {
        let n = amounts.len().max(1);
        let sum: i128 = amounts.iter().map(|a| i128::from(*a)).sum();
        let mean = div_half_even(sum, n as i128);
        let squares: f64 = amounts.iter().map(|a| ((i128::from(*a) - mean) as f64).powi(2)).sum();
        let error = (squares / (n.max(2) - 1) as f64 / n as f64).sqrt();
        let mean =
            Money::from_nanos(i64::try_from(mean).unwrap_or(if mean < 0 { i64::MIN } else { i64::MAX }));
        MoneyEstimate { mean, error: rounded(error).unwrap_or(Money::from_nanos(i64::MAX)) }
    }
}

impl Probability {
    pub(super) fn of(cases: impl Iterator<Item = bool>) -> Probability {
        let (all, so) = cases.fold((0u32, 0u32), |(all, so), case| (all + 1, so + u32::from(case)));
        let n = f64::from(all.max(1));
        let share = f64::from(so) / n;
        Probability { share, error: (share * (1.0 - share) / n).sqrt() }
    }
}

impl Distribution {
    pub(super) fn of(mut amounts: Vec<i64>) -> Distribution {
        let mean = MoneyEstimate::of(&amounts);
        amounts.sort_unstable();
        let n = amounts.len() as f64;
        let ranked = |rank: f64| {
            let place = (rank.ceil().max(1.0) as usize).min(amounts.len());
            place.checked_sub(1).and_then(|i| amounts.get(i)).copied().unwrap_or(0)
        };
        let at = |share: f64| Money::from_nanos(ranked(share * n));
        let error = |share: f64| {
            let off = (n * share * (1.0 - share)).sqrt();
            let (low, high) = (ranked(share * n - off), ranked(share * n + off));
            Money::from_nanos((high / 2).saturating_sub(low / 2))
        };
        let quantile_errors = [error(0.05), error(0.5), error(0.95)];
        let (p5, p25, p50, p75, p95) = (at(0.05), at(0.25), at(0.5), at(0.75), at(0.95));
        Distribution { p5, p25, p50, p75, p95, mean, quantile_errors }
    }
}

/// What a purchase may be regretted for: the plan's path against its cost without the purchase, future by future.
pub(super) fn purchase_risk<'s>(
    name: &str,
    futures: impl Iterator<Item = (&'s Vec<Money>, Money)>,
) -> Result<PurchaseRisk, ScenarioError> {
    let over = |(plan, without): (&Vec<Money>, Money)| {
        total(plan)?.checked_sub(without).map(Money::nanos).ok_or(ScenarioError::OutOfRange)
    };
    let over: Vec<i64> = futures.map(over).collect::<Result<_, _>>()?;
    let regrets: Vec<i64> = over.iter().map(|o| (*o).max(0)).collect();
    let savings: Vec<i64> = over.iter().map(|o| o.saturating_neg()).collect();
    Ok(PurchaseRisk {
        name: name.to_owned(),
        regret: Probability::of(over.iter().map(|o| *o > 0)),
        expected_regret: MoneyEstimate::of(&regrets),
        expected_saving: MoneyEstimate::of(&savings),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_ranks_and_errors_those_of_the_formulas() {
        let distribution = Distribution::of((1..=100).rev().collect());
        let nanos = |m: Money| m.nanos();
        assert_eq!([distribution.p5, distribution.p50, distribution.p95].map(nanos), [5, 50, 95]);
        // The mean of 1 to 100 is 50.5, a tie that goes to the even neighbour; √(841.67 ÷ 100) = 2.9
        assert_eq!((nanos(distribution.mean.mean), nanos(distribution.mean.error)), (50, 3));
        // Half of the ranks 45 to 55
        assert_eq!(nanos(distribution.quantile_errors[1]), 5);
    }

    #[test]
    fn a_probability_has_the_error_of_its_draws() {
        let probability = Probability::of((0..400).map(|i| i < 100));
        assert!((probability.share - 0.25).abs() < 1e-12);
        assert!((probability.error - (0.25 * 0.75 / 400.0f64).sqrt()).abs() < 1e-12);
    }
}
