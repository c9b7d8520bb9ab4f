//! The prices that come with Bursar: dated facts, each with its source. See `data/supply/NOTICE.md`.

use std::collections::BTreeMap;

use bursar_core::Money;

use super::fields::read_day;
use super::{Dated, NodeType, Offer, Supply, SupplyRow, Term};

const NODE_PRICES: &str = include_str!("../../data/supply/node_prices.csv");
const ACCELERATOR_POWER: &str = include_str!("../../data/supply/accelerator_power.csv");

/// What a published cost model says about owning one accelerator: for comparison, never a price of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedBenchmark {
    /// The accelerator, such as `H100`.
    pub accelerator: String,
    /// Its share of everything that draws power, in watts.
    pub all_in_watts: u32,
    /// What an hour costs a hyperscaler that owns it.
    pub hyperscaler: Money,
    /// What an hour costs a smaller cloud that owns it.
    pub neocloud: Money,
    /// What an hour costs when rented for three years.
    pub three_years: Money,
    /// Who says so, and when.
    pub dated: Dated,
}

impl Supply {
    /// The prices that come with Bursar. They say nothing about counts, failures, residency or round trips, and nothing
    /// is made up: those stay unknown.
    #[must_use]
    pub fn defaults() -> Supply {
        let mut rows: Vec<SupplyRow> = Vec::new();
        for offer in records(NODE_PRICES).filter_map(|r| default_row(&r)) {
            let same = |row: &&mut SupplyRow| {
                let key = |n: &NodeType| (n.name.clone(), n.provider.clone(), n.region.clone());
                key(&row.node) == key(&offer.node)
            };
            match rows.iter_mut().find(same) {
                Some(row) => row.node.offers.extend(offer.node.offers),
                None => rows.push(offer),
            }
        }
        Supply { rows }
    }

    /// What a published cost model says about owning accelerators.
    #[must_use]
    pub fn owned_benchmarks() -> Vec<OwnedBenchmark> {
        records(ACCELERATOR_POWER).filter_map(|r| benchmark(&r)).collect()
    }
}

/// The rows of a table that comes with Bursar; a test holds that all of them are read.
fn records(text: &str) -> impl Iterator<Item = csv::StringRecord> + '_ {
    csv::Reader::from_reader(text.as_bytes()).into_records().filter_map(Result::ok)
}

fn default_row(record: &csv::StringRecord) -> Option<SupplyRow> {
    let field = |i: usize| record.get(i);
    let dated = Dated { as_of: read_day(field(7)?)?, source: field(8)?.to_owned() };
    let offer = Offer { term: Term::from_name(field(5)?)?, per_hour: field(6)?.parse().ok()?, dated };
    let node = NodeType {
        provider: field(0)?.to_owned(),
        name: field(1)?.to_owned(),
        region: field(2).filter(|r| !r.is_empty()).map(str::to_owned),
        accelerator: field(3)?.to_owned(),
        accelerators: field(4)?.parse().ok()?,
        offers: vec![offer],
    };
    let (residency, reliability) = (Vec::new(), None);
    Some(SupplyRow { node, at_least: 0, at_most: None, reliability, residency, round_trip_ms: None })
}

fn benchmark(record: &csv::StringRecord) -> Option<OwnedBenchmark> {
    let money = |i: usize| record.get(i)?.parse::<Money>().ok();
    let kilowatts: Money = money(2)?;
    Some(OwnedBenchmark {
        accelerator: record.get(0)?.to_owned(),
        all_in_watts: u32::try_from(kilowatts.nanos() / 1_000_000).ok()?,
        hyperscaler: money(3)?,
        neocloud: money(4)?,
        three_years: money(5)?,
        dated: Dated { as_of: read_day(record.get(6)?)?, source: record.get(7)?.to_owned() },
    })
}

/// The lowest and the highest known price of one accelerator and hour, on any term, by accelerator.
pub(super) struct KnownPrices(BTreeMap<String, (Money, Money)>);

impl KnownPrices {
    /// Those that come with Bursar.
    pub(super) fn of_defaults() -> KnownPrices {
        let mut known: BTreeMap<String, (Money, Money)> = BTreeMap::new();
        for row in records(NODE_PRICES).filter_map(|r| default_row(&r)) {
            for offer in &row.node.offers {
                let each =
                    Money::from_nanos(offer.per_hour.nanos() / i64::from(row.node.accelerators.max(1)));
                let (low, high) = known.entry(model_of(&row.node.accelerator)).or_insert((each, each));
                (*low, *high) = (each.min(*low), each.max(*high));
            }
        }
        KnownPrices(known)
    }

    /// `None` for an accelerator that is not known.
    pub(super) fn get(&self, accelerator: &str) -> Option<(Money, Money)> {
        self.0.get(&model_of(accelerator)).copied()
    }
}

/// The part of an accelerator's name that says which it is: `NVIDIA H100 SXM` and `H100-80GB` are `h100`.
fn model_of(accelerator: &str) -> String {
    let lower = accelerator.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    let says_nothing =
        |w: &&str| !matches!(*w, "" | "nvidia" | "amd" | "intel" | "aws" | "instinct" | "tesla");
    let mut words = words.filter(says_nothing);
    match words.next() {
        Some("rtx") => words.collect::<Vec<_>>().join(" "),
        Some(first) => first.to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_tables_is_read() {
        let offers = |s: &Supply| s.rows.iter().map(|r| r.node.offers.len()).sum::<usize>();
        assert_eq!(offers(&Supply::defaults()), NODE_PRICES.lines().count() - 1);
        assert_eq!(Supply::owned_benchmarks().len(), ACCELERATOR_POWER.lines().count() - 1);
        assert!(Supply::defaults().rows.iter().all(|r| r.node.accelerators > 0));
    }

    #[test]
    fn an_accelerator_is_known_under_its_usual_names() {
        let known = KnownPrices::of_defaults();
        let h100 = known.get("H100");
        assert_eq!(known.get("NVIDIA H100 SXM"), h100);
        assert_eq!(h100, Some((Money::from_nanos(1_780_000_000), Money::from_nanos(10_979_100_000))));
        assert_eq!(known.get("Abacus 9"), None);
        assert_eq!(known.get(""), None);
    }
}
