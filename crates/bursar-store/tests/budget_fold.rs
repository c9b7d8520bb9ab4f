//! What is spent of budgets is what the usage log adds up to, whatever happens in between.

#[path = "fixture/budgets.rs"]
mod budgets_fixture;
mod fixture;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use budgets_fixture::{
    LEASE, balances, begin, budget_options, by, by_hand, end, held, name, opened, settled, shapes, tiers,
};
use bursar_core::budget::{Budget, BudgetUnit, ModelTiers, Scope, ScopeField};
use bursar_core::ledger::Amounts;
use bursar_core::{EndOfStream, Money, Timestamp, UsageRecord};
use bursar_store::{BudgetDirectory, Store};
use fixture::noon;
use proptest::prelude::*;

/// The end of the afternoon in which the calls are.
fn evening() -> Timestamp {
    noon().plus_micros(20_000 * 1_000_000)
}

fn store_with_budgets(folder: &std::path::Path) -> Store {
    let (store, _) = Store::open(budget_options(folder)).unwrap();
    for budget in shapes() {
        store.budgets().create(&budget, &by("ann")).unwrap();
    }
    store
}

#[test]
fn after_a_restart_the_budgets_stand_where_they_stood() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with_budgets(folder.path());
    for n in 0..300 {
        begin(&store, n);
        end(&store, n);
    }
    let before = balances(&store.budgets(), evening());
    assert_eq!(before, by_hand_without_flush(&store, folder.path()));
    let unpriced: u64 = before.iter().filter(|(budget, ..)| budget == "all").map(|line| line.3).sum();
    assert_eq!(unpriced, 60);
    store.close().unwrap();
    let (store, _) = Store::open(budget_options(folder.path())).unwrap();
    assert_eq!(balances(&store.budgets(), evening()), before);
    let verified = store.budgets().verify().unwrap();
    assert_eq!((verified.budgets, verified.windows, verified.deviations), (7, before.len(), Vec::new()));
    let beside = BudgetDirectory::open(folder.path(), tiers()).unwrap();
    assert_eq!(balances(&beside, evening()), before);
}

fn by_hand_without_flush(store: &Store, folder: &std::path::Path) -> Vec<(String, String, i64, u64)> {
    store.flush().unwrap();
    by_hand(folder, &shapes(), evening())
}

#[test]
fn a_second_settlement_of_a_call_is_spent_once_before_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with_budgets(folder.path());
    begin(&store, 1);
    end(&store, 1);
    let before = balances(&store.budgets(), evening());
    let mut dearer = settled(1);
    dearer.contracted_cost = Some(Money::from_nanos(77_000));
    store.settle(&dearer).unwrap();
    store.budgets().lock().settle(dearer.id, Amounts::used_by(&dearer));
    store.flush().unwrap();
    assert_eq!(balances(&store.budgets(), evening()), before);
    drop(store);
    let (store, _) = Store::open(budget_options(folder.path())).unwrap();
    assert_eq!(balances(&store.budgets(), evening()), before);
}

#[test]
fn budgets_that_come_and_go_while_calls_are_in_flight_count_each_call_once() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(budget_options(folder.path())).unwrap();
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|s| {
        for _ in 0..3 {
            s.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let first = next.fetch_add(8, Ordering::Relaxed);
                    (first..first + 8).for_each(|n| begin(&store, n));
                    std::thread::sleep(Duration::from_millis(25));
                    (first..first + 8).for_each(|n| end(&store, n));
                }
            });
        }
        for round in 0..4 {
            for budget in shapes() {
                store.budgets().create(&budget, &by("ann")).unwrap();
            }
            let mut narrower = shapes().remove(0);
            narrower.scopes =
                vec![Scope::everything().and(ScopeField::Team, format!("team-{}", 1 + round % 2))];
            store.budgets().update(&narrower, &by("bob")).unwrap();
            if round < 3 {
                shapes().iter().for_each(|b| drop(store.budgets().remove(&b.name, &by("bob")).unwrap()));
            }
        }
        store.budgets().update(&shapes().remove(0), &by("bob")).unwrap();
        stop.store(true, Ordering::Relaxed);
    });
    let found = balances(&store.budgets(), evening());
    assert_eq!(found, by_hand_without_flush(&store, folder.path()));
    assert_eq!((held(&store.budgets(), evening()), store.budgets().lock().open_holds()), (0, 0));
    assert_eq!(store.budgets().verify().unwrap().deviations, []);
    eprintln!("{} calls while 28 budgets were made, 21 ended and 5 changed", next.load(Ordering::Relaxed));
}

