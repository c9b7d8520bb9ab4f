//! What can go wrong in the store.

use std::io;
use std::path::{Path, PathBuf};

/// Why the store could not do what it was asked. Every message can be read alone and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no data in the folder.
    #[error("there is no Bursar data in {}; start `bursar serve` with this folder first, or name another folder", .0.display())]
    NoData(PathBuf),
    /// Another process is writing to the folder.
    #[error("the data folder {} is in use by another Bursar (process {holder}); stop it, or name another folder", folder.display())]
    InUse {
        /// The data folder.
        folder: PathBuf,
        /// The process that holds it, as far as it is known.
        holder: String,
    },
    /// The disk has no room.
    #[error("the disk of {} is full: nothing recorded is lost, but nothing new can be recorded; make room on it", .0.display())]
    NoRoom(PathBuf),
    /// Another process holds the database for longer than the store is willing to wait.
    #[error("the database {} is locked by another process; nothing is lost: what waits in the journal is written when the lock is gone", .0.display())]
    Locked(PathBuf),
    /// Too much waits in the journal because the database does not take it.
    #[error(
        "{waiting} bytes wait in the journal to be written into the database (at most {most}); the log says why it does not take them"
    )]
    Backlog {
        /// Bytes that wait.
        waiting: u64,
        /// The most that may wait.
        most: u64,
    },
    /// The database did not take what waits in the journal in time, without saying why yet.
    #[error("{waiting} bytes of the journal were not in the database after {} ms; nothing is lost", patience.as_millis())]
    NotTaken {
        /// Bytes that wait.
        waiting: u64,
        /// How long was waited.
        patience: std::time::Duration,
    },
    /// The writer had no time in time.
    #[error("the store was too busy to do it within {} ms; it is done later", patience.as_millis())]
    Busy {
        /// How long was waited.
        patience: std::time::Duration,
    },
    /// The record is larger than the journal takes.
    #[error("the record has {bytes} bytes (at most {most}); its labels are too long")]
    TooLarge {
        /// Size of the record in bytes.
        bytes: usize,
        /// The largest size in bytes.
        most: usize,
    },
    /// The data was written by a newer version of Bursar.
    #[error("{} has schema version {found}, and this Bursar knows versions up to {known}; use the newer Bursar that wrote it", path.display())]
    NewerSchema {
        /// The database or journal file.
        path: PathBuf,
        /// The version found.
        found: u32,
        /// The newest version known.
        known: u32,
    },
    /// The data was written by an older version of Bursar, and another process is using it.
    #[error("{} has the older schema version {found}; start `bursar serve` with this folder, or restart it: it brings it up to date", path.display())]
    OlderSchema {
        /// The database.
        path: PathBuf,
        /// The version found.
        found: u32,
    },
    /// Something in the database is not what Bursar writes.
    #[error("{what} in the database is not what Bursar writes: {why}")]
    Unreadable {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// An address or network of a key cannot be read.
    #[error("{0:?} is no address or network such as 10.0.0.0/8 or 2001:db8::/32")]
    BadNetwork(String),
    /// The operating system gives no random bytes for a new secret.
    #[error("the operating system gives no random bytes: {0}")]
    NoRandomness(String),
    /// The store has been closed.
    #[error("the store has been closed")]
    Closed,
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// The database failed in another way.
    #[error("the database failed: {0}")]
    Database(#[source] rusqlite::Error),
}

impl StoreError {
    /// A failure to read or write a file, told apart by what can be done about it.
    pub(crate) fn of_file(path: &Path, source: io::Error) -> StoreError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::NoRoom(path.to_owned()),
            _ => StoreError::File { path: path.to_owned(), source },
        }
    }

    /// A failure of the database at `path`, told apart by what can be done about it.
    pub(crate) fn of_database(path: &Path, error: rusqlite::Error) -> StoreError {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull};
        match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => StoreError::Locked(path.to_owned()),
            Some(DiskFull) => StoreError::NoRoom(path.to_owned()),
            // The file of the WAL's index cannot grow: SQLite has no other name for a disk that is full then.
            _ if error
                .sqlite_error()
                .is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE) =>
            {
                StoreError::NoRoom(path.to_owned())
            }
            _ => StoreError::Database(error),
        }
    }

    /// The same failure with one of the database of a data folder told apart.
    pub(crate) fn of_folder(self, folder: &Path) -> StoreError {
        match self {
            StoreError::Database(e) => StoreError::of_database(&crate::database::path_of(folder), e),
            other => other,
        }
    }

    /// The same failure once more, for another who waits.
    pub(crate) fn again(&self) -> StoreError {
        match self {
            StoreError::NoRoom(path) => StoreError::NoRoom(path.clone()),
            StoreError::Locked(path) => StoreError::Locked(path.clone()),
            other => StoreError::Unreadable { what: "the journal or something", why: other.to_string() },
        }
    }

    /// Whether trying again later may help without anyone changing the store.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            StoreError::NoRoom(_)
                | StoreError::Locked(_)
                | StoreError::Backlog { .. }
                | StoreError::NotTaken { .. }
                | StoreError::Busy { .. }
        )
    }
}
