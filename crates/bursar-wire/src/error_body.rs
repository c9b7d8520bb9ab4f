//! Bursar's own refusals and failures, in the shape of the dialect that the caller speaks, so that its SDK raises
//! its usual exception.
//!
//! The official SDKs choose the exception by the HTTP status and read `x-should-retry` and `retry-after`; the
//! type and code inside the body are for the caller's own handling.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::surface::Dialect;

/// What kind of refusal or failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request cannot be understood.
    BadRequest,
    /// No virtual key, or one that is not known, expired or revoked.
    Unauthorized,
    /// A budget is used up, where the policy answers with 402.
    PaymentRequired,
    /// The key may not do this.
    Forbidden,
    /// There is nothing at this path, or no such model.
    NotFound,
    /// The path is there, the method is not.
    MethodNotAllowed,
    /// The client took too long to send its request.
    Timeout,
    /// The body is larger than the gateway takes.
    TooLarge,
    /// The head is larger than the gateway takes.
    HeadersTooLarge,
    /// The body is encoded in a way that the gateway does not read.
    UnsupportedEncoding,
    /// Too many requests for now.
    RateLimited,
    /// A budget is used up, where the policy answers with 429.
    QuotaExhausted,
    /// The model has no known price and the policy does not let such a model be called.
    Unpriced,
    /// No provider could be reached.
    UpstreamUnavailable,
    /// The provider did not answer in time.
    UpstreamTimeout,
    /// The gateway has too much to do.
    Overloaded,
    /// A fault of the gateway.
    Internal,
    /// The call cannot be booked and the policy does not let it pass unbooked.
    StoreUnavailable,
}

/// How a kind looks in each dialect.
struct Face {
    name: &'static str,
    status: u16,
    openai: (&'static str, Option<&'static str>),
    anthropic: &'static str,
    gemini: &'static str,
    bedrock: &'static str,
    retry: Option<bool>,
}

