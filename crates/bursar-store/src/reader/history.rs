//! What calls of some scopes have used, to plan budgets by.

use std::collections::BTreeMap;

use bursar_core::Timestamp;
use bursar_core::budget::{BudgetUnit, ModelTiers, Scope, ScopeField};

use super::Reader;
use crate::error::StoreError;

/// Which calls a history is about.
#[derive(Clone, Debug)]
pub struct HistoryQuery<'a> {
    /// Calls that any of these covers.
    pub scopes: &'a [Scope],
    /// The classes of models that the scopes may ask for.
    pub tiers: &'a ModelTiers,
    /// Calls that began at this time or later.
    pub since: Timestamp,
    /// Calls that began before this time.
    pub until: Timestamp,
    /// Apart for each value of this; calls that say nothing about it stand under no value.
    pub by: Option<&'a ScopeField>,
}

/// What they have used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Attempts.
    pub attempts: u64,
    /// Nano-dollars at contracted prices, of the attempts that have a price; saturates.
    pub nanos: i64,
    /// Tokens; saturates.
    pub tokens: i64,
    /// Attempts without a known price.
    pub unpriced: u64,
}

impl History {
    /// The amount in a unit.
    #[must_use]
    pub const fn of(&self, unit: BudgetUnit) -> i64 {
        match unit {
            BudgetUnit::Usd => self.nanos,
            BudgetUnit::Tokens => self.tokens,
        }
    }
}

impl Reader {
    /// What calls have used, by value of the field that is asked for; all under `None` where none is.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub fn history(&self, query: &HistoryQuery<'_>) -> Result<BTreeMap<Option<String>, History>, StoreError> {
        let mut found = BTreeMap::<Option<String>, History>::new();
        self.calls_between(query.since, query.until, |call| {
            if !query.scopes.iter().any(|s| s.covers(&call.subject, query.tiers)) {
                return;
            }
            let value = query.by.and_then(|field| field.of(&call.subject)).map(str::to_owned);
            let sum = found.entry(value).or_default();
            sum.attempts += 1;
            sum.tokens = sum.tokens.saturating_add(call.used.of(BudgetUnit::Tokens).unwrap_or_default());
            match call.used.of(BudgetUnit::Usd) {
                Some(nanos) => sum.nanos = sum.nanos.saturating_add(nanos),
                None => sum.unpriced += 1,
            }
        })?;
        Ok(found)
    }
}
