//! However long an answer is, the gateway holds a small part of it.

use std::io::Write as _;
use std::net::TcpStream;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::process::{Serving, accept, length_of, provider, send};

const ANSWER: u64 = 200 << 20;
/// What the packed one unpacks to; without optimisation that takes its time.
const UNPACKED: u64 = 48 << 20;
/// What the process may grow by while such an answer passes: buffers of two connections, a part of the text, the
/// tokenizer's vocabulary.
const GROWTH: u64 = 24 << 20;

const CHAT: &[u8] = br#"{"model":"gpt-4o-mini","messages":[]}"#;
const STREAM: &[u8] = br#"{"model":"gpt-4o-mini","stream":true,"messages":[]}"#;

/// A call, its body, how it is answered, and the least bytes that its client gets.
type Saying = (&'static str, &'static [u8], fn(&mut TcpStream), u64);

fn config(base_url: &str) -> String {
    format!("[[provider]]\nname = \"openai\"\nkind = \"openai\"\nbase_url = \"{base_url}\"\nretries = 0\n")
}

fn say_events(stream: &mut TcpStream) {
    let padding = "p".repeat(512 << 10);
    let event = format!(
        "data: {{\"model\":\"gpt-4o-mini\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"some words\"}}}}],\"p\":\"{padding}\"}}\n\n"
    );
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        .unwrap();
    for _ in 0..=ANSWER / event.len() as u64 {
        stream.write_all(event.as_bytes()).unwrap();
    }
}

fn say_one_picture(stream: &mut TcpStream) {
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n")
        .unwrap();
    stream.write_all(br#"{"created":1,"data":[{"b64_json":""#).unwrap();
    let piece = "QUJD".repeat(16 << 10);
    for _ in 0..=ANSWER / piece.len() as u64 {
        stream.write_all(piece.as_bytes()).unwrap();
    }
    stream.write_all(br#""}]}"#).unwrap();
}

fn say_packed(stream: &mut TcpStream) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(br#"{"choices":[{"message":{"content":"Hi"}}],"p":""#).unwrap();
    for _ in 0..UNPACKED >> 20 {
        encoder.write_all(&[b'p'; 1 << 10].repeat(1 << 10)).unwrap();
    }
    encoder.write_all(br#""}"#).unwrap();
    let packed = encoder.finish().unwrap();
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n")
        .unwrap();
    stream.write_all(&packed).unwrap();
}

#[test]
fn an_answer_of_200_mib_passes_in_24_mib_of_memory_however_it_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, url) = provider();
    let serving = Serving::start(folder.path(), &config(&url), &[], &["--quiet"]);
    let gateway = serving.address("gateway");
    let before = serving.peak_memory();
    let saying: [Saying; 3] = [
        ("POST /v1/chat/completions", STREAM, say_events, ANSWER),
        ("POST /v1/images/generations", CHAT, say_one_picture, ANSWER),
        ("POST /v1/chat/completions", CHAT, say_packed, UNPACKED >> 12),
    ];
    for (line, body, say, least) in saying {
        let client = send(gateway, line, &["content-type: application/json", "accept-encoding: gzip"], body);
        let reading = std::thread::spawn(move || length_of(client));
        let mut stream = accept(&listener);
        say(&mut stream);
        drop(stream);
        assert!(reading.join().unwrap() >= least, "{line}: the whole answer reaches the client");
        let growth = serving.peak_memory().saturating_sub(before);
        assert!(growth < GROWTH, "{line}: {} MiB", growth >> 20);
    }
}
