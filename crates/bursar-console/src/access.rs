//! Who may call the control API, and from where.
//!
//! On loopback it is open by default, so what must be kept out is a web page in a browser of the same machine:
//! a page of another site that sends requests (its `Origin` or `Sec-Fetch-Site` gives it away), and a name that
//! is re-bound to 127.0.0.1 (its `Host` gives it away). Beyond loopback a token is required.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use crate::problem::Problem;

/// The token that a caller must show. It is never shown again, not in a log either.
#[derive(Clone)]
pub struct AdminToken(String);

impl AdminToken {
    /// A token; `None` where it has fewer than 16 characters, which could be guessed.
    #[must_use]
    pub fn new(token: String) -> Option<AdminToken> {
        (token.len() >= 16).then_some(AdminToken(token))
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(…)")
    }
}

/// The rules of access.
#[derive(Clone, Debug)]
pub struct Access {
    token: Option<AdminToken>,
    hosts: Vec<String>,
}

/// A listener that other machines reach, without a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the control API would listen on {0}, which other machines reach, without a token; set [console] \
     token = \"env:BURSAR_CONSOLE_TOKEN\" (16 characters or more), or listen on 127.0.0.1"
)]
pub struct TokenRequired(pub SocketAddr);

impl Access {
    /// Rules for a listener. `hosts` are further host names that callers use for it, beside addresses and
    /// `localhost`. Beyond loopback, no token is an error.
    pub fn for_listener(
        listen: SocketAddr,
        token: Option<AdminToken>,
        hosts: Vec<String>,
    ) -> Result<Access, TokenRequired> {
        if !listen.ip().is_loopback() && token.is_none() {
            return Err(TokenRequired(listen));
        }
        Ok(Access { token, hosts })
    }

    /// Whether a request may go on. Probes need no token.
    pub(crate) fn check(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.token.is_none() {
            self.check_host(headers)?;
        }
        if !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            check_origin(headers)?;
        }
        let is_probe = matches!(path, "/healthz" | "/readyz");
        match &self.token {
            Some(token) if !is_probe => check_token(token, headers),
            _ => Ok(()),
        }
    }

    fn check_host(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
        let name = host_name(host);
        let is_known = is_address(name)
            || name.eq_ignore_ascii_case("localhost")
            || self.hosts.iter().any(|h| h.eq_ignore_ascii_case(name));
        if is_known { Ok(()) } else { Err(Refusal::ForeignHost(host.to_owned())) }
    }
}

/// Why a request may not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    ForeignHost(String),
    ForeignOrigin,
    NoToken,
    WrongToken,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, title, detail, hint) = match &self {
            Refusal::ForeignHost(host) => (
                StatusCode::MISDIRECTED_REQUEST,
                "Foreign host",
                format!("this listener is not {host:?}"),
                "call it by its address or as localhost; or set a console token, with which any name is taken",
            ),
            Refusal::ForeignOrigin => (
                StatusCode::FORBIDDEN,
                "Foreign origin",
                "a page of another site may not change anything here".to_owned(),
                "send the request from this listener's own pages, or from a program that sends no Origin",
            ),
            Refusal::NoToken => (
                StatusCode::UNAUTHORIZED,
                "Token required",
                "the control API asks for its token".to_owned(),
                "send Authorization: Bearer <token>; a browser may give it as the password of any user",
            ),
            Refusal::WrongToken => (
                StatusCode::UNAUTHORIZED,
                "Wrong token",
                "that is not the control API's token".to_owned(),
                "it is the one that [console] token in bursar.toml names; a virtual key is no such token",
            ),
        };
        let mut response = Problem::new(status, title, detail, hint).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let ways = HeaderValue::from_static("Bearer realm=\"bursar\", Basic realm=\"bursar\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, ways);
        }
        response
    }
}

/// A request from a page of another site carries an `Origin` that is not this host, or says `cross-site`.
fn check_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name| headers.get(name).map(|v: &HeaderValue| v.to_str().unwrap_or("?"));
    let host = text(header::HOST).unwrap_or_default();
    let same_origin = text(header::ORIGIN)
        .is_none_or(|o| o.split_once("://").is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(host)));
    let same_site = text(header::HeaderName::from_static("sec-fetch-site"))
        .is_none_or(|s| matches!(s, "same-origin" | "none"));
    if same_origin && same_site { Ok(()) } else { Err(Refusal::ForeignOrigin) }
}

