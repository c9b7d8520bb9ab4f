//! When somebody must be told: a state machine that is fed balances and the time, and gives events.
//!
//! A rule of an account (a [threshold](Rule::Actual), a [burn rate](Rule::Burn), …) is *raised* when it is crossed, and
//! *recovers* when a hysteresis below it is reached, the limit is raised, or the period ends. Each raising and each
//! recovery is one event, whatever happens in between, and the [key](Case::key) of an event is the same however often
//! it is derived: whoever stores it under that key has it exactly once. After a restart the watch is
//! [told](Watch::restore) what was stored, and goes on from there.
//!
//! A crossing is seen at the first look after it. [`Watch::step`] looks at every account in which something happened,
//! and at those where time alone changes something: an increase that begins or ends, spend that leaves a rolling
//! period, a period that ends.

mod account;
mod clock;
mod event;
mod rule;
mod text;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bursar_core::Timestamp;
use bursar_core::budget::{BudgetName, Period, Window};
use bursar_core::identity::KeyId;
use bursar_core::ledger::{Balance, Ledger};

pub use event::{Audience, Case, Event, Figures, Known, Phase, Recovery};
pub use rule::{BadRule, Rule, Severity};

use self::account::Account;
use self::clock::{Clocks, Due};
use crate::driver::Driver;
use crate::pace::Pace;

/// Whether budgets were changed or removed is looked at this often, in microseconds.
const DEFINITIONS: i64 = 500_000;

/// Where an account's spend is heading, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// The forecast.
    pub pace: Pace,
    /// What grew most, where something did.
    pub driver: Option<Driver>,
}

/// The accounts of one budget, by whose share they are.
type Shares = BTreeMap<Option<String>, Account>;

/// What is being watched.
#[derive(Debug, Default)]
pub struct Watch {
    accounts: BTreeMap<BudgetName, Shares>,
    clocks: Clocks,
    /// Keys whose uncovered calls have been told, with the window in which they were.
    uncovered: HashMap<Option<KeyId>, Window>,
    /// Since when the watch looks.
    began: Option<Timestamp>,
    looked_at_definitions: Option<Timestamp>,
}

impl Watch {
    /// A watch that knows nothing yet.
    #[must_use]
    pub fn new() -> Watch {
        Watch::default()
    }

    /// Takes what was told before a restart, so that it is not told again and its recovery is.
    pub fn restore(&mut self, known: impl IntoIterator<Item = Known>) {
        for known in known {
            let Some(budget) = known.case.budget.clone() else {
                self.uncovered.insert(known.case.instance.clone().map(KeyId), known.case.window);
                continue;
            };
            self.clocks.look_at(&budget, Timestamp::from_micros(i64::MIN));
            let shares = self.accounts.entry(budget).or_default();
            let account = shares.entry(known.case.instance.clone()).or_insert_with(|| Account::known(&known));
            account.restore(&known);
        }
    }

    /// Looks at the ledger and gives what is to be told. To be called at least once a second; everything that has
    /// happened since the last call is seen.
    pub fn step(&mut self, ledger: &mut Ledger, now: Timestamp) -> Vec<Event> {
        self.began.get_or_insert(now);
        let mut events = Vec::new();
        if self.looked_at_definitions.is_none_or(|at| now >= at.plus_micros(DEFINITIONS) || now < at) {
            self.looked_at_definitions = Some(now);
            self.look_at_definitions(ledger, now, &mut events);
        }
        for due in self.clocks.due(now) {
            self.retain(&due.name, |_, account| !account.end_if_over(now, &mut events));
            self.look_again(&due, ledger, now, &mut events);
        }
        for balance in ledger.take_touched(now) {
            self.observe(&balance, now, &mut events);
        }
        for key in ledger.take_uncovered() {
            events.extend(self.uncovered(&key, now));
        }
        events
    }

