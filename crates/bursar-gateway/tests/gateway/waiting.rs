//! Calls that wait for money that is held for others.

use std::time::Duration;

use bursar_core::budget::{Budget, Increase, Scope, ScopeField, WhenTight};

use crate::budgets::{IN, OUT, answer_of, balance, budget, by_hand, ceiling, change, chat, define};
use crate::callers::Caller;
use crate::provider::{Exchange, Provider};
use crate::rig::{CHAT_PATH, Rig, now};
use crate::wire::{Wire, post};

fn waiting(name: &str, amount: i64) -> Budget {
    Budget { longest_wait: Duration::from_secs(20), ..budget(name, amount, WhenTight::Clamp) }
}

#[tokio::test]
async fn a_call_waits_for_money_that_is_held_for_others_and_is_served_when_it_comes_back() {
    let (rig, provider) = by_hand().await;
    let body = chat(1_000);
    // Room for one call at a time.
    define(&rig, &waiting("line", ceiling(&body, 1_000) + 10_000));
    let mut first = rig.connect().await;
    first.send(post(CHAT_PATH, &[], &body)).await;
    let mut exchange = provider.request().await;
    let mut others = Vec::new();
    for _ in 0..3 {
        let mut wire = rig.connect().await;
        wire.send(post(CHAT_PATH, &[], &body)).await;
        others.push(wire);
        until_waiting(&rig, others.len()).await;
    }
    assert!(provider.has_no_visitor().await, "nothing goes out that is not held");
    // A client that leaves gives its place up.
    drop(others.remove(0));
    until_waiting(&rig, 2).await;
    for mut wire in std::iter::once(first).chain(others) {
        exchange.answer(200, &["content-type: application/json"], answer_of(1, 1)).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        if rig.gateway.waiting() + rig.gateway.in_flight() > 0 {
            exchange = exchange.next_request().await;
            assert_eq!(exchange.json()["max_tokens"], 1_000, "it waited for the whole of it");
        }
    }
    let after = balance(&rig, "line");
    assert_eq!((after.held, after.spent, after.overrun, after.refused), (0, 3 * (IN + OUT), 0, 0));
}

async fn until_waiting(rig: &Rig, count: usize) {
    let waited = async {
        while rig.gateway.waiting() != count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waited).await.expect("so many wait within 10 s");
}

#[tokio::test]
async fn who_waits_too_long_takes_what_there_is() {
    let (rig, provider) = by_hand().await;
    let body = chat(1_000);
    let amount = ceiling(&body, 1_000) + ceiling(&body, 50);
    let patience = Duration::from_millis(50);
    define(&rig, &Budget { longest_wait: patience, ..waiting("line", amount) });
    let mut first = rig.connect().await;
    first.send(post(CHAT_PATH, &[], &body)).await;
    let mut long = provider.request().await;
    let mut second = rig.connect().await;
    second.send(post(CHAT_PATH, &[], &body)).await;
    let mut short = provider.request().await;
    let limit = short.json()["max_tokens"].as_i64().unwrap();
    assert!((50..100).contains(&limit), "{limit}");
    // What is left now is less than any call needs.
    let third = rig.call(post(CHAT_PATH, &[], &body)).await;
    Caller::OpenAi.is_refused(&third, 429, "quota_exhausted");
    for exchange in [&mut long, &mut short] {
        exchange.answer(200, &["content-type: application/json"], answer_of(1, 1)).await;
    }
    assert_eq!((first.answer().await.status(), second.answer().await.status()), (200, 200));
    assert_eq!(balance(&rig, "line").overrun, 0);
}

#[tokio::test]
async fn a_waiting_call_goes_on_when_the_budget_is_raised() {
    let (rig, provider) = by_hand().await;
    let body = chat(1_000);
    define(&rig, &waiting("line", ceiling(&body, 1_000) + 1));
    let mut first = rig.connect().await;
    first.send(post(CHAT_PATH, &[], &body)).await;
    let _held = provider.request().await;
    let mut second = rig.connect().await;
    second.send(post(CHAT_PATH, &[], &body)).await;
    until_waiting(&rig, 1).await;
    let until = now().plus_micros(3_600_000_000);
    rig.store.budgets().raise(&"line".parse().unwrap(), ceiling(&body, 1_000), until, &change()).unwrap();
    let mut exchange = provider.request().await;
    exchange.answer(200, &["content-type: application/json"], answer_of(1, 1)).await;
    assert_eq!(second.answer().await.status(), 200);
}

/// The headers of an answer after which the gateway connects anew.
const LAST: [&str; 2] = ["content-type: application/json", "connection: close"];

/// A call that is on its way and holds what it may use.
async fn on_its_way(rig: &Rig, provider: &Provider, body: &str, headers: &[&str]) -> (Wire, Exchange) {
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, headers, body)).await;
    (wire, provider.request().await)
}

