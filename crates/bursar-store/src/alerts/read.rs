//! Reading alerts beside a running server.

use bursar_core::Timestamp;
use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::StoredAlert;
use super::table::{self, COLUMNS, WIDTH};
use crate::error::StoreError;
use crate::reader::Reader;

/// Which alerts to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertQuery {
    /// Only this budget.
    pub budget: Option<String>,
    /// Only of this severity.
    pub severity: Option<String>,
    /// Only those seen at this time or later.
    pub since: Option<Timestamp>,
    /// Only what is not over.
    pub only_open: bool,
    /// Only those before this one, in the order of the answer: where the page before ended.
    pub before: Option<(Timestamp, String)>,
    /// The most alerts to give.
    pub limit: usize,
}

impl Default for AlertQuery {
    /// The latest 100 alerts.
    fn default() -> AlertQuery {
        AlertQuery { budget: None, severity: None, since: None, only_open: false, before: None, limit: 100 }
    }
}

impl AlertQuery {
    fn conditions(&self) -> (String, Vec<Value>) {
        let (mut texts, mut values) = (Vec::new(), Vec::<Value>::new());
        let mut add = |text: &str, value: Value| {
            values.push(value);
            texts.push(text.replace('#', &format!("?{}", values.len())));
        };
        if let Some(budget) = &self.budget {
            add("alert.budget = #", budget.clone().into());
        }
        if let Some(severity) = &self.severity {
            add("alert.severity = #", severity.clone().into());
        }
        if let Some(since) = self.since {
            add("alert.at >= #", since.micros().into());
        }
        if let Some((at, id)) = &self.before {
            values.extend([at.micros().into(), id.clone().into()]);
            texts.push(format!("(alert.at, alert.id) < (?{}, ?{})", values.len() - 1, values.len()));
        }
        if self.only_open {
            texts.push("alert.recovery IS NULL AND e.id IS NULL".to_owned());
        }
        let text = if texts.is_empty() { String::new() } else { format!("WHERE {}", texts.join(" AND ")) };
        (text, values)
    }
}

impl Reader {
    /// Alerts, the latest first.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub fn alerts(&self, query: &AlertQuery) -> Result<Vec<StoredAlert>, StoreError> {
        let (conditions, values) = query.conditions();
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let sql = format!(
            "SELECT {COLUMNS}, alert.acked_by, alert.acked_at, e.id IS NOT NULL FROM alert
             LEFT JOIN alert e ON e.incident = alert.incident AND e.recovery IS NOT NULL
             {conditions} ORDER BY alert.at DESC, alert.id DESC LIMIT {limit}"
        );
        self.named((|| {
            let mut statement = self.db.prepare_cached(&sql).map_err(StoreError::Database)?;
            let mut rows = statement.query(params_from_iter(values)).map_err(StoreError::Database)?;
            let mut found = Vec::new();
            while let Some(row) = rows.next().map_err(StoreError::Database)? {
                let alert = table::read(row)?;
                let who: Option<String> = row.get(WIDTH).map_err(StoreError::Database)?;
                let at: Option<i64> = row.get(WIDTH + 1).map_err(StoreError::Database)?;
                let is_over = row.get(WIDTH + 2).map_err(StoreError::Database)?;
                let deliveries = table::deliveries(&self.db, &alert.id)?;
                let acked = who.zip(at.map(Timestamp::from_micros));
                found.push(StoredAlert { alert, is_over, acked, deliveries });
            }
            Ok(found)
        })())
    }
}
