//! Amounts from expectations: bottom-up from volumes, top-down by weights, and whether a family of budgets adds up.

use super::definition::{Budget, BudgetName, BudgetUnit};

/// `count × each`: 50,000 conversations of 2,000 tokens are 100,000,000 tokens. `None` beyond the range of amounts.
#[must_use]
pub fn allocate_expected(count: u64, each: u64) -> Option<i64> {
    i64::try_from(u128::from(count) * u128::from(each)).ok()
}

/// An amount with so many per cent on top, rounded up. `None` beyond the range of amounts or for a negative amount.
#[must_use]
pub fn with_headroom(amount: i64, percent: u32) -> Option<i64> {
    let amount = u64::try_from(amount).ok()?;
    let scaled = u128::from(amount) * (100 + u128::from(percent));
    i64::try_from(scaled.div_ceil(100)).ok()
}

/// Splits an amount by weights so that the parts add up to it exactly: each part is rounded down, and what is left
/// goes, one unit each, to the parts with the largest remainders (the earlier one at a tie). `None` where all weights
/// are zero or the amount is negative.
#[must_use]
pub fn split_by_weights(amount: i64, weights: &[u64]) -> Option<Vec<i64>> {
    let total: u128 = weights.iter().map(|&w| u128::from(w)).sum();
    let whole = u128::from(u64::try_from(amount).ok()?);
    if total == 0 {
        return None;
    }
    let mut parts = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    for (i, &weight) in weights.iter().enumerate() {
        let product = whole * u128::from(weight);
        parts.push(i64::try_from(product / total).ok()?);
        remainders.push((std::cmp::Reverse(product % total), i));
    }
    remainders.sort_unstable();
    let left = amount - parts.iter().sum::<i64>();
    for (_, i) in remainders.into_iter().take(usize::try_from(left).ok()?) {
        parts[i] += 1;
    }
    Some(parts)
}

/// A parent whose children do not add up to it, or a child that cannot be a part of its parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imbalance {
    /// The children's amounts add up to something else than the parent's.
    Sum {
        /// The parent.
        parent: BudgetName,
        /// Its unit.
        unit: BudgetUnit,
        /// Its amount.
        amount: i64,
        /// What the children add up to.
        children: i64,
    },
    /// The parent is not there.
    NoParent {
        /// The child.
        child: BudgetName,
        /// The parent that it names.
        parent: BudgetName,
    },
    /// Parent and child differ in unit or period, so that their amounts cannot be added up.
    NotComparable {
        /// The child.
        child: BudgetName,
        /// Its parent.
        parent: BudgetName,
        /// What differs, `unit` or `period`.
        what: &'static str,
    },
    /// The child covers calls that its parent does not.
    Outside {
        /// The child.
        child: BudgetName,
        /// Its parent.
        parent: BudgetName,
    },
    /// The chain of parents leads back to the budget.
    Circle {
        /// A budget in the circle.
        child: BudgetName,
    },
}

/// Checks every budget that names a parent, and every parent's sum.
#[must_use]
pub fn check_family(budgets: &[Budget]) -> Vec<Imbalance> {
    let find = |name: &BudgetName| budgets.iter().find(|b| b.name == *name);
    let mut found = Vec::new();
    for child in budgets {
        let Some(name) = &child.parent else { continue };
        match find(name) {
            None => found.push(Imbalance::NoParent { child: child.name.clone(), parent: name.clone() }),
            Some(_) if is_in_circle(budgets, child) => {
                found.push(Imbalance::Circle { child: child.name.clone() });
            }
            Some(parent) => found.extend(misfit(child, parent)),
        }
    }
    for parent in budgets {
        let is_child = |b: &&Budget| {
            b.parent.as_ref() == Some(&parent.name) && b.unit == parent.unit && b.period == parent.period
        };
        let mut amounts = budgets.iter().filter(is_child).map(|b| b.amount).peekable();
        if amounts.peek().is_none() {
            continue;
        }
        let children = amounts.fold(0i64, i64::saturating_add);
        if children != parent.amount {
            let (unit, amount) = (parent.unit, parent.amount);
            found.push(Imbalance::Sum { parent: parent.name.clone(), unit, amount, children });
        }
    }
    found
}

