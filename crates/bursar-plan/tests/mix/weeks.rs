//! Planned on one week, run on the next.

use bursar_core::Money;
use bursar_plan::mix::closed_form::OneNode;
use bursar_plan::mix::load_duration::LoadDuration;

use crate::grid::{BREAK_EVENS, node, sizes};
use crate::traces::hourly;

const WEEK: usize = 168;

/// What a way to choose costs in the second week beyond the best choice in hindsight.
#[derive(Clone, Debug, Default)]
pub(crate) struct Regret {
    /// One for each model, size of node and break-even point, as parts of the best cost.
    pub(crate) cases: Vec<f64>,
}

impl Regret {
    pub(crate) fn mean(&self) -> f64 {
        self.cases.iter().sum::<f64>() / self.cases.len() as f64
    }

    pub(crate) fn at_most(&self, part: f64) -> f64 {
        self.cases.iter().filter(|&&r| r <= part).count() as f64 / self.cases.len() as f64
    }

    pub(crate) fn most(&self) -> f64 {
        self.cases.iter().copied().fold(0.0, f64::max)
    }
}

/// Ways to choose the number of nodes from the first week.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// The closed form.
    Plan,
    /// The rule of thumb, node by node.
    EachNode,
    /// The rule of thumb, all nodes for the peak or none.
    WholeFleet,
    /// The rule of thumb by the letter: the median load where the whole fleet would pay.
    Baseload,
}

impl Way {
    pub(crate) const ALL: [Way; 4] = [Way::Plan, Way::EachNode, Way::WholeFleet, Way::Baseload];

    /// The rules of thumb are the plan's own arithmetic with a price that is 65 % of the node's, or compare whole bills.
    pub(crate) fn nodes(self, node: &OneNode, load: &LoadDuration) -> u64 {
        let at_65 = OneNode { per_hour: Money::from_nanos(node.per_hour.nanos() * 65 / 100), ..*node };
        let fleet = load.peak().div_ceil(node.capacity);
        let pays = at_65.cost(load, fleet) <= at_65.cost(load, 0);
        match self {
            Way::Plan => node.plan(load).map_or(0, |plan| plan.nodes),
            Way::EachNode => at_65.plan(load).map_or(0, |plan| plan.nodes),
            Way::WholeFleet => {
                if pays {
                    fleet
                } else {
                    0
                }
            }
            Way::Baseload => {
                if pays {
                    load.quantile_exceeded(1, 2) / node.capacity
                } else {
                    0
                }
            }
        }
    }
}

/// The regret of a way over the models with two weeks of demand, 25 sizes of nodes and 29 break-even points.
pub(crate) fn regret(way: Way) -> Regret {
    let mut regret = Regret::default();
    for hours in hourly().values().filter(|hours| hours.len() >= 2 * WEEK) {
        let tokens: Vec<u64> = hours.iter().map(|h| h.output_tokens).collect();
        let (first, second) =
            (LoadDuration::new(tokens[..WEEK].to_vec()), LoadDuration::new(tokens[WEEK..2 * WEEK].to_vec()));
        for capacity in sizes(first.peak()) {
            for thousandths in BREAK_EVENS {
                let node: OneNode = node(capacity, thousandths);
                let best = node.plan(&second).map_or(0, |p| p.nodes_cost + p.api_cost);
                let cost = node.cost(&second, way.nodes(&node, &first));
                regret.cases.push((cost - best) as f64 / best as f64);
            }
        }
    }
    regret
}
