//! The way to the providers: connections, health, credentials, retries.

mod address;
mod connection;
mod credentials;
mod head;
mod health;
mod pool;
mod retry;

use std::sync::Arc;

use crate::config::{ConfigError, GatewayConfig, ProviderConfig};

pub(crate) use address::Address;
pub(crate) use connection::{Connection, OutBody};
pub(crate) use head::{request_head, response_head};
pub(crate) use pool::{ConnectFailure, Pool};
pub(crate) use retry::{Again, after_failure, after_status};

use credentials::Credentials;
use health::Health;

/// A provider that can be called.
pub(crate) struct Provider {
    pub(crate) config: ProviderConfig,
    pub(crate) credentials: Credentials,
    endpoints: Vec<Target>,
    turn: std::sync::atomic::AtomicUsize,
}

/// One endpoint.
pub(crate) struct Target {
    pub(crate) address: Address,
    pub(crate) region: Option<String>,
    pub(crate) health: Health,
    pub(crate) pool: Pool,
}

impl Provider {
    /// The number of the next endpoint in turn that is healthy; where none is, of the next in turn.
    pub(crate) fn next_target(&self) -> usize {
        let turn = self.turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let count = self.endpoints.len();
        let healthy = |i: &usize| self.endpoints[*i].health.is_open_for_calls();
        (0..count).map(|i| (turn + i) % count).find(healthy).unwrap_or(turn % count)
    }

    /// Whether all of its endpoints rest after failures.
    pub(crate) fn rests(&self) -> bool {
        self.endpoints.iter().all(|target| target.health.rests())
    }

    /// Whether its credential may stand in the query's `key`.
    pub(crate) fn speaks_gemini(&self) -> bool {
        self.config.speaks(bursar_wire::Dialect::Gemini)
    }

    /// The endpoint of a number that [`Provider::next_target`] gave.
    pub(crate) fn target(&self, number: usize) -> &Target {
        &self.endpoints[number]
    }
}

/// Every provider of a configuration.
pub(crate) fn providers(config: &GatewayConfig) -> Result<Vec<Arc<Provider>>, ConfigError> {
    if config.providers.is_empty() {
        return Err(ConfigError::NoProvider);
    }
    let connector = pool::connector()?;
    let build = |provider: &ProviderConfig| {
        if provider.endpoints.is_empty() {
            return Err(ConfigError::NoEndpoint(provider.name.clone()));
        }
        let endpoints = provider
            .endpoints
            .iter()
            .map(|endpoint| {
                Ok(Target {
                    address: Address::parse(&provider.name, &endpoint.base_url)?,
                    region: endpoint.region.clone(),
                    health: Health::default(),
                    pool: Pool::new(connector.clone()),
                })
            })
            .collect::<Result<Vec<_>, ConfigError>>()?;
        Ok(Arc::new(Provider {
            credentials: Credentials::new(provider)?,
            config: provider.clone(),
            endpoints,
            turn: std::sync::atomic::AtomicUsize::new(0),
        }))
    };
    config.providers.iter().map(build).collect()
}
