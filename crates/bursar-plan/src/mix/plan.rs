//! The plan: how many nodes of what for each model, what goes to the API, what it costs, and why.

use std::fmt;

use bursar_core::Money;

use super::bill::{Bill, Fleet, money};
use super::cover::Cover;
use super::hour::{ALL, Hours, ROUNDING};
use super::problem::{MixError, Problem};
use super::relax::relax;
use super::search::search;
use super::spread::STEPS;
use super::weigh::Scales;
use crate::supply::Term;

/// What to have, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The nodes, as [`super::replay`] takes them.
    pub fleet: Fleet,
    /// The same by model and kind, with reasons; kinds that may not be used are not listed.
    pub holdings: Vec<Holding>,
    /// What it costs.
    pub bill: Bill,
    /// No plan for the same hours costs less, spare nodes aside; `None` where something stays unserved, since then a
    /// cheaper plan would only serve less.
    pub bound: Option<Money>,
    /// Kinds that a model may not use, and why.
    pub excluded: Vec<Excluded>,
}

/// A model's nodes of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Holding {
    /// The model's name.
    pub model: String,
    /// The kind of node.
    pub hardware: String,
    /// How many committed nodes, by term; without spare ones.
    pub committed: Vec<(Term, u32)>,
    /// How many stand in for failed ones.
    pub spare: u32,
    /// Spare nodes that were wanted and cannot be had.
    pub spare_missing: u32,
    /// Hours of rented nodes.
    pub rented_node_hours: u64,
    /// The most nodes that are rented at once.
    pub rented_at_most: u32,
    /// How busy committed and rented nodes are together; `None` where there are none.
    pub utilisation: Option<f64>,
    /// The part of each hour's demand that they carry, in trillionths.
    pub carried: Vec<u64>,
    /// The last committed node; `None` where there is none.
    pub last: Option<Margin>,
    /// The next committed node, which is not had.
    pub next: Option<Margin>,
}

/// What one committed node more or less means, the others and the best renting around it given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin {
    /// How busy it is by itself.
    pub utilisation: f64,
    /// What it spares in renting and at the API, over all hours.
    pub spares: Money,
    /// What it costs over all hours; `None` where it cannot be had.
    pub paid: Option<Money>,
    /// `u*`: the utilisation from which on it pays at what its work costs elsewhere; `None` where that is nothing.
    pub break_even: Option<f64>,
}

/// A kind that a model may not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excluded {
    /// The model's name.
    pub model: String,
    /// The kind of node.
    pub hardware: String,
    /// Why, in words.
    pub why: String,
}

/// The plan with the lowest cost that was found, with a bound that shows how much less any other could cost.
///
/// # Errors
///
/// What [`Problem::check`] finds, an amount beyond the range of money, or a solver that gives up.
pub fn plan(problem: &Problem) -> Result<Plan, MixError> {
    let hours = Hours::new(problem)?;
    let relaxed = relax(&hours)?;
    let mut scales = Scales::new(&hours);
    let committed = search(&hours, &relaxed, &mut scales);
    let rented = scales.rented(&committed);
    let mut fleet = Fleet { committed, rented, spare: Fleet::none(problem).spare };
    let missing = add_spare(problem, &hours, &mut fleet);
    let bill = Bill::of(problem, &hours, &fleet)?;
    let bound = if bill.unserved.is_empty() { money(relaxed.bound as i128) } else { None };
    let holdings = holdings(problem, &hours, &fleet, &missing)?;
    Ok(Plan { fleet, holdings, bill, bound, excluded: excluded(problem) })
}

impl Plan {
    /// By how much the plan's bill is above the bound, as a part of the bound: no plan saves more than that. Spare
    /// nodes, which no bound knows, count as the plan's. `None` without a bound.
    #[must_use]
    pub fn gap(&self) -> Option<f64> {
        let (bound, total) = (self.bound?.nanos() as f64, self.bill.total.nanos() as f64);
        Some(if bound > 0.0 { (total - bound).max(0.0) / bound } else { 0.0 })
    }
}

