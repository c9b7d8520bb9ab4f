//! What a placement says of the trace, under one condition or another.

use bursar_core::Money;
use bursar_plan::demand::Class;
use bursar_plan::mix::Place;
use bursar_plan::placement::PlacementError;
use bursar_plan::report::Report;

use crate::cases::{Case, constraints, offer, one_model, supply, tco};

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn baseline<'r>(report: &'r Report, name: &str) -> &'r bursar_plan::report::BaselineShown {
    report.baselines.iter().find(|b| b.name == name).unwrap()
}

fn adds_up(report: &Report) {
    let sum = |of: fn(&bursar_plan::report::LedgerLineShown) -> &String| {
        Money::checked_sum(report.ledger.lines.iter().map(|l| money(of(l)))).unwrap()
    };
    assert_eq!(sum(|l| &l.amount), money(&report.ledger.total));
    assert_eq!(sum(|l| &l.cents), money(&report.ledger.total_cents));
}

#[test]
fn a_dear_api_is_left_for_committed_nodes_and_the_ledger_adds_up() {
    let report = one_model("m-small", "0.22").report();
    assert_eq!(report.verdict.decision, "buy", "{}", report.verdict.sentence);
    assert!(report.table.iter().any(|r| r.term == "3-year" && r.nodes > 0));
    assert!(report.verdict.weakened_by.iter().any(|w| w.contains("estimate, which is no offer")));
    adds_up(&report);
    for b in &report.baselines {
        assert!(money(&b.saving_per_month) > Money::ZERO, "{} costs less than the plan", b.name);
    }
    let shares: f64 = report.table.iter().filter_map(|r| r.share).sum();
    assert!((shares - 1.0).abs() < 1e-3, "{shares}");
}

#[test]
fn a_cheap_api_is_kept_and_the_verdict_says_not_to_buy_and_how_far_it_is() {
    let report = one_model("m-small", "0.002").report();
    assert_eq!(report.verdict.decision, "do_not_buy");
    assert!(report.verdict.sentence.starts_with("Do not buy: "), "{}", report.verdict.sentence);
    assert!(report.verdict.sentence.contains("pays from"), "{}", report.verdict.sentence);
    assert!(report.risk.is_none() && report.cumulative.is_empty());
    assert_eq!(report.plan.total, baseline(&report, "all API").total);
    assert!(report.load_duration[0].break_even.unwrap() > 1.0);
    adds_up(&report);
}

#[test]
fn a_load_of_less_than_a_node_keeps_it_busy_for_no_more_than_that() {
    let mut case = one_model("m-small", "0.22");
    for point in case.demand.streams.iter_mut().flat_map(|s| &mut s.points) {
        let output = point.output / 100;
        *point = bursar_plan::demand::DemandPoint {
            requests: (point.requests / 100).max(u64::from(output > 0)),
            input: point.input / 100,
            output,
            ..Default::default()
        };
    }
    let placed = case.placed().unwrap();
    let holding = placed.plan.holdings.iter().find(|h| h.hardware.contains("estimate H100")).unwrap();
    let load = placed.problem.models[0].loads[0].as_ref().unwrap();
    let mean = load.iter().sum::<f64>() / load.len() as f64;
    let next = holding.next.unwrap();
    assert!(mean < 0.1 && (next.utilisation - mean).abs() < 0.01, "{next:?} at a load of {mean}");
}

#[test]
fn a_plan_that_pays_today_and_loses_as_prices_fall_is_not_bought() {
    let mut case = one_model("m-small", "0.22");
    // At this price a machine that is always full pays by a quarter; demand shrinks by a third a year.
    case.supply = supply(&offer("3-year", "32"), "");
    case.settings.growth = Some("-35%+-10%".parse().unwrap());
    let report = case.report();
    let risk = report.risk.as_ref().expect("today it pays");
    assert!(risk.pays.share.unwrap() < 0.5, "{:?}", risk.pays);
    assert_eq!(report.verdict.decision, "do_not_buy", "{}", report.verdict.sentence);
    assert!(report.verdict.sentence.contains("would save"), "{}", report.verdict.sentence);
}

