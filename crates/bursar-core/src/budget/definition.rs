//! A budget's definition, and what may be wrong with one.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::period::Period;
use super::scope::{Scope, ScopeField};
use crate::money::Money;
use crate::time::Timestamp;

/// A budget's name: 1 to 64 of `a-z`, `0-9`, `-`, `_` and `.`. It identifies the budget and never changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BudgetName(String);

/// A text that is no budget's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name for a budget: use 1 to 64 of a-z, 0-9, '-', '_' and '.'")]
pub struct BadBudgetName(pub String);

impl BudgetName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BudgetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for BudgetName {
    type Err = BadBudgetName;

    fn from_str(text: &str) -> Result<BudgetName, BadBudgetName> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
        if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
            Ok(BudgetName(text.to_owned()))
        } else {
            Err(BadBudgetName(text.to_owned()))
        }
    }
}

/// What a budget is counted in. Every amount of a budget is a whole number of its unit's smallest part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BudgetUnit {
    /// US dollars at contracted prices, in nano-dollars.
    Usd,
    /// A model's tokens, on all token meters together.
    Tokens,
}

impl BudgetUnit {
    /// The name in configuration and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            BudgetUnit::Usd => "usd",
            BudgetUnit::Tokens => "tokens",
        }
    }

    /// An amount for a reader: `$12.50`, `100000 tokens`.
    #[must_use]
    pub fn text(self, amount: i64) -> String {
        match self {
            BudgetUnit::Usd if amount < 0 => {
                format!("-${}", Money::from_nanos(amount.saturating_neg()))
            }
            BudgetUnit::Usd => format!("${}", Money::from_nanos(amount)),
            BudgetUnit::Tokens => format!("{amount} tokens"),
        }
    }
}

/// What happens when a call may cost more than is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WhenTight {
    /// Nothing: the budget only counts.
    Observe,
    /// The call goes on, and the owner is told.
    #[default]
    Alert,
    /// The call is answered by a cheaper model of the budget's ladder; where none fits either, as `clamp`.
    Downgrade,
    /// The call's output limit is lowered to what is left. A call waits for money that is held for others, and is
    /// refused only when not even its input and one token fit.
    Clamp,
    /// The call is refused.
    Refuse,
}

impl WhenTight {
    /// Every answer.
    pub const ALL: [WhenTight; 5] =
        [WhenTight::Observe, WhenTight::Alert, WhenTight::Downgrade, WhenTight::Clamp, WhenTight::Refuse];

    /// The name in configuration and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            WhenTight::Observe => "observe",
            WhenTight::Alert => "alert",
            WhenTight::Downgrade => "downgrade",
            WhenTight::Clamp => "clamp",
            WhenTight::Refuse => "refuse",
        }
    }

    /// Whether a budget of this kind is never overspent: what does not fit is not let through as it is.
    #[must_use]
    pub const fn enforces(self) -> bool {
        matches!(self, WhenTight::Downgrade | WhenTight::Clamp | WhenTight::Refuse)
    }
}

/// What a threshold is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ThresholdOn {
    /// What has been spent in the period.
    Actual,
    /// What will have been spent at the period's end if nothing changes.
    Forecast,
}

/// A share of the amount at which the owner is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold {
    /// Actual or forecast.
    pub on: ThresholdOn,
    /// Per cent of the limit.
    pub percent: u16,
}

/// What happens to an amount that was not spent when its period ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rollover {
    /// It lapses.
    #[default]
    None,
    /// It is added to the next period, up to this much.
    Capped(i64),
}

/// A temporary increase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Increase {
    /// By how much; above zero.
    pub amount: i64,
    /// From when on.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Who granted it.
    pub by: String,
    /// Why.
    pub why: String,
}

/// Who may spend how much of what, in which period, and what happens when it is tight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its name.
    pub name: BudgetName,
    /// What it is for, for a reader.
    pub title: Option<String>,
    /// Whom to ask for more.
    pub owner: Option<String>,
    /// The budget that it is a part of.
    pub parent: Option<BudgetName>,
    /// Which calls it covers: those that any of these covers. Several scopes share one amount.
    pub scopes: Vec<Scope>,
    /// One amount for each distinct value of these fields (each consumer, each task) instead of one for all. A call
    /// that says nothing about one of them is not covered.
    pub per: Vec<ScopeField>,
    /// What it is counted in.
    pub unit: BudgetUnit,
    /// How much may be spent in a period.
    pub amount: i64,
    /// For how long the amount holds.
    pub period: Period,
    /// From when on it counts, where that matters: what was left in earlier windows rolls over from then on.
    pub since: Option<Timestamp>,
    /// When the owner is told.
    pub thresholds: Vec<Threshold>,
    /// What happens to what is left over.
    pub rollover: Rollover,
    /// Temporary increases.
    pub increases: Vec<Increase>,
    /// What happens when it is tight.
    pub when_tight: WhenTight,
    /// Cheaper models for [`WhenTight::Downgrade`], in the order in which they are tried.
    pub ladder: Vec<String>,
    /// How long a call may wait for money that is held for others; only where the budget enforces.
    pub longest_wait: Duration,
    /// Whether calls are stopped whatever is left, until somebody goes on with it.
    pub paused: bool,
}

/// Something wrong with a budget: the field, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetProblem {
    /// The field, as configuration names it.
    pub field: &'static str,
    /// What is wrong and what to do.
    pub what: String,
}

