//! Reading `tco.toml`.
//!
//! ```toml
//! format = 1
//!
//! [site]                          # what all nodes have in common
//! pue = 1.3                       # power of the site for each unit of its machines' power
//! usd_per_kwh = "0.09"
//! wacc = 0.08                     # what a year of capital costs, as a share
//! source = "the site's contract"
//! as_of = 2026-09-01
//!
//! [[node]]
//! name = "hgx-h100"
//! provider = "own"                # "own" unless told
//! accelerator = "H100"
//! accelerators = 8
//! capex_usd = "310000"
//! network_usd = "40000"           # its share of the network
//! years = 4                       # after which it is written off
//! residual = 0.1                  # of capex, at the end
//! power_kw = 10.2                 # of the node under full load
//! idle_power = 0.3                # of power_kw, when idle
//! space_usd_per_year = "6000"
//! staff_usd_per_year = "9000"
//! maintenance = 0.03              # of capex, a year
//! spares = 0.02                   # of capex, a year
//! source = "the vendor's quote"
//! as_of = 2026-10-12
//! ```
//!
//! A node may also have what a node of `supply.toml` has: `region`, `at_least`, `at_most`, `mtbf_hours` with
//! `repair_hours`, `residency`, `round_trip_ms`. Nothing has a value unless told, `provider` apart.

use bursar_core::{Money, Timestamp};

use super::{Millionths, Ownership, div_half_even};
use crate::problems::Problems;
use crate::supply::fields::{Table, read_document};
use crate::supply::{Dated, NodeType, Staleness, SupplyRow, bounds_of, dated, must_whole};

/// What a tco file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tco {
    /// The kinds of nodes that can be owned.
    pub nodes: Vec<Ownership>,
}

/// A number's range, and what one outside of it looks like.
struct Range {
    field: &'static str,
    example: &'static str,
    least: u64,
    most: u64,
    below: &'static str,
    above: &'static str,
}

const PUE: Range = Range {
    field: "pue",
    example: "a factor such as 1.3",
    least: 1_000_000,
    most: 3_000_000,
    below: "a site draws at least what its machines draw: is it the share of the machines? Write 1 divided by it",
    above: "is it in percent? Write 1.3 for 130 %",
};

const WACC: Range = Range {
    field: "wacc",
    example: "a share such as 0.08",
    least: 0,
    most: 500_000,
    below: "",
    above: "it looks like percent: write 0.08 for 8 %",
};

const IDLE: Range = Range {
    field: "idle_power",
    example: "a share of power_kw such as 0.3",
    least: 0,
    most: 1_000_000,
    below: "",
    above: "it looks like percent, watts or kilowatts: write the share of power_kw",
};

const RESIDUAL: Range = Range {
    field: "residual",
    example: "a share of capex such as 0.1",
    least: 0,
    most: 1_000_000,
    below: "",
    above: "it looks like percent or dollars: write the share of capex",
};

const MAINTENANCE: Range = Range {
    field: "maintenance",
    example: "a share of capex such as 0.03",
    least: 0,
    most: 500_000,
    below: "",
    above: "it looks like percent or dollars: write the share of capex a year",
};

const SPARES: Range = Range { field: "spares", ..MAINTENANCE };

/// What all nodes of a site have in common.
struct Site {
    pue: Millionths,
    per_kwh: Money,
    wacc: Millionths,
    dated: Dated,
}

