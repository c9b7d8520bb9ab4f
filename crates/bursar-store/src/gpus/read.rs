//! Reading what GPUs did, beside a running server or without one.

use bursar_core::{Money, Timestamp};
use rusqlite::types::ToSql;
use rusqlite::{Connection, Row};

use super::{GpuGap, GpuModelTokens, GpuNode, GpuSpan, GpuUncounted};
use crate::error::StoreError;
use crate::reader::Reader;

/// A stretch of time.
type Stretch = (Timestamp, Timestamp);

impl Reader {
    /// What nodes cost in a stretch of time, ordered by node and time.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub fn gpu_nodes(&self, (since, until): Stretch) -> Result<Vec<GpuNode>, StoreError> {
        let condition = "WHERE since < ?2 AND (until IS NULL OR until > ?1)";
        let found = nodes(&self.db, condition, &[&since.micros(), &until.micros()]);
        self.named(found.map_err(StoreError::Database))
    }

    /// The latest that is known of each GPU of a node and was so after a moment.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub fn gpus_of(&self, node: &str, after: Timestamp) -> Result<Vec<GpuSpan>, StoreError> {
        self.spans(
            "WHERE node = ?1 AND until > ?2 AND since = (SELECT max(since) FROM gpu_span l
             WHERE l.node = gpu_span.node AND l.gpu = gpu_span.gpu) ORDER BY gpu_index, gpu",
            &[&node, &after.micros()],
        )
    }

    /// What the GPUs of a node did in a stretch of time.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub fn gpu_spans(&self, node: &str, (since, until): Stretch) -> Result<Vec<GpuSpan>, StoreError> {
        self.spans(
            "WHERE node = ?1 AND until > ?2 AND since < ?3 ORDER BY gpu, since",
            &[&node, &since.micros(), &until.micros()],
        )
    }

    /// What the engines of a node counted in the hours of a stretch of time.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub fn gpu_tokens(&self, node: &str, (since, until): Stretch) -> Result<Vec<GpuModelTokens>, StoreError> {
        let sql = "SELECT model, sum(input), sum(cached), sum(output) FROM gpu_tokens
                   WHERE node = ?1 AND hour >= ?2 AND hour <= ?3 GROUP BY model ORDER BY model";
        let last = until.plus_micros(-1).hour().index();
        let read = |row: &Row<'_>| {
            let count = |i| row.get::<_, i64>(i).map(|n| u64::try_from(n).unwrap_or(0));
            Ok(GpuModelTokens { model: row.get(0)?, at: since, tokens: [count(1)?, count(2)?, count(3)?] })
        };
        self.rows(sql, &[&node, &since.hour().index(), &last], read)
    }

    /// Time in which it is not known what a node's models made.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub fn gpu_uncounted(
        &self,
        node: &str,
        (since, until): Stretch,
    ) -> Result<Vec<GpuUncounted>, StoreError> {
        let sql =
            "SELECT model, since, until FROM gpu_uncounted WHERE node = ?1 AND until > ?2 AND since < ?3
                   ORDER BY model, since";
        let read = |row: &Row<'_>| {
            Ok(GpuUncounted { model: row.get(0)?, since: time(row, 1)?, until: time(row, 2)? })
        };
        self.rows(sql, &[&node, &since.micros(), &until.micros()], read)
    }

    /// What was not known about a node in a stretch of time, the latest first, and not more than so many.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub fn gpu_gaps(
        &self,
        node: &str,
        (since, until): Stretch,
        most: u32,
    ) -> Result<Vec<GpuGap>, StoreError> {
        let sql = "SELECT kind, about, since, until, detail FROM gpu_gap
                   WHERE node = ?1 AND until >= ?2 AND since < ?3 ORDER BY until DESC, kind, about LIMIT ?4";
        let read = |row: &Row<'_>| {
            Ok(GpuGap {
                kind: row.get(0)?,
                about: row.get(1)?,
                since: time(row, 2)?,
                until: time(row, 3)?,
                detail: row.get(4)?,
            })
        };
        self.rows(sql, &[&node, &since.micros(), &until.micros(), &most], read)
    }

    fn spans(&self, conditions: &str, given: &[&dyn ToSql]) -> Result<Vec<GpuSpan>, StoreError> {
        let sql = format!(
            "SELECT node, gpu, since, until, state, slices, gpu_index, product, evidence, pods FROM gpu_span {conditions}"
        );
        self.rows(&sql, given, |row| {
            Ok(GpuSpan {
                node: row.get(0)?,
                gpu: row.get(1)?,
                since: time(row, 2)?,
                until: time(row, 3)?,
                state: row.get(4)?,
                slices: row.get(5)?,
                index: row.get(6)?,
                product: row.get(7)?,
                evidence: texts(row, 8)?,
                pods: texts(row, 9)?,
            })
        })
    }

    fn rows<T>(
        &self,
        sql: &str,
        given: &[&dyn ToSql],
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let found = || -> rusqlite::Result<Vec<T>> {
            let mut statement = self.db.prepare_cached(sql)?;
            statement.query_map(given, read)?.collect()
        };
        self.named(found().map_err(StoreError::Database))
    }
}

/// Nodes under a condition.
pub(super) fn nodes(
    db: &Connection,
    condition: &str,
    given: &[&dyn ToSql],
) -> rusqlite::Result<Vec<GpuNode>> {
    let sql = format!(
        "SELECT node, since, until, per_hour, term, owner, accelerators, provider, weights, has_engines, longest
         FROM gpu_node {condition} ORDER BY node, since"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let read = |row: &Row<'_>| {
        let weights: String = row.get(8)?;
        let mut numbers = weights.split(' ').map(|w| w.parse().unwrap_or(0));
        Ok(GpuNode {
            node: row.get(0)?,
            since: time(row, 1)?,
            until: row.get::<_, Option<i64>>(2)?.map(Timestamp::from_micros),
            per_hour: Money::from_nanos(row.get(3)?),
            term: row.get(4)?,
            owner: row.get(5)?,
            accelerators: row.get(6)?,
            provider: row.get(7)?,
            weights: std::array::from_fn(|_| numbers.next().unwrap_or(0)),
            has_engines: row.get(9)?,
            longest: row.get(10)?,
        })
    };
    statement.query_map(given, read)?.collect()
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_micros)
}

fn texts(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<String>> {
    let text: String = row.get(column)?;
    Ok(serde_json::from_str(&text).unwrap_or_default())
}
