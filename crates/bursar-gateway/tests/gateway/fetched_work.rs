//! Work that is done apart from any one call, and told of whenever it is fetched.

use bursar_core::{Attribution, EndOfStream, Meter, Money, Provenance, ServiceTier, UsageRecord};
use bursar_gateway::{ProviderConfig, ProviderSecret};
use bursar_store::{KeySpec, Reader, UsageQuery};
use bursar_wire::Vendor;

use crate::provider::Provider;
use crate::rig::{Rig, Setup, quantity};
use crate::wire::{Answer, plain, post};

const JSON: &str = "content-type: application/json";
const RESPONSES: &str = "/v1/responses";
const IN_BACKGROUND: &str = r#"{"model":"gpt-4o-mini","background":true,"input":"Think for long."}"#;
/// 1,000 tokens in and 500 out, of which 400 are reasoning.
const USED: &str = r#"{"input_tokens":1000,"input_tokens_details":{"cached_tokens":0},"output_tokens":500,"output_tokens_details":{"reasoning_tokens":400},"total_tokens":1500}"#;
const UNUSED: &str = r#"{"input_tokens":0,"input_tokens_details":{"cached_tokens":0},"output_tokens":0,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":0}"#;

fn response(status: &str, background: bool, usage: &str) -> String {
    format!(
        r#"{{"id":"resp_1","object":"response","status":"{status}","background":{background},"error":null,"model":"gpt-4o-mini","output":[],"service_tier":"default","usage":{usage}}}"#
    )
}

fn batch(status: &str, usage: &str) -> String {
    format!(
        r#"{{"id":"batch_1","object":"batch","endpoint":"/v1/chat/completions","model":"gpt-4o-mini","errors":null,"status":"{status}","output_file_id":"file-2","usage":{usage},"metadata":{{"team":"research"}}}}"#
    )
}

fn config(provider: &Provider) -> ProviderConfig {
    let keys = vec![ProviderSecret::new("sk-own")];
    ProviderConfig { keys, ..ProviderConfig::new("openai", Vendor::OpenAi, &provider.base_url()) }
}

async fn rig() -> (Rig, Provider) {
    let provider = Provider::bind().await;
    (Setup::of(vec![config(&provider)]).start().await, provider)
}

async fn answered(rig: &Rig, provider: &Provider, request: impl AsRef<[u8]>, body: &str) -> Answer {
    let mut wire = rig.connect().await;
    wire.send(request).await;
    provider.request().await.answer(200, &[JSON, "connection: close"], body).await;
    let answer = wire.answer().await;
    assert_eq!(answer.text(), body, "the bytes pass unchanged");
    answer
}

async fn fetched(rig: &Rig, provider: &Provider, status: &str) -> Answer {
    let usage = if status == "completed" { USED } else { "null" };
    answered(rig, provider, plain("GET", "/v1/responses/resp_1", &[]), &response(status, true, usage)).await
}

async fn all(rig: &Rig) -> Vec<UsageRecord> {
    rig.idle().await;
    rig.store.flush().unwrap();
    let query = UsageQuery { limit: 100, ..UsageQuery::default() };
    Reader::open(rig.store.folder()).unwrap().usage(&query).unwrap()
}

fn is_the_work(record: &UsageRecord, nanos: i64) {
    for (meter, units) in [(Meter::Input, 1000), (Meter::Output, 100), (Meter::Reasoning, 400)] {
        assert_eq!(quantity(record, meter), Some((units, Provenance::Reported)), "{record:?}");
    }
    assert_eq!((record.end, record.usage.exceptions.len()), (EndOfStream::Complete, 0));
    assert_eq!(record.contracted_cost, Some(Money::from_nanos(nanos)));
}

/// 1,000 × $0.15 and 500 × $0.60 per million.
const STANDARD: i64 = 450_000;

#[tokio::test]
async fn a_response_made_in_the_background_is_booked_once_when_it_is_fetched_whole() {
    let (rig, provider) = rig().await;
    let queued = response("queued", true, "null");
    let began = answered(&rig, &provider, post(RESPONSES, &[], IN_BACKGROUND), &queued).await;
    let own = rig.record(&began).await;
    assert!(own.usage.quantities.is_empty(), "{own:?}");
    assert!(own.reasons.iter().any(|r| r.contains("booked when it is fetched")), "{own:?}");
    fetched(&rig, &provider, "in_progress").await;
    assert_eq!(rig.booked().await, 1);
    for _ in 0..3 {
        fetched(&rig, &provider, "completed").await;
    }
    let records = all(&rig).await;
    assert_eq!(records.len(), 2, "{records:?}");
    let work = records.iter().find(|r| r.id != own.id).unwrap();
    is_the_work(work, STANDARD);
    assert_eq!(work.usage.response_id.as_deref(), Some("resp_1"));
}

#[tokio::test]
async fn work_that_was_booked_is_not_booked_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let provider = Provider::bind().await;
        let mut setup = Setup::of(vec![config(&provider)]);
        setup.store.folder = folder.path().to_owned();
        let rig = setup.start_in_its_folder().await;
        fetched(&rig, &provider, "completed").await;
        assert_eq!(all(&rig).await.len(), 1);
        let (serving, store, gateway, _) = rig.shut_down();
        serving.await.unwrap();
        drop(gateway);
        store.close().unwrap();
    }
}

