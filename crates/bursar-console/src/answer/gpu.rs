//! GPUs and their bill.

use bursar_plan::gpu::bill::{BillLine, Payer};
use bursar_plan::gpu::gap::Gap;
use bursar_plan::gpu::price::{ModelCost, TokenPrices};
use bursar_plan::gpu::vllm::Tokens;
use serde::Serialize;
use utoipa::ToSchema;

use super::TokensAnswer;
use crate::gpus::NodeAccount;

/// The nodes with their GPUs, as they are now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GpusAnswer {
    /// The time of the answer (RFC 3339).
    pub at: String,
    /// The nodes, by name.
    pub nodes: Vec<GpuNodeAnswer>,
}

/// A node and its GPUs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GpuNodeAnswer {
    /// Its name.
    pub node: String,
    /// Whose it is.
    pub owner: String,
    /// On which term it is paid for: on-demand, 1-year, 3-year or owned.
    #[schema(example = "1-year")]
    pub term: String,
    /// How many GPUs the price is for.
    pub accelerators: u32,
    /// The provider's name in records of calls to its models.
    pub provider: Option<String>,
    /// What the node costs an hour, in US dollars.
    #[schema(example = "31.464")]
    pub per_hour: String,
    /// What of it goes to GPUs that are idle.
    pub idle_per_hour: String,
    /// What of it goes to GPUs that are broken.
    pub faulty_per_hour: String,
    /// What of it goes to GPUs of which nobody knows what they do, those that no exporter reports among them.
    pub unknown_per_hour: String,
    /// The GPUs, by their number on the node.
    pub gpus: Vec<GpuAnswer>,
    /// What was not known in the last hour, the latest first.
    pub gaps: Vec<GpuGapAnswer>,
}

/// A GPU, or a part of one.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GpuAnswer {
    /// Its UUID, with the instance where it is divided.
    pub gpu: String,
    /// Its number on the node.
    pub index: String,
    /// The product.
    #[schema(example = "NVIDIA H100 80GB HBM3")]
    pub product: Option<String>,
    /// Which part of a GPU it is, such as 2/7; `null` for a whole one.
    pub part: Option<String>,
    /// active, saturated, resident_idle, no_model, unallocated, faulty or unknown.
    #[schema(example = "resident_idle")]
    pub state: String,
    /// Since when (RFC 3339).
    pub since: String,
    /// When it was last seen (RFC 3339).
    pub last_seen: String,
    /// The metrics and values that the state was judged by.
    #[schema(example = json!(["DCGM_FI_PROF_SM_ACTIVE 0.003"]))]
    pub evidence: Vec<String>,
    /// The pods that hold it, as namespace/pod.
    pub pods: Vec<String>,
    /// Its part of the node's price, in US dollars an hour.
    pub per_hour: String,
}

/// Something that was not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct GpuGapAnswer {
    /// Its name, such as profiling_off or counter_reset.
    #[schema(example = "profiling_off")]
    pub kind: String,
    /// What it is about: a GPU, a model, an exporter or a node.
    pub about: String,
    /// From when on (RFC 3339); `null` where it is about the whole range.
    pub since: Option<String>,
    /// Until when (RFC 3339).
    pub until: Option<String>,
    /// What was seen.
    pub detail: String,
}

/// The bill of nodes over a range.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GpuBillAnswer {
    /// First moment (RFC 3339); the start of an hour.
    pub since: String,
    /// First moment after the range (RFC 3339).
    pub until: String,
    /// The currency of every amount.
    #[schema(example = "USD")]
    pub currency: &'static str,
    /// What is in the prices of models: work, resident or node.
    #[schema(example = "resident")]
    pub basis: &'static str,
    /// The nodes, by name.
    pub nodes: Vec<GpuNodeBillAnswer>,
}

/// The bill of one node.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GpuNodeBillAnswer {
    /// Its name.
    pub node: String,
    /// Whose it is.
    pub owner: String,
    /// What it cost in the range.
    #[schema(example = "755.136")]
    pub bill: String,
    /// The lines; they add up to the bill exactly.
    pub lines: Vec<GpuLineAnswer>,
    /// What its models cost and made.
    pub models: Vec<GpuModelAnswer>,
    /// What is not known.
    pub gaps: Vec<GpuGapAnswer>,
}

