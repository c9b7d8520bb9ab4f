//! The place of one budget in the ledger, with its accounts.

use std::collections::HashMap;
use std::sync::Arc;

use super::account::Account;
use super::{Entry, Ledger};
use crate::budget::{Budget, ScopeField, Subject};
use crate::identity::RecordId;
use crate::time::Timestamp;

/// Stands between the values of an account's fields.
const BETWEEN: char = '\u{1f}';

/// A budget and its accounts.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) budget: Arc<Budget>,
    /// The account of a budget that is one for all.
    single: Option<u32>,
    /// The accounts of a budget that is per something.
    shares: HashMap<Box<str>, u32>,
}

impl Slot {
    pub(super) fn new(budget: Arc<Budget>) -> Slot {
        Slot { budget, single: None, shares: HashMap::new() }
    }

    /// Whether a changed definition counts the same calls in the same way, so that the accounts go on.
    pub(super) fn counts_like(&self, other: &Budget) -> bool {
        let mine = &self.budget;
        mine.scopes == other.scopes
            && mine.unit == other.unit
            && mine.period == other.period
            && mine.per == other.per
            && mine.since == other.since
    }

    /// Gives its accounts up.
    pub(super) fn end(&mut self) -> Vec<u32> {
        self.single.take().into_iter().chain(self.shares.drain().map(|(_, no)| no)).collect()
    }

    /// The account of a share by the name that a reader has of it.
    pub(super) fn account_told(&self, instance: Option<&str>) -> Option<u32> {
        let Some(told) = instance else { return self.single };
        let joined = || told.replace(" / ", &BETWEEN.to_string());
        self.shares.get(told).or_else(|| self.shares.get(joined().as_str())).copied()
    }

    pub(super) fn accounts(&self) -> impl Iterator<Item = u32> + '_ {
        self.single.into_iter().chain(self.shares.values().copied())
    }
}

/// The values of an account's fields, for a reader.
pub(super) fn instance_text(instance: &str) -> Option<String> {
    (!instance.is_empty()).then(|| instance.replace(BETWEEN, " / "))
}

/// Hands the values of the fields to `use_it`, joined; `None` where the call says nothing about one of them.
fn with_instance<T>(per: &[ScopeField], subject: &Subject, use_it: impl FnOnce(&str) -> T) -> Option<T> {
    if let [field] = per {
        return field.of(subject).map(use_it);
    }
    let mut joined = String::new();
    for (i, field) in per.iter().enumerate() {
        if i > 0 {
            joined.push(BETWEEN);
        }
        joined.push_str(field.of(subject)?);
    }
    Some(use_it(&joined))
}

impl Ledger {
    /// The account of a budget that pays for a call, made where it is missing; `None` where the budget is per
    /// something that the call does not say.
    pub(super) fn account_of(&mut self, number: u32, subject: &Subject) -> Option<u32> {
        let slot = &self.slots[number as usize];
        if slot.budget.per.is_empty() {
            return Some(slot.single.unwrap_or_else(|| self.new_account(number, "")));
        }
        let budget = Arc::clone(&slot.budget);
        with_instance(&budget.per, subject, |instance| {
            let known = self.slots[number as usize].shares.get(instance).copied();
            known.unwrap_or_else(|| self.new_account(number, instance))
        })
    }

    /// The account of a share by its stored name, made where it is missing.
    pub(super) fn account_named(&mut self, number: u32, instance: &str) -> u32 {
        let slot = &self.slots[number as usize];
        let known = if instance.is_empty() { slot.single } else { slot.shares.get(instance).copied() };
        known.unwrap_or_else(|| self.new_account(number, instance))
    }

    fn new_account(&mut self, number: u32, instance: &str) -> u32 {
        let account = Account::new(number, instance);
        let no = match self.free.pop() {
            Some(no) => {
                self.accounts[no as usize] = account;
                no
            }
            None => {
                self.accounts.push(account);
                u32::try_from(self.accounts.len() - 1).expect("fewer than 2^32 accounts")
            }
        };
        let slot = &mut self.slots[number as usize];
        if slot.budget.per.is_empty() {
            slot.single = Some(no);
        } else {
            slot.shares.insert(instance.into(), no);
        }
        no
    }

    /// Holds the calls on their way in a budget that is new, whatever is left in it.
    pub(super) fn attach(&mut self, number: u32, from: Timestamp, attaches: impl Fn(RecordId) -> bool) {
        let budget = Arc::clone(&self.slots[number as usize].budget);
        let mut open = std::mem::take(&mut self.open);
        for (id, hold) in &mut open {
            let covered = budget.scopes.iter().any(|s| s.covers(&hold.subject, self.index.tiers()));
            if !covered || hold.at < from || hold.is_booked || !attaches(*id) {
                continue;
            }
            let Some(no) = self.account_of(number, &hold.subject) else { continue };
            let account = &mut self.accounts[no as usize];
            let place = account.window_at(&budget, hold.at);
            let held = if hold.has_expired { 0 } else { hold.ceiling.of(budget.unit).unwrap_or_default() };
            account.hold(&budget, place, held);
            hold.entries.push(Entry { account: no, start: account.windows[place].window.start, held });
        }
        self.open = open;
    }

    /// Forgets the shares whose time is long over.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        if self.swept.is_some_and(|at| now < at.plus_micros(super::SWEEP) && now >= at) {
            return;
        }
        self.swept = Some(now);
        let (accounts, free, touched) = (&self.accounts, &mut self.free, &mut self.touched);
        for slot in &mut self.slots {
            let budget = &slot.budget;
            slot.shares.retain(|_, no| {
                let is_over = accounts[*no as usize].is_over(budget, now);
                if is_over {
                    touched.retain(|t| t != no);
                    free.push(*no);
                }
                !is_over
            });
        }
    }
}
