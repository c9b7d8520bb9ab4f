//! From one provider to the next.

use std::time::Duration;

use bursar_gateway::ProviderConfig;
use bursar_wire::Vendor;

use crate::callers::Caller;
use crate::provider::Provider;
use crate::rig::{CHAT, CHAT_ANSWER, CHAT_PATH, Rig, Setup};
use crate::wire::{Wire, post};

const JSON: &str = "content-type: application/json";

/// Three providers, of which the first falls back to the third and then to the second.
async fn three(retries: u32) -> (Rig, Wire, [Provider; 3]) {
    let providers = [Provider::bind().await, Provider::bind().await, Provider::bind().await];
    let config = |name: &str, vendor, provider: &Provider| ProviderConfig {
        retries,
        longest_pause: Duration::from_millis(500),
        ..ProviderConfig::new(name, vendor, &provider.base_url())
    };
    let mut first = config("openai", Vendor::OpenAi, &providers[0]);
    first.fallback = vec!["local".to_owned(), "nobody".to_owned(), "openai".to_owned(), "groq".to_owned()];
    let rig = Setup::of(vec![
        first,
        config("groq", Vendor::Groq, &providers[1]),
        config("local", Vendor::Other, &providers[2]),
    ]);
    let rig = rig.start().await;
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &[], CHAT)).await;
    (rig, wire, providers)
}

async fn story(rig: &Rig, id: &str) -> Vec<(String, Option<u16>)> {
    rig.records(id).await.into_iter().map(|r| (r.provider, r.status)).collect()
}

#[tokio::test]
async fn providers_are_tried_in_the_order_that_the_first_one_names() {
    let (rig, mut wire, providers) = three(0).await;
    for index in [0, 2] {
        let mut exchange = providers[index].request().await;
        assert_eq!(exchange.body, CHAT.as_bytes());
        exchange.answer(503, &[JSON], "{}").await;
    }
    providers[1].request().await.answer(200, &[JSON], CHAT_ANSWER).await;
    let answer = wire.answer().await;
    assert_eq!(answer.text(), CHAT_ANSWER);
    let told = story(&rig, answer.head.request_id()).await;
    let expected = [("openai", 503), ("local", 503), ("groq", 200)];
    assert_eq!(told, expected.map(|(name, status)| (name.to_owned(), Some(status))));
    let records = rig.records(answer.head.request_id()).await;
    let why = |i: usize, text: &str| {
        assert!(records[i].reasons.iter().any(|r| r == text), "{:?}", records[i].reasons);
    };
    why(1, "fallback: provider openai answered 503");
    why(2, "fallback: provider local answered 503");
}

#[tokio::test]
async fn a_provider_is_tried_again_before_the_next_one_is() {
    let (rig, mut wire, providers) = three(1).await;
    let mut exchange = providers[0].request().await;
    exchange.answer(500, &[JSON, "retry-after-ms: 1"], "{}").await;
    exchange.next_request().await.answer(500, &[JSON, "retry-after-ms: 1"], "{}").await;
    providers[2].request().await.answer(200, &[JSON], CHAT_ANSWER).await;
    let told = story(&rig, wire.answer().await.head.request_id()).await;
    let statuses: Vec<_> = told.into_iter().map(|(_, status)| status.unwrap()).collect();
    assert_eq!(statuses, [500, 500, 200]);
}

#[tokio::test]
async fn a_provider_that_asks_for_too_long_a_pause_is_left_for_the_next_at_once() {
    let (rig, mut wire, providers) = three(5).await;
    providers[0].request().await.answer(429, &[JSON, "retry-after: 3600"], "{}").await;
    providers[2].request().await.answer(200, &[JSON], CHAT_ANSWER).await;
    let answer = wire.answer().await;
    let told = story(&rig, answer.head.request_id()).await;
    assert_eq!(told, [("openai".to_owned(), Some(429)), ("local".to_owned(), Some(200))]);
}

#[tokio::test]
async fn a_refusal_that_no_other_provider_can_mend_ends_the_search() {
    let (rig, mut wire, providers) = three(2).await;
    providers[0].request().await.answer(400, &[JSON], r#"{"error":{"message":"bad"}}"#).await;
    let answer = wire.answer().await;
    assert_eq!((answer.status(), answer.text().as_str()), (400, r#"{"error":{"message":"bad"}}"#));
    assert_eq!(story(&rig, answer.head.request_id()).await.len(), 1);
    assert!(providers[1].has_no_visitor().await && providers[2].has_no_visitor().await);
}

#[tokio::test]
async fn a_request_that_was_sent_and_not_answered_goes_to_no_other_provider() {
    let (rig, mut wire, providers) = three(2).await;
    drop(providers[0].request().await);
    let answer = wire.answer().await;
    Caller::OpenAi.is_refused(&answer, 502, "upstream_unavailable");
    assert_eq!(story(&rig, answer.head.request_id()).await, [("openai".to_owned(), None)]);
    assert!(providers[1].has_no_visitor().await && providers[2].has_no_visitor().await);
}

#[tokio::test]
async fn when_all_fail_the_last_ones_answer_is_passed_on() {
    let (rig, mut wire, providers) = three(0).await;
    for (index, status) in [(0, 500), (2, 502), (1, 529)] {
        providers[index].request().await.answer(status, &[JSON], format!(r#"{{"from":{index}}}"#)).await;
    }
    let answer = wire.answer().await;
    assert_eq!((answer.status(), answer.text().as_str()), (529, r#"{"from":1}"#));
    assert_eq!(story(&rig, answer.head.request_id()).await.len(), 3);
}

#[tokio::test]
async fn a_provider_that_rests_after_failures_is_passed_over_while_there_is_another() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let second = Provider::bind().await;
    let mut first = ProviderConfig { retries: 0, ..ProviderConfig::new("openai", Vendor::OpenAi, &gone) };
    first.fallback = vec!["local".to_owned()];
    let local = ProviderConfig::new("local", Vendor::Other, &second.base_url());
    let rig = Setup::of(vec![first, local]).start().await;
    let mut stories = Vec::new();
    for _ in 0..6 {
        let mut wire = rig.connect().await;
        wire.send(post(CHAT_PATH, &[], CHAT)).await;
        second.request().await.answer(200, &[JSON, "connection: close"], CHAT_ANSWER).await;
        stories.push(rig.records(wire.answer().await.head.request_id()).await);
    }
    assert!(stories[..5].iter().all(|records| records.len() == 2), "the first provider is tried five times");
    let [only] = stories[5].as_slice() else { panic!("{:?}", stories[5]) };
    assert_eq!(only.provider, "local");
    assert!(only.reasons.iter().any(|r| r.contains("openai rests")), "{:?}", only.reasons);
}
