//! Budgets of every kind, calls that are held and settled, changes of definitions, and restarts; in two ledgers that
//! are told the same, one for the watch and one for the oracle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bursar_core::budget::{
    Budget, BudgetUnit, Calendar, Increase, ModelTiers, Period, Scope, ScopeField, Subject, Weekday,
    WhenTight,
};
use bursar_core::ledger::{Amounts, HoldRequest, Ledger};
use bursar_core::{Money, RecordId, RequestId, Timestamp};
use bursar_insight::pace::{Pace, Question, pace};
use bursar_insight::series::{Series, Step};
use bursar_insight::watch::{Outlook, Phase, Rule, Watch};

use crate::oracle::{Oracle, Place};
use crate::outbox::Outbox;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 86_400 * SECOND;
const TICK: i64 = 250_000;
const DOLLAR: i64 = 1_000_000_000;
const IDLE: Duration = Duration::from_secs(600);

/// When the watch looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ticks {
    /// Four times a second.
    Every,
    /// At the first tick after anything changes, and after each quarter of an hour.
    AfterChanges,
}

enum Action {
    Call,
    Settle(RecordId, Amounts),
    Define(Box<Budget>),
    Remove(&'static str),
    Forecast,
    Restart {
        is_stored: bool,
    },
    /// Time alone may change something.
    Look,
    /// The watch looks.
    Tick,
}

pub(crate) struct Simulation {
    random: u64,
    ledger: Ledger,
    twin: Ledger,
    watch: Watch,
    outbox: Outbox,
    oracle: Oracle,
    actions: BTreeMap<(i64, u64), Action>,
    ticks: Ticks,
    calls: u128,
    spent: Vec<(Timestamp, i64)>,
    start: Timestamp,
    /// From when until when nobody looked.
    down: Vec<(i64, i64)>,
}

impl Simulation {
    pub(crate) fn new(seed: u64, ticks: Ticks) -> Simulation {
        let start = Timestamp::from_date(2026, 10, 1).unwrap();
        let mut simulation = Simulation {
            random: seed,
            ledger: Ledger::new(ModelTiers::default()),
            twin: Ledger::new(ModelTiers::default()),
            watch: Watch::new(),
            outbox: Outbox::default(),
            oracle: Oracle::default(),
            actions: BTreeMap::new(),
            ticks,
            calls: 0,
            spent: Vec::new(),
            start,
            down: Vec::new(),
        };
        budgets(start).into_iter().for_each(|b| simulation.define(b));
        simulation
    }

    pub(crate) fn run(mut self, days: i64) -> Simulation {
        self.plan(days);
        let end = self.start.micros() + days * DAY;
        while let Some((&(at, number), _)) = self.actions.first_key_value() {
            let action = self.actions.remove(&(at, number)).expect("it is the first");
            if at >= end {
                break;
            }
            self.act(action, Timestamp::from_micros(at));
        }
        self
    }

