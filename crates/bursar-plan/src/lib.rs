//! Pure placement: what to run where, at which total cost, with which risk, and what the GPUs really cost.
//!
//! Nothing here reads a file, a socket or a clock: texts, prices and the time are handed in, and the same arguments
//! (a seed among them) give the same answer. Prices and bills are whole nano-dollars ([`bursar_core::Money`]); floats
//! carry loads, utilisations and what a model of the future says, and never become an amount that is booked.
//!
//! * [`demand`]: what was asked of which model, by whom, step by step.
//! * [`supply`]: machines and the terms they can be had on, each price with its source and date.
//! * [`throughput`]: how much of a demand one node carries within its latency limits, fitted from measurements.
//! * [`tco`]: what owning a node costs, to the cent.
//! * [`mix`]: how many nodes of what, on which terms, and what goes to the API.
//! * [`scenario`]: the same plan under many futures.
//! * [`placement`]: all of these together, from what was read to a plan with its baselines and risks.
//! * [`report`]: the answer, for terminals, programs and readers.
//! * [`gpu`]: what GPUs do and to whom their bill belongs.
//! * [`problems`]: what is wrong with a text that was read, by line.

pub mod demand;
pub mod gpu;
pub mod mix;
pub mod placement;
pub mod problems;
pub mod report;
pub mod scenario;
pub mod supply;
pub mod tco;
pub mod throughput;
