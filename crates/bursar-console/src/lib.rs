//! The control plane: the JSON API, its OpenAPI document, metrics and health.
//!
//! It reads what the gateway has written and never stands in the way of a call: reads of the store run on
//! blocking threads, a bounded number at a time.

pub mod access;
pub mod alerts;
pub mod allocation;
pub mod answer;
pub mod budgets;
mod console;
pub mod gpus;
mod health;
pub mod home;
mod openapi;
pub mod params;
pub mod plan;
pub mod problem;
pub mod query;
mod reads;
pub mod registry;
mod routes;
pub mod shown;
pub mod times;

pub use console::{Console, ConsoleError, ConsoleParts, RenderMetrics};
pub use openapi::api_document;

/// The paths of every route, as the OpenAPI document writes them.
#[must_use]
pub fn route_paths() -> Vec<&'static str> {
    routes::table().into_iter().map(|(path, _)| path).collect()
}
