//! What the plan costs in many futures, and what each of its purchases may be regretted for.

use bursar_core::Money;

use super::assemble::Assembled;
use super::carrying::{Carrying, CarryingBasis};
use super::inputs::{Inputs, Settings};
use super::solve::PlacementError;
use crate::mix::{Bill, Fleet, Item, Place, Plan, Problem};
use crate::scenario::{
    Basis, CostCurve, CurvePoint, Factor, Factors, FanMonth, PlanModel, Purchase, Question, Risk, fan,
    scaled, simulate,
};
use crate::supply::Term;
use crate::tco::{Millionths, Ownership};

/// Loads as multiples of today's at which costs are computed, in hundredths.
const LOADS: [u64; 11] = [25, 50, 75, 100, 125, 150, 200, 300, 400, 600, 800];
/// Nine of ten values of a normal distribution lie within so many standard deviations.
const NINE_OF_TEN: f64 = 1.645;
/// A capacity that is known no better than this, as the standard deviation of a logarithm, is taken as no worse.
const WIDEST: f64 = 0.5;

/// One line of the plan that can be had or left.
#[derive(Clone, Debug, PartialEq)]
pub struct Purchased {
    /// The model.
    pub model: String,
    /// The kind of machine.
    pub hardware: String,
    /// The term.
    pub term: Term,
    /// How many machines; for those on demand the most at once.
    pub nodes: u32,
    /// What all of them cost an hour; for those on demand on average.
    pub per_hour: Money,
    /// Its name in reports.
    pub name: String,
    model_place: usize,
    kind_place: usize,
}

/// The plan in many futures.
#[derive(Clone, Debug, PartialEq)]
pub struct Futures {
    /// The plan's lines, in the order of [`Risk::purchases`].
    pub purchases: Vec<Purchased>,
    /// Savings, regrets, waiting, one-year terms, tornado and break-even month.
    pub risk: Risk,
    /// Cumulative costs.
    pub months: Vec<FanMonth>,
    /// The factors that were drawn, the throughput's own error among them.
    pub factors: Factors,
}

/// The futures of a plan; `None` where it has no machine that could be left out. Machines for models that may not leave
/// are bound, and no part of the question.
pub(super) fn futures(
    inputs: &Inputs<'_>,
    assembled: &Assembled,
    plan: &Plan,
    (factors, weekly_noise): (&Factors, f64),
) -> Result<Option<Futures>, PlacementError> {
    let (problem, fleet) = free_part(&assembled.planned, &plan.fleet);
    let purchases = purchases(assembled, &problem, &fleet)?;
    if purchases.is_empty() {
        return Ok(None);
    }
    let settings = inputs.settings;
    let factors = with_throughput(factors.clone(), assembled, &purchases);
    let model = plan_model(inputs, assembled, (&problem, &fleet), &purchases)?;
    let names: Vec<String> = purchases.iter().map(|p| p.name.clone()).collect();
    let question = Question {
        one_year: model.has_one_year(),
        weekly_noise,
        draws: settings.draws,
        seed: settings.seed,
        ..Question::new(&factors, &names, settings.months)
    };
    let risk = simulate(&question, |future, choice| model.costs(future, choice))?;
    let Settings { months, draws, seed, .. } = settings;
    let months = fan(&factors, (*months, *draws, *seed), |future, choice| model.costs(future, choice))?;
    Ok(Some(Futures { purchases, risk, months, factors }))
}

/// The models that could go to the API, with their nodes.
fn free_part(problem: &Problem, fleet: &Fleet) -> (Problem, Fleet) {
    let free: Vec<usize> =
        (0..problem.models.len()).filter(|&m| problem.models[m].place != Place::StaysInside).collect();
    let part = |nodes: &[Vec<u32>]| free.iter().map(|&m| nodes[m].clone()).collect();
    let models = free.iter().map(|&m| problem.models[m].clone()).collect();
    let fleet =
        Fleet { committed: part(&fleet.committed), spare: part(&fleet.spare), rented: part(&fleet.rented) };
    (Problem { hardware: problem.hardware.clone(), models }, fleet)
}

