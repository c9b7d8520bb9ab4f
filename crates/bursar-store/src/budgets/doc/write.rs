//! Writing a budget.

use std::collections::BTreeMap;

use bursar_core::Money;
use bursar_core::budget::{
    Budget, BudgetUnit, Calendar, Clause, Period, Rollover, Scope, ThresholdOn, Weekday, zone_text,
};
use serde::Serialize;

use super::spans::{length_text, moment_text};

/// A budget as people write it. Fields stand in the order of the reference; what says nothing is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BudgetDoc {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whom to ask for more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The budget that it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// `usd` or `tokens`.
    pub unit: &'static str,
    /// How much.
    pub amount: AmountDoc,
    /// `observe`, `alert`, `downgrade`, `clamp` or `refuse`.
    pub when_tight: &'static str,
    /// How long a call may wait for money that is held for others.
    pub longest_wait: String,
    /// Cheaper models.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ladder: Vec<String>,
    /// One amount for each value of these fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub per: Vec<String>,
    /// Whether calls are stopped.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// What is covered.
    pub scope: ScopesDoc,
    /// For how long.
    pub period: PeriodDoc,
    /// From when on what was left over rolls over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// When the owner is told.
    pub thresholds: ThresholdsDoc,
    /// What happens to what is left over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollover: Option<RolloverDoc>,
    /// Temporary increases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub increases: Vec<IncreaseDoc>,
}

/// Dollars as a decimal text, tokens as a whole number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum AmountDoc {
    /// Dollars.
    Usd(String),
    /// Tokens.
    Tokens(i64),
}

/// One table, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ScopesDoc {
    /// One scope.
    One(ScopeDoc),
    /// Several: a call that one of them covers is covered.
    Several(Vec<ScopeDoc>),
}

/// Fields and their patterns.
pub type ScopeDoc = BTreeMap<String, PatternsDoc>;

/// One pattern, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PatternsDoc {
    /// One.
    One(String),
    /// Any of these.
    AnyOf(Vec<String>),
}

/// A period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PeriodDoc {
    /// `day`, `week`, `month`, `quarter`, `year` or `life`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<&'static str>,
    /// The day of a week or month on which it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_day: Option<FirstDayDoc>,
    /// The first month of the fiscal year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_month: Option<i8>,
    /// The time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// How far back a rolling period reaches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolling: Option<String>,
    /// After how long without a call a life is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<String>,
}

/// The day on which a week or a month begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum FirstDayDoc {
    /// A day of the week.
    Weekday(&'static str),
    /// A day of the month.
    Day(i8),
}

/// Shares of the amount in per cent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ThresholdsDoc {
    /// Of what was spent.
    pub actual: Vec<u16>,
    /// Of what will have been spent.
    pub forecast: Vec<u16>,
}

/// What rolls over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RolloverDoc {
    /// The most.
    pub at_most: AmountDoc,
}

/// A temporary increase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IncreaseDoc {
    /// By how much.
    pub amount: AmountDoc,
    /// From when on.
    pub from: String,
    /// Until when.
    pub until: String,
    /// Who granted it.
    pub by: String,
    /// Why.
    pub why: String,
}

impl BudgetDoc {
    /// A budget's text.
    #[must_use]
    pub fn of(budget: &Budget) -> BudgetDoc {
        let amount = |n| amount_doc(budget.unit, n);
        let increase = |i: &bursar_core::budget::Increase| IncreaseDoc {
            amount: amount(i.amount),
            from: moment_text(i.from),
            until: moment_text(i.until),
            by: i.by.clone(),
            why: i.why.clone(),
        };
        let percents = |on| budget.thresholds.iter().filter(|t| t.on == on).map(|t| t.percent).collect();
        BudgetDoc {
            name: budget.name.to_string(),
            title: budget.title.clone(),
            owner: budget.owner.clone(),
            parent: budget.parent.as_ref().map(ToString::to_string),
            unit: budget.unit.name(),
            amount: amount(budget.amount),
            when_tight: budget.when_tight.name(),
            longest_wait: length_text(budget.longest_wait),
            ladder: budget.ladder.clone(),
            per: budget.per.iter().map(ToString::to_string).collect(),
            paused: budget.paused,
            scope: scopes_doc(&budget.scopes),
            period: period_doc(&budget.period),
            since: budget.since.map(moment_text),
            thresholds: ThresholdsDoc {
                actual: percents(ThresholdOn::Actual),
                forecast: percents(ThresholdOn::Forecast),
            },
            rollover: match budget.rollover {
                Rollover::None => None,
                Rollover::Capped(cap) => Some(RolloverDoc { at_most: amount(cap) }),
            },
            increases: budget.increases.iter().map(increase).collect(),
        }
    }

    /// The text as JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        // Only maps with keys that are no texts fail, and there are none.
        serde_json::to_value(self).unwrap_or_default()
    }
}

fn amount_doc(unit: BudgetUnit, amount: i64) -> AmountDoc {
    match unit {
        BudgetUnit::Usd => AmountDoc::Usd(Money::from_nanos(amount).to_string()),
        BudgetUnit::Tokens => AmountDoc::Tokens(amount),
    }
}

fn scopes_doc(scopes: &[Scope]) -> ScopesDoc {
    match scopes {
        [one] => ScopesDoc::One(scope_doc(one)),
        several => ScopesDoc::Several(several.iter().map(scope_doc).collect()),
    }
}

fn scope_doc(scope: &Scope) -> ScopeDoc {
    let patterns = |clause: &Clause| match clause.any_of.as_slice() {
        [one] => PatternsDoc::One(one.to_string()),
        several => PatternsDoc::AnyOf(several.iter().map(ToString::to_string).collect()),
    };
    scope.clauses.iter().map(|c| (c.field.to_string(), patterns(c))).collect()
}

fn period_doc(period: &Period) -> PeriodDoc {
    let (calendar, zone) = match period {
        Period::Calendar { calendar, zone } => (*calendar, zone_text(zone)),
        Period::Rolling { length } => {
            return PeriodDoc { rolling: Some(length_text(*length)), ..PeriodDoc::default() };
        }
        Period::Life { idle } => {
            return PeriodDoc { every: Some("life"), idle: Some(length_text(*idle)), ..PeriodDoc::default() };
        }
    };
    let (every, first_day, first_month) = match calendar {
        Calendar::Day => ("day", None, None),
        Calendar::Week(first) => ("week", Some(FirstDayDoc::Weekday(weekday_name(first))), None),
        Calendar::Month { first_day } => ("month", Some(FirstDayDoc::Day(first_day)), None),
        Calendar::Quarter { first_month } => ("quarter", None, Some(first_month)),
        Calendar::Year { first_month } => ("year", None, Some(first_month)),
    };
    PeriodDoc { every: Some(every), first_day, first_month, zone: Some(zone), ..PeriodDoc::default() }
}

/// The days of the week by their names.
pub(super) const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

fn weekday_name(day: Weekday) -> &'static str {
    WEEKDAYS.iter().find(|(_, d)| *d == day).map_or("monday", |(name, _)| name)
}
