//! Errors of the control API as RFC 9457 problem documents, each with a hint that says what to do.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// An error of the control API (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// The kind of problem; stable, for programs.
    #[schema(example = "urn:bursar:problem:unknown-parameter")]
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem, for people.
    #[schema(example = "Unknown parameter")]
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 400)]
    pub status: u16,
    /// What is wrong this time.
    pub detail: String,
    /// What to do about it.
    pub hint: String,
    /// What would have been allowed, where that is a list of names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
}

impl Problem {
    /// A problem of a kind, which is the title in lower case with hyphens.
    pub fn new(
        status: StatusCode,
        title: &'static str,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) -> Problem {
        Problem {
            kind: format!("urn:bursar:problem:{}", title.to_lowercase().replace(' ', "-")),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            hint: hint.into(),
            allowed: Vec::new(),
        }
    }

    /// A parameter or field whose value cannot be read.
    pub fn bad_value(name: &str, why: impl std::fmt::Display) -> Problem {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "Bad value",
            format!("{name}: {why}"),
            format!("correct {name}; /api/openapi.json describes every parameter"),
        )
    }

    /// A name that the call does not have.
    pub fn unknown_name(name: &str, allowed: &[&str]) -> Problem {
        let mut problem = Problem::new(
            StatusCode::BAD_REQUEST,
            "Unknown parameter",
            format!("there is no parameter {name:?} here"),
            format!("the parameters are {}", allowed.join(", ")),
        );
        problem.allowed = allowed.iter().map(|&a| a.to_owned()).collect();
        problem
    }

    /// Something that is not there.
    pub fn not_found(detail: impl Into<String>, hint: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "Not found", detail, hint)
    }

    /// A failure of the store.
    pub fn store(error: impl std::fmt::Display) -> Problem {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Store unavailable",
            error.to_string(),
            "run bursar doctor; /readyz says what is wrong with the store",
        )
    }

    /// The status, for the response line.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.detail, self.hint)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}
