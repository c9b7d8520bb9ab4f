//! The OpenAPI document against the routes and against real answers.

use crate::fixture::{Answered, Fixture, send};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// What makes a problem of an answer: the document's schema for that path, method and status.
pub(crate) fn problems(document: &Value, path: &str, method: &str, answered: &Answered) -> Vec<String> {
    let status = answered.status.as_u16().to_string();
    let response = &document["paths"][path][method]["responses"][&status];
    let Some((kind, content)) = response["content"].as_object().and_then(|c| c.iter().next()) else {
        return vec![format!("{method} {path} {status} is not in the document")];
    };
    if answered.kind.split(';').next() != Some(kind) {
        return vec![format!("{method} {path} {status} is {} and not {kind}", answered.kind)];
    }
    if !kind.ends_with("json") {
        return Vec::new();
    }
    let schema = json!({ "allOf": [content["schema"]], "components": document["components"] });
    let validator = jsonschema::validator_for(&schema).expect("the schema is a schema");
    let body = answered.json();
    validator
        .iter_errors(&body)
        .map(|e| format!("{method} {path} {status}: {e} at {}", e.instance_path()))
        .collect()
}

/// A budget with every field.
const BUDGET: &str = r#"{ "name": "support", "title": "Support", "owner": "support@example.com", "parent": "all",
    "scope": [{ "team": "support", "model": ["gpt-*", "o3"] }, { "workflow": "chat" }], "unit": "usd",
    "amount": "5000.00", "period": { "every": "week", "first_day": "sunday", "zone": "Europe/Berlin" },
    "since": "2026-01-01", "rollover": { "at_most": "10.00" }, "thresholds": { "actual": [80], "forecast": [100] },
    "increases": [{ "amount": "1.00", "from": "2026-07-01", "until": "2026-08-01", "by": "cfo", "why": "launch" }],
    "when_tight": "downgrade", "ladder": ["gpt-5-mini"], "longest_wait": "30s", "paused": true }"#;

