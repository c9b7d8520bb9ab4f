//! The whole problem as one mixed-integer program, every hour in it, for any solver of `good_lp`.
//!
//! [`super::plan()`] does not solve it: it is there to measure the plan against, with HiGHS on the full trace (feature
//! `highs`) and with microlp on short ones.
//!
//! For model `m`, kind `h`, committed term `k` and hour `t`:
//!
//! ```text
//! minimise  T·Σ price[h,k]·N[m,h,k]  +  Σ price[h]·D[m,h,t]  +  Σ api[m,t]·(b[m,t]/6 + a[m,t])
//! such that Σ_h share[m,h,t]·(Σ_k N[m,h,k] + D[m,h,t]) + b[m,t] + a[m,t] ≥ peak[m,t]    where anything is asked
//!           Σ_m N[m,h,k] ≤ limit[h,k],   Σ_m D[m,h,t] ≤ limit[h]
//!           N, D whole, a ≥ 0, 0 ≤ b ≤ top[m,t], and a = b = 0 where the model may not leave
//! ```
//!
//! with shares and peaks as multiples of the hour's mean, and `top` what the highest ten minutes ask beyond the others.

use good_lp::{Expression, ProblemVariables, Solution, SolverModel, Variable, variable};

use super::bill::Fleet;
use super::hour::{ALL, Hours, Lane, Price};
use super::problem::{MixError, Problem};
use super::spread::STEPS;

const NANOS_PER_DOLLAR: f64 = 1e9;

/// A solver's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Solved {
    /// The nodes.
    pub fleet: Fleet,
    /// The program's value in dollars, as the solver says.
    pub dollars: f64,
}

/// The variables of one model.
struct Nodes {
    /// By kind and committed term.
    committed: Vec<Vec<Variable>>,
    /// At `t × kinds + h`.
    rented: Vec<Option<Variable>>,
    /// What goes to the API of each hour: of the highest ten minutes alone, and of the whole hour.
    outside: Vec<Option<[Variable; 2]>>,
}

/// The program of a problem, not yet handed to a solver.
struct Whole<'a> {
    hours: &'a Hours,
    vars: ProblemVariables,
    nodes: Vec<Nodes>,
}

/// Solves the whole program with this solver, which sees it before it is solved: to set a gap, or threads.
///
/// # Errors
///
/// What [`Problem::check`] finds, and [`MixError::Solver`] where there is no answer, for example because what may not
/// leave cannot be served.
pub fn solve<S, M>(problem: &Problem, solver: S, set: impl FnOnce(M) -> M) -> Result<Solved, MixError>
where
    S: good_lp::Solver<Model = M>,
    M: SolverModel,
    M::Error: std::fmt::Display,
{
    let hours = Hours::new(problem)?;
    let mut whole = Whole { hours: &hours, vars: ProblemVariables::new(), nodes: Vec::new() };
    for lane in &hours.lanes {
        let nodes = whole.nodes_of(lane);
        whole.nodes.push(nodes);
    }
    let objective = whole.objective();
    let mut rows = whole.demand_rows();
    rows.extend(whole.limit_rows());
    let Whole { vars, nodes, .. } = whole;
    let mut model = vars.minimise(objective.clone()).using(solver);
    for row in rows {
        model.add_constraint(row);
    }
    let solved = set(model).solve().map_err(|e| MixError::Solver(e.to_string()))?;
    Ok(Solved { fleet: fleet(problem, &hours, &nodes, &solved), dollars: solved.eval(&objective) })
}

