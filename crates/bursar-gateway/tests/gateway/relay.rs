//! What passes through: bytes, heads, compressed answers.

use std::io::Write as _;

use bursar_core::{EndOfStream, Meter, Money, Provenance};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::provider::Provider;
use crate::rig::{CHAT, CHAT_ANSWER, CHAT_PATH, CHAT_STREAM, Rig, Setup, quantity, three_providers};
use crate::wire::{Wire, plain, post};

async fn pair() -> (Rig, Provider, Wire) {
    let provider = Provider::bind().await;
    let rig = Setup::of(three_providers(&provider.base_url())).start().await;
    let wire = rig.connect().await;
    (rig, provider, wire)
}

#[tokio::test]
async fn unknown_fields_spaces_and_the_order_of_keys_pass_in_both_directions() {
    let (rig, provider, mut wire) = pair().await;
    let sent = "{ \"zeta\":1.0e2 ,\n\t\"model\" : \"gpt-4o-mini\", \"messages\":[ ], \"zeta\":\"\\u0041\", \"n\":null}\n";
    wire.send(post(CHAT_PATH, &[], sent)).await;
    let mut exchange = provider.request().await;
    assert_eq!(exchange.body, sent.as_bytes());
    let answered = "{\"usage\":{\"prompt_tokens\": 3,\"completion_tokens\":1,\"total_tokens\":4},\"new\":[1,\n2],\"model\":\"gpt-4o-mini\"}\r\n";
    exchange.answer(200, &["content-type: application/json", "x-new: a", "x-new: b"], answered).await;
    let answer = wire.answer().await;
    assert_eq!(answer.body, answered.as_bytes());
    let new: Vec<_> =
        answer.head.headers.iter().filter(|(n, _)| n == "x-new").map(|(_, v)| v.as_str()).collect();
    assert_eq!(new, ["a", "b"]);
    let record = rig.record(&answer).await;
    assert_eq!(quantity(&record, Meter::Input), Some((3, Provenance::Reported)));
}

#[tokio::test]
async fn a_small_answer_tells_its_cost_and_the_record_says_the_same() {
    let (rig, provider, mut wire) = pair().await;
    wire.send(post(CHAT_PATH, &[], CHAT)).await;
    let headers = ["content-type: application/json", "x-bursar-cost: 9", "x-bursar-model: forged"];
    provider.request().await.answer(200, &headers, CHAT_ANSWER).await;
    let answer = wire.answer().await;
    let record = rig.record(&answer).await;
    assert_eq!(
        record.contracted_cost,
        Some(Money::from_nanos(2_700)),
        "10 at $0.15 and 2 at $0.60 a million"
    );
    assert_eq!(answer.header("x-bursar-cost"), Some("0.0000027"));
    assert_eq!(answer.header("x-bursar-model"), Some("gpt-4o-mini"));
    assert_eq!((record.end, record.status), (EndOfStream::Complete, Some(200)));
    assert!(record.reasons[0].contains("openai"), "{:?}", record.reasons);
}

#[tokio::test]
async fn the_heads_that_pass_are_those_that_are_not_of_one_connection_or_of_a_gateway() {
    let (_rig, provider, mut wire) = pair().await;
    let own = [
        "user-agent: sdk/1",
        "x-custom: kept",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "connection: keep-alive, x-hop",
        "x-hop: 1",
        "keep-alive: 5",
        "te: trailers",
        "proxy-authorization: Basic a",
        "upgrade: websocket",
        "x-bursar-team: a",
        "helicone-user-id: b",
        "x-litellm-tags: c",
        "x-portkey-metadata: {}",
        "accept-encoding: br;q=1.0, gzip;q=0.5",
    ];
    wire.send(post(CHAT_PATH, &own, CHAT)).await;
    let mut exchange = provider.request().await;
    let mut names: Vec<&str> = exchange.headers().iter().map(|(n, _)| n.as_str()).collect();
    names.sort_unstable();
    let passed = [
        "accept-encoding",
        "content-length",
        "content-type",
        "host",
        "traceparent",
        "user-agent",
        "x-custom",
    ];
    assert_eq!(names, passed);
    assert_eq!(exchange.header("accept-encoding"), Some("gzip"));
    assert_eq!(exchange.header("host").map(|h| format!("http://{h}")), Some(provider.base_url()));
    let back = [
        "content-type: application/json",
        "connection: x-of-hop",
        "x-of-hop: 1",
        "keep-alive: 5",
        "x-ratelimit-remaining: 7",
    ];
    exchange.answer(200, &back, CHAT_ANSWER).await;
    let answer = wire.answer().await;
    assert_eq!((answer.header("x-of-hop"), answer.header("keep-alive")), (None, None));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("7"));
}

