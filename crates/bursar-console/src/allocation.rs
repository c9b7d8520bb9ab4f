//! Budgets from expectations: what a plan would make, before anything is made.

use std::collections::BTreeMap;

use bursar_core::budget::{
    Budget, BudgetName, BudgetUnit, Period, ScopeField, allocate_expected, split_by_weights, with_headroom,
};
use bursar_core::{Money, Timestamp};
use bursar_store::History;

use crate::shown::grouped;

/// A budget of a plan, and where its amount comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The budget.
    pub budget: Budget,
    /// Where its amount comes from, for a reader.
    pub basis: String,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The product or sum cannot be held.
    #[error("the amount is out of range")]
    OutOfRange,
    /// There is nothing to plan by.
    #[error("no call of that scope is in the history; widen the scope or the range")]
    NoHistory,
    /// All weights are zero.
    #[error("all weights are zero; give each part a whole number, such as support=3,sales=1")]
    NoWeights,
    /// A period without an end cannot be compared with a history.
    #[error("a task's life has no length to plan by; choose a period such as month, or rolling")]
    NoLength,
    /// There is no such budget, or it has no children.
    #[error("no budget names {0} as its parent")]
    NoChildren(BudgetName),
    /// Children that cannot be added up.
    #[error("{child} is not in the unit and period of {parent}, so that its amount cannot be added")]
    NotComparable {
        /// The child.
        child: BudgetName,
        /// Its parent.
        parent: BudgetName,
    },
}

/// `count` conversations of `each` tokens in every period.
pub fn from_volume(mut budget: Budget, count: u64, each: u64) -> Result<Planned, PlanError> {
    budget.amount = allocate_expected(count, each).ok_or(PlanError::OutOfRange)?;
    let basis = format!("{} conversations × {} tokens", grouped(count), grouped(each));
    Ok(Planned { budget, basis })
}

/// What calls of its scope have used, for the length of its period, and so many per cent more.
pub fn from_history(
    mut budget: Budget,
    history: &History,
    (since, until): (Timestamp, Timestamp),
    headroom: u32,
) -> Result<Planned, PlanError> {
    if history.attempts == 0 {
        return Err(PlanError::NoHistory);
    }
    let (used, of) = (history.of(budget.unit), until.micros().saturating_sub(since.micros()));
    let length = length_micros(&budget.period, until).ok_or(PlanError::NoLength)?;
    let usual = scaled(used, length, of).ok_or(PlanError::OutOfRange)?;
    budget.amount = with_headroom(usual, headroom).ok_or(PlanError::OutOfRange)?;
    let mut basis = format!("{} in {}, scaled to the period", amount_text(budget.unit, used), days_text(of));
    if headroom > 0 {
        basis.push_str(&format!(", {headroom} % on top"));
    }
    if history.unpriced > 0 && budget.unit == BudgetUnit::Usd {
        basis.push_str(&format!("; without {} calls that have no price", grouped(history.unpriced)));
    }
    Ok(Planned { budget, basis })
}

/// Parts of a whole for each value of a field, by weights. Each part has the whole as its parent, and all of its
/// settings but the name, the scope and the amount.
pub fn split(
    whole: &Budget,
    over: &ScopeField,
    weights: &BTreeMap<String, u64>,
    is_history: bool,
) -> Result<Vec<Planned>, PlanError> {
    let shares: Vec<u64> = weights.values().copied().collect();
    let amounts = split_by_weights(whole.amount, &shares).ok_or(PlanError::NoWeights)?;
    let total = weights.values().fold(0u64, |sum, w| sum.saturating_add(*w));
    let basis = |weight: u64| {
        if is_history {
            let part = amount_text(whole.unit, i64::try_from(weight).unwrap_or(i64::MAX));
            let all = amount_text(whole.unit, i64::try_from(total).unwrap_or(i64::MAX));
            format!("{part} of {all} in the history")
        } else {
            format!("{} of {}", grouped(weight), grouped(total))
        }
    };
    let parts = weights.iter().zip(amounts).map(|((value, weight), amount)| {
        let mut part = whole.clone();
        part.name = name_of(&format!("{}-{value}", whole.name));
        part.title = None;
        part.parent = Some(whole.name.clone());
        part.scopes = whole.scopes.iter().map(|s| s.clone().and(over.clone(), value.as_str())).collect();
        part.amount = amount;
        Planned { budget: part, basis: basis(*weight) }
    });
    Ok(parts.collect())
}

/// A parent with the sum of its children.
pub fn sum_of_children(parent: &Budget, all: &[Budget]) -> Result<Planned, PlanError> {
    let children: Vec<&Budget> = all.iter().filter(|b| b.parent.as_ref() == Some(&parent.name)).collect();
    if children.is_empty() {
        return Err(PlanError::NoChildren(parent.name.clone()));
    }
    let fits = |c: &&&Budget| c.unit == parent.unit && c.period == parent.period;
    if let Some(child) = children.iter().find(|c| !fits(c)) {
        let (child, parent) = (child.name.clone(), parent.name.clone());
        return Err(PlanError::NotComparable { child, parent });
    }
    let sum = children.iter().try_fold(0i64, |sum, c| sum.checked_add(c.amount));
    let mut budget = parent.clone();
    budget.amount = sum.ok_or(PlanError::OutOfRange)?;
    Ok(Planned { budget, basis: format!("the sum of {} children", children.len()) })
}

