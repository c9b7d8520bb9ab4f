//! The listener: accepts, serves, and at the end lets running answers finish.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bursar_prices::PriceBook;
use bursar_store::Store;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::config::{ConfigError, GatewayConfig};
use crate::lifecycle::{Shared, handle};
use crate::upstream;

/// The gateway, ready to serve.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeSummary {
    /// Connections that were accepted.
    pub connections: u64,
    /// Attempts that were still on their way when the time for draining was over, and were cut off.
    pub cut_off: usize,
    /// How long draining took.
    pub drained_in: Duration,
}

impl fmt::Display for ServeSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.drained_in.as_millis();
        write!(
            f,
            "{} connections served; drained in {ms} ms; {} answers cut off",
            self.connections, self.cut_off
        )
    }
}

impl Gateway {
    /// A gateway that records in `store` and prices with what `prices` holds at the moment.
    ///
    /// # Errors
    ///
    /// A configuration that cannot work.
    pub fn new(
        config: GatewayConfig,
        store: Store,
        prices: Arc<ArcSwap<PriceBook>>,
    ) -> Result<Gateway, ConfigError> {
        let providers = upstream::providers(&config)?;
        Ok(Gateway { shared: Arc::new(Shared::new(config, providers, store, prices)) })
    }

    /// Attempts that are on their way now.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.now()
    }

    /// Serves until `shutdown` is done, then lets running answers end within the drain time.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> ServeSummary {
        let graceful = GracefulShutdown::new();
        let mut tasks = JoinSet::new();
        let mut connections = 0;
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => accepted,
                Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
            };
            match accepted {
                Ok((stream, from)) => {
                    connections += 1;
                    tasks.spawn(self.connection(stream, from, &graceful));
                }
                // Too many open files and the like: the next moment may be better.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        drop(listener);
        self.drain(graceful, tasks, connections).await
    }

    fn connection(
        &self,
        stream: TcpStream,
        from: SocketAddr,
        graceful: &GracefulShutdown,
    ) -> impl Future<Output = ()> + Send + use<> {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY cannot be set");
        }
        let shared = Arc::clone(&self.shared);
        let limits = shared.config.limits;
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { Ok::<_, std::convert::Infallible>(handle(shared, request, from).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            // Above the limits of `check_head`, which answers in the caller's dialect; below, a flood ends here.
            .max_headers(limits.header_fields * 4)
            .max_buf_size((limits.head_bytes * 4).max(16 * 1024))
            .half_close(false)
            .serve_connection(TokioIo::new(stream), service);
        let watched = graceful.watch(connection);
        async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "a connection ended early");
            }
        }
    }

    async fn drain(
        &self,
        graceful: GracefulShutdown,
        mut tasks: JoinSet<()>,
        connections: u64,
    ) -> ServeSummary {
        let begun = Instant::now();
        let limit = self.shared.config.limits.drain;
        let ended = tokio::time::timeout(limit, graceful.shutdown()).await;
        let cut_off = if ended.is_err() { self.in_flight() } else { 0 };
        self.shared.cut_off();
        tasks.shutdown().await;
        // What is counted on other threads is settled there.
        let settled_by = Instant::now() + Duration::from_secs(10);
        while self.in_flight() > 0 && Instant::now() < settled_by {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        ServeSummary { connections, cut_off, drained_in: begun.elapsed() }
    }
}
