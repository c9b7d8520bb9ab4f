//! Streams: events as they come, the usage chunk, backpressure.

use std::time::Duration;

use bursar_core::{EndOfStream, Meter, Provenance};
use bursar_gateway::StreamUsage;

use crate::callers::gateway;
use crate::provider::{Exchange, Provider};
use crate::rig::{CHAT_PATH, CHAT_STREAM, Rig, Setup, quantity, three_providers};
use crate::wire::{Piece, Wire, post};

const HELLO: &str = "data: {\"id\":\"c\",\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}],\"new\":{}}\n\n";
const USAGE: &str = "data: {\"id\":\"c\",\"model\":\"gpt-4o-mini\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":1,\"total_tokens\":11}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn asking() -> String {
    CHAT_STREAM.replace("\"stream\":true", "\"stream\":true,\"stream_options\":{\"include_usage\":true}")
}

async fn begun(usage: StreamUsage, body: &str) -> (Rig, Wire, Exchange) {
    let provider = Provider::bind().await;
    let setup = Setup::of(three_providers(&provider.base_url())).each(|p| p.stream_usage = usage);
    let rig = setup.start().await;
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &["accept-encoding: gzip"], body)).await;
    let mut exchange = provider.request().await;
    exchange.begin_events().await;
    (rig, wire, exchange)
}

#[tokio::test]
async fn an_event_is_with_the_client_before_the_provider_sends_the_next() {
    for usage in [StreamUsage::Ask, StreamUsage::Never] {
        let (_rig, mut wire, mut exchange) = begun(usage, CHAT_STREAM).await;
        assert_eq!(wire.head().await.unwrap().header("content-type"), Some("text/event-stream"));
        for event in [
            HELLO,
            ": a comment\n\n",
            "event: unknown\nid: 7\ndata: {\"choices\":[{}],\"what\":1}\n\n",
            HELLO,
        ] {
            exchange.chunk(event).await;
            assert_eq!(wire.text_until("\n\n").await, event);
        }
        exchange.chunk(DONE).await;
        exchange.end_chunks().await;
        assert_eq!(wire.rest().await, (DONE.into(), true));
    }
}

#[tokio::test]
async fn the_usage_chunk_is_asked_for_and_hidden_from_a_client_that_did_not_ask() {
    let (rig, mut wire, mut exchange) = begun(StreamUsage::Ask, CHAT_STREAM).await;
    let sent = exchange.json();
    assert_eq!(sent["stream_options"]["include_usage"], true);
    assert_eq!(exchange.header("accept-encoding"), Some("identity"), "a packed chunk could not be taken out");
    for event in [HELLO, USAGE, DONE] {
        exchange.chunk(event).await;
    }
    exchange.end_chunks().await;
    let answer = wire.answer().await;
    assert_eq!(answer.text(), [HELLO, DONE].concat());
    let record = rig.record(&answer).await;
    assert_eq!(record.end, EndOfStream::Complete);
    assert_eq!(quantity(&record, Meter::Input), Some((10, Provenance::Reported)));
    assert_eq!(quantity(&record, Meter::Output), Some((1, Provenance::Reported)));
}

#[tokio::test]
async fn the_usage_chunk_is_hidden_wherever_the_bytes_are_cut() {
    let stream = [HELLO, USAGE, DONE].concat();
    for size in [1, 2, 3, 7, 50, 300] {
        let (_rig, mut wire, mut exchange) = begun(StreamUsage::Ask, CHAT_STREAM).await;
        for piece in stream.as_bytes().chunks(size) {
            exchange.chunk(piece).await;
        }
        exchange.end_chunks().await;
        assert_eq!(wire.answer().await.text(), [HELLO, DONE].concat(), "in pieces of {size} bytes");
    }
}

#[tokio::test]
async fn a_client_that_asked_sees_its_usage_and_its_bytes_are_not_touched() {
    for usage in [StreamUsage::Ask, StreamUsage::Always, StreamUsage::Never] {
        let (rig, mut wire, mut exchange) = begun(usage, &asking()).await;
        assert_eq!(exchange.body, asking().as_bytes());
        assert_eq!(exchange.header("accept-encoding"), Some("gzip"));
        for event in [HELLO, USAGE, DONE] {
            exchange.chunk(event).await;
        }
        exchange.end_chunks().await;
        let answer = wire.answer().await;
        assert_eq!(answer.text(), [HELLO, USAGE, DONE].concat());
        assert_eq!(quantity(&rig.record(&answer).await, Meter::Output), Some((1, Provenance::Reported)));
    }
}

#[tokio::test]
async fn usage_that_comes_unasked_is_not_asked_for_and_not_hidden() {
    let (_rig, mut wire, mut exchange) = begun(StreamUsage::Always, CHAT_STREAM).await;
    assert_eq!(exchange.body, CHAT_STREAM.as_bytes());
    exchange.chunk([HELLO, USAGE, DONE].concat()).await;
    exchange.end_chunks().await;
    assert_eq!(wire.answer().await.text(), [HELLO, USAGE, DONE].concat());
}

