//! From inputs to a placement.

use std::collections::BTreeMap;

use bursar_core::Money;

use super::assemble::{Assembled, assemble};
use super::carrying::Carrying;
use super::edge::EdgeWork;
use super::futures::{Futures, futures};
use super::growth::factors;
use super::hardware::{Busy, Kind, LeftOut};
use super::inputs::{ApiPrice, Assumption, Gap, Inputs, Rests, Stage};
use super::series::ModelSeries;
use super::week_ahead::{WeekAhead, week_ahead};
use crate::mix::baseline::{Reading, all_api, all_dedicated, rule_of_thumb};
use crate::mix::replay::{Replay, replay};
use crate::mix::{Bill, Fleet, MixError, Place, Plan, Problem, plan};
use crate::scenario::{CurveError, Factors, ScenarioError, Threshold};
use crate::supply::{Staleness, Term};
use crate::tco::{Millionths, TcoError};

/// Why there is no placement.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlacementError {
    /// Nothing of the demand can be said anything about.
    #[error("no model of the demand can be placed:{0}")]
    NothingToPlace(String),
    /// Tokens beyond what can be counted.
    #[error("the demand's sums leave the range of 64 bits; plan over fewer hours")]
    TooMuchDemand,
    /// An amount beyond what money holds.
    #[error("what {0} costs is beyond nine thousand million dollars; plan over fewer hours")]
    TooMuchMoney(String),
    /// A machine of one's own without a ledger.
    #[error(transparent)]
    Tco(#[from] TcoError),
    /// The mix.
    #[error(transparent)]
    Mix(#[from] MixError),
    /// The costs at other loads.
    #[error(transparent)]
    Curve(#[from] CurveError),
    /// The futures.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
}

/// What the plan is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// Its name in reports.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub what: &'static str,
    /// Its bill over the trace.
    pub bill: Bill,
}

/// A model as it was placed.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedModel {
    /// Its demand.
    pub series: ModelSeries,
    /// Its price at the API; `None` where it may not go there.
    pub price: Option<ApiPrice>,
    /// What own nodes would serve for it; `None` for the same name.
    pub runs_as: Option<String>,
    /// Where it may be served.
    pub place: Place,
}

/// The whole answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// The problem with all that has to be carried, work that can wait spread over its time.
    pub problem: Problem,
    /// The problem's models, in its order.
    pub models: Vec<PlacedModel>,
    /// The problem's hardware, in its order.
    pub kinds: Vec<Kind>,
    /// What a node carries: by model, then by kind.
    pub carrying: Vec<Vec<Option<Carrying>>>,
    /// The plan; its bill is by the hour.
    pub plan: Plan,
    /// The plan on the trace in ten-minute steps: what it costs.
    pub replay: Replay,
    /// What it is compared with, run through the same steps.
    pub baselines: Vec<Baseline>,
    /// One week planned, the next run.
    pub week_ahead: Option<WeekAhead>,
    /// Edge work, beside the plan.
    pub edge: Vec<EdgeWork>,
    /// Futures of the plan; `None` where it has no machine that could be left out.
    pub futures: Option<Futures>,
    /// What is not known of the future.
    pub factors: Factors,
    /// The threshold of this company's growth.
    pub threshold: Threshold,
    /// Machines that take no part.
    pub left_out: Vec<LeftOut>,
    /// What is not known.
    pub gaps: Vec<Gap>,
    /// What was taken for granted.
    pub assumed: Vec<Assumption>,
    /// Facts that are too old, and how many facts there are.
    pub staleness: Staleness,
}

