//! Nodes chosen from one week of real demand and run on the next, against the best choice in hindsight.
//!
//! `cargo run --release -p bursar-plan --example week_ahead`

#[path = "../tests/mix/grid.rs"]
mod grid;
#[path = "../tests/mix/traces.rs"]
mod traces;
#[path = "../tests/mix/weeks.rs"]
mod weeks;

use weeks::{Way, regret};

fn main() {
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
