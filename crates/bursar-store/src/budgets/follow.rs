//! How the ledger follows the registry and the usage log: at the start, and beside calls by the store's writer.
//!
//! A budget that begins to count while calls go on gets its past in two steps. The writer first adds up the rows that
//! are there, a batch at a time, and nobody waits for it. Then it holds the ledger's lock for a moment: it takes what
//! waits in the journal up to a place into the log, adds those rows up as well, and defines the budget. A call that
//! was settled before that place is in the sum; one that was not is held in the new budget, and its settlement will
//! be posted to it. None is both, because a gateway settles a call in the store first and in the ledger after that.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bursar_core::RecordId;
use bursar_core::budget::{Budget, BudgetName, ModelTiers};
use bursar_core::ledger::Ledger;
use rusqlite::{Connection, TransactionBehavior};

use super::directory::{BudgetDirectory, hold_of};
use super::fold::Fold;
use super::snapshot::{self, CountedUnder};
use super::table::{self, BudgetRow};
use crate::attempt::InFlight;
use crate::error::StoreError;
use crate::usage_log;
use crate::writer::Intake;

/// A definition as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    epoch: i64,
    definition: String,
}

impl Applied {
    fn of(row: &BudgetRow) -> Applied {
        Applied { epoch: row.epoch, definition: row.definition.clone() }
    }
}

/// The ledger as registry, kept sums and usage log make it, with what was in flight still held.
pub(super) fn load(
    db: &Connection,
    tiers: &ModelTiers,
    in_flight: &[InFlight],
) -> Result<(Ledger, HashMap<BudgetName, Applied>), StoreError> {
    let mut budgets = Vec::new();
    for row in table::all(db)? {
        let budget = row.budget()?;
        budgets.push((row, budget));
    }
    let mut pasts = past_of(db, &budgets, tiers)?;
    let mut ledger = Ledger::new(tiers.clone());
    for found in in_flight {
        // No budget is defined yet: nothing is short, and each budget takes the hold when it is defined.
        let held = ledger.hold(hold_of(found), found.attempt.started_at);
        debug_assert!(held.is_ok());
    }
    let mut applied = HashMap::new();
    for (row, budget) in budgets {
        let past = pasts.remove(&row.name).unwrap_or_default();
        ledger.define_with_past(budget, past, |_| true);
        applied.insert(row.name.clone(), Applied::of(&row));
    }
    Ok((ledger, applied))
}

/// What was spent of each budget before: the sums that were kept and the rows after them, or all its rows.
pub(super) fn past_of(
    db: &Connection,
    budgets: &[(BudgetRow, Budget)],
    tiers: &ModelTiers,
) -> Result<HashMap<BudgetName, bursar_core::ledger::Past>, StoreError> {
    let mut kept = snapshot::read(db, budgets, tiers)?;
    let unkept: Vec<&(BudgetRow, Budget)> =
        budgets.iter().filter(|(row, _)| !kept.contains_key(&row.name)).collect();
    let mut whole = Fold::from(unkept.iter().map(|(row, _)| row.counts_from), db, tiers)?;
    for (row, budget) in unkept {
        whole.add(budget.clone(), row.counts_from, Vec::new());
    }
    let covers = kept.values().map(|k| k.covers).min().unwrap_or(i64::MAX);
    let mut rest = Fold::after(covers, tiers);
    for (row, budget) in budgets {
        if let Some(kept) = kept.remove(&row.name) {
            rest.add(budget.clone(), row.counts_from, kept.accounts);
        }
    }
    whole.run(db)?;
    rest.run(db)?;
    let mut pasts = whole.into_pasts();
    pasts.extend(rest.into_pasts());
    Ok(pasts)
}

/// The part of the store's writer that looks after budgets.
pub(crate) struct Follower {
    directory: BudgetDirectory,
    applied: HashMap<BudgetName, Applied>,
    backfill: Option<Backfill>,
    /// Whom the latest look serves.
    pub(crate) ticket: u64,
    /// What the kept sums cover, and whether a definition has changed since.
    covered: Option<i64>,
    has_changed: bool,
    period: Duration,
    kept_at: Instant,
}

/// Budgets that begin to count, with what their past adds up to so far.
struct Backfill {
    fresh: Vec<(BudgetRow, Budget)>,
    fold: Fold,
}

impl Follower {
    pub(crate) fn new(
        directory: BudgetDirectory,
        applied: HashMap<BudgetName, Applied>,
        period: Duration,
    ) -> Follower {
        let kept_at = Instant::now();
        Follower {
            directory,
            applied,
            backfill: None,
            ticket: 0,
            covered: None,
            has_changed: true,
            period,
            kept_at,
        }
    }

    /// Whether a budget's past is being added up.
    pub(crate) fn is_busy(&self) -> bool {
        self.backfill.is_some()
    }

