//! What a caller is told whose call finds no room: the budget, what is left, what the call could use, when the period
//! ends, and whom to ask.

use bursar_core::Money;
use bursar_core::budget::{Budget, Window};
use bursar_core::ledger::{ShortBy, Shortage};
use bursar_core::{Attribution, LabelField};
use bursar_prices::date;
use bursar_wire::{ErrorBody, ErrorKind};

use super::Remaining;
use crate::config::{BudgetPolicies, BudgetStatus};
use crate::error::{Refusal, refuse};

/// The refusal of a call for which these budgets have no room. The one with the least left, as far as the call goes,
/// is named first.
pub(super) fn short(short: &[Shortage], policies: &BudgetPolicies) -> Refusal {
    let Some(first) = short.iter().max_by_key(|s| (rank(s.by), i128::from(s.need) - i128::from(s.available)))
    else {
        return line_closed();
    };
    let reason = match first.by {
        ShortBy::Amount => "amount",
        ShortBy::Paused => "paused",
        ShortBy::Unpriced => "unpriced",
    };
    metrics::counter!("bursar_budget_refusals_total", "reason" => reason).increment(1);
    let mut refusal = refuse(kind(first.by, policies), sentence(first)).with_hint(hint(first));
    let unit = first.budget.unit;
    refusal = about(refusal, &first.budget, reason)
        .with_detail("budget_remaining", Remaining::of(&first.budget, first.available).text)
        .with_detail("held_for_others", amount(&first.budget, first.held));
    if first.by == ShortBy::Amount {
        refusal = refusal.with_detail("needed", amount(&first.budget, first.need));
    }
    if let Some(share) = &first.instance {
        refusal = refusal.with_detail("share", share.clone());
    }
    if let Some(end) = reset(&first.window) {
        refusal = refusal.with_detail("resets_at", end);
    }
    let others: Vec<&str> = short.iter().map(|s| s.budget.name.as_str()).collect();
    refusal = refusal.with_detail("short", others.join(", ")).with_detail("unit", unit.name());
    Box::new(refusal)
}

fn rank(by: ShortBy) -> u8 {
    match by {
        ShortBy::Paused => 2,
        ShortBy::Unpriced => 1,
        ShortBy::Amount => 0,
    }
}

fn kind(by: ShortBy, policies: &BudgetPolicies) -> ErrorKind {
    match (by, policies.status) {
        (ShortBy::Unpriced, _) => ErrorKind::Unpriced,
        (_, BudgetStatus::TooManyRequests) => ErrorKind::QuotaExhausted,
        (_, BudgetStatus::PaymentRequired) => ErrorKind::PaymentRequired,
    }
}

fn about(refusal: ErrorBody, budget: &Budget, reason: &'static str) -> ErrorBody {
    let refusal = refusal.with_detail("budget", budget.name.to_string()).with_detail("reason", reason);
    match &budget.owner {
        Some(owner) => refusal.with_detail("owner", owner.clone()),
        None => refusal,
    }
}

fn named(shortage: &Shortage) -> String {
    match &shortage.instance {
        Some(share) => format!("Budget \"{}\" of {share}", shortage.budget.name),
        None => format!("Budget \"{}\"", shortage.budget.name),
    }
}

fn sentence(shortage: &Shortage) -> String {
    let (name, unit) = (named(shortage), shortage.budget.unit);
    match shortage.by {
        ShortBy::Paused => format!("{name} is paused."),
        ShortBy::Unpriced => {
            format!("{name} is counted in dollars, and the price of this call is not known.")
        }
        ShortBy::Amount => {
            let held = match shortage.held {
                0 => String::new(),
                held => format!(" ({} more is held for calls on their way)", unit.text(held)),
            };
            let (left, need) = (unit.text(shortage.available), unit.text(shortage.need));
            format!("{name} has {left} left{held}; this call may use {need}.")
        }
    }
}

fn hint(shortage: &Shortage) -> String {
    let ask = match &shortage.budget.owner {
        Some(owner) => format!("Ask {owner}."),
        None => "Ask whoever runs this gateway.".to_owned(),
    };
    match shortage.by {
        ShortBy::Paused => ask,
        ShortBy::Unpriced => {
            format!(
                "{ask} Give the model a price with bursar prices override, or set gateway.unpriced_under_budget = \"allow\"."
            )
        }
        ShortBy::Amount => match reset(&shortage.window) {
            Some(end) => format!("Its next period begins at {end}. {ask}"),
            None => ask,
        },
    }
}

/// When the window ends; `None` where it has no end that is known beforehand.
fn reset(window: &Window) -> Option<String> {
    (window.end < Window::ALWAYS.end).then(|| date::format(window.end))
}

fn amount(budget: &Budget, amount: i64) -> String {
    match budget.unit {
        bursar_core::budget::BudgetUnit::Usd => Money::from_nanos(amount).to_string(),
        bursar_core::budget::BudgetUnit::Tokens => amount.to_string(),
    }
}

/// The refusal of a call that nothing bounds, under a budget that refuses.
pub(super) fn unbounded(budget: &Budget, what: &[&'static str], policies: &BudgetPolicies) -> Refusal {
    metrics::counter!("bursar_budget_refusals_total", "reason" => "unbounded").increment(1);
    let message = format!(
        "Budget \"{}\" lets through only what is bounded, and this call is not: {}.",
        budget.name,
        what.join("; ")
    );
    let hint = "Set an output limit in the request, give the model its limits in a price file, or set \
                gateway.unbounded_under_budget = \"allow\".";
    Box::new(about(refuse(kind(ShortBy::Amount, policies), message).with_hint(hint), budget, "unbounded"))
}

/// The refusal of a call that no budget covers.
pub(super) fn uncovered() -> Refusal {
    metrics::counter!("bursar_budget_refusals_total", "reason" => "uncovered").increment(1);
    let message = "No budget covers this call, and such calls are refused.";
    Box::new(
        refuse(ErrorKind::Forbidden, message)
            .with_hint("Make one that does: bursar budgets create; or set gateway.uncovered = \"allow\".")
            .with_detail("reason", "uncovered"),
    )
}

/// The refusal of a call whose labels leave fields open that the configuration requires.
pub(crate) fn missing_labels(attribution: &Attribution, required: &[LabelField]) -> Option<Refusal> {
    let has = |f: &&LabelField| match f {
        LabelField::Tags => !attribution.tags.is_empty(),
        field => attribution.get(**field).is_some(),
    };
    let missing: Vec<&str> = required.iter().filter(|f| !has(f)).map(|f| f.name()).collect();
    if missing.is_empty() {
        return None;
    }
    let message = format!("The call does not say for which {} it is.", missing.join(" and "));
    Some(Box::new(
        refuse(ErrorKind::BadRequest, message)
            .with_hint("Send it as a label, such as x-bursar-team, or let the virtual key fix it.")
            .with_detail("reason", "missing_labels")
            .with_detail("missing", missing.join(", ")),
    ))
}

/// The gateway stops while the call waits.
pub(super) fn line_closed() -> Refusal {
    refuse(ErrorKind::Overloaded, "The gateway stopped while the call waited for its budgets.")
}
