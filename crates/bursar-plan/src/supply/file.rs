//! Reading `supply.toml`.
//!
//! ```toml
//! format = 1
//!
//! [[node]]
//! name = "p5.48xlarge"
//! provider = "aws"
//! region = "us-east-1"            # left out where the price holds everywhere
//! accelerator = "H100"
//! accelerators = 8
//! at_most = 4                     # at_least and at_most bound how many are had
//! mtbf_hours = 2000               # with repair_hours
//! repair_hours = 6
//! residency = ["us"]
//! round_trip_ms = 18              # from its users: for edge sites
//!
//! [[node.offer]]
//! term = "on-demand"              # or 1-year, 3-year; what is owned is in tco.toml
//! usd_per_hour = "55.04"          # a whole node's; or usd_per_accelerator_hour, usd_per_month, usd_per_year
//! as_of = 2026-07-20
//! source = "the provider's price list"
//! ```

use bursar_core::{Money, Timestamp};

use super::defaults::KnownPrices;
use super::fields::{Table, read_document};
use super::plausible::{self, Kind, PRICE_FIELDS};
use super::{Dated, NodeType, Offer, Reliability, Supply, SupplyRow, Term};
use crate::problems::Problems;

/// Reads a supply file; `file` is its name in messages, and no source of it can be later than `today`.
pub fn read_supply(file: &str, text: &str, today: Timestamp) -> Result<Supply, Problems> {
    read_document(file, text, today, |root| {
        let known = KnownPrices::of_defaults();
        let mut rows: Vec<(u64, SupplyRow)> = Vec::new();
        let nodes = root.tables("node");
        if nodes.is_empty() && !root.has("node") {
            root.wrong("", "has no node: add a table [[node]] for each kind of machine");
        }
        for mut node in nodes {
            let line = node.line();
            let row = row(&mut node, &known);
            node.finish();
            let Some(row) = row else { continue };
            let same = |(_, other): &&(u64, SupplyRow)| {
                let key = |r: &SupplyRow| {
                    (r.node.name.to_lowercase(), r.node.provider.to_lowercase(), r.node.region.clone())
                };
                key(other) == key(&row)
            };
            if let Some((first, _)) = rows.iter().find(same) {
                let name = &row.node.name;
                node.wrong("name", format!("{name} is in line {first} already: put their offers together"));
            }
            rows.push((line, row));
        }
        Some(Supply { rows: rows.into_iter().map(|(_, row)| row).collect() })
    })
}

fn row(node: &mut Table<'_>, known: &KnownPrices) -> Option<SupplyRow> {
    let name = node.must_text("name", "name the kind of machine, such as \"p5.48xlarge\"");
    let provider = node.must_text("provider", "say who offers it");
    let region = node.text("region");
    let accelerator = node.must_text("accelerator", "say which, such as \"H100\"");
    let accelerators = must_whole(node, "accelerators", 1..=1_024, "8");
    let bounds = bounds_of(node);
    let kind = accelerator.as_deref().zip(accelerators).map(|(accelerator, accelerators)| Kind {
        accelerator,
        accelerators,
        known: known.get(accelerator),
    });
    let offers = offers(node, kind.as_ref());
    let node = NodeType {
        name: name?,
        provider: provider?,
        region,
        accelerator: accelerator?,
        accelerators: accelerators?,
        offers,
    };
    Some(SupplyRow { node, ..bounds })
}

/// What bounds the use of a node, as a row whose machine is still to be filled in.
pub(crate) fn bounds_of(node: &mut Table<'_>) -> SupplyRow {
    let at_least = node.whole("at_least", 0..=100_000, "0").unwrap_or(0);
    let at_most = node.whole("at_most", 0..=100_000, "4");
    if let Some(most) = at_most.filter(|most| *most < at_least) {
        node.wrong("at_most", format!("{most} is less than at_least, {at_least}: no count fits both"));
    }
    let nothing = NodeType {
        name: String::new(),
        provider: String::new(),
        region: None,
        accelerator: String::new(),
        accelerators: 1,
        offers: Vec::new(),
    };
    SupplyRow {
        node: nothing,
        at_least,
        at_most,
        reliability: reliability(node),
        residency: node.texts("residency"),
        round_trip_ms: node.whole("round_trip_ms", 0..=10_000, "18"),
    }
}

/// A whole number that must be there.
pub(crate) fn must_whole(
    table: &mut Table<'_>,
    field: &'static str,
    range: std::ops::RangeInclusive<u32>,
    example: &str,
) -> Option<u32> {
    let number = table.whole(field, range, example);
    if !table.has(field) {
        table.wrong(field, format!("is missing: write a whole number such as {example}"));
    }
    number
}

