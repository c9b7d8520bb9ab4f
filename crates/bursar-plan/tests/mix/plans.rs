//! Plans against optima, their ledgers, and the rules they keep.

use bursar_core::Money;
use bursar_plan::mix::{Choice, Hardware, Item, MixError, Model, Place, Plan, Problem, milp, plan};
use bursar_plan::supply::Term;
use good_lp::solvers::microlp::{MicroLpProblem, microlp};
use proptest::prelude::*;

use crate::instances;

/// What `examples/mix_against_highs.rs` wrote: instance, HiGHS' optimum, and how long things took.
const HIGHS: &str = include_str!("highs.csv");

fn dollars(n: i64) -> Money {
    Money::from_nanos(n * 1_000_000_000)
}

fn hardware(name: &str, choices: &[(Term, i64, Option<u32>)]) -> Hardware {
    let choice = |&(term, price, limit)| Choice { term, per_hour: dollars(price), limit };
    Hardware {
        name: name.to_owned(),
        region: None,
        choices: choices.iter().map(choice).collect(),
        failures: None,
    }
}

fn model(name: &str, loads: &[&[f64]], api: &[i64]) -> Model {
    Model {
        name: name.to_owned(),
        place: Place::Anywhere,
        regions: None,
        loads: loads.iter().map(|load| Some(load.to_vec())).collect(),
        peaks: None,
        api: Some(api.iter().map(|&n| dollars(n)).collect()),
        spare: 0,
    }
}

fn counts(plan: &Plan) -> Vec<u32> {
    plan.fleet.committed.iter().flatten().copied().collect()
}

#[test]
fn plans_on_real_demand_cost_at_most_one_per_cent_more_than_highs_found() {
    let mut rows = csv::Reader::from_reader(HIGHS.as_bytes());
    let mut seen = 0;
    for row in rows.records().map(Result::unwrap) {
        let variant =
            instances::VARIANTS.iter().find(|v| v.name == &row[0]).expect("an instance of that name");
        let best: Money = row[1].parse().unwrap();
        let plan = plan(&instances::problem(variant)).unwrap();
        let above = i128::from(plan.bill.total.nanos() - best.nanos()) * 100;
        assert!(above <= i128::from(best.nanos()), "{}: {} against {best}", variant.name, plan.bill.total);
        assert!(plan.bound.unwrap() <= best, "{}: the bound is above what HiGHS found", variant.name);
        assert_eq!(plan.bill.unserved, [], "{}", variant.name);
        seen += 1;
    }
    assert_eq!(seen, instances::VARIANTS.len());
}

#[test]
fn every_ledger_sums_to_its_total_and_each_line_is_its_hours_times_its_price() {
    for variant in instances::VARIANTS.iter().step_by(3) {
        let plan = plan(&instances::problem(variant)).unwrap();
        let sum = Money::checked_sum(plan.bill.lines.iter().map(|line| line.amount)).unwrap();
        assert_eq!(sum, plan.bill.total);
        for line in &plan.bill.lines {
            if let Item::Nodes { node_hours, per_hour, .. } = &line.item {
                let product = i128::from(*node_hours) * i128::from(per_hour.nanos());
                assert_eq!(product, i128::from(line.amount.nanos()), "{line:?}");
            }
        }
    }
}

#[test]
fn committed_nodes_keep_to_the_limits_and_take_the_cheapest_term_first() {
    let terms = [(Term::OneYear, 3, None), (Term::Owned, 1, Some(2)), (Term::ThreeYears, 2, Some(1))];
    let problem = Problem {
        hardware: vec![hardware("H100", &terms)],
        models: vec![model("a", &[&[5.0; 4]], &[100; 4])],
    };
    let plan = plan(&problem).unwrap();
    let holding = &plan.holdings[0];
    assert_eq!(holding.committed, [(Term::Owned, 2), (Term::ThreeYears, 1), (Term::OneYear, 2)]);
    assert_eq!(plan.bill.total, dollars(4 * (2 + 2 + 6)));
}

