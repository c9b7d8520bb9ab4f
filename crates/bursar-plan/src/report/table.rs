//! The table of what to have.

use bursar_core::Money;

use super::answer::TableRow;
use super::figures;
use crate::mix::{Holding, Item, Line};
use crate::placement::Placement;
use crate::supply::Term;

/// All of an hour's demand in the parts of [`Holding::carried`].
const ALL: u128 = 1_000_000_000_000;

/// Machines on each term, then the API, model by model. What the API gets is the part of its whole bill that the trace left to
/// it; what machines carry by the hour is scaled to the rest.
pub(super) fn rows(placement: &Placement) -> Vec<TableRow> {
    (0..placement.models.len()).flat_map(|m| of_model(placement, m)).collect()
}

fn of_model(placement: &Placement, m: usize) -> Vec<TableRow> {
    let name = &placement.models[m].series.model;
    let output = output_of(placement, m);
    let whole: u128 = output.iter().map(|o| u128::from(*o)).sum();
    let lines: Vec<&Line> = placement.replay.bill.lines.iter().filter(|l| l.model == *name).collect();
    let at_api = |lines: &[&Line]| -> Money {
        lines.iter().filter(|l| !matches!(l.item, Item::Nodes { .. })).map(|l| l.amount).sum()
    };
    let all_api = placement.baselines.iter().find(|b| b.name == "all API");
    let all_api: Vec<&Line> =
        all_api.into_iter().flat_map(|b| &b.bill.lines).filter(|l| l.model == *name).collect();
    let (amount, bill) = (at_api(&lines), at_api(&all_api));
    let left = part(whole, amount, bill);
    let held: Vec<(usize, &Holding, u128)> =
        (0..placement.kinds.len()).filter_map(|h| held(placement, (m, h), &output)).collect();
    let carried: u128 = held.iter().map(|(_, _, carried)| carried).sum();
    let scaled = |tokens: u128| match carried {
        0 => 0,
        carried => tokens * (whole - left) / carried,
    };
    let mut rows = Vec::new();
    for (h, holding, tokens) in held {
        rows.extend(on_terms(placement, (m, h), (holding, &lines), (scaled(tokens), whole)));
    }
    if amount > Money::ZERO {
        rows.push(api_row(name, amount, (left, whole)));
    }
    rows
}

/// The tokens that an amount pays of what a whole bill pays.
fn part(whole: u128, amount: Money, bill: Money) -> u128 {
    let (amount, bill) = (amount.nanos().max(0) as u128, bill.nanos().max(0) as u128);
    (whole * amount).checked_div(bill).unwrap_or(0).min(whole)
}

fn held<'p>(
    placement: &'p Placement,
    (m, h): (usize, usize),
    output: &[u64],
) -> Option<(usize, &'p Holding, u128)> {
    let (model, kind) = (&placement.models[m].series.model, &placement.kinds[h].name);
    let holding =
        placement.plan.holdings.iter().find(|held| held.model == *model && held.hardware == *kind)?;
    Some((h, holding, carried(holding, output)))
}

/// Output tokens of each hour, work that can wait in the hour in which it was asked.
fn output_of(placement: &Placement, m: usize) -> Vec<u64> {
    let series = &placement.models[m].series;
    let batch = |t: usize| series.batch.get(t).map_or(0, |p| p.output);
    series.interactive.iter().enumerate().map(|(t, p)| p.output.saturating_add(batch(t))).collect()
}

fn carried(holding: &Holding, output: &[u64]) -> u128 {
    holding.carried.iter().zip(output).map(|(part, o)| u128::from(*part) * u128::from(*o) / ALL).sum()
}

/// A row for each term on which machines of a kind are had. What the kind carries is split by machine-hours.
fn on_terms(
    placement: &Placement,
    (m, h): (usize, usize),
    (holding, lines): (&Holding, &[&Line]),
    (carried, whole): (u128, u128),
) -> Vec<TableRow> {
    let kind = &placement.kinds[h];
    let of_kind =
        |line: &&&Line| matches!(&line.item, Item::Nodes { hardware, .. } if *hardware == kind.name);
    let mut by_term: Vec<(Term, u64, u64, Money)> = Vec::new();
    for line in lines.iter().filter(of_kind) {
        let Item::Nodes { term, spare, node_hours, .. } = &line.item else { continue };
        let working = if *spare { 0 } else { *node_hours };
        match by_term.iter_mut().find(|(t, ..)| t == term) {
            Some((_, hours, working_hours, amount)) => {
                *hours += node_hours;
                *working_hours += working;
                *amount = [*amount, line.amount].into_iter().sum();
            }
            None => by_term.push((*term, *node_hours, working, line.amount)),
        }
    }
    let all_working: u64 = by_term.iter().map(|(_, _, working, _)| working).sum();
    let hours = placement.hours().max(1) as u64;
    let row = |(term, node_hours, working, amount): (Term, u64, u64, Money)| {
        let tokens = carried * u128::from(working) / u128::from(all_working.max(1));
        let (nodes, spare) = match term {
            Term::OnDemand => (holding.rented_at_most, 0),
            _ => ((node_hours / hours) as u32, ((node_hours - working) / hours) as u32),
        };
        let speed = placement.carrying[m][h].as_ref();
        TableRow {
            model: holding.model.clone(),
            hardware: holding.hardware.clone(),
            term: term.name(),
            nodes,
            spare,
            node_hours,
            utilisation: holding.utilisation.and_then(figures::number),
            share: share(tokens, whole),
            usd_per_node_hour: kind.price(term).map(|p| p.to_string()),
            amount: amount.to_string(),
            usd_per_million_output: figures::per_million(amount, tokens).map(|m| m.to_string()),
            throughput: speed.map(|c| c.basis.label()),
            output_per_second: speed.map(|c| {
                let e = c.output_per_second;
                [figures::number(e.low()), figures::number(e.mid), figures::number(e.high())]
            }),
        }
    };
    by_term.into_iter().map(row).collect()
}

fn api_row(model: &str, amount: Money, (tokens, whole): (u128, u128)) -> TableRow {
    TableRow {
        model: model.to_owned(),
        hardware: "API".to_owned(),
        term: "API",
        nodes: 0,
        spare: 0,
        node_hours: 0,
        utilisation: None,
        share: share(tokens, whole),
        usd_per_node_hour: None,
        amount: amount.to_string(),
        usd_per_million_output: figures::per_million(amount, tokens).map(|m| m.to_string()),
        throughput: None,
        output_per_second: None,
    }
}

fn share(tokens: u128, whole: u128) -> Option<f64> {
    if whole == 0 { None } else { figures::number(tokens as f64 / whole as f64) }
}
