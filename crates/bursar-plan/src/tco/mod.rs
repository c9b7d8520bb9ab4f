//! What owning a node costs, to the nano-dollar.
//!
//! [`read_tco`] reads a `tco.toml` into [`Ownership`]s; [`Ownership::ledger`] says what one costs a year and an hour,
//! line by line; [`Ownership::schedule`] follows the capital year by year.

mod annuity;
mod exact;
mod file;
mod ledger;

use bursar_core::Money;

use crate::supply::{Dated, SupplyRow};

pub use annuity::{ScheduleYear, TcoError};
pub use exact::Millionths;
pub(crate) use exact::{apportion, div_half_even};
pub use file::{Tco, read_tco};
pub use ledger::{HOURS_PER_YEAR, Ledger, LedgerLine, LineKind};

/// What is known about owning one node of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// The machine and what bounds its use; it has no offers.
    pub row: SupplyRow,
    /// The price of the node.
    pub capex: Money,
    /// Its share of the price of the network.
    pub network: Money,
    /// What the node is worth at the end; the network is worth nothing then.
    pub residual: Money,
    /// After how many years it is written off.
    pub years: u32,
    /// What a year of capital costs, as a share (WACC).
    pub wacc: Millionths,
    /// Kilowatts that the node draws under full load, before the site's own.
    pub power_kw: Millionths,
    /// The share of them that it draws when idle.
    pub idle_power: Millionths,
    /// How much power the site draws for each unit that its machines draw.
    pub pue: Millionths,
    /// The price of a kilowatt-hour.
    pub per_kwh: Money,
    /// Space, a year.
    pub space: Money,
    /// Staff, a year.
    pub staff: Money,
    /// Maintenance and support, a year.
    pub maintenance: Money,
    /// Spare parts, a year.
    pub spares: Money,
    /// Where the node's figures come from.
    pub dated: Dated,
    /// Where the site's figures come from.
    pub site_dated: Dated,
}