#[tokio::test]
async fn gzip_is_asked_for_only_where_the_client_takes_it() {
    let (_rig, provider, mut wire) = pair().await;
    let mut exchange: Option<crate::provider::Exchange> = None;
    for (accepted, asked) in [
        ("accept-encoding: gzip;q=0, br", "identity"),
        ("accept-encoding: gzip;q=0.000", "identity"),
        ("accept-encoding: GZIP ; q=0.1", "gzip"),
        ("accept-encoding: *", "gzip"),
        ("accept-encoding: deflate, br", "identity"),
        ("x-none: given", "identity"),
    ] {
        wire.send(post(CHAT_PATH, &[accepted], CHAT)).await;
        let mut next = match exchange.take() {
            Some(before) => before.next_request().await,
            None => provider.request().await,
        };
        assert_eq!(next.header("accept-encoding"), Some(asked), "{accepted}");
        next.answer(200, &["content-type: application/json"], CHAT_ANSWER).await;
        assert_eq!(wire.answer().await.status(), 200);
        exchange = Some(next);
    }
}

fn packed(encoding: &str, text: &str) -> Vec<u8> {
    if encoding.eq_ignore_ascii_case("gzip") {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).unwrap();
        return encoder.finish().unwrap();
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_compressed_answer_is_metered_and_passes_unchanged() {
    for encoding in ["gzip", "GZip", "deflate"] {
        let (rig, provider, mut wire) = pair().await;
        wire.send(post(CHAT_PATH, &["accept-encoding: gzip"], CHAT)).await;
        let body = packed(encoding, CHAT_ANSWER);
        let headers = ["content-type: application/json", &format!("content-encoding: {encoding}")];
        provider.request().await.answer(200, &headers, &body).await;
        let answer = wire.answer().await;
        assert_eq!((answer.header("content-encoding"), &answer.body), (Some(encoding), &body));
        let record = rig.record(&answer).await;
        assert_eq!(record.contracted_cost, Some(Money::from_nanos(2_700)), "{encoding}");
    }
}

#[tokio::test]
async fn an_answer_in_an_unreadable_encoding_passes_and_is_no_zero() {
    let (rig, provider, mut wire) = pair().await;
    wire.send(post(CHAT_PATH, &[], CHAT)).await;
    let headers = ["content-type: application/json", "content-encoding: br"];
    provider.request().await.answer(200, &headers, b"\x0b\x02\x80").await;
    let answer = wire.answer().await;
    assert_eq!(answer.body, b"\x0b\x02\x80");
    let record = rig.record(&answer).await;
    assert_eq!(record.contracted_cost, None);
    assert!(!record.usage.exceptions.is_empty());
}

#[tokio::test]
async fn a_compressed_stream_is_metered_as_it_passes() {
    let (rig, provider, mut wire) = pair().await;
    let asks =
        CHAT_STREAM.replace("\"stream\":true", "\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    wire.send(post(CHAT_PATH, &["accept-encoding: gzip"], &asks)).await;
    let mut exchange = provider.request().await;
    assert_eq!(exchange.body, asks.as_bytes());
    let events = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1,\"total_tokens\":10}}\n\ndata: [DONE]\n\n";
    let body = packed("gzip", events);
    exchange.say("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n").await;
    for piece in body.chunks(7) {
        exchange.chunk(piece).await;
    }
    exchange.end_chunks().await;
    let answer = wire.answer().await;
    assert_eq!(answer.body, body);
    let record = rig.record(&answer).await;
    assert_eq!(quantity(&record, Meter::Input), Some((9, Provenance::Reported)));
    assert_eq!(quantity(&record, Meter::Output), Some((1, Provenance::Reported)));
}

#[tokio::test]
async fn a_large_answer_and_one_that_ends_with_its_connection_pass_whole() {
    let (rig, provider, mut wire) = pair().await;
    let large = format!(r#"{{"a":"{}",{}"#, "x".repeat(300_000), &CHAT_ANSWER[1..]);
    wire.send(post(CHAT_PATH, &[], CHAT)).await;
    provider.request().await.answer(200, &["content-type: application/json"], &large).await;
    let answer = wire.answer().await;
    assert_eq!(answer.body, large.as_bytes());
    assert_eq!(rig.record(&answer).await.contracted_cost, Some(Money::from_nanos(2_700)));
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &["x-second: 1"], CHAT)).await;
    let mut exchange = provider.request().await;
    exchange.say(format!("HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{CHAT_ANSWER}")).await;
    drop(exchange);
    let answer = wire.answer().await;
    assert!(answer.is_whole);
    assert_eq!(answer.body, CHAT_ANSWER.as_bytes());
    assert_eq!(rig.record(&answer).await.end, EndOfStream::Complete);
}

#[tokio::test]
async fn an_answer_without_a_body_passes_and_its_connection_is_used_again() {
    let (rig, provider, mut wire) = pair().await;
    wire.send(plain("DELETE", "/v1/responses/resp_1", &[])).await;
    let mut exchange = provider.request().await;
    assert_eq!(exchange.line, "DELETE /v1/responses/resp_1 HTTP/1.1");
    exchange.say("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(wire.answer().await.status(), 204);
    wire.send(plain("GET", "/v1/responses/resp_1", &[])).await;
    let mut exchange = exchange.next_request().await;
    exchange.answer(304, &["etag: a"], "").await;
    assert_eq!(wire.answer().await.header("etag"), Some("a"));
    assert_eq!(rig.booked().await, 0);
}
