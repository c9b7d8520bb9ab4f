//! Whether what the ledger says is what the usage log adds up to.

use bursar_core::budget::{BudgetName, Period, Window};
use bursar_core::ledger::{AccountState, Past, WindowState};

use super::directory::BudgetDirectory;
use super::fold::Fold;
use super::follow::past_of;
use super::table;
use crate::database;
use crate::error::StoreError;

/// What [`BudgetDirectory::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Budgets that were added up again.
    pub budgets: usize,
    /// Windows of accounts that were compared.
    pub windows: usize,
    /// Where the two differ; empty where the account is whole.
    pub deviations: Vec<Deviation>,
}

/// A window of an account that is not what the usage log adds up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// The budget.
    pub budget: BudgetName,
    /// The share, where the budget is per something.
    pub instance: Option<String>,
    /// The window.
    pub window: Window,
    /// What the ledger has: spent, and calls without a known price.
    pub ledger: (i64, u64),
    /// What the log adds up to.
    pub log: (i64, u64),
}

impl BudgetDirectory {
    /// Adds up the usage log from the beginning for every budget, and compares that with what the ledger goes by: where
    /// a store is open, with its ledger as of now, else with the sums that were kept and the records after them.
    ///
    /// What earlier windows left or owe is not compared: it also depends on what the budget's amount was then.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read, or the store is too busy to keep its sums now.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        if !database::path_of(self.folder()).is_file() {
            return Ok(Verified::default());
        }
        self.keep_now()?;
        self.compare().map_err(|e| e.of_folder(self.folder()))
    }

    fn compare(&self) -> Result<Verified, StoreError> {
        let db = database::open_read_only(self.folder())?;
        let tx = db.unchecked_transaction().map_err(StoreError::Database)?;
        let tiers = self.model_tiers();
        let mut budgets = Vec::new();
        for row in table::all(&tx)? {
            let budget = row.budget()?;
            budgets.push((row, budget));
        }
        let mut kept = past_of(&tx, &budgets, tiers)?;
        let mut fold = Fold::from(budgets.iter().map(|(row, _)| row.counts_from), &tx, tiers)?;
        for (row, budget) in &budgets {
            fold.add(budget.clone(), row.counts_from, Vec::new());
        }
        fold.run(&tx)?;
        let mut log = fold.into_pasts();
        let mut found = Verified { budgets: budgets.len(), ..Verified::default() };
        for (row, budget) in &budgets {
            let (kept, log) =
                (kept.remove(&row.name).unwrap_or_default(), log.remove(&row.name).unwrap_or_default());
            compare_accounts(&budget.period, &kept, &log, &mut found);
        }
        Ok(found)
    }
}

fn compare_accounts(period: &Period, kept: &Past, log: &Past, found: &mut Verified) {
    let of = |past: &Past, like: &AccountState| {
        past.accounts.iter().find(|a| a.instance == like.instance).map_or_else(Vec::new, |a| sums(period, a))
    };
    for account in &log.accounts {
        found.compare(account, &of(kept, account), &sums(period, account));
    }
    let known = |a: &&AccountState| log.accounts.iter().any(|l| l.instance == a.instance);
    for account in kept.accounts.iter().filter(|a| !known(a)) {
        found.compare(account, &sums(period, account), &[]);
    }
}

/// What was spent in each window, the latest first. A life has no fixed beginning: only the latest is compared. What
/// has left a rolling period is not compared.
fn sums(period: &Period, account: &AccountState) -> Vec<(Window, (i64, u64))> {
    let sum = |w: &WindowState| (w.window, (w.spent, w.unpriced));
    match period {
        Period::Life { .. } => {
            account.windows.last().map(|w| (Window::ALWAYS, sum(w).1)).into_iter().collect()
        }
        Period::Rolling { length } => {
            let reach = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
            let counts = |w: &WindowState| {
                let newest = w.buckets.last().map_or(0, |(start, _)| *start);
                let recent = w.buckets.iter().filter(|(start, _)| *start > newest.saturating_sub(reach));
                recent.fold(0i64, |total, (_, n)| total.saturating_add(*n))
            };
            account.windows.iter().map(|w| (w.window, (counts(w), w.unpriced))).collect()
        }
        Period::Calendar { .. } => account.windows.iter().rev().map(sum).collect(),
    }
}

impl Verified {
    /// Compares the windows that both have. One that only one of them has is closed and forgotten in the other, or
    /// nothing happened in it; unless it is the latest.
    fn compare(
        &mut self,
        account: &AccountState,
        ledger: &[(Window, (i64, u64))],
        log: &[(Window, (i64, u64))],
    ) {
        let find =
            |all: &[(Window, (i64, u64))], window| all.iter().find(|(w, _)| *w == window).map(|(_, s)| *s);
        let latest = ledger.first().into_iter().chain(log.first()).map(|(w, _)| *w).max();
        let mut windows: Vec<Window> = ledger.iter().chain(log).map(|(w, _)| *w).collect();
        windows.sort_unstable();
        windows.dedup();
        for window in windows {
            let (ours, theirs) = match (find(ledger, window), find(log, window)) {
                (Some(ours), Some(theirs)) => (ours, theirs),
                (ours, theirs) if Some(window) == latest => {
                    (ours.unwrap_or_default(), theirs.unwrap_or_default())
                }
                _ => continue,
            };
            self.windows += 1;
            if ours != theirs {
                self.deviations.push(Deviation {
                    budget: account.budget.clone(),
                    instance: Some(account.instance.replace('\u{1f}', " / ")).filter(|i| !i.is_empty()),
                    window,
                    ledger: ours,
                    log: theirs,
                });
            }
        }
    }
}
