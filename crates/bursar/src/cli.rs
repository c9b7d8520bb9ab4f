//! What can be typed, and where it goes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use bursar_console::problem::Problem;

use crate::commands;
use crate::commands::context::{Context, print_bytes};
use crate::config::Config;

/// The exit code of a command that could not do what it was asked. (2 is a command line that is not understood.)
pub(crate) const FAILED: u8 = 1;

/// The control plane for what an enterprise spends on AI inference.
#[derive(Debug, Parser)]
#[command(name = "bursar", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed or problems found, 2 the command line is not understood."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Clone, Debug, Args)]
pub(crate) struct GlobalArgs {
    /// The configuration file [default: bursar.toml, where there is one]
    #[arg(long, global = true, value_name = "FILE", env = "BURSAR_CONFIG")]
    config: Option<PathBuf>,
    /// The data folder, instead of the configured one
    #[arg(long, global = true, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Machine-readable output
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the gateway and the control API
    Serve(commands::serve::ServeArgs),
    /// Try everything with a scripted provider and a replay of real request traces; no key is needed
    Demo(commands::demo::DemoArgs),
    /// What was spent, by whom and on what
    Spend(Box<commands::spend::SpendArgs>),
    /// Single requests, every number with its price row and provenance
    #[command(subcommand)]
    Requests(commands::requests::RequestsCommand),
    /// What to run where, at which total cost, with which risk: nodes of your own, rented ones, or the API
    Plan(Box<commands::plan::PlanArgs>),
    /// Virtual keys
    #[command(subcommand)]
    Keys(commands::keys::KeysCommand),
    /// Budgets: what may be spent, by whom, and what is left
    #[command(subcommand)]
    Budgets(Box<commands::budgets::BudgetsCommand>),
    /// The price list: read it, compare it, import into it, check it, settle it
    #[command(subcommand)]
    Prices(commands::prices::PricesCommand),
    /// Price one recorded provider response, and explain every line
    Price(Box<commands::price::PriceArgs>),
    /// Parse recorded provider responses into disjoint meters, one line per recording
    Usage(commands::usage::UsageArgs),
    /// What was told about budgets, and whether it arrives
    #[command(subcommand)]
    Alerts(commands::alerts::AlertsCommand),
    /// GPUs: what they do, at how many dollars an hour, whose the bill is, and what own models cost
    Gpus(Box<commands::gpus::GpusArgs>),
    /// Look at configuration, store and prices, and say everything that is wrong at once
    Doctor(commands::doctor::DoctorArgs),
    /// Write a configuration to start from, or check the one at hand
    #[command(subcommand)]
    Config(commands::config::ConfigCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

impl GlobalArgs {
    /// The configuration, with what the command line says put over it.
    pub(crate) fn load_config(&self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref(), &|name| std::env::var(name).ok())?;
        if let Some(folder) = &self.folder {
            config.store.folder.clone_from(folder);
        }
        Ok(config)
    }

    /// What the reading commands need.
    pub(crate) fn context(&self) -> anyhow::Result<Context> {
        let config = self.load_config()?;
        Ok(Context {
            prices: crate::compose::load_prices(&config)?,
            folder: config.store.folder,
            json: self.json,
        })
    }

    /// What the commands about prices need; they go on where price files are wrong.
    pub(crate) fn price_desk(&self) -> anyhow::Result<commands::prices::Desk> {
        let folder = crate::compose::prices::overlay_folder(&self.load_config()?);
        Ok(commands::prices::Desk { folder, json: self.json, now: bursar_console::times::now() })
    }

    /// What the commands about budgets need.
    fn budget_desk(&self) -> anyhow::Result<commands::budgets::Desk> {
        let config = self.load_config()?;
        Ok(commands::budgets::Desk {
            folder: config.store.folder,
            tiers: config.budgets.tiers,
            json: self.json,
            now: bursar_console::times::now(),
        })
    }

    /// The configuration file that was named.
    pub(crate) fn config_file(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// The data folder that was named.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        self.folder.clone()
    }

    /// Whether the output is for a machine.
    pub(crate) fn json(&self) -> bool {
        self.json
    }
}

/// `bursar doctor` goes on where the configuration is wrong: that is what it is for.
fn doctor(args: &commands::doctor::DoctorArgs, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    let (findings, config) = commands::config::findings(global);
    let prices = match config.as_ref().map(crate::compose::load_prices) {
        Some(Ok(prices)) => prices,
        _ => std::sync::Arc::clone(bursar_prices::PriceBook::embedded()),
    };
    let configured = config.map_or_else(|| PathBuf::from("bursar-data"), |c| c.store.folder);
    let folder = global.folder.clone().unwrap_or(configured);
    commands::doctor::run(args, findings, &Context { folder, prices, json: global.json })
}

/// Parses the command line and does what it says.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let Cli { global, command } = Cli::parse();
    match command {
        Command::Serve(args) => commands::serve::run(&args, &global),
        Command::Demo(args) => commands::demo::run(&args, &global),
        Command::Spend(args) => commands::spend::run(&args, &global.context()?),
        Command::Requests(command) => commands::requests::run(&command, &global.context()?),
        Command::Plan(args) => commands::plan::run(&args, &global),
        Command::Keys(command) => commands::keys::run(&command, &global.context()?),
        Command::Budgets(command) => commands::budgets::run(&command, &global.budget_desk()?),
        Command::Prices(command) => commands::prices::run(&command, &global.price_desk()?),
        Command::Price(args) => commands::price::run(&args, &global.context()?),
        Command::Usage(args) => commands::usage::run(&args, global.json),
        Command::Alerts(command) => commands::alerts::run(&command, &global),
        Command::Gpus(args) => commands::gpus::run(&args, &global),
        Command::Doctor(args) => doctor(&args, &global),
        Command::Config(command) => commands::config::run(&command, &global),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "bursar", &mut script);
            print_bytes(&script)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            print_bytes(&page)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// How this program was called, so that a line to paste works where `bursar` is not on the path.
pub(crate) fn program() -> String {
    std::env::args().next().filter(|name| !name.is_empty()).unwrap_or_else(|| "bursar".to_owned())
}

/// An error and its causes for the person at the terminal. A cause that was told already is not told again.
pub(crate) fn told(error: &anyhow::Error) -> String {
    if let Some(problem) = error.downcast_ref::<Problem>()
        && problem.title == "Bad value"
    {
        return format!("{}; --help says what can be given", problem.detail);
    }
    let mut text = error.to_string().trim_end().to_owned();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(cause.trim_end()) {
            text = format!("{text}: {}", cause.trim_end());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent_in_itself() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_cause_is_told_once_and_a_wrong_value_points_to_the_help() {
        let missing = anyhow::Error::from(std::fs::read("/nowhere/at/all").unwrap_err());
        let whole = format!("/nowhere: {missing}");
        let told_once = told(&missing.context(whole).context("cannot start"));
        assert_eq!(told_once, "cannot start: /nowhere: No such file or directory (os error 2)");
        let wrong = anyhow::Error::from(Problem::bad_value("by", "\"colour\" is none of team, model"));
        assert_eq!(told(&wrong), "by: \"colour\" is none of team, model; --help says what can be given");
    }
}