/// Reads a tco file; `file` is its name in messages, and no source of it can be later than `today`.
pub fn read_tco(file: &str, text: &str, today: Timestamp) -> Result<Tco, Problems> {
    read_document(file, text, today, |root| {
        let site = root.table("site").map(|mut table| {
            let site = site(&mut table);
            table.finish();
            site
        });
        if site.is_none() && !root.has("site") {
            root.wrong("site", "is missing: write [site] with pue, usd_per_kwh, wacc, source and as_of");
        }
        let mut nodes: Vec<(u64, Ownership)> = Vec::new();
        let tables = root.tables("node");
        if tables.is_empty() && !root.has("node") {
            root.wrong("", "has no node: add a table [[node]] for each kind of machine that can be owned");
        }
        for mut table in tables {
            let node = node(&mut table, site.as_ref().and_then(Option::as_ref));
            table.finish();
            let Some(node) = node else { continue };
            let name = &node.row.node.name;
            if let Some((first, _)) = nodes.iter().find(|(_, n)| n.row.node.name == *name) {
                table.wrong("name", format!("{name} is in line {first} already: keep one of the two"));
            }
            nodes.push((table.line(), node));
        }
        Some(Tco { nodes: nodes.into_iter().map(|(_, node)| node).collect() })
    })
}

fn site(table: &mut Table<'_>) -> Option<Site> {
    let checked = table.text("checked").is_some();
    let pue = within(table, &PUE, checked);
    let wacc = within(table, &WACC, checked);
    let per_kwh = must_money(table, "usd_per_kwh");
    if let (Some(doubt), false) = (per_kwh.and_then(doubt_of_tariff), checked) {
        table.wrong("usd_per_kwh", doubt);
    }
    let dated = dated(table);
    Some(Site { pue: pue?, per_kwh: per_kwh?, wacc: wacc?, dated: dated? })
}

fn doubt_of_tariff(tariff: Money) -> Option<String> {
    let likely = match tariff.nanos() {
        1_000_000_001.. => "it looks like cents, or dollars per MWh",
        ..10_000_000 => "it looks like dollars per Wh, or a slip",
        _ => return None,
    };
    Some(format!(
        "${tariff} for a kilowatt-hour is outside one cent to one dollar; {likely}: write \"0.09\" for 9 cents{OR_CHECKED}"
    ))
}

const OR_CHECKED: &str = " (where it is right, say why in checked = \"…\")";

/// A number that must be there and within its range.
fn within(table: &mut Table<'_>, range: &Range, checked: bool) -> Option<Millionths> {
    let number = table.millionths(range.field, range.example);
    if !table.has(range.field) {
        table.wrong(range.field, format!("is missing: write {}", range.example));
    }
    let number = number?;
    let hint = match number.millionths() {
        n if n < range.least => range.below,
        n if n > range.most => range.above,
        _ => return Some(number),
    };
    if checked {
        return Some(number);
    }
    let (least, most) = (Millionths::from_millionths(range.least), Millionths::from_millionths(range.most));
    table.wrong(range.field, format!("{number} is outside {least} to {most}; {hint}{OR_CHECKED}"));
    None
}

fn must_money(table: &mut Table<'_>, field: &'static str) -> Option<Money> {
    let money = table.money(field);
    if !table.has(field) {
        table.wrong(field, "is missing: write dollars such as \"6000\", \"0\" where there is nothing to pay");
    }
    money
}

fn node(table: &mut Table<'_>, site: Option<&Site>) -> Option<Ownership> {
    let checked = table.text("checked").is_some();
    let row = row(table);
    let accelerators = row.as_ref().map(|r| r.node.accelerators);
    let capex = capex(table, accelerators, checked);
    let network = must_money(table, "network_usd");
    let years = years(table);
    let residual = within(table, &RESIDUAL, false);
    let power_kw = power(table, accelerators, checked);
    let idle_power = within(table, &IDLE, false);
    let space = must_money(table, "space_usd_per_year");
    let staff = must_money(table, "staff_usd_per_year");
    let maintenance = within(table, &MAINTENANCE, checked);
    let spares = within(table, &SPARES, checked);
    let dated = dated(table);
    let (capex, site) = (capex?, site?);
    let share = |of: Millionths| {
        let nanos = div_half_even(i128::from(capex.nanos()) * i128::from(of.millionths()), 1_000_000);
        i64::try_from(nanos).ok().map(Money::from_nanos)
    };
    let owned = Ownership {
        row: row?,
        capex,
        network: network?,
        residual: share(residual?)?,
        years: years?,
        wacc: site.wacc,
        power_kw: power_kw?,
        idle_power: idle_power?,
        pue: site.pue,
        per_kwh: site.per_kwh,
        space: space?,
        staff: staff?,
        maintenance: share(maintenance?)?,
        spares: share(spares?)?,
        dated: dated?,
        site_dated: site.dated.clone(),
    };
    if let Err(error) = owned.ledger(Millionths::ONE) {
        table.wrong("", error.to_string());
    }
    Some(owned)
}

