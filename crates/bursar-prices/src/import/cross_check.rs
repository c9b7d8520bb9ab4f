//! Two lists put side by side: what both say is a price, where they differ the row is quarantined.

use std::collections::BTreeMap;

use bursar_core::{Meter, PriceConflict, PriceKind, PriceRow, ServiceTier, UnitPrice};

use super::providers::PROVIDERS;
use super::{ImportError, ImportFacts, Slot, SlotKey, litellm, models_dev};

/// The outcome of a cross-check.
#[derive(Clone, Debug)]
pub struct CrossCheck {
    /// The rows, in order.
    pub rows: Vec<PriceRow>,
    /// Models that both lists price.
    pub in_both: usize,
    /// Models of the single-source providers that only LiteLLM prices.
    pub single_source: usize,
    /// Rows in quarantine.
    pub quarantined: usize,
}

type Slots = BTreeMap<SlotKey, Slot>;

/// Puts LiteLLM's list (first) and models.dev's (second) side by side.
///
/// A model enters when both lists price its input, or when its provider is one whose own models are taken from
/// LiteLLM alone. Meters that only one list prices are taken from it, except prices of zero: "free" needs two
/// witnesses. models.dev knows the standard tier only.
pub fn cross_check(
    litellm: (&str, &ImportFacts),
    models_dev: (&str, &ImportFacts),
) -> Result<CrossCheck, ImportError> {
    let (first, second) = (litellm::slots(litellm.0)?, models_dev::slots(models_dev.0)?);
    let mut check = CrossCheck { rows: Vec::new(), in_both: 0, single_source: 0, quarantined: 0 };
    for (key, slot) in &first {
        let other = counterpart(&second, key);
        let confirmed = base_of(&second, key).is_some_and(|s| s.prices.get(Meter::Input).is_some());
        if !confirmed && !takes_single_source(key.provider) {
            continue;
        }
        if key.tier == ServiceTier::Standard && key.context_above == 0 {
            check.in_both += usize::from(confirmed);
            check.single_source += usize::from(!confirmed);
        }
        if let Some(row) = row_of(key, slot, other, litellm.1, models_dev.1) {
            check.quarantined += usize::from(row.is_quarantined());
            check.rows.push(row);
        }
    }
    Ok(check)
}

/// Rows of one list alone.
pub(super) fn rows_of_one(slots: &Slots, facts: &ImportFacts) -> Vec<PriceRow> {
    slots.iter().filter_map(|(key, slot)| row_of(key, slot, None, facts, facts)).collect()
}

fn takes_single_source(provider: &str) -> bool {
    PROVIDERS.iter().any(|p| p.name == provider && p.single_source)
}

fn base_of<'a>(slots: &'a Slots, key: &SlotKey) -> Option<&'a Slot> {
    let base = SlotKey { tier: ServiceTier::Standard, context_above: 0, region: None, ..key.clone() };
    slots.get(&base)
}

/// The other list's slot of the same tier and band. Regions are LiteLLM's alone.
fn counterpart<'a>(slots: &'a Slots, key: &SlotKey) -> Option<&'a Slot> {
    if key.region.is_some() { None } else { slots.get(key) }
}

fn row_of(
    key: &SlotKey,
    slot: &Slot,
    other: Option<&Slot>,
    first: &ImportFacts,
    second: &ImportFacts,
) -> Option<PriceRow> {
    let mut row = PriceRow {
        provider: key.provider.to_owned(),
        model: key.model.clone(),
        aliases: Vec::new(),
        region: key.region.clone(),
        tier: key.tier,
        context_above: key.context_above,
        kind: PriceKind::List,
        effective_from: None,
        effective_to: None,
        recorded_at: first.recorded_at,
        source: source_of(slot, other.is_some(), first, second),
        as_of: first.as_of.clone(),
        prices: bursar_core::price_list::UnitPrices::default(),
        conflicts: Vec::new(),
    };
    for &meter in Meter::ALL {
        let (a, b) = (slot.prices.get(meter), other.and_then(|o| o.prices.get(meter)));
        let (price, conflict) = settle(a, b);
        row.prices.set(meter, price);
        if let Some(price) = conflict {
            row.conflicts.push(PriceConflict { meter, source: second.source.clone(), price: Some(price) });
        }
    }
    let any = row.prices.iter().next().is_some();
    any.then_some(row)
}

/// The price of one meter, and what the second list says otherwise.
fn settle(first: Option<UnitPrice>, second: Option<UnitPrice>) -> (Option<UnitPrice>, Option<UnitPrice>) {
    match (first, second) {
        (Some(a), Some(b)) if a == b => (Some(a), None),
        (Some(a), Some(b)) => (Some(a), Some(b)),
        (Some(a), None) | (None, Some(a)) if a != UnitPrice::FREE => (Some(a), None),
        _ => (None, None),
    }
}

fn source_of(slot: &Slot, in_both: bool, first: &ImportFacts, second: &ImportFacts) -> String {
    let lists =
        if in_both { format!("{} and {}", first.source, second.source) } else { first.source.clone() };
    match &slot.page {
        Some(page) => format!("{lists}; {page}"),
        None => lists,
    }
}

/// The price files of a cross-check: name and text, one per provider.
#[must_use]
pub fn files_of(check: &CrossCheck, facts: &ImportFacts, comment: &str) -> Vec<(String, String)> {
    let mut names: Vec<&'static str> = PROVIDERS.iter().map(|p| p.name).collect();
    names.dedup();
    let file = |name: &&str| {
        let rows: Vec<PriceRow> = check.rows.iter().filter(|r| r.provider == **name).cloned().collect();
        (format!("{name}.toml"), crate::file::write(name, facts.recorded_at, comment, &rows))
    };
    names.iter().map(file).collect()
}
