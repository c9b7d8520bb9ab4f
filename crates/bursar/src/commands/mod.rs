//! One file per command.

pub(crate) mod alerts;
mod ask;
pub(crate) mod budgets;
pub(crate) mod config;
pub(crate) mod context;
pub(crate) mod demo;
pub(crate) mod doctor;
mod filters;
pub(crate) mod gpus;
mod input_file;
pub(crate) mod keys;
#[cfg(test)]
mod life_of_a_dollar;
pub(crate) mod plan;
pub(crate) mod price;
mod priced_lines;
pub(crate) mod prices;
pub(crate) mod requests;
pub(crate) mod serve;
pub(crate) mod spend;
mod table;
pub(crate) mod usage;
