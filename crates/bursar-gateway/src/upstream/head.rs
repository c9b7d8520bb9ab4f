//! Heads on their way through: everything passes but what belongs to one connection, the credentials, and the
//! labels that are meant for the gateway.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};

use super::connection::OutBody;
use crate::identify;

/// Headers that belong to one connection (RFC 9110, §7.6.1), and those that are made anew.
fn stays_here(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "host"
            | "expect"
    )
}

/// Labels of this and of other gateways, which say nothing to a provider.
fn is_gateways_own(name: &HeaderName) -> bool {
    let name = name.as_str();
    ["x-bursar-", "helicone-", "x-litellm-", "x-portkey-"].iter().any(|prefix| name.starts_with(prefix))
}

/// The head of the request to the provider. `with_credentials` says whether the client's own credentials go along.
pub(crate) fn request_head(
    method: &Method,
    uri: Uri,
    from: &HeaderMap,
    host: &HeaderValue,
    with_credentials: bool,
) -> Request<OutBody> {
    let mut request = Request::new(OutBody::Empty);
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.reserve(from.len() + 4);
    headers.insert(header::HOST, host.clone());
    let named = connection_names(from);
    for (name, value) in from {
        let dropped = stays_here(name)
            || name == header::CONTENT_LENGTH
            || name == header::ACCEPT_ENCODING
            || is_gateways_own(name)
            || named.iter().any(|n| n.eq_ignore_ascii_case(name.as_str()))
            || (!with_credentials && identify::is_credential(name));
        if !dropped {
            headers.append(name.clone(), value.clone());
        }
    }
    headers.insert(header::ACCEPT_ENCODING, accepted(from));
    request
}

/// The encodings that the meter can read, among those that the client accepts.
fn accepted(from: &HeaderMap) -> HeaderValue {
    let values = from.get_all(header::ACCEPT_ENCODING);
    let gzip = values.iter().filter_map(|v| v.to_str().ok()).any(|v| v.split(',').any(is_gzip));
    HeaderValue::from_static(if gzip { "gzip" } else { "identity" })
}

/// Whether one coding of `accept-encoding` lets gzip be used; a weight of zero forbids it.
fn is_gzip(coding: &str) -> bool {
    let mut parts = coding.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let forbidden = parts.any(|p| {
        let weight = p.strip_prefix("q=").or_else(|| p.strip_prefix("Q="));
        weight.is_some_and(|w| w.trim_matches(['0', '.']).is_empty())
    });
    (name.eq_ignore_ascii_case("gzip") || name == "*") && !forbidden
}

/// The headers that `connection` names.
fn connection_names(from: &HeaderMap) -> Vec<&str> {
    let values = from.get_all(header::CONNECTION);
    let names = values.iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',').map(str::trim));
    names.filter(|n| !n.is_empty() && !n.eq_ignore_ascii_case("keep-alive")).collect()
}

/// Response headers that belong to the connection with the provider, and those that this gateway says itself.
const NOT_PASSED_BACK: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
    "x-bursar-cost",
    "x-bursar-model",
];

/// The head of the response to the client, from the provider's.
pub(crate) fn response_head(from: HeaderMap, keep_length: bool) -> HeaderMap {
    let mut headers = from;
    let named: Vec<String> = connection_names(&headers).into_iter().map(str::to_owned).collect();
    for name in named.iter().map(String::as_str).chain(NOT_PASSED_BACK) {
        headers.remove(name);
    }
    if !keep_length {
        headers.remove(header::CONTENT_LENGTH);
    }
    headers
}
