//! `bursar budgets`: what may be spent, by whom, and what is left.

mod allocate;
mod change;
mod check;
mod definition;
mod shown;

use std::path::PathBuf;
use std::process::ExitCode;

use bursar_console::answer::{BudgetDetailAnswer, ReasonBody};
use bursar_console::budgets;
use bursar_core::Timestamp;
use bursar_core::budget::{Budget, ModelTiers};
use bursar_store::{BudgetDirectory, Change, Reader};
use clap::{Args, Subcommand};

use super::context::{print_json, print_text};

/// What to do with budgets.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum BudgetsCommand {
    /// List all budgets and what is left of each
    List,
    /// Show one budget, every account of it
    Show(ShowArgs),
    /// Make a budget
    Create(change::CreateArgs),
    /// Change a budget's definition
    #[command(visible_alias = "edit")]
    Set(change::SetArgs),
    /// Raise a budget for some time
    Raise(change::RaiseArgs),
    /// Stop the calls that a budget covers
    Pause(change::PauseArgs),
    /// Let the calls that a budget covers go on
    Resume(change::ResumeArgs),
    /// End a budget
    Remove(change::RemoveArgs),
    /// Plan budgets from volumes, from history, from the top down or from the bottom up
    Allocate(allocate::AllocateArgs),
    /// Check that children fit into their parents and add up to them
    Check,
    /// What was done to budgets, by whom and why
    Audit(check::AuditArgs),
    /// Add the usage log up again, and compare it with what the budgets go by
    Verify,
}

/// Which budget.
#[derive(Clone, Debug, Args)]
pub(crate) struct ShowArgs {
    /// The budget's name
    name: String,
    /// Print the definition as it stands in a configuration file
    #[arg(long)]
    toml: bool,
}

/// Who changes something, and why.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReasonArgs {
    /// Why, for the trail
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Who, for the trail
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true, default_value = "command line")]
    by: String,
}

/// What the commands about budgets need to know.
pub(crate) struct Desk {
    /// The data folder.
    pub(crate) folder: PathBuf,
    /// The classes of models that scopes may ask for.
    pub(crate) tiers: ModelTiers,
    /// Whether the output is for a machine.
    pub(crate) json: bool,
    /// The time now.
    pub(crate) now: Timestamp,
}

impl Desk {
    fn directory(&self) -> anyhow::Result<BudgetDirectory> {
        Ok(BudgetDirectory::open(&self.folder, self.tiers.clone())?)
    }

    fn reader(&self) -> anyhow::Result<Reader> {
        Ok(Reader::open(&self.folder)?)
    }

    fn change(&self, reason: &ReasonArgs) -> Change {
        let body = ReasonBody { why: reason.why.clone(), by: Some(reason.by.clone()) };
        budgets::change(&body, "command line", self.now)
    }

    /// The definitions of all budgets.
    fn definitions(&self) -> anyhow::Result<Vec<Budget>> {
        Ok(self.directory()?.list()?.into_iter().map(|b| b.budget).collect())
    }

    fn print(&self, answer: &BudgetDetailAnswer) -> anyhow::Result<ExitCode> {
        if self.json {
            print_json(answer)?;
        } else {
            print_text(&shown::budget_text(answer))?;
        };
        Ok(ExitCode::SUCCESS)
    }
}

/// Runs one of the commands.
pub(crate) fn run(command: &BudgetsCommand, desk: &Desk) -> anyhow::Result<ExitCode> {
    match command {
        BudgetsCommand::List => list(desk),
        BudgetsCommand::Show(args) => show(args, desk),
        BudgetsCommand::Create(args) => change::create(args, desk),
        BudgetsCommand::Set(args) => change::set(args, desk),
        BudgetsCommand::Raise(args) => change::raise(args, desk),
        BudgetsCommand::Pause(args) => change::pause(args, desk),
        BudgetsCommand::Resume(args) => change::resume(args, desk),
        BudgetsCommand::Remove(args) => change::remove(args, desk),
        BudgetsCommand::Allocate(args) => allocate::run(args, desk),
        BudgetsCommand::Check => check::check(desk),
        BudgetsCommand::Audit(args) => check::audit(args, desk),
        BudgetsCommand::Verify => check::verify(desk),
    }
}

fn list(desk: &Desk) -> anyhow::Result<ExitCode> {
    let answer = budgets::list(&desk.directory()?, desk.now)?;
    if desk.json {
        print_json(&answer)?;
    } else {
        print_text(&shown::list_text(&answer))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(args: &ShowArgs, desk: &Desk) -> anyhow::Result<ExitCode> {
    let answer = budgets::show(&desk.directory()?, &args.name, desk.now)?;
    if args.toml {
        print_text(&shown::toml_text(&answer.budget.definition)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    desk.print(&answer)
}
