//! Heads on their way through: everything passes but what belongs to one connection, the credentials, and the
//! labels that are meant for the gateway.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};

use super::connection::OutBody;
use crate::identify;
use crate::lifecycle::{BUDGET, BUDGET_REMAINING, COST, MODEL};

/// Request headers that belong to one connection (RFC 9110, §7.6.1), and those that are made anew. This and the
/// other lists stand in `docs/reference/headers.md`; a test keeps the two the same.
const STAYS_HERE: [&str; 13] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// How labels of this and of other gateways begin, which say nothing to a provider.
const GATEWAYS_OWN: [&str; 4] = ["x-bursar-", "helicone-", "x-litellm-", "x-portkey-"];

fn stays_here(name: &HeaderName) -> bool {
    let name = name.as_str();
    STAYS_HERE.contains(&name) || GATEWAYS_OWN.iter().any(|prefix| name.starts_with(prefix))
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
const NOT_PASSED_BACK: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
    COST,
    MODEL,
    BUDGET,
    BUDGET_REMAINING,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::REQUEST_ID;

    const PAGE: &str = include_str!("../../../../docs/reference/headers.md");

    fn rows(title: &str) -> Vec<&'static str> {
        let from = PAGE.find(&format!("\n## {title}\n")).unwrap_or_else(|| panic!("no section {title:?}"));
        let rest = &PAGE[from + 4..];
        let section = &rest[..rest.find("\n## ").unwrap_or(rest.len())];
        section.lines().filter_map(|l| l.strip_prefix("| `")?.split('`').next()).collect()
    }

    #[test]
    fn the_page_about_headers_has_the_same_lists() {
        let prefixes = GATEWAYS_OWN.map(|p| format!("{p}*"));
        let stays: Vec<&str> = STAYS_HERE
            .into_iter()
            .chain(prefixes.iter().map(String::as_str))
            .chain(identify::CREDENTIALS)
            .collect();
        assert_eq!(rows("Not passed to the provider"), stays);
        assert_eq!(rows("Not passed to the client"), NOT_PASSED_BACK);
        assert_eq!(
            rows("Added to every answer"),
            [REQUEST_ID.as_str(), COST, MODEL, BUDGET, BUDGET_REMAINING]
        );
    }

    #[test]
    fn a_weight_of_zero_forbids_gzip() {
        for (coding, is) in [
            ("gzip", true),
            (" GZip ;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip; Q=0.00", false),
            ("br", false),
        ] {
            assert_eq!(is_gzip(coding), is, "{coding}");
        }
    }
}
