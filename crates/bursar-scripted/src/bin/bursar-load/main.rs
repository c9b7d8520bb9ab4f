//! `bursar-load`: the scripted provider and the load on it, for developers.

mod provider;

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
    /// Serves the scripted provider until Ctrl-C.
    Provider(provider::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Provider(args) => provider::run(&args),
    }
}
