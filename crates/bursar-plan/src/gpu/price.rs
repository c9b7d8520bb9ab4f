//! What a million tokens of a self-hosted model cost, and the row of the price list that says so.

use bursar_core::price_list::UnitPrices;
use bursar_core::{Meter, Money, PriceKind, PriceRow, ServiceTier, Timestamp, UnitPrice};

use super::bill::{Payer, Statement, Weights};
use super::shares::divide_money;
use super::state::GpuState;
use super::vllm::Tokens;

/// Which of a node's cost is in a model's price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The time in which GPUs worked: what the tokens took, and nothing for waiting.
    Work,
    /// With the time in which the GPUs held models and nothing was asked of them: what the tokens cost at this
    /// utilisation.
    Resident,
    /// With all idle time of the node.
    Node,
}

impl Basis {
    /// The name in commands and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Basis::Work => "work",
            Basis::Resident => "resident",
            Basis::Node => "node",
        }
    }

    fn has(self, state: GpuState) -> bool {
        match self {
            Basis::Work => state.works(),
            Basis::Resident => state.works() || state == GpuState::ResidentIdle,
            Basis::Node => state.works() || state.is_idle(),
        }
    }
}

/// What a model cost and made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelCost {
    /// The model.
    pub model: String,
    /// Its part of the node's cost.
    pub cost: Money,
    /// What it made.
    pub tokens: Tokens,
    /// The price of a million tokens; `None` where none was made, which is not the same as free.
    pub prices: Option<TokenPrices>,
}

/// Prices of a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenPrices {
    /// Input tokens that are computed.
    pub input: UnitPrice,
    /// Input tokens that the prefix cache held.
    pub cached: UnitPrice,
    /// Output tokens.
    pub output: UnitPrice,
}

/// The price of each model of a node, from its statement. Faulty and unknown time is in no price.
#[must_use]
pub fn model_costs(statement: &Statement, weights: Weights, basis: Basis) -> Vec<ModelCost> {
    let mut models: Vec<(String, Tokens)> = Vec::new();
    for line in &statement.lines {
        let (Payer::Team { model, .. } | Payer::Outside { model }) = &line.payer else { continue };
        let tokens = line.tokens.unwrap_or_default();
        match models.iter_mut().find(|(name, _)| name == model) {
            Some((_, sum)) => *sum = sum.plus(tokens),
            None => models.push((model.clone(), tokens)),
        }
    }
    let states = statement.by_state.iter().filter(|(state, _)| basis.has(**state));
    let cost: Money = states.map(|(_, (_, amount))| *amount).sum();
    let loads: Vec<u128> = models.iter().map(|(_, tokens)| weights.of(*tokens)).collect();
    let Some(costs) = divide_money(cost, &loads) else { return Vec::new() };
    models
        .into_iter()
        .zip(costs)
        .map(|((model, tokens), cost)| ModelCost {
            prices: prices_of(cost, tokens, weights),
            model,
            cost,
            tokens,
        })
        .collect()
}

/// Prices at which exactly these tokens cost exactly this much, each rounded once to nano-dollars per million. `None`
/// where no token was made, or a price is beyond the range.
#[must_use]
pub fn prices_of(cost: Money, tokens: Tokens, weights: Weights) -> Option<TokenPrices> {
    let load = weights.of(tokens);
    if load == 0 || cost < Money::ZERO {
        return None;
    }
    let price = |weight: u32| {
        let product =
            u128::try_from(cost.nanos()).ok()?.checked_mul(u128::from(weight))?.checked_mul(1_000_000)?;
        let (whole, rest) = (product / load, product % load);
        let up = rest > load / 2 || (rest * 2 == load && whole % 2 == 1);
        UnitPrice::from_nanos_per_million(i64::try_from(whole + u128::from(up)).ok()?)
    };
    let (input, cached, output) = (price(weights.input)?, price(weights.cached)?, price(weights.output)?);
    Some(TokenPrices { input, cached, output })
}

/// The row of the price list for a model of one's own.
#[must_use]
pub fn price_row(
    provider: &str,
    model: &str,
    prices: TokenPrices,
    at: Timestamp,
    source: String,
) -> PriceRow {
    let mut unit_prices = UnitPrices::default();
    unit_prices.set(Meter::Input, Some(prices.input));
    unit_prices.set(Meter::CacheRead, Some(prices.cached));
    unit_prices.set(Meter::Output, Some(prices.output));
    PriceRow {
        provider: provider.to_owned(),
        model: model.to_owned(),
        aliases: Vec::new(),
        region: None,
        tier: ServiceTier::Standard,
        context_above: 0,
        kind: PriceKind::List,
        effective_from: Some(at),
        effective_to: None,
        recorded_at: at,
        source,
        as_of: day_of(at),
        prices: unit_prices,
        conflicts: Vec::new(),
    }
}

fn day_of(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.micros())
        .map_or_else(|_| String::new(), |t| t.strftime("%Y-%m-%d").to_string())
}
