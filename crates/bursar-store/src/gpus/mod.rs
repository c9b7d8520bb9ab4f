//! What GPUs did while they were paid for.

mod log;
mod read;

use bursar_core::{Money, Timestamp};

pub use log::GpuLog;

/// What a node costs over a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuNode {
    /// Its name.
    pub node: String,
    /// From when on.
    pub since: Timestamp,
    /// Until when; `None` where it still holds.
    pub until: Option<Timestamp>,
    /// The whole node, per hour.
    pub per_hour: Money,
    /// On which term it is paid for.
    pub term: String,
    /// Whose it is.
    pub owner: String,
    /// How many GPUs the price is for.
    pub accelerators: u32,
    /// The provider's name in records of calls to its models, where calls go through Bursar.
    pub provider: Option<String>,
    /// GPU time of an input token, one from the cache and an output token, relative to each other.
    pub weights: [u32; 3],
    /// Whether engines are asked for their tokens.
    pub has_engines: bool,
    /// How long one sample speaks for at most, in microseconds.
    pub longest: i64,
}

/// What a GPU did over a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuSpan {
    /// Its node.
    pub node: String,
    /// Its UUID, with the instance where it is divided.
    pub gpu: String,
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The state's name.
    pub state: String,
    /// How many sevenths of a GPU it is.
    pub slices: u32,
    /// Its number on the node.
    pub index: String,
    /// The product.
    pub product: Option<String>,
    /// What the state was judged by, at the end of the stretch.
    pub evidence: Vec<String>,
    /// The pods that held it, at the end of the stretch.
    pub pods: Vec<String>,
}

/// What a model made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuModelTokens {
    /// The model.
    pub model: String,
    /// When, within an hour.
    pub at: Timestamp,
    /// Input tokens that were computed, input tokens of the cache, output tokens.
    pub tokens: [u64; 3],
}

/// Time in which what a model made is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuUncounted {
    /// The model.
    pub model: String,
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// Something that was not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuGap {
    /// The kind's name.
    pub kind: String,
    /// What it is about.
    pub about: String,
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// What was seen, at the end of the stretch.
    pub detail: String,
}

/// What one round of samples told of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GpuRound {
    /// The node.
    pub node: String,
    /// Its GPUs; the node's name stands in each.
    pub spans: Vec<GpuSpan>,
    /// What its models made.
    pub tokens: Vec<GpuModelTokens>,
    /// Of which models it is not known.
    pub uncounted: Vec<GpuUncounted>,
    /// What was not known.
    pub gaps: Vec<GpuGap>,
}
