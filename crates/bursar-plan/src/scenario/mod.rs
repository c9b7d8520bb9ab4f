//! The same plan under many futures.
//!
//! * [`Factors`]: what is not known (growth, API prices, rental prices, utilisation, residual), each with a median, a
//!   spread and where they come from; [`rental_drift`] measures one of them.
//! * [`simulate()`]: draws futures, asks an evaluator what each choice costs in each of them, and returns a [`Risk`].
//! * [`PlanModel`]: an evaluator made of cost curves, for a caller that has none of its own.
//! * [`fan`]: what the same futures have cost by the end of each month.
//! * [`break_even_ratio`]: the threshold in closed form, to stand beside the 60–70 % rule.
//!
//! Amounts of a future are modelled, so floats make them; they are rounded to [`bursar_core::Money`] once each and are
//! never booked. Everything is deterministic under its seed.

mod break_even;
mod drift;
mod factors;
mod fan;
mod model;
mod options;
pub(crate) mod random;
mod regression;
mod risk;
mod simulate;
mod threshold;
mod tornado;

pub use break_even::BreakEven;
pub use drift::{FamilyDrift, RentalDrift, rental_drift};
pub use factors::{Basis, Factor, FactorKind, Factors, Future};
pub use fan::{Band, FanMonth, fan};
pub use model::{CostCurve, CurveError, CurvePoint, PlanModel, Purchase, scaled};
pub use options::{Renewable, Waiting};
pub use risk::{Distribution, MoneyEstimate, Probability, PurchaseRisk};
pub use simulate::{Choice, Question, Risk, ScenarioError, simulate};
pub use threshold::{RULE_OF_THUMB, Threshold, break_even_ratio, break_even_ratio_yearly, implied_growth};
pub use tornado::TornadoBar;
