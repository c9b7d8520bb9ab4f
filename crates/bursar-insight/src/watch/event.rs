//! What is told.

use bursar_core::Timestamp;
use bursar_core::budget::{BudgetName, BudgetUnit, Window};

use super::rule::{Rule, Severity};

/// One crossing of one rule: which account, in which window, and the how manieth time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Case {
    /// The budget; `None` for calls that no budget covers.
    pub budget: Option<BudgetName>,
    /// Whose share of it, where it is per something; for uncovered calls the key's id.
    pub instance: Option<String>,
    /// The window of the account.
    pub window: Window,
    /// What was crossed.
    pub rule: Rule,
    /// How often it was crossed and had recovered before in this window.
    pub episode: u32,
}

impl Case {
    /// A text that is the same whenever the same crossing is derived, and different for every other.
    #[must_use]
    pub fn key(&self) -> String {
        let budget = self.budget.as_ref().map_or("", BudgetName::as_str);
        let instance = self.instance.as_deref().unwrap_or_default();
        let start = self.window.start.micros();
        format!("{budget}\u{1f}{start}\u{1f}{}\u{1f}{}\u{1f}{instance}", self.rule, self.episode)
    }
}

/// Whether something began or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The rule is crossed.
    Raised,
    /// It is over.
    Recovered(Recovery),
}

/// Why it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recovery {
    /// It is well below the rule again: the limit was raised, spend has left a rolling period, the forecast has
    /// fallen, the burning has ended.
    BackBelow,
    /// The period has ended.
    PeriodEnded,
    /// The budget was changed, and the rule or the account is gone.
    BudgetChanged,
    /// The budget was removed.
    BudgetRemoved,
}

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Audience {
    /// Everyone who asked for it.
    Everyone,
    /// Only what keeps an incident open until it is told otherwise.
    Incidents,
    /// Nobody: another event of the same moment says more. It is kept all the same.
    Nobody,
}

/// The numbers behind an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Whom to ask about the budget.
    pub owner: Option<String>,
    /// What the amounts are counted in; `None` where there are none.
    pub unit: Option<BudgetUnit>,
    /// What was spent.
    pub spent: i64,
    /// What may be spent.
    pub limit: i64,
    /// What will have been spent at the window's end, where that was forecast.
    pub forecast: Option<i64>,
}

/// Something to tell, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub case: Case,
    /// Whether it begins or ends.
    pub phase: Phase,
    /// How much it matters.
    pub severity: Severity,
    /// When it was seen.
    pub at: Timestamp,
    /// Who is told.
    pub audience: Audience,
    /// The numbers behind it.
    pub figures: Figures,
    /// The whole of it in one or two sentences.
    pub text: String,
}

/// What was told about a case before a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The case: the latest of its rule and window.
    pub case: Case,
    /// Whether it has not recovered yet.
    pub is_raised: bool,
    /// Who was told that it began.
    pub audience: Audience,
    /// The numbers when it began.
    pub figures: Figures,
}
