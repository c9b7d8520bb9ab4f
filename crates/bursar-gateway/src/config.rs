//! What the gateway is told. Plain values; reading them from files is the caller's.

use std::fmt;
use std::time::Duration;

use bursar_core::LabelField;
use bursar_wire::{Dialect, Vendor};

/// Everything that the gateway is told.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// The providers, in the order in which they are tried when nothing else decides.
    pub providers: Vec<ProviderConfig>,
    /// The limits on what clients send.
    pub limits: Limits,
    /// What happens in the cases that have two answers.
    pub policies: Policies,
    /// Whether calls without a virtual key are let in while no virtual key exists. Only a listener that nobody but
    /// this machine reaches may say so.
    pub open_mode: bool,
}

/// One provider.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// The name in paths (`/providers/{name}/…`), model prefixes and log lines.
    pub name: String,
    /// Whose conventions hold.
    pub vendor: Vendor,
    /// The name in the price list and in usage records.
    pub price_as: String,
    /// Where it answers; at least one.
    pub endpoints: Vec<Endpoint>,
    /// Its credentials; none where the client's own passes through.
    pub keys: Vec<ProviderSecret>,
    /// The models that go to it, `*` at the end matching any rest; none for no preference.
    pub models: Vec<String>,
    /// Providers to try, in order, when this one fails.
    pub fallback: Vec<String>,
    /// How usage is obtained from streams that carry it only on request.
    pub stream_usage: StreamUsage,
    /// Attempts after the first, on failures that are safe to repeat.
    pub retries: u32,
    /// The longest pause before another attempt; a provider that asks for a longer one gets its answer passed on.
    pub longest_pause: Duration,
    /// How long to wait for what.
    pub timeouts: Timeouts,
}

/// One place where a provider answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The URL in front of the dialect's own path, without a slash at its end.
    pub base_url: String,
    /// The region that serves there, where prices depend on it.
    pub region: Option<String>,
}

/// A provider's credential. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderSecret(String);

impl ProviderSecret {
    /// Takes a credential.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> ProviderSecret {
        ProviderSecret(secret.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ProviderSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderSecret(…)")
    }
}

/// How usage is obtained from streams that carry it only on request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamUsage {
    /// Ask for it, and hide the extra chunk from a client that did not.
    #[default]
    Ask,
    /// It comes unasked.
    Always,
    /// The server does not know the option; what was streamed is counted.
    Never,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a connection to be made.
    pub connect: Duration,
    /// From the request to the response's head.
    pub first_byte: Duration,
    /// Between two pieces of a response.
    pub idle: Duration,
}

/// The limits on what clients send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest body that is read into memory, in bytes.
    pub body_bytes: u64,
    /// The largest head, names and values together, in bytes.
    pub head_bytes: usize,
    /// The most header fields.
    pub header_fields: usize,
    /// The time for a request's head.
    pub head_timeout: Duration,
    /// The longest pause within a request's body.
    pub body_timeout: Duration,
    /// The longest time in which a client takes nothing of its answer; it is then given up.
    pub stall: Duration,
    /// The most requests at a time, answers on their way included; more are refused as overload.
    pub requests: usize,
    /// The time that running answers have to end at shutdown.
    pub drain: Duration,
    /// The most calls that wait for a budget at a time; further ones take what there is, or are refused.
    pub waiting: usize,
}

/// What happens in the cases that have two answers.
#[derive(Clone, Debug)]
pub struct Policies {
    /// A model without a known price.
    pub unpriced: UnpricedPolicy,
    /// A call that cannot be recorded.
    pub store_failure: StoreFailure,
    /// What a call has to say about whom it is for.
    pub required_labels: Vec<LabelField>,
    /// A call that does not.
    pub missing_labels: OrRefuse,
    /// Calls and their budgets.
    pub budgets: BudgetPolicies,
}

impl Default for Policies {
    fn default() -> Policies {
        Policies {
            unpriced: UnpricedPolicy::default(),
            store_failure: StoreFailure::default(),
            required_labels: Vec::new(),
            missing_labels: OrRefuse::Refuse,
            budgets: BudgetPolicies::default(),
        }
    }
}

