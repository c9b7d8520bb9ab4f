//! The store as the gateway holds it.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bursar_core::budget::BudgetName;
use bursar_core::{MeteredUsage, RecordId, UsageRecord};

use crate::alerts::Outbox;
use crate::attempt::{OpenAttempt, Recovery};
use crate::budgets::{Applied, BeginningDirectory, BudgetDirectory, Follower};
use crate::drain::Drain;
use crate::error::StoreError;
use crate::journal::Journal;
use crate::keys::KeyDirectory;
use crate::lock::FolderLock;
use crate::options::StoreOptions;
use crate::writer::{Duty, Intake, Progress, Writer};
use crate::{database, in_flight, replay};

/// The one writer of a data folder. Clones share it. Dropping the last one writes what waits, as
/// [`Store::close`] does, without a word about failure; what then still waits is written at the next start.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// use bursar_store::{Reader, Store, StoreOptions};
///
/// let options = StoreOptions { folder: folder.path().to_owned(), ..StoreOptions::default() };
/// let (store, recovery) = Store::open(options)?;
/// assert!(recovery.in_flight.is_empty());
/// store.flush()?;
/// assert_eq!(Reader::open(folder.path())?.health()?.records, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    journal: Arc<Journal>,
    progress: Arc<Progress>,
    keys: KeyDirectory,
    budgets: BudgetDirectory,
    outbox: Outbox,
    patience: Duration,
    writer: Mutex<Option<JoinHandle<()>>>,
    _lock: FolderLock,
}

/// How the store is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreStatus {
    /// Attempts that are open.
    pub in_flight: u64,
    /// Bytes of the journal that are not in the database yet.
    pub journal_lag_bytes: u64,
    /// Why the database does not take them, where it does not.
    pub trouble: Option<String>,
}

impl Store {
    /// Opens the data folder, made where it is missing; takes what waits in the journal into the database; and
    /// says what was in flight when the last process ended.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] where another process writes to the folder, [`StoreError::NewerSchema`] where a
    /// newer Bursar did, [`StoreError::NoRoom`] and [`StoreError::Locked`] where the journal cannot be taken
    /// over; nothing is lost then, and opening can be tried again.
    pub fn open(options: StoreOptions) -> Result<(Store, Recovery), StoreError> {
        let folder = &options.folder;
        let journal_folder = folder.join("journal");
        fs::create_dir_all(&journal_folder).map_err(|e| StoreError::of_file(&journal_folder, e))?;
        let lock = FolderLock::take(folder)?;
        let db = database::open(folder, options.durability)?;
        let (mut drain, replayed) = replay::replay(db, folder, &journal_folder)?;
        let in_flight = in_flight::all(&drain.db)?;
        let journal = Arc::new(Journal::start(&journal_folder, replayed.next_number, &options)?);
        drain.move_to(replayed.next_number)?;
        for found in &in_flight {
            journal.adopt(&found.attempt)?;
        }
        let (budgets, applied) = BudgetDirectory::beside(folder, &drain.db, &options.model_tiers, &in_flight)
            .map_err(|e| e.of_folder(folder))?;
        let recovery = Recovery {
            in_flight,
            replayed: replayed.entries,
            torn_bytes: replayed.torn_bytes,
            damaged_segments: replayed.damaged_segments,
        };
        let inner = Inner::start(options, lock, drain, journal, (budgets, applied))?;
        Ok((Store { inner: Arc::new(inner) }, recovery))
    }

    /// Writes down that an attempt begins, and sets aside the room that its settlement will take. To be called
    /// before anything is sent to the provider. Opening an attempt that is open already changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoRoom`] and [`StoreError::Backlog`] where it cannot be recorded; nothing was then written,
    /// and whether the call goes on is the caller's policy. [`StoreError::TooLarge`] for labels of more than
    /// about 32 KB.
    pub fn open_attempt(&self, attempt: &OpenAttempt) -> Result<(), StoreError> {
        self.inner.journal.open_attempt(attempt)
    }

