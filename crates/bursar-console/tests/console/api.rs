//! The control API over a real store.

use crate::fixture::{Fixture, record, send};
use axum::http::StatusCode;
use bursar_core::Money;
use serde_json::{Value, json};

#[tokio::test]
async fn spend_by_team_adds_up_to_what_was_settled_and_counts_what_has_no_price() {
    let answer = Fixture::with_records().get("/api/v1/spend?by=team&since=24h").await.json();
    let rows = answer["rows"].as_array().unwrap();
    assert_eq!(rows[0]["group"], json!({ "team": "support" }));
    assert_eq!((&rows[0]["contracted_cost"], &rows[0]["attempts"]), (&json!("0.0077"), &json!(3)));
    assert_eq!(rows[0]["share"], "1.0000");
    assert_eq!(rows[1]["group"], json!({ "team": "legal" }));
    assert_eq!((&rows[1]["unpriced"], &rows[1]["priced"]), (&json!(1), &json!(false)));
    assert_eq!((&answer["total"]["attempts"], &answer["total"]["unpriced"]), (&json!(4), &json!(1)));
    assert_eq!(answer["total"]["estimated"], 3);
    assert_eq!(answer["total"]["tokens"], json!({ "input": 3000, "cached": 1200, "output": 750 }));
    assert_eq!(answer["zone"], "UTC");
}

#[tokio::test]
async fn a_filter_leaves_out_everything_else_and_a_dash_means_nobody_said() {
    let fixture = Fixture::with_records();
    let total = async |query: &str| {
        fixture.get(&format!("/api/v1/spend?by=model&{query}")).await.json()["total"]["attempts"].clone()
    };
    assert_eq!(total("team=legal").await, 1);
    assert_eq!(total("team=support&model=gpt-test").await, 3);
    assert_eq!(total("app=-").await, 4);
    assert_eq!(total("app=helpdesk").await, 0);
    assert_eq!(total("since=2026-07-14&until=2026-07-15").await, 0);
    assert_eq!(total("since=2026-07-15&until=2026-07-16").await, 4);
}

