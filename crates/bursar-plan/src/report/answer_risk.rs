//! What a report says of futures. The names here are those of the JSON.

use serde::Serialize;

/// What lies between the 5th and the 95th percentile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BandShown {
    /// 5th percentile.
    pub p5: String,
    /// Median.
    pub p50: String,
    /// 95th percentile.
    pub p95: String,
}

/// What has been spent by the end of a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MonthShown {
    /// The month, from 1.
    pub month: u32,
    /// Everything by API.
    pub api: BandShown,
    /// The plan.
    pub plan: BandShown,
}

/// An estimate with its Monte Carlo error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MeanShown {
    /// The mean over the futures.
    pub mean: String,
    /// Its standard error.
    pub error: String,
}

/// A share of the futures with its Monte Carlo error.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShareShown {
    /// 0 to 1.
    pub share: Option<f64>,
    /// Its standard error.
    pub error: Option<f64>,
}

/// Futures of the plan; amounts are for all months together.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RiskShown {
    /// What the plan saves against everything by API.
    pub savings: SavingsShown,
    /// In how many futures it costs less.
    pub pays: ShareShown,
    /// Each purchase.
    pub purchases: Vec<PurchaseShown>,
    /// Deciding later.
    pub waiting: Vec<WaitingShown>,
    /// One-year terms, taken anew each year; `null` where they cannot be had for all.
    pub renewable: Option<RenewableShown>,
    /// Each factor alone, the largest swing first.
    pub tornado: Vec<TornadoShown>,
    /// From which month on the plan has cost less.
    pub break_even: BreakEvenShown,
    /// What was drawn.
    pub factors: Vec<FactorShown>,
}

/// The distribution of savings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SavingsShown {
    /// 5th percentile.
    pub p5: String,
    /// 25th percentile.
    pub p25: String,
    /// Median.
    pub p50: String,
    /// 75th percentile.
    pub p75: String,
    /// 95th percentile.
    pub p95: String,
    /// The mean.
    pub mean: MeanShown,
}

/// What a purchase may be regretted for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PurchaseShown {
    /// Its name.
    pub name: String,
    /// In how many futures the plan would have been cheaper without it.
    pub regret: ShareShown,
    /// By how much on average.
    pub expected_regret: MeanShown,
    /// What it saves on average.
    pub expected_saving: MeanShown,
}

/// What waiting is worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WaitingShown {
    /// So many months.
    pub months: u32,
    /// What it saves on average against deciding now; negative where it costs more than it teaches.
    pub value: MeanShown,
    /// In how many futures the plan is taken then.
    pub buys_then: ShareShown,
}

/// What one-year terms are worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RenewableShown {
    /// What they save on average against the plan on its own terms.
    pub value: MeanShown,
    /// For each year, in how many futures the machines are taken.
    pub taken: Vec<ShareShown>,
}

/// What a factor does alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TornadoShown {
    /// The factor.
    pub factor: &'static str,
    /// The saving with it at its 10th percentile.
    pub at_p10: String,
    /// With all at their medians.
    pub at_median: String,
    /// At its 90th percentile.
    pub at_p90: String,
}

/// The month from which on the plan has cost less, in eight of ten futures between the first and the last.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BreakEvenShown {
    /// 10th percentile; `null` for never.
    pub p10: Option<u32>,
    /// Median.
    pub p50: Option<u32>,
    /// 90th percentile.
    pub p90: Option<u32>,
    /// In how many futures never.
    pub never: ShareShown,
}

/// A factor of the futures.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FactorShown {
    /// Its name.
    pub factor: &'static str,
    /// 5th percentile, median and 95th percentile as a change: 0.2 for 20 % more.
    pub change: [Option<f64>; 3],
    /// `measured`, `published`, `told` or `assumed`.
    pub rests_on: &'static str,
    /// Where it comes from.
    pub source: String,
    /// The source's day.
    pub as_of: String,
}
