//! The problem in whole numbers: which part of an hour's demand one node carries.
//!
//! Capacity is counted in parts, trillionths of one model's mean demand in one hour. A part is a ratio, so that nodes of
//! different kinds add up, and the bill of any plan follows in integers. An hour asks for its highest ten minutes; what
//! lies above the other five steps is asked for in a sixth of the hour only and costs a sixth outside, so that an hour's
//! bill is that of its six steps.

use super::problem::{Choice, MixError, Model, Place, Problem};
use super::spread::STEPS;
use crate::supply::Term;

/// All of an hour's demand.
pub(crate) const ALL: u64 = 1_000_000_000_000;

/// Parts that the rounding of shares and peaks may leave over.
pub(crate) const ROUNDING: u64 = 8;

/// What a plan that leaves all of an hour unserved is charged while plans are compared: more than any bill can be.
pub(crate) const REFUSED: f64 = 1e21;

/// Prices and shares, ready to be computed with.
#[derive(Clone, Debug)]
pub(crate) struct Hours {
    pub(crate) hours: usize,
    /// Committed choices of each hardware, the cheapest first, as places in [`super::problem::Hardware::choices`].
    pub(crate) committed: Vec<Vec<Price>>,
    /// The choice on demand of each hardware.
    pub(crate) on_demand: Vec<Option<Price>>,
    pub(crate) lanes: Vec<Lane>,
}

/// A price with its limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Price {
    /// The choice's place.
    pub(crate) choice: usize,
    /// Nano-dollars per node and hour.
    pub(crate) nanos: i64,
    pub(crate) limit: u32,
}

/// A model's hours.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    /// Parts of hour `t` that one node of hardware `h` carries, at `t × hardware + h`; 0 where it may not run.
    pub(crate) shares: Vec<u64>,
    /// What the highest ten minutes of each hour ask, in parts of its mean.
    pub(crate) asked: Vec<u64>,
    /// By how much that is above the other five steps, which are even.
    top: Vec<u64>,
    /// What hour `t` costs at the API, in nano-dollars; `None` where it may not go there.
    pub(crate) api: Option<Vec<i64>>,
    /// Hours in which nothing is asked.
    pub(crate) idle: Vec<bool>,
    /// More nodes than this of a kind are never of use.
    pub(crate) most: Vec<u32>,
}

impl Hours {
    pub(crate) fn new(problem: &Problem) -> Result<Hours, MixError> {
        problem.check()?;
        let price = |(choice, c): (usize, &Choice)| Price {
            choice,
            nanos: c.per_hour.nanos(),
            limit: c.limit.unwrap_or(u32::MAX),
        };
        let committed = problem.hardware.iter().map(|hardware| {
            let on_terms = hardware.choices.iter().enumerate().filter(|(_, c)| c.term != Term::OnDemand);
            let mut prices: Vec<Price> = on_terms.map(price).collect();
            prices.sort_by_key(|p| (p.nanos, p.choice));
            prices
        });
        let on_demand = problem.hardware.iter().map(|hardware| {
            hardware.choices.iter().enumerate().find(|(_, c)| c.term == Term::OnDemand).map(price)
        });
        Ok(Hours {
            hours: problem.hours(),
            committed: committed.collect(),
            on_demand: on_demand.collect(),
            lanes: problem.models.iter().map(|model| Lane::new(problem, model)).collect(),
        })
    }

    /// How many kinds of nodes there are.
    pub(crate) fn kinds(&self) -> usize {
        self.committed.len()
    }

    /// What `nodes` committed nodes of a kind cost in an hour, in nano-dollars; `None` beyond the limits.
    pub(crate) fn committed_cost(&self, h: usize, nodes: u64) -> Option<i128> {
        let mut rest = nodes;
        let mut cost = 0i128;
        for price in &self.committed[h] {
            let taken = rest.min(u64::from(price.limit));
            cost += i128::from(price.nanos) * i128::from(taken);
            rest -= taken;
        }
        (rest == 0).then_some(cost)
    }

    /// How many committed nodes of a kind can be had.
    pub(crate) fn committed_limit(&self, h: usize) -> u64 {
        self.committed[h].iter().map(|p| u64::from(p.limit)).sum()
    }
}

