//! `bursar plan run`: the plan.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use bursar_console::times;
use bursar_core::Timestamp;
use bursar_plan::demand::{Class, Demand};
use bursar_plan::placement::{Inputs, Settings, Stage, StatedGrowth, place};
use bursar_plan::report::Report;
use bursar_plan::throughput::Catalogue;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::cubes;
use super::files::{FileArgs, Files};
use super::prices::{Stands, Wanted, stands};
use crate::cli::GlobalArgs;
use crate::commands::context::{Context, print_text};

/// How to plan.
#[derive(Clone, Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    files: FileArgs,
    /// Demand from the cubes: the first hour
    #[arg(long, value_name = "TIME", default_value = "28d", conflicts_with = "usage")]
    since: String,
    /// Demand from the cubes: the first hour that does not count any more
    #[arg(long, value_name = "TIME", default_value = "now", conflicts_with = "usage")]
    until: String,
    /// Whose price a model of the demand has [default: that of its own name, where one provider has it]
    #[arg(long, value_name = "MODEL=PROVIDER/MODEL", value_parser = stands)]
    price_as: Vec<Stands>,
    /// The model that own nodes would serve for one of the demand, by its name in calibrations
    #[arg(long, value_name = "MODEL=NAME", value_parser = stands)]
    run_as: Vec<Stands>,
    /// The precision in which own nodes serve [default: that of the newest calibration]
    #[arg(long, value_name = "NAME")]
    precision: Option<String>,
    /// Only machines of this supplier; can be given several times
    #[arg(long, value_name = "NAME")]
    supplier: Vec<String>,
    /// Machines that stand in for failed ones, for each model that has committed ones
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    spare: u32,
    /// Growth of demand a year, such as 25% or 25%+-15% (nine of ten futures) [default: measured from eight weeks on]
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
    growth: Option<StatedGrowth>,
    /// How many months are looked at
    #[arg(long, value_name = "NUMBER", default_value_t = 36, value_parser = clap::value_parser!(u32).range(1..=240))]
    months: u32,
    /// How many futures are drawn
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    draws: u32,
    /// The seed of failures and futures: the same seed gives the same plan
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// The day of the plan, from which the ages of facts are counted [default: today]
    #[arg(long, value_name = "DATE")]
    day: Option<String>,
    /// Write the plan as one HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Keep the plan in the data folder, for the control API
    #[arg(long)]
    keep: bool,
}

/// What is asked, with who served it.
struct Asked {
    demand: Demand,
    served_by: BTreeMap<String, String>,
    assumed: Vec<String>,
}

/// Plans, and writes what was asked for.
pub(super) fn run(args: &RunArgs, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    let context = global.context()?;
    let now = match &args.day {
        Some(day) => times::parse_time(day, context.now())?,
        None => context.now(),
    };
    let report = report(args, &context, now)?;
    if let Some(path) = &args.html {
        write(path, &report.to_html()?)?;
    }
    if args.keep {
        bursar_store::keep_plan(&context.folder, &report.to_json()?)?;
    }
    if context.json {
        print_text(&report.to_json()?)?;
    } else {
        print_text(&report.to_text())?;
        if let Some(path) = &args.html {
            print_text(&format!("\nWritten to {}\n", path.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn report(args: &RunArgs, context: &Context, now: Timestamp) -> anyhow::Result<Report> {
    let files = args.files.read(now)?;
    let asked = asked(args, &files, context, now)?;
    let wanted = Wanted {
        book: &context.prices,
        at: now,
        price_as: &args.price_as,
        run_as: &args.run_as,
        served_by: &asked.served_by,
    };
    let models = wanted.facts(&asked.demand)?;
    let catalogue = Catalogue::built_in()?;
    let settings = Settings {
        seed: args.seed,
        draws: args.draws,
        months: args.months,
        growth: args.growth,
        spare: args.spare,
        precision: args.precision.clone(),
        suppliers: args.supplier.clone(),
        ..Settings::new(now)
    };
    let inputs = Inputs {
        demand: &asked.demand,
        supply: &files.supply,
        owned: &files.tco.nodes,
        constraints: &files.constraints,
        rows: &files.rows,
        catalogue: &catalogue,
        models: &models,
        settings: &settings,
        told: &asked.assumed,
    };
    let bar = progress();
    let placement = place(&inputs, |stage: Stage| {
        bar.set_message(stage.name());
        bar.inc(1);
    });
    bar.finish_and_clear();
    Ok(Report::of(&inputs, &placement?))
}

fn asked(args: &RunArgs, files: &Files, context: &Context, now: Timestamp) -> anyhow::Result<Asked> {
    if let Some(usage) = &files.usage {
        let (demand, assumed) = (usage.demand.clone(), usage.assumed.clone());
        return Ok(Asked { demand, served_by: BTreeMap::new(), assumed });
    }
    let reader = context.reader().context("there is no demand to plan for: name a usage.csv with --usage")?;
    let class = Class::from(args.files.class);
    let cubes::FromCubes { demand, served_by, assumed } =
        cubes::read(&reader, (&args.since, &args.until), class, now)?;
    Ok(Asked { demand, served_by, assumed })
}

/// Progress for a person at a terminal.
fn progress() -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(Stage::COUNT), target);
    match ProgressStyle::with_template("{bar:24} {elapsed}  {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn write(path: &Path, page: &str) -> anyhow::Result<()> {
    std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
}