fn check_token(token: &AdminToken, headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).ok_or(Refusal::NoToken)?;
    let (scheme, rest) = given.split_once(' ').ok_or(Refusal::WrongToken)?;
    let shown = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => rest.trim().to_owned(),
        "basic" => basic_password(rest.trim()).ok_or(Refusal::WrongToken)?,
        _ => return Err(Refusal::WrongToken),
    };
    if bool::from(shown.as_bytes().ct_eq(token.0.as_bytes())) { Ok(()) } else { Err(Refusal::WrongToken) }
}

fn basic_password(encoded: &str) -> Option<String> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.split_once(':').map(|(_, password)| password.to_owned())
}

fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(name, _)| name);
    }
    host.split_once(':').map_or(host, |(name, _)| name)
}

fn is_address(name: &str) -> bool {
    name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "a-token-of-some-length";

    fn open() -> Access {
        Access::for_listener("127.0.0.1:4001".parse().unwrap(), None, vec!["bursar.internal".into()]).unwrap()
    }

    fn guarded() -> Access {
        let token = AdminToken::new(TOKEN.to_owned());
        Access::for_listener("0.0.0.0:4001".parse().unwrap(), token, Vec::new()).unwrap()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|&(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect()
    }

    #[test]
    fn a_listener_beyond_loopback_needs_a_token() {
        let listen: SocketAddr = "0.0.0.0:4001".parse().unwrap();
        let error = Access::for_listener(listen, None, Vec::new()).unwrap_err();
        assert!(error.to_string().contains("BURSAR_CONSOLE_TOKEN"), "{error}");
        assert!(AdminToken::new("short".to_owned()).is_none());
    }

    #[test]
    fn a_name_bound_to_loopback_by_someone_else_is_refused() {
        for host in ["127.0.0.1:4001", "localhost:4001", "LOCALHOST", "[::1]:4001", "bursar.internal"] {
            assert_eq!(open().check(&Method::GET, "/", &headers(&[("host", host)])), Ok(()), "{host}");
        }
        for host in
            ["evil.example", "evil.example:4001", "127.0.0.1.evil.example", "localhost.evil.example", ""]
        {
            let refused = open().check(&Method::GET, "/", &headers(&[("host", host)]));
            assert_eq!(refused, Err(Refusal::ForeignHost(host.to_owned())));
        }
    }

    #[test]
    fn a_page_of_another_site_cannot_change_anything() {
        let host = ("host", "127.0.0.1:4001");
        let post = |more| open().check(&Method::POST, "/api/v1/keys", &headers(&[host, more]));
        assert_eq!(post(("x-nothing", "1")), Ok(()));
        assert_eq!(post(("origin", "http://127.0.0.1:4001")), Ok(()));
        for other in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:8080"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert_eq!(post(other), Err(Refusal::ForeignOrigin), "{other:?}");
        }
    }

    #[test]
    fn the_token_opens_everything_and_probes_need_none() {
        let check = |pairs: &[_], path| guarded().check(&Method::GET, path, &headers(pairs));
        let bearer = format!("Bearer {TOKEN}");
        assert_eq!(check(&[("authorization", &bearer)], "/"), Ok(()));
        assert_eq!(check(&[("authorization", "Basic eDphLXRva2VuLW9mLXNvbWUtbGVuZ3Ro")], "/"), Ok(()));
        assert_eq!(check(&[], "/healthz"), Ok(()));
        assert_eq!(check(&[], "/metrics"), Err(Refusal::NoToken));
        for wrong in ["Bearer nope", "Basic ???", "Digest x", "Bearer"] {
            assert_eq!(check(&[("authorization", wrong)], "/"), Err(Refusal::WrongToken), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_not_written_out() {
        assert!(!format!("{:?}", guarded()).contains(TOKEN));
    }
}