/// What happens to calls that budgets cannot judge, or that they refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetPolicies {
    /// The status of a refusal.
    pub status: BudgetStatus,
    /// A call whose price is not known, under a budget in dollars that enforces.
    pub unpriced: OrRefuse,
    /// A call that nothing bounds, under a budget that refuses.
    pub unbounded: OrRefuse,
    /// A call that no budget covers.
    pub uncovered: OrRefuse,
}

impl Default for BudgetPolicies {
    fn default() -> BudgetPolicies {
        BudgetPolicies {
            status: BudgetStatus::TooManyRequests,
            unpriced: OrRefuse::Refuse,
            unbounded: OrRefuse::Refuse,
            uncovered: OrRefuse::Allow,
        }
    }
}

/// Whether a call goes on, and is told of, or is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrRefuse {
    /// It goes on.
    Allow,
    /// It is refused.
    Refuse,
}

/// The HTTP status of a refusal for want of budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BudgetStatus {
    /// 429 with `x-should-retry: false`: the official SDKs raise their quota error and do not try again.
    #[default]
    TooManyRequests,
    /// 402.
    PaymentRequired,
}

/// What happens to a call of a model whose price is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnpricedPolicy {
    /// It is forwarded and recorded as unpriced.
    #[default]
    Allow,
    /// It is refused.
    Refuse,
}

/// What happens to a call that cannot be recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreFailure {
    /// It is refused.
    #[default]
    Refuse,
    /// It goes on unrecorded; the loss is counted and logged.
    GoOn,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(600),
            idle: Duration::from_secs(300),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body_bytes: 32 << 20,
            head_bytes: 64 << 10,
            header_fields: 128,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            stall: Duration::from_secs(300),
            requests: 16_384,
            drain: Duration::from_secs(30),
            waiting: 4096,
        }
    }
}

impl ProviderConfig {
    /// A provider with one endpoint and the defaults.
    #[must_use]
    pub fn new(name: &str, vendor: Vendor, base_url: &str) -> ProviderConfig {
        let price_as = if vendor == Vendor::Other { name } else { vendor.name() };
        ProviderConfig {
            name: name.to_owned(),
            vendor,
            price_as: price_as.to_owned(),
            endpoints: vec![Endpoint { base_url: base_url.trim_end_matches('/').to_owned(), region: None }],
            keys: Vec::new(),
            models: Vec::new(),
            fallback: Vec::new(),
            stream_usage: StreamUsage::Ask,
            retries: 2,
            longest_pause: Duration::from_secs(10),
            timeouts: Timeouts::default(),
        }
    }

    /// Whether the provider speaks a dialect at its own address.
    #[must_use]
    pub fn speaks(&self, dialect: Dialect) -> bool {
        match self.vendor {
            Vendor::Anthropic => dialect == Dialect::Anthropic,
            Vendor::Gemini | Vendor::Vertex => dialect == Dialect::Gemini,
            Vendor::Bedrock => dialect == Dialect::Bedrock,
            Vendor::Cohere => dialect == Dialect::Cohere,
            _ => dialect == Dialect::OpenAi,
        }
    }

    /// Whether one of its patterns names the model.
    #[must_use]
    pub fn prefers(&self, model: &str) -> bool {
        self.models.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(stem) => model.starts_with(stem),
            None => pattern == model,
        })
    }
}

/// A configuration that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No provider.
    #[error("there is no provider to forward to")]
    NoProvider,
    /// A provider without an endpoint.
    #[error("provider {0:?} has no endpoint")]
    NoEndpoint(String),
    /// A base URL that is none.
    #[error("provider {provider:?}: {url:?} is no base URL: {why}")]
    BadUrl {
        /// The provider.
        provider: String,
        /// The URL.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A credential with bytes that no header may have.
    #[error("provider {0:?} has a credential with characters that no header may have")]
    BadSecret(String),
    /// TLS could not be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}
