//! Machines and the terms they can be had on, each price with its source and date.
//!
//! [`read_supply`] reads a `supply.toml`, [`read_constraints`] a `constraints.toml`; [`Supply::defaults`] are the prices
//! that come with Bursar, and [`Staleness`] says which of them are too old to be relied on.

mod constraints;
mod defaults;
pub(crate) mod fields;
mod file;
mod plausible;
mod staleness;

use bursar_core::{Money, Timestamp};

pub use constraints::{Constraints, Slo, read_constraints};
pub use defaults::OwnedBenchmark;
pub use file::read_supply;
pub(crate) use file::{bounds_of, dated, must_whole};
pub use staleness::{STALE_AFTER_DAYS, StaleRow, Staleness};

/// Where a fact comes from and when it was so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated {
    /// Who says so: a file, a page, a contract.
    pub source: String,
    /// The day for which it was said (midnight UTC).
    pub as_of: Timestamp,
}

/// For how long a node is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// By the hour, ended at will.
    OnDemand,
    /// Paid for a year, used or not.
    OneYear,
    /// Paid for three years, used or not.
    ThreeYears,
    /// Bought; its cost per hour follows from the total cost of ownership.
    Owned,
}

impl Term {
    /// Every term, the shortest first.
    pub const ALL: &[Term] = &[Term::OnDemand, Term::OneYear, Term::ThreeYears, Term::Owned];

    /// The name in files, the API and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Term::OnDemand => "on-demand",
            Term::OneYear => "1-year",
            Term::ThreeYears => "3-year",
            Term::Owned => "owned",
        }
    }

    /// The term of a name, where there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Term> {
        Term::ALL.iter().copied().find(|t| t.name() == name)
    }
}

/// A price at which a node can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// On which term.
    pub term: Term,
    /// For one whole node, per hour.
    pub per_hour: Money,
    /// Where the price comes from.
    pub dated: Dated,
}

/// A kind of machine with accelerators that can be rented or bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeType {
    /// Its name, such as `p5.48xlarge`.
    pub name: String,
    /// Who offers it.
    pub provider: String,
    /// Where it stands, such as `us-east-1`; `None` where the price holds everywhere.
    pub region: Option<String>,
    /// The accelerator, such as `H100`.
    pub accelerator: String,
    /// How many accelerators one node has.
    pub accelerators: u32,
    /// Its prices.
    pub offers: Vec<Offer>,
}

/// How often a node fails and how long it is away then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reliability {
    /// Mean hours between two failures of one node.
    pub mtbf_hours: u32,
    /// Mean hours until it serves again.
    pub repair_hours: u32,
}

/// A node type with what bounds its use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupplyRow {
    /// The machine and its prices.
    pub node: NodeType,
    /// How many must be had; 0 where nothing binds.
    pub at_least: u32,
    /// How many can be had; `None` where nothing bounds it.
    pub at_most: Option<u32>,
    /// How often it fails; `None` where nobody said.
    pub reliability: Option<Reliability>,
    /// The jurisdictions in which data lies when it is there, such as `eu`; empty where nobody said.
    pub residency: Vec<String>,
    /// The network round trip from its users in milliseconds; `None` where nobody said, so it serves no edge work.
    pub round_trip_ms: Option<u32>,
}

/// All machines that can be had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Supply {
    /// In the order of the file.
    pub rows: Vec<SupplyRow>,
}

impl Reliability {
    /// The share of the time in which a node serves.
    #[must_use]
    pub fn availability(&self) -> f64 {
        let up = f64::from(self.mtbf_hours);
        up / (up + f64::from(self.repair_hours)).max(f64::MIN_POSITIVE)
    }
}
