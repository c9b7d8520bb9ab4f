//! Finding room for a call in every budget that covers it.

use super::command::{HoldRequest, Payer, ShortBy, Shortage, Standing, Tightest};
use super::slot::instance_text;
use super::{Entry, Ledger};
use crate::budget::{Budget, Subject};
use crate::time::Timestamp;

impl Ledger {
    /// Chooses the accounts that pay, into `chosen`, and tells those without room.
    pub(super) fn choose(&mut self, request: &HoldRequest, now: Timestamp) -> Vec<Shortage> {
        let mut found = std::mem::take(&mut self.found);
        self.index.covering(&request.subject, &mut found);
        self.chosen.clear();
        let mut short = Vec::new();
        for &number in &found {
            let Some(no) = self.account_of(number, &request.subject) else { continue };
            let budget = &self.slots[number as usize].budget;
            let account = &mut self.accounts[no as usize];
            let place = account.window_at(budget, request.at);
            let window = &account.windows[place];
            let need = request.ceiling.of(budget.unit);
            // The hold of a call without a known price is nothing; the settlement will say what it was.
            self.chosen.push(Entry { account: no, start: window.window.start, held: need.unwrap_or(0) });
            let available = window.available(budget, now);
            if let Some(by) = short_by(budget, need, available, request.unpriced_passes) {
                short.push(Shortage {
                    budget: std::sync::Arc::clone(budget),
                    instance: instance_text(&account.instance),
                    account: no,
                    by,
                    need: need.unwrap_or(0),
                    available,
                    held: window.held,
                    window: window.window,
                });
            }
        }
        self.found = found;
        short
    }

    /// The budgets that would pay for a call, whatever is left in them.
    pub fn payers(&mut self, subject: &Subject) -> Vec<Payer> {
        let mut found = std::mem::take(&mut self.found);
        self.index.covering(subject, &mut found);
        let mut payers = Vec::with_capacity(found.len());
        for &number in &found {
            if let Some(account) = self.account_of(number, subject) {
                let budget = std::sync::Arc::clone(&self.slots[number as usize].budget);
                payers.push(Payer { budget, account });
            }
        }
        self.found = found;
        payers
    }

    /// Holds what was chosen.
    pub(super) fn commit(&mut self, entries: &[Entry], now: Timestamp) -> Standing {
        let mut tightest: Option<(i128, i128, Tightest)> = None;
        let mut budgets = Vec::with_capacity(entries.len());
        for entry in entries {
            let account = &mut self.accounts[entry.account as usize];
            let budget = &self.slots[account.slot as usize].budget;
            let place = account.started_at(entry.start);
            account.hold(budget, place, entry.held);
            let window = &account.windows[place];
            let available = window.available(budget, now);
            let limit = i128::from(window.limit(budget, now).max(1));
            let left = i128::from(available);
            budgets.push(std::sync::Arc::clone(budget));
            if tightest.as_ref().is_none_or(|(l, of, _)| left * of < l * limit) {
                let budget = std::sync::Arc::clone(budget);
                tightest = Some((left, limit, Tightest { budget, available }));
            }
            self.touch(entry.account);
        }
        Standing { covering: entries.len(), budgets, tightest: tightest.map(|(.., t)| t) }
    }
}

/// Why a budget has no room. A call that costs nothing always has room, in a budget that is not paused.
fn short_by(budget: &Budget, need: Option<i64>, available: i64, unpriced_passes: bool) -> Option<ShortBy> {
    match need {
        _ if budget.paused => Some(ShortBy::Paused),
        _ if !budget.when_tight.enforces() => None,
        None => (!unpriced_passes).then_some(ShortBy::Unpriced),
        Some(need) => (need > 0 && need > available).then_some(ShortBy::Amount),
    }
}