/// One line of a bill.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GpuLineAnswer {
    /// team, outside (tokens that did not come through Bursar), unattributed (work without a known token), idle, faulty or
    /// unknown.
    #[schema(example = "team")]
    pub payer: &'static str,
    /// The team; the owner for what is not a team's. `null` for calls of which nobody said whose they are.
    pub charged_to: Option<String>,
    /// The model, where it is for tokens.
    pub model: Option<String>,
    /// The idle state, where it is idle.
    pub state: Option<&'static str>,
    /// GPU time in seconds, cut off: measured for states, modelled for tokens.
    pub gpu_seconds: u64,
    /// The tokens, where it is for tokens.
    pub tokens: Option<TokensAnswer>,
    /// The amount in US dollars.
    pub amount: String,
}

/// A model of a node.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GpuModelAnswer {
    /// The model.
    pub model: String,
    /// Where the tokens are counted: engine or bursar.
    #[schema(example = "engine")]
    pub counted_by: &'static str,
    /// What it made.
    pub tokens: TokensAnswer,
    /// Its part of the node's cost on the answer's basis.
    pub cost: String,
    /// US dollars per million tokens; `null` where no token was made, which is not the same as free.
    pub price: Option<TokenPricesAnswer>,
}

/// Prices in US dollars per million tokens.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TokenPricesAnswer {
    /// Input tokens that are computed.
    pub input: String,
    /// Input tokens that the prefix cache held.
    pub cache_read: String,
    /// Output tokens.
    pub output: String,
}

impl From<Tokens> for TokensAnswer {
    fn from(tokens: Tokens) -> TokensAnswer {
        TokensAnswer { input: tokens.input, cached: tokens.cached, output: tokens.output }
    }
}

impl From<&Gap> for GpuGapAnswer {
    fn from(gap: &Gap) -> GpuGapAnswer {
        GpuGapAnswer {
            kind: gap.kind.name().to_owned(),
            about: gap.about.clone(),
            since: None,
            until: None,
            detail: gap.detail.clone(),
        }
    }
}

impl GpuLineAnswer {
    fn of(line: &BillLine, owner: &str) -> GpuLineAnswer {
        let (payer, team, model, state) = match &line.payer {
            Payer::Team { team, model } => ("team", team.as_deref(), Some(model), None),
            Payer::Outside { model } => ("outside", Some(owner), Some(model), None),
            Payer::Unattributed => ("unattributed", Some(owner), None, None),
            Payer::Idle(state) => ("idle", Some(owner), None, Some(state.name())),
            Payer::Faulty => ("faulty", Some(owner), None, None),
            Payer::Unknown => ("unknown", Some(owner), None, None),
        };
        GpuLineAnswer {
            payer,
            charged_to: team.map(str::to_owned),
            model: model.cloned(),
            state,
            gpu_seconds: line.gpu_micros / 1_000_000,
            tokens: line.tokens.map(TokensAnswer::from),
            amount: line.amount.to_string(),
        }
    }
}

impl From<TokenPrices> for TokenPricesAnswer {
    fn from(prices: TokenPrices) -> TokenPricesAnswer {
        TokenPricesAnswer {
            input: prices.input.to_string(),
            cache_read: prices.cached.to_string(),
            output: prices.output.to_string(),
        }
    }
}

impl GpuModelAnswer {
    fn of(cost: &ModelCost, counted_by: &'static str) -> GpuModelAnswer {
        GpuModelAnswer {
            model: cost.model.clone(),
            counted_by,
            tokens: cost.tokens.into(),
            cost: cost.cost.to_string(),
            price: cost.prices.map(TokenPricesAnswer::from),
        }
    }
}

impl From<&NodeAccount> for GpuNodeBillAnswer {
    fn from(account: &NodeAccount) -> GpuNodeBillAnswer {
        let mut gaps: Vec<GpuGapAnswer> = account.statement.gaps.iter().map(GpuGapAnswer::from).collect();
        if account.uncounted > 0 {
            gaps.push(GpuGapAnswer {
                kind: "not_sampled".to_owned(),
                about: account.node.node.clone(),
                since: None,
                until: None,
                detail: format!(
                    "the tokens of {} s are not known; that time and its cost are in no price",
                    account.uncounted / 1_000_000
                ),
            });
        }
        GpuNodeBillAnswer {
            node: account.node.node.clone(),
            owner: account.node.owner.clone(),
            bill: account.statement.bill.to_string(),
            lines: account
                .statement
                .lines
                .iter()
                .map(|l| GpuLineAnswer::of(l, &account.node.owner))
                .collect(),
            models: account.costs.iter().map(|c| GpuModelAnswer::of(c, account.counted_by)).collect(),
            gaps,
        }
    }
}
