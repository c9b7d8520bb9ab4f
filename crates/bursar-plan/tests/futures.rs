//! Many futures of a plan: the answers converge, are deterministic, and move the right way.

use bursar_core::Money;
use bursar_plan::demand::Growth;
use bursar_plan::scenario::{
    Basis, Choice, CostCurve, CurveError, CurvePoint, Factor, FactorKind, Factors, Future, PlanModel,
    Purchase, Question, Risk, ScenarioError, break_even_ratio, simulate,
};
use bursar_plan::supply::{Dated, Term};
use bursar_plan::tco::Millionths;
use proptest::prelude::*;

fn dollars(n: i64) -> Money {
    Money::from_nanos(n * 1_000_000_000)
}

/// An API bill of $100 an hour today, and machines that take up to `capacity` thousandths of today's load.
fn curve(capacity: i64) -> CostCurve {
    let point = |load: i64| CurvePoint {
        load: Millionths::from_millionths(load.unsigned_abs() * 1_000),
        api: Money::from_nanos(load * 100_000_000),
        spill: Money::from_nanos((load - capacity).max(0) * 100_000_000),
    };
    let mut loads = vec![500, capacity, 3_000, 4_000];
    loads.retain(|l| *l > 0);
    loads.sort_unstable();
    loads.dedup();
    CostCurve::new(loads.into_iter().map(point).collect()).unwrap()
}

fn purchase(name: &str, term: Term, per_hour: i64, without: i64) -> Purchase {
    Purchase {
        name: name.to_owned(),
        term,
        per_hour: dollars(per_hour),
        residual_per_hour: Money::ZERO,
        one_year_per_hour: Some(dollars(per_hour + per_hour / 5)),
        without: curve(without),
    }
}

/// One purchase that takes up to 1.2 times today's load.
fn plan(per_hour: i64, months: u32) -> PlanModel {
    PlanModel { months, curve: curve(1_200), purchases: vec![purchase("nodes", Term::Owned, per_hour, 0)] }
}

fn factor(median: f64, spread: f64) -> Factor {
    let dated = Dated { source: "test".to_owned(), as_of: bursar_core::Timestamp::default() };
    Factor { median, spread, freedom: None, basis: Basis::Measured, dated }
}

/// Growth alone is in doubt.
fn growing(median: f64, spread: f64) -> Factors {
    let still = factor(0.0, 0.0);
    Factors {
        growth: factor(median, spread),
        api_price: still.clone(),
        rental_price: still.clone(),
        utilisation: still.clone(),
        residual: still,
    }
}