fn row(table: &mut Table<'_>) -> Option<SupplyRow> {
    let name = table.must_text("name", "name the kind of machine, such as \"hgx-h100\"");
    let provider = table.text("provider").unwrap_or_else(|| "own".to_owned());
    let region = table.text("region");
    let accelerator = table.must_text("accelerator", "say which, such as \"H100\"");
    let accelerators = must_whole(table, "accelerators", 1..=1_024, "8");
    let bounds = bounds_of(table);
    let (accelerator, accelerators) = (accelerator?, accelerators?);
    let node = NodeType { name: name?, provider, region, accelerator, accelerators, offers: Vec::new() };
    Some(SupplyRow { node, ..bounds })
}

fn years(table: &mut Table<'_>) -> Option<u32> {
    let years = must_whole(table, "years", 1..=600, "4")?;
    if years > 15 {
        let what = if years % 12 == 0 {
            format!("{years} years are more than 15; it looks like months: write {}", years / 12)
        } else {
            format!("{years} years are more than 15, longer than any accelerator is used")
        };
        table.wrong("years", what);
        return None;
    }
    Some(years)
}

fn capex(table: &mut Table<'_>, accelerators: Option<u32>, checked: bool) -> Option<Money> {
    const LEAST: i64 = 200_000_000_000;
    const MOST: i64 = 200_000_000_000_000;
    let capex = must_money(table, "capex_usd")?;
    let each = capex.nanos() / i64::from(accelerators?);
    let hint = match each {
        ..LEAST => "is it in thousands, or for one accelerator?",
        n if n > MOST => "is it for several nodes, or in cents?",
        _ => return Some(capex),
    };
    if checked {
        return Some(capex);
    }
    let each = Money::from_nanos(each);
    table.wrong(
        "capex_usd",
        format!(
            "{capex} comes to ${each} for each accelerator, outside $200 to $200,000; {hint}{OR_CHECKED}"
        ),
    );
    None
}

fn power(table: &mut Table<'_>, accelerators: Option<u32>, checked: bool) -> Option<Millionths> {
    let power = table.millionths("power_kw", "kilowatts such as 10.2");
    if !table.has("power_kw") {
        table.wrong("power_kw", "is missing: write the kilowatts of one node under full load, such as 10.2");
    }
    let power = power?;
    let each = power.millionths() / u64::from(accelerators?);
    let hint = match each {
        ..20_000 => "is it for a part of the node?",
        5_000_001.. => "it looks like watts: write 10.2 for 10200 W",
        _ => return Some(power),
    };
    if checked {
        return Some(power);
    }
    let each = Millionths::from_millionths(each);
    table.wrong(
        "power_kw",
        format!("{power} comes to {each} kW for each accelerator, outside 0.02 to 5; {hint}{OR_CHECKED}"),
    );
    None
}

impl Tco {
    /// Which of the figures are stale.
    #[must_use]
    pub fn staleness(&self, today: Timestamp) -> Staleness {
        let of_node = |n: &Ownership| (format!("{}, owned", n.row.node.name), n.dated.clone());
        let nodes = self.nodes.iter().map(of_node);
        let site = self.nodes.first().map(|n| ("the site".to_owned(), n.site_dated.clone()));
        let facts: Vec<(String, Dated)> = nodes.chain(site).collect();
        Staleness::of(facts.iter().map(|(what, dated)| (what.clone(), dated)), today)
    }
}
