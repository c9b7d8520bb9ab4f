//! Whether budgets fit each other, what was done to them, and whether they are what the log adds up to.

use std::fmt::Write as _;
use std::process::ExitCode;

use bursar_console::allocation::amount_text;
use bursar_console::answer::TrailAnswer;
use bursar_console::{budgets, times};
use bursar_core::budget::{BudgetUnit, Imbalance, check_family};
use bursar_store::{Deviation, Verified};
use clap::Args;
use serde_json::{Value, json};

use super::Desk;
use crate::cli::FAILED;
use crate::commands::context::{print_json, print_text};
use crate::commands::table::{render, text};

/// Which part of the trail.
#[derive(Clone, Debug, Args)]
pub(crate) struct AuditArgs {
    /// Only this budget, also when it has ended
    name: Option<String>,
    /// The most entries to show
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Go on before this entry, where the page before ended
    #[arg(long, value_name = "NUMBER")]
    before: Option<i64>,
}

pub(super) fn check(desk: &Desk) -> anyhow::Result<ExitCode> {
    let all = desk.definitions()?;
    let found = check_family(&all);
    let lines: Vec<String> = found.iter().map(imbalance_text).collect();
    if desk.json {
        print_json(&json!({ "budgets": all.len(), "problems": lines }))?;
    } else if lines.is_empty() {
        print_text(&format!(
            "{} budgets; every child fits into its parent, and parents are the sums.\n",
            all.len()
        ))?;
    } else {
        print_text(&lines.iter().fold(String::new(), |mut out, line| {
            let _ = writeln!(out, "✗ {line}");
            out
        }))?;
    }
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn imbalance_text(imbalance: &Imbalance) -> String {
    match imbalance {
        Imbalance::Sum { parent, unit, amount, children } => {
            let off = amount.saturating_sub(*children);
            let how = if off > 0 { "less" } else { "more" };
            let (amount, children) = (amount_text(*unit, *amount), amount_text(*unit, *children));
            let off = amount_text(*unit, off.saturating_abs());
            format!("{parent} is {amount} and its children add up to {children}, {off} {how}")
        }
        Imbalance::NoParent { child, parent } => {
            format!("{child} is part of {parent}, and there is no such budget")
        }
        Imbalance::NotComparable { child, parent, what } => {
            format!("{child} and its parent {parent} differ in their {what}, so that they cannot be added up")
        }
        Imbalance::Outside { child, parent } => {
            format!("{child} covers calls that its parent {parent} does not")
        }
        Imbalance::Circle { child } => format!("{child} is a part of itself by way of its parents"),
    }
}

pub(super) fn audit(args: &AuditArgs, desk: &Desk) -> anyhow::Result<ExitCode> {
    let answer = budgets::trail(&desk.reader()?, args.name.as_deref(), args.before, args.limit)?;
    if desk.json {
        print_json(&answer)?;
    } else {
        print_text(&audit_text(&answer))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn audit_text(answer: &TrailAnswer) -> String {
    if answer.entries.is_empty() {
        return "Nothing was done to a budget.\n".to_owned();
    }
    let columns =
        [text("when (UTC)"), text("what"), text("budget"), text("who"), text("why"), text("changed")];
    let row = |e: &bursar_console::answer::TrailEntryAnswer| {
        vec![
            e.at.clone(),
            e.action.trim_start_matches("budget.").to_owned(),
            e.budget.clone(),
            e.who.clone().unwrap_or_default(),
            e.why.clone().unwrap_or_default(),
            changed_text(e.before.as_ref(), e.after.as_ref()),
        ]
    };
    let mut out = render(&columns, answer.entries.iter().map(row).collect(), None);
    if let Some(next) = answer.next {
        let _ = writeln!(out, "There is more: --before {next}");
    }
    out
}

/// The fields that differ, with their values where they are short.
fn changed_text(before: Option<&Value>, after: Option<&Value>) -> String {
    let (Some(before), Some(after)) = (before, after) else {
        let amount = before.or(after).and_then(|d| d.get("amount")).map(short);
        return amount.map(|a| format!("amount {a}")).unwrap_or_default();
    };
    let names = |d: &Value| d.as_object().map(|t| t.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let mut fields: Vec<String> = names(before).into_iter().chain(names(after)).collect();
    fields.sort_unstable();
    fields.dedup();
    fields.retain(|f| before.get(f) != after.get(f));
    let one = |f: &String| match (before.get(f), after.get(f)) {
        (Some(was @ (Value::String(_) | Value::Number(_))), Some(is)) => {
            format!("{f} {} → {}", short(was), short(is))
        }
        (None, Some(Value::Bool(true))) => f.clone(),
        (Some(Value::Bool(true)), None) => format!("no longer {f}"),
        _ => f.clone(),
    };
    fields.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn short(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) fn verify(desk: &Desk) -> anyhow::Result<ExitCode> {
    let directory = desk.directory()?;
    let verified = directory.verify()?;
    let unit_of = |d: &Deviation| directory.lock().budget(&d.budget).map_or(BudgetUnit::Usd, |b| b.unit);
    let lines: Vec<String> = verified.deviations.iter().map(|d| deviation_text(d, unit_of(d))).collect();
    if desk.json {
        let Verified { budgets, windows, .. } = verified;
        print_json(&json!({ "budgets": budgets, "windows": windows, "deviations": lines }))?;
    } else if lines.is_empty() {
        print_text(&format!(
            "{} budgets in {} windows are what the usage log adds up to.\n",
            verified.budgets, verified.windows
        ))?;
    } else {
        print_text(&lines.iter().fold(String::new(), |mut out, line| {
            let _ = writeln!(out, "✗ {line}");
            out
        }))?;
    }
    Ok(if lines.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn deviation_text(d: &Deviation, unit: BudgetUnit) -> String {
    let share = d.instance.as_ref().map(|i| format!(" ({i})")).unwrap_or_default();
    let since = times::text_of(d.window.start);
    let side =
        |(spent, unpriced): (i64, u64)| format!("{} and {unpriced} unpriced calls", amount_text(unit, spent));
    format!(
        "{}{share}, window from {since}: the budget goes by {}, the log adds up to {}",
        d.budget,
        side(d.ledger),
        side(d.log)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_console::answer::TrailEntryAnswer;

    #[test]
    fn every_imbalance_says_which_budgets_and_by_how_much() {
        let name = |text: &str| text.parse::<bursar_core::budget::BudgetName>().unwrap();
        let (child, parent) = (name("sales"), name("company"));
        let all = [
            Imbalance::Sum {
                parent: parent.clone(),
                unit: BudgetUnit::Usd,
                amount: 10_000_000_000,
                children: 9_000_000_000,
            },
            Imbalance::Sum { parent: parent.clone(), unit: BudgetUnit::Tokens, amount: 5, children: 2_000 },
            Imbalance::NoParent { child: child.clone(), parent: parent.clone() },
            Imbalance::NotComparable { child: child.clone(), parent: parent.clone(), what: "period" },
            Imbalance::Outside { child: child.clone(), parent },
            Imbalance::Circle { child },
        ];
        insta::assert_snapshot!(all.iter().map(imbalance_text).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn the_trail_says_when_who_why_and_what_changed() {
        let entry = |number, action: &str, before: Option<Value>, after: Option<Value>| TrailEntryAnswer {
            number,
            at: "2026-07-15T12:00:00Z".to_owned(),
            action: action.to_owned(),
            budget: "support".to_owned(),
            who: Some("ann".to_owned()),
            why: (number > 1).then(|| "a busy week".to_owned()),
            before,
            after,
        };
        let doc = |amount: &str| json!({ "amount": amount, "scope": {} });
        let raised = json!({ "amount": "7.00", "scope": {}, "increases": [{}], "paused": true });
        let entries = vec![
            entry(4, "budget.remove", Some(doc("7.00")), None),
            entry(3, "budget.pause", Some(doc("7.00")), Some(raised)),
            entry(2, "budget.update", Some(doc("5.00")), Some(doc("7.00"))),
            entry(1, "budget.create", None, Some(doc("5.00"))),
        ];
        insta::assert_snapshot!(audit_text(&TrailAnswer { entries, next: Some(1) }));
    }
}