const fn face(
    name: &'static str,
    status: u16,
    openai: (&'static str, Option<&'static str>),
    [anthropic, gemini, bedrock]: [&'static str; 3],
    retry: Option<bool>,
) -> Face {
    Face { name, status, openai, anthropic, gemini, bedrock, retry }
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: &[ErrorKind] = &[
        ErrorKind::BadRequest,
        ErrorKind::Unauthorized,
        ErrorKind::PaymentRequired,
        ErrorKind::Forbidden,
        ErrorKind::NotFound,
        ErrorKind::MethodNotAllowed,
        ErrorKind::Timeout,
        ErrorKind::TooLarge,
        ErrorKind::HeadersTooLarge,
        ErrorKind::UnsupportedEncoding,
        ErrorKind::RateLimited,
        ErrorKind::QuotaExhausted,
        ErrorKind::Unpriced,
        ErrorKind::UpstreamUnavailable,
        ErrorKind::UpstreamTimeout,
        ErrorKind::Overloaded,
        ErrorKind::Internal,
        ErrorKind::StoreUnavailable,
    ];

    #[rustfmt::skip]
    const fn face(self) -> Face {
        const INVALID: &str = "invalid_request_error";
        const SERVER: &str = "server_error";
        const NO: Option<bool> = Some(false);
        const YES: Option<bool> = Some(true);
        match self {
            ErrorKind::BadRequest => face("bad_request", 400, (INVALID, None), [INVALID, "INVALID_ARGUMENT", "ValidationException"], NO),
            ErrorKind::Unauthorized => face("unauthorized", 401, (INVALID, Some("invalid_api_key")), ["authentication_error", "UNAUTHENTICATED", "UnrecognizedClientException"], NO),
            ErrorKind::PaymentRequired => face("payment_required", 402, ("insufficient_quota", Some("insufficient_quota")), ["billing_error", "FAILED_PRECONDITION", "ServiceQuotaExceededException"], NO),
            ErrorKind::Forbidden => face("forbidden", 403, (INVALID, Some("permission_denied")), ["permission_error", "PERMISSION_DENIED", "AccessDeniedException"], NO),
            ErrorKind::NotFound => face("not_found", 404, (INVALID, Some("not_found")), ["not_found_error", "NOT_FOUND", "ResourceNotFoundException"], NO),
            ErrorKind::MethodNotAllowed => face("method_not_allowed", 405, (INVALID, Some("method_not_allowed")), [INVALID, "INVALID_ARGUMENT", "ValidationException"], NO),
            ErrorKind::Timeout => face("timeout", 408, (INVALID, Some("request_timeout")), ["timeout_error", "DEADLINE_EXCEEDED", "RequestTimeoutException"], YES),
            ErrorKind::TooLarge => face("too_large", 413, (INVALID, Some("request_too_large")), ["request_too_large", "INVALID_ARGUMENT", "ValidationException"], NO),
            ErrorKind::HeadersTooLarge => face("headers_too_large", 431, (INVALID, Some("headers_too_large")), [INVALID, "INVALID_ARGUMENT", "ValidationException"], NO),
            ErrorKind::UnsupportedEncoding => face("unsupported_encoding", 415, (INVALID, Some("unsupported_content_encoding")), [INVALID, "INVALID_ARGUMENT", "ValidationException"], NO),
            ErrorKind::RateLimited => face("rate_limited", 429, ("requests", Some("rate_limit_exceeded")), ["rate_limit_error", "RESOURCE_EXHAUSTED", "ThrottlingException"], YES),
            ErrorKind::QuotaExhausted => face("quota_exhausted", 429, ("insufficient_quota", Some("insufficient_quota")), ["rate_limit_error", "RESOURCE_EXHAUSTED", "ServiceQuotaExceededException"], NO),
            ErrorKind::Unpriced => face("unpriced", 403, (INVALID, Some("model_unpriced")), ["permission_error", "PERMISSION_DENIED", "AccessDeniedException"], NO),
            ErrorKind::UpstreamUnavailable => face("upstream_unavailable", 502, (SERVER, Some("upstream_unavailable")), ["api_error", "UNAVAILABLE", "ServiceUnavailableException"], YES),
            ErrorKind::UpstreamTimeout => face("upstream_timeout", 504, (SERVER, Some("upstream_timeout")), ["timeout_error", "DEADLINE_EXCEEDED", "ModelTimeoutException"], None),
            ErrorKind::Overloaded => face("overloaded", 503, (SERVER, Some("overloaded")), ["overloaded_error", "UNAVAILABLE", "ServiceUnavailableException"], YES),
            ErrorKind::Internal => face("internal", 500, (SERVER, Some("internal_error")), ["api_error", "INTERNAL", "InternalServerException"], None),
            ErrorKind::StoreUnavailable => face("store_unavailable", 503, (SERVER, Some("store_unavailable")), ["api_error", "UNAVAILABLE", "ServiceUnavailableException"], YES),
        }
    }

    /// A stable name for logs, metrics and the `bursar` part of the body.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.face().name
    }

    /// The HTTP status in a dialect. They differ where the dialect's own service does: Anthropic says 529 when it
    /// is overloaded; Bedrock says 403 to an unknown credential and 400 to an exhausted quota.
    #[must_use]
    pub const fn status(self, dialect: Dialect) -> u16 {
        match (self, dialect) {
            (ErrorKind::Overloaded, Dialect::Anthropic) => 529,
            (ErrorKind::Unauthorized, Dialect::Bedrock) => 403,
            (ErrorKind::QuotaExhausted, Dialect::Bedrock) => 400,
            _ => self.face().status,
        }
    }
}

/// A refusal or failure, before it takes the shape of a dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorBody {
    /// What kind it is.
    pub kind: ErrorKind,
    /// What happened, for the reader, as a sentence.
    pub message: String,
    /// What the reader can do about it, as a sentence.
    pub hint: Option<String>,
    /// The field of the request that it is about, such as `model`.
    pub param: Option<String>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
    /// The request's id, as in `x-bursar-request-id`.
    pub request_id: Option<String>,
    /// Facts for a program, such as the budget's name and the time at which its period ends; under `bursar` in
    /// the body.
    pub details: Vec<(&'static str, String)>,
}

