//! How little any plan can cost: the linear relaxation, solved by cuts over every hour of the trace.
//!
//! For given committed nodes the cheapest hour is known in closed form once rented nodes may be fractions: what is left
//! over goes to the cheapest of the API and the kinds on demand. That cost is convex in the numbers of nodes, so a
//! tangent at any point lies below it everywhere (Benders' decomposition, Kelley's method). A small program with one
//! variable per model and kind collects tangents until it and the trace agree; it never sees an hour, and no hour is left
//! out. Its value is a lower bound of every plan's cost: with whole numbers of committed nodes a better one.

use good_lp::solvers::microlp::microlp;
use good_lp::{Expression, ProblemVariables, Solution, SolverModel, Variable, variable};

use super::hour::{ALL, Hours, Lane};
use super::problem::MixError;
use super::spread::STEPS;

/// The rounds of cuts end here at the latest; what is reached by then is a bound all the same.
const ROUNDS: usize = 200;
/// The rounds with whole numbers, each of which is a search of its own.
const WHOLE_ROUNDS: usize = 12;
/// A cut that lifts the cost by less than this part of it is not worth a round.
const NEAR: f64 = 1e-7;
/// What a demand left unserved weighs in the program, as multiples of what everything costs.
const UNSERVED: f64 = 1_000.0;

/// The answer of the relaxation.
#[derive(Clone, Debug)]
pub(crate) struct Relaxed {
    /// No plan costs less, in nano-dollars.
    pub(crate) bound: f64,
    /// Committed nodes as fractions.
    pub(crate) nodes: Vec<Vec<f64>>,
    /// The best whole numbers, where rented nodes may still be fractions.
    pub(crate) whole: Vec<Vec<u32>>,
}

/// A tangent of one model's cost: `cost ≥ level − Σ slope·nodes`, in the program's unit.
#[derive(Clone, Debug)]
struct Cut {
    model: usize,
    level: f64,
    slopes: Vec<f64>,
}

/// An hour that committed nodes have to carry, since nothing else can.
#[derive(Clone, Debug)]
struct Must {
    model: usize,
    shares: Vec<f64>,
}

#[derive(Debug)]
struct Program<'a> {
    hours: &'a Hours,
    /// Nano-dollars of the program's unit: what everything costs without committed nodes.
    unit: f64,
    cuts: Vec<Cut>,
    musts: Vec<Must>,
}

/// What the program answers.
struct Answer {
    value: f64,
    nodes: Vec<Vec<f64>>,
    costs: Vec<f64>,
}

/// The least that any plan costs, and where.
pub(crate) fn relax(hours: &Hours) -> Result<Relaxed, MixError> {
    let mut program = Program { hours, unit: unit(hours), cuts: Vec::new(), musts: Vec::new() };
    let (answer, _) = program.rounds(false, ROUNDS)?;
    let (whole, settled) = program.rounds(true, WHOLE_ROUNDS)?;
    let bound = if settled { whole.value.max(answer.value) } else { answer.value.max(whole.value) };
    let rounded = |nodes: &Vec<f64>| nodes.iter().map(|n| n.round() as u32).collect();
    Ok(Relaxed {
        bound: (bound * (1.0 - NEAR) * program.unit).max(0.0),
        whole: whole.nodes.iter().map(rounded).collect(),
        nodes: answer.nodes,
    })
}

/// What everything costs without committed nodes; at least a nano-dollar.
fn unit(hours: &Hours) -> f64 {
    // Where nothing can be rented, enough nodes for the highest hour.
    let committed = |lane: &Lane| {
        let kinds = hours.committed.iter().zip(&lane.most).filter(|&(_, &most)| most > 0);
        let costs = kinds.filter_map(|(prices, &most)| Some(prices.last()?.nanos as f64 * f64::from(most)));
        costs.fold(0.0, f64::max) * hours.hours as f64
    };
    let lane_cost = |lane: &Lane| -> f64 {
        let costs = (0..hours.hours).filter(|&t| !lane.idle[t]).map(|t| lane.cheapest(hours, t).1);
        let (can, cannot): (Vec<f64>, Vec<f64>) = costs.partition(|c| c.is_finite());
        can.iter().sum::<f64>() + if cannot.is_empty() { 0.0 } else { committed(lane) }
    };
    hours.lanes.iter().map(lane_cost).sum::<f64>().max(1.0)
}

