//! Who calls: virtual keys in every place where an SDK puts its credential, and what becomes of credentials.

use bursar_gateway::{ProviderConfig, ProviderSecret};
use bursar_store::KeySpec;
use bursar_wire::Vendor;

use crate::callers::{CALLERS, Caller, gateway};
use crate::provider::{Exchange, Provider};
use crate::rig::{CHAT, CHAT_ANSWER, CHAT_PATH, Rig, Setup, now, three_providers};
use crate::wire::{plain, post};

const JSON: &str = "content-type: application/json";

/// Every header that carries a credential in one dialect or another.
fn credentials(secret: &str) -> [String; 6] {
    [
        format!("authorization: Bearer {secret}"),
        format!("authorization: bearer   {secret}"),
        format!("Authorization: {secret}"),
        format!("x-api-key: {secret}"),
        format!("api-key: {secret}"),
        format!("x-goog-api-key: {secret}"),
    ]
}

fn gemini_with(key: &str) -> String {
    format!("{}?alt=json&key={key}", Caller::Gemini.path())
}

#[tokio::test]
async fn a_virtual_key_is_taken_from_every_header_of_every_dialect_and_from_geminis_query() {
    let (rig, _provider) = gateway(|s| s.each(|p| p.keys = vec![ProviderSecret::new("sk-own")])).await;
    let (key, secret) = rig.key(KeySpec::default());
    for caller in CALLERS {
        for credential in credentials(&secret) {
            let answer = rig.call(caller.call_with(&[&credential])).await;
            assert_eq!(answer.status(), 200, "{caller:?} {credential}: {}", answer.text());
            assert_eq!(rig.record(&answer).await.key.as_ref(), Some(&key.id));
        }
    }
    let answer = rig.call(post(&gemini_with(&secret), &[], Caller::Gemini.body())).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(rig.record(&answer).await.key, Some(key.id));
}

#[tokio::test]
async fn without_a_good_key_there_is_a_401_and_nothing_reaches_the_provider() {
    let provider = Provider::bind().await;
    let rig = Setup::of(three_providers(&provider.base_url())).start().await;
    let (key, revoked) = rig.key(KeySpec::default());
    let (_, expired) = rig.key(KeySpec { expires_at: Some(now()), ..KeySpec::default() });
    rig.store.keys().revoke(&key.id, now()).unwrap();
    let unknown = format!("bsk_{}", "A".repeat(43));
    for caller in CALLERS {
        for secret in [revoked.as_str(), &expired, &unknown, "bsk_", "sk-proj-of-openai"] {
            let answer = rig.call(caller.call_with(&[&format!("authorization: Bearer {secret}")])).await;
            caller.is_refused(&answer, 401, "unauthorized");
            assert_eq!(answer.header("x-should-retry"), Some("false"));
            assert!(!answer.text().contains(&secret[4..]) || secret.len() < 8, "{}", answer.text());
        }
        caller.is_refused(&rig.call(caller.call()).await, 401, "unauthorized");
        let unknown_path = plain("GET", caller.unknown_path(), &[caller.header()]);
        caller.is_refused(&rig.call(unknown_path).await, 401, "unauthorized");
    }
    assert!(provider.has_no_visitor().await);
    assert_eq!(rig.booked().await, 0);
}

#[tokio::test]
async fn open_mode_closes_with_the_first_key_and_stays_closed_when_it_is_revoked() {
    let (rig, _provider) = gateway(|s| s).await;
    assert_eq!(rig.call(Caller::OpenAi.call()).await.status(), 200);
    let (key, _) = rig.key(KeySpec::default());
    assert_eq!(rig.call(Caller::OpenAi.call()).await.status(), 401);
    rig.store.keys().revoke(&key.id, now()).unwrap();
    assert_eq!(rig.call(Caller::OpenAi.call()).await.status(), 401);
    let (rig, _provider) = gateway(|mut s| {
        s.config.open_mode = false;
        s
    })
    .await;
    Caller::OpenAi.is_refused(&rig.call(Caller::OpenAi.call()).await, 401, "unauthorized");
}

#[tokio::test]
async fn a_rotated_key_is_good_until_its_overlap_ends() {
    let (rig, _provider) = gateway(|s| s.each(|p| p.keys = vec![ProviderSecret::new("sk-own")])).await;
    let keys = rig.store.keys();
    let with = |secret: &str| Caller::OpenAi.call_with(&[&format!("authorization: Bearer {secret}")]);
    let (key, first) = rig.key(KeySpec::default());
    let (_, second) = keys.rotate(&key.id, now().plus_micros(3_600_000_000), now()).unwrap().unwrap();
    for secret in [first.as_str(), second.reveal()] {
        assert_eq!(rig.call(with(secret)).await.status(), 200, "both are good during the overlap");
    }
    let (key, third) = rig.key(KeySpec::default());
    let (_, fourth) = keys.rotate(&key.id, now(), now()).unwrap().unwrap();
    assert_eq!(rig.call(with(&third)).await.status(), 401, "without an overlap the old one has ended");
    assert_eq!(rig.call(with(fourth.reveal())).await.status(), 200);
}

