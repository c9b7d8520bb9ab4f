//! The nouns and the arithmetic of Bursar.
//!
//! Nothing here reads a file, a socket or a clock, and nothing is asynchronous: the same arguments give the
//! same answer. The types are free of serde; each boundary converts them into its own shape.
//!
//! * [`money`]: [`Money`] in whole nano-dollars, [`UnitPrice`] in nano-dollars per one million units.
//! * [`meter`]: the disjoint [`Meter`]s and the [`Quantities`] counted on them, with their [`Provenance`].
//! * [`bound`]: the most that a call can use.
//! * [`price_list`]: dated, bitemporal [`PriceRow`]s and the question asked of them.
//! * [`price`]: quantities times unit prices, line by line, where an unknown price stays unknown.
//! * [`identity`]: who a call is for.
//! * [`usage`]: the record of one attempt at a provider.
//! * [`budget`]: who may spend how much of what, in which period.
//! * [`ledger`]: what is held and spent of budgets.
//! * [`rollup`]: the fold from usage records to hourly cubes.

pub mod bound;
pub mod budget;
pub mod identity;
pub mod ledger;
pub mod meter;
pub mod money;
pub mod price;
pub mod price_list;
pub mod rollup;
pub mod time;
pub mod usage;

pub use bound::{BoundPart, Candidate, ModelLimits, UsageBound};
pub use identity::{Attribution, KeyId, LabelField, LabelPolicy, RecordId, RequestId};
pub use meter::{Meter, Provenance, Quantities};
pub use money::{DecimalError, Money, Rounding, UnitPrice};
pub use price::{LineBasis, PricedLine, PricedUsage, Unpriced, price_usage};
pub use price_list::{PriceConflict, PriceKind, PriceList, PriceQuery, PriceRow, PriceView, ServiceTier};
pub use time::{Hour, Timestamp};
pub use usage::{EndOfStream, MeteredUsage, Timings, UsageException, UsageRecord};