    /// Looks at the registry. What changes nothing in how calls are counted is in effect at once; what does is begun.
    pub(crate) fn look(&mut self, db: &Connection) -> Result<(), StoreError> {
        let rows = table::all(db)?;
        let mut fresh = Vec::new();
        let mut altered = Vec::new();
        for row in &rows {
            let budget = || row.budget();
            match self.applied.get(&row.name) {
                Some(known) if *known == Applied::of(row) => {}
                Some(known) if known.epoch == row.epoch => altered.push((row, budget()?)),
                _ => fresh.push((row.clone(), budget()?)),
            }
        }
        let names: HashSet<&BudgetName> = rows.iter().map(|r| &r.name).collect();
        let gone: Vec<BudgetName> = self.applied.keys().filter(|n| !names.contains(n)).cloned().collect();
        self.has_changed |= !altered.is_empty() || !gone.is_empty();
        let mut ledger = self.directory.lock();
        for name in gone {
            ledger.remove(&name);
            self.applied.remove(&name);
        }
        for (row, budget) in altered {
            ledger.define(budget, |_| true);
            self.applied.insert(row.name.clone(), Applied::of(row));
        }
        drop(ledger);
        if !fresh.is_empty() {
            let tiers = self.directory.model_tiers();
            let mut fold = Fold::from(fresh.iter().map(|(row, _)| row.counts_from), db, tiers)?;
            for (row, budget) in &fresh {
                fold.add(budget.clone(), row.counts_from, Vec::new());
            }
            self.backfill = Some(Backfill { fresh, fold });
        }
        Ok(())
    }

    /// Adds up a batch of what is begun, and defines the budgets after the last one.
    pub(crate) fn step(&mut self, intake: &mut Intake) -> Result<(), StoreError> {
        let Some(backfill) = &mut self.backfill else { return Ok(()) };
        if backfill.fold.step(intake.db())? || !intake.come_close()? {
            return Ok(());
        }
        let mut ledger = self.directory.lock();
        let (end, open) = intake.journal.end_and_open();
        intake.take_until(end)?;
        backfill.fold.run(intake.db())?;
        let settled = in_log(intake.db(), ledger.open_ids().filter(|id| !open.contains(id)))?;
        let Some(Backfill { fresh, fold }) = self.backfill.take() else { return Ok(()) };
        let mut pasts = fold.into_pasts();
        for (row, budget) in fresh {
            let past = pasts.remove(&row.name).unwrap_or_default();
            ledger.define_with_past(budget, past, |id| !settled.contains(&id));
            self.applied.insert(row.name.clone(), Applied::of(&row));
        }
        self.has_changed = true;
        Ok(())
    }

    /// Whether it is time to keep the sums.
    pub(crate) fn is_due(&self) -> bool {
        self.kept_at.elapsed() >= self.period
    }

    /// Keeps the sums of the ledger, together with the place in the log that they cover. `false` where a call was just
    /// between its settlement in the store and in the ledger: then it is tried again a little later.
    pub(crate) fn keep(&mut self, intake: &mut Intake) -> Result<bool, StoreError> {
        if self.is_busy() {
            return Ok(false);
        }
        let began = Instant::now();
        let (states, between, end) = {
            let ledger = self.directory.lock();
            let (end, open) = intake.journal.end_and_open();
            let between: Vec<RecordId> = ledger.open_ids().filter(|id| !open.contains(id)).collect();
            (ledger.states(), between, end)
        };
        intake.take_until(end)?;
        let db = intake.db();
        if !in_log(db, between.into_iter())?.is_empty() {
            return Ok(false);
        }
        let covers = usage_log::last_row(db).map_err(StoreError::Database)?;
        if self.covered != Some(covers) || self.has_changed {
            let counted = self.counted_under()?;
            let tx = rusqlite::Transaction::new_unchecked(db, TransactionBehavior::Immediate)
                .map_err(StoreError::Database)?;
            snapshot::write(&tx, covers, &counted, &states).map_err(StoreError::Database)?;
            tx.commit().map_err(StoreError::Database)?;
            (self.covered, self.has_changed) = (Some(covers), false);
        }
        // Many accounts take long: at most a twentieth of the time goes into keeping them.
        self.kept_at = Instant::now() + (began.elapsed() * 20).saturating_sub(self.period);
        Ok(true)
    }

    fn counted_under(&self) -> Result<Vec<CountedUnder>, StoreError> {
        let ledger = self.directory.lock();
        let tiers = self.directory.model_tiers();
        let counted = |(name, applied): (&BudgetName, &Applied)| {
            ledger.budget(name).map(|budget| CountedUnder::of(budget, applied.epoch, tiers))
        };
        Ok(self.applied.iter().filter_map(counted).collect())
    }
}

fn in_log(db: &Connection, ids: impl Iterator<Item = RecordId>) -> Result<HashSet<RecordId>, StoreError> {
    let mut found = HashSet::new();
    for id in ids {
        if usage_log::holds(db, id).map_err(StoreError::Database)? {
            found.insert(id);
        }
    }
    Ok(found)
}
