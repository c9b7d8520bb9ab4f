//! What a caller has read, and what is said about it.

use std::collections::BTreeMap;

use bursar_core::{Money, Rounding, Timestamp, UnitPrice};

use super::growth::StatedGrowth;
use crate::demand::{Demand, DemandPoint};
use crate::supply::{Constraints, Dated, Supply};
use crate::tco::Ownership;
use crate::throughput::{Catalogue, Row};

/// Everything that a plan is made from.
#[derive(Clone, Debug)]
pub struct Inputs<'a> {
    /// What is asked.
    pub demand: &'a Demand,
    /// What can be rented.
    pub supply: &'a Supply,
    /// What can be owned.
    pub owned: &'a [Ownership],
    /// What must be kept to.
    pub constraints: &'a Constraints,
    /// Calibrations, those of an installation's own before those that come with Bursar.
    pub rows: &'a [Row],
    /// Published results.
    pub catalogue: &'a Catalogue,
    /// What is known of each model of the demand.
    pub models: &'a BTreeMap<String, ModelFacts>,
    /// How to plan.
    pub settings: &'a Settings,
    /// What was taken for granted when the demand was read, a sentence each.
    pub told: &'a [String],
}

/// How to plan.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The day of the plan: ages of facts are counted from it.
    pub today: Timestamp,
    /// The seed of failures and futures.
    pub seed: u64,
    /// How many futures are drawn.
    pub draws: u32,
    /// How many months are looked at.
    pub months: u32,
    /// Growth of demand where the caller states it.
    pub growth: Option<StatedGrowth>,
    /// Nodes that stand in for failed ones, for each model that has committed nodes.
    pub spare: u32,
    /// The precision in which models are served, such as `fp8`; `None` for the newest calibration's.
    pub precision: Option<String>,
    /// Only machines of these suppliers; empty for all.
    pub suppliers: Vec<String>,
}

impl Settings {
    /// Seed 1, 10,000 futures over 36 months, no spare nodes, machines of all suppliers.
    #[must_use]
    pub const fn new(today: Timestamp) -> Settings {
        Settings {
            today,
            seed: 1,
            draws: 10_000,
            months: 36,
            growth: None,
            spare: 0,
            precision: None,
            suppliers: Vec::new(),
        }
    }
}

/// What is known of a model beside its demand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelFacts {
    /// What it costs at the API; `None` where that is not known.
    pub price: Option<ApiPrice>,
    /// Why there is no price, with what to do; empty where there is one.
    pub unpriced: String,
    /// The model that one's own nodes would serve for it, by the name in calibrations; `None` for the same name.
    pub runs_as: Option<String>,
}

/// Prices of one service tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitPrices {
    /// Of input tokens.
    pub input: UnitPrice,
    /// Of input tokens that a cache held; `None` where the list has no price of its own for them.
    pub cached: Option<UnitPrice>,
    /// Of output tokens.
    pub output: UnitPrice,
}

/// What a model costs at the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiPrice {
    /// Provider and model in the price list, such as `openai/gpt-5`.
    pub name: String,
    /// At the standard tier.
    pub standard: UnitPrices,
    /// At the batch tier; `None` where the list has none.
    pub batch: Option<UnitPrices>,
    /// Where the price was read.
    pub source: String,
    /// The source's day, where it can be read.
    pub as_of: Option<Timestamp>,
}

impl UnitPrices {
    /// What a step of demand costs. Cached input without a price of its own costs as much as other input.
    #[must_use]
    pub fn cost(&self, point: &DemandPoint) -> Option<Money> {
        let half_even = |price: UnitPrice, units: u64| price.cost(units, Rounding::HalfEven);
        Money::checked_sum([
            half_even(self.input, point.input.saturating_sub(point.cached_input))?,
            half_even(self.cached.unwrap_or(self.input), point.cached_input)?,
            half_even(self.output, point.output)?,
        ])
    }
}

/// What something rests on, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rests {
    /// Data that was worked through.
    Measured,
    /// Somebody's statement: a price list, a benchmark.
    Published,
    /// The caller's word.
    Told,
    /// Judgement alone.
    Assumed,
}

impl Rests {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Rests::Measured => "measured",
            Rests::Published => "published",
            Rests::Told => "told",
            Rests::Assumed => "assumed",
        }
    }
}

/// Something that the plan takes for granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assumption {
    /// What, in a sentence.
    pub what: String,
    /// What it rests on.
    pub rests: Rests,
    /// Where it comes from, and its day; `None` for what was told or follows from the plan itself.
    pub dated: Option<Dated>,
}

impl Assumption {
    /// Something that the caller said, or that Bursar takes because the caller said nothing.
    pub(crate) fn plain(rests: Rests, what: impl Into<String>) -> Assumption {
        Assumption { what: what.into(), rests, dated: None }
    }
}

/// Something that is not known, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// What is not known.
    pub what: String,
    /// What to do.
    pub hint: String,
}

/// What is being worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Inputs are put together.
    Assembling,
    /// The mix of nodes is chosen.
    Choosing,
    /// It runs through the trace.
    Replaying,
    /// What it is compared with.
    Comparing,
    /// Half of the trace is planned for and the other half run.
    LookingBack,
    /// What it costs at other loads.
    Scaling,
    /// Futures are drawn.
    Drawing,
}

impl Stage {
    /// How many there are.
    pub const COUNT: u64 = 7;

    /// In a few words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Assembling => "putting the inputs together",
            Stage::Choosing => "choosing nodes",
            Stage::Replaying => "running the plan through the trace",
            Stage::Comparing => "running what it is compared with",
            Stage::LookingBack => "planning on one half and running the other",
            Stage::Scaling => "costs at other loads",
            Stage::Drawing => "drawing futures",
        }
    }
}
