//! What a fleet costs over the hours of a problem: a ledger whose lines are whole nano-dollars and sum to the total.

use bursar_core::Money;

use super::hour::{ALL, Hours};
use super::problem::{MixError, Problem};
use super::spread::STEPS;
use super::weigh::Scales;
use crate::supply::Term;

/// Which nodes there are for each model: the first index is the model's place, then the kind's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// Nodes in every hour.
    pub committed: Vec<Vec<u32>>,
    /// Nodes besides, in every hour, that stand in for failed ones.
    pub spare: Vec<Vec<u32>>,
    /// Nodes that are rented for an hour: of kind `h` in hour `t` at `t × kinds + h`.
    pub rented: Vec<Vec<u32>>,
}

/// A fleet's cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Bill {
    /// The ledger, by model.
    pub lines: Vec<Line>,
    /// The sum of the lines.
    pub total: Money,
    /// What models that may not leave asked for and did not get.
    pub unserved: Vec<Unserved>,
}

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The model's name.
    pub model: String,
    /// What is paid.
    pub item: Item,
    /// How much.
    pub amount: Money,
}

/// What a line pays.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// Nodes: `node_hours × per_hour`.
    Nodes {
        /// Of which kind.
        hardware: String,
        /// On which term.
        term: Term,
        /// Whether they only stand in for failed ones.
        spare: bool,
        /// Nodes times hours.
        node_hours: u64,
        /// The price.
        per_hour: Money,
    },
    /// The API: the bill of each hour (in a replay of each step of it) times the part of it that goes there, each
    /// rounded once (half-even).
    Api {
        /// How many hours' demand goes there; parts of hours add up.
        hours: f64,
    },
    /// The API in a failed node's place.
    Failover {
        /// How many hours' demand went there; parts of hours add up.
        hours: f64,
    },
    /// The API for work that could not be done before its deadline.
    LateBatch {
        /// How many jobs went there, in whole or in part.
        jobs: usize,
    },
}

/// Demand that was not served.
#[derive(Clone, Debug, PartialEq)]
pub struct Unserved {
    /// The model's name.
    pub model: String,
    /// In how many steps something was not served.
    pub steps: usize,
    /// How many steps' demand was not served; parts add up.
    pub demand: f64,
}

impl Fleet {
    /// No nodes at all.
    #[must_use]
    pub fn none(problem: &Problem) -> Fleet {
        let (models, kinds) = (problem.models.len(), problem.hardware.len());
        Fleet {
            committed: vec![vec![0; kinds]; models],
            spare: vec![vec![0; kinds]; models],
            rented: vec![vec![0; kinds * problem.hours()]; models],
        }
    }

    /// These committed nodes with the best renting around them, each hour's demand being known when it begins: how a fleet
    /// that was chosen for one demand meets another. Its places are those of [`Fleet::committed`].
    ///
    /// # Errors
    ///
    /// The problem's own, and [`MixError::Shape`] where there is not one number for each model and kind.
    pub fn with_best_renting(problem: &Problem, committed: Vec<Vec<u32>>) -> Result<Fleet, MixError> {
        let (hours, kinds) = (Hours::new(problem)?, problem.hardware.len());
        if committed.len() != problem.models.len() || committed.iter().any(|nodes| nodes.len() != kinds) {
            return Err(MixError::Shape);
        }
        let rented = Scales::new(&hours).rented(&committed);
        Ok(Fleet { committed, rented, ..Fleet::none(problem) })
    }

    /// What this fleet costs, with the API for what it does not carry.
    ///
    /// # Errors
    ///
    /// The problem's own, [`MixError::TooMany`] where the fleet has more committed nodes than can be had,
    /// [`MixError::Shape`] where it was made for another problem, and [`MixError::TooMuch`] where an amount leaves the range of money.
    pub fn bill(&self, problem: &Problem) -> Result<Bill, MixError> {
        Bill::of(problem, &Hours::new(problem)?, self)
    }

    /// On which terms the committed nodes of kind `h` are had: the cheapest first, model after model. For each model a
    /// list of the choice's place, working nodes and spare nodes.
    pub(crate) fn on_terms(&self, hours: &Hours, h: usize) -> Option<Vec<Vec<(usize, u32, u32)>>> {
        let mut left: Vec<u32> = hours.committed[h].iter().map(|p| p.limit).collect();
        let mut take = |mut nodes: u32| {
            let mut taken = vec![0; left.len()];
            for (taken, left) in taken.iter_mut().zip(&mut left) {
                *taken = nodes.min(*left);
                *left -= *taken;
                nodes -= *taken;
            }
            (nodes == 0).then_some(taken)
        };
        let mut terms = Vec::new();
        for (working, spare) in self.committed.iter().zip(&self.spare) {
            let (working, spare) = (take(working[h])?, take(spare[h])?);
            let choices = hours.committed[h].iter().map(|p| p.choice);
            terms.push(choices.zip(working).zip(spare).map(|((c, w), s)| (c, w, s)).collect());
        }
        Some(terms)
    }

    /// Whether there is a number for each model, kind and hour.
    fn fits(&self, hours: &Hours) -> bool {
        let (models, kinds) = (hours.lanes.len(), hours.kinds());
        let each =
            |numbers: &[Vec<u32>], n: usize| numbers.len() == models && numbers.iter().all(|v| v.len() == n);
        each(&self.committed, kinds) && each(&self.spare, kinds) && each(&self.rented, kinds * hours.hours)
    }

