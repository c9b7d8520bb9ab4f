//! The soak: a long mix of calls through a gateway that is killed in its middle, and the comparison of two
//! independent accounts of it afterwards.

mod mix;
mod outcome;
mod verdict;

pub use mix::{Planned, Treatment, planned, tag};
pub use outcome::{Outcome, Way};
pub use verdict::{Booked, Fault, Verdict, compare};