/// An error as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedError {
    /// The HTTP status.
    pub status: u16,
    /// The value of `content-type`.
    pub content_type: &'static str,
    /// Further headers, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl ErrorBody {
    /// An error that says what happened.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> ErrorBody {
        ErrorBody {
            kind,
            message: message.into(),
            hint: None,
            param: None,
            retry_after: None,
            request_id: None,
            details: Vec::new(),
        }
    }

    /// Adds what the reader can do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> ErrorBody {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the field that it is about.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> ErrorBody {
        self.param = Some(param.into());
        self
    }

    /// Adds when trying again makes sense.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> ErrorBody {
        self.retry_after = Some(after);
        self
    }

    /// Adds the request's id.
    #[must_use]
    pub fn with_request_id(mut self, id: impl Into<String>) -> ErrorBody {
        self.request_id = Some(id.into());
        self
    }

    /// Adds a fact for a program.
    #[must_use]
    pub fn with_detail(mut self, name: &'static str, value: impl Into<String>) -> ErrorBody {
        self.details.push((name, value.into()));
        self
    }

    /// The error as a response in a dialect.
    #[must_use]
    pub fn render(&self, dialect: Dialect) -> RenderedError {
        RenderedError {
            status: self.kind.status(dialect),
            content_type: "application/json",
            headers: self.headers(dialect),
            body: self.json(dialect).to_string().into_bytes(),
        }
    }

    /// The error as a server-sent event, for a stream whose head is already sent. The official SDKs raise an
    /// exception on it.
    #[must_use]
    pub fn render_event(&self, dialect: Dialect) -> Vec<u8> {
        let data = self.json(dialect);
        let name = if dialect == Dialect::Anthropic { "event: error\n" } else { "" };
        format!("{name}data: {data}\n\n").into_bytes()
    }

    fn headers(&self, dialect: Dialect) -> Vec<(&'static str, String)> {
        let face = self.kind.face();
        let mut headers = Vec::new();
        if let Some(after) = self.retry_after {
            headers.push(("retry-after", whole_seconds(after).to_string()));
        }
        if let Some(retry) = face.retry {
            headers.push(("x-should-retry", retry.to_string()));
        }
        if dialect == Dialect::Bedrock {
            headers.push(("x-amzn-errortype", face.bedrock.to_owned()));
        }
        headers
    }

    fn json(&self, dialect: Dialect) -> Value {
        let face = self.kind.face();
        let message = self.sentence();
        match dialect {
            Dialect::OpenAi => json!({"error": {
                "message": message,
                "type": face.openai.0,
                "param": self.param,
                "code": face.openai.1,
                "bursar": self.facts(),
            }}),
            Dialect::Anthropic => json!({
                "type": "error",
                "error": {"type": face.anthropic, "message": message, "bursar": self.facts()},
                "request_id": self.request_id,
            }),
            Dialect::Gemini => json!({"error": {
                "code": self.kind.status(dialect),
                "message": message,
                "status": face.gemini,
                "details": self.google_details(),
            }}),
            Dialect::Bedrock | Dialect::Cohere => json!({"message": message, "bursar": self.facts()}),
        }
    }

    fn sentence(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{} {hint}", self.message),
            None => self.message.clone(),
        }
    }

    fn facts(&self) -> Value {
        let mut facts = Map::new();
        facts.insert("kind".to_owned(), self.kind.name().into());
        if let Some(id) = &self.request_id {
            facts.insert("request_id".to_owned(), id.as_str().into());
        }
        for (name, value) in &self.details {
            facts.insert((*name).to_owned(), value.as_str().into());
        }
        Value::Object(facts)
    }

    /// Google's typed details: an `ErrorInfo` with the facts, and a `RetryInfo` where trying again makes sense.
    fn google_details(&self) -> Value {
        let mut details = vec![json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": self.kind.name().to_ascii_uppercase(),
            "domain": "bursar",
            "metadata": self.facts(),
        })];
        if let Some(after) = self.retry_after {
            details.push(json!({
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": format!("{}s", whole_seconds(after)),
            }));
        }
        Value::Array(details)
    }
}

