//! `bursar prices`: the price list, and everything that is done to it.

mod check;
mod desk;
mod diff;
mod difference;
mod import;
mod list;
mod overrides;
mod published;
mod row;
mod show;

use std::process::ExitCode;

use clap::Subcommand;

pub(crate) use desk::Desk;

/// What to do with the price list.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum PricesCommand {
    /// List the prices that hold now
    List(list::ListArgs),
    /// Show every row of one model, with its source, its dates, and what is in dispute
    Show(show::ShowArgs),
    /// Say what differs from a published list, or between two times
    Diff(diff::DiffArgs),
    /// Take over a published list (LiteLLM's or models.dev's JSON); shows what it would change unless told to write
    Import(import::ImportArgs),
    /// Say everything that is wrong: disputes, overlaps, gaps, old sources, files that cannot be read
    Check(check::CheckArgs),
    /// Settle a disputed or unknown price, or set a negotiated one
    Override(Box<overrides::OverrideArgs>),
}

/// Runs one of the commands.
pub(crate) fn run(command: &PricesCommand, desk: &Desk) -> anyhow::Result<ExitCode> {
    match command {
        PricesCommand::List(args) => list::run(args, desk),
        PricesCommand::Show(args) => show::run(args, desk),
        PricesCommand::Diff(args) => diff::run(args, desk),
        PricesCommand::Import(args) => import::run(args, desk),
        PricesCommand::Check(args) => check::run(args, desk),
        PricesCommand::Override(args) => overrides::run(args, desk),
    }
}