impl Whole<'_> {
    fn nodes_of(&mut self, lane: &Lane) -> Nodes {
        let kinds = self.hours.kinds();
        let whole =
            |most: u32, price: &Price| variable().integer().min(0.0).max(f64::from(most.min(price.limit)));
        let mut committed = Vec::new();
        for (h, prices) in self.hours.committed.iter().enumerate() {
            committed.push(prices.iter().map(|p| self.vars.add(whole(lane.most[h], p))).collect());
        }
        let mut nodes = Nodes { committed, rented: Vec::new(), outside: Vec::new() };
        for t in 0..self.hours.hours {
            for h in 0..kinds {
                let share = lane.shares[t * kinds + h];
                let rented = self.hours.on_demand[h].filter(|_| share > 0 && !lane.idle[t]);
                let most = lane.asked[t].div_ceil(share.max(1)) as u32;
                nodes.rented.push(rented.map(|p| self.vars.add(whole(most, &p))));
            }
            let outside = lane.api.as_ref().filter(|_| !lane.idle[t]);
            let (top, always) = lane.split(t, lane.asked[t]);
            let mut part = |parts: u64| self.vars.add(variable().min(0.0).max(parts as f64 / ALL as f64));
            nodes.outside.push(outside.map(|_| [part(top), part(always)]));
        }
        nodes
    }

    fn objective(&self) -> Expression {
        let (hours, kinds) = (self.hours, self.hours.kinds());
        let mut objective = Expression::with_capacity(hours.hours * (kinds + 1) * self.nodes.len());
        for (lane, nodes) in hours.lanes.iter().zip(&self.nodes) {
            let committed = nodes.committed.iter().flatten().zip(hours.committed.iter().flatten());
            for (&n, price) in committed {
                objective.add_mul(price.nanos as f64 / NANOS_PER_DOLLAR * hours.hours as f64, n);
            }
            for (i, &n) in nodes.rented.iter().enumerate() {
                if let (Some(n), Some(price)) = (n, hours.on_demand[i % kinds]) {
                    objective.add_mul(price.nanos as f64 / NANOS_PER_DOLLAR, n);
                }
            }
            for (t, &a) in nodes.outside.iter().enumerate() {
                if let (Some([top, always]), Some(api)) = (a, &lane.api) {
                    objective.add_mul(api[t] as f64 / NANOS_PER_DOLLAR / STEPS as f64, top);
                    objective.add_mul(api[t] as f64 / NANOS_PER_DOLLAR, always);
                }
            }
        }
        objective
    }

    fn demand_rows(&self) -> Vec<good_lp::Constraint> {
        let kinds = self.hours.kinds();
        let mut rows = Vec::new();
        for (lane, nodes) in self.hours.lanes.iter().zip(&self.nodes) {
            for t in (0..self.hours.hours).filter(|&t| !lane.idle[t]) {
                let mut carried: Expression = nodes.outside[t].iter().flatten().sum();
                for h in 0..kinds {
                    let share = lane.shares[t * kinds + h] as f64 / ALL as f64;
                    for &n in nodes.committed[h].iter().chain(&nodes.rented[t * kinds + h]) {
                        carried.add_mul(share, n);
                    }
                }
                rows.push(carried.geq(lane.asked[t] as f64 / ALL as f64));
            }
        }
        rows
    }

    fn limit_rows(&self) -> Vec<good_lp::Constraint> {
        let (hours, kinds) = (self.hours, self.hours.kinds());
        let mut rows = Vec::new();
        for (h, prices) in hours.committed.iter().enumerate() {
            for (k, price) in prices.iter().enumerate().filter(|(_, p)| p.limit < u32::MAX) {
                let had: Expression = self.nodes.iter().map(|n| n.committed[h][k]).sum();
                rows.push(had.leq(f64::from(price.limit)));
            }
        }
        for i in 0..hours.hours * kinds {
            if let Some(price) = hours.on_demand[i % kinds].filter(|p| p.limit < u32::MAX) {
                let rented: Expression = self.nodes.iter().filter_map(|n| n.rented[i]).sum();
                rows.push(rented.leq(f64::from(price.limit)));
            }
        }
        rows
    }
}

fn fleet(problem: &Problem, hours: &Hours, nodes: &[Nodes], solved: &impl Solution) -> Fleet {
    let value = |v: &Variable| solved.value(*v).round() as u32;
    let mut fleet = Fleet::none(problem);
    for (m, nodes) in nodes.iter().enumerate() {
        for h in 0..hours.kinds() {
            fleet.committed[m][h] = nodes.committed[h].iter().map(value).sum();
        }
        fleet.rented[m] = nodes.rented.iter().map(|v| v.as_ref().map_or(0, value)).collect();
    }
    fleet
}