#[test]
fn hours_that_are_seldom_are_rented_and_the_rest_is_committed() {
    let terms = [(Term::OnDemand, 3, None), (Term::OneYear, 2, None)];
    let load = [1.0, 1.0, 1.0, 4.0];
    let problem = Problem {
        hardware: vec![hardware("H100", &terms)],
        models: vec![model("a", &[&load], &[20, 20, 20, 80])],
    };
    let plan = plan(&problem).unwrap();
    assert_eq!((counts(&plan), plan.fleet.rented[0].clone()), (vec![1], vec![0, 0, 0, 3]));
    assert_eq!((plan.bill.total, plan.holdings[0].rented_at_most), (dollars(8 + 9), 3));
}

#[test]
fn a_model_that_stays_inside_is_carried_at_its_peak_and_what_cannot_be_is_told() {
    let inside = Model {
        place: Place::StaysInside,
        peaks: Some(vec![1.0, 2.0]),
        ..model("a", &[&[1.0, 2.0]], &[1, 1])
    };
    let mut problem =
        Problem { hardware: vec![hardware("H100", &[(Term::Owned, 50, None)])], models: vec![inside] };
    assert_eq!(counts(&plan(&problem).unwrap()), [4]);
    problem.hardware[0].choices[0].limit = Some(3);
    let short = plan(&problem).unwrap();
    assert_eq!((counts(&short), short.bound), (vec![3], None));
    let unserved = &short.bill.unserved[0];
    // Half of the second hour's mean, in one of its six steps.
    assert_eq!((unserved.steps, (unserved.demand * 1_200.0).round()), (1, 100.0));
}

#[test]
fn a_model_is_not_put_where_it_may_not_be() {
    let mut near = hardware("near", &[(Term::Owned, 9, None)]);
    let mut far = hardware("far", &[(Term::Owned, 1, None)]);
    (near.region, far.region) = (Some("eu".to_owned()), Some("us".to_owned()));
    let home = Model { regions: Some(vec!["eu".to_owned()]), ..model("home", &[&[1.0], &[1.0]], &[10]) };
    let frontier = Model { place: Place::ApiOnly, ..model("frontier", &[&[1.0], &[1.0]], &[10]) };
    let plan = plan(&Problem { hardware: vec![near, far], models: vec![home, frontier] }).unwrap();
    assert_eq!(counts(&plan), [1, 0, 0, 0]);
    let excluded: Vec<_> = plan.excluded.iter().map(|e| (e.model.as_str(), e.hardware.as_str())).collect();
    assert_eq!(excluded, [("home", "far"), ("frontier", "near"), ("frontier", "far")]);
    assert!(plan.excluded[0].why.contains("us is not among"), "{}", plan.excluded[0].why);
}

#[test]
fn spare_nodes_are_paid_and_carry_nothing() {
    let spared = Model { spare: 1, ..model("a", &[&[2.0; 4]], &[100; 4]) };
    let problem =
        Problem { hardware: vec![hardware("H100", &[(Term::Owned, 1, Some(3))])], models: vec![spared] };
    let held = plan(&problem).unwrap();
    assert_eq!((counts(&held), held.holdings[0].spare, held.bill.total), (vec![2], 1, dollars(12)));
    let mut tight = problem;
    tight.hardware[0].choices[0].limit = Some(2);
    assert_eq!(plan(&tight).unwrap().holdings[0].spare_missing, 1);
}

#[test]
fn a_holding_says_why_it_is_as_large_as_it_is() {
    let load = [2.0, 2.0, 1.0, 1.0];
    let problem = Problem {
        hardware: vec![hardware("H100", &[(Term::Owned, 5, None)])],
        models: vec![model("a", &[&load], &[22, 22, 11, 11])],
    };
    let plan = plan(&problem).unwrap();
    assert_eq!(
        plan.holdings[0].to_string(),
        "2 committed H100 for a: the last is busy 50 % and would pay from 45 % on; one more is busy 0 % and spares nothing"
    );
}

