//! The life of a budget through the API.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::fixture::{Fixture, send};

const SUPPORT: &str =
    r#"{ "name": "support", "scope": { "team": "support" }, "amount": "5.00", "when_tight": "clamp" }"#;

#[tokio::test]
async fn a_budget_is_made_with_what_was_spent_in_its_window_and_shows_what_is_left() {
    let fixture = Fixture::with_records();
    let made = fixture.post("/api/v1/budgets?why=launch&by=ann", SUPPORT).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let shown = fixture.get("/api/v1/budgets/support").await.json();
    assert_eq!(shown, made.json());
    let spend = fixture.get("/api/v1/spend?team=support&since=1d").await.json();
    let account = &shown["accounts"][0];
    assert_eq!(account["spent"], spend["total"]["contracted_cost"], "{spend}");
    assert_eq!(
        (&account["held"], &account["carried"], &account["share"]),
        (&json!("0.00"), &json!("0.00"), &Value::Null)
    );
    let left = |name: &str| account[name].as_str().unwrap().parse::<bursar_core::Money>().unwrap();
    assert_eq!(left("limit").checked_sub(left("spent")), Some(left("available")));
    assert_eq!(account["until"], "2026-08-01T00:00:00Z");
    assert_eq!(shown["budget"]["counts_from"], "2026-07-01T00:00:00Z");
    assert_eq!(shown["budget"]["definition"]["longest_wait"], "1m");
    let listed = fixture.get("/api/v1/budgets").await.json();
    assert_eq!((&listed["budgets"][0], listed["budgets"].as_array().unwrap().len()), (&shown["budget"], 1));
}

#[tokio::test]
async fn a_budget_per_consumer_has_an_account_for_each_the_tightest_first() {
    let fixture = Fixture::with_records();
    let body = r#"{ "name": "teams", "scope": {}, "per": ["team"], "unit": "tokens", "amount": 10000 }"#;
    let made = fixture.post("/api/v1/budgets", body).await.json();
    let shares: Vec<(&Value, &Value)> =
        made["accounts"].as_array().unwrap().iter().map(|a| (&a["share"], &a["spent"])).collect();
    let (support, legal) = (json!("support"), json!("legal"));
    assert_eq!(shares, [(&support, &json!(3300)), (&legal, &json!(1650))]);
    assert_eq!(made["budget"]["account_count"], 2);
}

#[tokio::test]
async fn a_budget_is_replaced_raised_paused_and_ended_and_the_trail_says_by_whom() {
    let fixture = Fixture::new();
    fixture.post("/api/v1/budgets?by=ann&why=launch", SUPPORT).await;
    let put = r#"{ "scope": { "team": "support" }, "amount": "7.00" }"#;
    let replaced = send(fixture.router(), "PUT", "/api/v1/budgets/support?by=bob", Some(put)).await;
    assert_eq!((replaced.status, &replaced.json()["accounts"][0]["limit"]), (StatusCode::OK, &json!("7.00")));
    let raise = r#"{ "amount": "1.50", "until": "7d", "why": "a busy week", "by": "cfo" }"#;
    let raised = fixture.post("/api/v1/budgets/support/raise", raise).await.json();
    assert_eq!(raised["accounts"][0]["limit"], "8.50");
    assert_eq!(raised["budget"]["definition"]["increases"][0]["until"], "2026-07-22T12:00:00Z");
    let paused = fixture.post("/api/v1/budgets/support/pause", r#"{ "why": "odd" }"#).await.json();
    assert_eq!(paused["budget"]["definition"]["paused"], true);
    let resumed = fixture.post("/api/v1/budgets/support/resume", "{}").await.json();
    assert_eq!(resumed["budget"]["definition"]["paused"], Value::Null);
    let ended = send(fixture.router(), "DELETE", "/api/v1/budgets/support?why=over", None).await;
    assert_eq!(ended.status, StatusCode::OK, "{}", ended.body);
    assert_eq!(fixture.get("/api/v1/budgets/support").await.status, StatusCode::NOT_FOUND);
    let trail = fixture.get("/api/v1/budgets/support/audit?limit=4").await.json();
    let told = |trail: &Value| -> Vec<(String, String, Value)> {
        let text = |v: &Value| v.as_str().unwrap().to_owned();
        let entries = trail["entries"].as_array().unwrap();
        entries.iter().map(|e| (text(&e["action"]), text(&e["who"]), e["why"].clone())).collect()
    };
    let line = |action: &str, who: &str, why: Value| (action.to_owned(), who.to_owned(), why);
    assert_eq!(
        told(&trail),
        [
            line("budget.remove", "api", json!("over")),
            line("budget.resume", "api", Value::Null),
            line("budget.pause", "api", json!("odd")),
            line("budget.raise", "cfo", json!("a busy week")),
        ]
    );
    let rest = fixture.get(&format!("/api/v1/budgets/support/audit?before={}", trail["next"])).await.json();
    assert_eq!(told(&rest)[1], line("budget.create", "ann", json!("launch")));
    assert_eq!(
        (&rest["entries"][1]["before"], &rest["entries"][1]["after"]["amount"]),
        (&Value::Null, &json!("5.00"))
    );
    assert_eq!(rest["next"], Value::Null);
}

#[tokio::test]
async fn a_wrong_definition_is_refused_with_everything_that_is_wrong_in_it() {
    let fixture = Fixture::new();
    let refused = fixture.post("/api/v1/budgets", r#"{ "name": "a", "amount": 5, "scoop": {} }"#).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    for part in ["amount is 5, and dollars in quotes", "scope is missing", "did you mean \"scope\"?"] {
        assert!(detail.contains(part), "{detail}");
    }
    fixture.post("/api/v1/budgets", SUPPORT).await;
    let renamed = send(
        fixture.router(),
        "PUT",
        "/api/v1/budgets/support",
        Some(&SUPPORT.replace("\"support\", \"scope", "\"other\", \"scope")),
    )
    .await;
    assert!(renamed.body.contains("never changes"), "{}", renamed.body);
    for (method, path, body, status) in [
        ("POST", "/api/v1/budgets", SUPPORT, StatusCode::CONFLICT),
        ("PUT", "/api/v1/budgets/nobody", r#"{ "scope": {}, "amount": "1" }"#, StatusCode::NOT_FOUND),
        (
            "POST",
            "/api/v1/budgets/support/raise",
            r#"{ "amount": 5, "until": "7d", "why": "x" }"#,
            StatusCode::BAD_REQUEST,
        ),
        (
            "POST",
            "/api/v1/budgets/support/raise",
            r#"{ "amount": "5", "until": "soon", "why": "x" }"#,
            StatusCode::BAD_REQUEST,
        ),
        (
            "POST",
            "/api/v1/budgets/support/raise",
            r#"{ "amount": "5", "until": "7d" }"#,
            StatusCode::BAD_REQUEST,
        ),
        ("DELETE", "/api/v1/budgets/support?wy=x", "", StatusCode::BAD_REQUEST),
    ] {
        let answered = send(fixture.router(), method, path, Some(body)).await;
        assert_eq!(answered.status, status, "{method} {path} {}", answered.body);
    }
}
