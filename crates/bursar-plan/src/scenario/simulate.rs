//! Drawing futures and asking what each choice costs in them.

use bursar_core::Money;

use super::break_even::BreakEven;
use super::factors::{FactorKind, Factors, Future};
use super::options::{self, Renewable, Waiting};
use super::random::Random;
use super::risk::{Distribution, Probability, PurchaseRisk, purchase_risk};
use super::tornado::{self, TornadoBar};

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Choice {
    /// Everything by API, for good.
    Api,
    /// The plan, after so many months by API.
    Plan {
        /// 0 for now.
        after_months: u32,
    },
    /// The plan now, without one of its purchases.
    Without {
        /// Its place in [`Question::purchases`].
        purchase: usize,
    },
    /// The plan now on one-year terms, every year taken anew.
    OneYear,
}

/// What is asked of the futures.
#[derive(Clone, Debug)]
pub struct Question<'q> {
    /// What is not known.
    pub factors: &'q Factors,
    /// The names of the plan's purchases.
    pub purchases: &'q [String],
    /// How many months every choice is looked at: the length of what the evaluator returns.
    pub months: u32,
    /// After how many months the decision may be taken instead, such as 6 and 12.
    pub waits: &'q [u32],
    /// Whether the plan can be had on one-year terms.
    pub one_year: bool,
    /// How far one week's demand lies off its line, as the standard deviation of a logarithm: it blurs what a wait
    /// shows. 0 where growth is seen exactly.
    pub weekly_noise: f64,
    /// How many futures are drawn.
    pub draws: u32,
    /// The seed.
    pub seed: u64,
}

