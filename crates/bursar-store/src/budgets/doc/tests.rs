use std::time::Duration;

use bursar_core::Timestamp;
use bursar_core::budget::{
    Budget, BudgetUnit, Calendar, Clause, Increase, Pattern, Period, Rollover, Scope, Threshold, ThresholdOn,
    Weekday, WhenTight,
};
use proptest::prelude::*;
use serde_json::json;

use super::BudgetDoc;

fn problems(value: &serde_json::Value) -> Vec<String> {
    BudgetDoc::read(value).unwrap_err().0.iter().map(ToString::to_string).collect()
}

#[test]
fn the_shortest_budget_is_a_month_in_utc_that_alerts() {
    let budget = BudgetDoc::read(&json!({ "name": "all", "amount": "5000.00", "scope": {} })).unwrap();
    let expected = Budget::new("all".parse().unwrap(), BudgetUnit::Usd, 5_000_000_000_000);
    assert_eq!(budget, expected);
}

#[test]
fn every_field_is_read() {
    let budget = BudgetDoc::read(&json!({
        "name": "support",
        "title": "Support chat",
        "owner": "support@example.com",
        "parent": "company",
        "scope": [
            { "team": "support", "model": ["gpt-5*", "o3"], "tag:room": "3" },
            { "workflow": "support-chat" },
        ],
        "per": ["consumer", "tag:room"],
        "unit": "tokens",
        "amount": 100_000_000,
        "period": { "every": "quarter", "first_month": 4, "zone": "Europe/Berlin" },
        "thresholds": { "actual": [90], "forecast": [100, 120] },
        "since": "2026-04-01",
        "rollover": { "at_most": 5_000_000 },
        "increases": [{ "amount": 1, "from": "2026-11-24", "until": "2026-12-01T06:00:00+01:00", "by": "cfo", "why": "launch" }],
        "when_tight": "downgrade",
        "ladder": ["gpt-5-mini"],
        "paused": true,
    }))
    .unwrap();
    assert_eq!(budget.scopes[0].to_string(), "tag:room=3, team=support, model=gpt-5*|o3");
    assert_eq!(budget.period.to_string(), "quarter of the year from month 4 (Europe/Berlin)");
    assert_eq!(budget.longest_wait, Duration::from_secs(60));
    assert_eq!(budget.rollover, Rollover::Capped(5_000_000));
    assert_eq!(
        budget.increases[0].until,
        Timestamp::from_date(2026, 12, 1).unwrap().plus_micros(5 * 3_600_000_000)
    );
    assert_eq!((budget.per.len(), budget.thresholds.len(), budget.paused), (2, 3, true));
    assert_eq!(BudgetDoc::read(&BudgetDoc::of(&budget).json()).unwrap(), budget);
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_the_path_of_its_field() {
    let found = problems(&json!({
        "name": "Support",
        "amout": "1",
        "amount": 5000,
        "scope": [{ "teem": "x", "model": ["*-mini", 3] }, 7],
        "period": { "every": "month", "zone": "Mars/Olympus", "frist_day": 2 },
        "thresholds": { "actual": [-3], "forecst": [1] },
        "increases": [{ "amount": "1", "from": "soon", "by": "me" }],
        "rollover": "all",
        "when_tight": "clmap",
        "longest_wait": "forever",
        "paused": "yes",
    }));
    let paths: Vec<&str> = found.iter().map(|p| p.split(' ').next().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "name",
            "amount",
            "scope[0].model",
            "scope[0].model",
            "scope[0].teem",
            "scope[1]",
            "period.zone",
            "period.frist_day",
            "thresholds.actual[0]",
            "thresholds.forecst",
            "rollover",
            "increases[0].from",
            "increases[0].until",
            "increases[0].why",
            "when_tight",
            "longest_wait",
            "paused",
            "amout",
        ],
        "{found:#?}"
    );
    let told = found.join("\n");
    for hint in [
        "did you mean \"team\"?",
        "did you mean \"first_day\"?",
        "did you mean \"clamp\"?",
        "did you mean \"amount\"?",
    ] {
        assert!(told.contains(hint), "{hint} in {told}");
    }
}

#[test]
fn what_the_parts_say_together_is_checked_too() {
    let found = problems(&json!({
        "name": "a", "amount": "-1", "scope": { "team": [] }, "unit": "usd", "when_tight": "downgrade",
        "period": { "every": "life", "idle": "7d" }, "parent": "a",
    }));
    let paths: Vec<&str> = found.iter().map(|p| p.split(' ').next().unwrap()).collect();
    assert_eq!(paths, ["amount", "scope", "per", "ladder", "parent"], "{found:#?}");
}

#[test]
fn a_period_is_one_thing_and_says_what_is_missing() {
    for (period, path) in [
        (json!({ "every": "month", "rolling": "24h" }), "period.rolling"),
        (json!({ "rolling": "30s" }), "period.rolling"),
        (json!({ "every": "life" }), "period.idle"),
        (json!({}), "period.every"),
        (json!({ "every": "day", "first_day": 3 }), "period.first_day"),
        (json!({ "every": "month", "first_day": 31 }), "period.first_day"),
        (json!({ "every": "month", "first_day": 300 }), "period.first_day"),
        (json!("fortnight"), "period.every"),
        (json!(30), "period"),
    ] {
        let found = problems(&json!({ "name": "a", "amount": "1", "scope": {}, "period": period }));
        assert_eq!((found.len(), found[0].split(' ').next().unwrap()), (1, path), "{period} {found:?}");
    }
    let rolling = json!({ "name": "a", "amount": "1", "scope": {}, "period": { "rolling": "36h" } });
    assert!(BudgetDoc::read(&rolling).unwrap().thresholds.iter().all(|t| t.on == ThresholdOn::Actual));
}

