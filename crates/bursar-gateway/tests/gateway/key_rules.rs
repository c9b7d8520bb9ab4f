//! What a virtual key allows and fixes.

use bursar_core::{Attribution, LabelField, LabelPolicy};
use bursar_gateway::ProviderSecret;
use bursar_store::KeySpec;
use serde_json::Value;

use crate::callers::{CALLERS, Caller, gateway};
use crate::rig::{CHAT_PATH, Rig, Scripted};
use crate::wire::post;

async fn keyed() -> (Rig, Scripted) {
    gateway(|s| s.each(|p| p.keys = vec![ProviderSecret::new("sk-own")])).await
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn a_model_that_the_key_does_not_allow_is_a_403_wherever_it_is_named() {
    let (rig, provider) = keyed().await;
    let models = Some(vec!["gpt-4o*".to_owned(), "claude-haiku-*".to_owned(), "gemini-*-lite".to_owned()]);
    let (_, secret) = rig.key(KeySpec { models, ..KeySpec::default() });
    let header = format!("authorization: Bearer {secret}");
    for (caller, path, body) in [
        (Caller::OpenAi, CHAT_PATH, r#"{"model":"gpt-5","messages":[]}"#),
        (Caller::OpenAi, CHAT_PATH, r#"{"model":"gpt-4o","messages":[],"model":"gpt-5"}"#),
        (Caller::OpenAi, CHAT_PATH, r#"{"\u006dodel":"gpt-5","messages":[]}"#),
        (Caller::OpenAi, "/openai/deployments/gpt-5/chat/completions?api-version=1", r#"{"model":"gpt-4o"}"#),
        (Caller::OpenAi, "/providers/openai/v1/chat/completions", r#"{"model":"gpt-5"}"#),
        (Caller::Anthropic, "/v1/messages", r#"{"model":"claude-sonnet-4-5","messages":[]}"#),
        (Caller::Gemini, "/v1beta/models/gemini-2.5-flash:generateContent", r#"{"contents":[]}"#),
        (Caller::Gemini, "/v1beta/models/gemini%2D2.5-flash:generateContent", r#"{"contents":[]}"#),
    ] {
        let answer = rig.call(post(path, &[caller.header(), &header], body)).await;
        caller.is_refused(&answer, 403, "forbidden");
        assert!(answer.text().contains("gpt-4o*, claude-haiku-*"), "{}", answer.text());
    }
    assert_eq!(provider.books.entries().len(), 0);
    assert_eq!(rig.booked().await, 0);
    let body = r#"{"model":"gpt-4o-mini","messages":[]}"#;
    assert_eq!(rig.call(post(CHAT_PATH, &[&header], body)).await.status(), 200);
}

#[tokio::test]
async fn a_key_that_is_limited_to_models_may_not_leave_the_model_open() {
    let (rig, provider) = keyed().await;
    let (_, secret) = rig.key(KeySpec { models: Some(vec!["gpt-4o*".to_owned()]), ..KeySpec::default() });
    let header = format!("authorization: Bearer {secret}");
    for (path, body) in [
        ("/v1/images/generations", r#"{"prompt":"A cat."}"#),
        ("/v1/responses", r#"{"prompt":{"id":"pmpt_1"}}"#),
        ("/v1/batches", r#"{"input_file_id":"file-1","endpoint":"/v1/chat/completions"}"#),
        ("/providers/openai/v1/c%68at/c%6fmpletions", r#"{"messages":[]}"#),
    ] {
        Caller::OpenAi.is_refused(&rig.call(post(path, &[&header], body)).await, 403, "forbidden");
    }
    let answer = rig.call(post("/v1/responses/resp_1/cancel", &[&header], "{}")).await;
    assert_eq!(
        (answer.status(), &answer.json()["error"]["bursar"]),
        (404, &Value::Null),
        "the provider's own"
    );
    assert_eq!(provider.books.entries().len(), 0);
}

#[tokio::test]
async fn an_address_that_the_key_does_not_allow_is_a_403() {
    let (rig, provider) = keyed().await;
    let key = |ips: &str| rig.key(KeySpec { ips: Some(vec![ips.to_owned()]), ..KeySpec::default() }).1;
    let (far, here) = (key("10.0.0.0/8"), key("127.0.0.0/8"));
    for caller in CALLERS {
        let answer =
            rig.call(caller.call_with(&[&format!("x-api-key: {far}"), "x-forwarded-for: 10.0.0.1"])).await;
        caller.is_refused(&answer, 403, "forbidden");
        assert_eq!(rig.call(caller.call_with(&[&format!("x-api-key: {here}")])).await.status(), 200);
    }
    assert_eq!(provider.books.entries().len(), 3);
}

#[tokio::test]
async fn what_a_key_fixes_no_header_and_no_body_changes() {
    let (rig, _provider) = keyed().await;
    let fixed = Attribution {
        tenant: some("acme"),
        team: some("support"),
        app: some("helpdesk"),
        environment: some("production"),
        tags: [("plan".to_owned(), "gold".to_owned())].into(),
        ..Attribution::default()
    };
    let (key, secret) = rig.key(KeySpec { fixed, may_set: LabelPolicy::ALL, ..KeySpec::default() });
    let headers = [
        &format!("authorization: Bearer {secret}"),
        "x-bursar-tenant: other",
        "x-bursar-team: other",
        "x-bursar-app: other",
        "x-bursar-environment: other",
        "x-bursar-tags: plan=free, run=7",
        "x-bursar-task: t-1",
        "helicone-property-team: other",
        "baggage: bursar.team=other,service.name=other",
        "x-litellm-spend-logs-metadata: {\"team\":\"other\",\"plan\":\"free\"}",
    ];
    let body = r#"{"model":"gpt-4o-mini","messages":[],"user":"u-1","metadata":{"team":"other","tenant":"other","plan":"free","app":"x"}}"#;
    let answer = rig.call(post(CHAT_PATH, &headers, body)).await;
    let record = rig.record(&answer).await;
    let is = &record.attribution;
    assert_eq!((is.tenant.as_deref(), is.team.as_deref()), (Some("acme"), Some("support")));
    assert_eq!((is.app.as_deref(), is.environment.as_deref()), (Some("helpdesk"), Some("production")));
    assert_eq!((is.task.as_deref(), is.consumer.as_deref()), (Some("t-1"), Some("u-1")));
    assert_eq!(is.tags.get("plan").map(String::as_str), Some("gold"));
    assert_eq!(is.tags.get("run").map(String::as_str), Some("7"));
    assert_eq!(record.key, Some(key.id));
    assert!(record.reasons.iter().any(|r| r.contains("team")), "{:?}", record.reasons);
}

#[tokio::test]
async fn a_field_that_the_key_neither_fixes_nor_leaves_to_its_caller_stays_empty() {
    let (rig, _provider) = keyed().await;
    let (_, secret) = rig.key(KeySpec { may_set: LabelPolicy::of([LabelField::Task]), ..KeySpec::default() });
    let headers = [
        &format!("x-api-key: {secret}"),
        "x-bursar-team: other",
        "x-bursar-workflow: w",
        "x-bursar-task: t",
        "x-bursar-tags: a=b",
    ];
    let record = rig.record(&rig.call(Caller::OpenAi.call_with(&headers)).await).await;
    assert_eq!(record.attribution, Attribution { task: some("t"), ..Attribution::default() });
}

#[tokio::test]
async fn in_open_mode_labels_are_taken_as_they_are_said() {
    let (rig, _provider) = gateway(|s| s).await;
    let headers = ["x-bursar-team: research", "x-bursar-app: notebook", "helicone-session-id: s-1"];
    let record = rig.record(&rig.call(Caller::Anthropic.call_with(&headers)).await).await;
    let expected = Attribution {
        team: some("research"),
        app: some("notebook"),
        task: some("s-1"),
        ..Attribution::default()
    };
    assert_eq!((record.attribution, record.key), (expected, None));
}
