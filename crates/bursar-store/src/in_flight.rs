//! The table of attempts that are open in what has been read of the journal.

use bursar_core::{MeteredUsage, RecordId};
use rusqlite::{Connection, params};

use crate::attempt::{InFlight, OpenAttempt};
use crate::codec;
use crate::error::StoreError;
use crate::usage_log::{bad, request_bytes};

/// Adds an attempt; one that is there already stays.
pub(crate) fn insert(
    db: &Connection,
    attempt: &OpenAttempt,
    progress: Option<&MeteredUsage>,
) -> rusqlite::Result<()> {
    let mut opened = Vec::new();
    codec::write_open(attempt, &mut opened);
    db.prepare_cached(
        "INSERT OR IGNORE INTO in_flight (request, attempt, opened, progress) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        request_bytes(attempt.id.request),
        attempt.id.attempt,
        opened,
        progress.map(codec::usage_bytes)
    ])?;
    Ok(())
}

/// Keeps the latest that was seen of an attempt's response.
pub(crate) fn set_progress(db: &Connection, id: RecordId, usage: &MeteredUsage) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE in_flight SET progress = ?3 WHERE request = ?1 AND attempt = ?2")?
        .execute(params![request_bytes(id.request), id.attempt, codec::usage_bytes(usage)])?;
    Ok(())
}

/// Takes a settled attempt away.
pub(crate) fn remove(db: &Connection, id: RecordId) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM in_flight WHERE request = ?1 AND attempt = ?2")?
        .execute(params![request_bytes(id.request), id.attempt])?;
    Ok(())
}

/// Every attempt that is open, in the order of arrival.
pub(crate) fn all(db: &Connection) -> Result<Vec<InFlight>, StoreError> {
    db.execute(
        "DELETE FROM in_flight WHERE EXISTS (SELECT 1 FROM usage_log u
         WHERE u.request = in_flight.request AND u.attempt = in_flight.attempt)",
        [],
    )
    .map_err(StoreError::Database)?;
    read_all(db)
}

/// The same without tidying the table.
pub(crate) fn read_all(db: &Connection) -> Result<Vec<InFlight>, StoreError> {
    let mut statement = db
        .prepare(
            "SELECT opened, progress FROM in_flight f WHERE NOT EXISTS (SELECT 1 FROM usage_log u
             WHERE u.request = f.request AND u.attempt = f.attempt) ORDER BY request, attempt",
        )
        .map_err(StoreError::Database)?;
    let mut rows = statement.query([]).map_err(StoreError::Database)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(StoreError::Database)? {
        let opened: Vec<u8> = row.get(0).map_err(StoreError::Database)?;
        let progress: Option<Vec<u8>> = row.get(1).map_err(StoreError::Database)?;
        found.push(InFlight {
            attempt: codec::read_open(&opened).map_err(|e| bad("an attempt in flight", e))?,
            progress: progress
                .map(|p| codec::read_usage(&p).map_err(|e| bad("an attempt in flight", e)))
                .transpose()?,
        });
    }
    Ok(found)
}