    /// The nodes of a model that work in hour `t`.
    pub(crate) fn working(&self, model: usize, t: usize) -> Vec<u32> {
        let committed = &self.committed[model];
        let rented = &self.rented[model][t * committed.len()..(t + 1) * committed.len()];
        committed.iter().zip(rented).map(|(a, b)| a + b).collect()
    }
}

impl Bill {
    pub(crate) fn of(problem: &Problem, hours: &Hours, fleet: &Fleet) -> Result<Bill, MixError> {
        Bill::with(problem, hours, fleet, |bill, m| bill.add_outside(problem, hours, fleet, m))
    }

    /// A bill of the fleet's nodes, and of what `outside` adds for each model after them.
    pub(crate) fn with(
        problem: &Problem,
        hours: &Hours,
        fleet: &Fleet,
        mut outside: impl FnMut(&mut Bill, usize) -> Result<(), MixError>,
    ) -> Result<Bill, MixError> {
        if !fleet.fits(hours) {
            return Err(MixError::Shape);
        }
        let mut bill = Bill { lines: Vec::new(), total: Money::ZERO, unserved: Vec::new() };
        let too_many = |h: usize| MixError::TooMany { hardware: problem.hardware[h].name.clone() };
        let terms: Vec<_> = (0..hours.kinds())
            .map(|h| fleet.on_terms(hours, h).ok_or_else(|| too_many(h)))
            .collect::<Result<_, _>>()?;
        for m in 0..problem.models.len() {
            for (h, terms) in terms.iter().enumerate() {
                bill.add_nodes(problem, fleet, (m, h), &terms[m])?;
            }
            outside(&mut bill, m)?;
        }
        bill.total = Money::checked_sum(bill.lines.iter().map(|l| l.amount))
            .ok_or_else(|| MixError::TooMuch("the plan".to_owned()))?;
        Ok(bill)
    }

    /// A saving of this bill against another; `None` where the other leaves something unserved that this one serves, so
    /// that they do not pay for the same.
    #[must_use]
    pub fn saving_against(&self, other: &Bill) -> Option<Money> {
        let unserved = |bill: &Bill| bill.unserved.iter().map(|u| u.demand).sum::<f64>();
        if unserved(other) > unserved(self) {
            return None;
        }
        other.total.checked_sub(self.total)
    }

    fn add_nodes(
        &mut self,
        problem: &Problem,
        fleet: &Fleet,
        (m, h): (usize, usize),
        terms: &[(usize, u32, u32)],
    ) -> Result<(), MixError> {
        let (hardware, hours) = (&problem.hardware[h], problem.hours() as u64);
        let rented =
            fleet.rented[m].iter().skip(h).step_by(problem.hardware.len()).map(|&n| u64::from(n)).sum();
        let mut held = Vec::new();
        for &(choice, working, spare) in terms {
            held.push((&hardware.choices[choice], false, u64::from(working) * hours));
            held.push((&hardware.choices[choice], true, u64::from(spare) * hours));
        }
        held.extend(hardware.on_demand().map(|choice| (choice, false, rented)));
        for (choice, spare, node_hours) in held.into_iter().filter(|&(_, _, node_hours)| node_hours > 0) {
            let nanos = i128::from(choice.per_hour.nanos()) * i128::from(node_hours);
            let amount = money(nanos).ok_or_else(|| MixError::TooMuch(format!("{} nodes", hardware.name)))?;
            let (hardware, term, per_hour) = (hardware.name.clone(), choice.term, choice.per_hour);
            let item = Item::Nodes { hardware, term, spare, node_hours, per_hour };
            self.lines.push(Line { model: problem.models[m].name.clone(), item, amount });
        }
        Ok(())
    }

    fn add_outside(
        &mut self,
        problem: &Problem,
        hours: &Hours,
        fleet: &Fleet,
        m: usize,
    ) -> Result<(), MixError> {
        let (lane, model) = (&hours.lanes[m], problem.models[m].name.clone());
        let rests =
            (0..hours.hours).filter(|&t| !lane.idle[t]).map(|t| (t, lane.rest(t, &fleet.working(m, t))));
        let rests: Vec<(usize, u64)> = rests.filter(|&(_, rest)| rest > 0).collect();
        if rests.is_empty() {
            return Ok(());
        }
        let sixths = rests.iter().map(|&(t, rest)| lane.uncarried(t, rest) as f64).sum::<f64>();
        let demand = sixths / (ALL as f64 * STEPS as f64);
        if lane.api.is_none() {
            self.unserved.push(Unserved { model, steps: rests.len(), demand });
            return Ok(());
        }
        let nanos = rests.iter().map(|&(t, rest)| lane.api_cost(t, rest)).sum();
        let amount = money(nanos).ok_or_else(|| MixError::TooMuch(format!("{model:?} at the API")))?;
        self.lines.push(Line { model, item: Item::Api { hours: demand }, amount });
        Ok(())
    }
}

/// An amount, where it is in the range of money.
pub(crate) fn money(nanos: i128) -> Option<Money> {
    i64::try_from(nanos).ok().map(Money::from_nanos)
}
