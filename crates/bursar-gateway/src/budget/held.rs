//! What is held for an attempt: settled, or released when nothing was sent.

use std::sync::Arc;
use std::time::Duration;

use bursar_core::budget::{Budget, BudgetUnit};
use bursar_core::ledger::{Amounts, Command, Tightest};
use bursar_core::{Meter, Money, Provenance, Quantities, RecordId, Timestamp};
use bursar_prices::PriceBook;

use super::{Budgets, later};
use crate::attempt::now;

/// A budget that can carry a call so many times more is not tight for it.
const COMFORTABLE: i64 = 64;

/// A hold in the ledger. Dropping it releases it: nothing was sent.
pub(crate) struct Held {
    budgets: Arc<Budgets>,
    id: RecordId,
    is_over: bool,
    lease: Duration,
    /// The most that the call may use.
    pub(crate) ceiling: Amounts,
    /// The most input tokens; 0 where nothing is known of them.
    pub(crate) most_input: u64,
    /// The most output tokens of all answers, where the request limits them.
    pub(crate) most_output: Option<u64>,
    /// The prices that the ceiling was worked out with, which also settle it.
    pub(crate) book: Arc<PriceBook>,
    /// The budget with the least left.
    pub(crate) tightest: Option<Tightest>,
}

/// What may go out, and how.
pub(crate) struct Grant {
    /// The hold.
    pub(crate) held: Held,
    /// Another model than the one asked for.
    pub(crate) model: Option<String>,
    /// The output limit to put into the request.
    pub(crate) limit: Option<u64>,
    /// The moment whose window and prices hold.
    pub(crate) at: Timestamp,
    /// When the hold ends by itself.
    pub(crate) lease_until: Timestamp,
    /// Why, one sentence each.
    pub(crate) reasons: Vec<String>,
}

/// A budget's name, and what is left in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remaining {
    pub(crate) budget: String,
    pub(crate) text: String,
}

impl Held {
    pub(super) fn new(
        budgets: &Arc<Budgets>,
        id: RecordId,
        lease: Duration,
        ceiling: Amounts,
        book: &Arc<PriceBook>,
    ) -> Held {
        Held {
            budgets: Arc::clone(budgets),
            id,
            is_over: false,
            lease,
            ceiling,
            most_input: 0,
            most_output: None,
            book: Arc::clone(book),
            tightest: None,
        }
    }

    /// Settles with what was used; to be called after the store has the record.
    pub(crate) fn settle(mut self, used: Amounts) {
        self.is_over = true;
        self.budgets.end(self.id, Some(used));
    }

    /// Whether the tightest budget could carry the call many times more and nobody waits for any: then it does not
    /// matter to others whether this hold ends a moment later.
    pub(crate) fn fits_again(&self) -> bool {
        let carries = |t: &Tightest| {
            let ceiling = self.ceiling.of(t.budget.unit);
            ceiling.is_some_and(|c| c.saturating_mul(COMFORTABLE) <= t.available)
        };
        self.budgets.line.is_empty() && self.tightest.as_ref().is_none_or(carries)
    }

    /// What is left in the tightest budget once this use is settled.
    pub(crate) fn remaining_after(&self, used: Amounts) -> Option<Remaining> {
        self.tightest.as_ref().map(|t| {
            let unit = t.budget.unit;
            let back = self.ceiling.of(unit).unwrap_or(0).saturating_sub(used.of(unit).unwrap_or(0));
            Remaining::of(&t.budget, t.available.saturating_add(back))
        })
    }

    /// The call is over and its work is not: what was held stays so until the lease ends.
    pub(crate) fn outlive(mut self) {
        self.is_over = true;
        self.budgets.directory.lock().book(self.id, Amounts::ZERO);
    }

    /// The call goes on, and the hold lasts longer.
    pub(crate) fn extend(&self) {
        let now = now();
        let command = Command::Extend { id: self.id, lease_until: later(now, self.lease) };
        self.budgets.directory.lock().apply(command, now);
    }

    /// What is left in the tightest budget while the hold lasts.
    pub(crate) fn remaining(&self) -> Option<Remaining> {
        self.tightest.as_ref().map(|t| Remaining::of(&t.budget, t.available))
    }

    /// Cuts estimates down to what the request can have used: what a provider reports is never touched.
    pub(crate) fn cut_estimates(&self, quantities: &mut Quantities) {
        let (input, provenance) = (quantities.get(Meter::Input), quantities.provenance(Meter::Input));
        if provenance != Provenance::Reported && self.most_input > 0 && input > self.most_input {
            quantities.set(Meter::Input, self.most_input, provenance);
        }
        let Some(mut left) = self.most_output else { return };
        for meter in [Meter::Output, Meter::Reasoning] {
            let (units, provenance) = (quantities.get(meter), quantities.provenance(meter));
            if provenance != Provenance::Reported && units > left {
                quantities.set(meter, left, provenance);
            }
            left = left.saturating_sub(units);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.is_over {
            self.budgets.end(self.id, None);
        }
    }
}

impl Remaining {
    pub(super) fn of(budget: &Budget, available: i64) -> Remaining {
        let text = match budget.unit {
            BudgetUnit::Usd => format!("{} USD", Money::from_nanos(available)),
            BudgetUnit::Tokens => format!("{available} tokens"),
        };
        Remaining { budget: budget.name.to_string(), text }
    }
}

/// What is held of which budgets, for a reader.
pub(super) fn held_sentence(ceiling: Amounts, budgets: &[Arc<Budget>]) -> Option<String> {
    let names: Vec<&str> = budgets.iter().map(|b| b.name.as_str()).collect();
    let in_unit = |unit| budgets.iter().any(|b| b.unit == unit);
    let amounts: Vec<String> = [BudgetUnit::Usd, BudgetUnit::Tokens]
        .into_iter()
        .filter(|unit| in_unit(*unit))
        .map(|unit| ceiling.of(unit).map_or("an unknown amount".to_owned(), |n| unit.text(n)))
        .collect();
    let plural = if names.len() == 1 { "budget" } else { "budgets" };
    (!names.is_empty()).then(|| format!("held {} of {plural} {}", amounts.join(" and "), names.join(", ")))
}
