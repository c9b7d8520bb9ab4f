//! Connections to the database.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::StoreError;
use crate::lock::FolderLock;
use crate::options::Durability;
use crate::schema;

/// How long a statement waits for another process's transaction.
const BUSY: Duration = Duration::from_millis(1_000);

/// The database of a data folder.
pub(crate) fn path_of(folder: &Path) -> PathBuf {
    folder.join("bursar.sqlite")
}

/// Opens the database for writing; made and brought up to date where needed. The caller holds the folder's lock.
pub(crate) fn open(folder: &Path, durability: Durability) -> Result<Connection, StoreError> {
    let path = path_of(folder);
    let failed = |e| StoreError::of_database(&path, e);
    let mut db = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    schema::refuse_newer(schema::version(&db).map_err(failed)?, &path)?;
    let synchronous = match durability {
        Durability::Process => "NORMAL",
        Durability::Disk => "FULL",
    };
    db.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 33554432; PRAGMA synchronous = {synchronous};"
    ))
    .map_err(failed)?;
    schema::migrate(&mut db, &path)?;
    Ok(db)
}

/// Opens an existing, up-to-date database for small changes beside a running server.
pub(crate) fn open_beside(folder: &Path) -> Result<Connection, StoreError> {
    let path = path_of(folder);
    let db = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    expect_newest(&db, &path)?;
    db.execute_batch("PRAGMA synchronous = FULL;").map_err(|e| StoreError::of_database(&path, e))?;
    Ok(db)
}

/// Opens the database to change the registry. Where it is missing or older and nobody uses the folder, it is made
/// or brought up to date.
pub(crate) fn open_for_change(folder: &Path) -> Result<Connection, StoreError> {
    if path_of(folder).is_file() {
        match open_beside(folder) {
            Err(StoreError::OlderSchema { .. }) => {}
            other => return other,
        }
    }
    fs::create_dir_all(folder).map_err(|e| StoreError::of_file(folder, e))?;
    let _lock = FolderLock::take(folder)?;
    open(folder, Durability::Disk)
}

/// One change of the registry, in one transaction.
pub(crate) fn change<T, E: From<StoreError>>(
    folder: &Path,
    change: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<T, E> {
    let failed = |e| StoreError::of_database(&path_of(folder), e);
    let mut db = open_for_change(folder)?;
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let done = change(&tx)?;
    tx.commit().map_err(failed)?;
    Ok(done)
}

/// Opens an existing, up-to-date database for reading. No file is made in a folder without data.
pub(crate) fn open_read_only(folder: &Path) -> Result<Connection, StoreError> {
    let path = path_of(folder);
    if !path.is_file() {
        return Err(StoreError::NoData(folder.to_owned()));
    }
    let db = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    expect_newest(&db, &path)?;
    Ok(db)
}

fn expect_newest(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let found = schema::version(db).map_err(|e| StoreError::of_database(path, e))?;
    schema::refuse_newer(found, path)?;
    if found < schema::NEWEST {
        return Err(StoreError::OlderSchema { path: path.to_owned(), found });
    }
    Ok(())
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let failed = |e| StoreError::of_database(path, e);
    let db = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
    db.busy_timeout(BUSY).map_err(failed)?;
    // A page cache of 2 MB; the operating system's cache does the rest.
    db.execute_batch("PRAGMA cache_size = -2000; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY;")
        .map_err(failed)?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(db)
}
