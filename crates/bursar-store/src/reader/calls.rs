//! What was spent call by call, as budgets see it.

use bursar_core::Timestamp;
use bursar_core::budget::Subject;
use bursar_core::ledger::Amounts;
use rusqlite::{Row, params};

use super::Reader;
use crate::error::StoreError;
use crate::usage_log::{self, COLUMNS};

/// A call of the usage log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedCall {
    /// Its place in the log, in the order in which calls were booked.
    pub row: i64,
    /// When it began.
    pub at: Timestamp,
    /// What budgets' scopes are matched against.
    pub subject: Subject,
    /// What it used.
    pub used: Amounts,
}

impl Reader {
    /// Calls that were booked after a row of the log and began at a moment or later, in the order in which they were
    /// booked, and not more than so many. Row 0 is before all.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub fn calls_after(&self, row: i64, since: Timestamp, most: u32) -> Result<Vec<LoggedCall>, StoreError> {
        // The plus sign keeps SQLite from going by time.
        let sql = format!(
            "SELECT {COLUMNS}, rowid AS place FROM usage_log WHERE rowid > ?1 AND +started_at >= ?2
             ORDER BY rowid LIMIT ?3"
        );
        self.named((|| {
            let mut statement = self.db.prepare_cached(&sql).map_err(StoreError::Database)?;
            let given = params![row, since.micros(), most];
            let mut rows = statement.query(given).map_err(StoreError::Database)?;
            let mut calls = Vec::new();
            while let Some(row) = rows.next().map_err(StoreError::Database)? {
                calls.push(read(row)?);
            }
            Ok(calls)
        })())
    }

    /// Hands over each call that began in a stretch of time.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read; some calls may have been handed over before.
    pub fn calls_between(
        &self,
        since: Timestamp,
        until: Timestamp,
        mut take: impl FnMut(LoggedCall),
    ) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, rowid AS place FROM usage_log WHERE started_at >= ?1 AND started_at < ?2
             ORDER BY started_at"
        );
        self.named((|| {
            let mut statement = self.db.prepare_cached(&sql).map_err(StoreError::Database)?;
            let range = params![since.micros(), until.micros()];
            let mut rows = statement.query(range).map_err(StoreError::Database)?;
            while let Some(row) = rows.next().map_err(StoreError::Database)? {
                take(read(row)?);
            }
            Ok(())
        })())
    }
}

fn read(row: &Row<'_>) -> Result<LoggedCall, StoreError> {
    let record = usage_log::read(row)?;
    Ok(LoggedCall {
        row: row.get("place").map_err(StoreError::Database)?,
        at: record.started_at,
        subject: Subject::of_record(&record),
        used: Amounts::used_by(&record),
    })
}