/// Whole seconds, rounded up, and at least one: a zero would be an invitation to try again at once.
fn whole_seconds(after: Duration) -> u64 {
    after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALECTS: [Dialect; 5] =
        [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini, Dialect::Bedrock, Dialect::Cohere];

    fn parsed(error: &ErrorBody, dialect: Dialect) -> Value {
        serde_json::from_slice(&error.render(dialect).body).expect("an error body is JSON")
    }

    fn header(error: &RenderedError, name: &str) -> Option<String> {
        error.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone())
    }

    #[test]
    fn an_exhausted_budget_is_an_insufficient_quota_that_sdks_do_not_retry() {
        let error = ErrorBody::new(
            ErrorKind::QuotaExhausted,
            "Budget \"research\" has $0.02 left; this call may cost $4.10.",
        )
        .with_hint("It resets on 2026-08-01; lower max_tokens or ask its owner for more.")
        .with_retry_after(Duration::from_millis(1500))
        .with_request_id("req_1")
        .with_detail("budget", "research");
        let rendered = error.render(Dialect::OpenAi);
        assert_eq!((rendered.status, header(&rendered, "x-should-retry").as_deref()), (429, Some("false")));
        assert_eq!(header(&rendered, "retry-after").as_deref(), Some("2"));
        let body = parsed(&error, Dialect::OpenAi);
        assert_eq!(body["error"]["type"], "insufficient_quota");
        assert_eq!(body["error"]["code"], "insufficient_quota");
        assert_eq!(
            body["error"]["bursar"],
            json!({"kind": "quota_exhausted", "request_id": "req_1", "budget": "research"})
        );
        assert!(body["error"]["message"].as_str().is_some_and(|m| m.contains("4.10. It resets on")));
    }

    #[test]
    fn each_dialect_keeps_its_own_shape() {
        let error = ErrorBody::new(ErrorKind::Overloaded, "Busy.")
            .with_request_id("req_1")
            .with_retry_after(Duration::from_secs(3));
        assert_eq!(error.render(Dialect::Anthropic).status, 529);
        let anthropic = parsed(&error, Dialect::Anthropic);
        assert_eq!(anthropic["type"], "error");
        assert_eq!(anthropic["error"]["type"], "overloaded_error");
        assert_eq!(anthropic["request_id"], "req_1");
        let gemini = parsed(&error, Dialect::Gemini);
        assert_eq!(
            (&gemini["error"]["code"], &gemini["error"]["status"]),
            (&json!(503), &json!("UNAVAILABLE"))
        );
        assert_eq!(gemini["error"]["details"][1]["retryDelay"], "3s");
        let bedrock = error.render(Dialect::Bedrock);
        assert_eq!(header(&bedrock, "x-amzn-errortype").as_deref(), Some("ServiceUnavailableException"));
        assert_eq!(parsed(&error, Dialect::Bedrock)["message"], "Busy.");
        assert_eq!(parsed(&error, Dialect::Cohere)["message"], "Busy.");
    }

    #[test]
    fn a_missing_key_is_the_status_that_each_sdk_knows_as_an_authentication_error() {
        let kind = ErrorKind::Unauthorized;
        assert_eq!(DIALECTS.map(|d| kind.status(d)), [401, 401, 401, 403, 401]);
    }

    #[test]
    fn every_kind_renders_in_every_dialect_with_an_error_status_and_its_message() {
        for &kind in ErrorKind::ALL {
            for dialect in DIALECTS {
                let rendered = ErrorBody::new(kind, "A \"quoted\"\nsentence.").render(dialect);
                assert!((400..600).contains(&rendered.status));
                let text = String::from_utf8(rendered.body).expect("JSON is UTF-8");
                assert!(text.contains(r#"A \"quoted\"\nsentence."#), "{kind:?} {dialect:?}");
            }
        }
        let mut names: Vec<_> = ErrorKind::ALL.iter().map(|k| k.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ErrorKind::ALL.len());
    }

    #[test]
    fn an_error_in_mid_stream_is_one_event() {
        let error = ErrorBody::new(ErrorKind::UpstreamUnavailable, "The provider went away.");
        let openai = String::from_utf8(error.render_event(Dialect::OpenAi)).expect("text");
        assert!(openai.starts_with("data: {\"error\":{") && openai.ends_with("}\n\n"));
        let anthropic = String::from_utf8(error.render_event(Dialect::Anthropic)).expect("text");
        assert!(anthropic.starts_with("event: error\ndata: {"));
        assert_eq!(anthropic.matches('\n').count(), 3);
    }
}
