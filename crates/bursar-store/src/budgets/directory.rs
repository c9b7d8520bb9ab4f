//! The registry of budgets and the ledger of what is held and spent of them.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bursar_core::budget::{Budget, BudgetName, Increase, ModelTiers, Subject};
use bursar_core::ledger::{Amounts, HoldRequest, Ledger};
use bursar_core::{RecordId, Timestamp, UsageRecord};
use rusqlite::Connection;

use super::follow::{Applied, load};
use super::table::{self, BudgetRow, text_of};
use super::{BudgetError, BudgetOrigin, Change, StoredBudget};
use crate::attempt::InFlight;
use crate::database;
use crate::error::StoreError;
use crate::journal::Journal;
use crate::writer::{Duty, Progress};

/// The registry of budgets, with the ledger of what is held and spent of them. Clones share both.
///
/// Beside an open [`crate::Store`] the ledger is the one that calls are held in, and a change of a definition, also by
/// another process, is in effect within about a second. Opened by itself, the ledger is what the database adds up to
/// at that moment.
#[derive(Clone)]
pub struct BudgetDirectory {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    tiers: ModelTiers,
    ledger: Mutex<Ledger>,
    /// Attempts of an earlier process that are not booked yet.
    left_open: Mutex<HashSet<RecordId>>,
    writer: Option<WriterLink>,
}

/// How the writer of the store is told to look at the registry.
struct WriterLink {
    journal: Arc<Journal>,
    progress: Arc<Progress>,
    patience: Duration,
}

/// What [`BudgetDirectory::sync_config`] changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigSync {
    /// Budgets that are new.
    pub created: Vec<BudgetName>,
    /// Budgets that changed, or that the registry had defined before.
    pub updated: Vec<BudgetName>,
    /// Budgets that the file no longer has.
    pub removed: Vec<BudgetName>,
}

impl BudgetDirectory {
    /// The registry of a data folder, beside a running server or without one; a folder without data has no budgets.
    /// The ledger is what the database adds up to now, with the calls on their way that it knows of.
    ///
    /// # Errors
    ///
    /// Where the registry or the usage log cannot be read.
    pub fn open(folder: &Path, tiers: ModelTiers) -> Result<BudgetDirectory, StoreError> {
        let ledger = if database::path_of(folder).is_file() {
            read_ledger(folder, &tiers)?
        } else {
            Ledger::new(tiers.clone())
        };
        Ok(BudgetDirectory::of(folder, tiers, ledger, HashSet::new(), None))
    }

    /// The registry beside the writer of a store.
    pub(crate) fn beside(
        folder: &Path,
        db: &Connection,
        tiers: &ModelTiers,
        in_flight: &[InFlight],
    ) -> Result<(BeginningDirectory, HashMap<BudgetName, Applied>), StoreError> {
        let (ledger, applied) = load(db, tiers, in_flight)?;
        let left_open = in_flight.iter().map(|f| f.attempt.id).collect();
        let (folder, tiers) = (folder.to_owned(), tiers.clone());
        Ok((BeginningDirectory { folder, tiers, ledger, left_open }, applied))
    }

    fn of(
        folder: &Path,
        tiers: ModelTiers,
        ledger: Ledger,
        left_open: HashSet<RecordId>,
        writer: Option<WriterLink>,
    ) -> BudgetDirectory {
        let (ledger, left_open) = (Mutex::new(ledger), Mutex::new(left_open));
        BudgetDirectory {
            shared: Arc::new(Shared { folder: folder.to_owned(), tiers, ledger, left_open, writer }),
        }
    }

    /// The ledger, for as long as the guard lives. Every call waits for it: hold it for microseconds, and neither
    /// flush the store nor change a definition meanwhile, which would wait for the guard.
    pub fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.shared.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The classes of models that scopes may ask for.
    #[must_use]
    pub fn model_tiers(&self) -> &ModelTiers {
        &self.shared.tiers
    }

