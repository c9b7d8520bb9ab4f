//! Plans on real demand.

#[path = "mix/instances.rs"]
mod instances;
#[path = "mix/traces.rs"]
mod traces;

#[path = "mix/closed_form.rs"]
mod closed_form;
#[path = "mix/plans.rs"]
mod plans;