/// Adds each model's spare nodes, of the strongest kind that it has committed nodes of, so that one of them can stand in
/// for any. Returns for each model and kind how many cannot be had.
fn add_spare(problem: &Problem, hours: &Hours, fleet: &mut Fleet) -> Vec<Vec<u32>> {
    let kinds = hours.kinds();
    let mut missing = vec![vec![0; kinds]; problem.models.len()];
    for (m, model) in problem.models.iter().enumerate() {
        let strength = |h: usize| {
            hours.lanes[m].shares.iter().skip(h).step_by(kinds).map(|&s| u128::from(s)).sum::<u128>()
        };
        let used = (0..kinds).filter(|&h| fleet.committed[m][h] > 0);
        let Some(h) = used.max_by_key(|&h| (strength(h), std::cmp::Reverse(h))) else { continue };
        let had = |nodes: &[Vec<u32>]| nodes.iter().map(|n| u64::from(n[h])).sum::<u64>();
        let left = hours.committed_limit(h).saturating_sub(had(&fleet.committed) + had(&fleet.spare));
        fleet.spare[m][h] = left.min(u64::from(model.spare)) as u32;
        missing[m][h] = model.spare - fleet.spare[m][h];
    }
    missing
}

fn excluded(problem: &Problem) -> Vec<Excluded> {
    let mut excluded = Vec::new();
    for model in &problem.models {
        for (h, hardware) in problem.hardware.iter().enumerate().filter(|&(h, k)| !model.runs_on(h, k)) {
            let why = match (model.loads.get(h), &hardware.region) {
                (Some(Some(_)), Some(region)) => format!("{region} is not among the regions it may run in"),
                (Some(None), _) => {
                    "it cannot run there, or nothing is known of how much of it a node carries".to_owned()
                }
                _ => "it may be served at the API only".to_owned(),
            };
            excluded.push(Excluded { model: model.name.clone(), hardware: hardware.name.clone(), why });
        }
    }
    excluded
}

fn holdings(
    problem: &Problem,
    hours: &Hours,
    fleet: &Fleet,
    missing: &[Vec<u32>],
) -> Result<Vec<Holding>, MixError> {
    let mut holdings = Vec::new();
    for (m, model) in problem.models.iter().enumerate() {
        let carried = carried(hours, fleet, m);
        for (h, hardware) in problem.hardware.iter().enumerate().filter(|&(h, k)| model.runs_on(h, k)) {
            let terms = fleet.on_terms(hours, h).unwrap_or_default();
            let on_term = |&(choice, n, _): &(usize, u32, u32)| (hardware.choices[choice].term, n);
            let committed = terms.get(m).into_iter().flatten().map(on_term).filter(|&(_, n)| n > 0);
            let rented = || fleet.rented[m].iter().skip(h).step_by(hours.kinds()).copied();
            let load = model.loads[h].as_deref().unwrap_or_default();
            let margin = |next| margin(hours, fleet, (m, h), load, next);
            holdings.push(Holding {
                model: model.name.clone(),
                hardware: hardware.name.clone(),
                committed: committed.collect(),
                spare: fleet.spare[m][h],
                spare_missing: missing[m][h],
                rented_node_hours: rented().map(u64::from).sum(),
                rented_at_most: rented().max().unwrap_or(0),
                utilisation: utilisation(hours, fleet, (m, h), (&carried[h], load)),
                carried: carried[h].clone(),
                last: if fleet.committed[m][h] > 0 { margin(false)? } else { None },
                next: margin(true)?,
            });
        }
    }
    Ok(holdings)
}

/// The parts of each hour that each kind carries, the kinds in their order.
fn carried(hours: &Hours, fleet: &Fleet, m: usize) -> Vec<Vec<u64>> {
    let (lane, kinds) = (&hours.lanes[m], hours.kinds());
    let mut carried = vec![vec![0; hours.hours]; kinds];
    for t in (0..hours.hours).filter(|&t| !lane.idle[t]) {
        let (mut capacity, mut left) = (0u64, ALL * STEPS as u64);
        for (h, nodes) in fleet.working(m, t).into_iter().enumerate() {
            capacity = capacity.saturating_add(lane.shares[t * kinds + h].saturating_mul(u64::from(nodes)));
            let uncarried = lane.uncarried(t, lane.beyond(t, capacity)).min(left);
            carried[h][t] = (left - uncarried) / STEPS as u64;
            left = uncarried;
        }
    }
    carried
}

