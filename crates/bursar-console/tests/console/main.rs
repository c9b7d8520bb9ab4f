//! The control plane over a real store.

mod alerts;
mod api;
mod budgets;
mod fixture;
mod gpus;
mod keys;
mod listener;
mod openapi;
mod plan;
