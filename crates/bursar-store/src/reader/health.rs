//! Counts that say whether the account is whole.

use bursar_core::Timestamp;

use super::Reader;
use crate::codec::{self, Entry};
use crate::error::StoreError;
use crate::journal::scan::{PieceEnd, Scan};
use crate::journal::{Position, segment};
use crate::{drain, schema};

/// Counts that say whether the account is whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The version of the tables.
    pub schema_version: u32,
    /// Records in the usage log.
    pub records: u64,
    /// Attempts that are open in what has been read of the journal.
    pub in_flight: u64,
    /// Records whose cost is not known in full.
    pub unpriced: u64,
    /// The same by provider and model, the most frequent first.
    pub unpriced_by_model: Vec<UnpricedModel>,
    /// Records by the name of an exception of their usage, the most frequent first.
    pub exceptions: Vec<(String, u64)>,
    /// Journal entries that were not understood and are kept aside.
    pub set_aside: u64,
    /// Bytes of the journal that are not in the database yet.
    pub journal_lag_bytes: u64,
    /// The time of the oldest entry of the journal that is not in the database yet.
    pub oldest_waiting: Option<Timestamp>,
}

/// A model that has no price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnpricedModel {
    /// The provider.
    pub provider: String,
    /// The model that served, else the one that was asked for.
    pub model: Option<String>,
    /// Records.
    pub records: u64,
}

impl Reader {
    /// Counts over the whole log.
    ///
    /// # Errors
    ///
    /// Where the database or the journal cannot be read.
    pub fn health(&self) -> Result<Health, StoreError> {
        let counts = self.named(self.counts().map_err(StoreError::Database))?;
        let (journal_lag_bytes, oldest_waiting) = self.lag()?;
        Ok(Health { journal_lag_bytes, oldest_waiting, ..counts })
    }

    fn counts(&self) -> rusqlite::Result<Health> {
        let count = |sql: &str| self.db.query_row(sql, [], |r| r.get(0)).map(count_of);
        let mut by_model = self.db.prepare(
            "SELECT provider, model, count(*) FROM usage_log WHERE contracted_cost IS NULL
             GROUP BY provider, model ORDER BY 3 DESC, 1, 2",
        )?;
        let unpriced_by_model = by_model.query_map([], |r| {
            Ok(UnpricedModel { provider: r.get(0)?, model: r.get(1)?, records: count_of(r.get(2)?) })
        })?;
        let mut by_name = self.db.prepare(
            "SELECT json_extract(value, '$.name'), count(*) FROM usage_log, json_each(exceptions)
             WHERE exceptions IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1",
        )?;
        let exceptions = by_name.query_map([], |r| Ok((r.get(0)?, count_of(r.get(1)?))))?;
        Ok(Health {
            schema_version: schema::version(&self.db)?,
            records: count("SELECT count(*) FROM usage_log")?,
            in_flight: count("SELECT count(*) FROM in_flight")?,
            unpriced: count("SELECT count(*) FROM usage_log WHERE contracted_cost IS NULL")?,
            unpriced_by_model: unpriced_by_model.collect::<Result<_, _>>()?,
            exceptions: exceptions.collect::<Result<_, _>>()?,
            set_aside: count("SELECT count(*) FROM set_aside")?,
            ..Health::default()
        })
    }

    /// Bytes that wait in the journal, and the time of the first entry among them. The writer may delete a
    /// segment meanwhile: what is gone does not wait.
    fn lag(&self) -> Result<(u64, Option<Timestamp>), StoreError> {
        let journal = self.folder.join("journal");
        let at = drain::read_position(&self.db).map_err(StoreError::Database)?;
        let Ok(numbers) = segment::numbers(&journal) else { return Ok((0, None)) };
        let (mut bytes, mut oldest) = (0, None);
        for number in numbers.into_iter().filter(|&n| n >= at.segment) {
            let offset = if number == at.segment { at.offset } else { segment::HEAD };
            let mut scan = Scan::new(&journal, Position { segment: number, offset });
            let end = Position { segment: u64::MAX, offset: u64::MAX };
            while let Ok(PieceEnd::More) = scan.piece(end, |_, kind, entry| {
                oldest = oldest.or_else(|| time_of(kind, entry));
                Ok::<(), StoreError>(())
            }) {}
            bytes += scan.position().offset.saturating_sub(offset);
        }
        Ok((bytes, oldest))
    }
}

/// A count is never below zero.
fn count_of(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

fn time_of(kind: u8, entry: &[u8]) -> Option<Timestamp> {
    match codec::read_entry(kind, entry).ok()? {
        Entry::Open(attempt) => Some(attempt.started_at),
        Entry::Settle(record) => Some(record.ended_at),
        Entry::Progress(..) => None,
    }
}
