//! The end of a process that serves.

use std::io::{Read as _, Write as _};

use crate::process::{Serving, accept, provider, send, text_of};

#[test]
fn a_signal_lets_a_running_stream_end_and_books_it() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, url) = provider();
    let config = format!("[[provider]]\nname = \"openai\"\nkind = \"openai\"\nbase_url = \"{url}\"\n");
    let mut serving = Serving::start(folder.path(), &config, &[], &[]);
    let body =
        br#"{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true},"messages":[]}"#;
    let json = "content-type: application/json";
    let mut client = send(serving.address("gateway"), "POST /v1/chat/completions", &[json], body);
    let mut stream = accept(&listener);
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        .unwrap();
    stream.write_all(b"data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\n").unwrap();
    let mut first = [0; 1];
    client.read_exact(&mut first).unwrap();
    serving.terminate();
    while !serving.log().contains("stopping") {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let last = b"data: {\"model\":\"gpt-4o-mini\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1,\"total_tokens\":10}}\n\ndata: [DONE]\n\n";
    stream.write_all(last).unwrap();
    drop(stream);
    assert!(text_of(client).contains("[DONE]"), "the stream comes to its end");
    assert!(serving.ended().success(), "{}", serving.log());
    assert!(serving.log().contains("0 answers cut off"), "{}", serving.log());
    let reader = bursar_store::Reader::open(&folder.path().join("data")).unwrap();
    let records = reader.usage(&bursar_store::UsageQuery { limit: 9, ..Default::default() }).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].usage.quantities.total_tokens(), 10);
}
