//! The questions that the API and the commands ask of the store.

use bursar_core::{EndOfStream, Money, PriceView, RecordId, RequestId, Rounding, Timestamp, UsageRecord};
use bursar_prices::{CallFacts, PriceBook, price_call};
use bursar_store::{Dimension, Reader, SpendQuery, UsageQuery};

use crate::answer::{AttemptAnswer, PricedAnswer, RecordAnswer, RequestAnswer, SpendAnswer, UsageAnswer};
use crate::params::{FILTERS, Given};
use crate::problem::Problem;

const HOUR_MICROS: i64 = 3_600_000_000;
/// How far back a question goes that says nothing.
const DEFAULT_SINCE: &str = "7d";

/// Spend by groups, from the hourly cubes. The range is widened to whole hours.
pub fn spend(reader: &Reader, given: &Given, now: Timestamp) -> Result<SpendAnswer, Problem> {
    let by = dimensions(given.text("by").unwrap_or("team,model"))?;
    let (since, until) = range(given, now)?;
    let whole = (since.hour().start(), until.plus_micros(HOUR_MICROS - 1).hour().start());
    let query = SpendQuery { since: whole.0, until: whole.1, by: by.clone(), filter: filter(given) };
    let rows = reader.spend(&query).map_err(Problem::store)?;
    let names: Vec<&str> = by.iter().map(|d| d.name()).collect();
    Ok(SpendAnswer::of(whole, &names, rows.into_iter().map(|r| (r.group, r.cell)).collect()))
}

/// Single attempts, the latest first, a page of them.
pub fn usage(reader: &Reader, given: &Given, now: Timestamp) -> Result<UsageAnswer, Problem> {
    let (since, until) = range(given, now)?;
    let limit = given.number("limit", 1, 1000)?.unwrap_or(100) as usize;
    let query = UsageQuery {
        since: Some(since),
        until: Some(until),
        filter: filter(given),
        task: given.text("task").map(str::to_owned),
        end: given.text("end").map(ending).transpose()?,
        status: given.number("status", 100, 999)?.and_then(|s| u16::try_from(s).ok()),
        unpriced: given.flag("unpriced")?,
        before: given.text("cursor").map(read_cursor).transpose()?,
        limit: limit + 1,
    };
    let mut records = reader.usage(&query).map_err(Problem::store)?;
    let has_more = records.len() > limit;
    records.truncate(limit);
    let next_cursor = records.last().filter(|_| has_more).map(write_cursor);
    Ok(UsageAnswer { records: records.iter().map(RecordAnswer::from).collect(), next_cursor })
}

/// One request: every attempt as it was booked, and derived again.
pub fn request(reader: &Reader, id: &str, prices: &PriceBook) -> Result<RequestAnswer, Problem> {
    let id: RequestId = id.parse().map_err(|e| Problem::bad_value("id", e))?;
    let records = reader.request(id).map_err(Problem::store)?;
    if records.is_empty() {
        return Err(Problem::not_found(
            format!("no request {id} is recorded"),
            "a request is recorded when it ends; bursar requests list shows the latest",
        ));
    }
    Ok(explained(&records, prices))
}

/// The attempts of one request, each as it was booked and derived again. No attempt at all gives an empty answer.
#[must_use]
pub fn explained(records: &[UsageRecord], prices: &PriceBook) -> RequestAnswer {
    let sum = |amount: fn(&UsageRecord) -> Option<Money>| {
        let amounts: Option<Vec<Money>> = records.iter().map(amount).collect();
        amounts.and_then(Money::checked_sum).map(|m| m.to_string())
    };
    RequestAnswer {
        request: records.first().map_or(String::new(), |r| r.id.request.to_string()),
        priced: records.iter().all(|r| !r.is_unpriced()),
        contracted_cost: sum(|r| r.contracted_cost),
        list_cost: sum(|r| r.list_cost),
        attempts: records.iter().map(|r| attempt(r, prices)).collect(),
    }
}

