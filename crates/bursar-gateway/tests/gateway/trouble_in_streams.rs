//! Streams that do not come to their end: by the client, by the provider, by silence.

use std::time::Duration;

use bursar_core::{EndOfStream, Meter, Provenance, UsageException};
use bursar_gateway::{ProviderConfig, StreamUsage};
use bursar_wire::Vendor;

use crate::callers::Caller;
use crate::provider::{Exchange, Provider};
use crate::rig::{CHAT, CHAT_PATH, CHAT_STREAM, Rig, Setup, quantity, three_providers};
use crate::wire::{Piece, Wire, post};

fn event(word: &str) -> String {
    format!(
        "data: {{\"id\":\"c\",\"model\":\"gpt-4o-mini\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}}}}]}}\n\n"
    )
}

async fn rig(change: impl Fn(&mut ProviderConfig)) -> (Rig, Provider) {
    let provider = Provider::bind().await;
    (Setup::of(three_providers(&provider.base_url())).each(change).start().await, provider)
}

/// A stream of which one event has reached the client; and its request's id.
async fn one_event(rig: &Rig, provider: &Provider, version: &str) -> (Wire, Exchange, String) {
    let mut wire = rig.connect().await;
    wire.send(format!(
        "POST {CHAT_PATH} HTTP/{version}\r\ncontent-length: {}\r\n\r\n{CHAT_STREAM}",
        CHAT_STREAM.len()
    ))
    .await;
    let mut exchange = provider.request().await;
    exchange.begin_events().await;
    exchange.chunk(event("Hello")).await;
    let head = wire.head().await.unwrap();
    assert_eq!(wire.text_until("\n\n").await, event("Hello"));
    (wire, exchange, head.request_id().to_owned())
}

#[tokio::test]
async fn a_client_that_leaves_is_settled_with_what_was_streamed_and_the_provider_is_left_too() {
    let (rig, provider) = rig(|_| {}).await;
    let (mut wire, mut exchange, id) = one_event(&rig, &provider, "1.1").await;
    exchange.chunk(event(" world")).await;
    assert_eq!(wire.text_until("\n\n").await, event(" world"));
    drop(wire);
    exchange.closed().await;
    let records = rig.records(&id).await;
    assert_eq!((records.len(), records[0].end), (1, EndOfStream::ClientCancelled));
    assert_eq!(quantity(&records[0], Meter::Output), Some((2, Provenance::Counted)), "Hello world");
    let (input, provenance) = quantity(&records[0], Meter::Input).unwrap();
    assert!(provenance == Provenance::Counted && (8..16).contains(&input), "{input} {provenance:?}");
    assert!(records[0].contracted_cost.is_some_and(|c| c.nanos() > 0));
    assert!(records[0].usage.exceptions.contains(&UsageException::Truncated), "{:?}", records[0].usage);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_is_settled_with_what_it_sent() {
    let (rig, provider) = rig(|_| {}).await;
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &[], CHAT)).await;
    let exchange = provider.request().await;
    assert_eq!(rig.gateway.in_flight(), 1);
    drop(wire);
    exchange.closed().await;
    assert_eq!(rig.booked().await, 1);
    let record = rig.latest();
    assert_eq!((record.end, record.status), (EndOfStream::ClientCancelled, None));
    assert!(quantity(&record, Meter::Input).is_some_and(|(units, _)| units > 0));
    assert_eq!(quantity(&record, Meter::Output), None);
}

#[tokio::test]
async fn a_provider_that_breaks_off_is_an_upstream_error_and_the_client_sees_a_broken_body() {
    for version in ["1.1", "1.0"] {
        let (rig, provider) = rig(|_| {}).await;
        let (mut wire, exchange, id) = one_event(&rig, &provider, version).await;
        drop(exchange);
        assert_eq!(wire.piece().await, Piece::Broken, "HTTP/{version}");
        let records = rig.records(&id).await;
        assert_eq!((records.len(), records[0].end), (1, EndOfStream::UpstreamError));
        assert_eq!(quantity(&records[0], Meter::Output), Some((1, Provenance::Counted)));
        assert!(records[0].reasons.iter().any(|r| r.contains("broke off")), "{:?}", records[0].reasons);
    }
}

#[tokio::test]
async fn a_large_answer_that_breaks_off_reaches_the_client_as_far_as_it_came() {
    let (rig, provider) = rig(|_| {}).await;
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &[], CHAT)).await;
    let mut exchange = provider.request().await;
    exchange
        .say("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500000\r\n\r\n{\"id\":")
        .await;
    assert_eq!(wire.head().await.unwrap().header("content-length"), Some("500000"));
    assert_eq!(wire.piece().await, Piece::Bytes(b"{\"id\":".into()));
    drop(exchange);
    assert_eq!(wire.piece().await, Piece::Broken);
    rig.idle().await;
    assert_eq!(rig.booked().await, 1);
    assert_eq!(rig.latest().end, EndOfStream::UpstreamError);
}

