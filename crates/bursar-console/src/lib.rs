//! The control plane: the JSON API, its OpenAPI document, metrics and health.
//!
//! It reads what the gateway has written and never stands in the way of a call: reads of the store run on
//! blocking threads, a bounded number at a time.

pub mod access;
pub mod answer;
pub mod params;
pub mod problem;
pub mod times;
