//! The inputs as a problem of the mix, with what is not known of it.

use bursar_core::Money;

use super::batch::{self, Work};
use super::carrying::{Asked, Carrying, NotKnown, limits};
use super::edge::{EdgeWork, edge_work};
use super::hardware::{Busy, Kind, LeftOut, allowed, dominated};
use super::inputs::{ApiPrice, Assumption, Gap, Inputs, ModelFacts, Rests};
use super::series::{ModelSeries, peaks, series};
use super::solve::PlacementError;
use crate::demand::{Class, DemandPoint};
use crate::mix::replay::Batch;
use crate::mix::{Model, Place, Problem};
use crate::supply::Slo;

/// The limits of interactive work where the constraints have none, in milliseconds: time to the first token (p99) and
/// between tokens.
const USUAL_LIMITS: (u32, u32) = (2_000, 50);

/// A problem with everything that is needed to tell of it.
#[derive(Clone, Debug)]
pub(super) struct Assembled {
    /// What nodes are planned for: work that can wait is spread over the time that it has.
    pub(super) planned: Problem,
    /// The same without work that can wait, which [`Assembled::batches`] has.
    pub(super) served: Problem,
    pub(super) batches: Vec<Batch>,
    /// The problem's hardware.
    pub(super) kinds: Vec<Kind>,
    /// For each model of the problem and each kind.
    pub(super) carrying: Vec<Vec<Option<Carrying>>>,
    /// The models of the problem, in its order.
    pub(super) series: Vec<ModelSeries>,
    pub(super) edge: Vec<EdgeWork>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) gaps: Vec<Gap>,
    pub(super) assumed: Vec<Assumption>,
}

/// What is gathered on the way.
#[derive(Default)]
struct Notes {
    gaps: Vec<Gap>,
    assumed: Vec<Assumption>,
}

impl Notes {
    /// Adds a gap; one that two models have in common is told once.
    fn gap(&mut self, what: String, hint: &str) {
        let gap = Gap { what, hint: hint.to_owned() };
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    fn assume(&mut self, rests: Rests, what: impl Into<String>) {
        self.assumed.push(Assumption::plain(rests, what));
    }
}

pub(super) fn assemble(inputs: &Inputs<'_>, busy: &Busy) -> Result<Assembled, PlacementError> {
    let mut notes = Notes::default();
    let (all, cut) = series(inputs.demand).ok_or(PlacementError::TooMuchDemand)?;
    inputs.told.iter().for_each(|told| notes.assume(Rests::Told, told.as_str()));
    cut.into_iter().for_each(|cut| notes.assume(Rests::Told, cut));
    let (kinds, mut left_out) = allowed(inputs, busy)?;
    let edge = edge_work(inputs, &kinds, &all, &mut notes.gaps);
    let series = placeable(inputs, all, &mut notes);
    if series.is_empty() && edge.is_empty() {
        return Err(PlacementError::NothingToPlace(told(&notes.gaps)));
    }
    let by_model: Vec<Vec<Option<Carrying>>> =
        series.iter().map(|s| carrying(inputs, &kinds, s, &mut notes)).collect();
    let (kinds, by_model) = taking_part(kinds, by_model, &mut left_out);
    tell_bounds(inputs, &kinds, &mut notes);
    let mut planned = Problem { hardware: kinds.iter().map(|k| k.hardware(0)).collect(), models: Vec::new() };
    let mut served = planned.clone();
    let mut batches = Vec::new();
    for (m, series) in series.iter().enumerate() {
        let (with, without, batch) = model(inputs, &kinds, series, &by_model[m], &mut notes)?;
        planned.models.push(with);
        served.models.push(without);
        batches.extend(batch.map(|batch| Batch { model: m, ..batch }));
    }
    let Notes { gaps, assumed } = notes;
    Ok(Assembled {
        planned,
        served,
        batches,
        kinds,
        carrying: by_model,
        series,
        edge,
        left_out,
        gaps,
        assumed,
    })
}

fn told(gaps: &[Gap]) -> String {
    gaps.iter().map(|g| format!("\n  {}: {}", g.what, g.hint)).collect()
}

/// The models that something can be said about. Others are gaps.
fn placeable(inputs: &Inputs<'_>, all: Vec<ModelSeries>, notes: &mut Notes) -> Vec<ModelSeries> {
    let facts = |s: &ModelSeries| inputs.models.get(&s.model).cloned().unwrap_or_default();
    let asks = |s: &ModelSeries| s.interactive.iter().chain(&s.batch).any(|p| p.requests > 0);
    let mut kept = Vec::new();
    for mut series in all.into_iter().filter(asks) {
        let hours = series.interactive.len().max(series.batch.len());
        series.interactive.resize(hours, DemandPoint::default());
        let stays = inputs.constraints.may_not_leave.contains(&series.model);
        let ModelFacts { price, unpriced, .. } = facts(&series);
        if price.is_none() && !stays {
            let hint = format!("say --price-as {}=PROVIDER/MODEL", series.model);
            notes.gap(format!("{} has no API price and is left out: {unpriced}", series.model), &hint);
            continue;
        }
        kept.push(series);
    }
    kept
}

/// What one node of each kind carries of a model. One gap tells of all kinds that are not known.
fn carrying(
    inputs: &Inputs<'_>,
    kinds: &[Kind],
    series: &ModelSeries,
    notes: &mut Notes,
) -> Vec<Option<Carrying>> {
    if inputs.constraints.frontier_only.contains(&series.model) {
        return vec![None; kinds.len()];
    }
    let runs_as = inputs.models.get(&series.model).and_then(|m| m.runs_as.as_deref());
    let slo = limits(slo_of(inputs, series).as_ref());
    let points = measure_of(series);
    let mut missing: Vec<(NotKnown, &str)> = Vec::new();
    let mut result = Vec::new();
    for kind in kinds {
        let asked = asked(inputs, kind, runs_as.unwrap_or(&series.model));
        let found = asked.carrying(points, &slo);
        if let Err(why) = &found {
            let accelerator = kind.row.node.accelerator.as_str();
            if !missing.iter().any(|(w, a)| w == why && *a == accelerator) {
                missing.push((why.clone(), accelerator));
            }
        }
        result.push(found.ok());
    }
    if result.iter().any(Option::is_some) {
        tell_usual_limits(inputs, series, notes);
    }
    tell_missing(series, runs_as, &missing, &result, notes);
    result
}

/// The hours that the throughput is taken for: those of interactive work, or of batch work where there is no other.
fn measure_of(series: &ModelSeries) -> &[DemandPoint] {
    if series.interactive.iter().any(|p| p.requests > 0) { &series.interactive } else { &series.batch }
}

fn asked<'a>(inputs: &Inputs<'a>, kind: &'a Kind, model: &'a str) -> Asked<'a> {
    Asked {
        rows: inputs.rows,
        catalogue: inputs.catalogue,
        accelerator: &kind.row.node.accelerator,
        accelerators: kind.row.node.accelerators,
        model,
        precision: inputs.settings.precision.as_deref(),
    }
}

