//! Budgets, for the API and the commands.

use std::cmp::Ordering;

use axum::http::StatusCode;
use bursar_core::Timestamp;
use bursar_core::budget::{Budget, BudgetName, Window};
use bursar_core::ledger::Balance;
use bursar_store::{
    BudgetDirectory, BudgetDoc, BudgetError, Change, Reader, StoredBudget, TrailEntry, TrailQuery,
};
use serde_json::Value;

use crate::answer::{
    AmountAnswer, BalanceAnswer, BudgetAnswer, BudgetDetailAnswer, BudgetsAnswer, RaiseBody, ReasonBody,
    TrailAnswer, TrailEntryAnswer,
};
use crate::problem::Problem;
use crate::times;

/// The most accounts that one answer shows.
const MOST_ACCOUNTS: usize = 1_000;

/// Every budget with how it stands.
pub fn list(budgets: &BudgetDirectory, now: Timestamp) -> Result<BudgetsAnswer, Problem> {
    let all = budgets.list().map_err(Problem::store)?;
    Ok(BudgetsAnswer { budgets: all.iter().map(|b| answer(budgets, b, now).budget).collect() })
}

/// One budget with its accounts.
pub fn show(budgets: &BudgetDirectory, name: &str, now: Timestamp) -> Result<BudgetDetailAnswer, Problem> {
    let name = read_name(name)?;
    let found = budgets.get(&name).map_err(Problem::store)?;
    let found = found.ok_or_else(|| problem(BudgetError::NotFound(name)))?;
    Ok(answer(budgets, &found, now))
}

/// Makes a budget.
pub fn create(
    budgets: &BudgetDirectory,
    definition: &Value,
    change: &Change,
) -> Result<BudgetDetailAnswer, Problem> {
    let made = budgets.create(&read(definition)?, change).map_err(problem)?;
    Ok(answer(budgets, &made, change.at))
}

/// Puts a definition in the place of one. Its name may be left out, and is that of the one otherwise.
pub fn replace(
    budgets: &BudgetDirectory,
    name: &str,
    definition: &Value,
    change: &Change,
) -> Result<BudgetDetailAnswer, Problem> {
    let name = read_name(name)?;
    let mut definition = definition.clone();
    if let Some(table) = definition.as_object_mut() {
        table.entry("name").or_insert_with(|| Value::String(name.to_string()));
    }
    let budget = read(&definition)?;
    if budget.name != name {
        let why = format!("is {:?}, and a budget's name never changes", budget.name.as_str());
        return Err(Problem::bad_value("name", why));
    }
    let changed = budgets.update(&budget, change).map_err(problem)?;
    Ok(answer(budgets, &changed, change.at))
}

/// Ends a budget.
pub fn remove(budgets: &BudgetDirectory, name: &str, change: &Change) -> Result<BudgetAnswer, Problem> {
    let removed = budgets.remove(&read_name(name)?, change).map_err(problem)?;
    Ok(answer(budgets, &removed, change.at).budget)
}

/// Adds an amount for some time.
pub fn raise(
    budgets: &BudgetDirectory,
    name: &str,
    body: &RaiseBody,
    now: Timestamp,
) -> Result<BudgetDetailAnswer, Problem> {
    let name = read_name(name)?;
    let found = budgets.get(&name).map_err(Problem::store)?;
    let unit = found.ok_or_else(|| problem(BudgetError::NotFound(name.clone())))?.budget.unit;
    let amount = body.amount.in_unit(unit).ok_or_else(|| {
        Problem::bad_value(
            "amount",
            format!("dollars in quotes or a whole number of tokens; the budget is in {}", unit.name()),
        )
    })?;
    let until = times::parse_after(&body.until, now)
        .or_else(|_| times::parse_time(&body.until, now))
        .map_err(|e| Problem::bad_value("until", e))?;
    let reason = ReasonBody { why: Some(body.why.clone()), by: body.by.clone() };
    let raised = budgets.raise(&name, amount, until, &change(&reason, "api", now)).map_err(problem)?;
    Ok(answer(budgets, &raised, now))
}

/// Stops the calls that a budget covers, or lets them go on.
pub fn set_paused(
    budgets: &BudgetDirectory,
    name: &str,
    is_paused: bool,
    change: &Change,
) -> Result<BudgetDetailAnswer, Problem> {
    let name = read_name(name)?;
    let changed = if is_paused { budgets.pause(&name, change) } else { budgets.resume(&name, change) };
    Ok(answer(budgets, &changed.map_err(problem)?, change.at))
}

