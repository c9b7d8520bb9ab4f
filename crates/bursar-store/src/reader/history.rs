//! What calls of some scopes have used, to plan budgets by.

use std::collections::BTreeMap;

use bursar_core::Timestamp;
use bursar_core::budget::{BudgetUnit, ModelTiers, Scope, ScopeField};
use rusqlite::params;

use super::Reader;
use crate::budgets::{LOG_COLUMNS, read_log_row};
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
        self.named(self.read_history(query))
    }

    fn read_history(
        &self,
        query: &HistoryQuery<'_>,
    ) -> Result<BTreeMap<Option<String>, History>, StoreError> {
        let sql = format!(
            "SELECT {LOG_COLUMNS} FROM usage_log WHERE started_at >= ?1 AND started_at < ?2 ORDER BY started_at"
        );
        let mut statement = self.db.prepare_cached(&sql).map_err(StoreError::Database)?;
        let range = params![query.since.micros(), query.until.micros()];
        let mut rows = statement.query(range).map_err(StoreError::Database)?;
        let mut found = BTreeMap::<Option<String>, History>::new();
        while let Some(row) = rows.next().map_err(StoreError::Database)? {
            let (subject, _, used) = read_log_row(row)?;
            if !query.scopes.iter().any(|s| s.covers(&subject, query.tiers)) {
                continue;
            }
            let value = query.by.and_then(|field| field.of(&subject)).map(str::to_owned);
            let sum = found.entry(value).or_default();
            sum.attempts += 1;
            sum.tokens = sum.tokens.saturating_add(used.of(BudgetUnit::Tokens).unwrap_or_default());
            match used.of(BudgetUnit::Usd) {
                Some(nanos) => sum.nanos = sum.nanos.saturating_add(nanos),
                None => sum.unpriced += 1,
            }
        }
        Ok(found)
    }
}