#[tokio::test]
async fn a_stream_without_usage_is_counted() {
    let (rig, mut wire, mut exchange) = begun(StreamUsage::Never, CHAT_STREAM).await;
    exchange.chunk([HELLO, HELLO, DONE].concat()).await;
    exchange.end_chunks().await;
    let answer = wire.answer().await;
    let record = rig.record(&answer).await;
    assert_eq!(record.end, EndOfStream::Complete);
    assert_eq!(quantity(&record, Meter::Output), Some((2, Provenance::Counted)), "HelloHello");
    let (input, provenance) = quantity(&record, Meter::Input).unwrap();
    assert!(provenance == Provenance::Counted && (8..16).contains(&input), "{input} {provenance:?}");
    assert!(record.contracted_cost.is_some());
}

#[tokio::test]
async fn an_answer_that_is_no_stream_to_a_request_for_one_passes_unchanged() {
    let provider = Provider::bind().await;
    let rig = Setup::of(three_providers(&provider.base_url())).start().await;
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &[], CHAT_STREAM)).await;
    let refusal =
        r#"{"error":{"message":"No such model.","type":"invalid_request_error","param":null,"code":null}}"#;
    provider.request().await.answer(404, &["content-type: application/json"], refusal).await;
    let answer = wire.answer().await;
    assert_eq!((answer.status(), answer.body.as_slice()), (404, refusal.as_bytes()));
    let record = rig.record(&answer).await;
    assert!(record.status == Some(404) && record.usage.quantities.is_empty(), "{record:?}");
}

#[tokio::test]
async fn streams_of_every_dialect_are_settled_with_the_providers_own_numbers() {
    let (rig, provider) = gateway(|s| s).await;
    let claude = r#"{"model":"claude-sonnet-4-5","max_tokens":20,"stream":true,"messages":[{"role":"user","content":"Hello."}]}"#;
    let gemini = r#"{"contents":[{"role":"user","parts":[{"text":"Hello."}]}]}"#;
    for (path, body) in [
        (CHAT_PATH, CHAT_STREAM),
        ("/v1/completions", r#"{"model":"gpt-4o-mini","stream":true,"prompt":"Hello."}"#),
        ("/v1/responses", r#"{"model":"gpt-4o-mini","stream":true,"input":"Hello."}"#),
        ("/v1/messages", claude),
        ("/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", gemini),
        ("/v1beta/models/gemini-2.5-flash:streamGenerateContent", gemini),
    ] {
        let answer = rig.call(post(path, &["x-scripted: input=11;output=5;split=9"], body)).await;
        assert!(answer.status() == 200 && answer.is_whole, "{path}: {}", answer.text());
        let record = rig.record(&answer).await;
        let units = |meter| quantity(&record, meter).map(|(units, _)| units);
        assert_eq!((units(Meter::Input), units(Meter::Output)), (Some(11), Some(5)), "{path}");
        let nanos = provider.books.entries().last().unwrap().cost_nanos;
        assert_eq!(record.contracted_cost.map(bursar_core::Money::nanos), nanos, "{path}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_the_provider_back() {
    let provider = Provider::bind().await;
    let rig = Setup::of(three_providers(&provider.base_url())).start().await;
    let mut wire = rig.connect().await;
    wire.send(post("/v1/audio/speech", &[], r#"{"model":"tts-1","input":"Hello.","voice":"alloy"}"#)).await;
    let mut exchange = provider.request().await;
    exchange.say("HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n").await;
    let head = wire.head().await.unwrap();
    let sound = vec![0xff; 32 * 1024];
    let chunk = [format!("{:x}\r\n", sound.len()).as_bytes(), &sound, b"\r\n"].concat();
    // What is taken and not read lies in the sockets and in the gateway: an upper bound on the gateway's memory.
    let taken = exchange.say_until_nothing_fits(&chunk, 256 << 20).await;
    assert!((64 << 10..16 << 20).contains(&taken), "{taken} bytes were taken that nobody read");
    let saying = async {
        exchange.say(&chunk[taken % chunk.len()..]).await;
        exchange.end_chunks().await;
    };
    let ((), (rest, is_whole)) = tokio::join!(saying, wire.rest());
    assert!(is_whole);
    assert_eq!(rest.len(), (taken / chunk.len() + 1) * sound.len());
    assert_eq!(rig.records(head.request_id()).await[0].end, EndOfStream::Complete);
}

#[tokio::test]
async fn a_client_that_takes_nothing_for_too_long_is_given_up() {
    let provider = Provider::bind().await;
    let setup =
        Setup::of(three_providers(&provider.base_url())).limits(|l| l.stall = Duration::from_millis(50));
    let rig = setup.start().await;
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &[], CHAT_STREAM)).await;
    let mut exchange = provider.request().await;
    exchange.begin_events().await;
    exchange.chunk(HELLO).await;
    let head = wire.head().await.unwrap();
    assert_eq!(wire.piece().await, Piece::Bytes(HELLO.into()));
    exchange.say(format!("{:x}\r\ndata: ", 1usize << 40)).await;
    exchange.say_until_closed(&vec![b'a'; 64 * 1024]).await;
    let records = rig.records(head.request_id()).await;
    assert_eq!(records[0].end, EndOfStream::ClientCancelled);
    drop(wire);
}
