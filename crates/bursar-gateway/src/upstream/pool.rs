//! Connections to one endpoint that wait for their next request.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use tower_service::Service as _;

use super::connection::Connection;
use crate::config::ConfigError;

/// The most connections that wait for one endpoint.
const MOST_IDLE: usize = 1024;
/// How long a connection waits before it is given up.
const LONGEST_IDLE: Duration = Duration::from_secs(60);

pub(crate) type Connector = HttpsConnector<HttpConnector>;

/// Makes connections, over TLS with the built-in certificates of authorities where the URL says https.
pub(crate) fn connector() -> Result<Connector, ConfigError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(provider)
        .map_err(|e| ConfigError::Tls(e.to_string()))?;
    Ok(builder.https_or_http().enable_http1().wrap_connector(tcp))
}

/// Why no connection could be made.
#[derive(Debug)]
pub(crate) enum ConnectFailure {
    Failed(String),
    TimedOut,
}

/// Connections to one endpoint.
pub(crate) struct Pool {
    idle: Mutex<Vec<Connection>>,
    connector: Connector,
}

impl Pool {
    pub(crate) fn new(connector: Connector) -> Pool {
        Pool { idle: Mutex::new(Vec::new()), connector }
    }

    /// A connection that waited and still stands.
    pub(crate) async fn waiting(&self) -> Option<Connection> {
        loop {
            let mut connection = self.take()?;
            if connection.idle_since.elapsed() < LONGEST_IDLE && connection.is_ready().await {
                return Some(connection);
            }
        }
    }

    fn take(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// A new connection.
    pub(crate) async fn connect(&self, origin: &Uri, limit: Duration) -> Result<Connection, ConnectFailure> {
        let mut connector = self.connector.clone();
        let making = async {
            std::future::poll_fn(|cx| connector.poll_ready(cx)).await.map_err(|e| e.to_string())?;
            let stream = connector.call(origin.clone()).await.map_err(|e| causes(&*e))?;
            Connection::over(stream).await.map_err(|e| e.to_string())
        };
        match tokio::time::timeout(limit, making).await {
            Ok(made) => made.map_err(ConnectFailure::Failed),
            Err(_) => Err(ConnectFailure::TimedOut),
        }
    }

    /// Takes back a connection whose response has been read to its end.
    pub(crate) fn give_back(&self, mut connection: Connection) {
        connection.idle_since = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push(connection);
        }
    }
}

/// An error and what caused it, in one sentence.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
