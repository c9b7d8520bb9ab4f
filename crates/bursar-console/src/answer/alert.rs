//! Alerts about budgets.

use bursar_core::Money;
use bursar_core::budget::BudgetUnit;
use bursar_store::{Delivery, DeliveryState, Silence, StoredAlert};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::times;

/// A page of alerts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AlertsAnswer {
    /// The alerts, the latest first.
    pub alerts: Vec<AlertAnswer>,
    /// Where the next page begins; `null` on the last.
    pub next_cursor: Option<String>,
}

/// Something that was told, or is kept untold because another alert said more.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AlertAnswer {
    /// Its id; the same where it is received twice.
    #[schema(example = "alr_c40c547ae8b85aae8a2f967f_begin")]
    pub id: String,
    /// The crossing that it begins or ends.
    #[schema(example = "inc_c40c547ae8b85aae8a2f967f")]
    pub incident: String,
    /// raised or recovered.
    #[schema(example = "raised")]
    pub phase: &'static str,
    /// Why it is over: back_below, period_ended, budget_changed or budget_removed; `null` where it begins.
    pub recovery: Option<String>,
    /// Whether the incident is over by now.
    pub is_over: bool,
    /// What was crossed: actual:PERCENT, forecast:PERCENT, burn:fast, burn:slow, exhausted, overrun, unpriced,
    /// uncovered, gpu:idle or gpu:faulty.
    #[schema(example = "actual:80")]
    pub rule: String,
    /// info, warning or critical.
    #[schema(example = "warning")]
    pub severity: String,
    /// Who is told: everyone, incidents (only what keeps incidents open) or nobody (another alert says more).
    #[schema(example = "everyone")]
    pub audience: String,
    /// When it was seen (RFC 3339).
    pub at: String,
    /// The budget; `null` for calls that no budget covers, and for GPUs.
    pub budget: Option<String>,
    /// Whose share of it; for uncovered calls the key's id, for GPUs their node.
    pub instance: Option<String>,
    /// Whom to ask about the budget.
    pub owner: Option<String>,
    /// usd or tokens; `null` where there are no amounts.
    pub unit: Option<&'static str>,
    /// What was spent, in dollars or tokens.
    #[schema(example = "402.10")]
    pub spent: Option<String>,
    /// What may be spent.
    #[schema(example = "500.00")]
    pub limit: Option<String>,
    /// What will have been spent at the period's end, where that was forecast.
    pub forecast: Option<String>,
    /// The whole of it in a sentence or two.
    pub text: String,
    /// Who has said that they know; `null` for nobody.
    pub acked_by: Option<String>,
    /// When they said it (RFC 3339).
    pub acked_at: Option<String>,
    /// Its way to each channel.
    pub deliveries: Vec<DeliveryAnswer>,
}

/// An alert's way to one channel.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeliveryAnswer {
    /// The channel.
    pub channel: String,
    /// waiting, sent, failed (given up) or silenced.
    #[schema(example = "sent")]
    pub state: &'static str,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next (RFC 3339); `null` where it does not wait.
    pub next_try: Option<String>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it was sent or given up (RFC 3339).
    pub ended_at: Option<String>,
}

/// Times in which nothing about a budget is sent.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SilencesAnswer {
    /// Those that are not over, the one that ends first at the beginning.
    pub silences: Vec<SilenceAnswer>,
}

/// A time in which nothing about a budget is sent.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SilenceAnswer {
    /// The budget; `null` for all.
    pub budget: Option<String>,
    /// From when on (RFC 3339).
    pub since: String,
    /// Until when (RFC 3339).
    pub until: String,
    /// Who wanted it.
    pub who: String,
    /// Why.
    pub why: String,
}

/// A silence to begin now.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SilenceBody {
    /// The budget; all of them unless told.
    pub budget: Option<String>,
    /// For how long, such as 2h.
    #[serde(rename = "for")]
    #[schema(example = "2h")]
    pub lasts: Option<String>,
    /// Who wants it.
    #[schema(example = "ann")]
    pub who: Option<String>,
    /// Why.
    pub why: Option<String>,
}

/// Who knows of an alert.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AckBody {
    /// Who it is.
    #[schema(example = "ann")]
    pub who: Option<String>,
}

impl From<&StoredAlert> for AlertAnswer {
    fn from(stored: &StoredAlert) -> AlertAnswer {
        let a = &stored.alert;
        let amount = |n: i64| match a.unit {
            Some(BudgetUnit::Usd) => Some(Money::from_nanos(n).to_string()),
            Some(BudgetUnit::Tokens) => Some(n.to_string()),
            None => None,
        };
        AlertAnswer {
            id: a.id.clone(),
            incident: a.incident.clone(),
            phase: if a.recovery.is_some() { "recovered" } else { "raised" },
            recovery: a.recovery.clone(),
            is_over: stored.is_over || a.recovery.is_some(),
            rule: a.rule.clone(),
            severity: a.severity.clone(),
            audience: a.audience.clone(),
            at: times::text_of(a.at),
            budget: a.budget.clone(),
            instance: a.instance.clone(),
            owner: a.owner.clone(),
            unit: a.unit.map(BudgetUnit::name),
            spent: amount(a.spent),
            limit: amount(a.limit),
            forecast: a.forecast.and_then(amount),
            text: a.text.clone(),
            acked_by: stored.acked.as_ref().map(|(who, _)| who.clone()),
            acked_at: stored.acked.as_ref().map(|(_, at)| times::text_of(*at)),
            deliveries: stored.deliveries.iter().map(DeliveryAnswer::from).collect(),
        }
    }
}

impl From<&Delivery> for DeliveryAnswer {
    fn from(d: &Delivery) -> DeliveryAnswer {
        let waits = d.state == DeliveryState::Waiting;
        DeliveryAnswer {
            channel: d.channel.clone(),
            state: d.state.name(),
            attempts: d.attempts,
            next_try: waits.then(|| times::text_of(d.next_try)),
            last_error: d.last_error.clone(),
            ended_at: d.ended_at.map(times::text_of),
        }
    }
}

impl From<&Silence> for SilenceAnswer {
    fn from(s: &Silence) -> SilenceAnswer {
        SilenceAnswer {
            budget: s.budget.clone(),
            since: times::text_of(s.since),
            until: times::text_of(s.until),
            who: s.who.clone(),
            why: s.why.clone(),
        }
    }
}
