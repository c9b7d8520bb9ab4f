//! Rows from published price lists.
//!
//! Numbers are taken from the text of the JSON as decimals, never as floating-point numbers.

mod cross_check;
mod limits;
mod litellm;
mod models_dev;
mod providers;

use bursar_core::{Meter, ServiceTier, Timestamp, UnitPrice};
use serde_json::Value;

pub use cross_check::{CrossCheck, cross_check, files_of};
pub use limits::{limit_files_of, limits_of};
pub use providers::{PROVIDERS, ProviderNames};

use bursar_core::price_list::UnitPrices;

/// What the importer needs to know beside the text.
#[derive(Clone, Debug)]
pub struct ImportFacts {
    /// The list's name and version, for the rows' source, such as `litellm 1.109.1`.
    pub source: String,
    /// The list's date (ISO 8601).
    pub as_of: String,
    /// When the rows enter our list.
    pub recorded_at: Timestamp,
}

/// Prices of one model at one tier and band, before they become a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlotKey {
    pub(crate) provider: &'static str,
    pub(crate) model: String,
    pub(crate) region: Option<String>,
    pub(crate) tier: ServiceTier,
    pub(crate) context_above: u64,
}

/// The prices of a slot and the page that the list names as its own source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot {
    pub(crate) prices: UnitPrices,
    pub(crate) page: Option<String>,
}

/// A text that is no price list, or not the expected one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Not JSON.
    #[error("the list is not JSON: {0}")]
    NotJson(String),
    /// JSON of another shape.
    #[error("the list is not shaped like {0}'s: {1}")]
    Shape(&'static str, String),
}

/// A format that can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFormat {
    /// LiteLLM's `model_prices_and_context_window.json`.
    LiteLlm,
    /// models.dev's `api.json`.
    ModelsDev,
}

impl ListFormat {
    /// Tells the format by the text's shape.
    pub fn detect(text: &str) -> Result<ListFormat, ImportError> {
        let value: Value = serde_json::from_str(text).map_err(|e| ImportError::NotJson(e.to_string()))?;
        let object = value.as_object();
        let any_cost = |v: &Value| {
            v.as_object().is_some_and(|o| o.contains_key("litellm_provider") || o.contains_key("mode"))
        };
        match object {
            Some(entries) if entries.values().any(any_cost) => Ok(ListFormat::LiteLlm),
            Some(_) => Ok(ListFormat::ModelsDev),
            None => Err(ImportError::Shape("LiteLLM or models.dev", "it is no object".to_owned())),
        }
    }
}

/// Rows of one list alone; `single source` is said on each.
pub fn import(
    format: ListFormat,
    text: &str,
    facts: &ImportFacts,
) -> Result<Vec<bursar_core::PriceRow>, ImportError> {
    let slots = match format {
        ListFormat::LiteLlm => litellm::slots(text)?,
        ListFormat::ModelsDev => models_dev::slots(text)?,
    };
    Ok(cross_check::rows_of_one(&slots, facts))
}

/// A number of a JSON list as the price of one unit, or of a million; `None` where it is missing or cannot be held
/// exactly. What was computed in binary fractions is taken for what was meant: `0.049999999999999996` for `0.05`.
pub(crate) fn price_of(value: &Value, per_million: bool) -> Option<UnitPrice> {
    let text = without_binary_noise(&value.as_number()?.to_string());
    let price = if per_million {
        UnitPrice::from_dollars_per_million(&text)
    } else {
        UnitPrice::from_dollars_per_unit(&text)
    };
    price.ok()
}

/// Digits of a number that no published price reaches, and only a sum or product of binary fractions has.
const NOISY_DIGITS: usize = 16;
/// Digits that such a number is rounded to.
const KEPT_DIGITS: usize = 12;

/// A decimal number with [`KEPT_DIGITS`] digits, where it has [`NOISY_DIGITS`] or more.
fn without_binary_noise(text: &str) -> String {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    let (Ok(exponent), true) = (exponent.parse::<i64>(), digits.len() >= NOISY_DIGITS) else {
        return text.to_owned();
    };
    let (kept, dropped) = digits.split_at(KEPT_DIGITS);
    let up = u64::from(dropped.as_bytes()[0] >= b'5');
    let Ok(kept) = kept.parse::<u64>().map(|n| n + up) else { return text.to_owned() };
    let place = exponent + (dropped.len() as i64) - (fraction.len() as i64);
    format!("{kept}e{place}")
}

/// Whether a meter's price in a band is that of the base band where the list gives none: bands are about tokens.
pub(crate) fn inherits_into_bands(meter: Meter) -> bool {
    !meter.is_tokens()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_that_was_computed_in_binary_fractions_is_what_was_meant() {
        for (given, per_million, meant) in [
            ("0.049999999999999996", true, "0.05"),
            ("0.30000000000000004", true, "0.3"),
            ("0.21600000000000003", true, "0.216"),
            ("4.9999999999999996e-08", false, "0.05"),
            ("0.9999999999999999", true, "1"),
            ("1.25e-06", false, "1.25"),
            ("0.0375", true, "0.0375"),
        ] {
            let value: Value = serde_json::from_str(given).unwrap();
            let meant = UnitPrice::from_dollars_per_million(meant).unwrap();
            assert_eq!(price_of(&value, per_million), Some(meant), "{given}");
        }
        let below_zero: Value = serde_json::from_str("-0.049999999999999996").unwrap();
        assert_eq!(price_of(&below_zero, true), None);
    }
}
