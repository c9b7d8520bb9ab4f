//! What the gateway tells about itself: metrics with bounded labels, and one log line per attempt, without prompts
//! and without secrets.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bursar_core::UsageRecord;
use bursar_prices::PriceBook;

/// How often a model without a known cost is warned of again.
const WARNED_EVERY: Duration = Duration::from_secs(3600);
/// The most models that are remembered as warned of; clients make up names.
const MOST_WARNED: usize = 512;

/// Models that were warned of, and when.
#[derive(Default)]
pub(crate) struct Warned(Mutex<HashMap<(String, String), Instant>>);

impl Warned {
    /// Whether the warning is due now; it is then taken as given.
    fn is_due(&self, provider: &str, model: &str, now: Instant) -> bool {
        let mut warned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.len() >= MOST_WARNED {
            warned.retain(|_, at| now.duration_since(*at) < WARNED_EVERY);
        }
        let key = (provider.to_owned(), model.to_owned());
        let is_due =
            warned.get(&key).map_or(warned.len() < MOST_WARNED, |at| now.duration_since(*at) >= WARNED_EVERY);
        if is_due {
            warned.insert(key, now);
        }
        is_due
    }
}

/// Tells of a settled attempt.
pub(crate) fn settled(record: &UsageRecord, book: &PriceBook, warned: &Warned) {
    let status = record.status.map_or("none", status_class);
    let provider = record.provider.clone();
    metrics::counter!("bursar_attempts_total", "provider" => provider.clone(),
        "surface" => surface_label(&record.surface), "end" => record.end.name(), "status" => status)
    .increment(1);
    let model = model_label(record, book).to_owned();
    for (meter, units, provenance) in record.usage.quantities.iter() {
        metrics::counter!("bursar_units_total", "provider" => provider.clone(), "model" => model.clone(),
            "meter" => meter.name(), "provenance" => provenance.name())
        .increment(units);
    }
    if let Some(cost) = record.contracted_cost {
        let nanos = u64::try_from(cost.nanos()).unwrap_or_default();
        metrics::counter!("bursar_contracted_cost_nanodollars_total", "provider" => provider, "model" => model)
            .increment(nanos);
    } else {
        metrics::counter!("bursar_unpriced_attempts_total", "provider" => provider, "model" => model)
            .increment(1);
        warn_of_unpriced(record, book, warned);
    }
    for exception in &record.usage.exceptions {
        metrics::counter!("bursar_usage_exceptions_total", "name" => exception.name()).increment(1);
    }
    log(record);
}

fn log(record: &UsageRecord) {
    tracing::debug!(
        request = %record.id,
        provider = %record.provider,
        surface = %record.surface,
        model = record.model().unwrap_or("unknown"),
        status = record.status.unwrap_or_default(),
        end = record.end.name(),
        tokens = record.usage.quantities.total_tokens(),
        cost_usd = %record.contracted_cost.map_or("unpriced".to_owned(), |c| c.to_string()),
        total_us = record.timings.total_us.unwrap_or_default(),
        "attempt settled"
    );
}

/// A warning, once in a while for each model: spend grows that no amount shows.
fn warn_of_unpriced(record: &UsageRecord, book: &PriceBook, warned: &Warned) {
    let model = record.model().unwrap_or("unknown");
    if !warned.is_due(&record.provider, model, Instant::now()) {
        return;
    }
    let why = if book.knows(&record.provider, model) {
        "the price list has the model; bursar requests show gives the reason"
    } else {
        "the price list does not have the model; bursar prices override gives it one"
    };
    tracing::warn!(request = %record.id.request, provider = %record.provider, model, why, "a call has no known cost");
}

/// A model's name as a label: the one under which the price list keeps it, so that neither clients nor the dated
/// names of snapshots make up labels.
fn model_label<'a>(record: &'a UsageRecord, book: &'a PriceBook) -> &'a str {
    let names = [record.usage.model.as_deref(), record.requested_model.as_deref()];
    let mut listed = names.into_iter().flatten().filter_map(|name| book.listed_name(&record.provider, name));
    listed.next().unwrap_or("other")
}

fn surface_label(name: &str) -> &'static str {
    bursar_wire::Surface::from_name(name).map_or("other", bursar_wire::Surface::name)
}

fn status_class(status: u16) -> &'static str {
    match status {
        200..=299 => "2xx",
        300..=399 => "3xx",
        429 => "429",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_warned_of_once_an_hour_and_made_up_names_fill_no_memory() {
        let (warned, start) = (Warned::default(), Instant::now());
        assert!(warned.is_due("openai", "nameless", start));
        assert!(!warned.is_due("openai", "nameless", start + WARNED_EVERY / 2));
        assert!(warned.is_due("azure", "nameless", start));
        for i in 0..MOST_WARNED * 2 {
            warned.is_due("openai", &format!("made-up-{i}"), start);
        }
        assert_eq!(warned.0.lock().unwrap().len(), MOST_WARNED);
        assert!(warned.is_due("openai", "nameless", start + WARNED_EVERY));
        assert!(warned.0.lock().unwrap().len() < MOST_WARNED);
    }
}
