//! `bursar gpus`: what GPUs do, at how many dollars an hour, and whose the bill is.

mod findings;
mod price;
mod scrape;
mod split;

use std::fmt::Write as _;
use std::process::ExitCode;

use bursar_console::answer::{GpuAnswer, GpuGapAnswer, GpuNodeAnswer, GpusAnswer};
use bursar_console::gpus;
use clap::{Args, Subcommand};

pub(crate) use findings::findings;

use super::context::{print_json, print_text};
use super::table::{number, plain, render, text};
use crate::cli::GlobalArgs;

/// GPUs; without a command, what they do now.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct GpusArgs {
    #[command(subcommand)]
    command: Option<GpusCommand>,
    /// Only this node
    #[arg(long)]
    node: Option<String>,
}

/// What to do about GPUs.
#[derive(Clone, Debug, Subcommand)]
enum GpusCommand {
    /// Read exporters or saved expositions once, without a configuration or a data folder
    Scrape(scrape::ScrapeArgs),
    /// Divide the bill: to teams what they used, to owners what was idle, a line each for what was broken and unknown
    Split(split::SplitArgs),
    /// Make price rows for the models of your own GPUs; shows them unless told to write
    Price(price::PriceArgs),
}

/// Runs one of the commands.
pub(crate) fn run(args: &GpusArgs, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        None => list(args.node.as_deref(), global),
        Some(GpusCommand::Scrape(args)) => scrape::run(args, global.json()),
        Some(GpusCommand::Split(args)) => split::run(args, &global.context()?),
        Some(GpusCommand::Price(args)) => price::run(args, global),
    }
}

fn list(node: Option<&str>, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    let context = global.context()?;
    let answer = gpus::list(&context.reader()?, node, context.now())?;
    if context.json {
        print_json(&answer)?;
    } else {
        print_text(&list_text(&answer))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list_text(answer: &GpusAnswer) -> String {
    if answer.nodes.is_empty() {
        return "No node with GPUs is known; name them with [[gpu.node]] and run bursar serve, or read one now with \
                bursar gpus scrape.\n"
            .to_owned();
    }
    answer.nodes.iter().map(node_text).collect::<Vec<_>>().join("\n")
}

/// A node with its GPUs, what is wasted, and what is not known.
fn node_text(node: &GpuNodeAnswer) -> String {
    let mut out = format!(
        "{}: {}, ${} an hour ({}), owner {}\n",
        plain(&node.node),
        if node.accelerators == 1 { "1 GPU".to_owned() } else { format!("{} GPUs", node.accelerators) },
        node.per_hour,
        node.term,
        plain(&node.owner)
    );
    let columns =
        [text("GPU"), text("state"), text("since (UTC)"), number("$/h"), text("pods"), text("evidence")];
    if !node.gpus.is_empty() {
        out.push_str(&render(&columns, node.gpus.iter().map(gpu_row).collect(), None));
    }
    let _ = writeln!(
        out,
        "idle ${} an hour, faulty ${}, unknown ${}",
        node.idle_per_hour, node.faulty_per_hour, node.unknown_per_hour
    );
    out + &gaps_text(&node.gaps)
}

fn gpu_row(gpu: &GpuAnswer) -> Vec<String> {
    let name = if gpu.index.is_empty() { gpu.gpu.clone() } else { format!("{} {}", gpu.index, gpu.gpu) };
    let part = gpu.part.as_ref().map_or_else(String::new, |p| format!(" ({p})"));
    vec![
        format!("{name}{part}"),
        gpu.state.clone(),
        gpu.since.clone(),
        gpu.per_hour.clone(),
        gpu.pods.join(" "),
        gpu.evidence.join(", "),
    ]
}

/// What is not known, a line each.
fn gaps_text(gaps: &[GpuGapAnswer]) -> String {
    let line = |g: &GpuGapAnswer| format!("gap {}: {}: {}\n", g.kind, plain(&g.about), plain(&g.detail));
    gaps.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpus_are_listed_with_state_evidence_dollars_and_what_is_not_known() {
        let gpu = |index: &str, state: &str, evidence: &str| GpuAnswer {
            gpu: format!("GPU-{index}"),
            index: index.to_owned(),
            product: Some("NVIDIA H100 80GB HBM3".to_owned()),
            part: (index == "1").then(|| "2/7".to_owned()),
            state: state.to_owned(),
            since: "2026-07-15T11:30:00Z".to_owned(),
            last_seen: "2026-07-15T12:00:00Z".to_owned(),
            evidence: vec![evidence.to_owned(), "DCGM_FI_DEV_FB_USED 73420".to_owned()],
            pods: vec!["ml/vllm-0".to_owned()],
            per_hour: "3.933".to_owned(),
        };
        let gap = GpuGapAnswer {
            kind: "profiling_off".to_owned(),
            about: "GPU-1".to_owned(),
            since: None,
            until: None,
            detail: "only DCGM_FI_DEV_GPU_UTIL tells of activity".to_owned(),
        };
        let node = GpuNodeAnswer {
            node: "gpu-1".to_owned(),
            owner: "platform".to_owned(),
            term: "1-year".to_owned(),
            accelerators: 8,
            provider: Some("local".to_owned()),
            per_hour: "31.464".to_owned(),
            idle_per_hour: "3.933".to_owned(),
            faulty_per_hour: "0.00".to_owned(),
            unknown_per_hour: "23.598".to_owned(),
            gpus: vec![
                gpu("0", "active", "DCGM_FI_PROF_SM_ACTIVE 0.41"),
                gpu("1", "resident_idle", "DCGM_FI_DEV_GPU_UTIL 0"),
            ],
            gaps: vec![gap],
        };
        insta::assert_snapshot!(node_text(&node));
        let nothing = GpusAnswer { at: String::new(), nodes: Vec::new() };
        assert!(list_text(&nothing).contains("[[gpu.node]]"));
    }
}