/// The lines of the bill that pay machines: those that stand in for others belong to the ones they stand in for.
fn purchases(
    assembled: &Assembled,
    problem: &Problem,
    fleet: &Fleet,
) -> Result<Vec<Purchased>, PlacementError> {
    let hours = problem.hours() as i128;
    let mut purchases: Vec<Purchased> = Vec::new();
    if problem.models.is_empty() {
        return Ok(purchases);
    }
    for line in fleet.bill(problem)?.lines {
        let Item::Nodes { hardware, term, node_hours, .. } = &line.item else { continue };
        let found = (
            problem.models.iter().position(|m| m.name == line.model),
            problem.hardware.iter().position(|k| k.name == *hardware),
        );
        let (Some(model_place), Some(kind_place)) = found else { continue };
        let nodes = match term {
            Term::OnDemand => most_rented(problem, fleet, (model_place, kind_place)),
            Term::OneYear | Term::ThreeYears | Term::Owned => (*node_hours as i128 / hours.max(1)) as u32,
        };
        let per_hour = Money::from_nanos((i128::from(line.amount.nanos()) / hours.max(1)) as i64);
        let same = |p: &&mut Purchased| {
            p.term == *term && (p.model_place, p.kind_place) == (model_place, kind_place)
        };
        if let Some(known) = purchases.iter_mut().find(same) {
            known.nodes += nodes;
            known.per_hour =
                known.per_hour.checked_add(per_hour).ok_or(PlacementError::TooMuchMoney(line.model))?;
            continue;
        }
        purchases.push(Purchased {
            model: line.model,
            hardware: hardware.clone(),
            term: *term,
            nodes,
            per_hour,
            name: String::new(),
            model_place,
            kind_place,
        });
    }
    let several = assembled.series.len() > 1;
    for p in &mut purchases {
        let upto = if p.term == Term::OnDemand { "up to " } else { "" };
        let whose = if several { format!(" for {}", p.model) } else { String::new() };
        p.name = format!("{upto}{} × {}, {}{whose}", p.nodes, p.hardware, p.term.name());
    }
    Ok(purchases)
}

fn most_rented(problem: &Problem, fleet: &Fleet, (m, h): (usize, usize)) -> u32 {
    fleet.rented[m].iter().skip(h).step_by(problem.hardware.len().max(1)).copied().max().unwrap_or(0)
}

fn plan_model(
    inputs: &Inputs<'_>,
    assembled: &Assembled,
    (problem, fleet): (&Problem, &Fleet),
    purchases: &[Purchased],
) -> Result<PlanModel, PlacementError> {
    let scaled: Vec<(Millionths, Problem)> = LOADS
        .iter()
        .map(|load| {
            let load = Millionths::from_millionths(load * 10_000);
            Ok((load, at_load(problem, load.to_f64())?))
        })
        .collect::<Result<_, PlacementError>>()?;
    let purchase = |p: &Purchased| {
        let kind = &assembled.kinds[p.kind_place];
        let owned = kind.owned.and_then(|place| inputs.owned.get(place)).filter(|_| p.term == Term::Owned);
        let residual = owned.map(|o| residual_per_hour(o, kind.utilisation)).transpose()?;
        Ok::<_, PlacementError>(Purchase {
            name: p.name.clone(),
            term: p.term,
            per_hour: p.per_hour,
            residual_per_hour: times(residual.unwrap_or(Money::ZERO), p.nodes),
            one_year_per_hour: kind.price(Term::OneYear).map(|price| times(price, p.nodes)),
            without: curve(&scaled, &without(problem, fleet, p))?,
        })
    };
    Ok(PlanModel {
        months: inputs.settings.months,
        curve: curve(&scaled, fleet)?,
        purchases: purchases.iter().map(purchase).collect::<Result<_, _>>()?,
    })
}

fn times(amount: Money, count: u32) -> Money {
    Money::from_nanos(amount.nanos().saturating_mul(i64::from(count)))
}