#[test]
fn a_budget_that_is_made_while_a_call_is_in_flight_holds_it_and_counts_it_when_it_settles() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(budget_options(folder.path())).unwrap();
    begin(&store, 1);
    begin(&store, 2);
    end(&store, 2);
    // This one is settled in the store, and the gateway is about to tell the ledger.
    begin(&store, 3);
    store.settle(&settled(3)).unwrap();
    store.budgets().create(&shapes()[0], &by("ann")).unwrap();
    let nanos = |n: u64| settled(n).contracted_cost.unwrap().nanos();
    let balance = |store: &Store| store.budgets().lock().balances(&name("all"), evening()).remove(0);
    let now = balance(&store);
    assert_eq!((now.spent, now.held), (nanos(2) + nanos(3), opened(1).ceiling.unwrap().usd.unwrap().nanos()));
    store.budgets().lock().settle(settled(3).id, Amounts::used_by(&settled(3)));
    end(&store, 1);
    let now = balance(&store);
    assert_eq!((now.spent, now.held), (nanos(1) + nanos(2) + nanos(3), 0));
}

#[test]
fn sums_are_not_kept_between_a_settlement_in_the_store_and_in_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with_budgets(folder.path());
    begin(&store, 1);
    store.settle(&settled(1)).unwrap();
    store.flush().unwrap();
    let settling = std::thread::spawn({
        let store = store.clone();
        move || {
            std::thread::sleep(Duration::from_millis(300));
            store.budgets().lock().settle(settled(1).id, Amounts::used_by(&settled(1)));
        }
    });
    let began = Instant::now();
    assert_eq!(store.budgets().verify().unwrap().deviations, []);
    assert!(began.elapsed() >= Duration::from_millis(250), "the sums were kept without the call");
    settling.join().unwrap();
}

#[test]
fn what_was_in_flight_at_the_end_is_booked_once_and_the_rest_of_its_ceiling_held_until_its_lease_ends() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with_budgets(folder.path());
    (1..4).for_each(|n| begin(&store, n));
    end(&store, 3);
    store.close().unwrap();
    let (store, recovery) = Store::open(budget_options(folder.path())).unwrap();
    assert_eq!(recovery.in_flight.len(), 2);
    let all = |store: &Store| store.budgets().lock().balances(&name("all"), noon()).remove(0);
    let nanos = |n: u64| settled(n).contracted_cost.unwrap().nanos();
    let most = |n: u64| opened(n).ceiling.unwrap().usd.unwrap().nanos();
    assert_eq!((all(&store).spent, all(&store).held), (nanos(3), most(1) + most(2)));
    for n in [1, 2, 1] {
        let stopped = UsageRecord { end: EndOfStream::GatewayStopped, ..settled(n) };
        store.settle(&stopped).unwrap();
        store.budgets().book_left_open(&stopped);
    }
    let (spent, rest) = (nanos(1) + nanos(2) + nanos(3), most(1) + most(2) - nanos(1) - nanos(2));
    assert_eq!((all(&store).spent, all(&store).held), (spent, rest));
    assert_eq!(store.budgets().verify().unwrap().deviations, []);
    store.budgets().lock().expire(opened(2).started_at.plus_micros(LEASE));
    assert_eq!((all(&store).spent, all(&store).held), (spent, 0));
    drop(store);
    let (store, recovery) = Store::open(budget_options(folder.path())).unwrap();
    assert_eq!((recovery.in_flight.len(), all(&store).spent, all(&store).held), (0, spent, 0));
}

