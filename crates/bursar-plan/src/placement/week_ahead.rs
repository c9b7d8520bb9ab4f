//! Nodes that are chosen from one week and run on the next: how far hindsight would have done better.

use bursar_core::Money;

use super::solve::PlacementError;
use crate::mix::baseline::{Reading, rule_of_thumb};
use crate::mix::{Fleet, Problem, plan};

/// A week in hours.
const WEEK: usize = 168;

/// The last week of the trace, run with nodes that were chosen from the week before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeekAhead {
    /// What it cost.
    pub planned: Money,
    /// What it cost with nodes by the rule of thumb, node by node.
    pub by_rule: Money,
    /// The lowest cost that was found in hindsight.
    pub best: Money,
}

/// `None` where the trace has no two weeks or a model may not leave, since then a cheaper week may only serve less.
pub(super) fn week_ahead(problem: &Problem) -> Result<Option<WeekAhead>, PlacementError> {
    let hours = problem.hours();
    if hours < 2 * WEEK {
        return Ok(None);
    }
    let first = problem.within(hours - 2 * WEEK..hours - WEEK);
    let second = problem.within(hours - WEEK..hours);
    let cost = |committed: Vec<Vec<u32>>| {
        let bill = Fleet::with_best_renting(&second, committed)?.bill(&second)?;
        Ok::<_, PlacementError>((bill.total, bill.unserved.is_empty()))
    };
    let (planned, served) = cost(plan(&first)?.fleet.committed)?;
    let (by_rule, _) = cost(rule_of_thumb(&first, Reading::EachNode)?.committed)?;
    let best = plan(&second)?.bill.total;
    Ok(served.then_some(WeekAhead { planned, by_rule, best }))
}

impl WeekAhead {
    /// By how much an amount is above the lowest, as a share.
    #[must_use]
    pub fn regret(&self, amount: Money) -> f64 {
        let best = self.best.nanos() as f64;
        if best > 0.0 { amount.nanos() as f64 / best - 1.0 } else { 0.0 }
    }
}