impl<'q> Question<'q> {
    /// 10,000 draws, and a decision now or in 6 or 12 months.
    #[must_use]
    pub const fn new(factors: &'q Factors, purchases: &'q [String], months: u32) -> Question<'q> {
        let waits = &[6, 12];
        Question {
            factors,
            purchases,
            months,
            waits,
            one_year: false,
            weekly_noise: 0.0,
            draws: 10_000,
            seed: 1,
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// Too few futures.
    #[error("at least 100 futures must be drawn, not {0}")]
    TooFew(u32),
    /// Nothing to look at.
    #[error("at least one month must be looked at, and at most 240, not {0}")]
    Months(u32),
    /// An evaluator that does not say what was asked.
    #[error("the evaluator gave {given} months where {asked} were asked")]
    Length {
        /// How many were asked.
        asked: u32,
        /// How many came.
        given: usize,
    },
    /// An amount beyond what [`Money`] holds.
    #[error("a cost in some future is beyond nine thousand million dollars; check growth and prices")]
    OutOfRange,
}

/// What many futures say about a plan. Amounts are for all months together.
#[derive(Clone, Debug, PartialEq)]
pub struct Risk {
    /// How many futures were drawn.
    pub draws: u32,
    /// With which seed.
    pub seed: u64,
    /// What the plan saves against everything by API.
    pub savings: Distribution,
    /// In how many futures the plan costs less than everything by API.
    pub pays: Probability,
    /// What each purchase may be regretted for.
    pub purchases: Vec<PurchaseRisk>,
    /// What waiting is worth.
    pub waiting: Vec<Waiting>,
    /// What one-year terms are worth, where they can be had.
    pub renewable: Option<Renewable>,
    /// What each factor does alone, the largest swing first.
    pub tornado: Vec<TornadoBar>,
    /// From which month on the plan is ahead.
    pub break_even: BreakEven,
    /// The factors that rest on judgement alone.
    pub assumed: Vec<FactorKind>,
}

/// One future and what the choices cost in it.
pub(super) struct Sample {
    pub(super) future: Future,
    /// A number of the standard normal distribution: by how much an observation of growth is off.
    pub(super) noise: f64,
    pub(super) api: Vec<Money>,
    pub(super) plan: Vec<Money>,
    pub(super) waited: Vec<Money>,
    pub(super) without: Vec<Money>,
    pub(super) one_year: Option<Vec<Money>>,
}

/// Draws futures and asks `evaluate` what each choice costs in each of them, month by month. `evaluate` returns `None`
/// where an amount leaves the range of [`Money`].
pub fn simulate(
    question: &Question<'_>,
    evaluate: impl Fn(&Future, Choice) -> Option<Vec<Money>>,
) -> Result<Risk, ScenarioError> {
    if question.draws < 100 {
        return Err(ScenarioError::TooFew(question.draws));
    }
    if !(1..=240).contains(&question.months) {
        return Err(ScenarioError::Months(question.months));
    }
    let ask = |future: &Future, choice: Choice| path(question, &evaluate, future, choice);
    let mut random = Random::seeded(question.seed);
    let samples: Vec<Sample> =
        (0..question.draws).map(|_| sample(question, &mut random, &ask)).collect::<Result<_, _>>()?;
    let saved: Vec<i64> = samples.iter().map(|s| saving(&s.api, &s.plan)).collect::<Result<_, _>>()?;
    let without = |i: usize| samples.iter().map(move |s| (&s.plan, s.without[i]));
    let purchases = question.purchases.iter().enumerate();
    Ok(Risk {
        draws: question.draws,
        seed: question.seed,
        pays: Probability::of(saved.iter().map(|s| *s > 0)),
        purchases: purchases.map(|(i, name)| purchase_risk(name, without(i))).collect::<Result<_, _>>()?,
        waiting: options::waiting(question, &samples)?,
        renewable: options::renewable(question, &samples)?,
        tornado: tornado::bars(question.factors, &ask)?,
        break_even: BreakEven::of(&samples),
        assumed: question.factors.assumed(),
        savings: Distribution::of(saved),
    })
}

type Path = Result<Vec<Money>, ScenarioError>;

fn path(
    question: &Question<'_>,
    evaluate: impl Fn(&Future, Choice) -> Option<Vec<Money>>,
    future: &Future,
    choice: Choice,
) -> Path {
    let path = evaluate(future, choice).ok_or(ScenarioError::OutOfRange)?;
    if path.len() != question.months as usize {
        return Err(ScenarioError::Length { asked: question.months, given: path.len() });
    }
    Ok(path)
}

fn sample(
    question: &Question<'_>,
    random: &mut Random,
    ask: &impl Fn(&Future, Choice) -> Path,
) -> Result<Sample, ScenarioError> {
    use statrs::distribution::{ContinuousCDF, Normal};
    let future = question.factors.draw(random);
    let noise = Normal::standard().inverse_cdf(random.uniform());
    let cost = |choice: Choice| ask(&future, choice).and_then(|path| total(&path));
    let waited = question.waits.iter().map(|m| cost(Choice::Plan { after_months: *m }));
    let without = (0..question.purchases.len()).map(|purchase| cost(Choice::Without { purchase }));
    Ok(Sample {
        noise,
        api: ask(&future, Choice::Api)?,
        plan: ask(&future, Choice::Plan { after_months: 0 })?,
        waited: waited.collect::<Result<_, _>>()?,
        without: without.collect::<Result<_, _>>()?,
        one_year: question.one_year.then(|| ask(&future, Choice::OneYear)).transpose()?,
        future,
    })
}

/// The sum of a path.
pub(super) fn total(path: &[Money]) -> Result<Money, ScenarioError> {
    Money::checked_sum(path.iter().copied()).ok_or(ScenarioError::OutOfRange)
}

/// By how much the second path is cheaper than the first, in nano-dollars.
pub(super) fn saving(api: &[Money], plan: &[Money]) -> Result<i64, ScenarioError> {
    let saved = total(api)?.checked_sub(total(plan)?).ok_or(ScenarioError::OutOfRange)?;
    Ok(saved.nanos())
}
