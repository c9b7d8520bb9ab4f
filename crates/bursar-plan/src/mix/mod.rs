//! How many nodes of what, on which terms, and what goes to the API.

mod bill;
pub mod closed_form;
mod cover;
mod hour;
pub mod load_duration;
pub mod milp;
mod plan;
mod problem;
mod relax;
mod search;
mod weigh;

pub use bill::{Bill, Fleet, Item, Line, Unserved};
pub use plan::{Excluded, Holding, Margin, Plan, plan};
pub use problem::{Choice, Failures, Hardware, MixError, Model, Place, Problem};