    /// Posts the record that books an attempt of an earlier process, after [`crate::Store::settle`] has taken it, and
    /// holds the rest of the attempt's ceiling until its lease ends. A second record of it changes nothing.
    pub fn book_left_open(&self, record: &UsageRecord) {
        let mut left_open = self.shared.left_open.lock().unwrap_or_else(PoisonError::into_inner);
        if !left_open.remove(&record.id) {
            return;
        }
        drop(left_open);
        let used = Amounts::used_by(record);
        let mut ledger = self.lock();
        if ledger.book(record.id, used).is_none() {
            // Its hold was over for more than a day.
            ledger.post(&Subject::of_record(record), record.started_at, used);
        }
    }

    /// Every budget by name, as the database has them now.
    ///
    /// # Errors
    ///
    /// Where the registry cannot be read.
    pub fn list(&self) -> Result<Vec<StoredBudget>, StoreError> {
        if !database::path_of(&self.shared.folder).is_file() {
            return Ok(Vec::new());
        }
        let db = database::open_read_only(&self.shared.folder)?;
        self.named(table::all(&db))?.iter().map(BudgetRow::stored).collect()
    }

    /// One budget.
    ///
    /// # Errors
    ///
    /// Where the registry cannot be read.
    pub fn get(&self, name: &BudgetName) -> Result<Option<StoredBudget>, StoreError> {
        if !database::path_of(&self.shared.folder).is_file() {
            return Ok(None);
        }
        let db = database::open_read_only(&self.shared.folder)?;
        self.named(table::one(&db, name))?.map(|row| row.stored()).transpose()
    }

    /// Makes a budget. What was spent in its window before counts from the beginning.
    ///
    /// # Errors
    ///
    /// [`BudgetError::Exists`], [`BudgetError::Unusable`], or where the registry cannot be written.
    pub fn create(&self, budget: &Budget, change: &Change) -> Result<StoredBudget, BudgetError> {
        refuse_unusable(budget)?;
        self.change(|db| {
            if table::one(db, &budget.name)?.is_some() {
                return Err(BudgetError::Exists(budget.name.clone()));
            }
            let row = BudgetRow::new(db, budget, change.at)?;
            table::put(db, &row)?;
            table::audit(db, "budget.create", &row.name, (None, Some(&row.definition)), change)?;
            Ok(row.stored()?)
        })
    }

    /// Puts a definition in the place of the one of its name. Where scope, shares, unit or period differ, the budget
    /// counts anew, from the beginning of its window on.
    ///
    /// # Errors
    ///
    /// [`BudgetError::NotFound`], [`BudgetError::Configured`], [`BudgetError::Unusable`], or where the registry cannot
    /// be written.
    pub fn update(&self, budget: &Budget, change: &Change) -> Result<StoredBudget, BudgetError> {
        self.alter("budget.update", &budget.name, change, false, |before| *before = budget.clone())
    }

    /// Ends a budget.
    ///
    /// # Errors
    ///
    /// [`BudgetError::NotFound`], [`BudgetError::Configured`], or where the registry cannot be written.
    pub fn remove(&self, name: &BudgetName, change: &Change) -> Result<StoredBudget, BudgetError> {
        self.change(|db| {
            let row = table::one(db, name)?.ok_or_else(|| BudgetError::NotFound(name.clone()))?;
            if row.configured.is_some() {
                return Err(BudgetError::Configured(name.clone()));
            }
            table::delete(db, name)?;
            table::audit(db, "budget.remove", name, (Some(&row.definition), None), change)?;
            Ok(row.stored()?)
        })
    }