impl Lane {
    /// What a whole hour's mean costs without committed nodes, rented nodes as fractions: where it is asked for in a sixth
    /// of the hour, and where always. Infinite where it can be neither rented nor sent to the API.
    fn cheapest(&self, hours: &Hours, t: usize) -> (f64, f64) {
        let kinds = hours.kinds();
        let rented = hours.on_demand.iter().enumerate().filter_map(|(h, price)| {
            let (price, share) = ((*price)?, self.shares[t * kinds + h]);
            (share > 0 && price.limit > 0).then(|| price.nanos as f64 * ALL as f64 / share as f64)
        });
        let rented = rented.fold(f64::INFINITY, f64::min);
        let outside = self.api.as_ref().map_or(f64::INFINITY, |api| api[t] as f64);
        (rented.min(outside / STEPS as f64), rented.min(outside))
    }

    /// What the highest ten minutes ask, and which of it they alone ask, as multiples of the hour's mean.
    fn asked_of(&self, t: usize) -> (f64, f64) {
        (self.asked[t] as f64 / ALL as f64, self.split(t, u64::MAX).0 as f64 / ALL as f64)
    }

    /// What fractions of nodes leave over, as a multiple of the hour's mean.
    fn rest_of(&self, t: usize, nodes: &[f64]) -> f64 {
        let shares = &self.shares[t * nodes.len()..(t + 1) * nodes.len()];
        let carried: f64 = shares.iter().zip(nodes).map(|(&share, n)| share as f64 / ALL as f64 * n).sum();
        self.asked_of(t).0 - carried
    }
}

