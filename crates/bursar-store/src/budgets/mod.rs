//! Budgets: their definitions in the registry, and what is held and spent of them in memory.
//!
//! What is spent is a fold over the usage log. A start takes the sums that were kept last and adds the records after
//! them; a budget that is new adds up the records of its window, while calls go on.

mod directory;
mod doc;
mod fold;
mod follow;
mod snapshot;
mod table;
mod verify;

use bursar_core::Timestamp;
use bursar_core::budget::{Budget, BudgetName, BudgetProblem};

pub(crate) use directory::BeginningDirectory;
pub use directory::{BudgetDirectory, ConfigSync};
pub use doc::{
    AmountDoc, BudgetDoc, BudgetDocError, BudgetDocErrors, FirstDayDoc, IncreaseDoc, PatternsDoc, PeriodDoc,
    RolloverDoc, ScopeDoc, ScopesDoc, ThresholdsDoc,
};
pub(crate) use follow::{Applied, Follower};
pub use verify::{Deviation, Verified};

use crate::error::StoreError;

/// Who changes a budget, why, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Who.
    pub who: String,
    /// Why, where they say.
    pub why: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Who defines a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BudgetOrigin {
    /// The configuration file: it is changed there, and only raised and paused elsewhere.
    Config,
    /// The registry: it is changed through the API and the command line.
    Registry,
}

impl BudgetOrigin {
    /// The name in the API and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            BudgetOrigin::Config => "config",
            BudgetOrigin::Registry => "registry",
        }
    }
}

/// A budget as the registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBudget {
    /// Its definition.
    pub budget: Budget,
    /// Who defines it.
    pub origin: BudgetOrigin,
    /// Calls that began earlier are not counted.
    pub counts_from: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// Why a budget could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    /// There is none of that name.
    #[error("there is no budget {0}; `bursar budgets list` shows those that there are")]
    NotFound(BudgetName),
    /// There is one of that name already.
    #[error("there is a budget {0} already; change it, or choose another name")]
    Exists(BudgetName),
    /// The configuration file defines it.
    #[error("budget {0} stands in the configuration file: change it there; here it can be raised and paused")]
    Configured(BudgetName),
    /// The definition cannot be used.
    #[error("{}", problems_text(.0))]
    Unusable(Vec<BudgetProblem>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn problems_text(problems: &[BudgetProblem]) -> String {
    let texts: Vec<String> = problems.iter().map(|p| format!("{} {}", p.field, p.what)).collect();
    texts.join("; ")
}
