//! The mix on real demand.

#[path = "mix/grid.rs"]
mod grid;
#[path = "mix/instances.rs"]
mod instances;
#[path = "mix/traces.rs"]
mod traces;
#[path = "mix/weeks.rs"]
mod weeks;

#[path = "mix/closed_form.rs"]
mod closed_form;
#[path = "mix/plans.rs"]
mod plans;
#[path = "mix/replays.rs"]
mod replays;
#[path = "mix/week_ahead.rs"]
mod week_ahead;
