//! What a report says. The names here are those of the JSON.

use serde::Serialize;

use super::answer_risk::{MonthShown, RiskShown};

/// The version of the format of [`Report`].
pub const SCHEMA: &str = "bursar.plan/1";

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The day of the plan.
    pub day: String,
    /// The seed of failures and futures.
    pub seed: u64,
    /// How many futures were drawn.
    pub draws: u32,
    /// How many months are looked at.
    pub months: u32,
    /// What to do.
    pub verdict: Verdict,
    /// What is asked.
    pub demand: DemandShown,
    /// What to have, and what goes to the API.
    pub table: Vec<TableRow>,
    /// What the plan costs over the trace.
    pub plan: PlanShown,
    /// What it is compared with.
    pub baselines: Vec<BaselineShown>,
    /// The plan's bill over the trace, line by line.
    pub ledger: LedgerShown,
    /// What owning a machine costs, for each that can be owned.
    pub owned: Vec<OwnedShown>,
    /// The load-duration curve of each model.
    pub load_duration: Vec<LoadDurationShown>,
    /// Futures; `null` where the plan has no machine that could be left out.
    pub risk: Option<RiskShown>,
    /// What has been spent by the end of each month; empty without futures.
    pub cumulative: Vec<MonthShown>,
    /// The threshold of this company beside the rule of thumb.
    pub threshold: ThresholdShown,
    /// One week planned, the next run; `null` for less than two weeks.
    pub week_ahead: Option<WeekAheadShown>,
    /// Edge work.
    pub edge: Vec<EdgeShown>,
    /// What was taken for granted.
    pub assumptions: Vec<AssumptionShown>,
    /// How many facts the plan rests on.
    pub facts: usize,
    /// Those that are older than 180 days.
    pub stale: Vec<StaleShown>,
    /// What is not known, with what to do.
    pub gaps: Vec<GapShown>,
    /// Machines that take no part.
    pub left_out: Vec<LeftOutShown>,
    /// Chips whose measured throughput makes them dear.
    pub dearer: Vec<DearerShown>,
}

/// What to do, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Verdict {
    /// `buy`, `rent`, `wait`, `do_not_buy`, `stay_inside` or `not_known`.
    pub decision: &'static str,
    /// The sentence.
    pub sentence: String,
    /// Why the verdict is weaker than it sounds; empty where nothing weakens it.
    pub weakened_by: Vec<String>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DemandShown {
    /// The beginning of the trace, RFC 3339.
    pub from: String,
    /// Its hours.
    pub hours: usize,
    /// Each model and class.
    pub models: Vec<ModelShown>,
}

/// The demand for a model in a class.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelShown {
    /// The model.
    pub model: String,
    /// The class.
    pub class: &'static str,
    /// Requests over the trace.
    pub requests: u64,
    /// Input tokens, those from a cache included.
    pub input: u64,
    /// Input tokens from a cache.
    pub cached_input: u64,
    /// Output tokens.
    pub output: u64,
    /// Output tokens per second, on average.
    pub output_per_second: Option<f64>,
    /// Output tokens per second in the highest ten minutes; `null` where that is not known.
    pub peak_output_per_second: Option<f64>,
    /// Whose prices it has, such as `openai/gpt-5`; `null` where it may not go to an API.
    pub priced_as: Option<String>,
    /// The model that own nodes would serve.
    pub runs_as: String,
    /// `anywhere`, `stays_inside` or `api_only`.
    pub place: &'static str,
}

/// A line of the plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TableRow {
    /// The model.
    pub model: String,
    /// The kind of machine, or `API`.
    pub hardware: String,
    /// The term; `API` for the API.
    pub term: &'static str,
    /// How many machines; for those on demand the most at once; 0 for the API.
    pub nodes: u32,
    /// How many of them stand in for failed ones.
    pub spare: u32,
    /// Machines times hours over the trace.
    pub node_hours: u64,
    /// How busy the machines are, 0 to 1; `null` for the API.
    pub utilisation: Option<f64>,
    /// Which share of the model's output is made here.
    pub share: Option<f64>,
    /// The price of one machine an hour; `null` for the API.
    pub usd_per_node_hour: Option<String>,
    /// What it costs over the trace.
    pub amount: String,
    /// The same for a million output tokens.
    pub usd_per_million_output: Option<String>,
    /// What the throughput rests on: `fitted` or `published, unofficial`; `null` for the API.
    pub throughput: Option<&'static str>,
    /// Output tokens per second of one machine, with its 90 % interval or the range of what is published.
    pub output_per_second: Option<[Option<f64>; 3]>,
}

/// What the plan costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanShown {
    /// Over the trace.
    pub total: String,
    /// For 730 hours.
    pub per_month: String,
    /// No plan for the same hours costs less than this, by the hour and without spare machines; `null` where something
    /// is not served.
    pub bound: Option<String>,
    /// By how much the plan's bill by the hour is above the bound, as a share.
    pub above_bound: Option<f64>,
    /// The most machines that may be had and why no more, a sentence each.
    pub reasons: Vec<String>,
    /// What is not served, a sentence each.
    pub unserved: Vec<String>,
}

