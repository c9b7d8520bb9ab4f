//! What an event says, in a sentence or two that can be read alone.

use bursar_core::Timestamp;
use bursar_core::budget::{BudgetName, BudgetUnit, Period};
use bursar_core::identity::KeyId;
use bursar_core::ledger::Balance;

use super::Outlook;
use super::event::{Figures, Recovery};
use super::rule::Rule;
use crate::burn_rate::{BurnMeter, BurnSpeed};
use crate::shown::{amount, when, zone};

/// `Budget research`, `Budget per-customer (acme)`.
pub(super) fn who(name: &BudgetName, instance: Option<&str>) -> String {
    match instance {
        Some(instance) => format!("Budget {name} ({instance})"),
        None => format!("Budget {name}"),
    }
}

/// That calls are covered by no budget.
pub(super) fn uncovered(key: Option<&KeyId>) -> String {
    let calls = key.map_or("Calls without a virtual key".to_owned(), |k| format!("Calls of key {k}"));
    format!("{calls} are covered by no budget: nothing limits what they spend.")
}

/// That a rule is crossed.
pub(super) fn raised(
    rule: Rule,
    balance: &Balance,
    outlook: Option<&Outlook>,
    meter: Option<&BurnMeter>,
    now: Timestamp,
) -> String {
    let unit = balance.budget.unit;
    let who = who(&balance.budget.name, balance.instance.as_deref());
    let (spent, limit) = (amount(unit, balance.spent), amount(unit, balance.limit));
    match rule {
        Rule::Actual(percent) => {
            format!("{who} has reached {percent} %: {spent} of {limit} are spent{}.", until(balance, now))
        }
        Rule::Forecast(_) => {
            outlook.map_or_else(|| who.clone(), |o| format!("{who} is {}.", heading(o, balance, now)))
        }
        Rule::Burn(speed) => format!("{who} {}", burning(speed, meter, balance, now)),
        Rule::Exhausted => {
            let left = balance.limit.saturating_sub(balance.spent).max(0);
            let left =
                if left == 0 { "nothing".to_owned() } else { format!("too little ({})", amount(unit, left)) };
            format!(
                "{who} has {left} left: {spent} of {limit} are spent, and calls are refused{}.",
                reset(balance, now)
            )
        }
        Rule::Overrun => {
            let overrun = amount(unit, balance.overrun);
            format!(
                "{who} was charged {overrun} more than was held for its calls; {spent} of {limit} are spent."
            )
        }
        Rule::Unpriced => format!(
            "{who} covers calls without a known price ({} so far): what it says is spent, {spent}, leaves them out.",
            balance.unpriced
        ),
        Rule::Uncovered => uncovered(None),
    }
}

/// `on pace for $19.4M of $12M (likely $17M to $22M); crosses on 11 August; driver: workflow claims-triage +310 %`.
fn heading(outlook: &Outlook, balance: &Balance, now: Timestamp) -> String {
    let unit = balance.budget.unit;
    let pace = &outlook.pace;
    let mut text = format!(
        "on pace for {} of {} (likely {} to {})",
        amount(unit, pace.total),
        amount(unit, balance.limit),
        amount(unit, pace.low),
        amount(unit, pace.high)
    );
    if let Some(at) = pace.crosses {
        text += &format!("; crosses {}", when(at, now, &zone(&balance.budget.period)));
    }
    if let Some(driver) = &outlook.driver {
        text += &format!("; driver: {driver}");
    }
    text
}

