//! What was done to the registry: by whom, when and why.

use bursar_core::Timestamp;
use rusqlite::{Row, params_from_iter};

use super::Reader;
use super::filter::Clauses;
use crate::error::StoreError;

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailEntry {
    /// Its number; a later entry has a larger one.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// What, such as `budget.raise`.
    pub action: String,
    /// The budget or key.
    pub about: String,
    /// Who, where that was told.
    pub who: Option<String>,
    /// Why, where that was told.
    pub why: Option<String>,
    /// For a budget JSON with its definition `before` and `after`; for a rotated key the new one.
    pub detail: Option<String>,
}

/// Which entries to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrailQuery {
    /// Only about this kind of thing: `budget` or `key`.
    pub kind: Option<String>,
    /// Only about this budget or key.
    pub about: Option<String>,
    /// Only entries before this one.
    pub before: Option<i64>,
    /// The most entries to give.
    pub limit: usize,
}

impl Reader {
    /// What was done, the latest first.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub fn trail(&self, query: &TrailQuery) -> Result<Vec<TrailEntry>, StoreError> {
        let mut clauses = Clauses::default();
        clauses.add_text("action >=", query.kind.as_ref().map(|k| format!("{k}.")).as_deref());
        clauses.add_text("action <", query.kind.as_ref().map(|k| format!("{k}/")).as_deref());
        clauses.add_text("about =", query.about.as_deref());
        clauses.add_number("id <", query.before);
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let sql = format!(
            "SELECT id, at, action, about, who, why, detail FROM audit {} ORDER BY id DESC LIMIT {limit}",
            clauses.text()
        );
        let entries = || -> rusqlite::Result<Vec<TrailEntry>> {
            let mut statement = self.db.prepare_cached(&sql)?;
            statement.query_map(params_from_iter(clauses.values()), read)?.collect()
        };
        self.named(entries().map_err(StoreError::Database))
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<TrailEntry> {
    Ok(TrailEntry {
        number: row.get(0)?,
        at: Timestamp::from_micros(row.get(1)?),
        action: row.get(2)?,
        about: row.get(3)?,
        who: row.get(4)?,
        why: row.get(5)?,
        detail: row.get(6)?,
    })
}
