//! One connection for changes beside the writer, shared by clones.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, TransactionBehavior};

use crate::database;
use crate::error::StoreError;

/// A data folder's database, for small changes beside a running server or without one.
#[derive(Clone)]
pub(crate) struct Beside {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    /// Opened when it is needed, and anew after a failure.
    db: Mutex<Option<Connection>>,
}

impl Beside {
    /// The database of a data folder. Nothing is opened yet.
    pub(crate) fn of(folder: &Path) -> Beside {
        Beside { shared: Arc::new(Shared { folder: folder.to_owned(), db: Mutex::new(None) }) }
    }

    /// One change, in one transaction.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.with(|db| {
            let tx =
                db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::Database)?;
            let done = change(&tx).map_err(StoreError::Database)?;
            tx.commit().map_err(StoreError::Database)?;
            Ok(done)
        })
    }

    /// Something that needs the connection.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let folder = &self.shared.folder;
        let mut db = self.shared.db.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = match db.take() {
            Some(open) => open,
            None => database::open_for_change(folder)?,
        };
        let done = work(&mut open).map_err(|e| e.of_folder(folder))?;
        *db = Some(open);
        Ok(done)
    }
}
