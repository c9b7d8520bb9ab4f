//! Pure analysis of what was spent: where it is heading, what drives it, and when somebody must be told.
//!
//! Nothing here reads a file, a socket or a clock: history, balances and the time are handed in, and the same
//! arguments give the same answer. Amounts go in and come out as whole numbers of a budget's smallest unit; floats
//! are used for statistics in between and never become an amount that is booked.
//!
//! * [`pace`]: what a window's total will be if nothing changes, with an interval and the day it crosses the limit.
//! * [`driver`]: who or what grew most between two stretches of spend.
//! * [`burn_rate`]: spending so fast that the period's amount will not last.
//! * [`history`]: what accounts have spent, from which forecasts are made.
//! * [`watch`]: the state machine that turns balances and the time into events, each exactly once.
//! * [`shown`]: amounts and dates as a sentence needs them.

pub mod burn_rate;
pub mod driver;
pub mod history;
pub mod pace;
mod profile;
mod random;
pub mod series;
pub mod shown;
pub mod watch;