fn burning(speed: BurnSpeed, meter: Option<&BurnMeter>, balance: &Balance, now: Timestamp) -> String {
    let Some(meter) = meter else { return "spends too fast.".to_owned() };
    let rule = meter.rule();
    let lately = i128::from(meter.spent_lately(now)).max(1);
    let limit = i128::from(balance.limit).max(1);
    let tenths = lately * i128::from(rule.period) * 10 / (limit * i128::from(rule.long));
    let left = i128::from(balance.limit.saturating_sub(balance.spent)).max(0);
    let lasts = i64::try_from(left * i128::from(rule.long) / lately).unwrap_or(i64::MAX);
    let rest = if left == 0 {
        "nothing is left".to_owned()
    } else {
        format!(
            "at this rate nothing is left {}",
            when(now.plus_micros(lasts), now, &zone(&balance.budget.period))
        )
    };
    let how = if speed == BurnSpeed::Fast { "very fast" } else { "fast" };
    format!(
        "spends {how}: {} within the last {}, {}.{} times what its period allows; {rest}.",
        amount(balance.budget.unit, meter.spent_lately(now)),
        length(rule.long),
        tenths / 10,
        tenths % 10
    )
}

/// That a rule is over.
pub(super) fn recovered(rule: Rule, why: Recovery, who: &str, figures: &Figures) -> String {
    let unit = figures.unit.unwrap_or(BudgetUnit::Usd);
    let (spent, limit) = (amount(unit, figures.spent), amount(unit, figures.limit));
    match (why, rule) {
        (Recovery::PeriodEnded, _) => {
            format!("{who} begins a new period: the warning \"{}\" is over.", words(rule))
        }
        (Recovery::BudgetChanged, _) => {
            format!("{who} was changed: the warning \"{}\" is over.", words(rule))
        }
        (Recovery::BudgetRemoved, _) => {
            format!("{who} was removed: the warning \"{}\" is over.", words(rule))
        }
        (Recovery::BackBelow, Rule::Actual(percent)) => {
            format!("{who} is below {percent} % again: {spent} of {limit} are spent.")
        }
        (Recovery::BackBelow, Rule::Forecast(percent)) => {
            let total = amount(unit, figures.forecast.unwrap_or(figures.spent));
            format!("{who} is on pace for {total} of {limit}: below {percent} % again.")
        }
        (Recovery::BackBelow, Rule::Burn(_)) => {
            format!("{who} no longer spends faster than its period allows; {spent} of {limit} are spent.")
        }
        (Recovery::BackBelow, Rule::Exhausted) => {
            let left = amount(unit, figures.limit.saturating_sub(figures.spent));
            format!("{who} has {left} left again: calls are served.")
        }
        (Recovery::BackBelow, Rule::Overrun | Rule::Unpriced | Rule::Uncovered) => {
            format!("{who}: the warning \"{}\" is over.", words(rule))
        }
    }
}

/// A rule in a few words.
fn words(rule: Rule) -> String {
    match rule {
        Rule::Actual(percent) => format!("{percent} % spent"),
        Rule::Forecast(percent) => format!("on pace for {percent} %"),
        Rule::Burn(BurnSpeed::Fast) => "spends very fast".to_owned(),
        Rule::Burn(BurnSpeed::Slow) => "spends fast".to_owned(),
        Rule::Exhausted => "calls are refused".to_owned(),
        Rule::Overrun => "charged more than was held".to_owned(),
        Rule::Unpriced => "calls without a known price".to_owned(),
        Rule::Uncovered => "covered by no budget".to_owned(),
    }
}

/// `; the period ends on 1 August`, where it has an end.
fn until(balance: &Balance, now: Timestamp) -> String {
    match &balance.budget.period {
        Period::Calendar { zone, .. } => {
            format!("; the period ends {}", when(balance.window.end, now, zone))
        }
        Period::Rolling { .. } => format!(" within {}", balance.budget.period),
        Period::Life { .. } => String::new(),
    }
}

fn reset(balance: &Balance, now: Timestamp) -> String {
    match &balance.budget.period {
        Period::Calendar { zone, .. } => {
            format!(" until the period ends {} or the budget is raised", when(balance.window.end, now, zone))
        }
        Period::Rolling { .. } => {
            " until earlier spend is no longer counted or the budget is raised".to_owned()
        }
        Period::Life { .. } => " until the budget is raised".to_owned(),
    }
}

/// `5 min`, `6 h`, `3 days`.
fn length(micros: i64) -> String {
    let minutes = micros / 60_000_000;
    match minutes {
        0..120 => format!("{minutes} min"),
        120..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}
