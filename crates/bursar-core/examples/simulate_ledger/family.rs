//! Families of budgets for the simulation: a team, its apps, each consumer, tasks, tokens and rolling limits.

use std::time::Duration;

use bursar_core::Timestamp;
use bursar_core::budget::{
    Budget, BudgetUnit, Calendar, Increase, Period, Rollover, Scope, ScopeField, WhenTight,
};

use crate::chance::Chance;

pub(crate) const DAY: i64 = 86_400_000_000;

/// The names of the apps that the simulated team has.
pub(crate) const APPS: [&str; 3] = ["chat", "search", "batch"];

/// A team's budget, one for each of its apps with the same unit and period, and some others across them.
pub(crate) fn family(chance: &mut Chance, start: Timestamp) -> Vec<Budget> {
    let team = Scope::everything().and(ScopeField::Team, "support");
    let period = if chance.percent(70) { day() } else { Period::month_utc() };
    let mut budgets = Vec::new();
    let mut parent = named(chance, "team", 40_000, start);
    parent.scopes = vec![team.clone()];
    parent.period = period.clone();
    for app in APPS {
        let mut child = named(chance, app, 15_000, start);
        child.scopes = vec![team.clone().and(ScopeField::App, app)];
        child.parent = Some(parent.name.clone());
        child.period = period.clone();
        budgets.push(child);
    }
    budgets.push(parent);
    if chance.percent(50) {
        let mut each = named(chance, "each-consumer", 8_000, start);
        each.per = vec![ScopeField::Consumer];
        each.period = day();
        budgets.push(each);
    }
    if chance.percent(30) {
        let mut task = named(chance, "task", 6_000, start);
        task.per = vec![ScopeField::Task];
        task.period = Period::life(Duration::from_secs(30 * 86_400)).unwrap();
        task.rollover = Rollover::None;
        budgets.push(task);
    }
    if chance.percent(40) {
        let mut tokens = named(chance, "tokens", 60_000, start);
        tokens.unit = BudgetUnit::Tokens;
        tokens.period = day();
        budgets.push(tokens);
    }
    if chance.percent(30) {
        let mut rolling = named(chance, "rolling", 30_000, start);
        rolling.period = Period::rolling(Duration::from_secs(6 * 3_600)).unwrap();
        rolling.rollover = Rollover::None;
        budgets.push(rolling);
    }
    budgets
}

fn day() -> Period {
    Period::calendar(Calendar::Day, "UTC").unwrap()
}

fn named(chance: &mut Chance, name: &str, usual: i64, start: Timestamp) -> Budget {
    let amount = chance.between(usual / 4, usual);
    let mut budget = Budget::new(name.parse().unwrap(), BudgetUnit::Usd, amount);
    budget.when_tight = *chance.one(&[
        WhenTight::Observe,
        WhenTight::Alert,
        WhenTight::Clamp,
        WhenTight::Refuse,
        WhenTight::Refuse,
    ]);
    budget.since = Some(start);
    if chance.percent(25) {
        budget.rollover = Rollover::Capped(chance.between(0, usual));
    }
    if chance.percent(20) {
        let from = start.plus_micros(chance.between(0, 2 * DAY));
        let until = from.plus_micros(chance.between(1, DAY));
        let amount = chance.between(1, usual);
        budget.increases.push(Increase { amount, from, until, by: "owner".into(), why: "launch".into() });
    }
    budget
}
