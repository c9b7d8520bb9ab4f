//! Alerts through the API: reading, acknowledging, silencing.

use axum::http::StatusCode;
use bursar_core::budget::{BudgetUnit, Window};
use bursar_store::{Alert, NewAlert};
use serde_json::{Value, json};

use crate::fixture::{Fixture, noon};

/// So many alerts, a second apart, of which the last is critical; the first is over.
fn with_alerts(count: u32) -> Fixture {
    let fixture = Fixture::new();
    let alert = |n: u32, is_over: bool| {
        let (incident, id) = Alert::names(&format!("case {n}"), is_over);
        Alert {
            id,
            incident,
            budget: Some("research".to_owned()),
            instance: None,
            window: Window { start: noon(), end: noon().plus_micros(1) },
            rule: "actual:80".to_owned(),
            episode: n,
            recovery: is_over.then(|| "back_below".to_owned()),
            severity: if n + 1 == count { "critical" } else { "warning" }.to_owned(),
            audience: "everyone".to_owned(),
            at: noon().plus_micros(i64::from(n) * 1_000_000),
            owner: Some("leads".to_owned()),
            unit: Some(BudgetUnit::Usd),
            spent: 402_100_000_000,
            limit: 500_000_000_000,
            forecast: None,
            text: "Budget research has reached 80 %.".to_owned(),
        }
    };
    let channels = vec![("chat".to_owned(), noon())];
    let mut all: Vec<NewAlert> =
        (0..count).map(|n| NewAlert { alert: alert(n, false), channels: channels.clone() }).collect();
    all.push(NewAlert { alert: alert(0, true), channels: Vec::new() });
    fixture.store.outbox().add(&all).unwrap();
    fixture
}

async fn alerts(fixture: &Fixture, query: &str) -> Vec<Value> {
    fixture.get(&format!("/api/v1/alerts{query}")).await.json()["alerts"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_alert_says_what_it_is_and_how_far_it_has_come() {
    let fixture = with_alerts(1);
    let mut all = alerts(&fixture, "").await;
    all.sort_by_key(|a| a["phase"].as_str().map(str::to_owned));
    insta::assert_snapshot!(serde_json::to_string_pretty(&all).unwrap());
}

#[tokio::test]
async fn alerts_are_filtered_and_read_page_by_page() {
    let fixture = with_alerts(5);
    assert_eq!(alerts(&fixture, "?open=true").await.len(), 4);
    assert_eq!(alerts(&fixture, "?severity=critical").await.len(), 1);
    assert_eq!(alerts(&fixture, "?budget=other").await.len(), 0);
    let first = fixture.get("/api/v1/alerts?limit=4").await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = fixture.get(&format!("/api/v1/alerts?limit=4&cursor={cursor}")).await.json();
    assert_eq!((second["alerts"].as_array().unwrap().len(), &second["next_cursor"]), (2, &Value::Null));
}

#[tokio::test]
async fn an_alert_is_acknowledged_by_somebody_with_a_name() {
    let fixture = with_alerts(1);
    let id = alerts(&fixture, "?open=false").await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/alerts/{id}/ack");
    assert_eq!(fixture.post(&path, "{}").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(fixture.post(&path, r#"{"who":"ann"}"#).await.status, StatusCode::NO_CONTENT);
    let acked: Vec<Value> =
        alerts(&fixture, "").await.into_iter().filter(|a| a["id"] == id.as_str()).collect();
    assert_eq!(acked[0]["acked_by"], "ann");
    let none = fixture.post("/api/v1/alerts/alr_none/ack", r#"{"who":"ann"}"#).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_silence_says_for_how_long_who_and_why() {
    let fixture = Fixture::new();
    for body in [
        r#"{"for":"2h"}"#,
        r#"{"who":"ann","why":"x"}"#,
        r#"{"budget":"No Name","for":"2h","who":"a","why":"b"}"#,
    ] {
        assert_eq!(fixture.post("/api/v1/silences", body).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
    let body = r#"{"budget":"research","for":"2h","who":"ann","why":"migration"}"#;
    let made = fixture.post("/api/v1/silences", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let listed = fixture.get("/api/v1/silences").await.json();
    assert_eq!(listed, json!({ "silences": [made.json()] }));
    assert_eq!(made.json()["until"], "2026-07-15T14:00:00Z");
}
