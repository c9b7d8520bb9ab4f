//! `bursar plan check`: every problem of every input at once.

use std::fmt::Write as _;
use std::process::ExitCode;

use bursar_console::shown::grouped;
use clap::Args;
use serde_json::json;

use super::files::{FileArgs, FileProblems, Files};
use crate::cli::{FAILED, GlobalArgs};
use crate::commands::context::{print_json, print_text};
use crate::commands::table::plain;

/// Which files.
#[derive(Clone, Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    files: FileArgs,
}

/// Reads everything. Problems are told all at once.
pub(super) fn run(args: &CheckArgs, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    let read = args.files.read(bursar_console::times::now());
    match &read {
        Ok(files) if global.json() => print_json(&json!({ "problems": [], "says": says(files) }))?,
        Ok(files) => print_text(&says(files).iter().fold(String::new(), |mut out, line| {
            let _ = writeln!(out, "✓ {line}");
            out
        }))?,
        Err(FileProblems(problems)) if global.json() => print_json(&json!({ "problems": problems }))?,
        Err(FileProblems(problems)) => print_text(&problems.iter().fold(String::new(), |mut out, told| {
            let lines: Vec<String> = told.lines().map(plain).collect();
            let _ = writeln!(out, "✗ {}", lines.join("\n"));
            out
        }))?,
    }
    Ok(if read.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn says(files: &Files) -> Vec<String> {
    let count = |n: usize| grouped(n as u64);
    let mut says = Vec::new();
    match &files.usage {
        Some(usage) => {
            says.push(format!(
                "usage: {} rows, {} streams over {} steps of {} s",
                grouped(usage.rows),
                count(usage.demand.streams.len()),
                count(usage.demand.steps()),
                usage.demand.step_seconds
            ));
            says.extend(usage.assumed.iter().map(|a| format!("usage: {}", plain(a))));
        }
        None => says.push("usage: none is named; demand comes from the cubes of the data folder".to_owned()),
    }
    says.push(format!("supply: {} machines", count(files.supply.rows.len())));
    says.push(format!("tco: {} machines that can be owned", count(files.tco.nodes.len())));
    says.push(format!("constraints: {} latency limits", count(files.constraints.slos.len())));
    says.push(format!("throughput: {} calibrations", count(files.rows.len())));
    says
}
