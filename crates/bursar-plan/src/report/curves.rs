//! Load-duration curves with the line from which on a machine pays.

use bursar_core::{Money, UnitPrice};

use super::answer::LoadDurationShown;
use super::figures;
use crate::mix::closed_form::OneNode;
use crate::mix::load_duration::LoadDuration;
use crate::placement::Placement;
use crate::supply::Term;

/// A machine's work in an hour, in the units of the curve.
const MACHINE: u64 = 1_000_000;
/// A curve has no more corners than this.
const CORNERS: usize = 168;

/// A curve for each model that some machine carries.
pub(super) fn load_duration(placement: &Placement) -> Vec<LoadDurationShown> {
    (0..placement.models.len()).filter_map(|m| one(placement, m)).collect()
}

fn one(placement: &Placement, m: usize) -> Option<LoadDurationShown> {
    let model = &placement.problem.models[m];
    let (h, term, price) = cheapest(placement, m)?;
    let loads = model.loads.get(h)?.as_ref()?;
    let units: Vec<u64> = loads.iter().map(|l| (l * MACHINE as f64).round() as u64).collect();
    let sum: u128 = units.iter().map(|u| u128::from(*u)).sum();
    let curve = LoadDuration::new(units);
    let machines = |load: u64| load as f64 / MACHINE as f64;
    let bill: Option<Money> = model.api.as_ref().and_then(|api| Money::checked_sum(api.iter().copied()));
    let api = bill
        .and_then(|bill| figures::per_million(bill, sum))
        .and_then(|p| UnitPrice::from_nanos_per_million(p.nanos()));
    let best = api.and_then(|api| OneNode { per_hour: price, capacity: MACHINE, api }.plan(&curve));
    let points = curve.points(CORNERS).into_iter();
    Some(LoadDurationShown {
        model: model.name.clone(),
        hardware: placement.kinds[h].name.clone(),
        term: term.name(),
        break_even: best.as_ref().and_then(|b| b.break_even).and_then(figures::number),
        nodes: best.as_ref().map_or(0, |b| b.nodes),
        quantile: best.as_ref().map_or(0.0, |b| machines(b.quantile)),
        points: points
            .filter_map(|p| Some([figures::number(p.share)?, figures::number(machines(p.load))?]))
            .collect(),
    })
}

/// The kind and term that carry the model at the least cost, if the machines were always full.
fn cheapest(placement: &Placement, m: usize) -> Option<(usize, Term, Money)> {
    let model = &placement.problem.models[m];
    let cost = |h: usize| {
        let load: f64 = model.loads.get(h)?.as_ref()?.iter().sum();
        let offer = placement.kinds[h].row.node.offers.iter().min_by_key(|o| o.per_hour)?;
        Some((load * offer.per_hour.nanos() as f64, h, offer.term, offer.per_hour))
    };
    let all = (0..placement.kinds.len()).filter_map(cost);
    all.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, h, term, price)| (h, term, price))
}
