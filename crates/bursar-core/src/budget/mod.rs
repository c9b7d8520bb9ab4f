//! Budgets: who may spend how much of what, in which period, and what happens when it is tight.
//!
//! * [`Scope`]: which calls a budget covers. A budget has one or several of them; one that fits is enough.
//! * [`Period`] and [`Window`]: days, weeks, months, quarters and years in a time zone, rolling windows, a task's life.
//! * [`Budget`]: the whole definition, and what may be wrong with one.
//! * [`BudgetIndex`]: which budgets cover a call, without looking at all of them.

mod allocation;
mod definition;
mod index;
mod period;
mod scope;

pub use allocation::{Imbalance, allocate_expected, check_family, split_by_weights, with_headroom};
pub use definition::{
    Budget, BudgetName, BudgetProblem, BudgetUnit, Increase, Rollover, Threshold, ThresholdOn, WhenTight,
};
pub use index::BudgetIndex;
pub use period::{BadPeriod, Calendar, Period, Weekday, Window, zone_text};
pub use scope::{BadPattern, Clause, ModelTiers, Pattern, Scope, ScopeField, Subject};
