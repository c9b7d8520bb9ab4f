//! Budgets: defined, changed, and known to a running store, whoever changed them.

mod fixture;

use std::path::Path;
use std::time::{Duration, Instant};

use bursar_core::Timestamp;
use bursar_core::budget::{Budget, BudgetUnit, ModelTiers, Rollover, Scope, ScopeField};
use bursar_store::{
    BudgetDirectory, BudgetError, BudgetOrigin, Change, History, HistoryQuery, KeySpec, Reader, Store,
    TrailQuery,
};
use fixture::{attempt, noon, options, record};

fn budget(name: &str, amount: i64) -> Budget {
    let mut budget = Budget::new(name.parse().unwrap(), BudgetUnit::Usd, amount);
    budget.scopes = vec![Scope::everything().and(ScopeField::Team, "support")];
    budget
}

fn by(who: &str) -> Change {
    Change { who: who.to_owned(), why: Some("a test".to_owned()), at: noon() }
}

fn open(folder: &Path) -> BudgetDirectory {
    BudgetDirectory::open(folder, ModelTiers::default()).unwrap()
}

fn audit(folder: &Path) -> Vec<String> {
    let db = rusqlite::Connection::open(folder.join("bursar.sqlite")).unwrap();
    let mut rows = db
        .prepare(
            "SELECT action || ' ' || about || ' by ' || who || ' because ' || why || ' ' ||
             coalesce(detail ->> '$.before.amount', '-') || ' ' || coalesce(detail ->> '$.after.amount', '-')
             FROM audit ORDER BY id",
        )
        .unwrap();
    rows.query_map([], |r| r.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_budget_is_made_changed_raised_paused_and_ended_and_the_trail_says_by_whom() {
    let folder = tempfile::tempdir().unwrap();
    let budgets = open(folder.path());
    assert_eq!((budgets.list().unwrap(), budgets.get(&"a".parse().unwrap()).unwrap()), (Vec::new(), None));
    let made = budgets.create(&budget("a", 5_000_000_000), &by("ann")).unwrap();
    assert_eq!(
        (made.origin, made.counts_from),
        (BudgetOrigin::Registry, Timestamp::from_date(2026, 7, 1).unwrap())
    );
    assert!(matches!(budgets.create(&budget("a", 1), &by("ann")), Err(BudgetError::Exists(_))));
    let until = noon().plus_micros(3_600_000_000);
    budgets.update(&budget("a", 7_000_000_000), &by("bob")).unwrap();
    budgets.raise(&"a".parse().unwrap(), 1_000_000_000, until, &by("cfo")).unwrap();
    let paused = budgets.pause(&"a".parse().unwrap(), &by("ann")).unwrap();
    assert!(
        paused.budget.paused && !budgets.resume(&"a".parse().unwrap(), &by("ann")).unwrap().budget.paused
    );
    let found = open(folder.path()).get(&"a".parse().unwrap()).unwrap().unwrap();
    assert_eq!(found.budget.limit_at(noon()), 8_000_000_000);
    assert_eq!((found.budget.increases[0].by.as_str(), found.budget.limit_at(until)), ("cfo", 7_000_000_000));
    budgets.remove(&"a".parse().unwrap(), &by("bob")).unwrap();
    assert_eq!(open(folder.path()).list().unwrap(), []);
    assert_eq!(
        audit(folder.path()),
        [
            "budget.create a by ann because a test - 5.00",
            "budget.update a by bob because a test 5.00 7.00",
            "budget.raise a by cfo because a test 7.00 7.00",
            "budget.pause a by ann because a test 7.00 7.00",
            "budget.resume a by ann because a test 7.00 7.00",
            "budget.remove a by bob because a test 7.00 -",
        ]
    );
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let budgets = open(folder.path());
    let mut wrong = budget("a", -1);
    wrong.rollover = Rollover::Capped(-1);
    let error = budgets.create(&wrong, &by("ann")).unwrap_err();
    assert_eq!(error.to_string().matches("is below zero").count(), 2, "{error}");
    budgets.create(&budget("a", 1), &by("ann")).unwrap();
    let past = noon().plus_micros(-1);
    assert!(matches!(
        budgets.raise(&"a".parse().unwrap(), 5, past, &by("ann")),
        Err(BudgetError::Unusable(_))
    ));
    for result in
        [budgets.update(&budget("b", 1), &by("ann")), budgets.remove(&"b".parse().unwrap(), &by("ann"))]
    {
        assert!(matches!(result, Err(BudgetError::NotFound(_))));
    }
    assert_eq!(audit(folder.path()).len(), 1);
}

#[test]
fn a_running_store_knows_a_change_at_once_and_one_of_another_process_within_about_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(folder.path())).unwrap();
    let ours = store.budgets();
    ours.create(&budget("a", 5), &by("ann")).unwrap();
    assert_eq!(ours.lock().budget(&"a".parse().unwrap()).unwrap().amount, 5);
    let theirs = open(folder.path());
    theirs.update(&budget("a", 9), &by("bob")).unwrap();
    theirs.create(&budget("b", 1), &by("bob")).unwrap();
    wait_until(|| {
        let ledger = ours.lock();
        ledger.budget(&"a".parse().unwrap()).unwrap().amount == 9 && ledger.budgets().count() == 2
    });
    theirs.remove(&"a".parse().unwrap(), &by("bob")).unwrap();
    wait_until(|| ours.lock().budget(&"a".parse().unwrap()).is_none());
}

