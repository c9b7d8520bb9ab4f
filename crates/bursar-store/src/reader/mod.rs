//! Reading the account, beside a running server or without one.

mod calls;
mod filter;
mod health;
mod history;
mod spend;
mod trail;

use std::path::{Path, PathBuf};

use bursar_core::{EndOfStream, RecordId, RequestId, Timestamp, UsageRecord};
use rusqlite::{Connection, params_from_iter};

pub use calls::LoggedCall;
pub use filter::Dimension;
pub use health::{Health, UnpricedModel};
pub use history::{History, HistoryQuery};
pub use spend::{SpendQuery, SpendRow};
pub use trail::{TrailEntry, TrailQuery};

use crate::database;
use crate::error::StoreError;
use crate::usage_log::{self, COLUMNS, request_bytes};

/// A read-only view of a data folder. It sees what is in the database: a settled record is there about 50 ms
/// after its settlement. It never blocks the writer.
pub struct Reader {
    pub(crate) db: Connection,
    folder: PathBuf,
}

/// Which records to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageQuery {
    /// Only requests that arrived at this time or later.
    pub since: Option<Timestamp>,
    /// Only requests that arrived before this time.
    pub until: Option<Timestamp>,
    /// Only records with these values; `None` asks for those without a value.
    pub filter: Vec<(Dimension, Option<String>)>,
    /// Only records of this task.
    pub task: Option<String>,
    /// Only records that ended so.
    pub end: Option<EndOfStream>,
    /// Only records with this HTTP status from the provider.
    pub status: Option<u16>,
    /// Only records whose cost is not known in full, or only those whose is.
    pub unpriced: Option<bool>,
    /// Only records before this one, in the order of the answer: where the page before ended.
    pub before: Option<(Timestamp, RecordId)>,
    /// The most records to give.
    pub limit: usize,
}

impl Default for UsageQuery {
    /// The latest 100 records.
    fn default() -> UsageQuery {
        UsageQuery {
            since: None,
            until: None,
            filter: Vec::new(),
            task: None,
            end: None,
            status: None,
            unpriced: None,
            before: None,
            limit: 100,
        }
    }
}

impl Reader {
    /// Opens a data folder for reading.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoData`] where there is no data; no file is made then. [`StoreError::NewerSchema`] and
    /// [`StoreError::OlderSchema`] where another version of Bursar wrote it.
    pub fn open(folder: &Path) -> Result<Reader, StoreError> {
        Ok(Reader { db: database::open_read_only(folder)?, folder: folder.to_owned() })
    }

    /// Records, the latest arrival first.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageRecord>, StoreError> {
        let mut clauses = filter::Clauses::default();
        clauses.add_time("started_at >=", query.since);
        clauses.add_time("started_at <", query.until);
        for (dimension, value) in &query.filter {
            clauses.add_log_value(*dimension, value.as_deref())?;
        }
        clauses.add_text("task =", query.task.as_deref());
        clauses.add_text("ended =", query.end.map(EndOfStream::name));
        clauses.add_number("status =", query.status.map(i64::from));
        match query.unpriced {
            Some(true) => clauses.add_fixed("contracted_cost IS NULL"),
            Some(false) => clauses.add_fixed("contracted_cost IS NOT NULL"),
            None => {}
        }
        if let Some((at, id)) = query.before {
            clauses.add_before(at, id);
        }
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let sql = format!(
            "SELECT {COLUMNS} FROM usage_log {} ORDER BY started_at DESC, request DESC, attempt DESC LIMIT {limit}",
            clauses.text()
        );
        self.records(&sql, clauses.values())
    }

    /// The attempts of one request, in their order.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub fn request(&self, id: RequestId) -> Result<Vec<UsageRecord>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM usage_log WHERE request = ?1 ORDER BY attempt");
        self.records(&sql, vec![request_bytes(id).to_vec().into()])
    }

    fn records(
        &self,
        sql: &str,
        values: Vec<rusqlite::types::Value>,
    ) -> Result<Vec<UsageRecord>, StoreError> {
        self.named((|| {
            let mut statement = self.db.prepare_cached(sql).map_err(StoreError::Database)?;
            let mut rows = statement.query(params_from_iter(values)).map_err(StoreError::Database)?;
            let mut records = Vec::new();
            while let Some(row) = rows.next().map_err(StoreError::Database)? {
                records.push(usage_log::read(row)?);
            }
            Ok(records)
        })())
    }

    /// The same result with failures of the database told apart.
    pub(crate) fn named<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result.map_err(|e| match e {
            StoreError::Database(e) => StoreError::of_database(&database::path_of(&self.folder), e),
            other => other,
        })
    }
}
