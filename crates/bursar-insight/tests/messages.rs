//! What every event says, and to whom, on a ledger that is driven there.

use std::sync::Arc;
use std::time::Duration;

use bursar_core::budget::{
    Budget, BudgetUnit, Calendar, ModelTiers, Period, ScopeField, Subject, Threshold, ThresholdOn, WhenTight,
};
use bursar_core::identity::KeyId;
use bursar_core::ledger::{Amounts, HoldRequest, Ledger};
use bursar_core::{Money, RecordId, RequestId, Timestamp};
use bursar_insight::driver::{Driver, DriverOf};
use bursar_insight::pace::Pace;
use bursar_insight::watch::{Audience, Event, Known, Outlook, Phase, Watch};

const DOLLAR: i64 = 1_000_000_000;
const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

struct Scene {
    ledger: Ledger,
    watch: Watch,
    now: Timestamp,
    told: Vec<Event>,
    calls: u128,
}

impl Scene {
    fn of(budget: Budget) -> Scene {
        let mut ledger = Ledger::new(ModelTiers::default());
        ledger.define(budget, |_| true);
        let now = Timestamp::from_date(2026, 7, 9).unwrap().plus_micros(12 * 60 * MINUTE);
        let mut scene = Scene { ledger, watch: Watch::new(), now, told: Vec::new(), calls: 0 };
        scene.look();
        scene
    }

    fn look(&mut self) {
        let events = self.watch.step(&mut self.ledger, self.now);
        self.told.extend(events);
    }

    fn wait(&mut self, micros: i64) {
        self.now = self.now.plus_micros(micros);
        self.look();
    }

    /// A call that was held at a ceiling and costs an amount; `None` where its price is not known.
    fn call(&mut self, ceiling: i64, cost: Option<i64>) {
        self.calls += 1;
        let subject = subject();
        let request = HoldRequest {
            id: RecordId { request: RequestId(self.calls), attempt: 0 },
            subject: Arc::new(subject.clone()),
            at: self.now,
            ceiling: Amounts { usd: Some(Money::from_nanos(ceiling)), tokens: 1_000 },
            lease_until: self.now.plus_micros(60 * MINUTE),
            unpriced_passes: true,
        };
        let id = request.id;
        match self.ledger.hold(request, self.now) {
            Ok(_) => {
                let usd = cost.map(Money::from_nanos);
                self.ledger.settle(id, Amounts { usd, tokens: 1_000 });
            }
            Err(short) => self.ledger.note_refusal(&subject, self.now, &short),
        }
        self.look();
    }

    fn spend(&mut self, dollars: i64) {
        self.call(dollars * DOLLAR, Some(dollars * DOLLAR));
    }

    fn change(&mut self, change: impl FnOnce(&mut Budget)) {
        let mut budget = Budget::clone(self.ledger.budgets().next().unwrap());
        change(&mut budget);
        self.ledger.define(budget, |_| true);
        self.wait(500_000);
    }

    fn outlook(&mut self, total: i64) {
        let name = self.ledger.budgets().next().unwrap().name.clone();
        let balance = self.ledger.balances(&name, self.now).remove(0);
        let pace = Pace {
            spent: balance.spent,
            limit: balance.limit,
            total: total * DOLLAR,
            low: total * DOLLAR * 9 / 10,
            high: total * DOLLAR * 11 / 10,
            crosses: (total * DOLLAR > balance.limit).then(|| self.now.plus_micros(10 * DAY)),
            chance_percent: 97,
            steps: 60,
        };
        let value = Some("claims-triage".to_owned());
        let driver = Driver { of: DriverOf::Workflow, value, before: 1_000, after: 4_100 };
        let outlook = Outlook { pace, driver: Some(driver) };
        self.watch.take_outlook(&balance, outlook, self.now, &mut self.told);
    }

    /// One line per event.
    fn lines(&self) -> String {
        let line = |e: &Event| {
            let phase = if e.phase == Phase::Raised { "raised" } else { "over" };
            let severity = e.severity.name();
            format!(
                "{:<12} {phase:<6} {severity:<8} {:<9} {}\n",
                e.case.rule.to_string(),
                format!("{:?}", e.audience),
                e.text
            )
        };
        self.told.iter().map(line).collect()
    }

    fn known(&self) -> Vec<Known> {
        let is_over = |e: &&Event| self.told.iter().any(|o| o.case == e.case && o.phase != Phase::Raised);
        let raised = self.told.iter().filter(|e| e.phase == Phase::Raised);
        raised
            .map(|e| Known {
                case: e.case.clone(),
                is_raised: !is_over(&e),
                audience: e.audience,
                figures: e.figures.clone(),
            })
            .collect()
    }
}

fn subject() -> Subject {
    let mut subject = Subject { key: Some(KeyId("key_7".to_owned())), ..Subject::default() };
    subject.attribution.team = Some("claims".to_owned());
    subject.attribution.consumer = Some("acme".to_owned());
    subject
}

fn budget(when_tight: WhenTight, dollars: i64) -> Budget {
    let mut budget = Budget::new("research".parse().unwrap(), BudgetUnit::Usd, dollars * DOLLAR);
    budget.period = Period::calendar(Calendar::Month { first_day: 1 }, "Europe/Berlin").unwrap();
    budget.owner = Some("research-leads".to_owned());
    budget.when_tight = when_tight;
    budget
}

#[test]
fn thresholds_are_told_as_they_are_crossed_and_the_new_period_ends_them() {
    let mut scene = Scene::of(budget(WhenTight::Alert, 50_000));
    for dollars in [24_000, 1_500, 0, 15_000, 12_000] {
        scene.wait(2 * DAY);
        scene.spend(dollars);
    }
    scene.wait(15 * DAY);
    insta::assert_snapshot!(scene.lines());
}

