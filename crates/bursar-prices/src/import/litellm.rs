//! LiteLLM's list: one flat object per model, tiers and bands as endings of the keys.

use std::collections::BTreeMap;

use bursar_core::{Meter, ServiceTier};
use serde_json::{Map, Value};

use super::providers::{PROVIDERS, ProviderNames};
use super::{ImportError, Slot, SlotKey, inherits_into_bands, price_of};

/// Every slot of every model of a known provider.
pub(super) fn slots(text: &str) -> Result<BTreeMap<SlotKey, Slot>, ImportError> {
    let mut slots = BTreeMap::new();
    each_model(text, |provider, model, region, entry| {
        add_model(provider, &model, region, entry, &mut slots);
    })?;
    Ok(slots)
}

/// Hands every model of a known provider to `take`: provider, model, region, entry.
pub(super) fn each_model(
    text: &str,
    mut take: impl FnMut(&'static str, String, Option<&str>, &Map<String, Value>),
) -> Result<(), ImportError> {
    let value: Value = serde_json::from_str(text).map_err(|e| ImportError::NotJson(e.to_string()))?;
    let models = value.as_object().ok_or_else(|| shape("it is no object"))?;
    for (key, entry) in models {
        let Some(entry) = entry.as_object() else { continue };
        let provider = entry.get("litellm_provider").and_then(Value::as_str).unwrap_or_default();
        for names in PROVIDERS.iter().filter(|p| p.litellm.contains(&provider)) {
            if let Some((region, model)) = model_name(names, key) {
                take(names.name, model, region.as_deref(), entry);
            }
        }
    }
    Ok(())
}

fn shape(what: &str) -> ImportError {
    ImportError::Shape("LiteLLM", what.to_owned())
}

/// The model's name without the provider, and the region that Azure's keys carry.
fn model_name(names: &ProviderNames, key: &str) -> Option<(Option<String>, String)> {
    let bare = key.strip_prefix(names.litellm_prefix)?;
    if bare.starts_with("ft:") || bare.starts_with("sample_spec") {
        return None;
    }
    match bare.split_once('/') {
        None => Some((None, bare.to_owned())),
        Some((region @ ("eu" | "us"), model)) if names.name == "azure" && !model.contains('/') => {
            Some((Some(region.to_owned()), model.to_owned()))
        }
        Some(_) if matches!(names.name, "groq" | "together" | "fireworks" | "openrouter" | "vertex") => {
            Some((None, bare.to_owned()))
        }
        Some(_) => None,
    }
}

fn add_model(
    provider: &'static str,
    model: &str,
    region: Option<&str>,
    entry: &Map<String, Value>,
    slots: &mut BTreeMap<SlotKey, Slot>,
) {
    let mode = entry.get("mode").and_then(Value::as_str).unwrap_or_default();
    let page = entry.get("source").and_then(Value::as_str).map(str::to_owned);
    let key = |tier, context_above| SlotKey {
        provider,
        model: model.to_owned(),
        region: region.map(str::to_owned),
        tier,
        context_above,
    };
    let mut found: BTreeMap<SlotKey, Slot> = BTreeMap::new();
    for (name, value) in entry {
        let Some((tier, above, meter)) = meaning(name, mode) else { continue };
        let price = match meter {
            Meter::WebSearches => one_search_price(value),
            _ => price_of(value, false),
        };
        if let Some(price) = price {
            found.entry(key(tier, above)).or_default().prices.set(meter, Some(price));
        }
    }
    inherit(&mut found);
    for (key, mut slot) in found {
        slot.page.clone_from(&page);
        slots.entry(key).or_insert(slot);
    }
}

/// Puts what has no band of its own into the bands of its tier.
fn inherit(found: &mut BTreeMap<SlotKey, Slot>) {
    let bases: Vec<(SlotKey, Slot)> =
        found.iter().filter(|(k, _)| k.context_above == 0).map(|(k, s)| (k.clone(), s.clone())).collect();
    for (key, slot) in found.iter_mut().filter(|(k, _)| k.context_above > 0) {
        let base = bases.iter().find(|(b, _)| b.tier == key.tier);
        for (meter, price) in base.into_iter().flat_map(|(_, b)| b.prices.iter()) {
            if inherits_into_bands(meter) && slot.prices.get(meter).is_none() {
                slot.prices.set(meter, Some(price));
            }
        }
    }
}

/// The price of a search where it does not depend on how much of the web is read.
fn one_search_price(value: &Value) -> Option<bursar_core::UnitPrice> {
    let prices: Vec<_> = value.as_object()?.values().map(|v| price_of(v, false)).collect();
    let first = *prices.first()?;
    prices.iter().all(|p| *p == first).then_some(first).flatten()
}

/// The tier, band and meter of a key; `None` for keys that are no prices or that no meter stands for.
fn meaning(name: &str, mode: &str) -> Option<(ServiceTier, u64, Meter)> {
    const TIERS: &[(&str, ServiceTier)] = &[
        ("_batches", ServiceTier::Batch),
        ("_flex", ServiceTier::Flex),
        ("_priority", ServiceTier::Priority),
    ];
    let tier = TIERS.iter().find_map(|&(ending, tier)| name.strip_suffix(ending).map(|rest| (rest, tier)));
    let (rest, tier) = tier.unwrap_or((name, ServiceTier::Standard));
    let (rest, above) = match rest.strip_suffix("k_tokens").and_then(|r| r.rsplit_once("_above_")) {
        Some((base, thousands)) => (base, thousands.parse::<u64>().ok()?.checked_mul(1000)?),
        None => (rest, 0),
    };
    Some((tier, above, meter_of(rest, mode)?))
}

fn meter_of(base: &str, mode: &str) -> Option<Meter> {
    Some(match base {
        "input_cost_per_token" => Meter::Input,
        "output_cost_per_token" => Meter::Output,
        "cache_read_input_token_cost" | "input_cost_per_token_cache_hit" => Meter::CacheRead,
        "cache_creation_input_token_cost" => Meter::CacheWrite5m,
        "cache_creation_input_token_cost_above_1hr" => Meter::CacheWrite1h,
        "output_cost_per_reasoning_token" => Meter::Reasoning,
        "input_cost_per_audio_token" => Meter::AudioIn,
        "output_cost_per_audio_token" => Meter::AudioOut,
        "cache_read_input_audio_token_cost" => Meter::AudioCacheRead,
        "input_cost_per_image_token" => Meter::ImageIn,
        "output_cost_per_image_token" => Meter::ImageOut,
        "cache_read_input_image_token_cost" => Meter::ImageCacheRead,
        "input_cost_per_video_token" => Meter::VideoIn,
        "output_cost_per_image" if mode == "image_generation" => Meter::Images,
        "input_cost_per_second" if mode == "audio_transcription" => Meter::AudioSeconds,
        "input_cost_per_character" if mode == "audio_speech" => Meter::Characters,
        "output_cost_per_second" if mode == "video_generation" => Meter::VideoSeconds,
        "ocr_cost_per_page" => Meter::Pages,
        "input_cost_per_query" if mode == "rerank" => Meter::SearchUnits,
        "input_cost_per_request" => Meter::Requests,
        "search_context_cost_per_query" => Meter::WebSearches,
        _ => return None,
    })
}
