//! Sends the mix, kills the gateway in its middle, and notes what became of every call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bursar_scripted::Client;
use bursar_scripted::client::{CallError, Reply};
use bursar_scripted::soak::{Outcome, Planned, Treatment, Way, planned};
use indicatif::ProgressBar;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::gateway_process::Gateway;

/// What to do.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) calls: u64,
    pub(super) kills: u64,
    pub(super) concurrency: usize,
    pub(super) seed: u64,
    pub(super) limit: Duration,
}

/// What was done.
pub(super) struct Driven {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) gateway: Gateway,
    pub(super) kills: u64,
}

/// A call that ended so long before a kill may still have been under way in the gateway.
const GRACE: Duration = Duration::from_millis(20);

/// What the calls share.
struct Shared {
    client: Client,
    seed: u64,
}

/// How a call went, and when.
struct Ended {
    number: u64,
    way: Way,
    begun: Instant,
    ended: Instant,
}

/// A time in which the gateway did not run.
struct Outage {
    killed: Instant,
    listening: Instant,
}

/// Sends all calls. Ends with an error where the time runs out or the gateway does not come back.
pub(super) async fn drive(plan: &Plan, gateway: Gateway, bar: &ProgressBar) -> anyhow::Result<Driven> {
    match tokio::time::timeout(plan.limit, send_all(plan, gateway, bar)).await {
        Ok(driven) => driven,
        Err(_) => bail!("the soak was not done after {} s", plan.limit.as_secs()),
    }
}

async fn send_all(plan: &Plan, mut gateway: Gateway, bar: &ProgressBar) -> anyhow::Result<Driven> {
    let shared = Arc::new(Shared { client: Client::new(gateway.address()), seed: plan.seed });
    let room = Arc::new(Semaphore::new(plan.concurrency.max(1)));
    let mut calls = JoinSet::new();
    let mut ended = Vec::with_capacity(usize::try_from(plan.calls)?);
    let mut outages = Vec::new();
    for number in 0..plan.calls {
        let kills = outages.len() as u64;
        if kills < plan.kills && number == plan.calls * (kills + 1) / (plan.kills + 1) {
            bar.set_message(format!("kill {} of {}", kills + 1, plan.kills));
            let outage;
            (gateway, outage) = kill_and_restart(gateway).await?;
            shared.client.forget_connections();
            outages.push(outage);
        }
        let permit = Arc::clone(&room).acquire_owned().await?;
        let theirs = Arc::clone(&shared);
        calls.spawn(async move {
            let ended = call(number, &theirs).await;
            drop(permit);
            ended
        });
        while let Some(call) = calls.try_join_next() {
            ended.push(call?);
            bar.inc(1);
        }
    }
    while let Some(call) = calls.join_next().await {
        ended.push(call?);
        bar.inc(1);
    }
    let outcomes = ended.iter().map(|call| outcome(call, &outages)).collect();
    Ok(Driven { outcomes, gateway, kills: outages.len() as u64 })
}

/// Kills the gateway while as many calls are under way as may be, and starts it again. No call is begun
/// meanwhile but those that were about to be.
async fn kill_and_restart(mut gateway: Gateway) -> anyhow::Result<(Gateway, Outage)> {
    let killed = Instant::now();
    let gateway = tokio::task::spawn_blocking(move || {
        gateway.kill()?;
        gateway.start().map(|()| gateway)
    })
    .await?
    .context("start the gateway again after a kill")?;
    Ok((gateway, Outage { killed, listening: Instant::now() }))
}

async fn call(number: u64, shared: &Shared) -> Ended {
    let begun = Instant::now();
    let Planned { call, treatment } = planned(number, shared.seed);
    let bytes = call.bytes(&shared.client.host(), Some("sk-soak"));
    let stop_after = match treatment {
        Treatment::ClientLeaves { after_bytes } => after_bytes,
        Treatment::Plain | Treatment::Refused | Treatment::ProviderLeaves => usize::MAX,
    };
    let way = match shared.client.call_until(&bytes, stop_after).await {
        Ok(Reply { stopped: true, .. }) => Way::Left,
        Ok(Reply { status, .. }) if status >= 400 => Way::Refused(status),
        Ok(_) => Way::Answered,
        Err(CallError::Connect(_)) => Way::NotSent,
        Err(CallError::Broken(_) | CallError::CutOff { .. } | CallError::Unreadable(_)) => Way::Broken,
    };
    Ended { number, way, begun, ended: Instant::now() }
}

fn outcome(call: &Ended, outages: &[Outage]) -> Outcome {
    let met = |o: &Outage| call.begun <= o.listening && call.ended + GRACE >= o.killed;
    Outcome { number: call.number, way: call.way, near_a_kill: outages.iter().any(met) }
}
