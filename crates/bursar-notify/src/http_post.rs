//! One HTTP POST with a time limit, over TLS with the built-in certificates of authorities where the URL says https.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::channel::{ChannelError, SendError};

/// No more of an answer is read.
const MOST_BYTES: usize = 16 * 1024;
/// No more of a refusal is told.
const MOST_TOLD: usize = 160;

/// Sends JSON to URLs.
#[derive(Clone)]
pub(crate) struct HttpPost {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    limit: Duration,
}

impl HttpPost {
    pub(crate) fn new(limit: Duration) -> Result<HttpPost, ChannelError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let builder = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)
            .map_err(|e| ChannelError::Tls(e.to_string()))?;
        let connector = builder.https_or_http().enable_http1().wrap_connector(tcp);
        let client =
            Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(20)).build(connector);
        Ok(HttpPost { client, limit })
    }

    /// Sends a body. Redirects are not followed: a secret in a URL or header goes nowhere else.
    pub(crate) async fn send(&self, url: &Uri, headers: HeaderMap, body: Bytes) -> Result<(), SendError> {
        match tokio::time::timeout(self.limit, self.exchange(url, headers, body)).await {
            Ok(done) => done,
            Err(_) => Err(SendError::passing(format!("no answer within {} s", self.limit.as_secs()))),
        }
    }

    async fn exchange(&self, url: &Uri, headers: HeaderMap, body: Bytes) -> Result<(), SendError> {
        let mut request = Request::post(url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("bursar/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body))
            .map_err(|e| SendError::lasting(e.to_string()))?;
        request.headers_mut().extend(headers);
        let response = self.client.request(request).await.map_err(|e| SendError::passing(causes(&e)))?;
        let (head, body) = response.into_parts();
        if head.status.is_success() {
            return Ok(());
        }
        let answer = Limited::new(body, MOST_BYTES)
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        Err(refusal(head.status, &head.headers, &answer))
    }
}

/// A refusal that trying again cannot change is lasting.
fn refusal(status: StatusCode, headers: &HeaderMap, answer: &[u8]) -> SendError {
    let said: String = String::from_utf8_lossy(answer)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MOST_TOLD)
        .collect();
    let colon = if said.trim().is_empty() { "" } else { ": " };
    let what = format!("status {}{colon}{}", status.as_u16(), said.trim());
    let asked = headers.get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    match status.as_u16() {
        400 | 410 | 413 | 415 | 422 => SendError::lasting(what),
        300..400 => {
            SendError::lasting(format!("{what}; redirects are not followed: configure the URL they lead to"))
        }
        _ => SendError { retry_after: asked.map(Duration::from_secs), ..SendError::passing(what) },
    }
}

/// An error and what caused it, in one sentence.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