fn risk_of(model: &PlanModel, factors: &Factors, change: impl Fn(&mut Question<'_>)) -> Risk {
    let names: Vec<String> = model.purchases.iter().map(|p| p.name.clone()).collect();
    let mut question = Question::new(factors, &names, model.months);
    question.one_year = model.has_one_year();
    question.draws = 1_000;
    change(&mut question);
    simulate(&question, |future, choice| model.costs(future, choice)).unwrap()
}

fn risk(model: &PlanModel, factors: &Factors) -> Risk {
    risk_of(model, factors, |_| ())
}

#[test]
fn without_doubt_every_future_is_the_one_that_was_worked_out_by_hand() {
    let risk = risk(&plan(80, 48), &growing(0.0, 0.0));
    // $20 an hour for 48 months of 730 hours
    let saved = dollars(20 * 730 * 48);
    let s = &risk.savings;
    assert_eq!([s.p5, s.p25, s.p50, s.p75, s.p95, s.mean.mean], [saved; 6]);
    assert_eq!((s.mean.error, s.quantile_errors), (Money::ZERO, [Money::ZERO; 3]));
    assert_eq!((risk.pays.share, risk.break_even.p90, risk.break_even.never.share), (1.0, Some(1), 0.0));
    assert_eq!((risk.purchases[0].regret.share, risk.purchases[0].expected_saving.mean), (0.0, saved));
    // Nothing is learnt, so waiting costs what would have been saved meanwhile
    let waits: Vec<Money> = risk.waiting.iter().map(|w| w.value.mean).collect();
    assert_eq!(waits, [dollars(-20 * 730 * 6), dollars(-20 * 730 * 12)]);
    // One-year terms cost $96 instead of $80 and free nobody of anything
    assert_eq!(risk.renewable.unwrap().value.mean, dollars(-16 * 730 * 48));
    assert!(risk.tornado.iter().all(|bar| bar.swing() == 0));
}

#[test]
fn a_plan_is_ahead_from_the_month_in_which_growth_has_made_up_for_its_beginning() {
    // Level cost of $120 against a bill of $100 that doubles each year: ahead of it in the fourth month, made up in
    // the sixth, since 100·(q⁶−1)/ln q = 6·120 lies between five and six months
    let mut model = plan(120, 48);
    model.curve = curve(4_000);
    let factors = growing(2f64.ln(), 0.0);
    let risk = risk(&model, &factors);
    let monthly =
        |n: i32| (0..n).map(|m| 100.0 * 2f64.powf((f64::from(m) + 0.5) / 12.0) - 120.0).sum::<f64>();
    let expected = (1..48).find(|n| monthly(*n) > 0.0).unwrap();
    assert_eq!(risk.break_even.p50, Some(expected as u32));
}

#[test]
fn the_closed_form_threshold_is_where_the_simulated_plan_breaks_even() {
    // The curve's machines take everything, so that the plan's cost is level.
    for growth in [0.0, 0.2, 0.25] {
        let ratio = break_even_ratio(growth, 0.0, 4.0);
        let pays = |above: f64| {
            let mut model = plan(1, 48);
            model.curve = curve(4_000);
            model.purchases[0].per_hour = Money::from_nanos((100e9 / (ratio * above)) as i64);
            risk(&model, &growing(growth.ln_1p(), 0.0)).pays.share
        };
        assert_eq!((pays(0.998), pays(1.002)), (0.0, 1.0), "{growth}");
    }
}

#[test]
fn the_same_seed_gives_the_same_answer_and_another_seed_one_within_the_errors() {
    let (model, factors) = (plan(110, 36), growing(0.3, 0.3));
    let once = risk(&model, &factors);
    assert_eq!(once, risk(&model, &factors));
    let other = risk_of(&model, &factors, |q| q.seed = 99);
    assert_ne!(once.savings, other.savings);
    let apart = (once.savings.mean.mean.nanos() - other.savings.mean.mean.nanos()).abs();
    let error = once.savings.mean.error.nanos() + other.savings.mean.error.nanos();
    assert!(apart < 3 * error, "{apart} {error}");
    assert!((once.pays.share - other.pays.share).abs() < 5.0 * (once.pays.error + other.pays.error));
}

#[test]
fn errors_shrink_with_the_root_of_the_draws_and_hold_what_they_promise() {
    let (model, factors) = (plan(110, 36), growing(0.3, 0.3));
    let with = |draws: u32, seed: u64| {
        risk_of(&model, &factors, |q| (q.draws, q.seed, q.waits) = (draws, seed, &[]))
    };
    let (few, many) = (with(500, 1), with(8_000, 1));
    let ratio = few.savings.mean.error.nanos() as f64 / many.savings.mean.error.nanos() as f64;
    assert!((3.4..4.6).contains(&ratio), "{ratio}");
    let truth = many.savings;
    let within = (0..40)
        .filter(|seed| {
            let s = with(500, 1_000 + seed).savings;
            let off = |a: Money, b: Money, e: Money| (a.nanos() - b.nanos()).abs() <= 2 * e.nanos();
            off(s.mean.mean, truth.mean.mean, s.mean.error) && off(s.p50, truth.p50, s.quantile_errors[1])
        })
        .count();
    println!("two standard errors of the mean and of the median hold both in {within} of 40 runs");
    assert!(within >= 32, "{within}");
}

#[test]
fn the_probability_that_a_plan_pays_is_that_of_the_growth_it_needs() {
    // All load is taken, so the plan pays from a growth on that the closed form gives.
    let mut model = plan(130, 36);
    model.curve = curve(4_000);
    let risk = risk_of(&model, &growing(0.2, 0.15), |q| q.draws = 10_000);
    let needed = bursar_plan::scenario::implied_growth(100.0 / 130.0, 3.0).unwrap().ln_1p();
    let z = (0.2 - needed) / 0.15;
    let share = statrs::distribution::ContinuousCDF::cdf(&statrs::distribution::Normal::standard(), z);
    assert!((risk.pays.share - share).abs() < 4.0 * risk.pays.error + 0.003, "{:?} {share}", risk.pays);
}

#[test]
fn waiting_is_worth_something_where_growth_is_in_doubt_and_less_where_it_is_seen_badly() {
    let mut model = plan(150, 36);
    model.curve = curve(4_000);
    let factors = growing(0.25, 0.4);
    let seen = risk_of(&model, &factors, |q| q.draws = 6_000);
    let blurred = risk_of(&model, &factors, |q| (q.draws, q.weekly_noise) = (6_000, 0.5));
    let (clear, dim) = (seen.waiting[0].value, blurred.waiting[0].value);
    println!("six months' wait: {} ± {}, seen badly {} ± {}", clear.mean, clear.error, dim.mean, dim.error);
    assert!(clear.mean.nanos() > 3 * clear.error.nanos(), "{clear:?}");
    assert!(dim.mean < clear.mean, "{dim:?}");
    let then = seen.waiting[0].buys_then.share;
    assert!((0.2..0.8).contains(&then), "{then}");
}

#[test]
fn one_year_terms_are_worth_their_price_only_where_the_future_is_in_doubt() {
    let renting = |spread: f64| {
        let mut model = plan(1, 36);
        model.curve = curve(4_000);
        let nodes = purchase("nodes", Term::ThreeYears, 100, 0);
        model.purchases = vec![Purchase { one_year_per_hour: Some(dollars(104)), ..nodes }];
        risk(&model, &growing(0.05, spread)).renewable.unwrap()
    };
    let (sure, unsure) = (renting(0.0), renting(0.5));
    assert!(sure.value.mean < Money::ZERO, "{sure:?}");
    assert!(unsure.value.mean.nanos() > 2 * unsure.value.error.nanos(), "{unsure:?}");
    assert_eq!(unsure.taken.len(), 3);
}

#[test]
fn a_purchase_that_serves_nothing_is_regretted_in_every_future() {
    let mut model = plan(80, 24);
    model.purchases.push(purchase("idle", Term::OneYear, 10, 1_200));
    model.purchases[0].without = curve(0);
    let risk = risk(&model, &growing(0.1, 0.1));
    assert_eq!((risk.purchases[0].regret.share, risk.purchases[1].regret.share), (0.0, 1.0));
    assert_eq!(risk.purchases[1].expected_regret.mean, dollars(10 * 730 * 24));
    assert_eq!(risk.purchases[1].expected_saving.mean, dollars(-10 * 730 * 24));
}

#[test]
fn terms_are_taken_anew_at_the_price_of_their_day_and_residuals_count_where_nodes_are_owned() {
    let future =
        Future { growth: 0.0, api_price: 0.0, rental_price: 0.5f64.ln(), utilisation: 0.0, residual: 0.0 };
    let month = |term: Term, month: usize, choice: Choice| {
        let model =
            PlanModel { months: 48, curve: curve(4_000), purchases: vec![purchase("n", term, 64, 0)] };
        model.costs(&future, choice).unwrap()[month].nanos() as f64 / 730e9
    };
    let now = Choice::Plan { after_months: 0 };
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} {b}");
    close(month(Term::OnDemand, 12, now), 32.0);
    close(month(Term::OneYear, 23, now), 32.0);
    close(month(Term::ThreeYears, 35, now), 64.0);
    close(month(Term::ThreeYears, 36, now), 8.0);
    close(month(Term::Owned, 47, now), 64.0);
    close(month(Term::Owned, 47, Choice::Plan { after_months: 24 }), 16.0);
    close(month(Term::Owned, 5, Choice::Plan { after_months: 24 }), 100.0);
    close(month(Term::ThreeYears, 35, Choice::OneYear), 19.0);
    let mut owned = purchase("n", Term::Owned, 64, 0);
    owned.residual_per_hour = dollars(8);
    let model = PlanModel { months: 1, curve: curve(4_000), purchases: vec![owned] };
    let worthless = Future { residual: -40.0, rental_price: 0.0, ..future };
    close(model.costs(&worthless, now).unwrap()[0].nanos() as f64 / 730e9, 72.0);
}