    fn next(&mut self, end: i64) -> i64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(self.random >> 11) * end as u128) >> 53) as i64
    }

    fn at(&mut self, micros: i64, action: Action) {
        let number = self.actions.len() as u64 + (self.calls as u64) * 1_000_000;
        let mut place = (micros, number);
        while self.actions.contains_key(&place) {
            place.1 += 1;
        }
        self.actions.insert(place, action);
    }

    /// A moment in which calls begin and end: never within three seconds of a full minute, when other things happen.
    fn calm(micros: i64) -> i64 {
        let minute = micros.div_euclid(MINUTE) * MINUTE;
        minute + (micros - minute).clamp(3 * SECOND, 57 * SECOND)
    }

    fn plan(&mut self, days: i64) {
        let start = self.start.micros();
        let length = days * DAY;
        for _ in 0..days * 160 {
            let at = Simulation::calm(start + self.next(length));
            self.at(at, Action::Call);
        }
        for quarter in 0..days * 96 {
            self.at(start + quarter * 15 * MINUTE, Action::Look);
            if quarter % 4 == 1 {
                self.at(start + quarter * 15 * MINUTE + 30 * SECOND, Action::Forecast);
            }
        }
        for restart in 0..(days / 5).max(1) {
            let at = Simulation::calm(start + (restart * 5 + 1) * DAY + self.next(3 * DAY)) + 100_000;
            self.at(at, Action::Restart { is_stored: restart % 2 == 0 });
        }
        if self.ticks == Ticks::Every {
            (0..length / TICK).for_each(|tick| self.at(start + tick * TICK, Action::Tick));
        }
        self.plan_definitions(days);
    }

    fn plan_definitions(&mut self, days: i64) {
        let start = self.start.micros();
        let day = |n: i64| start + n * DAY * days / 30;
        let named =
            |name: &str| budgets(Timestamp::from_micros(start)).into_iter().find(|b| b.name.as_str() == name);
        let raised = named("raised").expect("it is there");
        for (on, factor) in [(9, 3), (15, 1), (21, 6)] {
            let changed = Budget { amount: raised.amount * factor, ..raised.clone() };
            self.at(day(on), Action::Define(Box::new(changed)));
        }
        self.at(day(18), Action::Remove("removed"));
        let mut added = Budget::new("added".parse().unwrap(), BudgetUnit::Usd, 300 * DOLLAR);
        added.when_tight = WhenTight::Refuse;
        self.at(day(12), Action::Define(Box::new(added)));
    }

    fn act(&mut self, action: Action, now: Timestamp) {
        match action {
            Action::Tick => return self.tick(now),
            Action::Call => self.call(now),
            Action::Settle(id, actual) => {
                self.ledger.settle(id, actual);
                self.twin.settle(id, actual);
            }
            Action::Define(budget) => self.define(*budget),
            Action::Remove(name) => {
                self.ledger.remove(&name.parse().unwrap());
                self.twin.remove(&name.parse().unwrap());
            }
            Action::Forecast => self.forecast(now),
            Action::Restart { is_stored } => self.restart(is_stored, now),
            Action::Look => {}
        }
        self.oracle.look(&mut self.twin, now);
        if self.ticks == Ticks::AfterChanges {
            let next = (now.micros().div_euclid(TICK) + 1) * TICK;
            // Definitions are looked at twice a second, so that two looks always see them.
            self.at(next, Action::Tick);
            self.at(next + 2 * TICK, Action::Tick);
        }
    }

    fn tick(&mut self, now: Timestamp) {
        let is_down = self.down.last().is_some_and(|(from, to)| (*from..*to).contains(&now.micros()));
        if !is_down {
            let events = self.watch.step(&mut self.ledger, now);
            self.outbox.keep(events);
        }
    }

    fn define(&mut self, budget: Budget) {
        self.ledger.define(budget.clone(), |_| true);
        self.twin.define(budget, |_| true);
    }

    fn subject(&mut self) -> Subject {
        let mut subject = Subject { provider: "openai".to_owned(), ..Subject::default() };
        let (team, consumer, task) = (self.next(3), self.next(4), self.next(60));
        subject.attribution.team = Some(format!("team-{team}"));
        subject.attribution.consumer = Some(format!("customer {consumer}"));
        if self.next(3) == 0 {
            subject.attribution.task = Some(format!("task-{task}"));
        }
        subject
    }

    fn call(&mut self, now: Timestamp) {
        self.calls += 1;
        let id = RecordId { request: RequestId(self.calls), attempt: 0 };
        let subject = Arc::new(self.subject());
        let nanos = DOLLAR / 20 + self.next(DOLLAR * 2);
        let ceiling = Amounts { usd: Some(Money::from_nanos(nanos)), tokens: (nanos / 200_000) as u64 };
        let request = HoldRequest {
            id,
            subject: Arc::clone(&subject),
            at: now,
            ceiling,
            lease_until: now.plus_micros(15 * MINUTE),
            unpriced_passes: true,
        };
        let held = self.twin.hold(request.clone(), now);
        let mine = self.ledger.hold(request, now);
        assert_eq!(held.is_ok(), mine.is_ok());
        match mine {
            Err(short) => {
                self.ledger.note_refusal(&subject, now, &short);
                self.twin.note_refusal(&subject, now, &short);
            }
            Ok(_) => {
                let part = 20 + self.next(80) + if self.next(40) == 0 { 60 } else { 0 };
                let spent = nanos * part / 100;
                let usd = (self.next(60) != 0).then_some(Money::from_nanos(spent));
                if usd.is_some() {
                    self.spent.push((now, spent));
                }
                let actual = Amounts { usd, tokens: (spent / 200_000) as u64 };
                let ended = Simulation::calm(now.micros() + SECOND / 5 + self.next(20 * SECOND));
                self.at(ended.max(now.micros() + 1), Action::Settle(id, actual));
            }
        }
        // Nothing else may happen when the life of a task ends.
        let over = now.plus_micros(IDLE.as_micros() as i64 + 1).micros();
        self.at(over, Action::Look);
    }

    /// Hands a forecast of the budget over everything to both.
    fn forecast(&mut self, now: Timestamp) {
        let name = "all".parse().unwrap();
        let balance = self.ledger.balances(&name, now).remove(0);
        let spent = self.spent.iter().copied();
        let history = Series::collect(Step::Day, balance.window.start, spent, now);
        let question = Question {
            history: &history,
            window: balance.window,
            now,
            spent: balance.spent,
            limit: balance.limit,
        };
        let Some(found) = pace(&question, 7) else { return };
        let Pace { total, low, high, .. } = found;
        assert!(low <= total && total <= high, "{found:?}");
        self.oracle.forecasts.insert(("all".to_owned(), balance.window.start.micros()), total);
        if self.down.last().is_some_and(|(from, to)| (*from..*to).contains(&now.micros())) {
            return;
        }
        let mut events = Vec::new();
        self.watch.take_outlook(&balance, Outlook { pace: found, driver: None }, now, &mut events);
        self.outbox.keep(events);
    }

    /// The process ends, with what it saw last stored or not, and another one starts two seconds later.
    fn restart(&mut self, is_stored: bool, now: Timestamp) {
        let events = self.watch.step(&mut self.ledger, now);
        if is_stored {
            self.outbox.keep(events);
        }
        self.ledger = started_again(&self.ledger);
        self.twin = started_again(&self.twin);
        self.oracle.restart();
        self.watch = Watch::new();
        self.watch.restore(self.outbox.known(now));
        let up = now.micros() + 2 * SECOND;
        self.down.push((now.micros(), up));
        self.at(up.div_euclid(TICK) * TICK + TICK, Action::Tick);
    }

    pub(crate) fn raised(&self) -> usize {
        self.outbox.events.keys().filter(|(_, is_recovery)| !is_recovery).count()
    }

    pub(crate) fn restarts(&self) -> usize {
        self.down.len()
    }

    pub(crate) fn keys(&self) -> BTreeSet<(String, bool)> {
        let told = self.outbox.events.iter().filter(|(_, e)| !matches!(e.case.rule, Rule::Burn(_)));
        told.map(|(place, _)| place.clone()).collect()
    }

    /// The same crossings and recoveries in the same order, each told within a second, or within a second of the next
    /// start. Gives how late the latest was told of those that crossed while the watch was up, in microseconds.
    pub(crate) fn agrees_with_the_oracle(&self) -> i64 {
        let mut latest = 0;
        let mut told: BTreeMap<Place, Vec<(u32, bool, Timestamp)>> = BTreeMap::new();
        for event in self.outbox.events.values().filter(|e| !matches!(e.case.rule, Rule::Burn(_))) {
            let case = &event.case;
            let name = case.budget.as_ref().map_or_else(String::new, ToString::to_string);
            let place = (name, case.instance.clone(), case.window.start.micros(), case.rule.to_string());
            let turn = (case.episode, event.phase != Phase::Raised, event.at);
            told.entry(place).or_default().push(turn);
        }
        told.values_mut().for_each(|turns| turns.sort_unstable());
        let (ours, theirs): (Vec<_>, Vec<_>) = (told.keys().collect(), self.oracle.turns.keys().collect());
        assert_eq!(ours, theirs);
        for (place, turns) in &told {
            let expected = &self.oracle.turns[place];
            let times: Vec<Timestamp> = turns.iter().map(|t| t.2).collect();
            assert_eq!(times.len(), expected.len(), "{place:?}: {times:?} {expected:?}");
            for (at, crossed) in times.iter().zip(expected) {
                let late = at.micros() - crossed.micros();
                let down = self.down_after(*crossed);
                assert!((0..=SECOND + down).contains(&late), "{place:?}: {late} µs late");
                latest = if down == 0 { latest.max(late) } else { latest };
            }
        }
        latest
    }

    /// For how long after a moment nobody looked.
    fn down_after(&self, at: Timestamp) -> i64 {
        let near = |(from, to): &&(i64, i64)| *from - SECOND <= at.micros() && at.micros() < *to;
        self.down.iter().find(near).map_or(0, |(_, to)| to - at.micros())
    }
}