/// Places the demand; `stage` is told what is being worked on.
pub fn place(inputs: &Inputs<'_>, mut stage: impl FnMut(Stage)) -> Result<Placement, PlacementError> {
    stage(Stage::Assembling);
    let assembled = assemble(inputs, &Busy::new())?;
    stage(Stage::Choosing);
    let (mut assembled, plan) = choose(inputs, assembled)?;
    stage(Stage::Replaying);
    let run = |fleet: &Fleet| run(inputs, &assembled, fleet);
    let replay = run(&plan.fleet)?;
    stage(Stage::Comparing);
    let baselines = baselines(&assembled, run)?;
    stage(Stage::LookingBack);
    let week_ahead = if is_empty(&assembled) { None } else { week_ahead(&assembled.planned)? };
    stage(Stage::Scaling);
    let settings = inputs.settings;
    let (factors, noise, short) = factors(inputs.demand, settings.growth, settings.today);
    if let Some(short) = short {
        assembled.gaps.push(Gap {
            what: format!("growth is not measured: {short}"),
            hint: "--growth 25%+-15% does so; a longer history measures it".to_owned(),
        });
    }
    stage(Stage::Drawing);
    let futures = futures(inputs, &assembled, &plan, (&factors, noise))?;
    let factors = futures.as_ref().map_or(factors, |f| f.factors.clone());
    let threshold = Threshold::of(&factors, f64::from(settings.months) / 12.0);
    let staleness = staleness(inputs, &assembled, &plan, &factors);
    let models = models(inputs, &assembled);
    Ok(Placement {
        problem: assembled.planned,
        models,
        kinds: assembled.kinds,
        carrying: assembled.carrying,
        plan,
        replay,
        baselines,
        week_ahead,
        edge: assembled.edge,
        futures,
        factors,
        threshold,
        left_out: assembled.left_out,
        gaps: assembled.gaps,
        assumed: assembled.assumed,
        staleness,
    })
}

fn is_empty(assembled: &Assembled) -> bool {
    assembled.planned.models.is_empty()
}

/// Chooses nodes. Where some are owned or their number is bounded, a second time: with the power of owned ones as busy as
/// they turned out, and with as many to rent as the committed ones leave.
fn choose(inputs: &Inputs<'_>, assembled: Assembled) -> Result<(Assembled, Plan), PlacementError> {
    if is_empty(&assembled) {
        let fleet = Fleet { committed: Vec::new(), spare: Vec::new(), rented: Vec::new() };
        let bill = Bill { lines: Vec::new(), total: Money::ZERO, unserved: Vec::new() };
        let plan = Plan { fleet, holdings: Vec::new(), bill, bound: Some(Money::ZERO), excluded: Vec::new() };
        return Ok((assembled, plan));
    }
    let first = plan(&assembled.planned)?;
    let busy = busy(&assembled, &first);
    let taken = taken(&assembled, &first);
    if busy.is_empty() && taken.is_empty() {
        return Ok((assembled, first));
    }
    let mut again = assemble(inputs, &busy)?;
    for (h, kind) in again.kinds.iter().enumerate() {
        let taken = taken.get(&kind.name).copied().unwrap_or(0);
        again.planned.hardware[h] = kind.hardware(taken);
        again.served.hardware[h] = kind.hardware(taken);
    }
    let second = plan(&again.planned)?;
    Ok((again, second))
}

/// How busy the owned machines of a plan are, by name.
fn busy(assembled: &Assembled, plan: &Plan) -> Busy {
    let mut busy: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    let owned = |name: &str| assembled.kinds.iter().any(|k| k.name == name && k.owned.is_some());
    for holding in plan.holdings.iter().filter(|h| owned(&h.hardware)) {
        let Some(utilisation) = holding.utilisation.filter(|_| holding.nodes() > 0) else { continue };
        let sum = busy.entry(&holding.hardware).or_default();
        let nodes = f64::from(holding.nodes());
        *sum = (sum.0 + utilisation * nodes, sum.1 + nodes);
    }
    let share = |(name, (work, nodes)): (&str, (f64, f64))| {
        let share = Millionths::from_f64((work / nodes).min(1.0))?;
        Some((name.to_owned(), share))
    };
    busy.into_iter().filter_map(share).collect()
}

/// Committed nodes of kinds whose number is bounded, where together with rented ones there are too many.
fn taken(assembled: &Assembled, plan: &Plan) -> BTreeMap<String, u32> {
    let kinds = assembled.kinds.len();
    let mut taken = BTreeMap::new();
    for (h, kind) in assembled.kinds.iter().enumerate() {
        let Some(most) = kind.row.at_most else { continue };
        let fleet = &plan.fleet;
        let committed: u32 = fleet.committed.iter().chain(&fleet.spare).map(|nodes| nodes[h]).sum();
        let rented = (0..assembled.planned.hours())
            .map(|t| fleet.rented.iter().map(|rented| rented[t * kinds + h]).sum::<u32>());
        if committed.saturating_add(rented.max().unwrap_or(0)) > most {
            taken.insert(kind.name.clone(), committed);
        }
    }
    taken
}

