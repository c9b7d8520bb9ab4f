//! GPUs through the API: their states, and a bill that adds up.

use axum::http::StatusCode;
use bursar_core::{Money, Timestamp};
use bursar_store::{GpuGap, GpuLog, GpuModelTokens, GpuNode, GpuRound, GpuSpan, GpuUncounted};
use serde_json::{Value, json};

use crate::fixture::{Fixture, noon};

fn minutes(n: i64) -> Timestamp {
    noon().plus_micros(n * 60_000_000)
}

fn node(name: &str) -> GpuNode {
    GpuNode {
        node: name.to_owned(),
        since: minutes(-60),
        until: None,
        per_hour: "8.00".parse().unwrap(),
        term: "1-year".to_owned(),
        owner: "platform".to_owned(),
        accelerators: 2,
        provider: Some("openai".to_owned()),
        weights: [1, 0, 8],
        has_engines: true,
        longest: 90_000_000,
    }
}

fn span(gpu: &str, state: &str, since: i64, until: i64) -> GpuSpan {
    GpuSpan {
        node: "n".to_owned(),
        gpu: gpu.to_owned(),
        since: minutes(since),
        until: minutes(until),
        state: state.to_owned(),
        slices: 7,
        index: gpu.trim_start_matches("GPU-").to_owned(),
        product: Some("NVIDIA H100 80GB HBM3".to_owned()),
        evidence: vec!["DCGM_FI_PROF_SM_ACTIVE 0.4".to_owned()],
        pods: Vec::new(),
    }
}

/// One node of two GPUs over the hour before noon, serving the model of the fixture's records: the first works half an
/// hour and then waits, the second is idle for half an hour and not seen after that.
pub(crate) fn with_gpus() -> Fixture {
    let fixture = Fixture::with_records();
    let log = GpuLog::of(fixture.store.folder());
    log.set_nodes(&[node("n")], minutes(-60)).unwrap();
    let gap = GpuGap {
        kind: "profiling_off".to_owned(),
        about: "GPU-1".to_owned(),
        since: minutes(-60),
        until: minutes(-30),
        detail: "only DCGM_FI_DEV_GPU_UTIL tells of activity".to_owned(),
    };
    log.add(&[GpuRound {
        node: "n".to_owned(),
        spans: vec![
            span("GPU-0", "active", -60, -30),
            span("GPU-0", "resident_idle", -30, 0),
            span("GPU-1", "unallocated", -60, -30),
        ],
        // The fixture has two whole calls of this model: 2,000 tokens in, 800 of the cache, 500 out.
        tokens: vec![GpuModelTokens {
            model: "gpt-test".to_owned(),
            at: minutes(-20),
            tokens: [4_000, 800, 1_000],
        }],
        uncounted: Vec::new(),
        gaps: vec![gap],
    }])
    .unwrap();
    fixture
}

#[tokio::test]
async fn gpus_are_shown_with_their_state_its_evidence_and_their_dollars_an_hour() {
    let answer = with_gpus().get("/api/v1/gpus").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    insta::assert_snapshot!(serde_json::to_string_pretty(&answer.json()).unwrap());
}

#[tokio::test]
async fn a_bill_is_divided_to_teams_to_the_owner_and_to_what_nobody_knows_and_adds_up() {
    let answer = with_gpus().get("/api/v1/gpus/bill?since=1h").await.json();
    insta::assert_snapshot!(serde_json::to_string_pretty(&answer).unwrap());
    let node = &answer["nodes"][0];
    let amount = |v: &Value| v.as_str().unwrap().parse::<Money>().unwrap();
    let lines = node["lines"].as_array().unwrap().iter().map(|l| amount(&l["amount"]));
    assert_eq!(Money::checked_sum(lines), Some(amount(&node["bill"])));
}

#[tokio::test]
async fn time_in_which_tokens_are_not_known_is_in_no_price() {
    let price = |answer: &Value| answer["nodes"][0]["models"][0]["price"].clone();
    let fixture = with_gpus();
    let whole = fixture.get("/api/v1/gpus/bill?since=1h&basis=work").await.json();
    let gone = GpuUncounted { model: "gpt-test".to_owned(), since: minutes(-45), until: minutes(-30) };
    let round = GpuRound { node: "n".to_owned(), uncounted: vec![gone], ..GpuRound::default() };
    GpuLog::of(fixture.store.folder()).add(&[round]).unwrap();
    let half = fixture.get("/api/v1/gpus/bill?since=1h&basis=work").await.json();
    assert_eq!(
        price(&whole),
        json!({ "input": "166.666666667", "cache_read": "0.00", "output": "1333.333333333" })
    );
    assert_eq!(price(&half)["input"], "83.333333333");
    assert_eq!(half["nodes"][0]["bill"], whole["nodes"][0]["bill"]);
    let told = half["nodes"][0]["gaps"].as_array().unwrap().last().unwrap()["detail"].clone();
    assert_eq!(told, "the tokens of 900 s are not known; that time and its cost are in no price");
}

#[tokio::test]
async fn a_question_that_cannot_be_meant_is_refused_and_a_store_without_gpus_has_none() {
    let fixture = Fixture::new();
    for query in ["?basis=all", "?since=1h&until=2h", "?colour=red"] {
        let answer = fixture.get(&format!("/api/v1/gpus/bill{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}: {}", answer.body);
    }
    assert_eq!(fixture.get("/api/v1/gpus").await.json()["nodes"], json!([]));
    assert_eq!(fixture.get("/api/v1/gpus/bill").await.json()["nodes"], json!([]));
}
