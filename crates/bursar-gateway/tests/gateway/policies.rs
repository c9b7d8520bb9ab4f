//! The cases that have two answers: no price, no record; and too many requests.

use std::time::Duration;

use bursar_gateway::{ProviderConfig, ProviderSecret, StoreFailure, UnpricedPolicy};
use bursar_wire::Vendor;
use rusqlite::Connection;

use crate::callers::{CALLERS, Caller, gateway};
use crate::provider::Provider;
use crate::rig::{CHAT_PATH, CHAT_STREAM, Rig, Scripted, Setup, three_providers};
use crate::wire::post;

fn unpriced(caller: Caller) -> Vec<u8> {
    match caller {
        Caller::Gemini => post("/v1beta/models/nameless:generateContent", &[], caller.body()),
        _ => post(caller.path(), &[], r#"{"model":"nameless","max_tokens":5,"messages":[]}"#),
    }
}

#[tokio::test]
async fn a_model_without_a_price_is_refused_where_the_policy_says_so() {
    let (rig, provider) = gateway(|mut s| {
        s.config.policies.unpriced = UnpricedPolicy::Refuse;
        s
    })
    .await;
    for caller in CALLERS {
        let answer = rig.call(unpriced(caller)).await;
        caller.is_refused(&answer, 403, "unpriced");
        assert!(answer.text().contains("bursar prices override"), "{}", answer.text());
        assert_eq!(rig.call(caller.call()).await.status(), 200, "a model with a price passes");
    }
    assert_eq!((rig.booked().await, provider.books.entries().len()), (3, 3));
}

#[tokio::test]
async fn a_price_in_dispute_and_a_tier_without_one_are_no_known_prices() {
    let provider = Provider::bind().await;
    let config = ProviderConfig::new("bedrock", Vendor::Bedrock, &provider.base_url());
    let openai = ProviderConfig::new("openai", Vendor::OpenAi, &provider.base_url());
    let mut setup = Setup::of(vec![config, openai]);
    setup.config.policies.unpriced = UnpricedPolicy::Refuse;
    let rig = setup.start().await;
    let book = bursar_prices::PriceBook::embedded();
    let disputed = |row: &&bursar_core::PriceRow| {
        row.provider == "bedrock"
            && row.tier == bursar_core::ServiceTier::Standard
            && row.conflicts.iter().any(|c| c.meter == bursar_core::Meter::Input)
    };
    let row = book.list.rows().iter().find(disputed).expect("a price of Bedrock's is in dispute");
    let path = format!("/model/{}/converse", row.model);
    let answer = rig.call(post(&path, &[], r#"{"messages":[]}"#)).await;
    assert_eq!(answer.status(), 403, "{}", answer.text());
    assert!(answer.text().contains("in dispute"), "{}", answer.text());
    let flex = r#"{"model":"gpt-4o-mini","service_tier":"flex","messages":[]}"#;
    Caller::OpenAi.is_refused(&rig.call(post(CHAT_PATH, &[], flex)).await, 403, "unpriced");
    assert!(provider.has_no_visitor().await);
}

#[tokio::test]
async fn a_fallback_where_the_model_has_no_price_is_not_taken() {
    let (first, second) = (Provider::bind().await, Provider::bind().await);
    let mut openai = three_providers(&first.base_url()).remove(0);
    openai.fallback = vec!["local".to_owned()];
    let local = ProviderConfig::new("local", Vendor::Other, &second.base_url());
    let mut setup = Setup::of(vec![openai, local]);
    setup.config.policies.unpriced = UnpricedPolicy::Refuse;
    let rig = setup.start().await;
    let mut wire = rig.connect().await;
    wire.send(Caller::OpenAi.call()).await;
    first.request().await.answer(503, &["content-type: application/json"], r#"{"own":1}"#).await;
    let answer = wire.answer().await;
    assert_eq!((answer.status(), answer.text().as_str()), (503, r#"{"own":1}"#));
    assert!(second.has_no_visitor().await);
}

#[tokio::test]
async fn a_model_without_a_price_is_else_recorded_without_a_cost_and_never_as_zero() {
    let (rig, _provider) = gateway(|s| s).await;
    for caller in CALLERS {
        let answer = rig.call(unpriced(caller)).await;
        assert_eq!((answer.status(), answer.header("x-bursar-cost")), (200, None), "{}", answer.text());
        let record = rig.record(&answer).await;
        assert_eq!((record.contracted_cost, record.list_cost), (None, None));
        assert!(!record.usage.quantities.is_empty());
    }
}

/// A gateway whose database takes nothing, with room in the journal for a few calls.
async fn stuck(policy: StoreFailure) -> (Rig, Scripted, Connection) {
    let (rig, provider) = gateway(|mut s| {
        s.config.policies.store_failure = policy;
        s.store.journal_bytes = 20_000;
        s.store.patience = Duration::from_millis(100);
        s.each(|p| p.keys = vec![ProviderSecret::new("sk-own")])
    })
    .await;
    rig.store.flush().unwrap();
    let lock = Connection::open(rig.store.folder().join("bursar.sqlite")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    (rig, provider, lock)
}

#[tokio::test]
async fn a_call_that_cannot_be_recorded_is_refused_before_the_provider_sees_it() {
    let (rig, provider, lock) = stuck(StoreFailure::Refuse).await;
    let mut served = 0;
    while rig.call(Caller::OpenAi.call()).await.status() == 200 {
        served += 1;
        assert!(served < 200, "20,000 bytes of journal are never full");
    }
    assert!(served > 0);
    for caller in CALLERS {
        let answer = rig.call(caller.call()).await;
        caller.is_refused(&answer, 503, "store_unavailable");
        assert_eq!(
            (answer.header("retry-after"), answer.header("x-should-retry")),
            (Some("1"), Some("true"))
        );
    }
    assert_eq!(provider.books.entries().len(), served);
    lock.execute_batch("ROLLBACK").unwrap();
    rig.store.flush().unwrap();
    assert_eq!(rig.call(Caller::OpenAi.call()).await.status(), 200);
    assert_eq!(rig.booked().await, served as u64 + 1, "nothing that was served is lost");
}

#[tokio::test]
async fn a_call_that_cannot_be_recorded_goes_on_where_the_policy_says_so() {
    let (rig, provider, lock) = stuck(StoreFailure::GoOn).await;
    for turn in 0..60 {
        let caller = CALLERS[turn % 3];
        let answer = rig.call(caller.call()).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert!(answer.header("x-bursar-cost").is_some(), "the answer tells its cost all the same");
    }
    lock.execute_batch("ROLLBACK").unwrap();
    let booked = rig.booked().await;
    assert!((1..60).contains(&booked), "{booked} of 60 had room in the journal");
    assert_eq!(provider.books.entries().len(), 60);
    assert_eq!(rig.store.status().in_flight, 0);
}

#[tokio::test]
async fn above_the_limit_of_requests_the_gateway_says_that_it_is_overloaded() {
    let provider = Provider::bind().await;
    let rig = Setup::of(three_providers(&provider.base_url())).limits(|l| l.requests = 2).start().await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut wire = rig.connect().await;
        wire.send(post(CHAT_PATH, &[], CHAT_STREAM)).await;
        let mut exchange = provider.request().await;
        exchange.begin_events().await;
        wire.head().await.unwrap();
        streams.push((wire, exchange));
    }
    for caller in CALLERS {
        let status = if caller == Caller::Anthropic { 529 } else { 503 };
        let answer = rig.call(caller.call()).await;
        caller.is_refused(&answer, status, "overloaded");
        assert_eq!(answer.header("x-should-retry"), Some("true"));
    }
    let (mut wire, mut exchange) = streams.pop().unwrap();
    exchange.end_chunks().await;
    assert_eq!(wire.rest().await, (Vec::new(), true));
    // The place is free again, and taken while the call is under way.
    let mut next = rig.connect().await;
    next.send(Caller::OpenAi.call()).await;
    let mut exchange = exchange.next_request().await;
    assert_eq!(rig.call(Caller::OpenAi.call()).await.status(), 503);
    exchange.answer(200, &["content-type: application/json"], "{}").await;
    assert_eq!(next.answer().await.status(), 200);
}