#[tokio::test]
async fn a_small_call_does_not_pass_a_large_one_that_waits_and_calls_of_other_accounts_do() {
    let (rig, provider) = by_hand().await;
    let (large, small) = (chat(2_000), chat(10));
    define(
        &rig,
        &Budget { per: vec![ScopeField::Team], ..waiting("teams", ceiling(&large, 2_000) + 20_000) },
    );
    let (mut first, mut held) = on_its_way(&rig, &provider, &large, &["x-bursar-team: a"]).await;
    let mut second = rig.connect().await;
    second.send(post(CHAT_PATH, &["x-bursar-team: a"], &large)).await;
    until_waiting(&rig, 1).await;
    let mut third = rig.connect().await;
    third.send(post(CHAT_PATH, &["x-bursar-team: a"], &small)).await;
    until_waiting(&rig, 2).await;
    let (mut other, mut exchange) = on_its_way(&rig, &provider, &large, &["x-bursar-team: b"]).await;
    exchange.answer(200, &LAST, answer_of(1, 1)).await;
    assert_eq!(other.answer().await.status(), 200);
    assert_eq!(rig.gateway.waiting(), 2, "the small one would fit and stands behind the large one");
    held.answer(200, &LAST, answer_of(1, 1)).await;
    assert_eq!(first.answer().await.status(), 200);
    for _ in 0..2 {
        let mut exchange = provider.request().await;
        exchange.answer(200, &LAST, answer_of(1, 1)).await;
    }
    assert_eq!((second.answer().await.status(), third.answer().await.status()), (200, 200));
}

#[tokio::test]
async fn a_waiting_call_goes_on_when_a_new_amount_begins_and_that_window_pays() {
    let (rig, provider) = by_hand().await;
    let body = chat(1_000);
    let mut line = waiting("line", ceiling(&body, 1_000) + 1);
    let begins = now().plus_micros(700_000);
    line.increases.push(Increase {
        amount: 2 * ceiling(&body, 1_000),
        from: begins,
        until: begins.plus_micros(3_600_000_000),
        by: "a test".to_owned(),
        why: "launch".to_owned(),
    });
    define(&rig, &line);
    let (_first, _held) = on_its_way(&rig, &provider, &body, &[]).await;
    let (mut second, mut exchange) = on_its_way(&rig, &provider, &body, &[]).await;
    assert!(now() >= begins, "it waited for the increase");
    exchange.answer(200, &["content-type: application/json"], answer_of(1, 1)).await;
    let answer = second.answer().await;
    assert_eq!(answer.status(), 200);
    rig.store.flush().unwrap();
    let record = rig.latest();
    assert!(record.started_at >= begins, "it began when it went out");
    assert!(record.reasons.iter().any(|r| r.starts_with("waited ")), "{:?}", record.reasons);
}

#[tokio::test]
async fn who_waits_is_refused_when_the_budget_is_paused_and_when_a_refusing_budget_is_short() {
    let (rig, provider) = by_hand().await;
    let body = chat(1_000);
    define(&rig, &waiting("line", ceiling(&body, 1_000) + 1));
    let (_first, _held) = on_its_way(&rig, &provider, &body, &[]).await;
    let mut second = rig.connect().await;
    second.send(post(CHAT_PATH, &[], &body)).await;
    until_waiting(&rig, 1).await;
    rig.store.budgets().pause(&"line".parse().unwrap(), &change()).unwrap();
    Caller::OpenAi.is_refused(&second.answer().await, 429, "quota_exhausted");
    let mut narrow = budget("narrow", 1, WhenTight::Refuse);
    narrow.scopes = vec![Scope::everything().and(ScopeField::Team, "search")];
    define(&rig, &narrow);
    rig.store.budgets().resume(&"line".parse().unwrap(), &change()).unwrap();
    let refused = rig.call(post(CHAT_PATH, &["x-bursar-team: search"], &body)).await;
    Caller::OpenAi.is_refused(&refused, 429, "quota_exhausted");
    assert!(refused.text().contains("narrow"), "{}", refused.text());
}

#[tokio::test]
async fn a_line_that_is_full_lets_nobody_wait() {
    let provider = Provider::bind().await;
    let rig = crate::rig::Setup::of(crate::rig::three_providers(&provider.base_url()))
        .limits(|l| l.waiting = 1)
        .start()
        .await;
    let body = chat(1_000);
    define(&rig, &waiting("line", ceiling(&body, 1_000) + 1));
    let (_first, _held) = on_its_way(&rig, &provider, &body, &[]).await;
    let mut second = rig.connect().await;
    second.send(post(CHAT_PATH, &[], &body)).await;
    until_waiting(&rig, 1).await;
    let third = rig.call(post(CHAT_PATH, &[], &body)).await;
    Caller::OpenAi.is_refused(&third, 429, "quota_exhausted");
    assert!(third.text().contains("more is held for calls on their way"), "{}", third.text());
}
