//! A budget as people write it: in TOML, in JSON, in the registry. `docs/reference/budgets.md` describes the form.
//!
//! [`BudgetDoc::read`] tells everything that is wrong at once, each with the path of its field; [`BudgetDoc::of`]
//! writes what reads as the same budget again.

mod fields;
mod read;
mod spans;
mod write;

use std::fmt;

pub use write::{
    AmountDoc, BudgetDoc, FirstDayDoc, IncreaseDoc, PatternsDoc, PeriodDoc, RolloverDoc, ScopeDoc, ScopesDoc,
    ThresholdsDoc,
};

/// Something wrong with a budget's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} {what}")]
pub struct BudgetDocError {
    /// The field, such as `scope[1].team` or `period.zone`.
    pub path: String,
    /// What is wrong and what to do: a sentence that goes on after the path.
    pub what: String,
}

/// Everything that is wrong with a budget's text; at least one thing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct BudgetDocErrors(pub Vec<BudgetDocError>);

impl fmt::Display for BudgetDocErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            let between = if i == 0 { "" } else { "; " };
            write!(f, "{between}{error}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