fn wait_until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(10), "the store does not follow the registry");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn budgets_of_the_configuration_file_follow_it_and_keep_what_was_granted() {
    let folder = tempfile::tempdir().unwrap();
    let budgets = open(folder.path());
    budgets.create(&budget("taken-over", 1), &by("ann")).unwrap();
    let file = [budget("a", 5), budget("taken-over", 2)];
    let done = budgets.sync_config(&file, &by("bursar.toml")).unwrap();
    assert_eq!((done.created.len(), done.updated.len(), done.removed.len()), (1, 1, 0));
    assert_eq!(budgets.sync_config(&file, &by("bursar.toml")).unwrap(), bursar_store::ConfigSync::default());
    let a = "a".parse().unwrap();
    assert!(matches!(budgets.update(&budget("a", 3), &by("ann")), Err(BudgetError::Configured(_))));
    assert!(matches!(budgets.remove(&a, &by("ann")), Err(BudgetError::Configured(_))));
    budgets.raise(&a, 100, noon().plus_micros(1_000), &by("cfo")).unwrap();
    budgets.pause(&a, &by("ann")).unwrap();
    budgets.sync_config(&[budget("a", 6)], &by("bursar.toml")).unwrap();
    let found = budgets.list().unwrap();
    assert_eq!((found.len(), found[0].budget.limit_at(noon()), found[0].budget.paused), (1, 106, true));
    assert!(found[0].is_configured());
    budgets.sync_config(&[], &by("bursar.toml")).unwrap();
    assert_eq!(budgets.list().unwrap(), []);
}

#[test]
fn a_budget_that_is_made_while_calls_go_on_begins_with_what_was_spent_in_its_window() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(folder.path())).unwrap();
    let spent: i64 = (0..40)
        .map(|n| {
            store.open_attempt(&attempt(n)).unwrap();
            store.settle(&record(n)).unwrap();
            record(n).contracted_cost.map_or(0, bursar_core::Money::nanos)
        })
        .sum();
    let mut all = budget("all", 1_000_000);
    all.scopes = vec![Scope::everything()];
    store.budgets().create(&all, &by("ann")).unwrap();
    let balance = store.budgets().lock().balances(&all.name, noon()).remove(0);
    assert_eq!((balance.spent, balance.held, balance.unpriced), (spent, 0, 8));
}

#[test]
fn the_trail_and_the_history_of_a_scope_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(folder.path())).unwrap();
    store.keys().create(KeySpec::default(), noon()).unwrap();
    store.budgets().create(&budget("a", 5), &by("ann")).unwrap();
    store.budgets().pause(&"a".parse().unwrap(), &by("bob")).unwrap();
    (0..90).for_each(|n| store.settle(&record(n)).unwrap());
    store.flush().unwrap();
    let reader = Reader::open(folder.path()).unwrap();
    let query = TrailQuery { kind: Some("budget".to_owned()), limit: 10, ..TrailQuery::default() };
    let trail = reader.trail(&query).unwrap();
    let told: Vec<(&str, Option<&str>)> =
        trail.iter().map(|e| (e.action.as_str(), e.who.as_deref())).collect();
    assert_eq!(told, [("budget.pause", Some("bob")), ("budget.create", Some("ann"))]);
    let older = TrailQuery { before: Some(trail[0].number), limit: 1, ..query };
    assert_eq!(reader.trail(&older).unwrap()[0].action, "budget.create");
    assert_eq!(reader.trail(&TrailQuery { limit: 10, ..TrailQuery::default() }).unwrap().len(), 3);

    let team = [Scope::everything().and(ScopeField::Team, "team-1")];
    let (since, until) = (record(10).started_at, record(70).started_at);
    let tiers = ModelTiers::default();
    let query = HistoryQuery { scopes: &team, tiers: &tiers, since, until, by: Some(&ScopeField::App) };
    let found = reader.history(&query).unwrap();
    let expected = |app: Option<&str>| {
        let mut sum = History::default();
        for r in (10..70).map(record).filter(|r| r.attribution.team.as_deref() == Some("team-1")) {
            if r.attribution.app.as_deref() == app {
                sum.attempts += 1;
                sum.tokens += i64::try_from(r.usage.quantities.total_tokens()).unwrap();
                sum.nanos += r.contracted_cost.map_or(0, bursar_core::Money::nanos);
                sum.unpriced += u64::from(r.contracted_cost.is_none());
            }
        }
        sum
    };
    assert_eq!(found.len(), 2);
    for app in [None, Some("app-1")] {
        assert_eq!(found[&app.map(str::to_owned)], expected(app));
    }
}
