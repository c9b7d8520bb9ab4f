//! Chips whose measured throughput makes them dear, wherever a supply offers them.

use super::answer::DearerShown;
use crate::placement::Inputs;
use crate::throughput::Entry;

/// A note for every measurement with a price of an accelerator that the supply offers.
pub(super) fn dearer(inputs: &Inputs<'_>) -> Vec<DearerShown> {
    let mut shown: Vec<DearerShown> = Vec::new();
    let mut accelerators: Vec<&str> =
        inputs.supply.rows.iter().map(|r| r.node.accelerator.as_str()).collect();
    accelerators.sort_unstable();
    accelerators.dedup();
    for accelerator in accelerators {
        let offered_as = || {
            let rows = inputs.supply.rows.iter().filter(|r| r.node.accelerator == accelerator);
            rows.map(|r| r.node.name.clone()).collect()
        };
        for note in inputs.catalogue.of_accelerator(accelerator).filter_map(Entry::price_note) {
            let accelerator = accelerator.to_owned();
            shown.push(DearerShown { accelerator, offered_as: offered_as(), note });
        }
    }
    shown
}