/// The limits of a model's interactive work: its own, those of all, or the usual ones. Work that can wait has none.
fn slo_of(inputs: &Inputs<'_>, series: &ModelSeries) -> Option<Slo> {
    if !series.interactive.iter().any(|p| p.requests > 0) {
        return None;
    }
    let told = inputs.constraints.slo(&series.model, Class::Interactive).cloned();
    let (ttft_p99_ms, itl_ms) = USUAL_LIMITS;
    Some(told.unwrap_or(Slo { model: None, class: Class::Interactive, ttft_p99_ms, itl_ms }))
}

fn tell_usual_limits(inputs: &Inputs<'_>, series: &ModelSeries, notes: &mut Notes) {
    let limited = inputs.constraints.slo(&series.model, Class::Interactive).is_some();
    if !limited && series.interactive.iter().any(|p| p.requests > 0) {
        let (ttft_p99_ms, itl_ms) = USUAL_LIMITS;
        notes.assume(
            Rests::Assumed,
            format!(
                "{}: the first token within {ttft_p99_ms} ms (p99) and {itl_ms} ms between tokens, since \
                 constraints.toml has no limits for it",
                series.model
            ),
        );
    }
}

fn tell_missing(
    series: &ModelSeries,
    runs_as: Option<&str>,
    missing: &[(NotKnown, &str)],
    found: &[Option<Carrying>],
    notes: &mut Notes,
) {
    for carrying in found.iter().flatten().filter(|c| c.by_mean_shape > 0).take(1) {
        notes.assume(
            Rests::Assumed,
            format!(
                "{}: in {} hours the mean request misses the limits even alone; those count as requests of the mean \
                 shape of all hours",
                series.model, carrying.by_mean_shape
            ),
        );
    }
    let model = runs_as.unwrap_or(&series.model);
    let of = |wanted: fn(&NotKnown) -> bool| {
        missing.iter().filter(move |(why, _)| wanted(why)).map(|(_, a)| (*a).to_owned()).collect::<Vec<_>>()
    };
    let unmeasured = of(|why| matches!(why, NotKnown::Unmeasured));
    if !unmeasured.is_empty() {
        let nowhere = unmeasured.len() == missing.len() && found.iter().all(Option::is_none);
        let what = if nowhere {
            format!("no measurement for {model} on any machine: {} can be had as an API alone", series.model)
        } else {
            format!("no measurement for {model} on {}", unmeasured.join(", "))
        };
        notes.gap(
            what,
            "run bursar plan calibrate with a load test of your own; --run-as MODEL=NAME says which model your own \
             nodes would serve",
        );
    }
    let small: Vec<String> = missing.iter().filter_map(|(why, a)| small_node(why, a)).collect();
    if !small.is_empty() {
        notes.gap(
            format!("{model} was measured on systems of {}; smaller nodes were not", small.join(", ")),
            "offer larger nodes in supply.toml, or calibrate such a machine",
        );
    }
    for (why, accelerator) in missing {
        if let NotKnown::Limits(why) = why {
            notes.gap(
                format!("{} on {accelerator}: {why}", series.model),
                "loosen the limits in constraints.toml, or calibrate such a machine",
            );
        }
    }
}

