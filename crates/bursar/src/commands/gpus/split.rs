//! `bursar gpus split`: the bill of GPUs, divided.

use std::fmt::Write as _;
use std::process::ExitCode;

use bursar_console::answer::{GpuBillAnswer, GpuLineAnswer, GpuModelAnswer, GpuNodeBillAnswer};
use bursar_console::gpus;
use bursar_console::params::{GPU_BASIS, GPU_NODE, RANGE};
use bursar_console::shown::grouped;
use clap::Args;

use super::gaps_text;
use crate::commands::context::{Context, print_json, print_text};
use crate::commands::filters::{RangeArgs, given};
use crate::commands::table::{number, plain, render, text};

/// Which bill.
#[derive(Clone, Debug, Args)]
pub(super) struct SplitArgs {
    #[command(flatten)]
    range: RangeArgs,
    /// Only this node
    #[arg(long)]
    node: Option<String>,
    /// What is in the price of a model: work, resident (with the time in which models waited) or node (all idle time)
    #[arg(long, default_value = "resident")]
    basis: String,
}

/// Prints the bill of each node.
pub(super) fn run(args: &SplitArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let mut pairs = vec![("basis".to_owned(), args.basis.clone())];
    pairs.extend(args.node.clone().map(|node| ("node".to_owned(), node)));
    let given = given(vec![args.range.pairs(), pairs], &[RANGE, GPU_NODE, GPU_BASIS])?;
    let answer = gpus::bill(&context.reader()?, &given, context.now())?;
    if context.json {
        print_json(&answer)?;
    } else {
        print_text(&bill_text(&answer))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn bill_text(answer: &GpuBillAnswer) -> String {
    let mut out = format!("{} to {} (UTC)\n", answer.since, answer.until);
    if answer.nodes.is_empty() {
        out.push_str("No node with GPUs is known in this time.\n");
    }
    for node in &answer.nodes {
        out.push_str(&node_text(node, answer.basis));
    }
    out
}

fn node_text(node: &GpuNodeBillAnswer, basis: &str) -> String {
    let mut out = format!("\n{}: ${}, owner {}\n", plain(&node.node), node.bill, plain(&node.owner));
    let columns = [
        text("for"),
        text("charged to"),
        text("model"),
        number("GPU hours"),
        number("tokens in"),
        number("from cache"),
        number("tokens out"),
        number("$"),
    ];
    let total = vec!["bill".to_owned(), String::new(), String::new(), String::new(), String::new()];
    let total = [total, vec![String::new(), String::new(), node.bill.clone()]].concat();
    out.push_str(&render(&columns, node.lines.iter().map(line_row).collect(), Some(total)));
    for model in &node.models {
        let _ = writeln!(out, "{}", model_line(model, basis));
    }
    out + &gaps_text(&node.gaps)
}

fn line_row(line: &GpuLineAnswer) -> Vec<String> {
    let what = line.state.map_or_else(|| line.payer.to_owned(), |s| format!("{} ({s})", line.payer));
    let tokens = line.tokens;
    let count = |n: Option<u64>| n.map_or_else(String::new, grouped);
    vec![
        what,
        line.charged_to.clone().unwrap_or_else(|| "-".to_owned()),
        line.model.clone().unwrap_or_default(),
        hours(line.gpu_seconds),
        count(tokens.map(|t| t.input)),
        count(tokens.map(|t| t.cached)),
        count(tokens.map(|t| t.output)),
        line.amount.clone(),
    ]
}

/// Seconds as hours with two decimals, cut off.
fn hours(seconds: u64) -> String {
    format!("{}.{:02}", grouped(seconds / 3_600), seconds % 3_600 / 36)
}

fn model_line(model: &GpuModelAnswer, basis: &str) -> String {
    let name = plain(&model.model);
    match &model.price {
        Some(price) => format!(
            "{name}: ${} for {} tokens (counted by {}, basis {basis}); per million: input ${}, from cache ${}, output ${}",
            model.cost,
            grouped(
                model.tokens.input.saturating_add(model.tokens.cached).saturating_add(model.tokens.output)
            ),
            model.counted_by,
            price.input,
            price.cache_read,
            price.output
        ),
        None => format!("{name}: ${}, and no token is known that it made: it has no price", model.cost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_console::answer::{TokenPricesAnswer, TokensAnswer};

    #[test]
    fn a_bill_is_shown_line_by_line_with_its_sum_and_the_price_of_each_model() {
        let tokens = TokensAnswer { input: 1_200_000, cached: 300_000, output: 450_000 };
        let line = |payer, charged: Option<&str>, model: Option<&str>, state, amount: &str| GpuLineAnswer {
            payer,
            charged_to: charged.map(str::to_owned),
            model: model.map(str::to_owned),
            state,
            gpu_seconds: 5_400,
            tokens: model.map(|_| tokens),
            amount: amount.to_owned(),
        };
        let price = TokenPricesAnswer {
            input: "2.25".to_owned(),
            cache_read: "0.00".to_owned(),
            output: "18.00".to_owned(),
        };
        let model = |price| GpuModelAnswer {
            model: "llama-3.3-70b".to_owned(),
            counted_by: "engine",
            tokens,
            cost: "10.80".to_owned(),
            price,
        };
        let answer = GpuBillAnswer {
            since: "2026-07-15T10:00:00Z".to_owned(),
            until: "2026-07-15T12:00:00Z".to_owned(),
            currency: "USD",
            basis: "resident",
            nodes: vec![GpuNodeBillAnswer {
                node: "gpu-1".to_owned(),
                owner: "platform".to_owned(),
                bill: "12.80".to_owned(),
                lines: vec![
                    line("team", Some("search"), Some("llama-3.3-70b"), None, "8.00"),
                    line("team", None, Some("llama-3.3-70b"), None, "0.80"),
                    line("idle", Some("platform"), None, Some("resident_idle"), "4.00"),
                ],
                models: vec![model(Some(price)), model(None)],
                gaps: Vec::new(),
            }],
        };
        insta::assert_snapshot!(bill_text(&answer));
        assert_eq!([0, 36, 3_600, 12_345_678].map(hours), ["0.00", "0.01", "1.00", "3,429.35"]);
    }
}