    /// Adds an amount until a moment.
    ///
    /// # Errors
    ///
    /// [`BudgetError::NotFound`], [`BudgetError::Unusable`] where it adds nothing or is over already, or where the
    /// registry cannot be written.
    pub fn raise(
        &self,
        name: &BudgetName,
        amount: i64,
        until: Timestamp,
        change: &Change,
    ) -> Result<StoredBudget, BudgetError> {
        let (by, why) = (change.who.clone(), change.why.clone().unwrap_or_default());
        let increase = Increase { amount, from: change.at, until, by, why };
        self.alter("budget.raise", name, change, true, |budget| {
            budget.increases.retain(|i| i.until > change.at);
            budget.increases.push(increase);
        })
    }

    /// Stops the calls that a budget covers.
    ///
    /// # Errors
    ///
    /// [`BudgetError::NotFound`], or where the registry cannot be written.
    pub fn pause(&self, name: &BudgetName, change: &Change) -> Result<StoredBudget, BudgetError> {
        self.alter("budget.pause", name, change, true, |budget| budget.paused = true)
    }

    /// Lets the calls that a budget covers go on.
    ///
    /// # Errors
    ///
    /// [`BudgetError::NotFound`], or where the registry cannot be written.
    pub fn resume(&self, name: &BudgetName, change: &Change) -> Result<StoredBudget, BudgetError> {
        self.alter("budget.resume", name, change, true, |budget| budget.paused = false)
    }

    /// Makes the registry have the budgets of the configuration file: new ones, changed ones, and those that the file
    /// no longer has. Increases that were granted and pauses stay.
    ///
    /// # Errors
    ///
    /// [`BudgetError::Unusable`], or where the registry cannot be written; nothing has changed then.
    pub fn sync_config(&self, budgets: &[Budget], change: &Change) -> Result<ConfigSync, BudgetError> {
        budgets.iter().try_for_each(refuse_unusable)?;
        if budgets.is_empty() && !database::path_of(&self.shared.folder).is_file() {
            return Ok(ConfigSync::default());
        }
        self.change(|db| {
            let mut done = ConfigSync::default();
            for budget in budgets {
                sync_one(db, budget, change, &mut done)?;
            }
            for row in table::all(db)? {
                if row.configured.is_some() && !budgets.iter().any(|b| b.name == row.name) {
                    table::delete(db, &row.name)?;
                    table::audit(db, "budget.remove", &row.name, (Some(&row.definition), None), change)?;
                    done.removed.push(row.name);
                }
            }
            Ok(done)
        })
    }

    fn alter(
        &self,
        action: &str,
        name: &BudgetName,
        change: &Change,
        also_configured: bool,
        alter: impl FnOnce(&mut Budget),
    ) -> Result<StoredBudget, BudgetError> {
        self.change(|db| {
            let mut row = table::one(db, name)?.ok_or_else(|| BudgetError::NotFound(name.clone()))?;
            if row.configured.is_some() && !also_configured {
                return Err(BudgetError::Configured(name.clone()));
            }
            let mut budget = row.budget()?;
            alter(&mut budget);
            refuse_unusable(&budget)?;
            let before = row.definition.clone();
            row.take(db, &budget, change.at)?;
            table::put(db, &row)?;
            table::audit(db, action, name, (Some(&before), Some(&row.definition)), change)?;
            Ok(row.stored()?)
        })
    }

    /// One change of the registry, in one transaction, and then the ledger follows it.
    fn change<T>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, BudgetError>,
    ) -> Result<T, BudgetError> {
        let done = database::change(&self.shared.folder, change).map_err(|e| match e {
            BudgetError::Store(e) => BudgetError::Store(e.of_folder(&self.shared.folder)),
            other => other,
        })?;
        match &self.shared.writer {
            None => *self.lock() = read_ledger(&self.shared.folder, &self.shared.tiers)?,
            Some(link) => {
                if let Err(error) = link.ask(Duty::Follow) {
                    tracing::warn!(%error, "a budget was changed; it is in effect when the database can be read again");
                }
            }
        }
        Ok(done)
    }

    /// Keeps the sums of the ledger in the database now, where there is a writer to do it.
    pub(super) fn keep_now(&self) -> Result<(), StoreError> {
        self.shared.writer.as_ref().map_or(Ok(()), |link| link.ask(Duty::Keep))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.shared.folder
    }

    fn named<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result.map_err(|e| e.of_folder(&self.shared.folder))
    }
}