#[tokio::test]
async fn every_answer_validates_against_the_document() {
    let fixture = crate::gpus::with_gpus();
    let document = fixture.get("/api/openapi.json").await.json();
    let made = fixture.post("/api/v1/keys", r#"{"team":"support","models":["gpt-*"],"expires":"90d"}"#).await;
    let id = made.json()["key"]["id"].as_str().unwrap().to_owned();
    assert_eq!(problems(&document, "/api/v1/keys", "post", &made), [""; 0]);
    let made = fixture.post("/api/v1/budgets", BUDGET).await;
    assert_eq!(problems(&document, "/api/v1/budgets", "post", &made), [""; 0], "{}", made.body);
    let request = "/api/v1/requests/req_00000000000000000000000000000003";
    for (path, method, call) in [
        ("/", "get", "/".to_owned()),
        ("/api/v1/spend", "get", "/api/v1/spend?by=team,model&since=7d".to_owned()),
        ("/api/v1/spend", "get", "/api/v1/spend?by=colour".to_owned()),
        ("/api/v1/gpus", "get", "/api/v1/gpus".to_owned()),
        ("/api/v1/gpus", "get", "/api/v1/gpus?colour=red".to_owned()),
        ("/api/v1/gpus/bill", "get", "/api/v1/gpus/bill?since=2d&basis=node".to_owned()),
        ("/api/v1/gpus/bill", "get", "/api/v1/gpus/bill?basis=all".to_owned()),
        ("/api/v1/plan", "get", "/api/v1/plan".to_owned()),
        ("/api/v1/plan", "get", "/api/v1/plan?day=today".to_owned()),
        ("/api/v1/usage", "get", "/api/v1/usage?limit=2".to_owned()),
        ("/api/v1/usage", "get", "/api/v1/usage?sinse=7d".to_owned()),
        ("/api/v1/requests/{id}", "get", request.to_owned()),
        ("/api/v1/requests/{id}", "get", "/api/v1/requests/req_000000000000000000000000000000ff".to_owned()),
        ("/api/v1/requests/{id}", "get", "/api/v1/requests/7".to_owned()),
        ("/api/v1/keys", "get", "/api/v1/keys".to_owned()),
        ("/api/v1/keys/{id}", "get", format!("/api/v1/keys/{id}")),
        ("/api/v1/keys/{id}", "get", "/api/v1/keys/nobody".to_owned()),
        ("/api/v1/keys/{id}/rotate", "post", format!("/api/v1/keys/{id}/rotate")),
        ("/api/v1/keys/{id}/revoke", "post", format!("/api/v1/keys/{id}/revoke")),
        ("/api/v1/alerts", "get", "/api/v1/alerts?open=true&severity=warning".to_owned()),
        ("/api/v1/alerts", "get", "/api/v1/alerts?severity=dire".to_owned()),
        ("/api/v1/alerts/{id}/ack", "post", "/api/v1/alerts/alr_none/ack".to_owned()),
        ("/api/v1/silences", "post", "/api/v1/silences".to_owned()),
        ("/api/v1/silences", "get", "/api/v1/silences".to_owned()),
        ("/api/v1/budgets", "get", "/api/v1/budgets".to_owned()),
        ("/api/v1/budgets", "post", "/api/v1/budgets".to_owned()),
        ("/api/v1/budgets/{name}", "get", "/api/v1/budgets/support".to_owned()),
        ("/api/v1/budgets/{name}", "get", "/api/v1/budgets/nobody".to_owned()),
        ("/api/v1/budgets/{name}", "get", "/api/v1/budgets/No%20Name".to_owned()),
        ("/api/v1/budgets/{name}/raise", "post", "/api/v1/budgets/support/raise".to_owned()),
        ("/api/v1/budgets/{name}/pause", "post", "/api/v1/budgets/support/pause".to_owned()),
        ("/api/v1/budgets/{name}/resume", "post", "/api/v1/budgets/nobody/resume".to_owned()),
        ("/api/v1/budgets/{name}/audit", "get", "/api/v1/budgets/support/audit".to_owned()),
        ("/api/v1/budgets/{name}", "delete", "/api/v1/budgets/support".to_owned()),
        ("/api/v1/budgets/{name}", "delete", "/api/v1/budgets/support".to_owned()),
        ("/api/openapi.json", "get", "/api/openapi.json".to_owned()),
        ("/metrics", "get", "/metrics".to_owned()),
        ("/healthz", "get", "/healthz".to_owned()),
        ("/readyz", "get", "/readyz".to_owned()),
    ] {
        let body = (method == "post").then_some("{}");
        let answered = send(fixture.router(), &method.to_uppercase(), &call, body).await;
        assert_eq!(problems(&document, path, method, &answered), [""; 0], "{call}: {}", answered.body);
    }
}

#[tokio::test]
async fn every_route_is_in_the_document_and_takes_exactly_the_methods_it_says() {
    let fixture = Fixture::new();
    let document = fixture.get("/api/openapi.json").await.json();
    let documented: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    let mut routed = bursar_console::route_paths();
    routed.sort_unstable();
    assert_eq!(documented, routed);
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "delete", "patch"] {
            let call = path.replace("{id}", "none").replace("{name}", "none");
            let answered = send(fixture.router(), &method.to_uppercase(), &call, Some("{}")).await;
            let is_taken = answered.status != StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(is_taken, operations.get(method).is_some(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_document_describes_every_parameter_and_operation() {
    let document = Fixture::new().get("/api/openapi.json").await.json();
    let mut names = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            names.push(operation["operationId"].as_str().unwrap().to_owned());
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let described = parameter["description"].as_str().is_some_and(|d| !d.is_empty());
                assert!(described, "{method} {path}: {parameter}");
            }
        }
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "operation ids are unique");
}
