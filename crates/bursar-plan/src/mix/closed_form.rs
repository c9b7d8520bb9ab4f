//! One model on one kind of node, in closed form.
//!
//! A node that is paid in every hour costs `c` per hour and carries `K` units per hour, each of which costs `p` at the
//! API. It pays while its own utilisation is at least `u* = c ÷ (p·K)` (at exactly `u*` it makes no difference, and is
//! not had). The first node is busy most, each further one
//! less, so the utilisations fall and the costs are convex in the number of nodes: the capacity at which exactly `u*` of
//! the hours have more load is the `1 − u*` quantile of the load-duration curve, and the best whole number of nodes is
//! that quantile divided by `K`, rounded down or up, whichever costs less. Everything is compared in whole numbers.

use bursar_core::{Money, UnitPrice};

use super::load_duration::LoadDuration;

const UNITS_PER_PRICE: i128 = 1_000_000;

/// The node, and the API that it is weighed against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OneNode {
    /// `c`: the node's price per hour.
    pub per_hour: Money,
    /// `K`: units that it carries per hour.
    pub capacity: u64,
    /// `p`: the API's price of the same units.
    pub api: UnitPrice,
}

/// How many nodes to have, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct OneNodePlan {
    /// Nodes to have in every hour.
    pub nodes: u64,
    /// `u*`: a node pays from this utilisation on; `None` where the API is free or the node carries nothing.
    pub break_even: Option<f64>,
    /// The `1 − u*` quantile of the load, in units per hour.
    pub quantile: u64,
    /// The last node's own utilisation; `None` where there is none.
    pub last_utilisation: Option<f64>,
    /// What the next node's own utilisation would be: below `u*`.
    pub next_utilisation: f64,
    /// What the nodes cost over all hours, in millionths of a nano-dollar.
    pub nodes_cost: i128,
    /// What the rest costs at the API, in millionths of a nano-dollar.
    pub api_cost: i128,
}

impl OneNode {
    /// The plan with the lowest cost over the hours of `load`; of several, the one with the fewest nodes. `None` where
    /// the node carries nothing or a price is below zero, since then nothing is best.
    #[must_use]
    pub fn plan(&self, load: &LoadDuration) -> Option<OneNodePlan> {
        if self.capacity == 0 || self.per_hour < Money::ZERO {
            return None;
        }
        let (over, under) = self.break_even_parts();
        let quantile = load.quantile_exceeded(over, under);
        let floor = quantile / self.capacity;
        // The quantile is the lowest of the best capacities: one node fewer can only cost the same by a tie.
        let nodes = [floor, floor + 1].into_iter().min_by_key(|&n| (self.cost(load, n), n))?;
        Some(OneNodePlan {
            nodes,
            break_even: (under > 0).then(|| over as f64 / under as f64),
            quantile,
            last_utilisation: (nodes > 0).then(|| self.utilisation(load, nodes - 1)),
            next_utilisation: self.utilisation(load, nodes),
            nodes_cost: self.nodes_cost(load, nodes),
            api_cost: self.api_cost(load, nodes),
        })
    }

    /// What `nodes` nodes and the API for the rest cost over all hours, in millionths of a nano-dollar, so that no
    /// rounding decides.
    #[must_use]
    pub fn cost(&self, load: &LoadDuration, nodes: u64) -> i128 {
        self.nodes_cost(load, nodes) + self.api_cost(load, nodes)
    }

    /// `u*` as a fraction.
    fn break_even_parts(&self) -> (u128, u128) {
        let over = i128::from(self.per_hour.nanos()) * UNITS_PER_PRICE;
        (over.unsigned_abs(), self.api.nanos_per_million().unsigned_abs() as u128 * u128::from(self.capacity))
    }

    fn nodes_cost(&self, load: &LoadDuration, nodes: u64) -> i128 {
        i128::from(self.per_hour.nanos()) * UNITS_PER_PRICE * i128::from(nodes) * load.hours() as i128
    }

    fn api_cost(&self, load: &LoadDuration, nodes: u64) -> i128 {
        let rest = load.above(u128::from(nodes) * u128::from(self.capacity));
        i128::from(self.api.nanos_per_million()) * i128::try_from(rest).unwrap_or(i128::MAX)
    }

    /// How busy the node after the first `before` is.
    fn utilisation(&self, load: &LoadDuration, before: u64) -> f64 {
        let from = u128::from(before) * u128::from(self.capacity);
        let carried = load.above(from) - load.above(from + u128::from(self.capacity));
        carried as f64 / (self.capacity as f64 * load.hours().max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn node(cents: i64, capacity: u64, cents_per_million: i64) -> OneNode {
        OneNode {
            per_hour: Money::from_nanos(cents * 10_000_000),
            capacity,
            api: UnitPrice::from_nanos_per_million(cents_per_million * 10_000_000).unwrap(),
        }
    }

    #[test]
    fn a_node_is_had_while_it_is_busy_enough_and_the_next_one_is_not() {
        // One million units cost $2 at the API, so a node for $0.98 an hour that carries a million pays from 49 % on.
        let load = LoadDuration::new(vec![3_000_000, 2_000_000, 1_000_000, 500_000]);
        let plan = node(98, 1_000_000, 200).plan(&load).unwrap();
        assert_eq!((plan.nodes, plan.break_even), (2, Some(0.49)));
        assert_eq!((plan.last_utilisation, plan.next_utilisation), (Some(0.5), 0.25));
    }

    #[test]
    fn no_node_is_had_where_even_a_full_one_costs_more_than_the_api() {
        let load = LoadDuration::new(vec![3_000_000; 24]);
        let plan = node(201, 1_000_000, 200).plan(&load).unwrap();
        assert_eq!((plan.nodes, plan.nodes_cost), (0, 0));
        assert!(plan.break_even.unwrap() > 1.0);
    }

    #[test]
    fn a_node_that_carries_nothing_and_a_free_api_make_no_plan_with_nodes() {
        let load = LoadDuration::new(vec![3_000_000; 24]);
        assert_eq!(node(100, 0, 200).plan(&load), None);
        let free = node(100, 1_000, 0).plan(&load).unwrap();
        assert_eq!((free.nodes, free.break_even), (0, None));
    }

    proptest! {
        #[test]
        fn no_other_number_of_nodes_costs_less(
            loads in prop::collection::vec(0u64..2_000_000, 1..40),
            cents in 0i64..500, capacity in 1u64..900_000, price in 0i64..500,
        ) {
            let (node, load) = (node(cents, capacity, price), LoadDuration::new(loads));
            let plan = node.plan(&load).unwrap();
            let cost = plan.nodes_cost + plan.api_cost;
            let most = load.peak() / capacity + 2;
            let step = (most / 400).max(1) as usize;
            for n in (0..=most).step_by(step).chain(plan.nodes.saturating_sub(3)..plan.nodes + 3) {
                prop_assert!(cost <= node.cost(&load, n), "{} nodes cost less than {}", n, plan.nodes);
            }
        }
    }
}
