//! `bursar-load`: the scripted provider and the load on it, for developers.

mod bench;
mod gateway_process;
mod provider;
mod race;
mod replay;
mod soak;
mod stage;
mod storm;
mod streams;

use clap::{Parser, Subcommand};

/// Runs the scripted provider, benchmarks and the soak. Everything stays on the loopback interface.
#[derive(Debug, Parser)]
#[command(name = "bursar-load", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the scripted provider until Ctrl-C
    Provider(provider::Args),
    /// Measure what the gateway adds to a call
    Bench(bench::Args),
    /// Run many streams at once and compare their bytes
    Streams(streams::Args),
    /// Replay the real request traces
    Replay(replay::Args),
    /// Race for one key's small budget at any gateway, and read in the provider's books what was spent
    Race(race::Args),
    /// Send a long mix of calls, kill the gateway in its middle, and compare the two accounts of it
    Soak(soak::Args),
    /// Send many streams at once against budgets that cannot hold them all, and judge what was spent and refused
    Storm(storm::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Provider(args) => provider::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Streams(args) => streams::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Race(args) => race::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Storm(args) => storm::run(&args),
    }
}
