//! The ledger of budgets: what is held and spent, decided before a call goes out and settled after it.
//!
//! A pure state machine: [`Ledger::apply`] takes a [`Command`] and the time, and the same commands give the same
//! ledger. For every account and window `limit − held − spent = available` holds; a call is held in every budget
//! that covers it or in none; what a call used beyond its hold stays spent, and an enforcing budget owes it in its
//! next window.
//!
//! ```
//! use std::sync::Arc;
//! use bursar_core::budget::{Budget, BudgetUnit, ModelTiers, Subject, WhenTight};
//! use bursar_core::ledger::{Amounts, Command, HoldRequest, Ledger, Outcome};
//! use bursar_core::{Money, RecordId, RequestId, Timestamp};
//!
//! let now = Timestamp::from_date(2026, 11, 24).unwrap();
//! let mut ledger = Ledger::new(ModelTiers::default());
//! let mut budget = Budget::new("all".parse().unwrap(), BudgetUnit::Usd, 1_000);
//! budget.when_tight = WhenTight::Refuse;
//! ledger.apply(Command::Define(Box::new(budget)), now);
//!
//! let hold = |n, nanos| Command::Hold(HoldRequest {
//!     id: RecordId { request: RequestId(n), attempt: 0 },
//!     subject: Arc::new(Subject::default()),
//!     at: now,
//!     ceiling: Amounts { usd: Some(Money::from_nanos(nanos)), tokens: 10 },
//!     lease_until: now.plus_micros(60_000_000),
//!     unpriced_passes: false,
//! });
//! assert!(matches!(ledger.apply(hold(1, 700), now), Outcome::Held(_)));
//! assert!(matches!(ledger.apply(hold(2, 700), now), Outcome::Short(_)));
//! ```

mod account;
mod command;
mod holding;
mod notice;
mod reading;
mod slot;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub use account::WindowState;
pub use command::{
    Amounts, Balance, Command, HoldRequest, Outcome, Payer, Posting, ShortBy, Shortage, Standing, Tightest,
};
pub use reading::{AccountState, Past};

use self::account::Account;
use self::slot::Slot;
use crate::budget::{Budget, BudgetIndex, BudgetName, ModelTiers, Subject};
use crate::identity::{KeyId, RecordId};
use crate::time::Timestamp;

/// A hold whose lease has ended can still be settled for this long; then it is forgotten.
const LATE: i64 = 24 * 3_600 * 1_000_000;
/// Accounts are looked through for ones to forget this often.
const SWEEP: i64 = 60_000_000;

/// The state of all budgets.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    index: BudgetIndex,
    slots: Vec<Slot>,
    by_name: HashMap<BudgetName, u32>,
    accounts: Vec<Account>,
    /// Places in `accounts` that are free again.
    free: Vec<u32>,
    open: HashMap<RecordId, OpenHold>,
    touched: Vec<u32>,
    /// Whose calls no budget covered, since somebody asked.
    uncovered: HashSet<Option<KeyId>>,
    swept: Option<Timestamp>,
    /// Used again and again, so that a hold allocates little.
    found: Vec<u32>,
    chosen: Vec<Entry>,
}

/// A call on its way.
#[derive(Clone, Debug)]
struct OpenHold {
    subject: Arc<Subject>,
    at: Timestamp,
    ceiling: Amounts,
    lease_until: Timestamp,
    has_expired: bool,
    /// Whether what it used is posted already, and only the rest of its ceiling is held.
    is_booked: bool,
    entries: Vec<Entry>,
}

/// A hold in one account.
#[derive(Clone, Copy, Debug)]
struct Entry {
    account: u32,
    /// The beginning of the window that pays.
    start: Timestamp,
    held: i64,
}

impl Ledger {
    /// A ledger without budgets, with the classes of models that scopes may ask for.
    #[must_use]
    pub fn new(tiers: ModelTiers) -> Ledger {
        Ledger { index: BudgetIndex::new(tiers), ..Ledger::default() }
    }

