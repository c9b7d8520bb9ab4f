//! Fleets in ten-minute steps, and what they are compared with.

use bursar_core::Money;
use bursar_plan::mix::baseline::{Reading, all_api, all_dedicated, rule_of_thumb};
use bursar_plan::mix::batch::Job;
use bursar_plan::mix::replay::{Batch, replay};
use bursar_plan::mix::{Choice, Failures, Fleet, Hardware, Item, MixError, Model, Place, Problem, plan};
use bursar_plan::supply::Term;

use crate::instances;

fn dollars(n: i64) -> Money {
    Money::from_nanos(n * 1_000_000_000)
}

/// One model on owned nodes for $1 an hour; a full node's work costs $10 at the API.
fn one(loads: &[f64], peaks: &[f64]) -> Problem {
    let owned = Choice { term: Term::Owned, per_hour: dollars(1), limit: None };
    let api = loads.iter().map(|load| Money::from_nanos((load * 1e10) as i64)).collect();
    Problem {
        hardware: vec![Hardware {
            name: "H100".to_owned(),
            region: None,
            choices: vec![owned],
            failures: None,
        }],
        models: vec![Model {
            name: "a".to_owned(),
            place: Place::Anywhere,
            regions: None,
            loads: vec![Some(loads.to_vec())],
            peaks: Some(peaks.to_vec()),
            api: Some(api),
            spare: 0,
        }],
    }
}

fn nodes(problem: &Problem, n: u32) -> Fleet {
    Fleet { committed: vec![vec![n]], ..Fleet::none(problem) }
}

#[test]
fn without_failures_ten_minute_steps_cost_what_the_hours_do() {
    let problem = instances::problem(&instances::VARIANTS[8]);
    let plan = plan(&problem).unwrap();
    let replayed = replay(&problem, &plan.fleet, &[], 1).unwrap();
    let apart = (replayed.bill.total.nanos() - plan.bill.total.nanos()).abs();
    assert!(
        plan.bill.unserved.is_empty() && apart <= 336 * 6 * 3 * 2,
        "each step's rounding is at most a nano-dollar: {apart}"
    );
    assert!(replayed.models.iter().all(|m| m.failover == Money::ZERO && m.failures == 0));
}

#[test]
fn what_a_peak_within_the_hour_asks_beyond_the_nodes_spills_over() {
    let problem = one(&[1.0], &[2.0]);
    let replayed = replay(&problem, &nodes(&problem, 1), &[], 1).unwrap();
    // One step of six is twice as high, so a sixth of the hour spills over; the others are at 80 %.
    assert_eq!(replayed.models[0].spill, Money::from_nanos(1_666_666_667));
    assert_eq!((replayed.models[0].utilisation.unwrap() * 1_000.0).round(), 833.0);
}

#[test]
fn failover_is_priced_apart_and_a_spare_node_saves_it() {
    let mut problem = one(&[2.0; 2_000], &[1.0; 2_000]);
    problem.hardware[0].failures = Some(Failures { between_hours: 100.0, repair_hours: 4.0 });
    let alone = replay(&problem, &nodes(&problem, 2), &[], 5).unwrap();
    let spared = Fleet { spare: vec![vec![1]], ..nodes(&problem, 2) };
    let spared = replay(&problem, &spared, &[], 5).unwrap();
    let (alone, spared) = (&alone.models[0], &spared.models[0]);
    assert_eq!((alone.spill, spared.spill), (Money::ZERO, Money::ZERO));
    // Two nodes, away for 4 of 104 hours each, at $10 an hour: about $1,540 of 2,000 hours.
    assert!((1_000..2_200).contains(&(alone.failover.nanos() / 1_000_000_000)), "{}", alone.failover);
    assert!(
        spared.failover.nanos() * 5 < alone.failover.nanos(),
        "{} against {}",
        spared.failover,
        alone.failover
    );
    assert!(spared.failures > alone.failures && alone.failures > 20);
}

