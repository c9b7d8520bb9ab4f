//! Bursar's own answers. The one place where a refusal becomes an HTTP response.

use bursar_core::RequestId;
use bursar_wire::{Dialect, ErrorBody, ErrorKind};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use crate::relay::GatewayBody;

/// A refusal or failure on its way to the client.
pub(crate) type Refusal = Box<ErrorBody>;

/// A refusal of a kind with its sentence.
pub(crate) fn refuse(kind: ErrorKind, message: impl Into<String>) -> Refusal {
    Box::new(ErrorBody::new(kind, message))
}

/// The response of a refusal in the dialect of the caller.
pub(crate) fn respond(refusal: &ErrorBody, dialect: Dialect, id: RequestId) -> Response<GatewayBody> {
    metrics::counter!("bursar_refusals_total", "kind" => refusal.kind.name()).increment(1);
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
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(crate::lifecycle::REQUEST_ID, value);
    }
    response
}
