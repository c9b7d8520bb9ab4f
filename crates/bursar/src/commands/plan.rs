//! `bursar plan`: what to run where, at which total cost, with which risk.

mod calibrate;
mod check;
mod cubes;
mod files;
mod init;
mod prices;
mod run;
mod supply;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::GlobalArgs;

/// Placement; without a command, a plan.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct PlanArgs {
    #[command(subcommand)]
    command: Option<PlanCommand>,
    #[command(flatten)]
    run: run::RunArgs,
}

/// What to do about placement.
#[derive(Clone, Debug, Subcommand)]
enum PlanCommand {
    /// Plan: nodes and API for the demand, with baselines, risk and a ledger
    Run(Box<run::RunArgs>),
    /// Read every input and tell all problems of all files at once
    Check(check::CheckArgs),
    /// Write commented example files, a production trace among them, to begin with
    Init(init::InitArgs),
    /// Fit how much an engine carries, from a load test or from a running vLLM
    Calibrate(calibrate::CalibrateArgs),
    /// The machines and prices that come with Bursar, or those of a file, with source and age
    Supply(supply::SupplyArgs),
}

/// Runs one of the commands.
pub(crate) fn run(args: &PlanArgs, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        None => run::run(&args.run, global),
        Some(PlanCommand::Run(args)) => run::run(args, global),
        Some(PlanCommand::Check(args)) => check::run(args, global),
        Some(PlanCommand::Init(args)) => init::run(args, global),
        Some(PlanCommand::Calibrate(args)) => calibrate::run(args, global),
        Some(PlanCommand::Supply(args)) => supply::run(args, global),
    }
}