/// A name for a budget out of any text: what a name cannot have becomes a hyphen.
#[must_use]
pub fn name_of(text: &str) -> BudgetName {
    let plain =
        |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c.to_ascii_lowercase() } else { '-' };
    let mut name: String = text.chars().map(plain).take(64).collect();
    if name.is_empty() {
        name.push('-');
    }
    name.parse().expect("1 to 64 characters that a name may have")
}

/// How long a period is that holds now.
fn length_micros(period: &Period, now: Timestamp) -> Option<i64> {
    match period {
        Period::Calendar { .. } => {
            let window = period.window(now);
            Some(window.end.micros().saturating_sub(window.start.micros()))
        }
        Period::Rolling { length } => i64::try_from(length.as_micros()).ok(),
        Period::Life { .. } => None,
    }
}

/// `amount × to / of`, rounded up.
fn scaled(amount: i64, to: i64, of: i64) -> Option<i64> {
    let (amount, to, of) = (u64::try_from(amount).ok()?, u64::try_from(to).ok()?, u64::try_from(of).ok()?);
    let product = u128::from(amount) * u128::from(to);
    i64::try_from(product.div_ceil(u128::from(of).max(1))).ok()
}

/// An amount with its digits in groups.
#[must_use]
pub fn amount_text(unit: BudgetUnit, amount: i64) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    match unit {
        BudgetUnit::Tokens => format!("{sign}{} tokens", grouped(amount.unsigned_abs())),
        BudgetUnit::Usd => {
            let exact = Money::from_nanos(amount.saturating_abs()).to_string();
            let (whole, rest) = exact.split_once('.').unwrap_or((&exact, "00"));
            format!("{sign}${}.{rest}", grouped(whole.parse().unwrap_or_default()))
        }
    }
}

fn days_text(micros: i64) -> String {
    let hours = micros / 3_600_000_000;
    if hours % 24 == 0 { format!("{} days", hours / 24) } else { format!("{hours} hours") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(unit: BudgetUnit, amount: i64) -> Budget {
        Budget::new("ai".parse().unwrap(), unit, amount)
    }

    fn noon() -> Timestamp {
        Timestamp::from_date(2026, 7, 15).unwrap()
    }

    #[test]
    fn fifty_thousand_conversations_of_two_thousand_tokens_are_a_hundred_million() {
        let planned = from_volume(budget(BudgetUnit::Tokens, 0), 50_000, 2_000).unwrap();
        assert_eq!(planned.budget.amount, 100_000_000);
        assert_eq!(planned.basis, "50,000 conversations × 2,000 tokens");
        assert_eq!(from_volume(budget(BudgetUnit::Tokens, 0), u64::MAX, 2), Err(PlanError::OutOfRange));
    }

    #[test]
    fn a_history_is_scaled_to_the_period_and_gets_its_headroom() {
        let since = noon().plus_micros(-62 * 86_400_000_000);
        let history = History { attempts: 9, nanos: 2_000_000_000, tokens: 7, unpriced: 3 };
        let planned = from_history(budget(BudgetUnit::Usd, 0), &history, (since, noon()), 15).unwrap();
        // July has 31 days, half of the 62.
        assert_eq!(planned.budget.amount, 1_150_000_000);
        assert_eq!(
            planned.basis,
            "$2.00 in 62 days, scaled to the period, 15 % on top; without 3 calls that have no price"
        );
        let none = from_history(budget(BudgetUnit::Usd, 0), &History::default(), (since, noon()), 15);
        assert_eq!(none, Err(PlanError::NoHistory));
    }

    #[test]
    fn parts_add_up_to_the_whole_and_fit_into_it() {
        let whole = budget(BudgetUnit::Usd, 12_000_000_000_000_001);
        let weights = BTreeMap::from([("Support EU".to_owned(), 2), ("sales".to_owned(), 1)]);
        let parts = split(&whole, &ScopeField::Team, &weights, false).unwrap();
        let all: Vec<Budget> = parts.iter().map(|p| p.budget.clone()).chain([whole.clone()]).collect();
        assert_eq!(bursar_core::budget::check_family(&all), []);
        assert_eq!(parts[0].budget.name.as_str(), "ai-support-eu");
        assert_eq!(parts[0].budget.scopes[0].to_string(), "team=Support EU");
        assert_eq!((parts[0].basis.as_str(), parts.len()), ("2 of 3", 2));
        let zero = BTreeMap::from([("a".to_owned(), 0)]);
        assert_eq!(split(&whole, &ScopeField::Team, &zero, false), Err(PlanError::NoWeights));
    }

    #[test]
    fn a_parent_gets_the_sum_of_its_children() {
        let parent = budget(BudgetUnit::Usd, 1);
        let weights = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 1)]);
        let whole = budget(BudgetUnit::Usd, 10);
        let mut children: Vec<Budget> = split(&whole, &ScopeField::Team, &weights, false)
            .unwrap()
            .into_iter()
            .map(|p| p.budget)
            .collect();
        assert_eq!(sum_of_children(&parent, &children).unwrap().budget.amount, 10);
        assert_eq!(sum_of_children(&parent, &[]), Err(PlanError::NoChildren(parent.name.clone())));
        children[1].unit = BudgetUnit::Tokens;
        assert!(matches!(sum_of_children(&parent, &children), Err(PlanError::NotComparable { .. })));
    }

    #[test]
    fn amounts_stand_in_groups() {
        assert_eq!(amount_text(BudgetUnit::Usd, 12_000_000_000_000_001), "$12,000,000.000000001");
        assert_eq!(amount_text(BudgetUnit::Usd, -2_500_000_000), "-$2.50");
        assert_eq!(amount_text(BudgetUnit::Tokens, 100_000_000), "100,000,000 tokens");
    }
}
