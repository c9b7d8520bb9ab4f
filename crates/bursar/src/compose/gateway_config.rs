//! From the configuration's sections to what the gateway is told.

use std::net::SocketAddr;

use bursar_gateway::{
    BudgetPolicies, BudgetStatus, Endpoint, GatewayConfig, Limits, OrRefuse as Or, Policies, ProviderConfig,
    ProviderSecret, StoreFailure as Failure, StreamUsage as Usage, Timeouts, UnpricedPolicy as Unpriced,
};
use bursar_wire::Vendor;

use crate::config::{
    Config, Environment, GatewaySection, OrRefuse, ProviderSection, StoreFailure, StreamUsage, UnpricedPolicy,
};

/// What the gateway is told. A credential that is configured and not there is an error: calls would fail one by
/// one.
pub(super) fn of(config: &Config, listen: SocketAddr, env: Environment<'_>) -> anyhow::Result<GatewayConfig> {
    let providers = config.providers.iter().map(|p| provider(p, env)).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(GatewayConfig {
        providers,
        limits: limits(&config.gateway),
        policies: policies(&config.gateway),
        open_mode: listen.ip().is_loopback(),
    })
}

fn policies(gateway: &GatewaySection) -> Policies {
    let or_refuse = |chosen| match chosen {
        OrRefuse::Allow => Or::Allow,
        OrRefuse::Refuse => Or::Refuse,
    };
    Policies {
        unpriced: match gateway.unpriced {
            UnpricedPolicy::Allow => Unpriced::Allow,
            UnpricedPolicy::Refuse => Unpriced::Refuse,
        },
        store_failure: match gateway.store_failure {
            StoreFailure::Refuse => Failure::Refuse,
            StoreFailure::GoOn => Failure::GoOn,
        },
        required_labels: gateway.require_labels.clone(),
        missing_labels: or_refuse(gateway.missing_labels),
        budgets: BudgetPolicies {
            status: match gateway.budget_status {
                402 => BudgetStatus::PaymentRequired,
                _ => BudgetStatus::TooManyRequests,
            },
            unpriced: or_refuse(gateway.unpriced_under_budget),
            unbounded: or_refuse(gateway.unbounded_under_budget),
            uncovered: or_refuse(gateway.uncovered),
        },
    }
}

fn limits(gateway: &GatewaySection) -> Limits {
    Limits {
        body_bytes: gateway.max_body,
        head_timeout: gateway.header_timeout,
        body_timeout: gateway.body_timeout,
        drain: gateway.drain,
        waiting: usize::try_from(gateway.max_waiting).unwrap_or(usize::MAX),
        ..Limits::default()
    }
}

fn provider(section: &ProviderSection, env: Environment<'_>) -> anyhow::Result<ProviderConfig> {
    let vendor = Vendor::from_name(section.kind.name);
    let mut keys = Vec::new();
    for source in &section.api_keys {
        let secret = source.resolve(env).map_err(|why| {
            anyhow::anyhow!("provider {:?}: {why}; set it, or take {source} out of api_keys", section.name)
        })?;
        keys.push(ProviderSecret::new(secret));
    }
    let endpoint = |url: &String| Endpoint { base_url: url.clone(), region: section.region.clone() };
    Ok(ProviderConfig {
        endpoints: section.base_urls.iter().map(endpoint).collect(),
        keys,
        models: section.models.clone(),
        fallback: section.fallback.clone(),
        price_as: booked_as(section),
        stream_usage: match section.stream_usage {
            StreamUsage::Ask => Usage::Ask,
            StreamUsage::Always => Usage::Always,
            StreamUsage::Never => Usage::Never,
        },
        retries: u32::try_from(section.retries).unwrap_or(u32::MAX),
        timeouts: Timeouts {
            connect: section.connect_timeout,
            first_byte: section.first_byte_timeout,
            idle: section.idle_timeout,
        },
        ..ProviderConfig::new(&section.name, vendor, "")
    })
}

/// The name under which calls to a provider are booked and priced.
pub(super) fn booked_as(section: &ProviderSection) -> String {
    section.price_as.clone().unwrap_or_else(|| price_name(section, Vendor::from_name(section.kind.name)))
}

fn price_name(section: &ProviderSection, vendor: Vendor) -> String {
    if vendor == Vendor::Other { section.name.clone() } else { vendor.name().to_owned() }
}