#[test]
fn an_unknown_price_and_bad_numbers_are_refused_by_name() {
    let owned = vec![hardware("H100", &[(Term::Owned, 1, None)])];
    let told = |model: Model| {
        plan(&Problem { hardware: owned.clone(), models: vec![model] }).unwrap_err().to_string()
    };
    let unpriced = told(Model { api: None, ..model("a", &[&[1.0]], &[1]) });
    assert_eq!(
        unpriced,
        "model \"a\" has no API price: give one, or say that it stays inside; unknown is not free"
    );
    assert!(told(model("a", &[&[f64::NAN]], &[1])).contains("the load is NaN in hour 0"));
    assert!(told(model("a", &[&[1.0]], &[1, 2])).contains("the API's bill has 2 hours"));
    assert!(told(Model { peaks: Some(vec![0.5]), ..model("a", &[&[1.0]], &[1]) }).contains("1 to 6 times"));
    let nowhere = Model { place: Place::StaysInside, loads: vec![None], ..model("a", &[&[1.0]], &[1]) };
    assert!(told(nowhere).contains("stays inside, but no hardware may"));
    assert_eq!(plan(&Problem { hardware: Vec::new(), models: Vec::new() }), Err(MixError::NoHours));
}

#[test]
fn models_that_share_nodes_need_fewer_of_them() {
    let owned = vec![hardware("H100", &[(Term::Owned, 1, None)])];
    let (day, night) = (model("day", &[&[2.0, 0.5]], &[20, 5]), model("night", &[&[0.5, 2.0]], &[5, 20]));
    let shared = Model::sharing("both", &[day.clone(), night.clone()]).unwrap();
    let alone = plan(&Problem { hardware: owned.clone(), models: vec![day.clone(), night] }).unwrap();
    let together = plan(&Problem { hardware: owned, models: vec![shared] }).unwrap();
    assert_eq!((counts(&alone), counts(&together)), (vec![2, 2], vec![3]));
    let inside = Model { place: Place::StaysInside, ..day.clone() };
    assert!(matches!(Model::sharing("both", &[day, inside]), Err(MixError::CannotShare(..))));
}

#[test]
fn the_whole_program_says_the_same_as_the_plan_where_it_is_small_enough_to_be_solved() {
    let terms = [(Term::OnDemand, 3, Some(2)), (Term::OneYear, 2, None), (Term::Owned, 1, Some(1))];
    let models =
        vec![model("a", &[&[1.5, 2.5, 0.5]], &[15, 25, 5]), model("b", &[&[0.2, 0.4, 2.0]], &[2, 4, 30])];
    let problem = Problem { hardware: vec![hardware("H100", &terms)], models };
    let whole = milp::solve(&problem, microlp, |m: MicroLpProblem| m).unwrap();
    let bill = whole.fleet.bill(&problem).unwrap();
    assert_eq!(plan(&problem).unwrap().bill.total, bill.total);
    assert_eq!((whole.dollars * 1e6).round() as i64, bill.total.nanos() / 1_000);
}

/// Small problems: two models, two kinds, three terms, three hours, at most two nodes of each.
fn small(quotas: bool) -> impl Strategy<Value = Problem> {
    let quota = prop::option::weighted(if quotas { 0.7 } else { 1e-9 }, 0u32..3);
    let kind = (2i64..9, 2i64..9, 1i64..7, prop::option::of(0u32..3), quota);
    let demand = prop::collection::vec((0u32..200, 0u32..200, 1i64..30, 0u32..5), 3);
    let models = prop::collection::vec((demand, any::<bool>()), 2);
    (prop::collection::vec(kind, 2), models).prop_map(|(kinds, models)| {
        let hardware = kinds.into_iter().enumerate().map(|(i, (od, year, owned, limit, quota))| {
            let terms =
                [(Term::OnDemand, od, quota), (Term::OneYear, year, None), (Term::Owned, owned, limit)];
            hardware(&format!("kind {i}"), &terms)
        });
        let models = models.into_iter().enumerate().map(|(i, (hours, stays))| {
            let peaks: Vec<f64> = hours.iter().map(|h| 1.0 + f64::from(h.3)).collect();
            // In the highest ten minutes at most two nodes.
            let load = |f: fn(&(u32, u32, i64, u32)) -> u32| {
                hours.iter().zip(&peaks).map(|(h, peak)| f64::from(f(h)) / 100.0 / peak).collect::<Vec<_>>()
            };
            let api: Vec<i64> = hours.iter().map(|h| h.2).collect();
            let place = if stays { Place::StaysInside } else { Place::Anywhere };
            let loads = [load(|h| h.0), load(|h| h.1)];
            Model { place, peaks: Some(peaks), ..model(&format!("model {i}"), &[&loads[0], &loads[1]], &api) }
        });
        Problem { hardware: hardware.collect(), models: models.collect() }
    })
}

