//! What a ledger tells about itself, and how it is kept and found again.

use std::sync::Arc;

use super::Ledger;
use super::account::WindowState;
use super::command::Balance;
use super::slot::instance_text;
use crate::budget::{Budget, BudgetName, Subject};
use crate::identity::RecordId;
use crate::time::Timestamp;

/// What has been posted to one account, without its holds: enough to go on with after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountState {
    /// The budget.
    pub budget: BudgetName,
    /// The share, in the ledger's own form; empty where the budget is one for all.
    pub instance: String,
    /// The latest beginning of a call.
    pub last: Timestamp,
    /// Its windows, the oldest first.
    pub windows: Vec<WindowState>,
    /// Whether windows before the first one are forgotten, but for what they left or owe.
    pub has_dropped: bool,
}

/// What happened before a budget was defined in a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Calls that began earlier are not counted.
    pub from: Timestamp,
    /// Its accounts.
    pub accounts: Vec<AccountState>,
}

impl Default for Past {
    /// Nothing, and every call is counted.
    fn default() -> Past {
        Past { from: Timestamp::from_micros(i64::MIN), accounts: Vec::new() }
    }
}

impl Ledger {
    /// Every budget, in the order of definition.
    pub fn budgets(&self) -> impl Iterator<Item = &Arc<Budget>> {
        let is_current = |b: &&Arc<Budget>| self.by_name.contains_key(&b.name);
        let mut numbers: Vec<u32> = self.by_name.values().copied().collect();
        numbers.sort_unstable();
        numbers.into_iter().map(|n| &self.slots[n as usize].budget).filter(is_current)
    }

    /// Whether there is any budget.
    #[must_use]
    pub fn has_budgets(&self) -> bool {
        !self.by_name.is_empty()
    }

    /// A budget by its name.
    #[must_use]
    pub fn budget(&self, name: &BudgetName) -> Option<&Arc<Budget>> {
        self.by_name.get(name).map(|&n| &self.slots[n as usize].budget)
    }

    /// How every account of a budget stands now; the account of a budget that is one for all also where nothing
    /// has happened yet.
    pub fn balances(&mut self, name: &BudgetName, now: Timestamp) -> Vec<Balance> {
        let Some(&number) = self.by_name.get(name) else { return Vec::new() };
        if self.slots[number as usize].budget.per.is_empty() {
            self.account_of(number, &Subject::default());
        }
        let mut accounts: Vec<u32> = self.slots[number as usize].accounts().collect();
        accounts.sort_unstable_by(|a, b| {
            self.accounts[*a as usize].instance.cmp(&self.accounts[*b as usize].instance)
        });
        accounts.into_iter().map(|no| self.balance_of(no, now)).collect()
    }

    /// The accounts in which something happened since this was asked last, as they stand now.
    pub fn take_touched(&mut self, now: Timestamp) -> Vec<Balance> {
        let touched = std::mem::take(&mut self.touched);
        touched
            .into_iter()
            .map(|no| {
                self.accounts[no as usize].touched = false;
                self.balance_of(no, now)
            })
            .collect()
    }

    pub(super) fn touch(&mut self, no: u32) {
        let account = &mut self.accounts[no as usize];
        if !account.touched {
            account.touched = true;
            self.touched.push(no);
        }
    }

    fn balance_of(&mut self, no: u32, now: Timestamp) -> Balance {
        // A look is no call: it begins no life and prolongs none.
        let account = &mut self.accounts[no as usize];
        let budget = &self.slots[account.slot as usize].budget;
        let is_life = matches!(budget.period, crate::budget::Period::Life { .. });
        let last = account.last;
        let begun;
        let window = if is_life {
            begun = account.windows.last().cloned();
            &begun.unwrap_or_else(|| WindowState::new(crate::budget::Window::ALWAYS, 0))
        } else {
            let place = account.window_at(budget, now);
            &account.windows[place]
        };
        Balance {
            budget: Arc::clone(budget),
            instance: instance_text(&account.instance),
            window: window.window,
            limit: window.limit(budget, now),
            carried: window.carried,
            spent: window.spent_at(budget, now),
            held: window.held,
            available: window.available(budget, now),
            overrun: window.overrun,
            unpriced: window.unpriced,
            refused: window.refused,
            last,
        }
    }

    /// Calls on their way, those included whose lease has ended.
    #[must_use]
    pub fn open_holds(&self) -> usize {
        self.open.len()
    }

    /// The names of the calls whose holds last.
    pub fn held_ids(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.open.iter().filter(|(_, hold)| !hold.has_expired).map(|(id, _)| *id)
    }

    /// The names of the calls on their way whose spend is not posted yet, those included whose lease has ended.
    pub fn open_ids(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.open.iter().filter(|(_, hold)| !hold.is_booked).map(|(id, _)| *id)
    }

    /// What has been posted to every account, holds left out.
    #[must_use]
    pub fn states(&self) -> Vec<AccountState> {
        let mut states: Vec<AccountState> = Vec::new();
        for (name, &number) in &self.by_name {
            for no in self.slots[number as usize].accounts() {
                let account = &self.accounts[no as usize];
                let without_holds =
                    |w: &WindowState| WindowState { held: 0, holds: 0, refused: 0, ..w.clone() };
                states.push(AccountState {
                    budget: name.clone(),
                    instance: account.instance.clone().into(),
                    last: account.last,
                    windows: account.windows.iter().map(without_holds).collect(),
                    has_dropped: account.has_dropped,
                });
            }
        }
        states.sort_unstable_by(|a, b| (&a.budget, &a.instance).cmp(&(&b.budget, &b.instance)));
        states
    }

    /// Puts a kept account in the place of what the ledger has; `false` where there is no such budget.
    pub fn restore(&mut self, state: AccountState) -> bool {
        let Some(&number) = self.by_name.get(&state.budget) else { return false };
        let no = self.account_named(number, &state.instance);
        let account = &mut self.accounts[no as usize];
        account.last = state.last;
        account.has_dropped = state.has_dropped;
        account.windows = state.windows;
        // What was held when the state was kept is held no more, and may be left over.
        let budget = &self.slots[number as usize].budget;
        (0..account.windows.len()).for_each(|place| account.carry_on(budget, place));
        self.touch(no);
        true
    }
}

impl WindowState {
    /// A window as it was kept, without holds.
    #[must_use]
    pub fn kept(window: crate::budget::Window, carried: i64, spent: i64) -> WindowState {
        WindowState { carried, spent, ..WindowState::new(window, 0) }
    }
}