    /// Writes down what has been seen of a response so far, for the case that the process ends before it does.
    /// It is left out where the disk is nearly full: settlements come first.
    ///
    /// # Errors
    ///
    /// [`StoreError::File`] where the journal cannot be written.
    pub fn progress(&self, id: RecordId, usage: &MeteredUsage) -> Result<(), StoreError> {
        self.inner.journal.progress(id, usage)
    }

    /// Books an attempt. The first settlement of an id counts; every further one changes nothing. For an attempt
    /// that is open there is room, even on a full disk.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoRoom`] only for attempts that were not opened; [`StoreError::File`] where the journal
    /// cannot be written. The attempt then stays open.
    pub fn settle(&self, record: &UsageRecord) -> Result<(), StoreError> {
        self.inner.journal.settle(record)
    }

    /// Blocks until everything in the journal is in the database, and can be read.
    ///
    /// # Errors
    ///
    /// The reason why the database does not take it within [`StoreOptions::patience`]. Nothing is lost; the
    /// writer goes on trying.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.inner.flush()
    }

    /// Writes what waits and stops. Every clone refuses further records.
    ///
    /// # Errors
    ///
    /// As [`Store::flush`]; what was not written then is written at the next start.
    pub fn close(self) -> Result<(), StoreError> {
        let flushed = self.flush();
        self.inner.stop();
        flushed
    }

    /// The registry of virtual keys.
    #[must_use]
    pub fn keys(&self) -> KeyDirectory {
        self.inner.keys.clone()
    }

    /// The registry of budgets, with the ledger that calls are held in.
    #[must_use]
    pub fn budgets(&self) -> BudgetDirectory {
        self.inner.budgets.clone()
    }

    /// The outbox of alerts.
    #[must_use]
    pub fn outbox(&self) -> Outbox {
        self.inner.outbox.clone()
    }

    /// Folds the cubes from the usage log again. Blocks for as long as that takes; records go on being journalled.
    ///
    /// # Errors
    ///
    /// Whatever the database fails with; the cubes are then as before.
    pub fn rebuild_cubes(&self) -> Result<(), StoreError> {
        self.inner.progress.ask(Duty::Rebuild, None, || {
            self.inner.journal.hurry();
        })
    }

    /// How the store is doing.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        let (in_flight, journal_lag_bytes) = self.inner.journal.counts();
        StoreStatus { in_flight: in_flight as u64, journal_lag_bytes, trouble: self.inner.progress.why_not() }
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        &self.inner.folder
    }
}

impl Inner {
    /// Starts the writer.
    fn start(
        options: StoreOptions,
        lock: FolderLock,
        drain: Drain,
        journal: Arc<Journal>,
        (budgets, applied): (BeginningDirectory, HashMap<BudgetName, Applied>),
    ) -> Result<Inner, StoreError> {
        let StoreOptions { folder, group_window, patience, snapshot_period, .. } = options;
        let keys = KeyDirectory::with_snapshot(&folder, &drain.db)?;
        let progress = Arc::new(Progress::starting_at(drain.position()));
        let budgets = budgets.with_writer(Arc::clone(&journal), Arc::clone(&progress), patience);
        let writer = Writer {
            intake: Intake { drain, journal: Arc::clone(&journal), progress: Arc::clone(&progress) },
            keys: keys.clone(),
            budgets: Follower::new(budgets.clone(), applied, snapshot_period),
            window: group_window,
        };
        let thread = std::thread::Builder::new()
            .name("bursar-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|e| StoreError::of_file(&folder, e))?;
        let writer = Mutex::new(Some(thread));
        let outbox = Outbox::of(&folder);
        Ok(Inner { folder, journal, progress, keys, budgets, outbox, patience, writer, _lock: lock })
    }

    fn flush(&self) -> Result<(), StoreError> {
        let end = self.journal.hurry();
        if self.progress.wait_for(end, self.patience) {
            return Ok(());
        }
        let (_, waiting) = self.journal.counts();
        Err(self.progress.last_error().unwrap_or(StoreError::NotTaken { waiting, patience: self.patience }))
    }

    fn stop(&self) {
        self.journal.close();
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(_)) = thread.map(JoinHandle::join) {
            tracing::error!(
                "the writer of the store stopped with a panic; what waits is written at the next start"
            );
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}