impl Budget {
    /// A monthly budget in UTC that only alerts, at 50, 80 and 100 % actual and 100 % forecast.
    #[must_use]
    pub fn new(name: BudgetName, unit: BudgetUnit, amount: i64) -> Budget {
        let threshold = |on, percent| Threshold { on, percent };
        Budget {
            name,
            title: None,
            owner: None,
            parent: None,
            scopes: vec![Scope::everything()],
            per: Vec::new(),
            unit,
            amount,
            period: Period::month_utc(),
            since: None,
            thresholds: vec![
                threshold(ThresholdOn::Actual, 50),
                threshold(ThresholdOn::Actual, 80),
                threshold(ThresholdOn::Actual, 100),
                threshold(ThresholdOn::Forecast, 100),
            ],
            rollover: Rollover::None,
            increases: Vec::new(),
            when_tight: WhenTight::default(),
            ladder: Vec::new(),
            longest_wait: Duration::ZERO,
            paused: false,
        }
    }

    /// The amount and the increases that hold at a moment; saturates at the range's end.
    #[must_use]
    pub fn limit_at(&self, at: Timestamp) -> i64 {
        let holds = |i: &&Increase| i.from <= at && at < i.until;
        let increases = self.increases.iter().filter(holds).map(|i| i.amount);
        increases.fold(self.amount, i64::saturating_add)
    }

    /// Everything that is wrong with the definition; empty where it can be used.
    #[must_use]
    pub fn problems(&self) -> Vec<BudgetProblem> {
        let mut found = Vec::new();
        let mut say = |is_wrong: bool, field, what: &str| {
            if is_wrong {
                found.push(BudgetProblem { field, what: what.to_owned() });
            }
        };
        let is_life = matches!(self.period, Period::Life { .. });
        let is_calendar = matches!(self.period, Period::Calendar { .. });
        let empty_clause = self.scopes.iter().flat_map(|s| &s.clauses).any(|c| c.any_of.is_empty());
        let forecasts = self.thresholds.iter().any(|t| t.on == ThresholdOn::Forecast);
        say(self.amount < 0, "amount", "is below zero: an amount is zero or more");
        say(self.scopes.is_empty(), "scope", "is missing: say which calls are covered");
        say(empty_clause, "scope", "has a field without a value: give one, or leave the field out");
        say(
            self.per.contains(&ScopeField::ModelTier),
            "per",
            "cannot be model_tier: a model may be in several",
        );
        say(
            is_life && self.per.is_empty(),
            "per",
            "is missing: a life is that of a task, so set per = [\"task\"]",
        );
        say(
            !is_calendar && self.rollover != Rollover::None,
            "rollover",
            "has nothing to roll over to: only calendar periods follow each other",
        );
        say(
            matches!(self.rollover, Rollover::Capped(cap) if cap < 0),
            "rollover",
            "is below zero: the most that rolls over is zero or more",
        );
        say(
            self.rollover != Rollover::None && self.since.is_none(),
            "since",
            "is missing: say from when on unspent amounts roll over",
        );
        say(
            !is_calendar && forecasts,
            "thresholds",
            "cannot be on the forecast: only a calendar period has an end to forecast",
        );
        say(
            self.thresholds.iter().any(|t| t.percent == 0 || t.percent > 1000),
            "thresholds",
            "must be between 1 and 1000 %",
        );
        say(
            self.when_tight == WhenTight::Downgrade && self.ladder.is_empty(),
            "ladder",
            "is missing: downgrade needs the cheaper models to try",
        );
        say(
            self.increases.iter().any(|i| i.amount <= 0 || i.until <= i.from),
            "increases",
            "must add something for some time: an amount above zero, and an end after the beginning",
        );
        say(self.parent.as_ref() == Some(&self.name), "parent", "is the budget itself");
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        Budget::new("research".parse().unwrap(), BudgetUnit::Usd, 5_000_000_000)
    }

    #[test]
    fn an_increase_holds_from_its_beginning_until_its_end() {
        let mut budget = budget();
        let increase = |from, until| Increase {
            amount: 1_000,
            from: Timestamp::from_seconds(from),
            until: Timestamp::from_seconds(until),
            by: "finance".to_owned(),
            why: "launch week".to_owned(),
        };
        budget.increases = vec![increase(10, 20), increase(15, 30)];
        let extra = |s| budget.limit_at(Timestamp::from_seconds(s)) - budget.amount;
        assert_eq!([9, 10, 15, 19, 20, 30].map(extra), [0, 1_000, 2_000, 2_000, 1_000, 0]);
    }

    #[test]
    fn a_usual_budget_has_no_problem_and_every_problem_of_a_wrong_one_is_told_at_once() {
        assert_eq!(budget().problems(), []);
        let mut wrong = budget();
        wrong.amount = -1;
        wrong.scopes.clear();
        wrong.period = Period::life(Duration::from_secs(3600)).unwrap();
        wrong.rollover = Rollover::Capped(-5);
        wrong.when_tight = WhenTight::Downgrade;
        wrong.parent = Some(wrong.name.clone());
        let fields: Vec<&str> = wrong.problems().iter().map(|p| p.field).collect();
        assert_eq!(
            fields,
            ["amount", "scope", "per", "rollover", "rollover", "since", "thresholds", "ladder", "parent"]
        );
    }

    #[test]
    fn a_name_is_short_plain_and_in_lower_case() {
        for good in ["a", "team.support-2026_q1"] {
            assert_eq!(good.parse::<BudgetName>().unwrap().as_str(), good);
        }
        for bad in ["", "Research", "a b", "ü", &"x".repeat(65)] {
            assert!(bad.parse::<BudgetName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_amount_reads_in_its_unit() {
        assert_eq!(BudgetUnit::Usd.text(12_500_000_000), "$12.50");
        assert_eq!(BudgetUnit::Usd.text(-1), "-$0.000000001");
        assert_eq!(BudgetUnit::Tokens.text(100_000_000), "100000000 tokens");
    }
}