fn small_node(why: &NotKnown, accelerator: &str) -> Option<String> {
    match why {
        NotKnown::SmallNode(least) => Some(format!("{least} {accelerator}")),
        NotKnown::Unmeasured | NotKnown::Limits(_) => None,
    }
}

/// Takes out machines that carry nothing, and those for which a cheaper one carries the same.
fn taking_part(
    kinds: Vec<Kind>,
    by_model: Vec<Vec<Option<Carrying>>>,
    left_out: &mut Vec<LeftOut>,
) -> (Vec<Kind>, Vec<Vec<Option<Carrying>>>) {
    let by_kind: Vec<Vec<Option<Carrying>>> =
        (0..kinds.len()).map(|h| by_model.iter().map(|m| m[h].clone()).collect()).collect();
    let of_use: Vec<bool> = by_kind.iter().map(|c| c.iter().any(Option::is_some)).collect();
    let dominated = dominated(&kinds, &by_kind);
    let mut keep = Vec::new();
    for (h, kind) in kinds.iter().enumerate() {
        let why = match dominated[h] {
            _ if !of_use[h] => Some("nothing is known of what it carries of any of the models".to_owned()),
            Some(other) => Some(format!("{} carries the same and costs no more", kinds[other].name)),
            None => None,
        };
        keep.push(why.is_none());
        left_out.extend(why.map(|why| LeftOut { name: kind.name.clone(), why }));
    }
    let part = |row: Vec<Option<Carrying>>| {
        row.into_iter().zip(&keep).filter(|(_, keep)| **keep).map(|(c, _)| c).collect()
    };
    let by_model = by_model.into_iter().map(part).collect();
    let kinds = kinds.into_iter().zip(&keep).filter(|(_, keep)| **keep).map(|(k, _)| k).collect();
    (kinds, by_model)
}

fn tell_bounds(inputs: &Inputs<'_>, kinds: &[Kind], notes: &mut Notes) {
    for kind in kinds.iter().filter(|k| k.row.at_least > 0) {
        notes.gap(
            format!(
                "at_least = {} of {} is not planned for: a plan may take fewer",
                kind.row.at_least, kind.name
            ),
            "what is bound anyway belongs to no plan; take it into the comparison by hand",
        );
    }
    if !inputs.constraints.residency.is_empty() {
        notes.assume(
            Rests::Assumed,
            format!(
                "an API keeps data in {} as the constraints ask, except for models in may_not_leave: Bursar does not \
                 know where an API keeps it",
                inputs.constraints.residency.join(", ")
            ),
        );
    }
    if kinds.iter().any(|k| k.row.reliability.is_none()) {
        notes.assume(Rests::Assumed, "machines without mtbf_hours and repair_hours never fail");
    }
}

type Placed = (Model, Model, Option<Batch>);