async fn exchange_of(rig: &Rig, provider: &Provider, request: Vec<u8>) -> Exchange {
    let mut wire = rig.connect().await;
    wire.send(request).await;
    let mut exchange = provider.request().await;
    exchange.answer(200, &[JSON, "connection: close"], CHAT_ANSWER).await;
    let answer = wire.answer().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let shown = format!("{:?}{}", answer.head.headers, answer.text());
    assert!(!shown.contains("own-secret"), "the provider's credential is shown to the client: {shown}");
    exchange
}

#[tokio::test]
async fn the_virtual_key_stays_here_and_the_providers_credential_goes_out_in_its_own_header() {
    for (vendor, caller, name, value) in [
        (Vendor::OpenAi, Caller::OpenAi, "authorization", "Bearer own-secret"),
        (Vendor::Azure, Caller::OpenAi, "api-key", "own-secret"),
        (Vendor::Groq, Caller::OpenAi, "authorization", "Bearer own-secret"),
        (Vendor::Anthropic, Caller::Anthropic, "x-api-key", "own-secret"),
        (Vendor::Gemini, Caller::Gemini, "x-goog-api-key", "own-secret"),
    ] {
        let provider = Provider::bind().await;
        let keys = vec![ProviderSecret::new("own-secret")];
        let config = ProviderConfig { keys, ..ProviderConfig::new("p", vendor, &provider.base_url()) };
        let rig = Setup::of(vec![config]).start().await;
        let (_, secret) = rig.key(KeySpec::default());
        for credential in credentials(&secret) {
            // A second credential of the client's own does not pass either.
            let request =
                caller.call_with(&[&credential, "x-goog-api-key: clients-own", "api-key: clients-own"]);
            let exchange = exchange_of(&rig, &provider, request).await;
            assert_eq!(exchange.header(name), Some(value), "{vendor:?}");
            let seen = format!("{} {:?}", exchange.line, exchange.headers());
            assert!(!seen.contains("bsk_") && !seen.contains("clients-own"), "{vendor:?}: {seen}");
            assert_eq!(seen.matches("own-secret").count(), 1, "{seen}");
        }
    }
}

#[tokio::test]
async fn a_credential_in_the_query_stays_here_and_the_rest_of_the_query_passes() {
    let provider = Provider::bind().await;
    let keys = vec![ProviderSecret::new("own-secret")];
    let config =
        ProviderConfig { keys, ..ProviderConfig::new("gemini", Vendor::Gemini, &provider.base_url()) };
    let rig = Setup::of(vec![config]).start().await;
    let line = |query: &str| format!("POST {}{query} HTTP/1.1", Caller::Gemini.path());
    let request = post(&gemini_with("AIza-own"), &[], Caller::Gemini.body());
    assert_eq!(exchange_of(&rig, &provider, request).await.line, line("?alt=json"));
    let (_, secret) = rig.key(KeySpec::default());
    for (path, expected) in [
        (gemini_with(&secret), line("?alt=json")),
        (format!("{}?key={secret}", Caller::Gemini.path()), line("")),
        (format!("{}?key={secret}&a=b%20c&key=AIza", Caller::Gemini.path()), line("?a=b%20c")),
    ] {
        let exchange = exchange_of(&rig, &provider, post(&path, &[], Caller::Gemini.body())).await;
        assert_eq!(exchange.line, expected);
    }
}

#[tokio::test]
async fn in_open_mode_a_clients_own_credential_passes_where_the_gateway_has_none() {
    let provider = Provider::bind().await;
    let rig = Setup::of(three_providers(&provider.base_url())).start().await;
    let request = post(CHAT_PATH, &["authorization: Bearer sk-clients"], CHAT);
    let exchange = exchange_of(&rig, &provider, request).await;
    assert_eq!(exchange.header("authorization"), Some("Bearer sk-clients"));
    let request = post(&gemini_with("AIza-clients"), &[], Caller::Gemini.body());
    assert!(exchange_of(&rig, &provider, request).await.line.contains("key=AIza-clients"));
}

#[tokio::test]
async fn a_key_without_a_providers_credential_behind_it_is_told_what_is_missing() {
    let provider = Provider::bind().await;
    let rig = Setup::of(three_providers(&provider.base_url())).start().await;
    let (_, secret) = rig.key(KeySpec::default());
    let answer = rig.call(Caller::Anthropic.call_with(&[&format!("x-api-key: {secret}")])).await;
    Caller::Anthropic.is_refused(&answer, 502, "upstream_unavailable");
    assert!(answer.text().contains("api_keys"), "{}", answer.text());
    assert!(provider.has_no_visitor().await);
    assert_eq!(rig.booked().await, 0);
}
