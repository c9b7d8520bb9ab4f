//! The bill line by line, and what owning a machine costs.

use bursar_core::Money;

use super::answer::{LedgerLineShown, LedgerShown, OwnedLineShown, OwnedShown};
use super::figures;
use crate::mix::{Item, Line};
use crate::placement::{Inputs, Kind, Placement};
use crate::tco::Millionths;

/// The plan's bill over the trace, with edge work beside it.
pub(super) fn ledger(placement: &Placement) -> LedgerShown {
    let mut lines: Vec<(String, String, Money)> =
        placement.replay.bill.lines.iter().map(|l| (l.model.clone(), what(l), l.amount)).collect();
    for edge in &placement.edge {
        lines.extend(edge.place.as_ref().map(|p| {
            (edge.model.clone(), format!("edge: {} × {}, {}", p.nodes, p.hardware, p.term.name()), p.amount)
        }));
    }
    let amounts: Vec<Money> = lines.iter().map(|(_, _, amount)| *amount).collect();
    let total: Money = amounts.iter().copied().sum();
    let (cents, total_cents) = figures::cents(&amounts, total);
    let line = |((model, what, amount), cents): ((String, String, Money), Money)| LedgerLineShown {
        model,
        what,
        amount: amount.to_string(),
        cents: cents.to_string(),
    };
    LedgerShown {
        lines: lines.into_iter().zip(cents).map(line).collect(),
        total: total.to_string(),
        total_cents: total_cents.to_string(),
    }
}

fn what(line: &Line) -> String {
    match &line.item {
        Item::Nodes { hardware, term, spare, node_hours, per_hour } => {
            let spare = if *spare { "standing by: " } else { "" };
            format!("{spare}{hardware}, {}: {node_hours} node-hours at ${per_hour}", term.name())
        }
        Item::Api { hours } => format!("API: the demand of {hours:.1} hours"),
        Item::Failover { hours } => format!("API in place of failed nodes: the demand of {hours:.1} hours"),
        Item::LateBatch { jobs } => format!("API for {jobs} batch jobs that nodes could not do in time"),
    }
}

/// What owning each machine costs; one that takes no part is counted at full use.
pub(super) fn owned(inputs: &Inputs<'_>, placement: &Placement) -> Vec<OwnedShown> {
    let shown = |(place, owned): (usize, &crate::tco::Ownership)| {
        let kind = placement.kinds.iter().find(|k: &&Kind| k.owned == Some(place));
        let utilisation = kind.map_or(Millionths::ONE, |k| k.utilisation);
        let ledger = owned.ledger(utilisation).ok()?;
        let lines = ledger.lines.iter().map(|l| OwnedLineShown {
            what: l.kind.name(),
            per_year: l.per_year.to_string(),
            per_hour: l.per_hour.to_string(),
        });
        Some(OwnedShown {
            node: owned.row.node.name.clone(),
            years: owned.years,
            utilisation: utilisation.to_string(),
            lines: lines.collect(),
            per_year: ledger.per_year.to_string(),
            per_hour: ledger.per_hour.to_string(),
            source: format!("{}; site: {}", owned.dated.source, owned.site_dated.source),
            as_of: figures::day(owned.dated.as_of.min(owned.site_dated.as_of)),
        })
    };
    inputs.owned.iter().enumerate().filter_map(shown).collect()
}