fn attempt(record: &UsageRecord, prices: &PriceBook) -> AttemptAnswer {
    let derived = |view, recorded: Option<Money>| {
        let facts = CallFacts {
            provider: &record.provider,
            region: record.region.as_deref(),
            requested_model: record.requested_model.as_deref(),
            at: record.started_at,
            known_at: record.ended_at,
            requested_tier: Some(record.tier),
        };
        let call = price_call(prices, &facts, &record.usage, view, Rounding::HalfEven);
        let agrees = call.total == recorded;
        let explanation = call.explanation;
        (PricedAnswer::of(call.priced.row, &call.priced.lines, call.total, recorded, explanation), agrees)
    };
    let (contracted, contracted_agrees) = derived(PriceView::Contracted, record.contracted_cost);
    let (list, list_agrees) = derived(PriceView::List, record.list_cost);
    let agrees = contracted_agrees && list_agrees;
    AttemptAnswer {
        notes: notes(record, prices, agrees),
        record: RecordAnswer::from(record),
        agrees,
        derived_with: prices.version.clone(),
        contracted,
        list,
    }
}

fn notes(record: &UsageRecord, prices: &PriceBook, agrees: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if record.price_version != prices.version {
        notes.push(format!(
            "booked with price list {}, which is not the one at hand; derived again with {}",
            record.price_version, prices.version
        ));
    }
    if !agrees {
        notes.push("a derived amount is not the booked one; the booked one stands".to_owned());
    }
    notes
}

/// The range of a question; the last seven days where it says nothing.
fn range(given: &Given, now: Timestamp) -> Result<(Timestamp, Timestamp), Problem> {
    let since = match given.time("since", now)? {
        Some(since) => since,
        None => crate::times::parse_time(DEFAULT_SINCE, now).map_err(|e| Problem::bad_value("since", e))?,
    };
    let until = given.time("until", now)?.unwrap_or(now);
    if since < until {
        return Ok((since, until));
    }
    Err(Problem::bad_value("until", "the range is empty: until is not after since"))
}

fn dimensions(by: &str) -> Result<Vec<Dimension>, Problem> {
    let mut found: Vec<Dimension> = Vec::new();
    for name in by.split(',').map(str::trim) {
        let allowed = || Dimension::ALL.map(Dimension::name).join(", ");
        let dimension = Dimension::from_name(name)
            .ok_or_else(|| Problem::bad_value("by", format!("{name:?} is none of {}", allowed())))?;
        if found.contains(&dimension) {
            return Err(Problem::bad_value("by", format!("{name} is named twice")));
        }
        found.push(dimension);
    }
    Ok(found)
}

/// The values that records must have; `-` asks for those where nobody said.
fn filter(given: &Given) -> Vec<(Dimension, Option<String>)> {
    let value = |text: &str| (text != "-").then(|| text.to_owned());
    let one = |name: &str| Some((Dimension::from_name(name)?, value(given.text(name)?)));
    FILTERS.iter().filter_map(|p| one(p.name)).collect()
}

fn ending(name: &str) -> Result<EndOfStream, Problem> {
    let allowed = || EndOfStream::ALL.map(EndOfStream::name).join(", ");
    EndOfStream::from_name(name)
        .ok_or_else(|| Problem::bad_value("end", format!("{name:?} is none of {}", allowed())))
}

/// Where a page ended: the time and id of its last record.
fn write_cursor(record: &UsageRecord) -> String {
    format!("{:x}.{:x}.{}", record.started_at.micros(), record.id.request.0, record.id.attempt)
}

fn read_cursor(text: &str) -> Result<(Timestamp, RecordId), Problem> {
    let read = || {
        let mut parts = text.split('.');
        let micros = i64::from_str_radix(parts.next()?, 16).ok()?;
        let request = RequestId(u128::from_str_radix(parts.next()?, 16).ok()?);
        let attempt = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some((Timestamp::from_micros(micros), RecordId { request, attempt }))
    };
    read().ok_or_else(|| Problem::bad_value("cursor", format!("{text:?} is no next_cursor of a page before")))
}