/// A model with its work that can wait, without it, and that work.
fn model(
    inputs: &Inputs<'_>,
    kinds: &[Kind],
    series: &ModelSeries,
    carrying: &[Option<Carrying>],
    notes: &mut Notes,
) -> Result<Placed, PlacementError> {
    let facts = inputs.models.get(&series.model).cloned().unwrap_or_default();
    let too_much = || PlacementError::TooMuchMoney(series.model.clone());
    tell_model(series, &facts, notes);
    let place = match () {
        () if inputs.constraints.may_not_leave.contains(&series.model) => Place::StaysInside,
        () if inputs.constraints.frontier_only.contains(&series.model) => Place::ApiOnly,
        () => Place::Anywhere,
    };
    let price = facts.price.as_ref().filter(|_| place != Place::StaysInside);
    let api = price.map(|p| series.interactive.iter().map(|point| p.standard.cost(point)).collect());
    let api: Option<Option<Vec<Money>>> = api;
    let api = match api {
        Some(None) => return Err(too_much()),
        other => other.flatten(),
    };
    let has_interactive = series.interactive.iter().any(|p| p.requests > 0);
    let hours = series.interactive.len();
    let loads = |c: &Carrying| if has_interactive { c.loads.clone() } else { vec![0.0; hours] };
    let without = Model {
        name: series.model.clone(),
        place,
        regions: None,
        loads: carrying.iter().map(|c| c.as_ref().map(loads)).collect(),
        peaks: peaks(&series.interactive).filter(|_| has_interactive),
        api,
        spare: inputs.settings.spare,
    };
    let Some(work) = work_of(inputs, series, price, notes) else {
        return Ok((without.clone(), without, None));
    };
    let speeds = speeds(inputs, kinds, series, &facts, carrying);
    let with = with_work(&without, &work, &speeds).ok_or_else(too_much)?;
    Ok((with, without, Some(Batch { model: 0, per_node_hour: speeds, jobs: work.jobs, api: work.api })))
}

fn tell_model(series: &ModelSeries, facts: &ModelFacts, notes: &mut Notes) {
    if let Some(runs_as) = &facts.runs_as {
        notes.assume(Rests::Told, format!("own nodes serve {runs_as} where {} is asked for", series.model));
    }
    let Some(price) = &facts.price else { return };
    let prices = &price.standard;
    let dated = price.as_of.map(|as_of| crate::supply::Dated { source: price.source.clone(), as_of });
    notes.assumed.push(Assumption {
        what: format!(
            "{} costs what {} does: ${} for a million input tokens, ${} for output",
            series.model, price.name, prices.input, prices.output
        ),
        rests: Rests::Published,
        dated,
    });
    let cached = series.interactive.iter().chain(&series.batch).any(|p| p.cached_input > 0);
    if cached && prices.cached.is_none() {
        notes.assume(
            Rests::Assumed,
            format!(
                "cached input of {} costs as much as other input: the list has no price for it",
                series.model
            ),
        );
    }
}

fn work_of(
    inputs: &Inputs<'_>,
    series: &ModelSeries,
    price: Option<&ApiPrice>,
    notes: &mut Notes,
) -> Option<Work> {
    if !series.batch.iter().any(|p| p.requests > 0) {
        return None;
    }
    let deadline = inputs.constraints.batch_deadline_hours.unwrap_or_else(|| {
        notes.assume(
            Rests::Assumed,
            format!(
                "batch work of {} is due within its hour: constraints.toml has no deadline",
                series.model
            ),
        );
        1
    });
    let prices = price.map(|p| p.batch.as_ref().unwrap_or(&p.standard));
    if let Some(price) = price.filter(|p| p.batch.is_none()) {
        notes.assume(
            Rests::Published,
            format!(
                "batch work of {} costs the standard price: {} has no batch tier",
                series.model, price.name
            ),
        );
    }
    Some(batch::work(&series.batch, deadline, prices))
}

/// Work that a node of each kind does an hour, where nobody waits for it.
fn speeds(
    inputs: &Inputs<'_>,
    kinds: &[Kind],
    series: &ModelSeries,
    facts: &ModelFacts,
    carrying: &[Option<Carrying>],
) -> Vec<Option<u64>> {
    let name = facts.runs_as.as_deref().unwrap_or(&series.model);
    let speed = |(kind, c): (&Kind, &Option<Carrying>)| {
        c.as_ref().and_then(|_| asked(inputs, kind, name).batch_per_hour(&series.batch))
    };
    kinds.iter().zip(carrying).map(speed).collect()
}

/// The model with its work that can wait spread evenly over the time that it has.
fn with_work(model: &Model, work: &Work, speeds: &[Option<u64>]) -> Option<Model> {
    let hours = model.loads.iter().flatten().map(Vec::len).chain(model.api.iter().map(Vec::len)).next()?;
    let level = work.level(hours);
    let whole = work.whole() as f64;
    let mut with = model.clone();
    for (load, speed) in with.loads.iter_mut().zip(speeds) {
        let Some(speed) = speed.filter(|s| *s > 0) else {
            *load = None;
            continue;
        };
        for (load, level) in load.iter_mut().flatten().zip(&level) {
            *load += level / speed as f64;
        }
    }
    if let (Some(api), Some(bill)) = (&mut with.api, work.whole_api()) {
        for (api, level) in api.iter_mut().zip(&level) {
            let part = (bill.nanos() as f64 * level / whole.max(1.0)).round() as i64;
            *api = api.checked_add(Money::from_nanos(part))?;
        }
    }
    Some(with)
}
