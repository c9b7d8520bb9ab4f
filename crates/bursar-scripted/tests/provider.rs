//! The provider over a real socket: what it answers and what it books must be one.

use std::future::pending;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bursar_scripted::client::{CallError, Reply};
use bursar_scripted::sample_call::{Kind, SampleCall};
use bursar_scripted::{Books, Client, Ending, Entry, ScriptedProvider};
use serde_json::{Value, json};

struct Running {
    client: Client,
    books: Arc<Books>,
}

async fn running() -> Running {
    let books = Arc::new(Books::keeping_entries());
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let provider = ScriptedProvider::bind(address, Arc::clone(&books), 1).await.unwrap();
    let client = Client::new(provider.address());
    tokio::spawn(provider.serve(pending()));
    Running { client, books }
}

impl Running {
    async fn post(&self, path: &str, headers: &str, body: &Value) -> Result<Reply, CallError> {
        let body = body.to_string();
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {}\r\n\r\n", body.len());
        self.client.call(format!("{head}{body}").as_bytes()).await
    }

    async fn sample(
        &self,
        kind: Kind,
        model: &'static str,
        stream: bool,
        script: &str,
    ) -> Result<Reply, CallError> {
        let (script, headers) = (script.to_owned(), Vec::new());
        let call =
            SampleCall { kind, model, stream, prompt_words: 9, max_tokens: None, seed: 3, script, headers };
        self.client.call(&call.bytes(&self.client.host(), None)).await
    }

    /// The one entry that a call left, once it is there.
    async fn entry(&self) -> Entry {
        for _ in 0..200 {
            if let Some(entry) = self.books.entries().pop() {
                return entry;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("nothing was booked");
    }
}

fn events(reply: &Reply) -> Vec<Value> {
    let text = String::from_utf8(reply.body.clone()).unwrap();
    let data = text.lines().filter_map(|l| l.strip_prefix("data: ")).filter(|d| *d != "[DONE]");
    data.map(|d| serde_json::from_str(d).unwrap()).collect()
}

fn whole(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

const SCRIPT: &str = "seed=5;input-tokens=900;output-tokens=12;cached=300;reasoning=7";

#[tokio::test]
async fn a_chat_answer_tells_the_usage_that_the_books_have_plain_and_streamed() {
    for stream in [false, true] {
        let provider = running().await;
        let reply = provider.sample(Kind::OpenAiChat, "gpt-5", stream, SCRIPT).await.unwrap();
        let answer = if stream { events(&reply).pop().unwrap() } else { whole(&reply) };
        let usage = &answer["usage"];
        assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(900), &json!(19)));
        assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 300);
        assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 7);
        let entry = provider.entry().await;
        assert_eq!((entry.ending, entry.told), (Ending::Completed, true));
        assert_eq!(entry.id, answer["id"]);
        // 600 × 1,250 + 300 × 125 + 19 × 10,000 nano-dollars.
        assert_eq!(entry.cost_nanos, Some(977_500));
    }
}

#[tokio::test]
async fn a_message_tells_the_usage_that_the_books_have_plain_and_streamed() {
    let script = format!("{SCRIPT};cache-write-5m=100;cache-write-1h=50");
    for stream in [false, true] {
        let provider = running().await;
        let reply =
            provider.sample(Kind::AnthropicMessages, "claude-sonnet-4-5", stream, &script).await.unwrap();
        let (id, usage) = if stream {
            let events = events(&reply);
            let last = events.iter().find(|e| e["type"] == "message_delta").unwrap();
            (events[0]["message"]["id"].clone(), last["usage"].clone())
        } else {
            (whole(&reply)["id"].clone(), whole(&reply)["usage"].clone())
        };
        assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(450), &json!(19)));
        assert_eq!(usage["cache_read_input_tokens"], 300);
        assert_eq!(usage["cache_creation"]["ephemeral_1h_input_tokens"], 50);
        let entry = provider.entry().await;
        assert_eq!(entry.id, id);
        let cost = 450 * 3_000 + 300 * 300 + 100 * 3_750 + 50 * 6_000 + 19 * 15_000;
        assert_eq!(entry.cost_nanos, Some(cost));
    }
}

#[tokio::test]
async fn gemini_tells_thoughts_beside_the_candidates_plain_and_streamed() {
    for stream in [false, true] {
        let provider = running().await;
        let reply = provider.sample(Kind::Gemini, "gemini-2.5-flash", stream, SCRIPT).await.unwrap();
        let answer = if stream { events(&reply).pop().unwrap() } else { whole(&reply) };
        let usage = &answer["usageMetadata"];
        assert_eq!((&usage["promptTokenCount"], &usage["candidatesTokenCount"]), (&json!(900), &json!(12)));
        assert_eq!((&usage["thoughtsTokenCount"], &usage["totalTokenCount"]), (&json!(7), &json!(919)));
        let entry = provider.entry().await;
        assert_eq!(entry.id, answer["responseId"]);
        assert_eq!(entry.cost_nanos, Some(600 * 300 + 300 * 30 + 19 * 2_500));
    }
}

