//! models.dev's list: sections by provider, costs in dollars per million tokens, bands under `tiers`.

use std::collections::BTreeMap;

use bursar_core::{Meter, ServiceTier};
use serde_json::Value;

use super::providers::PROVIDERS;
use super::{ImportError, Slot, SlotKey, price_of};

const METERS: &[(&str, Meter)] = &[
    ("input", Meter::Input),
    ("output", Meter::Output),
    ("cache_read", Meter::CacheRead),
    ("cache_write", Meter::CacheWrite5m),
    ("input_audio", Meter::AudioIn),
    ("output_audio", Meter::AudioOut),
    ("reasoning", Meter::Reasoning),
];

/// Every slot of every model of a known provider.
pub(super) fn slots(text: &str) -> Result<BTreeMap<SlotKey, Slot>, ImportError> {
    let value: Value = serde_json::from_str(text).map_err(|e| ImportError::NotJson(e.to_string()))?;
    let sections =
        value.as_object().ok_or_else(|| ImportError::Shape("models.dev", "it is no object".to_owned()))?;
    let mut slots = BTreeMap::new();
    for names in PROVIDERS {
        for section in names.models_dev.iter().filter_map(|name| sections.get(*name)) {
            // The published document keeps the models under `models`; an extract keeps them directly.
            let models = section.get("models").unwrap_or(section).as_object();
            for (model, entry) in models.into_iter().flatten() {
                if let Some(cost) = entry.get("cost") {
                    add_model(names.name, model, cost, &mut slots);
                }
            }
        }
    }
    Ok(slots)
}

fn add_model(provider: &'static str, model: &str, cost: &Value, slots: &mut BTreeMap<SlotKey, Slot>) {
    let mut add = |context_above: u64, cost: &Value| {
        let key = SlotKey {
            provider,
            model: model.to_owned(),
            region: None,
            tier: ServiceTier::Standard,
            context_above,
        };
        let mut slot = Slot::default();
        for &(name, meter) in METERS {
            let price = cost.get(name).and_then(|v| price_of(v, true));
            slot.prices.set(meter, price);
        }
        // Reasoning at the price of output is the rule and needs no price of its own.
        if slot.prices.get(Meter::Reasoning) == slot.prices.get(Meter::Output) {
            slot.prices.set(Meter::Reasoning, None);
        }
        slots.entry(key).or_insert(slot);
    };
    add(0, cost);
    for band in cost.get("tiers").and_then(Value::as_array).into_iter().flatten() {
        if let Some(size) = band.pointer("/tier/size").and_then(Value::as_u64) {
            add(size, band);
        }
    }
    if let Some(over) = cost.get("context_over_200k") {
        add(200_000, over);
    }
}
