//! Heads that are too large, too slow, contradictory or no HTTP at all; and old and unusual ones that are served.

use std::time::Duration;

use crate::callers::{CALLERS, Caller, gateway, serves_and_booked_nothing_else};
use crate::provider::Provider;
use crate::rig::{CHAT, CHAT_ANSWER, CHAT_PATH, CHAT_STREAM, Setup, three_providers};
use crate::wire::{plain, post};

fn head(caller: Caller, more: &str) -> String {
    format!("POST {} HTTP/1.1\r\nhost: gateway\r\n{}\r\n{more}", caller.path(), caller.header())
}

#[tokio::test]
async fn a_head_with_too_many_fields_or_bytes_is_a_431_in_the_callers_dialect() {
    let (rig, provider) = gateway(|s| s).await;
    let fields = |count: usize| (0..count).map(|i| format!("x-{i}: a\r\n")).collect::<String>();
    for caller in CALLERS {
        for more in [
            fields(130),
            fields(5_000),
            format!("x-long: {}\r\n", "a".repeat(70_000)),
            format!("x-long: {}\r\n", "a".repeat(2 << 20)),
            format!("{}: a\r\n", "n".repeat(300_000)),
        ] {
            let answer = rig.call(head(caller, &format!("{more}content-length: 2\r\n\r\n{{}}"))).await;
            caller.is_refused(&answer, 431, "headers_too_large");
        }
        let target = format!("{}?{}", caller.path(), "a".repeat(300_000));
        let answer = rig.call(format!("GET {target} HTTP/1.1\r\n\r\n")).await;
        caller.is_refused(&answer, 431, "headers_too_large");
    }
    serves_and_booked_nothing_else(&rig, &provider).await;
}

#[tokio::test]
async fn a_head_that_does_not_come_is_a_408_and_silence_gets_none() {
    let (rig, provider) = gateway(|s| s.limits(|l| l.head_timeout = Duration::from_millis(60))).await;
    for caller in CALLERS {
        let answer = rig.call(head(caller, "x-slow: ")).await;
        caller.is_refused(&answer, 408, "timeout");
        assert_eq!(answer.header("x-should-retry"), Some("true"));
    }
    let mut silent = rig.connect().await;
    assert!(silent.is_closed().await);
    let mut kept = rig.connect().await;
    assert_eq!(kept.call(plain("GET", "/v1/models", &[])).await.status(), 200);
    assert!(kept.is_closed().await, "a connection without a next request is closed without a word");
    serves_and_booked_nothing_else(&rig, &provider).await;
}

#[tokio::test]
async fn what_is_no_http_is_a_400() {
    let (rig, provider) = gateway(|s| s).await;
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".as_slice(),
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v1/models HTTP/9.9\r\n\r\n",
        b"GET /v1/mod\x00els HTTP/1.1\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\na\x00b: c\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\na: b\x00c\r\n\r\n",
    ] {
        let answer = rig.call(bytes).await;
        Caller::OpenAi.is_refused(&answer, 400, "bad_request");
    }
    for caller in CALLERS {
        caller.is_refused(&rig.call(head(caller, "broken\r\n\r\n")).await, 400, "bad_request");
    }
    serves_and_booked_nothing_else(&rig, &provider).await;
}

#[tokio::test]
async fn contradictory_lengths_are_a_400() {
    let (rig, provider) = gateway(|s| s).await;
    for caller in CALLERS {
        for more in [
            "content-length: 2\r\ncontent-length: 3\r\n\r\n{} ",
            "content-length: 2, 3\r\n\r\n{} ",
            "transfer-encoding: nonsense\r\n\r\n{}",
            "transfer-encoding: chunked, gzip\r\n\r\n{}",
        ] {
            caller.is_refused(&rig.call(head(caller, more)).await, 400, "bad_request");
        }
    }
    serves_and_booked_nothing_else(&rig, &provider).await;
}

#[tokio::test]
async fn chunks_win_over_a_length_and_the_provider_sees_one_length_only() {
    let provider = Provider::bind().await;
    let rig = Setup::of(three_providers(&provider.base_url())).start().await;
    let mut wire = rig.connect().await;
    let (size, smuggled) = (CHAT.len(), "GET /v1/models HTTP/1.1\r\nhost: b\r\n\r\n");
    let request = format!(
        "POST {CHAT_PATH} HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n{size:x}\r\n{CHAT}\r\n0\r\n\r\n"
    );
    wire.send(request + smuggled).await;
    let mut exchange = provider.request().await;
    assert_eq!(exchange.header("transfer-encoding"), None);
    assert_eq!(exchange.header("content-length"), Some(size.to_string().as_str()));
    assert_eq!(exchange.body, CHAT.as_bytes());
    exchange.answer(200, &["content-type: application/json"], CHAT_ANSWER).await;
    assert_eq!(wire.answer().await.body, CHAT_ANSWER.as_bytes());
    // Whether the server keeps the connection or ends it, the rest is never part of the body.
    assert!(provider.has_no_visitor().await);
}

