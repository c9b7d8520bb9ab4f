//! The sums of budgets as they are kept, and how much of the usage log they cover.

use std::collections::HashMap;

use bursar_core::Timestamp;
use bursar_core::budget::{Budget, BudgetName, ModelTiers, ScopeField, Window};
use bursar_core::ledger::{AccountState, WindowState};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::table::BudgetRow;
use crate::error::StoreError;
use crate::usage_log::bad;

/// What is kept of one budget.
pub(super) struct Kept {
    pub(super) covers: i64,
    pub(super) accounts: Vec<AccountState>,
}

/// What the sums of a budget were counted under.
pub(super) struct CountedUnder {
    pub(super) name: BudgetName,
    pub(super) epoch: i64,
    pub(super) tiers: String,
}

impl CountedUnder {
    pub(super) fn of(budget: &Budget, epoch: i64, tiers: &ModelTiers) -> CountedUnder {
        CountedUnder { name: budget.name.clone(), epoch, tiers: tiers_text(budget, tiers) }
    }
}

#[derive(Serialize, Deserialize)]
struct StateForm {
    last: i64,
    has_dropped: bool,
    windows: Vec<WindowForm>,
}

/// Begin, end, carried, spent, overrun, unpriced, buckets.
#[derive(Serialize, Deserialize)]
struct WindowForm(i64, i64, i64, i64, i64, u64, Vec<(i64, i64)>);

/// Puts the sums in the place of those that were kept, all of them in the caller's transaction.
pub(super) fn write(
    db: &Connection,
    covers: i64,
    counted: &[CountedUnder],
    accounts: &[AccountState],
) -> rusqlite::Result<()> {
    db.execute_batch("DELETE FROM budget_account; DELETE FROM budget_snapshot;")?;
    let mut head = db.prepare_cached(
        "INSERT INTO budget_snapshot (budget, epoch, tiers, covers) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for c in counted {
        head.execute(params![c.name.as_str(), c.epoch, c.tiers, covers])?;
    }
    let mut line =
        db.prepare_cached("INSERT INTO budget_account (budget, instance, state) VALUES (?1, ?2, ?3)")?;
    for account in accounts {
        line.execute(params![account.budget.as_str(), account.instance, state_text(account)])?;
    }
    Ok(())
}

/// What is kept of the budgets that still count as they did then.
pub(super) fn read(
    db: &Connection,
    budgets: &[(BudgetRow, Budget)],
    tiers: &ModelTiers,
) -> Result<HashMap<BudgetName, Kept>, StoreError> {
    let mut kept = heads(db, budgets, tiers)?;
    let mut statement =
        db.prepare("SELECT budget, instance, state FROM budget_account").map_err(StoreError::Database)?;
    let mut rows = statement.query([]).map_err(StoreError::Database)?;
    while let Some(row) = rows.next().map_err(StoreError::Database)? {
        let text = |i| row.get::<_, String>(i).map_err(StoreError::Database);
        let Some(kept) = text(0)?.parse().ok().and_then(|name: BudgetName| kept.get_mut(&name)) else {
            continue;
        };
        kept.accounts.push(read_state(&text(0)?, text(1)?, &text(2)?)?);
    }
    Ok(kept)
}

fn heads(
    db: &Connection,
    budgets: &[(BudgetRow, Budget)],
    tiers: &ModelTiers,
) -> Result<HashMap<BudgetName, Kept>, StoreError> {
    let mut statement = db
        .prepare("SELECT budget, epoch, tiers, covers FROM budget_snapshot")
        .map_err(StoreError::Database)?;
    let mut rows = statement.query([]).map_err(StoreError::Database)?;
    let mut found = HashMap::new();
    while let Some(row) = rows.next().map_err(StoreError::Database)? {
        let text = |i| row.get::<_, String>(i).map_err(StoreError::Database);
        let number = |i| row.get::<_, i64>(i).map_err(StoreError::Database);
        found.insert(text(0)?, (number(1)?, text(2)?, number(3)?));
    }
    let mut kept = HashMap::new();
    for (row, budget) in budgets {
        match found.remove(row.name.as_str()) {
            Some((epoch, was, covers)) if epoch == row.epoch && was == tiers_text(budget, tiers) => {
                kept.insert(row.name.clone(), Kept { covers, accounts: Vec::new() });
            }
            _ => {}
        }
    }
    Ok(kept)
}

/// The classes of models, where a budget asks for any: it counts other calls when they change.
fn tiers_text(budget: &Budget, tiers: &ModelTiers) -> String {
    let asks = budget.scopes.iter().flat_map(|s| &s.clauses).any(|c| c.field == ScopeField::ModelTier);
    if asks { format!("{tiers:?}") } else { String::new() }
}

fn state_text(account: &AccountState) -> String {
    let window = |w: &WindowState| {
        let (start, end) = (w.window.start.micros(), w.window.end.micros());
        WindowForm(start, end, w.carried, w.spent, w.overrun, w.unpriced, w.buckets.clone())
    };
    let form = StateForm {
        last: account.last.micros(),
        has_dropped: account.has_dropped,
        windows: account.windows.iter().map(window).collect(),
    };
    // Only maps with keys that are no texts fail, and there are none.
    serde_json::to_string(&form).unwrap_or_default()
}

fn read_state(budget: &str, instance: String, text: &str) -> Result<AccountState, StoreError> {
    let form: StateForm = serde_json::from_str(text).map_err(|e| bad("the sums of a budget", e))?;
    let window = |WindowForm(start, end, carried, spent, overrun, unpriced, buckets): WindowForm| {
        let (start, end) = (Timestamp::from_micros(start), Timestamp::from_micros(end));
        let mut window = WindowState::kept(Window { start, end }, carried, spent);
        (window.overrun, window.unpriced, window.buckets) = (overrun, unpriced, buckets);
        window
    };
    Ok(AccountState {
        budget: budget.parse().map_err(|e| bad("a budget's name", e))?,
        instance,
        last: Timestamp::from_micros(form.last),
        windows: form.windows.into_iter().map(window).collect(),
        has_dropped: form.has_dropped,
    })
}