#[test]
fn a_budget_by_class_of_models_counts_anew_when_the_class_changes() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with_budgets(folder.path());
    (0..30).for_each(|n| {
        begin(&store, n);
        end(&store, n);
    });
    store.close().unwrap();
    let spent = |tiers: ModelTiers| {
        let directory = BudgetDirectory::open(folder.path(), tiers).unwrap();
        directory.lock().balances(&name("tier"), evening()).remove(0).spent
    };
    let by_model = |models: &[&str]| -> i64 {
        let log = budgets_fixture::log(folder.path());
        let asked = log.iter().filter(|r| models.contains(&r.requested_model.as_deref().unwrap()));
        asked.filter_map(|r| r.contracted_cost).map(Money::nanos).sum()
    };
    assert_eq!(spent(tiers()), by_model(&["model-1", "model-2"]));
    let other = ModelTiers::new(vec![("large".to_owned(), vec!["model-0".parse().unwrap()])]);
    assert_eq!(spent(other), by_model(&["model-0"]));
}

#[test]
fn sums_that_are_not_what_the_log_adds_up_to_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with_budgets(folder.path());
    begin(&store, 1);
    end(&store, 1);
    store.close().unwrap();
    let db = rusqlite::Connection::open(folder.path().join("bursar.sqlite")).unwrap();
    db.execute("UPDATE usage_log SET contracted_cost = contracted_cost + 5", []).unwrap();
    let verified = BudgetDirectory::open(folder.path(), tiers()).unwrap().verify().unwrap();
    let told: Vec<String> = verified.deviations.iter().map(|d| d.budget.to_string()).collect();
    assert_eq!(told, ["all", "by-app", "hour", "life", "team", "tier"]);
    assert!(verified.deviations.iter().all(|d| d.log.0 == d.ledger.0 + 5));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sums_that_were_kept_and_the_records_after_them_are_the_whole_log(
        seconds in prop::collection::vec(0i64..9 * 86_400, 1..60),
        closes in prop::collection::vec(prop::sample::select(vec![true, false, false, false, false]), 60), rolls_over in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut daily = Budget::new(name("daily"), BudgetUnit::Usd, 5_000);
        daily.period = bursar_core::budget::Period::calendar(bursar_core::budget::Calendar::Day, "UTC").unwrap();
        if rolls_over {
            daily.since = Some(noon());
            daily.rollover = bursar_core::budget::Rollover::Capped(9_000);
        }
        let budgets: Vec<Budget> = shapes().into_iter().chain([daily]).collect();
        let directory = BudgetDirectory::open(folder.path(), tiers()).unwrap();
        budgets.iter().for_each(|b| drop(directory.create(b, &by("ann")).unwrap()));
        let mut store = Store::open(budget_options(folder.path())).unwrap().0;
        for (n, (second, is_closed)) in seconds.iter().zip(&closes).enumerate() {
            let r = UsageRecord { started_at: noon().plus_micros(second * 1_000_000), ..settled(n as u64) };
            store.settle(&r).unwrap();
            store.budgets().lock().post(
                &bursar_core::budget::Subject::of_record(&r), r.started_at, Amounts::used_by(&r),
            );
            if *is_closed {
                store.close().unwrap();
                store = Store::open(budget_options(folder.path())).unwrap().0;
            }
        }
        prop_assert_eq!(store.budgets().verify().unwrap().deviations, []);
        let live = store.budgets().lock().states();
        store.close().unwrap();
        let db = rusqlite::Connection::open(folder.path().join("bursar.sqlite")).unwrap();
        let kept = BudgetDirectory::open(folder.path(), tiers()).unwrap().lock().states();
        db.execute_batch("DELETE FROM budget_snapshot").unwrap();
        let whole = BudgetDirectory::open(folder.path(), tiers()).unwrap().lock().states();
        prop_assert_eq!(&kept, &live);
        prop_assert_eq!(&whole, &live);
    }
}