#[test]
fn the_same_seed_gives_the_same_replay_and_another_seed_another() {
    let mut problem = one(&[2.0; 500], &[1.0; 500]);
    problem.hardware[0].failures = Some(Failures { between_hours: 100.0, repair_hours: 4.0 });
    let run = |seed| replay(&problem, &nodes(&problem, 2), &[], seed).unwrap();
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).bill.total, run(2).bill.total);
}

#[test]
fn a_model_that_may_not_leave_is_carried_at_its_peak_and_unserved_while_nodes_are_away() {
    let mut problem = one(&[1.3, 0.7, 1.1], &[1.5, 3.0, 1.01]);
    problem.models[0].place = Place::StaysInside;
    let plan = plan(&problem).unwrap();
    assert_eq!(plan.fleet.committed[0], [3]);
    assert_eq!(replay(&problem, &plan.fleet, &[], 1).unwrap().bill.unserved, []);
    let short = replay(&problem, &nodes(&problem, 2), &[], 1).unwrap().bill;
    // A tenth of a node is missing in one step of an hour whose mean is 0.7 nodes: a seventh of a sixth of its demand.
    assert_eq!((short.unserved[0].steps, (short.unserved[0].demand * 4_200.0).round()), (1, 100.0));
    problem.hardware[0].failures = Some(Failures { between_hours: 1.0, repair_hours: 1.0 });
    let failed = replay(&problem, &plan.fleet, &[], 1).unwrap().bill;
    assert!(failed.unserved[0].demand > 0.1, "{:?}", failed.unserved);
}

#[test]
fn work_that_can_wait_fills_idle_nodes_and_only_what_is_late_goes_to_the_api() {
    let problem = one(&[1.0, 0.0], &[1.0, 1.0]);
    // A node does 600 units an hour, so 100 a step: the second hour has room for 600, of which 300 before step 9.
    let job = |due, work| Job { arrives: 0, due, work };
    let batch = Batch {
        model: 0,
        per_node_hour: vec![Some(600)],
        jobs: vec![job(12, 300), job(9, 400)],
        api: vec![Some(dollars(3)), Some(dollars(8))],
    };
    let replayed = replay(&problem, &nodes(&problem, 1), &[batch], 1).unwrap();
    let told = &replayed.models[0];
    assert_eq!(told.batch.as_ref().unwrap().late, [0, 100]);
    assert_eq!((told.late_batch, told.utilisation), (dollars(2), Some(1.0)));
    assert_eq!(replayed.bill.lines.last().unwrap().item, Item::LateBatch { jobs: 1 });
}

#[test]
fn late_work_that_may_not_leave_is_told_as_unserved() {
    let problem = one(&[1.0], &[1.0]);
    let jobs = vec![Job { arrives: 0, due: 6, work: 10 }];
    let batch = Batch { model: 0, per_node_hour: vec![Some(60)], jobs, api: vec![None] };
    let bill = replay(&problem, &nodes(&problem, 1), &[batch], 1).unwrap().bill;
    assert_eq!((bill.unserved[0].model.as_str(), bill.unserved[0].demand), ("a (batch)", 1.0));
}

#[test]
fn a_batch_that_does_not_fit_the_problem_is_refused_by_name() {
    let problem = one(&[1.0], &[1.0]);
    let batch = Batch { model: 0, per_node_hour: vec![Some(60)], jobs: Vec::new(), api: Vec::new() };
    let told = |batches: &[Batch]| replay(&problem, &nodes(&problem, 1), batches, 1).unwrap_err().to_string();
    assert!(told(&[batch.clone(), batch.clone()]).contains("put the jobs together"));
    assert!(told(&[Batch { model: 1, ..batch.clone() }]).contains("one of the problem's models"));
    assert!(
        told(&[Batch { per_node_hour: Vec::new(), ..batch.clone() }]).contains("as many as the problem has")
    );
    assert!(told(&[Batch { api: vec![None], ..batch }]).contains("one for each job"));
}