    /// Does what it is told.
    pub fn apply(&mut self, command: Command, now: Timestamp) -> Outcome {
        match command {
            Command::Define(budget) => Outcome::Defined { fresh: self.define(*budget, |_| true) },
            Command::Remove(name) => {
                if self.remove(&name) {
                    Outcome::Done
                } else {
                    Outcome::Unknown
                }
            }
            Command::Hold(request) => match self.hold(request, now) {
                Ok(standing) => Outcome::Held(standing),
                Err(short) => Outcome::Short(short),
            },
            Command::Extend { id, lease_until } => self.extend(id, lease_until),
            Command::Settle { id, actual } => {
                self.settle(id, actual).map_or(Outcome::Unknown, Outcome::Settled)
            }
            Command::Release { id } => {
                self.settle(id, Amounts::ZERO).map_or(Outcome::Unknown, |_| Outcome::Done)
            }
            Command::Post { subject, at, actual } => {
                self.post(&subject, at, actual);
                Outcome::Done
            }
            Command::Expire => Outcome::Expired(self.expire(now)),
        }
    }

    /// Takes a budget's definition. Where name, scopes, unit, period, shares and beginning are as before, the accounts go on;
    /// else they begin anew and the answer is `true`. Calls on their way that the budget covers are held in it at
    /// once, without a look at what is left, unless `attaches` says that their settlement is counted already.
    pub fn define(&mut self, budget: Budget, attaches: impl Fn(RecordId) -> bool) -> bool {
        self.define_with_past(budget, Past::default(), attaches)
    }

    /// The same for a budget that has a past: its accounts begin as they are kept, and calls that began before it
    /// counts are not held in it. A past is left out where the accounts go on.
    pub fn define_with_past(
        &mut self,
        budget: Budget,
        past: Past,
        attaches: impl Fn(RecordId) -> bool,
    ) -> bool {
        if let Some(&number) = self.by_name.get(&budget.name) {
            let slot = &mut self.slots[number as usize];
            if slot.counts_like(&budget) {
                slot.budget = Arc::new(budget);
                let name = slot.budget.name.clone();
                self.touch_all(&name);
                return false;
            }
        }
        self.remove(&budget.name);
        let number = u32::try_from(self.slots.len()).expect("fewer than 2^32 budgets");
        self.index.insert(number, &budget.scopes);
        self.by_name.insert(budget.name.clone(), number);
        self.slots.push(Slot::new(Arc::new(budget)));
        for state in past.accounts {
            self.restore(state);
        }
        self.attach(number, past.from, attaches);
        true
    }

    /// Ends a budget; whether there was one. Calls on their way settle in the budgets that are left.
    pub fn remove(&mut self, name: &BudgetName) -> bool {
        let Some(number) = self.by_name.remove(name) else { return false };
        let slot = &mut self.slots[number as usize];
        let accounts = slot.end();
        self.index.remove(number, &slot.budget.scopes);
        for hold in self.open.values_mut() {
            hold.entries.retain(|e| !accounts.contains(&e.account));
        }
        self.touched.retain(|a| !accounts.contains(a));
        self.free.extend(accounts);
        true
    }

    /// Holds a call in every budget that covers it.
    ///
    /// # Errors
    /// The budgets without room, where there are any; nothing was then held.
    pub fn hold(&mut self, request: HoldRequest, now: Timestamp) -> Result<Standing, Vec<Shortage>> {
        if self.open.contains_key(&request.id) {
            return Ok(Standing::default());
        }
        let short = self.choose(&request, now);
        if !short.is_empty() {
            return Err(short);
        }
        if self.chosen.is_empty() {
            self.note_uncovered(&request.subject);
        }
        let mut entries = Vec::with_capacity(self.chosen.len());
        entries.append(&mut self.chosen);
        let standing = self.commit(&entries, now);
        let HoldRequest { id, subject, at, ceiling, lease_until, .. } = request;
        let hold =
            OpenHold { subject, at, ceiling, lease_until, has_expired: false, is_booked: false, entries };
        self.open.insert(id, hold);
        Ok(standing)
    }

    fn extend(&mut self, id: RecordId, lease_until: Timestamp) -> Outcome {
        match self.open.get_mut(&id) {
            Some(hold) if !hold.has_expired => {
                hold.lease_until = hold.lease_until.max(lease_until);
                Outcome::Done
            }
            _ => Outcome::Unknown,
        }
    }

