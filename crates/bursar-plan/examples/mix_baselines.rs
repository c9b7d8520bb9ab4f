//! Plans beside what they are compared with, each by the hour and replayed in ten-minute steps with failing nodes.
//!
//! `cargo run --release -p bursar-plan --example mix_baselines`
//!
//! A GPU fails once in 50,676 hours (419 unexpected interruptions of 16,384 H100 in 54 days: Grattafiori and others, The Llama 3
//! Herd of Models, 2024, section 3.3.4) and is away for a day, which is assumed.

use bursar_core::Money;
use bursar_plan::mix::baseline::{Reading, all_api, all_dedicated, rule_of_thumb};
use bursar_plan::mix::replay::replay;
use bursar_plan::mix::{Failures, Fleet, MixError, Problem, plan};

#[path = "../tests/mix/instances.rs"]
mod instances;
#[path = "../tests/mix/traces.rs"]
mod traces;

const FAILURES: Failures = Failures { between_hours: 50_676.0, repair_hours: 24.0 };
const SEED: u64 = 1;

fn main() -> Result<(), MixError> {
    println!(
        "| Instance | Fleet | Dollars by the hour | In ten-minute steps | of that failover | Above the plan | Unserved hours |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|");
    for variant in &instances::VARIANTS {
        let mut problem = instances::problem(variant);
        problem.hardware.iter_mut().for_each(|h| h.failures = Some(FAILURES));
        let planned = plan(&problem)?;
        println!("{}", row(variant.name, "plan", &problem, &planned.fleet, planned.bill.total)?);
        for holding in planned.holdings.iter().filter(|h| h.nodes() > 0) {
            eprintln!("{}: {holding}", variant.name);
        }
        let fleets = [
            ("all at the API", all_api(&problem)?),
            ("all on own nodes, peak and one more", all_dedicated(&problem)?),
            ("rule, node by node", rule_of_thumb(&problem, Reading::EachNode)?),
            ("rule, peak or nothing", rule_of_thumb(&problem, Reading::WholeFleet)?),
            ("rule by the letter", rule_of_thumb(&problem, Reading::Baseload)?),
        ];
        for (name, fleet) in &fleets {
            println!("{}", row(variant.name, name, &problem, fleet, planned.bill.total)?);
        }
    }
    Ok(())
}

fn row(
    instance: &str,
    name: &str,
    problem: &Problem,
    fleet: &Fleet,
    plan: Money,
) -> Result<String, MixError> {
    let hourly = fleet.bill(problem)?;
    let replayed = replay(problem, fleet, &[], SEED)?;
    let failover = Money::checked_sum(replayed.models.iter().map(|m| m.failover)).unwrap_or_default();
    let unserved = replayed.bill.unserved.iter().map(|u| u.demand).fold(0.0, |a, b| a + b);
    let above = (hourly.total.nanos() as f64 / plan.nanos() as f64 - 1.0) * 100.0;
    let dollars = |money: Money| format!("{:.0}", money.nanos() as f64 / 1e9);
    Ok(format!(
        "| {instance} | {name} | {} | {} | {} | {above:.1} % | {unserved:.2} |",
        dollars(hourly.total),
        dollars(replayed.bill.total),
        dollars(failover)
    ))
}
