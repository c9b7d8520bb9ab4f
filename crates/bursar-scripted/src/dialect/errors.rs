//! Errors in the shape of each provider.

use super::{Answer, quoted};

/// Whose errors to imitate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    OpenAi,
    Anthropic,
    Gemini,
}

/// An error answer.
pub(crate) fn answer(shape: Shape, status: u16, message: &str, request_id: &str) -> Answer {
    let body = body(shape, status, message, request_id);
    let id_header = if shape == Shape::Anthropic { "request-id" } else { "x-request-id" };
    let mut answer = Answer::json(status, body);
    answer.headers.push((id_header, request_id.to_owned()));
    answer
}

/// The error that a stream sends in its middle.
pub(crate) fn in_stream(shape: Shape) -> Vec<u8> {
    let message = "The server had an error while processing your request.";
    match shape {
        Shape::Anthropic => {
            let body = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
            format!("event: error\ndata: {body}\n\n")
        }
        Shape::OpenAi | Shape::Gemini => {
            // One line: every line of a server-sent event would need its own `data:`.
            let body: String = body(shape, 500, message, "").lines().map(str::trim_start).collect();
            format!("data: {body}\n\n")
        }
    }
    .into_bytes()
}

fn body(shape: Shape, status: u16, message: &str, request_id: &str) -> String {
    let message = quoted(message);
    match shape {
        Shape::OpenAi => {
            let (kind, code) = openai_kind(status);
            format!(
                "{{\n    \"error\": {{\n        \"message\": {message},\n        \"type\": \"{kind}\",\n        \
                 \"param\": null,\n        \"code\": {code}\n    }}\n}}"
            )
        }
        Shape::Anthropic => format!(
            r#"{{"type":"error","error":{{"type":"{}","message":{message}}},"request_id":"{request_id}"}}"#,
            anthropic_kind(status)
        ),
        Shape::Gemini => format!(
            "{{\n  \"error\": {{\n    \"code\": {status},\n    \"message\": {message},\n    \"status\": \"{}\"\n  }}\n}}\n",
            gemini_kind(status)
        ),
    }
}

fn openai_kind(status: u16) -> (&'static str, &'static str) {
    match status {
        401 => ("invalid_request_error", "\"invalid_api_key\""),
        403 => ("invalid_request_error", "\"unsupported_country_region_territory\""),
        404 => ("invalid_request_error", "\"model_not_found\""),
        429 => ("requests", "\"rate_limit_exceeded\""),
        500..=599 => ("server_error", "null"),
        _ => ("invalid_request_error", "null"),
    }
}

fn anthropic_kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500..=599 => "api_error",
        _ => "invalid_request_error",
    }
}

fn gemini_kind(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 | 529 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500..=599 => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

/// A sentence for an error that a script asked for.
pub(crate) fn scripted_message(shape: Shape, status: u16, model: &str) -> String {
    match (shape, status) {
        (Shape::OpenAi, 401) => {
            "Incorrect API key provided. You can find your API key in your account.".into()
        }
        (Shape::OpenAi, 404) => {
            format!("The model `{model}` does not exist or you do not have access to it.")
        }
        (Shape::OpenAi, 429) => format!("Rate limit reached for {model} on requests per min (RPM)."),
        (Shape::Anthropic, 401) => "invalid x-api-key".into(),
        (Shape::Anthropic, 404) => format!("model: {model}"),
        (Shape::Anthropic, 429) => "This request would exceed your organization's rate limit.".into(),
        (Shape::Anthropic, 529) => "Overloaded".into(),
        (Shape::Gemini, 404) => format!(
            "models/{model} is not found for API version v1beta, or is not supported for generateContent."
        ),
        (Shape::Gemini, 429) => "Resource has been exhausted (e.g. check quota).".into(),
        (_, 500..=599) => "The server had an error while processing your request.".into(),
        (_, 401 | 403) => "Your authentication credentials are not valid for this request.".into(),
        _ => format!("The request was refused with status {status}, as its script asked."),
    }
}
