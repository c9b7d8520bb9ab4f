//! Plans against the optimum that HiGHS finds for the whole mixed-integer program, hour by hour, on each instance.
//!
//! `cargo run --release -p bursar-plan --features highs --example mix_against_highs -- [SECONDS]` needs cmake, a C++ compiler and libclang.
//! HiGHS has one core, until its own gap is 0.01 % or the seconds (default 300) are over. Standard output is
//! `tests/mix/highs.csv`, which the tests hold plans against.

use std::time::Instant;

use bursar_plan::mix::{MixError, milp, plan};
use good_lp::solvers::highs::{HighsProblem, highs};
use good_lp::{WithMipGap, WithTimeLimit};

#[path = "../tests/mix/instances.rs"]
mod instances;
#[path = "../tests/mix/traces.rs"]
mod traces;

const GAP: f32 = 1e-4;

#[expect(clippy::disallowed_methods, reason = "a program that measures reads the clock")]
fn main() -> Result<(), MixError> {
    let seconds = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(300.0);
    println!("instance,highs_dollars,highs_seconds,plan_dollars,plan_seconds,bound_dollars");
    for variant in &instances::VARIANTS {
        let problem = instances::problem(variant);
        let begun = Instant::now();
        let plan = plan(&problem)?;
        let took = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let set = |model: HighsProblem| {
            let model = model.set_threads(1).with_time_limit(seconds);
            model.with_mip_gap(GAP).expect("a gap between 0 and 1")
        };
        let best = milp::solve(&problem, highs, set)?.fleet.bill(&problem)?;
        let highs_took = begun.elapsed().as_secs_f64();
        let bound = plan.bound.map(|b| b.to_string()).unwrap_or_default();
        println!("{:?},{},{highs_took:.1},{},{took:.4},{bound}", variant.name, best.total, plan.bill.total);
        let above = plan.bill.total.nanos() as f64 / best.total.nanos() as f64 - 1.0;
        eprintln!("{:45} the plan costs {:+.4} % of HiGHS' {}", variant.name, above * 100.0, best.total);
    }
    Ok(())
}