fn event(kind: &str, response: &str) -> String {
    format!("data: {{\"type\":\"response.{kind}\",\"response\":{response}}}\n\n")
}

#[tokio::test]
async fn a_background_stream_is_booked_once_whether_it_is_read_to_its_end_or_fetched() {
    let (rig, provider) = rig().await;
    let asked = r#"{"model":"gpt-4o-mini","background":true,"stream":true,"input":"Think."}"#;
    for reads_on in [false, true] {
        let mut wire = rig.connect().await;
        wire.send(post(RESPONSES, &[], asked)).await;
        let mut exchange = provider.request().await;
        exchange.begin_events().await;
        let created = event("created", &response("queued", true, "null"));
        exchange.chunk(&created).await;
        assert_eq!(wire.text_begun().await, created);
        let delta = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"Some text.\"}\n\n";
        exchange.chunk(delta).await;
        assert_eq!(wire.text_until("\n\n").await, delta);
        if reads_on {
            exchange.chunk(event("completed", &response("completed", true, USED))).await;
            exchange.end_chunks().await;
            wire.rest().await;
        } else {
            drop(wire);
            exchange.closed().await;
        }
        rig.idle().await;
    }
    fetched(&rig, &provider, "completed").await;
    let records = all(&rig).await;
    let (work, own): (Vec<_>, Vec<_>) = records.iter().partition(|r| !r.usage.quantities.is_empty());
    assert_eq!((work.len(), own.len()), (1, 2), "{records:?}");
    is_the_work(work[0], STANDARD);
    assert!(own.iter().all(|r| r.reasons.iter().any(|reason| reason.contains("background"))), "{own:?}");
}

#[tokio::test]
async fn what_was_booked_when_it_was_made_is_not_booked_when_it_is_fetched_or_changed() {
    let (rig, provider) = rig().await;
    let whole = response("completed", false, USED);
    let stored = r#"{"id":"chatcmpl-1","model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}"#;
    let asked = r#"{"model":"gpt-4o-mini","input":"x"}"#;
    for (request, body) in [
        (post(RESPONSES, &[], asked), whole.as_str()),
        (plain("GET", "/v1/responses/resp_1", &[]).into_bytes(), &whole),
        (post("/v1/responses/resp_1/cancel", &[], ""), &whole),
        (post("/v1/chat/completions/chatcmpl-1", &[], r#"{"metadata":{}}"#), stored),
        (post("/v1/responses/input_tokens", &[], asked), r#"{"input_tokens":11}"#),
    ] {
        answered(&rig, &provider, request, body).await;
    }
    let records = all(&rig).await;
    assert_eq!(records.len(), 1, "{records:?}");
    is_the_work(&records[0], STANDARD);
}

#[tokio::test]
async fn a_background_response_that_is_cancelled_is_booked_with_what_it_used_until_then() {
    let (rig, provider) = rig().await;
    let body = response("cancelled", true, USED);
    answered(&rig, &provider, post("/v1/responses/resp_1/cancel", &[], ""), &body).await;
    answered(&rig, &provider, plain("GET", "/v1/responses/resp_1", &[]), &body).await;
    let records = all(&rig).await;
    assert_eq!(records.len(), 1, "{records:?}");
    is_the_work(&records[0], STANDARD);
}

#[tokio::test]
async fn a_batch_that_is_over_is_booked_once_at_the_prices_of_batches_for_the_key_that_fetches_it() {
    let (rig, provider) = rig().await;
    let fixed = Attribution { team: Some("support".to_owned()), ..Attribution::default() };
    let (key, secret) = rig.key(KeySpec { fixed, ..KeySpec::default() });
    let credential = format!("authorization: Bearer {secret}");
    let created = r#"{"input_file_id":"file-1","endpoint":"/v1/chat/completions"}"#;
    let validating = batch("validating", "null");
    answered(&rig, &provider, post("/v1/batches", &[&credential], created), &validating).await;
    for (status, usage) in [("in_progress", UNUSED), ("in_progress", USED), ("failed", UNUSED)] {
        let fetch = plain("GET", "/v1/batches/batch_1", &[&credential]);
        answered(&rig, &provider, fetch, &batch(status, usage)).await;
    }
    assert_eq!(rig.booked().await, 0);
    for _ in 0..2 {
        let fetch = plain("GET", "/v1/batches/batch_1", &[&credential]);
        answered(&rig, &provider, fetch, &batch("completed", USED)).await;
    }
    let records = all(&rig).await;
    assert_eq!(records.len(), 1, "{records:?}");
    let work = &records[0];
    is_the_work(work, STANDARD / 2);
    assert_eq!((work.tier, work.surface.as_str()), (ServiceTier::Batch, "openai.batches"));
    assert_eq!((work.key.as_ref(), work.attribution.team.as_deref()), (Some(&key.id), Some("support")));
}
