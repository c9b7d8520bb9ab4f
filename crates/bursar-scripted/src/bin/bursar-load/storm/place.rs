//! What the storm needs before it and looks at after it: midnight, keys, and what is held.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use bursar_core::Money;
use bursar_scripted::Client;
use bursar_scripted::storm::{KEYS, Room, app_of, team_of};
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

/// How long leases may last that a killed gateway left behind: the provider's timeouts and a minute.
const LONGEST_LEASE: Duration = Duration::from_secs(90);

/// What is held when everything has ended: of the present periods over all accounts, and calls with a hold in any
/// period. After a kill, leases are given the time to end.
pub(super) async fn held(gateway: &Gateway, rooms: &[Room], waits: bool) -> anyhow::Result<(i64, u64)> {
    let begun = Instant::now();
    loop {
        let held = (held_now(gateway, rooms).await?, open_holds(gateway).await?);
        let is_over = begun.elapsed() > if waits { LONGEST_LEASE } else { Duration::from_secs(3) };
        if held == (0, 0) || is_over {
            return Ok(held);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

async fn held_now(gateway: &Gateway, rooms: &[Room]) -> anyhow::Result<i64> {
    let mut held = 0;
    for room in rooms {
        let answer = get(gateway, &format!("/api/v1/budgets/{}", room.name)).await?;
        let answer: Value = serde_json::from_str(&answer)?;
        for account in answer["accounts"].as_array().context("a budget has no accounts")? {
            held += match &account["held"] {
                Value::String(text) => text.parse::<Money>()?.nanos(),
                other => other.as_i64().with_context(|| format!("held is {other}"))?,
            };
        }
    }
    Ok(held)
}

/// The gateway's own count of calls with a hold.
async fn open_holds(gateway: &Gateway) -> anyhow::Result<u64> {
    let metrics = get(gateway, "/metrics").await?;
    let line = metrics.lines().find_map(|l| l.strip_prefix("bursar_budget_open_holds "));
    line.context("the metrics do not tell of open holds")?.trim().parse().context("read the open holds")
}

async fn get(gateway: &Gateway, path: &str) -> anyhow::Result<String> {
    let host = gateway.console();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let reply = Client::new(host).call(request.as_bytes()).await.with_context(|| format!("read {path}"))?;
    ensure!(reply.status == 200, "{path} answers with status {}", reply.status);
    Ok(String::from_utf8(reply.body)?)
}
