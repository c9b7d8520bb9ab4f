//! Commands that change a budget. What takes something away is shown and asked for first.

use std::process::ExitCode;

use bursar_console::answer::{AmountAnswer, BudgetDetailAnswer, RaiseBody};
use bursar_console::budgets;
use bursar_core::budget::BudgetUnit;
use clap::Args;
use serde_json::Value;

use super::definition::{DefinitionArgs, amount_of};
use super::{Desk, ReasonArgs, shown};
use crate::commands::ask;
use crate::commands::context::{print_json, print_text};

/// What the new budget is to be.
#[derive(Clone, Debug, Args)]
pub(crate) struct CreateArgs {
    /// The budget's name; it may also stand in the file
    name: Option<String>,
    #[command(flatten)]
    definition: DefinitionArgs,
    #[command(flatten)]
    reason: ReasonArgs,
}

/// What is to change.
#[derive(Clone, Debug, Args)]
pub(crate) struct SetArgs {
    /// The budget's name
    name: String,
    #[command(flatten)]
    definition: DefinitionArgs,
    /// Fields to take out of the definition, separated by commas, such as ladder,owner
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    clear: Vec<String>,
    #[command(flatten)]
    reason: ReasonArgs,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// By how much, until when.
#[derive(Clone, Debug, Args)]
pub(crate) struct RaiseArgs {
    /// The budget's name
    name: String,
    /// By how much: dollars such as 500, or tokens
    amount: String,
    /// Until when: a length of time such as 7d, a date, or an RFC 3339 time
    #[arg(long = "for", alias = "until", value_name = "TIME")]
    until: String,
    /// Why, for the trail
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Who, for the trail
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true, default_value = "command line")]
    by: String,
}

/// Which budget to stop.
#[derive(Clone, Debug, Args)]
pub(crate) struct PauseArgs {
    /// The budget's name
    name: String,
    #[command(flatten)]
    reason: ReasonArgs,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Which budget to let go on.
#[derive(Clone, Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The budget's name
    name: String,
    #[command(flatten)]
    reason: ReasonArgs,
}

/// Which budget to end.
#[derive(Clone, Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The budget's name
    name: String,
    #[command(flatten)]
    reason: ReasonArgs,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn create(args: &CreateArgs, desk: &Desk) -> anyhow::Result<ExitCode> {
    let definition = args.definition.build(args.name.as_deref())?;
    desk.print(&budgets::create(&desk.directory()?, &definition, &desk.change(&args.reason))?)
}

pub(super) fn set(args: &SetArgs, desk: &Desk) -> anyhow::Result<ExitCode> {
    let directory = desk.directory()?;
    let now = budgets::show(&directory, &args.name, desk.now)?;
    let mut table = now.budget.definition.as_object().cloned().unwrap_or_default();
    for field in &args.clear {
        anyhow::ensure!(table.remove(field).is_some(), "{} has no field {field} to clear", args.name);
    }
    let definition = args.definition.put_over(table)?;
    // As it would be read and written again, so that only true changes are shown.
    let after = bursar_store::BudgetDoc::of(&budgets::read(&definition)?).json();
    let changes = shown::changes_text(&now.budget.definition, &after);
    if changes.is_empty() {
        print_text(&format!("{} is so already; nothing was changed.\n", args.name))?;
        return Ok(ExitCode::SUCCESS);
    }
    let preview = format!("Budget {}\n{changes}", args.name);
    let refusal = "a changed budget holds for calls at once".to_owned();
    if !args.yes && !ask::confirmed(&preview, &refusal, "Change it?")? {
        return nothing_changed();
    }
    desk.print(&budgets::replace(&directory, &args.name, &after, &desk.change(&args.reason))?)
}

pub(super) fn raise(args: &RaiseArgs, desk: &Desk) -> anyhow::Result<ExitCode> {
    let directory = desk.directory()?;
    let unit = unit_of(&budgets::show(&directory, &args.name, desk.now)?);
    let amount = match amount_of(unit.name(), &args.amount) {
        Value::Number(tokens) => AmountAnswer::Tokens(tokens.as_i64().unwrap_or_default()),
        text => AmountAnswer::Usd(text.as_str().unwrap_or_default().to_owned()),
    };
    let body =
        RaiseBody { amount, until: args.until.clone(), why: args.why.clone(), by: Some(args.by.clone()) };
    desk.print(&budgets::raise(&directory, &args.name, &body, desk.now)?)
}

pub(super) fn pause(args: &PauseArgs, desk: &Desk) -> anyhow::Result<ExitCode> {
    let directory = desk.directory()?;
    let now = budgets::show(&directory, &args.name, desk.now)?;
    let refusal = format!("pausing {} refuses every call that it covers", args.name);
    let question = "Pause it? Every call that it covers is refused until somebody resumes it.";
    if !args.yes && !ask::confirmed(&shown::budget_text(&now), &refusal, question)? {
        return nothing_changed();
    }
    desk.print(&budgets::set_paused(&directory, &args.name, true, &desk.change(&args.reason))?)
}

pub(super) fn resume(args: &ResumeArgs, desk: &Desk) -> anyhow::Result<ExitCode> {
    desk.print(&budgets::set_paused(&desk.directory()?, &args.name, false, &desk.change(&args.reason))?)
}

pub(super) fn remove(args: &RemoveArgs, desk: &Desk) -> anyhow::Result<ExitCode> {
    let directory = desk.directory()?;
    let now = budgets::show(&directory, &args.name, desk.now)?;
    let refusal = format!("ending {} lets calls through that it would have stopped", args.name);
    let question = "End it? Calls that it would have stopped go through from now on.";
    if !args.yes && !ask::confirmed(&shown::budget_text(&now), &refusal, question)? {
        return nothing_changed();
    }
    let removed = budgets::remove(&directory, &args.name, &desk.change(&args.reason))?;
    if desk.json {
        print_json(&removed)?;
    } else {
        print_text(&format!(
            "{} has ended. Its trail stays: bursar budgets audit {}\n",
            args.name, args.name
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn nothing_changed() -> anyhow::Result<ExitCode> {
    eprintln!("Nothing was changed.");
    Ok(ExitCode::FAILURE)
}

fn unit_of(answer: &BudgetDetailAnswer) -> BudgetUnit {
    match answer.budget.definition.get("unit").and_then(Value::as_str) {
        Some("tokens") => BudgetUnit::Tokens,
        _ => BudgetUnit::Usd,
    }
}