/// What was done to a budget, also to one that has ended; to all of them without a name.
pub fn trail(
    reader: &Reader,
    name: Option<&str>,
    before: Option<i64>,
    limit: usize,
) -> Result<TrailAnswer, Problem> {
    let query = TrailQuery {
        kind: Some("budget".to_owned()),
        about: name.map(str::to_owned),
        before,
        limit: limit.saturating_add(1),
    };
    let mut entries = reader.trail(&query).map_err(Problem::store)?;
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| has_more).map(|e| e.number);
    Ok(TrailAnswer { entries: entries.into_iter().map(trail_entry).collect(), next })
}

/// Who and why, for the trail.
#[must_use]
pub fn change(reason: &ReasonBody, otherwise: &str, now: Timestamp) -> Change {
    let who = reason.by.clone().unwrap_or_else(|| otherwise.to_owned());
    Change { who, why: reason.why.clone(), at: now }
}

/// Reads a definition; everything that is wrong with it is one problem.
pub fn read(definition: &Value) -> Result<Budget, Problem> {
    BudgetDoc::read(definition).map_err(unusable)
}

fn read_name(name: &str) -> Result<BudgetName, Problem> {
    name.parse().map_err(|e| Problem::bad_value("name", e))
}

/// A failure to change a budget as an answer.
#[must_use]
pub fn problem(error: BudgetError) -> Problem {
    let text = error.to_string();
    let (detail, hint) =
        text.split_once("; ").unwrap_or((&text, "bursar budgets show NAME tells how it stands"));
    match error {
        BudgetError::NotFound(_) => Problem::not_found(detail, hint),
        BudgetError::Exists(_) => Problem::new(StatusCode::CONFLICT, "Budget exists", detail, hint),
        BudgetError::Configured(_) => {
            let (detail, hint) = text.split_once(": ").unwrap_or((&text, hint));
            Problem::new(StatusCode::CONFLICT, "Budget is configured", detail, hint)
        }
        BudgetError::Unusable(_) => unusable(text),
        BudgetError::Store(e) => Problem::store(e),
    }
}

fn unusable(why: impl std::fmt::Display) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "Unusable budget",
        why.to_string(),
        "correct each field; docs/reference/budgets.md describes them",
    )
}

fn answer(budgets: &BudgetDirectory, found: &StoredBudget, now: Timestamp) -> BudgetDetailAnswer {
    let mut balances = budgets.lock().balances(&found.budget.name, now);
    balances.sort_by(tightest_first);
    let counts_from = (found.counts_from.micros() > i64::MIN).then(|| times::text_of(found.counts_from));
    let account_count = balances.len() as u64;
    let accounts: Vec<BalanceAnswer> = balances.iter().take(MOST_ACCOUNTS).map(balance).collect();
    let budget = BudgetAnswer {
        definition: BudgetDoc::of(&found.budget).json(),
        origin: found.origin.name().to_owned(),
        counts_from,
        created_at: times::text_of(found.created_at),
        updated_at: times::text_of(found.updated_at),
        account_count,
        tightest: accounts.first().cloned(),
    };
    BudgetDetailAnswer { budget, accounts }
}

/// The account with the least left of its limit first.
fn tightest_first(a: &Balance, b: &Balance) -> Ordering {
    let left = |b: &Balance, other: &Balance| i128::from(b.available) * i128::from(other.limit.max(1));
    left(a, b).cmp(&left(b, a)).then_with(|| a.instance.cmp(&b.instance))
}

fn balance(b: &Balance) -> BalanceAnswer {
    let amount = |n| AmountAnswer::of(b.budget.unit, n);
    let moment = |at: Timestamp| {
        let is_open = at == Window::ALWAYS.start || at == Window::ALWAYS.end;
        (!is_open).then(|| times::text_of(at))
    };
    BalanceAnswer {
        share: b.instance.clone(),
        since: moment(b.window.start),
        until: moment(b.window.end),
        limit: amount(b.limit),
        carried: amount(b.carried),
        spent: amount(b.spent),
        held: amount(b.held),
        available: amount(b.available),
        overrun: amount(b.overrun),
        unpriced: b.unpriced,
        refused: b.refused,
    }
}

fn trail_entry(e: TrailEntry) -> TrailEntryAnswer {
    let mut detail: Value = e.detail.and_then(|d| serde_json::from_str(&d).ok()).unwrap_or_default();
    let mut part = |name: &str| Some(detail.get_mut(name)?.take()).filter(|v| !v.is_null());
    TrailEntryAnswer {
        number: e.number,
        at: times::text_of(e.at),
        action: e.action,
        budget: e.about,
        who: e.who,
        why: e.why,
        before: part("before"),
        after: part("after"),
    }
}
