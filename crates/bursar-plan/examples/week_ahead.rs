//! Nodes chosen from one week of real demand and run on the next, against the best choice in hindsight.
//!
//! `cargo run --release -p bursar-plan --example week_ahead`

use bursar_plan::mix::baseline::{Reading, rule_of_thumb};
use bursar_plan::mix::{Fleet, MixError, plan};

#[path = "../tests/mix/grid.rs"]
mod grid;
#[path = "../tests/mix/instances.rs"]
mod instances;
#[path = "../tests/mix/traces.rs"]
mod traces;
#[path = "../tests/mix/weeks.rs"]
mod weeks;

use weeks::{Way, regret};

const WEEK: usize = 168;

fn main() -> Result<(), MixError> {
    one_model();
    several_models()
}

/// One model on one kind of node, over all sizes and break-even points.
fn one_model() {
    println!("| Chosen by | Mean regret | Largest | Within 1 % | Within 5 % | Cases |");
    println!("|---|---:|---:|---:|---:|---:|");
    for way in Way::ALL {
        let regret = regret(way);
        let name = match way {
            Way::Plan => "the plan: the 1 − u* quantile of the week before",
            Way::EachNode => "60–70 % rule (65 %), node by node",
            Way::WholeFleet => "60–70 % rule (65 %), nodes for the peak or none",
            Way::Baseload => "60–70 % rule (65 %) by the letter: the median load or none",
        };
        let percent = |part: f64| format!("{:.1} %", part * 100.0);
        println!(
            "| {name} | {} | {} | {} | {} | {} |",
            percent(regret.mean()),
            percent(regret.most()),
            percent(regret.at_most(0.01)),
            percent(regret.at_most(0.05)),
            regret.cases.len()
        );
    }
}

/// Three models on three kinds of GPU: committed nodes from the first week, renting by the hour in the second.
fn several_models() -> Result<(), MixError> {
    println!(
        "\n| Instance | The plan's regret | 60–70 % rule's, node by node | Best in hindsight, dollars |"
    );
    println!("|---|---:|---:|---:|");
    let (mut plans, mut rules) = (0.0, 0.0);
    for variant in &instances::VARIANTS {
        let problem = instances::problem(variant);
        let (first, second) = (problem.within(0..WEEK), problem.within(WEEK..2 * WEEK));
        let best = plan(&second)?.bill.total;
        let regret = |committed| -> Result<f64, MixError> {
            let cost = Fleet::with_best_renting(&second, committed)?.bill(&second)?.total;
            Ok(cost.nanos() as f64 / best.nanos() as f64 - 1.0)
        };
        let planned = regret(plan(&first)?.fleet.committed)?;
        let ruled = regret(rule_of_thumb(&first, Reading::EachNode)?.committed)?;
        println!("| {} | {:.1} % | {:.1} % | {best} |", variant.name, planned * 100.0, ruled * 100.0);
        (plans, rules) = (plans + planned, rules + ruled);
    }
    let mean = |sum: f64| sum / instances::VARIANTS.len() as f64 * 100.0;
    println!("| mean | {:.1} % | {:.1} % | |", mean(plans), mean(rules));
    Ok(())
}
