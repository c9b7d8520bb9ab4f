//! The whole question: from what was read to a plan with its baselines, its futures and what it rests on.
//!
//! [`place`] puts the parts together. [`Inputs`] is what a caller has read; nothing here reads a file or a clock. What is
//! not known is a [`Gap`] with what to do about it, and what was taken for granted is an [`Assumption`] with its source.

mod assemble;
mod batch;
mod carrying;
mod edge;
mod futures;
mod growth;
mod hardware;
mod inputs;
mod series;
mod solve;
mod week_ahead;

pub use carrying::{Carrying, CarryingBasis};
pub use edge::{EdgeWork, EdgeWorkPlace};
pub use futures::{Futures, Purchased};
pub use growth::{BadGrowth, StatedGrowth};
pub use hardware::{Kind, LeftOut};
pub use inputs::{ApiPrice, Assumption, Gap, Inputs, ModelFacts, Rests, Settings, Stage, UnitPrices};
pub use series::ModelSeries;
pub use solve::{Baseline, PlacedModel, Placement, PlacementError, place};
pub use week_ahead::WeekAhead;

/// Hours in a month of 365/12 days, by which a bill over a trace becomes one a month.
pub const HOURS_PER_MONTH: u32 = 730;