/// A directory whose writer does not run yet.
pub(crate) struct BeginningDirectory {
    folder: PathBuf,
    tiers: ModelTiers,
    ledger: Ledger,
    left_open: HashSet<RecordId>,
}

impl BeginningDirectory {
    pub(crate) fn with_writer(
        self,
        journal: Arc<Journal>,
        progress: Arc<Progress>,
        patience: Duration,
    ) -> BudgetDirectory {
        let link = WriterLink { journal, progress, patience };
        BudgetDirectory::of(&self.folder, self.tiers, self.ledger, self.left_open, Some(link))
    }
}

impl WriterLink {
    fn ask(&self, duty: Duty) -> Result<(), StoreError> {
        self.progress.ask(duty, Some(self.patience), || {
            self.journal.hurry();
        })
    }
}

fn read_ledger(folder: &Path, tiers: &ModelTiers) -> Result<Ledger, StoreError> {
    let named = |e: StoreError| e.of_folder(folder);
    let db = database::open_read_only(folder)?;
    let tx = db.unchecked_transaction().map_err(StoreError::Database).map_err(named)?;
    let in_flight = crate::in_flight::read_all(&tx).map_err(named)?;
    load(&tx, tiers, &in_flight).map(|(ledger, _)| ledger).map_err(named)
}

/// What an attempt in flight holds; one from before there were budgets holds nothing, and can be booked all the same.
pub(super) fn hold_of(found: &InFlight) -> HoldRequest {
    let a = &found.attempt;
    HoldRequest {
        id: a.id,
        subject: Arc::new(Subject {
            attribution: a.attribution.clone(),
            key: a.key.clone(),
            provider: a.provider.clone(),
            model: a.requested_model.clone(),
        }),
        at: a.started_at,
        ceiling: a.ceiling.unwrap_or(Amounts::ZERO),
        lease_until: a.lease_until.unwrap_or(a.started_at),
        unpriced_passes: true,
    }
}

fn refuse_unusable(budget: &Budget) -> Result<(), BudgetError> {
    let problems = budget.problems();
    if problems.is_empty() { Ok(()) } else { Err(BudgetError::Unusable(problems)) }
}

fn sync_one(
    db: &Connection,
    configured: &Budget,
    change: &Change,
    done: &mut ConfigSync,
) -> Result<(), BudgetError> {
    let text = text_of(configured);
    let Some(mut row) = table::one(db, &configured.name)? else {
        let mut row = BudgetRow::new(db, configured, change.at)?;
        row.configured = Some(text);
        table::put(db, &row)?;
        table::audit(db, "budget.create", &row.name, (None, Some(&row.definition)), change)?;
        done.created.push(row.name);
        return Ok(());
    };
    if row.configured.as_ref() == Some(&text) {
        return Ok(());
    }
    let (stored, was) = (row.budget()?, row.as_configured()?);
    let mut budget = configured.clone();
    let was_configured = |i: &&Increase| was.as_ref().is_some_and(|w| w.increases.contains(i));
    let granted = stored.increases.iter().filter(|i| !was_configured(i) && i.until > change.at);
    budget.increases.extend(granted.cloned());
    budget.paused |= stored.paused && !was.is_some_and(|w| w.paused);
    let before = row.definition.clone();
    row.take(db, &budget, change.at)?;
    row.configured = Some(text);
    table::put(db, &row)?;
    table::audit(db, "budget.update", &row.name, (Some(&before), Some(&row.definition)), change)?;
    done.updated.push(row.name);
    Ok(())
}

impl StoredBudget {
    /// Whether the configuration file defines it.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.origin == BudgetOrigin::Config
    }
}
