//! `bursar-load race`: many calls at once with one key that has a small budget, at any gateway; the provider's own
//! books say what was really spent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use bursar_core::Money;
use bursar_scripted::Client;
use bursar_scripted::client::CallError;
use bursar_scripted::sample_call::{Kind, SampleCall};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// What `bursar-load race` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The gateway.
    #[arg(long, value_name = "IP:PORT")]
    at: SocketAddr,
    /// The scripted provider behind it (bursar-load provider).
    #[arg(long, value_name = "IP:PORT")]
    provider: SocketAddr,
    /// The key whose budget is raced for.
    #[arg(long)]
    key: String,
    /// The key's budget in dollars.
    #[arg(long)]
    budget: Money,
    /// Calls to send.
    #[arg(long, default_value_t = 400)]
    calls: u64,
    /// Calls under way at a time.
    #[arg(long, default_value_t = 200)]
    concurrency: usize,
    /// Tokens that each call asks for and gets.
    #[arg(long, default_value_t = 500)]
    output_tokens: u64,
    /// What to call the gateway in the report.
    #[arg(long, default_value = "gateway")]
    name: String,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    gateway: String,
    calls: u64,
    /// Calls by the status that the caller saw; 0 where there was none.
    statuses: BTreeMap<u16, u64>,
    budget_nanos: i64,
    spent_nanos: i64,
    /// What was spent beyond the budget.
    overspent_nanos: i64,
    /// What was left of it.
    unspent_nanos: i64,
}

/// Races and prints what came of it.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(args.at.ip().is_loopback() && args.provider.ip().is_loopback(), "a race stays on loopback");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(race(args))?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        let dollars = |nanos| Money::from_nanos(nanos);
        println!(
            "{}: {} calls, by status {:?}; budget ${}, spent ${} by the provider's books, overspent ${}, unspent ${}",
            report.gateway,
            report.calls,
            report.statuses,
            dollars(report.budget_nanos),
            dollars(report.spent_nanos),
            dollars(report.overspent_nanos),
            dollars(report.unspent_nanos),
        );
    }
    Ok(())
}

async fn race(args: &Args) -> anyhow::Result<Report> {
    let before = spent(args.provider).await?;
    let client = Arc::new(Client::new(args.at));
    let room = Arc::new(Semaphore::new(args.concurrency.max(1)));
    let mut calls = JoinSet::new();
    for number in 0..args.calls {
        let permit = Arc::clone(&room).acquire_owned().await?;
        let (client, bytes) = (Arc::clone(&client), call(number, args, &client.host()));
        calls.spawn(async move {
            let status = match client.call(&bytes).await {
                Ok(reply) => reply.status,
                Err(CallError::CutOff { status, .. }) => status,
                Err(_) => 0,
            };
            drop(permit);
            status
        });
    }
    let mut statuses = BTreeMap::new();
    while let Some(status) = calls.join_next().await {
        *statuses.entry(status?).or_default() += 1;
    }
    let (budget_nanos, spent_nanos) = (args.budget.nanos(), spent(args.provider).await? - before);
    Ok(Report {
        gateway: args.name.clone(),
        calls: args.calls,
        statuses,
        budget_nanos,
        spent_nanos,
        overspent_nanos: (spent_nanos - budget_nanos).max(0),
        unspent_nanos: (budget_nanos - spent_nanos).max(0),
    })
}

fn call(number: u64, args: &Args, host: &str) -> Vec<u8> {
    let tokens = args.output_tokens;
    let call = SampleCall {
        kind: Kind::OpenAiChat,
        model: "gpt-4o-mini",
        stream: true,
        prompt_words: 100,
        max_tokens: Some(tokens),
        seed: number,
        // Gateways that drop unknown headers get the same from the model's usual length.
        script: format!("input-tokens=100;output-tokens={tokens};chunks=10;chunk-delay-ms=20"),
        headers: Vec::new(),
    };
    call.bytes(host, Some(&args.key))
}

/// What the provider has charged for so far, calls that were cut off included.
async fn spent(provider: SocketAddr) -> anyhow::Result<i64> {
    let client = Client::new(provider);
    let request = format!("GET /books HTTP/1.1\r\nhost: {provider}\r\n\r\n");
    let reply = client.call(request.as_bytes()).await.context("read the provider's books")?;
    let books: serde_json::Value = serde_json::from_slice(&reply.body)?;
    let sum =
        |part: &str| books[part]["cost_nanos"].as_i64().with_context(|| format!("no {part} in {books}"));
    Ok(sum("completed")? + sum("cut")?)
}
