//! An evaluator made of cost curves: what the API and what a plan cost an hour at multiples of today's load.

use bursar_core::Money;

use super::factors::Future;
use super::simulate::Choice;
use crate::supply::Term;
use crate::tco::Millionths;

/// Hours in a month of 365/12 days.
const HOURS_PER_MONTH: f64 = 730.0;

/// What an hour costs at one load, on average over the demand's steps and at today's prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurvePoint {
    /// The load as a multiple of today's.
    pub load: Millionths,
    /// Everything by API.
    pub api: Money,
    /// What is left to the API beside the plan's machines.
    pub spill: Money,
}

/// What an hour costs at any load: straight lines between points and from nothing to the first. Beyond the last, every
/// further request goes to the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostCurve(Vec<CurvePoint>);

/// Points that are no cost curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CurveError {
    /// Too few.
    #[error("a cost curve needs at least two points")]
    TooFew,
    /// Loads that do not rise.
    #[error("the loads of a cost curve must rise from above zero")]
    Order,
    /// Costs that fall, are negative, or leave more to the API than there is.
    #[error("the costs of a cost curve must not fall, and what is left to the API is at most everything")]
    Costs,
}

impl CostCurve {
    /// A curve through points, in the order of their loads.
    pub fn new(points: Vec<CurvePoint>) -> Result<CostCurve, CurveError> {
        if points.len() < 2 {
            return Err(CurveError::TooFew);
        }
        let rises = |w: &[CurvePoint]| w[0].load < w[1].load;
        if points[0].load == Millionths::default() || !points.windows(2).all(rises) {
            return Err(CurveError::Order);
        }
        let grows = |w: &[CurvePoint]| w[0].api <= w[1].api && w[0].spill <= w[1].spill;
        let fits = |p: &CurvePoint| Money::ZERO <= p.spill && p.spill <= p.api;
        if !(points.windows(2).all(grows) && points.iter().all(fits)) {
            return Err(CurveError::Costs);
        }
        Ok(CostCurve(points))
    }

    fn api(&self, load: f64) -> f64 {
        self.at(load, |p| p.api)
    }

    fn spill(&self, load: f64) -> f64 {
        self.at(load, |p| p.spill)
    }

    /// Nano-dollars an hour.
    fn at(&self, load: f64, of: impl Fn(&CurvePoint) -> Money) -> f64 {
        let points = &self.0;
        let cost = |p: &CurvePoint| of(p).nanos() as f64;
        let after = points.partition_point(|p| p.load.to_f64() < load);
        let Some(next) = points.get(after) else {
            let (before, last) = (&points[points.len() - 2], &points[points.len() - 1]);
            let rise = (last.api.nanos() - before.api.nanos()) as f64;
            let slope = rise / (last.load.to_f64() - before.load.to_f64());
            return cost(last) + slope * (load - last.load.to_f64());
        };
        let (from, low) = match after.checked_sub(1).map(|i| &points[i]) {
            Some(before) => (before.load.to_f64(), cost(before)),
            None => (0.0, 0.0),
        };
        low + (cost(next) - low) * (load - from) / (next.load.to_f64() - from)
    }
}

/// One line of a plan: so many nodes of a kind on a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// Its name in reports, such as `2 × hgx-h100, owned`.
    pub name: String,
    /// For how long it is paid. After its term it is taken anew at the price of that day.
    pub term: Term,
    /// What all its nodes cost an hour at today's prices.
    pub per_hour: Money,
    /// By how much more an hour would cost if owned nodes were worth nothing at their end; zero for rented ones.
    pub residual_per_hour: Money,
    /// What they cost an hour on one-year terms; `None` where they cannot be had so.
    pub one_year_per_hour: Option<Money>,
    /// The costs of the plan without it; its spill is what the rest of the plan leaves.
    pub without: CostCurve,
}

/// A plan as a model of the future.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanModel {
    /// How many months are looked at.
    pub months: u32,
    /// The costs of the plan.
    pub curve: CostCurve,
    /// Its lines.
    pub purchases: Vec<Purchase>,
}

impl PlanModel {
    /// Whether all of it can be had on one-year terms, so that [`Choice::OneYear`] can be asked for.
    #[must_use]
    pub fn has_one_year(&self) -> bool {
        self.purchases.iter().all(|p| p.one_year_per_hour.is_some() || p.term == Term::OnDemand)
    }

    /// What a choice costs in a future, month by month; `None` where an amount leaves the range of [`Money`]. Demand and
    /// prices of a month are those of its middle; a node does what the future's utilisation says.
    #[must_use]
    pub fn costs(&self, future: &Future, choice: Choice) -> Option<Vec<Money>> {
        (0..self.months).map(|month| self.month(future, choice, month)).collect()
    }

    fn month(&self, future: &Future, choice: Choice, month: u32) -> Option<Money> {
        let middle = f64::from(month) + 0.5;
        let load = future.demand_after(middle);
        let price = future.api_price_after(middle);
        let start = match choice {
            Choice::Api => u32::MAX,
            Choice::Plan { after_months } => after_months,
            Choice::Without { .. } | Choice::OneYear => 0,
        };
        if month < start {
            return rounded(self.curve.api(load) * price * HOURS_PER_MONTH);
        }
        let left_out = match choice {
            Choice::Without { purchase } => self.purchases.get(purchase),
            _ => None,
        };
        let curve = left_out.map_or(&self.curve, |p| &p.without);
        let spill = future.capacity() * curve.spill(load / future.capacity());
        let kept = self.purchases.iter().filter(|p| left_out.is_none_or(|out| !std::ptr::eq(out, *p)));
        let fixed: f64 = kept.map(|p| p.hour(future, choice, start, month)).sum();
        rounded((spill * price + fixed) * HOURS_PER_MONTH)
    }
}

impl Purchase {
    /// What an hour of it costs in a month, when it was taken in the month `start`.
    fn hour(&self, future: &Future, choice: Choice, start: u32, month: u32) -> f64 {
        let (term, today) = match (choice, self.one_year_per_hour) {
            (Choice::OneYear, Some(price)) => (Term::OneYear, price),
            _ => (self.term, self.per_hour),
        };
        let signed = match term {
            Term::OnDemand => f64::from(month),
            Term::OneYear => f64::from(start + (month - start) / 12 * 12),
            Term::ThreeYears => f64::from(start + (month - start) / 36 * 36),
            Term::Owned => f64::from(start),
        };
        let lost = match term {
            Term::Owned => self.residual_per_hour.nanos() as f64 * (1.0 - future.residual_share()),
            Term::OnDemand | Term::OneYear | Term::ThreeYears => 0.0,
        };
        (today.nanos() as f64 + lost) * future.rental_price_after(signed)
    }
}

/// An amount of a future: a price or bill times a factor, rounded once; `None` where it leaves the range. For modelled
/// amounts alone.
#[must_use]
pub fn scaled(amount: Money, factor: f64) -> Option<Money> {
    rounded(amount.nanos() as f64 * factor)
}

/// The nearest nano-dollar to a modelled number of them.
pub(super) fn rounded(nanos: f64) -> Option<Money> {
    (nanos.abs() < 9.2e18).then(|| Money::from_nanos(nanos.round() as i64))
}