#[tokio::test]
async fn a_small_answer_that_breaks_off_is_an_error_and_not_half_an_answer() {
    for (caller, path) in [(Caller::OpenAi, CHAT_PATH), (Caller::Anthropic, Caller::Anthropic.path())] {
        let (rig, provider) = rig(|_| {}).await;
        let mut wire = rig.connect().await;
        wire.send(post(path, &[], caller.body())).await;
        let mut exchange = provider.request().await;
        exchange
            .say("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"id\":")
            .await;
        drop(exchange);
        let answer = wire.answer().await;
        caller.is_refused(&answer, 502, "upstream_unavailable");
        let record = rig.record(&answer).await;
        assert_eq!((record.end, record.status), (EndOfStream::UpstreamError, Some(200)));
    }
}

#[tokio::test]
async fn a_stream_that_falls_silent_times_out() {
    let (rig, provider) = rig(|p| p.timeouts.idle = Duration::from_millis(60)).await;
    let (mut wire, exchange, id) = one_event(&rig, &provider, "1.1").await;
    assert_eq!(wire.piece().await, Piece::Broken);
    exchange.closed().await;
    let records = rig.records(&id).await;
    assert_eq!((records.len(), records[0].end), (1, EndOfStream::TimedOut));
    assert_eq!(quantity(&records[0], Meter::Output), Some((1, Provenance::Counted)));
}

#[tokio::test]
async fn a_provider_that_never_answers_is_a_504_and_is_not_asked_again() {
    let (rig, provider) = rig(|p| {
        p.timeouts.first_byte = Duration::from_millis(60);
        p.retries = 2;
    })
    .await;
    let mut wire = rig.connect().await;
    wire.send(Caller::Anthropic.call()).await;
    let exchange = provider.request().await;
    let answer = wire.answer().await;
    Caller::Anthropic.is_refused(&answer, 504, "upstream_timeout");
    exchange.closed().await;
    assert!(provider.has_no_visitor().await);
    let record = rig.record(&answer).await;
    assert_eq!((record.end, record.status), (EndOfStream::TimedOut, None));
    assert!(quantity(&record, Meter::Input).is_some_and(|(units, _)| units > 0), "it may be charged for");
}

#[tokio::test]
async fn a_small_answer_that_does_not_end_times_out() {
    let (rig, provider) = rig(|p| p.timeouts.idle = Duration::from_millis(60)).await;
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &[], CHAT)).await;
    let mut exchange = provider.request().await;
    exchange
        .say("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"id\":")
        .await;
    let answer = wire.answer().await;
    Caller::OpenAi.is_refused(&answer, 504, "upstream_timeout");
    assert_eq!(rig.record(&answer).await.end, EndOfStream::TimedOut);
}

#[tokio::test]
async fn usage_that_was_told_before_the_client_left_is_what_is_settled() {
    let (rig, provider) = rig(|p| p.stream_usage = StreamUsage::Always).await;
    let (mut wire, mut exchange, id) = one_event(&rig, &provider, "1.1").await;
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":21,\"completion_tokens\":3,\"total_tokens\":24}}\n\n";
    exchange.chunk(usage).await;
    assert_eq!(wire.text_until("\n\n").await, usage);
    drop(wire);
    exchange.closed().await;
    let records = rig.records(&id).await;
    assert_eq!(quantity(&records[0], Meter::Input), Some((21, Provenance::Reported)));
    assert_eq!(quantity(&records[0], Meter::Output), Some((3, Provenance::Reported)));
}

#[tokio::test]
async fn an_anthropic_stream_that_is_left_counts_the_output_behind_the_reported_input() {
    let provider = Provider::bind().await;
    let config = ProviderConfig::new("anthropic", Vendor::Anthropic, &provider.base_url());
    let rig = Setup::of(vec![config]).start().await;
    let mut wire = rig.connect().await;
    wire.send(post(
        "/v1/messages",
        &[],
        r#"{"model":"claude-sonnet-4-5","stream":true,"max_tokens":9,"messages":[]}"#,
    ))
    .await;
    let mut exchange = provider.request().await;
    exchange.begin_events().await;
    let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude-sonnet-4-5\",\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":7,\"output_tokens\":1}}}\n\n";
    let delta = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Once upon a time there was\"}}\n\n";
    for event in [start, delta] {
        exchange.chunk(event).await;
    }
    let id = wire.head().await.unwrap().request_id().to_owned();
    wire.text_until(delta).await;
    drop(wire);
    exchange.closed().await;
    let record = rig.records(&id).await.remove(0);
    assert_eq!(record.end, EndOfStream::ClientCancelled);
    assert_eq!(quantity(&record, Meter::Input), Some((25, Provenance::Reported)));
    assert_eq!(quantity(&record, Meter::CacheRead), Some((7, Provenance::Reported)));
    let (output, provenance) = quantity(&record, Meter::Output).unwrap();
    assert!((3..12).contains(&output) && provenance == Provenance::Estimated, "{output} {provenance:?}");
}