fn misfit(child: &Budget, parent: &Budget) -> Option<Imbalance> {
    let (c, p) = (child.name.clone(), parent.name.clone());
    if child.unit != parent.unit {
        return Some(Imbalance::NotComparable { child: c, parent: p, what: "unit" });
    }
    if child.period != parent.period {
        return Some(Imbalance::NotComparable { child: c, parent: p, what: "period" });
    }
    let inside = child.scopes.iter().all(|s| parent.scopes.iter().any(|wide| wide.contains(s)));
    (!inside).then_some(Imbalance::Outside { child: c, parent: p })
}

fn is_in_circle(budgets: &[Budget], start: &Budget) -> bool {
    let mut at = start.parent.as_ref();
    for _ in 0..budgets.len() {
        match at {
            None => return false,
            Some(name) if *name == start.name => return true,
            Some(name) => {
                at = budgets.iter().find(|b| b.name == *name).and_then(|b| b.parent.as_ref());
            }
        }
    }
    // A circle further up, which its own members tell.
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::budget::scope::{Scope, ScopeField};

    fn budget(name: &str, amount: i64, parent: Option<&str>) -> Budget {
        let mut budget = Budget::new(name.parse().unwrap(), BudgetUnit::Usd, amount);
        budget.parent = parent.map(|p| p.parse().unwrap());
        budget.scopes = vec![Scope::everything().and(ScopeField::Team, "support")];
        if parent.is_some() {
            budget.scopes[0] = budget.scopes[0].clone().and(ScopeField::App, name);
        }
        budget
    }

    #[test]
    fn fifty_thousand_conversations_of_two_thousand_tokens_are_a_hundred_million_tokens() {
        assert_eq!(allocate_expected(50_000, 2_000), Some(100_000_000));
        assert_eq!(allocate_expected(u64::MAX, 2), None);
        assert_eq!(with_headroom(101, 15), Some(117));
        assert_eq!((with_headroom(-1, 15), with_headroom(i64::MAX, 1)), (None, None));
    }

    #[test]
    fn a_parent_whose_children_do_not_add_up_is_told_with_both_sums() {
        let family = [budget("all", 10, None), budget("a", 4, Some("all")), budget("b", 5, Some("all"))];
        let parent = family[0].name.clone();
        assert_eq!(
            check_family(&family),
            [Imbalance::Sum { parent, unit: BudgetUnit::Usd, amount: 10, children: 9 }]
        );
    }

    #[test]
    fn a_child_must_fit_into_a_parent_that_is_there() {
        let mut family =
            vec![budget("all", 1, None), budget("a", 1, Some("all")), budget("b", 0, Some("gone"))];
        family[1].scopes.push(Scope::everything());
        let names: Vec<BudgetName> = family.iter().map(|b| b.name.clone()).collect();
        assert_eq!(
            check_family(&family),
            [
                Imbalance::Outside { child: names[1].clone(), parent: names[0].clone() },
                Imbalance::NoParent { child: names[2].clone(), parent: "gone".parse().unwrap() },
            ]
        );
        family[1].unit = BudgetUnit::Tokens;
        assert!(matches!(check_family(&family)[0], Imbalance::NotComparable { what: "unit", .. }));
    }

    #[test]
    fn parents_in_a_circle_are_told() {
        let family = [budget("a", 1, Some("b")), budget("b", 1, Some("a"))];
        let circles = check_family(&family);
        assert_eq!(circles.iter().filter(|i| matches!(i, Imbalance::Circle { .. })).count(), 2);
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole_and_are_off_their_share_by_less_than_one(
            amount in 0..i64::MAX, weights in prop::collection::vec(0..u64::from(u32::MAX), 1..20),
        ) {
            let total: u128 = weights.iter().map(|&w| u128::from(w)).sum();
            let Some(parts) = split_by_weights(amount, &weights) else {
                prop_assert_eq!(total, 0);
                return Ok(());
            };
            prop_assert_eq!(parts.iter().map(|&p| i128::from(p)).sum::<i128>(), i128::from(amount));
            for (part, weight) in parts.iter().zip(&weights) {
                let exact = i128::from(amount) * i128::from(*weight);
                let off = i128::from(*part) * i128::try_from(total).unwrap() - exact;
                prop_assert!(off.unsigned_abs() < total);
            }
        }
    }
}
