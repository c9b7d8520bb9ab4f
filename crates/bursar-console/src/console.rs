//! The control plane as one thing that can be served.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt as _;
use bursar_core::Timestamp;
use bursar_prices::PriceBook;
use bursar_store::Store;
use tokio::net::TcpListener;

use crate::access::Access;
use crate::reads::Reads;
use crate::{routes, times};

/// How long running answers may take to end after the shutdown has begun.
const DRAIN: Duration = Duration::from_secs(10);

/// The text of `/metrics` in Prometheus' format, made when it is asked for.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What the control plane is made of.
pub struct ConsoleParts {
    /// The store, with the registry of virtual keys.
    pub store: Store,
    /// The price list in force.
    pub prices: Arc<ArcSwap<PriceBook>>,
    /// The names of the providers that the gateway knows.
    pub providers: Vec<String>,
    /// Who may call.
    pub access: Access,
    /// The gateway's metrics.
    pub metrics: RenderMetrics,
}

/// The control plane.
#[derive(Clone)]
pub struct Console {
    pub(crate) parts: Arc<ConsoleParts>,
    pub(crate) reads: Reads,
    pub(crate) clock: fn() -> Timestamp,
}

/// Why the control plane stopped.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The listener failed.
    #[error("the control API's listener failed")]
    Listener(#[source] std::io::Error),
    /// Answers were still running when the time for them was over.
    #[error("the control API stopped with answers still running, {} s after it was told to", DRAIN.as_secs())]
    NotDrained,
}

impl Console {
    /// A control plane over a store.
    #[must_use]
    pub fn new(parts: ConsoleParts) -> Console {
        let reads = Reads::new(parts.store.folder().to_owned());
        Console { parts: Arc::new(parts), reads, clock: times::now }
    }

    /// The same with a clock of the caller's, for tests.
    #[must_use]
    pub fn with_clock(self, clock: fn() -> Timestamp) -> Console {
        Console { clock, ..self }
    }

    /// The same with other providers, for tests.
    #[must_use]
    pub fn with_providers(self, providers: Vec<String>) -> Console {
        let parts = ConsoleParts {
            store: self.parts.store.clone(),
            prices: Arc::clone(&self.parts.prices),
            providers,
            access: self.parts.access.clone(),
            metrics: Arc::clone(&self.parts.metrics),
        };
        Console { parts: Arc::new(parts), ..self }
    }

    /// The routes, behind the rules of access.
    pub fn router(&self) -> Router {
        let guard = middleware::from_fn_with_state(self.clone(), guarded);
        routes::all().layer(guard).with_state(self.clone())
    }

    /// Answers on `listener` until `shutdown` is over, then lets running answers end, for ten seconds at most.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ConsoleError> {
        let (began, mut begins) = tokio::sync::watch::channel(false);
        let signal = async move {
            shutdown.await;
            let _ = began.send(true);
        };
        // An answer is not held back until the client has acknowledged the one before it.
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY cannot be set");
            }
        });
        let serving = axum::serve(listener, self.router()).with_graceful_shutdown(signal).into_future();
        let deadline = async move {
            let _ = begins.wait_for(|begun| *begun).await;
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            ended = serving => ended.map_err(ConsoleError::Listener),
            () = deadline => Err(ConsoleError::NotDrained),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

async fn guarded(State(console): State<Console>, request: Request, next: Next) -> Response {
    let allowed = console.parts.access.check(request.method(), request.uri().path(), request.headers());
    match allowed {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}