#[test]
fn only_rented_machines_are_no_purchase() {
    let mut case = one_model("m-small", "0.22");
    case.supply = supply(&offer("on-demand", "6.88"), "");
    let report = case.report();
    assert_eq!(report.verdict.decision, "rent", "{}", report.verdict.sentence);
    assert!(report.verdict.sentence.contains("commit to nothing"));
}

#[test]
fn a_model_that_may_not_leave_gets_its_nodes_and_no_price() {
    let mut case = one_model("m-small", "0.22");
    case.constraints = constraints("may_not_leave = [\"m-small\"]");
    let placed = case.placed().unwrap();
    assert_eq!(placed.models[0].place, Place::StaysInside);
    assert!(placed.models[0].price.is_none() && placed.futures.is_none());
    let report = case.report();
    assert_eq!(report.verdict.decision, "stay_inside");
    assert!(report.table.iter().all(|r| r.term != "API"));
    assert!(!baseline(&report, "all API").unserved.is_empty());
    adds_up(&report);
}

#[test]
fn a_frontier_model_stays_at_the_api() {
    let mut case = one_model("m-small", "0.22");
    case.constraints = constraints("frontier_only = [\"m-small\"]");
    let report = case.report();
    assert!(report.table.iter().all(|r| r.term == "API"), "{:?}", report.table);
    assert_eq!(report.plan.total, baseline(&report, "all API").total);
}

#[test]
fn where_nobody_said_where_machines_stand_residency_leaves_them_out() {
    let mut case = one_model("m-small", "0.22");
    case.constraints = constraints("residency = [\"eu\"]");
    case.supply = supply(&offer("3-year", "1.78"), "");
    let report = case.report();
    assert_eq!(report.verdict.decision, "not_known", "{}", report.verdict.sentence);
    assert!(report.left_out.iter().any(|l| l.why.contains("data may not lie there")));
    case.supply = supply(&offer("3-year", "1.78"), "residency = [\"eu\"]");
    assert_eq!(case.report().verdict.decision, "buy");
}

#[test]
fn a_model_that_nobody_measured_is_a_named_gap_and_never_a_guess() {
    let mut case = one_model("m-small", "0.22");
    case.models.get_mut("m-small").unwrap().runs_as = Some("acme/unheard-of".to_owned());
    let report = case.report();
    assert_eq!(report.verdict.decision, "not_known");
    let gap = report
        .gaps
        .iter()
        .find(|g| g.what.contains("no measurement for acme/unheard-of on any machine"))
        .unwrap();
    assert!(gap.hint.contains("bursar plan calibrate"), "{}", gap.hint);
}

#[test]
fn a_model_without_a_price_is_left_out_by_name() {
    let mut case = one_model("m-small", "0.22");
    let facts = case.models.get_mut("m-small").unwrap();
    (facts.price, facts.unpriced) = (None, "the price list has no such model".to_owned());
    let told = match case.placed() {
        Err(PlacementError::NothingToPlace(told)) => told,
        other => panic!("{other:?}"),
    };
    assert!(told.contains("m-small has no API price") && told.contains("--price-as m-small="), "{told}");
}

#[test]
fn work_that_can_wait_costs_less_than_work_that_cannot() {
    let at_once = one_model("m-small", "0.22").report();
    let mut case = one_model("m-small", "0.22").of_class(Class::Batch);
    case.constraints = constraints("batch_deadline_hours = 24");
    let waiting = case.report();
    assert!(money(&waiting.plan.total) < money(&at_once.plan.total));
    assert_eq!(waiting.demand.models[0].class, "batch");
    adds_up(&waiting);
    case.constraints = constraints("");
    let told = case.report();
    assert!(told.assumptions.iter().any(|a| a.what.contains("due within its hour")));
    assert!(money(&told.plan.total) >= money(&waiting.plan.total));
}