#[tokio::test]
async fn usage_is_read_page_by_page_without_a_gap_or_a_double() {
    let fixture = Fixture::with_records();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..9 {
        let page = fixture.get(&format!("/api/v1/usage?limit=1&cursor={cursor}")).await.json();
        for r in page["records"].as_array().unwrap() {
            seen.push((r["request"].as_str().unwrap().to_owned(), r["attempt"].as_u64().unwrap()));
        }
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    let id = |n: u128| bursar_core::RequestId(n).to_string();
    assert_eq!(seen, [(id(3), 1), (id(3), 0), (id(2), 0), (id(1), 0)]);
}

#[tokio::test]
async fn usage_can_be_narrowed_to_what_went_wrong() {
    let fixture = Fixture::with_records();
    let count = async |query: &str| {
        fixture.get(&format!("/api/v1/usage?{query}")).await.json()["records"].as_array().unwrap().len()
    };
    assert_eq!(count("unpriced=true").await, 1);
    assert_eq!(count("unpriced=false").await, 3);
    assert_eq!(count("status=529").await, 1);
    assert_eq!(count("end=upstream_error").await, 1);
    assert_eq!(count("end=complete&team=support").await, 2);
}

#[tokio::test]
async fn a_request_explains_every_number_and_agrees_with_what_was_booked() {
    let answer =
        Fixture::with_records().get("/api/v1/requests/req_00000000000000000000000000000001").await.json();
    assert_eq!(answer["contracted_cost"], "0.00385");
    let attempt = &answer["attempts"][0];
    assert_eq!((&attempt["agrees"], &attempt["notes"]), (&json!(true), &json!([])));
    let line = |i: usize| attempt["contracted"]["lines"][i].clone();
    assert_eq!(
        line(0),
        json!({ "meter": "input", "units": 1000, "provenance": "reported", "priced_as": "input",
                "unit_price": "1.25", "amount": "0.00125", "unpriced_because": null })
    );
    assert_eq!((&line(1)["amount"], &line(2)["amount"]), (&json!("0.0001"), &json!("0.0025")));
    assert_eq!(line(2)["provenance"], "estimated");
    assert_eq!(attempt["contracted"]["row"]["source"], "https://example.test/prices");
    assert_eq!(attempt["contracted"]["row"]["as_of"], "2026-07-01");
    assert!(!attempt["contracted"]["explanation"].as_array().unwrap().is_empty());
    let amounts = attempt["contracted"]["lines"].as_array().unwrap().iter();
    let sum: Money = amounts.map(|l| l["amount"].as_str().unwrap().parse::<Money>().unwrap()).sum();
    assert_eq!(sum.to_string(), attempt["contracted"]["total"].as_str().unwrap());
}

#[tokio::test]
async fn a_request_without_a_price_says_why_and_is_not_free() {
    let answer =
        Fixture::with_records().get("/api/v1/requests/req_00000000000000000000000000000002").await.json();
    assert_eq!((&answer["contracted_cost"], &answer["priced"]), (&Value::Null, &json!(false)));
    let why = answer["attempts"][0]["contracted"]["lines"][0]["unpriced_because"].as_str().unwrap();
    assert!(why.contains("does not have this model"), "{why}");
}

#[tokio::test]
async fn an_amount_that_cannot_be_derived_again_shows_the_difference() {
    let fixture = Fixture::new();
    let mut r = record(9, 0, "support", "gpt-test");
    fixture.price(&mut r);
    r.contracted_cost = Some(Money::from_nanos(4_000_000));
    fixture.store.settle(&r).unwrap();
    fixture.store.flush().unwrap();
    let answer = fixture.get("/api/v1/requests/req_00000000000000000000000000000009").await.json();
    assert_eq!(answer["attempts"][0]["agrees"], false);
    assert_eq!(answer["attempts"][0]["contracted"]["difference"], "0.00015");
    assert_eq!(answer["contracted_cost"], "0.004", "the booked amount does not change");
}

#[tokio::test]
async fn a_price_list_that_is_no_longer_at_hand_is_said_so() {
    let fixture = Fixture::new();
    let mut r = record(9, 0, "support", "gpt-test");
    fixture.price(&mut r);
    r.price_version = "an-older-list".to_owned();
    fixture.store.settle(&r).unwrap();
    fixture.store.flush().unwrap();
    let answer = fixture.get("/api/v1/requests/req_00000000000000000000000000000009").await.json();
    let note = answer["attempts"][0]["notes"][0].as_str().unwrap();
    assert!(note.contains("an-older-list"), "{note}");
}

#[tokio::test]
async fn mistakes_are_answered_with_what_to_do() {
    let fixture = Fixture::new();
    for (path, status, hint) in [
        ("/api/v1/spend?by=colour", 400, "team"),
        ("/api/v1/spend?since=yesterday", 400, "since"),
        ("/api/v1/spend?since=1d&until=2d", 400, "since"),
        ("/api/v1/usage?colour=red", 400, "since, until"),
        ("/api/v1/usage?limit=5000", 400, "limit"),
        ("/api/v1/usage?cursor=nonsense", 400, "next_cursor"),
        ("/api/v1/usage?end=badly", 400, "complete"),
        ("/api/v1/requests/nonsense", 400, "req_"),
        ("/api/v1/requests/req_000000000000000000000000000000ff", 404, "bursar requests list"),
        ("/api/v2/spend", 404, "openapi.json"),
    ] {
        let answered = fixture.get(path).await;
        assert_eq!(answered.status.as_u16(), status, "{path}: {}", answered.body);
        assert_eq!(answered.kind, "application/problem+json", "{path}");
        assert!(answered.body.contains(hint), "{path}: {}", answered.body);
    }
}

#[tokio::test]
async fn the_root_page_shows_the_last_day_without_a_script() {
    let answered = Fixture::with_records().get("/").await;
    assert!(answered.kind.starts_with("text/html"));
    assert!(answered.body.contains("$0.0077") && answered.body.contains("support"), "{}", answered.body);
    assert!(!answered.body.contains("<script"));
}

#[tokio::test]
async fn with_a_token_nothing_but_the_probes_is_open() {
    let fixture = Fixture::new();
    for path in bursar_console::route_paths() {
        let call = path.replace("{id}", "none");
        let answered =
            send(fixture.console(Some("a-token-of-some-length")).router(), "GET", &call, None).await;
        let is_probe = matches!(path, "/healthz" | "/readyz");
        assert_eq!(answered.status == StatusCode::UNAUTHORIZED, !is_probe, "{path}");
    }
}

#[tokio::test]
async fn metrics_are_the_gateways_and_the_stores() {
    let answered = Fixture::with_records().get("/metrics").await;
    assert!(answered.kind.starts_with("text/plain"));
    for name in ["bursar_test 1", "bursar_store_in_flight_attempts 0", "bursar_store_in_trouble 0"] {
        assert!(answered.body.contains(name), "{}", answered.body);
    }
}

#[tokio::test]
async fn readiness_gives_every_reason() {
    let fixture = Fixture::new();
    let ready = fixture.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["ready"]), (StatusCode::OK, &json!(true)), "{}", ready.body);
    let mut console = fixture.console(None);
    console = console.with_providers(Vec::new());
    let answered = send(console.router(), "GET", "/readyz", None).await;
    assert_eq!(answered.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answered.body.contains("[[provider]]"), "{}", answered.body);
}