fn run(inputs: &Inputs<'_>, assembled: &Assembled, fleet: &Fleet) -> Result<Replay, PlacementError> {
    if is_empty(assembled) {
        let bill = Bill { lines: Vec::new(), total: Money::ZERO, unserved: Vec::new() };
        return Ok(Replay { bill, models: Vec::new() });
    }
    Ok(replay(&assembled.served, fleet, &assembled.batches, inputs.settings.seed)?)
}

fn baselines(
    assembled: &Assembled,
    run: impl Fn(&Fleet) -> Result<Replay, PlacementError>,
) -> Result<Vec<Baseline>, PlacementError> {
    if is_empty(assembled) {
        return Ok(Vec::new());
    }
    let problem = &assembled.planned;
    let fleets = [
        ("all API", "everything at the API", all_api(problem)?),
        (
            "all dedicated",
            "nodes for the highest ten minutes of each model and one more, of the kind of which that costs least",
            all_dedicated(problem)?,
        ),
        (
            "rule of thumb",
            "each further node as long as the API's bill for what it would carry is 65 % of its cost",
            rule_of_thumb(problem, Reading::EachNode)?,
        ),
    ];
    let baseline = |(name, what, fleet): (_, _, Fleet)| Ok(Baseline { name, what, bill: run(&fleet)?.bill });
    fleets.into_iter().map(baseline).collect()
}

fn models(inputs: &Inputs<'_>, assembled: &Assembled) -> Vec<PlacedModel> {
    let placed = |(series, model): (&ModelSeries, &crate::mix::Model)| {
        let facts = inputs.models.get(&series.model).cloned().unwrap_or_default();
        PlacedModel {
            series: series.clone(),
            price: facts.price.filter(|_| model.place != Place::StaysInside),
            runs_as: facts.runs_as,
            place: model.place,
        }
    };
    assembled.series.iter().zip(&assembled.planned.models).map(placed).collect()
}

/// The ages of what the plan rests on: prices of machines that take part, of owned ones, of models, of factors and
/// calibrations.
fn staleness(inputs: &Inputs<'_>, assembled: &Assembled, plan: &Plan, factors: &Factors) -> Staleness {
    let today = inputs.settings.today;
    let mut facts = Vec::new();
    for (h, kind) in assembled.kinds.iter().enumerate() {
        for offer in &kind.row.node.offers {
            facts.push((format!("{}, {}", kind.name, offer.term.name()), offer.dated.clone()));
        }
        let used = plan.fleet.committed.iter().any(|nodes| nodes[h] > 0);
        for carrying in assembled.carrying.iter().filter_map(|m| m[h].as_ref()).filter(|_| used) {
            let what = format!("throughput on {}", kind.row.node.accelerator);
            facts.push((what, carrying.basis.dated().clone()));
        }
    }
    let priced = assembled.assumed.iter().filter(|a| a.rests == Rests::Published);
    facts.extend(priced.filter_map(|a| Some((a.what.clone(), a.dated.clone()?))));
    facts.dedup();
    let mut all = Staleness::of(facts.iter().map(|(what, dated)| (what.clone(), dated)), today);
    let factors = factors.staleness(today);
    all.facts += factors.facts;
    all.stale.extend(factors.stale);
    all.stale.sort_by_key(|row| std::cmp::Reverse(row.days));
    all
}

impl Placement {
    /// How many hours the trace has.
    #[must_use]
    pub fn hours(&self) -> usize {
        self.problem.hours()
    }

    /// Whether any machine is bound for longer than an hour.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        let bound = |(term, nodes): &(Term, u32)| *term != Term::OnDemand && *nodes > 0;
        self.plan.holdings.iter().flat_map(|h| &h.committed).any(bound)
    }
}
