//! What the gateway tells about itself: metrics with bounded labels, and one log line per attempt, without prompts
//! and without secrets.

use bursar_core::UsageRecord;
use bursar_prices::PriceBook;

/// Tells of a settled attempt.
pub(crate) fn settled(record: &UsageRecord, book: &PriceBook) {
    let status = record.status.map_or("none", status_class);
    let provider = record.provider.clone();
    metrics::counter!("bursar_attempts_total", "provider" => provider.clone(),
        "surface" => surface_label(&record.surface), "end" => record.end.name(), "status" => status)
    .increment(1);
    let model = model_label(record, book);
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

/// A model's name as a label: only names that the price list knows, so that clients cannot make up labels.
fn model_label(record: &UsageRecord, book: &PriceBook) -> String {
    match record.model() {
        Some(model) if record.contracted_cost.is_some() || book.knows(&record.provider, model) => {
            model.to_owned()
        }
        _ => "other".to_owned(),
    }
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