#[test]
fn points_that_are_no_cost_curve_are_refused() {
    let point = |load: u64, api: i64, spill: i64| CurvePoint {
        load: Millionths::from_millionths(load),
        api: dollars(api),
        spill: dollars(spill),
    };
    let refused = |points: Vec<CurvePoint>| CostCurve::new(points).unwrap_err();
    assert_eq!(refused(vec![point(1, 1, 0)]), CurveError::TooFew);
    assert_eq!(refused(vec![point(0, 1, 0), point(2, 2, 0)]), CurveError::Order);
    assert_eq!(refused(vec![point(2, 1, 0), point(2, 2, 0)]), CurveError::Order);
    assert_eq!(refused(vec![point(1, 2, 0), point(2, 1, 0)]), CurveError::Costs);
    assert_eq!(refused(vec![point(1, 2, 0), point(2, 3, 4)]), CurveError::Costs);
}

#[test]
fn questions_without_an_answer_are_refused() {
    let (factors, names) = (growing(0.0, 0.0), []);
    let asked = |months: u32, draws: u32, given: Option<usize>| {
        let mut question = Question::new(&factors, &names, months);
        question.draws = draws;
        simulate(&question, |_, _| given.map(|n| vec![Money::ZERO; n])).map(|_| ())
    };
    assert_eq!(asked(12, 99, Some(12)), Err(ScenarioError::TooFew(99)));
    assert_eq!(asked(0, 100, Some(0)), Err(ScenarioError::Months(0)));
    assert_eq!(asked(12, 100, Some(11)), Err(ScenarioError::Length { asked: 12, given: 11 }));
    assert_eq!(asked(12, 100, None), Err(ScenarioError::OutOfRange));
    assert_eq!(asked(12, 100, Some(12)), Ok(()));
}