/// Every way to have zero to two nodes for each of two models of each of two kinds.
fn ways() -> impl Iterator<Item = [u32; 4]> {
    (0..81u32).map(|i| [i % 3, i / 3 % 3, i / 9 % 3, i / 27])
}

/// The lowest cost of all fleets, in dollars; unserved demand is out of the question.
fn lowest(problem: &Problem) -> f64 {
    let price = |h: usize, term: usize| problem.hardware[h].choices[term].per_hour.nanos() as f64 / 1e9;
    let limit = |h: usize, term: usize| problem.hardware[h].choices[term].limit.unwrap_or(u32::MAX);
    let committed = |h: usize, nodes: u32| {
        let owned = if price(h, 2) < price(h, 1) { nodes.min(limit(h, 2)) } else { 0 };
        f64::from(owned) * price(h, 2) + f64::from(nodes - owned) * price(h, 1)
    };
    let outside = |m: usize, t: usize, nodes: [u32; 2]| {
        let model = &problem.models[m];
        let carried: f64 =
            (0..2).map(|h| f64::from(nodes[h]) / model.loads[h].as_ref().unwrap()[t].max(1e-6)).sum();
        let peak = model.peaks.as_ref().unwrap()[t];
        let left = peak - carried;
        let others = ((6.0 - peak) / 5.0 - carried).max(0.0);
        let idle = model.loads.iter().flatten().all(|load| load[t] == 0.0);
        match model.place {
            _ if left < 1e-9 => 0.0,
            Place::StaysInside => {
                if idle {
                    0.0
                } else {
                    f64::INFINITY
                }
            }
            _ => model.api.as_ref().unwrap()[t].nanos() as f64 / 1e9 * (left + 5.0 * others) / 6.0,
        }
    };
    let hour = |t: usize, held: [u32; 4]| {
        let can = |r: &[u32; 4]| (0..2).all(|h| r[h] + r[2 + h] <= limit(h, 0));
        let cost = |r: [u32; 4]| {
            let rent: f64 = (0..2).map(|h| f64::from(r[h] + r[2 + h]) * price(h, 0)).sum();
            rent + outside(0, t, [held[0] + r[0], held[1] + r[1]])
                + outside(1, t, [held[2] + r[2], held[3] + r[3]])
        };
        ways().filter(can).map(cost).fold(f64::INFINITY, f64::min)
    };
    let cost = |held: [u32; 4]| {
        let nodes = committed(0, held[0] + held[2]) + committed(1, held[1] + held[3]);
        3.0 * nodes + (0..3).map(|t| hour(t, held)).sum::<f64>()
    };
    ways().map(cost).fold(f64::INFINITY, f64::min)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn small_problems_get_the_best_of_all_fleets(problem in small(false)) {
        let plan = plan(&problem).unwrap();
        prop_assert_eq!(&plan.bill.unserved, &[]);
        let (cost, least) = (plan.bill.total.nanos() as f64 / 1e9, lowest(&problem));
        prop_assert!(cost <= least + 1e-6, "{} against {}", cost, least);
        prop_assert!(plan.bound.unwrap().nanos() as f64 / 1e9 <= least + 1e-6);
    }

    #[test]
    fn small_problems_with_scarce_nodes_on_demand_keep_to_them_and_get_the_best_of_all_fleets(problem in small(true)) {
        let plan = plan(&problem).unwrap();
        prop_assert_eq!(&plan.bill.unserved, &[]);
        let (cost, least) = (plan.bill.total.nanos() as f64 / 1e9, lowest(&problem));
        prop_assert!(cost <= least + 1e-6, "{} against {}", cost, least);
        prop_assert!(plan.bound.unwrap().nanos() as f64 / 1e9 <= least + 1e-6);
        for i in 0..6 {
            let rented = plan.fleet.rented[0][i] + plan.fleet.rented[1][i];
            prop_assert!(rented <= problem.hardware[i % 2].choices[0].limit.unwrap_or(u32::MAX));
        }
    }
}
