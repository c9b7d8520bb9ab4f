//! Adding up the usage log for budgets.

use std::collections::{BTreeMap, HashMap};

use bursar_core::budget::{Budget, BudgetName, ModelTiers, Subject};
use bursar_core::ledger::{AccountState, Amounts, Ledger, Past};
use bursar_core::{KeyId, Money, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::error::StoreError;
use crate::usage_log::{self, bad};

/// Rows that are read in one go.
const BATCH: u32 = 4_096;

/// What budgets read of a row of the log.
const LOG_COLUMNS: &str = "rowid AS place, started_at, key_id, tenant, team, app, workflow, environment, \
    consumer, task, step, parent_step, tags, provider, coalesce(requested_model, served_model) AS asked, \
    contracted_cost, quantities";

/// Rows of the log that are added up for some budgets. Budgets that count from the same moment share a ledger.
pub(super) struct Fold {
    tiers: ModelTiers,
    by_start: BTreeMap<Timestamp, Ledger>,
    /// The last row that was added up.
    after: i64,
}

impl Fold {
    /// A fold of the rows after one.
    pub(super) fn after(row: i64, tiers: &ModelTiers) -> Fold {
        Fold { tiers: tiers.clone(), by_start: BTreeMap::new(), after: row }
    }

    /// A fold that begins with the first row that one of these moments reaches back to.
    pub(super) fn from(
        starts: impl Iterator<Item = Timestamp>,
        db: &Connection,
        tiers: &ModelTiers,
    ) -> Result<Fold, StoreError> {
        let Some(first) = starts.min() else { return Ok(Fold::after(i64::MAX, tiers)) };
        let row = db
            .query_row("SELECT min(rowid) FROM usage_log WHERE started_at >= ?1", [first.micros()], |r| {
                r.get(0)
            })
            .map_err(StoreError::Database)?;
        let before = |row: Option<i64>| row.map_or_else(|| usage_log::last_row(db), |row| Ok(row - 1));
        Ok(Fold::after(before(row).map_err(StoreError::Database)?, tiers))
    }

    /// Takes a budget in, with what is known of its accounts.
    pub(super) fn add(&mut self, budget: Budget, from: Timestamp, accounts: Vec<AccountState>) {
        let ledger = self.by_start.entry(from).or_insert_with(|| Ledger::new(self.tiers.clone()));
        ledger.define_with_past(budget, Past { accounts, ..Past::default() }, |_| true);
    }

    /// Adds up the next rows; whether there may be more.
    pub(super) fn step(&mut self, db: &Connection) -> Result<bool, StoreError> {
        let Some(first) = self.by_start.keys().next().map(|t| t.micros()) else { return Ok(false) };
        let failed = StoreError::Database;
        // The plus sign keeps SQLite from going by time: rows are added up in the order in which they were settled.
        let sql = format!(
            "SELECT {LOG_COLUMNS} FROM usage_log WHERE rowid > ?1 AND +started_at >= ?2 ORDER BY rowid LIMIT ?3"
        );
        let mut statement = db.prepare_cached(&sql).map_err(failed)?;
        let mut rows = statement.query(params![self.after, first, BATCH]).map_err(failed)?;
        let mut count = 0;
        while let Some(row) = rows.next().map_err(failed)? {
            let (subject, at, used) = read_log_row(row)?;
            for ledger in self.by_start.range_mut(..=at).map(|(_, ledger)| ledger) {
                ledger.post(&subject, at, used);
            }
            self.after = row.get("place").map_err(failed)?;
            count += 1;
        }
        Ok(count == BATCH)
    }

    /// Adds up everything that is left.
    pub(super) fn run(&mut self, db: &Connection) -> Result<(), StoreError> {
        while self.step(db)? {}
        Ok(())
    }

    /// What the budgets begin with.
    pub(super) fn into_pasts(self) -> HashMap<BudgetName, Past> {
        let mut pasts = HashMap::new();
        for (from, ledger) in self.by_start {
            for budget in ledger.budgets() {
                pasts.insert(budget.name.clone(), Past { from, accounts: Vec::new() });
            }
            for state in ledger.states() {
                if let Some(past) = pasts.get_mut(&state.budget) {
                    past.accounts.push(state);
                }
            }
        }
        pasts
    }
}

/// What a row means for budgets: as [`Subject::of_record`] and [`Amounts::used_by`] say it of a whole record.
fn read_log_row(row: &Row<'_>) -> Result<(Subject, Timestamp, Amounts), StoreError> {
    let text = |name: &str| row.get::<_, Option<String>>(name).map_err(StoreError::Database);
    let number = |name: &str| row.get::<_, Option<i64>>(name).map_err(StoreError::Database);
    let subject = Subject {
        attribution: usage_log::read_attribution(row)?,
        key: text("key_id")?.map(KeyId),
        provider: text("provider")?.unwrap_or_default(),
        model: text("asked")?,
    };
    let at = number("started_at")?.ok_or_else(|| bad("started_at", "it is missing"))?;
    let quantities = usage_log::read_quantities(&text("quantities")?.unwrap_or_default())?;
    let used =
        Amounts { usd: number("contracted_cost")?.map(Money::from_nanos), tokens: quantities.total_tokens() };
    Ok((subject, Timestamp::from_micros(at), used))
}
