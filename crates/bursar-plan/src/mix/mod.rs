//! How many nodes of what, on which terms, and what goes to the API.
//!
//! * [`load_duration`] and [`closed_form`]: one model on one kind of node, exactly.
//! * [`plan()`]: several models, kinds and terms, with a bound of how much less any plan could cost. [`milp`] is the same
//!   problem as one program, to measure against.
//! * [`replay`]: a fleet in ten-minute steps, with peaks ([`spread`]), failing nodes and work that can wait ([`batch`]).
//! * [`edge`]: work that is bound to a place by its latency.
//! * [`baseline`]: what a plan is compared with.
//!
//! A node holds one model's weights at a time, so each model has nodes of its own; see [`Model::sharing`] for models that
//! share them.

pub mod baseline;
pub mod batch;
mod bill;
pub mod closed_form;
mod cover;
pub mod edge;
mod failures;
mod hour;
pub mod load_duration;
pub mod milp;
mod plan;
mod problem;
mod relax;
pub mod replay;
mod search;
pub mod spread;
mod weigh;

pub use bill::{Bill, Fleet, Item, Line, Unserved};
pub use plan::{Excluded, Holding, Margin, Plan, plan};
pub use problem::{Choice, Failures, Hardware, MixError, Model, Place, Problem};
