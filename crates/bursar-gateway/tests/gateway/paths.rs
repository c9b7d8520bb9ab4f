//! Which path leads where, and what the provider is asked for.

use std::io::Write as _;

use bursar_core::{EndOfStream, Meter, Provenance, UsageException};
use bursar_gateway::ProviderConfig;
use bursar_wire::Vendor;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::callers::{Caller, gateway};
use crate::provider::{Exchange, Provider};
use crate::rig::{CHAT, CHAT_ANSWER, CHAT_PATH, Rig, Setup, quantity};
use crate::wire::{Answer, plain, post, post_as};

const JSON: &str = "content-type: application/json";

/// Sends a request, lets the provider answer it, and gives what each of them saw.
async fn asked(rig: &Rig, provider: &Provider, request: impl AsRef<[u8]>) -> (Exchange, Answer) {
    let mut wire = rig.connect().await;
    wire.send(request).await;
    let mut exchange = provider.request().await;
    exchange.answer(200, &[JSON, "connection: close"], CHAT_ANSWER).await;
    (exchange, wire.answer().await)
}

fn line(path: &str) -> String {
    format!("POST {path} HTTP/1.1")
}

#[tokio::test]
async fn azures_deployments_and_versions_pass_and_openais_paths_stand_under_openai() {
    for base in ["", "/openai"] {
        let provider = Provider::bind().await;
        let url = format!("{}{base}", provider.base_url());
        let rig = Setup::of(vec![ProviderConfig::new("azure", Vendor::Azure, &url)]).start().await;
        let (exchange, _) =
            asked(&rig, &provider, post(&format!("{CHAT_PATH}?api-version=preview"), &[], CHAT)).await;
        assert_eq!(exchange.line, line("/openai/v1/chat/completions?api-version=preview"));
        if base.is_empty() {
            let path = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-06-01";
            let (exchange, answer) = asked(&rig, &provider, post(path, &[], r#"{"messages":[]}"#)).await;
            assert_eq!((exchange.line, exchange.body), (line(path), br#"{"messages":[]}"#.to_vec()));
            let record = rig.record(&answer).await;
            assert_eq!(record.requested_model.as_deref(), Some("gpt-4o-mini"));
            assert_eq!(
                (record.provider.as_str(), record.surface.as_str()),
                ("azure", "openai.chat_completions")
            );
        }
    }
}

#[tokio::test]
async fn a_path_of_azures_goes_to_azure_though_another_takes_models_of_that_name() {
    let provider = Provider::bind().await;
    let mut openai = ProviderConfig::new("openai", Vendor::OpenAi, &format!("{}/not", provider.base_url()));
    openai.models = vec!["gpt-*".to_owned()];
    let azure = ProviderConfig::new("azure", Vendor::Azure, &provider.base_url());
    let rig = Setup::of(vec![openai, azure]).start().await;
    let path = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-06-01";
    let (exchange, answer) = asked(&rig, &provider, post(path, &[], r#"{"messages":[]}"#)).await;
    assert_eq!(exchange.line, line(path));
    assert_eq!(rig.record(&answer).await.provider, "azure");
}

#[tokio::test]
async fn a_base_urls_own_path_stands_before_the_dialects() {
    let provider = Provider::bind().await;
    let url = format!("{}/api/openai/", provider.base_url());
    let rig = Setup::of(vec![ProviderConfig::new("groq", Vendor::Groq, &url)]).start().await;
    let (exchange, _) = asked(&rig, &provider, post(CHAT_PATH, &[], CHAT)).await;
    assert_eq!(exchange.line, line("/api/openai/v1/chat/completions"));
}

/// One provider of every kind at one address, so that the exchange tells by its head which was chosen.
async fn several() -> (Rig, Provider) {
    let provider = Provider::bind().await;
    let at =
        |name: &str, vendor| ProviderConfig::new(name, vendor, &format!("{}/{name}", provider.base_url()));
    let mut local = at("local", Vendor::Other);
    local.models = vec!["llama-*".to_owned(), "exactly".to_owned()];
    let configs = vec![at("openai", Vendor::OpenAi), at("anthropic", Vendor::Anthropic), local];
    (Setup::of(configs).start().await, provider)
}

#[tokio::test]
async fn a_path_may_name_its_provider_whatever_comes_behind_it() {
    let (rig, provider) = several().await;
    let path = "/providers/local/v1/chat/completions?a=b";
    let (exchange, answer) = asked(&rig, &provider, post(path, &[], CHAT)).await;
    assert_eq!(exchange.line, line("/local/v1/chat/completions?a=b"));
    let record = rig.record(&answer).await;
    assert_eq!((record.provider.as_str(), record.surface.as_str()), ("local", "openai.chat_completions"));
    let (exchange, answer) = asked(&rig, &provider, post("/providers/local/v2/magic", &[], "{}")).await;
    assert_eq!(exchange.line, line("/local/v2/magic"));
    let record = rig.record(&answer).await;
    assert_eq!((record.surface.as_str(), record.end), ("other /v2/magic", EndOfStream::Complete));
    assert_eq!(record.contracted_cost, None);
    let not_understood = |e: &UsageException| matches!(e, UsageException::NotUnderstood { .. });
    assert!(record.usage.exceptions.iter().any(not_understood), "{:?}", record.usage);
    for (path, caller) in [
        ("/providers/nobody/v1/chat/completions", Caller::OpenAi),
        ("/providers/nobody/v1/messages", Caller::Anthropic),
        ("/providers/nobody/v1beta/other", Caller::Gemini),
        ("/providers/local", Caller::OpenAi),
        ("/providers/", Caller::OpenAi),
    ] {
        caller.is_refused(&rig.call(post(path, &[], "{}")).await, 404, "not_found");
    }
}

#[tokio::test]
async fn a_prefix_of_the_model_names_the_provider_and_only_the_prefix_is_cut_out() {
    let (rig, provider) = several().await;
    let sent = r#"{ "messages":[{"role":"user","content":"model: local/x"}], "model" : "local/meta/llama-3" ,"x":1.50}"#;
    let (exchange, answer) = asked(&rig, &provider, post(CHAT_PATH, &[], sent)).await;
    assert_eq!(exchange.line, line("/local/v1/chat/completions"));
    let expected = sent.replace(r#""local/meta/llama-3""#, r#""meta/llama-3""#);
    assert_eq!(String::from_utf8(exchange.body.clone()).unwrap(), expected);
    let record = rig.record(&answer).await;
    assert_eq!(record.requested_model.as_deref(), Some("meta/llama-3"));
    assert!(record.reasons.iter().any(|r| r.contains("prefix")), "{:?}", record.reasons);
}

#[tokio::test]
async fn a_prefix_in_a_compressed_body_is_cut_out_as_well() {
    let (rig, provider) = several().await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(br#"{"model":"local/llama-3","messages":[]}"#).unwrap();
    let request = post(CHAT_PATH, &["content-encoding: gzip"], encoder.finish().unwrap());
    let (exchange, _) = asked(&rig, &provider, request).await;
    assert_eq!(exchange.line, line("/local/v1/chat/completions"));
    assert_eq!(
        (exchange.header("content-encoding"), exchange.json()["model"].as_str()),
        (None, Some("llama-3"))
    );
}

#[tokio::test]
async fn a_model_goes_to_the_provider_that_prefers_it_else_to_the_first_of_its_dialect() {
    let (rig, provider) = several().await;
    for (path, model, first) in [
        (CHAT_PATH, "llama-3.3", "/local/v1/chat/completions"),
        (CHAT_PATH, "exactly", "/local/v1/chat/completions"),
        (CHAT_PATH, "exactly-not", "/openai/v1/chat/completions"),
        (CHAT_PATH, "unknown/model", "/openai/v1/chat/completions"),
        ("/v1/messages", "llama-3.3", "/anthropic/v1/messages"),
    ] {
        let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
        let (exchange, _) = asked(&rig, &provider, post(path, &[], &body)).await;
        assert_eq!(
            (exchange.line.as_str(), exchange.body.as_slice()),
            (line(first).as_str(), body.as_bytes())
        );
    }
    Caller::Gemini.is_refused(&rig.call(Caller::Gemini.call()).await, 404, "not_found");
}

#[tokio::test]
async fn a_models_name_that_is_no_name_is_a_400() {
    let (rig, provider) = gateway(|s| s).await;
    for model in ["m".repeat(40_000), "m".repeat(1025)] {
        let answer = rig.call(Caller::OpenAi.post(format!(r#"{{"model":"{model}","messages":[]}}"#))).await;
        Caller::OpenAi.is_refused(&answer, 400, "bad_request");
        assert_eq!(answer.json()["error"]["param"], "model");
    }
    assert_eq!((provider.books.entries().len(), rig.booked().await), (0, 0));
}

#[tokio::test]
async fn lists_of_models_come_from_the_provider_whose_dialect_asks() {
    let (rig, _provider) = gateway(|s| s).await;
    let list = async |path: &str, headers: &[&str]| rig.call(plain("GET", path, headers)).await.text();
    assert!(list("/v1/models", &[]).await.contains("gpt-4o"));
    assert!(list("/v1/models/gpt-4o-mini", &[]).await.contains("gpt-4o-mini"));
    let claude = list("/v1/models", &["anthropic-version: 2023-06-01"]).await;
    assert!(claude.contains("claude") && !claude.contains("gpt-4o"), "{claude}");
    let gemini = list("/v1beta/models", &[]).await;
    assert!(gemini.contains("gemini") && !gemini.contains("claude"), "{gemini}");
    assert_eq!(rig.booked().await, 0);
}

#[tokio::test]
async fn an_upload_passes_as_it_comes_whatever_its_size_and_is_not_booked() {
    let provider = Provider::bind().await;
    let config = ProviderConfig::new("openai", Vendor::OpenAi, &provider.base_url());
    let rig = Setup::of(vec![config]).limits(|l| l.body_bytes = 1000).start().await;
    let mut wire = rig.connect().await;
    let part = b"--b\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\n\xff\xfe";
    let rest = vec![7; 2 << 20];
    let length = part.len() + rest.len();
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nhost: g\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: {length}\r\n\r\n"
    );
    wire.send([head.as_bytes(), part].concat()).await;
    let mut exchange = provider.head().await;
    assert_eq!(exchange.line, line("/v1/files"));
    assert_eq!(exchange.body_so_far().await, part, "before the client has sent the rest");
    let (_, ()) = tokio::join!(wire.send(&rest), exchange.read_body());
    assert_eq!(exchange.body, [part.as_slice(), &rest].concat());
    exchange.answer(200, &[JSON], r#"{"id":"file-1"}"#).await;
    assert_eq!(wire.answer().await.text(), r#"{"id":"file-1"}"#);
    assert_eq!(rig.booked().await, 0);
}

#[tokio::test]
async fn every_surface_passes_and_those_that_bill_are_booked_once() {
    let (rig, provider) = gateway(|s| s).await;
    let gemini = |verb: &str| format!("/v1beta/models/gemini-embedding-001:{verb}");
    let part = r#"{"content":{"parts":[{"text":"Hello."}]}}"#;
    let cases = [
        ("/v1/embeddings".to_owned(), r#"{"model":"text-embedding-3-small","input":"Hello."}"#, 1),
        ("/v1/completions".to_owned(), r#"{"model":"gpt-4o-mini","prompt":"Hello."}"#, 1),
        ("/v1/responses".to_owned(), r#"{"model":"gpt-4o-mini","input":"Hello."}"#, 1),
        ("/v1/images/generations".to_owned(), r#"{"model":"gpt-image-1","prompt":"A cat."}"#, 1),
        ("/v1/audio/speech".to_owned(), r#"{"model":"tts-1","input":"Hello.","voice":"alloy"}"#, 1),
        ("/v1/moderations".to_owned(), r#"{"input":"Hello."}"#, 0),
        ("/v1/messages/count_tokens".to_owned(), r#"{"model":"claude-sonnet-4-5","messages":[]}"#, 0),
        (gemini("embedContent"), part, 1),
        (gemini("countTokens"), r#"{"contents":[]}"#, 0),
    ];
    for (path, body, booked) in cases {
        let answer = rig.call(post(&path, &[], body)).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        let records = rig.records(answer.head.request_id()).await;
        assert_eq!(records.len(), booked, "{path}");
        for record in records {
            let nanos = provider.books.entries().last().unwrap().cost_nanos;
            let own = record.contracted_cost.map(bursar_core::Money::nanos);
            assert!(own.is_none() || nanos.is_none() || own == nanos, "{path}: {own:?} and {nanos:?}");
        }
    }
}

#[tokio::test]
async fn a_recording_to_be_written_down_is_metered_by_what_its_answer_tells() {
    let (rig, provider) = gateway(|s| s).await;
    let form = |model: &str| {
        let field = |name: &str, value: &str| {
            format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let file = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\n";
        [field("model", model).as_bytes(), file.as_bytes(), &[7; 4_000].repeat(10), b"\r\n--b--\r\n"].concat()
    };
    for (model, meter) in [("whisper-1", Meter::AudioSeconds), ("gpt-4o-mini-transcribe", Meter::AudioIn)] {
        let kind = "multipart/form-data; boundary=b";
        let answer = rig.call(post_as(kind, "/v1/audio/transcriptions", &[], form(model))).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let record = rig.record(&answer).await;
        assert_eq!(record.requested_model.as_deref(), Some(model));
        let (units, provenance) = quantity(&record, meter).expect("the answer tells it");
        assert_eq!((units > 0, provenance), (true, Provenance::Reported));
        let nanos = provider.books.entries().last().unwrap().cost_nanos;
        let own = record.contracted_cost.map(bursar_core::Money::nanos);
        assert!(own.is_some() && (nanos.is_none() || own == nanos), "{record:?} and {nanos:?}");
    }
}
