//! A caller of each dialect, and the shape in which its errors have to come.

use serde_json::Value;

use crate::rig::{CHAT, Rig, Scripted, Setup, scripted, three_providers};
use crate::wire::{Answer, post};

/// Someone who speaks a dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    OpenAi,
    Anthropic,
    Gemini,
}

pub(crate) const CALLERS: [Caller; 3] = [Caller::OpenAi, Caller::Anthropic, Caller::Gemini];

impl Caller {
    /// The path of its usual call.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Caller::OpenAi => "/v1/chat/completions",
            Caller::Anthropic => "/v1/messages",
            Caller::Gemini => "/v1beta/models/gemini-2.5-flash:generateContent",
        }
    }

    /// A path of its own that does not exist.
    pub(crate) fn unknown_path(self) -> &'static str {
        if self == Caller::Gemini { "/v1beta/nothing" } else { "/v1/nothing" }
    }

    /// A header that its SDK sends with every request.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Caller::OpenAi => "openai-beta: none",
            Caller::Anthropic => "anthropic-version: 2023-06-01",
            Caller::Gemini => "x-goog-api-client: none",
        }
    }

    pub(crate) fn body(self) -> &'static str {
        match self {
            Caller::OpenAi => CHAT,
            Caller::Anthropic => {
                r#"{"model":"claude-sonnet-4-5","max_tokens":20,"messages":[{"role":"user","content":"Hello."}]}"#
            }
            Caller::Gemini => r#"{"contents":[{"role":"user","parts":[{"text":"Hello."}]}]}"#,
        }
    }

    pub(crate) fn call(self) -> Vec<u8> {
        post(self.path(), &[self.header()], self.body())
    }

    pub(crate) fn call_with(self, headers: &[&str]) -> Vec<u8> {
        post(self.path(), &[&[self.header()], headers].concat(), self.body())
    }

    pub(crate) fn post(self, body: impl AsRef<[u8]>) -> Vec<u8> {
        post(self.path(), &[self.header()], body)
    }

    /// Asserts that the answer is a refusal of this kind in the dialect's own shape.
    pub(crate) fn is_refused(self, answer: &Answer, status: u16, kind: &str) {
        let what = format!("{self:?}: {} {:?} {}", answer.status(), answer.head.headers, answer.text());
        assert_eq!(answer.status(), status, "{what}");
        assert!(answer.is_whole, "{what}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{what}");
        let body = answer.json();
        let error = &body["error"];
        assert!(error["message"].as_str().is_some_and(|m| m.ends_with(['.', '…'])), "{what}");
        let facts = match self {
            Caller::OpenAi => {
                assert!(error["type"].is_string() && error.get("param").is_some(), "{what}");
                &error["bursar"]
            }
            Caller::Anthropic => {
                assert_eq!(body["type"], "error", "{what}");
                assert_eq!(body["request_id"], answer.head.request_id(), "{what}");
                assert!(error["type"].is_string(), "{what}");
                &error["bursar"]
            }
            Caller::Gemini => {
                assert_eq!(error["code"], Value::from(status), "{what}");
                assert!(error["status"].as_str().is_some_and(|s| s == s.to_uppercase()), "{what}");
                &error["details"][0]["metadata"]
            }
        };
        assert_eq!(facts["kind"], kind, "{what}");
        assert_eq!(facts["request_id"], answer.head.request_id(), "{what}");
    }
}

/// A gateway in front of the scripted provider.
pub(crate) async fn gateway(change: impl FnOnce(Setup) -> Setup) -> (Rig, Scripted) {
    let provider = scripted().await;
    let rig = change(Setup::of(three_providers(&provider.base_url))).start().await;
    (rig, provider)
}

/// Asserts that the gateway still serves every dialect, and that only these calls are booked and known to the
/// provider.
pub(crate) async fn serves_and_booked_nothing_else(rig: &Rig, provider: &Scripted) {
    for caller in CALLERS {
        let answer = rig.call(caller.call()).await;
        assert_eq!(answer.status(), 200, "{caller:?}: {}", answer.text());
    }
    assert_eq!(rig.booked().await, 3);
    assert_eq!(rig.store.status().in_flight, 0);
    assert_eq!(provider.books.entries().len(), 3);
}