#[test]
fn the_ledger_of_a_replay_sums_to_its_total() {
    let mut problem = instances::problem(&instances::VARIANTS[8]);
    for hardware in &mut problem.hardware {
        hardware.failures = Some(Failures { between_hours: 500.0, repair_hours: 12.0 });
    }
    let fleet = all_dedicated(&problem).unwrap();
    let replayed = replay(&problem, &fleet, &[], 3).unwrap();
    let sum = Money::checked_sum(replayed.bill.lines.iter().map(|line| line.amount));
    assert_eq!(sum, Some(replayed.bill.total));
    assert!(replayed.models.iter().any(|m| m.failover > Money::ZERO));
}

#[test]
fn a_plan_costs_no_more_than_any_baseline() {
    for variant in instances::VARIANTS.iter().step_by(2) {
        let problem = instances::problem(variant);
        let plan = plan(&problem).unwrap();
        let readings = [Reading::EachNode, Reading::WholeFleet, Reading::Baseload];
        let mut fleets: Vec<Fleet> = readings.map(|r| rule_of_thumb(&problem, r).unwrap()).into();
        fleets.extend([all_api(&problem).unwrap(), all_dedicated(&problem).unwrap()]);
        for fleet in fleets {
            let saving = plan.bill.saving_against(&fleet.bill(&problem).unwrap());
            assert!(saving.is_none_or(|saving| saving >= Money::ZERO), "{}: {saving:?}", variant.name);
        }
    }
}

#[test]
fn a_saving_is_not_said_against_a_fleet_that_serves_less() {
    let mut problem = one(&[1.0, 1.0], &[1.0, 1.0]);
    problem.models[0].place = Place::StaysInside;
    let plan = plan(&problem).unwrap();
    let api = all_api(&problem).unwrap().bill(&problem).unwrap();
    assert_eq!((api.total, api.unserved[0].demand), (Money::ZERO, 2.0));
    assert_eq!(plan.bill.saving_against(&api), None);
    let dedicated = all_dedicated(&problem).unwrap().bill(&problem).unwrap();
    assert_eq!(plan.bill.saving_against(&dedicated), Some(dollars(2)));
}

#[test]
fn readings_of_the_rule_of_thumb_differ_in_what_they_compare() {
    // Nodes cost $1. Each of three is worth $10 while it is full: the first always, the second half of the time, the third
    // in one hour of sixteen, where it saves $0.625 an hour: too little by any rule. The whole fleet's $3 are well below
    // the API's bill.
    let mut loads = vec![1.0; 16];
    loads[..8].fill(2.0);
    loads[0] = 3.0;
    let problem = one(&loads, &[1.0; 16]);
    let nodes = |reading| rule_of_thumb(&problem, reading).unwrap().committed[0][0];
    assert_eq!(nodes(Reading::EachNode), 2);
    assert_eq!(nodes(Reading::WholeFleet), 3);
    assert_eq!(nodes(Reading::Baseload), 1);
}

#[test]
fn a_fleet_of_another_problem_is_refused() {
    let (short, long) = (one(&[1.0], &[1.0]), one(&[1.0, 1.0], &[1.0, 1.0]));
    assert_eq!(nodes(&short, 1).bill(&long), Err(MixError::Shape));
    assert_eq!(Fleet::with_best_renting(&short, vec![vec![1, 1]]), Err(MixError::Shape));
    assert_eq!(nodes(&long, 1).bill(&long).unwrap().total, dollars(2));
}

#[test]
fn committed_nodes_of_one_demand_meet_another_with_the_best_renting_around_them() {
    let mut problem = one(&[1.0, 1.0, 3.0, 1.5], &[1.0; 4]);
    problem.hardware[0].choices.push(Choice { term: Term::OnDemand, per_hour: dollars(6), limit: None });
    let quiet = plan(&problem.within(0..2)).unwrap();
    assert_eq!(quiet.fleet.committed[0], [1]);
    let busy = problem.within(2..4);
    let fleet = Fleet::with_best_renting(&busy, quiet.fleet.committed).unwrap();
    // Half a node's work costs $5 at the API, so that it is not worth a rented one.
    assert_eq!(
        (fleet.rented[0].clone(), fleet.bill(&busy).unwrap().total),
        (vec![2, 0], dollars(2 + 12 + 5))
    );
}
