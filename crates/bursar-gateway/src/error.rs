//! Bursar's own answers. The one place where a refusal becomes an HTTP response.

use std::time::{Duration, SystemTime};

use bursar_core::RequestId;
use bursar_wire::{Dialect, ErrorBody, ErrorKind};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use crate::lifecycle::{BUDGET, BUDGET_REMAINING};
use crate::relay::GatewayBody;

/// A refusal or failure on its way to the client.
pub(crate) type Refusal = Box<ErrorBody>;

/// A refusal of a kind with its sentence.
pub(crate) fn refuse(kind: ErrorKind, message: impl Into<String>) -> Refusal {
    Box::new(ErrorBody::new(kind, message))
}

/// Counts and logs a refusal.
pub(crate) fn told(refusal: &ErrorBody, id: RequestId) {
    metrics::counter!("bursar_refusals_total", "kind" => refusal.kind.name()).increment(1);
    tracing::info!(request = %id, kind = refusal.kind.name(), message = %refusal.message, "request refused");
}

/// The response of a refusal in the dialect of the caller.
pub(crate) fn respond(refusal: &ErrorBody, dialect: Dialect, id: RequestId) -> Response<GatewayBody> {
    let rendered = refusal.clone().with_request_id(id.to_string()).render(dialect);
    let mut response = Response::new(GatewayBody::full(Bytes::from(rendered.body)));
    *response.status_mut() =
        StatusCode::from_u16(rendered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(rendered.content_type));
    for (name, value) in rendered.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    for (detail, name) in [("budget", BUDGET), ("budget_remaining", BUDGET_REMAINING)] {
        let told = refusal.details.iter().find(|(d, _)| *d == detail);
        if let Some(value) = told.and_then(|(_, v)| HeaderValue::from_str(v).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(crate::lifecycle::REQUEST_ID, value);
    }
    response
}

/// The same response in the bytes of HTTP/1.1, after which the connection ends.
pub(crate) fn written(refusal: &ErrorBody, dialect: Dialect, id: RequestId) -> Vec<u8> {
    let rendered = refusal.clone().with_request_id(id.to_string()).render(dialect);
    let status = StatusCode::from_u16(rendered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: {}\r\ncontent-length: {}\r\n\
         x-bursar-request-id: {id}\r\ndate: {}\r\n",
        rendered.content_type,
        rendered.body.len(),
        httpdate::fmt_http_date(SystemTime::now()),
    );
    for (name, value) in &rendered.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut bytes = (head + "\r\n").into_bytes();
    bytes.extend_from_slice(&rendered.body);
    bytes
}

/// A time limit as its reader set it: whole seconds, or milliseconds.
pub(crate) fn in_words(limit: Duration) -> String {
    if limit.subsec_millis() == 0 {
        format!("{} s", limit.as_secs())
    } else {
        format!("{} ms", limit.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_below_a_second_is_not_said_to_be_none() {
        assert_eq!(in_words(Duration::from_millis(300)), "300 ms");
        assert_eq!(in_words(Duration::from_millis(1500)), "1500 ms");
        assert_eq!(in_words(Duration::from_secs(30)), "30 s");
    }
}