/// What the plan is compared with.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BaselineShown {
    /// `all API`, `all dedicated` or `rule of thumb`.
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Over the trace.
    pub total: String,
    /// For 730 hours.
    pub per_month: String,
    /// What the plan saves against it in 730 hours; negative where it costs more.
    pub saving_per_month: String,
    /// The same as a share of the baseline.
    pub saving: Option<f64>,
    /// What it does not serve, a sentence each: it is no fair comparison then.
    pub unserved: Vec<String>,
}

/// A bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LedgerShown {
    /// The lines.
    pub lines: Vec<LedgerLineShown>,
    /// Their sum, exactly.
    pub total: String,
    /// The total to the cent, which the lines' cents add up to.
    pub total_cents: String,
}

/// A line of a bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LedgerLineShown {
    /// The model.
    pub model: String,
    /// What is paid.
    pub what: String,
    /// How much.
    pub amount: String,
    /// To the cent: the cents of all lines add up to the total's.
    pub cents: String,
}

/// What owning a machine costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OwnedShown {
    /// The machine.
    pub node: String,
    /// After how many years it is written off.
    pub years: u32,
    /// The utilisation that its power is counted at.
    pub utilisation: String,
    /// The lines.
    pub lines: Vec<OwnedLineShown>,
    /// Their sum for a year.
    pub per_year: String,
    /// Their sum for an hour.
    pub per_hour: String,
    /// Source and date.
    pub source: String,
    /// The source's day.
    pub as_of: String,
}

/// A line of what owning a machine costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OwnedLineShown {
    /// What it is for.
    pub what: &'static str,
    /// For a year.
    pub per_year: String,
    /// For an hour.
    pub per_hour: String,
}

/// For how much of the time a load is exceeded.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoadDurationShown {
    /// The model.
    pub model: String,
    /// The kind of machine that loads are counted in: the one that carries this model at the least cost.
    pub hardware: String,
    /// The term whose price counts.
    pub term: &'static str,
    /// The utilisation from which on a machine pays against the API; `null` where the model may not go there.
    pub break_even: Option<f64>,
    /// How many machines are best on this kind alone, each hour counted at its mean.
    pub nodes: u64,
    /// The load that is exceeded for just the share `break_even` of the time, in machines.
    pub quantile: f64,
    /// The curve's corners: share of the time, and machines.
    pub points: Vec<[f64; 2]>,
}

/// The threshold beside the rule of thumb.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ThresholdShown {
    /// Both in a sentence or two.
    pub sentence: String,
    /// From which ratio of the API's bill to the dedicated cost on dedicated capacity pays.
    pub ratio: Option<f64>,
    /// Over the interval of growth.
    pub interval: [Option<f64>; 2],
    /// The rule of thumb.
    pub rule_of_thumb: [f64; 2],
    /// What the ratio is today: the API's bill over the trace by what everything on dedicated machines costs.
    pub today: Option<f64>,
    /// Growth a year.
    pub growth: Option<f64>,
    /// Fall of API prices a year.
    pub price_fall: Option<f64>,
    /// Over how many years.
    pub years: f64,
}

/// One week planned, the next run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WeekAheadShown {
    /// The second week with nodes chosen from the first.
    pub planned: String,
    /// With nodes by the rule of thumb.
    pub by_rule: String,
    /// The lowest in hindsight.
    pub best: String,
    /// By how much the plan was above it, as a share.
    pub regret: Option<f64>,
    /// The same for the rule of thumb.
    pub rule_regret: Option<f64>,
}

/// Edge work of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EdgeShown {
    /// The model.
    pub model: String,
    /// Where it goes, in a sentence.
    pub place: String,
    /// Over the trace; `null` where it cannot be placed.
    pub amount: Option<String>,
}

/// Something taken for granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AssumptionShown {
    /// What.
    pub what: String,
    /// `measured`, `published`, `told` or `assumed`.
    pub rests_on: &'static str,
    /// Where it comes from.
    pub source: Option<String>,
    /// The source's day.
    pub as_of: Option<String>,
    /// The entries of a benchmark, by round and id; empty for anything else.
    pub entries: Vec<String>,
}

/// A stale fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StaleShown {
    /// What it is about.
    pub what: String,
    /// Where it was read.
    pub source: String,
    /// The source's day.
    pub as_of: String,
    /// How old it is.
    pub days: i64,
}

/// Something that is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GapShown {
    /// What.
    pub what: String,
    /// What to do.
    pub hint: String,
}

/// A machine that takes no part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeftOutShown {
    /// Which.
    pub hardware: String,
    /// Why.
    pub why: String,
}

/// A chip whose measured throughput makes it dear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DearerShown {
    /// The accelerator.
    pub accelerator: String,
    /// The machines of the supply that have it.
    pub offered_as: Vec<String>,
    /// What was measured and what it comes to.
    pub note: String,
}
