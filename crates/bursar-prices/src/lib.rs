//! The price list as files, their import from published lists, and the explained price of a call.
//!
//! Pure: texts come in, rows and texts go out. Reading and writing files is the caller's.
//!
//! * [`file`]: the format of `prices/<provider>.toml`, read with every problem at once, written the same each time.
//! * [`book`]: all rows together, with the version that identifies them.
//! * [`call`]: what a call costs, and why, line by line.
//! * [`ceiling`]: what a call can cost at most, by the pricer that settles it.
//! * [`limits`]: how much a model takes and gives at most.
//! * [`import`]: rows from LiteLLM's and models.dev's published lists, and their cross-check.
//! * [`merge`]: what an imported list changes in ours: new prices, later ones, and disputes.
//! * [`source_text`]: what the sources of rows name.
//! * [`in_force`]: which rows hold at a moment, and by what they are found.
//! * [`compare`]: what differs between two readings.
//! * [`check`]: everything that is wrong with a list.
//! * [`adjust`]: rows that override a price or put a contract over it.

pub mod adjust;
pub mod book;
pub mod call;
pub mod ceiling;
pub mod check;
pub mod compare;
pub mod date;
mod embedded;
pub mod file;
pub mod import;
pub mod in_force;
pub mod limits;
pub mod merge;
pub mod source_text;

pub use book::PriceBook;
pub use call::{CallFacts, PricedCall, cost_of_call, price_call};
pub use ceiling::{CeilingFacts, price_bound};
pub use file::{PriceFileErrors, PriceFileProblem};
pub use limits::{LimitList, LimitRow};
