//! Budgets.

use bursar_core::Money;
use bursar_core::budget::BudgetUnit;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Dollars as a decimal string, tokens as a whole number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum AmountAnswer {
    /// Dollars.
    Usd(String),
    /// Tokens.
    Tokens(i64),
}

impl AmountAnswer {
    /// An amount in a budget's unit.
    #[must_use]
    pub fn of(unit: BudgetUnit, amount: i64) -> AmountAnswer {
        match unit {
            BudgetUnit::Usd => AmountAnswer::Usd(Money::from_nanos(amount).to_string()),
            BudgetUnit::Tokens => AmountAnswer::Tokens(amount),
        }
    }

    /// The amount in the unit's smallest parts; `None` where it is none of the unit.
    #[must_use]
    pub fn in_unit(&self, unit: BudgetUnit) -> Option<i64> {
        match (self, unit) {
            (AmountAnswer::Usd(text), BudgetUnit::Usd) => text.parse().map(Money::nanos).ok(),
            (AmountAnswer::Tokens(tokens), BudgetUnit::Tokens) => Some(*tokens),
            _ => None,
        }
    }
}

/// Every budget.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BudgetsAnswer {
    /// The budgets, by name.
    pub budgets: Vec<BudgetAnswer>,
}

/// A budget and how it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BudgetAnswer {
    /// Its definition.
    #[schema(value_type = BudgetForm)]
    pub definition: Value,
    /// `config`: the configuration file defines it; `registry`: this API and the command line do.
    #[schema(example = "registry")]
    pub origin: String,
    /// Calls that began earlier are not counted (RFC 3339); `null` where every call is.
    pub counts_from: Option<String>,
    /// When it was made (RFC 3339).
    pub created_at: String,
    /// When it was changed last (RFC 3339).
    pub updated_at: String,
    /// How many accounts it has: one, or one for each share of a budget that is `per` something.
    pub account_count: u64,
    /// The account with the least left of its limit; `null` where there is none yet.
    pub tightest: Option<BalanceAnswer>,
}

/// A budget with its accounts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BudgetDetailAnswer {
    /// The budget.
    pub budget: BudgetAnswer,
    /// Its accounts, those with the least left first; a thousand at most.
    pub accounts: Vec<BalanceAnswer>,
}

/// How an account stands: `limit − held − spent = available`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BalanceAnswer {
    /// Whose share it is; `null` for a budget that is one for all.
    pub share: Option<String>,
    /// The window's first moment (RFC 3339); `null` for a period that is not a calendar's.
    pub since: Option<String>,
    /// The first moment after the window (RFC 3339); `null` for a period that is not a calendar's.
    pub until: Option<String>,
    /// The amount, with increases and with what earlier windows left or owe.
    pub limit: AmountAnswer,
    /// What earlier windows left, or owe (below zero); part of `limit`.
    pub carried: AmountAnswer,
    /// What was spent.
    pub spent: AmountAnswer,
    /// What is held for calls on their way.
    pub held: AmountAnswer,
    /// What may still be spent; below zero after an overrun.
    pub available: AmountAnswer,
    /// How much settlements exceeded their holds by; part of `spent`.
    pub overrun: AmountAnswer,
    /// Settled calls whose price is not known: `spent` leaves them out.
    pub unpriced: u64,
    /// Calls that were refused because too little was left, since the process began.
    pub refused: u64,
}

/// What was done to a budget.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrailAnswer {
    /// What was done, the latest first.
    pub entries: Vec<TrailEntryAnswer>,
    /// The `before` of the next page; `null` on the last one.
    pub next: Option<i64>,
}

/// One thing that was done to a budget.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrailEntryAnswer {
    /// Its number; a later one is larger.
    pub number: i64,
    /// When (RFC 3339).
    pub at: String,
    /// What.
    #[schema(example = "budget.raise")]
    pub action: String,
    /// The budget.
    pub budget: String,
    /// Who.
    pub who: Option<String>,
    /// Why.
    pub why: Option<String>,
    /// The definition before; `null` where there was none.
    #[schema(value_type = Option<BudgetForm>)]
    pub before: Option<Value>,
    /// The definition after; `null` where there is none.
    #[schema(value_type = Option<BudgetForm>)]
    pub after: Option<Value>,
}

