//! What becomes of what was held: aborted streams, failed attempts, changed prices, crashes.

use std::sync::Arc;

use bursar_core::budget::WhenTight;
use bursar_core::{Meter, Money};
use bursar_prices::PriceBook;
use bursar_store::{Store, StoreOptions};

use crate::budgets::{IN, OUT, answer_of, balance, budget, by_hand, ceiling, chat, define, held_and_spent};
use crate::callers::gateway;
use crate::provider::Provider;
use crate::rig::{CHAT_PATH, CHAT_STREAM, Setup, now, three_providers};
use crate::wire::post;

#[tokio::test]
async fn an_aborted_stream_is_settled_at_what_was_seen_and_nothing_stays_held() {
    let (rig, provider) = by_hand().await;
    define(&rig, &budget("all", 1_000_000_000, WhenTight::Refuse));
    let mut wire = rig.connect().await;
    wire.send(post(
        CHAT_PATH,
        &[],
        CHAT_STREAM.replace("{", r#"{"max_tokens":3,"#).replacen(r#""max_tokens":3,"role""#, r#""role""#, 1),
    ))
    .await;
    let mut exchange = provider.request().await;
    assert!(held_and_spent(&rig, "all").0 > 0);
    exchange.begin_events().await;
    let words = "one two three four five six seven eight nine ten ".repeat(4);
    exchange
        .chunk(format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{words}\"}}}}]}}\n\n"))
        .await;
    wire.text_begun().await;
    drop(wire);
    exchange.closed().await;
    rig.idle().await;
    let (held, spent) = held_and_spent(&rig, "all");
    let record = rig.latest();
    assert_eq!((held, Some(spent)), (0, record.contracted_cost.map(Money::nanos)));
    assert_eq!(record.usage.quantities.get(Meter::Output), 3, "no estimate is above the limit");
}

#[tokio::test]
async fn every_attempt_is_held_for_itself_and_a_failed_one_gives_its_money_back() {
    let provider = Provider::bind().await;
    let rig = Setup::of(three_providers(&provider.base_url())).each(|p| p.retries = 1).start().await;
    let body = chat(1_000);
    define(&rig, &budget("once", ceiling(&body, 1_000), WhenTight::Refuse));
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &[], &body)).await;
    let mut exchange = provider.request().await;
    exchange.answer(503, &["retry-after-ms: 1"], "").await;
    let mut exchange = exchange.next_request().await;
    assert_eq!(held_and_spent(&rig, "once").0, ceiling(&body, 1_000));
    exchange.answer(200, &["content-type: application/json"], answer_of(10, 2)).await;
    let answer = wire.answer().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(rig.records(answer.head.request_id()).await.len(), 2);
    assert_eq!(held_and_spent(&rig, "once"), (0, 10 * IN + 2 * OUT));
}

#[tokio::test]
async fn every_stream_is_limited_and_settled_within_its_budget_in_every_dialect() {
    let (rig, provider) = gateway(|s| s).await;
    define(&rig, &budget("clamp", 3_000_000, WhenTight::Clamp));
    for turn in 0..30 {
        let (path, body) = [
            (
                CHAT_PATH,
                r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"Hi."}]}"#,
            ),
            (
                "/v1/messages",
                r#"{"model":"claude-haiku-4-5","max_tokens":9000,"stream":true,"messages":[{"role":"user","content":"Hi."}]}"#,
            ),
            (
                "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
                r#"{"contents":[{"role":"user","parts":[{"text":"Hi."}]}]}"#,
            ),
        ][turn % 3];
        let answer = rig.call(post(path, &[], body)).await;
        assert!(matches!(answer.status(), 200 | 429), "{}", answer.text());
        rig.idle().await;
        let balance = balance(&rig, "clamp");
        assert_eq!((balance.held, balance.overrun), (0, 0), "{path}");
        assert!(balance.available >= 0, "{balance:?}");
    }
    let spent: i64 =
        provider.books.entries().iter().map(|e| e.cost_nanos.expect("its price is known there")).sum();
    assert_eq!(held_and_spent(&rig, "clamp").1, spent, "the provider's own books say the same");
}

#[tokio::test]
async fn a_price_that_changes_while_a_call_is_on_its_way_is_the_price_of_the_next_call() {
    let (rig, provider) = by_hand().await;
    let body = chat(100);
    define(&rig, &budget("all", 3 * ceiling(&body, 100), WhenTight::Refuse));
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &[], &body)).await;
    let mut exchange = provider.request().await;
    let twice = r#"
format = 1
provider = "openai"
recorded_at = "2026-01-01"
[[row]]
model = "gpt-4o-mini"
kind = "override"
source = "a test"
price.input = "0.30"
price.output = "1.20"
"#;
    rig.prices.store(Arc::new(rig.prices.load().with_overlay([("twice.toml", twice)]).unwrap()));
    exchange.answer(200, &["content-type: application/json"], answer_of(10, 20)).await;
    wire.answer().await;
    let once = 10 * IN + 20 * OUT;
    assert_eq!(held_and_spent(&rig, "all"), (0, once));
    wire.send(post(CHAT_PATH, &[], &body)).await;
    let mut exchange = exchange.next_request().await;
    assert_eq!(held_and_spent(&rig, "all").0, 2 * ceiling(&body, 100));
    exchange.answer(200, &["content-type: application/json"], answer_of(10, 20)).await;
    wire.answer().await;
    assert_eq!(held_and_spent(&rig, "all"), (0, 3 * once));
}

#[tokio::test]
async fn after_a_crash_what_was_seen_is_spent_and_the_rest_stays_held_until_the_lease_ends() {
    let (rig, provider) = by_hand().await;
    define(&rig, &budget("all", 1_000_000_000, WhenTight::Refuse));
    let body = chat(700);
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &[], &body)).await;
    let _unanswered = provider.request().await;
    rig.store.flush().unwrap();
    // What the disk has at this moment is what a crash leaves.
    let left = tempfile::tempdir().unwrap();
    copy(rig.store.folder(), left.path());
    let options = StoreOptions { folder: left.path().to_owned(), ..StoreOptions::default() };
    let (store, recovery) = Store::open(options).unwrap();
    assert_eq!(recovery.in_flight.len(), 1);
    let lease_until = recovery.in_flight[0].attempt.lease_until.unwrap();
    bursar_gateway::recover(recovery.in_flight, PriceBook::embedded(), &store).unwrap();
    let directory = store.budgets();
    let mut ledger = directory.lock();
    let mut stands = |at| ledger.balances(&"all".parse().unwrap(), at).remove(0);
    let after = stands(now());
    assert!(after.spent > 0, "{after:?}");
    assert_eq!(after.held + after.spent, ceiling(&body, 700));
    ledger.expire(lease_until);
    let ended = ledger.balances(&"all".parse().unwrap(), lease_until).remove(0);
    assert_eq!((ended.held, ended.spent), (0, after.spent));
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