fn reliability(node: &mut Table<'_>) -> Option<Reliability> {
    let mtbf_hours = node.whole("mtbf_hours", 1..=10_000_000, "2000");
    let repair_hours = node.whole("repair_hours", 0..=10_000, "6");
    for (there, field, missing) in
        [(mtbf_hours, "mtbf_hours", "repair_hours"), (repair_hours, "repair_hours", "mtbf_hours")]
    {
        if there.is_some() && !node.has(missing) {
            node.wrong(field, format!("needs {missing} beside it, or leave both out"));
        }
    }
    Some(Reliability { mtbf_hours: mtbf_hours?, repair_hours: repair_hours? })
}

fn offers(node: &mut Table<'_>, kind: Option<&Kind<'_>>) -> Vec<Offer> {
    let mut offers: Vec<(u64, Offer)> = Vec::new();
    let tables = node.tables("offer");
    if tables.is_empty() && !node.has("offer") {
        node.wrong("", "has no price: add a table [[node.offer]] with term, usd_per_hour, as_of and source");
    }
    for mut table in tables {
        let offer = offer(&mut table, kind);
        table.finish();
        let Some(offer) = offer else { continue };
        if let Some((first, _)) = offers.iter().find(|(_, other)| other.term == offer.term) {
            let term = offer.term.name();
            table.wrong(
                "term",
                format!("{term} has a price in line {first} already: keep the one that holds"),
            );
        }
        offers.push((table.line(), offer));
    }
    tell_order(&offers, node);
    offers.into_iter().map(|(_, offer)| offer).collect()
}

/// A longer term that costs more than a shorter one is most likely swapped.
fn tell_order(offers: &[(u64, Offer)], node: &Table<'_>) {
    for (line, longer) in offers {
        let dearer =
            offers.iter().find(|(_, other)| other.term < longer.term && other.per_hour < longer.per_hour);
        if let Some((first, shorter)) = dearer {
            let what = format!(
                "{} in line {line} costs {} an hour, more than {} in line {first} at {}: were they swapped? A term \
                 that costs more than a shorter one is never worth taking; leave it out",
                longer.term.name(),
                longer.per_hour,
                shorter.term.name(),
                shorter.per_hour
            );
            node.wrong("offer", what);
        }
    }
}

const TERMS: &[(&str, Term)] = &[
    ("on-demand", Term::OnDemand),
    ("1-year", Term::OneYear),
    ("3-year", Term::ThreeYears),
    ("owned", Term::Owned),
];

fn offer(table: &mut Table<'_>, kind: Option<&Kind<'_>>) -> Option<Offer> {
    let term = table.choice("term", TERMS);
    if term == Some(Term::Owned) {
        table.wrong("term", "owned has no price here: its cost follows from a [[node]] of tco.toml");
    }
    let per_hour = price(table, kind);
    let dated = dated(table);
    Some(Offer { term: term?, per_hour: per_hour?, dated: dated? })
}

/// The price, in whichever of its units it is written, for a whole node and hour.
fn price(table: &mut Table<'_>, kind: Option<&Kind<'_>>) -> Option<Money> {
    let checked = table.text("checked");
    let prices: Vec<_> = PRICE_FIELDS.iter().map(|unit| (unit, table.money(unit.field))).collect();
    let written: Vec<_> = prices.into_iter().filter(|(unit, _)| table.has(unit.field)).collect();
    let (unit, price) = match written.as_slice() {
        [(unit, price)] => (*unit, (*price)?),
        [] => {
            let fields = PRICE_FIELDS.iter().map(|u| u.field).collect::<Vec<_>>().join(", ");
            table.wrong("", format!("has no price: write one of {fields}"));
            return None;
        }
        [(first, _), (second, _), ..] => {
            table.wrong(second.field, format!("stands beside {}: keep one of the two", first.field));
            return None;
        }
    };
    let kind = kind?;
    let Some(per_hour) = unit.per_node_hour(price, kind.accelerators) else {
        table.wrong(unit.field, format!("{price} is out of range: is it in another unit?"));
        return None;
    };
    let doubt = plausible::doubt(unit, price, kind);
    if let (Some(doubt), None) = (doubt, checked) {
        table.wrong(unit.field, doubt);
        return None;
    }
    Some(per_hour)
}

/// The source and its day, which every fact must have.
pub(crate) fn dated(table: &mut Table<'_>) -> Option<Dated> {
    let source = table.must_text("source", "say where it was read, such as a page, a quote or a contract");
    let as_of = table.day("as_of");
    Some(Dated { source: source?, as_of: as_of? })
}