impl Program<'_> {
    /// Solves and cuts until nothing is cut any more. Whether that was reached within the rounds is told too; the value
    /// is a lower bound either way.
    fn rounds(&mut self, whole: bool, most: usize) -> Result<(Answer, bool), MixError> {
        let mut answer = self.solve(whole)?;
        for _ in 1..most {
            if !self.cut(&answer) {
                return Ok((answer, true));
            }
            answer = self.solve(whole)?;
        }
        Ok((answer, false))
    }

    /// Adds the tangents at the answer; false where the program already knew.
    fn cut(&mut self, answer: &Answer) -> bool {
        let before = self.cuts.len() + self.musts.len();
        for (m, nodes) in answer.nodes.iter().enumerate() {
            let cut = self.tangent(m, nodes);
            let at_nodes = cut.level - cut.slopes.iter().zip(nodes).map(|(s, n)| s * n).sum::<f64>();
            if at_nodes > answer.costs[m] + NEAR * answer.value.max(1e-3) / answer.nodes.len() as f64 {
                self.cuts.push(cut);
            }
            self.musts.extend(self.shortest(m, nodes));
        }
        self.cuts.len() + self.musts.len() > before
    }

    fn tangent(&self, model: usize, nodes: &[f64]) -> Cut {
        let (lane, kinds) = (&self.hours.lanes[model], nodes.len());
        let mut cut = Cut { model, level: 0.0, slopes: vec![0.0; kinds] };
        for t in (0..self.hours.hours).filter(|&t| !lane.idle[t]) {
            let (at_top, always) = lane.cheapest(self.hours, t);
            let ((asked, top), rest) = (lane.asked_of(t), lane.rest_of(t, nodes));
            if always.is_finite() && rest > 0.0 {
                let slope = if rest > top { always } else { at_top } / self.unit;
                let cost = (at_top * rest.min(top) + always * (rest - top).max(0.0)) / self.unit;
                cut.level += cost + slope * (asked - rest);
                for (h, falls) in cut.slopes.iter_mut().enumerate() {
                    *falls += slope * (lane.shares[t * kinds + h] as f64 / ALL as f64);
                }
            }
        }
        cut
    }

    /// The hour that falls shortest of what committed nodes alone have to carry.
    fn shortest(&self, model: usize, nodes: &[f64]) -> Option<Must> {
        let (lane, kinds) = (&self.hours.lanes[model], nodes.len());
        let alone = (0..self.hours.hours)
            .filter(|&t| !lane.idle[t] && lane.cheapest(self.hours, t).1.is_infinite())
            .map(|t| (lane.rest_of(t, nodes), t));
        let (rest, t) = alone.max_by(|a, b| a.0.total_cmp(&b.0))?;
        let shares = &lane.shares[t * kinds..(t + 1) * kinds];
        let must = Must { model, shares: shares.iter().map(|&s| s as f64 / lane.asked[t] as f64).collect() };
        let told = self.musts.iter().any(|m| m.model == model && m.shares == must.shares);
        (rest > 1e-6 && !told).then_some(must)
    }

    fn solve(&self, whole: bool) -> Result<Answer, MixError> {
        let hours = self.hours;
        let mut vars = ProblemVariables::new();
        let node = |lane: &Lane, h: usize| {
            let most = hours.committed_limit(h).min(u64::from(lane.most[h])) as f64;
            let node = variable().min(0.0).max(most);
            if whole { node.integer() } else { node }
        };
        let nodes: Vec<Vec<Variable>> = hours
            .lanes
            .iter()
            .map(|lane| (0..hours.kinds()).map(|h| vars.add(node(lane, h))).collect())
            .collect();
        let costs: Vec<Variable> = hours.lanes.iter().map(|_| vars.add(variable().min(0.0))).collect();
        let unserved: Vec<Variable> =
            hours.lanes.iter().map(|_| vars.add(variable().min(0.0).max(1.0))).collect();
        let paid = self.paid(&mut vars);
        let mut objective: Expression = costs.iter().sum();
        objective += unserved.iter().map(|&u| u * UNSERVED).sum::<Expression>();
        for (h, terms) in paid.iter().enumerate() {
            for (&variable, price) in terms.iter().zip(&hours.committed[h]) {
                objective += variable * (price.nanos as f64 * hours.hours as f64 / self.unit);
            }
        }
        let mut model = vars.minimise(objective.clone()).using(microlp);
        for (h, terms) in paid.iter().enumerate() {
            let had: Expression = nodes.iter().map(|n| n[h]).sum();
            model.add_constraint(had.leq(terms.iter().sum::<Expression>()));
        }
        for cut in &self.cuts {
            let falls: Expression = cut.slopes.iter().zip(&nodes[cut.model]).map(|(&s, &n)| s * n).sum();
            model.add_constraint((costs[cut.model] + falls).geq(cut.level));
        }
        for must in &self.musts {
            let carried: Expression = must.shares.iter().zip(&nodes[must.model]).map(|(&s, &n)| s * n).sum();
            model.add_constraint((carried + unserved[must.model]).geq(1.0));
        }
        let solved = model.solve().map_err(|e| MixError::Solver(e.to_string()))?;
        let value = |v: &Variable| solved.value(*v);
        Ok(Answer {
            value: solved.eval(&objective),
            nodes: nodes.iter().map(|n| n.iter().map(value).collect()).collect(),
            costs: costs.iter().map(value).collect(),
        })
    }

    /// How many nodes of each kind are paid on each committed term.
    fn paid(&self, vars: &mut ProblemVariables) -> Vec<Vec<Variable>> {
        let wanted = |h: usize| self.hours.lanes.iter().map(|lane| f64::from(lane.most[h])).sum::<f64>();
        let mut paid = Vec::new();
        for (h, prices) in self.hours.committed.iter().enumerate() {
            let most = |limit: u32| f64::from(limit).min(wanted(h));
            paid.push(prices.iter().map(|p| vars.add(variable().min(0.0).max(most(p.limit)))).collect());
        }
        paid
    }
}
