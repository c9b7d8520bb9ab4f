//! What a ledger is told, and what it answers.

use std::sync::Arc;

use crate::budget::{Budget, BudgetName, BudgetUnit, Subject, Window};
use crate::identity::RecordId;
use crate::money::Money;
use crate::time::Timestamp;
use crate::usage::UsageRecord;

/// An amount in both units: what a call may use, or has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// At contracted prices; `None` where a price is not known, which is not zero.
    pub usd: Option<Money>,
    /// Tokens on all token meters together.
    pub tokens: u64,
}

impl Amounts {
    /// Nothing.
    pub const ZERO: Amounts = Amounts { usd: Some(Money::ZERO), tokens: 0 };

    /// What a settled attempt used.
    #[must_use]
    pub fn used_by(record: &UsageRecord) -> Amounts {
        Amounts { usd: record.contracted_cost, tokens: record.usage.quantities.total_tokens() }
    }

    /// The amount in a unit; `None` for dollars where a price is not known. Token counts beyond the range saturate.
    #[must_use]
    pub fn of(&self, unit: BudgetUnit) -> Option<i64> {
        match unit {
            BudgetUnit::Usd => self.usd.map(Money::nanos),
            BudgetUnit::Tokens => Some(i64::try_from(self.tokens).unwrap_or(i64::MAX)),
        }
    }
}

/// A call that wants to go out, and what it may use at most.
#[derive(Clone, Debug)]
pub struct HoldRequest {
    /// The attempt.
    pub id: RecordId,
    /// What the budgets' scopes are matched against.
    pub subject: Arc<Subject>,
    /// The moment whose window pays: the attempt's beginning, as its usage record will have it.
    pub at: Timestamp,
    /// What it may use at most.
    pub ceiling: Amounts,
    /// When the hold ends by itself.
    pub lease_until: Timestamp,
    /// Whether a call without a known price may pass budgets in dollars that enforce.
    pub unpriced_passes: bool,
}

/// What a ledger is told.
#[derive(Clone, Debug)]
pub enum Command {
    /// A budget is new or changed.
    Define(Box<Budget>),
    /// A budget ends.
    Remove(BudgetName),
    /// A call wants to go out.
    Hold(HoldRequest),
    /// A call goes on: its hold lasts longer.
    Extend {
        /// The attempt.
        id: RecordId,
        /// When the hold ends by itself.
        lease_until: Timestamp,
    },
    /// A call has ended, and this is what it used.
    Settle {
        /// The attempt.
        id: RecordId,
        /// What it used.
        actual: Amounts,
    },
    /// A call never went out.
    Release {
        /// The attempt.
        id: RecordId,
    },
    /// A settlement without a hold: one that is replayed from the usage log.
    Post {
        /// Whose.
        subject: Arc<Subject>,
        /// When the attempt began.
        at: Timestamp,
        /// What it used.
        actual: Amounts,
    },
    /// Time has passed: leases may have ended.
    Expire,
}

/// What a ledger answers.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The definition holds from now on. `fresh` says that the budget counts from nothing: it is new, or what it
    /// counts has changed.
    Defined {
        /// Whether its accounts are new.
        fresh: bool,
    },
    /// The call is held in every budget that covers it.
    Held(Standing),
    /// Nothing was held: these budgets have no room.
    Short(Vec<Shortage>),
    /// The hold became spend: one posting per budget.
    Settled(Vec<Posting>),
    /// Done; nothing to tell.
    Done,
    /// There is no such hold or budget: it was settled, released or removed before, or never was.
    Unknown,
    /// So many leases have ended.
    Expired(usize),
}

/// How the budgets that cover a call stand after its hold.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// How many budgets cover the call.
    pub covering: usize,
    /// Those budgets.
    pub budgets: Vec<Arc<Budget>>,
    /// The one with the least left, relative to its limit; `None` where none covers the call.
    pub tightest: Option<Tightest>,
}

/// The budget with the least left.
#[derive(Clone, Debug)]
pub struct Tightest {
    /// The budget.
    pub budget: Arc<Budget>,
    /// What is left after all holds.
    pub available: i64,
}

/// Why a budget has no room for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShortBy {
    /// The call may use more than is left.
    Amount,
    /// The budget is paused.
    Paused,
    /// What the call may cost is not known.
    Unpriced,
}

/// A budget without room for a call.
#[derive(Clone, Debug)]
pub struct Shortage {
    /// The budget.
    pub budget: Arc<Budget>,
    /// Whose share of it, where it is per something; the values of its fields.
    pub instance: Option<String>,
    /// The account, by its number in this ledger.
    pub account: u32,
    /// Why.
    pub by: ShortBy,
    /// What the call may use at most, in the budget's unit.
    pub need: i64,
    /// What is left after all holds.
    pub available: i64,
    /// What is held for other calls.
    pub held: i64,
    /// The window that would pay.
    pub window: Window,
}

/// A budget that pays for a call, and the account that it pays from.
#[derive(Clone, Debug)]
pub struct Payer {
    /// The budget.
    pub budget: Arc<Budget>,
    /// The account, by its number in this ledger.
    pub account: u32,
}

impl Shortage {
    /// Whether the call would fit if everything that is held for others came back.
    #[must_use]
    pub fn may_fit_later(&self) -> bool {
        self.by == ShortBy::Amount && self.held > 0 && self.need <= self.available.saturating_add(self.held)
    }
}

/// What a settlement did to one budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The budget.
    pub budget: BudgetName,
    /// Its unit.
    pub unit: BudgetUnit,
    /// What had been held.
    pub held: i64,
    /// What was spent; `None` where the price is not known.
    pub spent: Option<i64>,
}

/// How an account stands: `limit − held − spent = available`.
#[derive(Clone, Debug)]
pub struct Balance {
    /// The budget.
    pub budget: Arc<Budget>,
    /// Whose share of it, where it is per something; the values of its fields.
    pub instance: Option<String>,
    /// The window.
    pub window: Window,
    /// The amount with increases, and with what earlier windows left or owe.
    pub limit: i64,
    /// What an earlier window left (above zero) or overspent (below); part of `limit`.
    pub carried: i64,
    /// What was spent.
    pub spent: i64,
    /// What is held for calls on their way.
    pub held: i64,
    /// What may still be spent; below zero after an overrun.
    pub available: i64,
    /// How much settlements exceeded their holds by; part of `spent`.
    pub overrun: i64,
    /// Settled calls whose price is not known; `spent` leaves them out.
    pub unpriced: u64,
    /// Calls that were refused because too little was left, since the process began.
    pub refused: u64,
    /// The latest beginning of a call; a life is over when this is longer ago than its idle time.
    pub last: Timestamp,
}