#[test]
fn the_defaults_give_a_risk_in_which_api_prices_swing_most() {
    let risk = risk_of(&plan(90, 36), &Factors::defaults(), |q| q.draws = 2_000);
    assert_eq!(risk.tornado[0].factor, FactorKind::ApiPrice);
    assert!(risk.tornado.windows(2).all(|w| w[0].swing() >= w[1].swing()));
    assert!(risk.savings.p5 < risk.savings.p50 && risk.savings.p50 < risk.savings.p95);
    assert_eq!(risk.assumed.len(), 4);
}

#[test]
fn growth_that_was_estimated_from_few_weeks_gives_wider_futures_than_the_normal_distribution() {
    let growth = Growth { log_rate: 0.2, error: 0.2, freedom: 6.0, weekly_noise: 0.05, weeks: 8 };
    let dated =
        Dated { source: "the company's own weeks".to_owned(), as_of: bursar_core::Timestamp::default() };
    let student = growing(0.0, 0.0).with_growth(&growth, dated);
    assert_eq!(student.growth.basis, Basis::Measured);
    let mut model = plan(110, 36);
    model.curve = curve(4_000);
    let width = |factors: &Factors| {
        let savings = risk(&model, factors).savings;
        savings.p95.nanos() - savings.p5.nanos()
    };
    assert!(width(&student) > width(&growing(0.2, 0.2)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn more_growth_never_lowers_the_chance_that_a_plan_pays(
        growth in -0.3f64..0.6, more in 0.0f64..0.5, spread in 0.0f64..0.5, cost in 60i64..200,
    ) {
        let share = |growth: f64| {
            risk_of(&plan(cost, 36), &growing(growth, spread), |q| (q.draws, q.waits) = (300, &[])).pays.share
        };
        prop_assert!(share(growth + more) >= share(growth));
    }

    #[test]
    fn dearer_nodes_and_falling_api_prices_never_raise_what_is_saved(
        growth in -0.3f64..0.6, fall in 0.0f64..0.5, cost in 60i64..200,
    ) {
        let mean = |cost: i64, fall: f64| {
            let factors = Factors { api_price: factor(-fall, 0.2), ..growing(growth, 0.2) };
            risk_of(&plan(cost, 36), &factors, |q| (q.draws, q.waits) = (200, &[])).savings.mean.mean
        };
        prop_assert!(mean(cost + 10, fall) <= mean(cost, fall));
        prop_assert!(mean(cost, fall + 0.1) <= mean(cost, fall));
    }

    #[test]
    fn regret_and_saving_of_a_purchase_balance(growth in -0.5f64..0.5, cost in 40i64..200) {
        let risk = risk_of(&plan(cost, 24), &growing(growth, 0.3), |q| (q.draws, q.waits) = (300, &[]));
        let purchase = &risk.purchases[0];
        prop_assert!(purchase.expected_regret.mean >= Money::ZERO);
        prop_assert!(purchase.expected_regret.mean.nanos() >= -purchase.expected_saving.mean.nanos());
        prop_assert!((purchase.regret.share - (1.0 - risk.pays.share)).abs() < 1e-9);
    }
}
