//! What an earlier process left in flight: the provider has charged for it, so it is booked.

use bursar_core::{
    EndOfStream, MeteredUsage, PriceView, Provenance, Quantities, Rounding, Timings, UsageException,
    UsageRecord,
};
use bursar_prices::{CallFacts, PriceBook, cost_of_call};
use bursar_store::{InFlight, Store, StoreError};

use crate::attempt::now;

/// Books every attempt that was in flight as [`EndOfStream::GatewayStopped`], with what was last seen of it and
/// every quantity marked as estimated. Says how many there were.
///
/// # Errors
///
/// Where the store does not take a record; those that it took stay, and the rest is still in flight.
pub fn recover(in_flight: Vec<InFlight>, book: &PriceBook, store: &Store) -> Result<usize, StoreError> {
    let count = in_flight.len();
    for left in in_flight {
        let record = record_of(left, book);
        store.settle(&record)?;
        store.budgets().book_left_open(&record);
    }
    Ok(count)
}

fn record_of(left: InFlight, book: &PriceBook) -> UsageRecord {
    let InFlight { attempt, progress } = left;
    let seen_something = progress.is_some();
    let mut usage = progress.unwrap_or(attempt.expected);
    usage.quantities = estimated(&usage.quantities);
    note_truncated(&mut usage);
    let ended_at = now();
    let facts = CallFacts {
        provider: &attempt.provider,
        region: attempt.region.as_deref(),
        requested_model: attempt.requested_model.as_deref(),
        at: attempt.started_at,
        known_at: ended_at,
        requested_tier: None,
    };
    let cost = |view| cost_of_call(book, &facts, &usage, view, Rounding::HalfEven);
    let (list_cost, contracted_cost) = (cost(PriceView::List), cost(PriceView::Contracted));
    let reason = if seen_something {
        "the gateway stopped while the answer was on its way; booked from what was last seen of it"
    } else {
        "the gateway stopped while the call was in flight; booked from the request alone"
    };
    UsageRecord {
        id: attempt.id,
        started_at: attempt.started_at,
        ended_at,
        key: attempt.key,
        attribution: attempt.attribution,
        provider: attempt.provider,
        surface: attempt.surface,
        region: attempt.region,
        requested_model: attempt.requested_model,
        tier: usage.tier.unwrap_or_default(),
        usage,
        end: EndOfStream::GatewayStopped,
        status: None,
        list_cost,
        contracted_cost,
        price_version: book.version.clone(),
        reasons: vec![reason.to_owned()],
        timings: Timings::default(),
    }
}

fn estimated(quantities: &Quantities) -> Quantities {
    quantities
        .iter()
        .fold(Quantities::none(), |q, (meter, units, _)| q.with(meter, units, Provenance::Estimated))
}

fn note_truncated(usage: &mut MeteredUsage) {
    if !usage.exceptions.contains(&UsageException::Truncated) {
        usage.exceptions.push(UsageException::Truncated);
    }
}