fn started_again(ledger: &Ledger) -> Ledger {
    let mut again = Ledger::new(ModelTiers::default());
    for budget in ledger.budgets() {
        again.define(Budget::clone(budget), |_| true);
    }
    for state in ledger.states() {
        assert!(again.restore(state));
    }
    again
}

/// One of every kind.
fn budgets(start: Timestamp) -> Vec<Budget> {
    let usd =
        |name: &str, dollars: i64| Budget::new(name.parse().unwrap(), BudgetUnit::Usd, dollars * DOLLAR);
    let calendar = |calendar, zone| Period::calendar(calendar, zone).unwrap();
    let rolling = Period::rolling(Duration::from_secs(86_400)).unwrap();
    let no_forecast = |mut b: Budget| {
        b.thresholds.retain(|t| t.on == bursar_core::budget::ThresholdOn::Actual);
        b
    };
    let day = |n: i64| start.plus_micros(n * DAY + 45 * MINUTE);
    let increase = |from, until| Increase {
        amount: 900 * DOLLAR,
        from: day(from),
        until: day(until),
        by: "finance".to_owned(),
        why: "launch".to_owned(),
    };
    let refuse = WhenTight::Refuse;
    let team = |n: i64| vec![Scope::default().and(ScopeField::Team, format!("team-{n}"))];
    let mut tokens = Budget::new("tokens".parse().unwrap(), BudgetUnit::Tokens, 9_000_000);
    tokens.period = calendar(Calendar::Month { first_day: 15 }, "UTC");
    let life = Period::life(IDLE).unwrap();
    vec![
        usd("all", 5_000),
        Budget { when_tight: refuse, period: calendar(Calendar::Day, "Europe/Berlin"), ..usd("daily", 160) },
        Budget {
            scopes: team(0),
            when_tight: WhenTight::Clamp,
            period: calendar(Calendar::Week(Weekday::Monday), "America/New_York"),
            ..usd("team-0", 250)
        },
        Budget {
            scopes: team(1),
            when_tight: WhenTight::Observe,
            period: calendar(Calendar::Quarter { first_month: 1 }, "UTC"),
            ..usd("team-1", 2_000)
        },
        tokens,
        Budget {
            per: vec![ScopeField::Consumer],
            when_tight: refuse,
            period: calendar(Calendar::Day, "Asia/Kolkata"),
            ..usd("per-consumer", 42)
        },
        no_forecast(Budget {
            per: vec![ScopeField::Task],
            when_tight: refuse,
            period: life,
            ..usd("per-task", 1)
        }),
        no_forecast(Budget { when_tight: refuse, period: rolling, scopes: team(2), ..usd("rolling", 62) }),
        Budget { increases: vec![increase(5, 9), increase(20, 24)], ..usd("increased", 900) },
        Budget { scopes: team(2), when_tight: refuse, ..usd("raised", 300) },
        usd("removed", 1_500),
        Budget {
            scopes: team(1),
            when_tight: refuse,
            period: calendar(Calendar::Day, "UTC"),
            ..usd("tiny", 30)
        },
    ]
}
