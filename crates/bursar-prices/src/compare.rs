//! What differs between two price lists.

use std::collections::BTreeMap;

use bursar_core::{Meter, PriceList, PriceRow, UnitPrice};

/// What a row is about, apart from its prices and sources.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowKey {
    /// The provider.
    pub provider: String,
    /// The model.
    pub model: String,
    /// The region; empty for all.
    pub region: String,
    /// The service tier.
    pub tier: &'static str,
    /// The context band.
    pub context_above: u64,
    /// List, override or contract.
    pub kind: &'static str,
    /// The start of validity in microseconds; the least number where it is open.
    pub effective_from: i64,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The row.
    pub row: RowKey,
    /// The meter.
    pub meter: Meter,
    /// The price before; `None` where there was none.
    pub before: Option<UnitPrice>,
    /// The price after; `None` where there is none.
    pub after: Option<UnitPrice>,
}

/// Every price that differs, in order.
#[must_use]
pub fn differences(before: &PriceList, after: &PriceList) -> Vec<Difference> {
    let (old, new) = (by_key(before), by_key(after));
    let mut keys: Vec<&RowKey> = old.keys().chain(new.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut found = Vec::new();
    for key in keys {
        let price = |rows: &BTreeMap<RowKey, &PriceRow>, m| rows.get(key).and_then(|r| r.prices.get(m));
        for &meter in Meter::ALL {
            let (before, after) = (price(&old, meter), price(&new, meter));
            if before != after {
                found.push(Difference { row: key.clone(), meter, before, after });
            }
        }
    }
    found
}

fn by_key(list: &PriceList) -> BTreeMap<RowKey, &PriceRow> {
    list.rows().iter().map(|row| (key_of(row), row)).collect()
}

/// The key of a row.
#[must_use]
pub fn key_of(row: &PriceRow) -> RowKey {
    RowKey {
        provider: row.provider.clone(),
        model: row.model.clone(),
        region: row.region.clone().unwrap_or_default(),
        tier: row.tier.name(),
        context_above: row.context_above,
        kind: row.kind.name(),
        effective_from: row.effective_from.map_or(i64::MIN, bursar_core::Timestamp::micros),
    }
}
