//! Trying again at the same provider: pauses, credentials, endpoints; and what is never repeated.

use std::time::{Duration, Instant, SystemTime};

use bursar_core::EndOfStream;
use bursar_gateway::{Endpoint, ProviderConfig, ProviderSecret};
use bursar_wire::Vendor;

use crate::callers::Caller;
use crate::provider::{Exchange, Provider};
use crate::rig::{CHAT, CHAT_ANSWER, CHAT_PATH, CHAT_STREAM, Rig, Setup};
use crate::wire::{Wire, post};

const JSON: &str = "content-type: application/json";

fn openai(base_url: &str) -> ProviderConfig {
    ProviderConfig {
        retries: 2,
        longest_pause: Duration::from_millis(1500),
        ..ProviderConfig::new("openai", Vendor::OpenAi, base_url)
    }
}

async fn called(config: ProviderConfig) -> (Rig, Wire) {
    let rig = Setup::of(vec![config]).start().await;
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &[], CHAT)).await;
    (rig, wire)
}

/// The statuses of an answer's attempts.
async fn attempts(rig: &Rig, id: &str) -> Vec<Option<u16>> {
    rig.records(id).await.iter().map(|r| r.status).collect()
}

#[tokio::test]
async fn a_refusal_that_passes_is_tried_again_with_a_record_for_each_attempt() {
    for status in [408, 429, 500, 502, 503, 504, 529] {
        let provider = Provider::bind().await;
        let (rig, mut wire) = called(openai(&provider.base_url())).await;
        let mut exchange = provider.request().await;
        exchange.answer(status, &[JSON, "retry-after-ms: 1"], r#"{"error":{}}"#).await;
        let mut exchange = exchange.next_request().await;
        assert_eq!(exchange.body, CHAT.as_bytes());
        exchange.answer(200, &[JSON], CHAT_ANSWER).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, CHAT_ANSWER));
        let records = rig.records(answer.head.request_id()).await;
        assert_eq!(records.len(), 2);
        assert_eq!((records[0].status, records[1].status), (Some(status), Some(200)));
        assert_eq!((records[0].id.attempt, records[1].id.attempt), (0, 1));
        assert!(records[0].usage.quantities.is_empty() && records[1].contracted_cost.is_some());
        let why = format!("tried again after 1 ms: provider openai answered {status}");
        assert!(records[1].reasons.contains(&why), "{:?}", records[1].reasons);
    }
}

#[tokio::test]
async fn the_pause_that_the_provider_asks_for_is_kept_in_every_form() {
    let seconds = || "retry-after: 1".to_owned();
    let milliseconds = || "retry-after-ms: 120".to_owned();
    // A date has whole seconds: it is at least one second away.
    let date =
        || format!("retry-after: {}", httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2)));
    let forms: [(&dyn Fn() -> String, u64); 3] = [(&seconds, 1000), (&milliseconds, 120), (&date, 900)];
    for (asked, at_least) in forms {
        let provider = Provider::bind().await;
        let config = ProviderConfig { longest_pause: Duration::from_secs(5), ..openai(&provider.base_url()) };
        let (_rig, mut wire) = called(config).await;
        let mut exchange = provider.request().await;
        let (refused, asked) = (Instant::now(), asked());
        exchange.answer(429, &[JSON, &asked], "{}").await;
        let mut exchange = exchange.next_request().await;
        let waited = refused.elapsed();
        assert!(waited >= Duration::from_millis(at_least), "{asked}: tried again after {waited:?}");
        exchange.answer(200, &[JSON], CHAT_ANSWER).await;
        assert_eq!(wire.answer().await.status(), 200);
    }
}

#[tokio::test]
async fn a_refusal_that_stands_passes_with_its_body_status_and_headers() {
    let body =
        r#"{"error":{"message":"No.","type":"tokens","param":null,"code":"rate_limit_exceeded"},"extra":1}"#;
    for (status, header) in [
        (429, "x-should-retry: false"),
        (429, "retry-after: 60"),
        (503, "retry-after-ms: 5000"),
        (400, "x-none: 1"),
        (401, "www-authenticate: Bearer"),
        (403, "x-none: 1"),
        (404, "x-none: 1"),
        (422, "x-none: 1"),
    ] {
        let provider = Provider::bind().await;
        let (rig, mut wire) = called(openai(&provider.base_url())).await;
        provider.request().await.answer(status, &[JSON, header, "x-request-id: up"], body).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status(), answer.text().as_str()), (status, body));
        let (name, value) = header.split_once(": ").unwrap();
        assert_eq!(answer.header(name), Some(value), "{status}");
        assert_eq!(answer.header("x-request-id"), Some("up"));
        assert_eq!(attempts(&rig, answer.head.request_id()).await, [Some(status)]);
    }
}

