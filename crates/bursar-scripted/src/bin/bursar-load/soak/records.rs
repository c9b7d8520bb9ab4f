//! Reads the gateway's records through its own command, as anyone would.

use std::str::FromStr as _;

use anyhow::{Context as _, bail};
use bursar_core::Money;
use bursar_scripted::soak::Booked;
use serde_json::Value;

use crate::gateway_process::Gateway;

const PAGE: &str = "1000";
const MOST_PAGES: usize = 10_000;

/// Every record, page by page.
pub(super) fn read(gateway: &Gateway) -> anyhow::Result<Vec<Booked>> {
    let mut records = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let page = page(gateway, cursor.as_deref())?;
        let list = page["records"].as_array().context("the answer has no records")?;
        for record in list {
            records.push(booked(record).with_context(|| format!("read the record {record}"))?);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(records),
        }
    }
    bail!("the records do not come to an end");
}

fn page(gateway: &Gateway, cursor: Option<&str>) -> anyhow::Result<Value> {
    let mut command = gateway.command();
    command.args(["--json", "requests", "list", "--since", "1d", "--limit", PAGE]);
    if let Some(cursor) = cursor {
        command.args(["--cursor", cursor]);
    }
    let output = command.output().context("run bursar requests list")?;
    if !output.status.success() {
        bail!("bursar requests list: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("the answer is not JSON")
}

fn booked(record: &Value) -> anyhow::Result<Booked> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let cost_nanos = match record["list_cost"].as_str() {
        Some(dollars) => Some(Money::from_str(dollars)?.nanos()),
        None => None,
    };
    let quantities = record["quantities"].as_array().context("no quantities")?;
    let status = match record["status"].as_u64() {
        Some(status) => Some(u16::try_from(status)?),
        None => None,
    };
    Ok(Booked {
        request: text(&record["request"]).context("no request")?,
        attempt: record["attempt"].as_u64().context("no attempt")?,
        tag: text(&record["attribution"]["task"]),
        end: text(&record["end"]).context("no end")?,
        status,
        response_id: text(&record["response_id"]),
        cost_nanos,
        estimated: quantities.iter().any(|q| q["provenance"] != "reported"),
    })
}
