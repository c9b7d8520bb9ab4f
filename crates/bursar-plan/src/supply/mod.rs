//! Machines and the terms they can be had on, each price with its source and date.

use bursar_core::{Money, Timestamp};

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
