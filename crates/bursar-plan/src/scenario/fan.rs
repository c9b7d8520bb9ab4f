//! What everything by API and a plan have cost by the end of each month, over many futures.

use bursar_core::Money;

use super::factors::{Factors, Future};
use super::random::Random;
use super::risk::Distribution;
use super::simulate::{Choice, ScenarioError};

/// What lies between the 5th and the 95th percentile of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// In one of twenty futures it is at most this.
    pub p5: Money,
    /// In half.
    pub p50: Money,
    /// In nineteen of twenty.
    pub p95: Money,
}

/// What has been spent by the end of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FanMonth {
    /// The month, from 1.
    pub month: u32,
    /// Everything by API.
    pub api: Band,
    /// The plan.
    pub plan: Band,
}

/// Cumulative costs of the futures that [`super::simulate`] draws from the same seed.
pub fn fan(
    factors: &Factors,
    (months, draws, seed): (u32, u32, u64),
    evaluate: impl Fn(&Future, Choice) -> Option<Vec<Money>>,
) -> Result<Vec<FanMonth>, ScenarioError> {
    let mut random = Random::seeded(seed);
    let (mut api, mut plan) = (vec![Vec::new(); months as usize], vec![Vec::new(); months as usize]);
    for _ in 0..draws {
        let future = factors.draw(&mut random);
        // The number that blurs what a wait shows, so that the futures stay those of `simulate`.
        random.uniform();
        for (choice, sums) in [(Choice::Api, &mut api), (Choice::Plan { after_months: 0 }, &mut plan)] {
            let path = evaluate(&future, choice).ok_or(ScenarioError::OutOfRange)?;
            let mut sum = Money::ZERO;
            for (amount, sums) in path.into_iter().zip(sums.iter_mut()) {
                sum = sum.checked_add(amount).ok_or(ScenarioError::OutOfRange)?;
                sums.push(sum.nanos());
            }
        }
    }
    let month = |(i, (api, plan)): (usize, (Vec<i64>, Vec<i64>))| FanMonth {
        month: i as u32 + 1,
        api: Band::of(api),
        plan: Band::of(plan),
    };
    Ok(api.into_iter().zip(plan).enumerate().map(month).collect())
}

impl Band {
    fn of(amounts: Vec<i64>) -> Band {
        let Distribution { p5, p50, p95, .. } = Distribution::of(amounts);
        Band { p5, p50, p95 }
    }
}