impl Lane {
    fn new(problem: &Problem, model: &Model) -> Lane {
        let (hours, kinds) = (problem.hours(), problem.hardware.len());
        let highest = |t: usize| (model.peaks.as_ref().map_or(1.0, |p| p[t]) * ALL as f64) as u64;
        let asked: Vec<u64> = (0..hours).map(|t| highest(t).clamp(ALL, ALL * STEPS as u64)).collect();
        let others = |highest: u64| (ALL * STEPS as u64 - highest) / (STEPS as u64 - 1);
        let mut lane = Lane {
            shares: vec![0; hours * kinds],
            top: asked.iter().map(|&highest| highest - others(highest)).collect(),
            asked,
            api: match model.place {
                Place::StaysInside => None,
                _ => model.api.as_ref().map(|api| api.iter().map(|m| m.nanos()).collect()),
            },
            idle: vec![true; hours],
            most: vec![0; kinds],
        };
        for (h, hardware) in problem.hardware.iter().enumerate() {
            let Some(load) = model.loads.get(h).and_then(Option::as_ref) else { continue };
            if model.runs_on(h, hardware) {
                load.iter().enumerate().for_each(|(t, &nodes)| lane.add_load((t, h), kinds, nodes));
            }
        }
        if let Some(api) = &lane.api {
            lane.idle = lane.idle.iter().zip(api).map(|(&idle, &nanos)| idle && nanos == 0).collect();
        }
        lane
    }

    fn add_load(&mut self, (t, h): (usize, usize), kinds: usize, nodes: f64) {
        let share = share(nodes, self.asked[t]);
        self.shares[t * kinds + h] = share;
        self.idle[t] &= nodes == 0.0;
        let most = if nodes == 0.0 { 0 } else { (self.asked[t] - ROUNDING).div_ceil(share) as u32 };
        self.most[h] = self.most[h].max(most);
    }

    /// Parts of what hour `t` asks that these nodes leave over.
    pub(crate) fn rest(&self, t: usize, nodes: &[u32]) -> u64 {
        let shares = &self.shares[t * nodes.len()..(t + 1) * nodes.len()];
        let carried = shares.iter().zip(nodes).map(|(&share, &n)| share.saturating_mul(u64::from(n)));
        self.beyond(t, carried.fold(0, u64::saturating_add))
    }

    /// Parts of what hour `t` asks beyond a capacity.
    pub(crate) fn beyond(&self, t: usize, capacity: u64) -> u64 {
        match self.asked[t].saturating_sub(capacity) {
            ..=ROUNDING => 0,
            rest => rest,
        }
    }

    /// Of `rest` parts that are left over, those asked for in the highest ten minutes only, and those asked for always.
    pub(crate) fn split(&self, t: usize, rest: u64) -> (u64, u64) {
        let top = rest.min(self.top[t]);
        (top, rest - top)
    }

    /// How much of the hour's demand is not carried where `rest` parts are left over: six times as many parts of its
    /// mean, so that they are whole.
    pub(crate) fn uncarried(&self, t: usize, rest: u64) -> u64 {
        let (top, always) = self.split(t, rest);
        top + always * STEPS as u64
    }

    /// What hour `t` costs outside in whole: at the API, or where it may not go there, more than anything.
    pub(crate) fn outside(&self, t: usize) -> f64 {
        self.api.as_ref().map_or(REFUSED, |api| api[t] as f64)
    }

    /// What `rest` parts that are left over cost at the API, rounded half-even; nothing where they may not go there.
    pub(crate) fn api_cost(&self, t: usize, rest: u64) -> i128 {
        let sixths = i128::from(ALL) * STEPS as i128;
        self.api
            .as_ref()
            .map_or(0, |api| rounded(i128::from(api[t]) * i128::from(self.uncarried(t, rest)), sixths))
    }

    /// Where the model may run at all.
    pub(crate) fn runs_on(&self, h: usize) -> bool {
        self.most[h] > 0
    }
}

/// The parts that one node carries of an hour whose mean needs `nodes` of them, at most what is asked; rounded up, so that
/// three thirds are a whole.
fn share(nodes: f64, asked: u64) -> u64 {
    ((ALL as f64 / nodes.max(1e-6)).ceil() as u64).min(asked)
}

/// The quotient of two numbers that are not negative, rounded half-even.
pub(crate) fn rounded(over: i128, under: i128) -> i128 {
    let (whole, rest) = (over / under, over % under);
    whole + i128::from(2 * rest > under || (2 * rest == under && whole % 2 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_of_nodes_carry_loads_of_as_many_nodes_to_the_last_part() {
        for nodes in 1..=2_000u64 {
            let share = share(nodes as f64, 6 * ALL);
            assert!(share * nodes >= ALL && share * (nodes - 1) < ALL - ROUNDING, "{nodes}");
        }
    }
}
