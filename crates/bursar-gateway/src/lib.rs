//! The data plane: the life of a request from the listener to the provider and back.
//!
//! * [`config`]: what the gateway is told; plain values.
//! * [`Gateway`]: the listener and the life of each request.
//! * [`recover`]: books what an earlier process left in flight.

mod attempt;
mod body;
mod budget;
mod client_stream;
pub mod config;
mod connection;
mod error;
mod fetched_work;
mod identify;
mod lifecycle;
mod observe;
mod recover;
mod relay;
mod route;
mod serve;
mod tap;
mod upstream;

pub use config::{
    BudgetPolicies, BudgetStatus, ConfigError, Endpoint, GatewayConfig, Limits, OrRefuse, Policies,
    ProviderConfig, ProviderSecret, StoreFailure, StreamUsage, Timeouts, UnpricedPolicy,
};
pub use lifecycle::Rehearsal;
pub use recover::recover;
pub use serve::{Gateway, ServeSummary};
