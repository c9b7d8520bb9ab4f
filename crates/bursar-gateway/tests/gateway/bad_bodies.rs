//! Bodies that cannot be read, are too large, too slow or packed too well.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::callers::{CALLERS, Caller, gateway, serves_and_booked_nothing_else};
use crate::wire::post;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Bodies that no dialect takes.
fn unreadable() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |open: &str, close: &str, depth: usize| {
        format!(r#"{{"messages":{}1{}}}"#, open.repeat(depth), close.repeat(depth)).into_bytes()
    };
    vec![
        ("no JSON", b"hello".to_vec()),
        ("truncated", br#"{"model":"gpt-4o-mini","messages":[{"role":"us"#.to_vec()),
        ("more behind it", br#"{"model":"gpt-4o-mini"} {}"#.to_vec()),
        ("an array", b"[]".to_vec()),
        ("a text", br#""model""#.to_vec()),
        ("a number", b"12".to_vec()),
        ("null", b"null".to_vec()),
        ("a byte that is no UTF-8", b"{\"messages\":\"\xff\"}".to_vec()),
        ("half of a character", b"{\"messages\":\"\xe2\x82\"}".to_vec()),
        ("an overlong character in a key", b"{\"a\xc0\xaf\":1}".to_vec()),
        ("a lone surrogate in a known field", br#"{"model":"\ud800"}"#.to_vec()),
        ("arrays in arrays", deep("[", "]", 200)),
        ("a hundred thousand arrays", deep("[", "", 100_000)),
        ("objects in objects", deep(r#"{"a":"#, "}", 200)),
        ("deep where nobody looks", format!(r#"{{"x":{}}}"#, "[".repeat(100_000)).into_bytes()),
        ("a control character", b"{\"messages\":\"\x01\"}".to_vec()),
        ("a byte order mark", b"\xef\xbb\xbf{}".to_vec()),
    ]
}

#[tokio::test]
async fn a_body_that_is_no_json_is_a_400_in_the_callers_dialect_and_books_nothing() {
    let (rig, provider) = gateway(|s| s).await;
    for caller in CALLERS {
        for (what, body) in unreadable() {
            let answer = rig.call(caller.post(body)).await;
            assert_eq!(answer.status(), 400, "{what}: {}", answer.text());
            caller.is_refused(&answer, 400, "bad_request");
            assert_eq!(answer.header("x-should-retry"), Some("false"));
        }
    }
    serves_and_booked_nothing_else(&rig, &provider).await;
}

#[tokio::test]
async fn a_field_of_a_wrong_type_is_named() {
    let (rig, provider) = gateway(|s| s).await;
    for (field, body) in [
        ("model", r#"{"model":5,"messages":[]}"#),
        ("model", r#"{"model":{"name":"gpt-4o"},"messages":[]}"#),
        ("model", r#"{"messages":[],"model":["gpt-4o"]}"#),
        ("stream", r#"{"model":"gpt-4o","stream":"yes"}"#),
        ("stream", r#"{"model":"gpt-4o","stream":1}"#),
        ("stream", r#"{"model":"gpt-4o","stream":{}}"#),
    ] {
        let answer = rig.call(Caller::OpenAi.post(body)).await;
        Caller::OpenAi.is_refused(&answer, 400, "bad_request");
        let error = &answer.json()["error"];
        assert_eq!(error["param"], field, "{body}: {error}");
        assert!(error["message"].as_str().unwrap().contains(field), "{error}");
        Caller::Anthropic.is_refused(&rig.call(Caller::Anthropic.post(body)).await, 400, "bad_request");
    }
    serves_and_booked_nothing_else(&rig, &provider).await;
}

#[tokio::test]
async fn a_body_above_the_limit_is_a_413_however_its_length_is_told() {
    let (rig, provider) = gateway(|s| s.limits(|l| l.body_bytes = 1000)).await;
    let large = format!(r#"{{"model":"gpt-4o-mini","messages":"{}"}}"#, "a".repeat(1000));
    for caller in CALLERS {
        caller.is_refused(&rig.call(caller.post(&large)).await, 413, "too_large");
        let chunked = format!(
            "POST {} HTTP/1.1\r\nhost: g\r\n{}\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
            caller.path(),
            caller.header(),
            large.len(),
        );
        caller.is_refused(&rig.call(chunked).await, 413, "too_large");
    }
    let exactly = format!("{}{}", r#"{"model":"gpt-4o-mini","messages":[],"user":""#, "a".repeat(1000));
    let exactly = format!("{}\"}}", &exactly[..998]);
    assert_eq!(
        rig.call(Caller::OpenAi.post(&exactly)).await.status(),
        200,
        "a body of just the limit passes"
    );
    assert_eq!(rig.booked().await, 1);
    assert_eq!(provider.books.entries().len(), 1);
}

#[tokio::test]
async fn a_client_that_sends_on_after_a_refusal_can_read_the_refusal() {
    let (rig, _provider) = gateway(|s| s.limits(|l| l.body_bytes = 64 * 1024)).await;
    for caller in CALLERS {
        let mut wire = rig.connect().await;
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: g\r\n{}\r\ncontent-length: {}\r\n\r\n",
            caller.path(),
            caller.header(),
            24 << 20
        );
        wire.send(head).await;
        for _ in 0..24 {
            assert!(wire.send(vec![b' '; 1 << 20]).await, "the gateway lets the client finish");
        }
        caller.is_refused(&wire.answer().await, 413, "too_large");
        assert!(wire.is_closed().await);
    }
    assert_eq!(rig.booked().await, 0);
}

#[tokio::test]
async fn an_absurd_length_is_refused_before_a_byte_of_the_body() {
    let (rig, provider) = gateway(|s| s).await;
    for caller in CALLERS {
        for (length, status, kind) in [
            ("18446744073709551614", 413, "too_large"),
            ("9000000000000000", 413, "too_large"),
            ("99999999999999999999999999", 400, "bad_request"),
            ("-1", 400, "bad_request"),
            ("12a", 400, "bad_request"),
        ] {
            let path = caller.path();
            let head =
                format!("POST {path} HTTP/1.1\r\n{}\r\ncontent-length: {length}\r\n\r\n", caller.header());
            caller.is_refused(&rig.call(head).await, status, kind);
        }
    }
    serves_and_booked_nothing_else(&rig, &provider).await;
}

#[tokio::test]
async fn a_body_that_stops_coming_is_a_408() {
    let (rig, provider) = gateway(|s| s.limits(|l| l.body_timeout = Duration::from_millis(50))).await;
    for caller in CALLERS {
        let begun = format!(
            "POST {} HTTP/1.1\r\nhost: g\r\n{}\r\ncontent-length: 100\r\n\r\n{{\"model\":",
            caller.path(),
            caller.header()
        );
        let answer = rig.call(begun).await;
        caller.is_refused(&answer, 408, "timeout");
        assert_eq!(answer.header("x-should-retry"), Some("true"));
    }
    serves_and_booked_nothing_else(&rig, &provider).await;
}

#[tokio::test]
async fn damaged_chunks_are_a_400() {
    let (rig, provider) = gateway(|s| s).await;
    for caller in CALLERS {
        for chunks in
            ["zz\r\n{}\r\n0\r\n\r\n", "2\r\n{}XX0\r\n\r\n", "ffffffffffffffffff\r\n{}", "-2\r\n{}\r\n"]
        {
            let (path, header) = (caller.path(), caller.header());
            let head = format!("POST {path} HTTP/1.1\r\n{header}\r\ntransfer-encoding: chunked\r\n\r\n");
            caller.is_refused(&rig.call(head + chunks).await, 400, "bad_request");
        }
    }
    serves_and_booked_nothing_else(&rig, &provider).await;
}

#[tokio::test]
async fn a_compressed_body_is_read_within_the_limit_and_passes_as_it_came() {
    let (rig, provider) = gateway(|s| s.limits(|l| l.body_bytes = 1 << 20)).await;
    let bomb = gzip(&vec![b' '; 40 << 20]);
    assert!(bomb.len() < 1 << 20, "{} bytes pass the limit as they come", bomb.len());
    for caller in CALLERS {
        let packed = |encoding: &str, body: &[u8]| {
            post(caller.path(), &[caller.header(), &format!("content-encoding: {encoding}")], body)
        };
        caller.is_refused(&rig.call(packed("gzip", &bomb)).await, 413, "too_large");
        let good = gzip(caller.body().as_bytes());
        let mut damaged = good.clone();
        *damaged.last_mut().unwrap() ^= 1;
        for (encoding, body) in [
            ("gzip", b"{}".as_slice()),
            ("gzip", &good[..good.len() - 4]),
            ("GZIP", &damaged),
            ("deflate", b"{}"),
            ("deflate", &good),
        ] {
            caller.is_refused(&rig.call(packed(encoding, body)).await, 400, "bad_request");
        }
        for encoding in ["br", "zstd", "gzip, gzip", "nonsense"] {
            let answer = rig.call(packed(encoding, &good)).await;
            caller.is_refused(&answer, 415, "unsupported_encoding");
        }
    }
    serves_and_booked_nothing_else(&rig, &provider).await;
}
