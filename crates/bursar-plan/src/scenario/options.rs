//! What it is worth to decide later, and to bind oneself for a year at a time.
//!
//! A decision that is taken later is taken knowing more. What it will be is learnt as in the least-squares method of
//! Longstaff and Schwartz (2001): over one half of the futures, the difference in cost between two choices is fitted on
//! what can be seen by then (growth so far, blurred by the weeks' noise, and the drift of API and rental prices); in the
//! other half the choice follows the fit, and its true cost is counted. The two halves are apart, so that a decision
//! never profits from what it could not know.

use bursar_core::Money;

use super::regression::Expectation;
use super::risk::{MoneyEstimate, Probability};
use super::simulate::{Question, Sample, ScenarioError, total};

const WEEKS_PER_MONTH: f64 = 365.25 / 7.0 / 12.0;
const WEEKS_PER_YEAR: f64 = 365.25 / 7.0;

/// What deciding after some months is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waiting {
    /// After how many months.
    pub months: u32,
    /// What is saved on average by deciding then instead of now; negative where waiting costs more than it teaches.
    pub value: MoneyEstimate,
    /// In how many futures the plan is bought then.
    pub buys_then: Probability,
    /// Whether the decision now, by the mean over the futures, is to buy.
    pub buys_now: bool,
}

/// What one-year terms are worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Renewable {
    /// What is saved on average by deciding each year whether to take the machines for that year, instead of taking the
    /// plan now; negative where the dearer term costs more than the freedom is worth.
    pub value: MoneyEstimate,
    /// For each year, in how many futures the machines are taken.
    pub taken: Vec<Probability>,
}

/// The half on which expectations are fitted, and the half on which they are judged.
fn halves(samples: &[Sample]) -> (Vec<&Sample>, Vec<&Sample>) {
    let (even, odd): (Vec<_>, Vec<_>) = samples.iter().enumerate().partition(|(i, _)| i % 2 == 0);
    (even.into_iter().map(|(_, s)| s).collect(), odd.into_iter().map(|(_, s)| s).collect())
}

/// What can be seen after some months.
fn seen(sample: &Sample, months: u32, weekly_noise: f64) -> Vec<f64> {
    let weeks = f64::from(months) * WEEKS_PER_MONTH;
    // The standard error of a slope through so many weeks, per year.
    let blur = weekly_noise * (12.0 / (weeks * (weeks * weeks - 1.0)).max(1.0)).sqrt() * WEEKS_PER_YEAR;
    let growth = sample.future.growth + blur * sample.noise;
    let (api, rental) = (sample.future.api_price, sample.future.rental_price);
    vec![growth, growth * growth, api, api * api, growth * api, rental]
}

/// What deciding after each of the question's waits is worth.
pub(super) fn waiting(question: &Question<'_>, samples: &[Sample]) -> Result<Vec<Waiting>, ScenarioError> {
    let (learn, judge) = halves(samples);
    let learnt: Vec<(Money, Money)> = totals(&learn)?;
    let judged: Vec<(Money, Money)> = totals(&judge)?;
    let gain: i128 =
        learnt.iter().map(|(api, plan)| i128::from(api.nanos()) - i128::from(plan.nanos())).sum();
    let buys_now = gain > 0;
    let wait = |(place, &months): (usize, &u32)| {
        let seen = |s: &&Sample| seen(s, months, question.weekly_noise);
        let rows: Vec<Vec<f64>> = learn.iter().map(seen).collect();
        let over = |(s, (api, _)): (&&Sample, &(Money, Money))| difference(s.waited[place], *api);
        let y: Vec<f64> = learn.iter().zip(&learnt).map(over).collect();
        let expectation = Expectation::fit(&rows, &y);
        let mut values = Vec::new();
        let mut bought = Vec::new();
        for (sample, (api, plan)) in judge.iter().zip(&judged) {
            let buys = expectation.of(&seen(sample)) < 0.0;
            let now = if buys_now { plan } else { api };
            let then = if buys { sample.waited[place] } else { *api };
            values.push(now.checked_sub(then).ok_or(ScenarioError::OutOfRange)?.nanos());
            bought.push(buys);
        }
        let buys_then = Probability::of(bought.into_iter());
        Ok(Waiting { months, value: MoneyEstimate::of(&values), buys_then, buys_now })
    };
    question.waits.iter().enumerate().map(wait).collect()
}

/// What one-year terms are worth; `None` where they cannot be had.
pub(super) fn renewable(
    question: &Question<'_>,
    samples: &[Sample],
) -> Result<Option<Renewable>, ScenarioError> {
    if samples.iter().any(|s| s.one_year.is_none()) {
        return Ok(None);
    }
    let (learn, judge) = halves(samples);
    let mut spent = vec![0i128; judge.len()];
    let mut taken = Vec::new();
    for first in (0..question.months).step_by(12) {
        let of_year = |s: &&Sample| {
            let months = first as usize..(first + 12).min(question.months) as usize;
            let one_year = s.one_year.as_deref().unwrap_or_default();
            Ok::<_, ScenarioError>((total(&s.api[months.clone()])?, total(&one_year[months])?))
        };
        let seen = |s: &&Sample| if first == 0 { vec![0.0] } else { seen(s, first, question.weekly_noise) };
        let learnt: Vec<(Money, Money)> = learn.iter().map(of_year).collect::<Result<_, _>>()?;
        let rows: Vec<Vec<f64>> = learn.iter().map(seen).collect();
        let y: Vec<f64> = learnt.iter().map(|(api, rent)| difference(*rent, *api)).collect();
        let expectation = Expectation::fit(&rows, &y);
        let takes: Vec<bool> = judge.iter().map(|s| expectation.of(&seen(s)) < 0.0).collect();
        for ((sample, takes), spent) in judge.iter().zip(&takes).zip(&mut spent) {
            let (api, rent) = of_year(sample)?;
            *spent += i128::from(if *takes { rent } else { api }.nanos());
        }
        taken.push(Probability::of(takes.into_iter()));
    }
    let value = |(sample, spent): (&&Sample, i128)| {
        let saved = i128::from(total(&sample.plan)?.nanos()) - spent;
        i64::try_from(saved).map_err(|_| ScenarioError::OutOfRange)
    };
    let values: Vec<i64> = judge.iter().zip(spent).map(value).collect::<Result<_, _>>()?;
    Ok(Some(Renewable { value: MoneyEstimate::of(&values), taken }))
}

/// What everything by API and the plan cost in each future.
fn totals(samples: &[&Sample]) -> Result<Vec<(Money, Money)>, ScenarioError> {
    samples.iter().map(|s| Ok((total(&s.api)?, total(&s.plan)?))).collect()
}

fn difference(a: Money, b: Money) -> f64 {
    a.nanos() as f64 - b.nanos() as f64
}