#[tokio::test]
async fn a_gemini_stream_without_server_sent_events_is_one_json_array() {
    let provider = running().await;
    let path = "/v1beta/models/gemini-2.5-flash:streamGenerateContent";
    let body = json!({"contents": [{"parts": [{"text": "hello"}]}]});
    let reply = provider.post(path, "x-scripted: output-tokens=5\r\n", &body).await.unwrap();
    assert_eq!(whole(&reply).as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_responses_stream_counts_its_events_and_ends_with_the_usage() {
    let provider = running().await;
    let body = json!({"model": "gpt-5-mini", "input": "hello", "stream": true});
    let reply =
        provider.post("/v1/responses", "x-scripted: reasoning=3;output-tokens=4\r\n", &body).await.unwrap();
    let events = events(&reply);
    let numbers: Vec<u64> = events.iter().map(|e| e["sequence_number"].as_u64().unwrap()).collect();
    assert!(numbers.iter().copied().eq(0..events.len() as u64));
    assert_eq!(events[0]["type"], "response.created");
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.completed");
    assert_eq!(last["response"]["usage"]["output_tokens"], 7);
    assert_eq!(last["response"]["id"], provider.entry().await.id);
}

#[tokio::test]
async fn a_stream_that_was_not_asked_for_usage_tells_none_and_the_books_say_so() {
    let provider = running().await;
    let body =
        json!({"model": "gpt-4o-mini", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let reply = provider.post("/v1/chat/completions", "", &body).await.unwrap();
    assert!(events(&reply).iter().all(|e| e.get("usage").is_none()));
    let entry = provider.entry().await;
    assert!(!entry.told && entry.cost_nanos > Some(0));
}

#[tokio::test]
async fn a_stream_that_the_script_cuts_off_is_not_booked_as_complete() {
    let provider = running().await;
    let script = format!("{SCRIPT};abort-after=4");
    let cut = provider.sample(Kind::OpenAiChat, "gpt-5", true, &script).await.unwrap_err();
    assert!(matches!(cut, CallError::CutOff { status: 200, body_bytes } if body_bytes > 0), "{cut}");
    let entry = provider.entry().await;
    assert_eq!((entry.ending, entry.tokens.reasoning, entry.tokens.output), (Ending::Cut, 7, 3));
    assert_eq!(provider.books.totals().completed.calls, 0);
}

#[tokio::test]
async fn a_caller_that_leaves_in_mid_stream_is_not_booked_as_complete() {
    let provider = running().await;
    let call = SampleCall {
        kind: Kind::AnthropicMessages,
        model: "claude-haiku-4-5",
        stream: true,
        prompt_words: 4,
        max_tokens: None,
        seed: 1,
        script: "output-tokens=200;chunk-delay-ms=5".into(),
        headers: Vec::new(),
    };
    let bytes = call.bytes(&provider.client.host(), None);
    let reply = provider.client.call_until(&bytes, 700).await.unwrap();
    assert!(reply.stopped);
    let entry = provider.entry().await;
    assert_eq!(entry.ending, Ending::Cut);
    assert!(entry.tokens.output < 200, "{entry:?}");
}

#[tokio::test]
async fn errors_have_the_shape_of_their_provider_and_are_booked_as_refused() {
    let provider = running().await;
    let script = "status=429;retry-after=3";
    let openai = provider.sample(Kind::OpenAiChat, "gpt-4o-mini", false, script).await.unwrap();
    assert_eq!((openai.status, openai.header("retry-after")), (429, Some("3")));
    assert_eq!(whole(&openai)["error"]["code"], "rate_limit_exceeded");
    let anthropic =
        provider.sample(Kind::AnthropicMessages, "claude-haiku-4-5", true, "status=529").await.unwrap();
    assert_eq!((anthropic.status, &whole(&anthropic)["error"]["type"]), (529, &json!("overloaded_error")));
    let gemini = provider.sample(Kind::Gemini, "gemini-2.5-flash", true, "status=503").await.unwrap();
    assert_eq!(whole(&gemini)["error"]["status"], "UNAVAILABLE");
    let totals = provider.books.totals();
    assert_eq!(totals.refused.values().sum::<u64>(), 3);
    assert_eq!((totals.completed.calls, totals.cut.calls), (0, 0));
}

#[tokio::test]
async fn a_model_name_can_ask_for_an_error_where_no_header_can_be_set() {
    let provider = running().await;
    let body = json!({"model": "gpt-4o-mini-scripted-error-500", "messages": []});
    assert_eq!(provider.post("/v1/chat/completions", "", &body).await.unwrap().status, 500);
    let body = json!({"model": "scripted-output-3", "messages": []});
    let answer = whole(&provider.post("/v1/chat/completions", "", &body).await.unwrap());
    assert_eq!(
        (&answer["model"], &answer["usage"]["completion_tokens"]),
        (&json!("gpt-4o-mini-2024-07-18"), &json!(3))
    );
}

#[tokio::test]
async fn a_call_that_fails_twice_and_then_answers_can_be_scripted() {
    let provider = running().await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let script = "status=503;times=2;tag=again";
        seen.push(provider.sample(Kind::OpenAiChat, "gpt-4o-mini", false, script).await.unwrap().status);
    }
    assert_eq!(seen, [503, 503, 200]);
}

#[tokio::test]
async fn a_stream_in_pieces_of_three_bytes_has_the_same_body() {
    let provider = running().await;
    let script = "id=same;seed=1;output-tokens=9";
    let whole = provider.sample(Kind::OpenAiChat, "gpt-4o-mini", true, script).await.unwrap();
    let split =
        provider.sample(Kind::OpenAiChat, "gpt-4o-mini", true, &format!("{script};split=3")).await.unwrap();
    assert_eq!(whole.body, split.body);
}

#[tokio::test]
async fn the_books_can_be_read_over_http() {
    let provider = running().await;
    provider
        .sample(Kind::OpenAiEmbeddings, "text-embedding-3-small", false, "input-tokens=50")
        .await
        .unwrap();
    let reply = provider.client.call(b"GET /books HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let totals = whole(&reply);
    assert_eq!(
        (&totals["completed"]["calls"], &totals["completed"]["cost_nanos"]),
        (&json!(1), &json!(1000))
    );
}

#[tokio::test]
async fn what_is_no_json_no_path_or_no_script_is_refused_in_the_dialects_shape() {
    let provider = running().await;
    let raw = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n{\"a";
    let reply = provider.client.call(raw).await.unwrap();
    assert_eq!((reply.status, &whole(&reply)["error"]["type"]), (400, &json!("invalid_request_error")));
    assert_eq!(provider.post("/v1/nothing", "", &json!({})).await.unwrap().status, 404);
    let body = json!({"model": "gpt-4o-mini", "messages": []});
    let reply = provider.post("/v1/chat/completions", "x-scripted: dance\r\n", &body).await.unwrap();
    assert!(whole(&reply)["error"]["message"].as_str().unwrap().contains("dance"));
}

#[tokio::test]
async fn a_chunked_request_body_is_read_like_any_other() {
    let provider = running().await;
    let raw = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n\
        b\r\n{\"model\":\"g\r\n1d\r\npt-4o-mini\",\"messages\":[{}]}\r\n0\r\n\r\n";
    let reply = provider.client.call(raw).await.unwrap();
    assert_eq!((reply.status, &whole(&reply)["model"]), (200, &json!("gpt-4o-mini-2024-07-18")));
}

#[tokio::test]
async fn a_compressed_stream_holds_the_same_events() {
    let provider = running().await;
    let body = json!({"model": "gpt-4o-mini", "stream": true, "messages": []});
    let script = "x-scripted: id=same;seed=1;output-tokens=9";
    let plain = provider.post("/v1/chat/completions", &format!("{script}\r\n"), &body).await.unwrap();
    let headers = format!("{script};gzip\r\naccept-encoding: gzip, br\r\n");
    let packed = provider.post("/v1/chat/completions", &headers, &body).await.unwrap();
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain.body);
}

#[tokio::test]
async fn probabilities_are_told_for_each_token_where_they_are_asked_for() {
    let provider = running().await;
    let body = json!({"model": "gpt-4o-mini", "messages": [], "logprobs": true});
    let reply =
        provider.post("/v1/chat/completions", "x-scripted: output-tokens=4\r\n", &body).await.unwrap();
    assert_eq!(whole(&reply)["choices"][0]["logprobs"]["content"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn whoever_has_read_the_totals_finds_their_entries_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("books.jsonl");
    let books = Arc::new(Books::appending_to(&path).unwrap());
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let provider = ScriptedProvider::bind(anywhere, Arc::clone(&books), 1).await.unwrap();
    let running = Running { client: Client::new(provider.address()), books };
    tokio::spawn(provider.serve(pending()));
    running.sample(Kind::OpenAiChat, "gpt-4o-mini", false, "").await.unwrap();
    let reply = running.client.call(b"GET /books HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let totals: Value = serde_json::from_slice(&reply.body).unwrap();
    let lines = std::fs::read_to_string(&path).unwrap();
    assert_eq!((totals["completed"]["calls"].as_u64(), lines.lines().count()), (Some(1), 1));
}
