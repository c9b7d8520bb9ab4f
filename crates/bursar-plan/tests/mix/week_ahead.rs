//! Planned on one week, run on the next.

use crate::weeks::{Way, regret};

#[test]
fn planned_on_the_first_week_the_second_costs_at_most_five_per_cent_more_than_the_best_in_hindsight() {
    let [plan, rules @ ..] = Way::ALL.map(|way| (way, regret(way)));
    assert_eq!(plan.1.cases.len(), 3 * 25 * 29);
    assert!(plan.1.cases.iter().all(|&regret| regret >= 0.0), "the best in hindsight is the best");
    assert!(plan.1.mean() <= 0.05, "{}", plan.1.mean());
    assert!(
        plan.1.at_most(0.05) >= 0.75 && plan.1.most() < 0.75,
        "{} {}",
        plan.1.at_most(0.05),
        plan.1.most()
    );
    for (way, rule) in rules {
        println!("{way:?}: {:.1} % against the plan's {:.1} %", rule.mean() * 100.0, plan.1.mean() * 100.0);
        assert!(rule.mean() > plan.1.mean(), "{way:?}");
    }
}
