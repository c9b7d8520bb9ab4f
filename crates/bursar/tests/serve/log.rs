//! Neither the log nor anything on disk has a prompt, an answer or a secret in it, whatever the level.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use crate::process::{Serving, accept, provider, send, text_of};

/// Marks that stand in what must not be told.
const PROMPT: &str = "marked-prompt-5f1c";
const COMPLETION: &str = "marked-completion-77ab";
const OWN_KEY: &str = "sk-marked-provider-key-91d2";
const CLIENT_KEY: &str = "sk-marked-client-key-03fe";
const TOKEN: &str = "marked-console-token-8ce4";
const JSON: &str = "content-type: application/json";

fn config(url: &str) -> String {
    format!(
        "token = \"env:MARKED_TOKEN\"\n\
         [[provider]]\nname = \"openai\"\nkind = \"openai\"\nbase_url = \"{url}\"\nretries = 0\napi_keys = [\"env:MARKED_KEY\"]\n\
         [[provider]]\nname = \"anthropic\"\nkind = \"anthropic\"\nbase_url = \"{url}\"\nretries = 0\n\
         [[provider]]\nname = \"gemini\"\nkind = \"gemini\"\nbase_url = \"{url}\"\nretries = 0\n\
         [[provider]]\nname = \"gone\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:1\"\nretries = 1\n"
    )
}

/// Calls that reach the provider, and what it answers to each.
fn forwarded(gateway: SocketAddr, listener: &TcpListener, headers: &[&str]) {
    let chat = format!(r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"{PROMPT}"}}]}}"#);
    let streamed = chat.replacen('{', r#"{"stream":true,"#, 1);
    let claude = format!(
        r#"{{"model":"claude-{PROMPT}","max_tokens":9,"messages":[{{"role":"user","content":"{PROMPT}"}}]}}"#
    )
    .replace(&format!("claude-{PROMPT}"), "claude-sonnet-4-5");
    let gemini = format!(r#"{{"contents":[{{"parts":[{{"text":"{PROMPT}"}}]}}]}}"#);
    let said = format!(
        r#"{{"choices":[{{"message":{{"content":"{COMPLETION}"}}}}],"usage":{{"prompt_tokens":"{COMPLETION}"}}}}"#
    );
    let event = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{COMPLETION}\"}}}}]}}\n\n");
    let failed = format!(r#"{{"error":{{"message":"{PROMPT} is not allowed with {OWN_KEY}"}}}}"#);
    let keyed = format!("POST /v1beta/models/gemini-2.5-flash:generateContent?key={CLIENT_KEY}");
    for (line, body, status, kind, answer) in [
        ("POST /v1/chat/completions", &chat, 200, "application/json", &said),
        ("POST /v1/chat/completions", &streamed, 200, "text/event-stream", &event),
        ("POST /v1/messages", &claude, 400, "application/json", &failed),
        (keyed.as_str(), &gemini, 500, "application/json", &failed),
        ("POST /v1/embeddings", &chat, 200, "application/json", &format!("{COMPLETION} is no JSON")),
        ("POST /providers/openai/v1/odd", &chat, 200, "application/json", &said),
    ] {
        let client = send(gateway, line, &[headers, &[JSON]].concat(), body.as_bytes());
        let mut stream = accept(listener);
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n");
        stream.write_all(format!("{head}{answer}").as_bytes()).unwrap();
        drop(stream);
        assert!(text_of(client).contains(answer.as_str()), "{line}: the client gets it all");
    }
}

/// Calls that are refused.
fn refused(gateway: SocketAddr, key: &str) {
    let key = format!("authorization: Bearer {key}");
    let (path, long) = ("POST /v1/chat/completions", PROMPT.repeat(200));
    for (line, header, body) in [
        (path, key.as_str(), format!(r#"{{"messages":[{{"content":"{PROMPT}" oops"#)),
        (path, &key, format!(r#"{{"model":{{"{PROMPT}":1}}}}"#)),
        (path, &key, format!(r#"{{"model":"gpt-4o-mini","stream":"{PROMPT}","messages":[]}}"#)),
        (path, &key, format!(r#"{{"model":"{long}","messages":[]}}"#)),
        (path, &key, format!("{PROMPT}\u{0}")),
        (path, &format!("authorization: Bearer {CLIENT_KEY}"), "{}".to_owned()),
        (path, "authorization: Bearer bsk_marked-unknown-secret-2277", "{}".to_owned()),
        (
            "POST /providers/gone/v1/chat/completions",
            &key,
            format!(r#"{{"model":"gpt-4o-mini","messages":["{PROMPT}"]}}"#),
        ),
        (&format!("POST /v1/nothing?key={CLIENT_KEY}"), &key, PROMPT.to_owned()),
        (path, &format!("x-bad header: {CLIENT_KEY}"), PROMPT.to_owned()),
    ] {
        let answer = text_of(send(gateway, line, &[JSON, header], body.as_bytes()));
        assert!(answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5"), "{line}: {answer}");
    }
}

/// Everything in a folder, name by name.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

#[test]
fn no_prompt_no_answer_and_no_secret_is_logged_or_stored_at_any_level() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, url) = provider();
    let variables = [("BURSAR_LOG", "trace"), ("MARKED_KEY", OWN_KEY), ("MARKED_TOKEN", TOKEN)];
    let mut serving = Serving::start(folder.path(), &config(&url), &variables, &["--log-json"]);
    let (gateway, console) = (serving.address("gateway"), serving.address("console"));
    forwarded(gateway, &listener, &[&format!("x-api-key: {CLIENT_KEY}")]);
    let keys = bursar_store::KeyDirectory::open(&folder.path().join("data")).unwrap();
    let (_, secret) =
        keys.create(bursar_store::KeySpec::default(), bursar_core::Timestamp::from_micros(1)).unwrap();
    let bearer = format!("authorization: Bearer {}", secret.reveal());
    let list = format!("authorization: Bearer {TOKEN}");
    assert!(text_of(send(console, "GET /api/v1/usage", &[&list], b"")).contains("records"));
    assert!(text_of(send(console, "GET /metrics", &[&list], b"")).contains("bursar_attempts_total"));
    // A key that was made beside the process is known there within a moment.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let chat = format!(r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"{PROMPT}"}}]}}"#);
    let client = send(gateway, "POST /v1/chat/completions", &[JSON, &bearer], chat.as_bytes());
    accept(&listener).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    assert!(text_of(client).starts_with("HTTP/1.1 200"));
    refused(gateway, secret.reveal());
    serving.terminate();
    assert!(serving.ended().success());
    let log = serving.log();
    for line in log.lines().filter(|l| l.starts_with('{')) {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "one document a line: {line}");
    }
    for told in ["attempt settled", "request refused"] {
        assert!(log.contains(told), "the log tells of it at this level: {told}\n{log}");
    }
    std::fs::remove_file(folder.path().join("bursar.toml")).unwrap();
    let secrets = [PROMPT, COMPLETION, OWN_KEY, CLIENT_KEY, TOKEN, secret.reveal(), "marked-unknown-secret"];
    for (name, bytes) in files(folder.path()) {
        for mark in secrets {
            let at = bytes.windows(mark.len()).position(|w| w == mark.as_bytes());
            let around = at.map(|at| {
                String::from_utf8_lossy(&bytes[at.saturating_sub(200)..(at + 100).min(bytes.len())])
                    .into_owned()
            });
            assert_eq!(around, None, "{mark} in {name}");
        }
    }
}
