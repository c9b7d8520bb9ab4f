//! The storm: many streams at once against budgets that cannot hold them all, and the judgement afterwards whether
//! any budget was overspent and any call refused that could have been served.
//!
//! The provider's own books and price table judge beside the gateway's records.

mod budgets;
mod mix;
mod verdict;

pub use budgets::{Room, Unit, rooms, to_toml};
pub use mix::{KEYS, StormCall, app_of, call_of, planned, team_of};
pub use verdict::{Judged, Refused, Settled, Verdict, judge};
