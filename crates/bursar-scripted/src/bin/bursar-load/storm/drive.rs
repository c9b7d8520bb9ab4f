//! Sends the calls of a storm, changes a price in its middle, kills the gateway where asked, and notes what became of
//! every call.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use bursar_scripted::Client;
use bursar_scripted::client::{CallError, Reply};
use bursar_scripted::storm::StormCall;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::gateway_process::Gateway;

/// What to send.
pub(super) struct Plan {
    pub(super) calls: Vec<StormCall>,
    pub(super) keys: Vec<String>,
    pub(super) concurrency: usize,
    pub(super) kills: u64,
    /// When the budgets' period ends.
    pub(super) rollover_micros: i64,
}

/// The second half begins so long before the rollover, so that its calls are on their way when it comes.
const BEFORE_ROLLOVER: i64 = 300_000;

/// What was sent.
pub(super) struct Driven {
    pub(super) calls: Vec<StormCall>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) gateway: Gateway,
}

/// What became of a call.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) number: u64,
    pub(super) way: Way,
    pub(super) ended_micros: i64,
}

/// How a call ended, as its caller saw it.
#[derive(Debug)]
pub(super) enum Way {
    /// The answer began; its caller may have left it.
    Served,
    /// Refused for the budget of this name.
    Refused(String),
    /// An error of the provider, passed on.
    Error(u16),
    /// No connection, or one that broke off.
    Broken,
}

impl Way {
    /// What it is, where it is neither served nor refused for a budget.
    pub(super) fn otherwise(&self) -> Option<String> {
        match self {
            Way::Served | Way::Refused(_) => None,
            Way::Error(status) => Some(format!("answered with status {status}")),
            Way::Broken => Some("broken off".to_owned()),
        }
    }
}

/// Sends everything.
pub(super) async fn drive(plan: Plan, mut gateway: Gateway) -> anyhow::Result<Driven> {
    let client = Arc::new(Client::new(gateway.address()));
    let room = Arc::new(Semaphore::new(plan.concurrency.max(1)));
    let total = plan.calls.len();
    let mut running = JoinSet::new();
    let mut outcomes = Vec::with_capacity(total);
    let mut kills = 0;
    for (number, call) in plan.calls.iter().enumerate() {
        let permit = Arc::clone(&room).acquire_owned().await?;
        if number == total / 2 {
            change_a_price(&gateway)?;
            sleep_until(plan.rollover_micros - BEFORE_ROLLOVER).await;
        }
        if number == total * 3 / 4 {
            sleep_until(plan.rollover_micros).await;
        }
        let due = usize::try_from(kills + 1)? * total / usize::try_from(plan.kills + 1)?;
        if kills < plan.kills && number == due {
            kills += 1;
            gateway = restart(gateway).await?;
            client.forget_connections();
        }
        let key = &plan.keys[usize::try_from(call.key)?];
        let bytes = call.call.bytes(&client.host(), Some(key));
        let (client, stop_after) = (Arc::clone(&client), call.leaves_after.unwrap_or(usize::MAX));
        running.spawn(async move {
            let way = way_of(client.call_until(&bytes, stop_after).await);
            drop(permit);
            Outcome { number: number as u64, way, ended_micros: now_micros() }
        });
        while let Some(outcome) = running.try_join_next() {
            outcomes.push(outcome?);
        }
    }
    while let Some(outcome) = running.join_next().await {
        outcomes.push(outcome?);
    }
    Ok(Driven { calls: plan.calls, outcomes, gateway })
}

fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

async fn sleep_until(micros: i64) {
    let left = u64::try_from(micros - now_micros()).unwrap_or(0);
    tokio::time::sleep(Duration::from_micros(left)).await;
}

async fn restart(mut gateway: Gateway) -> anyhow::Result<Gateway> {
    tokio::task::spawn_blocking(move || {
        gateway.kill()?;
        gateway.start().map(|()| gateway)
    })
    .await?
    .context("start the gateway again after a kill")
}

/// One model becomes twice as dear.
fn change_a_price(gateway: &Gateway) -> anyhow::Result<()> {
    let mut command = gateway.command();
    command.args(["prices", "override", "openai/gpt-4.1-mini", "input=0.80", "output=3.20"]);
    command.args(["--source", "a price change in the middle of the storm"]);
    let output = command.output().context("run bursar prices override")?;
    if !output.status.success() {
        bail!("bursar prices override: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

fn way_of(answer: Result<Reply, CallError>) -> Way {
    match answer {
        Ok(reply) if reply.status < 400 => Way::Served,
        Ok(reply) => match budget_named(&reply) {
            Some(budget) => Way::Refused(budget),
            None => Way::Error(reply.status),
        },
        // The provider cut it off, and so did the gateway.
        Err(CallError::CutOff { status: 200, .. }) => Way::Served,
        Err(_) => Way::Broken,
    }
}

/// The budget that a refusal for a budget names, wherever its dialect puts the facts.
fn budget_named(reply: &Reply) -> Option<String> {
    fn find(value: &Value) -> Option<String> {
        match value {
            Value::Object(fields) if fields.get("kind").is_some_and(|k| k == "quota_exhausted") => {
                fields.get("budget").and_then(Value::as_str).map(str::to_owned)
            }
            Value::Object(fields) => fields.values().find_map(find),
            Value::Array(items) => items.iter().find_map(find),
            _ => None,
        }
    }
    find(&serde_json::from_slice(&reply.body).ok()?)
}