#[test]
fn edge_work_goes_to_a_machine_near_its_users_or_is_a_gap() {
    let mut case = one_model("m-small", "0.22").of_class(Class::Edge);
    case.constraints = constraints("edge_round_trip_ms = 20");
    case.supply = supply(&offer("on-demand", "6.88"), "");
    let report = case.report();
    assert!(report.edge[0].amount.is_none());
    assert!(report.gaps.iter().any(|g| g.what.contains("cannot be placed")), "{:?}", report.gaps);
    case.supply = supply(&offer("on-demand", "6.88"), "round_trip_ms = 8");
    let report = case.report();
    let amount = report.edge[0].amount.as_ref().expect("it is near enough");
    assert_eq!((amount, &report.edge[0].model), (&report.ledger.total, &"m-small".to_owned()));
    adds_up(&report);
}

#[test]
fn an_owned_machine_is_counted_with_the_power_of_its_use_and_its_ledger_is_shown() {
    let mut case = one_model("m-mid", "0.22");
    case.supply = supply(&offer("on-demand", "6.88"), "");
    case.tco = tco("310000");
    let report = case.report();
    assert!(report.table.iter().any(|r| r.term == "owned" && r.nodes > 0), "{:?}", report.table);
    let owned = &report.owned[0];
    let utilisation: f64 = owned.utilisation.parse().unwrap();
    assert!(utilisation > 0.1 && utilisation < 1.0, "{utilisation}");
    let sum = Money::checked_sum(owned.lines.iter().map(|l| money(&l.per_hour))).unwrap();
    assert_eq!(sum, money(&owned.per_hour));
    let row = report.table.iter().find(|r| r.term == "owned").unwrap();
    assert_eq!(row.usd_per_node_hour.as_ref(), Some(&owned.per_hour));
    assert!(
        report.risk.unwrap().tornado.iter().any(|t| t.factor == "residual value" && t.at_p10 != t.at_p90)
    );
}

#[test]
fn no_more_machines_are_had_than_there_are_and_spare_ones_stand_by() {
    let mut case = one_model("m-small", "0.22");
    let offers = offer("on-demand", "16.88") + &offer("1-year", "14") + &offer("3-year", "13");
    case.supply = supply(&offers, "at_most = 9\nmtbf_hours = 400\nrepair_hours = 6");
    case.settings.spare = 1;
    let placed = case.placed().unwrap();
    let kinds = placed.kinds.len();
    let fleet = &placed.plan.fleet;
    let committed: u32 = fleet.committed.iter().chain(&fleet.spare).flatten().sum();
    let rented = (0..placed.hours()).map(|t| fleet.rented[0][t * kinds..(t + 1) * kinds].iter().sum::<u32>());
    assert!(committed + rented.max().unwrap() <= 9);
    assert_eq!(fleet.spare[0][0], 1);
    assert!(placed.replay.models[0].failures > 0);
    assert!(case.report().risk.unwrap().renewable.is_some(), "one-year terms have a price");
}

#[test]
fn the_same_seed_gives_the_same_answer_and_another_one_other_futures() {
    let case = one_model("m-small", "0.22");
    assert_eq!(case.report().to_json().unwrap(), case.report().to_json().unwrap());
    let mut other = one_model("m-small", "0.22");
    other.settings.seed = 2;
    assert_ne!(case.report().risk.unwrap().savings, other.report().risk.unwrap().savings);
}

#[test]
fn an_old_price_is_listed_and_weakens_the_verdict() {
    let mut case = one_model("m-small", "0.22");
    case.settings.today = bursar_core::Timestamp::from_date(2027, 4, 1).unwrap();
    let report = case.report();
    assert!(report.stale.iter().any(|s| s.what.contains("three-year rental estimate H100")));
    assert!(report.stale.windows(2).all(|pair| pair[0].days >= pair[1].days));
    assert!(
        report.verdict.weakened_by[0].contains("older than 180 days"),
        "{:?}",
        report.verdict.weakened_by
    );
}

#[test]
fn chips_that_are_dear_in_truth_are_told_with_their_measurement() {
    let report = Case::report(&one_model("m-small", "0.22"));
    let inferentia = report.dearer.iter().find(|d| d.note.contains("$195.97 per million")).unwrap();
    assert_eq!(inferentia.accelerator, "Inferentia2");
    assert!(inferentia.offered_as.contains(&"inf2.48xlarge".to_owned()));
}