#[tokio::test]
async fn when_every_attempt_fails_the_last_answer_is_the_providers_own() {
    let provider = Provider::bind().await;
    let (rig, mut wire) = called(openai(&provider.base_url())).await;
    let mut exchange = provider.request().await;
    for number in 0..3 {
        exchange.answer(500, &[JSON, "retry-after-ms: 1"], format!(r#"{{"try":{number}}}"#)).await;
        if number < 2 {
            exchange = exchange.next_request().await;
        }
    }
    let answer = wire.answer().await;
    assert_eq!((answer.status(), answer.text().as_str()), (500, r#"{"try":2}"#));
    assert_eq!(answer.header("retry-after-ms"), Some("1"));
    assert_eq!(attempts(&rig, answer.head.request_id()).await, [Some(500); 3]);
}

#[tokio::test]
async fn a_429_rests_a_key_and_the_next_is_used_at_once() {
    let provider = Provider::bind().await;
    let keys = ["one", "two"].map(ProviderSecret::new).to_vec();
    let (rig, mut wire) = called(ProviderConfig { keys, ..openai(&provider.base_url()) }).await;
    let mut exchange = provider.request().await;
    let first = exchange.header("authorization").unwrap().to_owned();
    // A minute is longer than any pause: only another key can help.
    exchange.answer(429, &[JSON, "retry-after: 60"], "{}").await;
    let mut exchange = exchange.next_request().await;
    let second = exchange.header("authorization").unwrap().to_owned();
    let mut both = [first.as_str(), second.as_str()];
    both.sort_unstable();
    assert_eq!(both, ["Bearer one", "Bearer two"]);
    exchange.answer(200, &[JSON], CHAT_ANSWER).await;
    let answer = wire.answer().await;
    assert_eq!(attempts(&rig, answer.head.request_id()).await, [Some(429), Some(200)]);
    for _ in 0..3 {
        wire.send(post(CHAT_PATH, &[], CHAT)).await;
        exchange = exchange.next_request().await;
        assert_eq!(exchange.header("authorization"), Some(second.as_str()), "the first one rests");
        exchange.answer(200, &[JSON], CHAT_ANSWER).await;
        assert_eq!(wire.answer().await.status(), 200);
    }
}

#[tokio::test]
async fn a_key_that_the_provider_does_not_know_leads_to_the_next() {
    let provider = Provider::bind().await;
    let keys = ["one", "two"].map(ProviderSecret::new).to_vec();
    let (rig, mut wire) = called(ProviderConfig { keys, ..openai(&provider.base_url()) }).await;
    let mut exchange = provider.request().await;
    exchange.answer(401, &[JSON], "{}").await;
    let mut exchange = exchange.next_request().await;
    exchange.answer(401, &[JSON], r#"{"error":"both"}"#).await;
    let answer = wire.answer().await;
    assert_eq!((answer.status(), answer.text().as_str()), (401, r#"{"error":"both"}"#));
    assert_eq!(attempts(&rig, answer.head.request_id()).await, [Some(401), Some(401)]);
}

#[tokio::test]
async fn a_connection_that_cannot_be_made_is_tried_again_at_the_next_endpoint() {
    let provider = Provider::bind().await;
    let endpoint = |base_url: String, region: &str| Endpoint { base_url, region: Some(region.to_owned()) };
    let endpoints = vec![endpoint(nobody().await, "gone"), endpoint(provider.base_url(), "here")];
    let config = ProviderConfig { endpoints, longest_pause: Duration::from_millis(1), ..openai("http://a") };
    let (rig, mut wire) = called(config).await;
    let mut exchange = provider.request().await;
    exchange.answer(200, &[JSON], CHAT_ANSWER).await;
    let answer = wire.answer().await;
    let records = rig.records(answer.head.request_id()).await;
    let of = |i: usize| (records[i].region.as_deref(), records[i].status, records[i].end);
    assert_eq!(of(0), (Some("gone"), None, EndOfStream::UpstreamError));
    assert_eq!(of(1), (Some("here"), Some(200), EndOfStream::Complete));
    assert!(records[0].usage.quantities.is_empty(), "nothing was sent, nothing is charged");
    assert!(records[0].reasons.iter().any(|r| r.contains("cannot be reached")), "{:?}", records[0].reasons);
}

/// A base URL at which nobody listens.
async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn an_endpoint_that_fails_again_and_again_rests_and_the_other_serves() {
    let (sick, well) = (Provider::bind().await, Provider::bind().await);
    let endpoint = |base_url: String| Endpoint { base_url, region: None };
    let endpoints = vec![endpoint(sick.base_url()), endpoint(well.base_url())];
    let config = ProviderConfig { endpoints, retries: 0, ..openai("http://a") };
    let rig = Setup::of(vec![config]).start().await;
    let mut wire = rig.connect().await;
    let (mut to_sick, mut to_well) = (None, None);
    let mut statuses = Vec::new();
    for turn in 0..16 {
        wire.send(post(CHAT_PATH, &[], CHAT)).await;
        // The endpoints take turns, until the first has failed five times in a row.
        let exchange = if turn % 2 == 0 && turn < 10 {
            served(&sick, &mut to_sick, 500).await
        } else {
            served(&well, &mut to_well, 200).await
        };
        exchange.await;
        statuses.push(wire.answer().await.status());
    }
    assert_eq!(statuses.iter().filter(|s| **s == 500).count(), 5);
    assert_eq!(statuses[10..], [200; 6]);
}

/// Answers the next request at a provider, over the connection that there is already or a first one.
async fn served(provider: &Provider, open: &mut Option<Exchange>, status: u16) -> std::future::Ready<()> {
    let mut exchange = match open.take() {
        Some(before) => before.next_request().await,
        None => provider.request().await,
    };
    exchange.answer(status, &[JSON], CHAT_ANSWER).await;
    *open = Some(exchange);
    std::future::ready(())
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_a_502_in_the_callers_dialect() {
    let base_url = nobody().await;
    let (mut config, vendor) = (openai(&base_url), Vendor::Anthropic);
    config.longest_pause = Duration::from_millis(1);
    let anthropic = ProviderConfig { vendor, name: "anthropic".to_owned(), ..config.clone() };
    let gemini = ProviderConfig { vendor: Vendor::Gemini, name: "gemini".to_owned(), ..config.clone() };
    let rig = Setup::of(vec![config, anthropic, gemini]).start().await;
    for caller in crate::callers::CALLERS {
        let answer = rig.call(caller.call()).await;
        caller.is_refused(&answer, 502, "upstream_unavailable");
        assert_eq!(answer.header("x-should-retry"), Some("true"));
        assert_eq!(attempts(&rig, answer.head.request_id()).await, [None; 3], "each attempt has its record");
    }
}

#[tokio::test]
async fn nothing_is_repeated_once_the_request_was_sent() {
    let provider = Provider::bind().await;
    let (rig, mut wire) = called(openai(&provider.base_url())).await;
    drop(provider.request().await);
    let answer = wire.answer().await;
    Caller::OpenAi.is_refused(&answer, 502, "upstream_unavailable");
    assert!(provider.has_no_visitor().await);
    assert_eq!(attempts(&rig, answer.head.request_id()).await, [None]);
}

#[tokio::test]
async fn nothing_is_repeated_once_bytes_of_an_answer_came() {
    let provider = Provider::bind().await;
    let rig = Setup::of(vec![openai(&provider.base_url())]).start().await;
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &[], CHAT_STREAM)).await;
    let mut exchange = provider.request().await;
    exchange.begin_events().await;
    exchange.chunk("data: {\"choices\":[{}]}\n\n").await;
    drop(exchange);
    let answer = wire.answer().await;
    assert!(answer.status() == 200 && !answer.is_whole);
    assert!(provider.has_no_visitor().await);
    assert_eq!(attempts(&rig, answer.head.request_id()).await, [Some(200)]);
}

#[tokio::test]
async fn a_kept_connection_that_the_provider_has_closed_is_replaced() {
    let provider = Provider::bind().await;
    let (rig, mut wire) = called(openai(&provider.base_url())).await;
    let mut exchange = provider.request().await;
    exchange.answer(200, &[JSON], CHAT_ANSWER).await;
    assert_eq!(wire.answer().await.status(), 200);
    drop(exchange);
    wire.send(post(CHAT_PATH, &[], CHAT)).await;
    provider.request().await.answer(200, &[JSON], CHAT_ANSWER).await;
    let answer = wire.answer().await;
    assert_eq!(attempts(&rig, answer.head.request_id()).await, [Some(200)]);
}

#[tokio::test]
async fn a_client_that_leaves_during_the_pause_ends_the_attempts() {
    let provider = Provider::bind().await;
    let config = ProviderConfig { longest_pause: Duration::from_secs(90), ..openai(&provider.base_url()) };
    let (rig, wire) = called(config).await;
    let mut exchange = provider.request().await;
    exchange.answer(429, &[JSON, "retry-after: 60"], "{}").await;
    rig.idle().await;
    drop(wire);
    // The gateway lets go of the call: shutting down has nothing to wait for.
    let (serving, store, _gateway, _folder) = rig.shut_down();
    assert_eq!(serving.await.unwrap().cut_off, 0);
    store.flush().unwrap();
    assert_eq!(store.status().in_flight, 0);
}
