//! The table of budgets, and the trail of what was done to them.

use bursar_core::Timestamp;
use bursar_core::budget::{Budget, BudgetName, Period};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{BudgetDoc, BudgetOrigin, Change, StoredBudget};
use crate::error::StoreError;
use crate::usage_log::bad;

/// A row as it is stored.
#[derive(Clone, Debug)]
pub(super) struct BudgetRow {
    pub(super) name: BudgetName,
    pub(super) definition: String,
    pub(super) configured: Option<String>,
    pub(super) epoch: i64,
    pub(super) counts_from: Timestamp,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl BudgetRow {
    /// A row for a budget that is new.
    pub(super) fn new(db: &Connection, budget: &Budget, at: Timestamp) -> Result<BudgetRow, StoreError> {
        Ok(BudgetRow {
            name: budget.name.clone(),
            definition: text_of(budget),
            configured: None,
            epoch: next_epoch(db)?,
            counts_from: counts_from(budget, at),
            created_at: at,
            updated_at: at,
        })
    }

    pub(super) fn budget(&self) -> Result<Budget, StoreError> {
        read_definition(&self.definition)
    }

    /// The budget as the configuration file has it, where it stands there.
    pub(super) fn as_configured(&self) -> Result<Option<Budget>, StoreError> {
        self.configured.as_deref().map(read_definition).transpose()
    }

    pub(super) fn stored(&self) -> Result<StoredBudget, StoreError> {
        Ok(StoredBudget {
            budget: self.budget()?,
            origin: if self.configured.is_some() { BudgetOrigin::Config } else { BudgetOrigin::Registry },
            counts_from: self.counts_from,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }

    /// Takes a changed definition. Where it counts other calls than before, it begins to count anew.
    pub(super) fn take(&mut self, db: &Connection, budget: &Budget, at: Timestamp) -> Result<(), StoreError> {
        let before = self.budget()?;
        if !counts_alike(&before, budget) {
            self.epoch = next_epoch(db)?;
            self.counts_from = counts_from(budget, at);
        }
        self.definition = text_of(budget);
        self.updated_at = at;
        Ok(())
    }
}

/// Whether two definitions count the same calls in the same way: as the ledger sees it, and from the same moment on.
fn counts_alike(a: &Budget, b: &Budget) -> bool {
    a.scopes == b.scopes && a.unit == b.unit && a.period == b.period && a.per == b.per && a.since == b.since
}

/// From when on a budget counts that begins at a moment: what was spent in its window before belongs to it, and in
/// earlier ones that roll over. A life may have begun at any time.
fn counts_from(budget: &Budget, at: Timestamp) -> Timestamp {
    let period = &budget.period;
    match period {
        Period::Calendar { .. } => period.window(budget.since.map_or(at, |since| since.min(at))).start,
        Period::Rolling { length } => {
            let reach = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
            at.plus_micros(-reach).plus_micros(-period.bucket_micros().unwrap_or(0))
        }
        Period::Life { .. } => Timestamp::from_micros(i64::MIN),
    }
}

/// A definition as it is stored.
pub(super) fn text_of(budget: &Budget) -> String {
    BudgetDoc::of(budget).json().to_string()
}

fn read_definition(text: &str) -> Result<Budget, StoreError> {
    let value = serde_json::from_str(text).map_err(|e| bad("a budget", e))?;
    BudgetDoc::read(&value).map_err(|e| bad("a budget", e))
}

/// Every budget, by name.
pub(super) fn all(db: &Connection) -> Result<Vec<BudgetRow>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT * FROM budget ORDER BY name").map_err(StoreError::Database)?;
    let mut rows = statement.query([]).map_err(StoreError::Database)?;
    let mut budgets = Vec::new();
    while let Some(row) = rows.next().map_err(StoreError::Database)? {
        budgets.push(read(row)?);
    }
    Ok(budgets)
}

/// One budget.
pub(super) fn one(db: &Connection, name: &BudgetName) -> Result<Option<BudgetRow>, StoreError> {
    let found = db
        .query_row("SELECT * FROM budget WHERE name = ?1", [name.as_str()], |row| Ok(read(row)))
        .optional()
        .map_err(StoreError::Database)?;
    found.transpose()
}

fn read(row: &Row<'_>) -> Result<BudgetRow, StoreError> {
    let time = |name: &str| row.get(name).map(Timestamp::from_micros).map_err(StoreError::Database);
    let name: String = row.get("name").map_err(StoreError::Database)?;
    Ok(BudgetRow {
        name: name.parse().map_err(|e| bad("a budget's name", e))?,
        definition: row.get("definition").map_err(StoreError::Database)?,
        configured: row.get("configured").map_err(StoreError::Database)?,
        epoch: row.get("epoch").map_err(StoreError::Database)?,
        counts_from: time("counts_from")?,
        created_at: time("created_at")?,
        updated_at: time("updated_at")?,
    })
}

/// Writes a row, new or changed.
pub(super) fn put(db: &Connection, row: &BudgetRow) -> Result<(), StoreError> {
    db.execute(
        "INSERT OR REPLACE INTO budget (name, definition, configured, epoch, counts_from, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            row.name.as_str(),
            row.definition,
            row.configured,
            row.epoch,
            row.counts_from.micros(),
            row.created_at.micros(),
            row.updated_at.micros(),
        ],
    )
    .map_err(StoreError::Database)?;
    Ok(())
}

/// An epoch that was not there before: every change is written into the trail, which only grows.
fn next_epoch(db: &Connection) -> Result<i64, StoreError> {
    db.query_row("SELECT coalesce(max(id), 0) + 1 FROM audit", [], |r| r.get(0)).map_err(StoreError::Database)
}

/// Takes a budget away.
pub(super) fn delete(db: &Connection, name: &BudgetName) -> Result<(), StoreError> {
    db.execute("DELETE FROM budget WHERE name = ?1", [name.as_str()]).map_err(StoreError::Database)?;
    Ok(())
}

/// Writes down what was done to a budget, with its definition before and after.
pub(super) fn audit(
    db: &Connection,
    action: &str,
    name: &BudgetName,
    (before, after): (Option<&str>, Option<&str>),
    change: &Change,
) -> Result<(), StoreError> {
    let value = |text: Option<&str>| text.map_or("null", |t| t).to_owned();
    let detail = format!("{{\"before\":{},\"after\":{}}}", value(before), value(after));
    db.execute(
        "INSERT INTO audit (at, action, about, detail, who, why) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![change.at.micros(), action, name.as_str(), detail, change.who, change.why],
    )
    .map_err(StoreError::Database)?;
    Ok(())
}
