//! The problem in whole numbers: which part of an hour's demand one node carries.
//!
//! Capacity is counted in parts, trillionths of one model's demand in one hour. A part is a ratio, so that nodes of
//! different kinds add up, and the bill of any plan follows in integers.

use super::problem::{Choice, MixError, Model, Place, Problem};
use crate::supply::Term;

/// All of an hour's demand.
pub(crate) const ALL: u64 = 1_000_000_000_000;

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

/// What a share is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Basis {
    /// All that has to be carried in the hour, as a plan counts: at most all of it by one node.
    Hour,
    /// The hour's mean, as a replay counts: above which its steps may rise.
    Mean,
}

impl Lane {
    fn new(problem: &Problem, model: &Model) -> Lane {
        Lane::on(Basis::Hour, problem, model)
    }

    /// A model's hours with shares of the hour's mean, which may be more than all of it.
    pub(crate) fn of_means(problem: &Problem, model: &Model) -> Lane {
        Lane::on(Basis::Mean, problem, model)
    }

    fn on(basis: Basis, problem: &Problem, model: &Model) -> Lane {
        let (hours, kinds) = (problem.hours(), problem.hardware.len());
        let mut lane = Lane {
            shares: vec![0; hours * kinds],
            api: match model.place {
                Place::StaysInside => None,
                _ => model.api.as_ref().map(|api| api.iter().map(|m| m.nanos()).collect()),
            },
            idle: vec![true; hours],
            most: vec![0; kinds],
        };
        for (h, hardware) in problem.hardware.iter().enumerate() {
            let Some(load) = model.loads.get(h).and_then(Option::as_ref) else { continue };
            if !model.runs_on(h, hardware) {
                continue;
            }
            for (t, &nodes) in load.iter().enumerate() {
                let (nodes, share) = match basis {
                    Basis::Hour => (nodes * model.cover(t), share(nodes * model.cover(t))),
                    Basis::Mean => (nodes, share_of_mean(nodes)),
                };
                lane.shares[t * kinds + h] = share;
                lane.idle[t] &= nodes == 0.0;
                lane.most[h] = lane.most[h].max(if nodes == 0.0 { 0 } else { ALL.div_ceil(share) as u32 });
            }
        }
        if let Some(api) = &lane.api {
            lane.idle = lane.idle.iter().zip(api).map(|(&idle, &nanos)| idle && nanos == 0).collect();
        }
        lane
    }

    /// Parts of hour `t` that these nodes leave over.
    pub(crate) fn rest(&self, t: usize, nodes: &[u32]) -> u64 {
        let shares = &self.shares[t * nodes.len()..(t + 1) * nodes.len()];
        let carried = shares.iter().zip(nodes).map(|(&share, &n)| share.saturating_mul(u64::from(n)));
        ALL.saturating_sub(carried.fold(0, u64::saturating_add))
    }

    /// What hour `t` costs outside: at the API, or where it may not go there, more than anything.
    pub(crate) fn outside(&self, t: usize) -> f64 {
        self.api.as_ref().map_or(REFUSED, |api| api[t] as f64)
    }

    /// Where the model may run at all.
    pub(crate) fn runs_on(&self, h: usize) -> bool {
        self.most[h] > 0
    }
}

impl Model {
    /// By how much the load of an hour is raised before nodes are counted: what may not leave has nowhere to go in the
    /// hour's highest ten minutes.
    fn cover(&self, t: usize) -> f64 {
        match (self.place, &self.peaks) {
            (Place::StaysInside, Some(peaks)) => peaks[t],
            _ => 1.0,
        }
    }
}

/// The parts that one node carries of an hour that needs `nodes` of them; rounded up, so that three thirds are a whole.
fn share(nodes: f64) -> u64 {
    if nodes <= 1.0 { ALL } else { (ALL as f64 / nodes).ceil() as u64 }
}

/// The same without an end at all of it: a node with nothing to do could carry a million times as much.
fn share_of_mean(nodes: f64) -> u64 {
    (ALL as f64 / nodes.max(1e-6)).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_of_nodes_carry_loads_of_as_many_nodes_to_the_last_part() {
        for nodes in 1..=2_000u64 {
            assert!(share(nodes as f64) * nodes >= ALL, "{nodes}");
            assert!(nodes == 1 || share(nodes as f64) * (nodes - 1) < ALL, "{nodes}");
        }
    }
}