/// A temporary increase.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RaiseBody {
    /// By how much.
    pub amount: AmountAnswer,
    /// Until when: RFC 3339, or a length of time from now such as `7d`.
    #[schema(example = "7d")]
    pub until: String,
    /// Why.
    pub why: String,
    /// Who; `api` unless told.
    pub by: Option<String>,
}

/// Who and why, for the trail.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReasonBody {
    /// Why.
    pub why: Option<String>,
    /// Who; `api` unless told.
    pub by: Option<String>,
}

/// A budget's definition, as in the configuration file.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes a definition in the OpenAPI document; bursar-store reads and writes it"
)]
pub struct BudgetForm {
    /// 1 to 64 of `a-z`, `0-9`, `-`, `_` and `.`. It identifies the budget and never changes.
    #[schema(example = "support")]
    name: String,
    /// What it is for.
    title: Option<String>,
    /// Whom to ask for more.
    owner: Option<String>,
    /// The budget that it is a part of.
    parent: Option<String>,
    /// Which calls it covers: fields with a pattern or a list of patterns, or a list of such objects.
    #[schema(value_type = Value, example = json!({ "team": "support", "model": ["gpt-5*"], "tag:room": "3" }))]
    scope: Value,
    /// One amount for each distinct value of these fields.
    per: Option<Vec<String>>,
    /// `usd` or `tokens`; `usd` unless told.
    unit: Option<String>,
    /// How much may be spent in a period.
    amount: AmountAnswer,
    /// For how long the amount holds; a month in UTC unless told.
    period: Option<PeriodForm>,
    /// From when on what is left over rolls over (RFC 3339).
    since: Option<String>,
    /// When the owner is told.
    thresholds: Option<ThresholdsForm>,
    /// What happens to what is left over: nothing unless told.
    rollover: Option<RolloverForm>,
    /// Temporary increases.
    increases: Option<Vec<IncreaseForm>>,
    /// `observe`, `alert`, `downgrade`, `clamp` or `refuse`; `alert` unless told.
    when_tight: Option<String>,
    /// Cheaper models for `downgrade`.
    ladder: Option<Vec<String>>,
    /// How long a call may wait for what is held for others.
    #[schema(example = "60s")]
    longest_wait: Option<String>,
    /// Whether calls are stopped.
    paused: Option<bool>,
}

/// A period: `every` for a calendar's or a task's life, or `rolling`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a part of a definition in the OpenAPI document")]
pub struct PeriodForm {
    /// `day`, `week`, `month`, `quarter`, `year` or `life`.
    every: Option<String>,
    /// The day of the week (`monday`) or of the month (1 to 28) on which it begins.
    #[schema(value_type = Option<Value>)]
    first_day: Option<Value>,
    /// The first month of the fiscal year, 1 to 12.
    first_month: Option<i8>,
    /// The time zone; UTC unless told.
    #[schema(example = "Europe/Berlin")]
    zone: Option<String>,
    /// How far back a rolling period reaches.
    #[schema(example = "24h")]
    rolling: Option<String>,
    /// After how long without a call a life is over.
    #[schema(example = "7d")]
    idle: Option<String>,
}

/// Shares of the limit in per cent.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a part of a definition in the OpenAPI document")]
pub struct ThresholdsForm {
    /// Of what was spent.
    actual: Option<Vec<u16>>,
    /// Of what will have been spent at the period's end.
    forecast: Option<Vec<u16>>,
}

/// What rolls over.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a part of a definition in the OpenAPI document")]
pub struct RolloverForm {
    /// The most.
    at_most: AmountAnswer,
}

/// A temporary increase.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a part of a definition in the OpenAPI document")]
pub struct IncreaseForm {
    /// By how much.
    amount: AmountAnswer,
    /// From when on (RFC 3339).
    from: String,
    /// Until when (RFC 3339).
    until: String,
    /// Who granted it.
    by: String,
    /// Why.
    why: String,
}
