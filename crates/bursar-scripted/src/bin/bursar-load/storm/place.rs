//! What the storm needs before it and looks at after it: midnight, keys, and what is held.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use bursar_scripted::Client;
use bursar_scripted::storm::{KEYS, app_of, team_of};
use serde_json::Value;

use crate::gateway_process::Gateway;

const DAY: u64 = 86_400;

/// When the budgets' day ends, and the time zone in which that is midnight.
#[derive(Debug)]
pub(super) struct Rollover {
    pub(super) zone: String,
    pub(super) at_micros: i64,
}

impl Rollover {
    /// A day that ends so many seconds from now.
    pub(super) fn in_seconds(seconds: u64) -> anyhow::Result<Rollover> {
        let at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + seconds;
        let into_day = at % DAY;
        let (sign, offset) = if into_day <= DAY / 2 { ('-', into_day) } else { ('+', DAY - into_day) };
        let zone = format!("{sign}{:02}:{:02}:{:02}", offset / 3_600, offset / 60 % 60, offset % 60);
        Ok(Rollover { zone, at_micros: i64::try_from(at)? * 1_000_000 })
    }
}

/// Makes the virtual keys, each fixed to its app and team, and gives their secrets.
pub(super) fn make_keys(gateway: &Gateway) -> anyhow::Result<Vec<String>> {
    (0..KEYS)
        .map(|key| {
            let app = app_of(key);
            let mut command = gateway.command();
            command.args(["--json", "keys", "create", "--app", &format!("app-{app}")]);
            command.args(["--team", &format!("team-{}", team_of(app))]);
            let output = command.output().context("run bursar keys create")?;
            if !output.status.success() {
                bail!("bursar keys create: {}", String::from_utf8_lossy(&output.stderr).trim());
            }
            let answer: Value = serde_json::from_slice(&output.stdout)?;
            answer["secret"].as_str().map(str::to_owned).context("the new key has no secret")
        })
        .collect()
}

/// How long leases may last that a killed gateway left behind.
const LONGEST_LEASE: Duration = Duration::from_secs(60);

/// What is held over all accounts of all budgets. After a kill, leases are given the time to end.
pub(super) async fn held(gateway: &Gateway, waits: bool) -> anyhow::Result<i64> {
    let begun = Instant::now();
    loop {
        let held = held_now(gateway).await?;
        let is_over = begun.elapsed() > if waits { LONGEST_LEASE } else { Duration::from_secs(2) };
        if held == 0 || is_over {
            return Ok(held);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

async fn held_now(gateway: &Gateway) -> anyhow::Result<i64> {
    let client = Client::new(gateway.console());
    let request = format!("GET /api/v1/budgets HTTP/1.1\r\nhost: {}\r\n\r\n", gateway.console());
    let reply = client.call(request.as_bytes()).await.context("read the budgets")?;
    let answer: Value = serde_json::from_slice(&reply.body)?;
    let mut accounts = 0;
    let held = sum_of_held(&answer, &mut accounts);
    if accounts == 0 {
        bail!("the answer tells of no account: {answer}");
    }
    Ok(held)
}

/// Adds up every `held` in an answer: an amount in dollars as text, or tokens as a number.
fn sum_of_held(value: &Value, accounts: &mut u64) -> i64 {
    match value {
        Value::Array(items) => items.iter().map(|v| sum_of_held(v, accounts)).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, v)| match v {
                Value::String(text) if name == "held" => {
                    *accounts += 1;
                    text.parse::<bursar_core::Money>().map_or(0, bursar_core::Money::nanos)
                }
                Value::Number(n) if name == "held" => {
                    *accounts += 1;
                    n.as_i64().unwrap_or(0)
                }
                other => sum_of_held(other, accounts),
            })
            .sum(),
        _ => 0,
    }
}
