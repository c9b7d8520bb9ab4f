//! A process that is killed with SIGKILL while it holds and settles loses no spend, and no hold outlives its lease.

#[path = "fixture/budgets.rs"]
mod budgets_fixture;
mod fixture;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use budgets_fixture::{
    LEASE, balances, begin, budget_options, by, by_hand, end, held, name, opened, settled, shapes, tiers,
};
use bursar_core::ledger::Amounts;
use bursar_core::{EndOfStream, Timestamp, UsageRecord};
use bursar_store::{BudgetDirectory, OpenAttempt, Store};
use fixture::noon;

const FOLDER: &str = "BURSAR_TEST_BUDGET_KILL_FOLDER";
const FIRST: &str = "BURSAR_TEST_BUDGET_KILL_FIRST";
const NAME: &str = "after_a_kill_budgets_stand_at_what_the_log_adds_up_to_and_hold_what_may_still_be_charged";
const PER_CHILD: u64 = 1_000_000;
const KILLS: u64 = 4;

fn evening() -> Timestamp {
    noon().plus_micros(20_000 * 1_000_000)
}

#[test]
fn after_a_kill_budgets_stand_at_what_the_log_adds_up_to_and_hold_what_may_still_be_charged() {
    if let Ok(folder) = std::env::var(FOLDER) {
        spend_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let directory = BudgetDirectory::open(folder.path(), tiers()).unwrap();
    shapes().iter().for_each(|b| drop(directory.create(b, &by("ann")).unwrap()));
    for kill in 0..KILLS {
        let calls = run_child_and_kill_it(folder.path(), kill);
        assert!(calls > 0, "the child spent nothing before it was killed");
        let (store, recovery) = Store::open(budget_options(folder.path())).unwrap();
        let left: Vec<OpenAttempt> = recovery.in_flight.into_iter().map(|f| f.attempt).collect();
        let most = |a: &OpenAttempt| a.ceiling.unwrap().tokens as i64;
        let all_tokens =
            |store: &Store| store.budgets().lock().balances(&name("tokens"), evening()).remove(0).held;
        assert_eq!(all_tokens(&store), left.iter().map(most).sum::<i64>());
        for attempt in &left {
            let n = attempt.id.request.0 as u64;
            assert_eq!(*attempt, opened(n));
            let stopped = UsageRecord { end: EndOfStream::GatewayStopped, ..settled(n) };
            store.settle(&stopped).unwrap();
            store.budgets().book_left_open(&stopped);
        }
        let rest =
            |a: &OpenAttempt| most(a) - Amounts::used_by(&settled(a.id.request.0 as u64)).tokens as i64;
        assert_eq!(all_tokens(&store), left.iter().map(rest).sum::<i64>());
        check_books(&store, folder.path());
        store.budgets().lock().expire(evening().plus_micros(LEASE));
        assert_eq!(held(&store.budgets(), evening()), 0);
        eprintln!("{calls} calls before kill {kill}, {} in flight", left.len());
    }
}

fn check_books(store: &Store, folder: &Path) {
    store.flush().unwrap();
    assert_eq!(balances(&store.budgets(), evening()), by_hand(folder, &shapes(), evening()));
    assert_eq!(store.budgets().verify().unwrap().deviations, []);
}

/// In the child: one call in twenty stays open.
fn spend_until_killed(folder: &Path) -> ! {
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let store = Store::open(budget_options(folder)).unwrap().0;
    let spend = |start: u64| {
        for n in (start..).step_by(2) {
            begin(&store, n);
            if !n.is_multiple_of(20) {
                end(&store, n);
            }
            std::io::stderr().write_all(b"one\n").unwrap();
        }
    };
    std::thread::scope(|s| {
        s.spawn(|| spend(first));
        spend(first + 1);
    });
    unreachable!("it spends until it is killed")
}

fn run_child_and_kill_it(folder: &Path, kill: u64) -> usize {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .env(FIRST, (kill * PER_CHILD + 1).to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut calls = 0;
    for line in lines {
        assert_eq!(line.unwrap(), "one", "the child failed");
        calls += 1;
        if calls == 400 + 200 * kill {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    usize::try_from(calls).unwrap()
}
