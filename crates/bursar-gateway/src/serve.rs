//! The listener: accepts, serves, and at the end lets running answers finish.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bursar_prices::PriceBook;
use bursar_store::Store;
use bursar_wire::ErrorBody;
use bytes::Bytes;
use http::Request;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::config::{ConfigError, GatewayConfig};
use crate::lifecycle::{Rehearsal, Shared, rehearse};
use crate::{connection, upstream};

/// How often leases are looked at, and those who wait for a budget ask again without a settlement.
const TICK: Duration = Duration::from_millis(250);

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

    /// Calls that wait for money that budgets hold for others.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.budgets.waiting()
    }

    /// Does to a call what is done before it goes out (who calls, where it goes, the most that it may use, room in its
    /// budgets), and sends nothing. For measuring and for questions.
    ///
    /// # Errors
    ///
    /// The refusal that the caller would get; a call that would have to wait is refused.
    pub fn rehearse(&self, request: Request<Bytes>, from: SocketAddr) -> Result<Rehearsal, Box<ErrorBody>> {
        rehearse(&self.shared, request, from)
    }

    /// Serves until `shutdown` is done, then lets running answers end within the drain time.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> ServeSummary {
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let mut connections = 0;
        let mut shutdown = std::pin::pin!(shutdown);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => accepted,
                Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
                _ = tick.tick() => {
                    self.shared.budgets.tick();
                    continue;
                }
            };
            match accepted {
                Ok((stream, from)) => {
                    connections += 1;
                    tasks.spawn(connection::serve(Arc::clone(&self.shared), stream, from, stopping.clone()));
                }
                // Too many open files and the like: the next moment may be better.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        drop(listener);
        stop.send_replace(true);
        self.drain(tasks, connections).await
    }

    async fn drain(&self, mut tasks: JoinSet<()>, connections: u64) -> ServeSummary {
        let begun = Instant::now();
        let limit = self.shared.config.limits.drain;
        let all_ended = async { while tasks.join_next().await.is_some() {} };
        let ended = tokio::time::timeout(limit, all_ended).await;
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
