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
/// exactly.
pub(crate) fn price_of(value: &Value, per_million: bool) -> Option<UnitPrice> {
    let text = value.as_number()?.to_string();
    let price = if per_million {
        UnitPrice::from_dollars_per_million(&text)
    } else {
        UnitPrice::from_dollars_per_unit(&text)
    };
    price.ok()
}

/// Whether a meter's price in a band is that of the base band where the list gives none: bands are about tokens.
pub(crate) fn inherits_into_bands(meter: Meter) -> bool {
    !meter.is_tokens()
}
