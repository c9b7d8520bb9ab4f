//! Which budgets cover a call, found by the call's own labels.

use std::collections::HashMap;

use super::scope::{Clause, ModelTiers, Pattern, Scope, ScopeField, Subject};

/// Finds the budgets that cover a call without looking at all of them: each scope is filed under the values of its
/// most telling condition, and a call's own labels say where to look. Scopes without a condition on an exact value
/// are looked at for every call.
#[derive(Clone, Debug, Default)]
pub struct BudgetIndex {
    tiers: ModelTiers,
    filed: HashMap<ScopeField, HashMap<String, Vec<Filed>>>,
    /// Tags by which scopes are filed: they are asked for by name.
    tags: Vec<ScopeField>,
    unfiled: Vec<Filed>,
}

#[derive(Clone, Debug)]
struct Filed {
    number: u32,
    scope: Scope,
}

impl BudgetIndex {
    /// An empty index with these classes of models.
    #[must_use]
    pub fn new(tiers: ModelTiers) -> BudgetIndex {
        BudgetIndex { tiers, ..BudgetIndex::default() }
    }

    /// Files the scopes of the budget that has this number.
    pub fn insert(&mut self, number: u32, scopes: &[Scope]) {
        for scope in scopes {
            let filed = Filed { number, scope: scope.clone() };
            let Some(clause) = most_telling(scope) else {
                self.unfiled.push(filed);
                continue;
            };
            if matches!(clause.field, ScopeField::Tag(_)) && !self.tags.contains(&clause.field) {
                self.tags.push(clause.field.clone());
            }
            let by_value = self.filed.entry(clause.field.clone()).or_default();
            for pattern in &clause.any_of {
                if let Pattern::Exact(value) = pattern {
                    by_value.entry(value.clone()).or_default().push(filed.clone());
                }
            }
        }
    }

    /// Takes the scopes of a budget out.
    pub fn remove(&mut self, number: u32, scopes: &[Scope]) {
        self.unfiled.retain(|f| f.number != number);
        for clause in scopes.iter().filter_map(most_telling) {
            let Some(by_value) = self.filed.get_mut(&clause.field) else { continue };
            for pattern in &clause.any_of {
                if let Pattern::Exact(value) = pattern
                    && let Some(filed) = by_value.get_mut(value)
                {
                    filed.retain(|f| f.number != number);
                }
            }
        }
    }

    /// Puts the numbers of the budgets that cover a call into `found`, each once, in ascending order.
    pub fn covering(&self, subject: &Subject, found: &mut Vec<u32>) {
        found.clear();
        let mut look = |filed: &[Filed]| {
            for f in filed {
                if !found.contains(&f.number) && f.scope.covers(subject, &self.tiers) {
                    found.push(f.number);
                }
            }
        };
        look(&self.unfiled);
        for field in ScopeField::PLAIN.iter().chain(&self.tags) {
            let Some(by_value) = self.filed.get(field) else { continue };
            if let Some(filed) = field.of(subject).and_then(|value| by_value.get(value)) {
                look(filed);
            }
        }
        found.sort_unstable();
    }

    /// The classes of models that scopes may ask for.
    #[must_use]
    pub const fn tiers(&self) -> &ModelTiers {
        &self.tiers
    }
}

/// The condition that a scope is filed under: on exact values only, and on the field that usually tells most.
fn most_telling(scope: &Scope) -> Option<&Clause> {
    let exact = |c: &&Clause| {
        c.field != ScopeField::ModelTier && c.any_of.iter().all(|p| matches!(p, Pattern::Exact(_)))
    };
    scope.clauses.iter().filter(exact).min_by_key(|c| match &c.field {
        ScopeField::Tag(_) => 3,
        plain => ScopeField::PLAIN.iter().position(|p| p == plain).unwrap_or(usize::MAX),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::KeyId;

    const VALUES: [&str; 3] = ["a", "ab", "b"];

    fn a_scope() -> impl Strategy<Value = Scope> {
        let field = prop::sample::select(vec!["team", "app", "key", "model", "model_tier", "tag:x", "task"]);
        let pattern = prop::sample::select(vec!["a", "ab", "b", "a*", "*"]);
        let clause = (field, prop::collection::vec(pattern, 1..3)).prop_map(|(field, patterns)| Clause {
            field: field.parse().unwrap(),
            any_of: patterns.into_iter().map(|p| p.parse().unwrap()).collect(),
        });
        prop::collection::vec(clause, 0..3).prop_map(|clauses| Scope { clauses })
    }

    fn a_subject() -> impl Strategy<Value = Subject> {
        prop::collection::vec(prop::option::of(prop::sample::select(VALUES.to_vec())), 6).prop_map(|v| {
            let text = |i: usize| v[i].map(str::to_owned);
            let mut subject = Subject { key: text(0).map(KeyId), model: text(1), ..Subject::default() };
            subject.attribution.team = text(2);
            subject.attribution.app = text(3);
            subject.attribution.task = text(4);
            subject.attribution.tags.extend(text(5).map(|x| ("x".to_owned(), x)));
            subject
        })
    }

    fn tiers() -> ModelTiers {
        ModelTiers::new(vec![
            ("a".to_owned(), vec!["a*".parse().unwrap()]),
            ("b".to_owned(), vec!["b".parse().unwrap()]),
        ])
    }

    proptest! {
        #[test]
        fn the_index_finds_just_the_budgets_whose_scopes_cover_the_call(
            budgets in prop::collection::vec(prop::collection::vec(a_scope(), 1..3), 1..12),
            removed in any::<u16>(), subject in a_subject(),
        ) {
            let mut index = BudgetIndex::new(tiers());
            let is_in = |number: usize| removed & (1 << number) == 0;
            for (number, scopes) in budgets.iter().enumerate() {
                index.insert(u32::try_from(number).unwrap(), scopes);
            }
            for (number, scopes) in budgets.iter().enumerate().filter(|(n, _)| !is_in(*n)) {
                index.remove(u32::try_from(number).unwrap(), scopes);
            }
            let mut found = Vec::new();
            index.covering(&subject, &mut found);
            let expected: Vec<u32> = (0u32..).zip(&budgets)
                .filter(|(n, scopes)| is_in(*n as usize) && scopes.iter().any(|s| s.covers(&subject, &tiers())))
                .map(|(n, _)| n).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
