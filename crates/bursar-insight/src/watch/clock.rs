//! When a budget has to be looked at although nothing was called.

use std::collections::HashMap;
use std::sync::Arc;

use bursar_core::Timestamp;
use bursar_core::budget::{Budget, BudgetName};

#[derive(Debug)]
struct Clock {
    /// The definition that was seen last.
    budget: Option<Arc<Budget>>,
    next: Timestamp,
    /// When it was due last.
    looked: Timestamp,
}

/// A budget to look at now.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) name: BudgetName,
    /// Whether every account has to be looked at, not only those about which something was told.
    pub(super) all: bool,
}

/// The next look at each budget.
#[derive(Debug, Default)]
pub(super) struct Clocks(HashMap<BudgetName, Clock>);

impl Clocks {
    /// A budget is to be looked at by then.
    pub(super) fn look_at(&mut self, name: &BudgetName, next: Timestamp) {
        let new = Clock { budget: None, next, looked: Timestamp::from_micros(i64::MIN) };
        self.0.entry(name.clone()).or_insert(new).next = next;
    }

    /// A budget with its current definition is to be looked at by then, or earlier where that was said already.
    pub(super) fn keep(&mut self, budget: &Arc<Budget>, next: Timestamp, now: Timestamp) {
        match self.0.get_mut(&budget.name) {
            Some(clock) => {
                clock.next = clock.next.min(next);
                if !clock.budget.as_ref().is_some_and(|b| Arc::ptr_eq(b, budget)) {
                    clock.budget = Some(Arc::clone(budget));
                }
            }
            None => {
                let clock = Clock { budget: Some(Arc::clone(budget)), next, looked: now };
                self.0.insert(budget.name.clone(), clock);
            }
        }
    }

    /// The budgets to look at now, in the order of names. Their next look is unknown until somebody says it.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<Due> {
        let mut due = Vec::new();
        for (name, clock) in self.0.iter_mut().filter(|(_, clock)| clock.next <= now) {
            let since = clock.looked;
            let is_between = |at: Timestamp| since < at && at <= now;
            let all = clock.budget.as_ref().is_some_and(|b| {
                b.per.is_empty() || b.increases.iter().any(|i| is_between(i.from) || is_between(i.until))
            });
            (clock.next, clock.looked) = (Timestamp::from_micros(i64::MAX), now);
            due.push(Due { name: name.clone(), all });
        }
        due.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        due
    }

    /// A definition has been looked at.
    pub(super) fn knows(&mut self, budget: &Arc<Budget>) {
        if let Some(clock) = self.0.get_mut(&budget.name) {
            clock.budget = Some(Arc::clone(budget));
        }
    }

    pub(super) fn forget(&mut self, name: &BudgetName) {
        self.0.remove(name);
    }

    /// Every budget with the definition that was seen last, in the order of names.
    pub(super) fn budgets(&self) -> Vec<(BudgetName, Option<Arc<Budget>>)> {
        let mut all: Vec<_> = self.0.iter().map(|(name, c)| (name.clone(), c.budget.clone())).collect();
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        all
    }
}