    /// Takes how an account stands, and adds what is to be told about it.
    pub fn observe(&mut self, balance: &Balance, now: Timestamp, events: &mut Vec<Event>) {
        if account::has_ended(balance, now) {
            let name = &balance.budget.name;
            let stays = |instance: &Option<String>| *instance != balance.instance;
            return self.forget(name, Recovery::PeriodEnded, stays, now, events);
        }
        // What an account spent before the watch began, or before its budget had it, is no spending of this moment.
        let is_seen_whole = self.began.is_some_and(|at| at <= balance.window.start);
        let shares = self.accounts.entry(balance.budget.name.clone()).or_default();
        let account = shares.entry(balance.instance.clone()).or_insert_with(|| Account::seen(balance));
        account.take(balance, is_seen_whole, now, events);
        account.evaluate(now, events);
        let next = account.next_look(now);
        self.clocks.keep(&balance.budget, next, now);
    }

    /// Takes a new forecast of an account with how it stands now, and adds what is to be told.
    pub fn take_outlook(
        &mut self,
        balance: &Balance,
        outlook: Outlook,
        now: Timestamp,
        events: &mut Vec<Event>,
    ) {
        self.observe(balance, now, events);
        let shares = self.accounts.get_mut(&balance.budget.name);
        if let Some(account) = shares.and_then(|s| s.get_mut(&balance.instance)) {
            account.outlook = Some(outlook);
            account.evaluate(now, events);
        }
    }

    /// How many accounts are remembered.
    #[must_use]
    pub fn accounts(&self) -> usize {
        self.accounts.values().map(BTreeMap::len).sum()
    }

    /// Budgets that were removed or changed since the last look.
    fn look_at_definitions(&mut self, ledger: &mut Ledger, now: Timestamp, events: &mut Vec<Event>) {
        for (name, known) in self.clocks.budgets() {
            let Some(current) = ledger.budget(&name).cloned() else {
                self.forget(&name, Recovery::BudgetRemoved, |_| false, now, events);
                self.clocks.forget(&name);
                continue;
            };
            if known.is_some_and(|known| Arc::ptr_eq(&known, &current)) {
                continue;
            }
            let balances = ledger.balances(&name, now);
            let is_there = |i: &Option<String>| balances.iter().any(|b| b.instance == *i);
            self.forget(&name, Recovery::BudgetChanged, is_there, now, events);
            balances.iter().for_each(|b| self.observe(b, now, events));
            self.clocks.knows(&current);
        }
    }

    /// Has the ledger tell how accounts stand in which time alone changes something.
    fn look_again(&mut self, due: &Due, ledger: &mut Ledger, now: Timestamp, events: &mut Vec<Event>) {
        if due.all {
            ledger.touch_all(&due.name);
            return;
        }
        self.retain(&due.name, |instance, account| {
            let is_there = !account.wants_a_look(now) || ledger.touch_one(&due.name, instance.as_deref());
            if !is_there {
                account.end_all(Recovery::PeriodEnded, now, events);
            }
            is_there
        });
    }

    /// Ends the cases of a budget's accounts, except for those that stay.
    fn forget(
        &mut self,
        name: &BudgetName,
        why: Recovery,
        stays: impl Fn(&Option<String>) -> bool,
        now: Timestamp,
        events: &mut Vec<Event>,
    ) {
        self.retain(name, |instance, account| {
            let goes = !stays(instance);
            if goes {
                account.end_all(why, now, events);
            }
            !goes
        });
    }

    fn retain(&mut self, name: &BudgetName, stays: impl FnMut(&Option<String>, &mut Account) -> bool) {
        let Some(shares) = self.accounts.get_mut(name) else { return };
        shares.retain(stays);
        if shares.is_empty() {
            self.accounts.remove(name);
        }
    }

    /// Calls of a key that no budget covers are told once a month.
    fn uncovered(&mut self, key: &Option<KeyId>, now: Timestamp) -> Option<Event> {
        if self.uncovered.get(key).is_some_and(|window| window.holds(now)) {
            return None;
        }
        let window = Period::month_utc().window(now);
        self.uncovered.insert(key.clone(), window);
        Some(Event {
            case: Case {
                budget: None,
                instance: key.as_ref().map(|k| k.0.clone()),
                window,
                rule: Rule::Uncovered,
                episode: 0,
            },
            phase: Phase::Raised,
            severity: Severity::Warning,
            at: now,
            audience: Audience::Everyone,
            figures: Figures::default(),
            text: text::uncovered(key.as_ref()),
        })
    }
}