/// Busy node-hours by paid ones. What nodes carry of an hour keeps them busy for that part of the hour's load, which may be
/// less than one node.
fn utilisation(
    hours: &Hours,
    fleet: &Fleet,
    (m, h): (usize, usize),
    (carried, load): (&[u64], &[f64]),
) -> Option<f64> {
    let paid: u64 = (0..hours.hours).map(|t| u64::from(fleet.working(m, t)[h])).sum();
    let busy = carried.iter().zip(load).map(|(&part, load)| part as f64 / ALL as f64 * load);
    (paid > 0).then(|| busy.sum::<f64>() / paid as f64)
}

/// The last committed node, or the next.
fn margin(
    hours: &Hours,
    fleet: &Fleet,
    (m, h): (usize, usize),
    load: &[f64],
    next: bool,
) -> Result<Option<Margin>, MixError> {
    let mut fewer = fleet.committed[m].clone();
    fewer[h] -= u32::from(!next);
    let mut more = fewer.clone();
    more[h] += 1;
    let had = |nodes: &[Vec<u32>]| nodes.iter().map(|n| u64::from(n[h])).sum::<u64>();
    let before = had(&fleet.committed) + had(&fleet.spare) - u64::from(!next);
    let price = |n: u64| hours.committed_cost(h, n).map(|cost| cost * hours.hours as i128);
    let paid = price(before + 1).zip(price(before)).map(|(a, b)| a - b);
    let too_much = || MixError::TooMuch("what a node spares".to_owned());
    let (spares, utilisation) = spared(hours, (m, h), load, (&fewer, &more));
    let break_even = paid.filter(|_| spares > 0).map(|paid| utilisation * paid as f64 / spares as f64);
    let paid = paid.map(|nanos| money(nanos).ok_or_else(too_much)).transpose()?;
    Ok(Some(Margin { utilisation, spares: money(spares).ok_or_else(too_much)?, paid, break_even }))
}

/// What `more` nodes spare against `fewer`, in nano-dollars, and how busy the one that they differ in is. Where a model
/// may not leave, what is unserved spares nothing.
fn spared(
    hours: &Hours,
    (m, h): (usize, usize),
    load: &[f64],
    (fewer, more): (&[u32], &[u32]),
) -> (i128, f64) {
    let (lane, kinds) = (&hours.lanes[m], hours.kinds());
    let limits: Vec<u32> = hours.on_demand.iter().map(|p| p.map_or(0, |p| p.limit)).collect();
    let mut cover = Cover::default();
    let mut exact = |t: usize, nodes: &[u32]| {
        let mut rest = lane.rest(t, nodes);
        cover.cost(hours, lane, (t, rest), &limits);
        let mut nanos = 0i128;
        cover.rented(|h, n| {
            nanos += hours.on_demand[h].map_or(0, |p| i128::from(p.nanos) * i128::from(n));
            rest = rest.saturating_sub(lane.shares[t * kinds + h].saturating_mul(u64::from(n)));
        });
        nanos + lane.api_cost(t, if rest <= ROUNDING { 0 } else { rest })
    };
    let (mut nanos, mut busy) = (0, 0.0);
    for t in (0..hours.hours).filter(|&t| !lane.idle[t] && lane.shares[t * kinds + h] > 0) {
        nanos += exact(t, fewer) - exact(t, more);
        let sixths = lane.uncarried(t, lane.rest(t, fewer)) - lane.uncarried(t, lane.rest(t, more));
        busy += sixths as f64 / ALL as f64 * load[t];
    }
    (nanos, busy / (hours.hours * STEPS) as f64)
}

impl Holding {
    /// How many committed nodes work.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.committed.iter().map(|(_, n)| n).sum()
    }
}

impl fmt::Display for Holding {
    /// The count with its reason, in a sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: f64| format!("{:.0} %", part * 100.0);
        write!(f, "{} committed {} for {}", self.nodes(), self.hardware, self.model)?;
        let pays = |margin: &Margin| match (margin.break_even, margin.paid) {
            (Some(from), _) => format!("would pay from {} on", percent(from)),
            (None, None) => "cannot be had".to_owned(),
            (None, Some(_)) => "spares nothing".to_owned(),
        };
        let told = [("the last", &self.last), ("one more", &self.next)];
        for (i, (which, margin)) in told.iter().filter_map(|(w, m)| Some((w, m.as_ref()?))).enumerate() {
            let sign = if i == 0 { ":" } else { ";" };
            write!(f, "{sign} {which} is busy {} and {}", percent(margin.utilisation), pays(margin))?;
        }
        Ok(())
    }
}