    /// Turns a hold into spend, exactly once: `None` where there is no such hold (any more). The spend is posted to
    /// the windows that the hold was in, whatever the time is now, also after the lease has ended.
    pub fn settle(&mut self, id: RecordId, actual: Amounts) -> Option<Vec<Posting>> {
        if self.open.get(&id)?.is_booked {
            return None;
        }
        let hold = self.open.remove(&id)?;
        let mut postings = Vec::with_capacity(hold.entries.len());
        for entry in &hold.entries {
            let account = &mut self.accounts[entry.account as usize];
            let budget = &self.slots[account.slot as usize].budget;
            let spent = actual.of(budget.unit);
            let place = account.started_at(entry.start);
            account.unhold(budget, entry.start, entry.held, true);
            account.post(budget, place, hold.at, spent, entry.held);
            postings.push(Posting {
                budget: budget.name.clone(),
                unit: budget.unit,
                held: entry.held,
                spent,
            });
        }
        hold.entries.iter().for_each(|e| self.touch(e.account));
        Some(postings)
    }

    /// Posts what is known of a call whose end nobody saw, and goes on holding the rest of its ceiling until its
    /// lease ends: the provider may still charge for it. It cannot be settled any more then. `None` where there is
    /// no such hold (any more).
    pub fn book(&mut self, id: RecordId, actual: Amounts) -> Option<Vec<Posting>> {
        let hold = self.open.get_mut(&id).filter(|h| !h.is_booked)?;
        hold.is_booked = true;
        let mut postings = Vec::with_capacity(hold.entries.len());
        for entry in &mut hold.entries {
            let account = &mut self.accounts[entry.account as usize];
            let budget = &self.slots[account.slot as usize].budget;
            let spent = actual.of(budget.unit);
            let freed = spent.unwrap_or_default().clamp(0, entry.held.max(0));
            account.unhold(budget, entry.start, freed, false);
            let place = account.started_at(entry.start);
            account.post(budget, place, hold.at, spent, freed);
            postings.push(Posting {
                budget: budget.name.clone(),
                unit: budget.unit,
                held: entry.held,
                spent,
            });
            entry.held -= freed;
        }
        let touched: Vec<u32> = hold.entries.iter().map(|e| e.account).collect();
        touched.into_iter().for_each(|a| self.touch(a));
        Some(postings)
    }

    /// Posts spend without a hold to every budget that covers it.
    pub fn post(&mut self, subject: &Subject, at: Timestamp, actual: Amounts) {
        let mut found = std::mem::take(&mut self.found);
        self.index.covering(subject, &mut found);
        for &number in &found {
            self.post_to(number, subject, at, actual);
        }
        self.found = found;
    }

    /// Posts spend without a hold to one budget, where it covers the call: for a budget that is new and has a past.
    pub fn post_to_budget(&mut self, name: &BudgetName, subject: &Subject, at: Timestamp, actual: Amounts) {
        let Some(&number) = self.by_name.get(name) else { return };
        let scopes = &self.slots[number as usize].budget.scopes;
        if scopes.iter().any(|s| s.covers(subject, self.index.tiers())) {
            self.post_to(number, subject, at, actual);
        }
    }

    fn post_to(&mut self, number: u32, subject: &Subject, at: Timestamp, actual: Amounts) {
        let Some(no) = self.account_of(number, subject) else { return };
        let budget = Arc::clone(&self.slots[number as usize].budget);
        let account = &mut self.accounts[no as usize];
        let place = account.window_at(&budget, at);
        let spent = actual.of(budget.unit);
        account.post(&budget, place, at, spent, spent.unwrap_or_default());
        self.touch(no);
    }

    /// Ends the holds whose lease is over: what they held is free again, and a late settlement still counts. Says
    /// how many there were.
    pub fn expire(&mut self, now: Timestamp) -> usize {
        let mut ended = 0;
        let mut freed = Vec::new();
        let (accounts, slots) = (&mut self.accounts, &self.slots);
        self.open.retain(|_, hold| {
            let is_late = now >= hold.lease_until.plus_micros(LATE);
            if now >= hold.lease_until && !hold.has_expired {
                hold.has_expired = true;
                ended += 1;
                for entry in &mut hold.entries {
                    let account = &mut accounts[entry.account as usize];
                    let budget = &slots[account.slot as usize].budget;
                    account.unhold(budget, entry.start, entry.held, false);
                    entry.held = 0;
                    freed.push(entry.account);
                }
            }
            if is_late {
                for entry in &hold.entries {
                    let account = &mut accounts[entry.account as usize];
                    let budget = &slots[account.slot as usize].budget;
                    account.unhold(budget, entry.start, 0, true);
                }
            }
            !is_late
        });
        freed.into_iter().for_each(|a| self.touch(a));
        self.sweep(now);
        ended
    }
}