/// By how much more an hour of an owned machine costs if it is worth nothing at its end.
fn residual_per_hour(owned: &Ownership, utilisation: Millionths) -> Result<Money, PlacementError> {
    let worthless = Ownership { residual: Money::ZERO, ..owned.clone() };
    let (with, without) = (owned.ledger(utilisation)?.per_hour, worthless.ledger(utilisation)?.per_hour);
    Ok(without.checked_sub(with).unwrap_or(Money::ZERO))
}

fn without(problem: &Problem, fleet: &Fleet, purchase: &Purchased) -> Fleet {
    let (m, h) = (purchase.model_place, purchase.kind_place);
    let mut fewer = fleet.clone();
    if purchase.term == Term::OnDemand {
        fewer.rented[m].iter_mut().skip(h).step_by(problem.hardware.len().max(1)).for_each(|n| *n = 0);
    } else {
        fewer.committed[m][h] = fewer.committed[m][h].saturating_sub(purchase.nodes);
    }
    fewer
}

fn at_load(problem: &Problem, factor: f64) -> Result<Problem, PlacementError> {
    let mut scaled_problem = problem.clone();
    for model in &mut scaled_problem.models {
        model.loads.iter_mut().flatten().flatten().for_each(|load| *load *= factor);
        for api in model.api.iter_mut().flatten() {
            *api = scaled(*api, factor).ok_or_else(|| PlacementError::TooMuchMoney(model.name.clone()))?;
        }
    }
    Ok(scaled_problem)
}

/// The costs of a fleet at all loads: means an hour.
fn curve(loads: &[(Millionths, Problem)], fleet: &Fleet) -> Result<CostCurve, PlacementError> {
    let mut points = Vec::new();
    let (mut least_api, mut least_spill) = (Money::ZERO, Money::ZERO);
    for (load, problem) in loads {
        let hours = problem.hours().max(1) as i64;
        let mean = |bill: &Bill| {
            let api = bill.lines.iter().filter(|l| matches!(l.item, Item::Api { .. }));
            Money::checked_sum(api.map(|l| l.amount)).map(|sum| Money::from_nanos(sum.nanos() / hours))
        };
        let all = mean(&Fleet::none(problem).bill(problem)?);
        let left = mean(&fleet.bill(problem)?);
        let (all, left) =
            all.zip(left).ok_or_else(|| PlacementError::TooMuchMoney("the API at high loads".to_owned()))?;
        // Each is rounded once for each hour, so that two that are alike may differ by nano-dollars.
        (least_api, least_spill) = (least_api.max(all), least_spill.max(left));
        points.push(CurvePoint { load: *load, api: least_api, spill: least_spill.min(least_api) });
    }
    Ok(CostCurve::new(points)?)
}

/// The factors with the error of the throughput that the plan's machines are counted with: the largest of them.
fn with_throughput(factors: Factors, assembled: &Assembled, purchases: &[Purchased]) -> Factors {
    let used = purchases.iter().filter_map(|p| {
        let place = assembled.series.iter().position(|s| s.model == p.model)?;
        assembled.carrying[place][p.kind_place].as_ref()
    });
    let known = used.filter_map(|c| Some((spread_of(c)?, c)));
    let Some((spread, carrying)) = known.max_by(|a, b| a.0.total_cmp(&b.0)) else { return factors };
    let basis = match &carrying.basis {
        CarryingBasis::Fitted { .. } => Basis::Measured,
        CarryingBasis::Published { .. } => Basis::Published,
    };
    let utilisation = Factor { spread, basis, dated: carrying.basis.dated().clone(), ..factors.utilisation };
    Factors { utilisation, ..factors }
}

/// How far a node's throughput may be off, as the standard deviation of a logarithm; `None` where that is not known.
pub(super) fn spread_of(carrying: &Carrying) -> Option<f64> {
    let speed = carrying.output_per_second;
    let (low, high) = speed.interval?;
    let half = if low > 0.0 { (high / low).ln() / 2.0 } else { (high / speed.mid).ln() };
    let spread = half / NINE_OF_TEN;
    (spread.is_finite() && spread > 0.0).then_some(spread.min(WIDEST))
}
