//! What GPUs do, and to whom their bill belongs.
//!
//! * [`exposition`]: Prometheus' text format, as exporters answer with it.
//! * [`dcgm`], [`vllm`]: what DCGM-exporter says about GPUs, and vLLM about models.
//! * [`host`]: the same about the GPUs of this machine, from NVIDIA's library.
//! * [`state`]: what a GPU does, with the evidence.
//! * [`watch`]: from one round of answers to the next.
//! * [`shares`], [`bill`]: a node's bill, divided to the last nano-dollar.
//! * [`price`]: what a million tokens of a self-hosted model cost.
//! * [`idle_alert`]: GPUs that are paid for and wasted.
//! * [`gap`]: what is not known, by name.

pub mod bill;
#[cfg(test)]
mod bill_tests;
pub mod dcgm;
pub mod exposition;
pub mod gap;
pub mod host;
pub mod idle_alert;
pub mod price;
pub mod shares;
pub mod state;
#[cfg(test)]
mod state_tests;
pub mod vllm;
pub mod watch;
#[cfg(test)]
mod watch_tests;
