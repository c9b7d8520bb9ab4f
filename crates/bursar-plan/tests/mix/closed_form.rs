//! The closed form against every other number of nodes, on every trace.

use bursar_plan::mix::closed_form::OneNode;
use bursar_plan::mix::load_duration::LoadDuration;

use crate::grid::{BREAK_EVENS, node, sizes};
use crate::traces::hourly;

/// The lowest cost of all numbers of nodes, in millionths of a nano-dollar, worked out hour by hour.
fn lowest(node: &OneNode, tokens: &[u64]) -> i128 {
    let peak = tokens.iter().max().copied().unwrap_or(0);
    let cost = |n: u64| -> i128 {
        let left: u64 = tokens.iter().map(|t| t.saturating_sub(n * node.capacity)).sum();
        let nodes = i128::from(node.per_hour.nanos()) * 1_000_000 * i128::from(n) * tokens.len() as i128;
        nodes + i128::from(left) * i128::from(node.api.nanos_per_million())
    };
    (0..=peak.div_ceil(node.capacity) + 1).map(cost).min().unwrap_or(0)
}

#[test]
fn the_closed_form_has_no_regret_on_any_trace_size_and_break_even_point() {
    let (mut cases, mut with_nodes) = (0, 0);
    for (model, hours) in hourly() {
        let tokens: Vec<u64> = hours.iter().map(|h| h.output_tokens).collect();
        let load = LoadDuration::new(tokens.clone());
        for (capacity, thousandths) in sizes(load.peak()).flat_map(|k| BREAK_EVENS.map(|u| (k, u))) {
            let node = node(capacity, thousandths);
            let plan = node.plan(&load).unwrap();
            let cost = plan.nodes_cost + plan.api_cost;
            assert_eq!(
                cost,
                lowest(&node, &tokens),
                "{model}, {capacity} tokens per hour, u* {thousandths} ‰"
            );
            let (last, next) = (plan.last_utilisation, plan.next_utilisation);
            let break_even = plan.break_even.unwrap();
            assert!(last.is_none_or(|u| u >= break_even - 1e-12) && next <= break_even + 1e-12, "{model}");
            cases += 1;
            with_nodes += u32::from(plan.nodes > 0);
        }
    }
    println!("{cases} cases, {with_nodes} of them with nodes: no regret");
    assert_eq!(cases, 5 * 25 * 29);
    assert!((1_000..cases).contains(&with_nodes), "the grid has cases of both kinds: {with_nodes}");
}
