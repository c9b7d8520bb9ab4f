//! Work that is bound to a place by its latency: which local node answers within the limit, at the least cost.

use std::cmp::Reverse;

use bursar_core::Money;

/// A kind of node at a place near the user.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalNode {
    /// Its name, such as `Jetson AGX Thor`.
    pub name: String,
    /// The network's round trip to it, in milliseconds.
    pub round_trip_ms: f64,
    /// The time to its first token, in milliseconds, at the percentile that the limit speaks of.
    pub first_token_ms: f64,
    /// What it carries per hour, in the unit of the load.
    pub per_hour: u64,
    /// Its price per hour.
    pub price: Money,
}

/// Where the work goes.
#[derive(Clone, Debug, PartialEq)]
pub enum EdgePlace {
    /// To local nodes.
    Local {
        /// Which, as a place in the list.
        node: usize,
        /// How many: enough for the highest hour and the spare ones.
        nodes: u64,
        /// What all of them cost per hour.
        per_hour: Money,
        /// Milliseconds of the limit that are left.
        left_ms: f64,
    },
    /// No node on the list is near and quick enough.
    NotPlaceable {
        /// The quickest on the list, and by how many milliseconds it misses the limit; `None` where the list is empty.
        nearest: Option<(usize, f64)>,
    },
}

/// Puts a load whose highest hour is `peak` on the cheapest kind of node whose round trip and first token together are
/// within `limit_ms`; `spare` more of it stand by. Nodes with times that are no numbers, or that carry nothing, do not count.
#[must_use]
pub fn place(limit_ms: f64, (peak, spare): (u64, u32), nodes: &[LocalNode]) -> EdgePlace {
    let answers = |node: &LocalNode| node.round_trip_ms + node.first_token_ms;
    let sound =
        |node: &LocalNode| node.round_trip_ms >= 0.0 && node.first_token_ms >= 0.0 && node.per_hour > 0;
    let usable = || nodes.iter().enumerate().filter(|(_, node)| sound(node));
    let fleet = |(i, node): (usize, &LocalNode)| {
        let count = peak.div_ceil(node.per_hour) + u64::from(spare);
        let nanos = i128::from(node.price.nanos()) * i128::from(count);
        let per_hour = Money::from_nanos(i64::try_from(nanos).ok().filter(|&n| n >= 0)?);
        Some((per_hour, Reverse(node.per_hour), i, count))
    };
    let within = usable().filter(|(_, node)| answers(node) <= limit_ms);
    match within.filter_map(fleet).min() {
        Some((per_hour, _, node, nodes_had)) => {
            let left_ms = limit_ms - answers(&nodes[node]);
            EdgePlace::Local { node, nodes: nodes_had, per_hour, left_ms }
        }
        None => {
            let misses = usable().map(|(i, node)| (i, answers(node) - limit_ms));
            EdgePlace::NotPlaceable { nearest: misses.min_by(|a, b| a.1.total_cmp(&b.1)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, times: (f64, f64), per_hour: u64, cents: i64) -> LocalNode {
        let price = Money::from_nanos(cents * 10_000_000);
        LocalNode { name: name.to_owned(), round_trip_ms: times.0, first_token_ms: times.1, per_hour, price }
    }

    #[test]
    fn the_cheapest_fleet_within_the_budget_of_milliseconds_is_taken() {
        let nodes = [
            node("far and cheap", (80.0, 30.0), 100, 1),
            node("near", (5.0, 60.0), 40, 50),
            node("near and large", (5.0, 40.0), 100, 70),
        ];
        let local = |node, nodes, cents: i64, left_ms| EdgePlace::Local {
            node,
            nodes,
            per_hour: Money::from_nanos(cents * 10_000_000),
            left_ms,
        };
        assert_eq!(place(100.0, (100, 0), &nodes), local(2, 1, 70, 55.0));
        assert_eq!(place(100.0, (30, 0), &nodes), local(1, 1, 50, 35.0));
        assert_eq!(place(110.0, (100, 1), &nodes), local(0, 2, 2, 0.0));
    }

    #[test]
    fn a_limit_that_nothing_keeps_is_told_with_what_comes_nearest() {
        let nodes = [
            node("a", (30.0, 90.0), 10, 1),
            node("b", (20.0, 90.0), 10, 1),
            node("c", (0.0, f64::NAN), 10, 1),
        ];
        assert_eq!(place(100.0, (1, 0), &nodes), EdgePlace::NotPlaceable { nearest: Some((1, 10.0)) });
        assert_eq!(place(100.0, (1, 0), &[]), EdgePlace::NotPlaceable { nearest: None });
    }
}
