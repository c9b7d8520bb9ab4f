//! The life of a virtual key through the API.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;
use tower::ServiceExt as _;

use crate::fixture::Fixture;

#[tokio::test]
async fn the_secret_is_in_the_answer_that_makes_the_key_and_in_no_other() {
    let fixture = Fixture::new();
    let made = fixture.post("/api/v1/keys", r#"{"team":"support","app":"helpdesk"}"#).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let (secret, id) = (text(&made.json()["secret"]), text(&made.json()["key"]["id"]));
    assert!(secret.starts_with("bsk_") && !id.contains(&secret));
    for path in ["/api/v1/keys".to_owned(), format!("/api/v1/keys/{id}")] {
        let shown = fixture.get(&path).await;
        assert!(shown.body.contains(&id) && !shown.body.contains(&secret), "{path}");
    }
}

#[tokio::test]
async fn a_key_keeps_what_it_was_made_with() {
    let body = r#"{"team":"support","environment":"production","expires":"90d","models":["gpt-*"],
                   "ips":["10.0.0.0/8"],"may_set":["task","consumer"]}"#;
    let key = Fixture::new().post("/api/v1/keys", body).await.json()["key"].clone();
    assert_eq!(key["attribution"]["environment"], "production");
    assert_eq!(key["may_set"], json!(["consumer", "task"]));
    assert_eq!((&key["models"], &key["ips"]), (&json!(["gpt-*"]), &json!(["10.0.0.0/8"])));
    assert_eq!(key["expires_at"], "2026-10-13T12:00:00Z");
    assert_eq!(key["state"], "active");
}

#[tokio::test]
async fn a_revoked_key_stays_revoked_and_cannot_be_rotated() {
    let fixture = Fixture::new();
    let id = text(&fixture.post("/api/v1/keys", "{}").await.json()["key"]["id"]);
    let revoked = fixture.post(&format!("/api/v1/keys/{id}/revoke"), "").await.json();
    assert_eq!(
        (&revoked["state"], &revoked["revoked_at"]),
        (&json!("revoked"), &json!("2026-07-15T12:00:00Z"))
    );
    let again = fixture.post(&format!("/api/v1/keys/{id}/revoke"), "").await;
    assert_eq!(again.json(), revoked);
    let rotated = fixture.post(&format!("/api/v1/keys/{id}/rotate"), "{}").await;
    assert_eq!(rotated.status, StatusCode::CONFLICT, "{}", rotated.body);
}

#[tokio::test]
async fn a_rotated_key_goes_on_for_the_overlap_and_names_its_successor() {
    let fixture = Fixture::new();
    let made = fixture.post("/api/v1/keys", r#"{"team":"support","models":["gpt-*"]}"#).await.json();
    let id = text(&made["key"]["id"]);
    let next = fixture.post(&format!("/api/v1/keys/{id}/rotate"), r#"{"overlap":"24h"}"#).await.json();
    assert_ne!(next["secret"], made["secret"]);
    assert_eq!(next["key"]["attribution"], made["key"]["attribution"]);
    assert_eq!(next["key"]["models"], made["key"]["models"]);
    let old = fixture.get(&format!("/api/v1/keys/{id}")).await.json();
    assert_eq!((&old["state"], &old["replaced_by"]), (&json!("active"), &next["key"]["id"]));
}

#[tokio::test]
async fn a_wrong_body_is_refused_with_what_is_wrong_in_it() {
    let fixture = Fixture::new();
    for (body, says) in [
        ("{", "EOF"),
        (r#"{"teem":"support"}"#, "unknown field `teem`, expected one of"),
        (r#"{"team":""}"#, "team"),
        (r#"{"team":"-"}"#, "team"),
        (r#"{"expires":"soon"}"#, "length of time"),
        (r#"{"may_set":["colour"]}"#, "consumer, task"),
        (r#"{"ips":["10.0.0.0/33"]}"#, "10.0.0.0/33"),
        (r#"{"models":[""]}"#, "any characters"),
    ] {
        let answered = fixture.post("/api/v1/keys", body).await;
        assert_eq!(answered.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answered.json()["detail"].as_str().unwrap().contains(says), "{body}: {}", answered.body);
    }
    let none = fixture.get("/api/v1/keys").await.json();
    assert_eq!(none["keys"], json!([]));
}

#[tokio::test]
async fn a_secret_given_as_an_id_is_not_repeated() {
    let answered = Fixture::new().get("/api/v1/keys/bsk_do-not-repeat-me").await;
    assert_eq!(answered.status, StatusCode::NOT_FOUND);
    assert!(!answered.body.contains("do-not-repeat-me"), "{}", answered.body);
}

#[tokio::test]
async fn a_form_or_page_of_another_site_makes_no_key() {
    let fixture = Fixture::new();
    for (name, value, status) in [
        ("origin", "http://evil.example", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "cross-site", StatusCode::FORBIDDEN),
        ("content-type", "text/plain", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("host", "evil.example", StatusCode::MISDIRECTED_REQUEST),
    ] {
        let mut request = Request::post("/api/v1/keys").body(Body::from("{}")).unwrap();
        request.headers_mut().insert(header::HOST, "127.0.0.1:4001".parse().unwrap());
        request.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        request.headers_mut().insert(name, value.parse().unwrap());
        let answered = fixture.router().oneshot(request).await.unwrap();
        assert_eq!(answered.status(), status, "{name}: {value}");
    }
    assert_eq!(fixture.get("/api/v1/keys").await.json()["keys"], json!([]));
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap().to_owned()
}