#[test]
fn dollars_are_a_text_and_tokens_a_whole_number() {
    let amount = |unit: &str, amount: serde_json::Value| {
        BudgetDoc::read(&json!({ "name": "a", "scope": {}, "unit": unit, "amount": amount }))
            .map(|b| b.amount)
            .ok()
    };
    assert_eq!(amount("usd", json!("0.000000001")), Some(1));
    assert_eq!(amount("usd", json!(1)), None);
    assert_eq!(amount("usd", json!("0.0000000001")), None);
    assert_eq!(amount("tokens", json!(7)), Some(7));
    assert_eq!(amount("tokens", json!("7")), None);
    assert_eq!(amount("tokens", json!(9_223_372_036_854_775_808_u64)), None);
}

fn a_period() -> impl Strategy<Value = Period> {
    let zone = prop::sample::select(vec!["UTC", "Europe/Berlin", "+05:30"]);
    let weekday = prop::sample::select(vec![Weekday::Monday, Weekday::Thursday, Weekday::Sunday]);
    let calendar = prop_oneof![
        Just(Calendar::Day),
        weekday.prop_map(Calendar::Week),
        (1i8..=28).prop_map(|first_day| Calendar::Month { first_day }),
        (1i8..=12).prop_map(|first_month| Calendar::Quarter { first_month }),
        (1i8..=12).prop_map(|first_month| Calendar::Year { first_month }),
    ];
    let minutes = 1u64..400 * 24 * 60;
    prop_oneof![
        (calendar, zone).prop_map(|(c, zone)| Period::calendar(c, zone).unwrap()),
        minutes.clone().prop_map(|m| Period::rolling(Duration::from_secs(60 * m)).unwrap()),
        minutes.prop_map(|m| Period::life(Duration::from_secs(60 * m)).unwrap()),
    ]
}

fn a_scope() -> impl Strategy<Value = Scope> {
    let fields =
        prop::sample::subsequence(vec!["task", "consumer", "team", "model", "model_tier", "tag:a b"], 0..4);
    let patterns = prop::collection::vec(prop::sample::select(vec!["x", "gpt-5*", "*", "ä"]), 1..3);
    (fields, patterns).prop_map(|(fields, patterns)| {
        let any_of: Vec<Pattern> = patterns.iter().map(|p| p.parse().unwrap()).collect();
        let clause = |field: &str| Clause { field: field.parse().unwrap(), any_of: any_of.clone() };
        let mut clauses: Vec<Clause> = fields.into_iter().map(clause).collect();
        clauses.sort_by(|a, b| a.field.cmp(&b.field));
        Scope { clauses }
    })
}

fn a_budget() -> impl Strategy<Value = Budget> {
    let scopes = prop::collection::vec(a_scope(), 1..4);
    let (amount, answer) = (0..i64::MAX, prop::sample::select(WhenTight::ALL.to_vec()));
    let increase = (1..i64::MAX, 0i64..4_000_000_000, 1i64..1_000_000, "\\PC{0,9}");
    (any::<bool>(), scopes, a_period(), amount, answer, prop::collection::vec(increase, 0..3), 0u64..600)
        .prop_map(|(is_usd, scopes, period, amount, when_tight, increases, wait)| {
            let unit = if is_usd { BudgetUnit::Usd } else { BudgetUnit::Tokens };
            let mut budget = Budget::new("a.b-c_1".parse().unwrap(), unit, amount);
            (budget.scopes, budget.when_tight) = (scopes, when_tight);
            budget.per = vec!["task".parse().unwrap()];
            budget.ladder = vec!["gpt-5-mini".to_owned()];
            budget.longest_wait = Duration::from_secs(wait);
            budget.paused = wait % 2 == 0;
            if matches!(period, Period::Calendar { .. }) {
                budget.rollover = Rollover::Capped(amount / 2);
                budget.since = Some(Timestamp::from_seconds(i64::try_from(wait).unwrap()));
            } else {
                budget.thresholds = vec![Threshold { on: ThresholdOn::Actual, percent: 70 }];
            }
            budget.period = period;
            budget.increases = increases
                .into_iter()
                .map(|(amount, from, length, text)| Increase {
                    amount,
                    from: Timestamp::from_seconds(from),
                    until: Timestamp::from_micros(from * 1_000_000 + length),
                    by: text.clone(),
                    why: text,
                })
                .collect();
            budget
        })
}

proptest! {
    #[test]
    fn any_budget_is_read_as_it_was_written(budget in a_budget()) {
        prop_assert_eq!(budget.problems(), []);
        let text = BudgetDoc::of(&budget).json().to_string();
        prop_assert_eq!(BudgetDoc::read(&serde_json::from_str(&text).unwrap()).unwrap(), budget);
    }
}