#[test]
fn of_several_thresholds_at_once_the_highest_is_told_and_none_is_repeated() {
    let mut scene = Scene::of(budget(WhenTight::Alert, 100));
    scene.spend(85);
    scene.spend(1);
    scene.change(|b| b.amount = 200 * DOLLAR);
    scene.spend(80);
    insta::assert_snapshot!(scene.lines());
}

#[test]
fn a_budget_that_refuses_says_so_and_says_when_calls_are_served_again() {
    let mut scene = Scene::of(budget(WhenTight::Refuse, 100));
    scene.spend(70);
    scene.spend(60);
    scene.spend(60);
    scene.change(|b| b.amount = 300 * DOLLAR);
    scene.call(20 * DOLLAR, Some(230 * DOLLAR));
    scene.wait(DAY * 30);
    insta::assert_snapshot!(scene.lines());
}

#[test]
fn a_forecast_names_the_day_and_the_driver_and_recovers_when_it_falls() {
    let mut scene = Scene::of(budget(WhenTight::Alert, 12_000_000));
    scene.outlook(11_900_000);
    scene.outlook(19_400_000);
    scene.outlook(19_300_000);
    scene.outlook(11_900_000);
    scene.outlook(11_000_000);
    insta::assert_snapshot!(scene.lines());
}

#[test]
fn spending_too_fast_is_told_once_and_its_end_once() {
    let mut scene = Scene::of(budget(WhenTight::Alert, 100_000));
    for minute in 0..240 {
        if minute < 90 {
            scene.call(50 * DOLLAR, Some(50 * DOLLAR));
        }
        scene.wait(MINUTE);
    }
    insta::assert_snapshot!(scene.lines());
}

#[test]
fn unknown_prices_and_uncovered_calls_are_told_once() {
    let mut scene = Scene::of(budget(WhenTight::Alert, 100));
    scene.call(DOLLAR, None);
    scene.call(DOLLAR, None);
    scene.change(|b| b.scopes = vec![bursar_core::budget::Scope::default().and(ScopeField::Team, "legal")]);
    scene.spend(1);
    scene.spend(1);
    insta::assert_snapshot!(scene.lines());
}

#[test]
fn a_share_is_told_by_its_name_in_rolling_periods_and_lives_too() {
    let rolling = Period::rolling(Duration::from_secs(86_400)).unwrap();
    let life = Period::life(Duration::from_secs(3_600)).unwrap();
    let mut lines = String::new();
    for period in [rolling, life] {
        let mut per = budget(WhenTight::Refuse, 10);
        per.per = vec![ScopeField::Consumer];
        per.period = period;
        per.thresholds = vec![Threshold { on: ThresholdOn::Actual, percent: 80 }];
        let mut scene = Scene::of(per);
        scene.spend(9);
        scene.spend(2);
        scene.wait(3 * 60 * MINUTE);
        scene.wait(23 * 60 * MINUTE);
        lines += &scene.lines();
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn tokens_are_told_as_tokens() {
    let mut tokens = budget(WhenTight::Alert, 0);
    (tokens.unit, tokens.amount) = (BudgetUnit::Tokens, 3_500);
    let mut scene = Scene::of(tokens);
    (0..3).for_each(|_| scene.spend(0));
    insta::assert_snapshot!(scene.lines());
}

#[test]
fn a_removed_budget_ends_what_was_told_of_it() {
    let mut scene = Scene::of(budget(WhenTight::Alert, 100));
    scene.spend(85);
    scene.ledger.remove(&"research".parse().unwrap());
    scene.wait(500_000);
    insta::assert_snapshot!(scene.lines());
}

#[test]
fn a_threshold_that_is_taken_out_ends_its_warning() {
    let mut scene = Scene::of(budget(WhenTight::Alert, 100));
    scene.spend(55);
    scene.change(|b| b.thresholds.retain(|t| t.percent != 50));
    let over: Vec<&Event> = scene.told.iter().filter(|e| e.phase != Phase::Raised).collect();
    assert_eq!(over.len(), 1, "{}", scene.lines());
}

#[test]
fn a_new_watch_that_knows_what_was_told_repeats_nothing_and_tells_the_end() {
    let mut scene = Scene::of(budget(WhenTight::Refuse, 100));
    scene.spend(85);
    scene.change(|b| b.amount = 200 * DOLLAR);
    scene.change(|b| b.amount = 100 * DOLLAR);
    let before = scene.told.len();
    scene.watch = Watch::new();
    scene.watch.restore(scene.known());
    let name = scene.ledger.budgets().next().unwrap().name.clone();
    scene.ledger.touch_all(&name);
    scene.wait(250_000);
    assert_eq!(scene.told.len(), before, "{}", scene.lines());
    scene.change(|b| b.amount = 200 * DOLLAR);
    let last = scene.told.last().unwrap();
    assert_eq!((last.case.episode, last.audience), (1, Audience::Everyone), "{}", scene.lines());
    assert_ne!(last.phase, Phase::Raised);
}

#[test]
fn a_period_that_ended_while_nobody_watched_is_told_at_the_next_start() {
    let mut scene = Scene::of(budget(WhenTight::Alert, 100));
    scene.spend(85);
    scene.watch = Watch::new();
    scene.watch.restore(scene.known());
    scene.wait(40 * DAY);
    scene.wait(DAY);
    let over = scene.told.iter().filter(|e| e.phase != Phase::Raised).count();
    assert_eq!((scene.told.len(), over), (4, 2), "{}", scene.lines());
}
