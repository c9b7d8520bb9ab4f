//! The tables, and how an older database is brought up to date.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::StoreError;

/// Each version's statements, from the first on. A published one never changes; a new one is added.
const VERSIONS: &[&str] = &[
    include_str!("schema/v1.sql"),
    include_str!("schema/v2.sql"),
    include_str!("schema/v3.sql"),
    include_str!("schema/v4.sql"),
    include_str!("schema/v5.sql"),
];

/// The newest version, which this code reads and writes.
pub(crate) const NEWEST: u32 = VERSIONS.len() as u32;

const VERSION_TABLE: &str = "
    CREATE TABLE IF NOT EXISTS schema_version (
        version    INTEGER NOT NULL PRIMARY KEY,
        applied_at TEXT    NOT NULL DEFAULT CURRENT_TIMESTAMP
    ) STRICT";

/// The version of a database; 0 for one without tables.
pub(crate) fn version(db: &Connection) -> rusqlite::Result<u32> {
    let exists: bool =
        db.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'schema_version')", [], |r| {
            r.get(0)
        })?;
    if !exists {
        return Ok(0);
    }
    db.query_row("SELECT coalesce(max(version), 0) FROM schema_version", [], |r| r.get(0))
}

/// Brings a database up to date, in one transaction. A newer one is refused and left as it is.
pub(crate) fn migrate(db: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |e| StoreError::of_database(path, e);
    if version(db).map_err(failed)? == NEWEST {
        return Ok(());
    }
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let found = version(&tx).map_err(failed)?;
    refuse_newer(found, path)?;
    tx.execute_batch(VERSION_TABLE).map_err(failed)?;
    for (statements, number) in VERSIONS.iter().zip(1..).skip(found as usize) {
        tx.execute_batch(statements).map_err(failed)?;
        tx.execute("INSERT INTO schema_version (version) VALUES (?1)", [number]).map_err(failed)?;
    }
    tx.commit().map_err(failed)
}

/// An error for a version that this code does not know.
pub(crate) fn refuse_newer(found: u32, path: &Path) -> Result<(), StoreError> {
    if found > NEWEST {
        return Err(StoreError::NewerSchema { path: path.to_owned(), found, known: NEWEST });
    }
    Ok(())
}
