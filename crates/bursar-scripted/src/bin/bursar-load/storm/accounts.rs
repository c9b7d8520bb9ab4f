//! The two accounts of a storm: the gateway's records, read through its own command, and the provider's books.

use std::collections::HashMap;
use std::str::FromStr as _;

use anyhow::{Context as _, bail};
use bursar_core::{Meter, Money};
use bursar_scripted::storm::{Refused, Settled, StormCall, call_of};
use bursar_scripted::{Ending, Entry};
use serde_json::Value;

use super::drive::{Outcome, Way};
use crate::gateway_process::Gateway;

/// A record of the gateway.
pub(super) struct Record {
    tag: String,
    started_micros: i64,
    is_complete: bool,
    nanos: Option<i64>,
    tokens: i64,
    is_limited: bool,
}

/// What the two accounts say together.
pub(super) struct Ledger {
    pub(super) settled: Vec<Settled>,
    pub(super) lost: u64,
    pub(super) disagreeing: u64,
    pub(super) limited: u64,
}

/// Every record of the gateway.
pub(super) fn records(gateway: &Gateway) -> anyhow::Result<Vec<Record>> {
    let mut records = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut command = gateway.command();
        command.args(["--json", "requests", "list", "--since", "1d", "--limit", "1000"]);
        command.args(cursor.iter().flat_map(|c| ["--cursor", c]));
        let output = command.output().context("run bursar requests list")?;
        if !output.status.success() {
            bail!("bursar requests list: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let page: Value = serde_json::from_slice(&output.stdout)?;
        for record in page["records"].as_array().context("the answer has no records")? {
            records.push(read(record).with_context(|| format!("read the record {record}"))?);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(records),
        }
    }
}

fn read(record: &Value) -> anyhow::Result<Record> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let started: jiff::Timestamp = text(&record["started_at"]).context("no time")?.parse()?;
    let nanos = record["contracted_cost"].as_str().map(Money::from_str).transpose()?.map(Money::nanos);
    let mut tokens = 0;
    for quantity in record["quantities"].as_array().context("no quantities")? {
        let meter: Meter = quantity["meter"].as_str().context("no meter")?.parse()?;
        if meter.is_tokens() {
            tokens += quantity["units"].as_i64().context("no units")?;
        }
    }
    let reasons = record["reasons"].to_string();
    Ok(Record {
        tag: text(&record["attribution"]["task"]).unwrap_or_default(),
        started_micros: started.as_microsecond(),
        is_complete: record["end"] == "complete" && record["status"] == 200,
        nanos,
        tokens,
        is_limited: reasons.contains("limited to"),
    })
}

/// Puts the two accounts side by side, call by call.
pub(super) fn settle(calls: &[StormCall], records: &[Record], entries: &[Entry], rollover: i64) -> Ledger {
    let by_tag: HashMap<&str, &Record> = records.iter().map(|r| (r.tag.as_str(), r)).collect();
    let mut books: HashMap<&str, &Entry> = HashMap::new();
    for entry in entries.iter().filter(|e| e.ending != Ending::Refused) {
        books.insert(entry.tag.as_deref().unwrap_or_default(), entry);
    }
    let lost = books.keys().filter(|tag| !by_tag.contains_key(*tag)).count() as u64;
    let mut ledger = Ledger { settled: Vec::new(), lost, disagreeing: 0, limited: 0 };
    for (number, call) in calls.iter().enumerate() {
        let tag = call_of(number as u64);
        let Some(record) = by_tag.get(tag.as_str()) else { continue };
        let book = books.get(tag.as_str());
        let book_tokens = book.map_or(0, |e| i64::try_from(e.tokens.input + e.tokens.output).unwrap_or(0));
        let is_whole = record.is_complete && book.is_some_and(|e| e.ending == Ending::Completed);
        ledger.disagreeing += u64::from(is_whole && record.tokens != book_tokens);
        ledger.limited += u64::from(record.is_limited);
        ledger.settled.push(Settled {
            number: number as u64,
            key: call.key,
            consumer: consumer_of(call),
            period: usize::from(record.started_micros >= rollover),
            nanos: record.nanos.unwrap_or(0),
            tokens: record.tokens,
            book_nanos: book.and_then(|e| e.cost_nanos).unwrap_or(0),
            book_tokens,
        });
    }
    ledger
}

/// The calls that were refused for a budget.
pub(super) fn refused(calls: &[StormCall], outcomes: &[Outcome], rollover: i64) -> Vec<Refused> {
    outcomes
        .iter()
        .filter_map(|outcome| {
            let Way::Refused(budget) = &outcome.way else { return None };
            let call = &calls[usize::try_from(outcome.number).ok()?];
            let bytes = i64::try_from(call.call.bytes("", None).len()).ok()?;
            Some(Refused {
                number: outcome.number,
                key: call.key,
                consumer: consumer_of(call),
                budget: budget.clone(),
                period: usize::from(outcome.ended_micros >= rollover),
                least: (call.least_nanos(), bytes + 1),
                ceiling: (call.ceiling_nanos(), bytes + i64::try_from(call.max_tokens).ok()?),
            })
        })
        .collect()
}

fn consumer_of(call: &StormCall) -> String {
    let header = call.call.headers.iter().find(|(name, _)| *name == "x-bursar-consumer");
    header.map(|(_, value)| value.clone()).unwrap_or_default()
}