#[tokio::test]
async fn an_unknown_path_is_a_404_and_an_unknown_method_a_405() {
    let (rig, provider) = gateway(|s| s).await;
    for caller in CALLERS {
        let path = caller.unknown_path();
        caller.is_refused(&rig.call(post(path, &[caller.header()], "{}")).await, 404, "not_found");
        caller.is_refused(&rig.call(plain("GET", path, &[caller.header()])).await, 404, "not_found");
        for method in ["post", "BREW", "TRACE", "CONNECT"] {
            let request = format!(
                "{method} {} HTTP/1.1\r\nhost: g\r\n{}\r\ncontent-length: 2\r\n\r\n{{}}",
                caller.path(),
                caller.header()
            );
            let answer = rig.call(request).await;
            if method == "CONNECT" {
                assert!((400..500).contains(&answer.status()), "{}", answer.text());
            } else {
                caller.is_refused(&answer, 405, "method_not_allowed");
            }
        }
    }
    serves_and_booked_nothing_else(&rig, &provider).await;
}

#[tokio::test]
async fn a_path_that_the_provider_may_read_as_another_is_a_400() {
    let (rig, provider) = gateway(|s| s).await;
    for caller in CALLERS {
        let rest = &caller.path()[1..];
        for path in [
            format!("/v1/deployments/gpt-4o/../../{rest}"),
            format!("/providers/openai/./{rest}"),
            format!("/providers/openai/a/%2e%2E/{rest}"),
            format!("/providers/openai/a/.%2e/{rest}?b=c"),
        ] {
            let answer = rig.call(post(&path, &[caller.header()], caller.body())).await;
            caller.is_refused(&answer, 400, "bad_request");
        }
    }
    let dots = format!("{CHAT_PATH}?a=/../b");
    assert_eq!(rig.call(post(&dots, &[], CHAT)).await.status(), 200, "a query may have dots");
    assert_eq!(provider.books.entries().len(), 1);
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed_and_its_streams_end_with_the_connection() {
    let (rig, _provider) = gateway(|s| s).await;
    for body in [CHAT, CHAT_STREAM] {
        let mut wire = rig.connect().await;
        let request = format!("POST {CHAT_PATH} HTTP/1.0\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let answer = wire.call(request).await;
        assert_eq!((answer.status(), answer.header("transfer-encoding")), (200, None));
        assert!(answer.is_whole && wire.is_closed().await);
        assert_eq!(rig.record(&answer).await.status, Some(200));
    }
}

#[tokio::test]
async fn requests_sent_at_once_are_answered_in_their_order() {
    let (rig, _provider) = gateway(|s| s).await;
    let mut wire = rig.connect().await;
    let ask = |words: &str| post(CHAT_PATH, &[&format!("x-scripted: output=3;id={words}")], CHAT);
    wire.send([ask("first"), ask("second"), plain("GET", "/v1/nothing", &[]).into(), ask("third")].concat())
        .await;
    for id in ["first", "second", "", "third"] {
        let answer = wire.answer().await;
        if id.is_empty() {
            Caller::OpenAi.is_refused(&answer, 404, "not_found");
        } else {
            assert_eq!(answer.json()["id"], id);
        }
    }
    assert_eq!(rig.booked().await, 3);
}

#[tokio::test]
async fn a_broken_request_behind_a_good_one_leaves_the_good_ones_answer_whole() {
    let (rig, _provider) = gateway(|s| s).await;
    let mut wire = rig.connect().await;
    wire.send([Caller::Anthropic.call(), b"no http\r\n\r\n".to_vec()].concat()).await;
    assert_eq!(wire.answer().await.status(), 200);
    assert_eq!(wire.answer().await.status(), 400);
    assert!(wire.is_closed().await);
    assert_eq!(rig.booked().await, 1);
}

#[tokio::test]
async fn head_and_options_pass_and_book_nothing() {
    let provider = Provider::bind().await;
    let rig = Setup::of(three_providers(&provider.base_url())).start().await;
    let mut wire = rig.connect().await;
    wire.send(plain("HEAD", "/v1/models", &[])).await;
    let mut exchange = provider.request().await;
    assert_eq!(exchange.line, "HEAD /v1/models HTTP/1.1");
    exchange.say("HTTP/1.1 200 OK\r\ncontent-length: 123\r\n\r\n").await;
    let head = wire.head().await.unwrap();
    assert_eq!((head.status, head.header("content-length")), (200, Some("123")));
    wire.send(plain("OPTIONS", CHAT_PATH, &["origin: http://a.example"])).await;
    let mut exchange = exchange.next_request().await;
    assert_eq!(exchange.line, format!("OPTIONS {CHAT_PATH} HTTP/1.1"));
    exchange.answer(204, &["access-control-allow-origin: *"], "").await;
    let answer = wire.answer().await;
    assert_eq!((answer.status(), answer.header("access-control-allow-origin")), (204, Some("*")));
    assert_eq!(rig.booked().await, 0);
}

#[tokio::test]
async fn a_client_that_expects_a_100_gets_it_only_where_its_body_is_wanted() {
    let (rig, _provider) = gateway(|s| s.limits(|l| l.body_bytes = 1000)).await;
    let mut wire = rig.connect().await;
    let expecting = |length: usize| {
        head(Caller::OpenAi, &format!("expect: 100-continue\r\ncontent-length: {length}\r\n\r\n"))
    };
    Caller::OpenAi.is_refused(&wire.call(expecting(2000)).await, 413, "too_large");
    let mut wire = rig.connect().await;
    wire.send(expecting(CHAT.len())).await;
    assert_eq!(wire.interim().await, 100);
    assert_eq!(wire.call(CHAT).await.status(), 200);
}
