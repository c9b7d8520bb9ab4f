//! Work that must be computed near its user: on a machine within the round trip that the constraints allow.

use bursar_core::Money;

use super::carrying::{Asked, limits};
use super::hardware::{Kind, name_of};
use super::inputs::{Gap, Inputs};
use super::series::ModelSeries;
use crate::demand::Class;
use crate::mix::edge::{EdgePlace, LocalNode, place};
use crate::supply::Term;

/// A model's edge work and where it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeWork {
    /// The model.
    pub model: String,
    /// Output tokens of the highest hour.
    pub peak_hour: u64,
    /// The limit on round trip and first token together, in milliseconds; `None` where none is given.
    pub limit_ms: Option<u32>,
    /// Where it goes; `None` where it cannot be placed, which is then a gap.
    pub place: Option<EdgeWorkPlace>,
}

/// Local machines for edge work.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeWorkPlace {
    /// The kind.
    pub hardware: String,
    /// On which term.
    pub term: Term,
    /// How many.
    pub nodes: u64,
    /// What all of them cost an hour.
    pub per_hour: Money,
    /// Over all hours of the demand.
    pub amount: Money,
    /// Milliseconds of the limit that are left.
    pub left_ms: f64,
}

/// Places every model's edge work.
pub(super) fn edge_work(
    inputs: &Inputs<'_>,
    kinds: &[Kind],
    series: &[ModelSeries],
    gaps: &mut Vec<Gap>,
) -> Vec<EdgeWork> {
    let asked = series.iter().filter(|s| s.edge.iter().any(|p| p.requests > 0));
    asked.map(|s| one_model(inputs, kinds, s, gaps)).collect()
}

fn one_model(inputs: &Inputs<'_>, kinds: &[Kind], series: &ModelSeries, gaps: &mut Vec<Gap>) -> EdgeWork {
    let limit_ms = inputs.constraints.edge_round_trip_ms;
    let work = |p: &crate::demand::DemandPoint| p.output.max(p.requests);
    let peak_hour = series.edge.iter().map(work).max().unwrap_or(0);
    let mut placed = EdgeWork { model: series.model.clone(), peak_hour, limit_ms, place: None };
    let gap = |what: String, hint: &str| Gap { what, hint: hint.to_owned() };
    let Some(network_ms) = limit_ms else {
        gaps.push(gap(
            format!("the edge work of {} has no limit on its round trip", series.model),
            "write edge_round_trip_ms into constraints.toml",
        ));
        return placed;
    };
    let slo = inputs.constraints.slo(&series.model, Class::Edge);
    // The round trip has its limit; the first token has its own where one is given, and counts on top.
    let answer_ms = f64::from(network_ms) + slo.map_or(f64::INFINITY, |s| f64::from(s.ttft_p99_ms));
    let (nodes, terms) = local_nodes(inputs, kinds, series, network_ms);
    let spare = inputs.settings.spare;
    match place(answer_ms, (peak_hour, spare), &nodes) {
        EdgePlace::Local { node, nodes: count, per_hour, left_ms } => {
            let hours = series.edge.len() as i128;
            let amount = i64::try_from(i128::from(per_hour.nanos()) * hours).ok().map(Money::from_nanos);
            placed.place = amount.map(|amount| EdgeWorkPlace {
                hardware: nodes[node].name.clone(),
                term: terms[node],
                nodes: count,
                per_hour,
                amount,
                left_ms: if left_ms.is_finite() { left_ms } else { 0.0 },
            });
        }
        EdgePlace::NotPlaceable { nearest } => {
            let nearest = nearest.map_or_else(
                || {
                    format!(
                        "no machine within {network_ms} ms has a known round trip and time to the first token"
                    )
                },
                |(i, over)| format!("the nearest, {}, is {over:.0} ms too slow", nodes[i].name),
            );
            gaps.push(gap(
                format!("the edge work of {} cannot be placed: {nearest}", series.model),
                "add machines near its users to supply.toml with round_trip_ms, or calibrate one",
            ));
        }
    }
    placed
}

/// The machines near enough, each on its cheapest term, with the terms.
fn local_nodes(
    inputs: &Inputs<'_>,
    kinds: &[Kind],
    series: &ModelSeries,
    network_ms: u32,
) -> (Vec<LocalNode>, Vec<Term>) {
    let slo = limits(inputs.constraints.slo(&series.model, Class::Edge));
    let runs_as = inputs.models.get(&series.model).and_then(|m| m.runs_as.as_deref());
    let node = |kind: &Kind| {
        let round_trip_ms = kind.row.round_trip_ms.filter(|ms| *ms <= network_ms)?;
        let offer = kind.row.node.offers.iter().min_by_key(|o| o.per_hour)?;
        let asked = Asked {
            rows: inputs.rows,
            catalogue: inputs.catalogue,
            accelerator: &kind.row.node.accelerator,
            accelerators: kind.row.node.accelerators,
            model: runs_as.unwrap_or(&series.model),
            precision: inputs.settings.precision.as_deref(),
        };
        let (carrying, first) = asked.first_token(&series.edge, &slo).ok()?;
        let per_hour = carrying.output_per_second.mid * 3_600.0;
        let local = LocalNode {
            name: name_of(&kind.row),
            round_trip_ms: f64::from(round_trip_ms),
            first_token_ms: first * 1e3,
            per_hour: per_hour as u64,
            price: offer.per_hour,
        };
        Some((local, offer.term))
    };
    kinds.iter().filter_map(node).unzip()
}
